"""What the files of twins share: how Numba compiles a loop, and how an element-wise loop is run.

Here: the options, and the reasons for them. Not here: formulas (``maths.py``), the choice of a twin (``__init__.py``).

A loop is compiled for the dtypes of a call when it is first called with them, and kept on disk: beside its file, or, where that may not be
written, in the user's cache folder. It runs without the GIL, on one thread; several are the business of ``kernels.threads``, whose threads
do not fight with those of BLAS as Numba's would. Without Numba the files can be read, and the loops run, slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..._typing import NDArray
from ..chunks import UNIT
from ..threads import WORTH_IT, parallel

try:
    numba: Any = import_module("numba")
except ImportError:
    numba = None

__all__ = ["compiled", "each", "elementwise", "inlined", "inlined_sum", "plain", "samples"]

Loop = TypeVar("Loop", bound=Callable[..., Any])
#: Draws an array of a shape; what `samples` are made with.
Draw = Callable[..., NDArray]

#: Elements of an array that is one number everywhere which are written out, where there are four times as many.
BLOCK = 65_536
#: Numba notices a change of a loop's own file only: formulas that are inlined count by this part of the name under which it is kept.
_STAMP = "".join(f"_{int(Path(__file__).with_name(name).stat().st_mtime)}" for name in ("maths.py", "lines.py", "sums.py", "compiled.py"))


def _jit(function: Loop, sums: bool, **options: bool) -> Loop:
    """Products may be contracted with sums into one rounding; no flag touches NaN, infinity or the sign of 0."""
    if numba is None:
        return function
    flags = {"contract", "reassoc"} if sums else {"contract"}
    made: Loop = numba.njit(nogil=True, error_model="numpy", fastmath=flags, **options)(function)
    return made


def compiled(loop: Loop, sums: bool = False) -> Loop:
    """A loop over arrays, kept on disk; ``sums``: as `inlined_sum`."""
    loop.__qualname__ += _STAMP
    made = _jit(loop, sums, cache=True)
    if numba is not None:
        _forgive(made._cache)  # type: ignore[attr-defined]
    return made


def _forgive(kept: Any) -> None:
    """Let what is kept on disk and cannot be read, after a full disk or a loss of power, be thrown away and compiled anew."""
    load = kept.load_overload

    def load_or_forget(*arguments: Any) -> Any:
        try:
            return load(*arguments)
        except Exception:
            kept.flush()
            return None

    kept.load_overload = load_or_forget


def inlined(function: Loop) -> Loop:
    """A formula for loops; its additions keep their order, as reductions of arguments need."""
    return _jit(function, False, forceinline=True)


def inlined_sum(function: Loop) -> Loop:
    """A sum for loops, whose additions may be done in any order, without which it would not be vectorised."""
    return _jit(function, True, forceinline=True)


def plain(a: NDArray) -> NDArray:
    """``a``, or a copy where it is not contiguous, aligned and writable: each of that would be compiled anew."""
    return a if a.flags.carray else np.array(a, order="C")


def each(loop: Callable[..., None], *arrays: NDArray, cost: float, settings: tuple[Any, ...] = ()) -> NDArray:
    """A new array like the first, filled by ``loop(out, *arrays, *settings)``, an element-wise loop over flat arrays of one shape.

    ``cost``: nanoseconds per element on one thread. ``settings``: numbers, which become numbers of the arrays' dtype.
    """
    x = arrays[0]
    settings = tuple(map(x.dtype.type, settings)) if settings else ()
    out = np.empty(x.shape, x.dtype)
    flat = [a.ravel() if a.flags.carray else _flat(a) for a in arrays]  # ravel: half the price
    filled, size = out.ravel(), x.size
    block = min(a.size for a in flat)

    def work(lo: int, hi: int) -> None:
        end, step = min(hi * UNIT, size), block if block < size else size
        for i in range(lo * UNIT, end, step or 1):
            j = min(i + step, end)
            loop(filled[i:j], *(a[i:j] if a.size == size else a[: j - i] for a in flat), *settings)

    if size * cost * 1e-9 < WORTH_IT and block == size:
        loop(filled, *flat, *settings)
    else:
        parallel(work, math.ceil(size / UNIT), cost=size * cost * 1e-9, blas=False)
    return out


def _flat(a: NDArray) -> NDArray:
    """The elements in one run; of many that are one number everywhere, as the gradient of a sum is, a block, which stays in the cache."""
    if a.size > 4 * BLOCK and not any(a.strides):
        return np.full(BLOCK, a[(0,) * a.ndim], a.dtype)
    return plain(a).reshape(-1)


def elementwise(loop: Callable[..., None], arrays: int, cost: float, *settings: tuple[float, ...]) -> Callable[..., NDArray]:
    """The twin that is such a loop (`each`) over one or two ``arrays``; ``settings``: what its further arguments may be, for `samples`.

    Small arrays take a short way: `each` would cost more than a loop over a thousand elements.
    """
    few = int(WORTH_IT / (cost * 1e-9))

    def of_one(x: NDArray, *numbers: Any) -> NDArray:
        if x.size >= few or not x.flags.carray:
            return each(loop, x, cost=cost, settings=numbers)
        out = np.empty(x.shape, x.dtype)
        loop(out.ravel(), x.ravel(), *map(x.dtype.type, numbers)) if numbers else loop(out.ravel(), x.ravel())
        return out

    def of_two(g: NDArray, x: NDArray, *numbers: Any) -> NDArray:
        if x.size >= few or not (x.flags.carray and g.flags.carray):
            return each(loop, g, x, cost=cost, settings=numbers)
        out = np.empty(x.shape, x.dtype)
        loop(out.ravel(), g.ravel(), x.ravel(), *map(x.dtype.type, numbers)) if numbers else loop(out.ravel(), g.ravel(), x.ravel())
        return out

    draws = samples(lambda draw, n, c: [(*(draw(*at) for _ in range(arrays)), *s) for s in settings or ((),) for at in ((n, c), (n,), ())])
    return draws(of_one if arrays == 1 else of_two)


def samples(drawn: Callable[[Draw, int, int], list[tuple[Any, ...]]]) -> Callable[[Loop], Loop]:
    """Say with which arguments a twin is tested and compiled in advance: made from ``draw(*shape)`` and two lengths."""

    def mark(twin: Loop) -> Loop:
        twin.samples = drawn  # type: ignore[attr-defined]
        return twin

    return mark
