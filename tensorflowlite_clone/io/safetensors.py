"""The safetensors format: an 8-byte little-endian length, a JSON header of that length, and the tensors' bytes without gaps.

The header gives each tensor's dtype, shape and place, and metadata: text by name. https://github.com/huggingface/safetensors#format.
Not here: what is stored beside plain tensors (``structure.py``), several files for one object (``shards.py``).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from io import BufferedReader
from reprlib import repr as quote
from typing import Any, BinaryIO

import numpy as np

from .._errors import ArgumentError, FileFormatError, MissingExtraError
from ..core.dtype_names import bfloat16
from ..kernels.checksum import crc32
from .structure import CHECKSUM, CODES, DTYPES, STRUCTURE, VERSION, Arrays

#: The format's limit for the header, so that a damaged length is not taken for a real one.
MAX_HEADER = 100_000_000
#: What NumPy can have.
MAX_DIMENSIONS = 64


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write the whole file."""
    entries = laid_out(arrays)
    metadata = {VERSION: "1", STRUCTURE: structure, CHECKSUM: checksum(structure, entries, (content(arrays[name]) for name in entries))}
    write_parts(file, arrays, entries, metadata)


def laid_out(arrays: Arrays) -> dict[str, Any]:
    """The entries of the header for these arrays; the largest elements come first, so that every tensor is aligned."""
    entries: dict[str, Any] = {}
    offset = 0
    for name, array in sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize):
        code, end = "BF16" if array.dtype.char == "E" else CODES[array.dtype.newbyteorder("<")], offset + array.nbytes
        entries[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    return entries


def write_parts(file: BinaryIO, arrays: Arrays, entries: dict[str, Any], metadata: dict[str, str]) -> None:
    """Write the header that ``entries`` and ``metadata`` make, and the arrays in the order of the entries."""
    header = json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > MAX_HEADER:
        raise ArgumentError(f"save: too much structure: the header is {len(header)} bytes, the format allows {MAX_HEADER}; use arrays")
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for name in entries:
        file.write(content(arrays[name]))


def content(array: np.ndarray[Any, Any]) -> memoryview:
    """The elements of ``array``, row by row and little-endian, as bytes; a copy is made only where they are not so in memory."""
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def checksum(structure: str, entries: dict[str, Any], data: Iterable[memoryview]) -> str:
    """CRC-32 of structure, tensor list and data."""
    crc = crc32(json.dumps([structure, entries], sort_keys=True).encode())
    for part in data:
        crc = crc32(part, crc)
    return f"{crc:08x}"


def read(file: BufferedReader, memory: Any = None) -> tuple[Arrays, dict[str, str]]:
    """The tensors and the metadata of a file, checked completely; with its content as ``memory`` windows onto that, not read yet."""
    arrays, entries, metadata = read_parts(file, memory)
    if memory is None and STRUCTURE in metadata:
        ordered = sorted(entries, key=lambda name: entries[name]["data_offsets"])
        if metadata.get(CHECKSUM) != checksum(metadata[STRUCTURE], entries, (content(arrays[name]) for name in ordered)):
            raise FileFormatError(
                "its checksum is wrong: it was damaged, or changed by another program (which must then drop the metadata)"
            )
    return {name: native(arrays[name], entries[name]["dtype"]) for name in entries}, metadata


def read_parts(file: BufferedReader, memory: Any = None) -> tuple[Arrays, dict[str, Any], dict[str, str]]:
    """The arrays as they are stored, the entries of the header, and the metadata."""
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
    position, available = 0, size - 8 - length
    for start, end, name, dtype, shape in places:
        if start != position or end > available:
            raise FileFormatError(
                f"tensor {quote(name)} stands at bytes {start} to {end} of {available}, its place begins at {position}: "
                f"{'truncated' if end > available else 'a gap or an overlap'}"
            )
        try:
            if memory is not None and end > start:
                array = np.require(
                    np.frombuffer(memory, dtype, math.prod(shape), 8 + length + start).reshape(shape), requirements="A"
                )  # copied if it lies unevenly
            else:
                array = np.empty(shape, dtype)
        except ValueError as error:  # no elements, and yet a size beyond what NumPy can have
            raise FileFormatError(f"tensor {quote(name)} has the impossible shape {quote(shape)}") from error
        if memory is None and file.readinto(content(array)) != array.nbytes:
            raise FileFormatError(f"truncated: tensor {quote(name)} is not complete")
        position = end
        arrays[name] = array
    if position != available:
        raise FileFormatError(f"{available - position} bytes at its end belong to no tensor")
    return arrays, entries, metadata


def _parse_header(text: bytes) -> dict[str, Any]:
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


def native(array: np.ndarray[Any, Any], code: str) -> np.ndarray[Any, Any]:
    """``array`` in the machine's byte order; BF16, which is the upper half of a float32, widened where NumPy cannot have it."""
    if code == "BF16":
        bits = array.astype(np.uint16, copy=False)
        try:
            return bits.view(bfloat16.dtype)
        except MissingExtraError:
            return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
