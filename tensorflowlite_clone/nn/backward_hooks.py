"""Backward hooks of modules: gates on the tape around a call, which show the gradients that pass to the module's hooks.

A module with such hooks is called with aliases of its arguments, and gives aliases of its results; each group of aliases has one
node, a `Gate`, which the walk reaches when the gradients of the whole group are complete. Modules without hooks have no gates.

Not here: registering (``hooks.py``), hooks of single tensors (``core/hooks.py``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, ShapeError
from .._state import next_serial, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.hooks import Showing
from ..core.tape import Cotangents, Select, TapeNode
from ..core.tensor import Taped, Tensor

Gradients = tuple[Any, ...]


class BackwardHooks:
    """The backward hooks of one call of a module: what flowed into its results, until what flows out of its arguments is known."""

    def __init__(self, module: object, before: Sequence[Callable[..., Any]], after: Sequence[Callable[..., Any]]) -> None:
        self.module, self.before, self.after = module, before, after
        self.n_inputs = 0
        #: Whether an argument requires grad, so that its gradient will come.
        self.gated = False
        self.grad_output: Gradients | None = None
        #: Shape, dtype and level of the arguments that require grad.
        self.arguments: tuple[Any, ...] = ()

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, behind a gate."""
        self.n_inputs = len(args)
        self.arguments = tuple((v.shape, v.dtype, v.level) if isinstance(v, Taped) and v.node is not None else None for v in args)
        aliases, self.gated = gate(args, self._arguments_done)
        return aliases

    def leave(self, output: Any) -> Any:
        """The results, behind a gate."""
        if isinstance(output, tuple):
            results, _ = gate(output, self._results_done)
            return type(output)(*results) if hasattr(output, "_fields") else results
        if not isinstance(output, Boxed):
            warnings.warn(
                f"{type(self.module).__name__}: backward hooks are called for results that are a tensor or a tuple of tensors: "
                f"got {type(output).__name__}, so they will not be; return a tuple",
                UserWarning,
                stacklevel=5,
            )
            return output
        return gate((output,), self._results_done)[0][0]

    def _results_done(self, grads: Gradients) -> Gradients:
        for hook in self.before:
            new = hook(self.module, grads)
            if new is not None:
                grads = self._replaced(new, grads, "pre hook", "grad_output")
        self.grad_output = grads
        if not self.gated:
            nothing = (None,) * self.n_inputs
            for hook in self.after:
                new = hook(self.module, nothing, grads)
                if new is not None and not (isinstance(new, tuple) and all(g is None for g in new)):
                    raise ArgumentError(
                        f"{type(self.module).__name__}: a backward hook returned gradients, but no argument of the module requires grad; "
                        f"return None"
                    )
            self.grad_output = None
        return grads

    def _arguments_done(self, grads: Gradients) -> Gradients:
        grad_output, self.grad_output = self.grad_output, None
        if grad_output is None:  # the gradient did not come through the results: a second derivative
            return grads
        grads = tuple(
            Tensor.wrap(np.zeros(about[0], about[1]), about[2]) if g is None and about is not None else g
            for g, about in zip(grads, self.arguments, strict=True)
        )
        for hook in self.after:
            new = hook(self.module, grads, grad_output)
            if new is not None:
                grads = self._replaced(new, grads, "hook", "grad_input")
        return grads

    def _replaced(self, new: Any, old: Gradients, kind: str, what: str) -> Gradients:
        """What a hook returned, if it can take the place of ``old``."""
        new = (new,) if isinstance(new, Taped) else tuple(new)
        name = type(self.module).__name__
        if len(new) != len(old):
            raise ArgumentError(
                f"{name}: a backward {kind} returned {len(new)} gradient(s) for a {what} of {len(old)}; return one per entry, or None"
            )
        for i, (n, o) in enumerate(zip(new, old, strict=True)):
            if n is not None and not isinstance(n, Taped):
                raise OperandError(f"{name}: a backward {kind} returned a {type(n).__name__} as {what}[{i}]; return tensors or None")
            if n is not None and o is not None and n.shape != o.shape:
                raise ShapeError(
                    f"{name}: a backward {kind} changed the shape of {what}[{i}]: {o.shape} became {n.shape}; they must be equal"
                )
        return tuple(new)


class Gate(TapeNode):
    """A tape node between tensors and their aliases, which shows the gradients of the whole group to a function."""

    __slots__ = ("count", "level", "look", "places")

    def __init__(self, tensors: Sequence[Tensor], places: Sequence[int], count: int, look: Callable[[Gradients], Gradients]) -> None:
        self.parents = tuple(t.node for t in tensors)
        #: Where the tensors stand among the ``count`` arguments or results.
        self.places, self.count = places, count
        self.level, self.look = tensors[0].level, look
        self.saved = ()
        self.seq = next_serial()

    def step(self, g: Cotangents) -> tuple[Array | None, ...]:
        """Show the gradients, as tensors that are not recorded."""
        return self.show(g, False)

    def replay(self, g: Cotangents, level: int, plan: Any = None) -> tuple[Array | None, ...]:
        """The same for ``create_graph``: what the hooks do is recorded."""
        return self.show(g, True)

    def show(self, g: Cotangents, create_graph: bool) -> tuple[Array | None, ...]:
        """The gradients that go on, after the function has seen them."""
        showing = Showing(self.level, create_graph)
        seen: list[Any] = [None] * self.count
        for i, gx in g.items.items():
            seen[self.places[i]] = showing.shown(gx)
        with showing.calling():
            found = self.look(tuple(seen))
            grads: list[Array | None] = []
            for i, place in enumerate(self.places):
                new, old = found[place], g.items.get(i)
                if new is not None and old is not None and new.dtype != old.dtype:
                    new = new.to(old.dtype)
                grads.append(None if new is None else showing.taken(new))
        return tuple(grads)

    def title(self) -> str:
        """The name that messages use."""
        return "BackwardHookFunction"


def gate(values: tuple[Any, ...], look: Callable[[Gradients], Gradients]) -> tuple[tuple[Any, ...], bool]:
    """``values`` with aliases in place of the tensors that require grad, and whether there are any."""
    if not state.grad_enabled:
        return tuple(values), False
    level = max((v.level for v in values if isinstance(v, Taped) and v.node is not None), default=-1)
    places = [i for i, v in enumerate(values) if isinstance(v, Taped) and v.node is not None and v.level == level]
    if not places:
        return tuple(values), False
    node = Gate([values[i] for i in places], places, len(values), look)
    aliases = list(values)
    for k, i in enumerate(places):
        t = values[i]
        alias = Tensor.wrap(t.array, level)
        alias.node = Select(node, k)
        if isinstance(t.array, ndarray):
            t.show(alias)  # a change in place of one is a change of the other
        aliases[i] = alias
    return tuple(aliases), True
