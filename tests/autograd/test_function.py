"""`autograd.Function`: every way to write one, in every transform; its rules, its errors, and what it keeps alive."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, OperandError, ShapeError, TransformError, VersionError
from tensorflowlite_clone.autograd import Function, gradcheck, gradgradcheck
from tensorflowlite_clone.autograd.function import once_differentiable
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap


# ---- one function, written in every way ---------------------------------------------------------------------------------------------
class OldStyle(Function):
    """x ** n with everything in forward."""

    @staticmethod
    def forward(ctx, x, n):
        y = x**n
        ctx.save_for_backward(x, y)
        ctx.n = n
        return y

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * ctx.n * y / x, None


class NewStyle(Function):
    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_backward(x, output)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * ctx.n * y / x, None


class WithJvp(NewStyle):
    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class OldWithJvp(OldStyle):
    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class JvpAlone(Function):
    """No backward: it is derived from jvp."""

    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, ctx.n = inputs
        ctx.save_for_forward(x, output)

    @staticmethod
    def jvp(ctx, t, _):
        x, y = ctx.saved_tensors
        return t * ctx.n * y / x


class Generated(NewStyle):
    generate_vmap_rule = True


class GeneratedWithJvp(WithJvp):
    generate_vmap_rule = True


class WithVmap(NewStyle):
    @staticmethod
    def vmap(info, in_dims, x, n):
        assert in_dims == (0, None)
        assert x.shape[0] == info.batch_size
        return WithVmap.apply(x, n), 0


class ComputedInSetup(Function):
    """Keeps an intermediate that depends on the input: outer transforms must see that."""

    @staticmethod
    def forward(x, n):
        return x**n

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, n = inputs
        ctx.save_for_backward(n * x ** (n - 1))

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None


STYLES = [OldStyle, NewStyle, WithJvp, OldWithJvp, JvpAlone, Generated, GeneratedWithJvp, WithVmap]
X = np.array([1.0, 2.0, -1.5])
ROWS = np.random.default_rng(0).uniform(0.5, 1.5, (4, 3))


def cube(style):
    """x ** 3 by ``style``, for arrays as well."""
    return lambda x: style.apply(tl.asarray(x) if isinstance(x, np.ndarray) else x, 3)


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
class Scaled(Function):
    """Two results of two tensors; the second argument may be shared by all examples."""

    @staticmethod
    def forward(x, w):
        return x * w, (x * x).sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, g, h):
        x, w = ctx.saved_tensors
        return g * w + h * 2 * x, g * x

    @staticmethod
    def jvp(ctx, s, t):
        x, w = ctx.saved_tensors
        return s * w + x * t, (2 * x * s).sum()


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


# ---- the protocol -----------------------------------------------------------------------------------------------------------------------
def test_arguments_that_are_no_tensors_arrive_untouched():
    seen = []
    options, array = {"a": [1, None]}, np.arange(3)

    class Takes(Function):
        @staticmethod
        def forward(ctx, x, *rest):
            seen.extend(rest)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return (g * 2,) + (None,) * 5

    x = tl.ones(2, requires_grad=True)
    Takes.apply(x, 3, "sum", None, options, array).sum().backward()
    assert seen[:3] == [3, "sum", None]
    assert seen[3] is options
    assert seen[4] is array
    assert x.grad.tolist() == [2.0, 2.0]


def test_forward_sees_the_callers_tensors_and_records_nothing():
    x = tl.ones(2, requires_grad=True)
    facts = []

    class Sees(Function):
        @staticmethod
        def forward(ctx, t, u):
            facts.extend([t is x, t.requires_grad, tl.is_grad_enabled(), ctx.needs_input_grad, (t * 2).requires_grad])
            return t + u

        @staticmethod
        def backward(ctx, g):
            facts.extend([tl.is_grad_enabled(), g.requires_grad])
            return g, None

    y = Sees.apply(x, tl.ones(2))
    assert facts == [True, True, False, (True, False), False]
    y.sum().backward(create_graph=True)
    y2 = Sees.apply(x, tl.ones(2))
    y2.sum().backward()
    assert facts[5:7] == [True, False]
    assert facts[-2:] == [False, False]


def test_several_results_of_which_some_are_no_tensors():
    class Several(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, "two", x * 3, [x]

        @staticmethod
        def backward(ctx, a, word, b, items):
            assert word is items is None
            return 2 * a + 3 * b

    x = tl.tensor(X, requires_grad=True)
    a, word, b, items = Several.apply(x)
    assert word == "two"
    assert items[0] is x
    b.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(3, 3.0))
    a, _, b, _ = Several.apply(x)
    (a.sum() + b.sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.full(3, 8.0))
    np.testing.assert_array_equal(grad(lambda x: tl.sum(Several.apply(x)[2]))(tl.tensor(X)).numpy(), np.full(3, 3.0))


def test_a_tuple_of_one_result_stays_a_tuple():
    class One(Function):
        @staticmethod
        def forward(ctx, x):
            return (x * 2,)

        @staticmethod
        def backward(ctx, g):
            return (g * 2,)

    x = tl.ones(2, requires_grad=True)
    out = One.apply(x)
    assert isinstance(out, tuple)
    out[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients_are_zeros_or_none(materialize):
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(materialize)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append(a)
            return 3 * b

    x = tl.tensor(X, requires_grad=True)
    Two.apply(x)[1].sum().backward()
    if materialize:
        assert seen[0].tolist() == [0.0, 0.0, 0.0]
        assert seen[0].dtype == tl.float64
    else:
        assert seen[0] is None


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_tangents_are_zeros_or_none(materialize):
    seen = []

    class Sum(Function):
        @staticmethod
        def forward(x, y):
            return x + y

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.set_materialize_grads(materialize)

        @staticmethod
        def jvp(ctx, s, t):
            seen.append(t)
            return s

    y = tl.tensor(X)
    jvp(lambda x: Sum.apply(x, y), (tl.tensor(X),), (tl.tensor(X),))
    assert seen[0].tolist() == [0.0, 0.0, 0.0] if materialize else seen[0] is None


def test_results_without_a_derivative():
    class MaxAndWhere(Function):
        @staticmethod
        def forward(ctx, x):
            index, mask = x.argmax(), (x > 0).to(x.dtype)
            ctx.mark_non_differentiable(mask)
            ctx.save_for_backward(mask)
            return x.relu(), mask, index

        @staticmethod
        def backward(ctx, g, g_mask, g_index):
            assert g_mask.tolist() == [0.0, 0.0, 0.0]
            (mask,) = ctx.saved_tensors
            return g * mask

    x = tl.tensor(X, requires_grad=True)
    y, mask, index = MaxAndWhere.apply(x)
    assert (y.requires_grad, mask.requires_grad, index.requires_grad) == (True, False, False)
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0]
    _, slopes = jvp(MaxAndWhere.apply, (tl.tensor(X),), (tl.tensor(X),))
    np.testing.assert_array_equal(slopes[0].numpy(), X * (X > 0))
    assert slopes[1].tolist() == [0.0, 0.0, 0.0]


def test_a_gradient_is_none_where_there_is_no_influence():
    class Floor(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x.floor() + y

        @staticmethod
        def backward(ctx, g):
            return None, g

    x, y = tl.tensor(X, requires_grad=True), tl.tensor(X, requires_grad=True)
    Floor.apply(x, y).sum().backward()
    assert x.grad is None
    assert y.grad.tolist() == [1.0, 1.0, 1.0]
    assert tl.autograd.grad(Floor.apply(x, y).sum(), x, allow_unused=True) == (None,)


def test_a_gradient_that_the_argument_broadcasts_to_is_summed_and_has_its_dtype():
    class Add(Function):
        @staticmethod
        def forward(ctx, x, b):
            return x + b

        @staticmethod
        def backward(ctx, g):
            return g, g

    x, b = tl.ones(2, 3, dtype=tl.float64, requires_grad=True), tl.ones(3, requires_grad=True)
    Add.apply(x, b).sum().backward()
    assert b.grad.tolist() == [2.0, 2.0, 2.0]
    assert b.grad.dtype == tl.float32
    x.grad = b.grad = None
    _, gb = tl.autograd.grad(Add.apply(x, b).sum(), (x, b), create_graph=True)
    assert (gb.shape, gb.dtype) == ((3,), tl.float32)


def test_an_input_returned_as_it_is():
    class Reverse(Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.scale = scale
            return x

        @staticmethod
        def backward(ctx, g):
            return -ctx.scale * g, None

    x = tl.tensor(X, requires_grad=True)
    y = Reverse.apply(x, 2.0)
    assert y is not x
    assert np.shares_memory(y.detach().numpy(), x.detach().numpy())
    y.sum().backward()
    assert x.grad.tolist() == [-2.0, -2.0, -2.0]
    assert x.is_leaf
    with pytest.raises(OperandError, match="read-only"):
        Reverse.apply(x * 1, 2.0).mul_(2.0)  # its derivative would go past Reverse
    np.testing.assert_array_equal(grad(lambda x: tl.sum(Reverse.apply(x, 3.0)))(tl.tensor(X)).numpy(), np.full(3, -3.0))
    assert vmap(lambda x: Reverse.apply(x, 1.0))(tl.tensor(ROWS)).shape == (4, 3)
    constant = tl.tensor(X)
    assert Reverse.apply(constant, 1.0) is not constant
    assert constant.node is None


def test_an_argument_changed_in_place():
    class Double_(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            ctx.save_for_backward(x)
            return x

        @staticmethod
        def backward(ctx, g):
            (doubled,) = ctx.saved_tensors
            assert doubled.tolist() == [2.0, 4.0, -3.0]
            return 2 * g

    leaf = tl.tensor(X, requires_grad=True)
    x = leaf * 1
    y = Double_.apply(x)
    assert y is x
    assert x.tolist() == [2.0, 4.0, -3.0]
    (x * x).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), 8 * X)
    with pytest.raises(GraphError, match="Double_: mark_dirty: a leaf tensor that requires grad"):
        Double_.apply(leaf)
    with pytest.raises(TransformError, match="nothing can be changed in place"):
        vmap(Double_.apply)(tl.tensor(ROWS))
    base = tl.tensor(ROWS, requires_grad=True) * 1
    with pytest.raises(GraphError, match="is a view or has views"):
        Double_.apply(base[0])
    constant = tl.tensor(X)
    assert Double_.apply(constant) is constant


def test_what_was_saved_before_an_argument_changed_in_place_is_noticed():
    class Double_(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x.mul_(2)

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    leaf = tl.tensor(X, requires_grad=True)
    x = leaf * 1
    z = x * x
    Double_.apply(x)
    with pytest.raises(VersionError, match="mul"):
        z.sum().backward()


@pytest.mark.parametrize("saved", ["argument", "result", "intermediate"])
def test_saved_tensors_that_change_in_place_are_an_error_that_says_which(saved):
    scratch = []

    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            scratch.append(y.clone())
            ctx.save_for_backward({"argument": x, "result": y, "intermediate": scratch[-1]}[saved])
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = tl.tensor(X, requires_grad=True) * 1
    y = Exp.apply(x)
    with tl.no_grad():
        {"argument": x, "result": y, "intermediate": scratch[-1]}[saved].add_(1.0)
    words = {"argument": r"its argument 'x' \(number 0\)", "result": "its result 0", "intermediate": "an intermediate tensor"}[saved]
    with pytest.raises(VersionError, match=rf"Exp: a saved tensor was changed in place: {words}.*test_function\.py.*changed by add_"):
        y.sum().backward()


def test_a_graph_is_walked_once_unless_retained():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 4 * X)
    with pytest.raises(GraphError, match="already used"):
        y.backward()
    z = OldStyle.apply(x, 2)
    node = z.grad_fn
    z.sum().backward()
    with pytest.raises(GraphError, match=r"already used.*OldStyle"):
        z.sum().backward()
    with pytest.raises(GraphError, match="already used"):
        _ = node.saved_tensors


def test_the_node_shows_the_context_as_in_pytorch():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2)
    assert y.grad_fn.n == 2
    assert y.grad_fn.saved_tensors[0] is x
    assert y.grad_fn.next_functions[0][0] is x.node
    with pytest.raises(AttributeError):
        _ = y.grad_fn.nothing


def test_saved_results_are_on_the_tape_again():
    x = tl.tensor(X, requires_grad=True)
    y = OldStyle.apply(x, 2)
    assert y.grad_fn.saved_tensors[1].grad_fn is y.grad_fn
    assert Scaled.apply(x, x)[0].requires_grad


@pytest.mark.parametrize("style", STYLES)
def test_no_cycle_keeps_the_graph_alive(style):
    gc.collect()
    gc.disable()
    try:
        x = tl.tensor(X, requires_grad=True)
        y = style.apply(x, 2)
        references = [weakref.ref(y), weakref.ref(y.grad_fn), weakref.ref(y.grad_fn.ctx)]
        a, b = Scaled.apply(x, x)
        references += [weakref.ref(a), weakref.ref(a.grad_fn), weakref.ref(b)]
        (g,) = tl.autograd.grad(y.sum() + b, x, create_graph=True)
        references.append(weakref.ref(g))
        del y, a, b, g
        assert [r() for r in references] == [None] * 7
    finally:
        gc.enable()


@pytest.mark.parametrize("style", STYLES)
def test_no_cycle_keeps_mapped_graphs_alive(style):
    x = tl.tensor(ROWS, requires_grad=True)
    vmap(lambda x: style.apply(x, 2))(x)  # what is made once for all calls is made now
    gc.collect()
    gc.disable()
    try:
        inner = x * 2
        y = vmap(lambda x: style.apply(x, 2))(inner)
        g = vmap(grad(lambda x: tl.sum(style.apply(x, 3))))(inner)
        references = [weakref.ref(t) for t in (inner, y, y.grad_fn, g)]
        del inner, y, g
        assert [r() for r in references] == [None] * 4
    finally:
        gc.enable()


def test_saved_tensors_are_freed_by_backward():
    gc.collect()
    gc.disable()
    try:
        x = tl.tensor(X, requires_grad=True)
        middle = x * 2
        reference = weakref.ref(middle)
        y = OldStyle.apply(middle, 2)
        del middle
        assert reference() is not None
        y.sum().backward()
        assert reference() is None
    finally:
        gc.enable()


def test_gradients_never_share_memory():
    class Weighted(Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(w)
            return (x * w).sum(), x.sum()

        @staticmethod
        def backward(ctx, g, h):
            (w,) = ctx.saved_tensors
            return w, w

    x, w = tl.tensor(X, requires_grad=True), tl.tensor(X, requires_grad=True)
    for create_graph in (False, True):
        x.grad = w.grad = None
        sum(Weighted.apply(x, w)).backward(create_graph=create_graph)
        x.grad.detach().zero_()
        assert w.tolist() == X.tolist()
        assert w.grad.tolist() == X.tolist()


def test_hooks_see_the_gradients_of_a_function():
    x = tl.tensor(X, requires_grad=True)
    seen = []
    y = OldStyle.apply(x, 2)
    y.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert seen == [[1.0, 1.0, 1.0]]
    np.testing.assert_allclose(x.grad.numpy(), 20 * X)


def test_hooks_on_saved_tensors_pack_them():
    packed = []
    x = tl.tensor(X, requires_grad=True)
    with tl.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t.numpy().copy(), lambda a: tl.tensor(a)):
        y = OldStyle.apply(x, 3)
    assert len(packed) == 2
    (g,) = tl.autograd.grad(y.sum(), x, create_graph=True)
    (h,) = tl.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(h.numpy(), 6 * X)


@pytest.mark.parametrize("style", [OldStyle, NewStyle, Generated])
@pytest.mark.parametrize("reentrant", [False, True])
def test_inside_of_a_checkpoint(style, reentrant):
    x = tl.tensor(X, requires_grad=True)
    y = tl.utils.checkpoint.checkpoint(lambda x: style.apply((x * 2).exp(), 3).sin(), x, use_reentrant=reentrant)
    y.sum().backward()
    z = tl.tensor(X, requires_grad=True)
    ((z * 2).exp() ** 3).sin().sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), z.grad.numpy())


def test_in_a_module_with_parameters():
    class Linear(Function):
        @staticmethod
        def forward(ctx, x, w, b):
            ctx.save_for_backward(x, w)
            return x @ w.T + b

        @staticmethod
        def backward(ctx, g):
            x, w = ctx.saved_tensors
            return g @ w if ctx.needs_input_grad[0] else None, g.T @ x, g

    layer = tl.nn.Linear(3, 2)
    x = tl.randn(5, 3)
    Linear.apply(x, layer.weight, layer.bias).pow(2).sum().backward()
    mine = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    layer(x).pow(2).sum().backward()
    for a, p in zip(mine, layer.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-5)


def test_complex_gradients_are_in_pytorchs_convention():
    torch = pytest.importorskip("torch")

    def program(T, base):
        class Square(base):
            @staticmethod
            def forward(ctx, z):
                ctx.save_for_backward(z)
                return z * z

            @staticmethod
            def backward(ctx, g):
                (z,) = ctx.saved_tensors
                return g * (2 * z).conj()

        class Norm(base):
            @staticmethod
            def forward(ctx, z):
                ctx.save_for_backward(z)
                return (z * z.conj()).real

            @staticmethod
            def backward(ctx, g):
                (z,) = ctx.saved_tensors
                return 2 * g * z

        z = T.tensor([1 + 2j, 0.5 - 1j], dtype=T.complex128, requires_grad=True)
        x = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
        (Norm.apply(Square.apply(z)) * x).sum().backward()
        return z.grad.tolist(), x.grad.tolist()

    np.testing.assert_allclose(program(tl, Function)[0], program(torch, torch.autograd.Function)[0])
    np.testing.assert_allclose(program(tl, Function)[1], program(torch, torch.autograd.Function)[1])


# ---- once differentiable ----------------------------------------------------------------------------------------------------------------
class ByNumpy(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return tl.tensor(np.exp(x.detach().numpy()))

    @staticmethod
    @once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return tl.tensor(g.detach().numpy() * np.exp(x.detach().numpy()))


def test_once_differentiable_gives_first_derivatives_and_refuses_second_ones():
    x = tl.tensor(X, requires_grad=True)
    ByNumpy.apply(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(X))
    np.testing.assert_allclose(grad(lambda x: tl.sum(ByNumpy.apply(x)))(tl.tensor(X)).numpy(), np.exp(X))
    (g,) = tl.autograd.grad(ByNumpy.apply(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(g.detach().numpy(), np.exp(X))
    assert g.requires_grad
    for second in (lambda: g.sum().backward(), lambda: tl.autograd.grad(g.sum(), x)):
        with pytest.raises(GraphError, match="ByNumpy: its backward is marked once_differentiable"):
            second()
    with pytest.raises(GraphError, match="ByNumpy: backward is marked once_differentiable"):
        grad(lambda x: tl.sum(grad(lambda x: tl.sum(ByNumpy.apply(x)))(x)))(tl.tensor(X))
    with pytest.raises(GraphError, match="once_differentiable"):
        jvp(ByNumpy.apply, (tl.tensor(X),), (tl.tensor(X),))


# ---- errors -----------------------------------------------------------------------------------------------------------------------------
def returning(value):
    """A function of (x, n) whose backward returns ``value(g)``."""

    class Wrong(Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, g):
            return value(g)

    return Wrong


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (lambda g: g, GraphError, r"Wrong: backward returned the wrong number of gradients: 1, but forward takes 2 argument\(s\)"),
        (lambda g: [g, None], GraphError, "wrong number of gradients: 1"),
        (lambda g: (g, None, g), GraphError, "wrong number of gradients: 3"),
        (lambda g: (g, g), GraphError, r"a gradient for what is no tensor: argument 'n' \(number 1\)"),
        (lambda g: (g.sum(), None), ShapeError, r"wrong shape: \(\) for argument 'x' \(number 0\) of shape \(3,\)"),
        (lambda g: (tl.ones(2), None), ShapeError, r"wrong shape: \(2,\) for argument 'x'"),
        (lambda g: (g.detach().numpy(), None), OperandError, "returned a ndarray as gradient of argument 'x'"),
        (lambda g: (1.0, None), OperandError, "returned a float as gradient"),
    ],
)
def test_what_backward_returns_is_checked(value, error, message, create_graph):
    x = tl.tensor(X, requires_grad=True)
    y = returning(value).apply(x, 2)
    with pytest.raises(error, match=message):
        y.sum().backward(create_graph=create_graph)


def test_surplus_nones_are_ignored():
    x = tl.tensor(X, requires_grad=True)
    returning(lambda g: (g, None, None)).apply(x, 2).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (lambda t: (t, t), GraphError, r"jvp returned the wrong number of tangents: 2, but forward has 1 result\(s\)"),
        (lambda t: t.sum(), ShapeError, r"jvp returned a tangent of the wrong shape: \(\) for result 0 of shape \(3,\)"),
        (lambda t: 1.0, OperandError, "jvp returned a float as tangent of result 0"),
    ],
)
def test_what_jvp_returns_is_checked(value, error, message):
    class Wrong(Function):
        @staticmethod
        def forward(x):
            return x * 2

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

        @staticmethod
        def jvp(ctx, t):
            return value(t)

    with pytest.raises(error, match=message):
        jvp(Wrong.apply, (tl.tensor(X),), (tl.tensor(X),))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda x: x, r"vmap must return \(output, out_dims\): got Tensor"),
        (lambda x: (x, (0, 0)), r"1 result\(s\) but 2 out_dims"),
        (lambda x: (x, 1), r"a result of shape \(4, 3\) with out_dims 1, but there are 4 examples"),
    ],
)
def test_what_vmap_returns_is_checked(value, message):
    class Wrong(NewStyle):
        @staticmethod
        def vmap(info, in_dims, x, n):
            return value(x)

    with pytest.raises(TransformError, match=message):
        vmap(lambda x: Wrong.apply(x, 2))(tl.tensor(ROWS))


def test_a_result_that_all_examples_share():
    class Constant(NewStyle):
        @staticmethod
        def vmap(info, in_dims, x, n):
            return tl.ones(2), None

    assert vmap(lambda x: Constant.apply(x, 2))(tl.tensor(ROWS)).shape == (4, 2)


def test_mistakes_in_a_class_are_found_when_it_is_made():
    with pytest.raises(TypeError, match=r"Plain\.forward: must be a static method"):
        type("Plain", (Function,), {"forward": lambda ctx, x: x})
    with pytest.raises(TypeError, match="backward and vjp are two names"):
        type("Both", (OldStyle,), {"vjp": staticmethod(lambda ctx, g: g)})
    with pytest.raises(TypeError, match="generate_vmap_rule"):
        type("Both", (WithVmap,), {"generate_vmap_rule": True})
    with pytest.raises(TypeError, match=r"call OldStyle\.apply"):
        OldStyle()


def test_vjp_is_another_name_for_backward():
    class Double(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, g):
            return g * 2

    x = tl.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_missing_methods_are_errors_when_they_are_needed():
    class Forward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    y = Forward.apply(tl.ones(2, requires_grad=True))
    with pytest.raises(GraphError, match="Forward: has no derivative in reverse mode"):
        y.sum().backward()
    with pytest.raises(GraphError, match="has no derivative in reverse mode"):
        jvp(Forward.apply, (tl.ones(2),), (tl.ones(2),))
    assert vmap(Forward.apply)(tl.ones(2, 3)).shape == (2, 3)

    class Nothing(Function):
        pass

    with pytest.raises(GraphError, match="forward is missing"):
        Nothing.apply(tl.ones(2))


def test_only_tensors_are_saved():
    class Saves(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x, 3)
            return x

    with pytest.raises(OperandError, match=r"Saves: ctx\.save_for_backward keeps tensors and None only: item 1 is a int"):
        Saves.apply(tl.ones(2))


def test_none_can_be_saved():
    class Saves(Function):
        @staticmethod
        def forward(ctx, x, bias):
            ctx.save_for_backward(x, bias)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors[1] is None
            return g * 2, None

    x = tl.ones(2, requires_grad=True)
    Saves.apply(x, None).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


class KeepsIntermediate(Function):
    """Old style, with an intermediate that outer derivatives would take for a constant."""

    @staticmethod
    def forward(ctx, x):
        slope = 3 * x * x
        ctx.save_for_backward(slope)
        return x**3

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0]


def test_an_intermediate_is_no_silent_constant_in_nested_derivatives():
    def f(x):
        return tl.sum(KeepsIntermediate.apply(x))

    x = tl.tensor(X)
    np.testing.assert_allclose(grad(f)(x).numpy(), 3 * X**2)
    np.testing.assert_allclose(jvp(KeepsIntermediate.apply, (x,), (x,))[1].numpy(), 3 * X**3)
    np.testing.assert_allclose(vmap(grad(f))(tl.tensor(ROWS)).numpy(), 3 * ROWS**2)  # stacked: no other derivative is concerned
    for nested in (lambda: grad(lambda x: tl.sum(grad(f)(x)))(x), lambda: jvp(grad(f), (x,), (x,))):
        with pytest.raises(TransformError, match=r"KeepsIntermediate: forward keeps a tensor .*item 0 of save_for_backward.*setup_context"):
            nested()


def test_a_context_that_differs_from_example_to_example_is_an_error():
    class Differs(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.big = bool(x.sum() > 3)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    assert vmap(Differs.apply)(tl.tensor(ROWS)).shape == (4, 3)
    x = tl.tensor(np.array([[1.0], [9.0]]))
    with pytest.raises(TransformError, match=r"Differs: ctx\.big differs from example to example"):
        vmap(grad(lambda x: tl.sum(Differs.apply(x))))(x)


def test_a_vmap_rule_beside_an_old_style_forward_cannot_be_differentiated_per_example():
    class Old(OldStyle):
        @staticmethod
        def vmap(info, in_dims, x, n):
            return x**n, 0

    x = tl.tensor(ROWS)
    np.testing.assert_allclose(vmap(lambda x: Old.apply(x, 2))(x).numpy(), ROWS**2)
    with pytest.raises(TransformError, match="Old: its vmap rule leaves no context"):
        vmap(grad(lambda x: tl.sum(Old.apply(x, 2))))(x)
    with pytest.raises(TransformError, match="generate_vmap_rule needs the context apart"):
        vmap(lambda x: type("G", (OldStyle,), {"generate_vmap_rule": True}).apply(x, 2))(x)


def test_results_that_differ_in_shape_or_words_from_example_to_example():
    class Picks(Function):
        @staticmethod
        def forward(ctx, x, words):
            big = bool(x.sum() > 3)
            return (x, big) if words else x[: 1 + big]

    x = tl.tensor(np.array([[1.0, 1.0], [9.0, 9.0]]))
    with pytest.raises(TransformError, match="Picks: inside vmap its results differ in shape"):
        vmap(lambda x: Picks.apply(x, False))(x)
    with pytest.raises(TransformError, match="differ in what is no tensor"):
        vmap(lambda x: Picks.apply(x, True)[0])(x)


def test_a_value_of_a_transform_that_was_not_passed_is_an_error():
    def f(x):
        class Closure(Function):
            @staticmethod
            def forward(ctx, y):
                return x * y

        return Closure.apply(tl.ones(3, dtype=tl.float64))

    with pytest.raises(TransformError, match="Closure: forward used a value of a transform that it was not given"):
        jvp(f, (tl.tensor(X),), (tl.tensor(X),))


# ---- against PyTorch --------------------------------------------------------------------------------------------------------------------
def agreement(T, base, transforms):
    """Several functions in PyTorch's style, and numbers that must agree."""

    class Exp(base):
        @staticmethod
        def forward(x):
            return x.exp()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(output)
            ctx.save_for_forward(output)

        @staticmethod
        def backward(ctx, g):
            (y,) = ctx.saved_tensors
            return g * y

        @staticmethod
        def jvp(ctx, t):
            (y,) = ctx.saved_tensors
            return t * y

    class Sort(base):
        generate_vmap_rule = True

        @staticmethod
        def forward(x, dim):
            order = x.argsort(dim)
            return T.gather(x, dim, order), order, order.argsort(dim)

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, ctx.dim = inputs
            _, order, inverse = output
            ctx.mark_non_differentiable(order, inverse)
            ctx.save_for_backward(order, inverse)
            ctx.save_for_forward(order, inverse)

        @staticmethod
        def backward(ctx, g, *_):
            _, inverse = ctx.saved_tensors
            return T.gather(g, ctx.dim, inverse), None

        @staticmethod
        def jvp(ctx, t, _):
            order, _ = ctx.saved_tensors
            return T.gather(t, ctx.dim, order), None, None

    def f(x):
        return Sort.apply(Exp.apply(x) * x, -1)[0]

    x = T.tensor([[0.3, -1.0, 0.7], [2.0, 0.1, -0.4]], dtype=T.float64)
    grad, jvp, vmap = transforms.grad, transforms.jvp, transforms.vmap
    weights = T.tensor([1.0, -2.0, 3.0], dtype=T.float64)
    return [
        grad(lambda x: (f(x) * weights).sum())(x),
        jvp(f, (x,), (x * x,))[1],
        grad(lambda x: (grad(lambda x: (f(x) * weights).sum())(x) * x).sum())(x),
        vmap(lambda x: Sort.apply(x, 0)[0])(x),
        vmap(lambda x: Sort.apply(x, 0)[1])(x),
        grad(lambda x: (vmap(lambda x: Sort.apply(x, 0)[0])(x) ** 2 * weights).sum())(x),
        vmap(grad(lambda x: (Sort.apply(x * x, 0)[0] * weights).sum()))(x),
    ]


def test_agreement_with_pytorch():
    torch = pytest.importorskip("torch")
    mine, theirs = agreement(tl, Function, tl.func), agreement(torch, torch.autograd.Function, torch.func)
    for a, b in itertools.zip_longest(mine, theirs):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-12)
