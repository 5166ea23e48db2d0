"""NumPy's signatures on drawn shapes, axes, masks and windows: values as NumPy's, forward and reverse mode transposes of each other.

Also here: every function of one array on arrays of 0 to 4 dimensions.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_checks import close, direction, flat, plain

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import TransformError
from tensorflowlite_clone.core.registry import NUMPY_FUNCTIONS, UFUNCS
from tensorflowlite_clone.func import jvp, vjp, vmap

REDUCTIONS = ("sum", "prod", "mean", "var", "std", "max", "min", "nansum", "nanmean", "nanmax", "nanprod", "median", "ptp", "average")


def values(shape, seed):
    """Distinct values away from 0."""
    n = int(np.prod(shape))
    return np.random.default_rng(seed).permutation((np.arange(n) - n / 2 + 0.35) * 0.2).reshape(shape)


def check(f, x):
    """``f`` on a tensor against ``f`` on an array, both modes, and vmap against a loop."""
    expected = f(x)
    close(f(tl.tensor(x, requires_grad=True)), expected, 1e-11)
    t = direction(x, 1)
    out, slope = jvp(f, (x,), (t,))
    u = direction(np.asarray(out), 2)
    g = vjp(f, x)[1](u)
    g = g[0] if isinstance(g, tuple) else g
    close(np.sum(u * np.asarray(slope)), np.sum(np.asarray(g) * t), 1e-9)
    close(vmap(f)(np.stack([x, 1.01 * x])), np.stack([expected, f(1.01 * x)]), 1e-10)


@st.composite
def shape_and_axes(draw, least=1):
    shape = tuple(draw(st.lists(st.integers(least, 4), min_size=1, max_size=4)))
    axes = draw(st.one_of(st.none(), st.lists(st.integers(0, len(shape) - 1), min_size=1, max_size=len(shape), unique=True)))
    if axes is not None:
        axes = tuple(a - len(shape) if draw(st.booleans()) else a for a in axes)
        axes = axes[0] if len(axes) == 1 and draw(st.booleans()) else axes
    return shape, axes


@settings(max_examples=60)
@given(shape_and_axes(), st.sampled_from(REDUCTIONS), st.booleans(), st.integers(0, 99))
def test_reductions(drawn, name, keepdims, seed):
    shape, axes = drawn
    check(lambda x: getattr(np, name)(x, axis=axes, keepdims=keepdims), values(shape, seed))


@settings(max_examples=40)
@given(shape_and_axes(), st.sampled_from(["sum", "prod", "max", "min", "nansum"]), st.booleans(), st.integers(0, 99))
def test_reductions_of_a_part(drawn, name, keepdims, seed):
    shape, axes = drawn
    mask = np.random.default_rng(seed).random(shape) > 0.4
    check(lambda x: getattr(np, name)(x, axis=axes, keepdims=keepdims, where=mask, initial=0.011), values(shape, seed))


@settings(max_examples=40)
@given(shape_and_axes(), st.sampled_from(["hazen", "linear", "lower", "weibull", "averaged_inverted_cdf"]), st.integers(0, 99))
def test_quantiles(drawn, method, seed):
    shape, axes = drawn
    q = np.random.default_rng(seed).random((2,) * (seed % 3))
    check(lambda x: np.quantile(x, q, axis=axes, method=method), values(shape, seed))


@settings(max_examples=40)
@given(st.integers(1, 7), st.integers(1, 7), st.sampled_from(["full", "same", "valid"]), st.sampled_from(["convolve", "correlate"]))
def test_convolutions(n, m, mode, name):
    y = values((m,), 3)
    check(lambda x: getattr(np, name)(x, y, mode), values((n,), 4))
    check(lambda x: getattr(np, name)(y, x, mode), values((n,), 4))


@settings(max_examples=40)
@given(
    st.sampled_from(["edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"]),
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=2),
)
def test_padding(mode, axes):
    widths = [(a, b) for _, a, b in axes]
    check(lambda x: np.pad(x, widths, mode=mode), values(tuple(n for n, _, _ in axes), 5))


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(-1, 4), st.integers(0, 4), st.integers(0, 99))
def test_inserting(n, axis, count, seed):
    rng = np.random.default_rng(seed)
    x = values((n, 3), seed)
    axis = axis % 2 if axis < 3 else None
    size = x.size if axis is None else x.shape[axis]
    places = rng.integers(-size, size + 1, count)
    new = rng.normal(size=count) if axis is None else rng.normal(size=[count if i == axis else s for i, s in enumerate(x.shape)])
    check(lambda x: np.insert(x, places, new, axis=axis), x)
    if size > 1:
        check(lambda x: np.delete(x, places % size, axis=axis), x)


@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(1, 8), st.booleans(), st.integers(0, 99))
def test_interpolation(knots, points, periodic, seed):
    rng = np.random.default_rng(seed)
    xp, fp = np.sort(rng.normal(size=knots)), rng.normal(size=knots)
    period = 2.3 if periodic else None
    at = 2.0 * rng.normal(size=points)
    check(lambda x: np.interp(x, xp, fp, period=period), at)
    check(lambda f: np.interp(at, xp, f, period=period), fp)


def test_the_namespace_test_can_fail(monkeypatch):
    import test_numpy_language as language

    monkeypatch.delitem(NUMPY_FUNCTIONS, np.i0)
    with pytest.raises(AssertionError, match=r"neither answered nor refused: \['i0'\]"):
        language.test_every_numpy_function_is_answered_or_refused_with_advice()


def test_shapes_that_depend_on_values_refuse_vmap():
    x = np.array([[1.0, 1.0, 2.0], [1.0, 2.0, 3.0]])
    with pytest.raises(TransformError, match="unique: inside vmap the values differ"):
        vmap(np.unique)(x)
    assert plain(np.unique(tl.tensor(x))).tolist() == [1.0, 2.0, 3.0]


#: Functions of one array that differ from NumPy's on some array: why.
UNLIKE = {"empty_like": "the values are left to chance"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (3, 3), (2, 3, 2), (2, 1, 3, 2)], ids=str)
def test_functions_of_one_array_take_any_number_of_dimensions(shape):
    x = np.random.default_rng(0).uniform(0.2, 0.9, shape)
    compared = 0
    for f in [*NUMPY_FUNCTIONS, *UFUNCS]:
        if f.__name__ in UNLIKE or getattr(f, "__module__", "numpy") != "numpy":  # np.linalg and np.fft: test_linalg.py, test_fft.py
            continue
        if isinstance(f, np.ufunc) and getattr(np, f.__name__, None) is not f:  # SciPy's, where something has loaded it
            continue
        try:
            expected = flat(f(x))
        except (TypeError, ValueError, IndexError):  # it needs other arguments, or other dimensions
            continue
        if not all(np.asarray(e).dtype.kind in "biufc" for e in expected):
            continue
        found = flat(f(tl.tensor(x)))
        assert len(found) == len(expected), f.__name__
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(plain(a), b, rtol=1e-12, atol=1e-14, err_msg=f.__name__, strict=True)
        compared += 1
    assert compared > 100
