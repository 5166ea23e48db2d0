"""``optim.swa_utils`` beside PyTorch's: averaged models, statistics computed anew, the schedule; what is refused."""

from __future__ import annotations

import copy
import inspect
import os

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.optim import swa_utils


def in_torch():
    torch = pytest.importorskip("torch")
    return torch, torch.optim.swa_utils


def models(T, seed=0):
    """The same small network with batch normalisation in either library."""
    rng = np.random.default_rng(seed)
    net = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.ReLU(), T.nn.Linear(4, 2)).double()
    with T.no_grad():
        for p in net.parameters():
            p.copy_(T.tensor(rng.normal(size=tuple(p.shape))))
    return net


def train(T, net, averaged, steps=5):
    """Updates of the average between steps on random batches."""
    rng = np.random.default_rng(1)
    optimizer = T.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        (net(T.tensor(rng.normal(size=(6, 3)))) ** 2).sum().backward()
        optimizer.step()
        averaged.update_parameters(net)


def state(module):
    return {k: v.detach().numpy() for k, v in module.state_dict().items()}


WAYS = {
    "swa": lambda s: {}, "swa, buffers": lambda s: {"use_buffers": True}, "ema": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(0.7)},
    "ema, buffers": lambda s: {"multi_avg_fn": s.get_ema_multi_avg_fn(), "use_buffers": True},
    "swa one by one": lambda s: {"avg_fn": s.get_swa_avg_fn()},
    "ema one by one": lambda s: {"avg_fn": s.get_ema_avg_fn(0.7), "use_buffers": True},
    "own": lambda s: {"avg_fn": lambda a, v, n: a * 0.25 + v * 0.5 + n},
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_averages_equal_torch(way):
    torch, theirs = in_torch()
    found = []
    for T, s in ((tl, swa_utils), (torch, theirs)):
        net = models(T)
        averaged = s.AveragedModel(net, **WAYS[way](s))
        train(T, net, averaged)
        averaged.eval()
        found.append((state(averaged), averaged(T.ones(2, 3, dtype=T.float64)).detach().numpy(), repr(averaged)))
    assert list(found[0][0]) == list(found[1][0]) and found[0][2].splitlines()[0] == found[1][2].splitlines()[0]
    for key, value in found[0][0].items():
        np.testing.assert_allclose(value, found[1][0][key], rtol=1e-12, atol=1e-13, err_msg=key)
        assert value.dtype == found[1][0][key].dtype
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-11)


def test_states_go_to_torch_and_come_from_there():
    torch, theirs = in_torch()
    net = models(tl)
    averaged = swa_utils.AveragedModel(net)
    train(tl, net, averaged)
    other = theirs.AveragedModel(models(torch, 1))
    other.load_state_dict({k: torch.tensor(v) for k, v in state(averaged).items()})
    again = swa_utils.AveragedModel(models(tl, 2))
    again.load_state_dict({k: tl.tensor(v.numpy()) for k, v in other.state_dict().items()})
    train(tl, net, averaged)
    restored = models(tl)
    train(tl, restored, swa_utils.AveragedModel(restored))
    train(tl, restored, again)
    for key, value in state(averaged).items():
        np.testing.assert_allclose(state(again)[key], value, rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_statistics_computed_anew_equal_torch(momentum):
    torch, theirs = in_torch()
    rng = np.random.default_rng(3)
    batches = [rng.normal(size=(n, 3)) + 1 for n in (5, 8, 3)]
    found = []
    for T, s in ((tl, swa_utils), (torch, theirs)):
        net = models(T)
        net[1].momentum = momentum
        net.eval()
        s.update_bn([(T.tensor(b), "label") if i % 2 else T.tensor(b) for i, b in enumerate(batches)], net)
        assert not net.training and not net[1].training and net[1].momentum == momentum
        found.append(state(net))
    for key, value in found[0].items():
        np.testing.assert_allclose(value, found[1][key], rtol=1e-12)


def test_statistics_are_put_back_after_a_failure_and_need_layers():
    net = models(tl)
    net.eval()
    with pytest.raises(RuntimeError):
        swa_utils.update_bn([tl.ones(2, 7, dtype=tl.float64)], net)
    assert net[1].momentum == 0.1 and not net.training

    def never():
        raise AssertionError("asked")
        yield

    swa_utils.update_bn(never(), nn.Linear(1, 1))


@pytest.mark.parametrize("name", swa_utils.__all__)
def test_signatures_are_those_of_torch(name):
    _, theirs = in_torch()
    mine, other = (inspect.signature(getattr(s, name)).parameters for s in (swa_utils, theirs))
    assert list(mine) == list(other) and [p.default for p in mine.values()] == [p.default for p in other.values()]
    assert set(swa_utils.__all__) == set(theirs.__all__)


@pytest.mark.parametrize(
    "settings", [{}, {"anneal_epochs": 4, "anneal_strategy": "linear"}, {"anneal_epochs": 0}, {"anneal_epochs": 1}], ids=str
)
@pytest.mark.filterwarnings(r"ignore:.*before .?optimizer\.step:UserWarning")
def test_rates_equal_torch(settings):
    """Two groups; another schedule before it, and a rate changed by hand on the way."""
    torch, theirs = in_torch()
    found = []
    for T, s in ((tl, swa_utils), (torch, theirs)):
        leaves = [T.zeros(1, requires_grad=True) for _ in range(2)]
        optimizer = T.optim.SGD([{"params": leaves[:1]}, {"params": leaves[1:], "lr": 0.3}], lr=0.1)
        before, rates = T.optim.lr_scheduler.ExponentialLR(optimizer, 0.9), []
        schedule = s.SWALR(optimizer, [0.05, 0.5], **settings)
        for epoch in range(200):
            (before if epoch < 3 else schedule).step()
            if epoch == 6:
                optimizer.param_groups[0]["lr"] *= 2
            rates += [*schedule.get_last_lr(), *(g["lr"] for g in optimizer.param_groups), *(g["swa_lr"] for g in optimizer.param_groups)]
        found.append(rates)
    assert found[0] == pytest.approx(found[1], rel=1e-10)


def leaf():
    return optim.SGD([tl.ones(1, requires_grad=True)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: swa_utils.AveragedModel(3), "AveragedModel: model must be a module: got int"),
        (lambda: swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=abs, multi_avg_fn=abs), "AveragedModel: .* both are given; pass one"),
        (lambda: swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=3), "AveragedModel: avg_fn must be a function: got int 3"),
        (
            lambda: swa_utils.AveragedModel(nn.Linear(1, 1)).update_parameters(nn.Linear(2, 1)),
            "update_parameters: the model must be as the",
        ),
        (lambda: swa_utils.get_ema_avg_fn(2.0), r"get_ema_avg_fn: decay must be in \[0, 1\]: got 2.0"),
        (lambda: swa_utils.get_ema_multi_avg_fn(-1), r"get_ema_multi_avg_fn: decay must be in \[0, 1\]: got -1"),
        (lambda: swa_utils.SWALR(leaf(), [0.1, 0.2]), "SWALR: 1 parameter groups but 2 values of swa_lr"),
        (lambda: swa_utils.SWALR(leaf(), 0.1, anneal_epochs=-1), "SWALR: anneal_epochs must be at least 0"),
        (lambda: swa_utils.SWALR(leaf(), 0.1, anneal_epochs=1.5), "SWALR: anneal_epochs must be an integer"),
        (lambda: swa_utils.SWALR(leaf(), 0.1, anneal_strategy="x"), "SWALR: anneal_strategy must be one of 'cos', 'linear'"),
        (lambda: swa_utils.SWALR(3, 0.1), "SWALR: needs an optimizer"),
    ],
)
def test_wrong_calls(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_the_example_runs_and_skips_visibly(tmp_path, capsys):
    """On the embedded digits, briefly; without MNIST's files it says so."""
    from examples import average_weights

    average_weights.main(["--dataset", "digits", "--epochs", "1", "--seeds", "1", "--decay", "0.9"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["seed", "0", "mean"]
    assert average_weights.main(["--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("skipped: MNIST: files are missing")


@pytest.mark.skipif("MNIST_DIR" not in os.environ, reason="MNIST_DIR names no folder with MNIST's files")
def test_an_average_reads_digits_better_than_the_last_weights(capsys):
    """In the mean of three seeds, by mistakes and by loss; `examples/average_weights.py`."""
    from examples import average_weights

    assert average_weights.main([]) == 0


def test_the_model_and_its_average_have_nothing_in_common():
    net = models(tl)
    averaged = swa_utils.AveragedModel(net)
    averaged.update_parameters(net)
    before = state(copy.deepcopy(averaged))
    with tl.no_grad():
        for p in net.parameters():
            p.add_(1.0)
    for key, value in state(averaged).items():
        np.testing.assert_array_equal(value, before[key])
