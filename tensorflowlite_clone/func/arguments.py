"""What all transforms share: levels, which arguments they concern, and taking in and giving back tensors or ndarrays.

Not here: any transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, TransformError
from .._state import Restoring, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.dtypes import CATEGORY
from ..core.tensor import Taped, Tensor
from .batched import Batched
from .dual import Dual
from .faces import FACES, Faced, faced
from .tree import flatten, unflatten

#: The dtypes of NumPy programs in single precision, which stay there; any other array is of a program in float64.
SINGLE = (np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.complex64))
FLOAT64 = np.dtype(np.float64)
#: One positional argument, or several.
Argnums = int | tuple[int, ...]


class raised_height(Restoring):  # noqa: N801  (reads as a statement)
    """One transform more: its boxes get the new height, which the block gets, as level. ``record=True`` records whatever the outer mode is.

    ``kind`` is that of the arguments: whether the numbers and indices inside are NumPy's.
    """

    __slots__ = ("double", "numpy", "record")

    def __init__(self, record: bool | None = None, kind: Kind | None = None) -> None:
        self.record, self.double, self.numpy = record, kind is not None and kind.double, None if kind is None else kind.numpy

    def __enter__(self) -> int:
        before = {"height": state.height, "grad_enabled": state.grad_enabled, "maps": state.maps, "default_dtype": state.default_dtype}
        before["open"] = state.open
        self.close = partial(vars(state).update, before, numpy=state.numpy, pulled=state.pulled)
        height = max(state.height, state.highest) + 1
        state.height = state.highest = height  # from here on there is no call, and so no interrupt
        if self.record is not None:
            state.grad_enabled = self.record
        if self.double:
            state.default_dtype = FLOAT64
        if self.numpy is not None:
            state.numpy = self.numpy
        return height


class reasons:  # noqa: N801  (reads as a statement)
    """Around a user's function: of a failing ``out[i] = x`` NumPy only says that it failed; the reason is what helps."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if isinstance(error, ValueError) and isinstance(error.__cause__, TransformError) and "setting an array element" in str(error):
            raise error.__cause__.with_traceback(traceback) from None


class Kind:
    """Whether a transform was given tensors or ndarrays, and how to take and give back the same kind.

    Results are detached if the caller was in ``no_grad`` when the transform began.
    """

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.tensors = any(isinstance(x, Taped) for x in leaves)
        self.recording = state.grad_enabled
        #: Whether they are NumPy's arrays, or tensors; None among values of an outer transform, which knows it.
        self.numpy = _numpy_or_tensors(leaves)
        boxes = [x for x in leaves if isinstance(x, Boxed)] or (() if self.numpy else state.open[-1:])
        #: Whether values inside have the methods of ndarrays.
        self.arrays = all(isinstance(x, Faced) for x in boxes)
        #: Whether it is NumPy's float64, in which integers inside become what they become in NumPy, and no float32 tensors.
        self.double = not self.tensors and any(
            np.asarray(x).dtype not in SINGLE and np.asarray(x).dtype.kind != "V"
            for x in leaves
            if isinstance(x, ndarray | np.generic | float | complex)
        )

    def take(self, x: Any, op: str, what: str = "the arguments to differentiate or map over") -> Array:
        """What a box of the transform holds: an ndarray, or a box of an outer transform or of a recorded tensor."""
        if isinstance(x, Taped) and x.node is None and isinstance(x.array, ndarray):
            return x.array
        if isinstance(x, Boxed | ndarray):
            return x
        if isinstance(x, bool | int | float | complex | np.generic):
            return np.asarray(x)
        raise OperandError(f"{op}: {what} must be tensors, arrays or numbers: got {type(x).__name__} {x!r:.40}; convert it with tl.tensor")

    def give(self, x: Any) -> Any:
        """A result: a tensor where tensors came in, else as NumPy would give it; in memory that the caller may write to."""
        if isinstance(x, Boxed) and x.level > state.height:
            x = without_ended(x)
        if isinstance(x, Boxed):
            if isinstance(x, Taped):
                if not self.tensors and x.node is None and isinstance(x.array, ndarray):
                    return writable(x.array)  # a constant that an operation made inside
                if not self.recording:
                    return x.detach()
            return x
        array = writable(np.asarray(x))
        return Tensor.wrap(array, 0) if self.tensors else array


def begin(boxes: list[Any], arrays: bool) -> list[Any]:
    """``boxes``, the values that a transform follows from here on; ``arrays`` says whether they have the methods of ndarrays."""
    state.open = (*state.open, *boxes[:1])
    return [faced(b) for b in boxes] if arrays else boxes


def _numpy_or_tensors(leaves: Sequence[Any]) -> bool | None:
    if any(isinstance(x, Boxed) for x in leaves):
        return False if any(isinstance(x, Taped) and x.level == 0 for x in leaves) else None
    return True if any(isinstance(x, ndarray) for x in leaves) else None


def without_ended(x: Any) -> Any:
    """What a box holds without those of transforms that have ended: of a derivative the value is a constant, of examples there is none."""
    while (
        type(x) in (Tensor, Dual, Batched, *FACES.values()) and x.level > state.height
    ):  # dual tensors of `forward_ad` know themselves when they end
        if isinstance(x, Batched):
            raise TransformError(
                f"vmap: a value of each example (shape {x.shape} each) was kept until its vmap had ended, where it has no meaning; "
                f"return it from the function instead of putting it into a list, an attribute or a global variable"
            )
        x = x.parts()[0]
    return x


def writable(a: Array) -> Array:
    """``a``, or a copy of a read-only ndarray (a broadcast result)."""
    return np.array(a) if isinstance(a, ndarray) and not a.flags.writeable else a


def like(x: Any, array: ndarray[Any, Any]) -> Any:
    """``array`` as the kind of thing that ``x`` is."""
    return Tensor.wrap(array, 0) if isinstance(x, Taped) else array


def selected(args: tuple[Any, ...], argnums: Argnums, op: str) -> tuple[int, ...]:
    """The positions that ``argnums`` names, counted from the front.

    Raises `ArgumentError` for anything but ints in range that name each argument once.
    """
    nums = argnums if isinstance(argnums, tuple | list) else (argnums,)
    for n in nums:
        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise ArgumentError(f"{op}: argnums must be an int or a tuple of ints: got {argnums!r}; count the positional arguments from 0")
        if not -len(args) <= n < len(args):
            raise ArgumentError(
                f"{op}: argnums {n} is out of range: the function got {len(args)} positional argument(s); pass what is to be "
                f"differentiated by position, not by keyword"
            )
    found = tuple(int(n) % len(args) for n in nums)
    if not found or len(set(found)) != len(found):
        raise ArgumentError(f"{op}: argnums must name at least one argument, and each once: got {argnums!r}")
    return found


def replaced(args: Sequence[Any], nums: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """The arguments with ``values`` at the positions ``nums``."""
    full = list(args)
    for n, v in zip(nums, values, strict=True):
        full[n] = v
    return full


class Constants:
    """What among the leaves of nested arguments cannot be followed, and is handed on as it is: texts, ints, functions, other objects.

    An argument that is itself such a thing stays among the leaves, to be refused by name.
    """

    def __init__(self, args: tuple[Any, ...]) -> None:
        self.all, self.tree = flatten(args)
        nested = [isinstance(a, dict | tuple | list) for a in args for _ in flatten(a)[0]]
        self.fixed = [inner and not isinstance(x, _FOLLOWED) for x, inner in zip(self.all, nested, strict=True)]
        if all(self.fixed):
            self.fixed = [False] * len(self.all)
        #: The others.
        self.leaves = [x for x, fixed in zip(self.all, self.fixed, strict=True) if not fixed]

    def filled(self, values: Sequence[Any], constants: bool = True) -> Any:
        """The arguments with ``values`` for the leaves; ``constants`` as they are, or None in their places."""
        rest = iter(values)
        filled = [(x if constants else None) if fixed else next(rest) for x, fixed in zip(self.all, self.fixed, strict=True)]
        return unflatten(self.tree, filled)


#: What a derivative can be asked of.
_FOLLOWED = (Boxed, ndarray, float, complex, np.inexact)


def split_aux(out: Any, has_aux: bool, op: str) -> tuple[Any, Any]:
    """What a function returned as its output and its auxiliary values."""
    if not has_aux:
        return out, None
    if not isinstance(out, tuple) or len(out) != 2:
        raise TransformError(f"{op}: with has_aux=True the function must return (output, aux): got {type(out).__name__}; return a pair")
    return out[0], out[1]


def require_arrays(outs: Sequence[Any], op: str) -> None:
    """Raise unless every result is a tensor, an array or a number."""
    for o in outs:
        if not isinstance(o, Boxed | ndarray | bool | int | float | complex | np.generic):
            raise TransformError(
                f"{op}: the function must return tensors or arrays (perhaps nested): it returned {type(o).__name__} {o!r:.40}; "
                f"return other things with has_aux=True"
            )
    if not outs:
        raise TransformError(f"{op}: the function must return tensors or arrays (perhaps nested): it returned none; return its result")


def require_inexact(array: Array, op: str) -> None:
    """Raise for arguments that have no derivative."""
    if CATEGORY.get(array.dtype.char, 0) < 2:
        fix = "convert it, x.float()" if isinstance(array, Boxed) else "write 3.0 for 3" if not array.shape else "make it x.astype(float)"
        raise TransformError(
            f"{op}: only floating and complex arguments have derivatives: got {array.dtype} {array.shape}; {fix}, or leave it out of "
            f"argnums"
        )
