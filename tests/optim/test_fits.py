"""NIST's 27 problems from both starts: parameters and standard deviations to six digits; Moré, Garbow and Hillstrom's 35."""

from __future__ import annotations

import numpy as np
import pytest
from mgh import PROBLEMS as MGH
from nist import PROBLEMS

from tensorflowlite_clone import optim

pytest.importorskip("scipy.optimize")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # solvers try parameters for which models overflow
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 5000}


def digits(found, certified):
    """How many digits of the worst value are right; the certified ones have 11."""
    error = np.abs(np.asarray(found) / np.asarray(certified) - 1)
    return float(np.min(-np.log10(np.maximum(error, 1e-11))))


def fitted(name, k, solver):
    """Parameters and standard deviations from the k-th start."""
    p = PROBLEMS[name]
    x, y, start = np.array(p.x), np.array(p.y), np.array(p.starts[k], float)
    if solver == "curve_fit":
        found, covariance = optim.curve_fit(lambda x, *b: p.model(np, b, x), x, y, start, method="trf", **TIGHT)
        return found, np.sqrt(np.diag(covariance))
    result = optim.least_squares(lambda b: p.model(np, b, x) - y, start, **TIGHT)
    return result.x, result.stderr


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_data_are_those_of_the_certificates(name):
    p = PROBLEMS[name]
    squares = np.sum((np.array(p.y) - p.model(np, np.array(p.certified), np.array(p.x))) ** 2)
    assert squares == pytest.approx(p.squares, rel=1e-9, abs=1e-19)  # Lanczos1 has no noise: 1.4e-25


@pytest.mark.parametrize("solver", ["least_squares", "curve_fit"])
@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_six_digits(name, k, solver):
    found, deviations = fitted(name, k, solver)
    assert digits(found, PROBLEMS[name].certified) > 6
    # the residuals of Lanczos1 are the rounding of its data, and so are the deviations
    assert digits(deviations, PROBLEMS[name].deviations) > (2 if name == "Lanczos1" else 6)


@pytest.mark.parametrize("name", MGH)
def test_the_least_sums_of_squares(name):
    p = MGH[name]
    result = optim.least_squares(p.residuals, np.array(p.start, float), max_nfev=1000)
    assert any(2 * result.cost == pytest.approx(least, rel=1e-6, abs=1e-11) for least in p.least)
