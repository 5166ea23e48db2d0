"""NumPy's ufuncs on tensors: values, derivatives, options, and the methods reduce, accumulate, outer, reduceat and at."""

from __future__ import annotations

import numpy as np
import pytest
from numpy_checks import as_tuple, central, close, direction, flat, plain

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import DTypeError
from tensorflowlite_clone.core.registry import UFUNCS
from tensorflowlite_clone.func import jvp, vjp, vmap

A, B = np.random.default_rng(1).uniform(0.2, 0.9, size=(2, 3, 4))
UFUNC_DOMAIN = {"arccosh": (A + 1.5,), "acosh": (A + 1.5,)}
INTEGER_ONLY = {
    "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_invert", "bitwise_not", "invert", "left_shift", "right_shift",
    "bitwise_left_shift", "bitwise_right_shift", "bitwise_count", "gcd", "lcm", "ldexp",
}  # fmt: skip
CORE = {"matmul", "vecdot", "matvec", "vecmat"}
ELEMENTWISE = sorted({f.__name__ for f in UFUNCS} - CORE - INTEGER_ONLY)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_ufunc_equals_numpy_and_its_differences(name):
    f = getattr(np, name)
    xs = UFUNC_DOMAIN.get(name, (A, B)[: f.nin])
    expected, ts = flat(f(*xs)), [direction(x, k) for k, x in enumerate(xs)]
    actual = flat(f(*[tl.tensor(x, requires_grad=True) for x in xs]))
    for a, e in zip(actual, expected, strict=True):
        close(a, e, 1e-13)
    _, slopes = jvp(as_tuple(f), tuple(xs), tuple(ts))
    if name not in ("nextafter", "spacing"):
        floating = [e.dtype.kind == "f" for e in expected]
        for s, e, smooth in zip(slopes, central(as_tuple(f), xs, ts, 1e-4), floating, strict=True) if all(floating) else ():
            close(s, e if smooth else 0 * e, 1e-7)
    assert flat(f(xs[0].tolist(), *[tl.tensor(x) for x in xs[1:]]))[0].shape == expected[0].shape if f.nin > 1 else True


@pytest.mark.parametrize("name", sorted(INTEGER_ONLY))
def test_integer_ufunc_equals_numpy(name):
    f = getattr(np, name)
    xs = (np.array([5, 3, 12]), np.array([1, 2, 3]))[: f.nin]
    np.testing.assert_array_equal(plain(f(*[tl.tensor(x) for x in xs])), f(*xs))


def test_ufunc_options():
    x = tl.tensor(A, requires_grad=True)
    narrow = np.multiply(x, 2.0, dtype=np.float32)
    assert narrow.dtype == np.float32
    narrow.sum().backward()
    assert x.grad.dtype == np.float64
    np.testing.assert_allclose(x.grad.numpy(), 2.0)
    with pytest.raises(DTypeError, match="add: float64 cannot become int64 under casting='same_kind'"):
        np.add(x, 1, dtype=np.int64)
    with pytest.raises(ValueError, match=r"np\.add: where= leaves the other places without a value.*np\.where"):
        np.add(x, x, where=A > 0.5)
    for call in (lambda: np.add(x, x, out=np.zeros((3, 4))), lambda: np.sum(x, out=np.zeros(())), lambda: np.zeros((3, 4)).__iadd__(x)):
        with pytest.raises(TypeError, match=r"out= must be a tensor: got ndarray.*y = y \+ x, not y \+= x"):
            call()
    mask, kept = A > 0.5, tl.tensor(B)
    assert np.multiply(x, 3.0, out=kept, where=mask) is kept
    np.testing.assert_allclose(plain(kept), np.where(mask, 3.0 * A, B))
    (derivative,) = tl.autograd.grad(kept.sum(), x)
    np.testing.assert_allclose(derivative.numpy(), np.where(mask, 3.0, 0.0))
    with pytest.raises(ValueError, match=r"np\.add: signature= is not answered"):
        np.add(x, x, signature="dd->d")
    np.testing.assert_allclose(plain(np.add(x, [1.0, 2.0, 3.0, 4.0])), A + np.array([1.0, 2.0, 3.0, 4.0]))


REDUCED = [
    "add", "multiply", "maximum", "minimum", "logaddexp", "logaddexp2", "hypot", "subtract", "divide", "fmax", "fmin", "power", "arctan2",
    "remainder", "copysign",
]  # fmt: skip


KINDS = ("reduce", "reduce keepdims", "reduce initial", "accumulate", "outer", "reduceat")
#: NumPy's vectorised power and arctan2 go wrong in their reductions (accumulate is right), so those are compared with accumulate.
WRONG_IN_NUMPY = ("power", "arctan2")


@pytest.mark.parametrize(
    ("name", "kind"), [(n, k) for n in REDUCED for k in KINDS if n not in WRONG_IN_NUMPY or k in ("accumulate", "outer")]
)
def test_ufunc_methods_in_every_mode(name, kind):
    f = getattr(np, name)
    ordered = name in ("subtract", "divide", "power", "arctan2", "remainder", "copysign")

    def call(x):
        if kind == "reduce":
            return f.reduce(x, axis=1)
        if kind == "reduce keepdims":
            return f.reduce(x, axis=0 if ordered else (0, 1), keepdims=True)
        if kind == "reduce initial":
            return f.reduce(x, initial=0.47) if ordered else f.reduce(x, 1, initial=0.47)
        if kind == "accumulate":
            return f.accumulate(x, axis=1)
        if kind == "outer":
            return f.outer(x, B[0])
        return f.reduceat(x, [0, 2, 1, 3], axis=1)

    close(call(tl.tensor(A, requires_grad=True)), call(A), 1e-12)
    t = direction(A, 3)
    value, slope = jvp(call, (A,), (t,))
    close(slope, central(as_tuple(call), [A], [t], 1e-5)[0], 1e-6)
    u = direction(value, 4)
    _, pull = vjp(call, A)
    close(np.sum(u * slope), np.sum(np.asarray(pull(u)[0] if isinstance(pull(u), tuple) else pull(u)) * t), 1e-10)
    close(vmap(call)(np.stack([A, B])), np.stack([call(A), call(B)]), 1e-12)


@pytest.mark.parametrize("name", WRONG_IN_NUMPY)
def test_reduce_is_the_last_of_accumulate(name):
    f = getattr(np, name)
    close(f.reduce(tl.tensor(A), axis=1), f.accumulate(A, axis=1)[:, -1], 1e-13)


def test_ufunc_reduce_with_where_and_no_elements():
    mask = A > 0.5
    x = tl.tensor(A)
    for f in (np.add, np.multiply, np.logaddexp, np.hypot):
        close(f.reduce(x, axis=1, where=mask), f.reduce(A, axis=1, where=mask), 1e-12)
    close(np.fmax.reduce(x, axis=0, where=mask, initial=-1.0), np.fmax.reduce(A, axis=0, where=mask, initial=-1.0), 1e-12)
    close(np.subtract.reduce(x, axis=0, where=mask, initial=1.0), np.subtract.reduce(A, axis=0, where=mask, initial=1.0), 1e-12)
    assert np.add.reduce(tl.zeros(0)).item() == 0
    assert np.logaddexp.reduce(tl.zeros(0)).item() == -np.inf
    with pytest.raises(RuntimeError, match=r"np\.subtract\.reduce: there is nothing to reduce"):
        np.subtract.reduce(tl.zeros(0))
    with pytest.raises(ValueError, match=r"np\.power\.reduce: .*only one axis"):
        np.power.reduce(x, axis=(0, 1))
    assert np.logical_and.reduce(tl.tensor([True, False])).item() is False
    assert np.logical_xor.reduce(tl.tensor([True, False, True])).item() is False


def test_ufunc_at():
    x = tl.zeros(4, dtype=tl.float64)
    np.add.at(x, [0, 2, 2], [1.0, 2.0, 3.0])
    assert x.tolist() == [1.0, 0.0, 5.0, 0.0]
    v = tl.tensor([1.0, 2.0, 3.0], dtype=tl.float64, requires_grad=True)
    y = tl.zeros(4, dtype=tl.float64)
    np.subtract.at(y, [1, 1, 3], v)
    (y * tl.tensor([1.0, 2.0, 3.0, 4.0], dtype=tl.float64)).sum().backward()
    assert v.grad.tolist() == [-2.0, -2.0, -4.0]
    np.multiply.at(x, [0, 2], 2.0)
    assert x.tolist() == [2.0, 0.0, 10.0, 0.0]
    with pytest.raises(ValueError, match=r"np\.multiply\.at: an index repeats"):
        np.multiply.at(x, [0, 0], 2.0)
    with pytest.raises(TypeError, match=r"np\.add\.at: writes into its first operand.*np\.bincount"):
        np.add.at(np.zeros(4), [0], v[:1])


AXES = {
    "axis": (lambda x, y: np.vecdot(x, y, axis=0), (3, 2), (3, 1)),
    "axis kept": (lambda x, y: np.vecdot(x, y, axis=-2, keepdims=True), (3, 2), (3, 2)),
    "axes of operands": (lambda x, y: np.vecdot(x, y, axes=[0, 1]), (3, 2), (2, 3)),
    "axes of operands and result": (lambda x, y: np.matmul(x, y, axes=[(1, 0), (0, 2), (0, 1)]), (3, 2), (3, 4, 5)),
    "axes of a product": (lambda x, y: np.matmul(x, y, axes=[(1, 0), (-2, -1), (1, 0)]), (3, 2), (3, 4)),
}


@pytest.mark.parametrize(("f", "left", "right"), AXES.values(), ids=AXES)
def test_a_product_along_other_axes_than_the_last(f, left, right):
    rng = np.random.default_rng(0)
    x, y, t = rng.normal(size=left), rng.normal(size=right), rng.normal(size=left)
    found, slope = jvp(lambda x: f(x, tl.tensor(y)), (x,), (t,))
    np.testing.assert_allclose(found, f(x, y), rtol=1e-13)
    np.testing.assert_allclose(slope, f(t, y), rtol=1e-13)
    np.testing.assert_allclose(f(tl.tensor(x), y).numpy(), f(x, y), rtol=1e-13, strict=True)
    with pytest.raises(ValueError, match="axes do not fit the signature"):
        np.matmul(tl.tensor(x), tl.tensor(y), axes=[(1, 0)])
