"""Running a function again, exactly as before: the mechanism of non-reentrant checkpointing.

The function runs as usual and its graph stays; then the saved values of every node that the function recorded are dropped, and a
`Forgotten` takes their place. The first of them that is read in a backward pass runs the function again, finds the nodes of that run (the
same operations in the same order) and reads their saved values. The walk itself goes over the nodes of the first run, so everything
that works on a graph works here: every order of derivative, hooks on inner tensors, `autograd.grad` with inner tensors as
inputs, function transforms of any nesting. A checkpoint inside a checkpoint is forgotten together with the values around it.

Not here: the functions that users call (``checkpoint.py``), what operations save (``core/tape.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import numpy as np

from .._errors import Bounded, VersionError
from .._state import during, in_turn, next_serial, state
from ..autograd.graph import saved_tensors_hooks
from ..core.boxed import Boxed
from ..core.levels import everything
from ..core.observe import Observer, observing
from ..core.operation import Operation
from ..core.saved import Packed, SavingNode
from ..core.tensor import Taped, Tensor
from ..ops.random import Generator, current_generator


class CheckpointError(Bounded, RuntimeError):
    """The recomputation of a checkpointed function was not the computation of the forward pass."""


# ---- running a function as before ------------------------------------------------------------------------------------------------
class Replayable:
    """A function, its arguments, and what else its result depends on: random numbers, transforms, the versions of its arguments."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], preserve_rng_state: bool) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.height, self.maps, self.open = state.height, state.maps, state.open
        leaves = list(leaves_of((args, kwargs)))
        self.tensors = [(t, t.node, version_of(t)) for t in leaves if isinstance(t, Taped)]
        generators = [current_generator(), *(g for g in leaves if isinstance(g, Generator))] if preserve_rng_state else []
        self.random = [(g, g.get_state()) for g in generators]

    def check_arguments(self, when: str) -> None:
        """Raise if an argument is not what it was when the function ran."""
        for t, node, version in self.tensors:
            if t.node is not node or version_of(t) != version:
                raise VersionError(
                    f"checkpoint: an argument was changed in place {when}: a tensor of shape {t.shape} was at version {version} and is at "
                    f"version {version_of(t)} now, so that running the function again would give something else; clone() it first"
                )

    def as_before(self) -> _AsBefore:
        """Random numbers, transform height and gradient mode as they were; everything is put back afterwards."""
        outside = without_outer_hooks().fields
        return _AsBefore(self.random, height=self.height, maps=self.maps, open=self.open, grad_enabled=True, inference=False, **outside)


class _AsBefore(during):
    """`during`, with generators in the states that they had."""

    __slots__ = ("random",)

    def __init__(self, random: list[tuple[Generator, Any]], **fields: Any) -> None:
        super().__init__(**fields)
        self.random = random

    def __enter__(self) -> None:
        undos: list[Callable[[], Any]] = []
        for g, _ in self.random:
            source = g.numpy_generator.bit_generator
            undos += [partial(setattr, source, "state", source.state), partial(setattr, g, "_seed", g.initial_seed())]
        try:
            super().__enter__()
            undos.append(self.close)
            for g, saved in self.random:
                g.set_state(saved)
            self.close = in_turn(*undos)
        except BaseException:  # an interrupt
            for undo in undos:
                undo()
            raise


def without_outer_hooks() -> during:
    """Outside of `saved_tensors_hooks`: what a region saves is dropped and needs no other keeper. Hooks inside the region keep theirs."""
    return during(observers=tuple(o for o in state.observers if not isinstance(o, saved_tensors_hooks)))


def version_of(t: Tensor) -> int:
    """How often the memory of ``t`` was changed in place."""
    return 0 if t.version is None else t.version.count


def leaves_of(tree: Any) -> Iterator[Any]:
    """Everything inside nested containers and dataclasses."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from leaves_of(value)
    elif isinstance(tree, list | tuple | set | frozenset):
        for value in tree:
            yield from leaves_of(value)
    elif hasattr(tree, "__dataclass_fields__") and not isinstance(tree, type):
        for name in tree.__dataclass_fields__:
            yield from leaves_of(getattr(tree, name, None))
    else:
        yield tree


# ---- the non-reentrant form ------------------------------------------------------------------------------------------------------
class Forgotten(Packed):
    """What stands for the saved values of a node: reading them runs the function again, once for the whole region."""

    __slots__ = ("__weakref__", "index", "node", "region", "twin")

    def __init__(self, region: Region, index: int, node: Any) -> None:
        self.region, self.index, self.node = region, index, weakref.ref(node)
        self.twin: Any = None

    def open(self, node: Any) -> tuple[Any, ...]:
        """The saved values, after a check that the recomputation itself did not change them in place."""
        if self.twin is None:
            self.region.recompute()
        values = self.twin.opened()  # the twin may be forgotten itself, by a checkpoint inside this one
        node.versions = self.twin.versions
        return tuple(map(self.region.original, values))

    def __iter__(self) -> Iterator[Any]:
        """For steps that take the values apart themselves, as compiled ones do."""
        return iter(self.open(self.node()))

    def __len__(self) -> int:
        node: Any = self.node()
        return len(node.sources())


class Stop(BaseException):
    """Ends a recomputation that has all it needs; no `Exception`, so that nothing in the function catches it."""


class Recorder(Observer):
    """Sees every operation that is recorded, in order; stops after ``enough`` of them."""

    def __init__(self, enough: int | None = None) -> None:
        self.enough = enough
        #: The nodes themselves in the recomputation; in the forward pass weakly, as they must not be kept.
        self.nodes: list[Any] = []

    def recorded(self, node: Any) -> None:
        """Remember ``node``."""
        self.nodes.append(weakref.ref(node) if self.enough is None else node)
        if len(self.nodes) == self.enough:
            raise Stop


class Region(Replayable):
    """One call of a checkpointed function: what must be known to run it again and to find its nodes again."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: AbstractContextManager[Any],
        preserve_rng_state: bool,
        check: str,
        debug: bool,
    ) -> None:
        super().__init__(function, args, kwargs, preserve_rng_state)
        self.context, self.check, self.debug = context, check, debug
        self.start = next_serial()
        #: The nodes of the forward pass and what they are; weak, because the nodes hold the region.
        self.nodes: list[weakref.ref[Any]] = []
        self.signatures: list[tuple[Any, ...]] = []
        #: Shapes and dtypes of what the nodes saved.
        self.saved: list[tuple[Any, ...]] = []
        #: Tensors from outside that the function used without being given them: parameters, mostly.
        self.captured: list[tuple[weakref.ref[Tensor], int, str]] = []
        #: With early stop: which of the recorded nodes these are (None: not recorded as an operation), and how many are needed.
        self.places: list[int | None] | None = None
        self.needed = 0
        #: From nodes of the recomputation to those of the forward pass.
        self.twins: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()

    def forget(self, output: Any, watch: Recorder | None) -> None:
        """Drop what the nodes saved that lead to ``output``; ``watch`` saw them being recorded, if there is to be an early stop."""
        nodes = recorded(output, self.start)
        if not nodes:
            return
        self.check_arguments("by the function itself")
        self.nodes = list(map(weakref.ref, nodes))
        self.signatures = [node.signature() for node in nodes]
        self.saved = list(map(_saved, nodes))
        seen: set[int] = set()
        for i, node in enumerate(nodes):
            if self.saved[i]:
                self._remember_captured(node, seen)
                node.saved, node.versions = Forgotten(self, i, node), None
        if watch is not None:
            index = {id(node): k for k, reference in enumerate(watch.nodes) if (node := reference()) is not None}
            self.places = [index.get(id(node)) for node in nodes]
            if any(saved and k is None for k, saved in zip(self.places, self.saved, strict=True)):
                self.places = None  # a node of another kind: there is no counting to it
                return
            self.needed = 1 + max((k for k, saved in zip(self.places, self.saved, strict=True) if saved and k is not None), default=-1)

    def _remember_captured(self, node: Any, seen: set[int]) -> None:
        if isinstance(node.saved, Forgotten):
            for reference, version, op in node.saved.region.captured:
                t = reference()
                if t is not None and id(t) not in seen and t.node is not None and t.node.seq < self.start:
                    seen.add(id(t))
                    self.captured.append((reference, version, op))
            return
        for k, value in enumerate(node.saved):
            if isinstance(value, Taped) and value.node is not None and value.node.seq < self.start and id(value) not in seen:
                seen.add(id(value))
                then = 0 if node.versions is None else node.versions[k]
                if isinstance(then, int):
                    self.captured.append((weakref.ref(value), then, node.title()))

    def recompute(self) -> None:
        """Run the function again and give every node the saved values of its twin."""
        when = "between the forward pass and the recomputation"
        self.check_arguments(when)
        for reference, version, op in self.captured:
            t = reference()
            if t is not None and version_of(t) != version:
                raise VersionError(
                    f"checkpoint: a tensor that the function uses was changed in place {when}: the operand of {op}, shape {t.shape}, was "
                    f"at version {version} and is at version {version_of(t)} now; call backward() before optimizer.step()"
                )
        nodes = self._run_again()
        for reference, twin in zip(self.nodes, nodes, strict=False):
            node: Any = reference()
            if node is None or twin is None:
                continue
            self.twins[twin] = reference
            if isinstance(node.saved, Forgotten):
                node.saved.twin = twin

    def _run_again(self) -> list[Any]:
        """The nodes of the recomputation, in the order of those of the forward pass."""
        if self.places is None:
            with self.as_before(), self.context:
                start = next_serial()
                output = self.function(*self.args, **self.kwargs)
            nodes = recorded(output, start)
            self._compare(nodes, list(range(len(self.nodes))))
            return nodes
        watch = Recorder(self.needed)
        try:
            with self.as_before(), observing(watch), self.context:
                self.function(*self.args, **self.kwargs)
        except Stop:
            pass
        found = [watch.nodes[k] if k is not None and k < len(watch.nodes) else None for k in self.places]
        compared = [i for i, k in enumerate(self.places) if k is not None and k < self.needed]
        self._compare([found[i] for i in compared if found[i] is not None], compared)
        return found

    def _compare(self, nodes: list[Any], expected: list[int]) -> None:
        """Raise unless the nodes of the recomputation are those of the forward pass that have the ``expected`` numbers."""
        found, then = [node.signature() for node in nodes], [self.signatures[i] for i in expected]
        if found != then:
            k = next((i for i, (a, b) in enumerate(zip(then, found, strict=False)) if a != b), min(len(found), len(then)))
            names = [_title(run[k]) if k < len(run) else "nothing" for run in (then, found)]
            raise CheckpointError(
                f"checkpoint: the recomputation is not the forward pass: that recorded {len(then)} operations, this {len(found)}; "
                f"number {k} was {names[0]} and is {names[1]} now; the function must do the same each time: let nothing in it depend on "
                f"what the first run changed, on the clock, or on random numbers that are not tl's" + self._listing(then, found)
            )
        for i, node in zip(expected, nodes, strict=True) if self.check == "default" else ():
            now = _saved(node)
            if now != self.saved[i]:
                raise CheckpointError(
                    f"checkpoint: the recomputation saved other values than the forward pass: {_title(self.signatures[i])} (number {i}) "
                    f"saved {_words(self.saved[i])} and saves {_words(now)} now; the function must do the same each time, or pass "
                    f'determinism_check="none" if the difference does not matter' + self._listing(then, found)
                )

    def _listing(self, then: list[tuple[Any, ...]], found: list[tuple[Any, ...]]) -> str:
        if not self.debug:
            return "; debug=True lists the operations of both"
        lists = [", ".join(_title(s) for s in run) for run in (then, found)]
        return f"\nforward pass: {lists[0]}\nrecomputation: {lists[1]}"

    def original(self, value: Any) -> Any:
        """A saved value of the recomputation, on the tape of the forward pass: what is differentiated again goes on there."""
        if not isinstance(value, Taped):
            return tuple(map(self.original, value)) if type(value) is tuple and any(isinstance(v, Boxed) for v in value) else value
        array = self.original(value.array) if isinstance(value.array, Taped) else value.array
        reference = None if value.node is None else self.twins.get(value.node)
        node = None if reference is None else reference()
        if node is None and array is value.array:
            return value
        t = Tensor.wrap(array, value.level)
        t.version, t.node = value.version, value.node if node is None else node
        return t


def recorded(output: Any, start: int) -> list[Any]:
    """The tape nodes newer than ``start`` that lead to ``output``, on the tapes of all levels, oldest first."""
    found: dict[int, Any] = {}
    boxes = [b for x in leaves_of(output) for b in everything(x)]
    stack: list[Any] = [b.node for b in boxes if isinstance(b, Taped) and b.node is not None]
    while stack:
        node = stack.pop()
        if node.seq > start and node.seq not in found:
            found[node.seq] = node
            stack += node.parents
    return [found[seq] for seq in sorted(found)]


def _title(signature: tuple[Any, ...]) -> str:
    kind: Any = signature[0]
    return str(kind.title()) if issubclass(kind, Operation) else str(kind.__name__).lower()


def _saved(node: Any) -> tuple[Any, ...]:
    """Shapes and dtypes of the arrays that a node saved; empty if it saved none, and there is nothing to forget."""
    saved = node.saved
    if isinstance(saved, Forgotten):
        return saved.region.saved[saved.index]
    if type(saved) is not tuple or not isinstance(node, SavingNode):
        return ()
    return tuple((v.shape, v.dtype) for v in leaves_of(saved) if isinstance(v, Boxed | np.ndarray))


def _words(saved: tuple[Any, ...]) -> str:
    return ", ".join(f"{dtype} {shape}" for shape, dtype in saved) or "nothing"
