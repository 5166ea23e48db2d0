"""Where the elements of a tensor lie: addresses, strides, storage, what others may share (buffers, files), and on which device.

Not here: DLPack (``dlpack.py``), views (``shape.py``, ``strided.py``), copies (``cast.py``), in-place changes (``inplace/``), tensors of an
array (``create.py``).
"""

from __future__ import annotations

import math
import os
import weakref
from collections.abc import Iterator
from typing import Any, Never

import numpy as np
from numpy import ndarray

from .._checks import integer
from .._errors import ArgumentError, DeviceError, GraphError, OperandError, TransformError
from .._state import get_default_dtype, state
from .._typing import Array, DTypeLike
from ..core.broadcast import normalize_axis, shape_of
from ..core.device import device as Device  # noqa: N812
from ..core.device import layout, on_cpu, strided
from ..core.dtype_names import numpy_dtype
from ..core.publish import public
from ..core.registry import install_method
from ..core.signature import How
from ..core.tensor import Taped
from ..core.views import Views, mirror
from ..core.where import here
from ..core.windows import address
from .create import finish
from .strided import memory_of


def _array(input: Any, op: str) -> ndarray[Any, Any]:
    """The array that the tensor shows; raises for what has none."""
    array = getattr(input, "array", None)
    if not isinstance(array, ndarray):
        raise TransformError(f"{op}: inside a function transform a value has no memory of its own; do without it there")
    return array


# ---- the layout -----------------------------------------------------------------------------------------------------------------
@public("stride", function=False)
def _stride(input: Array, dim: int | None = None) -> Any:
    """How many elements of memory lie between neighbours along each dimension, or along one."""
    array = _array(input, "stride")
    strides = tuple(s // array.itemsize for s in array.strides)
    return strides if dim is None else strides[normalize_axis(dim, array.ndim, "stride")]


@public("is_contiguous", function=False)
def _is_contiguous(input: Array, memory_format: Any = None) -> bool:
    """Whether the elements lie in memory in row-major order; inside function transforms, whether they would."""
    layout = mirror(input)
    return layout is None or bool(layout.flags.c_contiguous)


@public("dim_order", function=False)
def _dim_order(input: Array, *, ambiguity_check: bool = False) -> tuple[int, ...]:
    """The dimensions from the one with the longest steps in memory to the one with the shortest.

    With ``ambiguity_check`` raises `ArgumentError` where another order describes the memory as well.

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(2, 3, 4).dim_order(), tl.zeros(2, 3, 4).permute(0, 2, 1).dim_order()
    ((0, 1, 2), (0, 2, 1))
    """
    array = _array(input, "dim_order")
    order = tuple(sorted(range(array.ndim), key=lambda i: -array.strides[i]))
    steps = [array.strides[i] for i in order]
    if ambiguity_check and (0 in steps or 1 in array.shape or len({*steps}) < len(steps)):
        raise ArgumentError(
            f"dim_order: several orders of the dimensions describe the memory: shape {array.shape}, strides {_stride(input)}; "
            f"leave ambiguity_check out"
        )
    return order


@public("storage_offset", function=False)
def _storage_offset(input: Array) -> int:
    """How many elements after the beginning of its memory the tensor starts: 0 unless it is a view of another."""
    _array(input, "storage_offset")
    return int(memory_of(input)[1])


@public("data_ptr", "const_data_ptr", function=False)
def _data_ptr(input: Array) -> int:
    """The address of the first element; 0 for a tensor without elements."""
    array = _array(input, "data_ptr")
    return address(array) if array.size else 0


@public("element_size", function=False)
def _element_size(input: Array) -> int:
    """Bytes per element."""
    return int(input.dtype.itemsize)


class UntypedStorage:
    """The memory that tensors show, as far as programs ask for it: where it is and how long, to tell which tensors share it."""

    __slots__ = ("array",)

    def __init__(self, array: ndarray[Any, Any]) -> None:
        self.array = array

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return address(self.array) if self.array.size else 0

    def nbytes(self) -> int:
        """How many bytes it has."""
        return self.array.nbytes

    def size(self) -> int:
        """The same."""
        return self.nbytes()

    def __len__(self) -> int:
        return self.nbytes()

    def element_size(self) -> int:
        """1: it counts bytes."""
        return 1

    def cpu(self) -> UntypedStorage:
        """Itself, which is on the CPU."""
        return self

    def tolist(self) -> list[int]:
        """All bytes."""
        return list(self.array.tobytes(order="A"))

    def __getitem__(self, i: Any) -> Any:
        """One byte, or the list of several."""
        return self.tolist()[i]

    def __iter__(self) -> Iterator[int]:
        return iter(self.tolist())

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and (self.data_ptr(), self.nbytes()) == (other.data_ptr(), other.nbytes())

    def __hash__(self) -> int:
        return hash((self.data_ptr(), self.nbytes()))


class TypedStorage(UntypedStorage):
    """The same memory, in elements of the tensor's dtype: its length, and each by its number. PyTorch's older name of it.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.arange(6.0).reshape(2, 3)
    >>> x[1].storage()[4], len(x[1].storage()), x.storage().nbytes()
    (4.0, 6, 24)
    """

    __slots__ = ("tensor",)

    def __init__(self, array: ndarray[Any, Any], tensor: Taped) -> None:
        super().__init__(array)
        self.tensor = tensor

    @property
    def dtype(self) -> Any:
        """That of the tensor."""
        return self.tensor.dtype

    def _elements(self) -> ndarray[Any, Any]:
        return self.array.reshape(-1, order="A").view(self.tensor.array.dtype)

    def __len__(self) -> int:
        return self.nbytes() // self.element_size()

    def size(self) -> int:
        """How many elements it has."""
        return len(self)

    def element_size(self) -> int:
        """Bytes per element."""
        return int(self.tensor.array.itemsize)

    def tolist(self) -> list[Any]:
        """All elements."""
        return self._elements().tolist()  # type: ignore[no-any-return]

    def __setitem__(self, i: Any, value: Any) -> None:
        """Write elements, which counts as a change of the tensor's memory."""
        elements = self._elements()
        if not np.may_share_memory(elements, self.array):
            raise ArgumentError(f"storage: elements of this memory (strides {self.array.strides}) cannot be written; write into the tensor")
        elements[i] = value
        self.tensor.changed("storage", here(), self.array)

    def untyped(self) -> UntypedStorage:
        """The memory in bytes."""
        return UntypedStorage(self.array)


@public("storage", function=False)
def _storage(input: Array) -> TypedStorage:
    """The whole memory that the tensor shows a part of, in elements of its dtype; `untyped_storage` in bytes.

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(4)[2:].storage().tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    _array(input, "storage")
    return TypedStorage(memory_of(input)[0].array, input)


@public("untyped_storage", function=False)
def _untyped_storage(input: Array) -> UntypedStorage:
    """The whole memory that the tensor shows a part of; tensors on the same memory have equal ones.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.zeros(4)
    >>> x[2:].untyped_storage() == x.untyped_storage(), x[2:].untyped_storage().nbytes()
    (True, 16)
    """
    _array(input, "untyped_storage")
    return UntypedStorage(memory_of(input)[0].array)


@public("is_storage", method=False)
def _is_storage(obj: Any) -> bool:
    """Whether ``obj`` is the memory of tensors (`Tensor.untyped_storage`)."""
    return isinstance(obj, UntypedStorage)


# ---- the device -----------------------------------------------------------------------------------------------------------------
@public("cuda", function=False)
def _cuda(input: Array, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Never:
    """Refuse: there is only the CPU."""
    raise DeviceError(f"cuda: there is only the CPU, the tensor ({input.dtype} {shape_of(input)}) stays there; ask tl.cuda.is_available()")


@public("pin_memory", function=False)
def _pin_memory(input: Array, device: Any = None) -> Array:
    """The tensor itself: no device reads its memory faster if the system may not move it."""
    return input


@public("is_pinned", function=False)
def _is_pinned(input: Array, device: Any = None) -> bool:
    """False: see `pin_memory`."""
    return False


@public("share_memory_", function=False)
def _share_memory(input: Array) -> Never:
    """Refuse: memory is not shared between processes; the data loader's workers are threads, which share all."""
    raise ArgumentError(
        f"share_memory_: memory is not shared between processes: the tensor ({input.dtype} {shape_of(input)}) is of this one; use threads"
    )


@public("is_shared", function=False)
def _is_shared(input: Array) -> bool:
    """False: see `share_memory_`."""
    return False


@public("get_device")
def _get_device(input: Array) -> int:
    """-1: the number of the CPU."""
    return -1


@public("is_inference")
def _is_inference(input: Array) -> bool:
    """False: tensors made in `inference_mode` are tensors as others are."""
    return False


@public("get_default_device", method=False)
def _get_default_device() -> Device:
    """The CPU."""
    return Device("cpu")


@public("set_default_device", method=False)
def _set_default_device(device: Any) -> None:
    """Raises `ArgumentError` unless ``device``, if it is not None, is the CPU."""
    if device is not None:
        on_cpu(device)


def _flag(name: str, answer: bool, doc: str) -> None:
    def flag(input: Any) -> bool:
        return answer

    flag.__doc__ = doc
    install_method(name, property(flag))  # type: ignore[arg-type]


_flag("is_cpu", True, "True: there is only the CPU.")
for _name in ("is_cuda", "is_mps", "is_xpu", "is_xla", "is_meta", "is_mkldnn"):
    _flag(_name, False, "False: there is only the CPU.")
for _name in ("is_sparse", "is_sparse_csr", "is_quantized", "is_nested"):
    _flag(_name, False, "False: tensors are dense, and have the values that they show.")


def _layout(input: Any) -> layout:
    """Always `strided`."""
    return strided


def _itemsize(input: Any) -> int:
    """Bytes per element."""
    return int(input.dtype.itemsize)


def _nbytes(input: Any) -> int:
    """Bytes of all elements."""
    return math.prod(shape_of(input)) * int(input.dtype.itemsize)


for _property in (_layout, _itemsize, _nbytes):
    install_method(_property.__name__[1:], property(_property))  # type: ignore[arg-type]


# ---- others' memory -------------------------------------------------------------------------------------------------------------
def shared_array(input: Array, op: str) -> ndarray[Any, Any]:
    """The array, for others; raises where it would lose derivatives."""
    if isinstance(input, Taped) and input.node is not None and state.grad_enabled:
        raise GraphError(f"{op}: the tensor (shape {shape_of(input)}) requires grad, which would be lost; pass x.detach()")
    return _array(input, op)


@public("frombuffer", method=False)
def _frombuffer(buffer: Any, *, dtype: DTypeLike, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Array:
    """A vector of ``count`` numbers (-1: all there are) ``offset`` bytes into an object with Python's buffer protocol, sharing its memory.

    Of a buffer that may not be written to (``bytes``) the tensor may not be changed in place. Raises `ArgumentError` for a part that the
    buffer does not have or that is not whole numbers, and for other objects.

    >>> import tensorflowlite_clone as tl
    >>> tl.frombuffer(bytearray([1, 0, 2, 0]), dtype=tl.int16)
    tensor([1, 2], dtype=int16)
    """
    name, kind = "frombuffer", numpy_dtype(dtype)
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ArgumentError(f"{name}: needs an object with a buffer: got {type(buffer).__name__}; use tl.tensor(...)") from None
    length = view.nbytes
    if not length or not 0 <= offset < length:
        raise ArgumentError(f"{name}: offset must be inside of the buffer, which must not be empty: {offset} of {length} bytes")
    left = length - offset
    if count == 0:
        raise ArgumentError(f"{name}: count must be positive, or -1 for all numbers: got 0")
    if count < 0 and left % kind.itemsize:
        raise ArgumentError(f"{name}: the {left} bytes after offset {offset} are no whole numbers of {kind} ({kind.itemsize} bytes each)")
    if count * kind.itemsize > left:
        raise ArgumentError(f"{name}: the buffer has {left} bytes after offset {offset}: got count={count} of {kind.itemsize} bytes each")
    return finish(np.frombuffer(view, kind, max(count, -1), offset), requires_grad)


@public("from_file", method=False)
def _from_file(filename: str, shared: bool | None = None, size: int = 0, *, dtype: DTypeLike = None, **how: How) -> Array:
    """A vector of the first ``size`` numbers of a file, which is read as far as it is looked at.

    With ``shared`` changes in place are written to the file, which is made or lengthened if need be; else only this tensor sees them.
    Raises `ArgumentError` for a file that is too short.
    """
    kind = numpy_dtype(get_default_dtype() if dtype is None else dtype)
    integer("from_file", "size", size)
    length = size * kind.itemsize
    if shared:
        with open(filename, "ab") as file:
            if file.tell() < length:
                file.truncate(length)
    elif os.path.getsize(filename) < length:
        raise ArgumentError(
            f"from_file: it has {os.path.getsize(filename)} bytes, {size} numbers of {kind} need {length}: {filename!r:.200}"
        )
    array = np.asarray(np.memmap(filename, kind, "r+" if shared else "c", shape=(size,))) if size else np.zeros(0, kind)
    return finish(array, **how)


@public("as_subclass", function=False)
def _as_subclass(input: Array, cls: Any) -> Array:
    """The same tensor (its memory and its place on the tape) as an instance of ``cls``, a subclass of `Tensor`.

    Raises `OperandError` for other classes.
    """
    if not (isinstance(cls, type) and issubclass(cls, Taped)):
        raise OperandError(f"as_subclass: needs a subclass of Tensor: got {cls!r:.60}")
    array = _array(input, "as_subclass")
    out: Any = object.__new__(cls)  # a user's own __new__ has other arguments
    out.array, out.level, out.node, out.views = array, input.level, input.node, input.views
    out.version, out._grad = input.shared_cell(), None
    if isinstance(input.views, Views):
        input.views.members.append(weakref.ref(out))
    return out
