"""Reading PyTorch's files (``.pt``, ``.pth``): a zip file of one pickle and of storages, or, older, pickles with the storages behind them.

The zip file has members ``<name>/data.pkl`` (the object), ``<name>/data/<key>`` (the bytes of each storage) and ``<name>/byteorder``; what
PyTorch writes is documented in its notes on serialization, https://docs.pytorch.org/docs/stable/notes/serialization.html. The older format
is five pickles in a row: a magic number, a version, facts about the machine, the object, and the keys of the storages; then of each storage
the number of its elements (8 bytes) and their bytes. Not here: how pickles are read (``opcodes.py``), members of zip files
(``archive.py``), writing (``pickled.py``).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from contextlib import nullcontext
from pickletools import genops
from reprlib import repr as quote
from typing import Any, BinaryIO
from zipfile import BadZipFile
from zlib import error as ZlibError  # noqa: N812

import numpy as np

from .._errors import FileFormatError, RefusedError
from .._typing import NDArray
from .allowed import find, give_state, new
from .archive import ALLOWANCE, Archive, Member, directory
from .opcodes import Host, Name, read_pickle
from .tensors import Storage, StorageType

#: The number and the version with which the older format begins.
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
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

    def __init__(self, archive: Archive, locate: Locate, length: int, swapped: bool, modules: bool) -> None:
        super().__init__(locate, length, swapped, modules)
        self.archive = archive

    def content(self, name: str, size: int) -> NDArray:
        """The bytes of the member that holds a storage."""
        return self.archive.array(f"data/{name}", size)


def pytorch_zip(file: BinaryIO) -> list[Member] | None:
    """The members of a zip file of PyTorch's; None for others. Raises `FileFormatError` for what is no whole zip file."""
    try:
        members = directory(file)
        return members if any(m.filename == "data.pkl" or m.filename.endswith("/data.pkl") for m in members) else None
    except (BadZipFile, NotImplementedError, ValueError, OSError, struct.error, RuntimeError, UnicodeDecodeError) as error:
        raise FileFormatError(f"truncated or damaged .npz file, or one of PyTorch's ({type(error).__name__}: {error!s:.200})") from error


def read_zip(file: BinaryIO, found: list[Member], locate: Locate, memory: Any, modules: bool, text: tuple[str, str]) -> Any:
    """The object in a zip file of PyTorch's; with the content of the file as ``memory``, its tensors are windows onto that."""
    try:
        members = Archive(file, found, memory)
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
        with open(f, "rb") if isinstance(f, str | os.PathLike) else nullcontext(f) as file:
            text = Archive(file, directory(file), None).read("data.pkl")
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
