"""``torch.distributed.checkpoint``: each process writes its part of a state into one folder; it is read by any number of processes.

In the folder stand files ``part-TAG-RANK.safetensors``, ``values-TAG.safetensors`` with what is no part of a module or optimizer, and
``index.json``, which tells where each piece of each tensor is. It is written last, in one step, by the first process, and files of one
checkpoint never take the names of another's: whatever ends whichever process at whatever moment, the folder holds the old checkpoint or the
new one, whole. Not here: the formats (``io/``).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import io
from .._errors import DistError, FileFormatError, OperandError, StateDictError
from .._files import write_atomically
from .._typing import NDArray
from ..core.tensor import Taped, Tensor
from ..nn.module import Module
from ..optim import Optimizer
from .group import is_initialized, the_group
from .objects import all_gather_object
from .optim import ZeroRedundancyOptimizer

__all__ = ["load", "save"]

INDEX, OURS = "index.json", re.compile(r"(part-[0-9a-f]{16}-\d{5}|values-[0-9a-f]{16})\.safetensors")


class Piece(NamedTuple):
    """A part of a tensor that this process has: elements from ``start`` on of a whole of ``shape``."""

    array: NDArray
    shape: tuple[int, ...]
    start: int
    #: Whether every process has it, so that one of them writes it.
    everywhere: bool


def _array(t: Any) -> NDArray:
    found: NDArray = t.numpy(force=True) if isinstance(t, Taped) else np.asarray(t)
    return found


def _of_module(module: Module) -> Iterator[tuple[str, Piece]]:
    shards: dict[str, Any] = {name: p.shard for name, p in module.named_parameters() if hasattr(p, "shard")}
    for name, value in module.state_dict().items():
        a, s = _array(value), shards.get(name)
        yield name, Piece(a, tuple(a.shape), 0, True) if s is None else Piece(a, s.shape, s.slice.start, False)


def _of_optimizer(optimizer: Optimizer) -> tuple[dict[str, Piece], dict[str, Any]]:
    """The pieces by "number.name", and everything else that is remembered."""
    alone = isinstance(optimizer, ZeroRedundancyOptimizer)
    state = optimizer.local_state_dict() if isinstance(optimizer, ZeroRedundancyOptimizer) else optimizer.state_dict()
    params = [p for g in optimizer.param_groups for p in g["params"]]
    pieces: dict[str, Piece] = {}
    rest: dict[str, Any] = {}
    for number, entries in state["state"].items():
        s: Any = getattr(params[number], "shard", None)
        for key, value in entries.items():
            if not isinstance(value, Taped | np.ndarray):
                rest[f"{number}.{key}"] = value
                continue
            a = _array(value)
            sharded = s is not None and a.shape == params[number].array.shape
            pieces[f"{number}.{key}"] = Piece(a, s.shape, s.slice.start, False) if sharded else Piece(a, tuple(a.shape), 0, not alone)
    return pieces, {"rest": rest, "groups": state["param_groups"]}


def save(state_dict: dict[str, Any], *, checkpoint_id: Any, process_group: Any = None, **others: Any) -> None:
    """Write a state into the folder ``checkpoint_id``, which is made if need be: every process calls this.

    ``state_dict`` holds modules and optimizers themselves, also those in shards, by name; and, by name, whatever else `tl.save` takes or
    has a ``state_dict``, of which that of the first process is written.

    Raises `DistError` on every process where one cannot write; the folder then holds what it held before.

    >>> import tempfile, tensorflowlite_clone as tl
    >>> layer, folder = tl.nn.Linear(2, 1), tempfile.mkdtemp()
    >>> save({"model": layer, "epoch": 3}, checkpoint_id=folder)
    >>> state = {"model": tl.nn.Linear(2, 1), "epoch": 0}
    >>> load(state, checkpoint_id=folder)
    >>> state["epoch"], tl.equal(state["model"].weight, layer.weight)
    (3, True)
    """
    group = the_group("save", process_group) if is_initialized() else None
    rank, size = (0, 1) if group is None else (group.rank(), group.size())
    pieces: dict[str, Piece] = {}
    values: dict[str, Any] = {}
    optimizers: dict[str, Any] = {}
    for name, value in state_dict.items():
        if isinstance(value, Module):
            pieces |= {f"{name}.{key}": piece for key, piece in _of_module(value)}
        elif isinstance(value, Optimizer):
            found, optimizers[name] = _of_optimizer(value)
            pieces |= {f"{name}.{key}": piece for key, piece in found.items()}
        else:
            values[name] = value.state_dict() if hasattr(value, "state_dict") else value
    tag = _shared(group, os.urandom(8).hex())[0]
    folder, own = os.fspath(checkpoint_id), f"part-{tag}-{rank:05d}.safetensors"
    turn, mine = 0, {}
    for key in sorted(pieces):
        if pieces[key].everywhere:
            turn += 1
            if turn % size != rank:
                continue
        mine[key] = pieces[key]
    trouble = None
    try:
        os.makedirs(folder, exist_ok=True)
        io.save({key: piece.array for key, piece in mine.items()}, os.path.join(folder, own))
        if rank == 0:
            io.save({"values": values}, os.path.join(folder, f"values-{tag}.safetensors"))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        trouble = f"rank {rank}: {error}"
    told = {key: (list(p.shape), p.array.dtype.name, p.start, p.start + p.array.size) for key, p in mine.items()}
    everyone = _shared(group, (trouble, own, told, optimizers))
    _raise(everyone)
    try:
        if rank == 0:
            _write_index(folder, tag, everyone)
    except OSError as error:
        trouble = f"rank 0: {error}"
    _raise(_shared(group, (trouble,)))
    if rank == 0:
        kept = {e[1] for e in everyone} | {f"values-{tag}.safetensors"}
        for base in os.listdir(folder):
            if OURS.fullmatch(base) and base not in kept:
                with contextlib.suppress(OSError):
                    os.remove(os.path.join(folder, base))


def _shared(group: Any, obj: Any) -> list[Any]:
    found: list[Any] = [None] * (1 if group is None else group.size())
    if group is None:
        return [obj]
    all_gather_object(found, obj, group)
    return found


def _raise(everyone: list[Any]) -> None:
    troubles = [e[0] for e in everyone if e[0] is not None]
    if troubles:
        raise DistError(f"save: a part could not be written, so the checkpoint is the one before: {'; '.join(troubles)}")


def _write_index(folder: str, tag: str, everyone: list[Any]) -> None:
    pieces: dict[str, Any] = {}
    optimizers: dict[str, Any] = {}
    for _, base, told, theirs in everyone:
        for key, (shape, dtype, start, stop) in told.items():
            pieces.setdefault(key, {"shape": shape, "dtype": dtype, "parts": []})["parts"].append([base, start, stop])
        for name, entry in theirs.items():
            optimizers.setdefault(name, {"rest": {}, "groups": entry["groups"]})["rest"].update(entry["rest"])
    index = {"format": 1, "tag": tag, "size": len(everyone), "pieces": pieces, "optimizers": optimizers}
    text = json.dumps(index).encode()
    write_atomically(os.path.join(folder, INDEX), lambda file: file.write(text), "save")


class _Reader:
    """A checkpoint on the disk, of which each process reads what it needs."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, INDEX)
        if not os.path.isfile(path):
            raise FileNotFoundError(f"load: there is no checkpoint in {folder}: it has no {INDEX}")
        with open(path, "rb") as file:
            try:
                self.index = json.load(file)
                self.pieces = self.index["pieces"]
            except (ValueError, KeyError, TypeError) as error:
                raise FileFormatError(f"load: {path} is damaged, or no index of a checkpoint: {error}") from error
        self.folder, self.files = folder, {}  # type: ignore[var-annotated]

    def _file(self, base: str) -> Any:
        if OURS.fullmatch(base) is None:
            raise FileFormatError(f"load: the index tells of the file {base!r:.60}, which is none of a checkpoint")
        if base not in self.files:
            self.files[base] = io.load(os.path.join(self.folder, base), mmap=True)
        return self.files[base]

    def values(self) -> dict[str, Any]:
        """What is no part of a module or optimizer."""
        found: dict[str, Any] = io.load(os.path.join(self.folder, f"values-{self.index['tag']}.safetensors"))["values"]
        return found

    def read(self, key: str, start: int | None = None, stop: int | None = None) -> NDArray:
        """A tensor, or some of its elements in one dimension."""
        entry = self.pieces[key]
        size = int(np.prod(entry["shape"], dtype=np.int64))
        a, b = 0 if start is None else start, size if stop is None else stop
        out: NDArray | None = None
        filled = 0
        for base, first, last in entry["parts"]:
            low, high = max(a, first), min(b, last)
            part = _array(self._file(base)[key]).reshape(-1)
            out = np.empty(b - a, part.dtype) if out is None else out
            if low < high:
                out[low - a : high - a] = part[low - first : high - first]
                filled += high - low
        if out is None or filled != b - a:
            raise FileFormatError(f"load: of {key!r:.80} the files have {filled} of {b - a} elements: one is missing")
        return out.reshape(entry["shape"]) if start is None else out


def load(state_dict: dict[str, Any], *, checkpoint_id: Any, process_group: Any = None, **others: Any) -> None:
    """Read a checkpoint into a state like that which was saved, by any number of processes: modules and optimizers take it over in place.

    Each process reads the parts of files that it needs. Raises `FileNotFoundError` where there is no checkpoint, `FileFormatError` for
    damage, `StateDictError` where something is asked for that was not saved, or has another shape.
    """
    if not isinstance(state_dict, dict):
        raise OperandError(f"load: state_dict must be a dict of modules, optimizers and values: got {type(state_dict).__name__}")
    reader = _Reader(os.fspath(checkpoint_id))
    values: dict[str, Any] | None = None
    for name, value in state_dict.items():
        if isinstance(value, Module):
            _load_module(reader, name, value)
        elif isinstance(value, Optimizer):
            _load_optimizer(reader, name, value)
        else:
            values = reader.values() if values is None else values
            if name not in values:
                raise StateDictError(f"load: the checkpoint has no {name!r:.60}: it has {', '.join(sorted(values))}")
            if hasattr(value, "load_state_dict"):
                value.load_state_dict(values[name])
            else:
                state_dict[name] = values[name]


def _load_module(reader: _Reader, name: str, module: Module) -> None:
    found = {}
    for key, piece in _of_module(module):
        entry = reader.pieces.get(f"{name}.{key}")
        if entry is None or tuple(entry["shape"]) != piece.shape:
            what = "was not saved" if entry is None else f"was saved as {tuple(entry['shape'])}"
            raise StateDictError(f"load: {name}.{key} is {piece.shape} here, and {what}; build the module that was saved")
        whole = piece.everywhere
        found[key] = Tensor.wrap(
            reader.read(f"{name}.{key}") if whole else reader.read(f"{name}.{key}", piece.start, piece.start + piece.array.size), 0
        )
    module.load_state_dict(found)


def _load_optimizer(reader: _Reader, name: str, optimizer: Optimizer) -> None:
    saved = reader.index["optimizers"].get(name)
    if saved is None:
        raise StateDictError(f"load: the checkpoint has no optimizer {name!r:.60}: it has {', '.join(reader.index['optimizers'])}")
    params = [p for g in optimizer.param_groups for p in g["params"]]
    owners = optimizer.owners if isinstance(optimizer, ZeroRedundancyOptimizer) else None
    mine = {i for i in range(len(params)) if owners is None or owners[i] == optimizer.group.rank()}  # type: ignore[attr-defined]
    state: dict[int, dict[str, Any]] = {}
    for key, entry in reader.pieces.items():
        found = re.fullmatch(re.escape(name) + r"\.(\d+)\.(\w+)", key)
        if found is None or int(found[1]) not in mine:
            continue
        s: Any = getattr(params[int(found[1])], "shard", None)
        sharded = s is not None and tuple(entry["shape"]) == s.shape
        a = reader.read(key, s.slice.start, s.slice.stop) if sharded else reader.read(key)
        state.setdefault(int(found[1]), {})[found[2]] = Tensor.wrap(a, 0)
    for key, value in saved["rest"].items():
        number, _, entry = key.partition(".")
        if int(number) in mine:
            state.setdefault(int(number), {})[entry] = value
    optimizer.load_state_dict({"state": state, "param_groups": saved["groups"]})
