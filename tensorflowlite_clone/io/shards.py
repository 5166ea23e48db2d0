"""Several safetensors files for one object, with an index: the layout of the Hugging Face hub.

``model.safetensors.index.json`` holds ``{"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}``, beside it stand the files
``model-00001-of-00003.safetensors``; https://huggingface.co/docs/huggingface_hub/package_reference/serialization. The structure of
nested objects stands in the metadata of the index. Not here: the format of each file (``safetensors.py``).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from functools import partial
from reprlib import repr as quote
from typing import Any

import numpy as np

from .._errors import ArgumentError, FileFormatError, OperandError
from .._files import write_atomically
from . import opened, safetensors
from .structure import CHECKSUM, STRUCTURE, VERSION, Arrays, decoded, encoded

SUFFIX, INDEX = ".safetensors", ".safetensors.index.json"
#: What sizes may be given in: thousands, as in PyTorch's and Hugging Face's programs, and 1024s.
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
#: An index larger than this is damaged.
MAX_INDEX = 100_000_000


def index_of(name: str) -> str | None:
    """The index that is meant by the name of one, of its folder, or of the file that was parted; None if a plain file is meant."""
    if name.endswith(".index.json"):
        return name
    if os.path.isdir(name):
        here = sorted(n for n in os.listdir(name) if n.endswith((INDEX, SUFFIX)))
        indices = (
            [n for n in here if n.endswith(INDEX) and n.removesuffix(".index.json") not in here]
            or [n for n in here if n == f"model{SUFFIX}"]
            or here
        )
        if len(indices) != 1:
            raise FileFormatError(f"a folder with {len(indices)} safetensors files or indices, {quote(indices)}; pass the name of one")
        return os.path.join(name, indices[0])
    if name.endswith(SUFFIX) and not os.path.exists(name) and os.path.exists(f"{name}.index.json"):
        return f"{name}.index.json"
    return None


def read(index: str, mapped: bool) -> Any:
    """The object of which an index tells; a plain file in its place is read as such."""
    if not index.endswith(".index.json"):
        with open(index, "rb") as file:
            return decoded(*safetensors.read(file, opened.mapped(file) if mapped else None))
    places, metadata = _parsed(index)
    arrays: Arrays = {}
    crc = []
    for base in sorted(set(places.values())):
        path = os.path.join(os.path.dirname(index), base)
        if not os.path.isfile(path):
            raise FileFormatError(f"the file {quote(base)}, of which the index tells, is not there")
        with open(path, "rb") as file:
            try:
                found, entries, own = safetensors.read_parts(file, opened.mapped(file) if mapped else None)
            except FileFormatError as error:
                raise FileFormatError(f"{base}: {error}") from error.__cause__
        meant = [n for n in entries if places.get(n) == base]
        arrays.update({n: safetensors.native(found[n], entries[n]["dtype"]) for n in meant})
        crc.append(own.get(CHECKSUM, ""))
        if CHECKSUM in own and not mapped and own[CHECKSUM] != _checksum(found, entries):
            raise FileFormatError(f"{base}: its checksum is wrong: it was damaged, or changed by another program")
    if missing := sorted(set(places) - set(arrays)):
        raise FileFormatError(f"tensors that the index names stand in none of its files: {quote(missing)}")
    if metadata.get(CHECKSUM) is not None and metadata[CHECKSUM] != _of_all(metadata.get(STRUCTURE, ""), crc):
        raise FileFormatError("the files are not those of which the index tells: one was replaced, or the index changed")
    return decoded({n: arrays[n] for n in places}, metadata)


def _parsed(index: str) -> tuple[dict[str, str], dict[str, str]]:
    """The places of the tensors, and those of the metadata that are text."""
    with open(index, "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_INDEX:
            raise FileFormatError(f"an index of more than {MAX_INDEX} bytes")
        try:
            found = json.loads(file.read())
        except (ValueError, RecursionError) as error:
            raise FileFormatError(f"truncated, or no index: it is not JSON ({error!s:.200})") from error
    places = found.get("weight_map") if isinstance(found, dict) else None
    if not isinstance(places, dict) or not all(isinstance(p, str) for p in places.values()):
        raise FileFormatError("no index of safetensors files: it has no weight_map from tensors to files")
    for base in places.values():
        if base in ("", ".", "..") or re.search(r"[/\\\0:]", base) or not base.endswith(SUFFIX):
            raise FileFormatError(f"the index tells of the file {quote(base)}, which is none beside it of the format")
    metadata = found.get("metadata")
    return places, {k: v for k, v in metadata.items() if isinstance(v, str)} if isinstance(metadata, dict) else {}


def write(obj: Any, name: str, max_shard_size: Any) -> None:
    """Write ``obj`` in files of at most this size; the index, written last, tells which belong to it, so that it is whole at any moment."""
    most = size_of(max_shard_size)
    folder, base = (name, f"model{SUFFIX}") if os.path.isdir(name) or not name.endswith(SUFFIX) else os.path.split(name)
    if not os.path.isdir(folder or "."):
        raise FileNotFoundError(f"save: the folder does not exist: {folder}; create it first")
    stem, target = base.removesuffix(SUFFIX), os.path.join(folder, base)
    index = f"{target}.index.json"
    before = _files_of(index, stem)
    arrays, structure = encoded(obj)
    parts = _parted(arrays, most)
    if len(parts) <= 1:
        write_atomically(target, lambda file: safetensors.write(file, arrays, structure), "save")
        forget(target)
        return
    names, crc, places = [], [], {}
    for i, part in enumerate(parts):
        shard = f"{stem}-{i + 1:05d}-of-{len(parts):05d}{SUFFIX}"
        if os.path.lexists(os.path.join(folder, shard)):  # it may belong to the object that is there until the index is written
            shard = f"{stem}-{i + 1:05d}-of-{len(parts):05d}-{os.urandom(4).hex()}{SUFFIX}"
        entries = safetensors.laid_out(part)
        crc.append(_checksum(part, entries))
        fill = partial(safetensors.write_parts, arrays=part, entries=entries, metadata={"format": "pt", CHECKSUM: crc[-1]})
        write_atomically(os.path.join(folder, shard), fill, "save")
        names.append(shard)
        places.update(dict.fromkeys(part, shard))
    order = sorted(range(len(names)), key=names.__getitem__)
    total = sum(a.nbytes for a in arrays.values())
    about = {"total_size": total, VERSION: "1", STRUCTURE: structure, CHECKSUM: _of_all(structure, [crc[i] for i in order])}
    text = json.dumps({"metadata": about, "weight_map": {n: places[n] for n in arrays}}, indent=2)
    write_atomically(index, lambda file: file.write(text.encode()), "save")
    _remove(folder, [base, *(n for n in before if n not in names)])


def forget(target: str) -> None:
    """Remove what was parted before ``target`` was written as one plain file: its index, and the files of which that told."""
    index = f"{target}.index.json"
    folder, base = os.path.split(target)
    if target.endswith(SUFFIX) and os.path.isfile(index):
        _remove(folder, [os.path.basename(index), *_files_of(index, base.removesuffix(SUFFIX))])


def size_of(size: Any) -> int:
    """A number of bytes, from a number or a text as ``"5GB"``."""
    if isinstance(size, int | np.integer) and not isinstance(size, bool) and size > 0:
        return int(size)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?I?B?)\s*", size.upper()) if isinstance(size, str) else None
    if found is None or found[2] not in UNITS or float(found[1]) * UNITS[found[2]] < 1:
        kind = OperandError if not isinstance(size, str | int | np.integer) or isinstance(size, bool) else ArgumentError
        raise kind(f"save: max_shard_size must be a number of bytes, or a text as '5GB': got {size!r:.40}")
    return int(float(found[1]) * UNITS[found[2]])


def _parted(arrays: Arrays, most: int) -> list[Arrays]:
    """The arrays in their order, as many together as fit."""
    parts: list[Arrays] = []
    room = 0
    for name, array in arrays.items():
        if not parts or (array.nbytes > room and parts[-1]):
            parts.append({})
            room = most
        parts[-1][name] = array
        room -= array.nbytes
    return parts


def _checksum(arrays: Arrays, entries: dict[str, Any]) -> str:
    ordered = sorted(entries, key=lambda name: entries[name]["data_offsets"])
    return safetensors.checksum("", entries, (safetensors.content(arrays[name]) for name in ordered))


def _of_all(structure: str, parts: list[str]) -> str:
    return safetensors.checksum(structure, {}, (memoryview(part.encode()) for part in parts))


def _files_of(index: str, stem: str) -> list[str]:
    """The files of which an index tells that is there already, if they have the names that are given here."""
    with contextlib.suppress(OSError, FileFormatError):
        return [
            n
            for n in sorted(set(_parsed(index)[0].values()))
            if re.fullmatch(re.escape(stem) + r"-\d{5}-of-\d{5}(-\w{8})?\.safetensors", n)
        ]
    return []


def _remove(folder: str, names: list[str]) -> None:
    """Remove files that nothing tells of any longer."""
    for name in names:
        with contextlib.suppress(OSError):
            os.remove(os.path.join(folder, name))
