"""Samples for ``ops/compare.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

A, B = integers(2, 3, seed=1), integers(3, seed=2)
MIXED = np.array([1.0, np.nan, np.inf, -np.inf, -0.0])
MASK = np.array([[True, False, True], [False, False, True]])

SAMPLES = {
    name: [sample(A, B), sample(normal(2, 3), normal(3))] for name in ("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual")
}
SAMPLES |= {name: [sample(MIXED, float32=False)] for name in ("IsNaN", "IsInf", "IsFinite", "SignBit")}
SAMPLES |= {name: [sample(A > 2, B > 2)] for name in ("LogicalAnd", "LogicalOr", "LogicalXor", "BitwiseAnd", "BitwiseOr", "BitwiseXor")}
SAMPLES |= {
    "IsPositiveInfinity": [sample(MIXED, float32=False), sample(A)],
    "IsNegativeInfinity": [sample(MIXED, float32=False), sample(A)],
    "IsClose": [
        sample(normal(2, 3), normal(3), rtol=0.5, atol=0.1, equal_nan=False),
        sample(MIXED, MIXED, rtol=0.0, atol=0.0, equal_nan=True),
    ],
    "LeftShift": [sample(A, B)],
    "RightShift": [sample(A, B)],
    "Heaviside": [sample(np.array([-1.0, 0.0, 2.0]), np.array(0.5)), sample(A - 2, B)],
    "LogicalNot": [sample(A > 2)],
    "BitwiseNot": [sample(A), sample(A > 2)],
    "Where": [sample(MASK, normal(2, 3), normal(3)), sample(MASK, normal(), normal(2, 1)), sample(MASK[0], normal(2, 3), normal(3))],
}

CALLS = [
    *[call(n, lambda T, x, y, n=n: getattr(T, n)(x, y), A, B) for n in ("eq", "ne", "lt", "le", "gt", "ge")],
    call("operators", lambda T, x, y: ((x < y) | (x >= y)) & ~(x == y) ^ (x != y), A, B),
    call("compare number", lambda T, x: (x > 1) & (x <= 3) & (x != 2), A),
    *[call(n, lambda T, x, n=n: getattr(T, n)(x), MIXED, differentiable=False) for n in ("isnan", "isinf", "isfinite", "signbit")],
    *[call(n, lambda T, x, y, n=n: getattr(T, n)(x, y), A > 2, B > 2) for n in ("logical_and", "logical_or", "logical_xor")],
    call("logical_not", lambda T, x: T.logical_not(x), A),
    call("bitwise", lambda T, x, y: (x & y) | (x ^ y), A, B),
    call("where", lambda T, c, x, y: T.where(c, x, y), MASK, normal(2, 3), normal(3)),
    call("where number", lambda T, c, x: T.where(c, x, 1.0), MASK, normal(2, 3)),
    call("where nonfinite branch", lambda T, x: T.where(x > 0, T.log(T.where(x > 0, x, 1.0)), 0.0), np.array([0.0, 1.0, 2.0])),
    call("where indices", lambda T, c: T.where(c), MASK),
    call("masked_fill", lambda T, x, c: x.masked_fill(c, -1.0), normal(2, 3), MASK),
    call("isposinf isneginf", lambda T, x: (T.isposinf(x), T.isneginf(x)), MIXED, differentiable=False),
    call("shifts", lambda T, x, y: (x << y) + (x >> y) + T.bitwise_left_shift(x, y) + T.bitwise_right_shift(x, y), A, B),
    call("heaviside", lambda T, x, y: T.heaviside(x, y), np.array([-1.0, 0.0, 2.0]), np.array([0.5, 0.5, 0.5]), differentiable=False),
    call("where method", lambda T, c, x, y: x.where(c, y), MASK, normal(2, 3), normal(3)),
    call("where of numbers", lambda T, c: T.where(c, 1.0, 2.0), MASK),
    call("masked_fill keeps the dtype", lambda T, x, c: (x.masked_fill(c, 7), x.masked_fill(c, T.tensor(2))), A, MASK),
    call("masked_fill infinite", lambda T, x, c: T.softmax(x.masked_fill(c, -float("inf")), 1), normal(2, 3), MASK),
    call("isclose infinite", lambda T, x, y: T.isclose(x, y, equal_nan=True), MIXED, MIXED[[0, 1, 2, 2, 4]], differentiable=False),
    call("isclose of integers", lambda T, x, y: T.isclose(x, y, rtol=0.5, atol=0.2), A, B),
    call("isclose", lambda T, x: T.isclose(x, x + 1e-9), distinct(3), differentiable=False),
]
