"""Parametrized tensors: what is registered under which names, values and gradients, removal, copies, caching; beside PyTorch."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn.utils import parametrize as P


def kinds(T):
    """The same parametrizations for both packages."""

    class Symmetric(T.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, a):
            return a.triu()

    class Scaled(T.nn.Module):
        def forward(self, x):
            return 2.0 * x

    class Squared(T.nn.Module):
        def forward(self, x):
            return x * x

        def right_inverse(self, a):
            return a.sqrt()

    class Parts(T.nn.Module):
        def forward(self, a, b):
            return a * b

        def right_inverse(self, w):
            return w.abs(), w.sign()

    class Narrow(T.nn.Module):
        def forward(self, x):
            return x[:2]

        def right_inverse(self, a):
            return T.cat([a, a[:1]])

    return {k.__name__: k for k in (Symmetric, Scaled, Squared, Parts, Narrow)}


OURS = kinds(tl)


def pair(rows=3, columns=3, names=(), positive=False, buffer=False, unsafe=False):
    """A linear layer of each package with the same values, whose weight has these parametrizations."""
    torch = pytest.importorskip("torch")
    theirs = kinds(torch)
    rng = np.random.default_rng(3)
    w = rng.normal(size=(rows, columns))
    w = np.abs(w) + 0.5 if positive else w
    made = []
    for T, table in ((tl, OURS), (torch, theirs)):
        layer = T.nn.Linear(columns, rows, dtype=T.float64)
        with T.no_grad():
            layer.weight.copy_(T.tensor(w, dtype=T.float64))
            layer.bias.copy_(T.tensor(w[:, 0], dtype=T.float64))
        if buffer:
            del layer.weight
            layer.register_buffer("weight", T.tensor(w, dtype=T.float64))
        for name in names:
            T.nn.utils.parametrize.register_parametrization(layer, "weight", table[name](), unsafe=unsafe)
        made.append(layer)
    return (*made, torch)


def states_equal(ours, theirs):
    a, b = ours.state_dict(), theirs.state_dict()
    assert [*a] == [*b]
    for key in a:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), atol=1e-12, err_msg=key)


def same(ours, theirs, torch):
    """Names, state, value, output and all gradients."""
    states_equal(ours, theirs)
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert [n for n, _ in ours.named_buffers()] == [n for n, _ in theirs.named_buffers()]
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    np.testing.assert_allclose(ours.weight.numpy(force=True), theirs.weight.detach().numpy(), atol=1e-12)
    x = np.linspace(-1, 1, 2 * ours.in_features).reshape(2, -1)
    for T, layer in ((tl, ours), (torch, theirs)):
        layer.zero_grad()
        T.sin(T.nn.functional.linear(T.tensor(x), layer.weight, layer.bias[: len(layer.weight)])).sum().backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None), name
        if p.grad is not None:
            np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), atol=1e-12, err_msg=name)
    assert type(ours).__name__ == type(theirs).__name__
    assert P.type_before_parametrizations(ours) is nn.Linear


CASES = [
    ("Symmetric",), ("Scaled",), ("Squared",), ("Parts",), ("Symmetric", "Scaled"), ("Scaled", "Symmetric", "Scaled"), ("Parts", "Scaled"),
    ("Squared", "Squared"),
]  # fmt: skip


@pytest.mark.parametrize("buffer", [False, True])
@pytest.mark.parametrize("names", CASES, ids="-".join)
def test_registered_as_in_torch(names, buffer):
    ours, theirs, torch = pair(names=names, positive=True, buffer=buffer)
    same(ours, theirs, torch)
    assert P.is_parametrized(ours) and P.is_parametrized(ours, "weight") and not P.is_parametrized(ours, "bias")
    assert repr(ours).replace(" ", "") == repr(theirs).replace(" ", "")


@pytest.mark.parametrize("names", [("Symmetric",), ("Squared",), ("Parts",), ("Squared", "Squared")], ids="-".join)
def test_assignment_goes_through_right_inverse(names):
    ours, theirs, torch = pair(names=names, positive=True)
    value = np.full((3, 3), 4.0) + np.eye(3)
    ours.weight, theirs.weight = tl.tensor(value), torch.tensor(value)
    same(ours, theirs, torch)
    np.testing.assert_allclose(ours.weight.numpy(force=True), value)


@pytest.mark.parametrize("leave", [True, False])
@pytest.mark.parametrize("names", CASES, ids="-".join)
def test_removed_as_in_torch(names, leave):
    ours, theirs, torch = pair(names=names, positive=True)
    if names[0] == "Parts" and not leave:
        for T, layer in ((tl, ours), (torch, theirs)):
            with pytest.raises(ValueError):
                T.nn.utils.parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
        assert P.is_parametrized(ours)
        return
    original = ours.parametrizations.weight.original if names[0] != "Parts" else None
    P.remove_parametrizations(ours, "weight", leave)
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight", leave)
    assert type(ours) is nn.Linear and not P.is_parametrized(ours) and "parametrizations" not in dict(ours.named_modules())
    assert original is None or ours.weight is original  # the optimizer goes on with it
    same(ours, theirs, torch)


def test_unsafe_may_change_the_shape():
    ours, theirs, torch = pair(names=("Narrow",), unsafe=True)
    same(ours, theirs, torch)
    assert ours.weight.shape == (2, 3) and ours.parametrizations.weight.original.shape == (4, 3)
    P.remove_parametrizations(ours, "weight")
    torch.nn.utils.parametrize.remove_parametrizations(theirs, "weight")
    same(ours, theirs, torch)


def test_states_load_both_ways():
    ours, theirs, torch = pair(names=("Parts", "Scaled"))
    with torch.no_grad():
        theirs.parametrizations.weight.original0.mul_(3.0)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    same(ours, theirs, torch)
    with tl.no_grad():
        ours.parametrizations.weight.original0.mul_(0.5)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    same(ours, theirs, torch)


class Bad(nn.Module):
    def __init__(self, forward=None, inverse=None):
        super().__init__()
        self.f = forward or (lambda x: x)
        if inverse is not None:
            self.right_inverse = inverse

    def forward(self, x):
        return self.f(x)


MISTAKES = [
    (lambda m: P.register_parametrization(m, "nothing", Bad()), "Linear has no parameter and no buffer 'nothing'"),
    (lambda m: P.register_parametrization(m, "weight", Bad(lambda x: x[:1])), r"must keep the shape \(2, 2\): it has \(1, 2\)"),
    (lambda m: P.register_parametrization(m, "weight", Bad(lambda x: x.double())), "must keep the dtype float32: it has float64"),
    (lambda m: P.register_parametrization(m, "weight", Bad(lambda x: 3)), "the parametrized tensor must be a tensor: got int"),
    (lambda m: P.register_parametrization(m, "weight", Bad(inverse=lambda a: a.double())), "right_inverse may not change the dtype"),
    (
        lambda m: P.register_parametrization(m, "weight", Bad(inverse=lambda a: 3)),
        "right_inverse must give a tensor or a list of tensors: got",
    ),
    (
        lambda m: P.register_parametrization(m, "weight", Bad(inverse=lambda a: [a, 3])),
        "item 1 of what right_inverse gives must give a tensor",
    ),
    (lambda m: P.register_parametrization(m, "weight", Bad(inverse=lambda a: a[:1])), "must keep the shape"),
    (lambda m: P.remove_parametrizations(m, "weight"), "Linear has no parametrization of 'weight'"),
    (lambda m: P.register_parametrization(m, "weight", lambda x: x), "parametrization must be a module: got function"),
    (lambda m: P.register_parametrization(3, "weight", Bad()), "module must be a module: got int"),
]


@pytest.mark.parametrize(("act", "message"), MISTAKES)
def test_mistakes_are_explained_and_change_nothing(act, message):
    layer = nn.Linear(2, 2)
    before, weight = layer.state_dict(), layer.weight
    with pytest.raises((ValueError, TypeError), match=message):
        act(layer)
    assert type(layer) is nn.Linear and layer.weight is weight and [*layer.state_dict()] == [*before]
    assert weight.tolist() == before["weight"].tolist()


@pytest.mark.parametrize(
    "bad", [Bad(lambda x: x[:1]), Bad(lambda x: x.double()), Bad(lambda x: None), Bad(inverse=lambda a: a[:1]), Bad(inverse=lambda a: 1)]
)
def test_a_second_parametrization_is_checked_too(bad):
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", OURS["Scaled"]())
    with pytest.raises(RuntimeError, match=r"register_parametrization: what .* must"):
        P.register_parametrization(layer, "weight", bad)
    assert len(layer.parametrizations.weight) == 1


def test_only_tensors_are_assigned():
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", OURS["Scaled"]())
    with pytest.raises(TypeError, match=r"ParametrizedLinear\.weight: can only become a tensor: got int 3"):
        layer.weight = 3
    with pytest.raises(TypeError, match="right_inverse: Scaled has no right_inverse"):
        layer.weight = tl.ones(2, 2)
    with pytest.raises(KeyError):  # as in PyTorch: the name is taken
        layer.weight = nn.Parameter(tl.ones(2, 2))
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", OURS["Symmetric"]())
    with pytest.raises(TypeError, match="right_inverse may not change the dtype"):
        layer.weight = tl.ones(2, 2, dtype=tl.float64)


def test_not_implemented_inverses_are_the_identity():
    def refuse(a):
        raise NotImplementedError

    layer = nn.Linear(2, 2)
    weight = layer.weight
    P.register_parametrization(layer, "weight", Bad(inverse=refuse))
    P.register_parametrization(layer, "weight", Bad(inverse=refuse))
    assert layer.parametrizations.weight.original is weight and layer.weight.tolist() == weight.tolist()


def test_training_mode_follows_the_module():
    layer = nn.Linear(2, 2).eval()
    P.register_parametrization(layer, "weight", OURS["Scaled"]())
    assert not layer.parametrizations.weight[0].training
    assert layer.train().parametrizations.weight[0].training


def test_copies_are_independent_and_pickles_are_refused():
    layer = P.register_parametrization(nn.Linear(2, 2), "weight", OURS["Symmetric"]())
    P.register_parametrization(layer, "bias", OURS["Scaled"]())
    other = copy.deepcopy(layer)
    assert type(other) is type(layer) and other.weight.tolist() == layer.weight.tolist()
    other.weight = tl.zeros(2, 2)
    assert layer.weight.tolist() != other.weight.tolist()
    P.remove_parametrizations(other, "weight")
    assert P.is_parametrized(layer, "weight") and layer.weight.requires_grad and not P.is_parametrized(other, "weight")
    assert type(P.remove_parametrizations(other, "bias")) is nn.Linear
    both = copy.deepcopy(nn.ModuleList([layer, layer]))
    assert both[0] is both[1]
    for act in (pickle.dumps, copy.copy):
        with pytest.raises(RuntimeError, match="a parametrized module cannot be pickled: got ParametrizedLinear; save its state_dict"):
            act(layer)


def test_a_deepcopy_of_the_class_is_kept():
    class Own(nn.Linear):
        def __deepcopy__(self, memo):
            return "copied"

    assert copy.deepcopy(P.register_parametrization(Own(2, 2), "weight", OURS["Scaled"]())) == "copied"


def test_classes_are_shared_and_forgotten():
    a, b = (P.register_parametrization(nn.Linear(2, 2), "weight", OURS["Scaled"]()) for _ in range(2))
    assert type(a) is type(b) and issubclass(type(a), nn.Linear) and isinstance(a, nn.Linear)
    params, _ = tl.func.stack_module_state([a, b])
    assert params["parametrizations.weight.original"].shape == (2, 2, 2)
    P.register_parametrization(a, "bias", OURS["Scaled"]())
    assert type(a) is not type(b) and P.type_before_parametrizations(a) is nn.Linear
    del a, b, params
    gc.collect()
    assert not [key for key in P._classes if key[0] is nn.Linear and key[1] == ("bias", "weight")]


def test_cached_computes_once():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(1)
            return 2 * x

    layer = P.register_parametrization(nn.Linear(2, 2), "weight", Counting(), unsafe=True)
    with P.cached():
        with P.cached():
            first = layer.weight
        assert layer.weight is first and len(calls) == 1
        with tl.no_grad():
            assert layer.weight is not first and not layer.weight.requires_grad
        original = layer.parametrizations.weight.original
        out = tl.func.functional_call(layer, {"parametrizations.weight.original": tl.zeros(2, 2), "bias": tl.zeros(2)}, tl.ones(2))
        assert out.tolist() == [0.0, 0.0]  # not the value of the other original
        assert layer.parametrizations.weight.original is original and layer.weight.tolist() == first.tolist()
    assert layer.weight is not first
    with pytest.raises(KeyError), P.cached():
        first = layer.weight
        raise KeyError
    assert layer.weight is not layer.weight


def test_transfer():
    torch = pytest.importorskip("torch")
    ours, theirs, _ = pair(names=("Symmetric", "Scaled"))
    a, b = nn.Linear(3, 3, dtype=tl.float64), torch.nn.Linear(3, 3, dtype=torch.float64)
    b.load_state_dict({k: torch.tensor(v.numpy()) for k, v in a.state_dict().items()})
    assert P.transfer_parametrizations_and_params(ours, a) is a
    torch.nn.utils.parametrize.transfer_parametrizations_and_params(theirs, b)
    same(a, b, torch)
    assert a.parametrizations.weight.original is ours.parametrizations.weight.original
    ours, theirs, _ = pair(names=("Parts",))
    a, b = nn.Module(), torch.nn.Module()
    P.transfer_parametrizations_and_params(ours, a, "weight")
    torch.nn.utils.parametrize.transfer_parametrizations_and_params(theirs, b, "weight")
    states_equal(a, b)
    plain = nn.Linear(2, 2)
    assert type(P.transfer_parametrizations_and_params(nn.Linear(2, 2), plain)) is nn.Linear
    with pytest.raises(ValueError, match="has no parametrization of 'bias'"):
        P.transfer_parametrizations_and_params(ours, plain, "bias")


def test_every_mode():
    """Per-sample gradients, Hessians and forward mode through a parametrized weight are those of the formula."""
    layer = P.register_parametrization(nn.Linear(2, 2, dtype=tl.float64), "weight", OURS["Squared"](), unsafe=True)
    values = {k: v.detach() for k, v in layer.named_parameters()}
    x = tl.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=tl.float64)
    key = "parametrizations.weight.original"

    def through(w, x):
        return tl.func.functional_call(layer, {**values, key: w}, x).sin().sum()

    def formula(w, x):
        return (x @ (w * w).T + values["bias"]).sin().sum()

    for transform in (tl.func.grad, tl.func.hessian, tl.func.jacfwd):
        np.testing.assert_allclose(transform(through)(values[key], x).numpy(), transform(formula)(values[key], x).numpy(), rtol=1e-12)
    each = [tl.func.vmap(tl.func.grad(f), in_dims=(None, 0))(values[key], x).numpy() for f in (through, formula)]
    np.testing.assert_allclose(*each, rtol=1e-12)


def test_training_moves_the_original():
    ours, theirs, torch = pair(names=("Symmetric",))
    x = np.linspace(0, 1, 6).reshape(2, 3)
    for T, layer in ((tl, ours), (torch, theirs)):
        optimizer = T.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
        for _ in range(5):
            optimizer.zero_grad()
            (layer(T.tensor(x)) ** 2).sum().backward()
            optimizer.step()
    same(ours, theirs, torch)
    assert bool((ours.weight == ours.weight.T).all())
