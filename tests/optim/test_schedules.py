"""Every schedule against PyTorch's, step by step: rates of two groups, momentum, and schedules acting together.

Not here: going on where a run ended (``test_resuming.py``).
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim

#: Most tests here step schedules alone.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*before .?optimizer\.step:UserWarning")

#: Name, arguments, number of steps.
SCHEDULES = [
    ("LambdaLR", {"lr_lambda": lambda e: 0.9**e}, 8),
    ("LambdaLR", {"lr_lambda": [lambda e: 1 / (1 + e), math.sqrt]}, 8),
    ("MultiplicativeLR", {"lr_lambda": lambda e: 1 - 0.1 * e}, 8),
    ("StepLR", {"step_size": 3}, 10),
    ("StepLR", {"step_size": 1, "gamma": 0.5}, 5),
    ("MultiStepLR", {"milestones": [5, 2, 5, 7], "gamma": 0.3}, 10),
    ("ExponentialLR", {"gamma": 0.9}, 8),
    ("ConstantLR", {}, 8),
    ("ConstantLR", {"factor": 0.5, "total_iters": 2}, 5),
    ("LinearLR", {}, 8),
    ("LinearLR", {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 4}, 8),
    ("PolynomialLR", {}, 8),
    ("PolynomialLR", {"total_iters": 6, "power": 2.5}, 8),
    ("CosineAnnealingLR", {"T_max": 5}, 23),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}, 13),
    ("CosineAnnealingLR", {"T_max": 1}, 4),
    ("CosineAnnealingWarmRestarts", {"T_0": 3}, 10),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}, 16),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 10}, 10),
    ("OneCycleLR", {"max_lr": [1.0, 0.3], "epochs": 3, "steps_per_epoch": 4, "anneal_strategy": "linear"}, 12),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 15, "three_phase": True, "pct_start": 0.4}, 15),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 15, "three_phase": True, "anneal_strategy": "linear"}, 15),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "base_momentum": 0.6, "max_momentum": [0.9, 0.8], "div_factor": 5.0}, 9),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 0.0, "final_div_factor": 10.0}, 9),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 9, "pct_start": 0.5, "cycle_momentum": False}, 9),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4}, 20),
    ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"}, 20),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9}, 20),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "scale_fn": lambda x: 1 / x}, 20),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 3, "scale_fn": lambda x: 0.9**x, "scale_mode": "iterations"}, 20),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 3, "base_momentum": 0.3, "max_momentum": [0.9, 0.8]}, 20),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.2, "step_size_up": 3, "cycle_momentum": False}, 20),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5}, 12),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 0, "threshold": 0.2, "threshold_mode": "abs", "cooldown": 2}, 12),
    ("ReduceLROnPlateau", {"patience": 0, "min_lr": [0.05, 0.001], "threshold": 0.1}, 12),
    ("ReduceLROnPlateau", {"mode": "max", "patience": 0, "eps": 0.02}, 12),
]
METRICS = [1.0, 0.9, 0.95, 0.89999, 0.89998, 0.5, 0.6, 0.6, 0.6, 0.7, 0.1, 0.1]


def optimizers(kind="SGD"):
    torch = pytest.importorskip("torch")
    result = []
    for library, leaf in ((optim, lambda: tl.zeros(1, requires_grad=True)), (torch.optim, lambda: torch.zeros(1, requires_grad=True))):
        settings = {"lr": 0.1, "momentum": 0.5} if kind == "SGD" else {"lr": 0.1}
        result.append(getattr(library, kind)([{"params": [leaf()]}, {"params": [leaf()], "lr": 0.03}], **settings))
    return result


def torch_schedules():
    return pytest.importorskip("torch").optim.lr_scheduler


def quietly(f, *args):
    """PyTorch warns of steps in an order that does not matter here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(*args)


def compare(mine, other, ours, theirs):
    for g, h in zip(mine.param_groups, other.param_groups, strict=True):
        assert g["lr"] == pytest.approx(h["lr"], rel=1e-12, abs=1e-15)
        if "momentum" in h:
            assert g["momentum"] == pytest.approx(h["momentum"], rel=1e-12)
        else:
            assert g["betas"] == pytest.approx(h["betas"], rel=1e-12)
    assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12, abs=1e-15)
    assert ours.last_epoch == theirs.last_epoch


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("case", SCHEDULES, ids=[f"{i}-{c[0]}" for i, c in enumerate(SCHEDULES)])
def test_schedule_equals_torch(case, kind):
    name, settings, steps = case
    mine, other = optimizers(kind)
    ours, theirs = getattr(optim.lr_scheduler, name)(mine, **settings), getattr(torch_schedules(), name)(other, **settings)
    compare(mine, other, ours, theirs)
    for i in range(steps if name in ("OneCycleLR", "ReduceLROnPlateau") else 200):
        arguments = (METRICS[i],) if name == "ReduceLROnPlateau" else ()
        ours.step(*arguments)
        quietly(theirs.step, *arguments)
        compare(mine, other, ours, theirs)


def test_every_schedule_is_compared():
    elsewhere = {"LRScheduler", "SequentialLR", "ChainedScheduler"}
    assert set(optim.lr_scheduler.__all__) - {case[0] for case in SCHEDULES} == elsewhere


@pytest.mark.parametrize("name", sorted(optim.lr_scheduler.__all__))
def test_signature_is_that_of_torch(name):
    import inspect

    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (optim.lr_scheduler, torch_schedules()))
    assert list(ours) == list(theirs)
    for parameter in theirs.values():
        assert ours[parameter.name].default == parameter.default


@pytest.mark.parametrize("case", [c for c in SCHEDULES if "Plateau" not in c[0] and "Restarts" not in c[0]], ids=lambda c: c[0])
def test_going_to_an_epoch_equals_torch(case):
    """Deprecated, and a warning as there; the chainable form goes on from where it leads."""
    name, settings, _ = case
    mine, other = optimizers()
    ours, theirs = getattr(optim.lr_scheduler, name)(mine, **settings), getattr(torch_schedules(), name)(other, **settings)
    for epoch in (3, None, 7, 2, None, None):
        if epoch is None:
            ours.step()
        else:
            with pytest.warns(UserWarning, match="the argument epoch is deprecated"):
                ours.step(epoch)
        quietly(theirs.step, *(() if epoch is None else (epoch,)))
        compare(mine, other, ours, theirs)


@pytest.mark.filterwarnings("error")
def test_a_schedule_before_the_optimizer_warns():
    """At the first step after the schedule was made, once; not where a run goes on, nor for schedules that begin later."""
    s = optim.lr_scheduler
    p = tl.zeros(1, requires_grad=True)
    p.grad = tl.zeros(1)
    optimizer = optim.SGD([p], lr=1.0)
    schedule = s.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"StepLR\.step: lr_scheduler\.step\(\) before optimizer\.step\(\): SGD has not stepped") as caught:
        schedule.step()
    assert caught[0].filename == __file__
    schedule.step()
    optimizer = optim.SGD([p], lr=1.0)
    parts = [s.LinearLR(optimizer, total_iters=2), s.CosineAnnealingWarmRestarts(optimizer, 2)]
    whole = s.SequentialLR(optimizer, parts, [2])
    with pytest.warns(UserWarning, match="LinearLR"):
        whole.step()
    optimizer.step()
    for _ in range(4):
        whole.step()
    again = s.StepLR(optimizer, 3)
    again.step()
    saved = again.state_dict()
    optimizer = optim.SGD([p], lr=1.0)
    resumed = s.StepLR(optimizer, 3)
    resumed.load_state_dict(saved)
    resumed.step()
    del saved["_step_count"]  # of an earlier version
    resumed.load_state_dict(saved)


def test_a_step_that_is_replaced_later_warns():
    """A schedule that was made before cannot tell whether the new step is called first."""
    optimizer = optim.SGD([tl.zeros(1, requires_grad=True)], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 1)
    own = optimizer.step
    optimizer.step = lambda *args: own(*args)
    optimizer.param_groups[0]["params"][0].grad = tl.ones(1)
    optimizer.step()
    with pytest.warns(UserWarning, match=r"StepLR\.step: step of SGD was replaced after the schedule was made"):
        schedule.step()
    schedule.step()  # told once
    after = optim.lr_scheduler.StepLR(optimizer, 1)
    after.step()


def test_a_schedule_knows_who_asks_for_its_rates():
    """What schedules written for PyTorch look at."""

    class Own(optim.lr_scheduler.LRScheduler):
        def get_lr(self):
            seen.append((self._get_lr_called_within_step, self._is_initial))
            return self.base_lrs

    seen = []
    optimizer = optim.SGD([tl.zeros(1, requires_grad=True)], lr=0.1)
    optimizer.param_groups[0]["params"][0].grad = tl.ones(1)
    schedule = Own(optimizer)
    optimizer.step()
    schedule.step()
    schedule.get_lr()
    assert seen == [(True, True), (True, False), (False, False)]
    assert sorted(schedule.state_dict()) == ["_last_lr", "_step_count", "base_lrs", "last_epoch"]


def test_rates_that_are_asked_for_between_steps_warn():
    """They would be a factor ahead, as in PyTorch."""
    torch = pytest.importorskip("torch")
    for T in (tl, torch):
        p = T.ones(1, requires_grad=True)
        p.grad = T.ones(1)
        optimizer = T.optim.SGD([p], lr=1.0, momentum=0.5)
        s = T.optim.lr_scheduler
        made = [
            s.ExponentialLR(optimizer, 0.5), s.StepLR(optimizer, 1), s.CosineAnnealingLR(optimizer, 3), s.LambdaLR(optimizer, lambda e: 1),
            s.OneCycleLR(optimizer, 1.0, 9), s.CyclicLR(optimizer, 0.1, 1.0), T.optim.swa_utils.SWALR(optimizer, 0.1),
        ]  # fmt: skip
        optimizer.step()
        for schedule in made:
            schedule.step()
            with pytest.warns(UserWarning, match=r"get_last_lr\(\)"):
                schedule.get_lr()


def test_combined_schedules_take_no_epoch():
    mine, _ = optimizers()
    s = optim.lr_scheduler
    for whole in (s.SequentialLR(mine, [s.StepLR(mine, 1)], []), s.ChainedScheduler([s.StepLR(mine, 1)])):
        with pytest.raises(TypeError, match="takes no epoch"):
            whole.step(3)


def test_one_cycle_that_only_rises():
    mine, _ = optimizers()
    schedule = optim.lr_scheduler.OneCycleLR(mine, max_lr=1.0, total_steps=5, pct_start=1.0, anneal_strategy="linear")
    rates = [schedule.get_last_lr()[0], *(schedule.step() or schedule.get_last_lr()[0] for _ in range(4))]
    assert rates == pytest.approx([0.04, 0.28, 0.52, 0.76, 1.0])


@pytest.mark.parametrize("T_mult", [1, 2, 3])
def test_warm_restarts_at_fractions_of_epochs(T_mult):
    mine, other = optimizers()
    ours = optim.lr_scheduler.CosineAnnealingWarmRestarts(mine, 2, T_mult)
    theirs = torch_schedules().CosineAnnealingWarmRestarts(other, 2, T_mult)
    for position in [*np.linspace(0, 30, 50), 3.0, None, None, 0.5]:
        ours.step(position)
        quietly(theirs.step, position)
        compare(mine, other, ours, theirs)


COMBINATIONS = {
    "warm-up, cosine": [("LinearLR", {"total_iters": 4}), ("CosineAnnealingLR", {"T_max": 6})],
    "constant, exponential": [("ConstantLR", {"factor": 0.1, "total_iters": 2}), ("ExponentialLR", {"gamma": 0.9})],
    "step, polynomial": [("StepLR", {"step_size": 2}), ("PolynomialLR", {"total_iters": 20})],
    "multi-step, lambda": [("MultiStepLR", {"milestones": [1, 3]}), ("LambdaLR", {"lr_lambda": lambda e: 0.5**e})],
    "warm-up, restarts": [("LinearLR", {"total_iters": 3}), ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2})],
}


def both(names):
    mine, other = optimizers()
    for combination in COMBINATIONS[names]:
        name, settings = combination
        yield getattr(optim.lr_scheduler, name)(mine, **settings), getattr(torch_schedules(), name)(other, **settings)


@pytest.mark.parametrize("names", COMBINATIONS)
@pytest.mark.parametrize("milestone", [1, 4, 7])
def test_sequential_schedules_equal_torch(names, milestone):
    ours, theirs = zip(*both(names), strict=True)
    mine, other = ours[0].optimizer, theirs[0].optimizer
    a = optim.lr_scheduler.SequentialLR(mine, list(ours), [milestone])
    b = quietly(torch_schedules().SequentialLR, other, list(theirs), [milestone])
    compare(mine, other, a, b)
    for _ in range(12):
        a.step()
        quietly(b.step)
        compare(mine, other, a, b)


@pytest.mark.parametrize("names", COMBINATIONS)
def test_schedules_stepped_together_equal_torch(names):
    ours, theirs = zip(*both(names), strict=True)
    mine, other = ours[0].optimizer, theirs[0].optimizer
    a, b = optim.lr_scheduler.ChainedScheduler(list(ours)), torch_schedules().ChainedScheduler(list(theirs))
    for _ in range(12):
        a.step()
        quietly(b.step)
        for g, h in zip(mine.param_groups, other.param_groups, strict=True):
            assert g["lr"] == pytest.approx(h["lr"], rel=1e-12, abs=1e-15)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-12, abs=1e-15)


def test_a_rate_changed_by_hand_stays_changed():
    mine, _ = optimizers()
    schedule = optim.lr_scheduler.StepLR(mine, 2, gamma=0.5)
    mine.param_groups[0]["lr"] = 8.0
    schedule.step()
    schedule.step()
    assert mine.param_groups[0]["lr"] == 4.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda o, s: s.StepLR(o, 0), "StepLR: step_size must be at least 1"),
        (lambda o, s: s.StepLR(object(), 1), "StepLR: needs an optimizer: got object"),
        (lambda o, s: s.LRScheduler(o), "LRScheduler: defines no rates"),
        (lambda o, s: s.LambdaLR(o, [abs]), "LambdaLR: 2 parameter groups but 1 values"),
        (lambda o, s: s.ConstantLR(o, 2.0), r"ConstantLR: factor must be in \[0, 1\]: got 2.0"),
        (lambda o, s: s.LinearLR(o, 0.0), "LinearLR: start_factor must be in"),
        (lambda o, s: s.CosineAnnealingLR(o, 0), "T_max must be at least 1"),
        (lambda o, s: s.CosineAnnealingWarmRestarts(o, 1.5), "T_0 must be an integer: got float 1.5"),
        (lambda o, s: s.CosineAnnealingWarmRestarts(o, 2).step(-1), "must not be negative: got -1"),
        (lambda o, s: s.OneCycleLR(o, 1.0), "the length is not known"),
        (lambda o, s: s.OneCycleLR(o, 1.0, 0), "total_steps must be at least 1"),
        (lambda o, s: s.OneCycleLR(o, 1.0, 9, anneal_strategy="exp"), "'exp'"),
        (lambda o, s: s.OneCycleLR(o, 1.0, 9, pct_start=1.5), "pct_start must be in"),
        (lambda o, s: s.OneCycleLR(o, [1.0], 9), "2 parameter groups but 1 values of max_lr"),
        (lambda o, s: [c := s.OneCycleLR(o, 1.0, 2), *(c.step() for _ in range(3))], "step 3 is past the end: total_steps is 2"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, mode="x"), "CyclicLR: mode must be one of 'triangular'"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, scale_fn=3), "CyclicLR: scale_fn must be a function"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, scale_fn=abs, scale_mode="x"), "CyclicLR: scale_mode must be one of"),
        (lambda o, s: s.CyclicLR(o, [0.1], 0.2), "CyclicLR: 2 parameter groups but 1 values of base_lr"),
        (lambda o, s: s.CyclicLR(o, 0.1, 0.2, step_size_up=0), "CyclicLR: step_size_up must be above 0"),
        (lambda o, s: s.CyclicLR(optim.Adagrad([tl.zeros(1, requires_grad=True)]), 0.1, 0.2), "neither momentum nor betas to cycle"),
        (lambda o, s: s.ReduceLROnPlateau(o, factor=1.0), "factor must be below 1"),
        (lambda o, s: s.ReduceLROnPlateau(o, "best"), "mode is 'min' or 'max'"),
        (lambda o, s: s.SequentialLR(o, [s.StepLR(o, 1), s.StepLR(o, 2)], [1, 2]), "one fewer than the schedules: 2 schedules"),
        (lambda o, s: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []), "without a metric: item 0 is a ReduceLROnPlateau"),
        (lambda o, s: s.SequentialLR(o, [], []), "SequentialLR: got no schedules"),
        (lambda o, s: s.ChainedScheduler([]), "ChainedScheduler: got no schedules"),
        (lambda o, s: s.ChainedScheduler([s.StepLR(o, 1), s.StepLR(optimizers()[0], 1)]), "one optimizer: item 1"),
    ],
)
def test_wrong_settings_are_explained(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make(optimizers()[0], optim.lr_scheduler)
