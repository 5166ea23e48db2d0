"""Reshaping, joining, inserting, padding, grids, diagonals."""

import numpy as np
from samples import distinct, normal, positive

from . import PM, X3, M, V, W, cases, since

CASES = [
    *cases(
        "reshape", (lambda x: np.reshape(x, (4, -1)), M), (lambda x: np.reshape(x, (2, 6), order="F"), M), (lambda x: np.reshape(x, -1), X3)
    ),
    *cases("ravel", (np.ravel, M), (lambda x: np.ravel(x, "F"), X3)),
    *cases("copy", (np.copy, M)),
    *cases("astype", (lambda x: np.astype(x, np.float64), M)),
    *cases("transpose", (np.transpose, X3), (lambda x: np.transpose(x, (1, 0, 2)), X3)),
    *cases("permute_dims", (lambda x: np.permute_dims(x, (2, 0, 1)), X3)),
    *cases("matrix_transpose", (np.matrix_transpose, X3)),
    *cases("swapaxes", (lambda x: np.swapaxes(x, 0, -1), X3)),
    *cases("moveaxis", (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), X3)),
    *cases("rollaxis", (lambda x: np.rollaxis(x, 2), X3), (lambda x: np.rollaxis(x, 0, 2), X3)),
    *cases("expand_dims", (lambda x: np.expand_dims(x, (0, 2)), M)),
    *cases("squeeze", (lambda x: np.squeeze(x, 0), M[None])),
    *cases("atleast_1d", (np.atleast_1d, np.array(0.3))),
    *cases("atleast_2d", (np.atleast_2d, V)),
    *cases("atleast_3d", (np.atleast_3d, M)),
    *cases("broadcast_to", (lambda x: np.broadcast_to(x, (2, 3, 4)), M)),
    *cases("broadcast_arrays", (lambda x, y: np.broadcast_arrays(x, y), M, distinct(4))),
    *cases("flip", (np.flip, M), (lambda x: np.flip(x, 1), M)),
    *cases("fliplr", (np.fliplr, M)),
    *cases("flipud", (np.flipud, M)),
    *cases("roll", (lambda x: np.roll(x, 2), M), (lambda x: np.roll(x, (1, -1), (0, 1)), M), (lambda x: np.roll(x, 1, axis=(0, 1)), M)),
    *cases("rot90", (np.rot90, M), (lambda x: np.rot90(x, 3, (1, 2)), X3)),
    *cases("tile", (lambda x: np.tile(x, (2, 1, 2)), M), (lambda x: np.tile(x, 2), V)),
    *cases("repeat", (lambda x: np.repeat(x, 2), M), (lambda x: np.repeat(x, [2, 0, 1], axis=0), M)),
    *cases("resize", (lambda x: np.resize(x, (3, 5)), V)),
    *since("2.1.0", *cases("unstack", (lambda x: np.unstack(x), M), (lambda x: np.unstack(x, axis=1), M))),
    *cases("trim_zeros", (lambda x: np.trim_zeros(np.concatenate([[0.0], x, [0.0, 0.0]])), V), vmap=False),
    *cases(
        "concatenate",
        (lambda x, y: np.concatenate([x, y, np.ones((1, 4))]), M, PM),
        (lambda x, y: np.concatenate((x, y), axis=None), M, V),
        (lambda x: np.concatenate([x, [1.0, 2.0]]), V),
    ),
    *cases("concat", (lambda x, y: np.concat([x, y], axis=1), M, PM)),
    *cases("stack", (lambda x, y: np.stack([x, y], axis=-1), M, PM), (lambda x: np.stack([x, [1, 2, 3, 4, 5, 6]]), V)),
    *cases("vstack", (lambda x, y: np.vstack([x, y]), V, W)),
    *cases("hstack", (lambda x, y: np.hstack([x, y]), M, PM), (lambda x: np.hstack([x, 1.0, [2.0]]), V)),
    *cases("dstack", (lambda x, y: np.dstack([x, y]), M, PM)),
    *cases("column_stack", (lambda x, y: np.column_stack([x, y]), V, distinct(6, 2))),
    *cases("append", (lambda x: np.append(x, [1.0, 2.0]), M), (lambda x, y: np.append(x, y, axis=0), M, PM)),
    *cases("block", (lambda x, y: np.block([[x, y], [np.zeros((1, 4)), np.ones((1, 4))]]), M, PM), (lambda x: np.block([x, 2.0, x]), V)),
    *cases("split", (lambda x: np.split(x, 2, axis=1), M), (lambda x: np.split(x, [1, 3]), V)),
    *cases("array_split", (lambda x: np.array_split(x, 4), V)),
    *cases("hsplit", (lambda x: np.hsplit(x, 2), M)),
    *cases("vsplit", (lambda x: np.vsplit(x, 3), M)),
    *cases("dsplit", (lambda x: np.dsplit(x, 2), X3)),
    *cases(
        "insert",
        (lambda x: np.insert(x, 2, 7.5), V),
        (lambda x, v: np.insert(x, [1, 1, 4], v), V, normal(3)),
        (lambda x, v: np.insert(x, 1, v, axis=1), M, normal(3)),
        (lambda x, v: np.insert(x, [0, 2], v, axis=1), M, normal(3, 2)),
        (lambda x, v: np.insert(x, slice(0, 3), v), V, normal(3)),
        (lambda x, v: np.insert(x, 3, v), V, normal(2)),
    ),
    *cases(
        "delete", (lambda x: np.delete(x, [1, 3]), V), (lambda x: np.delete(x, slice(0, 2), axis=1), M), (lambda x: np.delete(x, -1, 0), M)
    ),
    *[
        c
        for m in ("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap")
        for c in cases(f"pad-{m}", (lambda x, m=m: np.pad(x, ((1, 2), (0, 3)), mode=m), M), (lambda x, m=m: np.pad(x, 2, mode=m), V))
    ],
    *cases(
        "pad",
        (lambda x, c: np.pad(x, 2, constant_values=c), V, np.array([0.3, -0.2])),
        (lambda x, e: np.pad(x, (2, 3), "linear_ramp", end_values=e), V, np.array([0.3, -0.2])),
        (lambda x: np.pad(x, 2, "reflect", reflect_type="odd"), M),
        (lambda x: np.pad(x, 4, "symmetric", reflect_type="odd"), distinct(3)),
        (lambda x: np.pad(x, 9, "wrap"), distinct(3)),
        (lambda x: np.pad(x, 9, "reflect"), distinct(3)),
        (lambda x: np.pad(x, ((1, 1), (2, 2)), "mean", stat_length=((2, 2), (3, 1))), M),
        (lambda x: np.pad(x, 1, "empty")[1:-1], V),
        *since("2.4.0", (lambda x: np.pad(x, {-1: (1, 2)}), M)),
    ),
    *cases(
        "meshgrid",
        (lambda x, y: np.meshgrid(x, y), V, distinct(3)),
        (lambda x, y: np.meshgrid(x, y, sparse=True, indexing="ij"), V, distinct(3)),
        (lambda x, y: np.meshgrid(x, y, sparse=True), V, distinct(3)),
    ),
    *cases(
        "linspace",
        (lambda a, b: np.linspace(a, b, 5), np.array(0.3), np.array(1.7)),
        (lambda a, b: np.linspace(a, b, 4, endpoint=False, retstep=True), distinct(2), distinct(2, seed=3)),
        (lambda a: np.linspace(a, 2.0, 4, axis=-1), distinct(2)),
        (lambda a: np.linspace(a, 2.0, 1), distinct(2)),
    ),
    *cases(
        "logspace",
        (lambda a, b: np.logspace(a, b, 5), np.array(0.3), np.array(1.7)),
        (lambda a, c: np.logspace(a, 1.0, 4, base=c), np.array(0.1), np.array(2.5)),
        *(
            (lambda a, b, n=n, end=end: np.logspace(a, b, n, endpoint=end), np.array(0.3), np.array(1.7))
            for n in (1, 2)
            for end in (True, False)
        ),
    ),
    *cases(
        "geomspace",
        (lambda a, b: np.geomspace(a, b, 5), np.array(0.3), np.array(1.7)),
        (lambda a, b: np.geomspace(-a, -b, 4, endpoint=False), positive(2), positive(2, seed=3)),
        *(
            (lambda a, b, n=n, end=end: np.geomspace(a, b, n, endpoint=end), np.array(0.3), np.array(1.7))
            for n in (1, 2)
            for end in (True, False)
        ),
    ),
    *cases("full_like", (lambda x, c: np.full_like(x, c), M, normal(4))),
    *cases("diag", (np.diag, V), (lambda x: np.diag(x, 1), M)),
    *cases("diagflat", (lambda x: np.diagflat(x, -1), V)),
    *cases("diagonal", (lambda x: np.diagonal(x, 1, 1, 2), X3)),
    *cases("tril", (lambda x: np.tril(x, 1), M)),
    *cases("triu", (lambda x: np.triu(x, -1), X3)),
    *cases(
        "sliding_window_view",
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), V),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 0)), M),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=-1), X3),
    ),
]
