"""Exponentials, logarithms, roots."""

from __future__ import annotations

import numpy as np

from ..core.families import Elementwise


class Exp(Elementwise, numpy=np.exp, public="exp"):
    """Exponential, element-wise. Shape: any -> same."""

    promotion = "inexact"
    quiet = True
    forward = np.exp

    def grad_x(g, ans):
        return g * ans
