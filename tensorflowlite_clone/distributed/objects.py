"""Exchanges of any objects, as pickles between the processes of one program. Not here: tensors (``collectives.py``)."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import NDArray
from .channel import Channel
from .group import the_group

_BYTES = np.dtype(np.uint8)


def _pickled(obj: Any) -> NDArray:
    return np.frombuffer(pickle.dumps(obj, protocol=pickle.HIGHEST_PROTOCOL), np.uint8)


def _call(op: str, group: Any, more: str, run: Callable[[Channel], Any]) -> Any:
    return group.now.call(run, op, _BYTES, (), more)


def _gathered(c: Channel, obj: Any) -> list[Any]:
    """The objects of all: their sizes first, then their bytes."""
    own = _pickled(obj)
    sizes: NDArray = np.zeros(c.group.size(), np.int64)
    c.run("Allgather", np.array([own.size]), sizes)
    found: NDArray = np.empty(int(sizes.sum()), np.uint8)
    starts = [0, *np.cumsum(sizes)[:-1].tolist()]
    c.run("Allgatherv", own, [found, (sizes.tolist(), starts), c.mpi.BYTE])
    return [pickle.loads(found[s : s + n].tobytes()) for s, n in zip(starts, sizes.tolist(), strict=True)]


def _sent(c: Channel, obj: Any, root: int) -> Any:
    """The object of one."""
    mine = c.group.rank() == root
    own = _pickled(obj) if mine else None
    size = np.array([0 if own is None else own.size])
    c.run("Bcast", size, root)
    own = np.empty(int(size[0]), np.uint8) if own is None else own.copy()
    c.run("Bcast", own, root)
    return obj if mine else pickle.loads(own.tobytes())


def all_gather_object(object_list: list[Any], obj: Any, group: Any = None) -> None:
    """The objects of all processes, into a list of as many, on each."""
    g = the_group("all_gather_object", group)
    if len(object_list) != g.size():
        raise ArgumentError(f"all_gather_object: object_list must have {g.size()} places, one for each process: it has {len(object_list)}")
    object_list[:] = [obj] if g.comm is None else _call("all_gather_object", g, "", lambda c: _gathered(c, obj))


def gather_object(obj: Any, object_gather_list: Any = None, dst: Any = None, group: Any = None, group_dst: Any = None) -> None:
    """The objects of all processes, into the list that ``dst`` has."""
    g = the_group("gather_object", group)
    root = g.root("gather_object", dst, group_dst)
    found = [obj] if g.comm is None else _call("gather_object", g, f"dst={root}", lambda c: _gathered(c, obj))
    if g.rank() == root and object_gather_list is not None:
        object_gather_list[:] = found


def broadcast_object_list(object_list: list[Any], src: Any = None, group: Any = None, device: Any = None, group_src: Any = None) -> None:
    """The objects of the process ``src``, into the lists of all."""
    g = the_group("broadcast_object_list", group)
    root = g.root("broadcast_object_list", src, group_src)
    if g.comm is not None:
        object_list[:] = _call("broadcast_object_list", g, f"src={root}, {len(object_list)} objects", lambda c: _sent(c, object_list, root))


def scatter_object_list(
    scatter_object_output_list: list[Any], scatter_object_input_list: Any = None, src: Any = None, group: Any = None, group_src: Any = None
) -> None:
    """The object that the list of ``src`` has for this process, into the first place of a list."""
    g = the_group("scatter_object_list", group)
    root = g.root("scatter_object_list", src, group_src)
    found = scatter_object_input_list
    if g.comm is not None:
        found = _call("scatter_object_list", g, f"src={root}", lambda c: _sent(c, scatter_object_input_list, root))
    with contextlib.suppress(TypeError):
        if len(found) == g.size():
            scatter_object_output_list[0] = found[g.rank()]
            return
    raise ArgumentError(f"scatter_object_list: the list of src must have {g.size()} objects, one for each process: it is {found!r:.60}")
