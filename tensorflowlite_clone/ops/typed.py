"""PyTorch's older names of tensors by their dtype: ``FloatTensor`` and its kin, `Tensor.type`, `Tensor.new`, `typename`.

Not here: conversions by a dtype (``cast.py``), tensors from numbers (``create.py``).
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError
from .._state import set_default_dtype
from .._state import shown as named
from .._typing import Array
from ..core.boxed import Boxed
from ..core.dtype_names import Kind, dtype, dtype_of
from ..core.plain import constructed, plain_array
from ..core.publish import public, require_operands
from ..core.tensor import Tensor
from .cast import cast

__all__ = ["TYPES", "TensorOf"]


class TensorOf:
    """The tensors of one dtype: `isinstance` asks for it, a call makes one, from sizes (of zeros) or from the numbers in a sequence.

    >>> import tensorflowlite_clone as tl
    >>> tl.LongTensor([1, 2]), tl.FloatTensor(2, 3).shape, isinstance(tl.ones(2), tl.FloatTensor)
    (tensor([1, 2]), (2, 3), True)
    """

    __slots__ = ("__name__", "dtype")
    dtype: dtype

    def __init__(self, name: str, kind: Kind) -> None:
        self.__name__, self.dtype = name, kind

    def __call__(self, *data: Any, device: Any = None) -> Tensor:
        return _made(data, self.dtype, self.__name__)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Boxed) and instance.dtype is self.dtype

    def __repr__(self) -> str:
        return f"{named.package}.{self.__name__}"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        return _type_of_dtype, (self.dtype,)


def _made(data: tuple[Any, ...], kind: dtype, name: str) -> Tensor:
    """A tensor of sizes, or of what is in a sequence or an array; of a tensor of this dtype a view of all of it."""
    if len(data) == 1 and isinstance(data[0], Boxed | ndarray):
        given = data[0]
        if isinstance(given, Boxed):
            if given.dtype is not kind:
                raise DTypeError(f"{name}: the tensor is {given.dtype} {given.shape}: it must be {kind}; use x.to(tl.{kind})")
            view: Tensor = given[...]
            return view
        return Tensor.wrap(plain_array(given, name).astype(kind.dtype), 0)
    return Tensor.wrap(constructed(data, kind.dtype), 0)


#: The types by name, and one for each dtype that PyTorch has one for.
TYPES = {
    name: TensorOf(name, dtype(kind))
    for name, kind in (
        ("FloatTensor", "float32"), ("DoubleTensor", "float64"), ("HalfTensor", "float16"), ("LongTensor", "int64"),
        ("IntTensor", "int32"), ("ShortTensor", "int16"), ("CharTensor", "int8"), ("ByteTensor", "uint8"), ("BoolTensor", "bool"),
        ("BFloat16Tensor", "bfloat16"),
    )
}  # fmt: skip
globals().update(TYPES)  # the top level gets them from here by name, when they are asked for
_BY_DTYPE = {kind.dtype: kind for kind in TYPES.values()}


def _type_of_dtype(kind: dtype) -> TensorOf:
    return _BY_DTYPE[kind]


def _name_of(kind: dtype) -> str:
    """What `Tensor.type` says: ``tl.FloatTensor`` and so on; without such a name ``tl.ComplexFloatTensor``, ``tl.UInt16Tensor``..."""
    if kind in _BY_DTYPE:
        return repr(_BY_DTYPE[kind])
    words = {"complex64": "ComplexFloat", "complex128": "ComplexDouble"}
    return f"{named.package}.{words.get(kind.name, kind.name.title().replace('Uint', 'UInt'))}Tensor"


def _named(kind: Any, op: str) -> dtype:
    """The dtype that is meant by one, by a type such as ``tl.FloatTensor``, or by its name, ``"tl.FloatTensor"`` or PyTorch's for it."""
    if isinstance(kind, TensorOf):
        return kind.dtype
    if isinstance(kind, str) and kind.endswith("Tensor"):
        name = kind.rpartition(".")[2]
        if name not in TYPES:
            raise ArgumentError(f"{op}: unknown type of tensors {kind!r:.60}; they are {', '.join(TYPES)}")
        return TYPES[name].dtype
    return dtype_of(kind)


@public("type", function=False)
def _type(input: Array, dtype: Any = None, non_blocking: bool = False) -> Any:
    """In another dtype, given as such, as ``tl.FloatTensor``, or by the name of that; without one, that name for this tensor.

    >>> import tensorflowlite_clone as tl
    >>> tl.ones(2).type(), tl.ones(2).type(tl.LongTensor), tl.ones(2).type("tl.BoolTensor").dtype
    ('tl.FloatTensor', tensor([1, 1]), tl.bool)
    """
    return _name_of(dtype_of(input.dtype)) if dtype is None else cast(input, _named(dtype, "type").dtype)


@public("type_as", function=False)
def _type_as(input: Array, other: Array) -> Array:
    """In the dtype of another tensor."""
    require_operands("type_as", other)
    return cast(input, other.dtype)


@public("new", function=False)
def _new(input: Array, *args: Any, size: Any = None, other: Any = None, device: Any = None) -> Array:
    """A tensor of the same dtype, made as by ``tl.FloatTensor``: of sizes, of the numbers in a sequence, or to show another's memory."""
    given = [a for a in (size, other) if a is not None]
    if len(given) + bool(args) > 1:
        raise OperandError(f"new: got {args!r:.60}, size={size!r:.60} and other={other!r:.60}; pass one of them")
    if size is not None:
        given = [*size] if isinstance(size, tuple | list) else [size]
    return _made(args or tuple(given), dtype_of(input.dtype), "new")


@public("typename", method=False)
def _typename(obj: Any, /) -> str:
    """The name of the type of ``obj``; of a tensor the one that `Tensor.type` says."""
    if isinstance(obj, Boxed):
        return _name_of(dtype_of(obj.dtype))
    kind = obj if isinstance(obj, type) else type(obj)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


@public("set_default_tensor_type", method=False)
def _set_default_tensor_type(t: Any) -> None:
    """Make the dtype of ``t``, ``tl.DoubleTensor`` or its name, the default dtype: see `set_default_dtype`."""
    if not isinstance(t, TensorOf | str):
        raise OperandError(f"set_default_tensor_type: needs a type of tensors: got {t!r:.60}; pass tl.DoubleTensor or its name")
    set_default_dtype(_named(t, "set_default_tensor_type").dtype)
