"""Programs of people who compute: bodies, waves, differential equations, likelihoods, with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import workload
from .common import fill, gradient, layers, normal, training, uniform


@workload(1, 1, 1e-3)
def n_body(torch: Any) -> Any:
    """Ten leapfrog steps of 64 bodies under gravity, differentiated by where they began."""
    speed = normal(torch, 64, 3, seed=2, scale=0.1)

    def pull(x: Any) -> Any:
        d = x[None] - x[:, None]
        return (d / ((d * d).sum(-1, keepdim=True) + 0.1) ** 1.5).sum(1) / 64

    def f(x: Any) -> Any:
        v = speed
        for _ in range(10):
            v = v + 0.01 * pull(x)
            x = x + 0.02 * v
        return x.square().mean()

    return gradient(torch, f, normal(torch, 64, 3))


@workload(1, 1, 1e-3)
def wave_equation(torch: Any) -> Any:
    """50 steps of the wave equation on a grid of 64x64, differentiated by the speed of sound at each place."""
    start = torch.exp(-((torch.arange(64.0)[:, None] - 32) ** 2 + (torch.arange(64.0) - 32) ** 2) / 20.0)

    def f(c: Any) -> Any:
        before = now = start
        for _ in range(50):
            bent = now.roll(1, 0) + now.roll(-1, 0) + now.roll(1, 1) + now.roll(-1, 1) - 4.0 * now
            before, now = now, 2.0 * now - before + 0.1 * c * bent
        return now.square().mean()

    return gradient(torch, f, uniform(torch, 64, 64, low=0.5, high=1.5))


@workload(1, 2, 1e-3)
def physics_informed(torch: Any) -> Any:
    """A network that shall solve u'' = -u at 256 places (M. Raissi et al. 2019): second derivatives inside the loss; Adam."""
    nn = torch.nn
    model = fill(torch, nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)))
    x = torch.tensor(np.linspace(0.0, 3.0, 256, dtype="f4")[:, None], requires_grad=True)

    def loss() -> Any:
        u = model(x)
        (first,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        return (second + u).square().mean() + (u[0] - 1.0).square().sum()

    return training(torch, model.parameters(), loss)


@workload(1, 2, 1e-3)
def neural_ode(torch: Any) -> Any:
    """20 Runge-Kutta steps through a small network (R. Chen et al. 2018), 64 paths of 2 numbers; Adam."""
    model, x, goal = fill(torch, layers(torch, 2, 32, 2)), normal(torch, 64, 2), normal(torch, 64, 2, seed=2)

    def loss() -> Any:
        y, h = x, 0.05
        for _ in range(20):
            a = model(y)
            b = model(y + 0.5 * h * a)
            c = model(y + 0.5 * h * b)
            d = model(y + h * c)
            y = y + h / 6.0 * (a + 2.0 * b + 2.0 * c + d)
        return (y - goal).square().mean()

    return training(torch, model.parameters(), loss)


@workload(1, 1, 1e-3)
def gaussian_process(torch: Any) -> Any:
    """The log marginal likelihood of a Gaussian process of 300 points, by its three parameters."""
    x, y = uniform(torch, 300, 2), normal(torch, 300, 1, seed=2)

    def f(log: Any) -> Any:
        length, size, noise = torch.exp(log).unbind()
        d = (x[:, None] - x[None]).square().sum(-1)
        k = size * torch.exp(-0.5 * d / length**2) + (noise + 0.1) * torch.eye(300)
        factor = torch.linalg.cholesky(k)
        return (0.5 * y.T @ torch.cholesky_solve(y, factor) + factor.diagonal().log().sum()).sum() / 300

    return gradient(torch, f, torch.zeros(3))


@workload(1, 1, 1e-3)
def gaussian_mixture(torch: Any) -> Any:
    """The log-likelihood of 2,000 points of 8 numbers under 16 Gaussians with diagonal spreads, by all parameters."""
    x = normal(torch, 2000, 8)

    def f(weights: Any, means: Any, spreads: Any) -> Any:
        z = (x[:, None] - means) * torch.exp(-spreads)
        logs = torch.log_softmax(weights, 0) - 0.5 * z.square().sum(-1) - spreads.sum(-1)
        return torch.logsumexp(logs, 1).mean()

    return gradient(torch, f, torch.zeros(16), normal(torch, 16, 8, seed=2), normal(torch, 16, 8, seed=3, scale=0.1))


@workload(1, 1, 1e-3)
def hamiltonian_monte_carlo(torch: Any) -> Any:
    """Twenty leapfrog steps (R. Neal 2011) under a logistic regression's posterior of 20 numbers on 500 rows."""
    x, y = normal(torch, 500, 20), (normal(torch, 500, seed=2) > 0).float()

    def slope(w: Any) -> Any:
        w = w.detach().requires_grad_()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y, reduction="sum") + 0.5 * w.square().sum()
        (found,) = torch.autograd.grad(loss, w)
        return found

    start, push = normal(torch, 20, seed=3, scale=0.1), normal(torch, 20, seed=4)

    def step() -> float:
        w, p = start, push - 0.005 * slope(start)
        for _ in range(20):
            w = w + 0.01 * p
            p = p - 0.01 * slope(w)
        return float(w.square().sum())

    return step


@workload(1, 1, 1e-3)
def k_means(torch: Any) -> Any:
    """Five steps of k-means: 2,000 points of 16 numbers, 32 centres, without gradients."""
    x = normal(torch, 2000, 16)

    def step() -> float:
        centres = x[:32]
        for _ in range(5):
            nearest = torch.cdist(x, centres).argmin(1)
            sums = torch.zeros(32, 16).index_add(0, nearest, x)
            counts = torch.bincount(nearest, minlength=32)[:, None].clamp(min=1)
            centres = sums / counts
        return float(centres.square().sum())

    return step


@workload(1, 1, 1e-3)
def rotations(torch: Any) -> Any:
    """10,000 unit quaternions made into rotations of points, differentiated."""
    points = normal(torch, 10_000, 3, seed=2)

    def f(q: Any) -> Any:
        w, x, y, z = (q / q.norm(dim=1, keepdim=True)).unbind(1)
        rows = (
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), 2 * (x * y + w * z), 1 - 2 * (x * x + z * z),
            2 * (y * z - w * x), 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
        )  # fmt: skip
        turned = (torch.stack(rows, 1).reshape(-1, 3, 3) @ points[:, :, None])[..., 0]
        return (turned * points).sum(1).square().mean()

    return gradient(torch, f, normal(torch, 10_000, 4))


@workload(1, 1, 1e-3)
def lennard_jones(torch: Any) -> Any:
    """Forces of 100 atoms under the Lennard-Jones potential, pairs by number."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3)[:100] * 1.2
    place = torch.tensor((grid + 0.05 * rng.normal(size=grid.shape)).astype("f4"))
    i, j = (torch.tensor(a) for a in np.triu_indices(100, 1))

    def f(x: Any) -> Any:
        d = x[i] - x[j]
        r6 = 1.0 / (d * d).sum(1) ** 3
        return (4.0 * (r6 * r6 - r6)).sum()

    return gradient(torch, f, place)
