"""Every optimizer of ``tl.optim``, found by introspection, and settings to try with it.

An optimizer without a row here fails ``tests/optim/test_every_optimizer.py``. Rows give, for each setting, values beside the default.
Those of the kind that needs a closure are in ``CLOSURES``, and have tests of their own.
"""

from __future__ import annotations

import inspect

import numpy as np

from tensorflowlite_clone import optim

CLASSES = {
    name: c
    for name, c in vars(optim).items()
    if inspect.isclass(c) and issubclass(c, optim.Optimizer) and c is not optim.Optimizer and not name.startswith("_")
    if c.gradients != "sparse"  # test_sparse_gradients.py
}
#: Those whose step needs a closure.
CLOSURES = {"LBFGS", "GaussNewton", "LevenbergMarquardt"}

_BETAS = [(0.3, 0.5), (0.0, 0.99)]
#: For each optimizer its settings and the values that are tried.
OPTIONS = {
    "SGD": {"lr": [0.1], "momentum": [0.9], "dampening": [0.3], "weight_decay": [0.1], "nesterov": [True], "maximize": [True]},
    "ASGD": {"lr": [0.1], "lambd": [0.05], "alpha": [0.3], "t0": [0.0, 30.0], "weight_decay": [0.1], "maximize": [True]},
    "Adam": {
        "lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.1], "amsgrad": [True], "maximize": [True],
        "decoupled_weight_decay": [True],
    },
    "AdamW": {"lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.0, 0.1], "amsgrad": [True], "maximize": [True]},
    "Adamax": {"lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.1], "maximize": [True]},
    "NAdam": {
        "lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.1], "momentum_decay": [0.0, 0.1], "maximize": [True],
        "decoupled_weight_decay": [True],
    },
    "RAdam": {"lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.1], "decoupled_weight_decay": [True], "maximize": [True]},
    "LAMB": {"lr": [0.1], "betas": _BETAS, "eps": [1e-2], "weight_decay": [0.0, 0.1], "trust": [(0.5, 1.5)], "maximize": [True]},
    "Adagrad": {
        "lr": [0.1], "lr_decay": [0.2], "weight_decay": [0.1], "initial_accumulator_value": [0.5], "eps": [1e-2], "maximize": [True],
    },
    "Adadelta": {"lr": [0.1], "rho": [0.5, 0.0, 1.0], "eps": [1e-2], "weight_decay": [0.1], "maximize": [True]},
    "RMSprop": {
        "lr": [0.1], "alpha": [0.5], "eps": [1e-2], "weight_decay": [0.1], "momentum": [0.9], "centered": [True], "maximize": [True],
    },
    "Rprop": {"lr": [0.1, 100.0], "etas": [(0.3, 1.5)], "step_sizes": [(0.02, 0.5)], "maximize": [True]},
    "Lion": {"lr": [0.1], "betas": _BETAS, "weight_decay": [0.1], "maximize": [True]},
    "Adafactor": {
        "lr": [0.1], "beta2_decay": [-0.3, 0.0], "eps": [(1e-2, 1e-3), (None, 0.5)], "d": [2.0], "weight_decay": [0.1], "maximize": [True],
    },
    "Muon": {
        "lr": [0.1], "weight_decay": [0.0], "momentum": [0.5, 0.0], "nesterov": [False], "ns_coefficients": [(2.0, -1.5, 0.5)],
        "eps": [0.1], "ns_steps": [2, 0], "adjust_lr_fn": ["original", "match_rms_adamw"],
    },
}  # fmt: skip


def shapes(name):
    return [(3, 4), (4, 3), (2, 2)] if name == "Muon" else [(3, 2), (5,), (), (2, 1, 3)]


def cases(name):
    """The defaults, and each value at least once, among others that are drawn."""
    options, rng = OPTIONS[name], np.random.default_rng(len(name))
    most = max(map(len, options.values())) + 2
    orders = {k: [*(v * most)[: most - 1], None] if v != [True] else [True] * (most // 2) + [None] * most for k, v in options.items()}
    for order in orders.values():
        del order[most:]
        rng.shuffle(order)
    found = [{}, *({k: order[i] for k, order in orders.items() if order[i] is not None} for i in range(most))]
    for case in found:
        if case.get("nesterov") is True and name == "SGD":
            case.update(momentum=0.9, dampening=0.0)
    return [*found, *([{"lr": 0.1, "momentum": 0.9, "dampening": 0.3}] if name == "SGD" else [])]


def label(case):
    return f"{case[0]}({', '.join(f'{k}={v}' for k, v in case[1].items())})"


CASES = [(name, case) for name in OPTIONS for case in cases(name)]
#: One case of each class in which everything is remembered that can be.
FULL = {
    name: {k: v[0] for k, v in options.items() if k not in ("maximize", "decoupled_weight_decay")}
    | ({"t0": 2.0} if name == "ASGD" else {"dampening": 0.0} if name == "SGD" else {})
    for name, options in OPTIONS.items()
}


def parameters(library, name, kind="f8"):
    """The same parameters for either library."""
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=s) + (1j * rng.normal(size=s) if kind[0] == "c" else 0) for s in shapes(name)]
    return [library.tensor(np.asarray(a).astype(kind), requires_grad=True) for a in arrays]


def give_gradients(library, ps, step):
    """Those of a bounded problem with noise: they depend on where the parameters are. Some are missing now and then."""
    rng = np.random.default_rng(100 + step)
    for i, p in enumerate(ps):
        x = p.detach().numpy()
        noise = rng.normal(size=x.shape) + (1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else 0)
        g = np.asarray(np.sin(2 * x.real) + (1j * np.sin(3 * x.imag) if x.dtype.kind == "c" else 0) + noise).astype(x.dtype)
        p.grad = None if (i + step) % 5 == 0 else library.tensor(g)


def run(library, optimizer, ps, steps):
    for step in steps:
        give_gradients(library, ps, step)
        optimizer.step()


def values(ps):
    return [p.detach().numpy().copy() for p in ps]
