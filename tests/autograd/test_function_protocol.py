"""`autograd.Function`: what forward and backward are given, and what becomes of what they return."""

from __future__ import annotations

import numpy as np
import pytest
from function_styles import ROWS, Generated, NewStyle, OldStyle, X

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, OperandError, TransformError
from tensorflowlite_clone.autograd import Function
from tensorflowlite_clone.func import grad, jvp, vmap


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


class Triple_(Function):
    """Three times its first argument, in place; and the sum of both as it was before."""

    @staticmethod
    def forward(ctx, x, y):
        total = x + y
        ctx.mark_dirty(x.mul_(3))
        return x, total

    @staticmethod
    def backward(ctx, g, g_total):
        return 3 * g + g_total, g_total


def _a_view(lib, triple, base, y):
    triple(base[1], y)
    return base


def _what_has_views(lib, triple, base, y):
    views = base[0], base[:, 1], base.t()
    total = triple(base, y)[1]
    return lib.cat([v.reshape(-1) for v in (*views, total)])


def _overlapping_views(lib, triple, base, y):
    first, second = base.view(-1)[:4], base.view(-1)[2:]
    triple(first, y[0])
    triple(second, y[1])
    return lib.cat([first, second, base.view(-1)])


def _a_view_of_a_constant(lib, triple, base, y):
    memory = lib.zeros(2, 3, dtype=lib.float64)
    part = memory[0]
    triple(part, y)
    part += base[1]
    triple(memory[:, 1:], base[0, 1])
    return memory


@pytest.mark.parametrize("program", [_a_view, _what_has_views, _overlapping_views, _a_view_of_a_constant], ids=lambda f: f.__name__)
def test_views_learn_of_an_argument_changed_in_place(program):
    """Beside PyTorch, whose in-place operations do the same."""
    torch = pytest.importorskip("torch")

    def triple(x, y):
        total = x + y
        return x.mul_(3), total

    found = []
    for lib, change in ((tl, Triple_.apply), (torch, triple)):
        base = lib.tensor(np.arange(6.0).reshape(2, 3) - 1.5, requires_grad=True)
        y = lib.tensor([0.5, 2.0, -1.0], dtype=lib.float64, requires_grad=True)
        out = program(lib, change, base * 1, y)
        (out * lib.arange(out.numel()).reshape(out.shape) + out * out).sum().backward()
        found.append([out.detach().numpy(), base.grad.numpy(), np.zeros(3) if y.grad is None else y.grad.numpy()])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_arguments_by_name():
    class Scaled(Function):
        @staticmethod
        def forward(ctx, x, scale=2.0, shift=0.0):
            ctx.scale = scale
            return x * scale + shift

        @staticmethod
        def backward(ctx, g):
            return g * ctx.scale, None, None

    class Late(Function):
        @staticmethod
        def forward(x, scale=2.0, shift=0.0):
            return x * scale + shift

        @staticmethod
        def setup_context(ctx, inputs, output):
            _, ctx.scale, shift = inputs  # defaults too
            assert isinstance(shift, float)

        @staticmethod
        def backward(ctx, g):
            return g * ctx.scale, None, None

    for cls in (Scaled, Late):
        for call, slope in (
            (lambda x, cls=cls: cls.apply(x, scale=3.0), 3.0),
            (lambda x, cls=cls: cls.apply(scale=3.0, x=x, shift=1.0), 3.0),
        ):
            x = tl.tensor(X, requires_grad=True)
            call(x).sum().backward()
            assert x.grad.tolist() == [slope] * 3
            assert vmap(tl.func.grad(lambda v, call=call: call(v).sum()))(tl.tensor(ROWS)).tolist() == [[slope] * 3] * len(ROWS)
        with pytest.raises(TypeError, match=rf"{cls.__name__}.apply: the arguments do not fit forward"):
            cls.apply(tl.tensor(X), factor=3.0)
    x = tl.tensor(X, requires_grad=True)
    Late.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0] * 3


def test_forward_takes_no_argument_by_keyword_alone():
    class Starred(Function):
        @staticmethod
        def forward(ctx, x, *, scale):
            return x * scale

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(TypeError, match="forward takes scale by keyword alone"):
        Starred.apply(tl.tensor(X), scale=2.0)


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
    with pytest.raises(GraphError, match="shares the memory of a leaf"):
        Double_.apply(leaf.view(3))
    constant = tl.tensor(X)
    assert Double_.apply(constant) is constant


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


def filled(T):
    """A buffer filled column by column past the count of changes, as torchdiffeq does, and the gradient of its sum."""

    class Assign(T.autograd.Function):
        @staticmethod
        def forward(ctx, buffer, value, i):
            ctx.i = i
            buffer.data[:, i] = value
            return buffer

        @staticmethod
        def backward(ctx, g):
            return g, g[:, ctx.i], None

    x = T.tensor([1.0, 2.0], requires_grad=True)
    buffer = T.zeros(2, 3)
    for i in range(3):
        buffer = Assign.apply(buffer, x * (i + 1) + (buffer[:, :i] * x[:, None]).sum(1), i)
    (buffer * T.tensor([1.0, 10.0, 100.0])).sum().backward()
    return buffer.tolist(), x.grad.tolist()


def test_data_of_a_returned_argument_can_be_written_to():
    assert filled(tl)[0] == [[1.0, 3.0, 7.0], [2.0, 8.0, 26.0]]
    assert filled(tl) == filled(pytest.importorskip("torch"))
