"""Containers: the same operations on ours and on PyTorch's give the same names, order and print."""

from __future__ import annotations

import pickle
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


def parameter_lists(T):
    n = T.nn
    m = n.ParameterList([T.ones(2), n.Parameter(T.zeros(1)), "text", None, n.ReLU()])
    m.append(T.ones(3)).extend([T.ones(1), 7])
    m[0], m[2] = T.zeros(2, 3), T.ones(4)
    m[1] = None
    with pytest.raises(TypeError):
        m[0] = "no parameter any more"
    m += (T.ones(2),)
    kinds = [type(v).__name__ for v in m]
    return (
        kinds,
        [(k, tuple(p.shape)) for k, p in m.named_parameters()],
        [len(m), len(m[1:3]), type(m[:2]).__name__],
        list(m.state_dict()),
        repr(m),
    )


def parameter_dicts(T):
    n, told = T.nn, []
    m = n.ParameterDict({"b": T.ones(2), "a": T.zeros(1), "c": 3})
    told += [list(m), list(reversed(m)), "a" in m, "z" in m, len(m), m["c"], [k for k, _ in m.named_parameters()], repr(m)]
    m["d"] = n.Parameter(T.ones(1))
    m.update([("z", T.ones(1)), ["y", T.ones(2)]])
    m.update(OrderedDict(x=T.ones(1), w=T.ones(3)))
    told += [list(m.keys()), [type(v).__name__ for v in m.values()], [k for k, _ in m.items()]]
    told += [
        m.get("a") is m["a"],
        m.get("no"),
        m.get("no", 5),
        tuple(m.setdefault("s", T.ones(2)).shape),
        m.setdefault("c", 9),
        m.setdefault("t"),
    ]
    told += [tuple(m.pop("z").shape), m.popitem()[0], list(m.copy()), type(m.copy()).__name__, m.copy()["a"] is m["a"]]
    other = n.ParameterDict(OrderedDict(q=T.ones(1), a=T.ones(5)))
    told += [list(m | other), tuple((m | other)["a"].shape), list(other | m), list(m.fromkeys(["k", "l"], 4)), m.fromkeys("ab")["a"]]
    m |= other
    del m["q"]
    told += [list(m), [k for k, _ in m.named_parameters()], list(m.state_dict())]
    m["b"] = None
    with pytest.raises(TypeError):
        m["a"] = "text"
    told += [[k for k, _ in m.named_parameters()], m["b"]]
    m.clear()
    return [*told, len(m), list(m.parameters()), repr(m)]


def sequentials(T):
    m = T.nn.Sequential(T.nn.ReLU(), T.nn.Tanh())
    m *= 2
    told = [repr(2 * m), repr(m)]
    with pytest.raises(ValueError):
        m *= 0
    return told


def old_containers(T):
    with pytest.warns(FutureWarning):
        return repr(T.nn.Container(a=T.nn.ReLU(), b=T.nn.Linear(1, 1)))


@pytest.mark.parametrize("program", [parameter_lists, parameter_dicts, sequentials, old_containers], ids=lambda p: p.__name__)
def test_containers_behave_as_in_pytorch(program):
    torch = pytest.importorskip("torch")
    assert str(program(tl)) == str(program(torch)).replace("torch.float32", "float32").replace("torch.FloatTensor", "float32")


def test_parameter_containers_pickled_before_they_counted_still_work():
    m, named = nn.ParameterList([tl.ones(2)]), nn.ParameterDict({"a": tl.ones(2)})
    del m.__dict__["_size"], named.__dict__["_keys"]
    again, also = pickle.loads(pickle.dumps(m)), pickle.loads(pickle.dumps(named))
    assert len(again) == 1 and again[0].shape == (2,) and list(also) == ["a"]


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


def test_what_cannot_be_put_in_changes_nothing():
    net, table = nn.Sequential(nn.ReLU(), nn.Tanh()), nn.ModuleDict({"a": nn.ReLU()})
    for place in (-3, 3, 9):
        with pytest.raises(IndexError, match=rf"Sequential: index {place} is out of range: it has 2 modules"):
            net.insert(place, nn.GELU())
    for wrong in ({"b": nn.ReLU(), "x.y": nn.ReLU()}, {"b": nn.ReLU(), "training": nn.ReLU()}, {"b": nn.ReLU(), "c": 3}):
        with pytest.raises((KeyError, TypeError)):
            table.update(wrong)
    assert len(net) == 2 and [*table] == ["a"]
    layer = nn.BatchNorm1d(3, momentum=None)
    for wrong in (tl.zeros(1, 3), tl.zeros(2, 4)):
        with pytest.raises(ValueError, match="batch_norm"):
            layer(wrong)
    assert int(layer.num_batches_tracked) == 0
    layer(tl.ones(2, 3))
    layer(3 * tl.ones(2, 3))
    assert int(layer.num_batches_tracked) == 2 and layer.running_mean.tolist() == [2.0] * 3
