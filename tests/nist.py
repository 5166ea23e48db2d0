"""The 27 nonlinear least-squares problems of NIST's Statistical Reference Datasets, with their certified values.

https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml (public domain). ``nist.txt`` has, for each: name, level of difficulty, numbers of
parameters and observations, sum of squared residuals; two starts, parameters and their standard deviations in 11 digits; y, and x in
the lines that follow.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Problem(NamedTuple):
    y: list[float]
    x: Any
    model: Callable[[Any, Any, Any], Any]
    starts: tuple[list[float], list[float]]
    certified: list[float]
    deviations: list[float]
    squares: float
    level: str


def _enso(T: Any, b: Any, x: Any) -> Any:
    w = 2 * math.pi * x
    waves = ((b[1], b[2], 12.0), (b[4], b[5], b[3]), (b[7], b[8], b[6]))
    return b[0] + sum(p * T.cos(w / length) + q * T.sin(w / length) for p, q, length in waves)


#: ``model(T, b, x)``, of the functions of T, numpy or a package like torch; of Nelson the logarithm of y.
MODELS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "Bennett5": lambda T, b, x: b[0] * (b[1] + x) ** (-1 / b[2]),
    "BoxBOD": lambda T, b, x: b[0] * (1 - T.exp(-b[1] * x)),
    "Chwirut": lambda T, b, x: T.exp(-b[0] * x) / (b[1] + b[2] * x),
    "DanWood": lambda T, b, x: b[0] * x ** b[1],
    "ENSO": _enso,
    "Eckerle4": lambda T, b, x: (b[0] / b[1]) * T.exp(-0.5 * ((x - b[2]) / b[1]) ** 2),
    "Gauss": lambda T, b, x: (
        b[0] * T.exp(-b[1] * x) + b[2] * T.exp(-(((x - b[3]) / b[4]) ** 2)) + b[5] * T.exp(-(((x - b[6]) / b[7]) ** 2))
    ),
    "Hahn1": lambda T, b, x: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3),
    "Kirby2": lambda T, b, x: (b[0] + b[1] * x + b[2] * x**2) / (1 + b[3] * x + b[4] * x**2),
    "Lanczos": lambda T, b, x: b[0] * T.exp(-b[1] * x) + b[2] * T.exp(-b[3] * x) + b[4] * T.exp(-b[5] * x),
    "MGH09": lambda T, b, x: b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3]),
    "MGH10": lambda T, b, x: b[0] * T.exp(b[1] / (x + b[2])),
    "MGH17": lambda T, b, x: b[0] + b[1] * T.exp(-x * b[3]) + b[2] * T.exp(-x * b[4]),
    "Misra1a": lambda T, b, x: b[0] * (1 - T.exp(-b[1] * x)),
    "Misra1b": lambda T, b, x: b[0] * (1 - (1 + b[1] * x / 2) ** -2.0),
    "Misra1c": lambda T, b, x: b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5),
    "Misra1d": lambda T, b, x: b[0] * b[1] * x / (1 + b[1] * x),
    "Nelson": lambda T, b, x: b[0] - b[1] * x[0] * T.exp(-b[2] * x[1]),
    "Rat42": lambda T, b, x: b[0] / (1 + T.exp(b[1] - b[2] * x)),
    "Rat43": lambda T, b, x: b[0] / (1 + T.exp(b[1] - b[2] * x)) ** (1 / b[3]),
    "Roszman1": lambda T, b, x: b[0] - b[1] * x - T.arctan(b[2] / (x - b[3])) / math.pi,
    "Thurber": lambda T, b, x: (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3),
}


def _read() -> dict[str, Problem]:
    lines = iter((Path(__file__).parent / "nist.txt").read_text().splitlines())
    found = {}
    for line in lines:
        name, level, _, _, squares = line.split()
        columns = [list(map(float, next(lines).split())) for _ in range(7 if name == "Nelson" else 6)]
        first, second, certified, deviations, y, *x = columns
        if name == "Nelson":
            y = list(map(math.log, y))
        model = MODELS.get(name) or MODELS[name.rstrip("123")]
        found[name] = Problem(y, x if len(x) > 1 else x[0], model, (first, second), certified, deviations, float(squares), level)
    return found


PROBLEMS = _read()
