"""Resampling along axes: each result element a weighted sum of a few neighbours, with weights that depend on the place alone.

Here: the weights of every way to interpolate (a sparse matrix for each axis, `Line`), and its product with an array along an axis, fast.
The transpose of a matrix is one too, so gradients need nothing more. Not here: sampling at places that are data (``grid_sample.py``),
sizes and scale factors (``ops/interpolate.py``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .._typing import NDArray
from .half import in_float32
from .threads import parallel

__all__ = ["Line", "resample"]

#: Result elements of one small dense matrix: long enough for BLAS, short enough that few of its elements are zero.
BLOCK = 64
#: Elements of which several arrays fit the second-level cache.
CHUNK = 65_536
#: Elements of a matrix that is remembered for the next call; longer ones are made again.
REMEMBERED = 2**18
#: Neighbours up to which a matrix too long to be remembered is applied one neighbour at a time.
FEW = 16
#: Estimated seconds per element and axis on one thread.
COST = 1e-9


class Line(NamedTuple):
    """How ``n`` elements become ``m`` along one axis; ``transposed``: how the gradients of ``m`` elements become those of ``n``."""

    #: "nearest", "nearest-exact", "linear", "cubic", "area"; "linear-aa", "cubic-aa" and "lanczos-aa" widen the filter to shrink.
    kind: str
    n: int
    m: int
    #: How many input elements one result element moves on, where that is not the quotient of the sizes.
    step: float | None = None
    #: Whether the outer elements of input and result lie on one another, not their outer borders.
    align_corners: bool = False
    transposed: bool = False

    @property
    def sizes(self) -> tuple[int, int]:
        """How many elements go in and come out."""
        return (self.m, self.n) if self.transposed else (self.n, self.m)

    def transpose(self) -> Line:
        """The transposed matrix."""
        return self._replace(transposed=not self.transposed)


# ---- the matrices ------------------------------------------------------------------------------------------------------------------
def _step(line: Line) -> float:
    if line.align_corners:
        return (line.n - 1) / (line.m - 1) if line.m > 1 else 0.0
    return line.n / line.m if line.step is None else line.step


def _nearest(line: Line) -> tuple[NDArray, NDArray]:
    """The one neighbour of each result element; PyTorch finds it in single precision, whatever the dtype."""
    step = np.float32(line.n) / np.float32(line.m) if line.step is None else np.float32(line.step)
    place = np.arange(line.m, dtype=np.float32) + np.float32(0.5 if line.kind == "nearest-exact" else 0.0)
    near = np.floor(place * step).astype(np.int64)
    return np.clip(near, 0, line.n - 1)[:, None], np.ones((line.m, 1))


def _places(line: Line) -> NDArray:
    """Where the result elements lie, in input elements."""
    step = _step(line)
    return np.arange(line.m) * step if line.align_corners else (np.arange(line.m) + 0.5) * step - 0.5


def _linear(line: Line) -> tuple[NDArray, NDArray]:
    place = np.maximum(_places(line), 0.0)
    low = np.minimum(np.floor(place).astype(np.int64), line.n - 1)
    part = np.clip(place - low, 0.0, 1.0)
    return np.stack([low, np.minimum(low + 1, line.n - 1)], axis=1), np.stack([1.0 - part, part], axis=1)


def _cubic(line: Line) -> tuple[NDArray, NDArray]:
    place = _places(line)
    low = np.floor(place)
    taps = low[:, None] + np.arange(-1, 3)
    weights = cubic(place[:, None] - taps, -0.75)
    return np.clip(taps, 0, line.n - 1).astype(np.int64), weights


def _area(line: Line) -> tuple[NDArray, NDArray]:
    """The mean of the elements ``floor(i n / m) .. ceil((i + 1) n / m) - 1``."""
    i = np.arange(line.m)
    first, last = i * line.n // line.m, -((-(i + 1) * line.n) // line.m)
    taps = first[:, None] + np.arange(int(np.max(last - first, initial=1)))
    return np.minimum(taps, line.n - 1), (taps < last[:, None]) / (last - first)[:, None]


def cubic(x: NDArray, a: float) -> NDArray:
    """The cubic convolution kernel with parameter ``a``.

    R. Keys, "Cubic convolution interpolation for digital image processing" (1981), equation 4 (with ``a`` free).
    """
    x = np.abs(x)
    inner = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    outer = (((x - 5.0) * x + 8.0) * x - 4.0) * a
    return np.where(x <= 1.0, inner, np.where(x < 2.0, outer, 0.0))


def _triangle(x: NDArray) -> NDArray:
    return np.maximum(1.0 - np.abs(x), 0.0)


def _lanczos(x: NDArray) -> NDArray:
    return np.where(np.abs(x) < 3.0, np.sinc(x) * np.sinc(x / 3.0), 0.0)


#: The filters that are widened to shrink, and how far they reach: C. Duchon, "Lanczos filtering in one and two dimensions" (1979).
FILTERS: dict[str, tuple[Callable[[NDArray], NDArray], float]] = {
    "linear-aa": (_triangle, 1.0),
    "cubic-aa": (lambda x: cubic(x, -0.5), 2.0),
    "lanczos-aa": (_lanczos, 3.0),
}


def _antialiased(line: Line) -> tuple[NDArray, NDArray]:
    """The filter around each place, as wide as the step where that is above 1, with weights that sum to 1."""
    function, reach = FILTERS[line.kind]
    step = _step(line)
    wide = max(step, 1.0)
    centre = step * (np.arange(line.m) + 0.5)
    first = np.maximum(np.trunc(centre - reach * wide + 0.5), 0.0).astype(np.int64)
    last = np.minimum(np.trunc(centre + reach * wide + 0.5), line.n).astype(np.int64)
    taps = first[:, None] + np.arange(int(np.max(last - first, initial=1)))
    weights = np.where(taps < last[:, None], function((taps - centre[:, None] + 0.5) / wide), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    return np.minimum(taps, line.n - 1), weights / np.where(total == 0.0, 1.0, total)


#: The kinds that leave an axis alone whose size does not change, even if a scale factor says otherwise.
SMOOTH = ("linear", *FILTERS)
KINDS = {
    "nearest": _nearest, "nearest-exact": _nearest, "linear": _linear, "cubic": _cubic, "area": _area,
    **dict.fromkeys(FILTERS, _antialiased),
}  # fmt: skip


F = TypeVar("F", bound=Callable[..., Any])


def remembered(f: F) -> F:
    """``f(line, *more)`` with its latest results kept, but for lines so long that they would fill the memory."""
    kept = functools.lru_cache(maxsize=64)(f)

    @functools.wraps(f)
    def either(line: Line, *more: Any) -> Any:
        return kept(line, *more) if BLOCK * (line.n + line.m) <= REMEMBERED else f(line, *more)

    return either  # type: ignore[return-value]


@remembered
def taps_of(line: Line) -> tuple[NDArray, NDArray]:
    """The rows of the matrix: input elements (rows, k) and their weights, float64; a weight of 0 stands for nothing."""
    if not line.transposed:
        same = line.n == line.m and line.kind.startswith(SMOOTH)
        return (np.arange(line.n)[:, None], np.ones((line.n, 1))) if same else KINDS[line.kind](line)
    taps, weights = taps_of(line.transpose())
    used = weights != 0.0
    source, target, weight = np.broadcast_to(np.arange(line.m)[:, None], taps.shape)[used], taps[used], weights[used]
    order = np.argsort(target, kind="stable")
    source, target, weight = source[order], target[order], weight[order]
    counts = np.bincount(target, minlength=line.n)
    rank = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (line.n, max(int(counts.max(initial=0)), 1))
    turned, turned_weights = np.zeros(shape, np.int64), np.zeros(shape)
    turned[target, rank], turned_weights[target, rank] = source, weight
    return turned, turned_weights


class Block(NamedTuple):
    """A dense part of the matrix: from the input elements ``source`` come the result elements ``target``."""

    source: slice
    target: slice
    matrix: NDArray


@remembered
def blocks_of(line: Line, dtype: str) -> tuple[Block, ...]:
    """The matrix in dense parts (target, source); neighbours in the result have neighbours in the input."""
    return tuple(_blocks(*taps_of(line), dtype))


@remembered
def byte_blocks_of(line: Line) -> tuple[tuple[Block, ...], float]:
    """The matrix in whole numbers of 16 bits, times a power of two, and that power; so Pillow, and PyTorch after it, resample bytes."""
    taps, weights = taps_of(line)
    first = taps[:, :, None] == taps[:, None, :]  # beyond the border is the border element again: one weight for all of its taps
    merged = np.where(np.tril(first, -1).any(axis=2), 0.0, (first * weights[:, None, :]).sum(axis=2))
    bits = 0
    while bits < 22 and int(0.5 + float(merged.max()) * 2.0 ** (bits + 1)) < 2**15:
        bits += 1
    return tuple(_blocks(taps, np.trunc(np.copysign(0.5, merged) + merged * 2.0**bits), "d")), 2.0**bits


def _blocks(taps: NDArray, weights: NDArray, dtype: str) -> Iterator[Block]:
    for start in range(0, len(taps), BLOCK):
        target = slice(start, min(start + BLOCK, len(taps)))
        t, w = taps[target], weights[target]
        used = w != 0.0
        low, high = (int(t[used].min()), int(t[used].max()) + 1) if used.any() else (0, 1)
        matrix = np.zeros((len(t), high - low))
        np.add.at(matrix, (np.nonzero(used)[0], t[used] - low), w[used])
        yield Block(slice(low, high), target, matrix.astype(dtype))


@remembered
def copies(line: Line) -> NDArray | None:
    """The one input element of which each result element is a copy, if all are copies."""
    taps, weights = taps_of(line)
    return taps[:, 0] if taps.shape[1] == 1 and bool((weights == 1.0).all()) else None


# ---- their products ----------------------------------------------------------------------------------------------------------------
def _copy(x: NDArray, line: Line, places: NDArray, out: NDArray) -> None:
    """Elements along axis 1 of ``x`` (A, n, B) by number."""
    n, m = line.sizes
    r = m // n
    if r * n == m and bool((places == np.arange(m) // r).all()):
        if x.shape[2] > 1:
            out.reshape(len(x), n, r, x.shape[2])[...] = x[:, :, None]
        else:
            for k in range(r):
                out[:, k::r] = x
    else:
        np.take(x, places, axis=1, out=out, mode="clip")


def _multiply(x: NDArray, line: Line, out: NDArray) -> None:
    """The matrix times axis 1 of ``x`` (A, n, B), into ``out`` (A, m, B)."""
    if BLOCK * (line.n + line.m) <= REMEMBERED:
        _by_blocks(x, blocks_of(line, x.dtype.char), out)
        return
    taps, weights = taps_of(line)
    if taps.shape[1] <= FEW:
        _sum_up(x, line, out)
    else:
        _by_blocks(x, _blocks(taps, weights, x.dtype.char), out)


def _multiply_bytes(x: NDArray, line: Line, out: NDArray) -> None:
    """The same of bytes, rounded to bytes."""
    blocks, power = byte_blocks_of(line)
    exact = np.empty(out.shape)
    _by_blocks(x.astype(np.float64), blocks, exact)
    out[...] = np.clip(np.floor(exact / power + 0.5), 0.0, 255.0)


def _by_blocks(x: NDArray, blocks: Iterable[Block], out: NDArray) -> None:
    if x.shape[2] > 1:
        for b in blocks:
            np.matmul(b.matrix, x[:, b.source], out=out[:, b.target])
    else:
        rows, result = x[:, :, 0], out[:, :, 0]
        for b in blocks:
            np.matmul(rows[:, b.source], b.matrix.T, out=result[:, b.target])


def _sum_up(x: NDArray, line: Line, out: NDArray) -> None:
    """The same tap by tap: an element that has no weight has no influence, though it be infinite or NaN."""
    taps, weights = taps_of(line)
    out[...] = 0
    for k in range(taps.shape[1]):
        w = weights[:, k, None].astype(x.dtype)
        part = np.take(x, taps[:, k], axis=1)
        part *= w
        if not w.all():
            part[:, w[:, 0] == 0] = 0
        out += part


def along(x: NDArray, axis: int, line: Line, out: NDArray, product: Callable[[NDArray, Line, NDArray], None]) -> None:
    """One axis of ``x`` resampled into ``out``."""
    lead, rest = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    n, m = line.sizes
    flat, result = x.reshape(lead, n, rest), out.reshape(lead, m, rest)
    places = copies(line)
    if places is None:
        product(flat, line, result)
    else:
        _copy(flat, line, places, result)


def in_order(lines: tuple[Line, ...], last_first: bool) -> list[tuple[int, Line]]:
    """Axes of planes and their lines: those that shrink most first, so that the least is computed, or strictly the last axis first."""
    steps = [(1 + i, line) for i, line in enumerate(lines) if not _is_identity(line)]
    return sorted(steps, key=lambda s: (0.0 if last_first else s[1].sizes[1] / max(s[1].sizes[0], 1), -s[0]))


@remembered
def _is_identity(line: Line) -> bool:
    places = copies(line) if line.n == line.m else None
    return places is not None and bool((places == np.arange(line.n)).all())


@in_float32
def resample(x: NDArray, *, lines: tuple[Line, ...]) -> NDArray:
    """Resample the last axes of ``x``, as many as there are ``lines``: (N, C, *sizes in) -> (N, C, *sizes out), in its dtype.

    ``x`` is floating, or bytes, which are rounded after each axis, the last axis first; all lines are copies, or it may be of any dtype.

    >>> resample(np.array([[[1.0, 3.0]]]), lines=(Line("linear", 2, 3, align_corners=True),))
    array([[[1., 2., 3.]]])
    """
    smooth = any(copies(line) is None for line in lines)
    bytes_only = x.dtype.char == "B" and smooth
    steps = in_order(lines, bytes_only)
    product = _multiply_bytes if bytes_only else _multiply
    shape = (*x.shape[: -len(lines)], *(line.sizes[1] for line in lines))
    if not steps:
        return x.copy()
    if 0 in shape or 0 in x.shape:
        return np.zeros(shape, x.dtype)
    planes = np.ascontiguousarray(x).reshape(-1, *x.shape[-len(lines) :])
    out = np.empty((len(planes), *shape[-len(lines) :]), x.dtype)
    several = max(1, CHUNK // max(math.prod(planes.shape[1:]), math.prod(out.shape[1:])))
    groups = -(-len(planes) // several)

    def work(lo: int, hi: int) -> None:
        for i in range(lo, hi):
            some = slice(i * several, (i + 1) * several)
            _through(planes[some], steps, out[some], product)

    with np.errstate(all="ignore"):
        parallel(work, groups, cost=(planes.size + out.size) * COST * len(steps))
        if smooth and x.dtype.kind == "f" and _has_nan(out):
            _through(planes, steps, out, _sum_up)
    return out.reshape(shape)


def _through(x: NDArray, steps: list[tuple[int, Line]], out: NDArray, product: Callable[[NDArray, Line, NDArray], None]) -> None:
    """All steps, one after the other, the last of them into ``out``."""
    for k, (axis, line) in enumerate(steps):
        shape = (*x.shape[:axis], line.sizes[1], *x.shape[axis + 1 :])
        y = out if k == len(steps) - 1 else np.empty(shape, x.dtype)
        along(x, axis, line, y, product)
        x = y


def _has_nan(x: NDArray) -> bool:
    flat = x.reshape(-1)
    square = np.vdot(flat, flat)  # squares do not cancel, so NaN shows: one fast pass over the memory
    return bool(square != square)
