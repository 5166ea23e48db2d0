"""Many small parameters are stepped together, and nobody notices: the same bits, memory shared as before, state as before.

Not here: how long that takes (``benchmarks/small_parameters.py``).
"""

from __future__ import annotations

import collections
import copy
import pickle
import sys

import numpy as np
import pytest
from optimizer_table import CLASSES, FULL

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim
from tensorflowlite_clone.optim import bundles

ELEMENTWISE = [name for name, c in CLASSES.items() if c.elementwise]
SHAPES = [(3, 4), (5,), (2, 1, 3), (7,)] * 5
pytestmark = pytest.mark.skipif(not hasattr(sys, "getrefcount"), reason="memory is moved only where the interpreter counts who holds it")


def made(name="Adam", kind="f8", **settings):
    """Parameters of different shapes, some on memory that the test holds as well, and their optimizer."""
    rng = np.random.default_rng(0)
    ps = [tl.tensor(rng.normal(size=s).astype(kind), requires_grad=True) for s in SHAPES]
    return ps, CLASSES[name](ps, **{**FULL[name], **settings})


def give(ps, step, missing=()):
    rng = np.random.default_rng(step + 10)
    for i, p in enumerate(ps):
        g = rng.normal(size=p.shape)
        p.grad = None if i in missing else tl.tensor(g.astype(p.array.dtype))


def bundled(optimizer):
    """How many parameters of the first group are in bundles."""
    return sum(len(b.params) for b in optimizer._bundles.of_group.get(id(optimizer.param_groups[0]), []))


def alone(monkeypatch):
    """From here on nothing is bundled."""
    monkeypatch.setattr(bundles, "_ALONE", 0)


def look(ps, optimizer):
    return [
        [p.tolist() for p in ps],
        {i: {k: np.asarray(v).tolist() for k, v in s.items()} for i, s in optimizer.state_dict()["state"].items()},
    ]


def both(monkeypatch, program, name="Adam", kind="f8", **settings):
    """The values and states after a program with bundles, and without; whether anything was bundled at its end."""
    found = []
    for way in ("together", "alone"):
        if way == "alone":
            alone(monkeypatch)
        ps, optimizer = made(name, kind, **settings)
        ps, optimizer = program(ps, optimizer) or (ps, optimizer)
        found.append(look(ps, optimizer))
        found.append(bundled(optimizer))
    assert found[0] == found[2] and found[3] == 0
    return found[1]


@pytest.mark.parametrize(("kind", "uphill"), [("f4", False), ("f8", True)])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_the_same_bits(name, kind, uphill, monkeypatch):
    def program(ps, optimizer):
        for step in range(7):
            give(ps, step)
            optimizer.step()
            if step == 4:
                optimizer.param_groups[0]["lr"] = 0.05

    assert both(monkeypatch, program, name, kind, maximize=uphill) == len(SHAPES)


def test_gradients_that_are_missing_and_parameters_in_several_groups(monkeypatch):
    def program(ps, optimizer):
        optimizer.add_param_group({"params": [q := tl.ones(3, dtype=tl.float64, requires_grad=True)], "lr": 0.5})
        for step in range(12):
            give(ps, step, missing=(1, 2) if step in (4, 5) else ())
            q.grad = tl.ones(3, dtype=tl.float64)
            optimizer.step()
        return [*ps, q], optimizer

    assert both(monkeypatch, program) >= 16


def test_what_is_replaced_from_outside(monkeypatch):
    """Data, entries of the state, the state of one parameter, the whole state."""

    def program(ps, optimizer):
        for step in range(60):
            give(ps, step)
            optimizer.step()
            if step == 4:
                ps[0].data = tl.ones(3, 4, dtype=tl.float64)
            if step == 12:
                optimizer.state[ps[1]]["exp_avg"] = tl.zeros(5, dtype=tl.float64)
            if step == 20:
                optimizer.state.pop(ps[2])
            if step == 30:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            if step == 40:
                optimizer.state[ps[3]]["exp_avg"].data = tl.ones(7, dtype=tl.float64)
            if step == 44:
                with tl.no_grad():
                    ps[4].mul_(2.0)
                optimizer.state[ps[4]]["exp_avg_sq"].mul_(0.5)

    both(monkeypatch, program)


def test_what_is_remembered_later(monkeypatch):
    def program(ps, optimizer):
        for step in range(12):
            give(ps, step)
            optimizer.param_groups[0]["amsgrad"] = step > 5
            optimizer.step()

    both(monkeypatch, program, amsgrad=False)


def test_momentum_that_comes_later(monkeypatch):
    def momentum(ps, optimizer):
        for step in range(12):
            give(ps, step)
            optimizer.param_groups[0]["momentum"] = 0.9 if step > 5 else 0.0
            optimizer.step()

    both(monkeypatch, momentum, "SGD", momentum=0.0, nesterov=False)


def test_what_shares_memory_goes_on_sharing():
    ps, optimizer = made()
    array, detached, window = ps[0].array, ps[1].detach(), ps[2].detach().numpy()[0]
    for step in range(4):
        give(ps, step)
        optimizer.step()
    assert bundled(optimizer) == len(ps) - 3
    np.testing.assert_array_equal(array, ps[0].detach().numpy())
    assert ps[0].array is array and tl.equal(detached, ps[1].detach()) and np.shares_memory(window, ps[2].array)
    later, view = ps[3].detach(), ps[4].detach().view(-1)  # of parameters in a bundle
    before = later.clone()
    give(ps, 9)
    optimizer.step()
    assert not tl.equal(later, before) and tl.equal(later, ps[3].detach()) and tl.equal(view, ps[4].detach().view(-1))
    later.fill_(3.0)
    assert ps[3].tolist() == [3.0] * 7
    assert not np.shares_memory(ps[3].array, ps[5].array) and ps[3].storage_offset() == 0 and ps[3].is_contiguous()


def test_a_graph_that_is_kept_finds_out_that_values_have_changed():
    ps, optimizer = made()
    for step in range(5):
        give(ps, step)
        optimizer.step()
    assert bundled(optimizer) == len(ps)
    loss = sum((p * p).sum() for p in ps)
    loss.backward(retain_graph=True)
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"changed in place.*Adam\.step at .*test_bundles"):
        loss.backward()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_are_of_their_own(copied):
    ps, optimizer = made()
    for step in range(5):
        give(ps, step)
        optimizer.step()
    one = copied(ps[3])
    assert len(pickle.dumps(ps[3])) < 2000 and one.array.base is None and tl.equal(one, ps[3])
    qs, other = copied((ps, optimizer))
    before = look(ps, optimizer)
    assert look(qs, other) == before and other.param_groups[0]["params"][0] is qs[0]
    for step in range(5, 9):
        give(qs, step)
        other.step()
    assert look(ps, optimizer) == before and bundled(other) == len(qs)
    for step in range(5, 9):
        give(ps, step)
        optimizer.step()
    assert look(ps, optimizer) == look(qs, other)


def test_large_and_few_parameters_are_left_alone():
    large = [tl.ones(5000, requires_grad=True) for _ in range(10)]
    few = [tl.ones(5, requires_grad=True) for _ in range(bundles.FEW - 1)]
    memory = [p.array.ctypes.data for p in (*large, *few)]
    for ps in (large, few):
        optimizer = optim.Adam(ps)
        for _ in range(5):
            for p in ps:
                p.grad = tl.ones(*p.shape)
            optimizer.step()
    assert [p.array.ctypes.data for p in (*large, *few)] == memory


def test_a_class_with_an_update_of_its_own_is_asked_for_each_parameter():
    class Own(optim.SGD):
        def update(self, p, g, state, group):
            calls.append(p)
            super().update(p, g, state, group)

    calls = []
    ps = [tl.ones(3, requires_grad=True) for _ in range(20)]
    optimizer = Own(ps, lr=0.5)
    for _ in range(3):
        for p in ps:
            p.grad = tl.ones(3)
        optimizer.step()
    assert len(calls) == 60 and ps[7].tolist() == [-0.5] * 3


def test_parameters_can_be_resized_and_set_afterwards():
    ps, optimizer = made()
    for step in range(5):
        give(ps, step)
        optimizer.step()
    neighbour = ps[1].tolist()
    whole = ps[0].detach().resize_(4, 5)
    whole.fill_(9.0)
    assert ps[1].tolist() == neighbour


LOOKS = {
    "get": lambda s: s.get("step"),
    "[]": lambda s: s["step"],
    "items": lambda s: dict([*s.items()])["step"],
    "values": lambda s: next(v for v in s.values() if not isinstance(v, tl.Tensor)),
    "dict": lambda s: dict(s)["step"],
    "**": lambda s: {**s}["step"],
    "keywords": lambda s: (lambda step, **_: step)(**s),
    "copy": lambda s: s.copy()["step"],
    "copy.copy": lambda s: copy.copy(s)["step"],
    "deepcopy": lambda s: copy.deepcopy(s)["step"],
    "pickle": lambda s: pickle.loads(pickle.dumps(s))["step"],
    "|": lambda s: (s | {})["step"],
    "| from the right": lambda s: ({} | s)["step"],
    "update": lambda s: (d := {}, d.update(s))[0]["step"],
    "repr": lambda s: int(repr(s).split("'step': ")[1].split(",")[0].rstrip("}")),
    "pop": lambda s: s.pop("step"),
    "setdefault": lambda s: s.setdefault("step", 0),
}


@pytest.mark.parametrize("way", LOOKS)
def test_whoever_looks_sees_the_numbers_of_the_latest_step(way):
    ps, optimizer = made()
    for step in range(6):
        give(ps, step)
        optimizer.step()
    assert bundled(optimizer) == len(SHAPES)
    assert LOOKS[way](optimizer.state[ps[3]]) == 6


def test_numbers_that_somebody_has_written_stay(monkeypatch):
    def program(ps, optimizer):
        for step in range(9):
            give(ps, step)
            optimizer.step()
            if step == 5:
                optimizer.state[ps[2]]["step"] = 100
        assert [optimizer.state[p]["step"] for p in ps[:4]] == [9, 9, 103, 9]

    both(monkeypatch, program)


@pytest.mark.skipif(tl.fast.is_enabled(), reason="twins do not round as NumPy does, which takes what is of another layout or kind")
def test_gradients_of_any_layout_and_kind(monkeypatch):
    def program(ps, optimizer):
        for step in range(8):
            give(ps, step)
            if step == 5:
                ps[0].grad = tl.tensor(np.asfortranarray(ps[0].grad.array))
            if step == 6:
                ps[4].grad.data = tl.tensor(ps[4].grad.array.astype("f4"))
            if step == 7:
                ps[8].grad.data = tl.tensor(np.ones(ps[8].shape, "i8"))
            optimizer.step()

    both(monkeypatch, program)


def grown():
    """Parameters in bundles and their optimizer."""
    ps, optimizer = made()
    for step in range(6):
        give(ps, step)
        optimizer.step()
    assert bundled(optimizer) == len(SHAPES)
    return ps, optimizer


def test_versions_are_of_each_parameter(monkeypatch):
    """A step counts once for all that nobody else looks at; what happens to one is not a change of others."""
    versions = []

    def program(ps, optimizer):
        with tl.no_grad():
            ps[5].mul_(0.5)  # its version is another
        for step in range(9):
            give(ps, step)
            optimizer.step()
            if step == 5:
                view, twin = ps[6].view(-1), ps[7].detach()
                loss = (ps[1] * ps[1]).sum() + (ps[3] * ps[3]).sum() + (ps[6] * ps[6]).sum()
                with tl.no_grad():
                    ps[2].mul_(2.0)
                twin.add_(1.0)
                loss.backward()
                versions.append(view._version)
        versions.append([p._version for p in ps])

    assert both(monkeypatch, program) == len(SHAPES)
    assert versions[:2] == versions[2:] and len({*versions[1]}) > 1


@pytest.mark.parametrize("way", [lambda p: p.detach(), lambda p: p.view(-1), lambda p: p])
def test_whoever_looks_at_a_parameter_is_told_of_steps(way):
    ps, optimizer = grown()
    seen = way(ps[3])
    loss = (seen * tl.ones(7, dtype=tl.float64, requires_grad=True) * seen.detach()).sum()
    give(ps, 7)
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"changed in place.*Adam\.step at"):
        loss.backward()


def test_a_parameter_changed_alone_is_noticed_and_later_steps_of_it():
    ps, optimizer = grown()
    loss, other = (ps[3] * ps[3]).sum(), (ps[1] * ps[1]).sum()
    with tl.no_grad():
        ps[3].mul_(2.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    other.backward()  # that one was not changed
    loss = (ps[3] * ps[3]).sum()
    give(ps, 7)
    optimizer.step()
    with pytest.raises(RuntimeError, match=r"changed in place.*Adam\.step at"):
        loss.backward()
    assert bundled(optimizer) == len(SHAPES)


def test_entries_of_the_state_that_somebody_has_from_before(monkeypatch):
    """An entry is looked for where it may have been replaced; who has it, has it from a look into the state, now or before."""

    def program(ps, optimizer):
        for step in range(12):
            give(ps, step)
            optimizer.step()
            if step == 0:
                before = optimizer.state[ps[4]]["exp_avg"]
            if step == 5:
                before.data = tl.ones(3, 4, dtype=tl.float64)
            if step == 9:
                optimizer.state[ps[1]]["exp_avg_sq"].data = tl.ones(5, dtype=tl.float64)

    both(monkeypatch, program)


def test_states_are_looked_at_anew_when_one_is_replaced(monkeypatch):
    def program(ps, optimizer):
        for step in range(30):
            give(ps, step)
            optimizer.step()
            if step == 5:  # equal, but another
                optimizer.state[ps[0]] = copy.copy(optimizer.state[ps[0]])
            if step == 6:
                optimizer.state[ps[0]]["step"] = 50
            if step == 15:
                optimizer.state.clear()
            if step == 24:
                optimizer.state = type(optimizer.state)(dict, optimizer.state)

    both(monkeypatch, program)


def test_a_state_of_another_kind_is_not_bundled():
    ps, optimizer = made()
    optimizer.state = collections.defaultdict(dict)
    for step in range(6):
        give(ps, step)
        optimizer.step()
    assert bundled(optimizer) == 0 and optimizer.state[ps[0]]["step"] == 6


def test_gradients_that_are_no_arrays():
    ps, optimizer = grown()
    give(ps, 7)
    ps[0]._grad = tl.Tensor.wrap(tl.Tensor.wrap(ps[0].grad.array, 1), 2)
    with pytest.raises(RuntimeError, match="belongs to a function transform"):
        optimizer.step()


def test_zero_grad_forgets_or_fills():
    ps, optimizer = made()
    give(ps, 0)
    held = ps[0].grad
    optimizer.zero_grad(set_to_none=False)
    assert ps[0].grad is held and held.tolist() == tl.zeros(3, 4).tolist()
    optimizer.zero_grad()
    assert all(p.grad is None for p in ps)
