"""`Variable`, by which old PyTorch programs make tensors that require grad.

Not here: anything that new programs need; ``tl.tensor(data, requires_grad=True)`` is that.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..core.boxed import Boxed
from ..core.tensor import Taped, Tensor

__all__ = ["Variable"]


class _AnyTensor(type):
    """Every tensor is a `Variable`."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Boxed)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, Boxed)


class Variable(metaclass=_AnyTensor):
    """``Variable(data, requires_grad=False)``: a tensor on the memory of ``data``, off its tape. There are no other variables.

    >>> import tensorflowlite_clone as tl
    >>> x = Variable(tl.ones(2), requires_grad=True)
    >>> type(x).__name__, x.requires_grad, isinstance(tl.ones(2), Variable)
    ('Tensor', True, True)
    """

    def __new__(cls, data: Any, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        """The tensor. ``volatile``, which PyTorch has no longer, is warned of; it means ``no_grad``."""
        if volatile is not None:
            warnings.warn("Variable: volatile was removed; use `with tl.no_grad():` instead", UserWarning, stacklevel=2)
        t = data.detach() if isinstance(data, Taped) else Tensor(data)
        return t.requires_grad_() if requires_grad else t
