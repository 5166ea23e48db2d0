"""Problems of the published benchmarks of derivatives, each once as a function and once with its derivative.

ADBench's (F. Srajer, Z. Kukelova, A. Fitzgibbon 2018): mixture, bundle adjustment, hand, LSTM. GradBench's beside them (2024), of which the
ODE and the determinant are CppAD's, saddle and particle those of J. Siskind and B. Pearlmutter (2008). All in float64, at sizes that
take milliseconds; data are drawn. What is timed is the derivative; its cost in evaluations of the function stands beside it.
Not here: derivatives of one operation, or of networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from . import workload

#: By name: ``problem(torch, **options)`` gives ``(f, arguments)``, and as a third what makes the derivatives if that is no gradient.
PROBLEMS: dict[str, Callable[..., Any]] = {}


def parts(torch: Any, name: str, **options: Any) -> tuple[Any, tuple[Any, ...], Callable[..., Any]]:
    """The function of a problem, its arguments, and the function that gives its derivatives, a tuple of arrays."""
    f, arguments, *given = PROBLEMS[name](torch, **options)

    def gradient(*arguments: Any) -> Any:
        leaves = [a.detach().requires_grad_() for a in arguments]
        return torch.autograd.grad(f(*leaves), leaves)

    return f, arguments, given[0] if given else gradient


def problem(limit: float, repeat: int = 1, **small: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a problem; its workload is the derivative, with the function as base."""

    def mark(own: Callable[..., Any]) -> Callable[..., Any]:
        name = own.__name__

        def make(torch: Any, **options: Any) -> Callable[[], float]:
            _, arguments, slopes = parts(torch, name, **options)
            return lambda: sum(float(abs(s).sum()) for s in slopes(*arguments))

        def base(torch: Any, **options: Any) -> Callable[[], float]:
            f, arguments, _ = parts(torch, name, **options)
            return lambda: float(f(*arguments).sum())

        PROBLEMS[name] = own
        summary = (own.__doc__ or "").splitlines()[0]
        workload(repeat, 1, 1e-7, name, summary, base=base, limit=limit, small=small)(make)
        return own

    return mark


def array(torch: Any, value: Any) -> Any:
    """Float64."""
    return torch.tensor(np.asarray(value, dtype=np.float64))


# ---- ADBench ---------------------------------------------------------------------------------------------------------------------
@problem(5.0, points=30, size=3, count=4)
def mixture_posterior(torch: Any, points: int = 1000, size: int = 10, count: int = 25) -> Any:
    """GMM: the log posterior of 25 Gaussians with full covariances, under Wishart's prior, of 1,000 points of 10 numbers."""
    rng = np.random.default_rng(0)
    lower = size * (size - 1) // 2
    place = np.full((size, size), size + lower)  # of the zeros above the diagonal
    place[np.diag_indices(size)] = np.arange(size)
    place[np.tril_indices(size, -1)] = size + np.arange(lower)
    x, where, zeros = array(torch, rng.normal(size=(points, size))), torch.tensor(place.ravel()), array(torch, np.zeros((count, 1)))
    scale, freedom = 1.0, size + 1
    area = size * (size - 1) / 4 * math.log(math.pi) + sum(math.lgamma((freedom - j) / 2) for j in range(size))
    constant = count * (freedom * size * (math.log(scale) - math.log(2) / 2) - area) - points * size / 2 * math.log(2 * math.pi)

    def f(weights: Any, means: Any, factors: Any) -> Any:  # (count,), (count, size), (count, size + lower): logarithms, then below them
        logs = factors[:, :size]
        entries = torch.cat([torch.exp(logs), factors[:, size:], zeros], 1)
        q = entries[:, where].reshape(count, size, size)
        white = x @ q.transpose(1, 2) - (q @ means[:, :, None]).transpose(1, 2)  # (count, points, size)
        inner = (weights + logs.sum(1))[:, None] - 0.5 * white.square().sum(2)
        likelihood = torch.logsumexp(inner, 0).sum() - points * torch.logsumexp(weights, 0)
        return constant + likelihood - 0.5 * scale**2 * entries.square().sum()

    shapes = ((count,), (count, size), (count, size + lower))
    return f, tuple(array(torch, 0.5 * rng.normal(size=s)) for s in shapes)


@problem(12.0, cameras=2, points=5, seen=8)
def bundle_adjustment(torch: Any, cameras: int = 20, points: int = 500, seen: int = 3000) -> Any:
    """BA: the blocks of the Jacobian of 3,000 reprojection errors, by 11 numbers of a camera, 3 of a point and a weight: vmap of jacrev."""
    rng = np.random.default_rng(0)
    of_camera, of_point = torch.tensor(rng.integers(0, cameras, seen)), torch.tensor(rng.integers(0, points, seen))
    pixels = array(torch, rng.normal(size=(seen, 2)))

    def error(camera: Any, point: Any, weight: Any, pixel: Any) -> Any:
        turn, centre, length, origin, radial = camera[:3], camera[3:6], camera[6], camera[7:9], camera[9:]
        angle = torch.sqrt(turn.square().sum())
        axis, x = turn / angle, point - centre
        x = x * torch.cos(angle) + torch.linalg.cross(axis, x) * torch.sin(angle) + axis * (axis * x).sum() * (1 - torch.cos(angle))
        flat = x[:2] / x[2]
        r = flat.square().sum()
        place = flat * (1 + radial[0] * r + radial[1] * r * r) * length + origin
        return torch.cat([weight * (place - pixel), (1 - weight * weight)[None]])

    def errors(cameras: Any, points: Any, weights: Any) -> Any:
        return torch.func.vmap(error)(cameras[of_camera], points[of_point], weights, pixels)

    def blocks(cameras: Any, points: Any, weights: Any) -> Any:
        jacobian = torch.func.jacrev(error, argnums=(0, 1, 2))
        return torch.func.vmap(jacobian)(cameras[of_camera], points[of_point], weights, pixels)

    camera = np.array([0.1, -0.2, 0.1, 0, 0, -6, 1.5, 0, 0, 0.01, 0.001]) + 0.03 * rng.normal(size=(cameras, 11))
    return errors, (array(torch, camera), array(torch, rng.normal(size=(points, 3))), array(torch, rng.uniform(0.5, 1, seen))), blocks


def _hand(torch: Any, vertices: int) -> tuple[Any, Any]:
    """The places (3, vertices) of a hand's surface as a function of its pose, 26 numbers: turn, shift, four angles of each finger.

    Each finger is a chain of four bones, of which the first bends and spreads and two bend; a vertex moves with all bones, by weights
    (linear blend skinning; J. Taylor et al., "User-specific hand modeling from monocular depth sequences" (2014)).
    """
    rng = np.random.default_rng(1)
    rest = np.tile(np.eye(4), (5, 4, 1, 1))  # of each bone in its parent
    rest[:, :, :3, 3] = [0, 0.3, 0] + 0.02 * rng.normal(size=(5, 4, 3))
    rest[:, 0, 0, 3] += np.linspace(-0.4, 0.4, 5)
    whole = [rest[:, 0]]
    for j in range(1, 4):
        whole.append(whole[-1] @ rest[:, j])
    back = array(torch, np.linalg.inv(np.stack(whole, 1).reshape(20, 4, 4)))
    surface = np.concatenate([rng.uniform([-0.5, 0, -0.1], [0.5, 1.3, 0.1], (vertices, 3)), np.ones((vertices, 1))], 1)
    share = array(torch, rng.dirichlet(np.full(21, 0.1), vertices).T[:, None])  # (bones, 1, vertices)
    skin, palm, relative = array(torch, surface.T), array(torch, np.eye(4)[None]), array(torch, rest)
    none = array(torch, np.zeros((5, 4)))
    one, still = none + 1, none[:, :3]

    def pose(theta: Any) -> Any:
        angles = theta[6:].reshape(5, 4)
        bend, spread = torch.cat([angles[:, :1], angles[:, 2:], still[:, :1]], 1), torch.cat([angles[:, 1:2], still], 1)
        c, s, d, t = torch.cos(bend), torch.sin(bend), torch.cos(spread), torch.sin(spread)
        rows = [d, -t * c, t * s, none, t, d * c, -d * s, none, none, s, c, none, none, none, none, one]
        local = relative @ torch.stack(rows, 2).reshape(5, 4, 4, 4)
        chain = [local[:, 0]]
        for j in range(1, 4):
            chain.append(chain[-1] @ local[:, j])
        bones = torch.cat([palm, torch.stack(chain, 1).reshape(20, 4, 4) @ back])
        places = ((bones[:, :3] @ skin) * share).sum(0)
        turn = theta[:3]
        angle = torch.sqrt(turn.square().sum())
        x, y, z = (turn / angle).unbind()
        o = 0 * x
        cross = torch.stack([o, -z, y, z, o, -x, -y, x, o]).reshape(3, 3)
        return places + (torch.sin(angle) * cross + (1 - torch.cos(angle)) * (cross @ cross)) @ places + theta[3:6, None]

    return pose, array(torch, 0.3 + 0.1 * rng.normal(size=26))


@problem(40.0, vertices=9, points=4)
def hand_pose(torch: Any, vertices: int = 544, points: int = 200) -> Any:
    """HT, simple: the Jacobian of 200 distances of a hand's vertices from measured points by its pose of 26 numbers: jacfwd."""
    pose, theta = _hand(torch, vertices)
    rng = np.random.default_rng(2)
    which, goal = torch.tensor(rng.integers(0, vertices, points)), array(torch, rng.normal(size=(3, points)))

    def f(theta: Any) -> Any:
        return goal - pose(theta)[:, which]

    return f, (theta,), lambda theta: (torch.func.jacfwd(f)(theta),)


@problem(40.0, vertices=9, points=4)
def hand_surface(torch: Any, vertices: int = 544, points: int = 200) -> Any:
    """HT, complicated: 200 points on triangles of the hand, by its pose and by two coordinates of each point on its triangle: jacfwd."""
    pose, theta = _hand(torch, vertices)
    rng = np.random.default_rng(2)
    corners = [torch.tensor(rng.integers(0, vertices, points)) for _ in range(3)]
    goal, us = array(torch, rng.normal(size=(3, points))), array(torch, rng.uniform(0.1, 0.4, (2, points)))

    def f(theta: Any, us: Any) -> Any:
        places = pose(theta)
        a, b, c = (places[:, k] for k in corners)
        return goal - (us[0] * a + us[1] * b + (1 - us[0] - us[1]) * c)

    def slopes(theta: Any, us: Any) -> Any:  # a point knows its own coordinates alone: all points share two tangents
        both = torch.func.jacfwd(lambda theta, step: f(theta, us + step[:, None]), argnums=(0, 1))
        return both(theta, 0 * us[:, 0])

    return f, (theta, us), slopes


@problem(6.0, layers=1, steps=5, size=4)
def character_lstm(torch: Any, layers: int = 2, steps: int = 40, size: int = 14) -> Any:
    """LSTM: the loss of 40 characters of 14 bits under two layers of cells whose weights are element-wise, by all parameters."""
    rng = np.random.default_rng(0)
    text = array(torch, rng.integers(0, 2, (steps, size))).unbind()
    start = array(torch, rng.normal(size=(2, layers, size)))

    def f(weights: Any, biases: Any, extra: Any) -> Any:  # (layers, 4, size), the same, (3, size)
        w, b = ([row.unbind() for row in p.unbind()] for p in (weights, biases))
        before, after, shift = extra.unbind()
        (hidden, cell), total = ([*s.unbind()] for s in start.unbind()), 0.0
        for now, following in pairwise(text):
            x = now * before
            for k in range(layers):
                forget, out = torch.sigmoid(x * w[k][0] + b[k][0]), torch.sigmoid(x * w[k][2] + b[k][2])
                taken, change = torch.sigmoid(hidden[k] * w[k][1] + b[k][1]), torch.tanh(hidden[k] * w[k][3] + b[k][3])
                cell[k] = cell[k] * forget + taken * change
                x = hidden[k] = out * torch.tanh(cell[k])
            guess = x * after + shift
            total = total + (following * (guess - torch.log(torch.exp(guess).sum() + 2))).sum()
        return -total / ((steps - 1) * size)

    return f, tuple(array(torch, rng.normal(size=s)) for s in ((layers, 4, size), (layers, 4, size), (3, size)))


# ---- GradBench -------------------------------------------------------------------------------------------------------------------
@problem(4.0, size=50)
def log_sum_exp(torch: Any, size: int = 200_000) -> Any:
    """LSE: the logarithm of a sum of 200,000 exponentials."""
    return lambda x: torch.logsumexp(x, 0), (array(torch, np.random.default_rng(0).normal(size=size)),)


@problem(4.0, points=40, size=6)
def polynomial_fit(torch: Any, points: int = 4096, size: int = 128) -> Any:
    """LLSQ: the squares between the sign of 4,096 numbers and a polynomial of 128 coefficients in them."""
    t, exponents = array(torch, np.linspace(-1, 1, points)), array(torch, np.arange(size))

    def f(x: Any) -> Any:
        return 0.5 * (torch.sign(t) - t[:, None] ** exponents @ x).square().sum()

    return f, (array(torch, np.random.default_rng(0).normal(size=size)),)


@problem(10.0, points=30, size=2, count=3)
def cluster_direction(torch: Any, points: int = 2000, size: int = 8, count: int = 16) -> Any:
    """K-means: Newton's direction for 16 centres of 2,000 points of 8 numbers, by the gradient and the diagonal of the Hessian."""
    x = array(torch, np.random.default_rng(0).normal(size=(points, size)))

    def f(centres: Any) -> Any:
        return torch.amin((x[:, None] - centres).square().sum(2), 1).sum()

    def direction(centres: Any) -> Any:
        centres = centres.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(centres), centres, create_graph=True)
        (diagonal,) = torch.autograd.grad(slope.sum(), centres)  # the Hessian has nothing else
        return (slope.detach() / diagonal,)

    return f, (x[:count] + 0.0,), direction


@problem(6.0, steps=3, size=4)
def runge_kutta(torch: Any, steps: int = 50, size: int = 40) -> Any:
    """ODE: 50 steps of Runge and Kutta's method for y_i' = x_i y_(i-1), y_0' = x_0, the sum of the 40 numbers at the end."""
    one, zeros, h = array(torch, [1.0]), array(torch, np.zeros(size)), 2.0 / steps

    def f(x: Any) -> Any:
        y = zeros

        def slope(y: Any) -> Any:
            return x * torch.cat([one, y[:-1]])

        for _ in range(steps):
            a = slope(y)
            b = slope(y + 0.5 * h * a)
            c = slope(y + 0.5 * h * b)
            y = y + h / 6 * (a + 2 * b + 2 * c + slope(y + h * c))
        return y.sum()

    return f, (array(torch, np.random.default_rng(0).uniform(0.5, 1.5, size)),)


def descend(torch: Any, f: Callable[[Any], Any], x: Any, rate: float = 0.02, least: float = 1e-5) -> Any:
    """Gradient descent to a slope of length ``least``, followed: the rate doubles after ten steps down and halves at a step up."""

    def both(x: Any) -> Any:
        value = f(x)
        (slope,) = torch.autograd.grad(value, x, create_graph=True)
        return value, slope

    (value, slope), down = both(x), 0
    while float(slope.detach().square().sum()) > least**2:
        if down == 10:
            rate, down = 2 * rate, 0
        following = x - rate * slope
        new = both(following)
        if float(new[0].detach()) < float(value.detach()):
            x, (value, slope), down = following, new, down + 1
        else:
            rate, down = rate / 2, 0
    return x


@problem(4.0, least=0.1)
def saddle(torch: Any, least: float = 1e-5) -> Any:
    """Saddle: the largest value, by gradient descent, of |x|^2 - |y|^2 in y, differentiated in x through the descent."""

    def f(x: Any) -> Any:
        y = array(torch, [1.0, 1.0]).requires_grad_()
        with torch.enable_grad():
            y = descend(torch, lambda y: y.square().sum() - x.square().sum(), y, least=least)
        return x.square().sum() - y.square().sum()

    return f, (array(torch, [1.0, 1.0]),)


@problem(4.0, repeat=2, step=0.5)
def particle(torch: Any, step: float = 0.1) -> Any:
    """Particle: where one that two charges push lands, squared, by Euler's steps with derivatives of the potential, by a charge's place."""
    start, speed = [0.0, 8.0], [0.75, 0.0]
    low = array(torch, [10.0, 0.0])

    def f(w: Any) -> Any:
        high = torch.stack([0 * w + 10.0, 10.0 - w])

        def push(x: Any) -> Any:
            x = x if x.requires_grad else x.requires_grad_()
            with torch.enable_grad():
                potential = 1 / (x - high).square().sum().sqrt() + 1 / (x - low).square().sum().sqrt()
                (slope,) = torch.autograd.grad(potential, x, create_graph=True)
            return -slope

        x, v = array(torch, start), array(torch, speed)
        while True:
            following = x + step * v
            if float(following[1].detach()) <= 0:
                break
            x, v = following, v + step * push(x)
        return (x[0] - x[1] / v[1] * v[0]) ** 2  # the last step ends on the ground

    return f, (array(torch, 0.0),)


@problem(4.0, size=3)
def determinant_by_minors(torch: Any, size: int = 5) -> Any:
    """Determinant: that of a 5 x 5 matrix by expansion along rows, number by number."""

    def minor(rows: Any, columns: tuple[int, ...]) -> Any:
        if len(columns) == 1:
            return rows[0][columns[0]]
        total: Any = 0.0
        for k, column in enumerate(columns):
            term = rows[0][column] * minor(rows[1:], columns[:k] + columns[k + 1 :])
            total = total - term if k % 2 else total + term
        return total

    def f(matrix: Any) -> Any:
        return minor([row.unbind() for row in matrix.unbind()], tuple(range(size)))

    return f, (array(torch, np.random.default_rng(0).normal(size=(size, size))),)
