"""float16 has a short range and few digits: sums, squares and means of it are computed in float32, as in PyTorch.

Values and gradients are compared with those of the same numbers in float64, in reverse and forward mode; wherever those fit float16,
ours must be finite and agree.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp, vjp

F = tl.nn.functional
LARGE = np.abs(np.random.default_rng(0).normal(size=(4, 64))) * 3000

CASES = {
    "mean": (lambda x: x.mean(), LARGE),
    "mean of rows": (lambda x: x.mean(1), LARGE),
    "var": (lambda x: x.var(1), LARGE / 20),
    "std": (lambda x: x.std(1), LARGE / 20),
    "norm": (lambda x: x.norm(dim=1), LARGE / 10),
    "norm of all": (lambda x: x.norm(), LARGE / 10),
    "norm 3": (lambda x: x.norm(3, dim=1), LARGE / 10),
    "sum of both signs": (lambda x: (x - x.mean()).sum(1), LARGE),
    "rms_norm": (lambda x: F.rms_norm(x, (64,)), LARGE),
    "layer_norm": (lambda x: F.layer_norm(x, (64,)), LARGE),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True), LARGE),
    "cosine_similarity": (lambda x: F.cosine_similarity(x, x.flip(1)), LARGE),
    "normalize": (lambda x: F.normalize(x), LARGE),
    "pairwise_distance": (lambda x: F.pairwise_distance(x, -x), LARGE / 20),
    "cdist": (lambda x: tl.cdist(x, -x), LARGE / 20),
    "mse_loss": (lambda x: F.mse_loss(x, x * 0.5), LARGE / 30),
    "l1_loss": (lambda x: F.l1_loss(x, -x), LARGE),
    "huber_loss": (lambda x: F.huber_loss(x, -x), LARGE),
    "bce with logits": (lambda x: F.binary_cross_entropy_with_logits(x, tl.ones_like(x)), -LARGE),
    "avg_pool1d": (lambda x: F.avg_pool1d(x[None], 32), LARGE * 4),
    "adaptive_avg_pool1d": (lambda x: F.adaptive_avg_pool1d(x[None], 5), LARGE * 4),
    "logaddexp": (lambda x: tl.logaddexp(x, x * 1.0), LARGE),
}


@pytest.mark.parametrize(("f", "x"), CASES.values(), ids=CASES)
def test_large_values_stay_in_range(f, x):
    half = x.astype(np.float16)
    u, v = np.random.default_rng(1).uniform(0.5, 1.0, np.shape(f(tl.tensor(x)).numpy())), np.random.default_rng(2).normal(size=x.shape)
    for what, tolerance in (("value", 2e-3), ("gradient", 1e-2), ("tangent", 1e-2)):

        def of(a, what=what):
            t = tl.tensor(a)
            if what == "tangent":
                return jvp(f, (t,), (tl.tensor(v.astype(a.dtype)),))[1].numpy()
            out, pull = vjp(f, t)
            return out.numpy() if what == "value" else pull(tl.tensor(u.astype(a.dtype)))[0].numpy()

        found, expected = of(half), of(half.astype(np.float64))
        assert found.dtype == np.float16
        fits = np.abs(expected) < 6e4
        assert fits.any()
        # The function's own float16 operands were rounded: up to one digit of the largest element.
        atol = tolerance * max(np.max(np.abs(expected[fits])), 1e-4)
        np.testing.assert_allclose(found[fits], expected[fits], rtol=tolerance, atol=atol, err_msg=what)


@pytest.mark.parametrize("axis", [0, 1, None])
def test_sums_of_many_count_every_element(axis):
    """Added up one by one in float16, ones stop counting at 2048."""
    x = tl.ones(6000, 2, dtype=tl.float16) if axis == 0 else tl.ones(2, 6000, dtype=tl.float16)
    n = 12000 if axis is None else 6000
    np.testing.assert_array_equal(x.sum(axis).numpy(), np.full(np.shape(x.sum(axis).numpy()), n, np.float16))
    np.testing.assert_array_equal(x.reshape(-1)[:4000].cumsum(0).numpy()[[99, 2999, 3999]], np.array([100, 3000, 4000], np.float16))
    _, pull = vjp(lambda v: v.cumsum(0), x.reshape(-1)[:4000])
    np.testing.assert_array_equal(pull(tl.ones(4000, dtype=tl.float16))[0].numpy()[:5], np.float16([4000, 4000, 3998, 3996, 3996]))


def test_gradients_of_biases_count_every_example():
    b = tl.zeros(3, dtype=tl.float16, requires_grad=True)
    F.linear(tl.ones(4000, 2, dtype=tl.float16), tl.ones(3, 2, dtype=tl.float16), b).sum().backward()
    np.testing.assert_array_equal(b.grad.numpy(), np.full(3, 4000, np.float16))
    c = tl.zeros(2, dtype=tl.float16, requires_grad=True)
    F.conv1d(tl.ones(40, 1, 101, dtype=tl.float16), tl.ones(2, 1, 2, dtype=tl.float16), c).sum().backward()
    np.testing.assert_array_equal(c.grad.numpy(), np.full(2, 4000, np.float16))


@pytest.mark.parametrize(
    ("shape", "own"), [((4000, 1), (1,)), ((5000, 8), (8,)), ((4000, 8), (1, 8)), ((4000, 4, 2), (4, 1)), ((2, 2000), ())]
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_gradients_of_broadcast_operands_count_beyond_2048(shape, own, create_graph):
    """Over rows NumPy adds one by one, where ones stop counting at 2048; over a contiguous axis it adds in pairs."""
    b = tl.zeros(*own, dtype=tl.float16, requires_grad=True)
    (tl.zeros(*shape, dtype=tl.float16) + b).sum().backward(create_graph=create_graph)
    assert b.grad.dtype == np.float16
    np.testing.assert_array_equal(b.grad.detach().numpy(), np.full(own, np.prod(shape) / np.prod(own)))
