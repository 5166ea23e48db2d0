"""The table of `test_families.py`: for every family of distributions the parameters and values to compare at.

A row is a name, parameters, and values: numbers and nested lists become float64 tensors of either library, a `Make` another
distribution or transform, everything else stays. Here: no code that compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Make:
    """A call of something of the library's ``distributions``: ``Make("Normal", loc=[0.0], scale=1.0)``."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        for k, v in (("name", name), ("args", args), ("kwargs", kwargs)):
            object.__setattr__(self, k, v)


@dataclass(frozen=True)
class Row:
    """One distribution to compare.

    ``values`` are in the support, tails among them, and broadcast with the batch. ``scipy`` makes SciPy's distribution of the
    parameters (as arrays). ``moments`` says how many standard errors samples may differ in mean and variance; None compares none
    (there are no moments). ``not_torch`` names methods whose values are not PyTorch's, and why.
    """

    name: str
    kwargs: dict[str, Any]
    values: Any
    scipy: Callable[..., Any] | None = None
    moments: float | None = 5.0
    not_torch: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        shown = ",".join(f"{k}={v.name if isinstance(v, Make) else 'x'.join(map(str, np.shape(v))) or v}" for k, v in self.kwargs.items())
        return f"{self.name}({shown})"


def built(library: Any, what: Any, leaf: Callable[[Any], Any] | None = None) -> Any:
    """What a value of the table is in ``library`` (``torch`` or this package); ``leaf`` makes the tensors (of float64 by default)."""
    leaf = leaf or (lambda raw: library.tensor(raw, dtype=library.float64))
    if isinstance(what, Make):
        home = next(h for h in (library.distributions, library.distributions.transforms) if hasattr(h, what.name))
        args, kwargs = [built(library, a, leaf) for a in what.args], {k: built(library, v, leaf) for k, v in what.kwargs.items()}
        return getattr(home, what.name)(*args, **kwargs)
    if isinstance(what, list) and what and isinstance(what[0], Make):
        return [built(library, w, leaf) for w in what]
    inner = what
    while isinstance(inner, list) and inner:
        inner = inner[0]
    return leaf(what) if isinstance(inner, float) else what


def rows() -> list[Row]:
    """All rows but those of ``singles.py``."""
    return [*MADE, *VECTORS]


#: Made of others; vectors and matrices: below.

TAILS = [[1e-8, 0.3], [1.0, 2.5], [40.0, 1e6]]
UNIT = [[1e-8, 1e-3], [0.3, 0.5], [0.9, 1 - 1e-8]]
BOTH = [[-8.0, -2.0], [0.3, 1.0], [5.0, 45.0]]


def _scaled(name: str, *shapes: str) -> Callable[..., Any]:
    """SciPy's distribution of this name, with the ``shapes`` first among its parameters."""

    def make(**p: Any) -> Any:
        return getattr(scipy_stats(), name)(*(p[s] for s in shapes), loc=p.get("loc", 0.0), scale=p.get("scale", 1.0))

    return make


def scipy_stats() -> Any:
    return pytest.importorskip("scipy.stats")


MADE: list[Row] = [
    Row("LogNormal", {"loc": [0.3, -1.0], "scale": [0.25, 0.7]}, TAILS, lambda loc, scale: scipy_stats().lognorm(scale, scale=np.exp(loc))),
    Row(
        "Gumbel",
        {"loc": [0.5, -1.0], "scale": [0.7, 2.0]},
        [[-3.0, -4.0], [0.3, 1.0], [30.0, 90.0]],
        _scaled("gumbel_r"),
        not_torch={"cdf": "PyTorch's refuses values far above"},
    ),
    Row(
        "Weibull",
        {"scale": [0.7, 2.0], "concentration": [1.5, 3.0]},
        [[1e-8, 0.3], [1.0, 2.5], [5.0, 7.0]],
        _scaled("weibull_min", "concentration"),
    ),
    Row(
        "Weibull",
        {"scale": 0.7, "concentration": 0.8},
        TAILS,
        _scaled("weibull_min", "concentration"),
        None,
        {"mode": "PyTorch gives NaN; the density rises to 0"},
    ),
    Row("Pareto", {"scale": [0.7, 2.0], "alpha": [5.5, 8.0]}, [[0.7, 2.0], [1.0, 2.5], [50.0, 1e4]], _scaled("pareto", "alpha")),
    Row("Pareto", {"scale": 0.7, "alpha": [0.5, 1.5]}, [2.0, 3.0], _scaled("pareto", "alpha"), None),
    Row(
        "Kumaraswamy",
        {"concentration1": [1.5, 3.0], "concentration0": [2.0, 1.2]},
        UNIT,
        None,
        5.0,
        {"mode": "PyTorch's formula is always NaN", "cdf": "PyTorch's loses all digits near 0"},
    ),
    Row(
        "HalfNormal",
        {"scale": [0.7, 2.0]},
        [[1e-8, 0.3], [1.0, 2.5], [25.0, 60.0]],
        _scaled("halfnorm"),
        5.0,
        {"cdf": "PyTorch's loses digits near 0"},
    ),
    Row("HalfCauchy", {"scale": [0.7, 2.0]}, TAILS, _scaled("halfcauchy"), None, {"cdf": "PyTorch's loses digits near 0"}),
    Row(
        "InverseGamma",
        {"concentration": [4.5, 6.0], "rate": [1.0, 2.0]},
        [[0.04, 0.03], [0.3, 1.0], [60.0, 1e3]],
        lambda concentration, rate: scipy_stats().invgamma(concentration, scale=rate),
        6.0,
        {"cdf": "PyTorch's loses digits near 0"},
    ),
    Row(
        "InverseGamma",
        {"concentration": [0.5, 1.5], "rate": 1.0},
        [[0.01, 0.3], [1.0, 2.5], [40.0, 1e6]],
        lambda concentration, rate: scipy_stats().invgamma(concentration, scale=rate),
        None,
    ),
    Row(
        "GeneralizedPareto",
        {"loc": [0.5, -1.0], "scale": [0.7, 2.0], "concentration": [0.1, -0.3]},
        [[0.6, -0.5], [1.0, 1.0], [30.0, 5.6]],
        _scaled("genpareto", "concentration"),
    ),
    Row(
        "GeneralizedPareto",
        {"loc": 0.0, "scale": 1.0, "concentration": [0.0, 1e-5, 0.7]},
        [[0.5, 1.0, 2.0], [3.0, 40.0, 1e5]],
        _scaled("genpareto", "concentration"),
        None,
        dict.fromkeys(
            ("cdf", "log_prob", "icdf", "variance", "stddev"), "PyTorch takes concentrations near 0 for 0, loses digits, or gives NaN"
        ),
    ),
    Row("RelaxedBernoulli", {"temperature": 0.7, "probs": [0.2, 0.9]}, [[1e-6, 0.3], [0.5, 0.7], [0.9, 0.999]], moments=None),
    Row("RelaxedBernoulli", {"temperature": [0.7], "logits": [[0.2, -3.0], [1.0, 0.0]]}, [[1e-6, 0.3], [0.5, 0.7]], moments=None),
    Row(
        "Independent",
        {"base_distribution": Make("Normal", [[0.0, 1.0], [2.0, -1.0]], 1.5), "reinterpreted_batch_ndims": 1},
        [[0.3, -30.0], [1.0, 2.0]],
    ),
    Row(
        "TransformedDistribution",
        {
            "base_distribution": Make("Normal", [0.0, 1.0], 1.5),
            "transforms": [Make("AffineTransform", 1.0, -2.0), Make("SigmoidTransform")],
        },
        UNIT,
        moments=None,
        not_torch={"icdf": "PyTorch takes the base's support for that of probabilities"},
    ),
    Row(
        "TransformedDistribution",
        {"base_distribution": Make("Normal", [0.0, 1.0], 1.5), "transforms": [Make("StickBreakingTransform")]},
        [[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]],
        moments=None,
    ),
    Row(
        "MixtureSameFamily",
        {"mixture_distribution": Make("Categorical", [0.3, 0.7]), "component_distribution": Make("Normal", [0.0, 3.0], [1.0, 0.5])},
        [-5.0, 0.3, 2.0, 9.0],
    ),
    Row(
        "MixtureSameFamily",
        {
            "mixture_distribution": Make("Categorical", [[0.3, 0.7], [0.5, 0.5]]),
            "component_distribution": Make("Independent", Make("Normal", [[[0.0, 1.0], [1.0, 2.0]], [[0.0, 3.0], [1.0, -1.0]]], 1.0), 1),
        },
        [[0.5, -0.5], [2.0, 1.0]],
    ),
]
_FACTOR = [[1.0, 0.0, 0.0], [0.5, 2.0, 0.0], [-0.3, 0.7, 0.5]]
_COVARIANCE = (np.array(_FACTOR) @ np.array(_FACTOR).T).tolist()
_POINTS = [[0.3, -1.0, 2.0], [30.0, 1.0, -5.0]]
_SMALL = [[1.5, 0.3], [0.3, 0.8]]
_CORRELATION = [[[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]], [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.8, 0.0, 0.6]]]


def _normal_of(**p: Any) -> Any:
    return scipy_stats().multivariate_normal(p["loc"], p["covariance_matrix"])


VECTORS: list[Row] = [
    Row("MultivariateNormal", {"loc": [0.3, -1.0, 0.5], "covariance_matrix": _COVARIANCE}, _POINTS, _normal_of),
    Row("MultivariateNormal", {"loc": [0.3, -1.0, 0.5], "precision_matrix": _COVARIANCE}, _POINTS),
    Row("MultivariateNormal", {"loc": [[0.3, -1.0, 0.5], [1.0, 2.0, 3.0]], "scale_tril": _FACTOR}, _POINTS),
    Row("MultivariateNormal", {"loc": [0.3, -1.0, 0.5], "scale_tril": [_FACTOR, np.eye(3).tolist()]}, [_POINTS, _POINTS]),
    Row("LowRankMultivariateNormal", {"loc": [0.3, -1.0, 0.5], "cov_factor": [[1.0], [0.5], [-2.0]], "cov_diag": [0.5, 1.0, 2.0]}, _POINTS),
    Row(
        "LowRankMultivariateNormal",
        {"loc": [[0.3, -1.0], [1.0, 0.0]], "cov_factor": [[[1.0], [0.5]]], "cov_diag": [0.5, 1.0]},
        [[0.2, 0.5], [9.0, 1.0]],
    ),
    Row(
        "Wishart",
        {"df": 4.5, "covariance_matrix": _SMALL},
        [[1.0, 0.2], [0.2, 3.0]],
        lambda df, covariance_matrix: scipy_stats().wishart(float(df), covariance_matrix),
    ),
    Row("Wishart", {"df": [3.0, 6.0], "scale_tril": [[1.5, 0.0], [0.3, 0.8]]}, [[1.0, 0.2], [0.2, 3.0]]),
    Row("Wishart", {"df": 3.0, "precision_matrix": _SMALL}, [[1.0, 0.2], [0.2, 3.0]]),
    Row("LKJCholesky", {"dim": 3, "concentration": [0.5, 2.0]}, _CORRELATION, moments=None),
    Row("LKJCholesky", {"dim": 2, "concentration": 1.5}, [[1.0, 0.0], [0.6, 0.8]], moments=None),
    Row("LogisticNormal", {"loc": [0.3, -1.0], "scale": [0.7, 2.0]}, [[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]], moments=None),
    Row("LogisticNormal", {"loc": 0.3, "scale": 0.7}, [[0.2, 0.8], [0.9, 0.1]], moments=None),
    Row("RelaxedOneHotCategorical", {"temperature": 0.7, "probs": [[0.2, 0.3, 0.5]]}, [[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]], moments=None),
    Row("RelaxedOneHotCategorical", {"temperature": 1.3, "logits": [0.2, 0.3, 0.5]}, [[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]], moments=None),
    Row("RelaxedOneHotCategorical", {"temperature": [0.7], "probs": [0.2, 0.3, 0.5]}, [[0.2, 0.3, 0.5], [0.9, 0.06, 0.04]], moments=None),
]

#: For each family with divergences one distribution to diverge from and one to diverge to (the last dimension is of different cases).
DIVERGE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Gumbel": ({"loc": [0.5, -1.0], "scale": [0.7, 2.0]}, {"loc": [0.0, 1.0], "scale": [1.5, 3.0]}),
    "HalfNormal": ({"scale": [0.7, 2.0]}, {"scale": [1.5, 0.6]}),
    "Pareto": ({"scale": [0.7, 2.0], "alpha": [5.5, 3.0]}, {"scale": [0.5, 3.0], "alpha": [2.5, 4.0]}),
    "LogNormal": ({"loc": [0.3, -1.0], "scale": [0.25, 0.7]}, {"loc": [0.0, 1.0], "scale": [0.5, 2.0]}),
    "InverseGamma": ({"concentration": [4.5, 1.5], "rate": [1.0, 2.0]}, {"concentration": [2.0, 3.0], "rate": [0.5, 2.5]}),
    "Independent": (
        {"base_distribution": Make("Normal", [[0.3, -1.0]], 0.5), "reinterpreted_batch_ndims": 1},
        {"base_distribution": Make("Normal", [[0.0, 1.0]], [1.0, 2.0]), "reinterpreted_batch_ndims": 1},
    ),
    "MultivariateNormal": (
        {"loc": [0.3, -1.0, 0.5], "covariance_matrix": _COVARIANCE},
        {"loc": [[0.0, 1.0, 2.0], [0.0, 0.0, 0.0]], "scale_tril": [np.eye(3).tolist(), _FACTOR]},
    ),
    "LowRankMultivariateNormal": (
        {"loc": [0.3, -1.0, 0.5], "cov_factor": [[1.0], [0.5], [-2.0]], "cov_diag": [0.5, 1.0, 2.0]},
        {"loc": [0.0, 1.0, 0.0], "cov_factor": [[0.5, 1.0], [0.1, -1.0], [1.0, 0.3]], "cov_diag": [[1.5, 1.0, 0.7], [0.5, 0.5, 0.5]]},
    ),
    "Normal": ({"loc": [0.5, -1.0], "scale": [0.7, 2.0]}, {"loc": [0.0, 1.0], "scale": [1.5, 3.0]}),
    "Exponential": ({"rate": [0.7, 2.0]}, {"rate": [1.5, 0.6]}),
    "Gamma": ({"concentration": [0.7, 2.0], "rate": [0.5, 3.0]}, {"concentration": [1.7, 1.2], "rate": [1.5, 2.0]}),
    "Uniform": ({"low": [0.6, 0.1], "high": [0.9, 0.8]}, {"low": [0.5, -1.0], "high": [1.5, 3.0]}),
    "Laplace": ({"loc": [0.5, -1.0], "scale": [0.7, 2.0]}, {"loc": [0.0, 1.0], "scale": [1.5, 3.0]}),
    "Beta": ({"concentration1": [0.7, 2.0], "concentration0": [1.5, 3.0]}, {"concentration1": [1.7, 1.2], "concentration0": [1.5, 0.8]}),
    "ContinuousBernoulli": ({"probs": [0.2, 0.7]}, {"probs": [0.6, 0.4]}),
    "Cauchy": ({"loc": [0.5, -1.0], "scale": [0.7, 2.0]}, {"loc": [0.0, 1.0], "scale": [1.5, 3.0]}),
    "Bernoulli": ({"probs": [0.2, 0.7]}, {"logits": [0.6, -0.4]}),
    "Geometric": ({"probs": [0.2, 0.7]}, {"logits": [0.6, -0.4]}),
    "Binomial": ({"total_count": 5, "probs": [0.2, 0.7]}, {"total_count": 5, "logits": [0.6, -0.4]}),
    "Poisson": ({"rate": [0.7, 5.0]}, {"rate": [1.5, 2.0]}),
    "Categorical": ({"probs": [[0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]}, {"logits": [0.6, -0.4, 0.0]}),
    "OneHotCategorical": ({"probs": [[0.2, 0.7, 0.1], [0.1, 0.1, 0.8]]}, {"logits": [0.6, -0.4, 0.0]}),
    "Dirichlet": ({"concentration": [[0.7, 2.0, 1.5], [3.0, 1.0, 0.5]]}, {"concentration": [1.5, 2.5, 0.8]}),
    "VonMises": ({"loc": [0.5, -1.0], "concentration": [0.7, 5.0]}, {"loc": [0.0, 1.0], "concentration": [1.5, 3.0]}),
}
