"""Whole modules in PyTorch's files: refused unless asked for, made of layers of this package and of classes that the user allowed."""

from __future__ import annotations

import argparse
import datetime
import enum
import io
import sys
from collections import deque
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import NamedTuple

import module_cases as table
import numpy as np
import pytest
from hostile_files import FOUR, name, pickled, storage, text, value, zipped

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import FileFormatError, OperandError, RefusedError
from tensorflowlite_clone.nn import functional as F
from tensorflowlite_clone.serialization import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals

#: One case for each class of layers, by its first inputs that are no option of another.
FIRST = {case[0]: case for case in reversed(table.CASES) if not case[0].startswith("Lazy")}


class Net(nn.Module):
    """A module as users write them."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3))
        self.scale = nn.Parameter(tl.ones(3))
        self.register_buffer("hidden", tl.zeros(1), persistent=False)
        self.options = {"names": ["a", "b"], "size": (4, 4)}

    def forward(self, x):
        return self.layers(x) * self.scale + self.hidden


class Point:
    """A class that is no module, with slots and attributes."""

    def __init__(self, x, y):
        self.x, self.y = x, y


class Slotted:
    __slots__ = ("a", "b")


class Loud:
    """Says what it is given."""

    def __setstate__(self, state):
        self.given = state


@pytest.fixture(autouse=True)
def _forget():
    yield
    clear_safe_globals()


def again(obj, **how):
    file = io.BytesIO()
    tl.io.save_for_torch(obj, file)
    file.seek(0)
    return tl.load(file, **how)


def test_a_module_of_the_user_is_written_and_read_where_its_class_is_allowed():
    net, x = Net(), tl.randn(2, 1, 4, 4)
    with pytest.raises(OperandError, match=r"obj is a Net; store its state_dict\(\), or allow its class with tl\.serialization\.add_safe"):
        again(net)
    with safe_globals([Net]):
        back = again([net, net.layers], weights_only=False)
        assert type(back[0]) is Net and back[0].layers is back[1] and back[0].options == net.options
        np.testing.assert_array_equal(back[0](x).numpy(force=True), net(x).numpy(force=True))
        assert list(back[0].state_dict()) == list(net.state_dict()) and back[0]._transient == {"hidden"}
        back[0](x).sum().backward()
        assert back[0].scale.grad is not None
        file = io.BytesIO()
        tl.io.save_for_torch(net, file)
    for how in ({"weights_only": True}, {"weights_only": False}):
        file.seek(0)
        with pytest.raises(RefusedError, match=r"refused: it names .*test_io_modules\.Net: neither a tensor nor a container"):
            tl.load(file, **how)
    with safe_globals([Net]):
        file.seek(0)
        with pytest.raises(RefusedError, match=r"it names torch\.nn\.modules\..*: a whole module.*weights_only=False"):
            tl.load(file)


def test_hooks_are_code_and_refused():
    net = Net()
    net.register_forward_hook(lambda *a: None)
    with safe_globals([Net]), pytest.raises(OperandError, match="hooks are code and cannot be stored"):
        again(net)


def test_other_objects_of_the_users_classes():
    point, slotted = Point(1.5, [tl.ones(2)]), Slotted()
    slotted.a = 3
    point.me = point
    with safe_globals([Point, Slotted, Loud]):
        back, other, loud = again([point, slotted, Loud()])
        assert type(back) is Point and back.x == 1.5 and back.y[0].tolist() == [1, 1] and back.me is back
        assert other.a == 3 and not hasattr(other, "b") and isinstance(loud, Loud)
    with pytest.raises(OperandError, match="obj is a Point; store tensors"):
        again(point)


class Mark(enum.Enum):
    """One of two."""

    LOW, HIGH = 1, 2


class Pair(NamedTuple):
    """A tuple of a class."""

    left: object
    right: object


@pytest.mark.parametrize(
    "thing",
    [
        Mark.HIGH, Pair(1, "b"), argparse.Namespace(lr=0.1), datetime.datetime(2020, 1, 2), datetime.timedelta(3), PurePosixPath("a/b"),
        Fraction(1, 3), Decimal("1.5"), range(3), slice(1, 2), frozenset([1]),
    ],
    ids=lambda thing: type(thing).__name__,
)  # fmt: skip
@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_allowed_is_written_and_read_whatever_it_says_of_itself(thing, zipped):
    """Objects that are made by calling their class, too; PyTorch reads them where it is allowed to."""
    file = io.BytesIO()
    with safe_globals([type(thing)]):
        tl.io.save_for_torch({"x": [thing, tl.ones(1)]}, file, _use_new_zipfile_serialization=zipped)
        back = tl.load(io.BytesIO(file.getvalue()))["x"][0]
        assert type(back) is type(thing) and back == thing
    if type(thing) not in (range, slice, frozenset, argparse.Namespace):  # which PyTorch calls by other names, or are always read
        with pytest.raises(RefusedError, match=type(thing).__name__):
            tl.load(io.BytesIO(file.getvalue()))
    torch = sys.modules.get("torch") or pytest.importorskip("torch")
    with torch.serialization.safe_globals([type(thing)]):
        assert torch.load(io.BytesIO(file.getvalue()), weights_only=True)["x"][0] == thing


def test_what_calls_something_else_or_fills_in_items_is_not_written():
    for thing, cls in ((deque([1]), deque), (Loud(), object)):
        with safe_globals([cls]), pytest.raises(OperandError, match="save: cannot be stored: obj is a"):
            again(thing)


def test_the_list_of_what_is_allowed():
    add_safe_globals([Point, (Net, "other.place.Net")])
    assert get_safe_globals() == [Point, (Net, "other.place.Net")]
    with safe_globals([Loud]):
        assert Loud in get_safe_globals()
    assert get_safe_globals() == [Point, (Net, "other.place.Net")]
    clear_safe_globals()
    assert get_safe_globals() == []
    for bad in (3, "Net", [3], [(Net, 3)], [None]):
        with pytest.raises(OperandError, match=r"add_safe_globals: (a list of classes|neither a class nor a function)"):
            add_safe_globals(bad)
    assert get_safe_globals() == []


class Marked(tl.Tensor):
    """A tensor with attributes."""


def test_a_tensor_of_the_users_class():
    def rebuilt(kind):
        return zipped(
            pickled(
                name(b"torch._tensor", b"_rebuild_from_type_v2"),
                value(
                    (
                        name(b"torch._utils", b"_rebuild_tensor_v2"),
                        kind,
                        (storage(), 0, (4,), (1,), False, b"]"),
                        b"}" + text(b"mark") + b"K\x05s",
                    )
                ),
                b"R",
            ),
            FOUR,
        )

    plain = tl.load(io.BytesIO(rebuilt(name(b"torch", b"Tensor"))))
    assert type(plain) is tl.Tensor and plain.tolist() == [0, 1, 2, 3]
    with safe_globals([(Marked, "some.where.Marked")]):
        marked = tl.load(io.BytesIO(rebuilt(name(b"some.where", b"Marked"))))
    assert type(marked) is Marked and marked.mark == 5 and marked.tolist() == [0, 1, 2, 3]


# ---- beside PyTorch ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("which", FIRST)
def test_layers_that_pytorch_wrote_compute_the_same(which):
    torch = pytest.importorskip("torch")
    case = FIRST[which]
    theirs = table.made(torch, case).eval()
    file = io.BytesIO()
    torch.save([theirs, 3], file)
    file.seek(0)
    ours, number = tl.load(file, weights_only=False)
    assert type(ours) is getattr(nn, which) and number == 3 and repr(ours) == repr(theirs) and not ours.training
    expected = table.made(tl, case).eval()
    expected.load_state_dict(tl.from_torch(theirs.state_dict()))
    tl.manual_seed(0)
    got = ours(*table.inputs(tl, case))
    tl.manual_seed(0)
    wanted = expected(*table.inputs(tl, case))
    for a, b in zip(*([r] if not isinstance(r, tuple) else r for r in (got, wanted)), strict=True):
        np.testing.assert_array_equal(a.numpy(force=True), b.numpy(force=True))


@pytest.mark.parametrize(
    "build",
    [
        lambda L: L.LSTM(3, 4, num_layers=2, bidirectional=True), lambda L: L.GRU(3, 4), lambda L: L.RNN(3, 4), lambda L: L.LSTMCell(3, 4),
        lambda L: L.MultiheadAttention(4, 2), lambda L: L.TransformerEncoder(L.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2),
        lambda L: L.TransformerEncoderLayer(4, 2, 8, activation="gelu"),
        lambda L: L.CrossEntropyLoss(label_smoothing=0.1),
        lambda L: L.ParameterList([L.Parameter(L.Linear(1, 1).weight)]), lambda L: L.ModuleDict({"a": L.Linear(1, 1)}),
        lambda L: L.Module(),
    ],
)  # fmt: skip
def test_other_modules_that_pytorch_wrote(build):
    torch = pytest.importorskip("torch")
    theirs = build(torch.nn).eval()
    for form in ({}, {"_use_new_zipfile_serialization": False}):
        file = io.BytesIO()
        torch.save(theirs, file, **form)
        file.seek(0)
        ours = tl.load(file, weights_only=False)
        assert repr(ours) == repr(theirs).replace("torch.float", "float") and list(ours.state_dict()) == list(theirs.state_dict())
        if isinstance(ours, nn.RNNBase | nn.MultiheadAttention | nn.TransformerEncoder | nn.TransformerEncoderLayer):
            expected = build(nn).eval()
            expected.load_state_dict(ours.state_dict())
            x = tl.randn(5, 2, ours.input_size if isinstance(ours, nn.RNNBase) else 4)
            args = (x, x, x) if isinstance(ours, nn.MultiheadAttention) else (x,)
            got, wanted = (m(*args) for m in (ours, expected))
            got, wanted = (r[0] if isinstance(r, tuple) else r for r in (got, wanted))
            np.testing.assert_array_equal(got.numpy(force=True), wanted.numpy(force=True))


def test_a_module_of_ours_is_one_of_pytorchs_there():
    torch = pytest.importorskip("torch")

    class Theirs(torch.nn.Module):
        def forward(self, x):
            return self.layers(x) * self.scale + self.hidden

    net, x = Net().eval(), tl.randn(2, 1, 4, 4)
    file = io.BytesIO()
    with safe_globals([(Net, "elsewhere.Net")]):
        tl.io.save_for_torch(net, file)
    file.seek(0)
    allowed = [(Theirs, "elsewhere.Net"), torch.nn.Sequential, torch.nn.Conv2d, torch.nn.BatchNorm2d, torch.nn.ReLU, torch.nn.Flatten]
    with torch.serialization.safe_globals([*allowed, torch.nn.Linear]):
        there = torch.load(file, weights_only=True)
    out = there(torch.from_numpy(x.numpy())).detach().numpy()
    np.testing.assert_allclose(out, net(x).numpy(force=True), rtol=1e-5, atol=1e-6)
    assert list(there.state_dict()) == list(net.state_dict())


def test_hooks_of_pytorch_are_refused():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(1, 1)
    layer.register_forward_hook(torch.nn.functional.relu)
    file = io.BytesIO()
    torch.save(layer, file)
    file.seek(0)
    with pytest.raises(FileFormatError):
        tl.load(file, weights_only=False)
    assert callable(F.relu)
