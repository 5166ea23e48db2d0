"""Steps by sparse gradients: a formula applied to those rows of a parameter that the gradient has elements of, and to no others.

Not here: which algorithms do that (`Optimizer.gradients`), sparse tensors (``ops/sparse/``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import OperandError
from ..core.tensor import Taped, Tensor
from ..ops.sparse.coo import SparseTensor
from .settings import Group
from .stepping import State


def gradient_for(owner: Any, p: Tensor, group: Group) -> Any:
    """The gradient of ``p`` that an algorithm works with: sparse if it goes by rows, else the dense array.

    Weight decay and momentum concern all rows. Raises `OperandError` for a sparse gradient where the algorithm has no form for those, as in
    PyTorch, and for a dense one where it has no other.
    """
    name, g = owner._name(), p.grad
    if type(g) is not SparseTensor:
        if owner.gradients == "sparse":
            raise OperandError(f"{name}.step: needs sparse gradients: that of a parameter (shape {p.shape}) is dense; use Adam")
        return g.array
    if owner.gradients == "dense":
        raise OperandError(
            f"{name}.step: the gradient of a parameter (shape {p.shape}) is sparse, and {name} concerns all elements; use SparseAdam, "
            f"SGD or Adagrad, or a layer without sparse=True"
        )
    if group.get("weight_decay") or group.get("momentum") or g.sparse_dim() != 1:
        return g.to_dense().array
    return g.coalesce()


def step_rows(owner: Any, p: Tensor, g: SparseTensor, state: State, group: Group) -> None:
    """One step of the rows of ``p`` that ``g``, which is coalesced, has."""
    rows = g.indices().numpy()[0]
    part = Tensor.wrap(p.array[rows], 0)
    whole = {k: v for k, v in state.items() if isinstance(v, Taped) and v.shape == p.shape}
    memory = {k: Tensor.wrap(whole[k].array[rows], 0) if k in whole else v for k, v in state.items()}
    owner.update(part, g.values().detach().array, memory, group)
    p.array[rows] = part.array
    for k, v in memory.items():
        if not (isinstance(v, Taped) and v.shape == part.shape):
            state[k] = v
            continue
        if k not in whole:
            whole[k] = state[k] = Tensor.wrap(np.zeros(p.shape, v.array.dtype), 0)
        whole[k].array[rows] = v.array
