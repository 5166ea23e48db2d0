"""How a formula becomes a step: written into the memory of one parameter and of what is remembered of it, or recorded on the tape.

Not here: which parameters (``optimizer.py``); the loop over pieces, and kernels (``kernels/optimizer.py``); many small parameters at once
(``bundles.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np

from .._errors import ArgumentError
from ..autograd import enable_grad
from ..core.tensor import Taped, Tensor
from ..core.watchers import hand_over
from ..core.where import here
from ..kernels.optimizer import by_formula
from ..ops.complex import FromPairs, PairsOfParts
from ..ops.inplace.mutation import mutate
from .settings import Group

State: TypeAlias = dict[str, Any]
Formula: TypeAlias = Callable[[Any, Any, State, Group], tuple[Any, State]]


class _Owner(Protocol):
    """An optimizer, as this file sees it."""

    formula: ClassVar[Any]
    state: defaultdict[Any, State]

    @classmethod
    def _name(cls) -> str: ...


def apply(formula: Formula, p: Any, g: Any, state: State, group: Group, elementwise: bool) -> None:
    """One step in place on the array ``p`` and on the tensors in ``state``, which gets what it does not have."""
    if group.get("maximize"):
        g = np.negative(g)
    memory = {k: v.array if isinstance(v, Taped) else v for k, v in state.items()}
    kernel = getattr(formula, "kernel", None)
    if kernel is None:
        by_formula(formula, p, g, memory, group, elementwise)
    else:
        kernel(p, g, memory, group)
    for k, v in memory.items():
        if not isinstance(v, np.ndarray):
            state[k] = v
        elif not isinstance(state.get(k), Taped):
            state[k] = Tensor.wrap(v, 0)


def record(owner: _Owner, group: Group) -> bool:
    """A step of a group on the tape: parameters and state become results of the formula; whether there was a gradient.

    Raises `ArgumentError` for an algorithm that is no formula, and `GraphError` for a parameter that is a leaf and requires grad.
    """
    formula, name, stepped = owner.formula, f"{owner._name()}.step", False
    if formula is None:
        raise ArgumentError(f"{name}: differentiable=True records a formula, and the class has none; define formula(p, g, state, group)")
    for p in group["params"]:
        if p.grad is None:
            continue
        turned = p.dtype.kind == "c"
        state = owner.state[p]
        with enable_grad():
            g = -p.grad if group.get("maximize") else p.grad
            if turned:
                g, memory = PairsOfParts.of(g), {k: _turned(v) for k, v in state.items()}
            else:
                memory = dict(state)
            found: State = {}

            def new(source: Tensor, g: Any = g, memory: State = memory, found: State = found, turned: bool = turned) -> Any:
                value, remembered = formula(PairsOfParts.of(source) if turned else source, g, memory, group)
                found.update(remembered)
                return FromPairs.of(value) if turned else value

            alone = p.version is None or p.version.shared is None
            if p.is_leaf or not alone or p.views is not None:
                mutate(p, name, new)
            else:
                _become(p, name, new)
        parts = (*p.shape, 2)
        for k, v in found.items():
            back = turned and isinstance(v, Taped) and v.shape == parts
            state[k] = FromPairs.of(v) if back else v if isinstance(v, Taped) or not isinstance(v, np.ndarray) else Tensor.wrap(v, 0)
        stepped = True
    return stepped


def _become(p: Tensor, name: str, new: Callable[[Tensor], Tensor]) -> None:
    """Let a computed tensor whose memory is its own be a result of itself, in other memory: what was saved of it stays what it was."""
    source = Tensor.wrap(p.array, p.level)
    source.node = p.node
    result = new(source)
    hand_over(p.node, result.node)
    p.array, p.node = np.array(result.array, p.array.dtype, copy=None if result.array.base is None else True), result.node
    p.changed(name, here(), before=source)


def _turned(value: Any) -> Any:
    return PairsOfParts.of(value) if isinstance(value, Taped) and value.dtype.kind == "c" else value


def as_parts(array: Any) -> Any:
    """Complex numbers as pairs of real ones in the same memory: (..) -> (.., 2)."""
    return array[..., None].view(array.real.dtype)


def as_complex(parts: Any) -> Any:
    """Pairs of real numbers as complex ones, in the same memory where they lie together: (.., 2) -> (..)."""
    together = np.ascontiguousarray(parts)
    return together.view(np.result_type(together.dtype, np.complex64))[..., 0]
