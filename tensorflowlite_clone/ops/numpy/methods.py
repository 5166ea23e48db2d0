"""Methods that only ndarrays have (`x.copy()`, `x.compress(..)`), so that programs which call them run on tensors too.

Methods that both have are PyTorch's (``x.max(axis=0)`` gives values and indices); programs for both call ``np.`` functions.
Not here: methods that write into the array (``partition``, ``fill``, ``resize``), and what asks for its memory (``strides``, ``flags``).
"""

from __future__ import annotations

from typing import Any

from ..._typing import Array
from ...core.publish import public
from ..cast import Clone, Contiguous
from .picking import _argpartition, _choose, _compress, _searchsorted


@public("copy", function=False)
def _copy(input: Array, order: str = "C") -> Array:
    """A copy with its own memory, in row-major order as NumPy's, unless ``order`` is another.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2).copy().tolist()
    [1.0, 1.0]
    """
    return (Contiguous if order == "C" else Clone).of(input)


@public("choose", function=False)
def _choose_method(input: Array, choices: Any, mode: str = "raise") -> Array:
    """The element of ``choices[input]``, place by place, as `np.choose`."""
    return _choose(input, choices, mode)


@public("compress", function=False)
def _compress_method(input: Array, condition: Any, axis: int | None = None) -> Array:
    """The slices along ``axis`` (elements by default) at which the condition holds, as `np.compress`."""
    return _compress(condition, input, axis)


@public("argpartition", function=False)
def _argpartition_method(input: Array, kth: Any, axis: int | None = -1) -> Array:
    """An order in which the ``kth`` element stands as if sorted, smaller ones before it, as `np.argpartition`."""
    return _argpartition(input, kth, axis)


@public("searchsorted", function=False)
def _searchsorted_method(input: Array, v: Any, side: str = "left", sorter: Any = None) -> Array:
    """Where ``v`` would be inserted into this sorted vector, as `np.searchsorted`."""
    return _searchsorted(input, v, side, sorter)
