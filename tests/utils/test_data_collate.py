"""`default_collate` and `default_convert`: kinds of examples against PyTorch's, classes kept, the graph, and what is refused."""

from __future__ import annotations

import array
import collections
import itertools
import math
import sys
import types

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils.data import default_collate, default_convert

Point = collections.namedtuple("Point", ["x", "y"])


class Record(dict):
    """A dict with an attribute, which a copy keeps."""

    source = None


def record(**items):
    out = Record(items)
    out.source = "disk"
    return out


#: Batches by the kind of their examples. `T` is this package or PyTorch.
BATCHES = {
    "int": lambda T: [1, 2, 3],
    "float": lambda T: [1.5, 2.5],
    "int and float": lambda T: [1, 2.5],
    "float and int": lambda T: [1.5, 2],
    "bool": lambda T: [True, False],
    "bool and int": lambda T: [True, 2],
    "float and bool": lambda T: [0.5, True],
    "float and 0-d": lambda T: [0.5, T.tensor(2.0)],
    "np.float32": lambda T: [np.float32(1), np.float32(2)],
    "np.float64": lambda T: [np.float64(1), np.float64(2)],
    "np.float16": lambda T: [np.float16(1), np.float16(2)],
    "np.int8": lambda T: [np.int8(1), np.int8(2)],
    "np.bool": lambda T: [np.bool_(True), np.bool_(False)],
    "np.complex64": lambda T: [np.complex64(1j), np.complex64(2)],
    "array": lambda T: [np.ones(2), np.zeros(2)],
    "array float16": lambda T: [np.ones((2, 1), np.float16)] * 2,
    "array int16": lambda T: [np.ones((2, 1), np.int16)] * 2,
    "array uint8": lambda T: [np.ones((0, 3), np.uint8)] * 2,
    "array 0-d": lambda T: [np.array(1.0), np.array(2.0)],
    "arrays of two dtypes": lambda T: [np.ones(2, np.float32), np.ones(2)],
    "array of examples": lambda T: np.ones((2, 3)),
    "tensor": lambda T: [T.ones(2, 3), T.zeros(2, 3)],
    "tensor 0-d": lambda T: [T.tensor(1), T.tensor(2)],
    "tensors of two dtypes": lambda T: [T.tensor([1]), T.tensor([1.5])],
    "str": lambda T: ["a", "b"],
    "str in a tuple": lambda T: ("a", "b"),
    "bytes": lambda T: [b"a", b"b"],
    "np.str": lambda T: [np.str_("a"), np.str_("b")],
    "str and None": lambda T: ["a", None],
    "tuple": lambda T: [(1, "a"), (2, "b")],
    "tuple of a tensor": lambda T: [(T.ones(1), 1.0), (T.ones(1), 2.0)],
    "list": lambda T: [[1, 2.0], [3, 4.0]],
    "tuple and list": lambda T: [(1, 2), [3, 4]],
    "empty tuples": lambda T: [(), ()],
    "range": lambda T: [range(2), range(2)],
    "deque": lambda T: [collections.deque([1, 2])] * 2,
    "dict": lambda T: [{"a": 1, "b": (1.0, b"x")}, {"a": 2, "b": (2.0, b"y")}],
    "dict of text": lambda T: [{"a": "x"}, {"a": "y"}],
    "dict with more later": lambda T: [{"a": 1}, {"a": 2, "b": 3}],
    "dict of other keys": lambda T: [{0: 1, (1, 2): 2}] * 2,
    "empty dicts": lambda T: [{}, {}],
    "OrderedDict": lambda T: [collections.OrderedDict(b=1, a=2)] * 2,
    "defaultdict": lambda T: [collections.defaultdict(list, a=1)] * 2,
    "UserDict": lambda T: [collections.UserDict(a=1)] * 2,
    "UserList": lambda T: [collections.UserList([1, 2])] * 2,
    "MappingProxy": lambda T: [types.MappingProxyType({"a": 1})] * 2,
    "dict of one's own": lambda T: [record(a=1), record(a=2)],
    "namedtuple": lambda T: [Point(1, 2.0), Point(3, 4.0)],
    "nested": lambda T: [[{"p": Point(T.ones(2), [1, "a"])}, (np.ones(1), (True,))]] * 3,
}
REFUSED = {
    "None": [None, None], "None after a float": [1.0, None], "None after an int": [1, None], "None after a bool": [True, None],
    "None after an array": [np.ones(2), None], "None after a tensor": [tl.ones(2), None], "None after np.float32": [np.float32(1), None],
    "None in a tuple": [(1, 2.0), (3, None)], "None in a dict": [{"a": 1.0}, {"a": None}], "None for a tuple": [(1,), None],
    "None for a dict": [{"a": 1}, None], "text after a number": [1.0, "a"], "number after a tuple": [(1, 2), 3],
    "text after a tuple": [("a",), "a"], "dict after a list": [[1], {"a": 1}], "list after a dict": [{"a": 1}, [1]],
    "number after a tensor": [tl.ones(()), 1.0], "tensor after a number": [1.0, tl.ones(2)], "list after a tensor": [tl.ones(2), [1, 2]],
    "an object": [object()], "a set": [{1}, {2}], "a complex number": [1j, 2j], "a dtype": [np.dtype("f4")],
    "an object after": [1, object()],
    "text arrays": [np.array(["a"])] * 2, "object arrays": [np.array([None, 1])] * 2, "dates": [np.datetime64("2020-01-01")] * 2,
    "date arrays": [np.array(["2020-01-01"], "M8[D]")] * 2, "structured": [np.zeros(2, "i4,f4")] * 2, "object 0-d": [np.array(None)] * 2,
    "shapes of arrays": [np.ones(2), np.ones(3)], "shapes of tensors": [tl.ones(2), tl.ones(2, 1)], "lengths": [[1, 2], [1]],
    "lengths of tuples": [(1,), (1, 2)], "a missing key": [{"a": 1, "b": 2}, {"a": 1}], "nothing": [], "no list": 3, "text": "ab",
    "a stream": iter([1, 2]), "a dict": {"a": 1}, "None itself": None, "a set itself": {1, 2}, "a large integer": [2**70, 1],
    "a generator of examples": (i for i in range(3)), "deep": [[{"a": (1, [2.0])}], [{"a": (1, [None])}]],
    "longdouble": [np.longdouble(1)] * 2,
}  # fmt: skip


def plain(value):
    """A batch as Python values with dtypes and classes, whichever package made it."""
    if isinstance(value, tl.Tensor) or type(value).__module__ == "torch":
        return ("tensor", str(value.dtype).removeprefix("torch."), value.tolist())
    if isinstance(value, collections.abc.Mapping):
        return [type(value).__name__, getattr(value, "source", None), {k: plain(v) for k, v in value.items()}]
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, str | bytes):
        return [type(value).__name__, *map(plain, value)]
    return value


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("function", ["default_collate", "default_convert"])
def test_kinds_of_examples_as_in_torch(name, function):
    torch = pytest.importorskip("torch")
    ours, theirs = {"default_collate": default_collate, "default_convert": default_convert}[function], getattr(torch.utils.data, function)
    assert plain(ours(BATCHES[name](tl))) == plain(theirs(BATCHES[name](torch)))


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_batch_is_refused(name):
    with pytest.raises((TypeError, ValueError), match=r"^default_collate: ") as info:
        default_collate(REFUSED[name])
    assert len(str(info.value)) < 400


def test_what_makes_no_batch_is_found():
    with pytest.raises(TypeError, match=r"default_collate: \[0\]: \['a'\]: \[1\]: \[0\]: example 0 is a float, example 1 a NoneType None"):
        default_collate(REFUSED["deep"])
    with pytest.raises(ValueError, match="default_collate: example 1 has no 'b', which example 0 has"):
        default_collate(REFUSED["a missing key"])
    with pytest.raises(RuntimeError, match=r"examples have different shapes: \[\(2,\), \(3,\)\]; make them equal, or pass collate_fn"):
        default_collate(REFUSED["shapes of arrays"])
    with pytest.raises(TypeError, match="cannot make a batch of object; pass collate_fn"):
        default_collate(REFUSED["an object"])


PAIRED = [1.0, 1, True, np.float32(1), tl.tensor(1.0), np.ones(()), "a", None, (1,), {"a": 1}, object()]


@pytest.mark.parametrize("pair", [*itertools.product(PAIRED, repeat=2)], ids=lambda pair: " and ".join(type(p).__name__ for p in pair))
def test_two_examples_make_numbers_or_an_error(pair):
    """Never an array of objects or text, and never NaN for None."""
    try:
        out = default_collate(list(pair))
    except (TypeError, ValueError) as error:
        assert str(error).startswith("default_collate: ")
        return
    if isinstance(out, tl.Tensor):
        assert out.dtype.kind in "bif" and not out.double().isnan().any()
    elif isinstance(pair[0], str):
        assert out == list(pair)
    else:
        assert type(pair[0]) is type(pair[1]) in (tuple, dict)


def test_the_graph_of_tensors_is_kept():
    x, y = tl.ones(2, requires_grad=True), tl.tensor(3.0, requires_grad=True)
    out = default_collate([{"x": x, "y": 1.0}, {"x": tl.zeros(2), "y": y}])
    assert out["x"].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    (out["x"].sum() + out["y"].sum() * 2).backward()
    assert x.grad.tolist() == [1.0, 1.0] and y.grad.item() == 2.0
    assert default_convert([x])[0] is x


def test_a_transform_sees_through_a_batch():
    def f(x):
        return default_collate([(x[0], 1.0), (x[1] * 2, 2.0)])[0].sum()

    assert tl.func.grad(f)(tl.tensor([1.0, 2.0])).tolist() == [1.0, 2.0]
    assert tl.func.vmap(f)(tl.ones(3, 2)).tolist() == [3.0] * 3


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "f2", "f4", ">f4", "f8", "F", "D"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0), (4, 3)])
def test_arrays_and_tensors_of_any_dtype_and_layout_make_the_same_batch(dtype, shape):
    made = [np.asarray(np.random.default_rng(i).normal(size=shape) * 3).astype(dtype) for i in range(3)]
    turned = [np.asfortranarray(a)[..., ::-1] if shape else a for a in made]
    mixed, graph = [made[0], tl.tensor(made[1]), made[2]], [tl.tensor(a) for a in made]
    if np.dtype(dtype).kind == "f":
        graph[1].requires_grad_()
    for batch, want in ((made, made), (turned, turned), (mixed, made), ([tl.tensor(a) for a in turned], turned), (graph, made)):
        out = default_collate(batch)
        assert type(out) is tl.Tensor and out.dtype == np.dtype(dtype).newbyteorder("=")
        np.testing.assert_array_equal(out.detach().numpy(), np.stack(want))
        assert not any(np.shares_memory(out.detach().numpy(), a) for a in want)
    assert out.requires_grad == (np.dtype(dtype).kind == "f")


def test_a_class_that_holds_no_tensors_becomes_a_list():
    assert plain(default_collate([array.array("d", [1, 2])] * 2)) == [
        "list",
        ("tensor", "float64", [1.0, 1.0]),
        ("tensor", "float64", [2.0, 2.0]),
    ]


def test_conversion_shares_memory():
    a = np.zeros(2)
    default_convert({"a": [a]})["a"][0].add_(1)
    assert a.tolist() == [1.0, 1.0]


# ---- batches of one class --------------------------------------------------------------------------------------------------------
ONE_CLASS = {
    "booleans": [True, False],
    "integers": [3, -(2**63), 2**63 - 1],
    "floats": [0.1, math.inf, -0.0],
    "arrays": [np.arange(6.0).reshape(2, 3) + i for i in range(3)],
    "arrays without dimensions": [np.array(i, np.int16) for i in range(3)],
    "arrays without elements": [np.zeros((0, 3), np.float32)] * 2,
    "arrays of columns": [np.arange(6).reshape(3, 2).T + i for i in range(3)],
    "arrays with steps": [np.arange(12.0)[::2] + i for i in range(3)] + [np.arange(12.0)[::-2]],
    "arrays of half floats": [np.arange(3, dtype=np.float16)] * 2,
    "arrays of complex numbers": [np.arange(3) * 1j] * 2,
    "foreign byte order": [np.arange(3, dtype=">f8")] * 2,
    "two dtypes": [np.arange(3), np.arange(3.0)],
    "tensors": [tl.ones(2, 3), tl.zeros(2, 3)],
    "tensors of two dtypes": [tl.ones(2), tl.ones(2, dtype=tl.float64)],
    "parameters": [tl.nn.Parameter(tl.ones(2))] * 2,
    "leaves": [tl.ones(2, requires_grad=True), tl.ones(2)],
    "one example": [np.arange(3)],
}


@pytest.mark.parametrize("kind", ONE_CLASS)
def test_a_batch_of_one_class_is_what_the_general_way_makes(kind, monkeypatch):
    module = sys.modules["tensorflowlite_clone.utils.data.collate"]
    found = default_collate(ONE_CLASS[kind])
    monkeypatch.setattr(module, "_at_once", lambda batch: None)
    right = default_collate(ONE_CLASS[kind])
    assert type(found) is type(right) and found.dtype == right.dtype and found.requires_grad == right.requires_grad
    assert found.shape == right.shape and found.is_contiguous()
    assert np.array_equal(found.detach().numpy(), right.detach().numpy())
    assert not any(np.shares_memory(found.detach().numpy(), x) for x in ONE_CLASS[kind] if isinstance(x, np.ndarray))


@pytest.mark.parametrize(
    "batch", [[2**63, 1], [np.zeros(2), np.zeros(3)], [np.zeros((2, 3)), np.zeros((4, 3))], [np.array(["a"])] * 2, [np.zeros(2), None]]
)
def test_what_cannot_be_a_batch_is_refused_as_in_the_general_way(batch, monkeypatch):
    module = sys.modules["tensorflowlite_clone.utils.data.collate"]
    outcomes = []
    for _ in range(2):
        try:
            outcomes.append(default_collate(batch).dtype)
        except Exception as error:
            outcomes.append((type(error), str(error)))
        monkeypatch.setattr(module, "_at_once", lambda batch: None)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("dtype", ["?", "u1", "f2", "f4", "c16"])
def test_batches_of_arrays_in_any_layout_own_writable_memory(dtype):
    """Contiguous arrays are joined as bytes, those of other layouts copied by NumPy; also where only one of them is none."""
    rng = np.random.default_rng(0)
    plain = [rng.integers(0, 2, (3, 4)).astype(dtype) for _ in range(5)]
    for a in plain:
        a.flags.writeable = False
    for change in (lambda a: a, lambda a: a.T, lambda a: a[::2], lambda a: a[:, ::-1], lambda a: a[:0], lambda a: a[0, 0:1].reshape(())):
        for arrays in ([change(a) for a in plain], [np.array(change(a), order="C") for a in plain[:4]] + [change(plain[4])]):
            batch = default_collate(arrays)
            assert batch.dtype == np.dtype(dtype)
            np.testing.assert_array_equal(batch.numpy(), np.stack(arrays))
            batch.fill_(1)
            assert not any(np.may_share_memory(a, batch.numpy()) for a in arrays)
