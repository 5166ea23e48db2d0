"""Samples for ``ops/view_scatter.py``."""

from . import call, integers, normal

X = normal(3, 4)
CALLS = [
    call("select_scatter", lambda T, x, s: (T.select_scatter(x, s, 1, -1), x.select_scatter(src=s, dim=1, index=0)), X, normal(3, seed=1)),
    call(
        "slice_scatter",
        lambda T, x, s: (T.slice_scatter(x, s, 1, 1, 3), x.slice_scatter(s, 1, -3, None, 2), T.slice_scatter(x, x * 2, start=-9, end=99)),
        X,
        normal(3, 2, seed=1),
    ),
    call(
        "diagonal_scatter",
        lambda T, x, s: (T.diagonal_scatter(x, s), x.diagonal_scatter(s[:2], -1), x.diagonal_scatter(s, offset=1, dim1=0, dim2=1)),
        X,
        normal(3, seed=1),
    ),
    call("diagonal_scatter of a stack", lambda T, x, s: x.diagonal_scatter(s, 0, 2, 0), normal(3, 2, 4), normal(2, 3, seed=1)),
    call(
        "as_strided_scatter",
        lambda T, x, s: (T.as_strided_scatter(x, s, (2, 2), (4, 1), 1), x.detach().t().as_strided_scatter(s.detach(), (2, 2), (1, 5))),
        X,
        normal(2, 2, seed=1),
    ),
    call(
        "as_strided_scatter twice",
        lambda T, x, s: T.as_strided_scatter(x.detach(), s.detach(), (2, 2), (1, 1)),
        X,
        normal(2, 2, seed=1),
        differentiable=False,
    ),
    call(
        "view scatters of integers",
        lambda T, x, s: (x.select_scatter(s.detach(), 0, 1), x.slice_scatter(s.detach()[None], 0, 2)),
        integers(3, 4),
        normal(4) * 9,
        differentiable=False,
    ),
    call(
        "view scatters empty",
        lambda T, x, s: (x.slice_scatter(s, 1, 2, 2), s.select_scatter(s[:, 0], 1, 0) if s.shape[1] else s),
        X,
        normal(3, 0),
    ),
]
