"""Simulations as scientists write them in NumPy, with arrays filled by index and changed in place, differentiate in every mode.

Not here: the programs of ``examples/numpy_programs.py`` (``test_numpy_programs.py``), single functions (``test_numpy_language.py``).
"""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import TransformError
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, hessian, hvp, jvp, vmap

RNG = np.random.default_rng(17)

# ---- flow around an obstacle: a lattice Boltzmann method with nine velocities ---------------------------------------------------------
VELOCITIES = np.array([(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)])
WEIGHTS = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)
OPPOSITE = [0, 3, 4, 1, 2, 7, 8, 5, 6]


def lattice_boltzmann(p):
    """The energy and the spread of density of a flow: p is the root of the viscosity, a push to the east, and one of a corner."""
    relaxation = 1.0 / (0.6 + p[0] ** 2)
    f = np.ones_like(p, shape=(9, 6, 5)) * WEIGHTS[:, None, None]
    f[1] += 0.01 * p[1]
    f[5, 2:4, 1:3] *= 1.0 + 0.05 * p[2]
    solid = np.zeros((6, 5), dtype=bool)
    solid[3, 2] = True
    for _ in range(5):
        for i, (cx, cy) in enumerate(VELOCITIES):
            f[i] = np.roll(np.roll(f[i], cx, axis=0), cy, axis=1)
        bounced = f[OPPOSITE][:, solid]
        rho = f.sum(axis=0)
        ux = np.einsum("ixy,i->xy", f, VELOCITIES[:, 0]) / rho
        uy = np.tensordot(VELOCITIES[:, 1], f, axes=1) / rho
        equilibrium = np.empty_like(f)
        for i, (cx, cy) in enumerate(VELOCITIES):
            cu = cx * ux + cy * uy
            equilibrium[i] = WEIGHTS[i] * rho * (1 + 3 * cu + 4.5 * cu**2 - 1.5 * (ux**2 + uy**2))
        f += -relaxation * (f - equilibrium)
        f[:, solid] = bounced
    return 1e3 * np.sum(ux**2 + uy**2) + 1e4 * np.var(rho)


# ---- molecular dynamics in a periodic box, with lists of neighbours --------------------------------------------------------------------
BOX = 4.0
LATTICE = np.stack(np.meshgrid([0.5, 1.7, 2.9], [0.6, 2.0], indexing="ij"), -1).reshape(-1, 2)


def molecular_dynamics(start):
    """Potential and kinetic energy after some steps of Verlet's method, and where the particles are in the box."""
    x, v = start.copy(), np.zeros_like(start)

    def forces(x):
        d = x[:, None] - x[None]
        d -= BOX * np.round(d / BOX)
        squares = np.sum(d**2, axis=-1)
        i, j = np.where((squares < 1.9**2) & np.triu(np.ones((len(x), len(x)), bool), 1))
        s6 = (0.7 / squares[i, j]) ** 3
        pull = (24 * (2 * s6**2 - s6) / squares[i, j])[:, None] * d[i, j]
        total = np.zeros_like(x)
        np.add.at(total, i, pull)
        np.subtract.at(total, j, pull)
        return total, np.sum(4 * (s6**2 - s6))

    force, _ = forces(x)
    for _ in range(3):
        v += 0.005 * force
        x += 0.01 * v
        x %= BOX
        force, potential = forces(x)
        v += 0.005 * force
    return potential + 0.5 * np.sum(v * v) + np.sum(np.sin(2 * np.pi * x / BOX))


# ---- a natural cubic spline: Thomas's elimination, and a search for the piece ----------------------------------------------------------
KNOTS = np.array([0.0, 1.0, 1.5, 3.0, 4.0, 5.5])


def spline(y):
    """A norm of the spline through y, where it is taken at places that depend on y as well."""
    h = np.diff(KNOTS)
    below, diagonal, above = h[:-1], 2 * (h[:-1] + h[1:]), h[1:]
    right = 6 * np.diff(np.diff(y) / h)
    n = len(right)
    c, d = np.zeros_like(right), np.zeros_like(right)
    c[0], d[0] = above[0] / diagonal[0], right[0] / diagonal[0]
    for i in range(1, n):
        pivot = diagonal[i] - below[i] * c[i - 1]
        c[i] = above[i] / pivot
        d[i] = (right[i] - below[i] * d[i - 1]) / pivot
    bend = np.zeros_like(y)
    for i in reversed(range(n)):
        bend[i + 1] = d[i] - c[i] * bend[i + 2]
    at = np.linspace(0.2, 5.1, 11) + 0.1 * np.tanh(y[0])
    i = np.clip(np.searchsorted(KNOTS, at) - 1, 0, n)
    t, u, width = at - KNOTS[i], KNOTS[i + 1] - at, h[i]
    s = (bend[i] * u**3 + bend[i + 1] * t**3) / (6 * width)
    s += (y[i] / width - bend[i] * width / 6) * u + (y[i + 1] / width - bend[i + 1] * width / 6) * t
    assert f"{s[0]:.3f}"
    assert np.all(np.isfinite(np.gradient(s, 0.1)))
    return np.sqrt(np.mean(s**2))


# ---- Maxwell's equations: Yee's scheme in two dimensions, and the field as a phasor ----------------------------------------------------
def waves(permittivity):
    """The radiated field at one frequency, with an absorbing edge: its energy and one phase."""
    n = permittivity.shape[0]
    ez, hx, hy = (np.zeros_like(permittivity) for _ in range(3))
    phasor = np.zeros_like(permittivity, dtype=complex)
    loss = np.zeros(n)
    loss[[0, -1]] = 0.3
    for step in range(8):
        hx[:, :-1] -= 0.5 * (ez[:, 1:] - ez[:, :-1])
        hy[:-1] += 0.5 * np.diff(ez, axis=0)
        curl = np.zeros_like(ez)
        curl[1:, 1:] = hy[1:, 1:] - hy[:-1, 1:] - hx[1:, 1:] + hx[1:, :-1]
        ez += 0.5 / permittivity * curl
        ez[n // 2, n // 2] += np.sin(0.8 * step)
        ez *= np.outer(1 - loss, 1 - loss)
        phasor += ez * np.exp(-0.8j * step)
    return np.sum(np.abs(phasor) ** 2) + np.angle(phasor[1, 2])


# ---- topology optimisation: the stiffness of a plate of bilinear elements --------------------------------------------------------------
WIDE, HIGH = 4, 3
_K = np.array([0.45, 0.1625, -0.275, -0.0125, -0.225, -0.1625, 0.05, 0.0125]) / 0.91
_ORDER = "01234567 10765432 27056341 36507214 45670123 54321076 63412705 72143650"
ELEMENT = _K[[[int(k) for k in row] for row in _ORDER.split()]]


def stiffness(density):
    """The compliance of a cantilever of given densities (filtered, cubed), assembled by `np.bincount`, and a step of improvement."""
    corner = ((HIGH + 1) * np.arange(WIDE)[:, None] + np.arange(HIGH)).ravel()
    across = corner + HIGH + 1
    nodes = np.stack([corner + 1, across + 1, across, corner], axis=1)
    freedoms = np.stack([2 * nodes, 2 * nodes + 1], axis=-1).reshape(-1, 8)
    size = 2 * (WIDE + 1) * (HIGH + 1)
    free = np.setdiff1d(np.arange(size), np.arange(2 * (HIGH + 1)))
    centres = np.c_[np.repeat(np.arange(WIDE), HIGH), np.tile(np.arange(HIGH), WIDE)]
    blur = np.maximum(0, 1.5 - np.linalg.norm(centres[:, None] - centres[None], axis=-1))
    blur /= blur.sum(axis=1, keepdims=True)
    load = np.zeros(size)
    load[-1] = -1.0

    def solve(x):
        filtered = blur @ x
        entries = ELEMENT[None] * (1e-3 + filtered**3)[:, None, None]
        places = np.kron(freedoms, np.ones((1, 8), int)).ravel() * size + np.tile(freedoms, (1, 8)).ravel()
        k = np.bincount(places, weights=entries.ravel(), minlength=size**2).reshape(size, size)
        u = np.zeros_like(x, shape=size)
        u[free] = np.linalg.solve(k[np.ix_(free, free)], load[free])
        energy = np.einsum("ei,ij,ej->e", u[freedoms], ELEMENT, u[freedoms])
        return load @ u, blur.T @ (3 * filtered**2 * energy)

    compliance, gain = solve(density)
    better = np.clip(density * np.sqrt(gain / np.mean(gain)), 0.05, 1.0)
    return 0.01 * (compliance + solve(better)[0])


#: Each program, a place to differentiate it at, and whether the batch can go through it at once.
PROGRAMS = {
    "lattice Boltzmann": (lattice_boltzmann, np.array([0.4, 1.2, 0.8]), True),
    "molecular dynamics": (molecular_dynamics, LATTICE + 0.05 * RNG.normal(size=LATTICE.shape), False),
    "spline": (spline, RNG.normal(size=6), False),
    "waves": (waves, 1.0 + RNG.uniform(size=(5, 5)), True),
    "stiffness": (stiffness, RNG.uniform(0.3, 0.7, size=WIDE * HIGH), True),
}
every_program = pytest.mark.parametrize("name", list(PROGRAMS))


def direction(x):
    return np.random.default_rng(11).normal(size=x.shape)


@every_program
def test_first_derivatives_agree_with_differences_and_each_other(name):
    f, x, _ = PROGRAMS[name]
    value, v, before = f(x), direction(x), x.copy()
    g = grad(f)(x)
    expected = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[place] = 1e-5
        expected[place] = (f(x + h) - f(x - h)) / 2e-5
    np.testing.assert_allclose(g, expected, atol=1e-7 * np.max(np.abs(expected)))
    inside, slope = jvp(f, (x,), (v,))
    np.testing.assert_allclose(inside, value, rtol=1e-13)
    np.testing.assert_allclose(slope, np.sum(g * v), rtol=1e-9)
    t = tl.tensor(x, requires_grad=True)
    f(t).backward()
    np.testing.assert_allclose(t.grad.numpy(), g, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(x, before)


@every_program
def test_second_derivatives_agree_in_every_nesting(name):
    f, x, _ = PROGRAMS[name]
    v, g = direction(x), grad(f)
    expected = (g(x + 1e-5 * v) - g(x - 1e-5 * v)) / 2e-5
    within = {"atol": 1e-6 * np.max(np.abs(expected))}
    np.testing.assert_allclose(jvp(g, (x,), (v,))[1], expected, **within)
    np.testing.assert_allclose(grad(lambda x: np.sum(g(x) * v))(x), expected, **within)
    np.testing.assert_allclose(grad(lambda x: jvp(f, (x,), (v,))[1])(x), expected, **within)
    np.testing.assert_allclose(hvp(f, (x,), (v,))[1][0], expected, **within)
    np.testing.assert_allclose(np.tensordot(hessian(f)(x), v, v.ndim), expected, **within)
    twice = jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (v,))[1]
    np.testing.assert_allclose(twice, np.sum(expected * v), rtol=1e-5)


@every_program
def test_a_batch_goes_through_at_once_or_is_told_what_stops_it(name):
    f, x, at_once = PROGRAMS[name]
    batch = np.stack([x, x + 0.001 * direction(x), 1.002 * x])
    if not at_once:
        with pytest.raises(TransformError, match=r"inside vmap the values differ|tl\.tensor\(x\)\[i\]"):
            vmap(grad(f))(batch)
        return
    LOOPED.clear()
    np.testing.assert_allclose(vmap(f)(batch), [f(b) for b in batch], rtol=1e-11)
    np.testing.assert_allclose(vmap(grad(f))(batch), [grad(f)(b) for b in batch], rtol=1e-8, atol=1e-10)
    assert not LOOPED, f"looped over the batch: {LOOPED}"
