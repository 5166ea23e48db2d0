"""Every row of the table of kinks in every mode, in double and single precision; what the page says of PyTorch and JAX is asserted too.

The rows are in ``kink_table.py``, the page is ``docs/kinks.md``. Kinks of single operations, and the search for those that nobody
declared: ``test_operation_domains.py``.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from kink_table import SECTIONS, Kink

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp, vjp, vmap

ROWS = [pytest.param(k, id=f"{k.op} at {k.point}") for rows in SECTIONS.values() for k in rows]
every_row = pytest.mark.parametrize("k", ROWS)


def tangents(k: Kink, dtype=np.float64) -> tuple[np.ndarray, ...]:
    """Directions that are neither equal nor opposite in any two operands or elements."""
    return tuple(((1.0 + np.arange(x.size)) * (0.5 + n)).reshape(x.shape).astype(dtype) for n, x in enumerate(k.inputs))


def stated(k: Kink, gives=None) -> list[np.ndarray]:
    gradients = k.ours if gives is None else gives
    return [np.broadcast_to(np.asarray(g, float), x.shape) for g, x in zip(gradients, k.inputs, strict=True)]


def seeds(T, y):
    return T.ones_like(y)


@every_row
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_mode_gives_the_stated_derivative(k, dtype):
    """Reverse mode gives it, vmap over three copies gives it, forward mode is its transpose, and it keeps the dtype."""
    xs = tuple(tl.tensor(x.astype(dtype)) for x in k.inputs)

    def f(*xs):
        y = k.f(tl, *xs)
        return y if y.dtype == dtype else y.to(dtype)

    y, pull = vjp(f, *xs)
    grads = pull(tl.ones_like(y))
    tolerance = 1e-9 if dtype == np.float64 else 1e-5
    for g, expected in zip(grads, stated(k), strict=True):
        assert g.dtype == dtype
        np.testing.assert_allclose(g.numpy(), expected, rtol=tolerance, atol=tolerance)
    many = vmap(lambda *xs: vjp(f, *xs)[1](tl.ones_like(y)))(*[tl.stack([x, x, x]) for x in xs])
    for g, expected in zip(many, stated(k), strict=True):
        np.testing.assert_allclose(g.numpy(), np.stack([expected] * 3), rtol=tolerance, atol=tolerance)
    ts = tangents(k, dtype)
    slope = float(jvp(f, xs, tuple(map(tl.tensor, ts)))[1].sum())
    along = sum(float(np.sum(e * t)) for e, t in zip(stated(k), ts, strict=True))
    if k.forward_nan:
        assert np.isnan(slope)
    elif np.isfinite(along):
        np.testing.assert_allclose(slope, along, rtol=100 * tolerance, atol=tolerance)
    elif not np.isnan(along):
        assert slope == along


@every_row
def test_second_derivatives_are_finite_and_symmetric(k):
    """Where the derivative is finite, forward over reverse and reverse over reverse exist, are finite, and agree."""
    if not k.second:
        return
    xs, ts = tuple(map(tl.tensor, k.inputs)), tuple(map(tl.tensor, tangents(k)))

    def gradient(*xs):
        y, pull = vjp(lambda *xs: k.f(tl, *xs), *xs)
        return pull(tl.ones_like(y))

    _, forward = jvp(gradient, xs, ts)
    leaves = [tl.tensor(x, requires_grad=True) for x in k.inputs]
    y = k.f(tl, *leaves)
    grads = tl.autograd.grad(y, leaves, tl.ones_like(y), create_graph=True, materialize_grads=True)
    chained = [(g, t) for g, t in zip(grads, ts, strict=True) if g.requires_grad]
    reverse = [tl.zeros_like(x) for x in xs]
    if chained:
        reverse = tl.autograd.grad([g for g, _ in chained], leaves, [t for _, t in chained], materialize_grads=True)
    for a, b in zip(forward, reverse, strict=True):
        assert np.all(np.isfinite(a.numpy())), a
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-9)


@every_row
def test_what_is_said_of_pytorch(k):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    leaves = [torch.tensor(x, requires_grad=True) for x in k.inputs]
    y = k.f(torch, *leaves)
    grads = torch.autograd.grad(y, leaves, torch.ones_like(y), create_graph=True, allow_unused=True)
    for g, expected in zip(grads, stated(k, k.torch), strict=True):
        np.testing.assert_allclose(0.0 * expected if g is None else g.detach().numpy(), expected, rtol=1e-7, atol=1e-9)
    ts = [torch.tensor(t) for t in tangents(k)]
    if {"jvp", "jvp differs"} & {*k.torch_modes}:
        slope = torch.func.jvp(lambda *xs: k.f(torch, *xs), tuple(torch.tensor(x) for x in k.inputs), tuple(ts))[1].sum()
        along = sum(float((g.detach() * t).sum()) for g, t in zip(grads, ts, strict=True))
        assert bool(torch.isnan(slope)) == ("jvp" in k.torch_modes)
        assert "jvp" in k.torch_modes or abs(float(slope) - along) > 0.1
    if "second" in k.torch_modes:
        chained = [(g, t) for g, t in zip(grads, ts, strict=True) if g is not None and g.requires_grad]
        twice = torch.autograd.grad([g for g, _ in chained], leaves, [t for _, t in chained], allow_unused=True)
        assert any(h is not None and bool(torch.isnan(h).any()) for h in twice)


@every_row
def test_what_is_said_of_jax(k):
    if k.jax is None:
        return
    jax = pytest.importorskip("jax", reason="JAX is not installed; pip install jax to compare with it")
    for part in ("jax.nn", "jax.scipy.special"):
        importlib.import_module(part)
    jax.config.update("jax_enable_x64", True)
    y, pull = jax.vjp(lambda *xs: k.jax(jax, *xs), *[jax.numpy.asarray(x) for x in k.inputs])
    for g, expected in zip(pull(jax.numpy.ones_like(y)), stated(k, k.jax_gives), strict=True):
        np.testing.assert_allclose(np.asarray(g), expected, rtol=1e-7, atol=1e-9)


def test_the_page_is_the_table():
    path = Path(__file__).parent.parent / "docs" / "kinks.py"
    spec = importlib.util.spec_from_file_location("kinks_page", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert path.with_suffix(".md").read_text() == module.page(), "docs/kinks.md is stale: run python docs/kinks.py"


def test_rows_with_nan_are_few():
    """NaN stands in the table only where an infinite cotangent meets a slope of 0, for which it says what to write instead."""
    undefined = [k.op for rows in SECTIONS.values() for k in rows if any(np.any(np.isnan(np.asarray(g, float))) for g in k.ours)]
    assert undefined == ["sqrt(sum(x * x))"]
