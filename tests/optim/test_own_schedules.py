"""Schedules written PyTorch's way: the same text runs on both libraries and sets the same rates, also where it goes on."""

from __future__ import annotations

import math
import warnings

import pytest

import tensorflowlite_clone as tl

#: Schedules are stepped alone here.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*before .?optimizer\.step:UserWarning")


def classes(T):
    """Schedules as people write them for PyTorch; ``T`` is the library."""
    base = T.optim.lr_scheduler._LRScheduler

    class Noam(base):
        def __init__(self, optimizer, warmup, size=4, last_epoch=-1):
            self.warmup, self.size = warmup, size
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            step = max(1, self.last_epoch)
            scale = self.size**-0.5 * min(step**-0.5, step * self.warmup**-1.5)
            return [base_lr * scale for base_lr in self.base_lrs]

    class WarmupCosine(base):
        def __init__(self, optimizer, warmup=3, total=9, eta_min=0.0, last_epoch=-1):
            self.warmup, self.total, self.eta_min = warmup, total, eta_min
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            if self.last_epoch < self.warmup:
                return [group["initial_lr"] * (self.last_epoch + 1) / self.warmup for group in self.optimizer.param_groups]
            share = (self.last_epoch - self.warmup) / (self.total - self.warmup)
            return [self.eta_min + (b - self.eta_min) * (1 + math.cos(math.pi * share)) / 2 for b in self.base_lrs]

    class InverseSquareRoot(T.optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            if self.last_epoch == 0:
                return [group["lr"] for group in self.optimizer.param_groups]
            return [group["lr"] * math.sqrt(self.last_epoch / (self.last_epoch + 1)) for group in self.optimizer.param_groups]

    return {"Noam": lambda o, **k: Noam(o, 3, **k), "WarmupCosine": WarmupCosine, "InverseSquareRoot": InverseSquareRoot}


def run(T, name, epochs, start=0):
    leaves = [T.zeros(1, requires_grad=True) for _ in range(2)]
    optimizer = T.optim.SGD([{"params": leaves[:1]}, {"params": leaves[1:], "lr": 0.3}], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of steps in an order that does not matter here
        schedule = classes(T)[name](optimizer)
        rates = []
        for epoch in range(epochs):
            if start and epoch == start:
                state, rates_now = schedule.state_dict(), optimizer.state_dict()
                schedule = classes(T)[name](optimizer)
                optimizer.load_state_dict(rates_now)
                schedule.load_state_dict(state)
            rates += [*(g["lr"] for g in optimizer.param_groups), *schedule.get_last_lr()]
            schedule.step()
    return rates


@pytest.mark.parametrize("name", classes(tl))
def test_rates_equal_torch(name):
    torch = pytest.importorskip("torch")
    assert run(tl, name, 9) == pytest.approx(run(torch, name, 9), rel=1e-12)


@pytest.mark.parametrize("name", classes(tl))
def test_resumed_at_every_epoch(name):
    whole = run(tl, name, 9)
    for start in range(1, 9):
        assert run(tl, name, 9, start) == whole
