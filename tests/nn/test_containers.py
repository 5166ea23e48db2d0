"""Containers: the same operations on ours and on PyTorch's give the same names, order and print."""

from __future__ import annotations

from collections import OrderedDict

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn


def deleted(m, index):
    del m[index]
    return m


def assigned(m, index, value):
    m[index] = value
    return m


def inserted(m, index, value):
    m.insert(index, value)
    return m


def three(n):
    return n.Linear(1, 2), n.ReLU(), n.Linear(2, 3)


SEQUENTIAL = {
    "positional": lambda n: n.Sequential(*three(n)),
    "named": lambda n: n.Sequential(OrderedDict(zip("abc", three(n), strict=True))),
    "empty": lambda n: n.Sequential(),
    "slice": lambda n: n.Sequential(*three(n))[1:],
    "named slice": lambda n: n.Sequential(OrderedDict(zip("abc", three(n), strict=True)))[:2],
    "item": lambda n: n.Sequential(*three(n))[-1],
    "append": lambda n: n.Sequential(*three(n)).append(n.Tanh()),
    "extend": lambda n: n.Sequential(*three(n)).extend([n.Tanh(), n.ReLU()]),
    "insert": lambda n: inserted(n.Sequential(*three(n)), 1, n.Tanh()),
    "insert at the end": lambda n: inserted(n.Sequential(*three(n)), 3, n.Tanh()),
    "delete": lambda n: deleted(n.Sequential(*three(n)), 0),
    "delete a slice": lambda n: deleted(n.Sequential(*three(n)), slice(0, 2)),
    "assign": lambda n: assigned(n.Sequential(*three(n)), -1, n.Tanh()),
    "pop": lambda n: n.Sequential(*three(n)).pop(1),
    "add": lambda n: n.Sequential(*three(n)) + n.Sequential(n.Tanh()),
    "repeat": lambda n: n.Sequential(n.ReLU()) * 3,
}
LISTS = {
    "list": lambda n: n.ModuleList(three(n)),
    "empty": lambda n: n.ModuleList(),
    "same ones": lambda n: n.ModuleList([n.ReLU(), n.Tanh(), n.Tanh(), n.Tanh(), n.ReLU()]),
    "nested": lambda n: n.ModuleList([n.Sequential(n.ReLU()), n.Sequential(n.ReLU())]),
    "slice": lambda n: n.ModuleList(three(n))[1:],
    "item": lambda n: n.ModuleList(three(n))[-3],
    "append": lambda n: n.ModuleList(three(n)).append(n.Tanh()),
    "extend": lambda n: n.ModuleList(three(n)).extend(three(n)),
    "insert": lambda n: inserted(n.ModuleList(three(n)), 1, n.Tanh()),
    "delete": lambda n: deleted(n.ModuleList(three(n)), 0),
    "delete a slice": lambda n: deleted(n.ModuleList(three(n)), slice(1, None)),
    "assign": lambda n: assigned(n.ModuleList(three(n)), -1, n.Tanh()),
    "pop": lambda n: n.ModuleList(three(n)).pop(-1),
    "add": lambda n: n.ModuleList(three(n)) + n.ModuleList([n.Tanh()]),
}
DICTS = {
    "dict": lambda n: n.ModuleDict({"a": n.ReLU(), "b": n.Tanh()}),
    "pairs": lambda n: n.ModuleDict([["a", n.ReLU()], ["b", n.Tanh()]]),
    "assign": lambda n: assigned(n.ModuleDict({"a": n.ReLU()}), "c", n.Tanh()),
    "delete": lambda n: deleted(n.ModuleDict({"a": n.ReLU(), "b": n.Tanh()}), "a"),
    "pop": lambda n: n.ModuleDict({"a": n.ReLU()}).pop("a"),
}


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(f, id=f"{kind} {name}")
        for kind, table in (("Sequential", SEQUENTIAL), ("ModuleList", LISTS), ("ModuleDict", DICTS))
        for name, f in table.items()
    ],
)
def test_container_equals_torch(make):
    torch = pytest.importorskip("torch")
    ours, theirs = make(nn), make(torch.nn)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if isinstance(theirs, torch.nn.Sequential | torch.nn.ModuleList | torch.nn.ModuleDict):
        assert len(ours) == len(theirs)
        items = [list(m.items()) if hasattr(m, "items") else list(enumerate(m)) for m in (ours, theirs)]
        assert [(k, type(v).__name__) for k, v in items[0]] == [(k, type(v).__name__) for k, v in items[1]]


def test_sequential_applies_in_order():
    net = nn.Sequential(nn.Threshold(0.5, 2.0), nn.Hardtanh(0.0, 1.5))
    assert net(tl.tensor([0.0, 1.0])).tolist() == [1.5, 1.0]
    assert nn.Sequential()(3) == 3


def test_module_dict_behaves_as_a_dict():
    blocks = nn.ModuleDict({"a": nn.ReLU()})
    blocks.update({"b": nn.Tanh()})
    assert "a" in blocks and "c" not in blocks and list(blocks) == list(blocks.keys()) == ["a", "b"]
    assert [type(m).__name__ for m in blocks.values()] == ["ReLU", "Tanh"]
    blocks.clear()
    assert len(blocks) == 0


def test_parameter_containers_register():
    weights = nn.ParameterList([tl.ones(2), nn.Parameter(tl.zeros(1))])
    weights.append(tl.ones(3)).extend([tl.ones(1)])
    weights[0] = tl.zeros(2, 3)
    weights += [tl.ones(2)]
    assert [n for n, _ in weights.named_parameters()] == ["0", "1", "2", "3", "4"] and weights[-1].shape == (2,)
    assert [p.shape for p in weights[1:3]] == [(1,), (3,)] and len(list(weights)) == 5
    assert repr(weights).splitlines()[:2] == ["ParameterList(", "    (0): Parameter containing: [float32 of size 2x3]"]
    named = nn.ParameterDict({"a": tl.ones(2)})
    named.update([("b", tl.ones(1)), ("c", tl.ones(1))])
    del named["a"]
    assert named.pop("c").shape == (1,) and list(named) == ["b"] and "b" in named and list(named.state_dict()) == ["b"]
    assert [k for k, _ in named.items()] == list(named.keys()) and next(iter(named.values())) is named["b"]
    assert repr(nn.ParameterDict()) == "ParameterDict()"


@pytest.mark.parametrize(
    "make", [lambda: nn.Sequential(nn.ReLU())[1], lambda: nn.ModuleList()[0], lambda: nn.ParameterList([tl.ones(1)])[-2]]
)
def test_index_out_of_range_is_an_index_error(make):
    with pytest.raises(IndexError, match=r"index -?\d is out of range: it has \d entries"):
        make()
