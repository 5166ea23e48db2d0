"""Functions that see gradients on their way: `retain_grad` and the hooks of tensors.

Not here: hooks of modules (``nn/hooks.py``).
"""

from __future__ import annotations

import weakref

import numpy as np

from .._errors import GraphError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.tape import watch
from ..core.tensor import Tensor


def retain_grad(t: Tensor) -> None:
    """Keep the gradient of the computed tensor ``t`` in ``t.grad`` at every later backward."""
    if t.node is None:
        raise GraphError(f"retain_grad: the tensor does not require grad (shape {t.shape}); compute it from one that does")
    if t.is_leaf:
        return
    level, dtype = t.level, t.dtype
    ref = weakref.ref(t)

    def keep(g: Array) -> None:
        tensor = ref()
        if tensor is not None:
            if not (isinstance(g, Tensor) and g.level == level):
                g = Tensor.wrap(g if isinstance(g, Boxed) else np.array(g, dtype), level)
            new: Tensor = g
            tensor.grad = new if tensor.grad is None else tensor.grad + new

    watch(t.node, keep)
