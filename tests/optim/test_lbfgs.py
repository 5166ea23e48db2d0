"""`LBFGS` beside PyTorch's: the same points after the same number of evaluations; its state, and what it refuses."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim


def rosenbrock(T, x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


_RNG = np.random.default_rng(0)
_DATA = _RNG.normal(size=(60, 8))
_SIGNS = np.sign(_DATA @ _RNG.normal(size=8) + _RNG.normal(size=60))


def logistic(T, x):
    """The loss of a logistic regression with a penalty."""
    return T.log(1 + T.exp(-(T.tensor(_DATA) @ x) * T.tensor(_SIGNS))).sum() + 0.05 * (x * x).sum()


def downhill(T, x):
    """Without a minimum."""
    return T.exp(-x).sum()


PROBLEMS = {
    "rosenbrock": (rosenbrock, np.tile([-1.2, 1.0], 10)), "logistic": (logistic, np.zeros(8)), "downhill": (downhill, np.ones(3)),
    "at the minimum": (rosenbrock, np.ones(4)),
}  # fmt: skip
SETTINGS = [
    {}, {"lr": 0.1, "max_iter": 4, "history_size": 3}, {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "history_size": 5, "max_iter": 7}, {"line_search_fn": "strong_wolfe", "max_iter": 1},
    {"line_search_fn": "strong_wolfe", "max_eval": 9, "lr": 0.5}, {"line_search_fn": "strong_wolfe", "lr": 20.0},
    {"line_search_fn": "strong_wolfe", "tolerance_grad": 1e-2}, {"tolerance_change": 1e-2}, {"max_iter": 0}, {"max_eval": 3},
]  # fmt: skip


def torch_double():
    return pytest.importorskip("torch")


def trained(T, problem, settings, steps, before=None):
    """The optimizer, and for each step the loss, the number of evaluations and the point."""
    f, start = PROBLEMS[problem]
    x = T.tensor(start if before is None else before[0], dtype=T.float64, requires_grad=True)
    optimizer = T.optim.LBFGS([x], **settings)
    if before is not None:
        optimizer.load_state_dict(before[1])
    count, found = [0], []

    def closure():
        count[0] += 1
        optimizer.zero_grad()
        loss = f(T, x)
        loss.backward()
        return loss

    for _ in range(steps):
        loss = optimizer.step(closure)
        found.append((float(loss.detach()), count[0], x.detach().numpy().copy()))
    return optimizer, found


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_steps_equal_torch(problem, settings):
    """As long as rounding has not grown: Rosenbrock's valley multiplies it."""
    torch = torch_double()
    steps = 3 if settings.get("max_iter", 20) > 10 else 6
    _, mine = trained(tl, problem, settings, steps)
    _, other = trained(torch, problem, settings, steps)
    assert [c for _, c, _ in mine] == [c for _, c, _ in other]
    for (loss, _, x), (expected, _, y) in list(zip(mine, other, strict=True))[: 2 if problem == "rosenbrock" and not settings else steps]:
        assert loss == pytest.approx(expected, rel=1e-6, abs=1e-9)
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("problem", ["rosenbrock", "logistic"])
def test_as_many_evaluations_as_torch_to_the_minimum(problem):
    torch = torch_double()
    settings = {"line_search_fn": "strong_wolfe", "max_iter": 300, "max_eval": 1000}
    _, mine = trained(tl, problem, settings, 1)
    _, other = trained(torch, problem, settings, 1)
    assert mine[0][1] == other[0][1]
    np.testing.assert_allclose(mine[0][2], other[0][2], atol=1e-4)
    if problem == "rosenbrock":
        np.testing.assert_allclose(mine[0][2], np.ones(20), atol=1e-4)


@pytest.mark.parametrize("settings", [SETTINGS[1], SETTINGS[3]], ids=str)
def test_resumed_at_every_step(settings, tmp_path):
    _, whole = trained(tl, "rosenbrock", settings, 6)
    for start in range(6):
        optimizer, found = trained(tl, "rosenbrock", settings, start)
        before = found[-1][2] if found else PROBLEMS["rosenbrock"][1]
        tl.save(optimizer.state_dict(), tmp_path / "state")
        _, rest = trained(tl, "rosenbrock", {}, 6 - start, (before, tl.load(tmp_path / "state")))
        np.testing.assert_array_equal(rest[-1][2], whole[-1][2])


def converted(value, torch):
    """A state of PyTorch's with our tensors, or the other way round."""
    if isinstance(value, dict):
        return {k: converted(v, torch) for k, v in value.items()}
    if isinstance(value, list):
        return [converted(v, torch) for v in value]
    if isinstance(value, torch.Tensor):
        return tl.tensor(value.numpy())
    return torch.tensor(value.numpy()) if isinstance(value, tl.Tensor) else value


@pytest.mark.parametrize("settings", [SETTINGS[1], SETTINGS[3]], ids=str)
def test_states_go_to_torch_and_come_from_there(settings):
    torch = torch_double()
    _, whole = trained(torch, "logistic", settings, 4)
    for first, second in ((tl, torch), (torch, tl)):
        for start in (1, 2):
            optimizer, found = trained(first, "logistic", settings, start)
            _, rest = trained(second, "logistic", {}, 4 - start, (found[-1][2], converted(optimizer.state_dict(), torch)))
            np.testing.assert_allclose(rest[-1][2], whole[-1][2], atol=1e-8)


def test_several_parameters_some_without_a_gradient_some_complex():
    torch = torch_double()
    found = []
    for T in (tl, torch):
        a = T.tensor([[0.5, -1.0]], dtype=T.float64, requires_grad=True)
        z = T.tensor([1 + 2j, -1j], dtype=T.complex128, requires_grad=True)
        unused = T.tensor(3.0, dtype=T.float64, requires_grad=True)
        optimizer = T.optim.LBFGS([a, unused, z], max_iter=9, line_search_fn="strong_wolfe")

        def closure(T=T, a=a, z=z, optimizer=optimizer):
            optimizer.zero_grad()
            w = z - a.reshape(2) * (1 + 1j)
            loss = (w * w.conj()).real.sum() + ((a - 2) ** 4).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append([a.detach().numpy(), unused.detach().numpy(), z.detach().numpy()])
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-7, atol=1e-9)


def leaf():
    return tl.ones(2, dtype=tl.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.LBFGS([{"params": [leaf()]}, {"params": [leaf()]}]), "LBFGS: takes one group"),
        (lambda: optim.LBFGS([leaf()], line_search_fn="armijo"), "LBFGS: line_search_fn must be None or 'strong_wolfe': got 'armijo'"),
        (lambda: optim.LBFGS([leaf()], history_size=0), "LBFGS: history_size must be at least 1"),
        (lambda: optim.LBFGS([leaf()], max_iter=1.5), "LBFGS: max_iter must be an integer"),
        (lambda: optim.LBFGS([leaf()], max_eval=-1), "LBFGS: max_eval must be at least 0"),
        (lambda: optim.LBFGS([leaf()], tolerance_grad="x"), "LBFGS: tolerance_grad must be a number"),
        (lambda: optim.LBFGS([leaf()]).step(3), r"LBFGS\.step: closure must be a function"),
        (lambda: optim.LBFGS([leaf()]).step(), "closure"),
    ],
)
def test_wrong_settings(make, message):
    with pytest.raises((ValueError, TypeError, RuntimeError), match=message):
        make()


def test_states_that_do_not_fit_change_nothing():
    optimizer, _ = trained(tl, "logistic", {"max_iter": 4}, 1)
    good = optimizer.state_dict()
    before = str(good)
    wrong = [
        ("d", tl.ones(3)), ("d", 3.0), ("old_dirs", tl.ones(8)), ("old_dirs", [tl.ones(3)]), ("old_dirs", "x"), ("ro", ["x"]), ("ro", 1.0),
        ("t", "x"), ("prev_loss", None), ("H_diag", tl.ones(2)), ("n_iter", -1), ("unknown", [1.0]), ("func_evals", "3"),
    ]  # fmt: skip
    for key, value in wrong:
        state = copy.deepcopy(good)
        state["state"][0][key] = value
        with pytest.raises(RuntimeError, match="load_state_dict: "):
            optimizer.load_state_dict(state)
        assert str(optimizer.state_dict()) == before
    optimizer.load_state_dict(good)


def test_the_state_of_complex_parameters_goes_on():
    start = np.array([1 + 2j, -0.5j, 3.0])
    p, q = (tl.tensor(start, requires_grad=True) for _ in range(2))
    optimizers = [optim.LBFGS([x], lr=0.5, max_iter=3) for x in (p, q)]

    def closure(x, optimizer):
        def loss():
            optimizer.zero_grad()
            found = (x.abs() ** 4).sum() + 2 * x.real.sum()
            found.backward()
            return found

        return loss

    for _ in range(2):
        optimizers[0].step(closure(p, optimizers[0]))
    q.data = p.detach().clone()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    assert optimizers[1].state[q]["d"].dtype == tl.float64
    for x, optimizer in zip((p, q), optimizers, strict=True):
        optimizer.step(closure(x, optimizer))
    assert np.array_equal(p.detach().numpy(), q.detach().numpy()) and not np.allclose(p.detach().numpy(), start)
