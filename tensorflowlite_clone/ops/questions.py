"""Questions about a tensor, or two, with a plain answer: the dtype's kind, same sizes, same memory.

Not here: comparisons of values (``compare.py``).
"""

from __future__ import annotations

import math
from typing import Any

from .._errors import ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.levels import concrete
from ..core.publish import public, require_operands, to_operand
from ..core.views import mirror
from ..core.windows import address


@public("is_same_size")
def _is_same_size(input: Array, other: Array) -> bool:
    """Whether two tensors have one shape."""
    require_operands("is_same_size", input, other)
    return shape_of(input) == shape_of(other)


@public("is_nonzero")
def _is_nonzero(input: Array) -> bool:
    """Whether the only element is not 0. Raises `ShapeError` for other than one element.

    >>> import tensorflowlite_clone as tl
    >>> tl.is_nonzero(tl.tensor([0.0])), tl.is_nonzero(tl.tensor(True))
    (False, True)
    """
    x = to_operand(input, "is_nonzero")
    if math.prod(shape_of(x)) != 1:
        raise ShapeError(f"is_nonzero: needs one element: the input is {shape_of(x)}; use any() or all()")
    return bool(concrete(x, "is_nonzero", True).item() != 0)


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


@public("get_device")
def _get_device(input: Array) -> Any:
    """The number of the accelerator that holds the tensor; -1, there is only the CPU."""
    require_operands("get_device", input)
    return -1
