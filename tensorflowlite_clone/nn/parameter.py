"""`Parameter`: a tensor that a module learns."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor, to_array


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
        super().__init__(data.detach() if isinstance(data, Tensor) else to_array(data), requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return super().__format__(spec) if spec else str(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        copied = type(self)(np.array(self.numpy(force=True)), self.requires_grad)  # without the gradient, as PyTorch has it
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild, (np.array(self.numpy(force=True)), self.requires_grad, self.__dict__)


def _rebuild(array: np.ndarray[Any, Any], requires_grad: bool, notes: dict[str, Any]) -> Parameter:
    parameter = Parameter(array, requires_grad)
    parameter.__dict__.update(notes)
    return parameter
