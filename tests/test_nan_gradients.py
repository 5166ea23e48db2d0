"""Values and gradients of data with NaN among them, against PyTorch: reductions, order, extrema, activations, element-wise functions.

A gradient of zeros beside a value of NaN hides that something is wrong; PyTorch's goes to the NaNs, or is NaN.
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl

NAN, INF = np.nan, np.inf
DATA = {
    "one": np.array([1.0, NAN, 3.0, 2.0]),
    "two": np.array([NAN, 1.0, NAN, 5.0]),
    "rows": np.array([[1.0, NAN, 3.0], [4.0, 5.0, 6.0], [NAN, NAN, NAN]]),
    "nothing else": np.array([NAN, NAN]),
    "first": np.array([NAN, 2.0, 3.0]),
    "infinities": np.array([INF, NAN, -INF, 1.0]),
}
REDUCTIONS = ["max", "min", "amax", "amin", "median", "nanmedian", "aminmax", "std", "var", "sum", "mean", "nansum"]
ALONG = [*REDUCTIONS, "logsumexp", "cummax", "cummin", "cumsum", "logcumsumexp", "sort", "argsort"]
PAIRS = ["maximum", "minimum", "fmax", "fmin", "max", "min", "atan2", "hypot", "fmod", "remainder", "pow", "xlogy", "logaddexp", "dist"]
ACTIVATIONS = ["relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "softplus", "hardswish", "hardsigmoid", "tanhshrink",
               "logsigmoid", "sigmoid", "tanh"]  # fmt: skip
ELEMENTWISE = ["abs", "sign", "sgn", "floor", "round", "trunc", "frac", "ceil", "angle", "sinc", "erf", "exp", "log", "sqrt", "square",
               "reciprocal", "rsqrt", "nan_to_num", "copysign"]  # fmt: skip


def table():
    calls = {name: lambda T, x, n=name: getattr(T, n)(x) for name in REDUCTIONS}
    for name in ALONG:
        for dim in (0, -1):
            calls[f"{name} dim={dim}"] = lambda T, x, n=name, d=dim: getattr(T, n)(x, dim=d)
    for p in (0, 0.5, 1, 2, 3, INF, -INF):
        calls[f"norm {p}"] = lambda T, x, p=p: T.norm(x, p)
        calls[f"vector_norm {p}"] = lambda T, x, p=p: T.linalg.vector_norm(x, p, dim=-1)
    for q in (0.0, 0.3, 0.5, 1.0):
        calls[f"quantile {q}"] = lambda T, x, q=q: T.quantile(x, q)
        calls[f"quantile {q} dim"] = lambda T, x, q=q: T.quantile(x, q, dim=-1)
    calls["quantile of several shares"] = lambda T, x: T.quantile(x, T.tensor([0.25, 0.5], dtype=T.float64), dim=-1)
    for name in PAIRS:
        calls[name + " of two"] = lambda T, x, n=name: getattr(T, n)(x, T.tensor([2.0, NAN, 3.0, NAN][: x.shape[-1]], dtype=T.float64))
    for name in ACTIVATIONS:
        calls[name] = lambda T, x, n=name: getattr(T.nn.functional, n)(x)
    for name in ("softmax", "log_softmax", "softmin", "normalize"):
        calls[name] = lambda T, x, n=name: getattr(T.nn.functional, n)(x, dim=-1)
    for name in ELEMENTWISE[:-1]:
        calls[name] = lambda T, x, n=name: getattr(T, n)(x)
    calls["topk"] = lambda T, x: T.topk(x, 2)
    calls["clamp"] = lambda T, x: x.clamp(0, 2)
    calls["clamp by tensors"] = lambda T, x: x.clamp(T.tensor(0.5, dtype=T.float64), T.tensor(2.5, dtype=T.float64))
    calls["threshold"] = lambda T, x: T.nn.functional.threshold(x, 0.1, 2.0)
    calls["max_pool1d"] = lambda T, x: T.nn.functional.max_pool1d(x.reshape(1, 1, -1), 2)
    calls["adaptive_max_pool1d"] = lambda T, x: T.nn.functional.adaptive_max_pool1d(x.reshape(1, 1, -1), 1)
    calls["avg_pool1d"] = lambda T, x: T.nn.functional.avg_pool1d(x.reshape(1, 1, -1), 2)
    return calls


TABLE = table()


def outcome(T, f, x):
    """Values, and the gradient of their weighted sum, both as lists of arrays."""
    t = T.tensor(x, requires_grad=True)
    out = f(T, t)
    outs = list(out) if isinstance(out, tuple) else [out]
    roots = [o for o in outs if o.requires_grad]
    weights = [T.tensor(np.arange(1.0, 1.0 + r.numel()).reshape(tuple(r.shape)), dtype=r.dtype) for r in roots]
    g = T.autograd.grad(roots, t, weights, allow_unused=True)[0] if roots else None
    return [o.detach().numpy() for o in outs], np.zeros_like(x) if g is None else g.numpy(force=True)


@pytest.mark.parametrize("f", TABLE.values(), ids=TABLE)
def test_data_with_nan_has_the_gradients_of_torch(f):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name, x in DATA.items():
        with np.errstate(invalid="ignore"):  # NumPy warns of inf - inf
            mine, theirs = outcome(tl, f, x), outcome(torch, f, x)
        for a, b in zip(mine[0], theirs[0], strict=True):
            np.testing.assert_allclose(a, b, err_msg=f"value, {name}")
        np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-7, err_msg=f"gradient, {name}")  # PyTorch's hardsigmoid holds a float32


@pytest.mark.parametrize("scale", [1, 500], ids=["small", "large, by kernels"])
def test_the_rows_of_the_report(scale):
    x = tl.tensor(np.tile([1.0, NAN, 3.0, 2.0], scale), requires_grad=True)
    shared = (np.tile([0.0, 1.0, 0.0, 0.0], scale) / scale).tolist()
    for f in (tl.max, tl.min, tl.median):
        assert tl.autograd.grad(f(x), x)[0].tolist() == shared
    for f in (tl.amax, tl.amin):
        assert tl.autograd.grad(f(x), x)[0].isnan().all()
    y = tl.tensor(np.tile([2.0, 0.0, NAN, 2.0], scale), requires_grad=True)
    for f, first in ((tl.maximum, [0.0, 1.0, 1.0, 0.5]), (tl.minimum, [1.0, 1.0, 1.0, 0.5])):
        gx, gy = tl.autograd.grad(f(x, y).sum(), (x, y))
        assert gx.tolist() == first * scale
        assert gy.tolist() == [1.0 - first[0], 1.0, 1.0, 0.5] * scale


@pytest.mark.parametrize("f", [np.max, np.min, np.maximum.reduce, tl.amax, tl.quantile], ids=["max", "min", "reduce", "amax", "quantile"])
def test_what_was_not_taken_has_no_influence(f):
    x = tl.tensor([[1.0, NAN], [1.0, 2.0]], dtype=tl.float64, requires_grad=True)
    out = tl.quantile(x, 0.5, dim=1) if f is tl.quantile else f(x, axis=1)
    g = tl.autograd.grad(tl.where(tl.isnan(out), 0.0, out).sum(), x)[0]
    assert g[0].tolist() == [0.0, 0.0]
    assert g[1].sum().item() == 1.0


def test_every_mode_of_an_extremum_of_nan_agrees():
    x, t = np.array([1.0, NAN, 3.0, NAN]), np.array([1.0, 2.0, 4.0, 8.0])
    for f in (np.max, np.min):
        assert tl.func.jvp(f, (x,), (t,))[1] == 5.0
        np.testing.assert_array_equal(tl.func.vmap(tl.func.grad(f))(np.stack([x, x])), [[0, 0.5, 0, 0.5]] * 2)


def test_the_sign_of_nan_is_0_in_torch_and_nan_in_numpy():
    x = np.array([NAN, -2.0, 0.0, 3.0])
    assert tl.sign(tl.tensor(x)).tolist() == tl.sgn(tl.tensor(x)).tolist() == [0.0, -1.0, 0.0, 1.0]
    np.testing.assert_array_equal(np.sign(tl.tensor(x)).numpy(), np.sign(x))
    np.testing.assert_array_equal(tl.func.vmap(np.sign)(x), np.sign(x))
    assert tl.func.grad(lambda v: np.sum(np.sign(v) * 3))(x).tolist() == [0.0] * 4
    for dtype in (tl.int8, tl.int64, tl.uint8, tl.float16, tl.float32):
        assert tl.sign(tl.tensor([2, 0, 5], dtype=dtype)).dtype == dtype
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert torch.sign(torch.tensor(x)).tolist() == [0.0, -1.0, 0.0, 1.0]


def test_all_and_any_over_no_dimension_change_nothing():
    x = tl.tensor([[1.0, 0.0], [2.0, NAN]])
    for f in (tl.all, tl.any):
        for dim in ((), []):
            assert f(x, dim=dim).tolist() == [[True, False], [True, True]]
        assert f(tl.tensor(3), dim=()).item() is True
    assert x.all().item() is False
    assert tl.func.vmap(lambda r: tl.all(r, dim=()))(x).tolist() == [[True, False], [True, True]]


def test_a_group_of_one_value_has_no_variance():
    for x in (tl.ones(1, 3), tl.ones(1, 3, 1)):
        with pytest.raises(ValueError, match=r"group_norm: needs more than one value per group: the input is \(1, 3.*num_groups is 3"):
            tl.nn.functional.group_norm(x, 3)
        with pytest.raises(ValueError, match="more than one value per group"):
            tl.nn.GroupNorm(3, 3)(x)
    assert tl.nn.functional.group_norm(tl.ones(2, 3), 3).tolist() == [[0.0] * 3] * 2, "of several examples PyTorch takes zeros"
    assert tl.nn.functional.group_norm(tl.ones(1, 4), 2).tolist() == [[0.0] * 4]
    assert tl.nn.functional.group_norm(tl.ones(0, 3), 3).shape == (0, 3)
