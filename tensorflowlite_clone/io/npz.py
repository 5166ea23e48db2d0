"""NumPy's format ``.npz``: a zip file of arrays, without pickles in it.

Not here: what is stored beside plain arrays (``structure.py``).
"""

from __future__ import annotations

import json
import struct
from io import BufferedReader
from reprlib import repr as quote
from typing import Any, BinaryIO
from zipfile import ZipFile, ZipInfo

import numpy as np

from .._errors import FileFormatError
from .safetensors import native
from .structure import NPZ_METADATA, STRUCTURE, VERSION, Arrays

#: NumPy's limit for the header of an array; it would read a longer one first.
MAX_NPY_HEADER = 10_000


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write the whole file."""
    text = json.dumps({VERSION: "1", STRUCTURE: structure}).encode()
    members = {NPZ_METADATA: np.frombuffer(text, np.uint8), **arrays}
    with ZipFile(file, "w") as archive:
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read(file: BufferedReader) -> tuple[Arrays, dict[str, str]]:
    """The arrays and the metadata of a file."""
    arrays: Arrays = {}
    try:
        with ZipFile(file) as archive:
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
        return native(array.view("<u2"), "BF16")
    return array.astype(array.dtype.newbyteorder("="), copy=False)
