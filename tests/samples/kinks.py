"""Samples at kinks, ties, jumps and the ends of domains, for every operation that has such points, whatever file it is in.

``kink=`` gives the derivative of the sum of the results with respect to each operand that has one. ``docs/kinks.md`` says why.
A test searches for kinks (``test_operation_domains.py``) and fails for an operation that has some and no sample here.
"""

import numpy as np

from . import sample

INF = np.inf
EQUAL = np.full((2, 3), 2.0)
TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
THREE = np.array([3.0, -1.0, 0.0])
ALL = {"axis": None, "keepdims": False}
ROWS = {"axis": (1,), "keepdims": False}
POOL = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False, "dilation": (1, 1)}
FIRST_OF_FOUR = np.array([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])

SAMPLES = {
    # arithmetic
    "Absolute": [sample(np.array([0.0, -1.0, 2.0]), kink=([0, -1, 1],))],
    "Power": [
        sample(np.zeros(4), np.array([0.0, 1.0, 2.0, 3.0]), kink=([0, 1, 0, 0], 0)),
        sample(np.zeros(2), np.array([0.5, 1.5]), kink=([INF, 0], 0)),
        sample(np.array([0.0, 1.0]), np.array([2.0]), kink=([0, 2], 0)),
    ],
    "PowerOfNumber": [
        sample(np.array([0.0, 1.0]), exponent=0.5, kink=([INF, 0.5],)),
        sample(np.array([0.0, 1.0]), exponent=1.5, kink=([0, 1.5],)),
        *[sample(np.zeros(2), exponent=e, kink=(float(e == 1),)) for e in (0, 1, 2, 3, 5)],
    ],
    "Hypot": [sample(np.zeros(3), np.array([0.0, 1.0, -2.0]), kink=(0, [0, 1, -1])), sample(np.zeros(()), np.zeros(()), kink=(0, 0))],
    "Sign": [sample(np.array([0.0, 2.0, -2.0]), kink=(0,))],
    "CopySign": [sample(np.array([0.0, 2.0, -2.0]), np.array([1.0, 0.0, 0.0]), kink=([0, 1, -1], 0))],
    # piecewise
    "Maximum": [sample(THREE, THREE.copy(), kink=(0.5, 0.5)), sample(THREE, np.array(0.0), kink=([1, 0, 0.5], 1.5))],
    "Minimum": [sample(THREE, THREE.copy(), kink=(0.5, 0.5)), sample(THREE, np.array(0.0), kink=([0, 1, 0.5], 1.5))],
    "FMax": [sample(THREE, THREE.copy(), kink=(1, 0)), sample(THREE, np.array(0.0), kink=([1, 0, 1], 1))],
    "FMin": [sample(THREE, THREE.copy(), kink=(1, 0)), sample(THREE, np.array(0.0), kink=([0, 1, 1], 1))],
    "Clamp": [
        sample(np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), low=-1.0, high=1.0, kink=([0, 1, 1, 1, 0],)),
        sample(np.array([-1.0, 0.0]), low=-1.0, high=None, kink=(1,)),
        sample(np.array([1.0, 2.0]), low=None, high=1.0, kink=([1, 0],)),
    ],
    "ClampBelow": [sample(THREE, THREE.copy(), kink=(1, 0)), sample(THREE, np.zeros(3), kink=([1, 0, 1], [0, 1, 0]))],
    "ClampAbove": [sample(THREE, THREE.copy(), kink=(1, 0)), sample(THREE, np.zeros(3), kink=([0, 1, 1], [1, 0, 0]))],
    "Remainder": [sample(np.array([0.0, 3.0, -3.0]), np.array([2.0, 3.0, 1.5]), kink=(1, [0, -1, 2]))],
    "FMod": [sample(np.array([0.0, 3.0, -3.0]), np.array([2.0, 3.0, 1.5]), kink=(1, [0, -1, 2]))],
    "Frac": [sample(np.array([0.0, 1.0, -2.0]), kink=(1,))],
    "Floor": [sample(np.array([0.0, 1.0, -2.0]), kink=(0,))],
    "Ceil": [sample(np.array([0.0, 1.0, -2.0]), kink=(0,))],
    "Trunc": [sample(np.array([0.0, 1.0, -2.0]), kink=(0,))],
    "RoundToInteger": [sample(np.array([0.5, 1.5, -2.5]), kink=(0,))],
    # activations
    "ReLU": [sample(np.array([-1.0, 0.0, 2.0]), kink=([0, 0, 1],))],
    "LeakyReLU": [sample(np.array([-1.0, 0.0, 2.0]), negative_slope=0.125, kink=([0.125, 0.125, 1],))],
    "PReLU": [sample(np.array([0.0, 2.0]), np.array([0.25]), kink=([0.25, 1], 0))],
    "ELU": [sample(np.array([0.0, 2.0]), alpha=0.5, kink=([0.5, 1],)), sample(np.zeros(2), alpha=1.5, scale=2.0, kink=(3,))],
    "HardTanh": [sample(np.array([-1.0, 0.0, 1.0]), low=-1.0, high=1.0, kink=([0, 1, 0],))],
    "HardSigmoid": [sample(np.array([-3.0, 0.0, 3.0]), kink=([0, 1 / 6, 0],))],
    "HardSwish": [sample(np.array([-3.0, 0.0, 3.0]), kink=([0, 0.5, 1],))],
    "Softsign": [sample(np.array([0.0, 1.0]), kink=([1, 0.25],))],
    "Logit": [sample(np.array([0.25, 0.75, 0.125]), eps=0.25, kink=([16 / 3, 16 / 3, 0],))],
    # exponential, trigonometric
    "Sqrt": [sample(np.array([0.0, 4.0]), kink=([INF, 0.25],))],
    "Cbrt": [sample(np.array([0.0, 8.0]), kink=([INF, 1 / 12],))],
    "XLogY": [sample(np.array([0.0, 0.0, 2.0]), np.array([0.0, 2.0, 1.0]), kink=([0, np.log(2.0), 0], [0, 0, 2]))],
    "ArcSin": [sample(np.array([1.0, -1.0, 0.0]), kink=([INF, INF, 1],))],
    "ArcCos": [sample(np.array([1.0, -1.0, 0.0]), kink=([-INF, -INF, -1],))],
    "ArcCosh": [sample(np.array([1.0]), kink=(INF,))],
    "ArcTan2": [sample(np.zeros(3), np.array([0.0, 1.0, -2.0]), kink=([0, 1, -0.5], 0))],
    "Sinc": [sample(np.array([0.0, 1.0]), kink=([0, -1],))],
    "BesselIScaled": [sample(np.array([0.0]), order=0, kink=(0,))],
    # reductions, order statistics
    "Norm": [
        sample(np.zeros((2, 2)), p=1.5, **ROWS, kink=(0,)),
        sample(np.array([0.0, 3.0, 0.0]), p=1.0, **ALL, kink=([0, 1, 0],)),
        sample(np.array([0.0, 3.0, 0.0]), p=3.0, **ALL, kink=([0, 1, 0],)),
    ],
    "ZeroNorm": [sample(np.array([0.0, 3.0]), **ALL, kink=(0,))],
    "Norm2": [sample(np.zeros((2, 2)), **ROWS, kink=(0,)), sample(np.array([0.0, 3.0]), **ALL, kink=([0, 1],))],
    "Product": [
        sample(np.array([0.0, 2.0, 3.0]), **ALL, kink=([6, 0, 0],)),
        sample(np.array([0.0, 0.0, 3.0]), **ALL, kink=(0,)),
    ],
    "CumProd": [sample(np.array([0.0, 2.0, 3.0]), axis=0, kink=([9, 0, 0],)), sample(np.array([2.0, 0.0, 0.0]), axis=0, kink=([1, 2, 0],))],
    "Variance": [sample(np.ones(3), correction=1, **ALL, kink=(0,))],
    "Deviation": [sample(np.ones(3), correction=1, **ALL, kink=(0,))],
    "AMax": [sample(TIES, **ROWS, kink=([[0, 0.5, 0.5], [1 / 3] * 3],)), sample(EQUAL, **ALL, kink=(1 / 6,))],
    "AMin": [sample(TIES, **ROWS, kink=([[1, 0, 0], [1 / 3] * 3],)), sample(EQUAL, **ALL, kink=(1 / 6,))],
    "MedianValue": [sample(TIES, **ROWS, kink=([[0, 0.5, 0.5], [1 / 3] * 3],))],
    "MaxPool": [sample(np.ones((1, 1, 2, 4)), **POOL, kink=(FIRST_OF_FOUR,))],
    # losses
    "LogClamped": [sample(np.array([0.0, 0.5]), kink=([1e12, 2],))],
    "BinaryCrossEntropy": [
        sample(np.array([0.0, 1.0, 0.0, 0.5]), np.array([0.0, 1.0, 1.0, 0.5]), kink=([0, 0, -1e12, 0], [100, -100, 100, 0]))
    ],
    "Huber": [
        sample(np.array([-1.0, 0.0, 1.0, 3.0]), width=1.0, kink=([-1, 0, 1, 1],)),
        sample(np.array([0.0]), width=0.0, kink=(0,)),
    ],
    "AtLeast": [sample(np.array([0.5, 0.25]), low=0.5, kink=(1,))],
}
