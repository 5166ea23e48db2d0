"""`Parameter`: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import OperandError
from ..core.boxed import Boxed
from ..core.dtypes import CATEGORY
from ..core.plain import plain_array, to_array
from ..core.sharing import deep_copied
from ..core.tensor import Taped, Tensor


def are_numbers(data: Any) -> bool:
    """Whether an array of numbers can be made of ``data``: not of text, objects, or rows of several lengths."""
    try:
        return np.asarray(data).dtype.char in CATEGORY
    except ValueError:
        return False


class Parameter(Tensor):
    """A leaf tensor that a `Module` registers when it is assigned to an attribute.

    ``data`` is an array or tensor whose memory is shared; ``requires_grad`` is on unless said otherwise. Operations on a
    parameter give plain tensors. Unlike those it takes any attributes, for notes of the user (``weight.shared = True``).

    >>> Parameter(np.ones(2, "f4"))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        if data is None:
            data = np.zeros(0, np.float32)
        if not isinstance(requires_grad, bool | np.bool_ | int):
            raise OperandError(f"Parameter: requires_grad must be True or False: got {type(requires_grad).__name__} {requires_grad!r:.40}")
        if not isinstance(data, Boxed) and not are_numbers(data):
            raise OperandError(f"Parameter: data must be numbers: got {type(data).__name__} {data!r:.40}; pass a tensor or an array")
        super().__init__(
            data.detach() if isinstance(data, Taped) else plain_array(to_array(data), "Parameter", data), requires_grad=bool(requires_grad)
        )

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied = type(self)(deep_copied(self.numpy(force=True), memo), self.requires_grad)  # without the gradient, as PyTorch has it
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (np.array(self.numpy(force=True)), self.requires_grad, self.__dict__)


def _rebuild(array: np.ndarray[Any, Any], requires_grad: bool, notes: dict[str, Any]) -> Parameter:
    parameter = Parameter(array, requires_grad)
    parameter.__dict__.update(notes)
    return parameter
