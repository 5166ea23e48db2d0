"""``__torch_function__``: subclasses of `Tensor` keep their class and are asked, as in PyTorch; other classes are asked by functions."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import overrides


def libraries():
    yield pytest.param(tl, id="ours")
    try:
        import torch
    except ImportError:
        return
    yield pytest.param(torch, id="pytorchs")


class Own(tl.Tensor):
    """At the top of a module, so that it can be pickled."""


def made(T):
    class Tagged(T.Tensor):
        calls: list = []  # noqa: RUF012

        @staticmethod
        def __new__(cls, x, tag="none", *args, **kwargs):
            return super().__new__(cls, x, *args, **kwargs)

        def __init__(self, x, tag="none"):
            self.tag = tag

        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            cls.calls.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    return Tagged


@pytest.mark.parametrize("T", [*libraries()])
def test_a_subclass_keeps_its_class_and_is_asked(T):
    Tagged = made(T)
    x = Tagged([[1.0, 2.0], [3.0, 4.0]], tag="a")
    assert x.tag == "a" and type(x) is Tagged and isinstance(x, T.Tensor) and x.shape == (2, 2)
    results = [
        x + 1, 1 + x, x + x, T.ones(2, 2) + x, T.ones(2, 2) - x, x - T.ones(2, 2), 1 - x, x * 2, 2 / x, x**2, -x, x @ x, x > 1, x == x,
        x.sum(), x.mean(0),
        x.T, x[0], x[0, 1], x[x > 1], x.view(4), x.reshape(-1), x.clone(), x.detach(), x.exp(), x.float(), x.double(), x.add(1),
        x.max(), x.t(),
        x.unsqueeze(0), x.relu(), x.argmax(), x.norm(), x.to(T.float64), x.data, x.transpose(0, 1), x.contiguous(),
    ]  # fmt: skip
    assert [type(r) for r in results] == [Tagged] * len(results)
    assert all(type(p) is Tagged for p in (*x.split(1), *x.unbind(), *x.max(dim=0), *x))
    assert {"add", "mul", "__rsub__", "sub", "__getitem__", "matmul", "gt", "__eq__", "mean", "view", "norm", "split"} <= set(Tagged.calls)
    y = x.clone()
    y.add_(1)
    y += 1
    y[0] = 7.0
    assert type(y) is Tagged and y.tolist() == [[7.0, 7.0], [5.0, 6.0]] and isinstance(x.tolist(), list) and x.numel() == 4
    assert [type(v) for v in (x.sum().item(), x.size(0), x.dim(), float(x[0, 0]), x.is_floating_point())] == [float, int, int, float, bool]


@pytest.mark.parametrize("T", [*libraries()])
def test_a_subclass_is_differentiated(T):
    Tagged = made(T)
    x = Tagged([1.0, 2.0]).requires_grad_()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0] and type(x.grad) is T.Tensor
    w = T.ones(2, requires_grad=True)
    (w * Tagged([3.0, 4.0])).sum().backward()
    assert w.grad.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("T", [*libraries()])
def test_other_ways_to_make_one(T):
    Tagged = made(T)
    plain = T.tensor([1.0, 2.0])
    for x in (plain.as_subclass(Tagged), T.Tensor._make_subclass(Tagged, plain)):
        assert type(x) is Tagged and x.tolist() == [1.0, 2.0]
        x[0] = 1.0
    more = type("More", (Tagged,), {})([5.0])
    assert type(more + Tagged([1.0])) is type(more) and type(Tagged([1.0]) + more) is type(more)


def test_copies_keep_class_and_attributes():
    x = tl.ones(2).as_subclass(Own)
    x.note = "n"
    again = pickle.loads(pickle.dumps(x))
    assert type(again) is Own and again.note == "n" and again.tolist() == [1.0, 1.0]
    assert type(copy.deepcopy(x)) is Own and np.asarray(x).tolist() == [1.0, 1.0] and repr(x).startswith("Own(")
    assert type(Own()) is Own and Own(2, 3).shape == (2, 3) and tl.func.grad(lambda v: (v * v).sum())(tl.ones(2)).tolist() == [2.0, 2.0]


PROGRAM = """
import torch, torch.nn.functional as F
from torch.overrides import handle_torch_function, has_torch_function, is_tensor_like, resolve_name

HANDLED = {}

class Diagonal:
    def __init__(self, n, value):
        self.n, self.value = n, value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in HANDLED or not all(issubclass(t, (torch.Tensor, Diagonal)) for t in types):
            return NotImplemented
        return HANDLED[func](*args, **(kwargs or {}))

def implements(func):
    return lambda f: HANDLED.setdefault(func, f)

@implements(torch.mean)
def mean(x):
    return x.value / x.n

@implements(torch.stack)
def stack(xs):
    return [x.value for x in xs if isinstance(x, Diagonal)]

@implements(torch.matmul)
def matmul(a, b):
    return "product"

@implements(F.relu)
def relu(x, **options):
    return Diagonal(x.n, max(x.value, 0))

d = Diagonal(5, 2.0)
assert torch.mean(d) == 0.4 and torch.stack([d, torch.ones(1), d]) == [2.0, 2.0] and torch.matmul(torch.ones(5, 5), d) == "product"
assert F.relu(Diagonal(5, -1.0)).value == 0
for refused in (lambda: torch.sum(d), lambda: torch.add(torch.ones(1), d)):
    try:
        refused()
    except TypeError as error:
        assert "__torch_function__" in str(error)
    else:
        raise AssertionError

def public(x):
    if has_torch_function((x,)):
        return handle_torch_function(public, (x,), x)
    return "plain"

HANDLED[public] = lambda x: "asked"
assert public(1) == "plain" and public(d) == "asked" and is_tensor_like(d) and is_tensor_like(torch.ones(1)) and not is_tensor_like(1)

class Mark(torch.Tensor):
    pass

m = Mark([1.0, 2.0])
for result in (torch.add(m, 1), torch.stack([torch.ones(2), m]), F.softmax(m, dim=0), torch.linalg.norm(m),
torch.cat([m, m]), *torch.max(m, dim=0)):
    assert type(result) is Mark, result
print("done")
"""


@pytest.mark.parametrize("command", [["-m", "tensorflowlite_clone.as_torch"], []], ids=["ours", "pytorchs"])
def test_functions_ask_other_classes(command, tmp_path):
    if not command:
        pytest.importorskip("torch")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, *command, str(tmp_path / "program.py")], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", done.stderr


def test_questions_about_functions():
    assert overrides.resolve_name(tl.add) == "torch.add" and overrides.resolve_name(len) is None
    assert overrides.is_tensor_method_or_property(tl.Tensor.add) and not overrides.is_tensor_method_or_property(tl.add)
    assert tl.add in overrides.get_overridable_functions()["torch"] and tl.rand in overrides.get_ignored_functions()
    assert overrides.get_testing_overrides()[tl.add](1, 2) == -1
    wrapped = overrides.wrap_torch_function(lambda x: (x,))(lambda x: "plain")
    assert wrapped(3) == "plain" and wrapped(tl.ones(1).as_subclass(Own)) == "plain"
    with overrides.DisableTorchFunctionSubclass():
        assert type(tl.ones(1).as_subclass(Own) + 1) is tl.Tensor and not overrides.has_torch_function_unary(tl.ones(1).as_subclass(Own))


def shown(T, overrides):
    """What nested modes of either library are shown by one program."""
    log, F = [], T.nn.functional

    class Names(overrides.TorchFunctionMode):
        def __init__(self, own):
            self.own = own

        def __torch_function__(self, func, types, args=(), kwargs=None):
            log.append((self.own, func.__name__, func is T.add, func is T.Tensor.add, func is F.relu))
            return func(*args, **(kwargs or {}))

    layers = T.nn.Sequential(T.nn.Linear(2, 3), T.nn.ReLU(), T.nn.Softmax(-1), T.nn.LayerNorm(3))
    with Names("outer"):
        x = T.ones(2, requires_grad=True)
        with Names("inner"):
            y = T.add((1 - x) * 2 + x @ x, 1).sin()[0]
            y += 1
            _ = -y, y == 1, 2**x, x.sum(), 1 + x
        layers(x[None])
        _ = T.cat([x, x]), F.cross_entropy(T.ones(1, 3), T.tensor([1])), F.relu(x)
    before = len(log)
    _ = x + 1, T.add(x, 1), layers(x)
    assert len(log) == before
    return log


def test_modes_are_shown_what_those_of_torch_are():
    torch = pytest.importorskip("torch")
    assert shown(tl, overrides) == shown(torch, torch.overrides)


def test_modes_answer_in_the_place_of_functions():
    class Doubled(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            if func is tl.sin:
                return NotImplemented
            made = func(*args, **(kwargs or {}))
            return made * 2 if func is tl.ones else made

    plain, method = tl.ones, tl.Tensor.add
    with Doubled(), pytest.raises(TypeError, match=r"sin: Doubled\.__torch_function__ gave NotImplemented; call func there"):
        assert tl.ones(2).tolist() == [2.0, 2.0] and tl.func.grad(lambda v: tl.exp(v) * v)(tl.zeros(())).item() == 1.0
        tl.sin(tl.ones(1))
    assert tl.ones is plain and tl.Tensor.add is method and not any(n in vars(tl.Tensor) for n in ("add", "__add__"))
