"""What a second look found, each with the sweep that would have found it: every public function of the kind, compared with PyTorch."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl

V = np.array([[0.31, 0.52, 0.83], [0.44, 0.25, 0.66], [0.72, 0.93, 0.14]])
#: Ways to call a function of one tensor, whose other arguments are not known.
CALLS = [
    lambda f, z: f(z), lambda f, z: f(z, 0), lambda f, z: f(z, 1), lambda f, z: f(z, 0.5), lambda f, z: f(z, (0, 1)),
    lambda f, z: f(z, 2, 0), lambda f, z: f(z, 0, 1), lambda f, z: f(z, tl.tensor(V + 0.05)), lambda f, z: f(tl.tensor(V + 0.05), z),
    lambda f, z: f([z, z]),
    lambda f, z: f(z, 0, tl.tensor([0, 2])), lambda f, z: f(z, tl.tensor([0, 2])), lambda f, z: f(z, tl.tensor(V > 0.5)),
    lambda f, z: f(z, dim=0), lambda f, z: f(z[0]), lambda f, z: f(z, (1, 1)),
]  # fmt: skip
#: What changes files or states, says of itself that it is a constant, or draws: `normal` is a constant in PyTorch too.
LEFT_OUT = {"detach", "detach_", "detach_copy", "save", "load", "compile", "seed", "wrap", "twin", "become", "constant",
            "empty_like", "new_empty", "normal"}  # fmt: skip


def functions():
    """Every public function and method, by name."""
    owners = {"tl": tl, "linalg": tl.linalg, "fft": tl.fft, "special": tl.special, "F": tl.nn.functional, "Tensor": tl.Tensor}
    for where, owner in owners.items():
        for name in sorted(set(dir(owner))):
            f = getattr(owner, name)
            if not name.startswith("_") and callable(f) and not inspect.isclass(f) and not name.startswith("set_") and name not in LEFT_OUT:
                yield pytest.param(f, id=f"{where}.{name}")


def numbers(out):
    """The floating numbers of a result, in one number that no symmetry cancels."""
    parts = out if isinstance(out, tuple | list) else [out]
    parts = [p for p in parts if isinstance(p, tl.Tensor) and p.dtype.kind in "f"]
    return sum(((p.reshape(-1) * tl.arange(1.0, p.numel() + 1, dtype=p.dtype)).sum() for p in parts), tl.zeros((), dtype=tl.float64))


@pytest.mark.parametrize("f", list(functions()))
def test_no_function_of_the_values_is_silently_a_constant(f):
    """Where a small change of the input changes the result smoothly, the derivative is not 0, or the function refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in CALLS:
            try:
                tl.manual_seed(0)
                a = float(numbers(call(f, tl.tensor(V))))
                tl.manual_seed(0)
                b = float(numbers(call(f, tl.tensor(V + 1e-6))))
            except Exception:
                continue
            slope = (b - a) / 1e-6
            if not 1e-3 < abs(slope) < 1e3:
                continue
            try:
                tl.manual_seed(0)
                gradient = tl.func.grad(lambda z, call=call: numbers(call(f, z * 1.0)))(tl.tensor(V))
            except Exception:
                continue
            assert float(gradient.sum()) == pytest.approx(slope, rel=0.1), call


@pytest.mark.parametrize("f", [tl.unique, tl.Tensor.unique, tl.unique_consecutive, tl.Tensor.unique_consecutive, tl.asarray])
def test_distinct_values_have_derivatives(f):
    assert tl.func.grad(lambda z: f(z).sum())(tl.tensor([3.0, 1.0, 2.0])).tolist() == [1.0, 1.0, 1.0]
    x = tl.tensor([3.0, 1.0, 2.0], requires_grad=True)
    f(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_the_first_of_equal_elements_has_the_gradient_of_their_value():
    x = tl.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]], requires_grad=True)
    weights = tl.tensor([[1.0, 10.0], [100.0, 1000.0]])
    for f, rows in (
        (tl.unique, [[100.0, 1000.0], [0.0, 0.0], [1.0, 10.0]]),
        (tl.unique_consecutive, [[1.0, 10.0], [0.0, 0.0], [100.0, 1000.0]]),
    ):
        (gradient,) = tl.autograd.grad((f(x, dim=0) * weights).sum(), [x])
        assert gradient.tolist() == rows
    assert tl.unique(x).tolist() == [0.0, 1.0, 2.0]
    values, inverse, counts = tl.unique(x, return_inverse=True, return_counts=True)
    assert values.requires_grad and inverse.tolist() == [[2, 1], [2, 1], [0, 1]] and counts.tolist() == [1, 3, 2]


@pytest.mark.parametrize("options", [{}, {"copy": True}, {"dtype": "float64"}, {"requires_grad": True}, {"requires_grad": False}])
@pytest.mark.parametrize("leaf", [True, False])
@pytest.mark.filterwarnings("ignore:torch.asarray")
def test_asarray_keeps_what_pytorch_keeps(options, leaf):
    torch = pytest.importorskip("torch")
    asked = []
    for m in (tl, torch):
        x = m.tensor([1.0, 2.0], requires_grad=True)
        given = {**options, "dtype": getattr(m, options["dtype"])} if "dtype" in options else options
        z = x if leaf else x * 1
        out = m.asarray(z, **given)
        asked.append((out.requires_grad, out.is_leaf, options.get("requires_grad", True) and out is z))
    assert asked[0] == asked[1]


# ---- numbers that a dtype cannot hold -------------------------------------------------------------------------------------------
NUMBERS = [0, 1, -1, 2.7, -2.7, 255, 256, 300, -300, True, 2j, 2 + 0j, 2**31, 2**40, 1e20, 1e300, float("inf"), float("nan")]
FILLS = {
    "full": lambda m, v, d: m.full((2,), v, dtype=d),
    "full_like": lambda m, v, d: m.full_like(m.ones(2), v, dtype=d),
    "full_like_of": lambda m, v, d: m.full_like(m.ones(2, dtype=d), v),
    "new_full": lambda m, v, d: m.ones(2, dtype=d).new_full((2,), v),
    "scalar_tensor": lambda m, v, d: m.scalar_tensor(v, dtype=d),
    "fill_": lambda m, v, d: m.ones(2, dtype=d).fill_(v),
    "pad": lambda m, v, d: m.nn.functional.pad(m.ones(2, dtype=d), (1, 2), value=v),
}
DTYPES = ["bool", "uint8", "int8", "int32", "int64", "float32", "float64", "complex64"]


def outcome(call, *args):
    try:
        out = call(*args)
    except (RuntimeError, TypeError, OverflowError):
        return "refused"
    return str(out.dtype).replace("torch.", ""), np.nan_to_num(np.asarray(out.tolist())).tolist()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FILLS)
@pytest.mark.filterwarnings("error")
def test_a_number_fits_the_dtype_or_is_refused(name, dtype):
    torch = pytest.importorskip("torch")
    for v in NUMBERS:
        if name == "pad" and (isinstance(v, int | complex) or dtype == "complex64"):
            continue  # PyTorch takes a double
        mine, theirs = (outcome(FILLS[name], m, v, getattr(m, dtype)) for m in (tl, torch))
        assert mine == theirs, v


@pytest.mark.parametrize("call", [
    lambda: tl.full((2,), 2j, dtype=tl.int64), lambda: tl.full_like(tl.ones(2), 2j), lambda: tl.ones(2).new_full((2,), 2j),
    lambda: tl.full((2,), float("nan"), dtype=tl.int64), lambda: tl.full((2,), 1e20, dtype=tl.int32),
])  # fmt: skip
def test_full_refuses_what_does_not_fit(call):
    with pytest.raises(RuntimeError, match=r"does not fit a tensor of (int64|int32|float32)"):
        call()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [None, 0, 1, 2.7])
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_pad_keeps_the_dtype(dtype, value, mode):
    if mode == "constant" or not value:
        x = tl.ones(1, 4, dtype=getattr(tl, dtype))
        assert tl.nn.functional.pad(x, (1, 2), mode=mode, value=value).dtype == x.dtype


# ---- dims and keepdim ------------------------------------------------------------------------------------------------------------
def with_parameter(name):
    """The functions and methods that take ``name``, which PyTorch has too."""
    for f, where in ((f, where) for owner, where in ((tl, "tl"), (tl.Tensor, "Tensor")) for f in [owner]):
        for attribute in sorted(dir(f)):
            g = getattr(f, attribute)
            try:
                known = name in inspect.signature(g).parameters
            except (TypeError, ValueError):
                continue
            if known and not attribute.startswith("_") and callable(g) and not inspect.isclass(g):
                yield pytest.param(where, attribute, id=f"{where}.{attribute}")


def kind_of(call):
    """The error a call raises, or what it gives."""
    try:
        out = call()
    except Exception as error:
        return "IndexError" if isinstance(error, IndexError) else "refused"
    return [tuple(p.shape) for p in (out if isinstance(out, tuple | list) else [out])]


@pytest.mark.parametrize(("where", "name"), list(with_parameter("keepdim")))
@pytest.mark.filterwarnings("ignore")
def test_keepdim_is_never_dropped(where, name):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tl, torch):
        f = getattr(m if where == "tl" else m.Tensor, name, None)
        if f is None:
            return
        found.append([kind_of(lambda f=f, m=m, o=o: f(m.tensor(V), **o)) for o in ({"keepdim": True}, {"keepdim": True, "dim": 0})])
    mine, theirs = found
    assert mine == theirs or (theirs[0] == "refused" and mine == [[(1, 1)], *theirs[1:]])  # PyTorch's sum, mean, prod refuse what is clear


@pytest.mark.parametrize("name", ["max", "min", "median", "nanmedian"])
def test_keepdim_without_dim_is_refused(name):
    with pytest.raises(TypeError, match=f"{name}: keepdim goes with dim"):
        getattr(tl.tensor(V), name)(keepdim=True)


@pytest.mark.parametrize(("where", "name"), list(with_parameter("dim")))
@pytest.mark.filterwarnings("ignore")
def test_a_number_has_no_dimension_5(where, name):
    f = getattr(tl if where == "tl" else tl.Tensor, name)
    for args in ((), (2,), (2, 0)):
        assert kind_of(lambda args=args: f(tl.tensor(2.0), *args, dim=5)) in ("IndexError", "refused")


@pytest.mark.parametrize("name", ["argmax", "argmin", "logcumsumexp"])
def test_a_dimension_out_of_range_is_an_index_error(name):
    with pytest.raises(IndexError, match=f"{name}: dimension out of range"):
        getattr(tl.tensor(2.0), name)(5)


def test_logsumexp_over_no_dimensions_is_over_all():
    x = tl.tensor(V)
    assert x.logsumexp(dim=()).item() == pytest.approx(np.log(np.exp(V).sum()))
    assert x.logsumexp(dim=(), keepdim=True).shape == (1, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, {"dim": 0}, {"dim": 0, "keepdim": True}, {"dim": (0, 1)}])
def test_all_and_any_have_the_dtype_of_pytorch(dtype, options):
    x = tl.ones(2, 2, dtype=getattr(tl, dtype))
    for f in (tl.all, tl.any, tl.Tensor.all, tl.Tensor.any):
        assert f(x, **options).dtype == (np.uint8 if dtype == "uint8" else np.bool_)
    assert np.all(x).dtype == np.any(x).dtype == np.bool_


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
def test_broadcast_to_takes_sizes_one_by_one(shape):
    x = tl.tensor(V[:, :1])
    for out in (x.broadcast_to(*shape), x.broadcast_to(shape), x.broadcast_to(list(shape)), np.broadcast_to(x, shape=shape)):
        assert np.array_equal(out.numpy(), np.broadcast_to(V[:, :1], shape))
    assert tl.ones(4).broadcast_to(4).shape == (4,)


# ---- quantiles beside infinities -------------------------------------------------------------------------------------------------
INF, NAN = float("inf"), float("nan")
ROWS = [
    [-INF, 0.0, 0.0],
    [0.0, 0.0, INF],
    [-INF, INF],
    [INF, INF],
    [-INF, -INF, 1.0],
    [0.0, INF, INF],
    [-INF, 1.0, 2.0, INF],
    [NAN, -INF, 0.0, INF],
]
SHARES = [0.0, 0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9, 1.0]


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
@pytest.mark.filterwarnings("error")
def test_quantiles_of_infinities_beside_pytorch(row, interpolation, name):
    torch = pytest.importorskip("torch")
    for q in SHARES:
        mine, theirs = (getattr(m, name)(m.tensor(row, dtype=m.float64), q, interpolation=interpolation).item() for m in (tl, torch))
        assert mine == pytest.approx(theirs, nan_ok=True) or (np.isnan(theirs) and not (np.isnan(row).any() and name == "quantile")), q


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("f", [np.quantile, np.nanquantile])
@pytest.mark.parametrize("method", [
    "linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull", "inverted_cdf", "averaged_inverted_cdf", "median_unbiased",
])  # fmt: skip
def test_quantiles_of_infinities_beside_numpy(row, f, method):
    x = tl.tensor(row, dtype=tl.float64)
    percentile = np.percentile if f is np.quantile else np.nanpercentile
    for q in SHARES:
        with np.errstate(all="ignore"):
            theirs = f(np.array(row), q, method=method)
        mine = f(x, q, method=method).item()
        assert mine == pytest.approx(theirs, nan_ok=True) or (np.isnan(theirs) and not (np.isnan(row).any() and f is np.quantile)), q
        assert percentile(x, 100 * q, method=method).item() == pytest.approx(mine, nan_ok=True)


@pytest.mark.parametrize("share, value", [(0.0, -INF), (0.1, -INF), (0.3, -INF), (0.5, 0.0), (0.6, 0.0), (1.0, 0.0)])
def test_a_quantile_between_minus_infinity_and_a_number_is_minus_infinity(share, value):
    row = [-INF, 0.0, 0.0]
    for out in (tl.quantile(tl.tensor(row), share), tl.nanquantile(tl.tensor([*row, NAN]), share), np.quantile(tl.tensor(row), share)):
        assert out.item() == value
    assert tl.quantile(tl.tensor([-INF, INF]), 0.5).isnan()


# ---- constants that stay connected -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("f", [lambda w: tl.linalg.vector_norm(w, 0), lambda w: tl.norm(w, 0), lambda w: tl.linalg.norm(w.reshape(-1), 0)])
def test_the_norm_of_order_0_has_derivative_0(f):
    w = tl.tensor(V, requires_grad=True)
    f(w).backward()
    assert w.grad.tolist() == np.zeros((3, 3)).tolist()


@pytest.mark.parametrize("shape", [(2, 1), (1, 1), (2, 2), (3,)])
@pytest.mark.parametrize("correction", [0, 1, 2, 3])
@pytest.mark.filterwarnings("ignore")
def test_cov_of_few_observations_beside_pytorch(shape, correction):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tl, torch):
        x = m.tensor(V.reshape(-1)[: int(np.prod(shape))].reshape(shape), requires_grad=True)
        out = m.cov(x, correction=correction)
        out.sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy()))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)


OVERWRITES = {
    "copy_": lambda y, v: y.copy_(v),
    "copy_of_other_dtype": lambda y, v: y.copy_(v.float()),
    "copy_broadcast": lambda y, v: y.copy_(v[:1]),
    "fill_": lambda y, v: y.fill_(v[0]),
    "fill_number": lambda y, v: y.fill_(2.0).mul_(v),
    "zero_": lambda y, v: y.zero_().add_(v),
    "setitem": lambda y, v: y.__setitem__(slice(None), v),
    "ellipsis": lambda y, v: y.__setitem__(..., v),
    "part": lambda y, v: y[:2].copy_(v[:2]),
    "masked": lambda y, v: y.masked_fill_(y.detach() > -9, v[0]),
    "mul_0": lambda y, v: y.mul_(0.0).add_(v),
}


@pytest.mark.parametrize("name", OVERWRITES)
@pytest.mark.parametrize("view", [False, True])
def test_what_is_overwritten_stays_connected(name, view):
    torch = pytest.importorskip("torch")
    found = []
    for m in (tl, torch):
        x, v = (m.tensor(row, dtype=m.float64, requires_grad=True) for row in ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]))
        y = x * 1
        OVERWRITES[name](y[:] if view else y, v)
        found.append([g.tolist() for g in m.autograd.grad((y * y).sum(), [x, v])])
    assert found[0] == found[1]


def test_copy_keeps_what_it_overwrites_connected():
    x, v = tl.ones(3, requires_grad=True), tl.ones(3, requires_grad=True)
    y = x * 1
    y.copy_(v)
    assert [g.tolist() for g in tl.autograd.grad(y.sum(), [x, v])] == [[0.0] * 3, [1.0] * 3]
