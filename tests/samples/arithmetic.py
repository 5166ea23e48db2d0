"""Samples for ``ops/arithmetic.py``."""

import numpy as np

from . import call, distinct, integers, normal, positive, sample

SAMPLES = {
    "Frexp": [
        sample(np.array([0.3, -6.5, 0.1, 70.0])),
        sample(normal(2, 3)),
        sample(np.array(0.3)),
        sample(np.array([1.0, -2.0, 0.5, 0.0]), kink=([0.5, 0.25, 1.0, 1.0],)),
    ],
    "Add": [
        sample(normal(2, 3), normal(3)),
        sample(normal(), normal(2)),
        sample(normal(2, 1), normal(1, 3)),
        sample(np.zeros((0, 3)), normal(3), smooth=False),
    ],
    "Subtract": [sample(normal(2, 3), normal(2, 1)), sample(normal(), normal())],
    "Multiply": [sample(normal(2, 3), normal(3)), sample(normal(), normal(2)), sample(normal(2, 1), normal(3))],
    "Divide": [sample(normal(2, 3), positive(3)), sample(normal(), positive()), sample(normal(2, 1), positive(1, 3))],
    "Negative": [sample(normal(2, 3)), sample(normal())],
    "Positive": [sample(normal(2))],
    "Reciprocal": [sample(positive(2, 3)), sample(positive())],
    "Square": [sample(normal(2, 3)), sample(normal())],
    "Absolute": [sample(distinct(2, 3)), sample(np.array([0.0, -1.0]), smooth=False)],
    "Sign": [sample(distinct(2, 3))],
    "Power": [
        sample(positive(2, 3), normal(3)),
        sample(positive(2), np.array([2.0, 0.0]), smooth=False),
        sample(np.zeros(2), np.array([2.0, 1.0]), smooth=False),
    ],
    "PowerOfNumber": [sample(positive(2, 3), exponent=e) for e in (2, 3, 4, 1, 0.5, -1, -2, 2.5, 5)]
    + [sample(normal(3), exponent=3), sample(normal(2), exponent=0)],
    "Hypot": [sample(normal(2, 3), normal(3)), sample(np.zeros(2), np.array([0.0, 1.0]), smooth=False)],
    "CopySign": [sample(distinct(2, 3), distinct(3, seed=1))],
}

CALLS = [
    call("add alpha", lambda T, x, y: T.add(x, y, alpha=2), normal(2, 3), normal(3)),
    call("sub alpha", lambda T, x, y: T.sub(x, y, alpha=2), normal(2, 3), normal(3)),
    call("rsub", lambda T, x, y: T.rsub(x, y), normal(2, 3), normal(3)),
    call("mul", lambda T, x, y: T.mul(x, y), normal(2, 3), normal(3)),
    call("operators", lambda T, x, y: (x + y) * (x - y) / (y * y + 1) - (-x), normal(2, 3), normal(3)),
    call("numbers", lambda T, x: 2 * x + 1.5 - x / 3 + 1 / x + (2 - x), positive(2, 3)),
    call("div floor", lambda T, x, y: T.div(x, y, rounding_mode="floor"), normal(2, 3), positive(3), differentiable=False),
    call("div trunc", lambda T, x, y: T.div(x, y, rounding_mode="trunc"), normal(2, 3), positive(3), differentiable=False),
    call("div integers", lambda T, x, y: T.div(x, y), integers(4), integers(4, low=1)),
    call("div integers trunc", lambda T, x: T.div(x, 2, rounding_mode="trunc"), integers(6, low=-5)),
    call("floor divide operator", lambda T, x: x // 2, integers(6, low=-5)),
    call("pow tensor", lambda T, x, y: x**y, positive(2, 3), normal(3)),
    call("pow number", lambda T, x: x**3 + x**2.5 + x**-1 + x**0.5, positive(2, 3)),
    call("pow of number", lambda T, x: 2.0**x, normal(3)),
    call("pow integers", lambda T, x: x**2, integers(4)),
    call("pow integers small", lambda T, x: (x**3, x**0, x**1, 2**x, T.pow(x, 5)), integers(4)),
    call("float_power", lambda T, x, y: T.float_power(x, y) + T.float_power(y, 2), integers(4, low=1), positive(4)),
    call("pow of 0", lambda T, x, y: x**y, np.zeros(3), np.array([1.0, 2.0, 0.0]), second=False),
    call("pow number at 0", lambda T, x: x**2 + x**3 + x**1 + x**0, np.array([0.0, -1.0])),
    call("ldexp", lambda T, x, y: T.ldexp(x, y), normal(4), integers(4)),
    call("square", lambda T, x: T.square(x), normal(3)),
    call("abs", lambda T, x: abs(x) + x.abs(), distinct(4)),
    call("abs at 0", lambda T, x: T.abs(x), np.array([0.0, 1.0, -1.0])),
    call("reciprocal", lambda T, x: T.reciprocal(x), positive(3)),
    call("neg", lambda T, x: T.neg(x), normal(3)),
    call("sign", lambda T, x: T.sign(x), distinct(3), differentiable=False),
    call("sign of booleans", lambda T, x: T.sign(x > 0), distinct(3), differentiable=False),
    call("sgn", lambda T, x: T.sgn(x), distinct(3), differentiable=False),
    call("hypot", lambda T, x, y: T.hypot(x, y), normal(2, 3), normal(3)),
    call("copysign", lambda T, x, y: T.copysign(x, y), distinct(3), distinct(3, seed=1), second=False),
    call("lerp", lambda T, x, y: T.lerp(x, y, 0.3), normal(3), normal(3, seed=1)),
    call("addcmul", lambda T, x, y, z: T.addcmul(x, y, z, value=2.0), normal(3), normal(3, seed=1), normal(3, seed=2)),
    call("addcdiv", lambda T, x, y, z: T.addcdiv(x, y, z, value=2.0), normal(3), normal(3, seed=1), positive(3)),
    call("deg2rad", lambda T, x: T.deg2rad(x) + T.rad2deg(x), normal(3)),
    call("frexp", lambda T, x: (T.frexp(x).mantissa, *x.frexp()), np.array([0.3, -6.0, 1e-9, 7e9, 1.0, 0.0])),
    call(
        "frexp of what is not finite",
        lambda T, x: T.frexp(x),
        np.array([np.inf, -np.inf, np.nan, 1e-310, 7e300, -0.0]),
        differentiable=False,
    ),
]
