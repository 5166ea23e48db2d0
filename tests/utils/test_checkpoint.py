"""`checkpoint` gives the numbers of the plain run, in every mode. Memory and errors are in ``test_checkpoint_memory.py``."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn
from tensorflowlite_clone.utils.checkpoint import (
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_early_stop,
)

BOTH = pytest.mark.parametrize("reentrant", [False, True])


def leaf(*shape, seed=0):
    return tl.Tensor(np.random.default_rng(seed).standard_normal(shape), requires_grad=True)


def network(p=0.5):
    tl.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(p), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 2)).double()


def gradients(model, x, call):
    """Result and gradients of one training step with a fixed seed."""
    tl.manual_seed(7)
    for p in [x, *model.parameters()]:
        p.grad = None
    y = call(x)
    (y * y).sum().backward()
    return [y.numpy(force=True), *(p.grad.numpy() for p in [x, *model.parameters()])]


def equal(ours, expected):
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- the numbers of the plain run -----------------------------------------------------------------------------------------------
@BOTH
def test_a_training_step_gives_exactly_the_numbers_of_the_plain_run(reentrant):
    model, x = network(), leaf(5, 3)
    expected = gradients(model, x, model)
    equal(gradients(model, x, lambda x: checkpoint(model, x, use_reentrant=reentrant)), expected)
    for segments in (1, 2, 3, 6):
        equal(gradients(model, x, lambda x, n=segments: checkpoint_sequential(model, n, x, use_reentrant=reentrant)), expected)
    equal(gradients(model, x, lambda x: checkpoint_sequential(list(model), 2, x, use_reentrant=reentrant)), expected)


@BOTH
def test_the_numbers_are_those_of_torch(reentrant):
    torch = pytest.importorskip("torch")
    from torch.utils.checkpoint import checkpoint as torch_checkpoint

    a, b = np.array([[0.1, -0.4], [0.7, 0.2]]), np.array([0.3, -0.9])

    def run(package, checkpoint):
        x, y = (package.tensor(v, dtype=package.float64, requires_grad=True) for v in (a, b))

        def f(x, y, k):
            return package.tanh(x @ y) * k, package.exp(x).sum()

        u, v = checkpoint(f, x, y, 3.0, use_reentrant=reentrant)
        (u.sum() * v).backward()
        return x.grad.numpy(), y.grad.numpy()

    for ours, theirs in zip(run(tl, checkpoint), run(torch, torch_checkpoint), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@BOTH
def test_random_numbers_are_repeated_and_the_stream_goes_on_as_in_the_plain_run(reentrant):
    x = leaf(50)
    f = nn.functional.dropout

    def run(call):
        tl.manual_seed(3)
        x.grad = None
        y = call(x)
        between = tl.rand(2).tolist()
        y.sum().backward()
        return y.tolist(), x.grad.tolist(), between, tl.rand(2).tolist()

    assert run(lambda x: checkpoint(f, x, use_reentrant=reentrant)) == run(f)


def test_a_generator_among_the_arguments_is_repeated_too():
    g, x = tl.Generator().manual_seed(5), leaf(4)

    def noisy(x, *, generator):
        return x * tl.rand(4, generator=generator, dtype=tl.float64)

    y = checkpoint(noisy, x, generator=g)
    after = g.get_state().tolist()
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.numpy(force=True) / x.numpy(force=True))
    assert g.get_state().tolist() == after


def test_without_preserve_rng_state_the_recomputation_draws_anew():
    tl.manual_seed(3)
    x = leaf(200)
    y = checkpoint(lambda x: x * tl.rand(200, dtype=tl.float64), x, preserve_rng_state=False)
    y.sum().backward()
    assert not np.allclose(x.grad.numpy(), y.numpy(force=True) / x.numpy(force=True))


def test_keyword_and_other_arguments_and_nested_results():
    def f(x, scale, *, shift, options):
        y = x * scale + shift
        return {"sum": y.exp().sum(), "parts": [y, (y * y, options["name"])]}

    def run(call):
        x, s = leaf(3), leaf(3, seed=1)
        out = call(f, x, 2.0, shift=s, options={"name": "a"})
        assert out["parts"][1][1] == "a"
        (out["sum"] + out["parts"][0].sum() + out["parts"][1][0].sum()).backward()
        return x.grad.numpy(), s.grad.numpy()

    equal(run(checkpoint), run(lambda f, *a, **k: f(*a, **k)))


def test_arguments_that_need_no_gradient_while_parameters_do():
    model, x = network(), tl.Tensor(np.ones((2, 3)))
    tl.manual_seed(0)
    model(x).sum().backward()
    expected = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    tl.manual_seed(0)
    checkpoint(model, x, use_reentrant=False).sum().backward()
    equal([p.grad.numpy() for p in model.parameters()], expected)
    with pytest.warns(UserWarning, match=r"checkpoint: no argument requires grad.*pass use_reentrant=False"):
        y = checkpoint(model, x, use_reentrant=True)
    assert not y.requires_grad


def test_nothing_is_run_again_where_nothing_was_forgotten():
    runs = []

    def f(x):
        runs.append(1)
        return (x + 1).reshape(2, 2).sum()

    x = leaf(4)
    checkpoint(f, x).backward()
    assert x.grad.tolist() == [1.0] * 4 and len(runs) == 1
    with tl.no_grad():
        assert not checkpoint(f, x).requires_grad
    assert checkpoint(f, x.detach()).node is None


# ---- every mode -----------------------------------------------------------------------------------------------------------------
def plain(f, *args, **kwargs):
    return f(*args, **kwargs)


@pytest.mark.parametrize("early", [False, True])
def test_autograd_grad_of_any_order(early):
    w = leaf(3, 3, seed=2)

    def f(x):
        return (tl.tanh(x @ w) * tl.exp(x)).sum()

    def run(call):
        x = leaf(3)
        with set_checkpoint_early_stop(early):
            y = call(f, x) * x.sum()
        found = []
        for _ in range(3):
            (y,) = tl.autograd.grad(y, x, create_graph=True)
            found.append(y.numpy(force=True))
            y = (y * y).sum()
        found += [g.numpy() for g in tl.autograd.grad(y, [x, w])]
        return found

    for ours, expected in zip(run(checkpoint), run(plain), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_second_derivatives_reach_tensors_inside_the_region():
    """What the recomputation saved is differentiated on the tape of the forward pass, so that inner tensors take part."""

    def run(call):
        x, kept = leaf(3), []

        def f(x):
            if not kept:
                kept.append(x * 2)
                return (kept[0] ** 3).sum()
            return ((x * 2) ** 3).sum()

        y = call(f, x)
        (g,) = tl.autograd.grad(y, x, create_graph=True)
        return tl.autograd.grad(g.sum(), kept[0])[0].numpy()

    np.testing.assert_allclose(run(checkpoint), run(plain))


def test_inner_tensors_as_inputs_and_their_hooks():
    seen, kept = [], []

    def f(x):
        y = x.exp()
        y.register_hook(lambda g: seen.append(g.tolist()))
        kept.append(y)
        return y * y

    x = tl.tensor([0.0], requires_grad=True)
    z = checkpoint(f, x)
    (g,) = tl.autograd.grad(z.sum(), kept[0], retain_graph=True)
    assert g.tolist() == [2.0] and len(kept) == 2
    z.sum().backward()
    assert x.grad.tolist() == [2.0] and seen == [[2.0], [2.0]]


TRANSFORMS = {
    "grad": lambda f, x: func.grad(f)(x),
    "grad of grad": lambda f, x: func.grad(lambda x: func.grad(f)(x).sum())(x),
    "hessian": lambda f, x: func.hessian(f)(x),
    "jacrev of grad": lambda f, x: func.jacrev(func.grad(f))(x),
    "forward over reverse": lambda f, x: func.jvp(func.grad(f), (x,), (np.ones_like(x),))[1],
    "forward": lambda f, x: func.jvp(f, (x,), (np.ones_like(x),))[1],
    "per example": lambda f, x: func.vmap(func.grad(f))(np.stack([x, 2 * x])),
    "vmap of hessian": lambda f, x: func.vmap(func.hessian(f))(np.stack([x, 2 * x])),
    "grad of vmap": lambda f, x: func.grad(lambda x: func.vmap(f)(x).sum())(np.stack([x, 2 * x])),
    "reverse over forward": lambda f, x: func.grad(lambda x: func.jvp(f, (x,), (x,))[1])(x),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_function_transforms(name):
    w = np.random.default_rng(0).standard_normal((3, 3))

    def f(x):
        return np.sum(np.tanh(x @ w) * np.exp(x))

    def wrapped(x):
        return checkpoint(f, x)

    transform, x = TRANSFORMS[name], np.array([0.3, -0.2, 0.5])
    np.testing.assert_allclose(transform(wrapped, x), transform(f, x), rtol=1e-10)


def test_transforms_of_recorded_parameters():
    """Two tapes at once: the transform's and the one of the parameter that the function uses."""

    def run(call):
        w, x = leaf(3, 3, seed=2), np.array([0.3, -0.2, 0.5])
        g = func.grad(lambda x: call(lambda x: np.sum(np.tanh(x @ w) * np.exp(x)), x))(tl.Tensor(x))
        (g * g).sum().backward()
        return w.grad.numpy()

    np.testing.assert_allclose(run(checkpoint), run(plain), rtol=1e-12)


def test_derivatives_inside_the_region():
    def f(x):
        slope = func.grad(lambda x: np.sum(np.sin(x) * x))(x)
        (g,) = tl.autograd.grad((x**4).sum(), x, create_graph=True)
        return (slope * x).sum() + (g * g).sum()

    def run(call):
        x = leaf(3)
        call(f, x).backward()
        return x.grad.numpy()

    np.testing.assert_allclose(run(checkpoint), run(plain), rtol=1e-12)


@BOTH
def test_nested_checkpoints(reentrant):
    model, x = network(), leaf(5, 3)
    expected = gradients(model, x, model)

    def inner(x):
        return checkpoint(model[:3], x, use_reentrant=reentrant)

    def outer(x):
        return checkpoint(model[3:], checkpoint(inner, x, use_reentrant=reentrant), use_reentrant=reentrant)

    equal(gradients(model, x, lambda x: checkpoint(outer, x, use_reentrant=reentrant)), expected)
    if not reentrant:
        with set_checkpoint_early_stop(True):
            equal(gradients(model, x, lambda x: checkpoint(outer, x)), expected)


def test_in_place_changes_inside_the_region():
    def f(x):
        y = x * 2
        y += x
        y[0] = 0.0
        y.exp_()
        return y * x

    def run(call):
        x = leaf(4)
        call(f, x).sum().backward()
        return x.grad.numpy()

    equal([run(checkpoint)], [run(plain)])


def test_in_place_change_of_a_result_as_in_torch():
    x = leaf(3)
    y = checkpoint(tl.exp, x)
    y.mul_(2.0)  # plain exp would have saved y
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(x.numpy(force=True)))


class Cube(tl.autograd.Function):
    """A user's function, with saved tensors and an attribute."""

    @staticmethod
    def forward(ctx, x):
        ctx.factor = 3
        ctx.save_for_backward(x, x * x)
        return x * x * x

    @staticmethod
    def backward(ctx, g):
        _, square = ctx.saved_tensors
        return g * ctx.factor * square


@pytest.mark.parametrize("early", [False, True])
def test_users_own_functions(early):
    def f(x):
        return Cube.apply(x.exp()).sum()

    def run(call):
        x = leaf(3)
        call(f, x).backward()
        return x.grad.numpy()

    with set_checkpoint_early_stop(early):
        equal([run(checkpoint)], [run(plain)])


def test_users_own_functions_are_forgotten():
    x = leaf(3)
    kept = checkpoint(lambda x: Cube.apply(x * 2.0), x).node.saved
    assert not isinstance(kept, tuple)


def test_hooks_on_saved_tensors_inside_and_outside():
    """Hooks inside the region keep what they were given; those around it see nothing of a region, whose values are not kept."""
    log = []

    def hooks(word):
        def pack(t):
            log.append(word)
            return t

        return tl.autograd.graph.saved_tensors_hooks(pack, lambda t: t)

    def f(x):
        y = tl.exp(x)
        with hooks("inside"):
            return tl.sin(y) * y

    def run(call):
        log.clear()
        x = leaf(3)
        with hooks("outside"):
            y = call(f, x)
        y.sum().backward()
        return x.grad.numpy()

    equal([run(plain)], [run(checkpoint)])
    assert log == ["inside"] * 3 + ["inside"] * 3
    run(plain)
    assert log == ["outside"] + ["inside"] * 3


def test_anomaly_detection_looks_into_regions():
    class Broken(tl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0] * float("nan")

    with tl.autograd.detect_anomaly(), pytest.raises(RuntimeError, match=r"NaN in 2 of 2 elements.*test_checkpoint\.py"):
        checkpoint(lambda x: Broken.apply(x.exp()), leaf(2)).sum().backward()


def test_operations_with_several_results():
    def f(x):
        values, indices = x.sort(dim=1)
        largest, _ = values.max(dim=1)
        return (values * indices).sum() * largest

    def run(call):
        x = leaf(3, 4)
        call(f, x).sum().backward()
        return x.grad.numpy()

    equal([run(checkpoint)], [run(plain)])
