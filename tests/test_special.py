"""The namespace ``special``: values against mpmath's, edges, dtypes, ``out=``, errors, and what PyTorch says to the same calls.

The table of values is in ``special_reference.py``. Not here: the modes of differentiation (``test_operations.py``) and PyTorch agreement
inside of the domains (``test_against_torch.py``), which draw from ``tests/samples/``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from special_reference import TABLE

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, SPACES

INF, NAN = np.inf, np.nan
ALL = sorted(SPACES["special"])

# ---- values ---------------------------------------------------------------------------------------------------------------------------
#: Relative errors in units of 2.2e-16, where not a few: the condition of the function, or the distance of a zero, does not allow more.
FEW = 8
ULPS = {
    "gammainc": 300, "gammaincc": 300,  # far tails, of the order of 1e-200: a power of a rounded base
    "airy_ai": 400,  # x^(3/2) in an exponential or a phase
    "gammainc 2": 500, "i0e 1": 200, "i1e 1": 200,  # differences
    "legendre_polynomial_p": 16, "chebyshev_polynomial_t": 16, "gammaln": 16,  # near zeros
}  # fmt: skip
#: What counts beside: absolute errors near zeros of the function, in the same units.
ABSOLUTE = {"psi": 3, "bessel_y0": 2, "laguerre_polynomial_l": 64}


#: Computed in float32 itself, not rounded from float64.
FAST = {"erf", "erfc", "erfcx", "ndtr", "log_ndtr"}


def values(name, settings, operands):
    """The function, or its derivative number ``slopes`` with respect to the first operand."""
    settings = dict(settings)
    slopes = settings.pop("slopes", 0)
    y = getattr(tl.special, name)(*settings.values(), *operands)
    for _ in range(slopes):
        (y,) = tl.autograd.grad(y, operands[0], tl.ones_like(y), create_graph=True)
    return y.detach().numpy()


def columns(rows, dtype):
    table = np.array(rows, np.float64)
    return [tl.tensor(c, dtype=dtype, requires_grad=i == 0) for i, c in enumerate(table.T[:-1])], table.T[-1]


IDS = [f"{name} {' '.join(f'{k}{v}' for k, v in settings.items())}".strip() for name, settings, _ in TABLE]


@pytest.mark.parametrize(("name", "settings", "rows"), TABLE, ids=IDS)
def test_values_are_those_of_mpmath_over_ten_decades(name, settings, rows):
    operands, expected = columns(rows, tl.float64)
    slopes = settings.get("slopes", 0)
    ulps = ULPS.get(f"{name} {slopes}" if slopes else name, ULPS.get(name, FEW))
    eps = np.finfo(np.float64).eps
    np.testing.assert_allclose(values(name, settings, operands), expected, rtol=ulps * eps, atol=ABSOLUTE.get(name, 0) * eps)


@pytest.mark.parametrize(("name", "settings", "rows"), TABLE, ids=IDS)
def test_single_precision_is_as_good_as_its_dtype(name, settings, rows):
    """In the operands that float32 holds exactly: values are those of float64, rounded, but for `FAST`; slopes are made of several such."""
    exact = [r for r in rows if all(float(np.float32(x)) == x for x in r[:-1]) and 1e-30 < abs(r[-1]) < 1e30]
    operands, expected = columns(exact, tl.float32)
    found = values(name, settings, operands)
    assert found.dtype == np.float32
    ulps = 8 if settings.get("slopes") or name in FAST else 1.01
    loose = {"i0e", "i1e"} if settings.get("slopes") else set()
    tolerance = (2e3 if name in loose else ulps) * np.finfo(np.float32).eps
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=1e-7 if name in {*ABSOLUTE, "gammaln"} else 0)


def test_incomplete_gamma_of_large_shapes_is_that_of_a_normal_distribution():
    """To the order of 1/sqrt(a); in a sum with its complement it is 1, on both sides of the middle."""
    a = tl.tensor([1e3, 1e5, 1e8, 1e12], dtype=tl.float64)[:, None]
    z = tl.tensor([-4.0, -1.0, 0.0, 1.0, 4.0], dtype=tl.float64)
    x = a + a.sqrt() * z
    p, q = tl.igamma(a, x), tl.igammac(a, x)
    np.testing.assert_allclose((p + q).numpy(), 1.0, rtol=0, atol=4e-16)
    difference = np.abs((p - tl.special.ndtr(z)).numpy())
    assert np.all(difference < 0.6 / np.sqrt(a.numpy())) and np.all(difference[:, 2] > 0.1 / np.sqrt(a.numpy()[:, 0]))


def test_tails_in_single_precision_equal_those_in_double_precision():
    x = np.concatenate([np.linspace(-12, 12, 5001), 10.0 ** np.linspace(-30, 1, 200)]).astype(np.float32)
    for name in sorted(FAST):
        f = getattr(tl.special, name)
        single, double = f(tl.tensor(x)).numpy(), f(tl.tensor(x.astype(np.float64))).numpy()
        kept = (np.abs(double) > 1.2e-38) & (np.abs(double) < 3.4e38)
        ulps = np.abs(single[kept] - double[kept]) / np.spacing(np.abs(double[kept]).astype(np.float32))
        assert single.dtype == np.float32 and ulps.max() < 9 and ulps.mean() < 1, name


def test_the_slope_of_erfcx_in_single_precision_equals_that_in_double_precision():
    x = np.concatenate([np.linspace(-9, 12, 501), 10.0 ** np.linspace(-5, 15, 300), [299.9, 300.1]]).astype(np.float32)
    slopes = []
    for dtype in (tl.float32, tl.float64):
        t = tl.tensor(x, dtype=dtype, requires_grad=True)
        slopes.append(tl.autograd.grad(tl.special.erfcx(t).sum(), t)[0].numpy().astype(np.float64))
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=2e-7)


@pytest.mark.parametrize(
    "name", ["gammainc", "gammaincc", "zeta", "bessel_j0", "bessel_y1", "airy_ai", "modified_bessel_k0", "erfcx", "ndtr"]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_value_does_not_depend_on_its_neighbours(name, dtype):
    """Sums end where all elements of a block are done; how long they go on shall not show in any."""
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0.1, 12.0, 300).astype(dtype), rng.uniform(1.1, 9.0, 300).astype(dtype)
    given = [tl.tensor(y), tl.tensor(x)] if name in ("gammainc", "gammaincc", "zeta") else [tl.tensor(x)]
    f = getattr(tl.special, name)
    alone = np.concatenate([f(*[t[i : i + 1] for t in given]).numpy() for i in range(300)])
    np.testing.assert_allclose(f(*given).numpy(), alone, rtol=2 * np.finfo(dtype).eps)  # not bit for bit: NumPy's vectors round otherwise


# ---- edges ----------------------------------------------------------------------------------------------------------------------------
POINTS = [0.0, -0.0, 1.0, -1.0, -2.0, -0.5, 0.5, 2.0, -3.0, 1e5, -1e5, 1e-300, 1e300, -1e300, INF, -INF, NAN]
ONE = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2", "expit",
    "expm1", "gammaln", "i0", "i0e", "i1", "i1e", "log1p", "log_ndtr", "logit", "modified_bessel_i0", "modified_bessel_i1",
    "modified_bessel_k0", "modified_bessel_k1", "ndtr", "ndtri", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "sinc", "spherical_bessel_j0",
]  # fmt: skip
LIMIT = "the limit, where PyTorch has NaN"
#: Where ours is another value than PyTorch's: name, places, what ours is.
OTHER = {
    **{(name, x): v for name, (x, v) in {
        "bessel_j0": (INF, 0.0), "bessel_j1": (INF, 0.0), "bessel_y0": (INF, 0.0), "bessel_y1": (INF, 0.0), "airy_ai": (INF, 0.0),
        "i0": (INF, INF), "i1": (INF, INF), "modified_bessel_i0": (INF, INF), "modified_bessel_i1": (INF, INF),
        "modified_bessel_k0": (INF, 0.0), "modified_bessel_k1": (INF, 0.0),
    }.items()},
    **{(name, -INF): v for name, v in {
        "bessel_j0": 0.0, "bessel_j1": 0.0, "airy_ai": 0.0, "i0": INF, "i1": -INF, "modified_bessel_i0": INF, "modified_bessel_i1": -INF,
    }.items()},
}  # fmt: skip


def same(a, b, rtol=1e-9):
    return np.isclose(a, b, rtol=rtol, atol=0) | (np.isnan(a) & np.isnan(b))


@pytest.mark.parametrize("name", ONE)
def test_edges_of_functions_of_one_operand(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    # PyTorch's Bessel functions are good to eight digits, and to none for huge operands
    keep = [x for x in POINTS if not (name[:6] in ("bessel", "airy_a", "spheri") and abs(x) in (1e300, 1e5))]
    ours = getattr(tl.special, name)(tl.tensor(keep, dtype=tl.float64)).numpy()
    theirs = getattr(torch.special, name)(torch.tensor(keep, dtype=torch.float64)).numpy()
    for x, a, b in zip(keep, ours, theirs, strict=True):
        if np.isnan(b) and not np.isnan(a):
            assert (name, x) in OTHER and a == OTHER[name, x], f"{name}({x}): ours {a}, PyTorch's NaN"
        else:
            assert same(a, b, 1e-6 if name[:6] in ("bessel", "airy_a") else 1e-9), f"{name}({x}): ours {a}, PyTorch's {b}"


def test_edges_of_polygamma():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for n in (0, 1, 2, 3, 4):
        ours, theirs = (T.special.polygamma(n, T.tensor(POINTS, dtype=T.float64)).numpy() for T in (tl, torch))
        for x, a, b in zip(POINTS, ours, theirs, strict=True):
            pole = n == 1 and x < 0 and x == np.floor(x)  # PyTorch: 1e32, and less the larger x
            limit = n > 1 and abs(x) == INF  # PyTorch: NaN, or an infinity at minus infinity, where there is no limit
            if pole or limit:
                assert a == INF or (x == INF and a == 0) or (x == -INF and np.isnan(a)), f"polygamma({n}, {x}) = {a}"
            else:
                assert same(a, b), f"polygamma({n}, {x}): ours {a}, PyTorch's {b}"


def pairs(torch, name, first, second):
    x, y = (v.ravel() for v in np.meshgrid(first, second, indexing="ij"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (getattr(T.special, name)(T.tensor(x), T.tensor(y)).numpy() for T in (tl, torch))
    return [(float(p), float(q), a, b) for p, q, a, b in zip(x, y, ours, theirs, strict=True) if not same(a, b)]


PLACES = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 3.0, 1e300, 1e-300, INF, -INF, NAN])


@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_edges_of_the_incomplete_gamma_functions(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for a, x, mine, other in pairs(torch, name, PLACES, PLACES):
        nan = np.isnan(a) or np.isnan(x)  # PyTorch has numbers there, where the other operand is 0 or infinite
        tiny = a == 1e-300 and name == "gammaincc"  # Q of a tiny shape is a E_1(x); PyTorch's has no correct digit
        assert (nan and np.isnan(mine)) or tiny, f"{name}({a}, {x}): ours {mine}, PyTorch's {other}"
    assert tl.special.gammaincc(tl.tensor(1e-300, dtype=tl.float64), tl.tensor(1.0)).item() == pytest.approx(0.21938393439552027e-300)


@pytest.mark.parametrize("name", ["xlog1py", "xlogy"])
def test_edges_of_products_with_logarithms(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert not pairs(torch, name, PLACES, PLACES)


def test_edges_of_zeta():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    s, q = np.array([0.5, 1.0, 1.5, 2.0, 3.0, -1.0, INF, NAN]), np.array([0.0, -0.0, 0.5, 1.0, 3.0, -1.0, -2.5, 1e300, INF, NAN])
    for exponent, place, mine, other in pairs(torch, "zeta", s, q):
        limit = exponent > 1 and (place >= 1 or exponent == INF) and np.isnan(other)
        nan = (np.isnan(exponent) or np.isnan(place)) and np.isnan(mine)
        small = place == 1e300 and exponent > 1 and abs(mine - other) < 1e-140
        assert (limit and mine in (0.0, 1.0, INF)) or nan or small, f"zeta({exponent}, {place}): ours {mine}, PyTorch's {other}"


POLYNOMIALS = [n for n in ALL if "polynomial" in n]


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_edges_of_polynomials(name):
    """Degrees that are none, and huge ones; what leaves the range is infinite, where PyTorch subtracts infinities."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x = np.array([0.0, 0.5, 1.0, -1.0, 1.5, -2.0, 100.0, INF, -INF, NAN])
    n = np.array([-3.0, -0.5, 0.0, 1.7, 5.0, 8.0, 100.0, 600.0, NAN])
    for place, degree, mine, other in pairs(torch, name, x, n):
        close = np.isclose(mine, other, rtol=1e-9, atol=1e-9)
        assert close or (np.isnan(other) and np.isinf(mine)), f"{name}({place}, {degree}): ours {mine}, PyTorch's {other}"


def test_heaviside_of_nan():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, y = [NAN, 0.0, -0.0, 1.0, -INF, INF], [2.0, NAN, 3.0, NAN, NAN, NAN]
    ours, theirs = (T.heaviside(T.tensor(x), T.tensor(y)).numpy() for T in (tl, torch))
    np.testing.assert_array_equal(ours, theirs)


# ---- how they are called --------------------------------------------------------------------------------------------------------------
def call(T, name, x, **options):
    """A call of any function of the namespace on one tensor and what else it needs."""
    f = getattr(T.special, name)
    if name == "polygamma":
        return f(2, x, **options)
    if name == "multigammaln":
        return f(x + 2, 2, **options)
    if name in ("softmax", "log_softmax", "logsumexp"):
        return f(x, 0, **options)
    if "polynomial" in name or name in ("gammainc", "gammaincc", "zeta", "xlogy", "xlog1py"):
        return f(x + 1, x + 2, **options)
    return f(x, **options)


@pytest.mark.parametrize("name", ALL)
def test_dtypes_and_shapes_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    kinds = (
        ("float64", "float32", "float16") if "softmax" in name else ("float64", "float32", "float16", "int64", "uint8", "bool", "complex64")
    )
    for dtype in kinds:  # softmax of integers without elements is one of integers in PyTorch, and else an error
        for shape in ((2, 3), (1,), (0, 2), (2, 0)):
            numbers = np.full(shape, 0.5 if "float" in dtype else 1)
            given = [T.tensor(numbers).to(getattr(T, dtype)) for T in (tl, torch)]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    expected = call(torch, name, given[1])
            except (RuntimeError, NotImplementedError):
                if dtype == "complex64":
                    with pytest.raises((RuntimeError, TypeError)):
                        call(tl, name, given[0])
                continue  # PyTorch has no kernel for it
            found = call(tl, name, given[0])
            assert str(found.dtype) == str(expected.dtype)[6:], dtype
            assert found.shape == tuple(expected.shape), (dtype, shape)
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-3 if dtype == "float16" else 1e-5)


@pytest.mark.parametrize("name", ALL)
def test_results_go_into_out(name):
    x = tl.tensor([0.25, 0.5], dtype=tl.float64)
    if name == "log_softmax":
        return  # which has none in PyTorch
    expected = call(tl, name, x)
    out = tl.zeros(expected.shape, dtype=expected.dtype)
    memory = out.array
    assert call(tl, name, x, out=out) is out and out.array is memory
    np.testing.assert_array_equal(out.numpy(), expected.numpy())
    with pytest.raises(RuntimeError, match="does not fit out= of int64"):
        call(tl, name, x, out=tl.zeros(expected.shape, dtype=tl.int64))


NAMED_X = ["airy_ai", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0"]


def test_arguments_have_pytorch_s_names():
    x = tl.tensor([0.5])
    for name in ONE:
        keyword = "x" if name in NAMED_X else "input"
        assert getattr(tl.special, name)(**{keyword: x}).tolist() == getattr(tl.special, name)(x).tolist()
    for name in POLYNOMIALS:
        assert getattr(tl.special, name)(x=x, n=3).tolist() == getattr(tl.special, name)(x, 3).tolist()
    for name in ("gammainc", "gammaincc", "zeta", "xlogy", "xlog1py"):
        assert getattr(tl.special, name)(input=x + 1, other=x).tolist() == getattr(tl.special, name)(x + 1, x).tolist()
    assert tl.special.multigammaln(input=x + 2, p=2).tolist() == tl.mvlgamma(x + 2, 2).tolist()
    assert tl.special.polygamma(n=1, input=x).tolist() == tl.polygamma(1, x).tolist()


def test_numbers_may_stand_for_operands_where_pytorch_takes_them():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for name in [*POLYNOMIALS, "zeta", "xlog1py", "xlogy"]:
        for pick in (lambda T: (2.0, T.tensor([1.0, 3.0])), lambda T: (T.tensor([1.5, 3.0]), 2.0), lambda T: (2, T.tensor([1, 3]))):
            ours, theirs = (getattr(T.special, name)(*pick(T)) for T in (tl, torch))
            assert str(ours.dtype) == str(theirs.dtype)[6:]
            np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_in_place_forms_of_the_tensor_methods():
    x, a = tl.tensor([1.5, 2.5], requires_grad=True), tl.tensor([2.0, 3.0])
    for name, args in {"igamma": (a,), "igammac": (a,), "mvlgamma": (2,), "i0": ()}.items():
        y = x * 1.0
        assert getattr(y, f"{name}_")(*args) is y
        z = getattr(x, name)(*args)
        assert y.tolist() == z.tolist() == getattr(tl, name)(x, *args).tolist()
        g, h = (tl.autograd.grad(t.sum(), x)[0].tolist() for t in (y, z))
        assert g == h


def test_shared_derivatives_lead_to_all_orders():
    """Four derivatives of each; the last by central differences of the one before."""
    x = np.array([0.7, 1.9])
    for f in (tl.special.erfcx, tl.special.log_ndtr, tl.special.bessel_j1, tl.special.bessel_y0, tl.special.scaled_modified_bessel_k1,
              tl.special.airy_ai, tl.special.spherical_bessel_j0, tl.special.i1e, lambda t: tl.igamma(t, tl.tensor(1.3)),
              lambda t: tl.igammac(tl.tensor(1.3), t), lambda t: tl.special.zeta(t + 1.0, tl.tensor(0.7))):  # fmt: skip

        def third(v, f=f):
            t = y = tl.tensor(v, dtype=tl.float64, requires_grad=True)
            y = f(t)
            for _ in range(3):
                (y,) = tl.autograd.grad(y.sum(), t, create_graph=True)
            return y, t

        y, t = third(x)
        (fourth,) = tl.autograd.grad(y.sum(), t)
        h = 1e-4
        np.testing.assert_allclose(fourth.numpy(), (third(x + h)[0] - third(x - h)[0]).detach().numpy() / (2 * h), rtol=1e-5, atol=1e-6)


# ---- errors ---------------------------------------------------------------------------------------------------------------------------
ONES = tl.ones(2)
BAD = {
    "igamma of integers": (lambda: tl.igamma(tl.tensor([1]), tl.tensor([2])), r"^igamma: needs floating numbers: the operands are int64"),
    "igamma of complex": (lambda: tl.igamma(ONES * 1j, ONES), r"^igamma: .*complex"),
    "igamma of shapes": (lambda: tl.igamma(tl.ones(3), ONES), r"^igamma: .*\(3,\).*\(2,\)"),
    "mvlgamma of p": (lambda: tl.mvlgamma(ONES, 0), r"^mvlgamma: p must be at least 1: got 0"),
    "mvlgamma of a fraction": (lambda: tl.mvlgamma(ONES, 1.5), r"^mvlgamma: p must be an integer"),
    "ndtr of a list": (lambda: tl.special.ndtr([1.0]), r"^special.ndtr: input must be a tensor"),
    "erfcx of complex": (lambda: tl.special.erfcx(ONES * 1j), r"^special.erfcx: .*complex"),
    "zeta of text": (lambda: tl.special.zeta("a", ONES), r"^special.zeta: input must be a tensor"),
    "a polynomial of None": (
        lambda: tl.special.legendre_polynomial_p(ONES, None),
        r"^special.legendre_polynomial_p: input must be a tensor: got NoneType",
    ),
    "a degree that is too high": (lambda: tl.special.hermite_polynomial_h(ONES, 1 << 21), r"^special.hermite_polynomial_h: n must be less"),
    "shapes": (lambda: tl.special.xlog1py(ONES, tl.ones(3)), r"^special.xlog1py: .*\(2,\).*\(3,\)"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_calls_say_what_is_wrong(name):
    f, pattern = BAD[name]
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        f()
    assert re.search(pattern, str(caught.value)), caught.value


# ---- where they are -------------------------------------------------------------------------------------------------------------------
def test_the_namespace_has_every_name_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    foreign = {"Tensor", "common_args", "multi_dim_common", "torch"}  # what its file imports
    assert {n for n in dir(torch.special) if not n.startswith("_")} - foreign == set(ALL) == set(tl.special.__all__)
    assert not [n for n in ALL if n in dir(torch) and not hasattr(tl, n)]


def test_it_is_loaded_when_it_is_first_used():
    program = (
        "import sys, tensorflowlite_clone as tl; assert 'tensorflowlite_clone.special' not in sys.modules; "
        "later = [m for m in sys.modules if 'ops.special' in m]; assert not later, later; "
        "assert 'special' in dir(tl); tl.special.ndtr(tl.ones(2)); assert 'tensorflowlite_clone.ops.special.normal' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_name_with_a_dot_is_in_its_namespace_alone():
    assert not [n for n in FUNCTIONS if "." in n]
    for name in ("entr", "zeta", "psi", "gammainc", "legendre_polynomial_p"):
        assert name not in FUNCTIONS and not hasattr(tl, name) and not hasattr(tl.Tensor, name)
        assert getattr(tl.special, name).__name__.rpartition(".")[2] in (name, "psi", "igamma", "digamma")
    assert all((f.__doc__ or "").strip() for f in SPACES["special"].values())
