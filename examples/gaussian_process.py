"""A Gaussian process through six points, by maximum likelihood.

    python examples/gaussian_process.py                  prints the kernel beside scikit-learn's
    python examples/gaussian_process.py process.png      and draws it (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). Data and result: scikit-learn's introductory example of Gaussian process regression, without noise.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from tensorflowlite_clone import optim

GRID = np.linspace(0, 10, 1000)
X = GRID[np.random.RandomState(1).choice(np.arange(1000), size=6, replace=False)]
Y = X * np.sin(X)


def covariance(x: Any, y: Any, p: Any) -> Any:
    """A squared exponential of a size and a length, given by their logarithms."""
    return np.exp(2 * p["size"]) * np.exp(-(((x[:, None] - y) / np.exp(p["length"])) ** 2) / 2)


def surprise(p: Any, x: Any, y: Any) -> Any:
    """Minus the logarithm of the marginal likelihood."""
    factor = np.linalg.cholesky(covariance(x, x, p) + 1e-10 * np.eye(len(x)))
    white = np.linalg.solve(factor, y[:, None])
    return np.sum(white**2) / 2 + np.sum(np.log(np.diagonal(factor))) + len(x) / 2 * np.log(2 * np.pi)


def main(picture: str | None = None) -> Any:
    """Fit, compare, draw."""
    p = optim.minimize(surprise, {"size": 0.0, "length": 0.0}, (X, Y)).x
    print(f"kernel {np.exp(p['size']):.2f}**2 * RBF(length_scale={np.exp(p['length']):.2f}) (5.02**2 * RBF(length_scale=1.43))")
    if picture:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        across = covariance(GRID, X, p)
        weights = np.linalg.solve(covariance(X, X, p) + 1e-10 * np.eye(len(X)), np.column_stack([Y, across.T]))
        mean, variance = across @ weights[:, 0], np.exp(2 * p["size"]) - np.sum(across * weights[:, 1:].T, 1)
        spread = 2 * np.sqrt(np.maximum(variance, 0))
        figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
        axes.fill_between(GRID, mean - spread, mean + spread, color="#cfe3ea")
        axes.plot(GRID, GRID * np.sin(GRID), "--", color="#888888")
        axes.plot(GRID, mean, color="#1f6f8b")
        axes.plot(X, Y, "o", color="#d9662b")
        figure.savefig(picture, dpi=100)
    return p


if __name__ == "__main__":
    main(*sys.argv[1:2])
