"""The page of solvers: ``solvers.md``, digits of NIST's 27 problems and evaluations for the 35 of Moré, Garbow and Hillstrom.

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

import mgh
import nist
import scipy.optimize

from tensorflowlite_clone import optim

NIST = """\
# Solvers on published problems

Made by `python docs/science/solvers.py`. The tests ask for the same (`tests/optim/test_fits.py`).

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


def page() -> str:
    """The whole page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = [nist_row(*item) for item in nist.PROBLEMS.items()]
        return NIST + "\n".join(rows) + "\n" + MGH + "\n".join(mgh_row(*item) for item in mgh.PROBLEMS.items()) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "solvers.md").write_text(page(), encoding="utf-8")
