"""Samples for ``ops/piecewise.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

TIE = np.array([1.0, 2.0, 3.0])
HALVES = np.array([-1.5, -0.5, 0.5, 1.5, 2.5, 0.2])

SAMPLES = {
    "NanToNum": [sample(normal(2, 3), nan=0.0, posinf=None, neginf=None)],
    "Maximum": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05), sample(TIE, TIE, smooth=False)],
    "Minimum": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05), sample(TIE, TIE, smooth=False)],
    "FMax": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05)],
    "FMin": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05)],
    "Clamp": [
        sample(distinct(2, 4), low=-0.5, high=0.5),
        sample(distinct(4), low=None, high=0.4),
        sample(distinct(4), low=-0.4, high=None),
    ],
    "ClampBelow": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05), sample(TIE, TIE, smooth=False)],
    "ClampAbove": [sample(distinct(2, 3), distinct(3, seed=5) + 0.05), sample(TIE, TIE, smooth=False)],
    "Frac": [sample(distinct(2, 3)), sample(HALVES, smooth=False)],
    "NextAfter": [sample(distinct(2, 3), distinct(3, seed=5))],
    "GreatestCommonDivisor": [sample(integers(2, 4, high=20), integers(4, low=1, high=20))],
    "LeastCommonMultiple": [sample(integers(2, 4, high=20), integers(4, low=1, high=20))],
    "Remainder": [sample(distinct(2, 3), np.array([0.7, 1.1, 0.9])), sample(distinct(3), np.array([-0.7, 1.1, 0.9]))],
    "FMod": [sample(distinct(2, 3), np.array([0.7, 1.1, 0.9]))],
    "FloorDivide": [sample(distinct(2, 3), np.array([0.7, 1.1, 0.9])), sample(integers(4), integers(4, low=1))],
    "Floor": [sample(distinct(2, 3))],
    "Ceil": [sample(distinct(2, 3))],
    "Trunc": [sample(distinct(2, 3))],
    "RoundToInteger": [sample(distinct(2, 3) + 0.01)],
}

CALLS = [
    call("nan_to_num", lambda T, x: T.nan_to_num(x, 1.0, 2.0, -2.0), np.array([np.nan, np.inf, -np.inf, 3.0])),
    call("maximum", lambda T, x, y: T.maximum(x, y), distinct(2, 3), distinct(3, seed=5) + 0.05),
    call("maximum tie", lambda T, x, y: T.maximum(x, y), TIE, TIE.copy()),
    call("minimum tie", lambda T, x, y: T.minimum(x, y), TIE, TIE.copy()),
    call("minimum", lambda T, x, y: T.minimum(x, y), distinct(2, 3), distinct(3, seed=5) + 0.05),
    call("fmax", lambda T, x, y: T.fmax(x, y), np.array([1.0, np.nan, 3.0]), np.array([2.0, 1.0, np.nan])),
    call("fmin", lambda T, x, y: T.fmin(x, y), np.array([1.0, np.nan, 3.0]), np.array([2.0, 1.0, np.nan])),
    call("clamp", lambda T, x: T.clamp(x, -0.5, 0.5), distinct(6)),
    call("clamp at bounds", lambda T, x: T.clamp(x, -1.0, 1.0), np.array([-2.0, -1.0, 0.0, 1.0, 2.0])),
    call("clamp min", lambda T, x: x.clamp(min=0.1), distinct(6)),
    call("clamp max", lambda T, x: x.clamp_max(0.1) + x.clamp_min(-0.3), distinct(6)),
    call("clamp tensors", lambda T, x, y: T.clamp(x, min=y), distinct(4), distinct(4, seed=3) + 0.03),
    call("clamp between tensors", lambda T, x, y, z: T.clamp(x, y, z), distinct(6), distinct(6, seed=3) - 0.47, distinct(6, seed=8) + 0.44),
    call("clamp tensors at ties", lambda T, x, y: T.clamp(x, min=y) * 2 + T.clamp(x, max=y), TIE, TIE.copy(), second=False),
    call("clamp integers", lambda T, x: (T.clamp(x, 1, 3), T.clamp(x, min=1.5)), integers(6)),
    call("frac", lambda T, x: x.frac(), np.array([-1.5, 2.25, 0.0, -0.3])),
    call("gcd lcm", lambda T, x, y: T.gcd(x, y) + T.lcm(x, y), integers(6, high=20), integers(6, low=1, high=20, seed=1)),
    call("nextafter", lambda T, x, y: T.nextafter(x, y), distinct(4), distinct(4, seed=5), differentiable=False, tolerance=0.0),
    call("remainder", lambda T, x, y: T.remainder(x, y), distinct(3), np.array([0.7, 1.1, 0.9])),
    call("remainder operator", lambda T, x: x % 0.7, distinct(5)),
    call("fmod", lambda T, x, y: T.fmod(x, y), distinct(3), np.array([0.7, 1.1, 0.9])),
    call("floor ceil trunc frac", lambda T, x: T.floor(x) + T.ceil(x) * 2 + T.trunc(x) * 3 + T.frac(x) * 5, distinct(6)),
    call("round half to even", lambda T, x: T.round(x), HALVES),
    call("round decimals", lambda T, x: T.round(x, decimals=1), normal(5), differentiable=False),
]
