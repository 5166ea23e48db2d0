"""The zip files of PyTorch's format: their members below the folder of ``data.pkl``, out (`write`) and in (`Archive`), where nothing is
taken from a directory that the file itself does not bear out. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

Not here: what the members hold (``pytorch.py``, ``pickled.py``); NumPy's zip files (``npz.py``).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from reprlib import repr as quote
from typing import Any, BinaryIO, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

from .._errors import FileFormatError, RefusedError
from .._files import write_parts
from .._typing import NDArray
from ..kernels.checksum import crc32

#: The bytes at multiples of which members begin in a file, so that they can be mapped.
ALIGNMENT = 64
#: From which size, place or count on zip files need the longer fields of their 64-bit form.
ZIP64_FROM, MANY = (1 << 31) - 1, (1 << 16) - 1
#: How many times its size a compressed member may have; PyTorch itself compresses nothing.
MOST_INFLATED = 100
#: What the calls of a file may make, beside what it holds.
ALLOWANCE = 65_536

#: The first of January 1980, with which zip files begin, as their format has it; readable and writable for whom it belongs to.
DATE, PERMISSIONS = 33, 0o600 << 16

#: A member in the directory, without its name; the end of a file without a comment; of what stands before a member, how long its name
#: and its extra field are, which follow.
_ENTRY, _END, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH"), struct.Struct("<26x2H")


# ---- out ------------------------------------------------------------------------------------------------------------------------
def write(file: BinaryIO, members: Iterable[tuple[str, Any]]) -> None:
    """Write a zip file of these members (name and bytes) as they are."""
    at, directory, count = 0, [], 0
    parts: list[Any] = []
    for count, (name, content) in enumerate(members, 1):  # noqa: B007
        path, size, crc = f"archive/{name}".encode(), len(content), crc32(content)
        large, far = size > ZIP64_FROM, at > ZIP64_FROM
        version, short = (45, 0xFFFFFFFF) if large else (20, size)
        more = struct.pack("<HHQQ", 1, 16, size, size) if large else b""
        padding = -(at + 30 + len(path) + len(more) + 4) % ALIGNMENT
        more += b"FB" + struct.pack("<H", padding) + b"Z" * padding
        local = struct.pack("<4s5H3L2H", b"PK\3\4", version, 0, ZIP_STORED, 0, DATE, crc, short, short, len(path), len(more))
        places = [*((size, size) if large else ()), *((at,) if far else ())]
        extra = struct.pack(f"<HH{len(places)}Q", 1, 8 * len(places), *places) if places else b""
        directory += [
            _ENTRY.pack(
                b"PK\1\2", 3 << 8 | (45 if places else 20), 45 if places else 20, 0, ZIP_STORED, 0, DATE, crc, short, short,
                len(path), len(extra), 0, 0, 0, PERMISSIONS, 0xFFFFFFFF if far else at,
            ), path, extra,
        ]  # fmt: skip
        parts += [b"".join([local, path, more]), content]
        at += 30 + len(path) + len(more) + size
    parts.append(b"".join(directory) + _end(at, sum(map(len, directory)), count))
    write_parts(file, parts)


def _end(at: int, size: int, count: int) -> bytes:
    """The end of a zip file whose directory of ``count`` members has ``size`` bytes and begins at ``at``."""
    end = b""
    if at + size > ZIP64_FROM or count > MANY:
        end = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
        end += struct.pack("<4sLQL", b"PK\6\7", 0, at + size, 1)
        at, size, count = min(at, 0xFFFFFFFF), min(size, 0xFFFFFFFF), min(count, MANY)
    return end + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, at, 0)


# ---- in -------------------------------------------------------------------------------------------------------------------------
class Member(NamedTuple):
    """What the directory says of a member: its name and whole path, how it is stored, and where its header stands."""

    filename: str
    flag_bits: int
    compress_type: int
    CRC: int
    compress_size: int
    file_size: int
    header_offset: int


def directory(file: Any) -> list[Member]:
    """The members of a zip file; raises what `zipfile.ZipFile` does for what is none."""
    found = _plain_directory(file)
    if found is not None:
        return found
    return [Member(*[getattr(m, name) for name in Member._fields]) for m in ZipFile(file).infolist()]


def _plain_directory(file: Any) -> list[Member] | None:
    """`directory` in a fifth of the time that `zipfile.ZipFile` takes, of files as `write` makes them, where nothing is long, optional or
    left to guess; None for all others.
    """
    whole = file.seek(0, os.SEEK_END)
    if whole < _END.size:
        return None
    file.seek(max(0, whole - 4096))
    tail = file.read(4096)
    begin, disk, first_disk, _, count, size, start, comment = _END.unpack(tail[-_END.size :])
    if begin != b"PK\5\6" or disk or first_disk or comment or start + size != whole - _END.size:  # as is every file with 64-bit fields
        return None
    if size + _END.size > len(tail):
        file.seek(start)
        tail = file.read(size + _END.size)
    found, at, end = [], len(tail) - _END.size - size, len(tail) - _END.size
    while at + _ENTRY.size <= end:
        begin, _, version, flags, kind, _, _, crc, packed, length, name, extra, comment, *_, where = _ENTRY.unpack_from(tail, at)
        path = tail[at + _ENTRY.size : at + _ENTRY.size + name]
        at += _ENTRY.size + name
        plain = path.isascii() and b"\0" not in path and b"\\" not in path
        if begin != b"PK\1\2" or version > 45 or extra or comment or not plain or 0xFFFFFFFF in (packed, length, where):
            return None
        found.append(Member(path.decode(), flags, kind, crc, packed, length, where))
    return found if at == end and len(found) == count else None


class Archive:
    """The members of a zip file below the folder of ``data.pkl``, read no further than their file goes."""

    def __init__(self, file: Any, members: list[Member], memory: Any) -> None:
        self.file, self.memory = file, memory
        #: Who inflates members; PyTorch itself compresses none.
        self.inflating: ZipFile | None = None
        names = {m.filename: m for m in members}
        if len(names) != len(members):
            raise FileFormatError("damaged: a member of the zip file occurs twice")
        folders = [n.removesuffix("data.pkl") for n in names if n == "data.pkl" or n.endswith("/data.pkl")]
        self.members = {n.removeprefix(folders[0]): m for n, m in names.items() if n.startswith(folders[0])}
        if len(folders) != 1:
            raise FileFormatError(f"damaged: {len(folders)} members called data.pkl")
        if "constants.pkl" in self.members or any(n.startswith("code/") for n in self.members):
            raise RefusedError("refused: a module compiled by torch.jit (TorchScript), which is code; save model.state_dict() there")
        self.starts = self._starts(members)

    def _starts(self, members: list[Member]) -> dict[str, int]:
        """Where the content of each member begins; raises if they overlap."""
        starts, end, seek, read = {}, 0, self.file.seek, self.file.read
        whole = seek(0, os.SEEK_END)
        for m in sorted(members, key=lambda m: m.header_offset):
            at = m.header_offset
            seek(min(max(at, 0), whole))
            local = read(_LOCAL.size)
            if len(local) < _LOCAL.size or at < end or local[:4] != b"PK\3\4":
                raise FileFormatError(f"damaged: the member {quote(m.filename)} of the zip file overlaps another")
            name, extra = _LOCAL.unpack(local)
            start = at + _LOCAL.size + name + extra
            end = start + m.compress_size
            if end > whole:
                raise FileFormatError(f"truncated: the member {quote(m.filename)} ends at byte {end} of {whole}")
            if m.flag_bits & 0x41 or m.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
                raise FileFormatError(
                    f"the member {quote(m.filename)} of the zip file is encrypted, or compressed in another way than deflate"
                )
            if m.compress_type == ZIP_STORED and m.file_size != m.compress_size:
                raise FileFormatError(f"damaged: the member {quote(m.filename)} of the zip file has two sizes")
            if m.file_size > MOST_INFLATED * m.compress_size + ALLOWANCE:
                raise RefusedError(
                    f"refused: the member {quote(m.filename)} would inflate from {m.compress_size} to {m.file_size} bytes: a bomb; if it "
                    f"is none, unpack it and pack it again without compression"
                )
            starts[m.filename] = start
        return starts

    def read(self, name: str) -> bytes:
        """The whole content of a small member; empty if there is none."""
        return self.array(name).tobytes() if name in self.members else b""

    def array(self, name: str, size: int | None = None) -> NDArray:
        """The content of a member as bytes (n) that may be written to; raises unless they are ``size``."""
        member = self.members.get(name)
        if member is None:
            raise FileFormatError(f"damaged: its zip file has no member {quote(name)}")
        if size is not None and member.file_size != size:
            raise FileFormatError(f"damaged: the storage {quote(name)} has {member.file_size} bytes, its tensors are of one with {size}")
        start = self.starts[member.filename]
        if member.compress_type == ZIP_DEFLATED:
            self.inflating = self.inflating or ZipFile(self.file)
            with self.inflating.open(member.filename) as content:
                raw = content.read(member.file_size)
                if len(raw) != member.file_size or content.read(1):
                    raise FileFormatError(f"damaged: the member {quote(name)} has other than the {member.file_size} bytes that it says")
            return np.frombuffer(bytearray(raw), np.uint8)
        if self.memory is not None and name.startswith("data/") and member.file_size:
            return np.frombuffer(self.memory, np.uint8, member.file_size, start)
        array = np.empty(member.file_size, np.uint8)
        self.file.seek(start)
        if self.file.readinto(array.data) != array.nbytes:
            raise FileFormatError(f"truncated: the member {quote(name)} is not complete")
        if member.CRC and crc32(array.data) != member.CRC:  # 0 where PyTorch was told to leave it out
            raise FileFormatError(f"damaged: the checksum of the member {quote(name)} is wrong")
        return array
