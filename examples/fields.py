"""Fields: torsion of a square bar by sparse systems, what it owes to each point, a soap film by Newton's method, and cooling backwards.

    python examples/fields.py                 prints each beside its published value
    python examples/fields.py fields.png      and draws them (needs matplotlib, the extra ``viz``)

Needs SciPy (the extra ``scipy``). Torsion: Timoshenko and Goodier, "Theory of elasticity", article 109: J = 0.1406 for a square of side 1.
Soap film: Scherk's first surface, z = log(cos(y) / cos(x)), is minimal (H. Scherk, 1834).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import scipy.sparse as sp

import tensorflowlite_clone as tl
from tensorflowlite_clone import optim
from tensorflowlite_clone.func import grad, hessian_sparse


def stiffness(n: int) -> tuple[Any, Any]:
    """Where the edges of a grid of (n, n) inner points are, 0 outside: their first and second points, -1 for the boundary."""
    i = np.full((n + 2, n + 2), -1)
    i[1:-1, 1:-1] = np.arange(n * n).reshape(n, n)
    first = np.concatenate([i[1:-1, :-1].ravel(), i[:-1, 1:-1].ravel()])
    second = np.concatenate([i[1:-1, 1:].ravel(), i[1:, 1:-1].ravel()])
    return first, second


def torsion(conductances: Any, n: int) -> Any:
    """The torsion constant 2 int phi of a bar of side 1, -div(c grad phi) = 2; one conductance for each edge."""
    first, second = stiffness(n)
    both = (first >= 0) & (second >= 0)
    ends = np.concatenate([first[first >= 0], second[second >= 0], first[both], second[both]])
    others = np.concatenate([first[first >= 0], second[second >= 0], second[both], first[both]])
    values = np.concatenate([conductances[first >= 0], conductances[second >= 0], -conductances[both], -conductances[both]])
    h = 1 / (n + 1)
    phi = tl.sparse.solve(tl.sparse_coo_tensor(np.stack([ends, others]), values, (n * n, n * n)), np.full(n * n, 2 * h * h))
    return 2 * h * h * np.sum(phi)


def area(z: Any, edge: Any) -> Any:
    """The area of the surface over a grid of triangles, with given heights at its boundary."""
    n, h = edge.shape[0], 2 / (edge.shape[0] - 1)
    full = np.pad(np.reshape(z, (n - 2, n - 2)), 1) + edge
    a, b, c, d = full[:-1, :-1], full[1:, :-1], full[:-1, 1:], full[1:, 1:]
    lower, upper = 1 + ((b - a) ** 2 + (c - a) ** 2) / h**2, 1 + ((d - c) ** 2 + (d - b) ** 2) / h**2
    return np.sum(np.sqrt(lower) + np.sqrt(upper)) * h * h / 2


def soap_film(n: int) -> tuple[Any, Any, int]:
    """Scherk's surface over (-1, 1)^2 from its boundary: found heights, its own, and of how many colours the Hessian is."""
    x, y = np.meshgrid(*[np.linspace(-1, 1, n)] * 2, indexing="ij")
    exact = np.log(np.cos(y) / np.cos(x))
    edge = exact.copy()
    edge[1:-1, 1:-1] = 0
    ones = sp.diags_array([np.ones(n - 2)] * 3, offsets=[-1, 0, 1], shape=(n - 2, n - 2))
    second = hessian_sparse(area, sparsity=sp.kron(ones, ones))
    z = np.zeros((n - 2) ** 2)
    for _ in range(8):  # Newton's method
        z = z - tl.sparse.solve(second(z, edge), grad(area)(z, edge))
    return z.reshape(n - 2, n - 2), exact[1:-1, 1:-1], second.colours


def cooling(diffusivity: Any, u: Any, steps: int = 40, end: float = 0.02) -> Any:
    """The temperature of a square plate, 0 around, at the end: Crank and Nicolson's steps, of one factorised matrix."""
    n, dt = round(u.shape[0] ** 0.5), end / steps
    line = sp.diags_array([np.ones(n - 1), np.full(n, -2.0), np.ones(n - 1)], offsets=[-1, 0, 1]) * (n + 1) ** 2
    coo = (sp.kron(line, sp.eye_array(n)) + sp.kron(sp.eye_array(n), line)).tocoo()
    half = diffusivity * dt / 2
    places, shape = np.stack([coo.row, coo.col]), coo.shape
    left = tl.sparse_coo_tensor(places, (coo.row == coo.col) - half * coo.data, shape)
    for _ in range(steps):
        u = tl.sparse.solve(left, u + half * (coo @ u))
    return u


def main(picture: str | None = None) -> None:
    """All three."""
    coarse, fine = (torsion(np.ones(2 * n * (n + 1)), n) for n in (31, 63))
    print(f"torsion of a square bar: {fine + (fine - coarse) / 3:.4f} (0.1406)")
    owed = grad(torsion)(np.ones(2 * 63 * 64), 63)
    print(f"sum of its slopes in the {owed.size} conductances: {owed.sum():.6f}, by homogeneity {-fine:.6f}")
    found, exact, colours = soap_film(81)
    print(f"Scherk's surface, {found.size} unknowns, {colours} products a Hessian: error {np.abs(found - exact).max():.1e}")
    n = 31
    x = np.arange(1, n + 1) / (n + 1)
    u0 = np.outer(np.sin(np.pi * x), np.sin(np.pi * x)).ravel()
    warm = cooling(np.array(1.0), u0)
    print(f"rate of cooling: {-np.log(warm[n * n // 2] / u0[n * n // 2]) / 0.02:.3f} (2 pi^2 = {2 * np.pi**2:.3f})")
    result = optim.least_squares(lambda d: cooling(d["d"], u0) - cooling(np.array(0.7), u0), {"d": 1.0})
    print(f"diffusivity from the temperature at the end: {result.x['d']:.6f} (0.7)")
    if picture:
        import matplotlib as mpl

        mpl.use("Agg")
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
        shown = {"torsion owes": -owed[: 63 * 64].reshape(63, 64), "Scherk's surface": found, "after cooling": warm.reshape(n, n)}
        for ax, (title, image) in zip(axes, shown.items(), strict=True):
            figure.colorbar(ax.imshow(image, cmap="cividis"), shrink=0.8)
            ax.set(title=title, xticks=[], yticks=[])
        figure.savefig(picture, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:2])
