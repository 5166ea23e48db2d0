"""Compiled twins of group norm (``kernels/group_norm.py``): each group of each example goes through all passes while it is in the cache."""

from __future__ import annotations

from typing import Any

from ..._typing import NDArray
from .compiled import compiled, plain, samples
from .norm import outputs, statistics, vector
from .sums import two_sums


@compiled
def _group_norm(x: NDArray, w: NDArray, b: NDArray, groups: int, eps: float, out: NDArray) -> bool:
    fine, some = True, x.shape[1] // groups
    for i in range(x.shape[0]):
        for k in range(groups):
            m, r = statistics(x[i, k * some : (k + 1) * some].reshape(-1), eps, True)
            fine = fine and r > 0
            for c in range(k * some, (k + 1) * some):
                row, o, f, s = x[i, c], out[i, c], r * w[c], b[c]
                for j in range(row.size):
                    o[j] = (row[j] - m) * f + s
    return fine


@samples(
    lambda draw, n, c: [
        (draw(n, 4, c), None, None, 2, 1e-5, draw(n, 4, c)),
        (draw(n, 6, c), draw(6), draw(6), 3, 0.1, draw(n, 6, c)),
        (draw(n, c, 3), draw(c), None, 1, 0.1, draw(n, c, 3)),
    ]
)
def normalised(x: NDArray, w: NDArray | None, b: NDArray | None, groups: int, eps: float, out: NDArray) -> Any:
    """Twin of `group_norm.normalised`."""
    if not out.flags.carray or not _group_norm(plain(x), vector(w, 1, x), vector(b, 0, x), groups, float(eps), out):
        return NotImplemented
    return None


@compiled
def _group_norm_grad(
    g: NDArray, x: NDArray, w: NDArray, groups: int, eps: float, to_x: bool, gx: NDArray, to_w: bool, gw: NDArray, to_b: bool, gb: NDArray
) -> bool:
    fine, some = True, x.shape[1] // groups
    count = some * x.shape[2]
    gw[:] = 0
    gb[:] = 0
    for i in range(x.shape[0]):
        for k in range(groups):
            m, r = statistics(x[i, k * some : (k + 1) * some].reshape(-1), eps, True)
            fine = fine and r > 0
            mean, slope = 0.0, 0.0
            for c in range(k * some, (k + 1) * some):
                total, product = two_sums(g[i, c], x[i, c], m)
                if to_w:
                    gw[c] += product * r
                if to_b:
                    gb[c] += total
                mean += total * w[c]
                slope += product * w[c]
            if to_x:
                middle, tilt = x.dtype.type(mean / count), x.dtype.type(slope * r * r / count)
                for c in range(k * some, (k + 1) * some):
                    row, a, o, f = x[i, c], g[i, c], gx[i, c], w[c]
                    for j in range(row.size):  # rounded here, for a group of one number to have a gradient of exactly 0
                        o[j] = a[j] * f
                    for j in range(row.size):
                        o[j] = (o[j] - middle - (row[j] - m) * tilt) * r
    return fine


@samples(
    lambda draw, n, c: [
        (draw(n, 4, c), draw(n, 4, c), None, 2, 0.1, draw(n, 4, c), None, None),
        (draw(n, 6, c), draw(n, 6, c), draw(6), 3, 0.1, draw(n, 6, c), draw(6), draw(6)),
        (draw(n, c, 3), draw(n, c, 3), None, 1, 0.1, None, draw(c), None),
    ]
)
def gradient(
    g: NDArray, x: NDArray, w: NDArray | None, groups: int, eps: float, gx: NDArray | None, gw: NDArray | None, gb: NDArray | None
) -> Any:
    """Twin of `group_norm.gradient`."""
    into = outputs(x, gx, gw, gb)
    fine = into is not None and _group_norm_grad(plain(g), plain(x), vector(w, 1, x), groups, float(eps), *into)
    return None if fine else NotImplemented
