"""What the files around user functions ask of boxes: whether a value takes part in a transform, and what it holds.

Not here: the boxes themselves (``core/``, ``func/``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from .._typing import Array
from ..core.boxed import Boxed
from ..core.tensor import Tensor
from ..func.dual import Dual


def is_plain(x: Any) -> bool:
    """Whether ``x`` is an array, or a tensor around one that is on no tape: a constant to every transform."""
    if isinstance(x, Tensor):
        return x.node is None and isinstance(x.array, ndarray)
    return not isinstance(x, Boxed)


def highest(values: Iterable[Any]) -> Boxed | None:
    """The box among ``values`` that handles an operation on them; None if all are constants."""
    top: Boxed | None = None
    for x in values:
        if isinstance(x, Boxed) and not is_plain(x) and (top is None or (x.level, x.rank) > (top.level, top.rank)):
            top = x
    return top


def varies(x: Any) -> bool:
    """Whether some derivative is being taken of ``x``: it is, or holds, a tensor on a tape or a dual."""
    while isinstance(x, Boxed):
        if isinstance(x, Dual) or (isinstance(x, Tensor) and x.node is not None):
            return True
        x = x.parts()[0]
    return False


def boxed(x: Array) -> Any:
    """``x`` as users' code sees it: an ndarray becomes a constant tensor."""
    return x if isinstance(x, Boxed) else Tensor.wrap(np.asarray(x), 0)  # a rule on 0-d arrays may give a NumPy scalar
