"""Resampling along axes: each result element a weighted sum of a few neighbours, with weights that depend on the place alone.

Here: the weights of every way to interpolate (a sparse matrix for each axis, `Line`), and its product with an array along an axis, fast.
The transpose of a matrix is one too, so gradients need nothing more. Not here: sampling at places that are data (``grid_sample.py``),
sizes and scale factors (``ops/nn/interpolate.py``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from .._typing import NDArray
from .short import in_float32
from .threads import parallel

__all__ = ["Line", "resample"]

#: Result elements of one small dense matrix: long enough for BLAS, short enough that few of its elements are zero.
BLOCK = 64
#: Elements of which several arrays fit the second-level cache.
CHUNK = 65_536
#: Elements of matrices that are remembered for the next call; longer ones are made again.
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


class Block(NamedTuple):
    """A dense part of a matrix: from the input elements ``source`` come the result elements ``target``."""

    source: slice
    target: slice
    matrix: NDArray


class Matrix:
    """The matrix of a line: of each row the input elements (rows, k) and their weights, float64; a weight of 0 stands for nothing."""

    def __init__(self, line: Line) -> None:
        n, m = line.sizes
        same = n == m and line.kind.startswith(SMOOTH)
        if same:
            self.taps, self.weights = np.arange(n)[:, None], np.ones((n, 1))
        else:
            self.taps, self.weights = _transposed(line) if line.transposed else KINDS[line.kind](line)
        self.n = n
        #: The one input element of which each result element is a copy, if all are copies.
        self.copies = self.taps[:, 0] if self.taps.shape[1] == 1 and bool((self.weights == 1.0).all()) else None
        self.is_identity = n == m and self.copies is not None and bool((self.copies == np.arange(n)).all())
        self.is_short = BLOCK * (n + m) <= REMEMBERED
        self._blocks: dict[str, tuple[Block, ...]] = {}

    def blocks(self, dtype: str) -> Iterable[Block]:
        """The matrix in dense parts (target, source): neighbours in the result have neighbours in the input. Kept if it is short."""
        if not self.is_short:
            return _blocks(self.taps, self.weights, dtype)
        if dtype not in self._blocks:
            self._blocks[dtype] = tuple(_blocks(self.taps, self.weights, dtype))
        return self._blocks[dtype]

    def byte_blocks(self) -> tuple[Iterable[Block], float]:
        """The matrix in whole numbers of 16 bits, times a power of two, and that power; so Pillow, and PyTorch after it, resample bytes."""
        same = self.taps[:, :, None] == self.taps[:, None, :]  # beyond the border is the border element again: one weight for all its taps
        merged = np.where(np.tril(same, -1).any(axis=2), 0.0, (same * self.weights[:, None, :]).sum(axis=2))
        bits = 0
        while bits < 22 and int(0.5 + float(merged.max()) * 2.0 ** (bits + 1)) < 2**15:
            bits += 1
        return _blocks(self.taps, np.trunc(np.copysign(0.5, merged) + merged * 2.0**bits), "d"), 2.0**bits


_remembered = functools.lru_cache(maxsize=64)(Matrix)


def matrix_of(line: Line) -> Matrix:
    """The matrix of ``line``, the same one as before unless it is so long that many would fill the memory."""
    return _remembered(line) if BLOCK * (line.n + line.m) <= REMEMBERED else Matrix(line)


def _transposed(line: Line) -> tuple[NDArray, NDArray]:
    """The rows of a transposed matrix, from those of the other."""
    matrix = matrix_of(line.transpose())
    used = matrix.weights != 0.0
    target, weight = matrix.taps[used], matrix.weights[used]
    source = np.broadcast_to(np.arange(line.m)[:, None], used.shape)[used]
    order = np.argsort(target, kind="stable")
    source, target, weight = source[order], target[order], weight[order]
    counts = np.bincount(target, minlength=line.n)
    rank = np.arange(len(target)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (line.n, max(int(counts.max(initial=0)), 1))
    taps, weights = np.zeros(shape, np.int64), np.zeros(shape)
    taps[target, rank], weights[target, rank] = source, weight
    return taps, weights


def _blocks(taps: NDArray, weights: NDArray, dtype: str) -> Iterator[Block]:
    for start in range(0, len(taps), BLOCK):
        target = slice(start, min(start + BLOCK, len(taps)))
        t, w = taps[target], weights[target]
        used = w != 0.0
        low, high = (int(t[used].min()), int(t[used].max()) + 1) if used.any() else (0, 1)
        matrix = np.zeros((len(t), high - low))
        np.add.at(matrix, (np.nonzero(used)[0], t[used] - low), w[used])
        yield Block(slice(low, high), target, matrix.astype(dtype))


# ---- their products ----------------------------------------------------------------------------------------------------------------
#: ``product(x, matrix, out)``: the matrix times axis 1 of x (A, n, B), into out (A, m, B).
Product = Callable[[NDArray, Matrix, NDArray], None]


def _copy(x: NDArray, places: NDArray, out: NDArray) -> None:
    """Elements along axis 1 by number."""
    n, m = x.shape[1], out.shape[1]
    r = m // n
    if r * n == m and bool((places == np.arange(m) // r).all()):
        if x.shape[2] > 1:
            out.reshape(len(x), n, r, x.shape[2])[...] = x[:, :, None]
        else:
            for k in range(r):
                out[:, k::r] = x
    else:
        np.take(x, places, axis=1, out=out, mode="clip")


def _multiply(x: NDArray, matrix: Matrix, out: NDArray) -> None:
    if matrix.copies is not None:
        _copy(x, matrix.copies, out)
    elif matrix.is_short or matrix.taps.shape[1] > FEW:
        _by_blocks(x, matrix.blocks(x.dtype.char), out)
    else:
        _sum_up(x, matrix, out)


def _multiply_bytes(x: NDArray, matrix: Matrix, out: NDArray) -> None:
    """The same of bytes, rounded to bytes."""
    if matrix.copies is not None:
        _copy(x, matrix.copies, out)
        return
    blocks, power = matrix.byte_blocks()
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


def _sum_up(x: NDArray, matrix: Matrix, out: NDArray) -> None:
    """Tap by tap: an element that has no weight has no influence, though it be infinite or NaN."""
    out[...] = 0
    for k in range(matrix.taps.shape[1]):
        w = matrix.weights[:, k, None].astype(x.dtype)
        part = np.take(x, matrix.taps[:, k], axis=1)
        part *= w
        if not w.all():
            part[:, w[:, 0] == 0] = 0
        out += part


def _through(x: NDArray, steps: list[tuple[int, Matrix]], out: NDArray, product: Product) -> None:
    """All steps, axes and their matrices, one after the other, the last of them into ``out``."""
    for k, (axis, matrix) in enumerate(steps):
        lead, n, rest = math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :])
        m = len(matrix.taps)
        y = out if k == len(steps) - 1 else np.empty((*x.shape[:axis], m, *x.shape[axis + 1 :]), x.dtype)
        product(x.reshape(lead, n, rest), matrix, y.reshape(lead, m, rest))
        x = y


def _in_order(matrices: list[Matrix], last_first: bool) -> list[tuple[int, Matrix]]:
    """Axes of planes and their matrices: those that shrink most first, so that the least is computed, or strictly the last axis first."""
    steps = [(1 + i, matrix) for i, matrix in enumerate(matrices) if not matrix.is_identity]
    return sorted(steps, key=lambda s: (0.0 if last_first else len(s[1].taps) / max(s[1].n, 1), -s[0]))


@in_float32
def resample(x: NDArray, *, lines: tuple[Line, ...]) -> NDArray:
    """Resample the last axes of ``x``, as many as there are ``lines``: (N, C, *sizes in) -> (N, C, *sizes out), in its dtype.

    ``x`` is floating, or bytes, which are rounded after each axis, the last axis first; where all lines are copies it may be of any dtype.

    >>> resample(np.array([[[1.0, 3.0]]]), lines=(Line("linear", 2, 3, align_corners=True),))
    array([[[1., 2., 3.]]])
    """
    shape = (*x.shape[: -len(lines)], *(line.sizes[1] for line in lines))
    if 0 in shape or 0 in x.shape:
        return np.zeros(shape, x.dtype)
    matrices = [matrix_of(line) for line in lines]
    smooth = any(matrix.copies is None for matrix in matrices)
    steps = _in_order(matrices, smooth and x.dtype.char == "B")
    if not steps:
        return x.copy()
    product = _multiply_bytes if smooth and x.dtype.char == "B" else _multiply
    planes = np.ascontiguousarray(x).reshape(-1, *x.shape[-len(lines) :])
    out = np.empty((len(planes), *shape[-len(lines) :]), x.dtype)
    several = max(1, CHUNK // max(math.prod(planes.shape[1:]), math.prod(out.shape[1:])))

    def work(lo: int, hi: int) -> None:
        for i in range(lo, hi):
            some = slice(i * several, (i + 1) * several)
            _through(planes[some], steps, out[some], product)

    with np.errstate(all="ignore"):
        parallel(work, -(-len(planes) // several), cost=(planes.size + out.size) * COST * len(steps))
        if smooth and x.dtype.kind == "f" and _has_nan(out):
            _through(planes, steps, out, _sum_up)
    return out.reshape(shape)


def _has_nan(x: NDArray) -> bool:
    flat = x.reshape(-1)
    square = np.vdot(flat, flat)  # squares do not cancel, so NaN shows: one fast pass over the memory
    return bool(square != square)
