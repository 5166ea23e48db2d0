"""Arithmetic: sums, products, quotients, powers, remainders, rounding, signs; and `Cast`, the change of dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._typing import Array, DTypeLike
from ..core.families import Elementwise, NonDifferentiable
from ..core.registry import public


class Cast(Elementwise):
    """The same values in another dtype. Shape: any -> same."""

    promotion = None

    def forward(x, *, dtype):
        return np.asarray(x).astype(dtype, copy=False)

    def grad_x(g, x_dtype):
        return Cast.of(g, dtype=x_dtype)


class Add(Elementwise, numpy=np.add, operator="add"):
    """Sum, element-wise. Shape: broadcast."""

    forward = np.add

    def grad_x(g):
        return g

    def grad_y(g):
        return g


class Subtract(Elementwise, numpy=np.subtract, operator="sub"):
    """Difference, element-wise. Shape: broadcast."""

    forward = np.subtract

    def grad_x(g):
        return g

    def grad_y(g):
        return -g


class Multiply(Elementwise, numpy=np.multiply, public=("mul", "multiply"), operator="mul"):
    """Product, element-wise. Shape: broadcast."""

    forward = np.multiply

    def grad_x(g, y):
        return g * y

    def grad_y(g, x):
        return g * x


class Divide(Elementwise, numpy=np.divide, operator="truediv"):
    """Quotient, element-wise; integers give floats. Shape: broadcast."""

    promotion = "inexact"
    quiet = True
    forward = np.divide

    def grad_x(g, y):
        return g / y

    def grad_y(g, ans, y):
        return -g * ans / y


class Negative(Elementwise, numpy=np.negative, public=("neg", "negative"), operator="neg"):
    """Negation, element-wise. Shape: any -> same."""

    forward = np.negative

    def grad_x(g):
        return -g
