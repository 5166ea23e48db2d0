"""Batches of parameters and values of different shapes: vectors, matrices, mixtures and transforms beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from distributions.test_families import close

import tensorflowlite_clone as tl

#: The batches of locations, of covariances, and of values.
TRIPLES = [
    ((), (), (4, 2, 3)), ((3,), (), ()), ((), (3,), ()), ((), (3,), (2, 1)), ((2, 1), (3,), ()), ((2, 1), (3,), (4, 2, 3)),
    ((2, 3), (2, 1), (3,)), ((3,), (2, 3), (2, 1)), ((), (2, 1), (4, 2, 3)), ((3,), (1,), (2,)),
]  # fmt: skip


def answers(lib: Any, first: Any, second: Any, third: Any) -> dict[str, Any]:
    """Densities and moments of distributions with a location, a covariance and a value in batches of these shapes."""
    D, dice = lib.distributions, np.random.default_rng(3)

    def tensor(a: Any) -> Any:
        return lib.tensor(np.array(a))

    loc, a, v = dice.normal(size=(*first, 2)), dice.normal(size=(*second, 2, 2)), dice.normal(size=(*third, 2))
    cov, diag, part = tensor(a @ np.swapaxes(a, -1, -2) + np.eye(2)), tensor(dice.uniform(0.5, 2.0, (*second, 2))), tensor(a[..., :1])
    loc, v, half = tensor(loc), tensor(v), tensor(np.full((*third, 2), 0.5))
    full, low = D.MultivariateNormal(loc, cov), D.LowRankMultivariateNormal(loc, part, diag)
    mixed = D.MixtureSameFamily(D.Categorical(tensor(np.ones(3))), D.Normal(loc[..., :1] + tensor(np.arange(3.0)), 1.0))
    return {
        "full": lambda: full.log_prob(v),
        "precision": lambda: D.MultivariateNormal(loc, precision_matrix=cov).log_prob(v),
        "low": lambda: low.log_prob(v),
        **{name: lambda name=name: getattr(low, name) for name in ("covariance_matrix", "precision_matrix", "scale_tril", "variance")},
        "divergence": lambda: D.kl_divergence(full, low),
        "entropy": lambda: full.entropy(),
        "wishart": lambda: D.Wishart(tensor(3.0), cov).log_prob(tensor(np.zeros((*third, 1, 1)) + np.array([[1.5, 0.2], [0.2, 1.0]]))),
        "mixture": lambda: mixed.log_prob(v[..., 0]),
        "expanded mixture": lambda: mixed.expand((5, *first)).variance,
        "one-hot": lambda: D.RelaxedOneHotCategorical(tensor(0.7), logits=loc).log_prob(half),
        "affine": lambda: D.AffineTransform(0.0, diag, event_dim=1).log_abs_det_jacobian(v, v),
        "sticks": lambda: 0 * D.TransformedDistribution(D.Normal(loc, 1.0), D.StickBreakingTransform()).sample((2,)),
        "matrices": lambda: 0 * D.TransformedDistribution(D.Normal(loc[..., :1], 1.0), D.CorrCholeskyTransform()).sample((2,)),
    }


@pytest.mark.parametrize("shapes", TRIPLES, ids=str)
def test_batches_of_other_shapes(shapes):
    torch = pytest.importorskip("torch")
    for (name, ours), theirs in zip(answers(tl, *shapes).items(), answers(torch, *shapes).values(), strict=True):
        try:
            expected = theirs()
        except (RuntimeError, ValueError):  # shapes do not fit, or it is PyTorch's Jacobian of a smaller value
            if name != "affine":
                with pytest.raises((RuntimeError, ValueError)):
                    ours()
            continue
        close(ours(), expected, 1e-8, 1e-10, name)


def test_a_mixture_of_a_smaller_batch_is_expanded():
    D = tl.distributions
    d = D.MixtureSameFamily(D.Categorical(tl.ones(3)), D.Normal(tl.zeros(2, 3), 1.0))
    larger = d.expand((5, 2))
    assert d.sample((7,)).shape == (7, 2) and larger.sample((7,)).shape == (7, 5, 2)
    assert larger.mixture_distribution.batch_shape == (5, 2) and larger.component_distribution.batch_shape == (5, 2, 3)
