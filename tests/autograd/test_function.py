"""`autograd.Function`: every way to write one, in every transform."""

from __future__ import annotations

import numpy as np
import pytest
from function_styles import ROWS, STYLES, ComputedInSetup, Generated, NewStyle, OldStyle, Scaled, WithVmap, X, cube

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import TransformError
from tensorflowlite_clone.autograd import Function, gradcheck, gradgradcheck
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap


@pytest.mark.parametrize("style", STYLES)
def test_the_value_is_recorded_and_backward_gives_the_gradient(style):
    x = tl.tensor(X, requires_grad=True)
    y = style.apply(x, 3)
    np.testing.assert_allclose(y.detach().numpy(), X**3)
    assert style.__name__ in repr(y)
    y.backward(tl.tensor(X))
    np.testing.assert_allclose(x.grad.numpy(), 3 * X**3)
    assert x.grad.dtype == tl.float64


@pytest.mark.parametrize("style", STYLES)
def test_backward_is_differentiated_again(style):
    x = tl.tensor(X, requires_grad=True)
    g = style.apply(x, 4)
    for factor in (4 * X**3, 12 * X**2, 24 * X, np.full(3, 24.0)):
        (g,) = tl.autograd.grad(g.sum(), x, create_graph=True)
        np.testing.assert_allclose(g.detach().numpy(), factor)


def test_the_gradient_with_respect_to_the_cotangent_is_recorded():
    x, v = tl.tensor(X, requires_grad=True), tl.tensor(X, requires_grad=True)
    (g,) = tl.autograd.grad(OldStyle.apply(x, 3), x, v, create_graph=True)
    (dv,) = tl.autograd.grad(g.sum(), v)
    np.testing.assert_allclose(dv.numpy(), 3 * X**2)


NESTINGS = {
    "grad": (lambda f, s: grad(s), lambda x: 3 * x**2),
    "vjp": (lambda f, s: lambda x: vjp(f, x)[1](x)[0], lambda x: 3 * x**3),
    "jvp": (lambda f, s: lambda x: jvp(f, (x,), (x,))[1], lambda x: 3 * x**3),
    "linearize": (lambda f, s: lambda x: linearize(f, x)[1](x), lambda x: 3 * x**3),
    "grad of grad": (lambda f, s: grad(lambda x: tl.sum(grad(s)(x) * x)), lambda x: 9 * x**2),
    "grad of grad of grad": (lambda f, s: grad(lambda x: tl.sum(grad(lambda x: tl.sum(grad(s)(x)))(x))), lambda x: 6 + 0 * x),
    "jvp of grad": (lambda f, s: lambda x: jvp(grad(s), (x,), (x,))[1], lambda x: 6 * x**2),
    "grad of jvp": (lambda f, s: grad(lambda x: tl.sum(jvp(f, (x,), (x * x,))[1])), lambda x: 12 * x**3),
    "jvp of jvp": (lambda f, s: lambda x: jvp(lambda x: jvp(f, (x,), (x,))[1], (x,), (x,))[1], lambda x: 9 * x**3),
    "hessian": (lambda f, s: hessian(s), lambda x: np.diag(6 * x)),
    "jacrev of jacrev": (lambda f, s: jacrev(jacrev(s)), lambda x: np.diag(6 * x)),
    "jacfwd of jacfwd": (lambda f, s: jacfwd(jacfwd(s)), lambda x: np.diag(6 * x)),
    "jacrev of jacfwd": (lambda f, s: jacrev(jacfwd(s)), lambda x: np.diag(6 * x)),
}


@pytest.mark.parametrize("name", NESTINGS)
@pytest.mark.parametrize("style", [*STYLES, ComputedInSetup])
def test_every_nesting_of_derivatives(style, name):
    transform, expected = NESTINGS[name]
    f = cube(style)
    np.testing.assert_allclose(transform(f, lambda x: tl.sum(f(x)))(X), expected(X), atol=1e-12)


@pytest.mark.parametrize("name", NESTINGS)
@pytest.mark.parametrize("style", [*STYLES, ComputedInSetup])
def test_derivatives_of_each_example(style, name):
    transform, expected = NESTINGS[name]
    f = cube(style)
    derivative = vmap(transform(f, lambda x: tl.sum(f(x))))
    np.testing.assert_allclose(derivative(ROWS), np.stack([expected(r) for r in ROWS]), atol=1e-12)


@pytest.mark.parametrize("style", [*STYLES, ComputedInSetup])
def test_vmap_inside_of_derivatives(style):
    f = cube(style)
    np.testing.assert_allclose(vmap(f)(ROWS), ROWS**3)
    np.testing.assert_allclose(vmap(vmap(f), in_dims=1, out_dims=1)(ROWS), ROWS**3)
    np.testing.assert_allclose(grad(lambda x: tl.sum(vmap(f)(x)))(ROWS), 3 * ROWS**2)
    np.testing.assert_allclose(jvp(vmap(f), (ROWS,), (ROWS,))[1], 3 * ROWS**3)
    np.testing.assert_allclose(grad(lambda x: tl.sum(grad(lambda x: tl.sum(vmap(f)(x)))(x)))(ROWS), 6 * ROWS)
    if style is ComputedInSetup:  # to create_graph alone what it computes is a constant, as in PyTorch
        return
    x = tl.tensor(ROWS, requires_grad=True)
    (g,) = tl.autograd.grad(vmap(f)(x).sum(), x, create_graph=True)
    g.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * ROWS)


def test_only_a_function_without_a_vmap_rule_is_looped():
    before = dict(LOOPED)
    for style in (OldStyle, Generated, WithVmap):
        vmap(lambda x, style=style: style.apply(x, 2))(tl.tensor(ROWS))
    assert LOOPED["OldStyle"] == before.get("OldStyle", 0) + 1
    assert LOOPED.get("Generated", 0) == LOOPED.get("WithVmap", 0) == 0


@pytest.mark.parametrize("style", STYLES)
def test_gradcheck_passes(style):
    x = tl.tensor(X, requires_grad=True)
    assert gradcheck(
        lambda x: style.apply(x, 3),
        x,
        check_forward_ad=True,
        check_batched_grad=True,
        check_batched_forward_grad=True,
        check_grad_dtypes=True,
    )
    assert gradgradcheck(lambda x: style.apply(x, 3), x, check_fwd_over_rev=True, check_batched_grad=True)


# ---- shared arguments and several results under vmap ------------------------------------------------------------------------------------
class ScaledGenerated(Scaled):
    generate_vmap_rule = True


class ScaledByHand(Scaled):
    @staticmethod
    def vmap(info, in_dims, x, w):
        a, b = in_dims
        x = x.movedim(a, 0) if a is not None else x.expand(info.batch_size, *x.shape)
        w = w.movedim(b, -1) if b is not None else w.unsqueeze(-1)
        return ((x.movedim(0, -1) * w), (x * x).sum(-1)), (-1, 0)


@pytest.mark.parametrize("dims", [(0, None), (None, 0), (0, 0), (1, None)])
@pytest.mark.parametrize("style", [Scaled, ScaledGenerated, ScaledByHand])
def test_arguments_that_all_examples_share(style, dims):
    rng = np.random.default_rng(1)
    args = [rng.normal(size=3 if d is None else (4, 3) if d == 0 else (3, 4)) for d in dims]

    def loss(apply):
        def f(x, w):
            a, b = apply(x, w)
            return tl.sum(a * a) + tl.sum(b * b)

        return f

    def plain(x, w):
        return x * w, (x * x).sum()

    def own(x, w):
        return style.apply(x, w)

    tensors = tuple(map(tl.tensor, args))
    for apply in (own,):
        mine = vmap(apply, in_dims=dims)(*tensors)
        theirs = vmap(plain, in_dims=dims)(*tensors)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy())
    for argnum in (0, 1):
        np.testing.assert_allclose(
            grad(loss(vmap(own, in_dims=dims)), argnum)(*tensors).numpy(), grad(loss(vmap(plain, in_dims=dims)), argnum)(*tensors).numpy()
        )
        np.testing.assert_allclose(
            vmap(grad(loss(own), argnum), in_dims=dims)(*tensors).numpy(), vmap(grad(loss(plain), argnum), in_dims=dims)(*tensors).numpy()
        )
    _, mine = jvp(vmap(own, in_dims=dims), tensors, tensors)
    _, theirs = jvp(vmap(plain, in_dims=dims), tensors, tensors)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy())


@pytest.mark.parametrize("style", [OldStyle, Generated, NewStyle])
def test_an_empty_batch(style):
    x = tl.zeros(0, 3, dtype=tl.float64, requires_grad=True)
    y = vmap(lambda x: style.apply(x, 2))(x)
    assert y.shape == (0, 3)
    y.sum().backward()
    assert x.grad.shape == (0, 3)


def test_random_numbers_in_a_looped_forward():
    class Noise(Function):
        @staticmethod
        def forward(ctx, x):
            return x + tl.rand(2, dtype=tl.float64)

        @staticmethod
        def backward(ctx, g):
            return g

    x = tl.zeros(3, 2, dtype=tl.float64)
    assert np.unique(vmap(Noise.apply, randomness="different")(x).numpy()).size == 6
    assert np.unique(vmap(Noise.apply, randomness="same")(x).numpy()).size == 2
    with pytest.raises(TransformError, match="random numbers inside vmap"):
        vmap(Noise.apply)(x)


@pytest.mark.parametrize("name", ["step", "results", "sources", "operands", "signature", "opened", "replay", "title"])
def test_what_ctx_keeps_goes_before_the_nodes_own_names(name):
    class Keeping(Function):
        @staticmethod
        def forward(ctx, x):
            setattr(ctx, name, 3)
            return x * 2.0

        @staticmethod
        def backward(ctx, g):
            assert getattr(ctx, name) == 3
            return g * 2.0

    x = tl.ones(2, requires_grad=True)
    y = Keeping.apply(x)
    assert getattr(y.grad_fn, name) == 3
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
