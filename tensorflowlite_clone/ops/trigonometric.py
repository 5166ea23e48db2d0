"""Trigonometric and hyperbolic functions and their inverses, angles in radians."""

from __future__ import annotations

import math

import numpy as np

from .._typing import Array
from ..core.families import Elementwise, Inexact
from ..core.operation import fused
from ..kernels import activation as kernels
from .compare import Where


class Sin(Inexact, numpy=np.sin, public="sin", inplace=True):
    """Sine. Shape: any -> same."""

    forward = np.sin

    def grad_x(g, x):
        return g * np.cos(x)


class Cos(Inexact, numpy=np.cos, public="cos", inplace=True):
    """Cosine. Shape: any -> same."""

    forward = np.cos

    def grad_x(g, x):
        return -g * np.sin(x)


class Tan(Inexact, numpy=np.tan, public="tan", inplace=True):
    """Tangent. Shape: any -> same."""

    forward = np.tan

    def grad_x(g, ans):
        return g * (1.0 + ans * ans)


def _one(x: Array) -> complex:
    """1, from which a square on a cut of the square root is subtracted so that the sign of its imaginary part, 0 or -0, stays."""
    return complex(1.0, -0.0) if x.dtype.kind == "c" else 1.0


class ArcSin(Inexact, numpy=np.arcsin, public=("asin", "arcsin"), inplace=True):
    """Inverse sine. Shape: any -> same."""

    steep = True
    forward = np.arcsin

    def grad_x(g, x):
        return g / np.sqrt(_one(x) - x * x)


class ArcCos(Inexact, numpy=np.arccos, public=("acos", "arccos"), inplace=True):
    """Inverse cosine. Shape: any -> same."""

    steep = True
    forward = np.arccos

    def grad_x(g, x):
        return -g / np.sqrt(_one(x) - x * x)


class ArcTan(Inexact, numpy=np.arctan, public=("atan", "arctan"), inplace=True):
    """Inverse tangent. Shape: any -> same."""

    forward = np.arctan

    def grad_x(g, x):
        return g / (1.0 + x * x)


class ArcTan2(Inexact, numpy=np.arctan2, public=("atan2", "arctan2"), inplace=True):
    """Angle of the point with ordinate x and abscissa y, from -pi to pi; the derivative at the origin is 0. Shape: broadcast."""

    real_only = True
    forward = np.arctan2

    def grad_x(g, x, y):
        distance = _distance(x, y)
        return g * (y / distance) / distance

    def grad_y(g, x, y):
        distance = _distance(x, y)
        return -g * (x / distance) / distance


def _distance(x: Array, y: Array) -> Array:
    """``sqrt(x^2 + y^2)``, but infinite at the origin, so that what is divided by it is 0, and constant."""
    distance = np.hypot(x, y)
    return Where.of(np.equal(distance, 0.0), np.inf, distance)


class Sinh(Inexact, numpy=np.sinh, public="sinh", inplace=True):
    """Hyperbolic sine. Shape: any -> same."""

    steep = True
    forward = np.sinh

    def grad_x(g, x):
        return g * np.cosh(x)


class Cosh(Inexact, numpy=np.cosh, public="cosh", inplace=True):
    """Hyperbolic cosine. Shape: any -> same."""

    steep = True
    forward = np.cosh

    def grad_x(g, x):
        return g * np.sinh(x)


class Tanh(Elementwise, numpy=np.tanh, public="tanh", inplace=True, functional=True):
    """Hyperbolic tangent. Shape: any -> same."""

    promotion = "inexact"
    forward = np.tanh

    @fused(kernels.tanh_grad)
    def grad_x(g, ans):
        return g * (1.0 - ans * ans)


class ArcSinh(Inexact, numpy=np.arcsinh, public=("asinh", "arcsinh"), inplace=True):
    """Inverse hyperbolic sine. Shape: any -> same."""

    forward = np.arcsinh

    def grad_x(g, x):
        return g / np.sqrt(x * x - (-1.0))  # on a cut, + 1 would turn the imaginary part -0 into 0


class ArcCosh(Inexact, numpy=np.arccosh, public=("acosh", "arccosh"), inplace=True):
    """Inverse hyperbolic cosine. Shape: any -> same."""

    steep = True
    forward = np.arccosh

    def grad_x(g, x):
        return g / np.sqrt(x - 1.0) / np.sqrt(x - (-1.0))  # not sqrt(x^2 - 1), whose cut lies elsewhere in the complex plane


class ArcTanh(Inexact, numpy=np.arctanh, public=("atanh", "arctanh"), inplace=True):
    """Inverse hyperbolic tangent. Shape: any -> same."""

    steep = True
    forward = np.arctanh

    def grad_x(g, x):
        return g / (1.0 - x * x)


class Sinc(Inexact, numpy=np.sinc, public=("sinc", "special.sinc"), inplace=True):
    """``sin(pi x) / (pi x)``, 1 at 0. Shape: any -> same."""

    def forward(x):
        return np.sinc(x)

    def grad_x(g, x):
        # Near 0 the quotients cancel; the series of the derivative there is -pi^2 x / 3 (1 - (pi x)^2 / 10 + (pi x)^4 / 280 - ...).
        t = x * math.pi
        near = np.less(np.abs(t), 0.3)
        u = np.where(near, 1.0, t)
        s = np.where(near, t, 0.0)
        q = s * s
        series = s * (-1.0 / 3.0 + q * (1.0 / 30.0 + q * (-1.0 / 840.0 + q * (1.0 / 45360.0 - q * (1.0 / 3991680.0)))))
        far = (np.cos(u) * u - np.sin(u)) / (u * u)
        return g * math.pi * np.where(near, series, far)
