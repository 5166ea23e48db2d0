"""The page of solvers: ``solvers.md``: digits of NIST's 27 problems, evaluations for the 35 of Moré, Garbow and Hillstrom, DETEST's 25.

python docs/science/solvers.py    # write the page
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))

import detest
import mgh
import nist
import scipy.integrate
import scipy.optimize

from tensorflowlite_clone import optim
from tensorflowlite_clone.func import jvp, vjp
from tensorflowlite_clone.integrate import odeint

NIST = """\
# Solvers on published problems

Made by `python docs/science/solvers.py`. The tests ask for the same (`tests/optim/test_fits.py`, `tests/integrate/test_detest.py`).

## NIST's nonlinear regressions

Right digits (of the certified 11) of the worst parameter / of the worst standard deviation, from NIST's two starts, by
`optim.least_squares` and `optim.curve_fit`, both with SciPy's method "trf" and tolerances of 1e-15. Where a solver stops, the sum of
squares does not get smaller in float64; that leaves parameters half its digits or more. The deviations of Lanczos1 are made of the
rounding of its data, whose residuals are 1e-13. (SciPy's default for `curve_fit`, MINPACK's "lm", loses BoxBOD from start 1, and no
other set.)

| set | level | parameters | data | `least_squares`, start 1 | start 2 | `curve_fit`, start 1 | start 2 |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
MGH = """
## Moré, Garbow and Hillstrom's problems

Sums of squares where the solvers stop, and how often they evaluate the residuals (f) and the Jacobian or gradient (J), with ours and with
the finite differences that SciPy takes where none is given: by `least_squares` ("trf", `x_scale="jac"`, default tolerances) and, of the
sum, by `minimize` ("BFGS", default tolerances). Bold: a sum that is not one of the published least ones, to 1e-4 of it, or 1e-6 of 0.

| problem | least | `least_squares` | SciPy's own | `minimize` | SciPy's own |
| --- | --- | --- | --- | --- | --- |
"""

DETEST = """
## DETEST: initial value problems

The 25 problems of Hull, Enright, Fellen and Sedgwick (1972), from 0 to 20: errors at the end by `integrate.odeint`, relative to the largest
number at either end, for a tolerance `rtol` (`atol` is a thousandth of it). The end is known from a closed form, or from SciPy's DOP853 at
1e-13, which the closed forms and the published values confirm. The last columns are errors of derivatives of the end in a direction of the
start (forward mode) and of the gradient along it (reverse mode), by DOP853 at 1e-9, against differences. Orbits (D) multiply errors.

| problem | numbers | DOP853, 1e-6 | DOP853, 1e-9 | RK45, 1e-6 | Radau, 1e-6 | BDF, 1e-6 | forward | reverse |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def digits(found: Any, certified: Any) -> float:
    """How many digits of the worst value are right."""
    error = np.abs(np.asarray(found) / np.asarray(certified) - 1)
    return float(np.min(-np.log10(np.maximum(error, 1e-11))))


def nist_row(name: str, p: Any) -> str:
    """One set."""
    x, y = np.array(p.x), np.array(p.y)
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 5000}
    cells = []
    for s in p.starts:
        r = optim.least_squares(lambda b: p.model(np, b, x) - y, np.array(s, float), **tight)
        cells.append((r.x, r.stderr))
    for s in p.starts:
        found, covariance = optim.curve_fit(lambda x, *b: p.model(np, b, x), x, y, np.array(s, float), method="trf", **tight)
        cells.append((found, np.sqrt(np.diag(covariance))))
    shown = " | ".join(f"{digits(b, p.certified):.1f} / {digits(d, p.deviations):.1f}" for b, d in cells)
    return f"| {name} | {p.level} | {len(p.certified)} | {len(p.y)} | {shown} |"


def mgh_row(name: str, p: Any) -> str:
    """One problem."""
    start, count = np.array(p.start, float), [0]

    def counted(x: Any) -> Any:
        count[0] += 1
        return p.residuals(x)

    def cell(value: float, calls: str) -> str:
        good = any(abs(value - least) <= (1e-4 * least or 1e-6) for least in p.least)
        return f"{value:.4g}, {calls}" if good else f"**{value:.4g}**, {calls}"

    cells = [" or ".join(f"{v:.6g}" for v in p.least)]
    r = optim.least_squares(p.residuals, start, max_nfev=1000)
    cells.append(cell(2 * r.cost, f"{r.nfev} f {r.njev} J"))
    r = scipy.optimize.least_squares(counted, start, max_nfev=1000, x_scale="jac")
    cells.append(cell(2 * r.cost, f"{count[0]} f"))
    r = optim.minimize(lambda x: np.sum(p.residuals(x) ** 2), start)
    cells.append(cell(float(r.fun), f"{r.nfev} f {r.njev} J"))
    count[0] = 0
    r = scipy.optimize.minimize(lambda x: np.sum(counted(x) ** 2), start)
    cells.append(cell(float(r.fun), f"{count[0]} f"))
    return f"| {name} | {' | '.join(cells)} |"


def detest_row(name: str, p: Any) -> str:
    """One problem."""

    def end(start: Any, method: str, rtol: float) -> Any:
        return odeint(p.f, start, np.array([0.0, detest.END]), method=method, rtol=rtol, atol=1e-3 * rtol)[-1]

    def precise(start: Any) -> Any:
        return scipy.integrate.solve_ivp(p.f, (0.0, detest.END), start, method="DOP853", rtol=1e-13, atol=1e-15).y[:, -1]

    exact = precise(p.start) if p.exact is None else p.exact()
    scale = max(np.abs(exact).max(), np.abs(p.start).max())
    ways = [("DOP853", 1e-6), ("DOP853", 1e-9), ("RK45", 1e-6), ("Radau", 1e-6), ("BDF", 1e-6)]
    errors = [np.abs(end(p.start, *way) - exact).max() / scale for way in ways]
    rng, h = np.random.default_rng(0), 1e-3 if name != "D5" else 1e-5
    d, g = 0.1 * rng.normal(size=p.start.shape), rng.normal(size=p.start.shape)
    ahead = [precise(p.start + s * h * d) for s in (-2, -1, 1, 2)]
    slope = (8 * (ahead[2] - ahead[1]) - (ahead[3] - ahead[0])) / (12 * h)
    f = lambda y: end(y, "DOP853", 1e-9)  # noqa: E731
    least = max(np.abs(slope).max(), 1e-3 * np.abs(d).max())
    errors.append(np.abs(jvp(f, (p.start,), (d,))[1] - slope).max() / least)
    errors.append(abs(vjp(f, p.start)[1](g)[0] @ d - g @ slope) / least)
    return f"| {name} | {len(p.start)} | {' | '.join(f'{e:.0e}' for e in errors)} |"


def page() -> str:
    """The whole page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [nist_row(*item) for item in nist.PROBLEMS.items()]
        rows += [MGH + mgh_row(*item) if k == 0 else mgh_row(*item) for k, item in enumerate(mgh.PROBLEMS.items())]
        rows += [DETEST + detest_row(*item) if k == 0 else detest_row(*item) for k, item in enumerate(detest.PROBLEMS.items())]
        return NIST + "\n".join(rows) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "solvers.md").write_text(page(), encoding="utf-8")
