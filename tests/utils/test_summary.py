"""`utils.summary`: its numbers against counts by hand and, for parameters and FLOPs, PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, OperandError
from tensorflowlite_clone.core import observe
from tensorflowlite_clone.utils import summary


@pytest.fixture(autouse=True)
def nothing_stays():
    yield
    assert not observe.aside and not nn.hooks.GLOBAL.in_calls


def test_a_convolutional_network():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10))
    net[1].weight.requires_grad_(False)
    found = summary(net, (2, 3, 8, 8))
    assert found.total_params == 3 * 8 * 9 + 8 + 16 + 1290 and found.non_trainable_params == 8
    assert found["0"].output_shapes == [(2, 8, 8, 8)] and found["0"].input_shapes == [(2, 3, 8, 8)] and found[""].class_name == "Sequential"
    assert found["0"].flops == 2 * 8 * 64 * (2 * 27 + 1) and found["5"].flops == 2 * 10 * 257
    assert found.total_flops == found[""].flops == sum(found[str(i)].flops for i in range(6))
    assert found.param_bytes == 4 * found.total_params and found.buffer_bytes == 4 * 16 + 8 and found.input_bytes == 4 * 384
    assert found.activation_bytes == 4 * (3 * 1024 + 2 * 256 + 20)
    text = str(found)
    assert "(0) Conv2d" in text and "[2, 8, 8, 8]" in text and "8 not" in text and len({len(x) for x in text.splitlines()[2:9]}) == 1
    assert found._repr_html_().count("<tr>") == 8 and "<td" in found._repr_html_() and net.training


def test_shared_modules_and_repeated_calls():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 3)
            self.b = self.a
            self.inner = nn.Sequential(self.a)

        def forward(self, x, *, scale):
            return self.b(self.inner(x)) * scale

    found = summary(Twice(), input_data={"x": tl.ones(2, 3), "scale": tl.ones(())})
    assert found.total_params == 12 and found["a"].calls == 2 and found["a"].flops == 2 * 2 * 3 * 7
    assert found["b"].shared and found["b"].parameters == 0 and found["inner.0"].shared and found["inner"].flops == 2 * 3 * 7
    assert "(a) Linear [2 calls]" in str(found) and "(b) Linear [shared]" in str(found)
    assert "(0)" not in str(summary(Twice(), input_data={"x": tl.ones(2, 3), "scale": tl.ones(())}, depth=1))
    with pytest.raises(KeyError, match="there is no layer 'c'"):
        found["c"]


def test_several_inputs_and_results():
    attention = summary(nn.MultiheadAttention(8, 2, batch_first=True), [(2, 5, 8), (2, 6, 8), (2, 6, 8)])
    assert attention[""].output_shapes == [(2, 5, 8), (2, 5, 6)] and attention.input_bytes == 4 * (80 + 96 * 2)
    assert attention.total_flops > 2 * 2 * 8 * 8 * (5 + 6 + 6 + 5)
    bag = summary(nn.Sequential(nn.Embedding(10, 4)), (3, 7), dtypes=tl.int64)
    assert bag[""].output_shapes == [(3, 7, 4)] and bag.total_flops == 0
    lstm = summary(nn.LSTM(3, 4, batch_first=True), (2, 5, 3))
    assert lstm[""].output_shapes == [(2, 5, 4), (1, 2, 4), (1, 2, 4)]
    assert lstm.total_flops == 2 * 5 * (2 * 16 * 7 + 9 * 4)


def test_lazy_and_unrun_models():
    unrun = summary(nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)))
    assert unrun.total_params == 10 and unrun[""].calls == 0 and "FLOPs of" not in str(unrun) and "--" in str(unrun)
    run = summary(nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2)), (3, 5))
    assert run.total_params == 34 and run["0"].output_shapes == [(3, 4)]


def test_nothing_changes():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout()).double()
    net[1].eval()
    before = {k: v.numpy().copy() for k, v in net.state_dict().items()}
    for mode in ("eval", "train"):
        found = summary(net, input_data=np.random.default_rng(0).normal(size=(4, 3)), mode=mode)
        assert all((before[k] == v.numpy()).all() for k, v in net.state_dict().items())
        assert net[0].training and not net[1].training and found.input_bytes == 96
    with pytest.raises(RuntimeError):
        summary(net, (4, 2))
    assert net[0].training


def test_as_pytorch_counts():
    torch = pytest.importorskip("torch")
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode

    def build(T):
        conv = T.nn.Conv2d(2, 4, 3, stride=2, groups=2, bias=False)
        return T.nn.Sequential(conv, T.nn.ConvTranspose2d(4, 3, 2, bias=False), T.nn.Flatten(), T.nn.Linear(48, 5, bias=False))

    with counter(display=False) as counted:
        build(torch)(torch.ones(2, 2, 8, 8))
    own = summary(build(tl), (2, 2, 8, 8))
    assert own.total_flops == counted.get_total_flops()
    assert own.total_params == sum(p.numel() for p in build(torch).parameters())


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda m: summary(abs), OperandError, "summary: needs a module"),
        (lambda m: summary(m, "ab"), ArgumentError, "input_size must be a shape"),
        (lambda m: summary(m, 3), ArgumentError, "input_size must be a shape"),
        (lambda m: summary(m, (2.5,)), OperandError, "input_size"),
        (lambda m: summary(m, (-1, 3)), ArgumentError, "input_size"),
        (lambda m: summary(m, (2, 3), tl.ones(2, 3)), ArgumentError, "are both given"),
        (lambda m: summary(m, input_data="x"), OperandError, "input_data must have tensors"),
        (lambda m: summary(m, [(2, 3)], dtypes=[None, None]), ArgumentError, "dtypes must be as many"),
        (lambda m: summary(m, (2, 3), mode="test"), ArgumentError, "mode must be one of"),
        (lambda m: summary(m, (2, 3), depth=-1), ArgumentError, "depth must be at least 0"),
    ],
)
def test_wrong_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call(nn.Linear(3, 2))
