"""The 35 problems of Moré, Garbow and Hillstrom: residuals, standard starts, and the least sums of squares.

J. Moré, B. Garbow, K. Hillstrom, "Testing unconstrained optimization software", ACM TOMS 7 (1981). Where local minima are
known, all values are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Problem(NamedTuple):
    residuals: Callable[[Any], Any]
    start: Any
    least: tuple[float, ...]


def _numbers(text: str) -> Any:
    return np.array(text.split(), float)


BARD = _numbers(".14 .18 .22 .25 .29 .32 .35 .39 .37 .58 .73 .96 1.34 2.10 4.39")
GAUSS = _numbers(".0009 .0044 .0175 .0540 .1295 .2420 .3521 .3989 .3521 .2420 .1295 .0540 .0175 .0044 .0009")
MEYER = _numbers("34780 28610 23650 19630 16370 13720 11540 9744 8261 7030 6005 5147 4427 3820 3307 2872")
KOWALIK = _numbers(".1957 .1947 .1735 .1600 .0844 .0627 .0456 .0342 .0323 .0235 .0246")
KOWALIK_U = _numbers("4 2 1 .5 .25 .167 .125 .1 .0833 .0714 .0625")
OSBORNE1 = _numbers(
    ".844 .908 .932 .936 .925 .908 .881 .850 .818 .784 .751 .718 .685 .658 .628 .603 .580 .558 .538 .522 .506 .490 .478 .467 .457 "
    ".448 .438 .431 .424 .420 .414 .411 .406"
)
OSBORNE2 = _numbers(
    "1.366 1.191 1.112 1.013 .991 .885 .831 .847 .786 .725 .746 .679 .608 .655 .616 .606 .602 .626 .651 .724 .649 .649 "
    ".694 .644 .624 .661 .612 .558 .533 .495 .500 .423 .395 .375 .372 .391 .396 .405 .428 .429 .523 .562 .607 .653 "
    ".672 .708 .633 .668 .645 .632 .591 .559 .597 .625 .739 .710 .729 .720 .636 .581 .428 .292 .162 .098 .054"
)


def _jennrich(x: Any) -> Any:
    i = np.arange(1, 11)
    return 2 + 2 * i - (np.exp(i * x[0]) + np.exp(i * x[1]))


def _helical(x: Any) -> Any:
    angle = np.arctan(x[1] / x[0]) / (2 * math.pi) + np.where(x[0] < 0, 0.5, 0.0)
    return np.stack([10 * (x[2] - 10 * angle), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


def _bard(x: Any) -> Any:
    u = np.arange(1.0, 16)
    v = 16 - u
    return BARD - (x[0] + u / (v * x[1] + np.minimum(u, v) * x[2]))


def _gulf(x: Any) -> Any:
    t = np.arange(1, 100) / 100
    y = 25 + (-50 * np.log(t)) ** (2 / 3)
    return np.exp(-(np.abs(y - x[1]) ** x[2]) / x[0]) - t


def _box(x: Any) -> Any:
    t = np.arange(1, 11) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def _wood(x: Any) -> Any:
    r = math.sqrt
    return np.stack([
        10 * (x[1] - x[0] ** 2), 1 - x[0], r(90) * (x[3] - x[2] ** 2), 1 - x[2], r(10) * (x[1] + x[3] - 2), (x[1] - x[3]) / r(10),
    ])  # fmt: skip


def _brown_dennis(x: Any) -> Any:
    t = np.arange(1, 21) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def _osborne1(x: Any) -> Any:
    t = 10 * np.arange(33.0)
    return OSBORNE1 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def _biggs(x: Any) -> Any:
    t = np.arange(1, 14) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def _osborne2(x: Any) -> Any:
    t = np.arange(65) / 10
    peaks = [x[k] * np.exp(-((t - x[k + 7]) ** 2) * x[k + 4]) for k in (1, 2, 3)]
    return OSBORNE2 - (x[0] * np.exp(-t * x[4]) + peaks[0] + peaks[1] + peaks[2])


def _watson(x: Any) -> Any:
    t, j = np.arange(1, 30)[:, None] / 29, np.arange(len(x))
    slope = (j[1:] * t ** (j[1:] - 1.0)) @ x[1:]
    value = (t ** (j * 1.0)) @ x
    return np.concatenate([slope - value**2 - 1, np.stack([x[0], x[1] - x[0] ** 2 - 1])])


def _rosenbrock(x: Any) -> Any:
    return np.concatenate([10 * (x[1::2] - x[::2] ** 2), 1 - x[::2]])


def _powell(x: Any) -> Any:
    a, b, c, d = x[::4], x[1::4], x[2::4], x[3::4]
    return np.concatenate([a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2, math.sqrt(10) * (a - d) ** 2])


def _penalty2(x: Any) -> Any:
    n = len(x)
    i, e = np.arange(2, n + 1), np.exp(x / 10)
    y, a = np.exp(i / 10) + np.exp((i - 1) / 10), math.sqrt(1e-5)
    last = np.sum(np.arange(n, 0, -1) * x**2) - 1
    return np.concatenate([np.stack([x[0] - 0.2]), a * (e[1:] + e[:-1] - y), a * (e[1:] - math.exp(-0.1)), np.stack([last])])


def _variably(x: Any) -> Any:
    s = np.sum(np.arange(1, len(x) + 1) * (x - 1))
    return np.concatenate([x - 1, np.stack([s, s**2])])


def _trigonometric(x: Any) -> Any:
    n = len(x)
    return n - np.sum(np.cos(x)) + np.arange(1, n + 1) * (1 - np.cos(x)) - np.sin(x)


def _almost_linear(x: Any) -> Any:
    return np.concatenate([x[:-1] + np.sum(x) - (len(x) + 1), np.stack([np.prod(x) - 1])])


def _boundary(x: Any) -> Any:
    n, zero = len(x), np.zeros(1)
    h = 1 / (n + 1)
    return 2 * x - np.concatenate([zero, x[:-1]]) - np.concatenate([x[1:], zero]) + h**2 * (x + h * np.arange(1, n + 1) + 1) ** 3 / 2


def _integral(x: Any) -> Any:
    n = len(x)
    t = np.arange(1, n + 1) / (n + 1)
    kernel = np.where(t <= t[:, None], (1 - t[:, None]) * t, t[:, None] * (1 - t)) / (2 * (n + 1))
    return x + kernel @ (x + t + 1) ** 3


def _tridiagonal(x: Any) -> Any:
    zero = np.zeros(1)
    return (3 - 2 * x) * x - np.concatenate([zero, x[:-1]]) - 2 * np.concatenate([x[1:], zero]) + 1


def _banded(x: Any) -> Any:
    i = np.arange(len(x))
    near = (i - i[:, None] <= 1) & (i[:, None] - i <= 5) & (i != i[:, None])
    return x * (2 + 5 * x**2) + 1 - near @ (x * (1 + x))


def _full_rank(x: Any) -> Any:
    n, m = len(x), 20
    s = 2 * np.sum(x) / m + 1
    return np.concatenate([x - s, np.zeros(m - n) - s])


def _rank_one(x: Any) -> Any:
    return np.arange(1, 21) * np.sum(np.arange(1, len(x) + 1) * x) - 1


def _rank_one_zeros(x: Any) -> Any:
    n, i = len(x), np.arange(2, 20)
    s = np.sum(np.arange(2, n) * x[1:-1])
    return np.concatenate([np.full(2, -1.0), (i - 1) * s - 1])


def _chebyquad(x: Any) -> Any:
    n, y = len(x), 2 * x - 1
    before, now, out = 1 + 0 * y, y, []
    for i in range(1, n + 1):
        out.append(np.sum(now) / n + (1 / (i * i - 1) if i % 2 == 0 else 0))
        before, now = now, 2 * y * now - before
    return np.stack(out)


def _starts(n: int) -> Any:
    return np.arange(1, n + 1) / (n + 1)


_T = _starts(10)
PROBLEMS = {
    "Rosenbrock": Problem(_rosenbrock, [-1.2, 1], (0,)),
    "Freudenstein and Roth": Problem(
        lambda x: np.stack([-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]]),
        [0.5, -2], (0, 48.98425),
    ),
    "Powell badly scaled": Problem(lambda x: np.stack([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001]), [0, 1], (0,)),
    "Brown badly scaled": Problem(lambda x: np.stack([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2]), [1, 1], (0,)),
    "Beale": Problem(lambda x: np.stack([y - x[0] * (1 - x[1] ** k) for k, y in ((1, 1.5), (2, 2.25), (3, 2.625))]), [1, 1], (0,)),
    "Jennrich and Sampson": Problem(_jennrich, [0.3, 0.4], (124.36218, 259.58019)),
    "Helical valley": Problem(_helical, [-1, 0, 0], (0,)),
    "Bard": Problem(_bard, [1, 1, 1], (8.214877e-3, 17.42869)),
    "Gaussian": Problem(lambda x: x[0] * np.exp(-x[1] * ((8 - np.arange(1, 16)) / 2 - x[2]) ** 2 / 2) - GAUSS, [0.4, 1, 0], (1.127933e-8,)),
    "Meyer": Problem(lambda x: x[0] * np.exp(x[1] / (45 + 5 * np.arange(1, 17) + x[2])) - MEYER, [0.02, 4000, 250], (87.945855,)),
    "Gulf": Problem(_gulf, [5, 2.5, 0.15], (0,)),
    "Box": Problem(_box, [0, 10, 20], (0,)),
    "Powell singular": Problem(_powell, [3, -1, 0, 1], (0,)),
    "Wood": Problem(_wood, [-3, -1, -3, -1], (0,)),
    "Kowalik and Osborne": Problem(
        lambda x: KOWALIK - x[0] * (KOWALIK_U**2 + KOWALIK_U * x[1]) / (KOWALIK_U**2 + KOWALIK_U * x[2] + x[3]),
        [0.25, 0.39, 0.415, 0.39], (3.075056e-4, 1.027345e-3),
    ),
    "Brown and Dennis": Problem(_brown_dennis, [25, 5, -5, -1], (85822.2016,)),
    "Osborne 1": Problem(_osborne1, [0.5, 1.5, -1, 0.01, 0.02], (5.464895e-5,)),
    "Biggs EXP6": Problem(_biggs, [1, 2, 1, 1, 1, 1], (0, 5.655650e-3)),
    "Osborne 2": Problem(_osborne2, [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], (4.013774e-2, 1.789814)),
    "Watson": Problem(_watson, [0.0] * 6, (2.287670e-3,)),
    "Extended Rosenbrock": Problem(_rosenbrock, [-1.2, 1] * 5, (0,)),
    "Extended Powell": Problem(_powell, [3, -1, 0, 1] * 3, (0,)),
    "Penalty I": Problem(
        lambda x: np.concatenate([math.sqrt(1e-5) * (x - 1), np.stack([np.sum(x**2) - 0.25])]), [1, 2, 3, 4], (2.249978e-5,)
    ),
    "Penalty II": Problem(_penalty2, [0.5] * 4, (9.376293e-6,)),
    "Variably dimensioned": Problem(_variably, 1 - np.arange(1, 11) / 10, (0,)),
    "Trigonometric": Problem(_trigonometric, [0.1] * 10, (0, 2.795056e-5)),
    "Brown almost linear": Problem(_almost_linear, [0.5] * 10, (0, 1)),
    "Discrete boundary value": Problem(_boundary, _T * (_T - 1), (0,)),
    "Discrete integral equation": Problem(_integral, _T * (_T - 1), (0,)),
    "Broyden tridiagonal": Problem(_tridiagonal, [-1.0] * 10, (0,)),
    "Broyden banded": Problem(_banded, [-1.0] * 10, (0,)),
    "Linear, full rank": Problem(_full_rank, [1.0] * 10, (10,)),
    "Linear, rank 1": Problem(_rank_one, [1.0] * 10, (20 * 19 / (2 * 41),)),
    "Linear, rank 1, zeros": Problem(_rank_one_zeros, [1.0] * 10, ((400 + 60 - 6) / (2 * 37),)),
    "Chebyquad": Problem(_chebyquad, _starts(8), (3.516874e-3,)),
}  # fmt: skip
