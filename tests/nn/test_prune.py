"""Pruning: which elements go, under which names the rest stands, again and again on one parameter; beside PyTorch.

What is chosen at random is compared by its number, its rows and its distribution.
"""

from __future__ import annotations

import copy
import importlib
import math
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn.utils import prune


def with_prune():
    """PyTorch, whose module of this name has to be imported by itself."""
    torch = pytest.importorskip("torch")
    importlib.import_module("torch.nn.utils.prune")
    return torch


def pair(shape=(4, 6), seed=0):
    torch = with_prune()
    rng = np.random.default_rng(seed)
    w = rng.normal(size=shape)
    made = []
    for T in (tl, torch):
        m = T.nn.Linear(2, 2, dtype=T.float64)
        m.weight, m.bias = T.nn.Parameter(T.tensor(w)), T.nn.Parameter(T.tensor([0.3, -0.1], dtype=T.float64))
        m.forward = lambda *args: 0
        made.append(m)
    return (*made, torch)


def same(ours, theirs, torch):
    a, b = ours.state_dict(), theirs.state_dict()
    assert [*a] == [*b]
    for key in a:
        np.testing.assert_allclose(a[key].numpy(), b[key].numpy(), err_msg=key)
        assert str(a[key].dtype) == str(b[key].dtype).removeprefix("torch.")
    ours(), theirs()  # the hooks
    np.testing.assert_allclose(ours.weight.numpy(force=True), theirs.weight.detach().numpy())
    for T, m in ((tl, ours), (torch, theirs)):
        m.zero_grad()
        (T.sin(m.weight).sum() + m.bias.sum()).backward()
    for (name, p), (other, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), err_msg=name)
    assert prune.is_pruned(ours) == torch.nn.utils.prune.is_pruned(theirs)


MASK = np.random.default_rng(9).random((4, 6)) > 0.4
SCORES = np.random.default_rng(8).normal(size=(4, 6))
STEPS = {
    "identity": lambda T, U, m: U.identity(m, "weight"),
    "l1 5": lambda T, U, m: U.l1_unstructured(m, "weight", 5),
    "l1 0": lambda T, U, m: U.l1_unstructured(m, "weight", 0),
    "l1 0.3": lambda T, U, m: U.l1_unstructured(m, "weight", amount=0.3),
    "l1 1.0": lambda T, U, m: U.l1_unstructured(m, "weight", 1.0),
    "l1 scores": lambda T, U, m: U.l1_unstructured(m, "weight", 7, importance_scores=T.tensor(SCORES)),
    **{
        f"l{n} dim {d}": lambda T, U, m, n=n, d=d: U.ln_structured(m, "weight", 1, n, d)
        for n in (1, 2, 0.5, math.inf, -math.inf, 3, "fro") for d in (0, 1, -1)
    },
    "l2 half": lambda T, U, m: U.ln_structured(m, "weight", amount=0.5, n=2, dim=1),
    "l2 none": lambda T, U, m: U.ln_structured(m, "weight", amount=0.0, n=2, dim=1),
    "l2 scores": lambda T, U, m: U.ln_structured(m, "weight", 2, 2, 1, importance_scores=T.tensor(SCORES)),
    "mask": lambda T, U, m: U.custom_from_mask(m, "weight", T.tensor(MASK)),
    "float mask": lambda T, U, m: U.custom_from_mask(m, name="weight", mask=T.tensor(MASK * 1.0)),
    "bias": lambda T, U, m: U.l1_unstructured(m, "bias", 1),
    "global": lambda T, U, m: U.global_unstructured([(m, "weight"), (m, "bias")], U.L1Unstructured, amount=9),
    "global share": lambda T, U, m: U.global_unstructured([(m, "weight"), (m, "bias")], pruning_method=U.L1Unstructured, amount=0.4),
    "global scores": lambda T, U, m: U.global_unstructured(
        [(m, "weight"), (m, "bias")], U.L1Unstructured, importance_scores={(m, "weight"): T.tensor(SCORES)}, amount=0.5),
    "remove": lambda T, U, m: U.remove(m, "weight"),
}  # fmt: skip
SEQUENCES = [
    *[[name] for name in STEPS if name != "remove"],
    *[[name, "remove"] for name in ("identity", "l1 5", "l2 dim 0", "mask", "global")],
    ["l1 5", "l1 0.3"], ["l1 5", "l2 dim 0", "l2 dim 1"], ["mask", "l1 0.3", "mask"],
    ["l2 dim 0", "l2 dim 0", "l1 5"], ["l2 half", "l1 0.3"],
    ["l1 5", "global", "l1 scores"], ["global", "global share"],
    ["l2 scores", "l2 dim 1", "remove", "mask"], ["identity", "l1 5", "remove"],
    ["l1 0.3", "l1 0.3", "l1 0.3"], ["l1 5", "bias", "l2 dim 0", "remove"],
]  # fmt: skip


@pytest.mark.parametrize("names", SEQUENCES, ids="-".join)
def test_sequences_equal_torch(names):
    ours, theirs, torch = pair()
    for name in names:
        for T, m in ((tl, ours), (torch, theirs)):
            STEPS[name](T, T.nn.utils.prune, m)
        same(ours, theirs, torch)


@pytest.mark.parametrize("shape", [(3, 2, 2, 2), (4, 3, 3)])
@pytest.mark.parametrize("n", [1, 2, math.inf, "fro"])
def test_channels_of_convolutions(shape, n):
    if n == "fro" and len(shape) > 3:
        pytest.skip("PyTorch takes this norm of matrices alone")
    for dim in range(len(shape)):
        ours, theirs, torch = pair(shape)
        for T, m in ((tl, ours), (torch, theirs)):
            T.nn.utils.prune.ln_structured(m, "weight", 1, n, dim)
            T.nn.utils.prune.l1_unstructured(m, "weight", 0.25)
        same(ours, theirs, torch)


def test_states_load_both_ways():
    ours, theirs, torch = pair()
    prune.random_unstructured(ours, "weight", 0.5)
    torch.nn.utils.prune.random_unstructured(theirs, "weight", 0.2)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    same(ours, theirs, torch)
    prune.l1_unstructured(ours, "weight", 3)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    same(ours, theirs, torch)


@pytest.mark.parametrize("amount", [0, 3, 0.4, 1.0])
def test_elements_at_random(amount):
    tl.manual_seed(0)
    count = amount if isinstance(amount, int) else round(amount * 20)
    hits = np.zeros((4, 5))
    for _ in range(300):
        layer = prune.random_unstructured(nn.Linear(5, 4), "weight", amount)
        zeros = layer.weight_mask.numpy() == 0
        assert zeros.sum() == count
        hits += zeros
    expected = 300 * count / 20
    assert np.all(np.abs(hits - expected) < 5 * math.sqrt(expected * (1 - count / 20) + 1e-9) + 1e-9)  # all elements alike


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_rows_at_random(dim):
    tl.manual_seed(0)
    hits = 0
    for _ in range(300):
        layer = prune.random_structured(nn.Linear(5, 4), "weight", 2, dim)
        mask = layer.weight_mask.numpy() if dim == 0 else layer.weight_mask.numpy().T
        gone = (mask == 0).all(axis=1)
        assert gone.sum() == 2 and (mask[~gone] == 1).all()
        prune.random_structured(layer, "weight", 1, dim)  # of those that are left
        assert (layer.weight_mask.numpy() == 0).all(axis=1 - dim % 2).sum() == 3
        hits += gone * 1
    assert np.all(np.abs(hits - 600 / len(hits)) < 5 * math.sqrt(600 / len(hits)))


def test_the_seed_decides():
    draws = []
    for _ in range(2):
        tl.manual_seed(3)
        draws.append(prune.random_unstructured(nn.Linear(9, 9), "weight", 0.5).weight_mask.tolist())
    assert draws[0] == draws[1]


def test_methods_are_containers_of_methods():
    layer = nn.Linear(4, 4)
    first = prune.L1Unstructured.apply(layer, "weight", 2)
    assert isinstance(first, prune.L1Unstructured)
    second = prune.LnStructured.apply(layer, "weight", 1, n=2, dim=0)
    third = prune.Identity.apply(layer, "weight")
    assert isinstance(second, prune.PruningContainer) and isinstance(third, prune.PruningContainer)
    assert [type(m).__name__ for m in third] == ["L1Unstructured", "LnStructured", "Identity"] and len(third) == 3 and third[0] is first
    assert len(layer._hooks.before) == 1
    empty = prune.PruningContainer()
    assert len(empty) == 0
    with pytest.raises(TypeError, match="takes pruning methods: got int"):
        third.add_pruning_method(3)
    other = prune.L1Unstructured(1)
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="this one is for 'bias', the others for 'weight'"):
        third.add_pruning_method(other)


def test_prune_registers_nothing():
    torch = with_prune()
    t = np.array([3.0, -1.0, 2.0])
    for scores in (None, np.array([1.0, 2.0, 3.0])):
        for mask in (None, np.array([1.0, 1.0, 0.0])):
            results = [
                T.nn.utils.prune.L1Unstructured(1).prune(*(None if x is None else T.tensor(x) for x in (t, mask, scores))).tolist()
                for T in (tl, torch)
            ]
            assert results[0] == results[1]
    with pytest.raises(ValueError, match=r"importance_scores must have the shape \(3,\)"):
        prune.L1Unstructured(1).prune(tl.tensor(t), importance_scores=tl.ones(2))


def test_a_method_of_ones_own():
    class Odd(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[1::2] = 0
            return mask

    layer = nn.Linear(4, 1)
    Odd.apply(layer, "weight")
    Odd.apply(layer, "weight")  # of the two that are left
    assert layer.weight_mask.tolist() == [[1.0, 0.0, 0.0, 0.0]]

    class Failing(Odd):
        def compute_mask(self, t, default_mask):
            raise RuntimeError("no mask today")

    class Unknown(Odd):
        PRUNING_TYPE = "by mood"

    fresh = nn.Linear(4, 1)
    weight = fresh.weight
    for method in (Failing, lambda: 0):
        with pytest.raises((RuntimeError, AttributeError)):
            method.apply(fresh, "weight")
    assert fresh.weight is weight and [*fresh.state_dict()] == ["weight", "bias"] and not prune.is_pruned(fresh)
    with pytest.raises(ValueError, match="PRUNING_TYPE must be 'unstructured', 'structured' or 'global': it is 'by mood'"):
        Unknown.apply(layer, "weight")
    with pytest.raises(TypeError, match="abstract"):
        prune.BasePruningMethod()


MISTAKES = [
    (lambda m: prune.l1_unstructured(m, "weight", 17), ValueError, "amount must be at most 16, which are left: got 17"),
    (lambda m: prune.l1_unstructured(m, "weight", -1), ValueError, "amount must be a whole number from 0, or a share"),
    (lambda m: prune.l1_unstructured(m, "weight", 1.5), ValueError, r"or a share from 0\.0 to 1\.0: got 1\.5"),
    (lambda m: prune.l1_unstructured(m, "weight", float("nan")), ValueError, "got nan"),
    (lambda m: prune.l1_unstructured(m, "weight", "half"), TypeError, "amount must be a number: got str 'half'"),
    (lambda m: prune.l1_unstructured(m, "weight", True), TypeError, "amount must be a number: got bool"),
    (lambda m: prune.l1_unstructured(m, "nothing", 1), AttributeError, "no attribute 'nothing'"),
    (lambda m: prune.l1_unstructured(m, "training", 1), ValueError, "must be a parameter: it is bool"),
    (lambda m: prune.l1_unstructured(3, "weight", 1), TypeError, "module must be a module: got int"),
    (lambda m: prune.l1_unstructured(m, "weight", 1, tl.ones(2)), ValueError, r"importance_scores must be a tensor of the shape \(4, 4\)"),
    (lambda m: prune.ln_structured(m, "weight", 1, 2, 2), IndexError, "dim must be from -2 to 1: got 2"),
    (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ValueError, r"at least 2 dimensions: the tensor is \(4,\)"),
    (lambda m: prune.ln_structured(m, "weight", 5, 2, 0), ValueError, "amount must be at most 4"),
    (lambda m: prune.ln_structured(m, "weight", 1, None, 0), TypeError, "n must be the order of a norm: got NoneType"),
    (lambda m: prune.random_structured(m, "weight", 1, 0.5), TypeError, "dim must be an integer"),
    (lambda m: prune.custom_from_mask(m, "weight", tl.ones(2)), ValueError, r"must have the shape \(4, 4\) of the tensor: it has \(2,\)"),
    (lambda m: prune.custom_from_mask(m, "weight", [1]), TypeError, "mask must be a tensor: got list"),
    (lambda m: prune.remove(m, "weight"), ValueError, r"Linear\.weight is not pruned"),
    (lambda m: prune.global_unstructured(3, prune.L1Unstructured, amount=1), TypeError, "parameters must be a list of"),
    (lambda m: prune.global_unstructured([], prune.L1Unstructured, amount=1), ValueError, "got no parameters"),
    (lambda m: prune.global_unstructured([(m, "weight")], prune.LnStructured, amount=1), TypeError, "needs a method for single elements"),
    (lambda m: prune.global_unstructured([(m, "weight")], "l1", amount=1), TypeError, "must be a class of pruning methods"),
    (lambda m: prune.global_unstructured([(m, "weight")], prune.L1Unstructured, [1], amount=1), TypeError, "must be a dict"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "error", "message"), MISTAKES)
def test_mistakes_are_explained_and_change_nothing(act, error, message):
    layer = nn.Linear(4, 4)
    weight, before = layer.weight, layer.weight.tolist()
    with pytest.raises(error, match=message):
        act(layer)
    assert layer.weight is weight and weight.tolist() == before and [*layer.state_dict()] == ["weight", "bias"] and layer._hooks is None


def test_removal_keeps_the_parameter_and_training_keeps_the_zeros():
    layer = nn.Linear(4, 3)
    weight = layer.weight
    prune.l1_unstructured(layer, "weight", 6)
    assert layer.weight_orig is weight
    optimizer = tl.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (layer(tl.ones(2, 4)) ** 2).sum().backward()
        optimizer.step()
    zeros = layer.weight_mask.numpy() == 0
    prune.remove(layer, "weight")
    assert layer.weight is weight and not prune.is_pruned(layer) and not layer._hooks.before
    assert np.array_equal(layer.weight.numpy(force=True) == 0, zeros) and zeros.sum() == 6


def test_pruned_parts_are_found_below_and_copied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 2)))
    assert not prune.is_pruned(net)
    prune.l1_unstructured(net[1][0], "bias", 1)
    assert prune.is_pruned(net) and not prune.is_pruned(net[0])
    with tl.no_grad():
        net(tl.ones(2))
    other = copy.deepcopy(net)
    prune.remove(other[1][0], "bias")
    assert prune.is_pruned(net) and not prune.is_pruned(other)


def test_transforms_go_through_the_mask():
    layer = nn.Linear(3, 2, dtype=tl.float64)
    prune.l1_unstructured(layer, "weight", 2)
    p, b = dict(layer.named_parameters()), dict(layer.named_buffers())
    grads = tl.func.grad(lambda p: tl.func.functional_call(layer, (p, b), tl.ones(4, 3, dtype=tl.float64)).sum())(p)
    np.testing.assert_allclose(grads["weight_orig"].numpy(force=True), 4 * layer.weight_mask.numpy())


def test_classes_and_signatures_are_those_of_torch():
    torch = with_prune()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in prune.__all__:
            assert hasattr(torch.nn.utils.prune, name), name
            kind = getattr(prune, name)
            if isinstance(kind, type):
                assert getattr(getattr(torch.nn.utils.prune, name), "PRUNING_TYPE", "unstructured") == kind.PRUNING_TYPE


def test_scores_of_another_shape_change_nothing():
    net = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 3))
    pairs = [(net[0], "weight"), (net[1], "weight")]
    with pytest.raises(RuntimeError, match=r"importance_scores of 'weight' must be a tensor of the shape \(3, 2\)"):
        prune.global_unstructured(pairs, prune.L1Unstructured, {pairs[0]: tl.ones(2, 3), pairs[1]: tl.ones(6)}, amount=2)
    assert [*net.state_dict()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
