"""Nested states and arguments as the flat vectors and lists of arrays that systems have.

Here: what of a state and of arguments varies, and how the user's function sees it. Not here: what is solved (``systems.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError, ShapeError, TransformError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import boxed, is_plain, off_tape
from ..func.arguments import replaced
from ..func.tree import flatten, flatten_as, unflatten

FLOAT64 = np.dtype(np.float64)


class Packing:
    """The form of a nested state: to a real vector and back; of complex leaves the real parts come before the imaginary ones."""

    def __init__(self, tree: Any, op: str, tensors: bool) -> None:
        leaves, self.tree = flatten(tree)
        self.op, self.tensors, self.forms = op, tensors, []
        for x in leaves:
            if not isinstance(x, Boxed | ndarray | bool | int | float | complex | np.generic):
                raise OperandError(f"{op}: a state consists of arrays: it has a {type(x).__name__} {x!r:.40}; pass it on by args")
            dtype = np.dtype(str(x.dtype)) if hasattr(x, "dtype") else np.asarray(x).dtype
            self.forms.append((tuple(shape_of(x)), dtype if dtype.kind in "fc" else FLOAT64))
        self.alone = len(self.forms) == 1 and len(self.forms[0][0]) == 1 and self.forms[0][1] == FLOAT64

    def flat(self, tree: Any, model: str = "the initial state", what: str = "the derivative") -> Array:
        """The leaves of ``tree``, which is nested like the state, as one vector of float64."""
        leaves = flatten_as(self.tree, tree, self.op, what, model)
        rows = [x if isinstance(x, Boxed) else np.asarray(x) for x in leaves]
        parts: list[Any] = []
        for x, (shape, dtype) in zip(rows, self.forms, strict=True):
            if tuple(shape_of(x)) != shape:
                raise ShapeError(
                    f"{self.op}: {what} has the wrong shape: it is {tuple(shape_of(x))}, {model} is {shape}; they must be equal"
                )
            if self.alone and x.dtype == FLOAT64:
                return x
            if x.dtype.kind == "c" and dtype.kind != "c":
                raise OperandError(f"{self.op}: {what} is complex, {model} is real; make that complex, or take the real part")
            x = np.reshape(x, -1)
            parts += [np.real(x), np.imag(x)] if dtype.kind == "c" else [x]
        parts = [p if p.dtype == FLOAT64 else p.astype(FLOAT64) for p in parts]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def nested(self, y: Array, lead: int = 0) -> Any:
        """The state that the last axis of ``y`` is, behind ``lead`` other axes."""
        if self.alone:
            return unflatten(self.tree, [shown(y, self.tensors)])
        leaves, at = [], 0
        front = tuple(shape_of(y))[:lead]
        for shape, dtype in self.forms:
            size = math.prod(shape)
            x = y[..., at : at + size]
            at += size
            if dtype.kind == "c":
                x = x + 1j * y[..., at : at + size]
                at += size
            x = np.reshape(x, (*front, *shape))
            leaves.append(shown(x if x.dtype == dtype else x.astype(dtype), self.tensors))
        return unflatten(self.tree, leaves)


class Arguments:
    """Nested arguments of which some leaves vary: those become the parameters, the others are kept as they are.

    A function of ``tensors`` is shown tensors.
    """

    def __init__(self, args: tuple[Any, ...], tensors: bool) -> None:
        (self.leaves, self.tree), self.tensors = flatten(args), tensors
        self.places = [i for i, x in enumerate(self.leaves) if isinstance(x, Boxed) and not is_plain(x) and x.dtype.kind in "fc"]
        self.params = [self.leaves[i] for i in self.places]

    def call(self, f: Callable[..., Any], *first: Any, params: Sequence[Any]) -> Any:
        """``f`` of ``first`` and of the arguments with ``params`` in the places of those that vary."""
        leaves = replaced(self.leaves, self.places, [shown(p, self.tensors) for p in params])
        return f(*(shown(x, self.tensors) for x in first), *unflatten(self.tree, leaves))


def shown(x: Any, tensors: bool) -> Any:
    """An array as the user's function sees it."""
    return boxed(x) if tensors and isinstance(x, ndarray | np.generic | float) else x


def plain_values(x: Any, what: str, op: str) -> Any:
    """A tolerance or the like, which takes no derivative, in NumPy."""
    if isinstance(x, Boxed):
        if not is_plain(x):
            raise TransformError(f"{op}: {what} takes no derivative: it is followed; detach it")
        return np.asarray(off_tape(x))
    return x
