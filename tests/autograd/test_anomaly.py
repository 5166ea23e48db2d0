"""Anomaly detection: the first NaN, where it arose, and that nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.autograd import detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
from tensorflowlite_clone.core import observe
from tensorflowlite_clone.core.registry import OPS


def leaf(*values):
    return tl.tensor(values, dtype=tl.float64, requires_grad=True)


def test_the_forward_pass_stops_where_nan_arises():
    x = leaf(4.0, -1.0, 9.0)
    with pytest.raises(RuntimeError) as caught, detect_anomaly():
        y = x - 0.0
        z = y.sqrt()  # here
        z.sum()
    message = str(caught.value)
    assert message.startswith("sqrt: NaN in 1 of 3 elements of the result, in the forward pass, at ")
    assert "test_anomaly.py:" in message
    assert "it arose here: x is float64 (3,), from -1 to 9" in message
    assert "test_the_forward_pass_stops_where_nan_arises" in caught.value.__notes__[0]


def test_the_backward_pass_stops_where_nan_arises():
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        y = x * 0.0  # the infinite slope of sqrt, times 0 on the way back
        z = y.sqrt().sum()
        with pytest.raises(RuntimeError) as caught:
            z.backward()
    message = str(caught.value)
    assert message.startswith("mul: NaN in 2 of 2 elements of the gradient for its operand x, in the backward pass of the operation at ")
    assert f"{__file__}:" in message
    assert "it arose here: the gradient that came in is float64 (2,), nothing finite, 2 not finite" in message
    assert x.grad is None


def test_the_module_path_is_named():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(tl.tensor([-1.0]))

        def forward(self, x):
            return (x * self.scale).log()

    net = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), Block()))
    nn.init.ones_(net[0].weight)  # what reaches the Block is at least 5
    with pytest.raises(RuntimeError, match=r"log: NaN .*in module Sequential\.1\.1 \(Block\)"), detect_anomaly():
        net(tl.ones(1, 2) * 3.0)


def test_infinities_only_if_asked():
    x = leaf(0.0, 1.0)
    with detect_anomaly():
        y = x.log()
    with pytest.raises(RuntimeError, match=r"log: Inf in 1 of 2"), detect_anomaly(check_inf=True):
        x.log()
    with detect_anomaly(check_nan=False):
        (y - y).sum()
        assert not is_anomaly_check_nan_enabled()
    with pytest.raises(RuntimeError, match=r"sqrt: Inf in 1 of 2 elements of the gradient"), detect_anomaly(check_inf=True):
        x.sqrt().sum().backward()


def test_bad_data_is_told_apart_and_may_be_moved_and_repaired():
    data = tl.tensor([[1.0, float("nan")], [2.0, 3.0]])
    with detect_anomaly():
        repaired = tl.where(tl.isnan(data), 0.0, data).reshape(4)[1:].nan_to_num()
        assert repaired.tolist() == [0.0, 2.0, 3.0]
        with pytest.raises(RuntimeError, match=r"exp: NaN .*x came in with it.*look at where the data comes from"):
            data.t().exp()


def test_every_mode_and_in_place_changes_are_watched():
    with detect_anomaly():
        with pytest.raises(RuntimeError, match="log: NaN"):
            tl.func.grad(lambda x: x.log().sum())(tl.tensor([-1.0]))
        with pytest.raises(RuntimeError, match="log: NaN"):
            tl.func.vmap(lambda x: x.log())(tl.tensor([-1.0, 1.0]))
        with pytest.raises(RuntimeError, match="log: NaN"):
            tl.tensor([-1.0]).log_()
        x = leaf(0.0)
        (g,) = tl.autograd.grad((x.abs() ** 1.5).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match=r"in the backward pass of mul, recorded at .*test_anomaly\.py:\d+, at"):
            tl.autograd.grad((g + (x * 0.0).sqrt()).sum(), x, create_graph=True)


def test_switching():
    assert not is_anomaly_enabled()
    with set_detect_anomaly(True):
        assert is_anomaly_enabled()
        seen = []
        other = threading.Thread(target=lambda: seen.append(is_anomaly_enabled()))
        other.start()
        other.join()
        assert seen == [True]
        with set_detect_anomaly(False):
            assert not is_anomaly_enabled()
        assert is_anomaly_enabled()
    assert not is_anomaly_enabled()
    assert not observe.aside


def test_the_fast_path_comes_back():
    x = leaf(1.0)
    (x * x).tanh()
    fast = {op: op.of for op in (OPS["Multiply"], OPS["Tanh"])}
    assert all("of" in vars(op) for op in fast)
    with detect_anomaly():
        assert "of" not in vars(OPS["Multiply"])
        (x * x).tanh().exp()
    assert {op: op.of for op in fast} == fast


@detect_anomaly()
def decorated(x):
    return x.log()


def test_as_a_decorator():
    with pytest.raises(RuntimeError, match="log: NaN"):
        decorated(tl.tensor([-1.0]))
    assert not is_anomaly_enabled()


@pytest.mark.parametrize(("value", "outcome"), [("1", "NaN"), ("inf", "Inf"), ("0", "fine"), ("maybe", "must be 1, nan, inf or 0")])
def test_the_environment_variable(value, outcome):
    program = "import tensorflowlite_clone as tl\ntl.tensor([0.0, 1.0]).log()\ntl.tensor([-1.0]).log()\nprint('fine')"
    env = {**os.environ, "TL_DETECT_ANOMALY": value}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert outcome in done.stdout + done.stderr
    assert (done.returncode == 0) == (outcome == "fine")


def test_training_under_detection_gives_the_same_numbers():
    results = []
    for watch in (False, True):
        tl.manual_seed(0)
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 1))
        x = tl.Tensor(np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3))
        with detect_anomaly() if watch else tl.enable_grad():
            (net(x) ** 2).mean().backward()
        results.append([p.grad.numpy() for p in net.parameters()])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_gradients_of_one_number_are_looked_at_too():
    """NumPy makes scalars of them."""
    x = tl.tensor(1.0, requires_grad=True)
    y = x * float("inf")
    with detect_anomaly(), pytest.raises(RuntimeError, match="mul: NaN in 1 of 1 elements of the gradient for its operand x"):
        y.backward(tl.tensor(0.0))
