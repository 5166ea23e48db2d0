"""`autograd.forward_ad`: dual tensors, their levels, and what happens around them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
import tensorflowlite_clone.autograd.forward_ad as fw
from tensorflowlite_clone._errors import ArgumentError, GraphError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.func import grad, jvp, vmap

X, T = np.array([0.5, 1.0, -2.0]), np.array([1.0, 0.0, 2.0])


def dual(x=X, t=T):
    return fw.make_dual(tl.tensor(x), tl.tensor(t))


def test_a_tangent_goes_through_operations():
    with fw.dual_level():
        y = dual().exp() * 2 + 1
        primal, tangent = fw.unpack_dual(y)
        constant = fw.unpack_dual(tl.tensor(X))
    np.testing.assert_allclose(primal.numpy(), 2 * np.exp(X) + 1)
    np.testing.assert_allclose(tangent.numpy(), 2 * np.exp(X) * T)
    assert constant.tangent is None
    assert fw.UnpackedDualTensor._fields == ("primal", "tangent")


def test_numpy_functions_and_scalars():
    with fw.dual_level():
        y = np.sum(np.sin(dual()))
        assert isinstance(fw.unpack_dual(y).tangent, tl.Tensor)
        assert fw.unpack_dual(y).tangent.item() == pytest.approx(np.sum(np.cos(X) * T))
        assert fw.unpack_dual(y).primal.item() == pytest.approx(np.sum(np.sin(X)))


def test_leaving_the_level_takes_the_tangents_away():
    with fw.dual_level():
        x = dual()
        y = x * x
    for t in (x, y, y + x):
        assert fw.unpack_dual(t).tangent is None
    np.testing.assert_allclose((y + x).numpy(), X * X + X)
    assert repr(y) == repr(tl.tensor(X * X))
    assert y.tolist() == (X * X).tolist()
    np.testing.assert_array_equal(np.asarray(y), X * X)
    with fw.dual_level():  # another level, to which the old duals are constants
        z = dual() * y
        np.testing.assert_allclose(fw.unpack_dual(z).tangent.numpy(), T * X * X)
        np.testing.assert_allclose(fw.unpack_dual(fw.make_dual(y, tl.tensor(T)) * 3).tangent.numpy(), 3 * T)


def test_a_dual_of_a_level_that_was_left_does_not_disturb_transforms():
    with fw.dual_level():
        old = fw.make_dual(tl.tensor(3.0), tl.tensor(1.0))
    assert [t.item() for t in jvp(lambda a: a * old, (tl.tensor(2.0),), (tl.tensor(1.0),))] == [6.0, 3.0]
    assert grad(lambda a: (a * old).sin())(tl.tensor(2.0)).item() == pytest.approx(3 * np.cos(6.0))
    assert vmap(lambda a: a * old)(tl.ones(2)).tolist() == [3.0, 3.0]


def test_the_tangent_is_differentiated_by_backward():
    x = tl.tensor(X, requires_grad=True)
    with fw.dual_level():
        primal, tangent = fw.unpack_dual((fw.make_dual(x, tl.tensor(T)) ** 3).sum())
    primal.backward(retain_graph=True)
    np.testing.assert_allclose(x.grad.numpy(), 3 * X**2)
    x.grad = None
    tangent.backward()
    np.testing.assert_allclose(x.grad.numpy(), 6 * X * T)


def test_after_its_level_a_dual_is_its_value_on_the_tape():
    x = tl.tensor(X, requires_grad=True)
    with fw.dual_level():
        y = (fw.make_dual(x, tl.tensor(T)) ** 2).sum()
        assert y.requires_grad
    assert y.requires_grad
    y.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X)


def test_changes_in_place():
    with fw.dual_level():
        x = dual()
        y = x * 2
        y.mul_(x)
        y[0] = 1.0
        np.testing.assert_allclose(fw.unpack_dual(y).tangent.numpy(), np.array([0.0, *(4 * X * T)[1:]]))
        z = dual() * 1
    z += 1.0
    np.testing.assert_allclose(z.numpy(), X + 1)


def test_numbers_of_duals():
    with fw.dual_level():
        y = fw.make_dual(tl.tensor(2.0), tl.tensor(1.0)) ** 2
        assert y > 3
        with pytest.raises(TransformError, match="float: a value inside"):
            float(y)
    assert float(y) == 4.0
    assert y.item() == 4.0


def test_the_direction_is_differentiated_too():
    t = tl.tensor(T, requires_grad=True)
    with fw.dual_level():
        tangent = fw.unpack_dual((fw.make_dual(tl.tensor(X), t) ** 2).sum()).tangent
    tangent.backward()
    np.testing.assert_allclose(t.grad.numpy(), 2 * X)


def test_levels_nest():
    with fw.dual_level() as outer:
        x = fw.make_dual(tl.tensor(2.0), tl.tensor(1.0))
        with fw.dual_level() as inner:
            assert (outer, inner) == (0, 1)
            y = fw.make_dual(x, tl.tensor(1.0)) ** 4 + x * 0
            first = fw.unpack_dual(y).tangent
            second = fw.unpack_dual(first, level=0).tangent
            assert second.item() == 48.0
            by_outer = fw.unpack_dual(y, level=outer)  # taken apart the other way round
            assert fw.unpack_dual(by_outer.tangent, level=inner).tangent.item() == 48.0
            assert fw.unpack_dual(by_outer.primal, level=inner).tangent.item() == 32.0
            direct = fw.make_dual(tl.tensor(5.0), tl.tensor(1.0), level=outer)
            assert fw.unpack_dual(direct * 2).tangent is None
            assert fw.unpack_dual(direct * 2, level=outer).tangent.item() == 2.0
        assert fw.unpack_dual(y).tangent.item() == 32.0  # the inner level is gone, the outer tangent is not


def test_no_confusion_of_perturbations():
    """d/dx [x * d/dy (x + y) at y = 1] = 1, not 2."""
    with fw.dual_level():
        x = fw.make_dual(tl.tensor(1.0), tl.tensor(1.0))
        with fw.dual_level():
            y = fw.make_dual(tl.tensor(1.0), tl.tensor(1.0))
            inner = fw.unpack_dual(x + y).tangent
        assert fw.unpack_dual(x * inner).tangent.item() == 1.0


def test_around_and_inside_of_transforms():
    def derivative(x):
        with fw.dual_level():
            return fw.unpack_dual(fw.make_dual(x, x * 0 + 1) ** 3).tangent

    assert grad(derivative)(tl.tensor(2.0)).item() == 12.0
    assert vmap(derivative)(tl.tensor([1.0, 2.0])).tolist() == [3.0, 12.0]
    assert jvp(derivative, (tl.tensor(2.0),), (tl.tensor(1.0),))[1].item() == 12.0
    with fw.dual_level():
        a = fw.make_dual(tl.tensor(2.0), tl.tensor(1.0))
        g = grad(lambda x: (x * a).sin())(tl.tensor(3.0))
        assert fw.unpack_dual(g).tangent.item() == pytest.approx(np.cos(6) - 6 * np.sin(6))
        assert fw.unpack_dual(vmap(lambda x: x * a)(tl.tensor([1.0, 4.0]))).tangent.tolist() == [1.0, 4.0]
        value, slope = jvp(lambda x: x * a * a, (tl.tensor(3.0),), (tl.tensor(1.0),))
        assert fw.unpack_dual(slope).tangent.item() == 4.0
        assert fw.unpack_dual(value).tangent.item() == 12.0


def test_parameters_of_a_module_as_in_pytorchs_tutorial():
    model = tl.nn.Linear(5, 3)
    params = dict(model.named_parameters())
    tangents = {name: tl.randn(*p.shape) for name, p in params.items()}
    x = tl.randn(4, 5)
    with fw.dual_level():
        for name, p in params.items():
            delattr(model, name)
            setattr(model, name, fw.make_dual(p, tangents[name]))
        tangent = fw.unpack_dual(model(x)).tangent
    np.testing.assert_allclose(tangent.detach().numpy(), (x @ tangents["weight"].T + tangents["bias"]).numpy(), rtol=1e-5, atol=1e-6)


def test_a_users_function_with_and_without_jvp():
    class Square(tl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    class Claims(Square):
        @staticmethod
        def jvp(ctx, t):
            return t * 100

    with fw.dual_level():
        np.testing.assert_allclose(fw.unpack_dual(Square.apply(dual())).tangent.numpy(), 2 * X * T)
        np.testing.assert_allclose(fw.unpack_dual(Claims.apply(dual())).tangent.numpy(), 100 * T)


def test_enter_and_exit_by_hand():
    level = fw.enter_dual_level()
    x = dual()
    assert fw.unpack_dual(x).tangent is not None
    fw.exit_dual_level(level=level)
    assert fw.unpack_dual(x).tangent is None


def test_levels_belong_to_a_thread():
    found = []

    def other():
        try:
            dual()
        except GraphError as error:
            found.append(str(error))

    with fw.dual_level():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == ["make_dual: no dual level is open; do it inside `with dual_level():`"]


def test_a_level_is_left_when_its_block_fails():
    with pytest.raises(ZeroDivisionError), fw.dual_level():
        raise ZeroDivisionError
    with pytest.raises(GraphError, match="no level is open"):
        fw.exit_dual_level()


def test_complex_and_mixed_dtypes():
    with fw.dual_level():
        z = fw.make_dual(tl.tensor([1 + 1j]), tl.tensor([1j]))
        np.testing.assert_allclose(fw.unpack_dual(z * z).tangent.numpy(), [2j * (1 + 1j)])
        x = fw.make_dual(tl.tensor([1.0]), tl.tensor([1.0], dtype=tl.float64))
        assert fw.unpack_dual(x * 2).tangent.dtype == tl.float32


def test_errors():
    x = tl.tensor(X)
    with pytest.raises(GraphError, match="no dual level is open"):
        fw.make_dual(x, x)
    with fw.dual_level():
        cases = [
            (lambda: fw.make_dual(x, x[:2]), ShapeError, r"the tangent has the wrong shape: it is \(2,\), the tensor is \(3,\)"),
            (lambda: fw.make_dual(x.long(), x), ValueError, "tensor must be floating or complex: got int64"),
            (lambda: fw.make_dual(x, x.long()), ArgumentError, "tangent must be floating or complex: got int64"),
            (lambda: fw.make_dual(x, x.to(tl.complex128)), ArgumentError, "the tangent of a real tensor must be real"),
            (lambda: fw.make_dual(X, x), OperandError, "tensor must be a tensor: got ndarray"),
            (lambda: fw.make_dual(x, 1.0), OperandError, "tangent must be a tensor: got float"),
            (lambda: fw.make_dual(dual(), x), GraphError, "has a tangent at this level already"),
            (lambda: fw.make_dual(x, x, level=1), GraphError, "there is no dual level 1: levels 0 to 0 are open"),
            (lambda: fw.unpack_dual(3.0), OperandError, "needs a tensor: got float"),
            (lambda: fw.exit_dual_level(level=3), GraphError, "level 3 is not the innermost"),
            (lambda: dual().numpy(), AttributeError, r"unpack_dual\(y\)\.primal\.numpy"),
            (lambda: np.array(dual()), TransformError, "array: a value inside a function transform"),
            (lambda: dual().sum().backward(), TransformError, r"unpack_dual\(y\)\.primal\.backward"),
            (lambda: grad(lambda y: fw.make_dual(y, y).sum())(x), TransformError, "entered after this level"),
            (lambda: grad(lambda y: fw.unpack_dual(y * dual()).primal.sum())(x), TransformError, "cannot be taken apart inside it"),
        ]
        for call, error, message in cases:
            with pytest.raises(error, match=message):
                call()


def program(T, fw):
    """What PyTorch's users write, for both."""
    x = T.tensor([0.5, 1.5], dtype=T.float64, requires_grad=True)
    v = T.tensor([1.0, -2.0], dtype=T.float64)
    w = T.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=T.float64)
    with fw.dual_level():
        y = (w @ fw.make_dual(x, v)).tanh().sum() + (fw.make_dual(x, v) ** 2).prod()
        primal, tangent = fw.unpack_dual(y)
        tangent.backward()
    return primal.item(), tangent.item(), x.grad.tolist(), fw.unpack_dual(y).tangent


def test_agreement_with_pytorch():
    torch = pytest.importorskip("torch")
    mine, theirs = program(tl, fw), program(torch, pytest.importorskip("torch.autograd.forward_ad"))
    for a, b in zip(mine[:3], theirs[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
    assert mine[3] is theirs[3] is None


def test_levels_keep_their_order_after_very_many_transforms():
    state = tl._state.state
    before, state.highest = state.highest, 2**60
    try:

        def f(x):
            with fw.dual_level():
                outer = fw.make_dual(x, x * 2.0)
                with fw.dual_level():
                    inner = fw.make_dual(outer * x, tl.ones_like(x))
                    slope = fw.unpack_dual(grad(lambda y: (y * inner).sum())(x)).tangent
                return (fw.unpack_dual(outer * outer).tangent * slope).sum()

        assert grad(f)(tl.tensor(3.0)).item() == 24.0  # of 4 x^2
        assert vmap(grad(f))(tl.tensor([3.0, 1.0])).tolist() == [24.0, 8.0]
    finally:
        state.highest = before


def test_a_pullback_made_before_a_level_takes_its_cotangents():
    x = tl.tensor([1.0, 2.0])
    _, pull = tl.func.vjp(lambda y: y**2, x)
    _, push = tl.func.linearize(lambda y: y**2, x)
    with fw.dual_level():
        c = fw.make_dual(x * 1.0, tl.tensor([1.0, -1.0]))
        for made in (pull(c)[0], push(c)):
            value, tangent = fw.unpack_dual(made)
            assert value.tolist() == [2.0, 8.0]
            assert tangent.tolist() == [2.0, -4.0]
