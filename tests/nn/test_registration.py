"""What happens to a name that is taken: every pair of what stands there and what is put there, by every way, as in PyTorch."""

from __future__ import annotations

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn


def standing(T):
    """What can stand under the name, and how it came there; ``T`` is the library."""
    n = T.nn
    return {
        "nothing": lambda m: None,
        "parameter": lambda m: setattr(m, "x", n.Parameter(T.ones(2))),
        "no parameter": lambda m: m.register_parameter("x", None),
        "parameter set to None": lambda m: (setattr(m, "x", n.Parameter(T.ones(2))), setattr(m, "x", None)),
        "buffer": lambda m: m.register_buffer("x", T.ones(2)),
        "buffer by class": lambda m: setattr(m, "x", n.Buffer(T.ones(2))),
        "transient buffer by class": lambda m: setattr(m, "x", n.Buffer(T.ones(2), persistent=False)),
        "transient buffer": lambda m: m.register_buffer("x", T.ones(2), persistent=False),
        "no buffer": lambda m: m.register_buffer("x", None),
        "module": lambda m: setattr(m, "x", n.ReLU()),
        "no module": lambda m: m.add_module("x", None),
        "module set to None": lambda m: (setattr(m, "x", n.ReLU()), setattr(m, "x", None)),
        "attribute": lambda m: setattr(m, "x", 3),
        "tensor": lambda m: setattr(m, "x", T.ones(2)),
        "None": lambda m: setattr(m, "x", None),
        "deleted parameter": lambda m: (setattr(m, "x", n.Parameter(T.ones(2))), delattr(m, "x")),
        "deleted buffer": lambda m: (m.register_buffer("x", T.ones(2), persistent=False), delattr(m, "x")),
        "attribute of the class": lambda m: setattr(type(m), "x", 5),
    }


def putting(T):
    """What can be put there, and how."""
    n = T.nn
    return {
        "register_parameter": lambda m: m.register_parameter("x", n.Parameter(T.zeros(1))),
        "register_parameter None": lambda m: m.register_parameter("x", None),
        "register_parameter tensor": lambda m: m.register_parameter("x", T.zeros(1)),
        "register_parameter computed": lambda m: m.register_parameter("x", T.zeros(1, requires_grad=True) * 2),
        "register_buffer": lambda m: m.register_buffer("x", T.zeros(1)),
        "register_buffer transient": lambda m: m.register_buffer("x", T.zeros(1), persistent=False),
        "register_buffer None": lambda m: m.register_buffer("x", None),
        "register_buffer parameter": lambda m: m.register_buffer("x", n.Parameter(T.zeros(1))),
        "register_buffer number": lambda m: m.register_buffer("x", 3),
        "add_module": lambda m: m.add_module("x", n.Tanh()),
        "register_module": lambda m: m.register_module("x", n.Tanh()),
        "add_module None": lambda m: m.add_module("x", None),
        "add_module tensor": lambda m: m.add_module("x", T.zeros(1)),
        "= parameter": lambda m: setattr(m, "x", n.Parameter(T.zeros(1))),
        "= buffer": lambda m: setattr(m, "x", n.Buffer(T.zeros(1))),
        "= transient buffer": lambda m: setattr(m, "x", n.Buffer(T.zeros(1), persistent=False)),
        "= tensor": lambda m: setattr(m, "x", T.zeros(1)),
        "= module": lambda m: setattr(m, "x", n.Tanh()),
        "= None": lambda m: setattr(m, "x", None),
        "= number": lambda m: setattr(m, "x", 7),
        "del": lambda m: delattr(m, "x"),
        "get": lambda m: m.x,
    }


NAMES = {
    "not a string": 3, "None": None, "empty": "", "dot": "a.b", "a method": "forward", "another method": "parameters",
    "training": "training", "a word": "class", "spaces": "a b", "digits": "0", "umlaut": "größe", "a method of ours": "extra_repr",
}  # fmt: skip
STANDING, PUTTING = list(standing(tl)), list(putting(tl))


def outcome(T, before, put):
    """The kind of error, and what then stands where: names of parameters, buffers, modules, of the state, of attributes."""

    class Holder(T.nn.Module):
        pass

    m = Holder()
    m.first = T.nn.Parameter(T.ones(1))
    standing(T)[before](m)
    m.register_buffer("last", T.ones(1))
    try:
        putting(T)[put](m)
        kind = None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        kind = error
    where = {
        "parameters": [(k, None if v is None else tuple(v.shape)) for k, v in m._parameters.items()],
        "buffers": [(k, None if v is None else tuple(v.shape)) for k, v in m._buffers.items()],
        "modules": [(k, type(v).__name__) for k, v in m._modules.items()],
        "state": list(m.state_dict()),
        "plain": "x" in m.__dict__ and type(m.__dict__["x"]).__name__,
        "found": type(m.x).__name__.replace("Buffer", "Tensor") if hasattr(m, "x") else "nothing",  # PyTorch marks tensors as buffers
    }
    return kind, where


@pytest.mark.parametrize("put", PUTTING)
@pytest.mark.parametrize("before", STANDING)
def test_every_pair_as_in_torch(before, put):
    torch = pytest.importorskip("torch")
    (mine, ours), (other, theirs) = outcome(tl, before, put), outcome(torch, before, put)
    assert (mine is None) == (other is None), (mine, other)
    if other is not None:
        assert isinstance(mine, type(other)), (mine, other)
    assert ours == theirs


@pytest.mark.parametrize("way", ["register_parameter", "register_buffer", "add_module"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_as_in_torch(name, way):
    torch = pytest.importorskip("torch")
    found = []
    for T in (tl, torch):
        m = T.nn.Linear(1, 1)
        value = {"register_parameter": T.nn.Parameter, "register_buffer": T.clone, "add_module": lambda x, T=T: T.nn.ReLU()}[way](T.ones(1))
        try:
            getattr(m, way)(NAMES[name], value)
            found.append(None)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            found.append(error)
    mine, other = found
    assert (mine is None) == (other is None), (mine, other)
    if other is not None:
        assert isinstance(mine, type(other)), (mine, other)


@pytest.mark.parametrize("put", ["register_buffer", "register_buffer None", "add_module", "add_module None"])
def test_a_parameter_stays_when_its_name_is_asked_for(put):
    """The row itself, without PyTorch: nothing is deleted, and the message names the way out."""
    layer = nn.Linear(2, 2)
    layer.x = kept = nn.Parameter(tl.ones(2))
    with pytest.raises(KeyError, match=r"Linear already has a parameter 'x'; choose another name, or delete it first: del module\.x"):
        putting(tl)[put](layer)
    assert layer.x is kept and [n for n, _ in layer.named_parameters()] == ["weight", "bias", "x"]
