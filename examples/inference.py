"""Inference: the effects of coaching in eight schools, by a No-U-Turn sampler.

    python examples/inference.py                    prints the posterior beside the published one
    python examples/inference.py inference.png      and draws it (needs matplotlib, the extra ``viz``)

Sampler: M. Hoffman, A. Gelman, "The No-U-Turn sampler" (2014), algorithm 6. Eight schools: D. Rubin (1981), with the priors and the
reference posterior of posteriordb.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

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


def main(picture: str | None = None, draws: int = 2000) -> Any:
    """Sample, and compare."""
    sample = nuts(schools, np.zeros(10), draws, 1000)
    for name, values in {"mu": sample[:, 0], "tau": np.exp(sample[:, 1])}.items():
        print(f"{name:3} {values.mean():.2f}, deviation {values.std():.2f} (mean {POSTERIOR[name][0]}, deviation {POSTERIOR[name][1]})")
    if picture:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
        axes.plot(sample[:, 0], np.exp(sample[:, 1]), ".", markersize=2, color="#1f6f8b")
        axes.set(xlabel="mu", ylabel="tau", yscale="log", title="a funnel, which steps of one size have to pass")
        figure.savefig(picture, dpi=100)
    return sample


if __name__ == "__main__":
    main(*sys.argv[1:2])
