"""Problems written for NumPy's names alone, which every package that differentiates such programs can be given (``peers.py``).

A problem is a function ``f(np, *arrays)`` to a number, and a maker of its arrays, float64; the gradient, or the Hessian, is taken
for the first array.
Here: calls that NumPy, PyTorch, JAX, HIPS/autograd and MyGrad all have by the same name. Not here: how each is asked for a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy

Random = numpy.random.Generator


class Problem(NamedTuple):
    """What is differentiated, and of which arrays."""

    f: Callable[..., Any]
    arrays: Callable[[Random], tuple[Any, ...]]
    #: The matrix of second derivatives instead of the value and its gradient.
    hessian: bool = False

    @property
    def name(self) -> str:
        return self.f.__name__ + "_hessian" * self.hessian


def newton(np: Any, a: Any) -> Any:
    """A loop over single numbers: 50 steps of Newton's method for a square root."""
    x = a
    for _ in range(50):
        x = 0.5 * (x + a / x)
    return x


def arithmetic(np: Any, x: Any, y: Any) -> Any:
    """Sums, products and quotients of 100,000 numbers."""
    return np.sum(x * y + x / (1.0 + y * y) - y)


def exponentials(np: Any, x: Any) -> Any:
    """exp, log, sin and sqrt of 100,000 numbers."""
    return np.sum(np.exp(-x * x) * np.sin(x) + np.log(1.0 + x * x) + np.sqrt(2.0 + x * x))


def products(np: Any, a: Any, b: Any) -> Any:
    """Two products of matrices of 256 rows and columns."""
    return np.sum(np.matmul(np.matmul(a, b), a) * b)


def logsumexp(np: Any, x: Any) -> Any:
    """Of 1,000 rows of 100 numbers, without their maxima."""
    return np.sum(np.log(np.sum(np.exp(x), axis=1)))


def rosenbrock(np: Any, x: Any) -> Any:
    """H. Rosenbrock's function (1960), by slices: the gradient for 1,000 numbers, the Hessian for 50."""
    return np.sum(100.0 * (x[1:] - x[:-1] * x[:-1]) * (x[1:] - x[:-1] * x[:-1]) + (1.0 - x[:-1]) * (1.0 - x[:-1]))


def logistic_regression(np: Any, w: Any, x: Any, y: Any) -> Any:
    """The loss of 1,000 rows of 100 features."""
    return np.sum(np.log(1.0 + np.exp(-y * np.matmul(x, w))))


def perceptron(np: Any, w: Any, v: Any, x: Any, y: Any) -> Any:
    """An MLP 64-128-10 on 256 rows: the gradient of its cross-entropy for the first weights."""
    scores = np.matmul(np.tanh(np.matmul(x, w)), v)
    return np.sum(np.log(np.sum(np.exp(scores), axis=1)) - np.sum(scores * y, axis=1))


def recurrence(np: Any, w: Any, x: Any) -> Any:
    """50 steps of a tanh network of 32 units, one after another."""
    h = x[0]
    for t in range(1, 50):
        h = np.tanh(np.matmul(w, h) + x[t])
    return np.sum(h * h)


def gaussian_mixture(np: Any, means: Any, x: Any) -> Any:
    """The negative log-likelihood of 1,000 points of 4 numbers under 8 Gaussians."""
    d = x[:, None, :] - means[None, :, :]
    return -np.sum(np.log(np.sum(np.exp(-0.5 * np.sum(d * d, axis=2)), axis=1)))


def bodies(np: Any, x: Any) -> Any:
    """The energy of 100 bodies, by all pairs; its gradient is the forces."""
    d = x[:, None, :] - x[None, :, :]
    return -np.sum(1.0 / np.sqrt(np.sum(d * d, axis=2) + 0.1))


def wave(np: Any, u: Any) -> Any:
    """30 steps of the wave equation on a ring of 300 points, and the energy at its end."""
    before = u
    for _ in range(30):
        before, u = u, 2.0 * u - before + 0.25 * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
    return np.sum(u * u)


def gaussian_process(np: Any, x: Any, y: Any, noise: Any) -> Any:
    """The negative log marginal likelihood of 100 values, for the places where they were seen."""
    d = x[:, None] - x[None, :]
    kernel = np.exp(-0.5 * d * d) + noise
    return 0.5 * np.sum(y * np.linalg.solve(kernel, y)) + 0.5 * np.linalg.slogdet(kernel)[1]


def _labels(r: Random) -> Any:
    return numpy.eye(10)[r.integers(10, size=256)]


PROBLEMS = {
    p.name: p
    for p in (
        Problem(newton, lambda r: (numpy.array(2.0),)),
        Problem(arithmetic, lambda r: (r.normal(size=100_000), r.normal(size=100_000))),
        Problem(exponentials, lambda r: (r.normal(size=100_000),)),
        Problem(products, lambda r: (r.normal(size=(256, 256)) / 16, r.normal(size=(256, 256)))),
        Problem(logsumexp, lambda r: (r.normal(size=(1000, 100)),)),
        Problem(rosenbrock, lambda r: (r.normal(size=1000),)),
        Problem(rosenbrock, lambda r: (r.normal(size=50),), hessian=True),
        Problem(logistic_regression, lambda r: (r.normal(size=100) / 10, r.normal(size=(1000, 100)), numpy.sign(r.normal(size=1000)))),
        Problem(perceptron, lambda r: (r.normal(size=(64, 128)) / 8, r.normal(size=(128, 10)) / 11, r.normal(size=(256, 64)), _labels(r))),
        Problem(recurrence, lambda r: (r.normal(size=(32, 32)) / 6, r.normal(size=(50, 32)))),
        Problem(gaussian_mixture, lambda r: (r.normal(size=(8, 4)), r.normal(size=(1000, 4)))),
        Problem(bodies, lambda r: (r.normal(size=(100, 3)),)),
        Problem(wave, lambda r: (numpy.sin(numpy.linspace(0, 2 * numpy.pi, 300, endpoint=False)),)),
        Problem(gaussian_process, lambda r: (numpy.sort(r.uniform(0, 10, size=100)), r.normal(size=100), numpy.eye(100) / 10)),
    )
}  # fmt: skip
