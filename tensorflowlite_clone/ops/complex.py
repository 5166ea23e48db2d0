"""Complex numbers: their parts, conjugates, absolute values, angles and directions, and tensors made of such parts.

Rules are plain transposes under the pairing ``Re(sum(c t))`` (see `core.broadcast.conjugated`): that of a holomorphic function is
``g f'(z)`` as for real numbers; what is not holomorphic stands here, or says so in its own file. Not here: operations that take
complex operands as they take real ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import DTypeError, ShapeError
from .._typing import Array
from ..core.broadcast import shape_of
from ..core.dtypes import COMPLEX_OF
from ..core.families import Elementwise, Linear, LinedUp
from ..core.levels import all_values, concrete
from ..core.operation import fused
from ..core.publish import implements, public, to_operand, to_operands
from ..core.registry import install_method
from .arithmetic import Absolute, Sign
from .cast import Cast
from .compare import Where
from .operands import inexact

#: The real dtype of each part.
REAL_OF = {whole: part for part, whole in COMPLEX_OF.items() if part != np.float16}


class Real(Elementwise):
    """The real parts, as a view. Shape: any -> same."""

    is_view = True

    def forward(x):
        return x.real

    def grad_x(g, x_dtype):
        return Cast.of(g, dtype=x_dtype)


class Imaginary(Elementwise, title="imag"):
    """The imaginary parts, as a view; 0 for real numbers. Shape: any -> same."""

    is_view = True

    def forward(x):
        return x.imag

    def grad_x(g, x_dtype):
        return Cast.of(g, dtype=x_dtype) * -1j if x_dtype.kind == "c" else np.zeros(g.shape, g.dtype)


class Conjugate(Elementwise, numpy=np.conjugate, public="conj"):
    """Complex conjugates; real numbers are their own. Shape: any -> same."""

    def forward(x):
        return np.conjugate(x) if x.dtype.kind == "c" else np.array(x)

    def grad_x(g):
        return np.conjugate(g)


class Magnitude(Elementwise, title="abs"):
    """Absolute values of complex numbers; the derivative at 0 is 0. Shape: any -> same."""

    def forward(x):
        return np.absolute(x)

    @fused(lambda g, x, ans: _direction(g, x, ans))
    def grad_x(g, x, ans):
        zero = np.equal(ans, 0.0)
        return g * Where.of(zero, 0.0, np.conjugate(x) / Where.of(zero, 1.0, ans))


def _direction(g: Any, x: Any, ans: Any) -> Any:
    """``g conj(x) / |x|`` part by part: NumPy divides by a real number as by a complex one, in eight times the time."""
    if g.dtype.kind == "c":  # such as meets the conjugate of a mapped function
        return g * np.where(ans == 0, 0.0, np.conjugate(x) / np.where(ans == 0, 1.0, ans))
    out = np.empty(x.shape, x.dtype)
    length = np.where(ans == 0, np.ones_like(ans), ans)
    out.real = x.real / length * g
    out.imag = x.imag / -length * g
    return out


class Angle(Elementwise):
    """The angle of complex numbers, from -pi to pi; of real ones 0, or pi for negative ones. The derivative at 0 is 0."""

    def forward(x):
        return np.angle(x) if x.dtype.kind == "c" else np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0.0)).astype(x.dtype)

    def grad_x(g, x):
        if x.dtype.kind != "c":
            return np.zeros(g.shape, g.dtype)
        zero = np.equal(x, 0.0)
        return Where.of(zero, 0.0, -1j * g / Where.of(zero, 1.0, x))


class FromParts(Linear, Elementwise, title="complex"):
    """``x + i y`` of real numbers. Shape: broadcast."""

    real_only = True

    def forward(x, y):
        out = np.empty(np.broadcast_shapes(x.shape, y.shape), COMPLEX_OF[x.dtype])
        out.real, out.imag = x, y
        return out

    def grad_x(g):
        return np.real(g)

    def grad_y(g):
        return -np.imag(g)


class PairsOfParts(Linear, LinedUp, title="view_as_real"):
    """Real and imaginary parts along a new last axis of length 2, as a view. Shape: (..) -> (.., 2)."""

    is_view = True

    def forward(x):
        return x[..., None].view(REAL_OF[x.dtype])

    def grad_x(g):
        return np.conjugate(FromPairs.of(g))


class FromPairs(Linear, LinedUp, title="view_as_complex"):
    """Complex numbers from their parts along the last axis, as a view where memory allows. Shape: (.., 2) -> (..)."""

    is_view = True
    real_only = True

    def forward(x):
        dtype = COMPLEX_OF[x.dtype]
        steps = [s % dtype.itemsize for s in x.strides[:-1]]
        adjacent = x.strides[-1] == x.dtype.itemsize and not any(steps)
        return (x if adjacent else np.array(x, order="C")).view(dtype)[..., 0]

    def grad_x(g):
        return PairsOfParts.of(np.conjugate(g))


# ---- parts ------------------------------------------------------------------------------------------------------------------
@public("real", method=False, numpy=np.real)
def _real(input: Array) -> Array:
    """The real parts, as a view; a real tensor itself. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.real(tl.tensor([1 + 2j])).tolist()
    [1.0]
    """
    x = to_operand(input, "real")
    return Real.of(x) if x.dtype.kind == "c" else x


@public("imag", method=False)
def _imag(input: Array) -> Array:
    """The imaginary parts, as a view. Raises `DTypeError` for real tensors. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.imag(tl.tensor([1 + 2j])).tolist()
    [2.0]
    """
    x = to_operand(input, "imag")
    if x.dtype.kind != "c":
        raise DTypeError(f"imag: needs complex numbers: the input is {x.dtype} {shape_of(x)}; a real tensor has no imaginary part")
    return Imaginary.of(x)


@implements(np.imag)
def _np_imag(val: Array) -> Array:
    return Imaginary.of(val)


install_method("real", property(_real))  # type: ignore[arg-type]
install_method("imag", property(_imag))  # type: ignore[arg-type]


@public("abs", "absolute", numpy=np.absolute, out=True, inplace=np.absolute)
def _abs(input: Array) -> Array:
    """Absolute value, real also of complex numbers; the derivative at 0 is 0. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.abs(tl.tensor([-2.0, 3.0])).tolist(), tl.abs(tl.tensor(3 + 4j)).item()
    ([2.0, 3.0], 5.0)
    """
    x = to_operand(input, "abs")
    return Magnitude.of(x) if x.dtype.kind == "c" else Absolute.of(x)


install_method("__abs__", _abs)


@implements(np.fabs)
def _np_fabs(x: Array) -> Array:
    return Absolute.of(inexact(x))


@public("sgn", inplace=True, out=True)
def _sgn(input: Array) -> Array:
    """-1, 0 or 1; of a complex number ``z / |z|``, its direction, 0 at 0. Shape: any -> same.

    The derivative at 0 is 0.

    >>> import tensorflowlite_clone as tl
    >>> tl.sgn(tl.tensor([4j, 0j])).tolist()
    [1j, 0j]
    """
    x = to_operand(input, "sgn")
    if x.dtype.kind != "c":
        return Sign.of(x)
    zero = np.equal(x, 0.0)
    return Where.of(zero, 0.0, x / Magnitude.of(Where.of(zero, 1.0, x)))


@implements(np.sign)
def _np_sign(x: Array) -> Array:
    return _sgn(x) + np.where(np.isnan(x), math.nan, 0.0) if x.dtype.kind == "f" else _sgn(x)


@public("angle", out=True)
def _angle(input: Array) -> Array:
    """The angle of complex numbers in radians, from -pi to pi; of real ones 0, or pi for negative ones. Shape: any -> same.

    The derivative at 0 is 0.

    >>> import tensorflowlite_clone as tl
    >>> tl.angle(tl.tensor([1 + 1j, -1j]))
    tensor([ 0.7854, -1.5708])
    """
    return Angle.of(inexact(to_operand(input, "angle")))


@implements(np.angle)
def _np_angle(z: Array, deg: bool = False) -> Array:
    return _angle(z) * (180.0 / math.pi) if deg else _angle(z)


# ---- tensors made of parts --------------------------------------------------------------------------------------------------
@public("complex", method=False, out=True)
def _complex(real: Array, imag: Array) -> Array:
    """``real + i imag``, of two real tensors of one dtype: float32 gives complex64, float64 complex128. Shape: broadcast.

    Raises `DTypeError` for complex or integer parts, or parts of different dtypes.

    >>> import tensorflowlite_clone as tl
    >>> tl.complex(tl.tensor([1.0]), tl.tensor([2.0])).tolist()
    [(1+2j)]
    """
    x, y = to_operand(real, "complex"), to_operand(imag, "complex")
    if x.dtype != y.dtype or x.dtype.kind != "f":
        raise DTypeError(
            f"complex: the parts must be floating and of one dtype: they are {x.dtype} and {y.dtype}; convert them, x.float(), y.to(x)"
        )
    return FromParts.of(x, y)


@public("polar", method=False, out=True)
def _polar(abs: Array, angle: Array) -> Array:
    """``abs (cos(angle) + i sin(angle))``, of two real tensors of one dtype. Shape: broadcast. Raises as `complex`.

    >>> import tensorflowlite_clone as tl
    >>> tl.polar(tl.tensor([2.0]), tl.tensor([0.0])).tolist()
    [(2+0j)]
    """
    r, phi = to_operands("polar", abs, angle)
    return _complex(r * np.cos(phi), r * np.sin(phi))


@public("conj_physical", out=True, inplace=True)
def _conj_physical(input: Array) -> Array:
    """Complex conjugates, as `conj`; real numbers are their own. Shape: any -> same."""
    return Conjugate.of(to_operand(input, "conj_physical"))


@public("view_as_real", method=False)
def _view_as_real(input: Array) -> Array:
    """Real and imaginary parts along a new last dimension, as a view. Shape: (..) -> (.., 2). Raises `DTypeError` for real tensors.

    >>> import tensorflowlite_clone as tl
    >>> tl.view_as_real(tl.tensor([1 + 2j])).tolist()
    [[1.0, 2.0]]
    """
    x = to_operand(input, "view_as_real")
    if x.dtype.kind != "c":
        raise DTypeError(f"view_as_real: needs complex numbers: the input is {x.dtype} {shape_of(x)}; real numbers have one part only")
    return PairsOfParts.of(x)


@public("view_as_complex", method=False)
def _view_as_complex(input: Array) -> Array:
    """Complex numbers whose real and imaginary parts lie along the last dimension. Shape: (.., 2) -> (..).

    Raises `DTypeError` unless the input is float32 or float64, `ShapeError` unless its last dimension has size 2.

    >>> import tensorflowlite_clone as tl
    >>> tl.view_as_complex(tl.tensor([[1.0, 2.0]])).tolist()
    [(1+2j)]
    """
    x = to_operand(input, "view_as_complex")
    if x.dtype not in REAL_OF.values():
        raise DTypeError(f"view_as_complex: needs float32 or float64: the input is {x.dtype} {shape_of(x)}; convert it, x.float()")
    if not shape_of(x) or shape_of(x)[-1] != 2:
        raise ShapeError(f"view_as_complex: the last dimension must have size 2: the input is {shape_of(x)}; stack([re, im], -1) has")
    return FromPairs.of(x)


# ---- questions and conversions ----------------------------------------------------------------------------------------------
@public("isreal", numpy=np.isreal)
def _isreal(input: Array) -> Array:
    """Whether elements have no imaginary part. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.isreal(tl.tensor([1 + 0j, 2j])).tolist()
    [True, False]
    """
    x = to_operand(input, "isreal")
    return np.equal(Imaginary.of(x), 0)


@implements(np.iscomplex)
def _np_iscomplex(x: Array) -> Array:
    return np.logical_not(_isreal(x))


@implements(np.iscomplexobj)
def _np_iscomplexobj(x: Array) -> bool:
    return bool(x.dtype.kind == "c")


@implements(np.isrealobj)
def _np_isrealobj(x: Array) -> bool:
    return bool(x.dtype.kind != "c")


@implements(np.real_if_close)
def _np_real_if_close(a: Array, tol: float = 100) -> Array:
    if a.dtype.kind != "c":
        return a
    values = concrete(a, "np.real_if_close")
    step = np.finfo(values.dtype).eps if tol > 1 else 1.0
    return Real.of(a) if bool(np.all(np.absolute(values.imag) < tol * step)) else a


@public("is_conj")
def _is_conj(input: Array) -> bool:
    """Whether conjugating was put off: never, `conj` does it at once."""
    return False


@public("resolve_conj", "resolve_neg")
def _resolve(input: Array) -> Array:
    """The tensor itself: nothing is put off."""
    return to_operand(input, "resolve_conj")


# ---- NumPy's functions whose results are complex where real ones would be NaN: np.emath ---------------------------------------------
def _extended(x: Any, outside: Callable[[Any], Any]) -> Any:
    """``x``, as complex numbers if one of its values (inside vmap, of all examples) is real and ``outside`` of a function's domain."""
    values = all_values(x)
    return x + 0j if values.dtype.kind != "c" and np.any(outside(values)) else x


def _answer_emath(name: str, outside: Callable[[Any], Any]) -> None:
    @implements(getattr(np.emath, name))
    def answer(x: Any) -> Any:
        return getattr(np, name)(_extended(x, outside))


for _name in ("sqrt", "log", "log2", "log10"):
    _answer_emath(_name, lambda x: x < 0)
for _name in ("arccos", "arcsin", "arctanh"):
    _answer_emath(_name, lambda x: abs(x) > 1)


@implements(np.emath.logn)
def _logn(n: Any, x: Any) -> Any:
    return np.emath.log(x) / np.emath.log(n)


@implements(np.emath.power)
def _power(x: Any, p: Any) -> Any:
    whole = all_values(p)
    return np.power(_extended(x, lambda v: v < 0), p * 1.0 if whole.dtype.kind in "iu" and np.any(whole < 0) else p)
