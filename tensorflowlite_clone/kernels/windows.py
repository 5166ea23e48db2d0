"""How the windows of a pooling lie on a plane of one, two, three or more dimensions, and passes over windows.

Here: the geometry (`PoolGeometry`), checked once, and what all poolings share: separable reductions over windows, and taking planes
a few at a time, in cache and on several threads. Not here: what is computed in the windows (``max_pool.py``, ``avg_pool.py``).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import NDArray, Shape
from .threads import parallel

__all__ = ["PoolGeometry", "as_planes", "by_planes", "by_x", "check_shape", "make_windows", "pool_output_size"]


_CHUNK = 262_144  # pixels in the planes taken together: few enough for the cache, many enough that threads rarely wait for the GIL
_SECONDS_PER_PIXEL = 2e-9  # one core, maximum or average


class _Fields(NamedTuple):
    size: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape
    out_size: Shape


class PoolGeometry(_Fields):
    """How windows lie on a plane, checked by `make_windows`; what follows from it is computed once."""

    @cached_property
    def extent(self) -> Shape:
        """The size of what the windows cover, from the first padded pixel on."""
        return tuple(
            (o - 1) * s + d * (k - 1) + 1 for o, s, d, k in zip(self.out_size, self.stride, self.dilation, self.kernel, strict=True)
        )

    @cached_property
    def inside(self) -> bool:
        """Whether all windows lie inside the plane."""
        return not any(self.padding) and all(covered <= n for covered, n in zip(self.extent, self.size, strict=True))

    @cached_property
    def some_empty(self) -> bool:
        """Whether a window sees padding alone: the taps of a dilated one may lie on both sides of a small plane."""
        return any(
            all(not 0 <= i * s - p + j * d < n for j in range(k))
            for n, k, s, p, d, o in zip(self.size, self.kernel, self.stride, self.padding, self.dilation, self.out_size, strict=True)
            for i in range(o)
        )

    @cached_property
    def disjoint(self) -> bool:
        """Whether no pixel is in two windows."""
        return all(s > d * (k - 1) for s, d, k in zip(self.stride, self.dilation, self.kernel, strict=True))

    @cached_property
    def tiling(self) -> bool:
        """Whether every pixel is in exactly one window."""
        undilated = max(self.dilation) == 1
        return self.inside and self.disjoint and undilated and self.stride == self.kernel and self.extent == self.size

    @cached_property
    def _whole_rows(self) -> bool:
        """Whether windows, side by side, leave nothing of the covered rows out."""
        return self.dilation[-1] == 1 < self.kernel[-1] == self.stride[-1]

    @cached_property
    def overlap(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Where the plane lies in the covered part, and the covered part in the plane."""
        ours, theirs = [], []
        for extent, size, pad in zip(self.extent, self.size, self.padding, strict=True):
            length = min(extent - pad, size)
            ours.append(slice(pad, pad + length))
            theirs.append(slice(0, length))
        return (slice(None), *ours), (slice(None), *theirs)

    def line(self, a: NDArray, axis: int, i: int) -> NDArray:
        """Element i of each window along an axis, which gets the length of the result: (P, ..., n, ...) -> (P, ..., o, ...), a view."""
        return a[(*[slice(None)] * (axis + 1), self._slice(axis, i))]

    def place(self, a: NDArray, tap: Shape) -> NDArray:
        """The element at one place of each window: (P, *extent) -> (P, *out_size), a view."""
        return a[(slice(None), *itertools.starmap(self._slice, enumerate(tap)))]

    def _slice(self, axis: int, i: int) -> slice:
        start, step = i * self.dilation[axis], self.stride[axis]
        return slice(start, start + (self.out_size[axis] - 1) * step + 1, step)

    def taps(self) -> Iterator[Shape]:
        """The places in a window, in row-major order."""
        return itertools.product(*map(range, self.kernel))

    def covered(self, planes: NDArray, fill: float) -> NDArray:
        """The covered part of planes (P, H, W), with ``fill`` outside of them; a view where nothing is outside."""
        if self.inside:
            return planes
        covered = np.full((planes.shape[0], *self.extent), fill, planes.dtype)
        ours, theirs = self.overlap
        covered[ours] = planes[theirs]
        return covered

    def reduce(self, combine: np.ufunc, planes: NDArray, out: NDArray) -> None:
        """Combine the pixels of each window, one axis after the other: (P, *extent) -> (P, *out_size)."""
        last = len(self.kernel) - 1
        if planes.shape[-1] > self.extent[-1]:
            planes = planes[..., : self.extent[-1]]  # what no window covers is not combined along the first axes either
        for axis, k in enumerate(self.kernel):
            if axis == last and self._whole_rows and planes.flags.c_contiguous and out.flags.c_contiguous:
                flat = planes.ravel()  # rows one after the other: one long loop in the place of a short one for each row
                self._fold(combine, [flat[i::k] for i in range(k)], out.reshape(-1))
            else:
                planes = self._fold(combine, [self.line(planes, axis, i) for i in range(k)], out if axis == last else None)

    @staticmethod
    def _fold(combine: np.ufunc, parts: list[NDArray], out: NDArray | None) -> NDArray:
        if len(parts) == 1:
            if out is None:
                return parts[0]
            np.copyto(out, parts[0])
            return out
        total: NDArray = combine(parts[0], parts[1], out=out)
        for part in parts[2:]:
            combine(total, part, out=total)
        return total


def pool_output_size(
    size: Shape, *, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape | None = None, ceil_mode: bool = False
) -> Shape:
    """The size of a pooling's result.

    ``(size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1`` along each axis, rounded down, or up with ``ceil_mode``; a last
    window that would begin in the padding at the end is dropped.

    Raises `ArgumentError` if a kernel size, stride or dilation is not positive, or the padding is more than half of the kernel, and
    `ShapeError` if no window fits.

    >>> pool_output_size((7, 7), kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), ceil_mode=True)
    (4, 4)
    """
    return make_windows("pool{}d", size, kernel_size, stride, padding, dilation or (1,) * len(size), ceil_mode).out_size


@lru_cache(maxsize=256)
def make_windows(op: str, size: Shape, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool) -> PoolGeometry:
    """Check the parameters and bring them together; ``op`` is a name with ``{}`` for the number of dimensions."""
    name = op.format(len(size))
    if min(*kernel, *stride, *dilation) < 1:
        raise ArgumentError(
            f"{name}: kernel size, stride and dilation must be positive: they are {kernel}, {stride} and {dilation}; "
            "give integers of 1 or more"
        )
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        if not 0 <= p <= reach // 2:
            raise ArgumentError(
                f"{name}: padding must be from 0 to half of the kernel: padding is {padding}, the kernel {kernel}, dilated by "
                f"{dilation}; use less padding"
            )
        o = (n + 2 * p - reach + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (o - 1) * s >= n + p:
            o -= 1
        if o < 1:
            raise ShapeError(
                f"{name}: no window fits: the input is {by_x(size)}, padding {padding}, the kernel {by_x(kernel)}, dilated "
                f"{dilation}; use a smaller kernel or a larger input"
            )
        out.append(o)
    return PoolGeometry(size, kernel, stride, padding, dilation, tuple(out))


def by_x(size: Shape) -> str:
    """A size as messages say it.

    >>> by_x((2, 3))
    '2x3'
    """
    return "x".join(map(str, size))


def as_planes(a: NDArray) -> NDArray:
    """(N, C, *size) -> (N * C, *size); a view of C-contiguous memory."""
    return a.reshape(a.shape[0] * a.shape[1], *a.shape[2:])


def by_planes(work: Callable[[slice], None], planes: int, pixels: int, *, cost: float = 1.0) -> None:
    """Run ``work`` on a few planes of that many pixels at a time, on several threads."""
    step = max(1, _CHUNK // max(1, pixels))

    def some(lo: int, hi: int) -> None:
        for start in range(lo, hi, step):
            work(slice(start, min(start + step, hi)))

    parallel(some, planes, cost=planes * pixels * _SECONDS_PER_PIXEL * cost, blas=False)


def check_shape(op: str, name: str, a: NDArray, expected: tuple[int, ...]) -> None:
    """Refuse what NumPy would broadcast."""
    if a.shape != expected:
        raise ShapeError(f"{op}: {name} has the wrong shape: it is {a.shape}, the other arguments imply {expected}; they must be equal")
