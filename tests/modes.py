"""An operation as a function of its differentiable operands, and what its derivatives are compared with.

Helpers of the generated tests only: no test is here.
"""

from __future__ import annotations

import numpy as np


def is_float(a: object) -> bool:
    return isinstance(a, np.ndarray) and a.dtype.kind in "fc"


def differentiable(op: type, s) -> list[int]:
    """The numbers of the operands with a derivative."""
    return [i for i, a in enumerate(s.args) if is_float(a) and op.differentiable_mask >> i & 1]


def as_function(op: type, s, places: list[int]):
    """The operation as a function of the operands at ``places``, with its differentiable outputs as a tuple."""

    def f(*xs):
        args = list(s.args)
        for i, x in zip(places, xs, strict=True):
            args[i] = x
        out = op.of(*args, **s.params)
        if op.outputs is None:
            return (out,)
        return tuple(o for o, name in zip(out, op.outputs, strict=True) if name not in op.constant_outputs)

    return f


def direction(x: np.ndarray, seed: int) -> np.ndarray:
    """A normal direction of the shape and dtype of ``x``: complex where ``x`` is."""
    rng = np.random.default_rng([seed, *x.shape])
    d = rng.normal(size=x.shape)
    return np.asarray(d + 1j * rng.normal(size=x.shape) if x.dtype.kind == "c" else d, x.dtype)


def pairing(us, ts) -> float:
    """The sum of Re <u, t> = Re sum(conj(u) t): the pairing in which gradients are given (a step against them descends)."""
    return float(sum(np.sum(np.conjugate(u) * t).real for u, t in zip(us, ts, strict=True)))


def central_difference(f, xs, ts, step=1e-5):
    """The derivative of ``f`` at ``xs`` along ``ts``, to fourth order in the step."""

    def at(k):
        return f(*[x + k * step * t for x, t in zip(xs, ts, strict=True)])

    return [(8 * (p - m) - (pp - mm)) / (12 * step) for p, m, pp, mm in zip(at(1), at(-1), at(2), at(-2), strict=True)]


def close(actual, expected, tolerance=1e-6):
    """Equal up to ``tolerance``, relative to the largest finite element of ``expected`` or absolute where that is below one."""
    expected = np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0.0)))
    np.testing.assert_allclose(np.asarray(actual), expected, rtol=0, atol=tolerance * scale)
