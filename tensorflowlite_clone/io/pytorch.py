"""Reading PyTorch's files (``.pt``, ``.pth``): a zip file of one pickle and of storages, or, older, pickles with the storages behind them.

The zip file has members ``<name>/data.pkl`` (the object), ``<name>/data/<key>`` (the bytes of each storage) and ``<name>/byteorder``; what
PyTorch writes is documented in its notes on serialization, https://docs.pytorch.org/docs/stable/notes/serialization.html. The older format
is five pickles in a row: a magic number, a version, facts about the machine, the object, and the keys of the storages; then of each storage
the number of its elements (8 bytes) and their bytes. Not here: how pickles are read (``opcodes.py``), writing (``pickled.py``).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import nullcontext
from io import BufferedReader
from pickletools import genops
from reprlib import repr as quote
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo
from zlib import crc32
from zlib import error as ZlibError  # noqa: N812

import numpy as np

from .._errors import FileFormatError, RefusedError
from .._typing import NDArray
from .allowed import find, give_state, new
from .opcodes import Host, Name, read_pickle
from .tensors import Storage, StorageType

#: The number and the version with which the older format begins.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
#: How many times its size a compressed member may have; PyTorch itself compresses nothing.
MOST_INFLATED = 100
#: What the calls of a file may make, beside what it holds.
ALLOWANCE = 65_536

#: What becomes of a storage and the place where it was: the storage.
Locate = Callable[[Storage, str], Storage]


class _Reader(Host):
    """One PyTorch file on its way in."""

    def __init__(self, locate: Locate, length: int, swapped: bool, modules: bool) -> None:
        self.locate, self.swapped, self.modules = locate, swapped, modules
        self.budget = 4 * length + ALLOWANCE
        self.storages: dict[str, Storage] = {}

    def find(self, module: str, name: str) -> Any:
        """What a name stands for."""
        return find(module, name, self.modules)

    def new(self, name: Name, args: tuple[Any, ...]) -> Any:
        """An object of a class of the user's."""
        return new(self, name, args)

    def build(self, target: Any, state: Any) -> None:
        """Give a state to an object."""
        give_state(self, target, state)

    def persistent(self, key: Any) -> Any:
        """The storage that the file keeps under a key."""
        if isinstance(key, tuple) and len(key) == 4 and key[0] == "module" and isinstance(key[1], Name):
            return key[1]  # the class of a module, beside its source
        if not isinstance(key, tuple) or len(key) not in (5, 6) or key[0] != "storage":
            raise RefusedError(f"refused: it refers to {quote(key)}, which is no storage")
        _, kind, name, location, count, *view = key
        fits = isinstance(kind, StorageType) and isinstance(location, str) and type(count) is int and 0 <= count < 2**62
        if not fits or not isinstance(name, str | int):
            raise FileFormatError(f"damaged: it refers to the storage {quote(key)}")
        name, known = str(name), self.storages.get(str(name))
        if known is None:
            array = self.content(name, count * kind.dtype.itemsize)
            known = self.storages[name] = self.locate(Storage(array, kind.dtype, self.swapped), location)
        elif known.nbytes() < count * kind.dtype.itemsize:
            raise FileFormatError(f"damaged: the storage {quote(name)} has {known.nbytes()} bytes and is said to have {count} elements")
        if known.dtype is not kind.dtype and known.nbytes():
            known = Storage(known.array, kind.dtype, known.swapped)
        return self.part(known, view[0]) if view and view[0] is not None else known

    def content(self, name: str, size: int) -> NDArray:
        """The ``size`` bytes of a storage."""
        raise FileFormatError(f"damaged: there is no storage {quote(name)}")

    def part(self, storage: Storage, view: Any) -> Storage:
        """A storage that is a part of another, as PyTorch had them before 0.4."""
        _, start, count = view
        step = storage.dtype.itemsize
        if not all(type(n) is int and n >= 0 for n in (start, count)) or (start + count) * step > storage.nbytes():
            raise FileFormatError(f"damaged: a part of a storage that goes beyond it: {quote(view)}")
        return Storage(storage.array[start * step : (start + count) * step], storage.dtype, storage.swapped)


# ---- zip ------------------------------------------------------------------------------------------------------------------------
class _ZipReader(_Reader):
    """A zip file on its way in."""

    def __init__(self, archive: _Archive, locate: Locate, length: int, swapped: bool, modules: bool) -> None:
        super().__init__(locate, length, swapped, modules)
        self.archive = archive

    def content(self, name: str, size: int) -> NDArray:
        """The bytes of the member that holds a storage."""
        return self.archive.array(f"data/{name}", size)


def is_pytorch_zip(file: BufferedReader) -> bool:
    """Whether a zip file is PyTorch's; raises `FileFormatError` for what is no whole zip file."""
    try:
        with ZipFile(file) as archive:
            return any(name == "data.pkl" or name.endswith("/data.pkl") for name in archive.namelist())
    except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error, RuntimeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"truncated or damaged .npz file, or one of PyTorch's ({type(error).__name__}: {error!s:.200})") from error


class _Archive:
    """The members of a zip file below the folder of ``data.pkl``, read no further than their file goes."""

    def __init__(self, file: BufferedReader, archive: ZipFile, memory: Any) -> None:
        self.file, self.archive, self.memory = file, archive, memory
        members = archive.infolist()
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

    def _starts(self, members: list[ZipInfo]) -> dict[str, int]:
        """Where the content of each member begins; raises if they overlap."""
        starts, end, whole = {}, 0, self.file.seek(0, os.SEEK_END)
        for m in sorted(members, key=lambda m: m.header_offset):
            self.file.seek(min(max(m.header_offset, 0), whole))
            local = self.file.read(30)  # its last fields are the lengths of the name and the extra field
            if len(local) < 30 or m.header_offset < end or local[:4] != b"PK\x03\x04":
                raise FileFormatError(f"damaged: the member {quote(m.filename)} of the zip file overlaps another")
            start = m.header_offset + 30 + sum(struct.unpack("<HH", local[26:]))
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
            with self.archive.open(member) as content:
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


def read_zip(file: BufferedReader, locate: Locate, memory: Any, modules: bool, text: tuple[str, str]) -> Any:
    """The object in a zip file of PyTorch's; with the content of the file as ``memory``, its tensors are windows onto that."""
    try:
        with ZipFile(file) as archive:
            members = _Archive(file, archive, memory)
            pickled = members.read("data.pkl")
            order = members.read("byteorder").strip()
            if order not in (b"", b"little", b"big"):
                raise FileFormatError(f"damaged: its byte order is {order[:20]!r}")
            little = order == b"little" or (order == b"" and ENDIANNESS[0] != "big")
            swapped = little != (np.little_endian)
            reader = _ZipReader(members, locate, len(pickled), swapped, modules)
            return read_pickle(pickled, reader, 0, *text)[0]
    except (BadZipFile, ZlibError, NotImplementedError, EOFError, struct.error) as error:
        raise FileFormatError(f"truncated or damaged ({type(error).__name__}: {error!s:.200})") from error


#: The byte order of files that do not say theirs: None is the machine's.
ENDIANNESS: list[str | None] = [None]


# ---- the older format -----------------------------------------------------------------------------------------------------------
class _OldReader(_Reader):
    """A file of the older format on its way in: read twice, since how long its storages are, and so where they stand, its object says."""

    def __init__(self, locate: Locate, data: Any, swapped: bool, modules: bool, places: dict[str, int] | None) -> None:
        super().__init__(locate, min(len(data), 1 << 26), swapped, modules)
        self.data, self.places, self.left = data, places, len(data)
        self.blind = places is None
        #: Bytes, and bytes of one element, of each storage.
        self.sizes: dict[str, tuple[int, int]] = {}

    def persistent(self, key: Any) -> Any:
        """The storage that the file keeps under a key."""
        found = super().persistent(key)
        if isinstance(found, Storage):
            self.sizes.setdefault(str(key[2]), (self.storages[str(key[2])].nbytes(), key[1].dtype.itemsize))
        return found

    def content(self, name: str, size: int) -> NDArray:
        """The bytes of a storage; at the first reading memory for no more than the file has."""
        self.left -= size
        if self.left < 0:
            raise FileFormatError(f"truncated: the storage {quote(name)} of {size} bytes is longer than what is left of the file")
        if self.places is None:
            return np.zeros(size, np.uint8)
        return np.array(np.frombuffer(self.data, np.uint8, size, self.places[name]))


def read_old(data: Any, locate: Locate, modules: bool, text: tuple[str, str]) -> Any:
    """The object in a file of the older format, whose bytes are ``data``."""
    host, at = Host(), 0
    begin = []
    for _ in range(3):
        part, at = read_pickle(data, host, at, *text)
        begin.append(part)
        if begin[0] != MAGIC or type(begin[0]) is not int:
            raise RefusedError("refused: a pickle, but none of PyTorch's, and only its tensors are read; save it with torch.save")
    if begin[1] != VERSION or not isinstance(begin[2], dict):
        raise FileFormatError(f"damaged, or of another version of PyTorch's older format: {quote(begin[1])}, {VERSION} is known here")
    swapped = bool(begin[2].get("little_endian", True)) != np.little_endian
    survey = _OldReader(lambda storage, place: storage, data, swapped, modules, None)
    start = at
    at = read_pickle(data, survey, start, *text)[1]
    keys, at = read_pickle(data, host, at, *text)
    if not isinstance(keys, list) or {str(k) for k in keys} != set(survey.sizes) or len(keys) != len(survey.sizes):
        raise FileFormatError(f"damaged: the storages {quote(keys)} stand in it, its tensors are of {quote(sorted(survey.sizes))}")
    places = {}
    for key in map(str, keys):
        size, step = survey.sizes[key]
        count = int.from_bytes(bytes(data[at : at + 8]), "little" if swapped != np.little_endian else "big")
        places[key] = at = at + 8
        if count * step != size or at + size > len(data):
            raise FileFormatError(f"truncated or damaged: the storage {quote(key)} of {size} bytes begins at byte {at} of {len(data)}")
        at += size
    return read_pickle(data, _OldReader(locate, data, swapped, modules, places), start, *text)[0]


def refuse_tar(head: bytes) -> None:
    """Raise for PyTorch's oldest format, a tar file, which says so in its first 512 bytes."""
    if head[257:262] == b"ustar":
        raise RefusedError("refused: a tar file, PyTorch's format before 0.1.10 (2017); load it there and save it again")


# ---- what a file asks for ---------------------------------------------------------------------------------------------------------
def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a PyTorch file (of the zip format) that `load` would refuse, in alphabetical order; nothing is loaded.

    ``f`` is the name of the file, or a file open for reading bytes. Raises `FileFormatError` for other files.

    >>> import os, tempfile
    >>> import tensorflowlite_clone as tl
    >>> path = os.path.join(tempfile.mkdtemp(), "x.pt")
    >>> tl.save({"w": tl.ones(2)}, path); get_unsafe_globals_in_checkpoint(path)
    []
    """
    try:
        with ZipFile(f) as archive, open(f, "rb") if isinstance(f, str | os.PathLike) else nullcontext(f) as file:
            text = _Archive(file, archive, None).read("data.pkl")
        found: set[tuple[str, ...]] = set()
        strings: list[str] = []
        memo: dict[Any, str] = {}
        for op, value, _ in genops(text):
            if op.name == "GLOBAL":
                found.add(tuple(str(value).split(" ", 1)))
            elif op.name == "STACK_GLOBAL" and len(strings) >= 2:
                found.add((strings[-2], strings[-1]))
            elif op.name == "MEMOIZE" or "PUT" in op.name:
                memo[len(memo) if value is None else value] = strings[-1] if strings else ""
            elif "UNICODE" in op.name or "GET" in op.name:
                strings.append(str(value if "UNICODE" in op.name else memo.get(value, "")))
    except (BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
        raise FileFormatError(
            f"get_unsafe_globals_in_checkpoint: no PyTorch file of the zip format, or a damaged one: {error!s:.200}"
        ) from error
    return sorted({".".join(name) for name in found if not _is_allowed(*name)})


def _is_allowed(module: str, name: str = "") -> bool:
    try:
        find(module, name)
    except RefusedError:
        return False
    return True
