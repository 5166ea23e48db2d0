"""Values, first and second derivatives of all element-wise functions at special points: 0, -0, +-1, huge, tiny, infinite ones.

Swept: every function of one operand that both packages have, by name, and the functions of two on all pairs of points. Compared with
PyTorch wherever that is not NaN; ``DIFFERENT`` says where ours is another number, and why.
"""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, NN_FUNCTIONS, SPACES

INF = np.inf
POINTS = {
    np.float64: [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 6, 20, -20, 100, -100, 1e5, -1e5, 1e150, -1e150, 1.7e308, -1.7e308, 1e-160,
                 -1e-160, 1e-300, -1e-300, INF, -INF, np.nan],
    np.float32: [0.0, -0.0, 1, -1, 1e-20, -1e-20, 1e-30, -1e-38, 1e4, -1e4, 1e10, -1e10, 1e19, -1e19, 1e20, -1e20, 1.8e38, -1.8e38,
                 3.4e38, -3.4e38, INF, -INF],
}  # fmt: skip
PAIRED = [0.0, -0.0, 1, -1, 0.5, 2, -2, 3, 1e-200, 1e200, -1e200, INF, -INF]
TWO = ["add", "sub", "mul", "div", "pow", "atan2", "hypot", "logaddexp", "maximum", "minimum", "fmax", "fmin", "fmod", "remainder",
       "copysign", "float_power", "rsub"]  # fmt: skip
#: Random, or not element-wise.
OTHERS = {
    "softmax",
    "log_softmax",
    "softmin",
    "asarray",
    "dropout",
    "dropout1d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
    "empty_like",
    "bernoulli",
    "rand_like",
    "randn_like",
    "normal",
    "poisson",
    "rrelu",
    "gumbel_softmax",
    "multinomial",
}
ORDERS = ("value", "first", "second")

POLE = "a pole, where PyTorch's formula gives a large number or, beyond it, noise"
DOMAIN = "outside of the domain the value is NaN, and so is the derivative; PyTorch's formula gives a number there, or the other way round"
CANCELS = "two terms of PyTorch's formula cancel, or it multiplies infinity by 0"
PIECE = "at the kink the second derivative is that of the piece of which the first one is (docs/kinks.md)"
#: Names (several functions share one formula) and orders: why, and at which points.
DIFFERENT = {
    ("lgamma", "second"): (POLE, lambda x: x < 0),
    ("digamma", "first"): (POLE, lambda x: x < 0),
    ("digamma", "second"): (POLE, lambda x: x < 0),
    **{(f, order): (POLE, lambda x: x < 0) for f, order in (("gammaln", "second"), ("psi", "first"), ("psi", "second"))},
    ("i1", "first"): ("PyTorch takes NaN for 0", np.isnan),
    ("i1", "second"): ("PyTorch takes NaN and tiny numbers for 0", lambda x: ~(np.abs(x) > 1e-15)),
    **{
        (f, "value"): ("PyTorch loses digits near the end of the range", lambda x: np.abs(x).astype(np.float64) > 1e308)
        for f in ("i0e", "i1e")
    },
    **{(f, order): (CANCELS, lambda x: np.abs(x) >= 1e4) for f in ("i0e", "i1e") for order in ("first", "second")},
    ("i0e", "second"): (CANCELS + "; near 0 terms of its formula vanish", lambda x: (np.abs(x) < 1e-15) | (np.abs(x) >= 1e4)),
    ("i1e", "first"): (CANCELS + "; it takes NaN for 0", lambda x: np.isnan(x) | (np.abs(x) >= 1e4)),
    ("i1e", "second"): (CANCELS + "; near 0 terms of its formula vanish", lambda x: ~(np.abs(x) > 1e-15) | (np.abs(x) >= 1e4)),
    ("ndtr", "value"): ("PyTorch takes 1 - erf, which is 0 far out", lambda x: x <= -20),
    **{("log_ndtr", order): ("PyTorch divides by an area that underflows", lambda x: x <= -1e4) for order in ("first", "second")},
    **{("erfcx", order): (CANCELS, lambda x: x >= 1e4) for order in ("first", "second")},
    ("acosh", "first"): (DOMAIN + "; it squares large ones", lambda x: (x < 1) | (x > 1e19)),
    ("acosh", "second"): (DOMAIN, lambda x: x < 1),
    ("arccosh", "first"): (DOMAIN + "; it squares large ones", lambda x: (x < 1) | (x > 1e19)),
    ("arccosh", "second"): (DOMAIN, lambda x: x < 1),
    ("logit", "second"): (DOMAIN, lambda x: (x < 0) | (x > 1)),
    ("rsqrt", "first"): ("the slope to the right of -0, as of 0; PyTorch has the sign of its cube", lambda x: x == 0),
    **dict.fromkeys([(f, "second") for f in ("elu", "celu", "selu")], (PIECE, lambda x: x == 0)),
    ("softplus", "second"): ("at the threshold: the piece below", lambda x: x == 20),
    ("sinc", "first"): ("PyTorch's formula loses all digits near 0 and beyond 1e15", lambda x: (np.abs(x) < 1e-10) | (np.abs(x) > 1e15)),
    ("sinc", "second"): ("as the first", lambda x: np.abs(x) > 1e15),
    ("logsigmoid", "second"): ("1 - sigmoid(x) far out: of the order of 1e-44", lambda x: np.abs(x) >= 100),
    ("softsign", "first"): ("PyTorch squares first, and underflows", lambda x: np.abs(x) >= 1e10),
    ("softsign", "second"): ("as the first", lambda x: np.abs(x) >= 1e10),
    ("gelu", "value"): ("PyTorch overflows in between", lambda x: x > 1e38),
    ("hardswish", "value"): ("PyTorch overflows in between", lambda x: x > 1e38),
    ("i0", "second"): ("PyTorch subtracts infinities", lambda x: np.isnan(x)),
}


def derivatives(T, f, xs):
    """The value, and the first and second derivatives with respect to the operands; None where there is no second one."""
    ts = [T.tensor(x, requires_grad=True) for x in xs]
    y = f(*ts)
    if not hasattr(y, "shape") or tuple(y.shape) != xs[0].shape or not y.requires_grad:
        return None
    ones = T.ones_like(y)
    rows = [y]
    firsts = T.autograd.grad(y, ts, ones, create_graph=True, allow_unused=True)
    rows += [T.zeros_like(t) if g is None else g for g, t in zip(firsts, ts, strict=True)]
    for g in firsts:
        if g is None or not g.requires_grad:
            rows += [T.zeros_like(t) for t in ts]
            continue
        try:
            seconds = T.autograd.grad(g, ts, ones, allow_unused=True, retain_graph=True)
        except RuntimeError as error:
            if T is tl or "not implemented" not in str(error):
                raise
            return rows
        rows += [T.zeros_like(t) if h is None else h for h, t in zip(seconds, ts, strict=True)]
    return rows


def arrays(rows):
    return [r.detach().numpy(force=True).astype(np.float64) for r in rows]


def unary():
    tables = {None: FUNCTIONS, "nn.functional": NN_FUNCTIONS} | SPACES
    short = {None: "", "nn.functional": "F."}
    return [(short.get(where, f"{where}.") + n, n, where) for where, table in tables.items() for n in table if n not in OTHERS]


def function(T, name, where):
    return functools.reduce(lambda space, part: getattr(space, part, None), [*(where or "").split("."), name][not where :], T)


@pytest.mark.parametrize("dtype", POINTS, ids=["float64", "float32"])
@pytest.mark.parametrize(("name", "where"), [u[1:] for u in unary()], ids=[u[0] for u in unary()])
def test_functions_of_one_operand(name, where, dtype):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs, x = function(torch, name, where), np.array(POINTS[dtype], dtype)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = None if theirs is None else derivatives(torch, theirs, [x])
    except (TypeError, RuntimeError, ValueError, AttributeError, IndexError, BufferError):
        return  # not a function of one operand
    if expected is None:
        return
    with np.errstate(all="ignore"):
        rows = arrays(derivatives(tl, function(tl, name, where), [x]))
    tolerance, tiny = (1e-6, 1e-299) if dtype == np.float64 else (2e-3, 2e-38)
    for order, a, b in zip(ORDERS, rows, arrays(expected), strict=False):
        wrong = ~(np.isclose(a, b, rtol=tolerance, atol=tiny) | np.isnan(b))
        if (name, order) in DIFFERENT:
            wrong &= ~DIFFERENT[name, order][1](x)
        at = [f"at {x[i]}: ours {a[i]}, PyTorch's {b[i]}" for i in np.nonzero(wrong)[0]]
        assert not at, f"{order} {'; '.join(at)}"


@pytest.mark.parametrize("name", TWO)
def test_functions_of_two_operands(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    pairs = [z.ravel().copy() for z in np.meshgrid(np.array(PAIRED), np.array(PAIRED), indexing="ij")]
    with np.errstate(all="ignore"):
        rows, expected = (arrays(derivatives(T, getattr(T, name), pairs)) for T in (tl, torch))
    # The squares in PyTorch's derivatives of atan2 are 0 or infinite for huge and tiny operands; ours has none, and is right there.
    beyond = sum(np.isin(np.abs(z), [1e-200, 1e200]) for z in pairs) > 0 if name == "atan2" else np.zeros(pairs[0].shape, np.bool_)
    rounding = 1e-14 if name == "atan2" else 1e-300  # mixed derivatives that cancel
    for k, (a, b) in enumerate(zip(rows, expected, strict=True)):
        wrong = np.nonzero(~(np.isclose(a, b, rtol=1e-6, atol=rounding) | np.isnan(b) | (beyond & (k > 0))))[0]
        at = [f"at {pairs[0][i]}, {pairs[1][i]}: ours {a[i]}, PyTorch's {b[i]}" for i in wrong]
        assert not at, f"derivative {k}: {'; '.join(at)}"


def test_the_gradient_of_an_angle_needs_no_squares():
    y, x = (tl.tensor([v], dtype=tl.float64, requires_grad=True) for v in (1e-200, 1e-200))
    gy, gx = tl.autograd.grad(tl.atan2(y, x), (y, x))
    assert gy.item() == pytest.approx(5e199)
    assert gx.item() == pytest.approx(-5e199)


def second(f, x):
    t = tl.tensor(x, dtype=tl.float64, requires_grad=True)
    g = tl.autograd.grad(f(t), t, create_graph=True)[0]
    return g.item(), tl.autograd.grad(g, t)[0].item()


def test_the_rows_of_the_report():
    assert second(tl.reciprocal, 0.0) == (-INF, INF)
    assert second(tl.reciprocal, -0.0) == (-INF, -INF)
    assert second(tl.reciprocal, INF) == (0.0, 0.0)
    assert second(tl.acosh, 1.0) == (INF, -INF)
    assert second(tl.reciprocal, 1e-150)[1] == pytest.approx(INF)


# ---- huge values of activations -------------------------------------------------------------------------------------------------
ACTIVATIONS = ["relu", "leaky_relu", "elu", "celu", "gelu", "silu", "mish", "softplus", "hardswish", "hardsigmoid", "hardtanh", "relu6",
               "tanhshrink", "logsigmoid", "sigmoid", "tanh", "softsign", "hardshrink", "softshrink"]  # fmt: skip
CALLS = {n: lambda x, n=n: getattr(tl.nn.functional, n)(x) for n in ACTIVATIONS} | {
    "gelu tanh": lambda x: tl.nn.functional.gelu(x, approximate="tanh"),
    "prelu": lambda x: tl.nn.functional.prelu(x, tl.tensor([0.25], dtype=x.dtype)),
    "threshold": lambda x: tl.nn.functional.threshold(x, 0.1, 0.2),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_activations_of_finite_values_are_finite_and_so_are_their_derivatives(f, dtype):
    most = float(np.finfo(dtype).max)
    points = [s * v for v in (most, most * 0.53, most**0.5, most**0.5 * 4, most ** (1 / 3) * 2, 100, 20, 88, 710, 0.5) for s in (1, -1)]
    for x in (np.array(points, dtype), np.tile(np.array(points, dtype), 400), *np.array(points, dtype)):
        t = tl.tensor(x, requires_grad=True)
        y = f(t)
        assert y.isfinite().all()
        (g,) = tl.autograd.grad(y, t, tl.ones_like(y), create_graph=True)
        assert g.isfinite().all()
        if x.size == len(points):
            assert tl.autograd.grad(g, t, tl.ones_like(y))[0].isfinite().all()
            assert tl.func.jvp(f, (tl.tensor(x),), (tl.ones_like(t),))[1].isfinite().all()
            assert tl.func.vmap(tl.func.grad(f))(tl.tensor(x)).isfinite().all() or f is CALLS["prelu"]
