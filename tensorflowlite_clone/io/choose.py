"""Which format a file has, or shall have, and what the arguments of `save` and `load` mean.

Not here: the formats themselves, each in a room of its own.
"""

from __future__ import annotations

import os
import pickle
from io import BytesIO
from reprlib import repr as quote
from typing import Any

import numpy as np

from .._errors import ArgumentError, FileFormatError, OperandError, RefusedError
from .._files import write_atomically
from ..core.device import device as Device  # noqa: N812
from ..core.device import on_cpu
from ..ops.memory import UntypedStorage
from . import npz, opened, pickled, pytorch, safetensors, shards
from .structure import decoded, encoded

#: How a zip file begins, full or empty. (The first two bytes alone could also be the length of a safetensors header.)
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: The names that mean PyTorch's format.
SUFFIXES = (".pt", ".pth")
#: How strings of Python 2 may be read.
ENCODINGS = ("utf-8", "ascii", "latin1", "latin-1", "bytes")


# ---- out --------------------------------------------------------------------------------------------------------------------------
def write(obj: Any, f: Any, options: tuple[Any, ...], max_shard_size: Any, for_torch: bool) -> None:
    """See `tl.save`; ``for_torch`` asks for PyTorch's format whatever the name."""
    pickle_module, protocol, new, bare = options
    _check_module("save", pickle_module)
    if isinstance(protocol, bool) or not isinstance(protocol, int) or not 0 <= protocol <= pickle.HIGHEST_PROTOCOL:
        raise ArgumentError(f"save: pickle_protocol must be from 0 to {pickle.HIGHEST_PROTOCOL}: got {protocol!r:.40}; leave it out")
    named = isinstance(f, str | os.PathLike)
    name = str(os.fspath(f)) if named else ""
    if for_torch or name.endswith(SUFFIXES):
        if max_shard_size is not None:
            raise ArgumentError("save: PyTorch's format has no shards: max_shard_size is given; choose a name that ends in .safetensors")
        fill = pickled.writer(obj, bool(new), not bare)
    elif max_shard_size is not None:
        if not named or name.endswith(".npz"):
            raise ArgumentError("save: max_shard_size is for files of safetensors by name; pass the name of a folder or x.safetensors")
        shards.write(obj, name, max_shard_size)
        return
    else:
        arrays, structure = encoded(obj)
        form = npz if name.endswith(".npz") else safetensors

        def fill(file: Any) -> None:
            form.write(file, arrays, structure)

    if named:
        write_atomically(name, fill, "save", needed=os.path.lexists(f"{name}.index.json"))
        shards.forget(name)  # what the index told of is removed
    else:
        opened.write_to_open_file(f, fill)


def _check_module(op: str, module: Any) -> None:
    if module is not None and not (callable(getattr(module, "load", None)) and callable(getattr(module, "dump", None))):
        raise OperandError(f"{op}: pickle_module must be pickle or None: got {type(module).__name__} {module!r:.40}; leave it out")
    if module is not None and getattr(module, "__name__", "pickle") not in ("pickle", "_pickle"):
        raise ArgumentError(
            f"{op}: files are never pickled by others, only read and written here: got {module!r:.60}; leave pickle_module out"
        )


# ---- in ---------------------------------------------------------------------------------------------------------------------------
def read(f: Any, map_location: Any, pickle_module: Any, weights_only: Any, mmap: Any, options: dict[str, Any]) -> Any:
    """See `tl.load`."""
    _check_module("load", pickle_module)
    locate = _locating(map_location)
    for setting, value in (("weights_only", weights_only), ("mmap", mmap)):
        if value is not None and not isinstance(value, bool | np.bool_ | int):
            raise OperandError(f"load: {setting} must be True, False or None: got {type(value).__name__} {value!r:.40}")
    unknown = options.keys() - {"encoding", "errors", "fix_imports", "buffers"}
    if unknown:
        raise OperandError(f"load: got an unexpected keyword argument {min(unknown)!r:.60}; of a pickle, encoding and errors can be told")
    encoding, errors = options.get("encoding", "utf-8"), options.get("errors", "strict")
    if encoding not in ENCODINGS or not isinstance(errors, str):
        raise ArgumentError(f"load: encoding must be one of {', '.join(ENCODINGS)}: got {encoding!r:.40}")
    named = isinstance(f, str | os.PathLike)
    if mmap and not named:
        raise ArgumentError(f"load: only files with a name can be mapped: f is a {type(f).__name__} and mmap is True; pass its name")
    name = str(os.fspath(f)) if named else f"{type(f).__name__} object"
    try:
        index = shards.index_of(name) if named else None
        if index is not None:
            return shards.read(index, bool(mmap))
        with open(name, "r+b" if mmap and opened.writes_through() else "rb") if named else opened.rest_of_open_file(f) as file:
            memory = opened.mapped(file) if mmap else None
            return _content(file, locate, memory, weights_only is not None and not weights_only, (encoding, errors))
    except RefusedError as error:
        raise RefusedError(f"load: {error}: in {name}") from error.__cause__
    except FileFormatError as error:
        raise FileFormatError(f"load: {error}: in {name}; restore the file from a copy or save it again") from error.__cause__


def _content(file: Any, locate: pytorch.Locate, memory: Any, modules: bool, text: tuple[str, str]) -> Any:
    """The object in a file of whatever kind."""
    head = file.read(512)
    file.seek(0)
    if head[:4] in ZIP:
        members = pytorch.pytorch_zip(file)
        if members is not None:
            return pytorch.read_zip(file, members, locate, memory, modules, text)
        if memory is not None:
            raise ArgumentError("load: .npz files are not mapped: mmap is True; leave it out, or save it as safetensors")
        file.seek(0)
        return decoded(*npz.read(file))
    pytorch.refuse_tar(head)
    if head[:1] == b"\x80" and int.from_bytes(head[:8], "little") > safetensors.MAX_HEADER:  # what no safetensors file begins with
        if memory is not None:
            raise ArgumentError(
                "load: files of PyTorch's older format are not mapped: mmap is True; leave it out, or save it again with torch.save"
            )
        return pytorch.read_old(file.getvalue() if isinstance(file, BytesIO) else opened.mapped(file), locate, modules, text)
    return decoded(*safetensors.read(file, memory))


def _locating(map_location: Any) -> pytorch.Locate:
    """What becomes of storages and the places where they were, by the argument ``map_location``."""
    if map_location is None:
        return lambda storage, place: storage
    if callable(map_location) and not isinstance(map_location, Device):  # which is one too, as a decorator
        return lambda storage, place: _moved(storage, map_location(storage, place), place)
    if isinstance(map_location, dict):
        for place in map_location.values():
            _require_cpu(place)
        return lambda storage, place: storage
    _require_cpu(map_location)
    return lambda storage, place: storage


def _require_cpu(place: Any) -> None:
    try:
        on_cpu(place)
    except ArgumentError:
        raise ArgumentError(f"load: tensors can only be on the CPU: map_location is {quote(place)}; leave it out or pass 'cpu'") from None


def _moved(storage: Any, answer: Any, place: str) -> Any:
    """What a function ``map_location`` says of a storage."""
    if answer is None or answer is storage:
        return storage
    if not isinstance(answer, UntypedStorage) or answer.nbytes() != storage.nbytes():
        raise OperandError(
            f"load: map_location must give a storage as long as the one of {place} that it got, or None: got "
            f"{type(answer).__name__} {answer!r:.40}"
        )
    storage.array = answer.array.reshape(-1).view(np.uint8)
    return storage
