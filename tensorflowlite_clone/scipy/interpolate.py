"""`scipy.interpolate` with derivatives: cubic splines through points, in the points and in the places.

Not here: smoothing splines, scattered data.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, mapped
from ..core.tensor import Tensor
from .names import others

ENDS = ("not-a-knot", "natural", "clamped", "periodic")


class CubicSpline:
    """The piecewise cubic function with two continuous derivatives through ``y`` (n, ...) at the rising places ``x`` (n).

    ``bc_type`` says what holds at the ends: "not-a-knot", "natural", "clamped" or "periodic". ``spline(x, nu)`` is the ``nu``-th derivative
    there; outside, the outermost pieces go on. Both x and y have derivatives, as have the places asked for.
    """

    def __init__(self, x: Any, y: Any, bc_type: str = "not-a-knot") -> None:
        if bc_type not in ENDS:
            raise ArgumentError(f"scipy.interpolate.CubicSpline: bc_type must be one of {', '.join(ENDS)}: got {bc_type!r}")
        n = shape_of(x)[0]
        if len(shape_of(x)) != 1 or n < 4 or shape_of(y)[0] != n or not (np.diff(all_values(x)) > 0).all():
            raise ArgumentError(
                f"scipy.interpolate.CubicSpline: x must be 4 rising places or more, y (n, ...): got {n}, {tuple(shape_of(y))}"
            )
        self.x, self.y = x, y
        h, rows = np.diff(x), np.reshape(y, (n, -1))
        slopes = np.diff(rows, axis=0) / h[:, None]
        eye = np.eye(n)
        inner, low, high = eye[1:-1], eye[:-2], eye[2:]  # h1 s0 + 2 (h0 + h1) s1 + h0 s2 = 3 (h1 d0 + h0 d1)
        left = h[1:, None] * low + 2 * (h[1:] + h[:-1])[:, None] * inner + h[:-1, None] * high
        right = 3 * (h[1:, None] * slopes[:-1] + h[:-1, None] * slopes[1:])
        if bc_type == "clamped":
            ends, values = [eye[0], eye[-1]], [0 * rows[0], 0 * rows[0]]
        elif bc_type == "natural":
            ends, values = [2 * eye[0] + eye[1], 2 * eye[-1] + eye[-2]], [3 * slopes[0], 3 * slopes[-1]]
        elif bc_type == "periodic":
            joined = h[0] * eye[-2] + 2 * (h[0] + h[-1]) * eye[0] + h[-1] * eye[1]
            ends, values = [joined, eye[-1] - eye[0]], [3 * (h[0] * slopes[-1] + h[-1] * slopes[0]), 0 * rows[0]]
        else:
            two = [h[0] + h[1], h[-1] + h[-2]]
            ends = [h[1] * eye[0] + two[0] * eye[1], h[-2] * eye[-1] + two[1] * eye[-2]]
            values = [
                ((h[0] + 2 * two[0]) * h[1] * slopes[0] + h[0] ** 2 * slopes[1]) / two[0],
                ((h[-1] + 2 * two[1]) * h[-2] * slopes[-1] + h[-1] ** 2 * slopes[-2]) / two[1],
            ]
        matrix = np.concatenate([np.expand_dims(ends[0], 0), left, np.expand_dims(ends[1], 0)])
        target = np.concatenate([np.expand_dims(values[0], 0), right, np.expand_dims(values[1], 0)])
        s = np.linalg.solve(matrix, target)
        curve = (s[:-1] + s[1:] - 2 * slopes) / h[:, None]
        #: The coefficients of each piece, of the powers 0 to 3 of the distance from its beginning: (4, n - 1, columns).
        self.c = np.stack([rows[:-1], s[:-1], (slopes - s[:-1]) / h[:, None] - curve, curve / h[:, None]])

    def __call__(self, x: Any, nu: int = 0) -> Any:
        """The ``nu``-th derivative of the spline at ``x``, (*x.shape, ...)."""
        x = x if hasattr(x, "shape") else np.asarray(x, dtype=float)
        if mapped(self.x):
            piece = np.sum(self.x[1:-1] <= np.expand_dims(x, -1), -1)
        else:
            piece = np.searchsorted(all_values(self.x)[1:-1], x, side="right")
        wrap = isinstance(piece, Boxed)

        def picked(of: Any) -> Any:
            return (Tensor.wrap(of, 0) if wrap and not isinstance(of, Boxed) else of)[piece]

        t = np.expand_dims(x - picked(self.x), -1)
        out: Any = 0.0
        for k in range(3, nu - 1, -1):
            out = out * t + math.perm(k, nu) * picked(self.c[k])
        out = out + 0 * t if nu > 3 else out
        return np.reshape(out, (*shape_of(x), *shape_of(self.y)[1:]))


__getattr__ = others("interpolate", "CubicSpline and np.interp have derivatives")
