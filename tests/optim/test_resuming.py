"""Every schedule resumed at every epoch, by its state and by ``last_epoch``: the same rates as in the run that was not interrupted."""

from __future__ import annotations

import copy
import math
import sys
import warnings

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim
from tensorflowlite_clone.optim import lr_scheduler

#: Most tests here step schedules alone.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*before .?optimizer\.step:UserWarning")


class Decay:
    """A function that is an object: what it counts belongs to the schedule's state."""

    def __init__(self):
        self.calls = 0

    def __call__(self, epoch):
        self.calls += 1
        return 0.5**self.calls


def swa(schedules):
    """The module with `SWALR` of the library that the schedules are of."""
    return sys.modules[schedules.__name__.replace("lr_scheduler", "swa_utils")]


#: How the schedule is made (of the library's ``lr_scheduler``, ``last_epoch`` by keyword), and how many epochs are looked at.
SCHEDULES = {
    "lambda": (lambda s, o, **k: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)], **k), 7),
    "multiplicative": (lambda s, o, **k: s.MultiplicativeLR(o, lambda e: 1 - 0.1 * e, **k), 7),
    "step": (lambda s, o, **k: s.StepLR(o, 3, **k), 10),
    "step 1": (lambda s, o, **k: s.StepLR(o, 1, gamma=0.5, **k), 5),
    "multi-step": (lambda s, o, **k: s.MultiStepLR(o, [5, 2, 5, 7], gamma=0.3, **k), 10),
    "multi-step from 0": (lambda s, o, **k: s.MultiStepLR(o, [0, 1], gamma=0.3, **k), 4),
    "exponential": (lambda s, o, **k: s.ExponentialLR(o, 0.9, **k), 7),
    "constant": (lambda s, o, **k: s.ConstantLR(o, **k), 8),
    "constant 2": (lambda s, o, **k: s.ConstantLR(o, factor=0.5, total_iters=2, **k), 5),
    "constant 0": (lambda s, o, **k: s.ConstantLR(o, factor=0.0, total_iters=2, **k), 5),
    "linear": (lambda s, o, **k: s.LinearLR(o, **k), 8),
    "linear down": (lambda s, o, **k: s.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=4, **k), 7),
    "polynomial": (lambda s, o, **k: s.PolynomialLR(o, total_iters=6, power=2.5, **k), 8),
    "cosine": (lambda s, o, **k: s.CosineAnnealingLR(o, T_max=4, eta_min=0.01, **k), 14),
    "cosine 1": (lambda s, o, **k: s.CosineAnnealingLR(o, T_max=1, **k), 4),
    "restarts": (lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 3, **k), 8),
    "longer restarts": (lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01, **k), 15),
    "one cycle": (lambda s, o, **k: s.OneCycleLR(o, [1.0, 0.3], total_steps=10, **k), 9),
    "one cycle, linear": (lambda s, o, **k: s.OneCycleLR(o, 1.0, total_steps=12, three_phase=True, anneal_strategy="linear", **k), 11),
    "one cycle, rates alone": (lambda s, o, **k: s.OneCycleLR(o, 1.0, total_steps=9, cycle_momentum=False, **k), 8),
    "cyclic": (lambda s, o, **k: s.CyclicLR(o, 0.01, [0.1, 0.3], step_size_up=2, step_size_down=3, mode="triangular2", **k), 12),
    "cyclic, exponential": (lambda s, o, **k: s.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="exp_range", gamma=0.9, **k), 12),
    "swa": (lambda s, o, **k: swa(s).SWALR(o, [0.01, 0.05], 4, **k), 7),
    "swa, line": (lambda s, o, **k: swa(s).SWALR(o, 0.05, 3, "linear", **k), 6),
    "sequential": (
        lambda s, o, **k: s.SequentialLR(o, [s.LinearLR(o, total_iters=3), s.ExponentialLR(o, 0.9), s.StepLR(o, 2)], [3, 5], **k), 10,
    ),
    "together": (lambda s, o, **k: s.ChainedScheduler([s.LinearLR(o, total_iters=4, **k), s.ExponentialLR(o, 0.9, **k)]), 8),
    "steps together": (lambda s, o, **k: s.ChainedScheduler([s.StepLR(o, 2, **k), s.MultiStepLR(o, [2, 3], 0.5, **k)]), 7),
}  # fmt: skip
#: Where PyTorch goes on otherwise than the run that was not interrupted, and what it does.
OTHERWISE = {
    "step": "the factor of that epoch a second time", "step 1": "the same", "multi-step": "the same", "multi-step from 0": "the same",
    "constant": "the same", "constant 2": "the same", "steps together": "the same", "constant 0": "division by zero",
    "longer restarts": "the period is not prolonged", "swa": "the epochs counted from 0", "swa, line": "the same",
    "sequential": "the first schedule from its beginning",
}  # fmt: skip
WHOLE = {
    "plateau": lambda s, o: s.ReduceLROnPlateau(o, patience=1, factor=0.5),
    "plateau, cooldown": lambda s, o: s.ReduceLROnPlateau(o, mode="max", patience=0, threshold=0.2, threshold_mode="abs", cooldown=2),
    "lambda with memory": lambda s, o: s.LambdaLR(o, Decay()),
    "cyclic with memory": lambda s, o: s.CyclicLR(o, 0.01, 0.1, step_size_up=2, scale_fn=Decay()),
    "multiplicative with memory": lambda s, o: s.MultiplicativeLR(o, [Decay(), Decay()]),
}
METRICS = [1.0, 0.9, 0.95, 0.89999, 0.89998, 0.5, 0.6, 0.6, 0.6, 0.7, 0.1, 0.1]


def sgd(library=tl, rate=float):
    """An optimizer with two groups of one parameter each; their rates are made by ``rate``."""
    leaves = [library.zeros(1, requires_grad=True) for _ in range(2)]
    groups = [{"params": leaves[:1], "lr": rate(0.1)}, {"params": leaves[1:], "lr": rate(0.03)}]
    return library.optim.SGD(groups, momentum=0.5)


def rates(optimizer):
    """The learning rate and the momentum of each group in turn."""
    return [float(g[key]) for g in optimizer.param_groups for key in ("lr", "momentum")]


def step(schedule, i):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of steps in an order that does not matter here
        schedule.step(*([METRICS[i]] if "Plateau" in type(schedule).__name__ else ()))


def run(library, make, epochs):
    """For each epoch the rates, and the state of optimizer and schedule."""
    optimizer = sgd(library)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        schedule = make(library.optim.lr_scheduler, optimizer)
    found, states = [rates(optimizer)], [copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))]
    for i in range(epochs):
        step(schedule, i)
        found.append(rates(optimizer))
        states.append(copy.deepcopy((optimizer.state_dict(), schedule.state_dict())))
    return found, states


@pytest.mark.parametrize("name", [*SCHEDULES, *WHOLE])
def test_resumed_by_its_state_at_every_epoch(name, tmp_path):
    make, epochs = SCHEDULES[name] if name in SCHEDULES else (WHOLE[name], len(METRICS))
    expected, states = run(tl, make, epochs)
    for start in range(epochs):
        tl.save(states[start], tmp_path / "state")
        optimizer = sgd()
        schedule = make(lr_scheduler, optimizer)
        for part, state in zip((optimizer, schedule), tl.load(tmp_path / "state"), strict=True):
            part.load_state_dict(state)
        assert schedule.get_last_lr() == expected[start][::2]
        for i in range(start, epochs):
            step(schedule, i)
            assert rates(optimizer) == expected[i + 1]  # bit for bit


@pytest.mark.parametrize("name", SCHEDULES)
def test_resumed_by_last_epoch_at_every_epoch(name):
    make, epochs = SCHEDULES[name]
    expected, states = run(tl, make, epochs)
    for start in range(1, epochs):
        optimizer = sgd()
        optimizer.load_state_dict(states[start][0])
        schedule = make(lr_scheduler, optimizer, last_epoch=start - 1)
        assert rates(optimizer) == pytest.approx(expected[start], rel=1e-12, abs=1e-15), start
        assert getattr(schedule, "last_epoch", start) == start
        for i in range(start, epochs):
            step(schedule, i)
            assert rates(optimizer) == pytest.approx(expected[i + 1], rel=1e-12, abs=1e-15), (start, i)


@pytest.mark.parametrize("name", SCHEDULES)
def test_resumed_by_last_epoch_as_in_torch(name):
    torch = pytest.importorskip("torch")
    if name in OTHERWISE:
        pytest.skip(f"PyTorch: {OTHERWISE[name]}")
    make, epochs = SCHEDULES[name]
    for start in range(1, epochs):
        for done in (start - 1, start):  # the optimizer's state is of the epoch that is entered, or of the one before
            found = []
            for library in (tl, torch):
                _, states = run(library, make, start)
                optimizer = sgd(library)
                optimizer.load_state_dict(states[-1][0])
                schedule = make(library.optim.lr_scheduler, optimizer, last_epoch=done)
                found.append([rates(optimizer)])
                for i in range(done + 1, epochs):
                    step(schedule, i)
                    found[-1].append(rates(optimizer))
            for mine, other in zip(*found, strict=True):
                assert mine == pytest.approx(other, rel=1e-12, abs=1e-15), (start, done)


def exchanged(state, tensor):
    """A state in the other library's hands: with its tensors."""
    if isinstance(state, dict):
        return type(state)({k: exchanged(v, tensor) for k, v in state.items()})
    if isinstance(state, list | tuple):
        return type(state)(exchanged(v, tensor) for v in state)
    return tensor(state.numpy()) if hasattr(state, "numpy") else copy.deepcopy(state)


@pytest.mark.parametrize("name", [*SCHEDULES, *WHOLE])
def test_states_go_to_torch_and_come_from_there_at_every_epoch(name):
    torch = pytest.importorskip("torch")
    make, epochs = SCHEDULES[name] if name in SCHEDULES else (WHOLE[name], len(METRICS))
    for giver, taker in ((torch, tl), (tl, torch)):
        if name in ("constant 0", "cyclic with memory"):
            continue  # PyTorch divides by zero; it asks a function for each group and momentum
        expected, states = run(giver, make, epochs)
        for start in range(0, epochs, 2):
            optimizer = sgd(taker)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                schedule = make(taker.optim.lr_scheduler, optimizer)
            for part, state in zip((optimizer, schedule), states[start], strict=True):
                part.load_state_dict(exchanged(state, taker.tensor))
            for i in range(start, epochs):
                step(schedule, i)
                assert rates(optimizer) == pytest.approx(expected[i + 1], rel=1e-9, abs=1e-12), (start, i)


@pytest.mark.parametrize("name", [n for n in SCHEDULES if "step" in n and "together" not in n])
def test_a_step_that_was_not_taken_is_taken(name):
    """A schedule of steps that goes on from the state of the epoch before takes the step that lies between, as in PyTorch."""
    make, epochs = SCHEDULES[name]
    expected, states = run(tl, make, epochs)
    for start in range(epochs):
        optimizer = sgd()
        optimizer.load_state_dict(states[start][0])
        make(lr_scheduler, optimizer, last_epoch=start)
        assert rates(optimizer) == pytest.approx(expected[start + 1], rel=1e-12), start


def test_exponential_goes_on_after_three_epochs():
    optimizer = optim.SGD([tl.zeros(1, requires_grad=True)], lr=1.0)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.9)
    for _ in range(3):
        schedule.step()
    again = lr_scheduler.ExponentialLR(optimizer, 0.9, last_epoch=2)
    assert again.get_last_lr() == pytest.approx([0.729]) and optimizer.param_groups[0]["lr"] == pytest.approx(0.729)
    again.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.6561)


def test_a_rate_changed_by_hand_is_gone_on_with():
    for make in (lambda o: lr_scheduler.StepLR(o, 2, last_epoch=1), lambda o: lr_scheduler.ExponentialLR(o, 0.9, last_epoch=1)):
        optimizer = sgd()
        lr_scheduler.StepLR(optimizer, 2)
        optimizer.param_groups[0]["lr"] = 8.0
        make(optimizer)
        assert optimizer.param_groups[0]["lr"] == 8.0


def test_every_schedule_is_resumed():
    made = {type(make(lr_scheduler, sgd())).__name__ for make in [*(m for m, _ in SCHEDULES.values()), *WHOLE.values()]}
    assert made == set(lr_scheduler.__all__) - {"LRScheduler"} | {"SWALR"}


def test_resume_by_last_epoch_needs_the_initial_rate():
    optimizer = sgd()
    with pytest.raises(ValueError, match=r"StepLR: resuming at epoch 3 needs initial_lr, which param_groups\[0\]"):
        lr_scheduler.StepLR(optimizer, 2, last_epoch=3)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    assert lr_scheduler.StepLR(optimizer, 2, last_epoch=3).last_epoch == 4
    with pytest.raises(ValueError, match="OneCycleLR: resuming at step 3 needs max_lr and min_lr"):
        lr_scheduler.OneCycleLR(optimizer, 1.0, 9, last_epoch=3)


@pytest.mark.parametrize("name", [n for n in SCHEDULES if n != "constant 0"])
def test_rates_that_are_tensors(name):
    """They stay the same tensors, whose values are those that numbers would have; in PyTorch too."""
    make, epochs = SCHEDULES[name]
    expected, _ = run(tl, make, epochs)
    optimizer = sgd(rate=tl.tensor)
    ours = [g["lr"] for g in optimizer.param_groups]
    schedule = make(lr_scheduler, optimizer)
    for i in range(epochs + 1):
        assert rates(optimizer) == pytest.approx(expected[i], rel=1e-4, abs=1e-6)
        assert all(g["lr"] is lr for g, lr in zip(optimizer.param_groups, ours, strict=True))
        last = schedule.get_last_lr()
        assert all(isinstance(lr, tl.Tensor) and lr is not o and math.isclose(lr, o) for lr, o in zip(last, ours, strict=True))
        if i < epochs:
            step(schedule, i)


@pytest.mark.parametrize("name", [*SCHEDULES, *WHOLE])
def test_a_state_that_is_none_changes_nothing(name):
    make = SCHEDULES[name][0] if name in SCHEDULES else WHOLE[name]
    optimizer = sgd()
    schedule = make(lr_scheduler, optimizer)
    good = schedule.state_dict()
    bad = [None, 3, [], {}, {k: v for k, v in good.items() if k != "_last_lr"}, {**good, "_last_lr": [0.1]}, {**good, "_last_lr": None}]
    for key, value in good.items():
        bad += [
            {k: v for k, v in good.items() if k != key} if key != "_step_count" else None,
            {**good, key: object()},
            {**good, key: "?" if not isinstance(value, str) else 1},
        ]
    for state in bad:
        before = copy.deepcopy(schedule.state_dict())
        with pytest.raises(RuntimeError, match=r"load_state_dict: .*(LR|Plateau|Scheduler|WarmRestarts)"):
            schedule.load_state_dict(state)
        assert str(schedule.state_dict()) == str(before)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("multi-step", {"milestones": {"a": 1}}), ("multi-step", {"milestones": {2: "x"}}), ("multi-step", {"milestones": [2, 5]}),
        ("one cycle", {"_schedule_phases": [3, 4]}), ("one cycle", {"_anneal_func_type": "exp"}),
        ("one cycle", {"_schedule_phases": [{"end_step": 1}] * 2}), ("one cycle", {"total_steps": "9"}),
        ("sequential", {"_schedulers": [{}, {}, {}]}), ("sequential", {"_milestones": ["a", 2]}), ("together", {"_schedulers": []}),
        ("cyclic with memory", {"_scale_fn_custom": 3}),
    ],
)  # fmt: skip
def test_parts_of_a_state_that_are_none_change_nothing(name, wrong):
    make = SCHEDULES[name][0] if name in SCHEDULES else WHOLE[name]
    schedule = make(lr_scheduler, sgd())
    before = copy.deepcopy(schedule.state_dict())
    with pytest.raises((ValueError, RuntimeError), match="load_state_dict: "):
        schedule.load_state_dict({**before, **wrong})
    assert str(schedule.state_dict()) == str(before)
