"""A number that a transform follows, given where functions take plain numbers: differentiated or refused, never silently a constant."""

import copy

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, hessian, jacfwd, jvp, vmap

F = tl.nn.functional
X = tl.tensor([0.3, -0.7, 1.2, 2.0], dtype=tl.float64)
PROBABILITIES = tl.tensor([0.1, 0.5, 0.98], dtype=tl.float64)
T = tl.tensor(0.41, dtype=tl.float64)

COPIES = {
    "scalar_tensor": lambda t: tl.scalar_tensor(t),
    "full": lambda t: tl.full((2,), t),
    "full_like": lambda t: tl.full_like(X, t),
    "new_full": lambda t: X.new_full((2,), t),
}


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_of_followed_numbers_is_refused(name):
    make = COPIES[name]
    for run in (
        lambda: grad(lambda t: make(t).sum())(T),
        lambda: grad(lambda t: make(t * 2.0).sum())(T),
        lambda: jvp(make, (T,), (T,)),
        lambda: vmap(make)(tl.stack([T, T])),
        lambda: grad(grad(lambda t: make(t).sum()))(T),
        lambda: vmap(grad(lambda t: make(t).sum()))(tl.stack([T, T])),
    ):
        with pytest.raises(TypeError, match=r"(inside a transform|belongs to a function transform).*; |must be a number"):
            run()


def test_the_shape_of_a_window_is_a_plain_number():
    for run in (lambda f: grad(lambda t: f(t).sum())(T), lambda f: jvp(f, (T,), (T,)), lambda f: vmap(f)(T[None])):
        with pytest.raises(TypeError, match="kaiser_window: beta must be a number"):
            run(lambda t: tl.kaiser_window(5, beta=t))
    assert tl.kaiser_window(5, beta=T).shape == (5,)


def test_a_copy_of_a_constant_inside_a_transform_is_no_error():
    constant = tl.tensor(3.0)
    made = grad(lambda t: t * tl.tensor([constant, 2.0]).sum() * tl.full((2,), constant).sum() * tl.tensor(t.detach()))(T)
    assert made.item() == pytest.approx(5.0 * 6.0 * 0.41)


FOLLOWED = {
    "tensor": (lambda t: tl.tensor(t) * X, lambda t: t * X),
    "tensor of a list": (lambda t: tl.tensor([t, 2.0]), lambda t: tl.stack([t, 2.0 + 0.0 * t])),
    "as_tensor of a list": (lambda t: tl.as_tensor([t, t]), lambda t: tl.stack([t, t])),
    "new_tensor": (lambda t: X.new_tensor(t) * X, lambda t: t * X),
    "hardtanh": (lambda t: F.hardtanh(X, -t, t), lambda t: X.clamp(-t, t)),
    "hardtanh, one bound": (lambda t: F.hardtanh(X, -1.0, t), lambda t: X.clamp(-1.0, t)),
    "logit": (lambda t: tl.logit(PROBABILITIES, eps=t / 4), lambda t: tl.logit(PROBABILITIES.clamp(t / 4, 1 - t / 4))),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_followed_parameter_is_differentiated(name):
    made, plain = FOLLOWED[name]
    for f, g in ((made, plain), (lambda t: (made(t) ** 2).sum(), lambda t: (plain(t) ** 2).sum())):
        np.testing.assert_allclose(jacfwd(f)(T).numpy(), jacfwd(g)(T).numpy(), rtol=1e-7, atol=1e-12)
        assert jacfwd(f)(T).abs().sum() > 0
    np.testing.assert_allclose(hessian(f)(T).numpy(), hessian(g)(T).numpy(), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(made(T).numpy(), plain(T).numpy(), rtol=1e-7, atol=1e-12)  # logit(0.5) is zero but for rounding


NUMBERS_ONLY = {
    "leaky_relu": (lambda t: F.leaky_relu(X, t), "leaky_relu: negative_slope must be a number"),
    "elu": (lambda t: F.elu(X, t), "elu: alpha must be a number"),
    "softplus": (lambda t: F.softplus(X, t), "softplus: beta must be a number"),
    "var": (lambda t: tl.var(X, correction=t), "var: correction must be a number"),
    "layer_norm": (lambda t: F.layer_norm(X, (4,), eps=t), "layer_norm: eps must be a number"),
    "label smoothing": (
        lambda t: F.cross_entropy(X[None], tl.tensor([1]), label_smoothing=t),
        "cross_entropy: .*smoothing must be a number",
    ),
}


@pytest.mark.parametrize("name", NUMBERS_ONLY)
def test_a_followed_parameter_that_must_be_a_number_is_refused_by_name(name):
    f, message = NUMBERS_ONLY[name]
    for run in (
        lambda: grad(lambda t: f(t).sum())(T),
        lambda: jvp(f, (T,), (T,)),
        lambda: f(T.clone().requires_grad_()),
    ):
        with pytest.raises(TypeError, match=message):
            run()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda v: copy.deepcopy([v, {"v": v * 1}])[1]["v"]])
def test_copies_by_the_copy_module_are_followed(copied):
    """What a transform is given is a leaf, and a copy of it was a constant: the gradient was 0."""
    x, f = np.array([0.3, 0.5]), lambda v: np.sum(copied(v) ** 2)
    for inputs in (x, tl.tensor(x)):
        np.testing.assert_allclose(grad(f)(inputs), 2 * x)
        np.testing.assert_allclose(jvp(f, (inputs,), (inputs,))[1], 2 * np.sum(x * x))
        np.testing.assert_allclose(vmap(lambda v: copied(v) ** 2)(inputs), x**2)
        np.testing.assert_allclose(hessian(f)(inputs), 2 * np.eye(2), atol=1e-15)

    def writes(v):
        w = copied(v)
        w[0] = 7.0
        return np.sum(v * w)

    np.testing.assert_allclose(grad(writes)(x), [7.0, 2 * x[1]])


EMATH = {
    "sqrt": 1, "log": 1, "log2": 1, "log10": 1, "arccos": 1, "arcsin": 1, "arctanh": 1,
    "logn": lambda v: np.emath.logn(v, np.array([2.0, 3.0])), "power": lambda v: np.emath.power(v, -2),
}  # fmt: skip


@pytest.mark.parametrize("x", [np.array([0.3, 0.5]), np.array([0.3, -2.5]), np.array([1.5, 2.5])], ids=str)
@pytest.mark.parametrize("name", EMATH)
def test_functions_that_become_complex_where_they_must(name, x):
    f = EMATH[name] if callable(EMATH[name]) else getattr(np.emath, name)
    expected = f(x)
    assert f(tl.tensor(x)).numpy().dtype == expected.dtype
    np.testing.assert_allclose(f(tl.tensor(x)), expected)
    np.testing.assert_allclose(vmap(f)(x[None]), expected[None])
    v, e = np.array([0.7, -0.4]), 1e-6
    slope = (f(x + e * v) - f(x - e * v)) / (2 * e)
    np.testing.assert_allclose(jvp(f, (x,), (v,))[1], slope, rtol=1e-6)
    for part in (np.real, np.imag):
        np.testing.assert_allclose(grad(lambda x, part=part: np.sum(part(f(x))))(x) @ v, np.sum(part(slope)), rtol=1e-6, atol=1e-9)
