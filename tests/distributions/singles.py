"""Rows of the table of `test_families.py`: families of single numbers, counts and classes. Tails are among the values."""

from __future__ import annotations

from typing import Any

import numpy as np
from distributions.families import Row, scipy_stats

WIDE = [[-300.0, -1e3], [-3.0, 0.0], [0.4, 1.0], [9.0, 50.0]]
RIGHT = [[1e-12, 1e-3], [0.3, 1.0], [4.0, 7.5], [60.0, 600.0]]
UNIT = [[1e-12, 1e-3], [0.3, 0.5], [0.7, 0.75], [0.999, 1 - 1e-9]]
COUNTS = [[0.0, 1.0], [2.0, 3.0], [10.0, 7.0], [60.0, 200.0]]
LOCATED = {"loc": [0.0, -2.0], "scale": [1.0, 3.5]}


def of(name: str, *order: str, **fixed: Any) -> Any:
    """SciPy's distribution ``name`` of the parameters in this order."""

    def make(**p: Any) -> Any:
        values = {**p, **fixed}
        return getattr(scipy_stats(), name)(*(values[k] for k in order))

    return make


def chance(p: dict[str, Any]) -> Any:
    return p["probs"] if "probs" in p else 1 / (1 + np.exp(-p["logits"]))


def of_chance(name: str, *before: str) -> Any:
    return lambda **p: getattr(scipy_stats(), name)(*(p[k] for k in before), chance(p))


CONTINUOUS = [
    Row("Normal", {"loc": 0.5, "scale": 2.0}, [-80.0, 0.5, 3.0, 80.0], of("norm", "loc", "scale")),
    Row("Normal", LOCATED, WIDE, of("norm", "loc", "scale")),
    Row("Laplace", LOCATED, WIDE, of("laplace", "loc", "scale"), not_torch={"icdf": "PyTorch loses digits in the left tail"}),
    Row(
        "Cauchy",
        LOCATED,
        [[-1e12, -1e3], *WIDE[1:]],
        of("cauchy", "loc", "scale"),
        moments=None,
        not_torch={"icdf": "PyTorch loses digits in the tails"},
    ),
    Row(
        "Uniform",
        {"low": [0.0, -1.0], "high": [1.0, 2.5]},
        [[0.0, -1.0], [0.25, 0.5], [0.75, 2.0]],
        lambda low, high: scipy_stats().uniform(low, high - low),
    ),
    Row("Exponential", {"rate": [1.0, 0.2]}, RIGHT, lambda rate: scipy_stats().expon(scale=1 / rate)),
    Row(
        "Gamma",
        {"concentration": [0.02, 0.7, 1.0, 30.0], "rate": [1.0, 2.0, 0.5, 4.0]},
        [[1e-9, 1e-3, 0.2, 1.0], [1.0, 1.0, 2.0, 7.0], [20.0, 60.0, 90.0, 40.0]],
        lambda concentration, rate: scipy_stats().gamma(concentration, scale=1 / rate),
    ),
    Row(
        "Gamma",
        {"concentration": [1e4, 300.0], "rate": 3.0},
        [[3000.0, 60.0], [3333.0, 99.0], [3700.0, 150.0]],
        lambda concentration, rate: scipy_stats().gamma(concentration, scale=1 / rate),
    ),
    Row("Chi2", {"df": [1.0, 7.5]}, RIGHT, of("chi2", "df")),
    Row("StudentT", {"df": [5.0, 30.0], "loc": [0.0, -2.0], "scale": [1.0, 3.5]}, WIDE, of("t", "df", "loc", "scale")),
    Row("StudentT", {"df": [0.5, 1.0, 2.0]}, [[-1e9, -1e3, -7.0], [0.0, 0.0, 0.0], [1e-3, 0.7, 50.0]], of("t", "df"), moments=None),
    Row(
        "Beta",
        {"concentration1": [0.3, 4.0], "concentration0": [0.8, 2.5]},
        UNIT,
        of("beta", "concentration1", "concentration0"),
        not_torch={"mode": "PyTorch takes 1 where there is a pole at both ends"},
    ),
    Row(
        "Beta",
        {"concentration1": [1.0, 900.0], "concentration0": [1.0, 40.0]},
        [[0.01, 0.8], [0.5, 0.95], [0.99, 0.999]],
        of("beta", "concentration1", "concentration0"),
    ),
    Row(
        "FisherSnedecor",
        {"df1": [3.0, 7.0], "df2": [12.0, 31.0]},
        [[1e-6, 1e-3], [0.5, 1.0], [40.0, 9.0]],
        of("f", "df1", "df2"),
        moments=6.0,
    ),
    Row(
        "VonMises",
        {"loc": [0.0, 1.0], "concentration": [0.7, 25.0]},
        [[-3.0, 0.5], [0.0, 1.0], [2.0, 1.7]],
        moments=None,
        not_torch={
            "has_rsample": "ours have derivatives",
            "stddev": "the same",
            "variance": "PyTorch's approximation of Bessel functions has 7 digits",
            "log_prob": "the same",
        },
    ),
    Row("ContinuousBernoulli", {"probs": [0.1, 0.7]}, UNIT, not_torch={"cdf": "PyTorch loses digits"}),
    Row(
        "ContinuousBernoulli",
        {"logits": [-30.0, 2.0]},
        UNIT[1:],
        not_torch=dict.fromkeys(("cdf", "entropy", "perplexity", "mean", "variance", "stddev", "log_prob", "icdf"), "PyTorch loses digits"),
    ),
    Row("Dirichlet", {"concentration": [[0.3, 2.0, 1.5], [5.0, 1.0, 40.0]]}, [[0.2, 0.3, 0.5], [0.1, 0.05, 0.85]]),
    Row("Dirichlet", {"concentration": [0.3, 2.0, 1.5]}, [0.2, 0.3, 0.5], of("dirichlet", "concentration")),
]
DISCRETE = [
    Row("Bernoulli", {"probs": [0.1, 0.5, 0.8]}, [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0]], of_chance("bernoulli")),
    Row("Bernoulli", {"logits": [-40.0, 1.0]}, [[0.0, 0.0], [1.0, 1.0]]),
    Row("Geometric", {"probs": [0.1, 0.8]}, COUNTS, lambda probs: scipy_stats().geom(probs, -1)),
    Row("Geometric", {"logits": [-3.0, 1.0]}, COUNTS),
    Row("Binomial", {"total_count": 12, "probs": [0.1, 0.7]}, [[0.0, 1.0], [3.0, 9.0], [11.0, 12.0]], of_chance("binom", "total_count")),
    Row(
        "Binomial",
        {"total_count": [3.0, 200.0], "logits": [0.5, -2.0]},
        [[0.0, 1.0], [2.0, 30.0], [3.0, 150.0]],
        of_chance("binom", "total_count"),
    ),
    Row(
        "NegativeBinomial",
        {"total_count": [0.3, 12.0], "probs": [0.6, 0.2]},
        COUNTS,
        lambda total_count, probs: scipy_stats().nbinom(total_count, 1 - probs),
        moments=6.0,
    ),
    Row(
        "NegativeBinomial",
        {"total_count": 3.0, "logits": [-2.0, 1.0]},
        COUNTS,
        lambda total_count, logits: scipy_stats().nbinom(total_count, 1 / (1 + np.exp(logits))),
    ),
    Row("Poisson", {"rate": [0.3, 30.0]}, COUNTS, of("poisson", "rate")),
    Row("Categorical", {"probs": [[0.2, 0.3, 0.5], [1.0, 8.0, 1.0]]}, [[0.0, 1.0], [2.0, 2.0]], moments=None),
    Row("Categorical", {"logits": [0.2, -3.0, 0.5]}, [0.0, 1.0, 2.0], moments=None),
    Row("OneHotCategorical", {"probs": [[0.2, 0.3, 0.5], [1.0, 8.0, 1.0]]}, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    Row("OneHotCategorical", {"logits": [0.2, -3.0, 0.5]}, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    Row("OneHotCategoricalStraightThrough", {"probs": [0.2, 0.3, 0.5]}, [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]], moments=None),
    Row("Multinomial", {"total_count": 7, "probs": [[0.2, 0.3, 0.5], [1.0, 8.0, 1.0]]}, [[1.0, 2.0, 4.0], [0.0, 7.0, 0.0]]),
    Row(
        "Multinomial",
        {"total_count": 4, "probs": [0.2, 0.3, 0.5]},
        [[1.0, 2.0, 1.0], [0.0, 4.0, 0.0]],
        lambda total_count, probs: scipy_stats().multinomial(total_count, probs),
    ),
]

SINGLES: list[Row] = [*CONTINUOUS, *DISCRETE]
