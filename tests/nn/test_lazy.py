"""Lazy modules: what they are before and after their first call, in states, copies and optimizers, as in PyTorch.

Not here: results of the lazy layers (``test_every_module.py``), their initial values (``test_initial_values.py``).
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tensorflowlite_clone.nn.modules.lazy import LazyModuleMixin

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter, is_lazy

LAYERS = {
    "LazyLinear": ((3,), (5, 4)),
    **{f"LazyConv{d}d": ((3, 2), (2, 4, *[3] * d)) for d in (1, 2, 3)},
    **{f"LazyConvTranspose{d}d": ((3, 2), (2, 4, *[3] * d)) for d in (1, 2, 3)},
    **{f"LazyBatchNorm{d}d": ((), (2, 4, *[3] * d)) for d in (1, 2, 3)},
    **{f"LazyInstanceNorm{d}d": ((), (2, 4, *[3] * d)) for d in (1, 2, 3)},
}  # fmt: skip


def program(T, name):
    """What can be seen of a lazy layer on its way."""
    arguments, shape = LAYERS[name]
    layer, told = getattr(T.nn, name)(*arguments), []

    def look():
        told.append((type(layer).__name__, repr(layer), list(layer.state_dict())))
        told.append([(n, repr(p) if "<" in repr(p) else tuple(p.shape)) for n, p in layer.state_dict().items() if "batches" not in n])

    look()
    told.append(layer.has_uninitialized_params())
    net = T.nn.Sequential(layer, T.nn.Identity())
    told.append(repr(net))
    before = list(net.parameters())
    net.double()
    told.append([str(p.dtype).removeprefix("torch.") for p in before])
    net(T.ones(shape, dtype=T.float64))
    look()
    told.append([a is b for a, b in zip(before, net.parameters(), strict=True)])
    told.append([type(p).__name__ for p in net.parameters()] + [str(p.dtype).removeprefix("torch.") for p in before])
    told.append([hasattr(layer, n) for n in ("_initialize_hook", "has_uninitialized_params")])
    return told


@pytest.mark.parametrize("name", LAYERS)
def test_lazy_layers_become_ordinary_ones_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    assert program(tl, name) == program(torch, name)
    arguments, shape = LAYERS[name]
    layer = getattr(nn, name)(*arguments)
    layer(tl.ones(shape))
    assert layer._hooks is None, "the call is as fast as that of any other layer"


USES = {
    "shape": lambda p: p.shape, "add": lambda p: p + 1, "add to": lambda p: 1 + p, "numel": lambda p: p.numel(), "len": len,
    "numpy": lambda p: p.numpy(force=True), "item": lambda p: p.item(), "index": lambda p: p[0], "detach": lambda p: p.detach(),
    "init": lambda p: nn.init.zeros_(p), "matmul": lambda p: tl.ones(2) @ p, "data": lambda p: p.data, "np": lambda p: np.exp(p),
    "vector": lambda p: nn.utils.parameters_to_vector([p]), "ones_like": tl.ones_like,
}  # fmt: skip


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", [UninitializedParameter, UninitializedBuffer])
def test_every_use_before_the_shape_is_known_is_refused(kind, use):
    with pytest.raises((ValueError, RuntimeError), match=f"{kind.__name__}: has no values and no shape before the first input"):
        USES[use](kind())


def test_what_is_known_before():
    p, b = UninitializedParameter(dtype=tl.float64), UninitializedBuffer(persistent=False)
    assert p.dtype == tl.float64 and p.requires_grad and p.is_leaf and p.grad is None and p.device == "cpu"
    assert b.dtype == tl.float32 and not b.requires_grad and not b.persistent
    assert repr(p) == str(p) == "<UninitializedParameter>" and is_lazy(p) and is_lazy(b) and not is_lazy(Parameter(np.ones(1)))
    assert not UninitializedParameter(requires_grad=False).requires_grad
    for again in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(again) is UninitializedParameter and again.dtype == tl.float64
    p.materialize((2, 3), dtype=tl.float32)
    b.materialize((4,))
    assert type(p) is Parameter and p.shape == (2, 3) and p.dtype == tl.float32 and p.requires_grad
    assert type(b) is Buffer and b.shape == (4,)
    (p * 2).sum().backward()
    assert p.grad.shape == (2, 3)
    for bad in (-1, (2, -1), "x", (2.5,)):
        with pytest.raises((TypeError, ValueError), match="materialize: shape"):
            UninitializedParameter().materialize(bad)
    with pytest.raises(ValueError, match="device"):
        UninitializedParameter(device="cuda")


def net():
    return nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))


def test_states_bring_their_shapes():
    x = tl.randn(2, 3, 5, 5)
    full = net()
    full(x)
    late = net()
    assert not late.load_state_dict(full.state_dict()).missing_keys
    assert [type(m).__name__ for m in late] == ["LazyConv2d", "LazyBatchNorm2d", "ReLU", "Flatten", "LazyLinear"]
    assert not any(map(is_lazy, late.state_dict().values()))
    np.testing.assert_array_equal(late.eval()(x).numpy(force=True), full.eval()(x).numpy(force=True))
    assert repr(late) == repr(full)  # the sizes come from the weights
    empty = net()
    assert not empty.load_state_dict(net().state_dict()).missing_keys and all(map(is_lazy, empty.parameters()))
    with pytest.raises(RuntimeError, match=r"size mismatch for 0.weight: unknown yet in the state, \(4, 3, 3, 3\) in the module"):
        full.load_state_dict(net().state_dict())


def test_a_state_that_does_not_fit_leaves_a_lazy_module_as_it_was():
    layer = nn.LazyLinear(2)
    with pytest.raises(RuntimeError, match="unexpected: other"):
        layer.load_state_dict({"weight": tl.ones(2, 3), "bias": tl.ones(2), "other": tl.ones(1)})
    assert layer.has_uninitialized_params()


def test_copies_before_the_first_call_are_on_their_own():
    x = tl.randn(2, 3, 5, 5)
    first = net()
    second, third = copy.deepcopy(first), pickle.loads(pickle.dumps(first))
    second(x)
    assert is_lazy(first[0].weight) and is_lazy(third[0].weight) and type(second[0]) is nn.Conv2d
    first(x), third(x)
    assert repr(first) == repr(second) == repr(third)


def test_optimizers_may_hold_parameters_before_they_have_a_shape():
    torch = pytest.importorskip("torch")
    for T in (tl, torch):
        layer = T.nn.LazyLinear(2)
        for kind in ("SGD", "Adam", "AdamW"):
            optimizer = getattr(T.optim, kind)(layer.parameters(), lr=0.1)
        optimizer.zero_grad()
        y = layer(T.ones(4, 3))
        before = layer.weight.detach().clone()
        y.sum().backward()
        optimizer.step()
        assert (layer.weight - before).abs().sum().item() > 0.1
        with pytest.raises((ValueError, RuntimeError)):
            sum(p.numel() for p in T.nn.LazyLinear(2).parameters())


def test_lazy_modules_of_users():
    torch = pytest.importorskip("torch")

    def scale(T, mixin, parameter):
        class Scale(mixin, T.nn.Module):
            def __init__(self, power=1):
                super().__init__()
                self.power, self.factor, self.seen = power, parameter(), []

            def initialize_parameters(self, x, shift=0.0):
                self.seen.append(shift)
                if self.has_uninitialized_params():
                    self.factor.materialize(x.shape[-1:])
                    T.nn.init.ones_(self.factor)

            def forward(self, x, shift=0.0):
                return x * self.factor**self.power + shift

        m = Scale(power=2)
        results = [m(T.ones(2, 3), shift=1.0).tolist(), m(T.ones(2, 3)).tolist(), m.seen, type(m).__name__]

        class Lacking(mixin, T.nn.Module):
            pass

        with pytest.raises(NotImplementedError):
            Lacking()(T.ones(1))

        class Forgetful(Scale):
            def initialize_parameters(self, x):
                pass

        with pytest.raises(RuntimeError):
            Forgetful()(T.ones(1))
        return results

    ours = scale(tl, LazyModuleMixin, UninitializedParameter)
    assert ours == scale(torch, torch.nn.modules.lazy.LazyModuleMixin, torch.nn.UninitializedParameter)


WRONG = {
    "dimensions": (lambda: nn.LazyConv2d(2, 3)(tl.zeros(3)), RuntimeError, "LazyConv2d: input must be 3-d or 4-d: it is"),
    "groups": (lambda: nn.LazyConv2d(2, 3, groups=2)(tl.zeros(3, 5, 5)), ValueError, "divisible by groups: in 3, groups 2"),
    "out groups": (lambda: nn.LazyConv2d(3, 3, groups=2), ValueError, "divisible by groups: out 3, groups 2"),
    "batch norm": (lambda: nn.LazyBatchNorm2d()(tl.zeros(3)), ValueError, "LazyBatchNorm2d: input must be 4-d"),
    "no dimension": (lambda: nn.LazyLinear(3)(tl.zeros(())), ValueError, "LazyLinear: input must be"),
    "a list": (lambda: nn.LazyLinear(3)([1.0]), TypeError, "LazyLinear: input must be a tensor"),
    "padding mode": (lambda: nn.LazyConvTranspose1d(3, 2, padding_mode="reflect"), ValueError, "only padding_mode='zeros'"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_first_input_leaves_the_module_lazy(name):
    call, kind, text = WRONG[name]
    with pytest.raises(kind, match=text):
        call()


def test_after_a_wrong_input_comes_a_right_one():
    layer = nn.LazyConv2d(2, 3)
    with pytest.raises(RuntimeError):
        layer(tl.zeros(3))
    assert layer.has_uninitialized_params() and layer(tl.zeros(1, 3, 5, 5)).shape == (1, 2, 3, 3)


def test_an_example_alone_gives_instance_normalisation_its_channels():
    layer = nn.LazyInstanceNorm1d()
    assert layer(tl.randn(4, 6)).shape == (4, 6) and layer.num_features == 4
    plain = nn.LazyBatchNorm1d(affine=False, track_running_stats=False)
    assert plain(tl.randn(5, 4)).shape == (5, 4) and plain.num_features == 4 and type(plain) is nn.BatchNorm1d
