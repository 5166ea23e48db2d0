"""`GaussNewton` and `LevenbergMarquardt`: NIST's certified values, the Jacobian both ways, state, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from nist import PROBLEMS as ALL

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim

PROBLEMS = {name: ALL[name] for name in ("Misra1a", "Thurber", "MGH09", "BoxBOD")}
BOTH = [optim.GaussNewton, optim.LevenbergMarquardt]


def fitted(name, k, make, steps):
    """The optimizer and the parameters after so many steps from the k-th start, and the function of the residuals."""
    problem = PROBLEMS[name]
    x, y = (tl.tensor(v, dtype=tl.float64) for v in (problem.x, problem.y))
    b = tl.tensor(problem.starts[k], dtype=tl.float64, requires_grad=True)
    optimizer = make([b])

    def residuals():
        return problem.model(tl, b, x) - y

    for _ in range(steps):
        optimizer.step(residuals)
    return optimizer, b, residuals


def reached(name, b, residuals, digits=1e-6):
    np.testing.assert_allclose(b.detach().numpy(), PROBLEMS[name].certified, rtol=digits)
    assert (residuals() ** 2).sum().item() == pytest.approx(PROBLEMS[name].squares, rel=1e-9)


@pytest.mark.parametrize("k", [0, 1])
@pytest.mark.parametrize("name", PROBLEMS)
def test_certified_values_are_reached(name, k):
    _, b, residuals = fitted(name, k, lambda ps: optim.LevenbergMarquardt(ps, max_iter=500), 1)
    reached(name, b, residuals)


@pytest.mark.parametrize(("name", "k"), [(n, k) for n in PROBLEMS for k in (0, 1) if (n, k) != ("BoxBOD", 0)])
def test_certified_values_are_reached_scaled(name, k):
    """But for one start of BoxBOD, from where the second parameter runs away (the model is then a constant)."""
    _, b, residuals = fitted(name, k, lambda ps: optim.LevenbergMarquardt(ps, max_iter=500, scaling=True), 1)
    reached(name, b, residuals)


@pytest.mark.parametrize(("name", "k"), [(n, k) for n in PROBLEMS for k in (0, 1) if (n, k) != ("MGH09", 0)])
def test_certified_values_are_reached_without_damping(name, k):
    """But for the far start of MGH09."""
    _, b, residuals = fitted(name, k, lambda ps: optim.GaussNewton(ps, max_iter=300), 1)
    reached(name, b, residuals)


def test_units_of_parameters_do_not_matter_when_scaled():
    """The iterates in other units are the same points."""
    x = tl.linspace(0, 1, 12, dtype=tl.float64)
    y = 3 * tl.exp(-2 * x)
    found = []
    for units in ([1.0, 1.0], [1e4, 1e-3]):
        u = tl.tensor(units, dtype=tl.float64)
        p = (tl.tensor([1.0, 0.5], dtype=tl.float64) / u).requires_grad_()
        optimizer = optim.LevenbergMarquardt([p], max_iter=4, scaling=True)
        optimizer.step(lambda p=p, u=u: (p * u)[0] * tl.exp((p * u)[1] * x) - y)
        found.append((p.detach() * u).numpy())
    np.testing.assert_allclose(*found, rtol=1e-8)


@pytest.mark.parametrize("kind", BOTH)
def test_a_linear_problem_is_solved_in_one_iteration(kind):
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(20, 5)), rng.normal(size=20)
    layer = nn.Linear(5, 1).double()
    settings = {"damping": 1e-14} if kind is optim.LevenbergMarquardt else {}
    optimizer = kind(layer.parameters(), max_iter=1, **settings)
    loss = optimizer.step(lambda: layer(tl.tensor(a))[:, 0] - tl.tensor(y))
    assert loss.dtype == tl.float64 and loss.shape == ()
    expected = np.linalg.lstsq(np.hstack([a, np.ones((20, 1))]), y, rcond=None)[0]
    np.testing.assert_allclose([*layer.weight.detach().numpy()[0], layer.bias.item()], expected, rtol=1e-7)


@pytest.mark.parametrize("m", [3, 30])
def test_jacobian_both_ways(m):
    """More parameters than residuals, and fewer; one that takes no part."""
    rng = np.random.default_rng(1)
    layer, x = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1)).double(), tl.tensor(rng.normal(size=(m, 2)))
    unused = tl.ones(2, dtype=tl.float64, requires_grad=True)
    optimizer = optim.GaussNewton([*layer.parameters(), unused])
    found = optimizer._model(layer(x).reshape(-1))
    rows = [tl.cat([g.reshape(-1) for g in tl.autograd.grad(layer(x)[i, 0], list(layer.parameters()))]).numpy() for i in range(m)]
    np.testing.assert_allclose(found.jacobian, np.hstack([np.array(rows), np.zeros((m, 2))]), rtol=1e-10, atol=1e-14)


def test_networks_are_trained():
    """Below the noise that Adam leaves after many more evaluations."""
    rng = np.random.default_rng(2)
    x = tl.tensor(rng.uniform(-2, 2, size=(60, 1)))
    y = tl.sin(2 * x)
    tl.manual_seed(0)
    net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    optimizer = optim.LevenbergMarquardt(net.parameters())
    with tl.no_grad():
        losses = [optimizer.step(lambda: net(x) - y).item() for _ in range(6)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 1e-4 * losses[0]


@pytest.mark.parametrize("kind", BOTH)
def test_saved_and_loaded_at_every_step(kind, tmp_path):
    _, whole, _ = fitted("MGH09", 1, lambda ps: kind(ps, max_iter=3), 6)
    for start in range(6):
        optimizer, b, _ = fitted("MGH09", 1, lambda ps: kind(ps, max_iter=3), start)
        tl.save({"b": b.detach(), "state": optimizer.state_dict()}, tmp_path / "state")
        saved = tl.load(tmp_path / "state")
        optimizer, again, residuals = fitted("MGH09", 1, kind, 0)
        again.data.copy_(saved["b"])
        optimizer.load_state_dict(saved["state"])
        for _ in range(start, 6):
            optimizer.step(residuals)
        np.testing.assert_array_equal(again.detach().numpy(), whole.detach().numpy())
        assert {k.removesuffix("?") for k in optimizer.state_shapes(again, {})} == set(optimizer.state[again])


@pytest.mark.parametrize("kind", BOTH)
def test_float32_and_failures_leave_parameters_as_they_were(kind):
    p = tl.tensor([1.0, 2.0], requires_grad=True)
    optimizer = kind([p])
    memory = p.array
    optimizer.step(lambda: p * p - 2)
    assert p.array is memory and p.dtype == tl.float32
    np.testing.assert_allclose(memory, np.sqrt([2, 2]), rtol=1e-5)
    before, name = p.tolist(), kind.__name__
    wrong = [
        (3, rf"{name}\.step: closure must be a function"), (lambda: 3.0, "closure must return the residuals, a real tensor: got float"),
        (lambda: p.detach(), "must depend on the parameters"), (lambda: p * 1j, "a real tensor: got a tensor of complex64"),
        (lambda: p / 0, "residuals must be finite at the beginning: the loss is inf"),
    ]  # fmt: skip
    for closure, message in wrong:
        with pytest.raises((ValueError, TypeError), match=message):
            optimizer.step(closure)
        assert p.tolist() == before
    for make, message in [
        (lambda: kind([p], max_iter=-1), "max_iter must be at least 0"), (lambda: kind([tl.ones(2)]), "must be real and require grad"),
        (lambda: kind([tl.ones(2, dtype=tl.complex64, requires_grad=True)]), "must be real and require grad"),
        (lambda: kind([{"params": [p]}, {"params": [tl.ones(1, requires_grad=True)]}]), "takes one group"),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=f"{name}: .*{message}"):
            make()
    if kind is optim.GaussNewton:
        with pytest.raises(ValueError, match="GaussNewton: line_search_fn must be None or 'backtracking'"):
            kind([p], line_search_fn="strong_wolfe")


def test_steps_that_lead_nowhere_are_taken_back():
    """Where the residuals are no numbers further on."""
    p = tl.tensor([0.5], dtype=tl.float64, requires_grad=True)
    for optimizer in (optim.GaussNewton([p], lr=100.0), optim.LevenbergMarquardt([p], damping=1e-12)):
        p.data.fill_(0.01)
        optimizer.step(lambda: tl.log(p))
        assert p.item() == pytest.approx(1.0, rel=1e-5)
    p.data.fill_(1.0)
    optimizer = optim.GaussNewton([p], lr=1.0)
    optimizer.step(lambda: tl.cat([p, p + 1, 1 / (p - p.detach() + 1)]))
    assert np.isfinite(p.item())
