"""Results that the dtype can hold though squares, powers, sums or products on the way to them leave its range.

Swept: every reduction, norm, distance, normalisation and statistic, at scales near the ends of the ranges of float16 and float32, values
and gradients against the same call in float64; and float64 against itself by homogeneity.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl

F = tl.nn.functional
INF = float("inf")
SCALES = {
    np.float16: (1.0, 3e3, 2e4, 3e-4),
    np.float32: (1.0, 1e16, 1e25, 5e37, 1e-16, 1e-25, 1e-37),
    np.float64: (1e100, 1e200, 1e-100, 1e-200),
}
BASE = np.random.default_rng(3).normal(size=(3, 4)) + 0.2


def three(x):
    return x.reshape(1, 3, -1)


def pair(x):
    return tl.complex(x, x.flip(-1))


CALLS = {
    "std": lambda x: tl.std(x, dim=-1),
    "std of all": lambda x: tl.std(x),
    "std, correction": lambda x: tl.std(x, dim=0, correction=0, keepdim=True),
    "std_mean": lambda x: tl.std_mean(x, dim=-1)[0],
    "np.std": lambda x: np.std(x, axis=-1),
    "np.std, where": lambda x: np.std(x, axis=-1, where=np.array([True, True, False, True]), ddof=1),
    "np.nanstd": lambda x: np.nanstd(x, axis=(0, 1)),
    "var": lambda x: tl.var(x, dim=-1),
    "mean": lambda x: tl.mean(x, dim=-1),
    "mean of all": lambda x: tl.mean(x),
    "l1_loss": lambda x: F.l1_loss(x, x.flip(-1)),
    "huber_loss": lambda x: F.huber_loss(x, x.flip(-1)),
    "mse_loss": lambda x: F.mse_loss(x, x.flip(-1)),
    "logsumexp": lambda x: tl.logsumexp(x, dim=-1),
    "hypot": lambda x: tl.hypot(x, x.flip(-1)),
    "atan2": lambda x: tl.atan2(x, x.flip(-1)),
    "cosine_similarity": lambda x: tl.cosine_similarity(x, x.flip(0), dim=-1),
    "cosine_similarity at right angles": lambda x: tl.cosine_similarity(x[:, :2], tl.stack([-x[:, 1], x[:, 0]], 1), dim=-1) + 1.0,
    "cosine_embedding_loss": lambda x: F.cosine_embedding_loss(x, x.flip(0), tl.tensor([1, -1, 1])),
    "corrcoef": lambda x: tl.corrcoef(x),
    "np.corrcoef": lambda x: np.corrcoef(x, rowvar=False),
    "layer_norm": lambda x: F.layer_norm(x, (4,), tl.tensor([1.0, 2.0, -1.0, 0.5], dtype=x.dtype), tl.ones(4, dtype=x.dtype)),
    "group_norm": lambda x: F.group_norm(three(x), 1),
    "batch_norm": lambda x: F.batch_norm(x, None, None, tl.tensor([1.0, 2.0, -1.0, 0.5], dtype=x.dtype), training=True),
    "batch_norm of images": lambda x: F.batch_norm(three(x), None, None, training=True),
    "instance_norm": lambda x: F.instance_norm(three(x)),
    "rms_norm": lambda x: F.rms_norm(x, (4,), eps=1e-6),
    "lp_pool1d": lambda x: F.lp_pool1d(three(x), 2, 2),
    "complex norm": lambda x: tl.linalg.vector_norm(pair(x), dim=-1),
    "complex std": lambda x: tl.std(pair(x), dim=-1),
    "complex abs": lambda x: tl.abs(pair(x)),
    "linalg.norm": lambda x: tl.linalg.norm(x),
    "np.linalg.norm": lambda x: np.linalg.norm(x, axis=0),
}
for p in (0.5, 1, 1.5, 2, 3, 4, INF, -INF, -1, -2):
    CALLS[f"vector_norm {p}"] = lambda x, p=p: tl.linalg.vector_norm(x, p, dim=-1)
    if p > 0:
        CALLS[f"norm {p}"] = lambda x, p=p: tl.norm(x, p)
        CALLS[f"normalize {p}"] = lambda x, p=p: F.normalize(x, p=p, dim=-1)
        CALLS[f"cdist {p}"] = lambda x, p=p: tl.cdist(x, 0.5 * x.flip(0), p=p)
        CALLS[f"pdist {p}"] = lambda x, p=p: tl.pdist(x, p)
        CALLS[f"dist {p}"] = lambda x, p=p: tl.dist(x, x.flip(0), p)
        CALLS[f"pairwise_distance {p}"] = lambda x, p=p: tl.pairwise_distance(x, x.flip(-1), p=p, eps=0)
for p in ("fro", 1, -1, INF, -INF):
    CALLS[f"matrix_norm {p}"] = lambda x, p=p: tl.linalg.matrix_norm(x, p)

#: Beyond what is kept: the call, the scale, why.
BEYOND = {
    ("normalize 0.5", 5e37): "the norm itself is out of range",
    **dict.fromkeys([("lp_pool1d", 5e37), ("vector_norm -2", 5e37)], "the gradient passes through multiples of the scale"),
    ("cosine_similarity", 1e-25): "of the order of 1e-34: beside the least length, 1e-8, the products count as 0",
}


def evaluated(f, x):
    t = tl.tensor(x, requires_grad=True)
    y = f(t)
    weights = tl.tensor(np.linspace(0.5, 1, y.numel()).reshape(tuple(y.shape)).astype(y.detach().numpy().dtype))
    return y.detach().numpy(), tl.autograd.grad(y, t, weights)[0].numpy()


def compare(got, true, dtype, what):
    info = np.finfo(dtype)
    held = np.isfinite(true) & (np.abs(true) < float(info.max) * 0.98)
    tolerance = 3e-2 if dtype == np.float16 else 2e-4 if dtype == np.float32 else 1e-9
    size = np.max(np.abs(true[held]), initial=0.0)
    near = np.isclose(got.astype(np.float64), true, rtol=tolerance, atol=max(float(info.tiny) * 0.1, tolerance * size))
    assert np.all(near | ~held), f"{what}: {got[~near & held]}, in float64 {true[~near & held]}"
    return bool(np.all(held))


@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_the_dtype_can_hold_is_right(f, dtype):
    name = next(n for n, g in CALLS.items() if g is f)
    for scale in SCALES[dtype]:
        if (name, scale) in BEYOND:
            continue
        with np.errstate(over="ignore"):
            x = (BASE * scale).astype(dtype)
        if dtype == np.float16 and name.startswith("complex"):
            continue  # there are no complex numbers of that precision
        with np.errstate(all="ignore"):
            values, gradients = evaluated(f, x)
            exact, slopes = evaluated(f, x.astype(np.float64))
        if compare(values, np.asarray(exact), dtype, f"value at {scale}") and np.all(np.abs(exact[exact != 0]) > np.finfo(dtype).tiny):
            compare(gradients, slopes, dtype, f"gradient at {scale}")


HOMOGENEOUS = [
    n for n in CALLS if n.startswith(("std", "np.std", "vector_norm", "norm ", "cdist", "dist", "complex std", "hypot", "matrix_norm"))
]
INVARIANT = ["cosine_similarity", "corrcoef", "normalize 2", "normalize 3"]


@pytest.mark.parametrize("name", HOMOGENEOUS + INVARIANT)
def test_float64_scales(name):
    scales = (1e100, 1e200) if name in INVARIANT else SCALES[np.float64]  # of small numbers the least length counts
    value, gradient = evaluated(CALLS[name], BASE)
    for scale in scales:
        power = 2.0 ** np.round(np.log2(scale))
        with np.errstate(all="ignore"):
            scaled, slope = evaluated(CALLS[name], BASE * power)
        factor = 1.0 if name in INVARIANT else power
        np.testing.assert_allclose(scaled / factor, value, rtol=1e-12)
        np.testing.assert_allclose(slope * (power / factor), gradient, rtol=1e-9, atol=1e-12)


def test_the_rows_of_the_report():
    x = tl.tensor([3000.0, 4000.0, 3500.0], dtype=tl.float16, requires_grad=True)
    assert x.std().item() == 500.0
    assert tl.autograd.grad(x.std(), x)[0].tolist() == [-0.5, 0.5, 0.0]
    assert tl.tensor([1e25, 3e25]).std().item() == pytest.approx(1.41421356e25)


@pytest.mark.parametrize("scale", [1e25, 1e-25])
def test_every_mode_of_a_deviation_out_of_range(scale):
    x = (BASE * scale).astype(np.float32)
    rows = tl.tensor(x)
    slopes = tl.func.vmap(tl.func.grad(tl.std))(rows)
    exact = tl.func.vmap(tl.func.grad(tl.std))(tl.tensor(x.astype(np.float64)))
    np.testing.assert_allclose(slopes.numpy(), exact.numpy(), rtol=1e-4)
    t = np.ones_like(x[0]) * np.arange(4, dtype=np.float32)
    np.testing.assert_allclose(tl.func.jvp(tl.std, (rows[0],), (tl.tensor(t),))[1].item(), float(exact[0].numpy() @ t), rtol=1e-4)


def test_the_root_of_no_spread_has_derivatives_of_zeros():
    x = tl.tensor([2.0, 2.0, 2.0], dtype=tl.float64, requires_grad=True)
    g = tl.autograd.grad(x.std(), x, create_graph=True)[0]
    assert g.tolist() == [0.0] * 3
    assert tl.autograd.grad(g.sum(), x)[0].tolist() == [0.0] * 3
    assert np.isnan(tl.tensor([2.0]).std().item())
    assert tl.autograd.grad(tl.std(x[:1]), x)[0].isnan().any()
