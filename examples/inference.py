"""Inference: eight schools by a No-U-Turn sampler, and a Gaussian process by maximum likelihood.

    python examples/inference.py                    prints both beside the published values
    python examples/inference.py inference.png      and draws them (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). Sampler: M. Hoffman, A. Gelman, "The No-U-Turn sampler" (2014), algorithm 6. Eight schools: D. Rubin
(1981), with the priors and the reference posterior of posteriordb. Process: scikit-learn's introductory example.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tensorflowlite_clone import optim
from tensorflowlite_clone.func import value_and_grad

EFFECTS, ERRORS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
POSTERIOR = {"mu": (4.41, 3.31), "tau": (3.60, 3.21)}  # means and deviations


def schools(q: Any) -> Any:
    """The logarithm of the posterior density, of mu, log tau and eight standardised effects."""
    mu, tau, z = q[0], np.exp(q[1]), q[2:]
    prior = -(mu**2) / 50 - np.log1p((tau / 5) ** 2) + q[1] - np.sum(z**2) / 2
    return prior - np.sum(((EFFECTS - mu - tau * z) / ERRORS) ** 2) / 2


def nuts(density: Callable[..., Any], q: Any, draws: int, warmup: int, seed: int = 0, target: float = 0.9) -> Any:
    """Samples (draws, n) of a density given by its logarithm, after ``warmup`` steps that choose the step size."""
    rng, slope = np.random.default_rng(seed), value_and_grad(density)

    def leap(state: Any, eps: float) -> Any:
        q, p, _, g = state
        p = p + eps / 2 * g
        q = q + eps * p
        value, g = slope(q)
        return q, p + eps / 2 * g, float(value), g

    def turning(left: Any, right: Any) -> bool:
        across = right[0] - left[0]
        return bool(across @ left[1] < 0 or across @ right[1] < 0)

    def tree(state: Any, way: int, depth: int, eps: float, slice_: float, start: float) -> Any:
        """Both ends, a sample, the count of samples, whether to stop, and the sum and number of acceptances."""
        if depth == 0:
            new = leap(state, way * eps)
            energy = new[2] - new[1] @ new[1] / 2
            return new, new, new, float(slice_ <= energy), not slice_ < energy + 1000, min(1.0, np.exp(min(energy - start, 0.0))), 1
        left, right, sample, count, stop, alpha, steps = tree(state, way, depth - 1, eps, slice_, start)
        if not stop:
            left2, right2, sample2, count2, stop, alpha2, steps2 = tree(left if way < 0 else right, way, depth - 1, eps, slice_, start)
            left, right = (left2, right) if way < 0 else (left, right2)
            if rng.uniform() * max(count + count2, 1e-300) < count2:
                sample = sample2
            count, alpha, steps = count + count2, alpha + alpha2, steps + steps2
            stop = stop or turning(left, right)
        return left, right, sample, count, stop, alpha, steps

    value, g = slope(q)
    state, eps, mean, log_mean = (q, None, float(value), g), 0.1, 0.0, 0.0
    centre, kept = np.log(10 * eps), []
    for m in range(1, warmup + draws + 1):
        p = rng.normal(size=len(q))
        start = state[2] - p @ p / 2
        left = right = (state[0], p, state[2], state[3])
        slice_, count, stop, depth = start - rng.exponential(), 1.0, False, 0
        while not stop and depth < 10:
            way = 1 if rng.uniform() < 0.5 else -1
            l2, r2, sample, more, stop, alpha, steps = tree(left if way < 0 else right, way, depth, eps, slice_, start)
            left, right = (l2, right) if way < 0 else (left, r2)
            if not stop and rng.uniform() * count < more:
                state = sample
            count, depth = count + more, depth + 1
            stop = stop or turning(left, right)
        if m <= warmup:  # dual averaging
            mean += (target - alpha / steps - mean) / (m + 10)
            log_eps = centre - np.sqrt(m) / 0.05 * mean
            log_mean += m**-0.75 * (log_eps - log_mean)
            eps = float(np.exp(log_eps if m < warmup else log_mean))
        else:
            kept.append(state[0])
    return np.array(kept)


def covariance(x: Any, y: Any, p: Any) -> Any:
    """A squared exponential of a size and a length, given by their logarithms."""
    return np.exp(2 * p["size"]) * np.exp(-(((x[:, None] - y) / np.exp(p["length"])) ** 2) / 2)


def surprise(p: Any, x: Any, y: Any) -> Any:
    """Minus the logarithm of the marginal likelihood."""
    factor = np.linalg.cholesky(covariance(x, x, p) + 1e-10 * np.eye(len(x)))
    white = np.linalg.solve(factor, y[:, None])
    return np.sum(white**2) / 2 + np.sum(np.log(np.diagonal(factor))) + len(x) / 2 * np.log(2 * np.pi)


def main(picture: str | None = None, draws: int = 2000) -> None:
    """Both, beside what was published."""
    sample = nuts(schools, np.zeros(10), int(draws), 1000)
    for name, values in {"mu": sample[:, 0], "tau": np.exp(sample[:, 1])}.items():
        print(f"{name:3} {values.mean():.2f}, deviation {values.std():.2f} (mean {POSTERIOR[name][0]}, deviation {POSTERIOR[name][1]})")
    grid = np.linspace(0, 10, 1000)
    x = grid[np.random.RandomState(1).choice(np.arange(1000), size=6, replace=False)]
    p = optim.minimize(surprise, {"size": 0.0, "length": 0.0}, (x, x * np.sin(x))).x
    print(f"kernel {np.exp(p['size']):.2f}**2 * RBF(length_scale={np.exp(p['length']):.2f}) (5.02**2 * RBF(length_scale=1.43))")
    if picture:
        draw(picture, sample, grid, x, p)


def draw(path: str, sample: Any, grid: Any, x: Any, p: Any) -> None:
    """The joint posterior of mu and tau, and the process with two deviations around."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    left.plot(sample[:, 0], np.exp(sample[:, 1]), ".", markersize=2, color="#1f6f8b")
    left.set(xlabel="mu", ylabel="tau", yscale="log")
    across = covariance(grid, x, p)
    weights = np.linalg.solve(covariance(x, x, p) + 1e-10 * np.eye(len(x)), np.column_stack([x * np.sin(x), across.T]))
    mean, spread = across @ weights[:, 0], 2 * np.sqrt(np.maximum(np.exp(2 * p["size"]) - np.sum(across * weights[:, 1:].T, 1), 0))
    right.fill_between(grid, mean - spread, mean + spread, color="#cfe3ea")
    right.plot(grid, grid * np.sin(grid), "--", color="#888888")
    right.plot(grid, mean, color="#1f6f8b")
    right.plot(x, x * np.sin(x), "o", color="#d9662b")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:2])
