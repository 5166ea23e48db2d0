"""Questions about a tensor, or two, with a plain answer: same sizes, same memory.

Not here: comparisons of values (``compare.py``), what a dtype is (``kinds.py``), where a tensor lies (``memory.py``).
"""

from __future__ import annotations

from .._typing import Array
from ..core.broadcast import shape_of
from ..core.publish import public, require_operands
from ..core.views import mirror
from ..core.windows import address


@public("is_same_size")
def _is_same_size(input: Array, other: Array) -> bool:
    """Whether two tensors have one shape."""
    require_operands("is_same_size", input, other)
    return shape_of(input) == shape_of(other)


@public("is_set_to", function=False)
def _is_set_to(input: Array, tensor: Array) -> bool:
    """Whether two tensors show the same elements of the same memory in the same way."""
    require_operands("is_set_to", tensor)
    a, b = mirror(input), mirror(tensor)
    if input is tensor or a is None or b is None:
        return input is tensor
    return (address(a), a.shape, a.strides, a.dtype) == (address(b), b.shape, b.strides, b.dtype)


@public("is_neg")
def _is_neg(input: Array) -> bool:
    """Whether the memory holds the negatives of the values, to be negated when they are read: never."""
    require_operands("is_neg", input)
    return False
