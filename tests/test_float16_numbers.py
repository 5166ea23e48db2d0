"""float16 beside numbers that it does not hold: the number counts as it is, and only the result is rounded, as in PyTorch.

Every operator and function of a tensor and a number, with numbers beyond the range of float16 and below it, written as a Python number,
as NumPy's, as 0-d tensor and array, in every mode: against the same in float32, rounded, and against PyTorch where that keeps the number.
"""

from __future__ import annotations

import operator
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, jvp, vmap

VALUES = np.array([0.0, 1.0, 0.5, -1.0, 6e4, 6e-5, -0.25], np.float16)
NUMBERS = [1e5, -1e5, 1e9, 65536, 1e-9, -3e-6, 65519.0, 3.0]

FUNCTIONS = {
    "mul": lambda x, s: x * s,
    "div": lambda x, s: x / s,
    "add": lambda x, s: x + s,
    "sub": lambda x, s: x - s,
    "rmul": lambda x, s: s * x,
    "rsub": lambda x, s: s - x,
    "rdiv": lambda x, s: s / x,
    "mod": lambda x, s: x % s,
    "floordiv": lambda x, s: x // s,
    "rpow": lambda x, s: abs(s) ** x,
    "maximum": lambda x, s: x.maximum(tl.tensor(s)) if isinstance(s, int | float) else x.maximum(s),
    "lerp": lambda x, s: tl.lerp(-x, x, s),
}
SETTINGS = {
    "add alpha": lambda x, s: tl.add(-x, x.flip(0), alpha=s),
    "sub alpha": lambda x, s: tl.sub(-x, x, alpha=s),
    "addcmul": lambda x, s: tl.addcmul(-x, x, x, value=s),
    "addcdiv": lambda x, s: tl.addcdiv(-x, x, tl.full_like(x, 2.0), value=s),
    "pow": lambda x, s: tl.where(x == 0, 1.0, abs(x)) ** s,
}
FORMS = {
    "python": lambda s: s,
    "numpy": np.float64,
    "tensor": lambda s: tl.tensor(float(s)),
    "array": lambda s: np.array(float(s)),
}


def rounded(x):
    with np.errstate(all="ignore"):
        return np.asarray(x.numpy() if isinstance(x, tl.Tensor) else x).astype(np.float16)


def same(found, expected, ulps=2):
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(np.float64), expected.astype(np.float64), rtol=ulps * 2.0**-11, atol=ulps * 2.0**-24)


def fits(s):
    return s == 0 or 2**-14 <= abs(s) < 65520


def test_the_row_itself():
    m = tl.tensor([0.0, 1.0, 0.5], dtype=tl.float16)
    assert ((1 - m) * -1e9).tolist() == [-np.inf, 0.0, -np.inf]
    assert (m * 65536.0).tolist() == [0.0, np.inf, 32768.0]
    same((m / 1e5).numpy(), np.array([0, 1e-5, 5e-6]))
    same(m.clone().mul_(1e5).numpy(), np.array([0, np.inf, 5e4]))
    assert tl.lerp(m, m, 1e5).tolist() == [0.0, 1.0, 0.5]
    assert tl.addcmul(m, m, m, value=1e5).tolist()[0] == 0.0
    assert (m // 1e5).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_derivatives_are_those_of_float32_rounded(name, form):
    f = FUNCTIONS[name]
    for number in NUMBERS:
        s = FORMS[form](number)
        if fits(number) and name != "lerp":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compare(lambda x, s=s: f(x, s))


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_not_rounded_either(name):
    for s in NUMBERS:
        if name == "pow" and fits(s):
            continue
        compare(lambda x, s=s: SETTINGS[name](x, s))


def compare(f):
    half, single = tl.tensor(VALUES), tl.tensor(VALUES.astype(np.float32))
    same(f(half).numpy(), rounded(f(single)))
    u = np.linspace(0.5, 1.0, len(VALUES)).astype(np.float16)
    same(vmap(f)(half[None])[0].numpy(), rounded(f(single)))
    whole, tangent = jvp(f, (half,), (tl.tensor(u),))
    same(whole.numpy(), rounded(f(single)))
    expected = jvp(f, (single,), (tl.tensor(u.astype(np.float32)),))[1]
    some = np.isfinite(rounded(expected)) & np.isfinite(rounded(f(single)))  # elsewhere a sum of two is infinite or not
    same(tangent.numpy()[some], rounded(expected)[some], 4)
    leaf = tl.tensor(VALUES, requires_grad=True)
    out = f(leaf)
    if out.requires_grad:
        out.backward(tl.tensor(u))
        same(leaf.grad.numpy()[some], rounded(expected)[some], 4)


AUGMENTED = [operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod]
METHODS = ["add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "pow_"]


@pytest.mark.parametrize("change", [*AUGMENTED, *METHODS])
@pytest.mark.parametrize("mode", ["plain", "recorded", "jvp", "vmap"])
def test_changes_in_place(change, mode):
    def f(x, s):
        y = x.clone()
        return change(y, s) if callable(change) else getattr(y, change)(s)

    for s in (n for n in NUMBERS if not fits(n)):
        x, expected = tl.tensor(abs(VALUES)), rounded(f(tl.tensor(abs(VALUES).astype(np.float32)), s))
        if mode == "recorded":
            found = f(x.requires_grad_(), s).detach()
        elif mode == "jvp":
            found = jvp(lambda x, s=s: f(x, s), (x,), (x,))[0]
        else:
            found = vmap(lambda x, s=s: f(x, s), randomness="same")(x) if mode == "vmap" else f(x, s)
        same(found.numpy(), expected)


def test_products_before_the_sum_may_leave_the_range():
    x = tl.tensor([300.0], dtype=tl.float16)
    assert abs(tl.addcmul(x, x, x, value=1e-3).item() - 390) < 1
    assert tl.lerp(-200 * x, 200 * x, 0.5).item() == 0.0


def test_the_gradient_goes_by_the_number_itself():
    x = tl.tensor([0.0, 0.25], dtype=tl.float16)
    assert grad(lambda x: (x * 1e5 * 1e-5).sum())(x).tolist() == pytest.approx([1.0, 1.0], rel=2e-3)


def test_results_on_the_tape_are_float16():
    x = tl.tensor(VALUES, requires_grad=True)
    y = x * 1e5
    assert y.dtype == tl.float16
    (g,) = tl.autograd.grad(y, x, tl.full((len(VALUES),), 1e-3, dtype=tl.float16), create_graph=True)
    assert g.dtype == tl.float16
    assert g.tolist() == pytest.approx([100.0] * len(VALUES), rel=2e-3)


#: Where PyTorch keeps the number: the second operand of these, and the settings. Sums it rounds first on some paths: 6e4 - 1e5 is -inf.
KEPT = ["mul", "div", "floordiv", "lerp", "addcmul", "addcdiv"]


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("number", [s for s in NUMBERS if not fits(s)])
def test_as_torch(name, number):
    torch = pytest.importorskip("torch")
    calls = {
        **{n: f for n, f in FUNCTIONS.items() if n != "lerp"},
        "lerp": lambda x, s, lib: lib.lerp(-x, x, s),
        "addcmul": lambda x, s, lib: lib.addcmul(-x, x, x, value=s),
        "addcdiv": lambda x, s, lib: lib.addcdiv(-x, x, x + 2, value=s),
    }
    f = calls[name]
    more = (tl,) if name in KEPT[-3:] else ()
    ours, theirs = tl.tensor(VALUES, requires_grad=True), torch.tensor(VALUES, requires_grad=True)
    y, z = f(ours, number, *more), f(theirs, number, *((torch,) if more else ()))
    same(y.detach().numpy(), z.detach().numpy())
    if name in ("mul", "div"):
        y.backward(tl.ones_like(y))
        z.backward(torch.ones_like(z))
        same(ours.grad.numpy(), theirs.grad.numpy())


@pytest.mark.parametrize("number", [1e300, -1e300, 1e-300])
@pytest.mark.parametrize("name", ["mul", "div", "add", "sub", "rdiv"])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_float32_beside_numbers_beyond_it_as_torch(name, number):
    torch = pytest.importorskip("torch")
    values = [0.0, 1.0, -2.0, np.inf]
    found, expected = FUNCTIONS[name](tl.tensor(values), number), FUNCTIONS[name](torch.tensor(values), number)
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
