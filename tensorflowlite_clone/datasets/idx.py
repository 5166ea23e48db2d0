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

#: The dtype codes of the format.
DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
#: The largest size of a dimension that the format can write.
MAX_SIZE = 2**32 - 1

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


def read_bytes(path: PathLike) -> bytes:
    """The content of a file, decompressed if it is gzip.

    Raises `FileFormatError` for a gzip file that is truncated, whose checksum is wrong, or that is followed by other bytes.
    """
    with open(path, "rb") as file:
        raw = file.read()
    if raw[:2] != b"\x1f\x8b":
        return raw
    import gzip
    import zlib

    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise FileFormatError(
            f"read_idx: the gzip file is truncated or corrupt: {os.fspath(path)} has {len(raw)} bytes ({error}); get it again"
        ) from error


def parse_idx(content: bytes, path: PathLike) -> np.ndarray[Any, Any]:
    """The array in ``content``, the bytes of an uncompressed IDX file; ``path`` is named in the errors."""
    name = os.fspath(path)
    if len(content) < 4:
        raise FileFormatError(f"read_idx: too short for an IDX file: {name} has {len(content)} bytes; get it again")
    zero, code, ndim = struct.unpack(">HBB", content[:4])
    if zero != 0 or code not in DTYPES:
        raise FileFormatError(
            f"read_idx: not an IDX file: {name} starts with {content[:4].hex(' ')}, an IDX file with 00 00, a dtype code "
            f"({', '.join(f'{c:02x}' for c in DTYPES)}) and the number of dimensions; check that it is the right file"
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise FileFormatError(
            f"read_idx: truncated in its header: {name} has {len(content)} bytes, its {ndim} dimensions alone need {start}; get it again"
        )
    shape, dtype = struct.unpack(f">{ndim}I", content[4:start]), np.dtype(DTYPES[code])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(content) != expected:
        raise FileFormatError(
            f"read_idx: {'truncated' if len(content) < expected else 'too long'}: {name} has {len(content)} bytes, its header "
            f"(shape {shape}, {dtype.name}) needs {start} + {expected - start} = {expected}; get it again"
        )
    try:
        array = np.frombuffer(content, dtype, offset=start).reshape(shape)
    except ValueError as error:  # more dimensions, or larger sizes beside a 0, than NumPy can have
        raise FileFormatError(
            f"read_idx: no possible shape: {name} has shape {shape} ({error}); check that it is the right file"
        ) from error
    return array.astype(dtype.newbyteorder("="))


def write_idx(path: PathLike, array: np.ndarray[Any, Any]) -> None:
    """Write ``array``, of any shape, as an IDX file, gzip-compressed if the name ends in ``.gz``.

    The same array gives the same bytes at any time (no time stamp is stored).

    Raises `ArgumentError` for dtypes that the format does not have (it has uint8, int8, int16, int32, float32, float64) and for
    sizes above 2**32 - 1.

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
    with open(path, "wb") as file:
        file.write(content)
