"""Discrete Fourier transforms.

Three operations are each other's derivatives: `FourierTransform` (its matrix is symmetric), `RealFourierTransform` and
`HalfSpectrumToReal`. The public functions bring the axes to their lengths first and are made of them; they form the namespace
``tl.fft`` and answer ``np.fft``. Not here: windows over time (``stft.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError, DTypeError, ShapeError
from .._typing import Array, DType, DTypeLike
from ..core.broadcast import conjugated, normalize_axis, several, shape_of
from ..core.dtypes import inexact_type
from ..core.families import AxisWise, Linear
from ..core.operation import fused
from ..core.publish import checked, implements, to_operand
from ..core.signature import How, code_of
from ..kernels import fourier as kernels
from ..kernels.fourier import OPPOSITE
from .cast import cast
from .create import finish
from .index import Slice, SlicePut
from .repeat import _roll


class FourierTransform(Linear, AxisWise, title="fft"):
    """``y_k = sum_j x_j exp(-+2 pi i j k / n)`` along each of several axes. Shape: any -> same; real numbers become complex."""

    promotion = "inexact"

    def forward(x, *, axis, inverse, norm):
        if not axis:
            return x.astype(np.result_type(x, np.complex64))
        return kernels.transform(x, axis, inverse, norm)

    @fused(lambda g, x_dtype, axis, inverse, norm: kernels.gradient(g, x_dtype, axis, inverse, norm))
    def grad_x(g, x_dtype, axis, inverse, norm):
        spectrum = FourierTransform.of(g, axis=axis, inverse=inverse, norm=norm)
        return spectrum if x_dtype.kind == "c" else np.real(spectrum)


class RealFourierTransform(Linear, AxisWise, title="rfft"):
    """The first half, ``n // 2 + 1`` values, of the transform of n real numbers along an axis; the others are their conjugates."""

    promotion = "inexact"

    def forward(x, *, axis, norm):
        return kernels.shared(lambda x: np.fft.rfft(x, axis=axis, norm=norm), x, (axis,))

    def grad_x(g, x_shape, axis, norm):
        # Re sum_k g_k exp(-2 pi i j k / n): the inverse counts all but the first and, for even n, the last value twice.
        n = x_shape[axis]
        half = np.conjugate(g) * _weights(n, axis, len(x_shape), g.dtype, 0.5)
        return HalfSpectrumToReal.of(half, axis=axis, n=n, norm=OPPOSITE[norm])


class HalfSpectrumToReal(Linear, AxisWise, title="irfft"):
    """The n real numbers whose transform begins with the ``n // 2 + 1`` values along an axis.

    The imaginary parts of the first value and, for even n, of the last one do not count.
    """

    promotion = "inexact"

    def forward(x, *, axis, n, norm):
        return kernels.shared(lambda x: np.fft.irfft(x, n, axis, norm), x, (axis,))

    def grad_x(g, x_dtype, axis, n, norm):
        half = np.conjugate(RealFourierTransform.of(g, axis=axis, norm=OPPOSITE[norm]))
        spectrum = half * _weights(n, axis, len(half.shape), half.dtype, 2.0)
        return spectrum if x_dtype.kind == "c" else np.real(spectrum)


def _weights(n: int, axis: int, ndim: int, dtype: DType, inner: float) -> Array:
    """How much each of the ``n // 2 + 1`` values counts: ``inner``, but 1 for those that have no conjugate partner."""
    weights = np.full(n // 2 + 1, inner, np.float32 if dtype == np.complex64 else np.float64)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    return weights.reshape([-1 if i == axis else 1 for i in range(ndim)])


# ---- arguments --------------------------------------------------------------------------------------------------------------
def _norm(norm: str | None, op: str) -> str:
    if norm is None:
        return "backward"
    if norm not in OPPOSITE:
        raise ArgumentError(f"{op}: norm must be 'backward', 'ortho' or 'forward': got {norm!r}; None means 'backward'")
    return norm


def _operand(input: Any, op: str, real: bool = False) -> Array:
    x = to_operand(input, op)
    if real and x.dtype.kind == "c":
        instead = f"{op[1:]} for complex ones" if op.startswith("r") else "x.real"
        raise DTypeError(f"{op}: needs real numbers: the input is {x.dtype} {shape_of(x)}; use {instead}")
    return x if x.dtype.kind in "fc" else cast(x, inexact_type(x.dtype))


def _places(x: Array, dim: Any, s: Any, op: str) -> tuple[int, ...]:
    """The axes to transform: those of ``dim``, or the last ones, as many as ``s`` has sizes, or all."""
    ndim = len(shape_of(x))
    if dim is None:
        k = ndim if s is None else len(s)
        if k > ndim:
            raise ShapeError(f"{op}: more sizes than dimensions: s is {tuple(s) if s else s}, the input is {shape_of(x)}; leave some out")
        return tuple(range(ndim - k, ndim))
    dims = several(dim)
    if not ndim and dims:
        raise DimensionError(f"{op}: a 0-d tensor has no dimension to transform; give it one, x.reshape(1)")
    axes = tuple(normalize_axis(d, ndim, op) for d in dims)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{op}: a dimension appears more than once: dim is {dims}; name each dimension once")
    if s is not None and len(s) != len(axes):
        raise ArgumentError(f"{op}: s and dim must have one entry per dimension: they are {tuple(s)} and {dims}")
    return axes


def _check_size(n: int, op: str) -> int:
    if n < 1:
        raise ArgumentError(f"{op}: the number of data points must be positive: got {n}; give n >= 1, or an input that is not empty")
    return n


def _one(n: int | None, op: str) -> tuple[int | None]:
    """The length of the one axis; unlike a length among several, it is not -1 for as it is."""
    return (None if n is None else _check_size(int(n), op),)


def _resized(x: Array, sizes: dict[int, int], op: str) -> Array:
    """``x`` cut off, or filled with zeros behind, to the given lengths of axes."""
    shape = shape_of(x)
    new = tuple(_check_size(sizes[i], op) if i in sizes else n for i, n in enumerate(shape))
    kept = tuple(slice(0, min(n, m)) for n, m in zip(shape, new, strict=True))
    if any(m < n for n, m in zip(shape, new, strict=True)):
        x = Slice.of(x, spec=kept)
    return SlicePut.of(x, spec=kept, shape=new) if shape_of(x) != new else x


def _lengths(x: Array, axes: tuple[int, ...], s: Any) -> dict[int, int]:
    """The length of each axis: that of ``s``, or what it is where ``s`` is None or -1."""
    have = shape_of(x)
    given = [-1] * len(axes) if s is None else [-1 if n is None else int(n) for n in s]
    return {a: have[a] if n == -1 else n for a, n in zip(axes, given, strict=True)}


def _complex_to_complex(x: Array, s: Any, axes: tuple[int, ...], norm: str | None, inverse: bool, op: str) -> Array:
    x = _resized(x, _lengths(x, axes, s), op)
    return FourierTransform.of(x, axis=axes, inverse=inverse, norm=_norm(norm, op))


def _real_to_complex(x: Array, s: Any, axes: tuple[int, ...], norm: str | None, op: str) -> Array:
    _some_axis(axes, op)
    x = _resized(x, _lengths(x, axes, s), op)
    half = RealFourierTransform.of(x, axis=axes[-1], norm=_norm(norm, op))
    return FourierTransform.of(half, axis=axes[:-1], inverse=False, norm=_norm(norm, op)) if len(axes) > 1 else half


def _complex_to_real(x: Array, s: Any, axes: tuple[int, ...], norm: str | None, op: str) -> Array:
    _some_axis(axes, op)
    sizes, last = _lengths(x, axes, s), axes[-1]
    n = 2 * (shape_of(x)[last] - 1) if s is None or s[-1] is None or s[-1] == -1 else sizes[last]
    sizes[last] = _check_size(n, op) // 2 + 1
    x = _resized(x, sizes, op)
    if len(axes) > 1:
        x = FourierTransform.of(x, axis=axes[:-1], inverse=True, norm=_norm(norm, op))
    return HalfSpectrumToReal.of(x, axis=last, n=n, norm=_norm(norm, op))


def _some_axis(axes: tuple[int, ...], op: str) -> None:
    if not axes:
        raise ArgumentError(f"{op}: must transform at least one dimension: dim is empty; name one, or use fftn")


# ---- the functions of tl.fft ------------------------------------------------------------------------------------------------
def _numpy_names(f: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function take ``out=`` and ``axis`` for ``dim``, and let it answer NumPy's function of its name."""
    names = code_of(f).co_varnames
    face = checked(f, False if "shift" in f.__name__ else "dtype" if names[0] == "n" else True)
    spelt: dict[str, Any] = {
        "n": lambda a, n=None, axis=-1, norm=None: f(a, n, axis, norm),
        "s": lambda a, s=None, axes=(-2, -1) if f.__name__[-1] == "2" else None, norm=None: (
            f(a, s, axes, norm) if shape_of(a) or f.__name__ not in ("fftn", "ifftn") else a  # of a number NumPy has no axis to transform
        ),
        "dim": lambda x, axes=None: f(x, axes),
    }
    if names[0] == "input" and hasattr(np.fft, f.__name__):
        implements(getattr(np.fft, f.__name__))(spelt[names[1]])
    return face


@_numpy_names
def fft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The discrete Fourier transform ``y_k = sum_j x_j exp(-2 pi i j k / n)`` along one dimension.

    Args:
        input: real or complex; float32 and integers give complex64, float64 gives complex128.
        n: the length of the signal, which is cut off or filled with zeros behind to it; by default the size of ``dim``.
        dim: the dimension.
        norm: which way is divided by n: "backward" (default) the way back, "forward" this one, "ortho" each by ``sqrt(n)``.

    Raises `ArgumentError` for an empty signal or an unknown ``norm``.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.fft(tl.tensor([1.0, 0.0, -1.0, 0.0])).tolist()
    [0j, (2+0j), 0j, (2+0j)]

    Source: J. Cooley, J. Tukey, "An algorithm for the machine calculation of complex Fourier series" (1965), eq. 1.
    """
    x = _operand(input, "fft")
    return _complex_to_complex(x, _one(n, "fft"), _places(x, dim, (n,), "fft"), norm, False, "fft")


@_numpy_names
def ifft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The inverse of `fft`: ``x_j = 1/n sum_k y_k exp(2 pi i j k / n)`` along one dimension. Arguments as in `fft`.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.ifft(tl.tensor([0.0, 2.0, 0.0, 2.0])).tolist()
    [(1+0j), 0j, (-1+0j), 0j]
    """
    x = _operand(input, "ifft")
    return _complex_to_complex(x, _one(n, "ifft"), _places(x, dim, (n,), "ifft"), norm, True, "ifft")


@_numpy_names
def rfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The first ``n // 2 + 1`` values of the transform of a real signal; the others are their conjugates in reverse order.

    Arguments as in `fft`. Raises `DTypeError` for complex input.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.rfft(tl.tensor([1.0, 0.0, -1.0, 0.0])).tolist()
    [0j, (2+0j), 0j]
    """
    x = _operand(input, "rfft", real=True)
    return _real_to_complex(x, _one(n, "rfft"), _places(x, dim, (n,), "rfft"), norm, "rfft")


@_numpy_names
def irfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The inverse of `rfft`: a real signal of length ``n`` from the first half of its transform.

    ``n`` is ``2 (size - 1)`` by default; give it for signals of odd length. Imaginary parts that a real signal's transform does not
    have do not count. Other arguments as in `fft`.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.irfft(tl.tensor([0.0, 2.0, 0.0])).tolist()
    [1.0, 0.0, -1.0, 0.0]
    """
    x = _operand(input, "irfft")
    return _complex_to_real(x, _one(n, "irfft"), _places(x, dim, (n,), "irfft"), norm, "irfft")


@_numpy_names
def hfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The real transform of a signal whose second half is the conjugate of the first, which alone is given. Arguments as in `irfft`.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.hfft(tl.tensor([0.0, 1j, 0.0])).tolist()
    [0.0, 2.0, 0.0, -2.0]
    """
    x = _operand(input, "hfft")
    return _complex_to_real(conjugated(x), _one(n, "hfft"), _places(x, dim, (n,), "hfft"), OPPOSITE[_norm(norm, "hfft")], "hfft")


@_numpy_names
def ihfft(input: Array, n: int | None = None, dim: int = -1, norm: str | None = None) -> Array:
    """The inverse of `hfft`: the first ``n // 2 + 1`` values of the signal that has a real transform. Arguments as in `fft`.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.ihfft(tl.tensor([0.0, 2.0, 0.0, -2.0])).imag.tolist()
    [-0.0, 1.0, -0.0]
    """
    x = _operand(input, "ihfft", real=True)
    return np.conjugate(_real_to_complex(x, _one(n, "ihfft"), _places(x, dim, (n,), "ihfft"), OPPOSITE[_norm(norm, "ihfft")], "ihfft"))


@_numpy_names
def fftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """`fft` along several dimensions: all by default, the last ones where only their lengths ``s`` are given.

    Args:
        input: real or complex.
        s: the length of each transformed dimension; -1 keeps it.
        dim: the dimensions.
        norm: as in `fft`, for the product of the lengths.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.fftn(tl.ones(2, 2)).real.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    x = _operand(input, "fftn")
    return _complex_to_complex(x, s, _places(x, dim, s, "fftn"), norm, False, "fftn")


@_numpy_names
def ifftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """The inverse of `fftn`, with its arguments."""
    x = _operand(input, "ifftn")
    return _complex_to_complex(x, s, _places(x, dim, s, "ifftn"), norm, True, "ifftn")


@_numpy_names
def rfftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """`rfft` along the last of several dimensions and `fft` along the others. Arguments as in `fftn`; the input is real."""
    x = _operand(input, "rfftn", real=True)
    return _real_to_complex(x, s, _places(x, dim, s, "rfftn"), norm, "rfftn")


@_numpy_names
def irfftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """The inverse of `rfftn`: `ifft` along all but the last dimension, then `irfft`. Arguments as in `fftn`."""
    x = _operand(input, "irfftn")
    return _complex_to_real(x, s, _places(x, dim, s, "irfftn"), norm, "irfftn")


@_numpy_names
def hfftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """`fft` along all but the last of several dimensions, then `hfft`: a real result. Arguments as in `irfftn`."""
    x = _operand(input, "hfftn")
    return _complex_to_real(conjugated(x), s, _places(x, dim, s, "hfftn"), OPPOSITE[_norm(norm, "hfftn")], "hfftn")


@_numpy_names
def ihfftn(input: Array, s: Sequence[int] | None = None, dim: Any = None, norm: str | None = None) -> Array:
    """The inverse of `hfftn`: of real numbers. Arguments as in `rfftn`."""
    x = _operand(input, "ihfftn", real=True)
    return np.conjugate(_real_to_complex(x, s, _places(x, dim, s, "ihfftn"), OPPOSITE[_norm(norm, "ihfftn")], "ihfftn"))


def _two_dimensional(f: Callable[..., Any]) -> Callable[..., Any]:
    def function(input: Array, s: Sequence[int] | None = None, dim: Any = (-2, -1), norm: str | None = None) -> Array:
        return f(input, s, dim, norm)

    function.__name__ = function.__qualname__ = f.__name__[:-1] + "2"
    function.__doc__ = f"`{f.__name__}` along two dimensions, the last ones by default."
    return _numpy_names(function)


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(_two_dimensional, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn))


@_numpy_names
def fftshift(input: Array, dim: Any = None) -> Array:
    """The zero frequency moved to the middle, along ``dim`` or all dimensions.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.fftshift(tl.fft.fftfreq(4)).tolist()
    [-0.5, -0.25, 0.0, 0.25]
    """
    return _shifted(input, dim, lambda n: n // 2, "fftshift")


@_numpy_names
def ifftshift(input: Array, dim: Any = None) -> Array:
    """The inverse of `fftshift`."""
    return _shifted(input, dim, lambda n: (n + 1) // 2, "ifftshift")


def _shifted(input: Any, dim: Any, by: Callable[[int], int], op: str) -> Array:
    x = to_operand(input, op)
    axes = _places(x, dim, None, op)
    return _roll(x, tuple(by(shape_of(x)[a]) for a in axes), axes) if axes else x


@_numpy_names
def fftfreq(n: int, d: float = 1.0, *, dtype: DTypeLike = None, **how: How) -> Array:
    """The frequencies of the values of `fft` for ``n`` points at distance ``d``: 0, 1/(n d), ... and the negative ones behind.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    values = np.fft.fftfreq(_check_size(n, "fftfreq"), d) if n else np.zeros(0)
    return finish(_frequencies(values, dtype), **how)


@_numpy_names
def rfftfreq(n: int, d: float = 1.0, *, dtype: DTypeLike = None, **how: How) -> Array:
    """The frequencies of the values of `rfft` for ``n`` points at distance ``d``: 0, 1/(n d), ..., up to a half of 1/d.

    >>> import tensorflowlite_clone as tl
    >>> tl.fft.rfftfreq(4).tolist()
    [0.0, 0.25, 0.5]
    """
    return finish(_frequencies(np.fft.rfftfreq(_check_size(n, "rfftfreq"), d), dtype), **how)


def _frequencies(values: Any, dtype: DTypeLike) -> Any:
    return values.astype(inexact_type(np.dtype(np.int64)) if dtype is None else dtype)
