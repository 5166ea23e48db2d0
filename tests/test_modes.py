"""All modes of differentiation, alone and nested, on functions of many operations, against central differences and PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap

rng = np.random.default_rng(0)
X, Y, W = rng.normal(size=(3, 4)), rng.normal(size=4) + 3.0, rng.normal(size=(4, 2))
D, E = rng.normal(size=X.shape), rng.normal(size=X.shape)
B = rng.normal(size=(5, 3, 4))


def softmax(z):
    e = np.exp(z)
    return e / np.sum(e, axis=-1, keepdims=True)


def f(x, y=Y, w=W):
    """Fifteen operations: products, quotients, broadcasting, matmul, reductions, indexing, joining, shapes."""
    h = np.tanh(x * y) + np.exp(x) / y  # (3, 4)
    z = np.matmul(h, w)  # (3, 2)
    picked = np.concatenate([x, h], axis=0)[[0, 1, 1], :]  # (3, 4)
    turned = np.reshape(np.transpose(h), (3, 4))
    return np.sum(softmax(z) * z) + np.sum(np.sin(x)[1:] * h[1:]) + np.sum(picked * h - np.cos(turned))


def difference(function, x, d, step=1e-5):
    return (8 * (function(x + step * d) - function(x - step * d)) - (function(x + 2 * step * d) - function(x - 2 * step * d))) / (12 * step)


def close(a, b, tolerance=1e-7):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(np.max(np.abs(b)))))


HD = difference(grad(f), X, D)  # the Hessian of f times D


def gw(x):
    """The gradient with respect to the shared weight for one example."""
    return grad(lambda w: f(x, Y, w))(W)


def test_grad():
    close(np.sum(grad(f)(X) * D), difference(f, X, D))


def test_grad_of_several_arguments():
    gx, gy, gw_ = grad(f, argnums=(0, 1, 2))(X, Y, W)
    close(gx, grad(f)(X))
    close(gy, grad(lambda y: f(X, y))(Y))
    close(gw_, gw(X))


def test_jvp():
    value, slope = jvp(f, (X,), (D,))
    close(value, f(X))
    close(slope, difference(f, X, D))


def test_forward_over_reverse():
    close(jvp(grad(f), (X,), (D,))[1], HD)


def test_reverse_over_forward():
    close(grad(lambda x: jvp(f, (x,), (D,))[1])(X), HD)


def test_reverse_over_reverse():
    close(grad(lambda x: np.sum(grad(f)(x) * D))(X), HD)


def test_forward_over_forward():
    close(jvp(lambda x: jvp(f, (x,), (D,))[1], (X,), (E,))[1], np.sum(HD * E))


def test_create_graph_then_backward():
    x = tl.tensor(X, requires_grad=True)
    (g,) = tl.autograd.grad(f(x), x, create_graph=True)
    np.sum(g * D).backward()
    close(x.grad.numpy(), HD)


def test_vmap():
    close(vmap(f)(B), [f(b) for b in B])


def test_vmap_of_grad():
    close(vmap(grad(f))(B), [grad(f)(b) for b in B])


def test_per_sample_gradients_of_a_shared_weight():
    close(vmap(gw)(B), [gw(b) for b in B])


def test_grad_of_vmap_for_a_shared_weight():
    close(grad(lambda w: np.sum(vmap(lambda x: f(x, Y, w))(B)))(W), sum(gw(b) for b in B))


def test_jvp_of_vmap_and_vmap_of_jvp():
    expected = [jvp(f, (b,), (b,))[1] for b in B]
    close(jvp(lambda b: vmap(f)(b), (B,), (B,))[1], expected)
    close(vmap(lambda b: jvp(f, (b,), (b,))[1])(B), expected)


def test_hessian_in_four_ways():
    by_rows = vmap(lambda d: jvp(grad(f), (X,), (np.reshape(d, (3, 4)),))[1])(np.eye(12)).reshape(12, 12)
    for h in (by_rows, hessian(f)(X).reshape(12, 12), jacrev(grad(f))(X).reshape(12, 12), jacfwd(jacfwd(f))(X).reshape(12, 12)):
        close(h @ D.ravel(), HD.ravel())
        close(h, h.T)


def derivative(h, v):
    return jvp(h, (v,), (np.ones(()),))[1]


def test_perturbation_confusion():
    one, three = np.asarray(1.0), np.asarray(3.0)
    assert derivative(lambda x: x * derivative(lambda y: x + y, one), three) == 1.0
    assert derivative(lambda x: x * derivative(lambda y: x, one), three) == 0.0
    assert grad(lambda x: x * grad(lambda y: x + y)(one))(three) == 1.0
    assert grad(lambda x: x * derivative(lambda y: x * y, one))(three) == 6.0


def test_fourth_derivative():
    fourth = grad(grad(grad(grad(lambda t: np.sin(t) * t))))(np.asarray(0.7))
    close(fourth, np.sin(0.7) * 0.7 - 4 * np.cos(0.7), 1e-12)


# ---- every nesting to depth 3 -----------------------------------------------------------------------------------------------
MODES = {
    "grad": lambda h: lambda x: np.sum(grad(h)(x) * D),
    "jvp": lambda h: lambda x: jvp(h, (x,), (D,))[1],
    "vmap": lambda h: lambda x: np.sum(vmap(h)(np.stack([x, x * 0.5]))),
}


@pytest.mark.parametrize("modes", [m for n in (1, 2, 3) for m in itertools.product(MODES, repeat=n)], ids="-".join)
def test_nesting_equals_central_difference_of_the_outermost_derivative(modes):
    """The outermost derivative of each nesting against differences of the nesting inside it, which shorter cases check."""
    inner = f
    for mode in reversed(modes[1:]):
        inner = MODES[mode](inner)
    value = MODES[modes[0]](inner)(X)
    expected = inner(X) + inner(X * 0.5) if modes[0] == "vmap" else difference(inner, X, D, 1e-4)
    close(value, expected, 1e-6)


def test_nestings_equal_torch():
    torch = pytest.importorskip("torch")
    from torch.func import grad as tgrad
    from torch.func import hessian as thessian
    from torch.func import jvp as tjvp
    from torch.func import vmap as tvmap

    tx, ty, tw, td = (torch.tensor(a) for a in (X, Y, W, D))

    def tf(x):
        h = torch.tanh(x * ty) + torch.exp(x) / ty
        z = h @ tw
        e = torch.exp(z)
        picked = torch.cat([x, h], 0)[[0, 1, 1], :]
        turned = h.T.reshape(3, 4)
        soft = e / e.sum(-1, keepdim=True)
        return (soft * z).sum() + (torch.sin(x)[1:] * h[1:]).sum() + (picked * h - torch.cos(turned)).sum()

    close(f(X), tf(tx).numpy(), 1e-12)
    close(grad(f)(X), tgrad(tf)(tx).numpy(), 1e-12)
    close(hessian(f)(X), thessian(tf)(tx).numpy(), 1e-11)
    third = grad(lambda x: jvp(lambda x: np.sum(grad(f)(x) * D), (x,), (D,))[1])(X)
    close(third, tgrad(lambda x: tjvp(lambda x: (tgrad(tf)(x) * td).sum(), (x,), (td,))[1])(tx).numpy(), 1e-10)
    close(vmap(hessian(f))(B), tvmap(thessian(tf))(torch.tensor(B)).numpy(), 1e-11)


# ---- the transforms' own contract -------------------------------------------------------------------------------------------
def test_tensors_in_tensors_out_arrays_in_arrays_out():
    assert isinstance(grad(f)(tl.tensor(X)), tl.Tensor)
    assert isinstance(grad(f)(X), np.ndarray)
    close(grad(f)(tl.tensor(X)).numpy(), grad(f)(X), 1e-14)


def test_nested_containers():
    params = {"w": W, "b": [np.ones(2), np.zeros(())]}

    def loss(p, x):
        return np.sum(np.matmul(x, p["w"]) * p["b"][0] + p["b"][1])

    g = grad(loss)(params, X)
    assert set(g) == {"w", "b"}
    close(g["b"][0], np.sum(X @ W, axis=0))
    close(g["b"][1], 6.0)


def test_grad_and_value_and_aux():
    g, (value, aux) = grad_and_value(lambda x: (np.sum(x * x), {"double": x * 2}), has_aux=True)(X)
    close(g, 2 * X)
    close(value, np.sum(X * X))
    close(aux["double"], 2 * X)


def test_vjp_can_be_pulled_twice():
    y, pull = vjp(lambda x, w: np.matmul(x, w), X, W)
    for u in (np.ones_like(y), y):
        gx, gw_ = pull(u)
        close(gx, u @ W.T)
        close(gw_, X.T @ u)


def test_vmap_in_and_out_dims():
    out = vmap(lambda x, w: np.matmul(x, w), in_dims=(2, None), out_dims=1)(np.moveaxis(B, 0, 2), W)
    close(out, np.stack([b @ W for b in B], axis=1))


def test_unused_arguments_have_zero_derivatives():
    close(grad(lambda x, y: np.sum(y * 2.0), argnums=0)(X, Y), np.zeros_like(X))
    close(jvp(lambda x: np.sum(Y), (X,), (D,))[1], 0.0)
    close(vmap(lambda x: np.sum(Y))(B), np.full(5, np.sum(Y)))


def test_no_grad_outside_a_transform_does_not_stop_it():
    with tl.no_grad():
        close(grad(f)(X), grad(f)(X))
        assert np.any(grad(f)(X))


def test_no_grad_inside_is_a_constant():
    def h(x):
        with tl.no_grad():
            c = x * x
        return np.sum(x - c)

    close(grad(h)(X), np.ones_like(X))


def test_gradient_flows_to_outer_tensors():
    w = tl.tensor(W, requires_grad=True)
    out = grad(lambda x: f(x, Y, w))(tl.tensor(X))
    (out * tl.tensor(D)).sum().backward()
    close(w.grad.numpy(), grad(lambda w: np.sum(grad(lambda x: f(x, Y, w))(X) * D))(W))


def test_constants_inside_a_jvp_are_tensors():
    """Results without a derivative still have a tensor's methods."""
    value, slope = jvp(lambda x: (x > 0).float() * x + x.argmax(0).double().sum() * 0.0, (X,), (D,))
    close(value, np.where(X > 0, X, 0.0), 1e-6)
    close(slope, np.where(X > 0, D, 0.0), 1e-6)
    assert isinstance(jvp(lambda x: x > 0, (X,), (D,))[0], np.ndarray)


def test_detach_inside_transforms():
    close(jvp(lambda x: x * x.detach(), (X,), (D,))[1], X * D)
    close(grad(lambda x: np.sum(x * x.detach()))(X), X)
    close(vmap(grad(lambda x: np.sum(x * x.detach())))(B), B)
    close(jvp(grad(lambda x: np.sum(x * x.detach())), (X,), (D,))[1], 0 * D)


@pytest.mark.parametrize("order", [1, -1])
def test_a_leaf_made_inside_a_transform_is_differentiated_there(order):
    """The leaf has the level of the transform it is made in, and its tape is the inner one, whichever operand comes first."""

    def slope(x):
        w = tl.tensor([2.0, 3.0, 4.0], dtype=tl.float64, requires_grad=True)
        factors = (x**2, w**3)[::order]
        return tl.autograd.grad((factors[0] * factors[1]).sum(), w)[0]

    x, t, w = X[:2, :3], D[:2, :3], np.array([2.0, 3.0, 4.0])
    expected = np.stack([3 * x**2 * w**2, 6 * x * t * w**2])
    close(vmap(slope)(x), expected[0])
    close(np.stack(jvp(slope, (x[0],), (t[0],))), expected[:, 0])
    close(np.stack(jvp(vmap(slope), (x,), (t,))), expected)
    close(np.stack(vmap(lambda x, t: jvp(slope, (x,), (t,)))(x, t)), expected)
