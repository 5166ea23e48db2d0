"""Writes accuracy.md and gradient_error.png: errors of gradients of solutions and of special functions, time and memory of sparse Hessians.

python docs/science/accuracy.py        needs SciPy, matplotlib and mpmath
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "tests"))

import matplotlib as mpl
import numpy as np
import scipy.sparse as sp
import special_cases

from tensorflowlite_clone.func import grad, hessian_sparse, hvp, vmap
from tensorflowlite_clone.integrate import odeint

mpl.use("Agg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
#: At how many places each special function is looked at.
PLACES = 300
RTOLS = 10.0 ** -np.arange(3, 12)


def predators(t: Any, y: Any, p: Any) -> Any:
    """Lotka and Volterra's."""
    return np.stack([(p[0] - p[1] * y[1]) * y[0], (p[3] * y[0] - p[2]) * y[1]])


def oscillator(t: Any, y: Any, p: Any) -> Any:
    """Van der Pol's."""
    return np.stack([y[1], p[0] * (1 - y[0] ** 2) * y[1] - p[1] * y[0]])


def network(t: Any, y: Any, p: Any) -> Any:
    """A layer of 50 units."""
    return np.tanh(p @ y)


PROBLEMS: dict[str, tuple[Any, Any, Any, float]] = {
    "Lotka-Volterra": (predators, np.array([10.0, 5.0]), np.array([1.0, 0.1, 1.5, 0.075]), 10.0),
    "van der Pol, mu = 5": (oscillator, np.array([2.0, 0.0]), np.array([5.0, 1.0]), 4.0),
    "tanh of 50 x 50": (network, np.ones(50), np.random.default_rng(0).normal(size=(50, 50)) / 8, 10.0),
}


def seconds(f: Callable[[], Any]) -> float:
    """The least of five."""
    found = []
    for _ in range(5):
        start = time.thread_time()
        f()
        found.append(time.thread_time() - start)
    return min(found)


def gradients() -> list[str]:
    """The plot, and a table of times."""
    lines = [
        "| problem | method | solution, ms | with gradient, ms | ratio | error of the gradient by rtol, at 1e-6 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained", sharey=True)
    for ax, (name, (f, y0, p, end)) in zip(axes, PROBLEMS.items(), strict=True):
        ts = np.linspace(0, end, 6)
        run = lambda p, f=f, y0=y0, ts=ts, **how: np.sum(odeint(f, y0, ts, p, **how) ** 2)  # noqa: E731
        exact = grad(lambda p: run(p, rtol=1e-13, atol=1e-13))(p)  # noqa: B023
        for method in ("RK45", "DOP853", "Radau", "BDF"):
            if len(y0) > 2 and method in ("Radau", "BDF"):
                continue
            rtols = RTOLS[:5] if method in ("Radau", "BDF") else RTOLS
            errors = []
            for rtol in rtols:
                found = grad(lambda p: run(p, method=method, rtol=rtol, atol=rtol / 100))(p)  # noqa: B023
                errors.append(np.abs(found - exact).max() / np.abs(exact).max())
            ax.loglog(rtols, errors, "o-", markersize=3, label=method)
            how = {"method": method, "rtol": 1e-6, "atol": 1e-8}
            plain = seconds(lambda: run(p, **how))  # noqa: B023
            both = seconds(lambda: grad(lambda p: run(p, **how))(p))  # noqa: B023
            lines.append(f"| {name} | {method} | {1e3 * plain:.1f} | {1e3 * both:.1f} | {both / plain:.1f} | {errors[3] / 1e-6:.2g} |")
        ax.loglog(RTOLS, RTOLS, "--", color="#888888")
        ax.loglog(RTOLS, 100 * RTOLS, ":", color="#888888")
        ax.set(title=name, xlabel="rtol")
    axes[0].set(ylabel="relative error of the gradient")
    axes[1].legend(frameon=False)
    figure.savefig(HERE / "gradient_error.png", dpi=100)
    return lines


def functions() -> list[str]:
    """A table of maximal relative errors of values and slopes."""
    lines = ["| function | value | slopes, by operand |", "| --- | --- | --- |"]
    for name in special_cases.CASES:
        value, slopes = special_cases.errors(name, PLACES)
        lines.append(f"| {name} | {value:.1e} | {', '.join(f'{s:.1e}' for s in slopes)} |")
    return lines


def film(u: Any) -> Any:
    """The area of a soap film over a square, of triangles."""
    n = round(u.shape[0] ** 0.5)
    p = np.pad(np.reshape(u, (n, n)), 1) * (n + 1)
    a, b, c, d = p[:-1, :-1], p[1:, :-1], p[:-1, 1:], p[1:, 1:]
    return np.sum(np.sqrt(1 + (b - a) ** 2 + (c - a) ** 2) + np.sqrt(1 + (d - c) ** 2 + (d - b) ** 2)) / (2 * (n + 1) ** 2)


def hessians() -> list[str]:
    """A table: by colours, dense (blocks of 256 products, of which one is measured), and differences of gradients (20 measured)."""
    n, rng = 100, np.random.default_rng(0)
    u, unknowns = rng.normal(size=n * n) / 10, n * n
    ones = sp.diags_array([np.ones(n)] * 3, offsets=[-1, 0, 1], shape=(n, n))
    second = hessian_sparse(film, sparsity=sp.kron(ones, ones))
    block = lambda: vmap(lambda s: hvp(film, (u,), (s,))[1])(np.eye(256, unknowns))  # noqa: E731

    def differences() -> None:
        for k in range(20):
            e = np.zeros(unknowns)
            e[k] = 1e-5
            (grad(film)(u + e) - grad(film)(u - e)) / 2e-5

    second(u)
    lines = ["| way | time, s | memory, MiB |", "| --- | --- | --- |"]
    for name, f, times, extra in (
        (f"colouring, {second.colours} products", lambda: second(u), 1.0, 0.0),
        ("dense", block, unknowns / 256, 8 * unknowns**2 / 2**20),
        ("differences of gradients", differences, unknowns / 20, 8 * unknowns**2 / 2**20),
    ):
        spent = seconds(f) * times
        tracemalloc.start()
        f()
        lines.append(f"| {name} | {spent:.3g} | {extra + tracemalloc.get_traced_memory()[1] / 2**20:.0f} |")
        tracemalloc.stop()
    return lines


def main() -> None:
    """Measure, and write the page."""
    text = [
        "# Accuracy and cost\n",
        "Written by [accuracy.py](accuracy.py). Times are of one thread, the least of five.\n",
        "## Gradients of solutions\n",
        "Of a sum of squares at six times, in all parameters; dashed: rtol, dotted: 100 rtol.\n",
        "![Relative error of gradients by tolerance](gradient_error.png)\n",
        *gradients(),
        "\n## Special functions\n",
        f"The largest error of SciPy's functions on followed values against mpmath, at {PLACES} places each, drawn, and at edges of their "
        "domains; relative to the value and to what a relative change of the operands makes of it.\n",
        *functions(),
        "\n## The Hessian of a finite element energy\n",
        "The area of a soap film of triangles over a grid of 100 x 100 unknowns.\n",
        *hessians(),
    ]
    (HERE / "accuracy.md").write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
