"""`Parameter`: a tensor that a module learns; `Buffer`, one that it keeps; and both before their shape is known. Not here: lazy modules."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .._checks import integer
from .._errors import ArgumentError, OperandError
from .._state import get_default_dtype
from ..core.boxed import Boxed
from ..core.device import placed
from ..core.dtype_names import DTYPES, dtype, dtype_of
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


def _data(kind: str, data: Any) -> Any:
    """What a parameter or buffer is made of: the array that shares the memory of ``data``."""
    if data is None:
        return np.zeros(0, np.float32)
    if not isinstance(data, Boxed) and not are_numbers(data):
        raise OperandError(f"{kind}: data must be numbers: got {type(data).__name__} {data!r:.40}; pass a tensor or an array")
    return data.detach() if isinstance(data, Taped) else plain_array(to_array(data), kind, data)


class Parameter(Tensor):
    """A leaf tensor that a `Module` registers when it is assigned to an attribute.

    ``data`` is an array or tensor whose memory is shared; ``requires_grad`` is on unless said otherwise. Operations on a
    parameter give plain tensors. As all tensors it takes any attributes, for notes of the user (``weight.shared = True``).

    >>> Parameter(np.ones(2, "f4"))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        if not isinstance(requires_grad, bool | np.bool_ | int):
            raise OperandError(f"Parameter: requires_grad must be True or False: got {type(requires_grad).__name__} {requires_grad!r:.40}")
        super().__init__(_data("Parameter", data), requires_grad=bool(requires_grad))

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


class Buffer(Tensor):
    """A tensor that a `Module` registers as a buffer when it is assigned to an attribute; in the ``state_dict`` where ``persistent``.

    >>> import tensorflowlite_clone as tl
    >>> m = tl.nn.Module()
    >>> m.steps = Buffer(np.zeros(1, "f4"))
    >>> list(m.state_dict())
    ['steps']
    """

    persistent: bool = True

    def __init__(self, data: Any = None, *, persistent: bool = True) -> None:
        super().__init__(_data("Buffer", data), requires_grad=isinstance(data, Taped) and data.requires_grad)
        self.persistent = persistent

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_buffer, (super().__reduce_ex__(protocol)[:2], self.__dict__)


def _rebuild_buffer(tensor: Any, notes: dict[str, Any]) -> Buffer:
    rebuild, arguments = tensor
    buffer = Buffer(rebuild(*arguments))
    buffer.__dict__.update(notes)
    return buffer


# ---- before the shape is known ----------------------------------------------------------------------------------------------------------

#: Where a tensor keeps its array, which `_Uninitialized` covers.
_ARRAY: Any = Tensor.__dict__["array"]


class _Uninitialized:
    """What a tensor is before its shape is known: a dtype, and whether it requires grad. Everything else is refused."""

    __slots__ = ()
    #: What it is from `materialize` on, as the same object.
    cls_to_become: ClassVar[type]

    def _begin(self: Any, requires_grad: bool, device: Any, kind: Any) -> None:
        if device is not None:
            placed(device)
        _ARRAY.__set__(self, np.empty(0, get_default_dtype() if kind is None else dtype_of(kind).dtype))
        self.level = 0
        self._grad = self.node = self.version = self.views = None
        if requires_grad:
            self.requires_grad_()

    @property
    def array(self) -> Any:
        """There is none yet: raises `ArgumentError`."""
        raise ArgumentError(
            f"{type(self).__name__}: has no values and no shape before the first input of its module: nothing can be computed with it; "
            f"call the module on an example first (a dry run), or materialize(shape)"
        )

    @property
    def dtype(self) -> dtype:
        """The kind of the numbers to come."""
        return DTYPES[_ARRAY.__get__(self).dtype]

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become a tensor of this shape, of zeros until it is initialised, in the dtype that was announced unless another is given."""
        if device is not None:
            placed(device)
        sizes = tuple(integer("materialize", "shape", n) for n in (shape if isinstance(shape, tuple | list) else (shape,)))
        kind = self.dtype.dtype if dtype is None else dtype_of(dtype).dtype
        self.__class__ = self.cls_to_become
        self.array = np.zeros(sizes, kind)

    def announce(self, dtype: Any) -> None:
        """Say what the dtype of the numbers to come shall be."""
        _ARRAY.__set__(self, np.empty(0, dtype))

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """An empty tensor of another dtype, which is all that can be converted."""
        return Tensor(np.empty(0, _ARRAY.__get__(self).dtype)).to(*args, **kwargs)

    def half(self) -> Tensor:
        """As `to`."""
        return self.to(np.float16)

    def float(self) -> Tensor:
        """As `to`."""
        return self.to(np.float32)

    def double(self) -> Tensor:
        """As `to`."""
        return self.to(np.float64)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        copied = type(self)(self.requires_grad, None, self.dtype)
        copied.__dict__.update(self.__dict__)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return type(self), (self.requires_grad, None, self.dtype), self.__dict__


class UninitializedParameter(_Uninitialized, Parameter):  # type: ignore[misc,override]
    """A parameter whose shape is not known yet; `materialize` makes a `Parameter` of it, the same object, so optimizers may hold it.

    >>> p = UninitializedParameter()
    >>> p
    <UninitializedParameter>
    >>> p.materialize((2, 3)); p.shape
    (2, 3)
    """

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        self._begin(requires_grad, device, dtype)


class UninitializedBuffer(_Uninitialized, Buffer):  # type: ignore[misc,override]
    """A buffer whose shape is not known yet; `materialize` makes a `Buffer` of it, the same object."""

    cls_to_become = Buffer

    def __init__(self, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True) -> None:
        self._begin(requires_grad, device, dtype)
        self.persistent = persistent


def is_lazy(param: Any) -> bool:
    """Whether ``param`` is a parameter or buffer whose shape is not known yet.

    >>> is_lazy(UninitializedBuffer()), is_lazy(Parameter())
    (True, False)
    """
    return isinstance(param, _Uninitialized)
