"""NumPy's floating-point warnings come through nowhere: infinities and NaN are results, as in PyTorch, whatever the operands.

Swept: every row of ``CALLS`` with its floating operands near the ends of the range of their dtype, infinite, NaN and tiny, in three
precisions: values, gradients, second derivatives and tangents. NumPy is told to raise where it would warn.
"""

from __future__ import annotations

from contextvars import ContextVar

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import jvp

_, CALLS = collect()
FLOATING = [c for c in CALLS if any(isinstance(x, np.ndarray) and x.dtype.kind in "fc" for x in c.inputs)]
DTYPES = {np.float16: np.complex64, np.float32: np.complex64, np.float64: np.complex128}
EXTREMES = {
    "huge": lambda x, top: np.where(x.real < 0, -0.9 * top, 0.9 * top),
    "tiny": lambda x, top: np.where(x.real < 0, -3.0 / top, 3.0 / top),
    "infinite": lambda x, top: np.where(x.real < 0, -np.inf, np.inf),
    "NaN": lambda x, top: x * np.nan,
    "mixed": lambda x, top: np.resize([0.9 * top, 0.0, np.nan, -np.inf, 3.0 / top, -0.9 * top, 1.0], x.shape),
}


def extreme(x, kind, dtype):
    """An operand with other values, where they are real or complex numbers."""
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fc":
        return x
    top = float(np.finfo(dtype).max)
    with np.errstate(all="ignore"):
        return EXTREMES[kind](x, top).astype(DTYPES[dtype] if x.dtype.kind == "c" else dtype)


def tensors(results):
    if isinstance(results, tuple | list):
        return [t for r in results for t in tensors(r)]
    return [results] if isinstance(results, tl.Tensor) else []


def floating(xs):
    return [x for x in tensors(xs) if x.is_floating_point() or x.is_complex()]


def derivatives(c, given):
    """Values, gradients, second derivatives, tangents; where a call refuses its operands, no more."""
    leaves = [x.requires_grad_() for x in floating(given)]
    with tl.autograd.graph.allow_mutation_on_saved_tensors():
        outs = [y for y in floating(c.f(tl, *given)) if y.requires_grad]
    first = tl.autograd.grad(outs, leaves, [tl.ones_like(y) for y in outs], create_graph=True, allow_unused=True) if outs else ()
    first = [g for g in first if g is not None and g.requires_grad]
    if first:
        tl.autograd.grad(first, leaves, [tl.ones_like(g) for g in first], allow_unused=True)


def tangents(c, given):
    places = [i for i, x in enumerate(given) if isinstance(x, tl.Tensor) and (x.is_floating_point() or x.is_complex())]

    def f(*moving):
        args = [*given]
        for i, x in zip(places, moving, strict=True):
            args[i] = x
        return tuple(floating(c.f(tl, *args)))

    primals = tuple(given[i].detach() for i in places)
    jvp(f, primals, tuple(tl.ones_like(x) for x in primals))


@pytest.mark.parametrize("c", FLOATING, ids=[c.name for c in FLOATING])
def test_extreme_operands(c):
    for dtype in DTYPES:
        for kind in EXTREMES:
            for what in (derivatives, tangents):
                given = [tl.tensor(y) if isinstance(y, np.ndarray) else y for y in (extreme(x, kind, dtype) for x in c.inputs)]
                with np.errstate(all="raise"):
                    try:
                        what(c, given)
                    except FloatingPointError as error:
                        raise AssertionError(f"{what.__name__} of {kind} operands of {dtype.__name__}: {error}") from error
                    except Exception:
                        pass


def half():
    return tl.tensor([1.0, 2.0, -3.0], dtype=tl.float16)


def single():
    return tl.tensor([1.0, 2.0, -3.0])


def brief():
    return tl.tensor([1.0, 2.0, -3.0], dtype=tl.bfloat16)


MASK = tl.tensor([True, False, True])
F = tl.nn.functional
#: Numbers that do not fit the dtype of the tensor beside them, and tensors made of such.
NUMBERS = {
    "comparisons": lambda: [f(x, n) for x, n in ((half(), 1e5), (single(), 1e39), (tl.tensor([1j]), 1e39))
                            for f in (tl.eq, tl.ne)],
    "orders": lambda: [f(x, n) for x, n in ((half(), 1e5), (single(), 1e39)) for f in (tl.lt, tl.le, tl.gt, tl.ge)],
    "bfloat16": lambda: (*[f(brief(), 1e39) for f in (tl.eq, tl.ne, tl.lt, tl.le, tl.gt, tl.ge)], tl.where(MASK, brief(), 1e39),
                         tl.tensor([1e39], dtype=tl.float64).bfloat16(), tl.tensor([1e39], dtype=tl.bfloat16)),
    "reflected": lambda: (half() > 1e5, single() == 1e39, 1e5 - half(), 1e39 * single()),
    "arithmetic": lambda: [f(x, n) for x, n in ((half(), 1e5), (single(), 1e39)) for f in (tl.add, tl.sub, tl.mul, tl.div, tl.pow, tl.fmod,
                                                                                       tl.remainder, tl.floor_divide)],
    "scaled": lambda: (tl.add(half(), half(), alpha=1e5), tl.addcmul(half(), half(), half(), value=1e5), tl.lerp(half(), half(), 1e5)),
    "clamp": lambda: (half().clamp(max=1e5), half().clamp(min=1e5), half().clamp_(max=1e5), single().clamp(max=1e39)),
    "where": lambda: [tl.where(MASK, x, n) for x, n in ((half(), 1e5), (single(), 1e39))],
    "fill_": lambda: (half().fill_(1e5), half().masked_fill(MASK, 1e5), half().index_fill(0, tl.tensor([0]), 1e5)),
    "assignment": lambda: (half().__setitem__(0, 1e5), half().__setitem__(0, tl.tensor(1e5)), half().copy_(tl.tensor([1e5, 1e6, 1e7]))),
    "scatter": lambda: half().scatter(0, tl.tensor([0]), 1e5),
    "nan_to_num": lambda: (half().nan_to_num(nan=1e5), single().nan_to_num(posinf=1e39)),
    "casts": lambda: (tl.tensor([1e5]).half(), tl.tensor([1e39], dtype=tl.float64).float()),
    "integers": lambda: (tl.tensor([1e20, float("nan")]).int(), tl.tensor([-1.0, 300.0]).to(tl.uint8)),
    "making": lambda: (tl.tensor([1e39]), tl.tensor([1e39 + 1j]), tl.as_tensor([1e39]), tl.tensor([1e5], dtype=tl.float16),
                       half().new_tensor([1e5]), tl.arange(0, 1e5, 3e4, dtype=tl.float16)),
    "filled": lambda: (tl.full((2,), 1e5, dtype=tl.float16), tl.full_like(half(), 1e5), half().new_full((2,), 1e5)),
    "pad": lambda: F.pad(half(), (1, 1), value=1e5),
    "activations": lambda: (F.threshold(half(), 0.5, 1e5), F.hardtanh(half(), -1e5, 1e5), F.elu(half(), 1e5), F.leaky_relu(half(), 1e5),
                            F.celu(half(), 1e5), F.softplus(half(), 1e5)),
    "losses": lambda: (F.mse_loss(half() * 200, half() * -200), F.huber_loss(half() * 200, -half(), delta=1e5),
                       F.smooth_l1_loss(half() * 200, -half(), beta=1e5)),
    "closeness": lambda: (tl.isclose(half(), half(), atol=1e5), tl.allclose(half(), half(), atol=1e5),
                          np.allclose(half(), half(), atol=1e5)),
    "search": lambda: (tl.searchsorted(half().sort()[0], 1e5), tl.bucketize(half(), tl.tensor([1e5, 1e6])), tl.isin(half(), 1e5),
                       tl.histc(half(), bins=3, min=-6e4, max=6e4)),
    "drawn": lambda: (half().normal_(0, 1e5), tl.normal(0.0, 1e39, (3,))),
    "operators": lambda: (single() * 3e38 * 10, single() + 3.4e38 * single(), (half() * 3e4) @ (half() * 3e4), -single() / 0),
}  # fmt: skip


@pytest.mark.parametrize("what", NUMBERS)
def test_numbers_beyond_the_range_of_a_dtype(what):
    pytest.importorskip("ml_dtypes") if what == "bfloat16" else None
    with np.errstate(all="raise"):
        for _ in range(2):  # operators are compiled at their first call
            NUMBERS[what]()


def test_a_histogram_beyond_the_range_of_its_dtype_says_so():
    with pytest.raises(RuntimeError, match="histc: the range from -inf to inf is not finite; give min and max"):
        tl.histc(single(), bins=3, min=-1e39, max=1e39)


def test_what_users_wrote_has_their_own_settings():
    """Functions of users that run inside a derivative find the context variables of the caller; outside of one, NumPy's settings too."""
    seen, variable = [], ContextVar("variable", default=0)

    class Seeing(tl.autograd.Function):
        @staticmethod
        def forward(x):
            seen.append((variable.get(), np.geterr()["over"]))
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def backward(ctx, g):
            seen.append(variable.get())
            return g * 2

        @staticmethod
        def jvp(ctx, t):
            seen.append(variable.get())
            return t * 2

    variable.set(5)
    with np.errstate(over="raise"):
        Seeing.apply(tl.ones(2, requires_grad=True)).sum().backward()
        jvp(Seeing.apply, (tl.ones(2),), (tl.ones(2),))
        tl.ones(2).apply_(lambda x: seen.append((variable.get(), np.geterr()["over"])) or x)
    assert {s if isinstance(s, int) else s[0] for s in seen} == {5}
    assert seen[0] == seen[-1] == (5, "raise")
