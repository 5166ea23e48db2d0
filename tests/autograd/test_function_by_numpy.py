"""A `Function` whose backward (or jvp) computes in NumPy: right under every transform, or refused; never a derivative of zero.

The functions differ in what leaves the tensors, and how; the transforms are all that take a derivative or map.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, TransformError
from tensorflowlite_clone.autograd import Function
from tensorflowlite_clone.func import grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, vjp, vmap

X = np.array([0.3, -0.8, 1.1])
MATRIX = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 2.0, 1.0]])


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def tensor(a):
    return tl.tensor(np.asarray(a))


def softmax_gradient(g, x):
    p = softmax(x)
    return p * (g - p @ g)


def by_lists(g, x):
    return tl.tensor([a * np.cos(b) for a, b in zip(g.tolist(), x.tolist(), strict=True)], dtype=tl.float64)


def by_numbers(g, x):
    return g * tl.tensor([np.cos(v.detach().item()) for v in x], dtype=tl.float64)


def values(x):
    return x.detach().numpy()


#: Functions, and what backward makes of the cotangent g and the argument x: by NumPy alone, or the one of them.
BACKWARD = {
    "sin": (np.sin, lambda g, x: tensor(values(g) * np.cos(values(x)))),
    "sin of x": (np.sin, lambda g, x: g * tensor(np.cos(values(x)))),
    "sin of g": (np.sin, lambda g, x: tensor(values(g)) * np.cos(x)),
    "sin by lists": (np.sin, by_lists),
    "sin by numbers": (np.sin, by_numbers),
    "sin after operations": (np.sin, lambda g, x: g * tensor(np.cos(values(x * 2.0) / 2.0))),
    "sin, detached": (np.sin, lambda g, x: g.detach() * np.cos(x)),
    "matrix": (lambda x: MATRIX @ x, lambda g, x: tensor(MATRIX.T @ values(g))),
    "softmax": (softmax, lambda g, x: tensor(softmax_gradient(values(g), values(x)))),
}


def made(name, old_style):
    f, rule = BACKWARD[name]

    class ByNumpy(Function):
        if old_style:

            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return tensor(f(values(x)))

        else:

            @staticmethod
            def forward(x):
                return tensor(f(values(x)))

            @staticmethod
            def setup_context(ctx, inputs, output):
                ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return rule(g, *ctx.saved_tensors)

    return ByNumpy.apply


def plain(name):
    """The same function in tensor operations."""
    if name == "matrix":
        return lambda x: tl.tensor(MATRIX) @ x
    return (lambda x: tl.softmax(x, 0)) if name == "softmax" else np.sin


W = tl.tensor([1.0, -2.0, 0.7], dtype=tl.float64)
POINTS = tl.tensor(np.stack([X, X + 0.2, 2 * X]))
T = tl.tensor(X)
D = tl.tensor([0.5, 1.0, -1.0], dtype=tl.float64)
TRANSFORMS = {
    "jvp": lambda f: jvp(f, (T,), (D,))[1],
    "jacfwd": lambda f: jacfwd(f)(T),
    "jacrev": lambda f: jacrev(f)(T),
    "vjp": lambda f: vjp(f, T)[1](W)[0],
    "grad": lambda f: grad(lambda x: (f(x) * W).sum())(T),
    "linearize": lambda f: linearize(f, T)[1](D),
    "hessian": lambda f: hessian(lambda x: (f(x) * W).sum())(T),
    "hessian of squares": lambda f: hessian(lambda x: (f(x) ** 2).sum())(T),
    "hvp": lambda f: hvp(lambda x: (f(x) ** 2).sum(), T, D)[1],
    "grad of grad": lambda f: grad(lambda x: (grad(lambda x: (f(x) ** 2).sum())(x) * W).sum())(T),
    "jacrev of jacrev": lambda f: jacrev(jacrev(f))(T),
    "jacrev of jacfwd": lambda f: jacrev(jacfwd(f))(T),
    "vmap": lambda f: vmap(f)(POINTS),
    "vmap of grad": lambda f: vmap(grad(lambda x: (f(x) * W).sum()))(POINTS),
    "vmap of jacrev": lambda f: vmap(jacrev(f))(POINTS),
    "jacrev of vmap": lambda f: jacrev(lambda x: vmap(f)(x).sum(0))(POINTS),
    "vmap of vmap": lambda f: vmap(vmap(jacrev(f)))(tl.stack([POINTS, POINTS + 0.1])),
    "vmap of vjp over cotangents": lambda f: vmap(lambda w: vjp(f, T)[1](w)[0])(POINTS),
    "vmap of hessian": lambda f: vmap(hessian(lambda x: (f(x) ** 2).sum()))(POINTS),
}
#: Where one derivative is taken, in reverse: there NumPy is as good as anything.
RIGHT = {"jacrev", "vjp", "grad", "vmap", "vmap of grad", "vmap of jacrev", "jacrev of vmap", "vmap of vmap", "vmap of vjp over cotangents"}


@pytest.mark.filterwarnings("ignore:.*the copy of a tensor")
@pytest.mark.parametrize("old_style", [False, True])
@pytest.mark.parametrize(("name", "transform"), [*itertools.product(BACKWARD, TRANSFORMS)])
def test_the_derivative_or_an_error(name, transform, old_style):
    run, right = TRANSFORMS[transform], plain(name)
    expected = run(right).numpy()
    try:
        found = run(made(name, old_style)).numpy()
    except (TransformError, GraphError) as error:
        assert transform not in RIGHT, error
        assert any(s in str(error) for s in ("which would be lost", "ByNumpy: ", "inside vmap")), error
        return
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


class Mask(Function):
    """A derivative of a derivative that is truly 0, and detached by the way."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return tl.relu(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.detach() > 0)


class Staircase(Function):
    """No derivative at all."""

    @staticmethod
    def forward(ctx, x):
        return tl.tensor(np.floor(values(x)))

    @staticmethod
    def backward(ctx, g):
        return tl.zeros(3, dtype=tl.float64)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_true_zeros_are_no_error(transform):
    np.testing.assert_allclose(TRANSFORMS[transform](Mask.apply).numpy(), TRANSFORMS[transform](tl.relu).numpy())
    np.testing.assert_allclose(TRANSFORMS[transform](Staircase.apply).numpy(), TRANSFORMS[transform](tl.floor).numpy())


def test_the_row_itself():
    sine = made("sin", old_style=True)
    for run in (TRANSFORMS["jvp"], TRANSFORMS["jacfwd"], TRANSFORMS["hessian"]):
        with pytest.raises(
            TransformError, match=r"ByNumpy: backward takes values out of tensors \(numpy\).*which would be lost.*without detach"
        ):
            run(sine)
    with pytest.raises(TransformError, match="ByNumpy: backward returns a gradient that does not depend on its cotangent"):
        TRANSFORMS["jvp"](made("sin, detached", old_style=True))


def test_one_call_for_each_example():
    calls = []

    class Counted(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.scale = 2.0
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            calls.append(g.detach().numpy().shape)
            return tl.tensor(ctx.scale * g.detach().numpy())

    np.testing.assert_allclose(jacrev(Counted.apply)(T).numpy(), 2 * np.eye(3))
    assert calls == [(3,)] * 3


class OwnJvp(Function):
    """The sine with a jvp in NumPy."""

    @staticmethod
    def forward(x):
        return tl.tensor(np.sin(values(x)))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_forward(*inputs)

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return tl.tensor(t.detach().numpy() * np.cos(x.detach().numpy()))


def test_a_jvp_by_numpy():
    for transform in ("jvp", "jacfwd"):
        np.testing.assert_allclose(TRANSFORMS[transform](OwnJvp.apply).numpy(), TRANSFORMS[transform](np.sin).numpy(), rtol=1e-9)
    for transform in ("hessian", "jacrev of jacfwd", "grad of grad"):
        with pytest.raises(TransformError, match=r"OwnJvp: jvp takes values out of tensors|inside vmap"):
            TRANSFORMS[transform](OwnJvp.apply)
