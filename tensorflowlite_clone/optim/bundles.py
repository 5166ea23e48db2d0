"""Many small parameters stepped as one large one: what the calls for each of them cost is most of what their steps cost.

The values of a bundle, and what is remembered of each of its parameters, lie behind one another in memory; each parameter and each entry
of the state is a window onto its part, so nothing of them looks different. Memory is moved only where nobody but the tensor holds its
array (the interpreter counts), so whatever shares a parameter's memory, or comes to share it later, goes on doing so. The gradients are
gathered at each step. Before it, the bundle is held against parameters and state; where anything is not as it was left (data, state or a
gradient replaced or missing), each parameter is stepped for itself, as large ones are.

Not here: how a formula is applied (``stepping.py``).
"""

from __future__ import annotations

import sys
import weakref
from collections import defaultdict
from typing import Any, ClassVar, Protocol, cast

import numpy as np

from .._typing import NDArray
from ..core.tensor import Taped, Tensor
from ..core.versions import Cell, Change
from ..core.where import Place
from .settings import Group
from .state import Remembered, States, Watch
from .stepping import State, apply

#: Parameters of so many elements or fewer are small; fewer than so many are not bundled.
SMALL, FEW = 4096, 3


class _Memory(bytearray):
    """The memory of a bundle. No ndarray: each window onto it is an array in its own right, whose copies are of the window alone."""


class _Owner(Protocol):
    """An optimizer, as this file sees it."""

    formula: ClassVar[Any]
    state: defaultdict[Any, State]


def _held(t: Any) -> int:
    """How many hold the array of a tensor; the same number for all whose array nobody else holds."""
    return sys.getrefcount(t.array)


def _known(entries: State, name: str) -> int:
    """How many know an entry; the same number for all that nobody else has."""
    return sys.getrefcount(entries[name]) + weakref.getweakrefcount(entries[name])


#: What `_held` says of a tensor that is alone with its array, `_known` of an entry that its dict alone has; 0 where the interpreter does
#: not count.
_ALONE, _UNKNOWN = (
    (_held(Tensor.wrap(np.zeros(1), 0)), _known({"": Tensor.wrap(np.zeros(1), 0)}, "")) if getattr(sys, "getrefcount", None) else (0, 0)
)


def _movable(t: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether an array of that shape and dtype can be moved without anybody noticing."""
    a = t.array
    base: Any = a.base
    own = type(a) is np.ndarray and (base is None or type(base) is _Memory) and a.flags.c_contiguous and a.flags.writeable
    fits = own and a.shape == shape and a.dtype == dtype
    del a, base
    return fits and _held(t) == _ALONE and t.views is None


class Bundle:
    """Small parameters of one group with the same entries and numbers in their states."""

    def __init__(self, params: list[Any], states: list[Remembered]) -> None:
        self.params, self.states, self.ids = params, states, frozenset(map(id, params))
        self.names = [k for k, v in states[0].items() if isinstance(v, Taped)]
        self.counts = [k for k in states[0] if k not in self.names]
        #: Whether somebody else has changed one of the states, or may have an entry, and the numbers that they have in common.
        self.watch = Watch(any(_known(s, k) != _UNKNOWN for s in states for k in self.names))
        columns = [params, *([s[k] for s in states] for k in self.names)]
        flat = [_gathered(tensors) for tensors in columns]
        self.values: NDArray = flat[0]
        self.memory: State = {
            **dict(zip(self.names, (Tensor.wrap(a, 0) for a in flat[1:]), strict=True)), **{k: states[0][k] for k in self.counts},
        }  # fmt: skip
        self.arrays = [p.array for p in params]
        self.entries = [t for tensors in columns[1:] for t in tensors]
        self.entry_arrays = [t.array for t in self.entries]
        #: The version cells that parameters have in common, by version, and that of each; another for one that keeps its own.
        self.common: dict[int, Cell] = {}
        #: Not empty where some have left, or never had, the common cells.
        self.left: list[None] = []
        self.cells = [self._cell(p) for p in params]
        for s in states:
            s.watched_by(self.watch)

    def _cell(self, p: Any) -> Cell:
        """The cell that ``p`` has in common with those of its version; a new one, that it does not get, where others look at its memory."""
        cell = p.memory_cell()
        if cell.shared is not None or cell.inside or cell.kept:
            self.left.append(None)
            return Cell()
        common = self.common.get(cell.count)
        if common is None:
            common = self.common[cell.count] = Cell.at(cell.count, cell.known)
            common.common = self.left
        p.version = common
        return common

    def gather(self, name: str, place: Place) -> bool:
        """Gather the gradients for a step; whether everything is as it was left, and all have one."""
        dtype, count = self.values.dtype, len(self.params)
        try:
            gradients = [p._grad.array for p in self.params]
            # Lists compare by identity first; what is no longer the same is not asked whether it is equal, or is no number to say so.
            if self.watch.changed or [p.array for p in self.params] != self.arrays:
                return False
            if self.watch.looked and [t.array for t in self.entries] != self.entry_arrays:
                return False
            if [g.dtype for g in gradients].count(dtype) != count:
                return False
        except (AttributeError, ValueError, TypeError, RuntimeError):
            return False
        try:  # a third of the time of concatenate
            self.gradient = np.frombuffer(bytearray().join(gradients), dtype)
        except TypeError:  # not C contiguous, or no array
            if [*map(type, gradients)].count(np.ndarray) != count:
                return False
            self.gradient = np.concatenate(gradients, axis=None)
        if self.gradient.size != self.values.size:
            return False
        self.count_change(name, place)
        return True

    def count_change(self, name: str, place: Place) -> None:
        """Count the change that a step is, of each parameter."""
        if self.left:
            for p, cell in zip(self.params, self.cells, strict=True):
                if p.version is not cell:
                    p.changed(name, place)
        for cell in self.common.values():
            cell.count = count = cell.count + 1
            cell.known = Change(count, name, place, None)

    def end(self) -> None:
        """Leave the states to themselves."""
        for s in self.states:
            s.alone()

    def step(self, formula: Any, group: Group) -> bool:
        """One step for all; whether the bundle can go on (what is remembered has the same names)."""
        apply(formula, self.values, self.gradient, self.memory, group, True)
        self.watch.numbers = {k: self.memory[k] for k in self.counts}
        new = [k for k in self.memory if k not in self.states[0]]
        for k in new:
            value = self.memory[k]
            parts = _windows(value.array, self.params) if isinstance(value, Taped) else None
            for i, s in enumerate(self.states):
                s[k] = value if parts is None else Tensor.wrap(parts[i], 0)
        return not new


def _kind(p: Any, states: States) -> Any:
    """What is the same for all parameters of a bundle; None for one that cannot be in any."""
    if p.grad is None or not 1 < p.array.size <= SMALL or p.array.dtype.kind != "f" or p.level:
        return None
    s = states[p]
    if not isinstance(s, Remembered):
        return None
    if not all(_movable(t, p.array.shape, p.array.dtype) for t in (p, *(v for v in s.values() if isinstance(v, Taped)))):
        return None
    return p.array.dtype.char, *((k, None if isinstance(v, Taped) else v) for k, v in s.items())


def _gathered(tensors: list[Any]) -> NDArray:
    """The values of tensors behind one another in new memory, onto which their arrays become windows."""
    first = tensors[0].array
    sizes = [t.array.size for t in tensors]
    memory = _Memory(sum(sizes) * first.itemsize)
    flat: NDArray = np.ndarray(sum(sizes), first.dtype, memory)
    np.concatenate([t.array for t in tensors], axis=None, out=flat)
    start = 0
    for t, size in zip(tensors, sizes, strict=True):
        t.array = np.ndarray(t.array.shape, first.dtype, memory, start * first.itemsize)
        start += size
    return flat


def _windows(flat: NDArray, params: list[Any]) -> list[NDArray]:
    """Copies of the parts of a flat array, of the shapes of the parameters."""
    ends = np.cumsum([p.array.size for p in params])[:-1]
    return [part.reshape(p.array.shape).copy() for part, p in zip(np.split(flat, ends), params, strict=True)]


class Bundles:
    """The bundles of one optimizer."""

    def __init__(self) -> None:
        self.of_group: dict[int, list[Bundle]] = {}
        #: The state that the optimizer had when bundles were made, and how often it had changed.
        self.state: Any = None
        self.changes = 0
        #: For each group, how many steps to wait until bundles are made, and how many the next time.
        self.waiting: dict[int, tuple[int, int]] = {}

    def step(self, owner: _Owner, group: Group, settings: Group, name: str, place: Place) -> frozenset[int]:
        """Step the bundles of a group; the ids of the parameters that have been stepped."""
        done: frozenset[int] = frozenset()
        bundles = self.of_group.get(id(group))
        if not bundles:
            return done
        states: Any = owner.state
        same = states is self.state and states.changes == self.changes
        for bundle in bundles[:]:
            gathered = same and bundle.gather(name, place)
            if not gathered or not bundle.step(owner.formula, settings):
                bundles.remove(bundle)
                bundle.end()
            if not gathered:
                continue
            done = done | bundle.ids if done else bundle.ids
        return done

    def make(self, owner: _Owner, group: Group, done: frozenset[int]) -> None:
        """Bundle the small parameters of a group that are in none, now or some steps later."""
        loose = len(group["params"]) - len(done)
        states: Any = owner.state
        if loose < FEW or not _ALONE or not isinstance(states, States) or len({*map(id, group["params"])}) < len(group["params"]):
            return  # too few, or one twice
        left, following = self.waiting.get(id(group), (1, 1))
        self.waiting[id(group)] = (left - 1, following) if left else (2 * following, min(2 * following, 1024))
        if left:
            return
        kinds: dict[Any, list[Any]] = {}
        for p in group["params"]:
            kind = None if id(p) in done else _kind(p, states)
            if kind is not None:
                kinds.setdefault(kind, []).append(p)
        made = [Bundle(ps, [cast(Remembered, states[p]) for p in ps]) for ps in kinds.values() if len(ps) >= FEW]
        self.of_group[id(group)] = self.of_group.get(id(group), []) + made
        self.state, self.changes = states, states.changes
