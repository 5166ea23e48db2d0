"""The table of kinks: at each kink, tie, jump or end of a domain, our derivative, PyTorch's and JAX's, and the reason for ours.

Here: the rows. ``test_kinks.py`` asserts each of them in every mode; ``docs/kinks.py`` makes ``docs/kinks.md`` of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

INF, NAN = np.inf, np.nan


@dataclass(frozen=True)
class Kink:
    """One row. Derivatives are those of the sum of the results, one entry per input; a number stands for equal elements."""

    op: str
    point: str
    f: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    ours: tuple[Any, ...]
    reason: str
    #: PyTorch's gradient where it differs from ours.
    torch: tuple[Any, ...] | None = None
    #: The modes in which PyTorch gives NaN besides: "jvp", "second"; or "jvp differs": its two modes contradict each other.
    torch_modes: tuple[str, ...] = ()
    #: The same call in JAX, ``jax(jax module, *inputs)``, and its gradient where it differs from ours.
    jax: Callable[..., Any] | None = None
    jax_gives: tuple[Any, ...] | None = None
    #: Whether the derivative and its own derivative are finite here, so that a second order exists.
    second: bool = True
    #: Whether forward mode gives NaN here: an infinite tangent met a slope of 0.
    forward_nan: bool = False


def a(*values: Any) -> np.ndarray:
    return np.array(values, float)


def F(T):
    return T.nn.functional


def row(op: str, point: str, f: Callable[..., Any], inputs: Any, ours: Any, reason: str, **more: Any) -> Kink:
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    return Kink(op, point, f, inputs, ours if isinstance(ours, tuple) else (ours,), reason, **more)


def of(name: str, *args: Any) -> Callable[..., Any]:
    """``jnp.name`` of the inputs."""
    return lambda jax, *xs: getattr(jax.numpy, name)(*xs, *args)


EVEN = "equal elements share evenly"
PICK = "to the element whose index is returned, the first"
ZERO = "a sub-gradient, and the mean of the two sides"
BRANCH = "the branch that the formula takes at this point"
JUMP = "flat on both sides of the jump, where it is defined"
EDGE = "the slope from inside is infinite: no finite number would be right"

PIECES = [
    row("relu(x)", "0", lambda T, x: T.relu(x), a(0), 0, "a sub-gradient; a unit that is off stays off",
        jax=lambda jax, x: jax.nn.relu(x)),
    row("abs(x)", "0", lambda T, x: T.abs(x), a(0), 0, ZERO, jax=of("abs"), jax_gives=(1,)),
    row("leaky_relu(x, 0.1)", "0", lambda T, x: F(T).leaky_relu(x, 0.1), a(0), 0.1, BRANCH,
        jax=lambda jax, x: jax.nn.leaky_relu(x, 0.1), jax_gives=(1,)),
    row("prelu(x, w)", "x = 0, w = 0.25", lambda T, x, w: F(T).prelu(x, w), (a(0), a(0.25)), (0.25, 0),
        BRANCH + ", in both modes", torch_modes=("jvp differs",)),
    row("elu(x, 0.5)", "0", lambda T, x: F(T).elu(x, 0.5), a(0), 0.5, BRANCH, jax=lambda jax, x: jax.nn.elu(x, 0.5)),
    row("hardtanh(x)", "±1", lambda T, x: F(T).hardtanh(x), a(-1, 1), 0, "PyTorch's choice for this activation: saturated",
        jax=lambda jax, x: jax.nn.hard_tanh(x), jax_gives=(1,)),
    row("relu6(x)", "0, 6", lambda T, x: F(T).relu6(x), a(0, 6), 0, "as hardtanh, of which it is a case", jax=lambda jax,
        x: jax.nn.relu6(x)),
    row("hardsigmoid(x)", "±3", lambda T, x: F(T).hardsigmoid(x), a(-3, 3), 0, "saturated"),
    row("hardswish(x)", "±3", lambda T, x: F(T).hardswish(x), a(-3, 3), a(0, 1), "saturated: 0 below, x above"),
    row("threshold(x, 1, 0)", "1", lambda T, x: F(T).threshold(x, 1.0, 0.0), a(1), 0, BRANCH),
    row("hardshrink, softshrink", "±0.5", lambda T, x: F(T).hardshrink(x) + F(T).softshrink(x), a(-0.5, 0.5), 0, "shrunk to 0, and flat"),
    row("softsign(x)", "0", lambda T, x: F(T).softsign(x), a(0), 1, "smooth to the first order", jax=lambda jax, x: jax.nn.soft_sign(x)),
    row("clamp(x, -1, 1)", "±1", lambda T, x: T.clamp(x, -1, 1), a(-1, 1), 1, "a value at its bound is not yet clipped: it can move back",
        jax=lambda jax, x: jax.numpy.clip(x, -1, 1), jax_gives=(0.5,)),
    row("clamp(x, min=y)", "x = y", lambda T, x, y: T.clamp(x, min=y), (a(2), a(2)), (1, 0),
        "to x, as with bounds that are numbers", torch_modes=("jvp differs",)),
    row("maximum(x, y), minimum", "x = y", lambda T, x, y: T.maximum(x, y) + T.minimum(x, y) * 3, (a(2), a(2)), (2, 2), EVEN,
        jax=lambda jax, x, y: jax.numpy.maximum(x, y) + jax.numpy.minimum(x, y) * 3),
    row("fmax(x, y)", "x = y", lambda T, x, y: T.fmax(x, y), (a(2), a(2)), (1, 0),
        "to the first, as in PyTorch's reverse mode", torch_modes=("jvp differs",)),
    row("copysign(x, y)", "x = 0", lambda T, x, y: T.copysign(x, y), (a(0), a(1)), (0, 0), "as abs", torch_modes=("second",),
        jax=of("copysign"), jax_gives=(1, 0)),
    row("floor, ceil, trunc", "integers", lambda T, x: T.floor(x) + T.ceil(x) + T.trunc(x), a(1, -2), 0, JUMP,
        jax=lambda jax, x: jax.numpy.floor(x) + jax.numpy.ceil(x) + jax.numpy.trunc(x)),
    row("round(x)", "0.5", lambda T, x: T.round(x), a(0.5), 0, JUMP, jax=of("round")),
    row("frac(x)", "integers", lambda T, x: T.frac(x), a(1, 0), 1, "slope 1 on both sides of the jump"),
    row("remainder(x, y), fmod", "x = 2 y", lambda T, x, y: T.remainder(x, y) + T.fmod(x, y), (a(4), a(2)), (2, -4),
        "slopes of x - n y at the n of the value", jax=lambda jax, x, y: jax.numpy.mod(x, y) + jax.numpy.fmod(x, y)),
]  # fmt: skip

TIES = [
    row("max(x), amax, min, amin", "[2, 2, 1]", lambda T, x: T.max(x) + 3 * T.amax(x, 0), a(2, 2, 1), a(2, 2, 0), EVEN,
        jax=lambda jax, x: jax.numpy.max(x) + 3 * jax.numpy.max(x, 0)),
    row("max(x, dim), min(x, dim)", "[2, 2, 1]", lambda T, x: T.max(x, 0)[0], a(2, 2, 1), a(1, 0, 0), PICK),
    row("aminmax(x)", "[2, 2, 1]", lambda T, x: T.aminmax(x)[1], a(2, 2, 1), a(0.5, 0.5, 0), EVEN),
    row("median(x)", "[2, 2, 2]", lambda T, x: T.median(x), a(2, 2, 2), 1 / 3, EVEN, jax=of("median"), jax_gives=(a(0, 1, 0),)),
    row("median(x, dim)", "[2, 2, 2]", lambda T, x: T.median(x, 0)[0], a(2, 2, 2), a(1, 0, 0),
        PICK + "; PyTorch promises no particular index", torch=(a(0, 1, 0),)),
    row("quantile(x, 0.5)", "[2, 2, 2]", lambda T, x: T.quantile(x, 0.5), a(2, 2, 2), a(0, 1, 0),
        "to the elements between which it lies, in stable order"),
    row("kthvalue(x, 1)", "[2, 2, 1]", lambda T, x: T.kthvalue(x, 1, dim=0)[0], a(2, 2, 1), a(0, 0, 1), PICK),
    row("sort(x)", "[2, 2, 1], weights 1, 10, 100", lambda T, x: T.sort(x)[0] * T.tensor(a(1, 10, 100)), a(2, 2, 1), a(10, 100, 1),
        "the permutation of a stable sort", jax=lambda jax, x: jax.numpy.sort(x) * a(1, 10, 100)),
    row("topk(x, 1)", "[2, 2, 1]", lambda T, x: T.topk(x, 1)[0], a(2, 2, 1), a(1, 0, 0), PICK),
    row("cummax(x), cummin", "[2, 2, 1]", lambda T, x: T.cummax(x, 0)[0], a(2, 2, 1), a(1, 2, 0),
        "to the latest of equal elements, whose index is returned"),
    row("max_pool1d(x, 2)", "[1, 1]", lambda T, x: F(T).max_pool1d(x, 2), np.ones((1, 1, 4)), np.array([[a(1, 0, 1, 0)]]), PICK),
]  # fmt: skip

NORMS = [
    row("norm(x), p = 2", "0", lambda T, x: T.norm(x), a(0, 0), 0, "a sub-gradient, the one of least length", torch_modes=("second",),
        jax=lambda jax, x: jax.numpy.linalg.norm(x), jax_gives=(NAN,)),
    row("norm(x, 1)", "0", lambda T, x: T.norm(x, 1), a(0, 0), 0, ZERO, jax=lambda jax, x: jax.numpy.linalg.norm(x, 1), jax_gives=(1,)),
    row("norm(x, 3)", "0", lambda T, x: T.norm(x, 3), a(0, 0), 0, "a sub-gradient"),
    row("norm(x, 1.5)", "[0, 1]", lambda T, x: T.norm(x, 1.5), a(0, 1), a(0, 1),
        "differentiable here; its second derivative is infinite, ours 0",
        torch_modes=("second",)),
    row("norm(x, inf)", "[2, -2]", lambda T, x: T.norm(x, float("inf")), a(2, -2), a(0.5, -0.5), EVEN,
        jax=lambda jax, x: jax.numpy.linalg.norm(x, np.inf)),
    row("dist(x, y)", "x = y", lambda T, x, y: T.dist(x, y), (a(1, 2), a(1, 2)), (0, 0), "as norm", torch_modes=("second",)),
    row("cdist(x, y)", "x = y", lambda T, x, y: T.cdist(x, y), (np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]])), (0, 0), "as norm"),
    row("hypot(x, y)", "(0, 0)", lambda T, x, y: T.hypot(x, y), (a(0), a(0)), (0, 0), "as norm", torch=(NAN, NAN),
        torch_modes=("jvp", "second"),
        jax=of("hypot"), jax_gives=(0.5, 0.5)),
    row("atan2(y, x)", "(0, 0)", lambda T, y, x: T.atan2(y, x), (a(0), a(0)), (0, 0), "no direction is preferred",
        torch_modes=("jvp", "second"),
        jax=of("arctan2"), jax_gives=(NAN, NAN)),
    row("normalize(x)", "0", lambda T, x: F(T).normalize(x, dim=0), a(0, 0), 1e12, "x / max(|x|, 1e-12)", torch_modes=("second",)),
    row("lp_pool1d(x, 2, 2)", "0", lambda T, x: F(T).lp_pool1d(x, 2.0, 2), np.zeros((1, 1, 2)), 0, "as norm", torch_modes=("jvp",)),
    row("std(x)", "equal values", lambda T, x: T.std(x), a(1, 1, 1), 0, "std is a norm of what is left of the mean", jax=of("std"),
        jax_gives=(NAN,)),
    row("var(x)", "equal values", lambda T, x: T.var(x), a(1, 1, 1), 0, "smooth", jax=of("var")),
    row("sqrt(sum(x * x))", "0", lambda T, x: T.sqrt(T.sum(x * x)), a(0, 0), NAN,
        "infinity times 0 by the chain rule, everywhere; write norm or hypot, which know the limit", second=False,
        jax=lambda jax, x: jax.numpy.sqrt(jax.numpy.sum(x * x))),
]  # fmt: skip

POWERS = [
    row("sqrt(x)", "0", lambda T, x: T.sqrt(x), a(0), INF, EDGE, second=False, jax=of("sqrt")),
    row("log(x)", "0", lambda T, x: T.log(x), a(0), INF, EDGE, second=False, jax=of("log")),
    row("asin(x), acosh(x)", "1", lambda T, x: T.asin(x) + T.acosh(x), a(1), INF, EDGE, second=False,
        jax=lambda jax, x: jax.numpy.arcsin(x) + jax.numpy.arccosh(x)),
    row("x ** y", "(0, 0)", lambda T, x, y: x**y, (a(0), a(0)), (0, 0), "x ** 0 is 1 for every x, and 0 ** y is 0 for every y > 0",
        torch_modes=("second",), jax=lambda jax, x, y: x**y, jax_gives=(NAN, 0)),
    row("x ** y", "(0, 1)", lambda T, x, y: x**y, (a(0), a(1)), (1, 0), "the limits", second=False, jax=lambda jax, x, y: x**y),
    row("x ** y", "(0, 2)", lambda T, x, y: x**y, (a(0), a(2)), (0, 0), "the limits", torch_modes=("second",), jax=lambda jax, x, y: x**y),
    row("x ** n", "0, n = 0, 1, 2, 3", lambda T, x: x**0 + x**1 + x**2 + x**3, a(0), 1, "exact, of every order"),
    row("x ** 0.5", "0", lambda T, x: x**0.5, a(0), INF, EDGE, second=False),
    row("prod(x)", "[0, 2, 3]", lambda T, x: T.prod(x), a(0, 2, 3), a(6, 0, 0), "the product of the others: nothing is divided",
        jax=of("prod")),
    row("prod(x)", "[0, 0, 3]", lambda T, x: T.prod(x), a(0, 0, 3), 0, "exact, of every order", jax=of("prod")),
    row("cumprod(x)", "[0, 2, 3]", lambda T, x: T.cumprod(x, 0), a(0, 2, 3), a(9, 0, 0), "exact, of every order", jax=of("cumprod")),
    row("xlogy(x, y)", "(0, 0)", lambda T, x, y: T.xlogy(x, y), (a(0), a(0)), (0, 0), "0 log y is 0 for every y",
        torch=(0, NAN), torch_modes=("jvp",), jax=lambda jax, x, y: jax.scipy.special.xlogy(x, y), jax_gives=(-INF, NAN)),
    row("sinc(x)", "0", lambda T, x: T.sinc(x), a(0), 0, "smooth: the limits, of every order", torch_modes=("second",), jax=of("sinc")),
]  # fmt: skip

INFINITE = [
    row("logaddexp(x, y)", "(-inf, -inf)", lambda T, x, y: T.logaddexp(x, y), (a(-INF), a(-INF)), (0.5, 0.5),
        "the limit along x = y", torch=(NAN, NAN), torch_modes=("jvp", "second"), jax=of("logaddexp"), jax_gives=(NAN, NAN)),
    row("logaddexp(x, y)", "(-inf, 0)", lambda T, x, y: T.logaddexp(x, y), (a(-INF), a(0)), (0, 1), "the limits",
        torch_modes=("second",), jax=of("logaddexp")),
    row("logaddexp(x, y)", "(inf, 0)", lambda T, x, y: T.logaddexp(x, y), (a(INF), a(0)), (1, 0), "the limits",
        torch_modes=("second",), jax=of("logaddexp"), jax_gives=(1, 1)),
    row("logsumexp(x)", "[-inf, -inf]", lambda T, x: T.logsumexp(x, 0), a(-INF, -INF), 0.5, "the limit: equal elements share evenly",
        torch=(NAN,), torch_modes=("jvp", "second"), jax=lambda jax, x: jax.scipy.special.logsumexp(x), jax_gives=(NAN,)),
    row("logsumexp(x)", "[-inf, 0]", lambda T, x: T.logsumexp(x, 0), a(-INF, 0), a(0, 1), "the limits",
        jax=lambda jax, x: jax.scipy.special.logsumexp(x)),
    row("logsumexp(x)", "[inf, 0]", lambda T, x: T.logsumexp(x, 0), a(INF, 0), a(1, 0), "the limits", torch=(a(NAN, 0),),
        torch_modes=("jvp", "second")),
    row("logcumsumexp(x)", "[-inf, -inf]", lambda T, x: T.logcumsumexp(x, 0), a(-INF, -INF), a(1.5, 0.5), "as logsumexp", torch=(NAN,),
        torch_modes=("jvp", "second"), jax=lambda jax, x: jax.lax.cumlogsumexp(x), jax_gives=(NAN,)),
    row("softmax(x)", "[-inf, 0]", lambda T, x: T.softmax(x, 0) * T.tensor(a(1, 3)), a(-INF, 0), 0,
        "the limits: a masked element has no part",
        jax=lambda jax, x: jax.nn.softmax(x) * a(1, 3)),
    row("cross_entropy(x, 1)", "[-inf, 0]", lambda T, x: F(T).cross_entropy(x, T.tensor(np.array([1]))), np.array([[-INF, 0.0]]), 0,
        "the limits"),
    row("where(c, x, y)", "c true, y infinite", lambda T, x, y: T.where(x > 0, x * x, y), (a(1), a(INF)), (2, 0),
        "exactly 0 for what is not taken", second=False),
    row("where(x > 5, x / 0, y)", "x = 1", lambda T, x, y: T.where(x > 5, x / 0.0, y), (a(1), a(2)), (0, 1),
        "the infinite slope of a branch not taken has no influence",
        torch=(NAN, 1), jax=lambda jax, x, y: jax.numpy.where(x > 5, x / 0.0, y), jax_gives=(NAN, 1)),
    row("where(x > 0, sqrt(x), 0)", "0", lambda T, x: T.where(x > 0, T.sqrt(x), T.zeros_like(x)), a(0), 0, "as above",
        torch=(NAN,), torch_modes=("second",),
        jax=lambda jax, x: jax.numpy.where(x > 0, jax.numpy.sqrt(x), 0.0), jax_gives=(NAN,)),
    row("where(x == 0, 1, sin(x) / x)", "0", lambda T, x: T.where(x == 0, T.ones_like(x), T.sin(x) / x), a(0), 0, "as above",
        torch=(NAN,), torch_modes=("second",)),
    row("sqrt(x) ** 2", "0", lambda T, x: T.sqrt(x) ** 2, a(0), 0, "the price of it: a cotangent of 0 wins; the limit is 1",
        forward_nan=True,
        torch=(NAN,), torch_modes=("jvp", "second"), second=False, jax=lambda jax, x: jax.numpy.sqrt(x) ** 2, jax_gives=(NAN,)),
    row("nan_to_num(x)", "nan, inf", lambda T, x: T.nan_to_num(x), a(NAN, INF), 0, "a constant takes their place", jax=of("nan_to_num")),
]  # fmt: skip

LOSSES = [
    row("l1_loss(x, y)", "x = y", lambda T, x, y: F(T).l1_loss(x, y), (a(1), a(1)), (0, 0), ZERO),
    row("smooth_l1_loss, huber_loss", "|x - y| = 1", lambda T, x, y: F(T).smooth_l1_loss(x, y) + F(T).huber_loss(x, y), (a(2), a(1)),
        (2, -2),
        "smooth to the first order; the second derivative is that of the square"),
    row("smooth_l1_loss, beta = 0", "x = y", lambda T, x, y: F(T).smooth_l1_loss(x, y, beta=0.0), (a(1), a(1)), (0, 0), "as l1_loss"),
    row("hinge_embedding_loss", "x = margin", lambda T, x: F(T).hinge_embedding_loss(x, T.tensor(a(-1))), a(1), -1,
        "a pair exactly at the margin still moves"),
    row("margin_ranking_loss", "x = y, margin 0", lambda T, x, y: F(T).margin_ranking_loss(x, y, T.tensor(a(1))), (a(1), a(1)), (-1, 1),
        "equal scores are not yet ranked: they are pushed apart"),
    row("multi_margin_loss", "at the margin", lambda T, x: F(T).multi_margin_loss(x, T.tensor(np.array([0]))), np.array([[1.0, 0.0]]), 0,
        "PyTorch's choice for this loss"),
    row("binary_cross_entropy(p, y)", "p = y = 0", lambda T, x: F(T).binary_cross_entropy(x, T.tensor(a(0))), a(0), 0,
        "(p - y) / max(p (1 - p), 1e-12), PyTorch's bound for it"),
    row("kl_div(-1, q)", "q = 0", lambda T, y: F(T).kl_div(T.tensor(a(-1)), y, reduction="sum"), a(0), 1,
        "q log q counts as 0 near 0, as xlogy",
        torch=(NAN,), torch_modes=("jvp", "second")),
]  # fmt: skip

MATRICES = [
    row("eigvalsh(x)", "the unit matrix", lambda T, x: T.linalg.eigvalsh(x), np.eye(2), np.eye(2), "a sum of all eigenvalues is the trace",
        jax=lambda jax, x: jax.numpy.linalg.eigvalsh(x), second=False),
    row("eigh(x), V diag(w) V'", "the unit matrix", lambda T, x: _rebuilt(T, *T.linalg.eigh(x)), np.eye(2), np.ones((2, 2)),
        "that of x itself, by divided differences; where the cotangents do not tell them, a part is left out and a warning says so",
        torch=(NAN,), torch_modes=("jvp", "second"), second=False),
    row("svdvals(x)", "the unit matrix", lambda T, x: T.linalg.svdvals(x), np.eye(2), np.eye(2), "U V', whichever vectors were chosen",
        jax=lambda jax, x: jax.numpy.linalg.svd(x, compute_uv=False), second=False),
    row("det(x)", "rank 1", lambda T, x: T.linalg.det(x), np.array([[1.0, 2.0], [2.0, 4.0]]), np.array([[4.0, -2.0], [-2.0, 1.0]]),
        "the cofactors, which exist for singular matrices too", jax=lambda jax, x: jax.numpy.linalg.det(x)),
    row("det(x)", "0", lambda T, x: T.linalg.det(x), np.zeros((2, 2)), 0, "the cofactors"),
    row("matrix_norm(x), Frobenius", "0", lambda T, x: T.linalg.matrix_norm(x), np.zeros((2, 2)), 0, "as norm", torch_modes=("second",)),
]  # fmt: skip


def _rebuilt(T, w, v):
    return (v * w) @ T.transpose(v, 0, 1)


SECTIONS = {
    "Pieces, bounds and jumps": PIECES,
    "Ties": TIES,
    "Norms and distances at 0": NORMS,
    "Powers, products and logarithms": POWERS,
    "Infinities and branches": INFINITE,
    "Losses": LOSSES,
    "Matrices": MATRICES,
}
