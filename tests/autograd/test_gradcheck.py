"""`gradcheck` and `gradgradcheck`: they pass what is right, and each of their checks can fail."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, GraphError
from tensorflowlite_clone.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from tensorflowlite_clone.core.operation import Operation
from tensorflowlite_clone.core.registry import OPS

ALL = {"check_forward_ad": True, "check_batched_grad": True, "check_batched_forward_grad": True, "check_grad_dtypes": True}


def point(*shape, seed=0):
    return tl.tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), requires_grad=True)


def square(backward=lambda x, g: g * 2 * x, push=None, **body):
    """x * x with the given derivatives, the right ones by default."""

    class Base(Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

    body["backward"] = staticmethod(lambda ctx, g: backward(*ctx.saved_tensors, g))
    if push is not None:
        body["jvp"] = staticmethod(lambda ctx, t: push(*ctx.saved_tensors, t))
    return type("Square", (Base,), body)


# ---- what is right passes ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fast_mode", [False, True])
def test_right_derivatives_pass(fast_mode):
    x, y = point(2, 3), point(3, seed=1)
    assert gradcheck(lambda a, b: (a * b, (a @ b).exp(), a.sort()[0], "words"), (x, y), fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda a: a.sin(), x, fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda a, n, b: a**n * b, [x, 3, y.detach()], fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda a: a[:0], x, fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda a: a * 2, tl.zeros(0, dtype=tl.float64, requires_grad=True), fast_mode=fast_mode, **ALL)
    assert gradcheck(square().apply, x, fast_mode=fast_mode, **ALL)
    assert gradcheck(square(push=lambda x, t: 2 * x * t).apply, x, fast_mode=fast_mode, **ALL)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_right_second_derivatives_pass(fast_mode):
    x, y = point(2, 3), point(3, seed=1)
    options = {"fast_mode": fast_mode, "check_fwd_over_rev": True, "check_batched_grad": True}
    assert gradgradcheck(lambda a, b: (a * b**2, (a @ b).exp(), a * 3), (x, y), **options)
    assert gradgradcheck(square().apply, x, **options)
    seeds = (tl.ones(2, 3, dtype=tl.float64, requires_grad=True), tl.ones(2, dtype=tl.float64))
    assert gradgradcheck(lambda a, b: (a * b**2, (a @ b).exp()), (x, y), seeds, **options)
    assert gradgradcheck(lambda a, b: a * b**2, (x, y), gen_non_contig_grad_outputs=True, **options)
    assert gradgradcheck(lambda a: a**3, x, check_rev_over_rev=False, check_fwd_over_rev=True)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_complex_derivatives_pass(fast_mode):
    z, y = tl.tensor(np.array([0.5 + 1j, -1 + 0.2j, 2 - 1j]), requires_grad=True), point(3)
    assert gradcheck(lambda z, y: (z * y, z * z.conj(), z.exp()), (z, y), fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda z: (z.abs(), z.real, z.imag * z), z, fast_mode=fast_mode, **ALL)
    assert gradcheck(lambda y: (y * 1j).exp(), y, fast_mode=fast_mode, **ALL)
    assert gradgradcheck(lambda z, y: (z * y**2, z.abs() ** 3), (z, y), fast_mode=fast_mode, check_fwd_over_rev=True)


def test_a_function_without_differentiable_results():
    assert gradcheck(lambda x: (x > 1).double(), point(3))
    with pytest.raises(GradcheckError, match=r"result 0 does not require grad, but changes with input 0"):
        gradcheck(lambda x: x.detach() * 2, point(3))


# ---- what is wrong fails -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_backward_fails_and_the_message_says_where(fast_mode):
    wrong = square(lambda x, g: g * 2 * x + g * tl.tensor([[0.0, 0.0, 0.0], [0.0, 0.5, 0.0]], dtype=tl.float64))
    with pytest.raises(
        GradcheckError,
        match=r"(?s)the Jacobian in reverse mode of result 1 with respect to input 1 .* the largest difference, 0\.5, is at element "
        r"\(1, 1\) of the input and \(1, 1\) of the result\nnumerical .*\[\[.*analytical:\n\[\[",
    ):
        gradcheck(lambda y, x: (y, wrong.apply(x)), (point(2), point(2, 3)), fast_mode=fast_mode)
    assert not gradcheck(wrong.apply, point(2, 3), fast_mode=fast_mode, raise_exception=False)
    assert issubclass(GradcheckError, RuntimeError)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_backward_that_is_not_a_number_fails(fast_mode):
    with pytest.raises(GradcheckError, match="largest difference, inf"):
        gradcheck(square(lambda x, g: g * x * float("nan")).apply, point(3), fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_jvp_fails_with_check_forward_ad_only(fast_mode):
    wrong = square(push=lambda x, t: 3 * x * t)
    assert gradcheck(wrong.apply, point(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="the Jacobian in forward mode of result 0 with respect to input 0"):
        gradcheck(wrong.apply, point(3), check_forward_ad=True, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="in forward mode"):
        gradcheck(wrong.apply, point(3), check_forward_ad=True, check_backward_ad=False, fast_mode=fast_mode)
    wrong_backward = square(lambda x, g: g, lambda x, t: 2 * x * t)
    assert gradcheck(wrong_backward.apply, point(3), check_forward_ad=True, check_backward_ad=False, fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_backward_that_changes_from_run_to_run_fails(fast_mode):
    rng = np.random.default_rng(0)
    shaky = square(lambda x, g: g * 2 * x * (1 + 1e-8 * float(rng.normal())))
    with pytest.raises(GradcheckError, match="the Jacobian in reverse mode is not deterministic: for result 0 with respect to input 0"):
        gradcheck(shaky.apply, point(3), fast_mode=fast_mode)
    assert gradcheck(shaky.apply, point(3), nondet_tol=1e-5, fast_mode=fast_mode)


def test_a_jvp_that_changes_from_run_to_run_fails():
    rng = np.random.default_rng(0)
    shaky = square(push=lambda x, t: 2 * x * t * (1 + 1e-8 * float(rng.normal())))
    with pytest.raises(GradcheckError, match="the Jacobian in forward mode is not deterministic"):
        gradcheck(shaky.apply, point(3), check_forward_ad=True)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_second_derivative_fails(fast_mode):
    wrong = square(lambda x, g: g * 2 * x.detach())
    assert gradcheck(wrong.apply, point(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="in reverse mode of result 0 with respect to input 0"):
        gradgradcheck(wrong.apply, point(3), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="in forward mode of result 0 with respect to input 0"):
        gradgradcheck(wrong.apply, point(3), check_rev_over_rev=False, check_fwd_over_rev=True, fast_mode=fast_mode)
    assert not gradgradcheck(wrong.apply, point(3), raise_exception=False, fast_mode=fast_mode)


def test_a_backward_that_is_not_linear_in_its_gradient_fails():
    with pytest.raises(GradcheckError, match="backward is not multiplied by grad_output: the gradient of input 0 is not zero"):
        gradcheck(square(lambda x, g: 2 * x).apply, tl.tensor(1.5, dtype=tl.float64, requires_grad=True))


def test_a_backward_that_vmap_cannot_follow_fails():
    by_numpy = square(lambda x, g: tl.tensor(g.detach().numpy() * 2) * x)
    assert gradcheck(by_numpy.apply, point(3), check_batched_grad=True)  # one call for each example

    def of_one_example(x, g):
        if tl.Tensor is not type(g):
            raise ValueError("this is no tensor")
        return g * 2 * x

    assert gradcheck(square(of_one_example).apply, point(3))
    with pytest.raises(GradcheckError, match=r"backward does not work under vmap: it raised ValueError.*check_batched_grad=False"):
        gradcheck(square(of_one_example).apply, point(3), check_batched_grad=True)


def test_a_wrong_batched_backward_fails():
    def backward(x, g):
        return g * 2 * x if type(g) is tl.Tensor else g * 3 * x

    assert gradcheck(square(backward).apply, point(3))
    with pytest.raises(GradcheckError, match="backward under vmap is not what it is in a loop: the gradients of input 0 for result 0"):
        gradcheck(square(backward).apply, point(3), check_batched_grad=True)


def test_a_wrong_batched_forward_mode_fails():
    def push(x, t):
        return t * 2 * x if type(t) is tl.Tensor else t * 3 * x

    wrong = square(push=push)
    assert gradcheck(wrong.apply, point(3), check_forward_ad=True)
    with pytest.raises(GradcheckError, match="forward mode under vmap is not what it is in a loop: the tangents of result 0 for input 0"):
        gradcheck(wrong.apply, point(3), check_forward_ad=True, check_batched_forward_grad=True)


def test_a_wrong_vmap_rule_fails_in_second_derivatives_per_example():
    """The rule for vmap is checked by checking the mapped function."""
    wrong = square(vmap=staticmethod(lambda info, in_dims, x: (x * x + 1, 0)))
    right = square(generate_vmap_rule=True)
    rows = point(2, 3)
    assert gradcheck(tl.func.vmap(right.apply), rows, **ALL)
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(tl.func.vmap(wrong.apply)(rows).detach().numpy(), (rows * rows).detach().numpy())
    wrong = square(vmap=staticmethod(lambda info, in_dims, x: (x.detach() * x, 0)))
    with pytest.raises(GradcheckError, match="in reverse mode"):
        gradcheck(tl.func.vmap(wrong.apply), rows)


class TwoResults(Function):
    """Does not look whether its gradients are there."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    @staticmethod
    def backward(ctx, a, b):
        return a * 2 + b * 3


class OffsetWithoutGradients(TwoResults):
    """Takes None for something else than zeros; right if both gradients are there."""

    @staticmethod
    def backward(ctx, a, b):
        if a is None or b is None:
            c, k = (a, 2) if b is None else (b, 3)
            return c * k + tl.ones(3, dtype=tl.float64) * (c.sum() == 0).double()
        return a * 2 + b * 3


def test_undefined_gradients():
    def both(x):  # a sum of both, and one alone
        a, b = OffsetWithoutGradients.apply(x)
        return a, b

    with pytest.raises(TypeError):
        gradcheck(TwoResults.apply, point(3))  # already the comparison seeds one result at a time
    with pytest.raises(GradcheckError, match="does not cope with undefined gradients: with a gradient of zero for result 0"):
        gradcheck(both, point(3))
    assert gradcheck(both, point(3), check_undefined_grad=False)

    class Raises(OffsetWithoutGradients):
        @staticmethod
        def backward(ctx, a, b):
            if (a is None or b is None) and (b if a is None else a).sum() == 0:
                raise ValueError("one is missing")
            return (0 if a is None else a * 2) + (0 if b is None else b * 3)

    with pytest.raises(GradcheckError, match="with one for result 0 alone it raised ValueError: one is missing"):
        gradcheck(Raises.apply, point(3))


def test_dtypes_of_gradients_are_checked():
    before = dict(OPS)
    try:

        class CoarseGradient(Operation):
            def forward(x):
                return x * 2

            def grad_x(g):
                return np.float32(2) * OPS["Cast"].of(g, dtype=np.dtype(np.float32))

    finally:
        OPS.clear()
        OPS.update(before)
    assert gradcheck(CoarseGradient.of, point(3))
    with pytest.raises(GradcheckError, match="the gradient of input 0 has the dtype float32, the input float64"):
        gradcheck(CoarseGradient.of, point(3), check_grad_dtypes=True)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_a_wrong_complex_derivative_fails(fast_mode):
    z = tl.tensor(np.array([0.5 + 1j, -1 + 0.2j]), requires_grad=True)
    assert gradcheck(square(lambda x, g: g * (2 * x).conj()).apply, z, fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match=r"is at element \(\d,\) \((real|imaginary) part\) of the input"):
        gradcheck(square(lambda x, g: g * 2 * x).apply, z, fast_mode=fast_mode)  # forgot to conjugate


# ---- arguments -----------------------------------------------------------------------------------------------------------------------
def test_coarse_inputs_warn():
    x = tl.tensor([0.5, 1.0], requires_grad=True)
    with pytest.warns(UserWarning, match="input 0 requires grad and is float32, too coarse") as caught:
        gradcheck(lambda x: x * 2, x, eps=1e-2, atol=1e-2)
    assert caught[0].filename == __file__


def test_bad_arguments():
    x = point(3)
    for call, error, message in [
        (lambda: gradcheck(tl.sin, x.detach()), ArgumentError, "no input requires grad"),
        (lambda: gradcheck(tl.sin, x, check_backward_ad=False), ArgumentError, "nothing to check"),
        (lambda: gradgradcheck(tl.sin, x, check_rev_over_rev=False), ArgumentError, "gradgradcheck: nothing to check"),
        (lambda: gradcheck(tl.sin, x, check_batched_forward_grad=True), ArgumentError, "concerns forward mode"),
        (
            lambda: gradcheck(tl.sin, x, check_batched_grad=True, check_backward_ad=False, check_forward_ad=True),
            ArgumentError,
            "concerns reverse mode",
        ),
        (lambda: gradcheck(tl.sin, tl.ones(1, dtype=tl.float64).expand(3).requires_grad_()), GraphError, "share memory"),
    ]:
        with pytest.raises(error, match=message):
            call()


def test_the_inputs_are_left_alone():
    x = point(3)
    before = x.detach().numpy().copy()
    gradcheck(lambda x: x * x, x, **ALL)
    np.testing.assert_array_equal(x.detach().numpy(), before)
    assert x.grad is None


def test_computed_inputs_are_checked_too():
    x = point(3) * 2
    assert gradcheck(lambda x: x.sin(), x, **ALL)


# ---- against PyTorch -----------------------------------------------------------------------------------------------------------------
def test_pytorch_judges_the_same_functions_alike():
    torch = pytest.importorskip("torch")

    def verdicts(T, base, check, check_twice):
        def function(slope, push, dtype=None):
            class Square(base):
                @staticmethod
                def forward(ctx, x):
                    ctx.save_for_backward(x)
                    ctx.save_for_forward(x)
                    return x * x

                @staticmethod
                def backward(ctx, g):
                    return slope(ctx.saved_tensors[0]) * g

                @staticmethod
                def jvp(ctx, t):
                    return push(ctx.saved_tensors[0]) * t

            return Square.apply

        right, wrong, once = (lambda x: 2 * x), (lambda x: 3 * x), (lambda x: 2 * x.detach())
        x = T.tensor([0.5, 1.0], dtype=T.float64, requires_grad=True)
        found = []
        for slope in (right, wrong, once):
            for push in (right, wrong):
                for fast in (False, True):
                    f = function(slope, push)
                    found.append(check(f, (x,), raise_exception=False, fast_mode=fast))
                    found.append(check(f, (x,), raise_exception=False, fast_mode=fast, check_forward_ad=True))
                    found.append(check(f, (x,), raise_exception=False, fast_mode=fast, check_forward_ad=True, check_backward_ad=False))
                    found.append(check_twice(f, (x,), raise_exception=False, fast_mode=fast))
        return found

    theirs = verdicts(torch, torch.autograd.Function, torch.autograd.gradcheck, torch.autograd.gradgradcheck)
    assert verdicts(tl, Function, gradcheck, gradgradcheck) == theirs
    assert True in theirs
    assert False in theirs
