"""Numerical calculus: differences, gradients and integrals of samples, interpolation, unwrapping, convolution.

`WholeConvolution` and `Slide` are each other's derivatives. Not here: running sums (``scan.py``), the convolutions of neural networks
(``nn/conv.py``), transforms (``fft.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axes, normalize_axis, shape_of
from ..core.families import Bilinear, LinedUp
from ..core.levels import number
from ..core.publish import implements, operand, public, to_operand
from .cast import Clone, cast
from .index import get_item
from .operands import along, box, flat, inexact
from .search import SearchSorted


# ---- convolution ---------------------------------------------------------------------------------------------------------------
class _Sliding(Bilinear, LinedUp):
    """Products summed over a window that slides along the last axis; leading axes broadcast."""

    broadcasts = True


class WholeConvolution(_Sliding, title="convolve"):
    """The whole convolution: ``out[k] = sum_i x[i] y[k - i]``. Shapes: (.., n), (.., m) -> (.., n + m - 1)."""

    def forward(x, y):
        if x.ndim == y.ndim == 1:
            return np.convolve(x, y)
        if y.shape[-1] > x.shape[-1]:
            x, y = y, x
        m = y.shape[-1]
        padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(m - 1, m - 1)])
        return _slide(padded, y[..., ::-1])

    def grad_x(g, y):
        return Slide.of(g, y)

    def grad_y(g, x):
        return Slide.of(g, x)


class Slide(_Sliding, title="correlate"):
    """Inner products with all windows: ``out[k] = sum_i x[k + i] y[i]``. Shapes: (.., n), (.., m) -> (.., n - m + 1), m <= n."""

    def forward(x, y):
        if x.ndim == y.ndim == 1:
            return np.convolve(x, y[::-1], "valid")
        return _slide(x, y)

    def grad_x(g, y):
        return WholeConvolution.of(g, y)

    def grad_y(g, x):
        return Slide.of(x, g)


def _slide(x: Any, y: Any) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, y.shape[-1], -1)  # (.., n - m + 1, m)
    if y.ndim == 1:
        return windows @ y
    return np.matmul(windows, y[..., None])[..., 0]


def _part(full: Array, n: int, m: int, mode: str, op: str) -> Array:
    """What ``mode`` keeps of a whole convolution: all, as much as the longer operand, or where both overlap wholly."""
    long, short = max(n, m), min(n, m)
    if mode == "full":
        return full
    if mode == "same":
        start = (short - 1) // 2
        return full[start : start + long]
    if mode == "valid":
        return full[short - 1 : long]
    raise ArgumentError(f"{op}: mode must be 'full', 'same' or 'valid': got {mode!r}")


def _signals(a: Any, v: Any, op: str) -> tuple[Array, Array]:
    x, y = operand(a, op), operand(v, op)
    x, y = (np.reshape(s, (1,)) if not shape_of(s) else s for s in (x, y))
    if len(shape_of(x)) != 1 or len(shape_of(y)) != 1 or 0 in (*shape_of(x), *shape_of(y)):
        raise ShapeError(f"{op}: needs two vectors that are not empty: they are {shape_of(x)} and {shape_of(y)}; flatten them, or use vmap")
    return x, y


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: str = "full") -> Array:
    x, y = _signals(a, v, "np.convolve")
    n, m = shape_of(x)[0], shape_of(y)[0]
    if mode == "valid":
        x, y = (x, y) if n >= m else (y, x)
        return Slide.of(x, np.flip(y))
    return _part(WholeConvolution.of(x, y), n, m, mode, "np.convolve")


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Array:
    x, y = _signals(a, v, "np.correlate")
    n, m = shape_of(x)[0], shape_of(y)[0]
    if n < m:  # defined by exchanging the operands, which turns the result round
        swapped = np.flip(_correlate(y, x, mode))
        return np.conjugate(swapped) if swapped.dtype.kind == "c" else swapped
    y = np.conjugate(y) if y.dtype.kind == "c" else y
    if mode == "valid":
        return Slide.of(x, y)
    full = WholeConvolution.of(x, np.flip(y))
    if mode == "same":  # here the middle lies to the right of that of a convolution where the window is even
        start = m // 2
        return full[m - 1 - start : m - 1 - start + n] if m % 2 else full[m // 2 - 1 : m // 2 - 1 + n]
    return _part(full, n, m, mode, "np.correlate")


# ---- differences ---------------------------------------------------------------------------------------------------------------
def _end(value: Any, shape: tuple[int, ...], axis: int, op: str) -> Array:
    """What is put before or behind an array: numbers become slices of length 1."""
    x = operand(value, op)
    return x if shape_of(x) else np.broadcast_to(x, tuple(1 if i == axis else s for i, s in enumerate(shape)))


def difference(x: Array, n: int, dim: int, prepend: Any, append: Any, op: str) -> Array:
    """Differences of neighbours along an axis, ``n`` times."""
    if n < 0:
        raise ArgumentError(f"{op}: n must not be negative: got {n}")
    shape = shape_of(x)
    if not shape:
        raise ShapeError(f"{op}: a 0-d operand has no neighbours; reshape it to (1,) first")
    axis = normalize_axis(dim, len(shape), op)
    if n == 0:
        return Clone.of(x)
    ends = [p if p is x else _end(p, shape, axis, op) for p in (prepend, x, append) if p is not None and p is not np._NoValue]
    if len(ends) > 1:
        x = np.concatenate(ends, axis=axis)
    for _ in range(n):
        later, earlier = x[along(axis, slice(1, None))], x[along(axis, slice(None, -1))]
        x = np.not_equal(later, earlier) if x.dtype.kind == "b" else later - earlier
    return x


@public("diff", out=True)
def _diff(input: Array, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """Differences of neighbours along ``dim``, ``n`` times, of ``input`` between ``prepend`` and ``append``.

    Booleans give whether neighbours differ.

    >>> import tensorflowlite_clone as tl
    >>> tl.diff(tl.tensor([1, 4, 9])).tolist()
    [3, 5]
    """
    return difference(to_operand(input, "diff"), n, dim, prepend, append, "diff")


@implements(np.diff)
def _np_diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Array:
    return difference(box(a, "np.diff"), n, axis, prepend, append, "np.diff")


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    x = flat(box(ary, "np.ediff1d"))
    ends = [None if e is None else flat(operand(e, "np.ediff1d")) for e in (to_begin, to_end)]
    parts = [ends[0], x[1:] - x[:-1], ends[1]]
    return np.concatenate([cast(p, x.dtype) for p in parts if p is not None])


# ---- gradients -----------------------------------------------------------------------------------------------------------------
def slopes(f: Array, axis: int, spacing: Any, edge_order: int, op: str) -> Array:
    """The derivative of samples along an axis: second order inside, of ``edge_order`` at the ends.

    ``spacing`` is a number or the vector of coordinates. With steps h before and k behind a point the inner formula is
    ``(h^2 f(x + k) + (k^2 - h^2) f(x) - k^2 f(x - h)) / (h k (h + k))``.
    """
    n = shape_of(f)[axis]
    if edge_order not in (1, 2):
        raise ArgumentError(f"{op}: edge_order must be 1 or 2: got {edge_order}")
    if n < edge_order + 1:
        raise ShapeError(f"{op}: needs at least {edge_order + 1} samples along axis {axis}: the input is {shape_of(f)}")
    ndim = len(shape_of(f))

    def at(a: int, b: int | None) -> Array:
        return f[along(axis, slice(a, b))]

    if not len(shape_of(spacing)):
        inner = (at(2, None) - at(0, -2)) / (2.0 * spacing)
        first, last = (at(1, 2) - at(0, 1)) / spacing, (at(n - 1, n) - at(n - 2, n - 1)) / spacing
        if edge_order == 2:
            first = (-1.5 * at(0, 1) + 2.0 * at(1, 2) - 0.5 * at(2, 3)) / spacing
            last = (1.5 * at(n - 1, n) - 2.0 * at(n - 2, n - 1) + 0.5 * at(n - 3, n - 2)) / spacing
        return np.concatenate([first, inner, last], axis=axis)
    steps = np.reshape(spacing[1:] - spacing[:-1], tuple(n - 1 if i == axis else 1 for i in range(ndim)))

    def step(a: int, b: int | None) -> Array:
        return steps[along(axis, slice(a, b))]

    h, k = step(0, -1), step(1, None)
    inner = (h * h * at(2, None) + (k * k - h * h) * at(1, -1) - k * k * at(0, -2)) / (h * k * (h + k))
    first, last = (at(1, 2) - at(0, 1)) / step(0, 1), (at(n - 1, n) - at(n - 2, n - 1)) / step(n - 2, n - 1)
    if edge_order == 2:
        h, k = step(0, 1), step(1, 2)
        first = -(2.0 * h + k) / (h * (h + k)) * at(0, 1) + (h + k) / (h * k) * at(1, 2) - h / (k * (h + k)) * at(2, 3)
        h, k = step(n - 3, n - 2), step(n - 2, n - 1)
        last = k / (h * (h + k)) * at(n - 3, n - 2) - (h + k) / (h * k) * at(n - 2, n - 1) + (2.0 * k + h) / (k * (h + k)) * at(n - 1, n)
    return np.concatenate([first, inner, last], axis=axis)


def _spacings(given: tuple[Any, ...], axes: tuple[int, ...], shape: tuple[int, ...], op: str) -> list[Any]:
    """The spacing for each axis: a number, or coordinates."""
    spacings = [operand(s, op) for s in given]
    if not spacings:
        spacings = [1.0] * len(axes)
    elif len(spacings) == 1 and not shape_of(spacings[0]):
        spacings = spacings * len(axes)
    if len(spacings) != len(axes):
        raise ArgumentError(f"{op}: needs one spacing for all axes, or one for each of {len(axes)}: got {len(spacings)}")
    for s, axis in zip(spacings, axes, strict=True):
        if shape_of(s) not in ((), (shape[axis],)):
            raise ShapeError(f"{op}: the coordinates do not fit: they are {shape_of(s)} for axis {axis} of {shape}; give one per sample")
    return spacings


@implements(np.gradient)
def _np_gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    x = inexact(box(f, "np.gradient")) if not any(isinstance(v, Boxed) for v in varargs) else inexact(operand(f, "np.gradient"))
    ndim = len(shape_of(x))
    axes = tuple(range(ndim)) if axis is None else tuple(normalize_axis(int(a), ndim, "np.gradient") for a in np.atleast_1d(axis))
    results = tuple(
        slopes(x, a, s, edge_order, "np.gradient") for a, s in zip(axes, _spacings(varargs, axes, shape_of(x), "np.gradient"), strict=True)
    )
    return results[0] if len(results) == 1 else results


@public("gradient", method=False)
def _gradient(input: Array, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """The derivative of samples along each of ``dim`` (all dimensions by default), as a tuple of tensors of the input's shape.

    ``spacing`` is the distance of samples (a number, or a list of one per dimension), or a list of coordinate vectors, one per dimension;
    they may be tensors, and then the result is differentiable in them too. At the ends the order is ``edge_order`` (1 or 2). Raises
    `DTypeError` for booleans and uint8, `ArgumentError` and `ShapeError` for spacings and sizes that do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.gradient(tl.tensor([0.0, 1.0, 4.0, 9.0]))[0].tolist()
    [1.0, 2.0, 4.0, 5.0]

    Source: A. Quarteroni et al., "Numerical Mathematics" (2nd edition, 2007), section 10.10.
    """
    x = to_operand(input, "gradient")
    if x.dtype.kind in "bu":
        raise DTypeError(f"gradient: needs numbers that can be negative: the input is {x.dtype}; convert it first, x.float()")
    x, ndim = inexact(x), len(shape_of(x))
    axes = tuple(range(ndim))
    if dim is not None:
        normalize_axes(dim, ndim, "gradient")  # none twice
        axes = tuple(normalize_axis(a, ndim, "gradient") for a in (dim if isinstance(dim, list | tuple) else (dim,)))
    several = isinstance(spacing, list | tuple)
    if several and len(spacing) != len(axes):
        raise ArgumentError(f"gradient: needs one spacing, or one for each of {len(axes)} dimensions: got {len(spacing)}")
    given = tuple(spacing) if several else (1 if spacing is None else spacing,)
    spacings = _spacings(given, axes, shape_of(x), "gradient")
    return tuple(slopes(x, a, s, edge_order, "gradient") for a, s in zip(axes, spacings, strict=True))


# ---- integrals -----------------------------------------------------------------------------------------------------------------
def panels(y: Any, x: Any, dx: Any, dim: int, op: str) -> tuple[Array, int]:
    """The areas of the trapezoids between neighbouring samples along an axis, and that axis."""
    samples = operand(y, op)
    if samples.dtype.kind == "b" and not op.startswith("np."):
        raise DTypeError(f"{op}: there are no areas of truth values: the samples are {samples.dtype} {shape_of(samples)}; convert them")
    values = inexact(samples)
    axis = normalize_axis(dim, len(shape_of(values)), op)
    width: Any = dx
    if x is not None and isinstance(dx, int | float) and dx != 1 and not op.startswith("np."):
        raise OperandError(f"{op}: got both x and dx={dx}: the places of the samples, and how far they are apart; pass one of them")
    if x is not None:
        places = operand(x, op)
        if not shape_of(places):
            raise ShapeError(f"{op}: x must be the places of the samples: it is one number, the samples are {shape_of(values)}; give dx")
        n, have = shape_of(values)[axis], shape_of(places)
        at = 0 if len(have) == 1 else axis - len(shape_of(values)) + len(have)  # from the last axis, which broadcasting lines up
        if at < 0 or have[at] != n:
            raise ShapeError(
                f"{op}: x must name one place for each sample: it is {have}, the samples are {shape_of(values)}, {n} along dimension {dim}"
            )
        if len(have) == 1:
            places, at = np.reshape(places, tuple(-1 if i == axis else 1 for i in range(len(shape_of(values))))), axis
        width = places[along(at, slice(1, None))] - places[along(at, slice(None, -1))]
    return width * (values[along(axis, slice(1, None))] + values[along(axis, slice(None, -1))]) / 2.0, axis


@implements(np.trapezoid)
def _np_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    areas, _ = panels(y, x, dx, axis, "np.trapezoid")
    return np.sum(areas, axis=axis)


@public("trapezoid", "trapz", method=False)
def _trapezoid(y: Array, x: Array | None = None, *, dx: Any = 1.0, dim: int = -1) -> Array:
    """The integral of samples along ``dim`` by the trapezoidal rule, at the places ``x`` or ``dx`` apart. Shape: (.., n, ..) -> without n.

    Differentiable in samples and places.

    >>> import tensorflowlite_clone as tl
    >>> tl.trapezoid(tl.tensor([1.0, 5.0, 10.0])).item()
    10.5
    """
    areas, _ = panels(to_operand(y, "trapezoid"), x, dx, dim, "trapezoid")
    return np.sum(areas, axis=dim)


@public("cumulative_trapezoid", method=False)
def _cumulative_trapezoid(y: Array, x: Array | None = None, *, dx: Any = 1.0, dim: int = -1) -> Array:
    """The integrals of samples along ``dim`` up to each one but the first, by the trapezoidal rule. Shape: (.., n, ..) -> (.., n - 1, ..).

    >>> import tensorflowlite_clone as tl
    >>> tl.cumulative_trapezoid(tl.tensor([1.0, 5.0, 10.0])).tolist()
    [3.0, 10.5]
    """
    areas, _ = panels(to_operand(y, "cumulative_trapezoid"), x, dx, dim, "cumulative_trapezoid")
    return np.cumsum(areas, axis=dim)


# ---- interpolation -------------------------------------------------------------------------------------------------------------
@implements(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: float | None = None) -> Array:
    at, knots, values = (inexact(operand(v, "np.interp")) for v in (x, xp, fp))
    if len(shape_of(knots)) != 1 or shape_of(knots) != shape_of(values) or not shape_of(knots)[0]:
        raise ShapeError(f"np.interp: xp and fp must be vectors of one length: they are {shape_of(knots)} and {shape_of(values)}")
    if period is not None:
        period = number(period, "np.interp", "period")
        if period == 0:
            raise ArgumentError("np.interp: period must not be 0")
        length = float(abs(period))
        at, knots = np.remainder(at, length), np.remainder(knots, length)
        order = np.argsort(knots)
        knots, values = get_item(knots, order), get_item(values, order)
        knots = np.concatenate([knots[-1:] - length, knots, knots[:1] + length])
        values = np.concatenate([values[-1:], values, values[:1]])
        left = right = None
    shape = shape_of(at)
    at = flat(at)
    first = values[0] if left is None else left
    last = values[-1] if right is None else right
    n = shape_of(knots)[0]
    if n == 1:
        inside = np.broadcast_to(values, shape_of(at))
    else:
        place = np.minimum(np.maximum(SearchSorted.of(knots, at, right=True) - 1, 0), n - 2)
        x0, x1, y0, y1 = (get_item(v, p) for v in (knots, values) for p in (place, place + 1))
        width = x1 - x0
        inside = y0 + (at - x0) * ((y1 - y0) / np.where(np.equal(width, 0.0), 1.0, width))
    ans = np.where(np.less(at, knots[0]), first, np.where(np.greater(at, knots[-1]), last, inside))
    return np.reshape(np.where(np.isnan(at), at, ans), shape)


@implements(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 6.283185307179586) -> Array:
    if isinstance(period, Boxed) or isinstance(discont, Boxed):
        raise ArgumentError("np.unwrap: period and discont must be plain numbers: got a tensor; divide by it first")
    x = box(p, "np.unwrap")
    whole = x.dtype.kind in "iu" and isinstance(period, int)
    x = x if whole else inexact(x)
    axis = normalize_axis(axis, len(shape_of(x)), "np.unwrap")
    half = period // 2 if whole else period / 2
    steps = difference(x, 1, axis, None, None, "np.unwrap")
    wrapped = np.remainder(steps + half, period) - half
    # a step of exactly half a period keeps its sign
    wrapped = np.where(np.logical_and(np.equal(wrapped, -half), np.greater(steps, 0)), half, wrapped)
    limit = half if discont is None else discont
    correction = np.where(np.less(np.absolute(steps), limit), 0 if whole else 0.0, wrapped - steps)
    first, others = x[along(axis, slice(0, 1))], x[along(axis, slice(1, None))]
    added = np.cumsum(
        box(correction, "np.unwrap").detach(), axis=axis
    )  # whole periods, which do not change with the values: their derivative is exactly 0
    return np.concatenate([first, others + added], axis=axis)
