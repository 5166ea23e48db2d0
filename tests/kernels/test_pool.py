"""The pooling kernels: against loops written out here, against PyTorch, and against each other (adjoint identities)."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorflowlite_clone._errors import ArgumentError, DimensionError, ShapeError
from tensorflowlite_clone.kernels import adaptive_pool
from tensorflowlite_clone.kernels import windows as windows_module
from tensorflowlite_clone.kernels.pool import (
    adaptive_avg_pool,
    adaptive_avg_pool_grad,
    adaptive_max_pool_indices,
    avg_pool,
    avg_pool_grad,
    fractional_max_pool_indices,
    last_writers,
    max_pool,
    max_pool_grad,
    max_pool_indices,
    pool_gather,
    pool_output_size,
    pool_scatter,
)
from tensorflowlite_clone.kernels.threads import get_num_threads, set_num_threads

PLAIN = {"kernel_size": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1), "ceil_mode": False}
AVERAGE = {
    "kernel_size": (2, 2),
    "stride": (2, 2),
    "padding": (0, 0),
    "ceil_mode": False,
    "count_include_pad": True,
    "divisor_override": None,
}


def output_size(n, kernel, stride, padding, dilation, ceil_mode):
    """The rule as PyTorch's documentation states it."""
    exact = (n + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
    size = math.ceil(exact) if ceil_mode else math.floor(exact)
    return size - 1 if ceil_mode and (size - 1) * stride >= n + padding else size


def max_by_loops(x, *, kernel_size, stride, padding, dilation, ceil_mode):
    """Values and flat indices, by looking at one pixel after the other."""
    size, options = x.shape[2:], zip(kernel_size, stride, padding, dilation, strict=True)
    out = [output_size(n, *o, ceil_mode) for n, o in zip(size, options, strict=True)]
    values, indices = np.empty((*x.shape[:2], *out), x.dtype), np.empty((*x.shape[:2], *out), np.int64)
    for n, c, *place in np.ndindex(values.shape):
        best, where = None, None
        for tap in np.ndindex(*kernel_size):
            pixel = tuple(i * s - p + t * d for i, s, p, t, d in zip(place, stride, padding, tap, dilation, strict=True))
            if all(0 <= i < m for i, m in zip(pixel, size, strict=True)):
                value = x[(n, c, *pixel)]
                if where is None or value > best or np.isnan(value):
                    best, where = value, np.ravel_multi_index(pixel, size)
        values[(n, c, *place)], indices[(n, c, *place)] = best, where
    return values, indices


def average_by_loops(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """One window after the other."""
    size, axes = x.shape[2:], tuple(range(2, x.ndim))
    out = [output_size(*o, 1, ceil_mode) for o in zip(size, kernel_size, stride, padding, strict=True)]
    y = np.empty((*x.shape[:2], *out), x.dtype)
    for place in np.ndindex(*out):
        starts = [i * s - p for i, s, p in zip(place, stride, padding, strict=True)]
        stops = [min(i + k, n + p) for i, k, n, p in zip(starts, kernel_size, size, padding, strict=True)]
        count = math.prod(b - a for a, b in zip(starts, stops, strict=True))
        window = x[(..., *(slice(max(a, 0), min(b, n)) for a, b, n in zip(starts, stops, size, strict=True)))]
        if not count_include_pad:
            count = math.prod(window.shape[2:])
        y[(..., *place)] = window.sum(axes) / (divisor_override or count)
    return y


def scatter_by_loops(g, indices, size):
    out = np.zeros((*g.shape[:2], math.prod(size)), g.dtype)
    for place in np.ndindex(g.shape):
        out[(*place[:2], indices[place])] += g[place]
    return out.reshape(*g.shape[:2], *size)


def check_max(x, options):
    """Values, indices and gradient for one input."""
    values, indices = max_by_loops(x, **options)
    y = max_pool(x, **options)
    np.testing.assert_array_equal(y, values)
    assert y.dtype == x.dtype
    where = max_pool_indices(x, **options)
    assert where.dtype == np.int64
    np.testing.assert_array_equal(where, indices)
    np.testing.assert_array_equal(pool_gather(x, where), values)
    g = np.random.default_rng(1).standard_normal(y.shape).astype(x.dtype)
    gx = max_pool_grad(g, x, y, **options)
    assert gx.dtype == x.dtype
    np.testing.assert_allclose(gx, scatter_by_loops(g, indices, x.shape[2:]), rtol=1e-5, atol=1e-6)


GRID = [
    {"kernel_size": kernel, "stride": stride, "padding": padding, "dilation": dilation, "ceil_mode": ceil_mode}
    for kernel, stride, padding in (
        ((2, 2), (2, 2), (0, 0)),
        ((2, 2), (2, 2), (1, 1)),
        ((3, 3), (2, 2), (1, 1)),
        ((3, 2), (1, 3), (0, 1)),
        ((1, 3), (2, 2), (0, 1)),
        ((2, 3), (4, 5), (1, 0)),
    )
    for dilation in ((1, 1), (2, 2), (1, 3))
    for ceil_mode in (False, True)
]


@pytest.mark.parametrize("options", GRID, ids=lambda o: "-".join(str(v).replace(" ", "") for v in o.values()))
@pytest.mark.parametrize("size", [(8, 8), (9, 11)], ids=str)
def test_max_pool2d_grid_equals_definition(options, size):
    rng = np.random.default_rng(0)
    check_max(rng.standard_normal((2, 3, *size)), options)
    check_max(rng.integers(0, 3, (2, 3, *size)).astype(np.float32), options)  # many ties


def draw_options(data, dilated):
    axes = data.draw(st.integers(1, 3))
    most = 4 if axes < 3 else 2

    def one_each(top):
        return data.draw(st.tuples(*[st.integers(1, top)] * axes))

    kernel, stride = one_each(most), one_each(4)
    dilation = one_each(most - 1) if dilated else (1,) * axes
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in kernel)
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": data.draw(st.booleans())}
    size = tuple(
        max(1, d * (k - 1) + 1 - p) + data.draw(st.integers(0, 6 if axes < 3 else 2))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    return options, dilation, size


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_max_pool_any_geometry_any_values_equals_definition(data):
    options, dilation, size = draw_options(data, True)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pool = [-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan] if data.draw(st.booleans()) else [-np.inf, -1.0, 2.0]
    check_max(rng.choice(pool, (data.draw(st.integers(1, 2)), 2, *size)), options | {"dilation": dilation})


def test_max_pool2d_nothing_but_minus_infinity_takes_the_first_real_pixel():
    options = PLAIN | {"kernel_size": (3, 3), "padding": (1, 1)}
    x = np.full((1, 1, 4, 4), -np.inf)
    check_max(x, options)
    assert max_pool_indices(x, **options)[0, 0, 0, 0] == 0
    assert max_pool_grad(np.ones((1, 1, 2, 2)), x, max_pool(x, **options), **options).sum() == 4


@pytest.mark.parametrize(
    "options", [PLAIN, PLAIN | {"kernel_size": (3, 3), "padding": (1, 1)}, PLAIN | {"kernel_size": (3, 3), "stride": (1, 1)}]
)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_max_pool2d_grad_infinite_gradient_stays_in_place(options, bad, dtype):
    x = np.random.default_rng(2).standard_normal((2, 2, 8, 8)).astype(dtype)
    y = max_pool(x, **options)
    g = np.ones_like(y)
    g[0, 1, 2, 1] = bad
    gx = max_pool_grad(g, x, y, **options)
    assert (~np.isfinite(gx)).sum() == 1
    assert not np.isfinite(gx[0, 1].flat[max_pool_indices(x, **options)[0, 1, 2, 1]])


@pytest.mark.parametrize("special", [False, True], ids=["finite", "with NaN"])
@pytest.mark.parametrize("options", GRID[::3], ids=lambda o: "-".join(str(v).replace(" ", "") for v in o.values()))
def test_max_pool2d_equals_pytorch(options, special):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x = rng.integers(0, 5, (3, 4, 13, 12)).astype(np.float32)
    if special:
        x[rng.random(x.shape) < 0.2] = np.nan
        x[rng.random(x.shape) < 0.2] = -np.inf
    tx = torch.tensor(x, requires_grad=True)
    y, indices = torch.nn.functional.max_pool2d(tx, **options, return_indices=True)
    np.testing.assert_array_equal(max_pool(x, **options), y.detach().numpy())
    np.testing.assert_array_equal(max_pool_indices(x, **options), indices.numpy())
    g = rng.standard_normal(y.shape).astype(np.float32)
    y.backward(torch.tensor(g))
    np.testing.assert_allclose(max_pool_grad(g, x, y.detach().numpy(), **options), tx.grad.numpy(), rtol=1e-5, atol=1e-6)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_avg_pool_any_geometry_equals_definition_and_gradient_is_its_transpose(data):
    options, _, size = draw_options(data, False)
    options |= {"count_include_pad": data.draw(st.booleans()), "divisor_override": data.draw(st.sampled_from([None, 3, -2]))}
    rng = np.random.default_rng(4)
    x = rng.standard_normal((data.draw(st.integers(1, 2)), 2, *size))
    y = avg_pool(x, **options)
    np.testing.assert_allclose(y, average_by_loops(x, **options), rtol=1e-12, atol=1e-12)
    g = rng.standard_normal(y.shape)
    gx = avg_pool_grad(g, input_size=size, **options)
    assert gx.shape == x.shape
    np.testing.assert_allclose(np.vdot(g, y), np.vdot(gx, x), rtol=1e-10, atol=1e-10)
    one = np.zeros_like(g)
    one.reshape(-1)[-1] = 1.0  # <gx, x> alone would not see a gradient at the wrong pixel of the right sum
    seen = avg_pool_grad(one, input_size=size, **options)
    probe = np.array([average_by_loops(p, **options).reshape(-1)[-1] for p in np.eye(x[:1].size).reshape(-1, 1, *x.shape[1:])])
    np.testing.assert_allclose(seen[-1].reshape(-1), probe, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("options", GRID[::6], ids=lambda o: "-".join(str(v).replace(" ", "") for v in o.values()))
def test_avg_pool2d_equals_pytorch(options, count_include_pad, dtype):
    torch = pytest.importorskip("torch")
    options = {k: v for k, v in options.items() if k != "dilation"}
    for ceil_mode, divisor in itertools.product((False, True), (None, 5)):
        options |= {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad, "divisor_override": divisor}
        rng = np.random.default_rng(5)
        x = rng.standard_normal((3, 4, 13, 12)).astype(dtype)
        tx = torch.tensor(x, requires_grad=True)
        y = torch.nn.functional.avg_pool2d(tx, **options)
        ours = avg_pool(x, **options)
        assert ours.dtype == dtype
        np.testing.assert_allclose(ours, y.detach().numpy(), rtol=1e-5, atol=1e-6)
        g = rng.standard_normal(y.shape).astype(dtype)
        y.backward(torch.tensor(g))
        gx = avg_pool_grad(g, input_size=(13, 12), **options)
        assert gx.dtype == dtype
        np.testing.assert_allclose(gx, tx.grad.numpy(), rtol=1e-5, atol=1e-6)


@given(data=st.data(), axes=st.integers(1, 3), special=st.booleans())
@settings(max_examples=100, deadline=None)
def test_adaptive_pools_equal_definition(data, axes, special):
    longest = (12, 12, 5)[axes - 1]
    size = data.draw(st.tuples(*[st.integers(1, longest)] * axes))
    output = data.draw(st.tuples(*[st.integers(1, longest // 2 + 1)] * axes))
    rng = np.random.default_rng(6)
    x = rng.integers(0, 4, (2, 3, *size)).astype(np.float64)
    average, indices = adaptive_avg_pool(x, output_size=output), adaptive_max_pool_indices(x, output_size=output)
    if special:
        x[rng.random(x.shape) < 0.3] = np.nan
        indices = adaptive_max_pool_indices(x, output_size=output)
    assert average.shape == indices.shape == (2, 3, *output)
    assert indices.dtype == np.int64
    for place in np.ndindex(*output):
        starts = [i * n // o for i, n, o in zip(place, size, output, strict=True)]
        stops = [math.ceil((i + 1) * n / o) for i, n, o in zip(place, size, output, strict=True)]
        window = x[(..., *map(slice, starts, stops))]
        if not special:
            np.testing.assert_allclose(average[(..., *place)], window.mean(tuple(range(2, x.ndim))), rtol=1e-12)
        check_first_largest(window, indices[(..., *place)], starts, size)
    g, x = rng.standard_normal(average.shape), rng.standard_normal(x.shape)
    gx = adaptive_avg_pool_grad(g, input_size=size)
    np.testing.assert_allclose(np.vdot(g, adaptive_avg_pool(x, output_size=output)), np.vdot(gx, x), rtol=1e-10, atol=1e-10)


def check_first_largest(window, indices, starts, size):
    """The indices, one for each image and channel, name the first of the largest pixels of a window, or the last NaN."""
    for n, c in np.ndindex(window.shape[:2]):
        best = None
        for pixel in np.ndindex(*window.shape[2:]):
            value = window[(n, c, *pixel)]
            if best is None or value > window[(n, c, *best)] or np.isnan(value):
                best = pixel
        assert indices[n, c] == np.ravel_multi_index([a + b for a, b in zip(starts, best, strict=True)], size)


@given(data=st.data(), axes=st.integers(1, 3), special=st.booleans())
@settings(max_examples=60, deadline=None)
def test_fractional_pool_equals_definition(data, axes, special):
    longest = (12, 8, 5)[axes - 1]
    size = data.draw(st.tuples(*[st.integers(1, longest)] * axes))
    kernel = tuple(data.draw(st.integers(1, n)) for n in size)
    output = tuple(data.draw(st.integers(1, n - k + 1)) for n, k in zip(size, kernel, strict=True))
    rng = np.random.default_rng(11)
    x, samples = rng.integers(0, 4, (2, 3, *size)).astype(np.float64), rng.random((2, 3, axes))
    if special:
        x[rng.random(x.shape) < 0.3] = np.nan
    indices = fractional_max_pool_indices(x, samples, kernel_size=kernel, output_size=output)
    assert (indices.shape, indices.dtype) == ((2, 3, *output), np.int64)
    for n, c, *place in np.ndindex(indices.shape):
        starts = []
        for i, m, k, o, u in zip(place, size, kernel, output, samples[n, c], strict=True):
            a = (m - k) / (o - 1) if o > 1 else 0.0
            starts.append(m - k if i == o - 1 else int((i + u) * a) - int(u * a))
        window = x[(slice(n, n + 1), slice(c, c + 1), *(slice(a, a + k) for a, k in zip(starts, kernel, strict=True)))]
        check_first_largest(window, indices[(slice(n, n + 1), slice(c, c + 1), *place)], starts, size)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.bool_])
def test_max_pool_of_integers_equals_definition(dtype):
    rng = np.random.default_rng(12)
    lowest = 0 if dtype in (np.uint8, np.bool_) else np.iinfo(dtype).min
    x = rng.choice([lowest, lowest, lowest + 1], (2, 3, 5, 6)).astype(dtype)
    for options in GRID[::5]:
        values, indices = max_by_loops(x, **options)
        y = max_pool(x, **options)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y, values)
        np.testing.assert_array_equal(max_pool_indices(x, **options), indices)


@pytest.mark.parametrize("divisor", [None, -3])
def test_avg_pool_of_integers_is_cut_towards_zero(divisor):
    x = np.random.default_rng(13).integers(-9, 9, (2, 3, 5, 6))
    for count_include_pad, options in itertools.product((False, True), GRID[::7]):
        options = {k: v for k, v in options.items() if k != "dilation"}
        options |= {"count_include_pad": count_include_pad, "divisor_override": divisor}
        y = avg_pool(x, **options)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, np.trunc(average_by_loops(x.astype(np.float64), **options) * (1 + 1e-12)))


def test_last_writers_are_those_whose_values_stay():
    indices = np.random.default_rng(14).integers(0, 12, (3, 2, 4, 5))
    values, out = np.arange(indices.size, dtype=float).reshape(indices.shape), np.full((3, 2, 12), -1.0)
    for place in np.ndindex(indices.shape):
        out[(*place[:2], indices[place])] = values[place]
    stays = last_writers(indices, size=(3, 4))
    np.testing.assert_array_equal(stays, [[np.isin(v, o) for v, o in zip(vs, os, strict=True)] for vs, os in zip(values, out, strict=True)])


@pytest.mark.parametrize("output", [(1, 1), (3, 4), (5, 7), (13, 12), (14, 2)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adaptive_pools_equal_pytorch(output, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(7)
    x = rng.integers(0, 5, (2, 3, 13, 12)).astype(dtype)
    tx = torch.tensor(x, requires_grad=True)
    y = torch.nn.functional.adaptive_avg_pool2d(tx, output)
    np.testing.assert_allclose(adaptive_avg_pool(x, output_size=output), y.detach().numpy(), rtol=1e-5)
    g = rng.standard_normal(y.shape).astype(dtype)
    y.backward(torch.tensor(g))
    gx = adaptive_avg_pool_grad(g, input_size=(13, 12))
    assert gx.dtype == dtype
    np.testing.assert_allclose(gx, tx.grad.numpy(), rtol=1e-5, atol=1e-6)
    x[0, 0, 3:5, 2:6] = np.nan
    _, indices = torch.nn.functional.adaptive_max_pool2d(torch.tensor(x), output, return_indices=True)
    np.testing.assert_array_equal(adaptive_max_pool_indices(x, output_size=output), indices.numpy())


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 7), (2, 3, 0), (0, 3, 4), (2, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pool_gather_and_scatter_are_transposes(shape, dtype):
    rng = np.random.default_rng(8)
    x = rng.standard_normal((*shape[:2], 4, 6)).astype(dtype)
    indices, g = rng.integers(0, 24, shape), rng.standard_normal(shape).astype(dtype)
    y, gx = pool_gather(x, indices), pool_scatter(g, indices, size=(4, 6))
    assert (y.shape, y.dtype, gx.shape, gx.dtype) == (shape, dtype, x.shape, dtype)
    np.testing.assert_allclose(gx, scatter_by_loops(g, indices, (4, 6)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(np.vdot(g, y), np.vdot(gx, x), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (2, 0, 6, 6)], ids=str)
def test_pools_empty_batch_and_no_channels(shape, dtype):
    x = np.zeros(shape, dtype)
    y = max_pool(x, **PLAIN)
    assert (y.shape, y.dtype) == ((*shape[:2], 3, 3), dtype)
    assert max_pool_indices(x, **PLAIN).shape == y.shape
    assert max_pool_grad(y, x, y, **PLAIN).shape == shape
    assert avg_pool(x, **AVERAGE).shape == y.shape
    assert avg_pool_grad(y, input_size=(6, 6), **AVERAGE).shape == shape
    assert adaptive_avg_pool(x, output_size=(4, 5)).shape == (*shape[:2], 4, 5)
    assert adaptive_avg_pool_grad(np.zeros((*shape[:2], 4, 5), dtype), input_size=(6, 6)).shape == shape
    assert adaptive_max_pool_indices(x, output_size=(4, 5)).shape == (*shape[:2], 4, 5)


@pytest.mark.parametrize("output", [(3, 4), (6, 5), (3, 3), (1, 1)], ids=str)
@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_adaptive_avg_pool2d_infinity_stays_in_its_windows(output, bad):
    x = np.ones((2, 3, 12, 9))
    x[1, 1, 0, 0] = bad
    y = adaptive_avg_pool(x, output_size=output)
    assert (~np.isfinite(y)).sum() == 1
    assert not np.isfinite(y[1, 1, 0, 0])
    g = np.ones((2, 3, *output))
    g[1, 1, 0, 0] = bad
    gx = adaptive_avg_pool_grad(g, input_size=(12, 9))
    window = math.ceil(12 / output[0]) * math.ceil(9 / output[1])
    assert (~np.isfinite(gx)).sum() == window


@pytest.mark.parametrize("few", [0, 1000])
@pytest.mark.parametrize("output", [(3, 4), (6, 5), (3, 3), (1, 1)], ids=str)
def test_adaptive_avg_pool2d_by_product_and_by_windows(monkeypatch, few, output):
    rng = np.random.default_rng(11)
    x, g = rng.standard_normal((2, 3, 12, 9)), rng.standard_normal((2, 3, *output))
    y, gx = adaptive_avg_pool(x, output_size=output), adaptive_avg_pool_grad(g, input_size=(12, 9))
    monkeypatch.setattr(adaptive_pool, "_FEW_WINDOWS", few)
    np.testing.assert_allclose(adaptive_avg_pool(x, output_size=output), y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(adaptive_avg_pool_grad(g, input_size=(12, 9)), gx, rtol=1e-12, atol=1e-14)


def test_adaptive_pools_to_nothing():
    x = np.ones((2, 3, 6, 6))
    assert adaptive_avg_pool(x, output_size=(0, 2)).shape == (2, 3, 0, 2)
    np.testing.assert_array_equal(adaptive_avg_pool_grad(np.ones((2, 3, 0, 2)), input_size=(6, 6)), 0 * x)
    assert adaptive_max_pool_indices(x, output_size=(2, 0)).shape == (2, 3, 2, 0)


@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"kernel_size": (3, 3), "padding": (1, 1)}], ids=["tiling", "overlapping"])
def test_pools_take_any_memory_layout_and_leave_operands_alone(options):
    x = np.random.default_rng(9).standard_normal((3, 2, 8, 8))
    for strange in (np.asfortranarray(x), np.repeat(x, 2, axis=3)[..., ::2], x[:, :, ::-1].copy()[:, :, ::-1]):
        strange.flags.writeable = False
        check_max(strange, options)
        average = {k: v for k, v in options.items() if k != "dilation"} | {"count_include_pad": True, "divisor_override": None}
        np.testing.assert_allclose(avg_pool(strange, **average), average_by_loops(x, **average))
        np.testing.assert_array_equal(strange, x)
        y = max_pool(strange, **options)
        g = np.asfortranarray(y)
        np.testing.assert_array_equal(max_pool_grad(g, strange, g, **options), max_pool_grad(y, x, y, **options))


@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"kernel_size": (3, 3), "padding": (1, 1)}], ids=["tiling", "overlapping"])
def test_pools_same_result_in_chunks_and_on_threads(options, monkeypatch):
    x = np.random.default_rng(10).standard_normal((4, 16, 64, 64)).astype(np.float32)
    x[1, 2, 3, 4] = np.nan
    before, results = get_num_threads(), []
    average = {k: v for k, v in options.items() if k != "dilation"} | {"count_include_pad": True, "divisor_override": None}
    try:
        for threads, chunk in ((1, 1 << 30), (1, 5000), (max(2, before), 20_000)):
            set_num_threads(threads)
            monkeypatch.setattr(windows_module, "_CHUNK", chunk)
            y = max_pool(x, **options)
            results.append((y, max_pool_indices(x, **options), max_pool_grad(y, x, y, **options), avg_pool(x, **average)))
    finally:
        set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_pool2d_output_size_rules():
    assert pool_output_size((7, 8), kernel_size=(3, 2), stride=(2, 2), padding=(1, 0)) == (4, 4)
    assert pool_output_size((6, 7), kernel_size=(2, 2), stride=(2, 2), padding=(0, 0), ceil_mode=True) == (3, 4)
    # the last window would begin in the padding at the end: dropped
    assert pool_output_size((4, 5), kernel_size=(2, 2), stride=(3, 5), padding=(1, 0), ceil_mode=True) == (2, 1)


def test_pools_parameters_out_of_range():
    x = np.zeros((1, 1, 6, 6))
    with pytest.raises(ArgumentError, match=r"max_pool2d: kernel size, stride and dilation must be positive: .* \(2, 0\) and .*; give"):
        max_pool(x, **PLAIN | {"stride": (2, 0)})
    said = "half of the kernel: padding is (0, 2), the kernel (2, 2), dilated by (1, 1); use less padding"
    with pytest.raises(ArgumentError, match=re.escape(said)):
        avg_pool(x, **AVERAGE | {"padding": (0, 2)})
    with pytest.raises(ArgumentError, match=r"max_pool2d: padding must be .* \(-1, 0\)"):
        max_pool(x, **PLAIN | {"padding": (-1, 0)})
    with pytest.raises(ShapeError, match=r"max_pool2d: no window fits: the input is 6x6, .* the kernel 7x2, .*; use a smaller"):
        max_pool(x, **PLAIN | {"kernel_size": (7, 2)})
    with pytest.raises(ArgumentError, match=r"avg_pool2d: the divisor must not be zero: divisor_override=0; pass"):
        avg_pool(x, **AVERAGE | {"divisor_override": 0})
    with pytest.raises(ShapeError, match=r"max_pool2d_grad: g has the wrong shape: it is \(1, 1, 3, 1\), .* \(1, 1, 3, 3\); they must"):
        max_pool_grad(np.zeros((1, 1, 3, 1)), x, np.zeros((1, 1, 3, 3)), **PLAIN)
    with pytest.raises(ShapeError, match=r"avg_pool2d_grad: g has the wrong shape"):
        avg_pool_grad(np.zeros((1, 1, 3, 1)), input_size=(6, 6), **AVERAGE)
    with pytest.raises(ShapeError, match=r"pool_scatter: g has the wrong shape"):
        pool_scatter(np.zeros((1, 1, 3)), np.zeros((1, 1, 2), np.int64), size=(6, 6))
    for bad in (-1, 36):
        with pytest.raises(
            DimensionError, match=rf"pool_gather: an index is out of range: .*{bad}.* a plane has 36 pixels; they must be in 0..35"
        ):
            pool_gather(x, np.array([[[0, bad]]]))
    with pytest.raises(ArgumentError, match=r"adaptive_avg_pool2d: images must have pixels .* 6x6, the output size -1x2; check"):
        adaptive_avg_pool(x, output_size=(-1, 2))
    with pytest.raises(ArgumentError, match=r"adaptive_max_pool2d: images must have pixels"):
        adaptive_max_pool_indices(x[:, :, :0], output_size=(1, 2))
