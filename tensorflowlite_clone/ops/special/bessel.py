"""Bessel functions of the first and second kind, modified ones of the second kind, Airy's function, the spherical one of order 0.

Every order's derivative is made of its neighbours, so derivatives of any order are exact. Not here: modified ones of the first kind, which
the top level has (``ops/bessel.py``).
"""

from __future__ import annotations

from ..._typing import Array
from ...core.families import Inexact
from ...core.publish import public, to_operand
from ...kernels import cylinder as kernels


class _Real(Inexact):
    """Real functions; poles give infinities, places outside the domain NaN."""

    real_only = True


class BesselJ(_Real, title="special.bessel_j0"):
    """``J_n(x)``, of the first kind, n >= 0. Shape: any -> same."""

    def forward(x, *, order):
        return kernels.first(x, order)

    def grad_x(g, x, order):  # DLMF 10.6.1, 10.6.3
        if order == 0:
            return -g * BesselJ.of(x, order=1)
        return g * ((BesselJ.of(x, order=order - 1) - BesselJ.of(x, order=order + 1)) * 0.5)


class BesselY(_Real, title="special.bessel_y0"):
    """``Y_n(x)``, of the second kind, n >= 0. Shape: any -> same."""

    steep = True

    def forward(x, *, order):
        return kernels.second(x, order)

    def grad_x(g, x, order):  # the same
        if order == 0:
            return -g * BesselY.of(x, order=1)
        return g * ((BesselY.of(x, order=order - 1) - BesselY.of(x, order=order + 1)) * 0.5)


class BesselK(_Real, title="special.modified_bessel_k0"):
    """``K_n(x)``, modified, of the second kind, n >= 0. Shape: any -> same."""

    steep = True

    def forward(x, *, order):
        return kernels.second_modified(x, order)

    def grad_x(g, x, order):  # DLMF 10.29.1, 10.29.3
        if order == 0:
            return -g * BesselK.of(x, order=1)
        return g * ((BesselK.of(x, order=order - 1) + BesselK.of(x, order=order + 1)) * -0.5)


class BesselKScaled(_Real, title="special.scaled_modified_bessel_k0"):
    """``exp(x) K_n(x)``, or (-1)^m times its derivative number m: the integral of ``exp(-x (cosh t - 1)) (cosh t - 1)^m cosh(n t)``."""

    steep = True

    def forward(x, *, order, moment):
        return kernels.second_scaled(x, order, moment)

    def grad_x(g, x, order, moment):
        return -g * BesselKScaled.of(x, order=order, moment=moment + 1)


class AiryAi(_Real, title="special.airy_ai"):
    """Airy's function, the solution of ``y'' = x y`` that decays to the right. Shape: any -> same."""

    def forward(x):
        return kernels.airy(x, False)

    def grad_x(g, x):
        return g * AirySlope.of(x)


class AirySlope(_Real, title="special.airy_ai"):
    """The derivative of Airy's function. Shape: any -> same."""

    def forward(x):
        return kernels.airy(x, True)

    def grad_x(g, x):
        return g * (x * AiryAi.of(x))


class SphericalBessel(_Real, title="special.spherical_bessel_j0"):
    """The spherical Bessel function of the first kind of order n >= 0; ``sin(x) / x`` is that of order 0. Shape: any -> same."""

    def forward(x, *, order):
        return kernels.spherical(x, order)

    def grad_x(g, x, order):  # DLMF 10.51.2
        following = SphericalBessel.of(x, order=order + 1) * (-(order + 1) / (2 * order + 1))
        return g * (following if order == 0 else following + SphericalBessel.of(x, order=order - 1) * (order / (2 * order + 1)))


@public("special.bessel_j0", out=True)
def _bessel_j0(input: Array) -> Array:
    """The Bessel function of the first kind of order 0, differentiable to any order. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.bessel_j0(tl.tensor([0.0, 1.0]))
    tensor([1.0000, 0.7652])

    Source: DLMF 10.2.2; as in ``kernels/cylinder.py``.
    """
    return BesselJ.of(to_operand(input, "special.bessel_j0"), order=0)


@public("special.bessel_j1", out=True)
def _bessel_j1(input: Array) -> Array:
    """The Bessel function of the first kind of order 1, differentiable to any order. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.bessel_j1(tl.tensor([0.0, 1.0]))
    tensor([0.0000, 0.4401])

    Source: DLMF 10.2.2; as in ``kernels/cylinder.py``.
    """
    return BesselJ.of(to_operand(input, "special.bessel_j1"), order=1)


@public("special.bessel_y0", out=True)
def _bessel_y0(input: Array) -> Array:
    """The Bessel function of the second kind of order 0: minus infinity at 0, NaN below. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.bessel_y0(tl.tensor([0.0, 1.0])).tolist()
    [-inf, 0.08825696259737015]

    Source: DLMF 10.8.2; as in ``kernels/cylinder.py``.
    """
    return BesselY.of(to_operand(input, "special.bessel_y0"), order=0)


@public("special.bessel_y1", out=True)
def _bessel_y1(input: Array) -> Array:
    """The Bessel function of the second kind of order 1: minus infinity at 0, NaN below. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.bessel_y1(tl.tensor(1.0)).item():.4f}"
    '-0.7812'

    Source: DLMF 10.8.1; as in ``kernels/cylinder.py``.
    """
    return BesselY.of(to_operand(input, "special.bessel_y1"), order=1)


@public("special.modified_bessel_k0", out=True)
def _modified_bessel_k0(input: Array) -> Array:
    """The modified Bessel function of the second kind of order 0: infinite at 0, NaN below. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.modified_bessel_k0(tl.tensor(1.0)).item():.4f}"
    '0.4210'

    Source: DLMF 10.31.2, 10.32.9.
    """
    return BesselK.of(to_operand(input, "special.modified_bessel_k0"), order=0)


@public("special.modified_bessel_k1", out=True)
def _modified_bessel_k1(input: Array) -> Array:
    """The modified Bessel function of the second kind of order 1: infinite at 0, NaN below. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.modified_bessel_k1(tl.tensor(1.0)).item():.4f}"
    '0.6019'

    Source: DLMF 10.31.1, 10.32.9.
    """
    return BesselK.of(to_operand(input, "special.modified_bessel_k1"), order=1)


@public("special.scaled_modified_bessel_k0", out=True)
def _scaled_modified_bessel_k0(x: Array) -> Array:
    """``exp(x) modified_bessel_k0(x)``, which does not underflow. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.scaled_modified_bessel_k0(tl.tensor(1e4)).item():.6f}"
    '0.012533'
    """
    return BesselKScaled.of(to_operand(x, "special.scaled_modified_bessel_k0"), order=0, moment=0)


@public("special.scaled_modified_bessel_k1", out=True)
def _scaled_modified_bessel_k1(x: Array) -> Array:
    """``exp(x) modified_bessel_k1(x)``, which does not underflow. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> f"{tl.special.scaled_modified_bessel_k1(tl.tensor(1e4)).item():.6f}"
    '0.012534'
    """
    return BesselKScaled.of(to_operand(x, "special.scaled_modified_bessel_k1"), order=1, moment=0)


@public("special.airy_ai", out=True)
def _airy_ai(x: Array) -> Array:
    """Airy's function, the solution of ``y'' = x y`` that decays to the right. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.airy_ai(tl.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])

    Source: DLMF 9.4.1, 9.6.2, 9.6.6.
    """
    return AiryAi.of(to_operand(x, "special.airy_ai"))


@public("special.spherical_bessel_j0", out=True)
def _spherical_bessel_j0(x: Array) -> Array:
    """``sin(x) / x``, the spherical Bessel function of order 0. Shape: any -> same.

    >>> import tensorflowlite_clone as tl
    >>> tl.special.spherical_bessel_j0(tl.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """
    return SphericalBessel.of(to_operand(x, "special.spherical_bessel_j0"), order=0)
