"""Element-wise operations, in what samples cannot say: Python results, identity, warnings, precision, errors, speed paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import UFUNCS
from tensorflowlite_clone.func import grad, jvp, vmap

F = tl.nn.functional


def test_equality_with_other_objects_is_python_s_and_tensors_stay_hashable():
    x = tl.tensor([1.0, 2.0])
    assert (x == None) is False  # noqa: E711
    assert (x != "text") is True
    assert {x: "value"}[x] == "value"
    assert x in {x}


def test_whole_tensor_comparisons_are_python_booleans():
    x = tl.tensor([1.0, float("nan")])
    assert tl.equal(tl.ones(2), tl.ones(2)) is True
    assert tl.equal(tl.ones(2), tl.ones(3)) is False
    assert tl.allclose(tl.ones(2), tl.ones(2) + 1e-7) is True
    assert tl.allclose(x, x) is False
    assert tl.allclose(x, x, equal_nan=True) is True


def test_isclose_works_inside_vmap():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    result = vmap(lambda a: tl.isclose(a, np.array([1.0, 4.0])))(x)
    np.testing.assert_array_equal(result, [[True, False], [False, True]])


SLOPES = {
    "sqrt": np.sqrt, "log": np.log, "reciprocal": np.reciprocal, "log2": np.log2, "arctanh": np.arctanh, "cbrt": np.cbrt,
    "power": lambda x: x**0.5, "quotient": lambda x: 1.0 / x,
}  # fmt: skip


@pytest.mark.parametrize("f", SLOPES.values(), ids=SLOPES.keys())
def test_infinite_slopes_are_results_not_warnings(f):
    x = np.array([0.0, 0.25])
    leaf = tl.tensor(x, requires_grad=True)
    f(leaf).sum().backward()
    value, slope = jvp(f, (x,), (np.ones(2),))
    np.testing.assert_allclose(slope, leaf.grad.numpy())
    assert np.isfinite(np.asarray(value)[1])


def test_where_gives_the_branch_not_taken_exactly_zero():
    g = tl.tensor([np.inf, 2.0])
    x, y = tl.tensor([0.0, 4.0], requires_grad=True), tl.tensor([1.0, 1.0], requires_grad=True)
    tl.where(tl.tensor([False, True]), x, y).backward(g)
    np.testing.assert_array_equal(x.grad.numpy(), [0.0, 2.0])
    np.testing.assert_array_equal(y.grad.numpy(), [np.inf, 0.0])
    # The usual way to keep an infinite slope out: a safe operand first.
    z = tl.tensor([0.0, 4.0], requires_grad=True)
    safe = tl.where(z > 0, z, 1.0)
    tl.where(z > 0, tl.sqrt(safe), 0.0).sum().backward()
    np.testing.assert_array_equal(z.grad.numpy(), [0.0, 0.25])


def test_where_with_the_condition_alone_gives_indices():
    rows, columns = tl.where(tl.tensor([[True, False], [False, True]]))
    assert rows.tolist() == [0, 1]
    assert columns.tolist() == [0, 1]
    assert rows.dtype == np.int64


def test_large_selections_and_extrema_equal_numpy_and_share_ties():
    rng = np.random.default_rng(0)
    x, y = rng.integers(-3, 4, (60, 70)).astype(np.float32), rng.integers(-3, 4, (60, 70)).astype(np.float32)
    for f, reference in ((tl.maximum, np.maximum), (tl.minimum, np.minimum)):
        a, b = tl.tensor(x, requires_grad=True), tl.tensor(y, requires_grad=True)
        out = f(a, b)
        np.testing.assert_array_equal(out.detach().numpy(), reference(x, y))
        out.sum().backward()
        wins = reference(x, y) == x
        np.testing.assert_array_equal(a.grad.numpy(), np.where(x == y, 0.5, np.where(wins, 1.0, 0.0)))
        np.testing.assert_array_equal((a.grad + b.grad).numpy(), np.ones_like(x))
    m = rng.random((60, 70)) < 0.5
    np.testing.assert_array_equal(tl.where(tl.tensor(m), tl.tensor(x), tl.tensor(y)).numpy(), np.where(m, x, y))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 5, -1, -2, 0.5, 2.5])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_powers_of_numbers_keep_the_dtype_and_equal_numpy(exponent, dtype):
    x = np.array([0.5, 1.0, 1.5, 3.0], dtype)
    result = tl.tensor(x) ** exponent
    assert result.dtype == dtype
    np.testing.assert_allclose(result.numpy(), x.astype(np.float64) ** exponent, rtol=4 * np.finfo(dtype).eps)


def test_gradient_of_cube_at_zero_to_the_fourth_order():
    f = lambda x: x**3  # noqa: E731
    for order, expected in enumerate([12.0, 12.0, 6.0, 0.0], 1):
        f = grad(f)
        assert f(2.0) == expected, order
    assert grad(grad(lambda x: x**3))(0.0) == 0.0
    assert grad(lambda x: x**2)(0.0) == 0.0


def test_numbers_of_any_kind_do_not_widen():
    x = tl.tensor([1.0, 4.0], requires_grad=True)
    assert x.dtype == np.float32
    two = np.float64(2.0)
    results = [
        x * two, two * x, x + two, x / two, two - x, x**two, two**x, x % two, x.clamp(two, None), tl.maximum(x, two), tl.hypot(x, two),
        tl.xlogy(x, two), tl.xlogy(x, 2.0), tl.atan2(x, 2.0), tl.logaddexp(x, 2.0), tl.fmod(x, 2.0), tl.copysign(x, -1.0),
        tl.where(x > 1, x, 2.0), tl.lerp(x, x * 2, two), tl.addcmul(x, x, x, value=two), tl.add(x, x, alpha=two), x.masked_fill(x > 1, two),
    ]  # fmt: skip
    for i, r in enumerate(results):
        (g,) = tl.autograd.grad(r.sum(), x, retain_graph=True)
        assert (i, r.dtype, g.dtype) == (i, np.float32, np.float32)


def test_every_ufunc_that_computes_something_is_answered():
    missing = {n for n in dir(np) if isinstance(getattr(np, n), np.ufunc)} - {f.__name__ for f in UFUNCS} - {"abs", "pow", "acos"}
    missing = {n for n in missing if getattr(np, n) not in UFUNCS}
    assert missing <= {"bitwise_count", "conj", "conjugate", "frexp", "isnat", "matvec", "modf", "spacing", "vecdot", "vecmat"}


def test_conversions():
    x = tl.tensor([1.5, 0.0], requires_grad=True)
    assert x.float() is x
    assert x.to(tl.float32) is x
    assert x.to("cpu") is x
    assert x.to(tl.float32, copy=True) is not x
    assert x.to("cpu", tl.float64).dtype == np.float64
    assert x.to(tl.zeros(1, dtype=tl.int64)).tolist() == [1, 0]
    assert x.bool().tolist() == [True, False]
    assert x.long().requires_grad is False
    assert x.type() == "tl.FloatTensor"
    assert x.detach().contiguous().numpy() is x.detach().numpy()
    assert tl.ones(2, 3).T.contiguous().numpy().flags.c_contiguous
    x.double().sum().backward()
    assert x.grad.dtype == np.float32


ERRORS = [
    ("integers by 0", lambda: tl.tensor([3]) // 0, r"floor_divide: integers cannot be divided by 0"),
    ("integers modulo 0", lambda: tl.tensor([3, 4]) % tl.tensor([2, 0]), r"remainder: integers cannot be divided by 0.*x\.float\(\)"),
    ("integer to a negative power", lambda: tl.tensor([3]) ** -1, r"pow: integers to negative integer powers.*x\.float\(\) \*\* -1"),
    ("no bounds", lambda: tl.clamp(tl.ones(1)), r"clamp: at least one of min and max"),
    ("crossed bounds", lambda: F.hardtanh(tl.ones(1), 1.0, -1.0), r"hardtanh: min_val must not exceed max_val: got 1.0 and -1.0"),
    ("approximation", lambda: F.gelu(tl.ones(1), approximate="erf"), r"gelu: approximate must be 'none' or 'tanh': got 'erf'"),
    ("rounding", lambda: tl.div(tl.ones(1), 2, rounding_mode="up"), r"div: rounding_mode must be None, 'trunc' or 'floor': got 'up'"),
    ("order", lambda: tl.polygamma(-1, tl.ones(1)), r"polygamma: n must be from 0 to 4095: got -1"),
    ("channels", lambda: tl.prelu(tl.ones(2, 3), tl.ones(2)), r"prelu: one weight per channel.*\(2, 3\).*\(2,\)"),
    ("odd halves", lambda: F.glu(tl.ones(3)), r"glu: the size of dimension 0 must be even"),
    ("mask", lambda: tl.ones(2).masked_fill(tl.ones(2), 0), r"masked_fill: the mask must be boolean: got float32"),
    ("condition", lambda: tl.where(tl.ones(2), 1.0, 2.0), r"where: the condition must be boolean: got float32"),
    ("shrinkage", lambda: F.softshrink(tl.ones(1), -1.0), r"softshrink: lambd must not be negative: got -1.0"),
    ("celu", lambda: tl.celu(tl.ones(1), 0.0), r"celu: alpha must not be 0"),
    ("shapes", lambda: tl.ones(2) + tl.ones(3), r"add: shapes do not broadcast: x is float32 \(2,\), y is float32 \(3,\)"),
]


@pytest.mark.parametrize(("call", "pattern"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_errors_name_the_operation_and_the_fix(call, pattern):
    with pytest.raises(RuntimeError, match=pattern):
        call()


def test_floats_by_zero_are_infinite_without_a_warning():
    x = tl.tensor([1.0, 0.0, -1.0])
    assert (x / 0).tolist()[::2] == [math.inf, -math.inf]
    assert math.isnan((x / 0)[1].item())
    assert (x // 0.0).tolist()[::2] == [math.inf, -math.inf]


def test_np_divmod():
    quotient, rest = np.divmod(tl.tensor([7.0, -7.0]), 2)
    assert quotient.tolist() == [3.0, -4.0]
    assert rest.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
@pytest.mark.parametrize("size", [1.0, 1e8, -1e8, 1e17, 1e300])
def test_shares_in_logaddexp_add_up_to_one_at_any_size(name, size):
    """Where the sum's logarithm has no digits left after the point, exp(x - log(sum)) would give each operand everything."""
    f = getattr(tl, name)
    x = tl.tensor([size, size, size], dtype=tl.float64)
    y = tl.tensor([size, np.nextafter(size, np.inf), -np.inf], dtype=tl.float64)
    gx, gy = (grad(lambda *a: f(*a).sum(), argnums=k)(x, y).numpy() for k in (0, 1))
    np.testing.assert_allclose(gx + gy, 1.0, rtol=1e-15)
    assert gx[0] == gy[0] == 0.5
    assert (gx[2], gy[2]) == (1.0, 0.0)
    second = grad(lambda x: grad(lambda x: f(x, y).sum())(x)[0])(x).numpy()
    assert second[0] == (0.25 if name == "logaddexp" else pytest.approx(0.25 * math.log(2.0)))


def test_softmax_without_dim_takes_pytorchs_and_warns():
    for shape, dim in (((3,), 0), ((2, 3), 1), ((2, 3, 4), 0), ((2, 3, 4, 2), 1)):
        x = tl.Tensor(np.random.default_rng(0).normal(size=shape))
        with pytest.warns(UserWarning, match=rf"softmax: dim is not given: taking {dim} for {len(shape)} dimension"):
            y = tl.nn.functional.softmax(x)
        np.testing.assert_allclose(y.numpy(), tl.softmax(x, dim).numpy(), rtol=1e-14)
