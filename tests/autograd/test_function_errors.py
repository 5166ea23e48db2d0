"""`autograd.Function`: mistakes and what they are told, `once_differentiable`, agreement with PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from function_styles import ROWS, NewStyle, OldStyle, WithVmap, X

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.autograd import Function
from tensorflowlite_clone.autograd.function import once_differentiable
from tensorflowlite_clone.func import grad, jvp, vmap


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


def test_class_methods_count_arguments_as_static_ones_do():
    class Wrong(Function):
        @classmethod
        def forward(cls, ctx, x, weight):
            return x * weight

        @classmethod
        def backward(cls, ctx, g):
            return g, tl.ones(2)

    x = tl.tensor(X, requires_grad=True)
    with pytest.raises(ShapeError, match=r"wrong shape: \(2,\) for argument 'weight' \(number 1\)"):
        Wrong.apply(x, x).sum().backward()


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


def test_a_method_may_lack_staticmethod_as_in_pytorch():
    class Double(Function):
        def forward(ctx, x):
            return 2 * x

        def backward(ctx, g):
            return 2 * g

    x = tl.ones(1, requires_grad=True)
    Double.apply(x).backward()
    assert x.grad.item() == 2.0


def test_mistakes_in_a_class_are_found_when_it_is_made():
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
