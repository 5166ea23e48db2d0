"""What the tape keeps and when it lets go: saved values, views, retain_graph, reference counting in every mode, long trainings."""

from __future__ import annotations

import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn, optim
from tensorflowlite_clone._state import state
from tensorflowlite_clone.autograd import leak_warning
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.utils.checkpoint import checkpoint


def leaf(*shape, seed=0):
    return tl.Tensor(np.random.default_rng(seed).uniform(0.5, 1.5, shape), requires_grad=True)


@pytest.fixture
def no_collector():
    """Reference counting alone must free everything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


# ---- what is saved --------------------------------------------------------------------------------------------------------------
#: What of the operand and of the result a graph keeps alive: (operation, operand, result).
KEPT = {
    "add": (lambda x: x + x, False, False),
    "sub": (lambda x: x - 1.0, False, False),
    "mul by a number": (lambda x: x * 2.0, False, False),
    "square": (lambda x: x * x, True, False),
    "tanh": (tl.tanh, False, True),
    "exp": (tl.exp, False, True),
    "sigmoid": (tl.sigmoid, False, True),
    "sqrt": (tl.sqrt, False, True),
    "sin": (tl.sin, True, False),
    "log": (tl.log, True, False),
    "relu": (tl.relu, False, True),
    "softmax": (lambda x: tl.softmax(x, 0), False, True),
    "sum": (lambda x: x.sum(), False, False),
    "mean": (lambda x: x.mean(0), False, False),
    "reshape": (lambda x: x.reshape(3, 2), False, False),
    "transpose": (lambda x: x.t(), False, False),
    "slice": (lambda x: x[0], False, False),
    "cat": (lambda x: tl.cat([x, x]), False, False),
    "expand": (lambda x: x[:1].expand(2, 3), False, False),
    "matmul with a constant": (lambda x: x @ tl.ones(3, 1, dtype=tl.float64), False, False),
    "where": (lambda x: tl.where(tl.ones(2, 3) > 0, x, 0.0), False, False),
    "cumsum": (lambda x: x.cumsum(0), False, False),
    "dropout": (lambda x: nn.functional.dropout(x, 0.5), False, False),
}


@pytest.mark.parametrize("name", KEPT)
def test_the_graph_keeps_what_the_rules_name_and_nothing_else(name, no_collector):
    function, operand_kept, result_kept = KEPT[name]
    x = leaf(2, 3) * 1.0
    y = function(x)
    loss = y.sum() if y.shape else y + 0.0
    arrays = [weakref.ref(x.array), weakref.ref(y.array if y.array.base is None else x.array)]
    del x, y
    assert (arrays[0]() is not None, arrays[1]() is not None) == (operand_kept, result_kept)
    loss.backward()
    del loss
    assert [a() for a in arrays] == [None, None]


def test_saved_values_are_exactly_those_that_the_rules_name():
    """Seen from the operations: per operation, the names in its rules and the size of what a node keeps."""
    x, y = leaf(2, 3), leaf(2, 3, seed=1)
    for result, names in ((x * y, {"x", "y"}), (x * y.detach(), {"y"}), (x / y, {"x", "y", "ans"}), (tl.exp(x), {"ans"}), (x + y, set())):
        node = result.node
        assert len(node.saved) == len(node.plan.save) <= len(names)
    only_x = OPS["Multiply"].of(x, y.detach()).node
    assert [v for v in only_x.saved if v is x] == []


@pytest.mark.parametrize(
    "view",
    [
        lambda x: x.reshape(-1),
        lambda x: x.view(3, 4),
        lambda x: x.t(),
        lambda x: x.permute(1, 0),
        lambda x: x[1:],
        lambda x: x[:, ::2],
        lambda x: x.expand(5, 4, 3),
        lambda x: x.unsqueeze(0),
        lambda x: x.flatten(),
        lambda x: x.narrow(0, 1, 2),
        lambda x: x.select(0, 1),
        lambda x: x.diagonal(),
        lambda x: x.split(2)[1],
        lambda x: x.chunk(2)[0],
        lambda x: x.unbind(0)[2],
        lambda x: x.detach(),
        lambda x: x.numpy(force=True),
    ],
)
def test_views_share_memory(view):
    x = leaf(4, 3)
    v = view(x)
    assert np.shares_memory(getattr(v, "array", v), x.array)


@pytest.mark.parametrize("f", [tl.sin, lambda x: tl.softmax(x.reshape(-1, 64), 1)], ids=["sin", "softmax of a view"])
def test_a_gradient_reaches_a_leaf_without_a_copy(f):
    """The fresh array that a rule made is the leaf's ``grad``, in whatever shape: a step needs no second one."""
    x = leaf(1 << 16)
    y = f(x).sum()
    tracemalloc.start()
    try:
        y.backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * x.nbytes  # cos(x) and its product with the cotangent


def test_gradients_that_are_views_of_one_array_or_of_one_that_is_kept_are_copies():
    kept = np.ones((2, 6))

    class Halves(tl.autograd.Function):
        @staticmethod
        def forward(ctx, x, y, z):
            return x + y + z

        @staticmethod
        def backward(ctx, g):
            one = np.ones((2, 3))
            return tl.from_numpy(one[0]), tl.from_numpy(one[1]), tl.from_numpy(kept[0, ::2])

    leaves = [leaf(3) for _ in range(3)]
    Halves.apply(*leaves).sum().backward()
    grads = [t.grad.numpy() for t in leaves]
    assert not any(np.shares_memory(a, b) for a in grads for b in (kept, *grads) if a is not b)


# ---- retain_graph ---------------------------------------------------------------------------------------------------------------
def test_freed_nodes_hold_no_values():
    x = leaf(3)
    a = tl.exp(x)
    b = a.sort()[0] * a
    c = b.sum()
    nodes = []
    stack = [c.node]
    while stack:
        node = stack.pop()
        nodes.append(node)
        stack += node.parents
    c.backward()
    kept = [value for node in nodes for value in node.saved or ()]  # shapes, numbers and places, for a second walk
    assert not any(isinstance(value, tl.Tensor | np.ndarray) and value.dtype.kind == "f" for value in kept)


def test_a_graph_of_which_a_part_was_freed():
    x = leaf(3)
    shared = tl.exp(x)
    a, b = tl.sin(shared).sum(), tl.cos(shared).sum()
    a.backward()
    with pytest.raises(RuntimeError, match=r"already used and its saved values are freed: reached exp.*retain_graph=True"):
        b.backward()
    c = tl.cos(shared.detach().requires_grad_()).sum()
    c.backward()  # what does not reach the freed part works


def test_only_the_walked_part_is_freed():
    x = leaf(3)
    y = tl.exp(x)
    z = tl.sin(y)
    tl.autograd.grad(z.sum(), y)  # frees sin alone
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp(x.numpy(force=True)))
    with pytest.raises(RuntimeError, match="reached sin"):
        z.sum().backward()


def test_retained_graphs_can_be_walked_again_and_again():
    x = leaf(3)
    y = (tl.exp(x) * tl.sin(x)).sum()
    for _ in range(3):
        y.backward(retain_graph=True)
    y.backward()
    (once,) = tl.autograd.grad((tl.exp(x) * tl.sin(x)).sum(), x)
    np.testing.assert_allclose(x.grad.numpy(), 4 * once.numpy())
    with pytest.raises(RuntimeError, match="already used"):
        y.backward()


# ---- every mode leaves nothing ----------------------------------------------------------------------------------------------------
class Hooked(nn.Module):
    def forward(self, x):
        return tl.exp(x) * x


def hooked_backward(x):
    module = Hooked()
    module.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,))
    module(x).sum().backward()


def tensor_hook(x):
    y = tl.exp(x)
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    (y * y).sum().backward()


def failing_hook(x):
    y = tl.exp(x)
    y.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        (y * tl.sin(x)).sum().backward()


def several_results(x):
    values, _ = x.reshape(3, 1).max(dim=1)
    (values.sort()[0] * tl.cat(x.split(1))).sum().backward()


MODES = {
    "backward": lambda x: (tl.exp(x) * x).sum().backward(),
    "forward only": lambda x: (tl.exp(x) * x).sum(),
    "create_graph": lambda x: tl.autograd.grad((tl.exp(x) * x).sum(), x, create_graph=True)[0].sum().backward(),
    "create_graph, not walked": lambda x: tl.autograd.grad((tl.exp(x) * x).sum(), x, create_graph=True),
    "retained": lambda x: (tl.exp(x) * x).sum().backward(retain_graph=True),
    "partial": lambda x: tl.autograd.grad((tl.exp(x * 1.0) * x).sum(), x),
    "several results": several_results,
    "in place": lambda x: (x * 2).exp_().mul_(3.0).sum().backward(),
    "through a view": lambda x: ((y := x * 2), y[1:].mul_(3.0), y.sum().backward()),
    "func.grad": lambda x: func.grad(lambda x: (tl.exp(x) * x).sum())(x.detach()),
    "func.grad of a recorded tensor": lambda x: func.grad(lambda x: (tl.exp(x) * x).sum())(x).sum().backward(),
    "hessian": lambda x: func.hessian(lambda x: (tl.exp(x) * x).sum())(x.detach()),
    "jvp": lambda x: func.jvp(lambda x: tl.exp(x).sort()[0] * x, (x.detach(),), (x.detach(),)),
    "vmap of grad": lambda x: func.vmap(func.grad(lambda x: tl.exp(x) * x))(x.detach()),
    "vjp, pulled twice": lambda x: [p(x.detach()) for p in [func.vjp(lambda x: tl.exp(x) * x, x.detach())[1]] for _ in "ab"],
    "module hooks": hooked_backward,
    "tensor hooks": tensor_hook,
    "checkpoint": lambda x: checkpoint(lambda x: (tl.exp(x) * x).sum(), x).backward(),
    "reentrant checkpoint": lambda x: checkpoint(lambda x: (tl.exp(x) * x).sum(), x, use_reentrant=True).backward(),
    "checkpoint, not walked": lambda x: checkpoint(lambda x: checkpoint(tl.exp, x) * x, x),
    "a hook that fails": failing_hook,
}


def run_and_count(mode, x):
    """Run one mode; the boxes and nodes that are still alive beyond those that were there before."""
    from tensorflowlite_clone.core.boxed import Boxed
    from tensorflowlite_clone.core.operation import Operation
    from tensorflowlite_clone.core.tape import Select

    def alive():
        return {id(o) for o in gc.get_objects() if issubclass(type(o), Boxed | Operation | Select)}

    before = alive()
    mode(x)
    x.grad = None
    return len(alive() - before)


@pytest.mark.parametrize("name", MODES)
def test_reference_counting_frees_every_mode(name, no_collector):
    x = leaf(3)
    MODES[name](x)  # operations compile themselves, default generators are made
    x.grad = None
    gc.collect()
    assert run_and_count(MODES[name], x) == 0


# ---- failures in the middle ---------------------------------------------------------------------------------------------------------
def test_a_failure_in_the_middle_of_backward_is_as_in_torch():
    """What had arrived stays, what had not is missing, and the freed part of the graph says so."""
    torch = pytest.importorskip("torch")

    def run(package):
        old = package.tensor([1.0, 2.0], requires_grad=True)
        y = package.exp(old)
        fail = [True]

        def hook(g):
            if fail[0]:
                raise ZeroDivisionError("in a hook")

        y.register_hook(hook)
        z = (package.sin(y) * 3).sum()
        with pytest.raises(ZeroDivisionError):
            z.backward(retain_graph=True)
        first = old.grad
        fail[0] = False
        z.backward()
        return first, old.grad.numpy()

    (first, ours), (expected_first, theirs) = run(tl), run(torch)
    assert first is None and expected_first is None
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_a_failing_backward_leaves_modes_and_accumulated_gradients_whole():
    x = leaf(3)
    (x * 2).sum().backward()
    before = x.grad.numpy().copy()
    y = tl.exp(x)
    y.register_hook(lambda g: 1 / 0)
    for create_graph in (False, True):
        with pytest.raises(ZeroDivisionError):
            y.sum().backward(create_graph=create_graph)
        assert state.grad_enabled and not state.inputs_only and state.height == 0
        np.testing.assert_array_equal(x.grad.numpy(), before)
    with tl.no_grad(), pytest.raises(ZeroDivisionError):
        y.sum()
        tl.autograd.grad([y], [x], [np.ones(3)])
    assert state.grad_enabled


def test_a_failing_transform_closes_what_it_opened():
    def f(x):
        raise ZeroDivisionError

    for transform in (func.grad, func.vmap, func.jacrev, func.hessian, lambda f: lambda x: func.jvp(f, (x,), (x,))):
        with pytest.raises(ZeroDivisionError):
            transform(f)(np.ones(3))
        assert state.height == 0 and state.grad_enabled


# ---- long trainings -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["plain", "checkpoint", "hooks"])
def test_a_thousand_training_steps_do_not_grow(mode):
    tl.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
    if mode == "hooks":
        model[1].register_full_backward_hook(lambda m, gi, go: None)
        model[0].register_forward_hook(lambda m, a, out: out)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    x, y = tl.rand(5, 4), tl.rand(5, 1)

    def step():
        optimizer.zero_grad()
        out = checkpoint(model, x) if mode == "checkpoint" else model(x)
        loss = nn.functional.mse_loss(out, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    for _ in range(100):
        step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(50):
            step()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            step()
        cycles = gc.collect()  # also empties CPython's free lists, which are no leak
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert cycles < 10, f"{cycles} objects were left to the cycle collector"
    assert grown < 20_000, f"{grown} bytes more after 1000 steps"


# ---- losses that are kept ---------------------------------------------------------------------------------------------------------------
@pytest.fixture
def fresh_watch():
    leak_warning.recent.roots.clear()
    leak_warning.recent.window = leak_warning.WINDOW
    yield
    leak_warning.recent.roots.clear()
    leak_warning.recent.window = leak_warning.WINDOW


def train(steps, keep):
    x, losses = leaf(3), []
    for _ in range(steps):
        loss = (tl.exp(x) * 0.1).sum()
        loss.backward()
        losses = keep(losses, loss)


WRONG = {
    "total += loss": lambda total, loss: total + loss if isinstance(total, tl.Tensor) else loss,
    "losses.append(loss)": lambda losses, loss: [*losses, loss],
}
RIGHT = {
    "nothing": lambda losses, loss: losses,
    "numbers": lambda losses, loss: [*losses, loss.item()],
    "detached": lambda losses, loss: [*losses, loss.detach()],
    "the previous one": lambda losses, loss: [loss],
    "the last fifty": lambda losses, loss: [*losses, loss][-50:],
    "the best one": lambda losses, loss: [loss] if not losses or loss < losses[0] else losses,
}


@pytest.mark.parametrize("name", WRONG)
def test_losses_that_are_kept_as_tensors_get_one_warning_at_the_users_line(name, fresh_watch):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        train(300, WRONG[name])
    (warning,) = caught
    assert warning.category is UserWarning and warning.filename == __file__
    assert "backward: the losses of the last 64 steps are all kept alive" in str(warning.message)
    assert "total += loss.item()" in str(warning.message)


@pytest.mark.parametrize("name", RIGHT)
def test_trainings_that_keep_nothing_or_little_do_not_warn(name, fresh_watch):
    train(300, RIGHT[name])  # a warning would be an error


def test_losses_computed_first_and_walked_later_do_not_warn(fresh_watch):
    x = leaf(3)
    for loss in [(tl.exp(x) * k).sum() for k in range(200)]:
        loss.backward()
    total = sum((tl.exp(x) * k).sum() for k in range(200))
    total.backward()


def test_losses_that_only_a_cycle_holds_do_not_warn(fresh_watch, no_collector):
    x = leaf(3)
    for _ in range(200):
        loss = (tl.exp(x) * 0.1).sum()
        holder = {"loss": loss}
        holder["self"] = holder
        loss.backward()
    assert leak_warning.recent.window > leak_warning.WINDOW


def test_retained_graphs_do_not_count(fresh_watch):
    x, losses = leaf(3), []
    for _ in range(200):
        losses.append((tl.exp(x) * 0.1).sum())
        losses[-1].backward(retain_graph=True)
