"""Five pieces of numerical code written for plain NumPy, differentiated unchanged.

    python examples/numpy_programs.py

The functions know nothing of tensors: they call ``np.`` functions on what they are given. `func.grad` and its relatives follow them
because NumPy dispatches. For each program: its value, its gradient against central differences, and what a gradient is good for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

# ---- 1. an ODE: the predator-prey equations by Runge-Kutta's method --------------------------------------------------------------


def populations(rates: Any, start: Any, steps: int = 120, dt: float = 0.1) -> Any:
    """Prey and predators over time, (steps + 1, 2): ``x' = a x - b x y``, ``y' = d x y - c y`` with rates (a, b, c, d).

    Source: A. Lotka, "Elements of Physical Biology" (1925), chapter 8; the classical method of order 4.
    """

    def slope(z: Any) -> Any:
        prey, predators = z[0], z[1]
        met = prey * predators
        return np.stack([rates[0] * prey - rates[1] * met, rates[3] * met - rates[2] * predators])

    z = np.stack([start[0], start[1]])
    states = [z]
    for _ in range(steps):
        k1 = slope(z)
        k2 = slope(z + 0.5 * dt * k1)
        k3 = slope(z + 0.5 * dt * k2)
        k4 = slope(z + dt * k3)
        z = z + dt / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        states.append(z)
    return np.stack(states)


RATES, START = np.array([1.1, 0.4, 0.4, 0.1]), np.array([10.0, 5.0])
COUNTED = populations(RATES, START)[::10] * np.exp(0.02 * np.random.default_rng(0).normal(size=(13, 2)))


def misfit(rates: Any, start: Any = START) -> Any:
    """Mean squared distance of logarithms from counted populations."""
    return np.mean((np.log(populations(rates, start)[::10]) - np.log(COUNTED)) ** 2)


# ---- 2. a PDE: heat in a plate by an explicit stencil ----------------------------------------------------------------------------


def temperature(initial: Any, conductivity: Any, steps: int = 40, dt: float = 0.2) -> Any:
    """The temperature (n, n) of a periodic plate: ``u_t = div(k grad u)`` with k given at the nodes, fluxes taken between them."""
    u = initial
    east = 0.5 * (conductivity + np.roll(conductivity, -1, axis=0))
    north = 0.5 * (conductivity + np.roll(conductivity, -1, axis=1))
    for _ in range(steps):
        flux_x = east * (np.roll(u, -1, axis=0) - u)
        flux_y = north * (np.roll(u, -1, axis=1) - u)
        u = u + dt * (flux_x - np.roll(flux_x, 1, axis=0) + flux_y - np.roll(flux_y, 1, axis=1))
    return u


PLATE = 10
X, Y = np.meshgrid(np.arange(PLATE), np.arange(PLATE), indexing="ij")
INITIAL = np.exp(-0.3 * ((X - 3) ** 2 + (Y - 4) ** 2))
CONDUCTIVITY = 0.6 + 0.3 * np.sin(2 * np.pi * X / PLATE) * np.cos(2 * np.pi * Y / PLATE)
MEASURED = temperature(INITIAL, CONDUCTIVITY)


def measured_difference(initial: Any, conductivity: Any = CONDUCTIVITY) -> Any:
    """How far the temperature at the end is from the measured one (sum of squares)."""
    return np.sum((temperature(initial, conductivity) - MEASURED) ** 2)


# ---- 3. a filter: the likelihood of positions under a constant-velocity model ----------------------------------------------------


def log_likelihood(log_deviations: Any, positions: Any) -> Any:
    """The log-likelihood of noisy positions (t, 2) of an object that moves in the plane, by a Kalman filter.

    The state is position and velocity; ``log_deviations`` are the logarithms of the standard deviations of acceleration and of measurement.
    Source: R. Kalman, "A new approach to linear filtering and prediction problems" (1960); A. Harvey, "Forecasting" (1989), eq. 3.4.5.
    """
    q, r = np.exp(2.0 * log_deviations[0]), np.exp(2.0 * log_deviations[1])
    one, zero = np.eye(2), np.zeros((2, 2))
    move = np.block([[one, one], [zero, one]])
    see = np.concatenate([one, zero], axis=1)
    noise = q * np.kron(np.array([[0.25, 0.5], [0.5, 1.0]]), one)
    mean, cov = np.concatenate([positions[0], np.zeros(2)]), np.diag(np.array([1.0, 1.0, 4.0, 4.0]))
    total = 0.0
    for z in positions[1:]:
        mean, cov = move @ mean, move @ cov @ move.T + noise
        innovation = z - see @ mean
        s = see @ cov @ see.T + r * one
        gain = np.linalg.solve(s, see @ cov).T
        total = total - 0.5 * (innovation @ np.linalg.solve(s, innovation) + np.linalg.slogdet(s)[1] + 2.0 * np.log(2.0 * np.pi))
        mean, cov = mean + gain @ innovation, cov - gain @ see @ cov
    return total


def _track(steps: int = 40) -> Any:
    rng = np.random.default_rng(3)
    velocity = np.cumsum(0.3 * rng.normal(size=(steps, 2)), axis=0)
    return np.cumsum(velocity, axis=0) + 0.7 * rng.normal(size=(steps, 2))


TRACK, DEVIATIONS = _track(), np.log(np.array([1.0, 1.0]))


def surprise(log_deviations: Any, positions: Any = TRACK) -> Any:
    """The negative log-likelihood per position."""
    return -log_likelihood(log_deviations, positions) / len(positions)


# ---- 4. a likelihood: a mixture of normal distributions --------------------------------------------------------------------------


def log_sum_exp(a: Any, axis: int) -> Any:
    """``log(sum(exp(a)))`` along an axis, without overflow."""
    top = np.max(a, axis=axis, keepdims=True)
    return np.squeeze(top, axis=axis) + np.log(np.sum(np.exp(a - top), axis=axis))


SAMPLES = np.concatenate([np.random.default_rng(5).normal(m, s, size=n) for m, s, n in ((-2.0, 0.5, 40), (0.5, 0.9, 50), (3.0, 0.3, 30))])


def mixture(parameters: Any, samples: Any = SAMPLES) -> Any:
    """The negative mean log-likelihood of samples under three normal distributions.

    ``parameters`` (9,) are three logits of weights, three means and three logarithms of standard deviations.
    """
    logits, means, log_deviations = np.split(parameters, 3)
    log_weights = logits - log_sum_exp(logits, axis=0)
    z = (samples[:, None] - means) / np.exp(log_deviations)
    log_density = log_weights - 0.5 * z**2 - log_deviations - 0.5 * np.log(2.0 * np.pi)
    return -np.mean(log_sum_exp(log_density, axis=1))


GUESS = np.array([0.0, 0.0, 0.0, -1.0, 0.3, 1.5, 0.1, 0.0, -0.1])

# ---- 5. a mesh: the elastic and bending energy of a triangulated sheet -----------------------------------------------------------


def sheet(n: int = 5) -> tuple[Any, Any, Any]:
    """Vertices (n^2, 3), triangles (m, 3), and for each inner edge its two ends and the two opposite vertices (e, 4)."""
    i, j = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    vertices = np.stack([i.ravel(), j.ravel(), np.zeros(n * n)], axis=1).astype(float)
    corner = np.arange(n * n).reshape(n, n)
    a, b, c, d = (x.ravel() for x in (corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    sides: dict[tuple[int, int], list[int]] = {}
    for p, q, r in triangles.tolist():
        for u, v, w in ((p, q, r), (q, r, p), (r, p, q)):
            sides.setdefault((min(u, v), max(u, v)), []).append(w)
    hinges = np.array([[*edge, *opposite] for edge, opposite in sides.items() if len(opposite) == 2])
    return vertices, triangles, hinges


VERTICES, TRIANGLES, HINGES = sheet()


def energy(vertices: Any, rest: Any = VERTICES, bending: float = 0.05, weight: float = 0.02, ground: float = 0.05) -> Any:
    """Stretching (of areas and edges), bending (of the angles between neighbours) and weight of a sheet on soft ground.

    Source of the bending term: E. Grinspun et al., "Discrete shells" (2003), eq. 2, with unit edge weights.
    """

    def corners(x: Any) -> Any:
        return x[TRIANGLES[:, 0]], x[TRIANGLES[:, 1]], x[TRIANGLES[:, 2]]

    def areas(x: Any) -> Any:
        p, q, r = corners(x)
        return 0.5 * np.sqrt(np.sum(np.cross(q - p, r - p) ** 2, axis=1))

    def lengths(x: Any) -> Any:
        p, q, r = corners(x)
        return np.sqrt(np.sum(np.stack([q - p, r - q, p - r]) ** 2, axis=-1))

    stretch = np.sum((areas(vertices) / areas(rest) - 1.0) ** 2) + np.sum((lengths(vertices) / lengths(rest) - 1.0) ** 2)
    u, v, a, b = (vertices[HINGES[:, k]] for k in range(4))
    left, right = np.cross(v - u, a - u), np.cross(b - u, v - u)
    along = (v - u) / np.sqrt(np.sum((v - u) ** 2, axis=1, keepdims=True))
    angle = np.arctan2(np.sum(np.cross(left, right) * along, axis=1), np.sum(left * right, axis=1))
    return stretch + bending * np.sum(angle**2) + np.sum(weight * vertices[:, 2] + ground * vertices[:, 2] ** 2)


BENT = VERTICES + 0.08 * np.random.default_rng(7).normal(size=VERTICES.shape)

#: Every program as a scalar function of one array, and a place to differentiate it at.
PROGRAMS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "predator and prey": (misfit, RATES * np.array([1.1, 0.9, 1.05, 0.97])),
    "heat in a plate": (measured_difference, 0.5 * INITIAL + 0.1),
    "Kalman filter": (surprise, DEVIATIONS),
    "mixture of normals": (mixture, GUESS),
    "elastic sheet": (energy, BENT),
}


def central_differences(f: Callable[[Any], Any], x: Any, step: float = 1e-5) -> Any:
    """The gradient by differences, two calls per element."""
    result = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        h = np.zeros_like(x)
        h[place] = step
        result[place] = (f(x + h) - f(x - h)) / (2.0 * step)
    return result


def newton_step(f: Callable[[Any], Any], gradient: Callable[[Any], Any], hessian: Any, x: Any) -> Any:
    """The damped Newton step from x that lowers f: the damping grows until it does."""
    g, h = gradient(x).ravel(), hessian(x).reshape(x.size, x.size)
    values, vectors = np.linalg.eigh(h)
    damping = 1e-9
    while True:
        step = -(vectors @ ((vectors.T @ g) / (np.abs(values) + damping))).reshape(x.shape)
        if f(x + step) <= f(x) or damping > 1e9:
            return x + step
        damping *= 10.0


def main() -> None:
    """Print value and gradient of every program, and minimise it by Newton's method."""
    from tensorflowlite_clone import func

    for name, (f, x) in PROGRAMS.items():
        gradient, hessian = func.grad(f), func.hessian(f)
        error = np.max(np.abs(gradient(x) - central_differences(f, x)))
        print(f"{name}: value {f(x):.6f}, |gradient| {np.linalg.norm(gradient(x)):.6f}, largest error against differences {error:.1e}")
        start, steps = x, 12 if x.size < 50 else 4
        for _ in range(steps):
            x = newton_step(f, gradient, hessian, x)
        print(f"  after {steps} Newton steps: {f(start):.6f} -> {f(x):.6f}, |gradient| {np.linalg.norm(gradient(x)):.1e}")
    starts = START * np.array([[0.8, 1.0], [1.0, 1.0], [1.2, 1.0], [1.0, 1.3]])
    slopes = func.vmap(func.grad(misfit), in_dims=(None, 0))(RATES, starts)  # (4 starts, 4 rates)
    print(f"the gradient from four starts at once, for the rate of births: {np.round(slopes[:, 0], 3)}")


if __name__ == "__main__":
    main()
