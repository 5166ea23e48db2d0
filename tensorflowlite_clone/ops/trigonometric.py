"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from ..core.families import Elementwise


class Sin(Elementwise, numpy=np.sin, public="sin"):
    """Sine, element-wise. Shape: any -> same."""

    promotion = "inexact"
    quiet = True
    forward = np.sin

    def grad_x(g, x):
        return g * np.cos(x)


class Cos(Elementwise, numpy=np.cos, public="cos"):
    """Cosine, element-wise. Shape: any -> same."""

    promotion = "inexact"
    quiet = True
    forward = np.cos

    def grad_x(g, x):
        return -g * np.sin(x)


class Tanh(Elementwise, numpy=np.tanh, public="tanh"):
    """Hyperbolic tangent, element-wise. Shape: any -> same."""

    promotion = "inexact"
    forward = np.tanh

    def grad_x(g, ans):
        return g * (1 - ans * ans)
