"""`save` and `load`: nested containers of tensors in the safetensors format (or ``.npz``), written atomically, never pickled.

A safetensors file is an 8-byte little-endian length, a JSON header of that length which gives each tensor's dtype, shape and place,
and the tensors' bytes without gaps. The arrays of a nested object (a checkpoint) are stored under the path that leads to them,
``model.0.weight``, so that other programs find them; its structure (containers, numbers, which entry is a tensor and which an
array) is JSON text in the header's metadata, together with a checksum. The format: https://github.com/huggingface/safetensors#format.

Not here: what belongs into a checkpoint (``state_dict`` of modules and optimizers).
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterable
from reprlib import repr as quote  # of anything a few words only
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

from ._errors import ArgumentError, FileFormatError, MissingExtraError, OperandError
from ._files import write_atomically
from .core.dtype_names import bfloat16
from .core.plain import NUMBERS
from .core.tensor import Tensor

if TYPE_CHECKING:
    from io import BufferedReader
    from zipfile import ZipFile, ZipInfo

__all__ = ["load", "save"]

Arrays: TypeAlias = dict[str, np.ndarray[Any, Any]]
PathLike: TypeAlias = str | os.PathLike[str]

#: The dtypes of the format that NumPy has; all are stored little-endian. BF16 is another one.
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "I32": "<i4", "U32": "<u4", "I64": "<i8", "U64": "<u8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
#: The format's limit for the header, so that a damaged length is not taken for a real one.
MAX_HEADER = 100_000_000
#: What NumPy can have.
MAX_DIMENSIONS = 64
#: Keys of the header's metadata: the version of our encoding, the structure, and the CRC-32 of structure, tensor list and data.
VERSION, STRUCTURE, CHECKSUM = (f"tensorflowlite_clone.{key}" for key in ("version", "structure", "crc32"))
#: The member of an ``.npz`` file that holds the metadata, as the UTF-8 bytes of JSON text.
NPZ_METADATA = "__tensorflowlite_clone__"
#: How a zip file begins, full or empty. (The first two bytes alone could also be the length of a safetensors header.)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: NumPy's limit for the header of an array; it would read a longer one first.
MAX_NPY_HEADER = 10_000
#: Larger integers are stored in hexadecimal: Python limits the digits of decimal ones, and other JSON readers their size.
MAX_INT = 2**53


def save(obj: Any, path: PathLike | BinaryIO) -> None:
    """Write nested dicts, lists and tuples of tensors, arrays, numbers, strings, booleans and None to a file.

    ``path`` is its name, or a file open for writing bytes (``io.BytesIO()``), which gets all of it in the safetensors format or nothing.

    The suffix ``.npz`` chooses NumPy's format, everything else is safetensors. A dict with one level of tensors is readable by any
    program that knows the format; of anything deeper, other programs see the tensors. The file appears under its name only when it
    is complete and on the disk: whatever interrupts the saving, the old file stays as it was (only a killed process can leave a
    ``.part`` file beside it). Its permissions become those of the new one; pipes and devices are written through.

    Not kept: whether a tensor required grad, memory shared by two tensors, subclasses (an ``OrderedDict`` becomes a dict, a
    ``Parameter`` a tensor), NumPy's scalar types (``np.float32(2)`` becomes 2.0), byte order.

    Raises `OperandError`, naming the place inside ``obj``, for anything that cannot be stored; `FileNotFoundError` if the folder does
    not exist, `PermissionError` for a read-only file and for a folder in which no file can be made.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
    >>> save({"w": Tensor(np.ones(2, "f4")), "betas": (0.9, 0.999), "epoch": 3}, path); load(path)
    {'w': tensor([1., 1.]), 'betas': (0.9, 0.999), 'epoch': 3}
    """
    import json

    encoder = _Encoder()
    try:
        structure = json.dumps(encoder.encode(obj, "obj", ()), separators=(",", ":"))
    except RecursionError:
        raise OperandError("save: obj is nested too deeply: more levels than Python's recursion limit; flatten it") from None
    if not isinstance(path, str | os.PathLike):
        _write_to_open_file(path, lambda file: _write_safetensors(file, encoder.arrays, structure))
        return
    name = os.fspath(path)
    write = _write_npz if name.endswith(".npz") else _write_safetensors
    write_atomically(name, lambda file: write(file, encoder.arrays, structure), "save")


def load(path: PathLike | BinaryIO, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote, or any other safetensors or ``.npz`` file (as a flat dict of tensors).

    ``path`` is the name of a file, or a file open for reading bytes, which is read from where it stands to its end.
    Tensors come back as tensors and arrays as arrays, writable, each in memory of its own. The kind of file is recognised by its
    content. bfloat16 tensors need the extra ``bf16``; without it those of other programs become float32 of the same values.
    ``map_location`` can only be the CPU; ``weights_only`` is accepted for PyTorch's sake and makes no difference: nothing in a file is
    ever executed.

    Raises `FileFormatError`, naming the file and what is wrong with it, for truncated, corrupt or foreign files (and any change
    of a file that `save` wrote), `FileNotFoundError` if there is none.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "weights.npz")
    >>> np.savez(path, w=np.arange(3)); load(path)
    {'w': tensor([0, 1, 2])}
    """
    if map_location is not None and str(map_location) != "cpu":
        raise ArgumentError(f"load: tensors can only be on the CPU: map_location is {quote(map_location)}; leave it out or pass 'cpu'")
    name = os.fspath(path) if isinstance(path, str | os.PathLike) else f"{type(path).__name__} object"
    try:
        with open(name, "rb") if isinstance(path, str | os.PathLike) else _rest_of_open_file(path) as file:
            arrays, metadata = (_read_npz if file.read(4) in ZIP else _read_safetensors)(file)
        if not any(key in metadata for key in (VERSION, STRUCTURE, CHECKSUM)):
            return {k: Tensor(v) if v.dtype.char in NUMBERS else v for k, v in arrays.items()}
        return _decode_structure(metadata, arrays)
    except FileFormatError as error:
        raise FileFormatError(f"load: {error}: in {name}; restore the file from a copy or save it again") from error.__cause__


def _write_to_open_file(file: Any, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file that somebody else has opened, once all of its content is there."""
    from io import BytesIO, TextIOBase

    if not callable(getattr(file, "write", None)) or isinstance(file, TextIOBase):
        what = "a file open for text" if isinstance(file, TextIOBase) else f"{type(file).__name__} {file!r:.40}"
        raise OperandError(f"save: path must be the name of a file or a file open for writing bytes: got {what}; open it with 'wb'")
    content = BytesIO()
    write(content)
    left = content.getbuffer()
    while len(left):  # unbuffered files may take a part
        taken = file.write(left)
        left = left[len(left) if taken is None else taken :]


def _rest_of_open_file(file: Any) -> Any:
    """What is left to read of a file that somebody else has opened, as a file of its own."""
    from io import BytesIO, TextIOBase

    if not callable(getattr(file, "read", None)) or isinstance(file, TextIOBase):
        what = "a file open for text" if isinstance(file, TextIOBase) else f"{type(file).__name__} {file!r:.40}"
        raise OperandError(f"load: path must be the name of a file or a file open for reading bytes: got {what}; open it with 'rb'")
    content = file.read()
    if not isinstance(content, bytes | bytearray | memoryview):
        raise OperandError(f"load: the file gives {type(content).__name__}, not bytes; open it with 'rb'")
    if not content:
        raise FileFormatError("nothing is left to read: go back to its beginning with seek(0)")
    return BytesIO(content)


# ---- structure ----------------------------------------------------------------------------------------------------------------
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
    import json

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


# ---- safetensors --------------------------------------------------------------------------------------------------------------
def _write_safetensors(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write the whole file; the largest elements come first, so that every tensor is aligned."""
    import json

    ordered = sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize)
    entries: dict[str, Any] = {}
    offset = 0
    for name, array in ordered:
        code, end = "BF16" if array.dtype.char == "E" else CODES[array.dtype.newbyteorder("<")], offset + array.nbytes
        entries[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    checksum = _checksum(structure, entries, (_bytes(array) for _, array in ordered))
    metadata = {VERSION: "1", STRUCTURE: structure, CHECKSUM: checksum}
    header = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise ArgumentError(f"save: too much structure: the header is {len(header)} bytes, the format allows {MAX_HEADER}; use arrays")
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for _, array in ordered:
        file.write(_bytes(array))


def _bytes(array: np.ndarray[Any, Any]) -> memoryview:
    """The elements of ``array``, row by row and little-endian, as bytes; a copy is made only where they are not so in memory."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _checksum(structure: str, entries: dict[str, Any], data: Iterable[memoryview]) -> str:
    """CRC-32 of structure, tensor list and data."""
    import json
    import zlib

    crc = zlib.crc32(json.dumps([structure, entries], sort_keys=True).encode())
    for part in data:
        crc = zlib.crc32(part, crc)
    return f"{crc:08x}"


def _read_safetensors(file: BufferedReader) -> tuple[Arrays, dict[str, str]]:
    """The tensors and the metadata of a file, checked completely."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size < 8:
        raise FileFormatError(f"too short for a safetensors file: {size} bytes")
    length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER or length > size - 8:
        raise FileFormatError(f"truncated, or not a safetensors file: its header would be {length} bytes long, the file has {size}")
    entries = _parse_header(file.read(length))
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise FileFormatError("its metadata is not a map from text to text")
    places = sorted((_place(name, entry) for name, entry in entries.items()), key=lambda place: place[:2])
    arrays: Arrays = {}
    raw, position, available = [], 0, size - 8 - length
    for start, end, name, dtype, shape in places:
        if start != position or end > available:
            raise FileFormatError(
                f"tensor {quote(name)} stands at bytes {start} to {end} of {available}, its place begins at {position}: "
                f"{'truncated' if end > available else 'a gap or an overlap'}"
            )
        try:
            array = np.empty(shape, dtype)
        except ValueError as error:  # no elements, and yet a size beyond what NumPy can have
            raise FileFormatError(f"tensor {quote(name)} has the impossible shape {quote(shape)}") from error
        view = _bytes(array)
        if file.readinto(view) != array.nbytes:
            raise FileFormatError(f"truncated: tensor {quote(name)} is not complete")
        position = end
        raw.append(view)
        arrays[name] = array
    if position != available:
        raise FileFormatError(f"{available - position} bytes at its end belong to no tensor")
    if STRUCTURE in metadata and metadata.get(CHECKSUM) != _checksum(metadata[STRUCTURE], entries, raw):
        raise FileFormatError("its checksum is wrong: it was damaged, or changed by another program (which must then drop the metadata)")
    return {name: _native(arrays[name], entries[name]["dtype"]) for name in entries}, metadata


def _parse_header(text: bytes) -> dict[str, Any]:
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key occurs twice")
        return found

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"truncated, or not a safetensors file: its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise FileFormatError("not a safetensors file: its header is not a JSON object")
    return header


def _place(name: str, entry: Any) -> tuple[int, int, str, np.dtype[Any], tuple[int, ...]]:
    """Start and end in bytes, name, dtype and shape of a tensor, from its entry in the header."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise FileFormatError(f"tensor {quote(name)} is described by {quote(entry)}, not by dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if code != "BF16" and (not isinstance(code, str) or code not in DTYPES):
        raise FileFormatError(f"tensor {quote(name)} has the dtype {quote(code)}, which is not among {', '.join(DTYPES)}, BF16")
    for numbers in (shape, offsets):
        few = isinstance(numbers, list) and len(numbers) <= MAX_DIMENSIONS
        if not few or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
            raise FileFormatError(
                f"tensor {quote(name)} has shape {quote(shape)} and data_offsets {quote(offsets)}, not lists of (at most 64) sizes"
            )
    dtype = np.dtype("<u2" if code == "BF16" else DTYPES[code])
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise FileFormatError(f"tensor {quote(name)}, {code} of shape {quote(shape)}, does not fit its data_offsets {quote(offsets)}")
    return offsets[0], offsets[1], name, dtype, tuple(shape)


def _native(array: np.ndarray[Any, Any], code: str) -> np.ndarray[Any, Any]:
    """``array`` in the machine's byte order; BF16, which is the upper half of a float32, widened where NumPy cannot have it."""
    if code == "BF16":
        bits = array.astype(np.uint16, copy=False)
        try:
            return bits.view(bfloat16.dtype)
        except MissingExtraError:
            return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


# ---- npz ----------------------------------------------------------------------------------------------------------------------
def _write_npz(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    import json
    from zipfile import ZipFile

    text = json.dumps({VERSION: "1", STRUCTURE: structure}).encode()
    members = {NPZ_METADATA: np.frombuffer(text, np.uint8), **arrays}
    with ZipFile(file, "w") as archive:
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _read_npz(file: BufferedReader) -> tuple[Arrays, dict[str, str]]:
    import json
    from zipfile import ZipFile

    arrays: Arrays = {}
    try:
        with ZipFile(file) as archive:
            if any(name.endswith("/data.pkl") for name in archive.namelist()):
                raise FileFormatError("it is a pickled PyTorch file, and pickles are never read; save it there with safetensors.torch")
            _check_directory(file, archive)
            for member in archive.infolist():
                name = member.filename
                if not name.endswith(".npy") or name[:-4] in arrays:
                    raise FileFormatError(f"not an .npz file: {quote(name)} is not a .npy file, or occurs twice")
                arrays[name[:-4]] = _read_member(archive, member)
        if NPZ_METADATA not in arrays:
            return arrays, {}
        metadata = json.loads(arrays.pop(NPZ_METADATA).tobytes())
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise FileFormatError("its metadata is not a map from text to text")
        return arrays, metadata
    except FileFormatError:
        raise
    except Exception as error:  # zipfile, the decompressors and NumPy raise a dozen different types for damaged files
        raise FileFormatError(f"truncated or damaged .npz file ({type(error).__name__}: {error})") from error


def _check_directory(file: BinaryIO, archive: ZipFile) -> None:
    """Raise unless every byte of the file up to its directory belongs to a member: a damaged directory may name only some, or none."""
    members = sorted(archive.infolist(), key=lambda m: m.header_offset)
    starts = [*(m.header_offset for m in members), archive.start_dir]
    ends, slack = [0], [0]  # behind a member may stand its sizes once more
    for member in members:
        file.seek(member.header_offset)
        local = file.read(30)  # its last fields are the lengths of the name and the extra field
        ends.append(member.header_offset + 30 + sum(struct.unpack("<HH", local[26:])) + member.compress_size)
        slack.append(24 if member.flag_bits & 0x08 else 0)
    for start, end, more in zip(starts, ends, slack, strict=True):
        if not 0 <= start - end <= more:
            raise FileFormatError(f"truncated or damaged .npz file: its directory does not fit the {start} bytes before it")


def _read_member(archive: ZipFile, member: ZipInfo) -> np.ndarray[Any, Any]:
    """The array of one member, read no further than its header says, which may say less than the member inflates to."""
    with archive.open(member) as content:
        start = content.read(12)  # six letters, the version (two bytes), the length of the header (two bytes, four from version 2 on)
    if int.from_bytes(start[8 : 10 if start[6:7] == b"\x01" else 12], "little") > MAX_NPY_HEADER:
        raise FileFormatError(f"the header of {quote(member.filename)} would be longer than {MAX_NPY_HEADER} bytes")
    with archive.open(member) as content:
        array = np.lib.format.read_array(content, allow_pickle=False)
        if content.read(1):  # otherwise the CRC has been checked
            raise FileFormatError(f"bytes are left over in {quote(member.filename)}")
    if array.dtype == "V2":  # as which NumPy writes bfloat16
        return _native(array.view("<u2"), "BF16")
    return array.astype(array.dtype.newbyteorder("="), copy=False)
