"""Nested objects as JSON text and a flat dict of arrays, for the formats that hold arrays by name; and back.

The arrays of a nested object (a checkpoint) are stored under the path that leads to them, ``model.0.weight``, so that other programs find
them; its structure (containers, numbers, which entry is a tensor and which an array) is JSON text in the metadata of the file, together
with a checksum. Not here: the formats (``safetensors.py``, ``npz.py``), PyTorch's, which holds objects itself (``pickled.py``).
"""

from __future__ import annotations

import json
from reprlib import repr as quote  # of anything a few words only
from typing import Any, TypeAlias

import numpy as np

from .._errors import FileFormatError, OperandError
from ..core.dtype_names import bfloat16
from ..core.plain import NUMBERS
from ..core.tensor import Tensor

Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]

#: The dtypes of the format that NumPy has; all are stored little-endian. BF16 is another one.
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
#: Keys of the metadata: the version of our encoding, the structure, and the CRC-32 of structure, tensor list and data.
VERSION, STRUCTURE, CHECKSUM = (f"tensorflowlite_clone.{key}" for key in ("version", "structure", "crc32"))
#: The member of an ``.npz`` file that holds the metadata, as the UTF-8 bytes of JSON text.
NPZ_METADATA = "__tensorflowlite_clone__"
#: Larger integers are stored in hexadecimal: Python limits the digits of decimal ones, and other JSON readers their size.
MAX_INT = 2**53


def encoded(obj: Any) -> tuple[Arrays, str]:
    """The arrays of ``obj`` by name, and its structure as JSON text."""
    encoder = _Encoder()
    try:
        return encoder.arrays, json.dumps(encoder.encode(obj, "obj", ()), separators=(",", ":"))
    except RecursionError:
        raise OperandError("save: obj is nested too deeply: more levels than Python's recursion limit; flatten it") from None


def decoded(arrays: Arrays, metadata: dict[str, str]) -> Any:
    """The object that was stored as these arrays; without our metadata a flat dict of tensors."""
    if not any(key in metadata for key in (VERSION, STRUCTURE, CHECKSUM)):
        return {k: Tensor(v) if v.dtype.char in NUMBERS else v for k, v in arrays.items()}
    return _decode_structure(metadata, arrays)


class _Encoder:
    """Turns an object into JSON values and collects its arrays.

    None, booleans, strings and small integers are themselves; everything else is a list that starts with its kind:
    ``["float", hex]``, ``["complex", hex, hex]``, ``["int", hex]``, ``["tensor" or "array", name, dtype]``, ``["list" or "tuple",
    items...]``, ``["dict", [key, value]...]``. Floats are hexadecimal: exact, and JSON has no infinity and no NaN.
    """

    def __init__(self) -> None:
        self.arrays: Arrays = {}
        self.open: set[int] = set()  # ids of the containers around the current place

    def encode(self, obj: Any, where: str, path: tuple[str, ...]) -> Any:
        """``obj`` as JSON values; ``where`` is its place as Python would write it, ``path`` as names for its arrays."""
        if obj is None or isinstance(obj, bool | np.bool_):
            return None if obj is None else bool(obj)
        if isinstance(obj, str):
            return str(obj)
        if isinstance(obj, int | np.integer):
            return int(obj) if -MAX_INT <= obj <= MAX_INT else ["int", hex(obj)]
        if isinstance(obj, float | np.float16 | np.float32):
            return ["float", float(obj).hex()]
        if isinstance(obj, complex | np.complex64):
            return ["complex", float(obj.real).hex(), float(obj.imag).hex()]
        if isinstance(obj, np.ndarray) or hasattr(obj, "detach"):
            return self.array(obj, where, path)
        if not isinstance(obj, dict | list | tuple):
            raise OperandError(
                f"save: cannot be stored: {where} is a {type(obj).__name__}; "
                f"store tensors, arrays, numbers, strings, booleans, None, and dicts, lists and tuples of them"
            )
        if id(obj) in self.open:
            raise OperandError(f"save: contains itself: {where} is the {type(obj).__name__} it stands in; store a tree")
        self.open.add(id(obj))
        entry: list[Any]
        if isinstance(obj, dict):
            pairs = [(self.key(k, where), self.encode(v, f"{where}[{k!r}]", (*path, str(k)))) for k, v in obj.items()]
            entry = ["dict", *pairs]
        else:
            items = [self.encode(v, f"{where}[{i}]", (*path, str(i))) for i, v in enumerate(obj)]
            entry = ["list" if isinstance(obj, list) else "tuple", *items]
        self.open.remove(id(obj))
        return entry

    def key(self, key: Any, where: str) -> Any:
        """A key of a dict as JSON values."""
        inner = _Encoder()
        entry = inner.encode(key, f"the key {key!r} of {where}", ())
        if inner.arrays:
            raise OperandError(f"save: an array as key: the key {key!r} of {where} holds one; use numbers, strings or tuples of them")
        return entry

    def array(self, obj: Any, where: str, path: tuple[str, ...]) -> Any:
        """Keep an array (or what has one: ``obj.detach().numpy()``) under a free name made from ``path``."""
        try:
            array = obj if isinstance(obj, np.ndarray) else np.asarray(obj.detach().numpy())
        except (RuntimeError, TypeError, AttributeError) as error:
            raise OperandError(f"save: has no array: {where} is a {type(obj).__name__} ({error}); store its values instead") from error
        native = array.dtype.newbyteorder("=")
        if native == np.complex128:  # the format has no such dtype: stored as pairs of float64
            stored = np.ascontiguousarray(array, native).view(np.float64).reshape(*array.shape, 2)
        elif native.char == "E" or native.newbyteorder("<") in CODES:
            stored = array
        else:
            raise OperandError(
                f"save: the format has no such dtype: {where} is {array.dtype} {array.shape}; "
                f"convert it to a boolean, integer, floating or complex dtype of at most 64 bits per number"
            )
        name = base = _plain(".".join(path)) or "obj"
        count = 1
        while name in self.arrays or name in ("__metadata__", NPZ_METADATA):
            count += 1
            name = f"{base}~{count}"
        self.arrays[name] = stored
        return ["array" if isinstance(obj, np.ndarray) else "tensor", name, native.name]


def _plain(name: str) -> str:
    """``name`` without what other programs cannot have in names: control characters, halves of characters, excessive length."""
    return "".join("_" if ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 else c for c in name)[:1000]


def _decode_structure(metadata: dict[str, str], arrays: Arrays) -> Any:
    """The object that the metadata describes."""
    if metadata.get(VERSION) != "1" or STRUCTURE not in metadata:
        raise FileFormatError(f"damaged metadata, or of a newer version: {VERSION} is {quote(metadata.get(VERSION))}, '1' is known here")
    used: set[str] = set()
    try:
        obj = _decode(json.loads(metadata[STRUCTURE]), arrays, used)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise FileFormatError(f"the structure in its metadata is damaged ({type(error).__name__}: {error!s:.200})") from error
    if len(used) != len(arrays):
        raise FileFormatError(f"tensors that the structure does not name: {quote(sorted(set(arrays) - used))}")
    return obj


def _decode(entry: Any, arrays: Arrays, used: set[str]) -> Any:
    """The object that `_Encoder.encode` turned into ``entry``."""
    if entry is None or isinstance(entry, bool | int | str):
        return entry
    kind, *content = entry
    if kind == "float":
        return float.fromhex(*content)
    if kind == "complex":
        real, imag = content
        return complex(float.fromhex(real), float.fromhex(imag))
    if kind == "int":
        (digits,) = content
        return int(digits, 16)
    if kind in ("tensor", "array"):
        name, dtype = content
        if name in used:
            raise ValueError(f"{quote(name)} is used twice")
        used.add(name)
        array = arrays[name]
        if dtype == "complex128":
            array = array.view(np.complex128).reshape(array.shape[:-1])
        if dtype == "bfloat16":
            array = array.astype(bfloat16.dtype, copy=False)  # names the extra that is missing, if it is float32
        if array.dtype.name != dtype:
            raise ValueError(f"{quote(name)} is {array.dtype}, the structure says {quote(dtype)}")
        return Tensor(array) if kind == "tensor" else array
    if kind == "dict":
        pairs = {_decode(k, arrays, used): _decode(v, arrays, used) for k, v in content}
        if len(pairs) != len(content):
            raise ValueError("a key occurs twice")
        return pairs
    items = [_decode(item, arrays, used) for item in content]
    if kind not in ("list", "tuple"):
        raise ValueError(f"unknown kind {quote(kind)}")
    return items if kind == "list" else tuple(items)
