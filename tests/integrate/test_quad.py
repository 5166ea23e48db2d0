"""`quad`: values, Leibniz' rule in limits and arguments, every mode and the second order, vmap, infinite limits."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, vmap
from tensorflowlite_clone.integrate import quad

pytest.importorskip("scipy")
A, B, K = np.array(0.2), np.array(1.5), np.array([0.7, 1.3])


def bell(a, b, k):
    return quad(lambda x, k: np.exp(-k * x * x), a, b, k, epsabs=1e-12, epsrel=1e-12)[0]


def difference(f, x, step=1e-4):
    along = lambda e: (8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * step)  # noqa: E731
    columns = [along(e) for e in step * np.eye(x.size).reshape(-1, *x.shape)]
    return np.reshape(np.stack(columns, -1), (*np.shape(f(x)), *x.shape))


@pytest.mark.parametrize("k", range(3))
def test_leibniz(k):
    x = [A, B, K]
    f = lambda v: bell(*x[:k], v, *x[k + 1 :])  # noqa: E731
    expected = difference(f, x[k])
    for mode in (jacrev, jacfwd):
        np.testing.assert_allclose(mode(f)(x[k]), expected, rtol=1e-9)
    second = difference(jacrev(f), x[k])
    for mode in (jacrev(jacfwd(f)), jacfwd(jacrev(f)), jacfwd(jacfwd(f)), jacrev(jacrev(f))):
        np.testing.assert_allclose(mode(x[k]), second, rtol=1e-8, atol=1e-12)


def test_mixed_second_derivatives():
    f = lambda a, b, k: np.sum(np.sin(bell(a, b, k)))  # noqa: E731
    blocks = hessian(f, (0, 1, 2))(A, B, K)
    np.testing.assert_allclose(blocks[2][0], difference(lambda a: grad(f, 2)(a, B, K), A), rtol=1e-8)
    np.testing.assert_allclose(blocks[0][1], difference(lambda b: grad(f, 0)(A, b, K), B), rtol=1e-8)


def test_vmap_over_arguments_and_limits():
    ks = np.stack([K, 2 * K])
    np.testing.assert_allclose(vmap(bell, (None, None, 0))(A, B, ks), np.stack([bell(A, B, k) for k in ks]), rtol=1e-10)
    bs = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(vmap(bell, (None, 0, None))(A, bs, K), np.stack([bell(A, b, K) for b in bs]), rtol=1e-10)
    np.testing.assert_allclose(vmap(grad(lambda b: bell(A, b, K)[0]))(bs), np.exp(-K[0] * bs**2), rtol=1e-10)


def test_infinite_limits_have_no_derivative_of_their_own():
    f = lambda k: quad(lambda x, k: np.exp(-k * x), 0.0, np.inf, k)[0]  # noqa: E731
    assert [float(g(np.array(2.0))) for g in (f, grad(f), grad(grad(f)))] == pytest.approx([0.5, -0.25, 0.25], rel=1e-7)
    assert grad(lambda b: quad(lambda x: np.exp(-x), 0.0, b)[0])(np.array(np.inf)) == 0


def test_complex_nested_and_tensors():
    f = lambda w: np.real(quad(lambda x, p: np.exp(1j * p["w"] * x), 0.0, 1.0, {"w": w, "name": "phase"})[0])  # noqa: E731
    assert grad(f)(np.array(1.3)) == pytest.approx(np.cos(1.3) / 1.3 - np.sin(1.3) / 1.3**2, rel=1e-9)
    k = tl.tensor(2.0, requires_grad=True)
    value, _ = quad(lambda x, k: tl.exp(-k * x), 0.0, 1.0, k)
    value.backward()
    assert (type(value), k.grad.dtype) == (tl.Tensor, tl.float32)
    assert k.grad.item() == pytest.approx(-(1 - 3 * np.exp(-2)) / 4, rel=1e-5)


def test_errors():
    with pytest.raises(TypeError, match="limits must be real numbers"):
        quad(np.sin, np.zeros(2), 1.0)
    with pytest.raises(RuntimeError, match="none of its arguments"):
        grad(lambda k: quad(lambda x: np.sin(k * x), 0.0, 1.0)[0])(np.array(1.0))
