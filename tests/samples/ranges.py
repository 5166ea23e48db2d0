"""Samples for ``ops/ranges.py``, and calls of `linspace` and its kin in all forms."""

import numpy as np

from . import call

ENDS = (np.array(0.5), np.array(2.0))


def lines(T, *ends):
    """Numbers in a row, in all forms and dtypes."""
    i, f, c = T.int64, T.float64, T.complex128
    return (
        T.linspace(0, 3, 10, dtype=i), T.linspace(-3, 3, 10, dtype=T.int32), T.linspace(5, 1, 4, dtype=f), T.linspace(2, 2, 3, dtype=f),
        T.linspace(0, 1, 0, dtype=f), T.linspace(0.5, 1, 1, dtype=f), T.linspace(1 + 1j, 2 - 1j, 3, dtype=c), T.linspace(0, 1, 2),
        T.linspace(T.tensor(1), T.tensor(2.0), 3), T.logspace(0, 3, 10, dtype=i), T.logspace(0, 3, 4, 2, dtype=f),
        T.logspace(0, 3, 4, -2.0, dtype=f), T.logspace(-3, 3, 10, dtype=T.int32), T.logspace(start=1j, end=2, steps=3, base=3, dtype=c),
        T.arange(0, 5, 2.5, dtype=i), T.arange(0, 3.5, dtype=T.int32), T.arange(2.5), T.arange(4, 1, -1), T.arange(end=3),
        T.arange(T.tensor(3)), T.arange(1, 2, 0.1, dtype=f), T.arange(3, 3), T.arange(2**53, 2**53 + 3), T.arange(0, 3, dtype=T.uint8),
        T.range(1, 4), T.range(4, 1, -1.5, dtype=f), T.range(0, 5, 2.5, dtype=i), T.range(start=1, end=3, step=1),
    )  # fmt: skip


CALLS = [
    call("rows of numbers", lines),
    call("linspace of tensors", lambda T, a, b: (T.linspace(a.detach(), b.detach(), 5, dtype=T.float64), T.logspace(a.detach(), 2, 5, dtype=T.float64)), *ENDS,
         differentiable=False),
    call("triangles of indices", lambda T: (T.tril_indices(2, 3), T.tril_indices(3, 3, -1), T.triu_indices(3, 3, 1, dtype=T.int32), T.tril_indices(row=0, col=3),
         T.eye(2, 3), T.eye(2, m=1, dtype=T.bool), T.eye(0))),
]  # fmt: skip
