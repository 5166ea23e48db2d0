"""The IDX file format of the original MNIST files: read and written in full, plain or gzip, with strict errors.

A file is four bytes of magic number (0, 0, dtype code, number of dimensions), one big-endian 32-bit size per dimension, and the
elements in row-major, big-endian order. Not here: which files make up a data set (``mnist.py``).

Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits", section on file formats.
"""

from __future__ import annotations

import math
import os
import struct
from typing import Any, TypeAlias

import numpy as np

from .._errors import ArgumentError, FileFormatError
from .._files import write_atomically

#: The dtype codes of the format.
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: The largest size of a dimension that the format can write.
MAX_SIZE = 2**32 - 1
#: How many bytes are read at a time.
CHUNK = 1 << 20

PathLike: TypeAlias = str | os.PathLike[str]


def read_idx(path: PathLike) -> np.ndarray[Any, Any]:
    """The array in an IDX file; a gzip file is recognised by its content, not by its name.

    The array has the file's shape and dtype (uint8, int8, int16, int32, float32, float64) in the machine's byte order.

    Raises `FileFormatError`, naming the file, what is wrong with it and what to do, for anything but a complete, well-formed file.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "labels-idx1-ubyte.gz")
    >>> write_idx(path, np.array([5, 0, 4], np.uint8)); read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    return parse_idx(read_bytes(path), path)


def read_bytes(path: PathLike, most: int | None = None) -> bytes:
    """The content of an IDX file, decompressed if it is gzip: what its header says and one byte more, however much there is.

    Of a file that is none, or is too short to have a header, a few bytes. Raises `FileFormatError` for a gzip file that is truncated,
    whose checksum is wrong, or that is followed by other bytes, and where the header says more than ``most`` bytes.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            file.seek(0)
            return _read_content(file, path, most)
        import gzip
        import zlib

        file.seek(0)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _read_content(unpacked, path, most)
        except (EOFError, OSError, zlib.error, struct.error) as error:
            raise FileFormatError(
                f"read_idx: the gzip file is truncated or corrupt: {os.fspath(path)} has {os.fstat(file.fileno()).st_size} bytes "
                f"({error}); get it again"
            ) from error


def _read_content(file: Any, path: PathLike, most: int | None) -> bytes:
    content = bytearray(file.read(4))
    start = _start(content)
    if start is not None:
        content += file.read(start - 4)
        expected = _expected(content, start)
        if expected is not None:
            if most is not None and expected > most:
                raise FileFormatError(
                    f"read_idx: another size than the original: the header of {os.fspath(path)} says {expected} bytes, at most {most} are "
                    f"possible here; check that it is the right file"
                )
            while chunk := file.read(min(CHUNK, expected + 1 - len(content))):
                content += chunk
    return bytes(content)


def _start(content: bytes | bytearray) -> int | None:
    """Where the elements begin, in a file that begins with these four bytes; None if it is no IDX file."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in DTYPES:
        return None
    return 4 + 4 * content[3]


def _expected(content: bytes | bytearray, start: int) -> int | None:
    """How many bytes the file has according to its header; None if that is not complete."""
    if len(content) < start:
        return None
    shape: tuple[int, ...] = struct.unpack(f">{content[3]}I", content[4:start])
    return start + np.dtype(DTYPES[content[2]]).itemsize * math.prod(shape)


def parse_idx(content: bytes, path: PathLike) -> np.ndarray[Any, Any]:
    """The array in ``content``, the bytes of an uncompressed IDX file; ``path`` is named in the errors."""
    name = os.fspath(path)
    if len(content) < 4:
        raise FileFormatError(f"read_idx: too short for an IDX file: {name} has {len(content)} bytes; get it again")
    start = _start(content)
    if start is None:
        raise FileFormatError(
            f"read_idx: not an IDX file: {name} starts with {content[:4].hex(' ')}, an IDX file with 00 00, a dtype code "
            f"({', '.join(f'{c:02x}' for c in DTYPES)}) and the number of dimensions; check that it is the right file"
        )
    code, ndim = content[2:4]
    expected = _expected(content, start)
    if expected is None:
        raise FileFormatError(
            f"read_idx: truncated in its header: {name} has {len(content)} bytes, its {ndim} dimensions alone need {start}; get it again"
        )
    shape, dtype = struct.unpack(f">{ndim}I", content[4:start]), np.dtype(DTYPES[code])
    if len(content) != expected:
        what, size = ("truncated", len(content)) if len(content) < expected else ("too long", f"at least {len(content)}")
        raise FileFormatError(
            f"read_idx: {what}: {name} has {size} bytes, its header (shape {shape!s:.80}, {dtype.name}) needs {start} + "
            f"{expected - start} = {expected}; get it again"
        )
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more dimensions, or larger sizes beside a 0, than NumPy can have
        raise FileFormatError(
            f"read_idx: no possible shape: {name} has shape {shape!s:.80} ({error}); check that it is the right file"
        ) from error
    return array.astype(dtype.newbyteorder("="))


def write_idx(path: PathLike, array: np.ndarray[Any, Any]) -> None:
    """Write ``array``, of any shape, as an IDX file, gzip-compressed if the name ends in ``.gz``.

    The same array gives the same bytes at any time (no time stamp is stored).

    The old file stays as it was until the new one is complete and on the disk, and gives it its permissions.

    Raises `ArgumentError` for dtypes that the format does not have (it has uint8, int8, int16, int32, float32, float64), for
    sizes above 2**32 - 1, and what `save` raises for files that cannot be written.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "matrix.idx")
    >>> write_idx(path, np.eye(2, dtype=np.float32)); read_idx(path)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    array, name = np.asarray(array), os.fspath(path)
    code = next((c for c, d in DTYPES.items() if np.dtype(d).newbyteorder("=") == array.dtype.newbyteorder("=")), None)
    if code is None:
        raise ArgumentError(
            f"write_idx: the format has no such dtype: the array is {array.dtype} {array.shape}; "
            f"convert it to uint8, int8, int16, int32, float32 or float64"
        )
    if max(array.shape, default=0) > MAX_SIZE:
        raise ArgumentError(f"write_idx: a dimension is too large: the array is {array.shape}, the format allows {MAX_SIZE}; split it")
    content = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.astype(DTYPES[code]).tobytes()
    if name.endswith(".gz"):
        import gzip

        content = gzip.compress(content, 9, mtime=0)
    write_atomically(name, lambda file: file.write(content), "write_idx")
