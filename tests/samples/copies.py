"""Samples for ``ops/copies.py``."""

from . import call, integers, normal

X = normal(2, 3)


def copies(T, x):
    y = x[:, None]
    return (
        T.alias_copy(x), T.as_strided_copy(x, (2, 2), (1, 2), 1), T.diagonal_copy(x, 1), T.expand_copy(x, (2, 2, 3)), T.narrow_copy(x, 1, 0, 2),
        x.narrow_copy(0, 1, 1), T.permute_copy(x, (1, 0)), T.select_copy(x, 1, 0), T.slice_copy(x, 1, 0, 3, 2), T.slice_copy(x),
        *T.split_copy(x, 2, 1), *T.split_with_sizes_copy(x, (1, 2), 1), T.squeeze_copy(y), T.squeeze_copy(y, 1), T.t_copy(x),
        T.transpose_copy(x, 0, 1), *T.unbind_copy(x), *T.unbind_copy(x, 1), T.unfold_copy(x, 1, 2, 1), T.unsqueeze_copy(x, 0),
        T.view_copy(x, (3, 2)),
    )  # fmt: skip


CALLS = [
    call("copies", copies, X),
    call("unsafe parts", lambda T, x: (*T.unsafe_chunk(x, 2, 1), *x.unsafe_split(2, 1), *T.unsafe_split_with_sizes(x, (1, 2), 1)), X),
    call("copies of integers", copies, integers(2, 3)),
    call("detach_copy", lambda T, x: (T.detach_copy(x), T.detach(x), T.detach_(x * 2.0)), X, differentiable=False),
    call(
        "complex copies",
        lambda T, x: (T.view_as_real_copy(x.detach()), T.view_as_complex_copy(T.view_as_real(x.detach()) * 2.0)),
        X + 1j * normal(2, 3, seed=1),
        differentiable=False,
    ),
    call("split_with_sizes", lambda T, x: (*T.split_with_sizes(x, [1, 2], 1), *x.split_with_sizes(split_sizes=(0, 2), dim=0)), X),
]
