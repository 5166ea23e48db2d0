"""DETEST: 25 initial value problems from 0 to 20, in five classes, with the values at the end.

Source: T. Hull, W. Enright, B. Fellen, A. Sedgwick, "Comparing numerical methods for ordinary differential equations", SIAM J. Numer. Anal.
9 (1972). ``exact`` is a closed form where there is one; ``end`` what W. Enright and J. Pryce's program has for the end (their first
numbers, where there are many), to 13 digits or so. Not here: tests (``integrate/test_detest.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

END = 20.0


@dataclass(frozen=True)
class Problem:
    """``dy/dt = f(t, y)`` from ``start``."""

    f: Callable[[Any, Any], Any]
    start: Any
    exact: Callable[[], Any] | None = None
    end: tuple[float, ...] = ()


def stacked(*rows: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The right-hand side of these rows."""
    return lambda t, y: np.stack([row(t, y) for row in rows])


def linear(matrix: Any) -> Problem:
    """``A y`` from the first unit vector, with the exponential."""
    start = np.eye(len(matrix))[0]
    return Problem(lambda t, y: matrix @ y, start, lambda: _exponential(matrix) @ start)


def _exponential(matrix: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.expm(END * matrix)


def _elliptic() -> Any:
    import scipy.special

    return np.array(scipy.special.ellipj(END, 0.51)[:3])


def _logarithmic() -> float:
    """A5 in polar coordinates: ``log r + angle`` is the same all along."""
    y = -0.79
    for _ in range(20):
        r2 = y * y + END * END
        y -= (np.log(r2) / 2 + np.arctan2(y, END) - np.log(4.0) - np.pi / 2) * r2 / (y + END)
    return y


def orbit(e: float, end: tuple[float, ...]) -> Problem:
    """Two bodies with the eccentricity e, with Kepler's equation."""

    def exact() -> Any:
        E = END
        for _ in range(60):
            E -= (E - e * np.sin(E) - END) / (1 - e * np.cos(E))
        c, s, b = np.cos(E), np.sin(E), np.sqrt(1 - e * e)
        return np.array([c - e, b * s, -s / (1 - e * c), b * c / (1 - e * c)])

    def f(t: Any, y: Any) -> Any:
        r3 = (y[0] ** 2 + y[1] ** 2) ** 1.5
        return np.stack([y[2], y[3], -y[0] / r3, -y[1] / r3])

    return Problem(f, np.array([1 - e, 0, 0, np.sqrt((1 + e) / (1 - e))]), exact, end)


def torus(t: Any, y: Any) -> Any:
    """B4."""
    r = np.sqrt(y[0] ** 2 + y[1] ** 2)
    return np.stack([-y[1] - y[0] * y[2] / r, y[0] - y[1] * y[2] / r, y[0] / r])


#: Jupiter, Saturn, Uranus, Neptune, Pluto in masses of the sun; the sun with the inner planets first.
MASSES = np.array([1.00000597682, 0.000954786104043, 0.000285583733151, 0.0000437273164546, 0.0000517759138449, 0.00000277777777778])
PLANETS = np.array([
    [3.42947415189, 3.35386959711, 1.35494901715], [6.64145542550, 5.97156957878, 2.18231499728],
    [11.2630437207, 14.6952576794, 6.27960525067], [-30.1552268759, 1.65699966404, 1.43785752721],
    [-21.1238353380, 28.4465098142, 15.3882659679],
    [-0.557160570446, 0.505696783289, 0.230578543901], [-0.415570776342, 0.365682722812, 0.169143213293],
    [-0.325325669158, 0.189706021964, 0.0877265322780], [-0.0240476254170, -0.287659532608, -0.117219543175],
    [-0.176860753121, -0.216393453025, -0.0148647893090],
])  # fmt: skip


def planets(t: Any, y: Any) -> Any:
    """C5: five planets, in astronomical units and hundred days."""
    y = np.reshape(y, (2, 5, 3))
    x, m = y[0], MASSES[1:]
    d = x[None] - x[:, None]
    apart = np.sum(d * d, -1) + np.eye(5)  # of a planet from itself 1, where d is 0
    central = x / np.sum(x * x, -1)[:, None] ** 1.5
    pull = np.einsum("k,jki->ji", m, d * apart[:, :, None] ** -1.5) - MASSES[0] * central - m @ central
    return np.reshape(np.stack([y[1], 2.95912208286 * pull]), -1)


def chain(n: int) -> Any:
    """Second differences."""
    return np.diag(np.full(n, -2.0)) + np.diag(np.ones(n - 1), 1) + np.diag(np.ones(n - 1), -1)


RADIOACTIVE = np.diag([-1.0] * 9 + [0.0]) + np.diag(np.ones(9), -1)
GROWING = np.diag([*-np.arange(1.0, 10), 0.0]) + np.diag(np.arange(1.0, 10), -1)
J_HALF = np.sqrt(2 / np.pi) * np.array([np.sin(1), np.cos(1) - np.sin(1) / 2])

PROBLEMS: dict[str, Problem] = {
    "A1": Problem(lambda t, y: -y, np.ones(1), lambda: np.exp(-END), (2.061153353012535e-09,)),
    "A2": Problem(lambda t, y: -(y**3) / 2, np.ones(1), lambda: 1 / np.sqrt(END + 1), (0.2182178902359887,)),
    "A3": Problem(lambda t, y: y * np.cos(t), np.ones(1), lambda: np.exp(np.sin(END)), (2.491650271850414,)),
    "A4": Problem(lambda t, y: y / 4 * (1 - y / 20), np.ones(1), lambda: 20 / (1 + 19 * np.exp(-END / 4)), (17.73016648131483,)),
    "A5": Problem(lambda t, y: (y - t) / (y + t), np.full(1, 4.0), _logarithmic, (-0.7887826688964196,)),
    "B1": Problem(
        stacked(lambda t, y: 2 * (y[0] - y[0] * y[1]), lambda t, y: -(y[1] - y[0] * y[1])), np.array([1.0, 3]),
        end=(0.6761876008576667, 0.1860816099640036),
    ),
    "B2": Problem(
        lambda t, y: np.array([[-1.0, 1, 0], [1, -2, 1], [0, 1, -1]]) @ y, np.array([2.0, 0, 1]),
        lambda: 1 + np.exp(-END) / 2 * np.array([1, 0, -1]) + np.exp(-3 * END) / 2 * np.array([1, -2, 1]),
        (1.000000001030576, 1.000000000000000, 0.9999999989694235),
    ),
    "B3": Problem(
        stacked(lambda t, y: -y[0], lambda t, y: y[0] - y[1] ** 2, lambda t, y: y[1] ** 2), np.array([1.0, 0, 0]),
        end=(2.061153488557776e-09, 0.05257228022048349, 0.9474277177183630),
    ),
    "B4": Problem(torus, np.array([3.0, 0, 0]), end=(0.9826950928005993, 2.198447081694832, 0.9129452507276399)),
    "B5": Problem(
        stacked(lambda t, y: y[1] * y[2], lambda t, y: -y[0] * y[2], lambda t, y: -0.51 * y[0] * y[1]), np.array([0.0, 1, 1]), _elliptic,
        (-0.9396570798729192, -0.3421177754000779, 0.7414126596199957),
    ),
    "C1": linear(RADIOACTIVE), "C2": linear(GROWING), "C3": linear(chain(10)), "C4": linear(chain(51)),
    "C5": Problem(planets, PLANETS.ravel()),
    "D1": orbit(0.1, (0.2198835352008397, 0.9427076846341813, -0.9787659841058176, 0.3287977990962036)),
    "D2": orbit(0.3, (-0.1777027357140412, 0.9467784719905892, -1.030294163192969, 0.1211074890053952)),
    "D3": orbit(0.5, (-0.5780432953035361, 0.8633840009194193, -0.9595083730380727, -0.06504915126712089)),
    "D4": orbit(0.7, (-0.9538990293416394, 0.6907409024219432, -0.8212674270877433, -0.1539574259125825)),
    "D5": orbit(0.9, (-1.295266250987574, 0.4003938963792321, -0.6775390924707566, -0.1270838154278686)),
    "E1": Problem(
        stacked(lambda t, y: y[1], lambda t, y: -(y[1] / (t + 1) + (1 - 0.25 / (t + 1) ** 2) * y[0])), J_HALF,
        lambda: np.sqrt(2 / (np.pi * 21)) * np.array([np.sin(21), np.cos(21) - np.sin(21) / 42]),
        (0.1456723600728308, -0.09883500195574063),
    ),
    "E2": Problem(
        stacked(lambda t, y: y[1], lambda t, y: (1 - y[0] ** 2) * y[1] - y[0]), np.array([2.0, 0]),
        end=(2.008149762174948, -0.04250887527320057),
    ),
    "E3": Problem(
        stacked(lambda t, y: y[1], lambda t, y: y[0] ** 3 / 6 - y[0] + 2 * np.sin(2.78535 * t)), np.zeros(2),
        end=(-0.1004178858647128, 0.2411400132095954),
    ),
    "E4": Problem(
        stacked(lambda t, y: y[1], lambda t, y: 0.032 - 0.4 * y[1] ** 2), np.array([30.0, 0]),
        lambda: np.array([30 + np.log(np.cosh(np.sqrt(0.0128) * END)) / 0.4, np.sqrt(0.08) * np.tanh(np.sqrt(0.0128) * END)]),
        (33.95091444646555, 0.2767822659672869),
    ),
    "E5": Problem(
        stacked(lambda t, y: y[1], lambda t, y: np.sqrt(1 + y[1] ** 2) / (25 - t)), np.zeros(2),
        lambda: np.array([(25 * np.log(5) - 12) / 2, 2.4]), (14.11797390542629, 2.400000000000002),
    ),
}  # fmt: skip
