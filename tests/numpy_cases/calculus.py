"""Differences, integrals, interpolation, convolution; products of arrays; polynomials."""

import numpy as np
from samples import distinct, normal, positive, uniform

from . import PM, SORTED, X3, M, P, V, W, cases, since

CASES = [
    *cases("diff", (np.diff, M), (lambda x: np.diff(x, n=2, axis=0), M), (lambda x, a: np.diff(x, prepend=0.5, append=a), M, normal(3, 2))),
    *cases("ediff1d", (np.ediff1d, M), (lambda x, a: np.ediff1d(x, to_end=a, to_begin=-1.0), V, normal(2))),
    *cases(
        "gradient",
        (np.gradient, V),
        (np.gradient, M),
        (lambda x: np.gradient(x, 0.3, axis=1, edge_order=2), M),
        (lambda x, c: np.gradient(x, c), V, np.cumsum(P)),
        (lambda x, c: np.gradient(x, 0.5, c, edge_order=2), M, np.cumsum(positive(4))),
        (lambda x, h: np.gradient(x, h, axis=(1, 0)), M, np.array(0.7)),
    ),
    *cases(
        "trapezoid",
        (np.trapezoid, M),
        (lambda y, x: np.trapezoid(y, x), M, np.cumsum(positive(4))),
        (lambda y, x: np.trapezoid(y, x, axis=0), M, np.cumsum(PM, 0)),
        (lambda y: np.trapezoid(y, dx=0.2, axis=0), M),
    ),
    *cases(
        "interp",
        (lambda x, xp, fp: np.interp(x, xp, fp), uniform(2, 3), SORTED, W),
        (lambda x, fp: np.interp(x, SORTED, fp, left=-3.0, right=2.0), 4 * uniform(5), W),
        (lambda x, xp, fp: np.interp(x, xp, fp, period=1.7), 4 * uniform(5), distinct(6), W),
        (lambda x, xp, fp: np.interp(x, xp, fp), 4 * uniform(7), SORTED, W),
    ),
    *cases(
        "unwrap",
        (lambda x: np.unwrap(5 * x), V),
        (lambda x: np.unwrap(5 * x, axis=0, period=4.1), M),
        (lambda x: np.unwrap(5 * x, discont=4.0), V),
    ),
    *[
        c
        for m in ("full", "same", "valid")
        for k in ("convolve", "correlate")
        for c in cases(
            f"{k}-{m}",
            *[
                (lambda x, y, k=k, m=m: getattr(np, k)(x, y, mode=m), normal(n), normal(p, seed=2))
                for n, p in ((6, 3), (6, 4), (3, 6), (2, 5), (4, 4), (1, 3))
            ],
        )
    ],
    *cases("convolve", (np.convolve, V, W)),
    *cases("correlate", (np.correlate, V, W)),
    *cases("i0", (np.i0, 5 * normal(6))),
    *cases("sinc", (np.sinc, V)),
    *cases(
        "dot",
        (np.dot, V, W),
        (np.dot, M, distinct(4)),
        (np.dot, X3, distinct(4, 2)),
        (lambda x: np.dot(x, [1.0, 2.0, 3.0, 4.0]), M),
        (np.dot, X3, distinct(3, 4, 2)),
    ),
    *cases("inner", (np.inner, V, W), (np.inner, M, distinct(2, 4))),
    *cases("outer", (np.outer, V, M), (lambda x: np.outer([1.0, 2.0], x), V)),
    *cases("vdot", (np.vdot, M, PM)),
    *cases("tensordot", (np.tensordot, X3, distinct(3, 4)), (lambda x, y: np.tensordot(x, y, axes=([0, 1], [1, 0])), X3, distinct(3, 2))),
    *cases("kron", (np.kron, M, V[:2]), (np.kron, V, M)),
    *cases("cross", (np.cross, distinct(2, 3), distinct(3)), (lambda x, y: np.cross(x, y, axis=0), M, PM)),
    *cases(
        "einsum",
        (lambda x, y: np.einsum("ij,kj->ik", x, y), M, PM),
        (lambda x: np.einsum("ii->i", x), distinct(3, 3)),
        (lambda x: np.einsum("ijk->", x), X3),
    ),
    *cases("trace", (np.trace, M), (lambda x: np.trace(x, 1, 0, 2), X3)),
    *cases(
        "vecdot",
        (np.vecdot, M, distinct(4)),
        (lambda x, y: np.vecdot(x, y, axis=0), M, PM),
        (lambda x, y: np.vecdot(x, y, axis=0, keepdims=True), M, PM),
    ),
    *since(
        "2.2.0",
        *cases(
            "matvec",
            (lambda a, x: np.matvec(a, x), X3, distinct(4)),
            (lambda a, x: np.matvec(a, x, axes=[(1, 0), (0,), (0,)]), M, distinct(3)),
        ),
        *cases("vecmat", (lambda x, a: np.vecmat(x, a), distinct(2, 3), X3)),
    ),
    *cases("matmul", (np.matmul, M, distinct(4, 2)), (lambda x, y: np.matmul(x, y, axes=[(1, 0), (0, 1), (1, 0)]), M, distinct(3, 2))),
    *cases("polyval", (np.polyval, distinct(4), M), (lambda p: np.polyval(p, 1.5), V)),
    *cases("polyadd", (np.polyadd, V, distinct(3))),
    *cases("polysub", (np.polysub, distinct(3), V)),
    *cases("polymul", (np.polymul, V, distinct(3))),
    *cases("polydiv", (np.polydiv, V, positive(3))),
    *cases("polyder", (np.polyder, V), (lambda p: np.polyder(p, 2), V)),
    *cases("polyint", (np.polyint, V), (lambda p, k: np.polyint(p, 2, k), V, normal(2))),
    *cases("poly", (np.poly, distinct(4))),
    *cases("roots", (lambda r: np.roots(np.poly(r)), np.array([3.1, 1.2, -0.4, -2.2]))),
    *cases(
        "polyfit",
        (lambda x, y: np.polyfit(x, y, 2), V, W),
        (lambda x, y, w: np.polyfit(x, y, 1, w=w), V, distinct(6, 2), P),
        (lambda x, y: np.polyfit(x, y, 2, cov=True), V, W),
        (lambda x, y: np.polyfit(x, y, 1, cov="unscaled"), V, W),
    ),
    *cases("vander", (np.vander, V), (lambda x: np.vander(x, 3, increasing=True), V)),
]
