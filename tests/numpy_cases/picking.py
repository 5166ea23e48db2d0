"""Picking by conditions and places, sorting, rounding, sets."""

import numpy as np
from samples import distinct, normal, positive

from . import HOLE, MASK, PLACES, PM, M, P, V, W, cases, since

CASES = [
    *cases("where", (lambda x, y: np.where(MASK, x, y), M, PM), (lambda x: np.where(x > 0, x * x, 0.0), M)),
    *cases(
        "select",
        (lambda x: np.select([x > 0.5, x > -0.3], [x**2, np.sin(x)], default=-1.0), M),
        (lambda x, y: np.select([MASK], [x], y), M, PM),
    ),
    *cases(
        "piecewise",
        (lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda t: -t * t, lambda t: t + 1]), M),
        (lambda x: np.piecewise(x, [x > 0.2], [np.sqrt, 3.0]), P),
    ),
    *cases(
        "choose",
        (lambda x, y: np.choose(PLACES[0], [x, y, x * y]), distinct(4), positive(4)),
        (lambda x: np.choose(np.array([5, -1, 0, 1]), [x, 2 * x], mode="wrap"), distinct(4)),
    ),
    *cases("compress", (lambda x: np.compress([True, False, True], x, axis=0), M), (lambda x: np.compress([False, True, True], x), M)),
    *cases("extract", (lambda x: np.extract(MASK, x), M)),
    *cases(
        "take",
        (lambda x: np.take(x, [2, 0, 2]), M),
        (lambda x: np.take(x, PLACES, axis=1), M),
        (lambda x: np.take(x, [5, -1], axis=0, mode="clip"), M),
        (lambda x: np.take(x, [[5, -7]], mode="wrap"), V),
    ),
    *cases(
        "take_along_axis",
        (lambda x: np.take_along_axis(x, np.argsort(x, 1), 1), M),
        (lambda x: np.take_along_axis(x, PLACES[:, :3].T, 0), M),
        (lambda x: np.take_along_axis(x, np.array([5, 2]), None), M),
    ),
    *cases("sort", (np.sort, M), (lambda x: np.sort(x, axis=None), M), (lambda x: np.sort(x, 0, kind="stable"), M)),
    *cases("sort_complex", (lambda x: np.real(np.sort_complex(x)), M)),
    *cases("partition", (lambda x: np.partition(x, 2, axis=1)[:, 2], M)),
    *cases(
        "clip",
        (lambda x: np.clip(x, -0.5, 0.6), M),
        (lambda x, a: np.clip(x, a, None), M, normal(4)),
        *since("2.1.0", (lambda x, a: np.clip(x, min=-1.0, max=a), M, normal(3, 1))),
    ),
    *cases("nan_to_num", (lambda x: np.nan_to_num(x + HOLE, nan=0.5), M)),
    *cases("fix", (lambda x: np.fix(x) + x, M)),
    *cases("round", (lambda x: np.round(x, 1) + x, M)),
    *cases("around", (lambda x: np.around(x) * x, M)),
    *cases("real", (np.real, M)),
    *cases("imag", (lambda x: np.imag(x * 1j), M)),
    *cases("angle", (lambda x: np.angle(x + 1j * W), V), (lambda x: np.angle(x * (1 + 2j), deg=True), V)),
    *cases("real_if_close", (np.real_if_close, V)),
    *[c for k in ("unique", "unique_values") for c in cases(k, (getattr(np, k), V), vmap=False)],
    *cases(
        "unique",
        (lambda x: np.unique(np.concatenate([x, x[:2]]), return_index=True, return_counts=True)[0], V),
        (lambda x: np.unique(x, axis=1), M),
        vmap=False,
    ),
    *[
        c
        for k in ("unique_all", "unique_counts", "unique_inverse")
        for c in cases(k, (lambda x, k=k: getattr(np, k)(x).values, V), vmap=False)
    ],
    *cases("union1d", (np.union1d, V, W + 0.01), vmap=False),
    *cases(
        "intersect1d",
        (lambda x: np.intersect1d(np.concatenate([x, x * 2]), np.concatenate([x, x + 9]), return_indices=True)[0], V),
        vmap=False,
    ),
    *cases("setdiff1d", (lambda x: np.setdiff1d(np.concatenate([x, x + 7]), x), V), vmap=False),
    *cases("setxor1d", (lambda x, y: np.setxor1d(np.concatenate([x, y]), x), V, W + 0.01), vmap=False),
]
