"""The contract of all optimizers: groups, names, hooks, state, errors; kernels beside their formulas.

Not here: whether each class computes what PyTorch's does (``test_every_optimizer.py``).
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from optimizer_table import CASES, CLASSES, label

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone._errors import ShapeError

SHAPES = [(3, 2), (), (5,), (2, 1, 2)]
#: Those whose formula has a kernel.
FUSED = [case for case in CASES if hasattr(CLASSES[case[0]].formula, "kernel")]


def groups(ps):
    """Three groups with settings of their own; the last parameter stands in a list of its own."""
    return [{"params": ps[:2]}, {"params": ps[2], "lr": 0.3}, {"params": ps[3:], "weight_decay": 0.2}]


@pytest.mark.parametrize("dtype", ["f8", "f4", "c16"])
@pytest.mark.parametrize("case", FUSED, ids=label)
def test_kernel_equals_formula(case, dtype, monkeypatch):
    """The published formula, applied as it stands, is the oracle of the kernel that is fused to it."""
    name, settings = case

    def run():
        ps = [tl.tensor(np.random.default_rng(1).normal(size=s).astype(dtype), requires_grad=True) for s in SHAPES]
        optimizer = getattr(optim, name)(groups(ps), **{"lr": 0.1, **settings})
        for step in range(5):
            rng = np.random.default_rng(step)
            for i, p in enumerate(ps):
                p.grad = None if (i + step) % 3 == 0 else tl.tensor(rng.normal(size=SHAPES[i]).astype(dtype))
            gradients = [None if p.grad is None else p.grad.numpy().copy() for p in ps]
            optimizer.step()
            for p, g in zip(ps, gradients, strict=True):
                assert g is None or np.array_equal(p.grad.numpy(), g)  # what is remembered is no alias of it
        return [p.numpy(force=True) for p in ps], optimizer.state_dict()["state"]

    formula = getattr(optim, name).formula
    kernel = formula.kernel
    calls = []
    monkeypatch.setattr(formula, "kernel", lambda *args: [calls.append(1), kernel(*args)])
    values, state = run()
    assert calls
    monkeypatch.delattr(formula, "kernel")
    expected, expected_state = run()
    tolerance = {"rtol": 2e-5, "atol": 2e-6} if dtype == "f4" else {"rtol": 1e-11, "atol": 1e-13}
    for v, e in zip(values, expected, strict=True):
        assert v.dtype == e.dtype == np.dtype(dtype)
        np.testing.assert_allclose(v, e, **tolerance)
    assert {i: list(s) for i, s in state.items()} == {i: list(s) for i, s in expected_state.items()}
    for i, s in state.items():
        for key, v in s.items():
            np.testing.assert_allclose(np.asarray(v), np.asarray(expected_state[i][key]), **tolerance)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] != "Muon"], ids=label)
def test_formulas_are_pure(case):
    """They hold for tensors as for arrays, and can be differentiated: nothing is changed in place."""
    name, settings = case
    optimizer = getattr(optim, name)([tl.zeros(3, requires_grad=True)], **settings)
    formula, group = optimizer.formula, optimizer.param_groups[0]
    p, g = np.array([1.0, -2.0, 3.0]), np.array([0.5, 0.25, -1.0])
    new, state = formula(p, g, {}, group)
    new, state = formula(new, g, state, group)
    boxes = [tl.tensor(a, requires_grad=True) for a in (p, g)]
    ours, memory = formula(*boxes, {}, group)
    ours, memory = formula(ours, boxes[1], memory, group)
    np.testing.assert_allclose(ours.numpy(force=True), new, rtol=1e-14)
    assert list(memory) == list(state)
    ours.sum().backward()
    assert all(np.isfinite(b.grad.numpy()).all() for b in boxes)


def test_a_formula_is_all_that_an_optimizer_needs():
    class Signed(optim.Optimizer):
        """``m = (m + sign(g)) / 2;  p = p - lr m``."""

        @staticmethod
        def formula(p, g, state, group):
            m = (state.get("mean", 0.0) + np.sign(g)) / 2
            return p - group["lr"] * m, {"mean": m, "steps": state.get("steps", 0) + 1, "before": p}

    p, q = ones(), tl.tensor(1.0, requires_grad=True)
    optimizer = Signed([p, q], {"lr": 1.0, "maximize": True})
    (p * tl.tensor([2.0, -3.0])).sum().backward()
    (q * np.inf).backward()
    for _ in range(2):
        optimizer.step()
        mean = optimizer.state[p]["mean"]
    assert p.tolist() == [2.25, -0.25] and q.item() == 2.25 and p.grad.tolist() == [2.0, -3.0]
    assert optimizer.state[p]["steps"] == 2 and optimizer.state[p]["before"].tolist() == [1.5, 0.5]
    assert isinstance(optimizer.state[q]["mean"], tl.Tensor) and mean is optimizer.state[p]["mean"]
    again = Signed([p, q], {"lr": 1.0})
    again.load_state_dict(optimizer.state_dict())
    again.step()
    assert p.tolist() == [3.125, -1.125]


@pytest.mark.parametrize("size", [40_000, 300_000])
def test_large_float32_parameters_train_in_place(size):
    p = tl.ones(size, requires_grad=True)
    memory = p.array
    optimizer = optim.Adam([p], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        ((p - 3.0) ** 2).sum().backward()
        optimizer.step()
    assert p.array is memory and p.dtype == np.float32 and np.allclose(memory, 1.3, atol=1e-3)


def test_step_without_gradients_changes_nothing():
    p = tl.ones(3, requires_grad=True)
    optimizer = optim.Adam([p])
    with pytest.warns(UserWarning, match=r"Adam\.step: no parameter has a gradient.*call loss\.backward\(\) before step") as caught:
        optimizer.step()
    assert caught[0].filename == __file__
    optimizer.step()  # told once
    assert p.tolist() == [1, 1, 1] and optimizer.state_dict()["state"] == {}


def test_step_with_closure_returns_the_loss_and_records_inside_no_grad():
    p = tl.tensor([2.0], requires_grad=True)
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tl.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.item() == 1.0


def test_stale_graph_is_an_error_after_a_step():
    layer = nn.Linear(2, 2)
    x = tl.ones(1, 2, requires_grad=True)
    loss = layer(x).sum()
    loss.backward(retain_graph=True)
    optim.SGD(layer.parameters(), lr=0.1).step()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_zero_grad_to_none_or_zeros():
    p, q = tl.ones(2, requires_grad=True), tl.ones(2, requires_grad=True)
    optimizer = optim.SGD([p, q])
    (p * 3).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0] and q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_groups_can_be_added_and_changed():
    p, q = tl.ones(1, requires_grad=True), tl.ones(1, requires_grad=True)
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.add_param_group({"params": q, "lr": 0.25})
    (p + q).sum().backward()
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 0.75)
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, -0.25)
    assert [g["lr"] for g in optimizer.param_groups] == [0.5, 1.0]


def test_parameters_may_be_replaced_between_steps():
    layer = nn.Linear(2, 1, bias=False)
    optimizer = optim.SGD(layer.parameters(), lr=1.0)
    layer.load_state_dict({"weight": np.zeros((1, 2))}, assign=True)
    layer(tl.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.weight.tolist() == [[-1.0, -1.0]]


def test_repr_lists_the_groups():
    p = tl.ones(1, requires_grad=True)
    assert repr(optim.SGD([p], lr=0.5)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n    fused: None\n    lr: 0.5\n"
        "    maximize: False\n    momentum: 0\n    nesterov: False\n    weight_decay: 0\n)"
    )


def ones():
    return tl.ones(2, requires_grad=True)


def repeated():
    p = ones()
    return optim.SGD([{"params": [p]}, {"params": [p]}])


@pytest.mark.parametrize("count", [0, 20])
def test_a_parameter_twice_in_a_group_is_updated_twice_with_a_warning(count):
    """Also among so many that they are updated together."""
    torch = pytest.importorskip("torch")
    ends, states = [], []
    for T in (tl, torch):
        p = T.tensor([1.0, -2.0], requires_grad=True, dtype=T.float64)
        params = [p, *(T.ones(3, requires_grad=True, dtype=T.float64) for _ in range(count)), p]
        with pytest.warns(UserWarning, match=r"more than once in its group|duplicate parameters"):
            optimizer = T.optim.Adam(params, lr=0.1)
        for _ in range(6):
            optimizer.zero_grad()
            sum((q**2).sum() for q in params[:-1]).backward()
            optimizer.step()
        ends.append([q.tolist() for q in params])
        states.append(optimizer.state_dict()["param_groups"][0]["params"])
        optimizer.load_state_dict(optimizer.state_dict())
    np.testing.assert_allclose(ends[0][0], ends[1][0], rtol=1e-9)
    assert states[0] == states[1] and ends[0][0] == ends[0][-1]


def loaded(state, *settings):
    return optim.Adam(*settings or ([ones()],)).load_state_dict(state)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD([]), "SGD: got an empty list of parameters; pass model.parameters()"),
        (lambda: optim.SGD(ones()), r"SGD: params must be an iterable of tensors: got one tensor; pass \[tensor\]"),
        (lambda: optim.SGD([np.ones(2)]), "SGD: parameters must be tensors: item 0 is a ndarray"),
        (lambda: optim.SGD([ones() * 2]), r"SGD: only leaf tensors can be optimised: parameter 0 \(shape \(2,\)\) was computed by"),
        (repeated, "SGD: parameter 0 .* is in another group already"),
        (lambda: optim.SGD([ones()], lr=-1.0), "SGD: lr must not be negative: got -1.0"),
        (lambda: optim.SGD([ones()], momentum=-0.1), "SGD: momentum must not be negative: got -0.1"),
        (lambda: optim.SGD([ones()], nesterov=True), "SGD: nesterov needs momentum above 0 and no dampening"),
        (lambda: optim.Adam([ones()], betas=(0.9, 1.0)), r"Adam: betas must be in \[0, 1\): betas\[1\] is 1.0"),
        (lambda: optim.Adam([ones()], eps=-1.0), "Adam: eps must not be negative"),
        (lambda: optim.AdamW([{"params": [ones()], "weight_decay": -1.0}]), "AdamW: weight_decay must not be negative"),
        (
            lambda: optim.SGD([("a", ones()), ones()]),
            "SGD: parameters must all have names, or none: here 1 of 2 have one; pass model.named",
        ),
        (lambda: optim.SGD([("a", ones())]).add_param_group({"params": [ones()]}), "here 0 of 1 have one, earlier groups are otherwise"),
        (lambda: loaded(optim.Adam([{"params": [ones()]}, {"params": [ones()]}]).state_dict()), r"2 parameter group\(s\), Adam has 1"),
        (lambda: loaded(optim.Adam([ones(), ones()]).state_dict()), r"group 0 has 2 parameter\(s\) in the state and 1 here"),
        (
            lambda: loaded({"state": {0: {"step": 1, "exp_avg": np.ones(3), "exp_avg_sq": np.ones(2)}}, "param_groups": [{"params": [0]}]}),
            r"exp_avg of parameter 0 is \(3,\), the parameter is \(2,\)",
        ),
    ],
)
def test_mistakes_are_explained(make, message):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message):
        make()


def test_a_state_that_does_not_fit_changes_nothing():
    optimizer = optim.Adam([ones()], lr=0.5)
    with pytest.raises(RuntimeError):
        optimizer.load_state_dict({"state": {0: {"exp_avg": np.ones(3)}}, "param_groups": [{"params": [0], "lr": 1.0}]})
    assert optimizer.param_groups[0]["lr"] == 0.5 and not optimizer.state


def test_a_state_that_does_not_fit_is_an_error_of_the_kind_of_torch():
    optimizer = optim.SGD([tl.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match="the state has 0 parameter group"):
        optimizer.load_state_dict({"state": {}, "param_groups": []})


def test_what_is_remembered_of_a_parameter_that_was_taken_out():
    p = tl.ones(3, requires_grad=True)
    optimizer = optim.Adam([p, tl.ones(1, requires_grad=True)])
    p.grad = tl.ones(3)
    optimizer.step()
    del optimizer.param_groups[0]["params"][0]
    with pytest.raises(KeyError, match=r"state_dict: Adam remembers a parameter \(3,\) that no group has; forget it"):
        optimizer.state_dict()
    optimizer.state.pop(p)
    assert optimizer.state_dict()["state"] == {}


def test_subclass_defines_an_update():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        def update(self, p, g, state, group):
            p.array -= group["lr"] * np.sign(g)

    p = ones()
    (p * tl.tensor([2.0, -3.0])).sum().backward()
    Sign([p], lr=0.5).step()
    assert p.tolist() == [0.5, 1.5]
    with pytest.raises(TypeError, match="Optimizer: defines no update rule"):
        base = optim.Optimizer([p], {})
        base.step()


@pytest.mark.parametrize("make", [lambda p: tl.optim.SGD([p], lr=0.1, momentum=0.9), lambda p: tl.optim.Adam([p])], ids=["SGD", "Adam"])
def test_data_of_another_shape_than_the_state(make):
    p = nn.Parameter(tl.ones(2))
    optimizer = make(p)
    p.sum().backward()
    optimizer.step()
    p.data, p.grad = tl.ones(3), None
    p.sum().backward()
    with pytest.raises(ShapeError, match=r"step: the state of parameter 0 does not fit it: \w+ is \(2,\).*the parameter is \(3,\)"):
        optimizer.step()
    assert p.tolist() == [1.0] * 3
    optimizer.state.pop(p)
    optimizer.step()
    assert p.tolist() != [1.0] * 3


# ---- names ------------------------------------------------------------------------------------------------------------------


def test_names_are_kept_in_the_groups_and_the_state():
    torch = pytest.importorskip("torch")
    found = []
    for library in (tl, torch):
        ps = [library.ones(2, requires_grad=True) for _ in range(3)]
        optimizer = library.optim.Adam([{"params": [("a", ps[0]), ("b", ps[1])]}, {"params": [("c", ps[2])], "lr": 0.5}])
        saved = optimizer.state_dict()
        found.append([{k: v for k, v in g.items() if k != "params"} for g in saved["param_groups"]])
        renamed = copy.deepcopy(saved)
        renamed["param_groups"][0]["param_names"] = ["x", "y"]
        del renamed["param_groups"][1]["param_names"]
        optimizer.load_state_dict(renamed)
        found[-1].append([g.get("param_names") for g in optimizer.param_groups])
    assert found[0] == found[1] and found[0][-1] == [["x", "y"], ["c"]]
    optimizer = optim.SGD(nn.Linear(2, 1).named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]


# ---- hooks ------------------------------------------------------------------------------------------------------------------


def hooked(library):
    """What hooks of all kinds are told, in order."""
    told = []
    p = library.ones(2, requires_grad=True)
    optimizer = library.optim.SGD([p], lr=1.0)
    module = library.optim.optimizer if library is tl else __import__("sys").modules["torch.optim.optimizer"]
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: told.append(("before", o is optimizer, len(args), list(kwargs)))),
        optimizer.register_step_post_hook(lambda o, args, kwargs: told.append(("after", float(p[0].item()), len(args)))),
        module.register_optimizer_step_pre_hook(lambda o, args, kwargs: told.append("before all")),
        module.register_optimizer_step_post_hook(lambda o, args, kwargs: told.append("after all")),
        optimizer.register_step_pre_hook(lambda o, args, kwargs: told.append(args[0] is o)),
        optimizer.register_state_dict_pre_hook(lambda o: told.append("saving")),
        optimizer.register_state_dict_pre_hook(lambda o: told.append("saving first"), prepend=True),
        optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1}),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: state.update(seen=told.append(("loading", sorted(state))))),
        optimizer.register_load_state_dict_post_hook(lambda o: told.append("loaded")),
        optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "note"}, prepend=True),
    ]
    p.grad = library.ones(2)
    optimizer.step()
    optimizer.step(closure=lambda: told.append("closure"))
    replace = optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: told.append("another")), {}))
    optimizer.step()
    replace.remove()
    state = optimizer.state_dict()
    told.append(sorted(state))
    optimizer.load_state_dict(state)
    told.append(sorted(state))
    for handle in handles:
        handle.remove()
    optimizer.step()
    optimizer.state_dict()
    optimizer.load_state_dict(optimizer.state_dict())
    return told


def test_hooks_are_told_as_in_torch():
    torch = pytest.importorskip("torch")
    assert hooked(tl) == hooked(torch)


def test_hooks_of_optimizers_with_a_step_of_their_own():
    """Once each, also where a step calls that of the class above; copies and pickles have none."""
    told = []

    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p = ones()
    p.grad = tl.ones(2)
    optimizer = Twice([p], lr=0.25)
    optimizer.register_step_post_hook(lambda *args: told.append(p.tolist()))
    optimizer.step()
    assert told == [[0.5, 0.5]]
    other = copy.deepcopy(optimizer)
    other.param_groups[0]["params"][0].grad = tl.ones(2)
    other.step()
    assert len(told) == 1
    sgd = optim.SGD([p])
    sgd.register_step_pre_hook(lambda *args: None)
    assert not pickle.loads(pickle.dumps(sgd))._hooks("before step")


def test_wrong_hooks():
    optimizer = optim.SGD([ones()])
    for register in [getattr(optimizer, n) for n in dir(optimizer) if n.startswith("register_")]:
        with pytest.raises(TypeError, match="register hook: a hook must be callable: got int 3"):
            register(3)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises((TypeError, RuntimeError), match=r"SGD\.step: a hook before the step returns None or new arguments"):
        optimizer.step()
