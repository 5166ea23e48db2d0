"""Mechanics: a double pendulum from its Lagrangian alone, and clusters of atoms at rest.

    python examples/mechanics.py                    prints both beside the published values
    python examples/mechanics.py mechanics.png      and draws them (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). Frequencies of small swings, w^2 = (2 +- sqrt 2) g / l: Landau and Lifshitz, "Mechanics", section 23.
Energies of Lennard-Jones clusters: D. Wales, J. Doye, "Global optimization by basin-hopping" (1997), the Cambridge Cluster Database.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import scipy.linalg

from tensorflowlite_clone import optim
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev
from tensorflowlite_clone.integrate import odeint

G = 9.81
ENERGIES = {7: -16.505384, 13: -44.326801}


def lagrangian(q: Any, v: Any) -> Any:
    """Kinetic minus potential energy of two rods of length 1 with masses 1 at their ends, of angles and their speeds."""
    kinetic = v[0] ** 2 + v[1] ** 2 / 2 + v[0] * v[1] * np.cos(q[0] - q[1])
    return kinetic + G * (2 * np.cos(q[0]) + np.cos(q[1]))


def motion(t: Any, y: Any) -> Any:
    """Lagrange's equations, d/dt dL/dv = dL/dq, solved for the acceleration."""
    q, v = y[:2], y[2:]
    mass = hessian(lagrangian, 1)(q, v)
    mixed = jacfwd(grad(lagrangian, 1), 0)(q, v)
    return np.concatenate([v, np.linalg.solve(mass, grad(lagrangian, 0)(q, v) - mixed @ v)])


def energy(y: Any) -> Any:
    """What stays: v dL/dv - L."""
    q, v = y[:2], y[2:]
    return np.sum(v * grad(lagrangian, 1)(q, v)) - lagrangian(q, v)


def frequencies() -> Any:
    """The squares of those of small swings, in g / l: the generalised eigenvalues of two Hessians at rest."""
    rest = np.zeros(2)
    return scipy.linalg.eigh(-hessian(lagrangian, 0)(rest, rest), hessian(lagrangian, 1)(rest, rest), eigvals_only=True) / G


def cluster_energy(x: Any) -> Any:
    """The potential of Lennard-Jones over all pairs of atoms."""
    x = np.reshape(x, (-1, 3))
    i, j = np.triu_indices(x.shape[0], 1)
    sixth = np.sum((x[i] - x[j]) ** 2, axis=1) ** -3
    return 4 * np.sum(sixth**2 - sixth)


def cluster(n: int, starts: int, seed: int = 0) -> Any:
    """The lowest minimum from some random starts, each atom in a ball that holds them all."""
    rng, best = np.random.default_rng(seed), None
    for _ in range(starts):
        x = rng.uniform(-1, 1, (n, 3)) * 1.1 * (n / 13) ** (1 / 3)
        found = optim.minimize(lambda x: cluster_energy(x) / (1 + 0 * n), x.ravel(), method="L-BFGS-B", options={"maxiter": 2000})
        best = found if best is None or found.fun < best.fun else best
    return optim.minimize(cluster_energy, best.x, method="BFGS", tol=1e-8)  # type: ignore[union-attr]


def main(picture: str | None = None) -> None:
    """Both, beside what is known."""
    print("small swings:", *frequencies().round(6), "(0.585786 3.414214)")
    ts, start = np.linspace(0, 6, 241), np.array([2.0, 2.5, 0.0, 0.0])
    path = odeint(motion, start, ts, rtol=1e-9, atol=1e-9)
    print(f"energy at the beginning {energy(start):.6f}, after 6 s {energy(path[-1]):.6f}")
    growth = np.linalg.norm(jacrev(lambda y: odeint(motion, y, np.array([0.0, 2.0]))[-1])(start), 2)
    print(f"a small error of the start is {growth:.1f} times as large after 2 s")
    for n, starts in ((7, 10), (13, 60)):
        found = cluster(n, starts)
        print(
            f"{n} atoms: {found.fun:.6f} ({ENERGIES[n]}), softest vibration {np.linalg.eigvalsh(hessian(cluster_energy)(found.x))[6]:.3f}"
        )
    if picture:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure = plt.figure(figsize=(8, 3.8), layout="constrained")
        left, right = figure.add_subplot(1, 2, 1), figure.add_subplot(1, 2, 2, projection="3d")
        elbow = np.stack([np.sin(path[:, 0]), -np.cos(path[:, 0])])
        tip = elbow + np.stack([np.sin(path[:, 1]), -np.cos(path[:, 1])])
        left.plot(*tip, color="#1f6f8b", linewidth=0.9)
        left.plot([0, elbow[0, -1], tip[0, -1]], [0, elbow[1, -1], tip[1, -1]], "o-", color="#d9662b")
        left.set(aspect="equal", title="the tip of the pendulum")
        x = found.x.reshape(-1, 3)
        i, j = np.triu_indices(13, 1)
        for a, b in zip(i, j, strict=True):
            if np.linalg.norm(x[a] - x[b]) < 1.3:
                right.plot(*np.stack([x[a], x[b]]).T, color="#888888", linewidth=0.8)
        right.scatter(*x.T, s=90, color="#d9662b")
        right.set(title="13 atoms: an icosahedron")
        right.set_axis_off()
        figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:2])
