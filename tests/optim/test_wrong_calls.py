"""Wrong calls of optimizers and schedules: settings, groups, steps, states. Each is refused by a clear error before anything is changed."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from optimizer_table import CLASSES, FULL, OPTIONS

import tensorflowlite_clone as tl
from tensorflowlite_clone import _errors, nn, optim
from tensorflowlite_clone.optim import lr_scheduler as s

CLEAR = tuple(e for e in vars(_errors).values() if isinstance(e, type) and issubclass(e, Exception) and e.__module__ == _errors.__name__)
NOT_NUMBERS = ["0.1", [0.1], (0.1,), {}, object(), 1j, None, np.ones(2), tl.ones(2), tl.tensor(1j)]
NOT_RATES = [-1.0, float("nan"), -1e-9, tl.tensor(-0.5), *NOT_NUMBERS]
NOT_BETAS = [(0.9,), (0.9, 0.99, 0.999), 0.9, None, "ab", (1.0, 0.9), (0.9, -0.1), (float("nan"), 0.9), ("a", 0.9), {}, [0.9, None]]
NOT_COUNTS = [-1, 2.5, "3", None, [3], object(), True, float("nan")]

NOT_IN = {
    "[0, inf)": NOT_RATES, "(0, inf)": [0.0, *NOT_RATES],
    "(-inf, inf)": NOT_NUMBERS, "[0, 1]": [1.5, *NOT_RATES], "[1, inf)": [0.5, *NOT_RATES],
    "(-inf, 0]": [0.5, float("nan"), *NOT_NUMBERS], ("[0, 1)", "[0, 1)"): NOT_BETAS, ("(0, 1)", "(1, inf)"): [(1.2, 0.5), *NOT_BETAS],
    ("(-inf, inf)", "(-inf, inf)"): [(2.0, 1.0), (0.9,), 0.9, None, "ab", (1, "a")],
    ("[0, inf)", "[0, inf)"): [(2.0, 1.0), (0.9,), 0.9, None, (-1, 2), (1, "a")], ("(-inf, inf)",) * 3: [(1, 2), (1, 2, "a"), None, 3.0],
}  # fmt: skip
#: Settings of the classes and what cannot be meant: what is outside of the intervals that the classes name.
SETTINGS = {name: {key: NOT_IN[interval] for key, interval in c.ranges.items()} for name, c in CLASSES.items()}
SETTINGS["Muon"] |= {"ns_steps": [100, *NOT_COUNTS], "adjust_lr_fn": ["x", 3, ["original"]]}
SETTINGS["Adafactor"] |= {"eps": [(None,), (-1.0, 0.1), (None, None), (0.1, -1.0), 0.1, "ab", None]}


def leaf():
    return tl.ones(2, 2, requires_grad=True)


@pytest.mark.parametrize("group", [False, True], ids=["class", "group"])
@pytest.mark.parametrize(("name", "setting"), [(name, setting) for name in SETTINGS for setting in SETTINGS[name]])
def test_settings(name, setting, group):
    for bad in SETTINGS[name][setting]:
        p = leaf()
        with pytest.raises(CLEAR, match=rf"{name}: {setting}"):
            getattr(optim, name)([{"params": [p], setting: bad}] if group else [p], **({} if group else {setting: bad}))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    "params",
    [
        lambda: None, lambda: 3, lambda: "weights", lambda: leaf(), list, dict, lambda: {"params": [leaf()]},
        lambda: nn.Linear(1, 1),
        lambda: [3], lambda: [None], lambda: ["w"], lambda: [np.ones(2)], lambda: [leaf() * 2], lambda: [leaf(), 3],
        lambda: {leaf(), leaf()},
        lambda: [{}], lambda: [{"lr": 0.1}], lambda: [{"params": None}], lambda: [{"params": 3}], lambda: [{"params": {leaf()}}],
        lambda: [{"params": [3]}], lambda: [{"params": [leaf()]}, 3], lambda: [{"params": [leaf()]}, leaf()], lambda: [[leaf()]],
        lambda: [("w", 3)], lambda: [(leaf(), "w")], lambda: (p for p in ()), lambda: np.ones(3),
        lambda: [{"params": [p := leaf()]}, {"params": [p]}],
    ],
)  # fmt: skip
def test_parameters(name, params):
    with pytest.raises(CLEAR, match=f"{name}: "):
        getattr(optim, name)(params())


@pytest.mark.parametrize("name", OPTIONS)
def test_groups_that_cannot_be_added_change_nothing(name):
    p = leaf()
    optimizer = getattr(optim, name)([p], lr=0.5)
    bad = [
        None, 3, [leaf()], leaf(), {}, {"lr": 0.1}, {"params": [p]}, {"params": [leaf(), p]}, {"params": [leaf()], "lr": -1.0},
        {"params": [leaf()], "lr": "x"}, {"params": [leaf() * 1]}, {"params": {leaf()}}, {"params": "w"}, {"params": [1]}, {"params": None},
        *([{"params": [leaf()], "weight_decay": None}] if "weight_decay" in OPTIONS[name] else []),
    ]  # fmt: skip
    for group in bad:
        with pytest.raises(CLEAR, match=f"{name}: "):
            optimizer.add_param_group(group)
        assert len(optimizer.param_groups) == 1 and optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("closure", [3, "loss", [], tl.ones(1), 0.5])
def test_closures(name, closure):
    p = leaf()
    p.grad = tl.ones(2, 2)
    optimizer = getattr(optim, name)([p], lr=0.5)
    with pytest.raises(TypeError, match=rf"{name}\.step: closure must be a function that computes the loss: got {type(closure).__name__}"):
        optimizer.step(closure)
    assert p.tolist() == [[1, 1]] * 2 and all(s.get("step", 0) == 0 for s in optimizer.state.values())


def stepped(name):
    """An optimizer that has taken steps, of two groups; what it remembers."""
    ps = [leaf(), tl.ones(2, 3, requires_grad=True), tl.ones((2, 1) if name == "Muon" else (), requires_grad=True)]
    optimizer = getattr(optim, name)([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.25}], **{**FULL[name], "lr": 0.5})
    for p in ps:
        p.grad = tl.ones(p.shape)
    optimizer.step()
    return optimizer


def changed(state, path, value):
    """A copy of a state with another value at a path; `del` removes it."""
    state = copy.deepcopy(state)
    place = state
    for key in path[:-1]:
        place = place[key]
    if value is del_:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return state


del_ = object()
WHOLE = [
    None,
    3,
    "state",
    [],
    (),
    {},
    {"state": {}},
    {"param_groups": []},
    {"state": {}, "param_groups": []},
    {"state": [], "param_groups": []},
]
#: What is put where in a good state.
STRUCTURE = [
    (("state",), None), (("state",), 3), (("state",), []), (("param_groups",), None), (("param_groups",), {}),
    (("param_groups",), "groups"),
    (("param_groups", 0), None), (("param_groups", 0), 3), (("param_groups", 0), {}), (("param_groups", 0, "params"), None),
    (("param_groups", 0, "params"), 3), (("param_groups", 0, "params"), [0]), (("param_groups", 0, "params"), [0, 1, 2]),
    (("param_groups", 0, "params"), [0, 0]), (("param_groups", 0, "params"), ["a", "b"]), (("param_groups", 0, "params"), [0.5, 1.5]),
    (("param_groups", 0, "params"), del_), (("param_groups", 1), del_), (("param_groups", 0, "lr"), -1.0),
    (("param_groups", 0, "lr"), "fast"),
    (("param_groups", 0, "lr"), None), (("param_groups", 1, "lr"), float("nan")), (("param_groups", 0, "weight_decay"), -1.0),
    (("param_groups", 1, "weight_decay"), [0.1]), (("param_groups", 0, "lr"), np.ones(3)), (("state", 7), {}), (("state", -1), {}),
    (("state", "7"), {}), (("state", None), {}), (("state", 1.5), {}), (("state", 0), None), (("state", 0), 3), (("state", 0), []),
    (("state", 1), "moments"), (("state", 0, "unknown"), 1.0), (("state", 2, "momentum"), tl.ones(2)), (("state", "global"), 3),
]  # fmt: skip
#: What is put in the place of an array of shape (2,).
MOMENTS = [
    tl.ones(3), tl.ones(2, 1), tl.ones(1), tl.tensor(1.0), tl.ones(0), np.ones((2, 2)), tl.tensor([1, 2]), np.array([True, False]),
    np.array(["a", "b"]), np.array([None, None]), np.zeros(2, "M8[s]"), "moments", 0.5, [1.0, 1.0], {}, object(), tl.ones(2) * 1j,
]  # fmt: skip
#: What is put in the place of the number of steps.
STEPS = [
    -1,
    -1.0,
    float("nan"),
    float("inf"),
    "3",
    None,
    [3],
    {},
    object(),
    tl.ones(2),
    tl.tensor(-1.0),
    np.array(["3"]),
    tl.tensor(1j),
    True,
]


def states(name):
    """What cannot be in a state, by the shapes that the class says it has; a setting that it does not take."""
    optimizer = stepped(name)
    ps = [p for g in optimizer.param_groups for p in g["params"]]
    found = []
    for i, p in ((0, ps[0]), (2, ps[2])):
        for key, shape in optimizer.state_shapes(p, optimizer.param_groups[0]).items():
            wrong = STEPS if shape is None else [m for m in MOMENTS if np.shape(m) != shape or not isinstance(m, tl.Tensor | np.ndarray)]
            found += [(("state", i, key.removesuffix("?")), value) for value in wrong]
            found += [] if key.endswith("?") or len(optimizer.state[p]) == 1 else [(("state", i, key), del_)]
    settings = [(("param_groups", 0, key), value) for key, bad in SETTINGS[name].items() for value in bad[:3]]
    return [*found, *settings]


def look(optimizer):
    groups = [{k: v for k, v in g.items() if k != "params"} | {"params": [id(p) for p in g["params"]]} for g in optimizer.param_groups]
    return str((groups, {id(p): {k: np.asarray(v).tolist() for k, v in e.items()} for p, e in optimizer.state.items()}))


@pytest.mark.parametrize("name", OPTIONS)
def test_states_that_do_not_fit_change_nothing(name):
    optimizer = stepped(name)
    good, before = optimizer.state_dict(), look(optimizer)
    entries = [(path, v) for path, v in STRUCTURE if path[-1] != "weight_decay" or "weight_decay" in OPTIONS[name]]
    bad = [*WHOLE, *(changed(good, path, value) for path, value in [*entries, *states(name)])]
    for state in bad:
        with pytest.raises(CLEAR) as caught:
            optimizer.load_state_dict(state)
        message = str(caught.value)
        assert message.startswith(("load_state_dict: ", f"{name}: ")) and 30 < len(message) < 400, message
        assert look(optimizer) == before
    optimizer.load_state_dict(good)
    assert look(optimizer) == before


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "load_state_dict: no state of Adam: it has no state and no param_groups; pass what state_dict"),
        (None, "load_state_dict: Adam got NoneType as its state"),
        ({"state": {5: {}}, "param_groups": [{"params": [0]}]}, "there is no parameter 5: they are numbered 0; pass what was saved"),
        ({"state": {0: {"step": 1, "exp_avg": "x", "exp_avg_sq": 1}}, "param_groups": [{"params": [0]}]}, "exp_avg of .* must be a tensor"),
        ({"state": {0: {"step": 1}}, "param_groups": [{"params": [0]}]}, "parameter 0: exp_avg, exp_avg_sq missing"),
        ({"state": {0: {"sum": 1}}, "param_groups": [{"params": [0]}]}, "sum not known; load the state of an optimizer of this class"),
        ({"state": {}, "param_groups": [{"params": [0], "lr": -1}]}, "Adam: lr must not be negative: got -1"),
    ],
)  # fmt: skip
def test_rows(state, message):
    with pytest.raises(CLEAR, match=message):
        optim.Adam([leaf()]).load_state_dict(state)


def test_what_may_be_loaded():
    """States of other programs: steps as tensors, no moments yet, a dtype of its own, numbers as text, complex moments."""
    p, z = tl.ones(2, dtype=tl.float64, requires_grad=True), tl.ones(2, dtype=tl.complex64, requires_grad=True)
    optimizer = optim.Adam([p, z])
    moments = {"step": tl.tensor(3.0), "exp_avg": np.ones(2, "f4"), "exp_avg_sq": tl.ones(2)}
    turned = {"step": 3, "exp_avg": np.full(2, 1 + 2j, "c8"), "exp_avg_sq": np.full(2, 3 + 4j, "c8")}
    optimizer.load_state_dict({"state": {"0": moments, 1: turned}, "param_groups": [{"params": [0, 1], "foreach": None}]})
    assert optimizer.state[p]["exp_avg"].dtype == tl.float64 and optimizer.state[z]["exp_avg_sq"].tolist() == [3 + 4j] * 2
    p.grad, z.grad = tl.ones(2, dtype=tl.float64), tl.ones(2, dtype=tl.complex64)
    optimizer.step()
    assert optimizer.state[p]["step"] == 4
    sgd = optim.SGD([p])
    sgd.load_state_dict({"state": {0: {"momentum_buffer": None}}, "param_groups": [{"params": [0]}]})
    sgd.load_state_dict({"state": {0: {}}, "param_groups": [{"params": [0]}]})


SCHEDULES = {
    "StepLR": ({"step_size": 2}, {"step_size": [0, *NOT_COUNTS], "gamma": ["a", None, [0.1], float("nan")]}),
    "MultiStepLR": ({"milestones": [2]}, {"milestones": [3, "ab", [2.5], ["a"], [-1], None, [None]], "gamma": ["a", None, {}]}),
    "ExponentialLR": ({"gamma": 0.9}, {"gamma": ["a", None, [0.9], float("nan"), 1j]}),
    "ConstantLR": ({}, {"factor": [1.5, -0.1, "a", None, float("nan")], "total_iters": NOT_COUNTS}),
    "LinearLR": ({}, {"start_factor": [0.0, 1.5, "a", None], "end_factor": [-0.1, 1.5, "a", None], "total_iters": NOT_COUNTS}),
    "PolynomialLR": ({}, {"total_iters": NOT_COUNTS, "power": ["a", None, [1]]}),
    "CosineAnnealingLR": ({"T_max": 3}, {"T_max": [0, *NOT_COUNTS], "eta_min": ["a", None, [0.1]]}),
    "CosineAnnealingWarmRestarts": ({"T_0": 3}, {"T_0": [0, *NOT_COUNTS], "T_mult": [0, *NOT_COUNTS], "eta_min": ["a", None]}),
    "LambdaLR": ({"lr_lambda": abs}, {"lr_lambda": [3, "f", None, [abs], [abs, 3], {}]}),
    "MultiplicativeLR": ({"lr_lambda": abs}, {"lr_lambda": [3, "f", None, [abs], [abs, 3], {}]}),
    "CyclicLR": (
        {"base_lr": 0.1, "max_lr": 0.2},
        {
            "base_lr": ["a", None, [1.0], [1.0, "a"]], "max_lr": ["a", None, [1.0], {}], "step_size_up": [0, -1, "3", None, float("nan")],
            "step_size_down": [0, -1, "3", float("nan")], "mode": ["x", None, 3], "gamma": ["a", None], "scale_fn": [3, "f", [abs]],
            "base_momentum": ["a", None, [0.8], -0.5], "max_momentum": ["a", None, [0.8], -0.5],
        },
    ),
    "OneCycleLR": (
        {"max_lr": 1.0, "total_steps": 9},
        {
            "max_lr": ["a", None, [1.0], {}, [1.0, "a"]], "total_steps": [0, -1, 2.5, "3"], "pct_start": [-0.1, 1.5, "a", None],
            "anneal_strategy": ["exp", None, 3, ["cos"]], "div_factor": [0.0, -1.0, "a", None], "final_div_factor": [0.0, -1.0, "a", None],
            "base_momentum": ["a", None, [0.8], -0.5], "max_momentum": ["a", None, [0.8], -0.5],
        },
    ),
    "ReduceLROnPlateau": (
        {},
        {
            "mode": ["best", None, 3], "factor": [1.0, 2.0, "a", None, float("nan")], "patience": NOT_COUNTS, "cooldown": NOT_COUNTS,
            "threshold": [-1.0, "a", None], "threshold_mode": ["relative", None], "min_lr": ["a", None, [0.1], {}],
            "eps": [-1.0, "a", None],
        },
    ),
}  # fmt: skip


def two_groups():
    return optim.SGD([{"params": [leaf()]}, {"params": [leaf()], "lr": 0.3}], lr=0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("name", "setting"), [(name, key) for name, (_, bad) in SCHEDULES.items() for key in [*bad, "optimizer", "last_epoch"]]
)
def test_settings_of_schedules_change_nothing(name, setting):
    good, bad = SCHEDULES[name]
    kind = getattr(s, name)
    values = {"optimizer": [None, 3, leaf(), nn.Linear(1, 1)], "last_epoch": [] if name == "ReduceLROnPlateau" else [-2, 1.5, "3", None, 3]}
    for value in {**bad, **values}[setting]:
        optimizer = two_groups()
        before = look(optimizer)
        with pytest.raises(CLEAR, match=f"{name}: "):
            kind(**{"optimizer": optimizer, **good, setting: value})
        assert look(optimizer) == before


@pytest.mark.parametrize("metric", [None, "loss", [1.0], {}, object(), tl.ones(2), np.ones(3)], ids=lambda m: type(m).__name__)
def test_metrics(metric):
    schedule = s.ReduceLROnPlateau(two_groups())
    before = schedule.state_dict()
    with pytest.raises(TypeError, match="ReduceLROnPlateau: a metric must be one number: got"):
        schedule.step(metric)
    assert schedule.state_dict() == before


@pytest.mark.parametrize("position", [-1, float("nan"), math.inf, "3", [1], object()], ids=lambda x: type(x).__name__)
def test_positions(position):
    schedule = s.CosineAnnealingWarmRestarts(two_groups(), 3)
    before = schedule.state_dict()
    with pytest.raises(CLEAR, match="CosineAnnealingWarmRestarts: "):
        schedule.step(position)
    assert schedule.state_dict() == before


@pytest.mark.parametrize(
    "make",
    [
        lambda o: s.SequentialLR(o, None, []), lambda o: s.SequentialLR(o, 3, []), lambda o: s.SequentialLR(o, [], []),
        lambda o: s.SequentialLR(o, [3], []), lambda o: s.SequentialLR(o, [s.StepLR(o, 1)], [1]),
        lambda o: s.SequentialLR(o, [s.StepLR(o, 1)], None),
        lambda o: s.SequentialLR(o, [s.StepLR(o, 1), s.StepLR(o, 1)], ["a"]),
        lambda o: s.SequentialLR(o, [s.StepLR(o, 1), s.StepLR(o, 1)], [2.5]),
        lambda o: s.SequentialLR(o, [s.StepLR(o, 1), s.StepLR(o, 1)], [-1]), lambda o: s.SequentialLR(3, [s.StepLR(o, 1)], []),
        lambda o: s.SequentialLR(o, [s.StepLR(two_groups(), 1)], []), lambda o: s.SequentialLR(o, [s.ReduceLROnPlateau(o)], []),
        lambda o: s.SequentialLR(o, [s.StepLR], []), lambda o: s.ChainedScheduler(None), lambda o: s.ChainedScheduler([]),
        lambda o: s.ChainedScheduler([3]), lambda o: s.ChainedScheduler([s.StepLR(o, 1), 3]),
        lambda o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
        lambda o: s.ChainedScheduler([s.StepLR(o, 1), s.StepLR(two_groups(), 1)]), lambda o: s.ChainedScheduler(s.StepLR(o, 1)),
        lambda o: s.ChainedScheduler([s.StepLR(o, 1)], two_groups()), lambda o: s.ChainedScheduler([s.StepLR(o, 1)], 3),
    ],
)  # fmt: skip
def test_combinations(make):
    with pytest.raises(CLEAR, match=r"(SequentialLR|ChainedScheduler): "):
        make(two_groups())


def test_how_many():
    settings = 2 * sum(len(bad) for settings in SETTINGS.values() for bad in settings.values())
    of_states = sum(len(WHOLE) + len(STRUCTURE) + len(states(name)) for name in OPTIONS)
    schedules = sum(len(values) for _, bad in SCHEDULES.values() for values in bad.values())
    assert settings + of_states + schedules > 3000
