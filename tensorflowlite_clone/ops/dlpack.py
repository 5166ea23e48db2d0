"""DLPack: the memory of tensors for other libraries, and theirs for tensors. https://dmlc.github.io/dlpack/latest/

NumPy carries it out; here is what it lacks: bfloat16, of which it lends the bits as integers. Not here: PyTorch's tensors with what they
are beside their memory (``io/exchange.py``), buffers (``memory.py``).
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.device import on_cpu
from ..core.dtype_names import bfloat16
from ..core.publish import public
from ..core.tensor import Tensor
from .memory import shared_array

#: Whether NumPy is older than 2.1.
OLD_DLPACK = tuple(map(int, np.__version__.split(".")[:2])) < (2, 1)
#: The codes of kinds of numbers in ``dlpack.h`` (DLDataTypeCode).
UINT, BFLOAT = 1, 4


class _Shown(ctypes.Structure):
    """The beginning of ``DLTensor``, as far as the dtype."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
    )  # fmt: skip


class _Versioned(ctypes.Structure):
    """The beginning of ``DLManagedTensorVersioned``; ``DLManagedTensor`` begins with the tensor itself."""

    _fields_ = (
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64), ("tensor", _Shown),
    )  # fmt: skip


#: The pointer in a capsule of this name; raises ValueError for a capsule of another.
_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


def _relabelled(capsule: Any, old: int, new: int) -> Any:
    """The capsule with its 16-bit numbers called another kind; None if they are not of the ``old`` kind."""
    try:
        shown = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned")).tensor
    except ValueError:  # a capsule of another name
        shown = _Shown.from_address(_pointer(capsule, b"dltensor"))
    if (shown.code, shown.bits, shown.lanes) != (old, 16, 1):
        return None
    shown.code = new
    return capsule


@public("__dlpack__", function=False)
def _dlpack(input: Array, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None) -> Any:
    """A DLPack capsule of the memory, for other libraries' ``from_dlpack``.

    Raises `GraphError` for tensors that require grad, and inside function transforms.
    """
    given = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": copy}
    if OLD_DLPACK:
        given = {"stream": stream}
    array = shared_array(input, "__dlpack__")
    if array.dtype.char == "E":  # NumPy lends the bits, and the label says what they are
        return _relabelled(array.view(np.uint16).__dlpack__(**given), UINT, BFLOAT)
    return array.__dlpack__(**given)


@public("__dlpack_device__", function=False)
def _dlpack_device(input: Array) -> Any:
    """DLPack's name of the CPU."""
    return (1, 0)


class _Lent:
    """The memory of an array that NumPy 2.0 holds for read-only, as it does all that comes by DLPack."""

    def __init__(self, array: Any) -> None:
        self.array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


class Held:
    """A capsule, as an object that gives it."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule
        #: Whether it is of the form that does not say whether memory may be written to.
        self.silent = '"dltensor"' in repr(capsule)

    def __dlpack__(self, **how: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def _imported(source: Any, copy: bool | None) -> Any:
    """What NumPy makes of an object with ``__dlpack__``, in memory that can be written to, as PyTorch's can."""
    if not OLD_DLPACK and not (type(source) is Held and source.silent):
        return np.from_dlpack(source) if copy is None else np.from_dlpack(source, copy=copy)
    array = np.from_dlpack(source)
    return np.array(array) if copy else array if array.flags.writeable else np.asarray(_Lent(array))


class _Bits:
    """The memory of a bfloat16 tensor of another library, as NumPy can take it: as integers."""

    def __init__(self, source: Any) -> None:
        try:
            capsule = source.__dlpack__(max_version=(1, 0))
        except TypeError:  # a library from before DLPack had versions
            capsule = source.__dlpack__()
        self.capsule = _relabelled(capsule, BFLOAT, UINT)
        self.device = source.__dlpack_device__()

    def __dlpack__(self, **how: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> Any:
        return self.device


def _taken(source: Any, copy: bool | None) -> Any:
    """The array on the memory of ``source``."""
    try:
        return _imported(source, copy)
    except (BufferError, RuntimeError):
        bits = _Bits(source)
        if bits.capsule is None:
            raise
    array = _imported(bits, None)
    return (np.array(array) if copy else array).view(bfloat16.dtype)


@public("from_dlpack", method=False)
def _from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Array:
    """A tensor of another library (an object with ``__dlpack__``), sharing its memory.

    Raises `OperandError` for other objects, `GraphError` for tensors that require grad.

    >>> import numpy as np
    >>> import tensorflowlite_clone as tl
    >>> a = np.zeros(2)
    >>> x = tl.from_dlpack(a); a[0] = 1.0; x.tolist()
    [1.0, 0.0]
    """
    if device is not None:
        on_cpu(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise OperandError(f"from_dlpack: needs an object with __dlpack__: got {type(ext_tensor).__name__}; use tl.tensor(...)")
    if isinstance(ext_tensor, Boxed):
        array = shared_array(ext_tensor, "from_dlpack")
        return Tensor.wrap(np.array(array) if copy else array, 0)
    if type(ext_tensor) is ndarray:
        return Tensor.wrap(ext_tensor.copy() if copy else ext_tensor.view(), 0)
    try:
        return Tensor.wrap(_taken(ext_tensor, copy), 0)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        kind = type(ext_tensor).__name__
        raise OperandError(f"from_dlpack: the {kind} cannot be read: {error!s:.200}; use tl.tensor(...), which copies") from error
