"""`jacobian_sparse` and `hessian_sparse`: matrices of which few elements are not 0, from as many products as they have colours.

Columns that meet in no row share a product. Not here: dense Jacobians (``jacobians.py``), products with the matrix found
(``sparse_algebra.py``), and which elements are 0, unless it is found by looking at all of them once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._lazy import optional
from .._typing import Array, NDArray
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, mapped, off_tape
from ..core.tensor import Tensor
from .forward import jvp
from .jacobians import jacfwd
from .mapping import vmap
from .reverse import grad
from .sparse_algebra import Pattern, as_given, is_sparse
from .sparse_algebra import parts as parts_of

#: How many columns are looked at together where the pattern is not given.
CHUNK = 256


def jacobian_sparse(func: Callable[..., Any], sparsity: Any = None) -> Callable[..., Any]:
    """The Jacobian of ``func(x, *args)`` in x as a sparse matrix, (numbers of the result, numbers of x).

    Args:
        func: takes an array first, and returns one.
        sparsity: a matrix of this shape, SciPy's or dense, that is not 0 wherever the Jacobian may be. Where it is not given, the whole
            Jacobian is made once, at the first x moved a little at random, and what is exactly 0 there is taken to be 0 everywhere.

    One product (forward mode) for each colour: 3 for a tridiagonal matrix of any size, about 9 for a triangulation's. The result is SciPy's
    ``csr_array`` for plain arrays, and a sparse tensor for tensors and inside transforms, where it has derivatives as all values have; both
    are understood by `sparse.solve`. Its attributes after a call: ``colours``, ``pattern``.

    Raises `ShapeError` where the sparsity does not fit.

    >>> f = lambda x: x[1:] ** 2 - x[:-1]
    >>> jacobian_sparse(f)(np.array([1.0, 2.0, 3.0])).toarray()
    array([[-1.,  4.,  0.],
           [ 0., -1.,  6.]])

    Source: A. Curtis, M. Powell, J. Reid, "On the estimation of sparse Jacobian matrices" (1974).
    """
    return _Coloured(func, func, sparsity, "jacobian_sparse")


def hessian_sparse(func: Callable[..., Any], sparsity: Any = None) -> Callable[..., Any]:
    """The Hessian of ``func(x, *args)``, a scalar, in x: as `jacobian_sparse`, forward over reverse.

    >>> f = lambda x: np.sum((x[1:] - x[:-1]) ** 4) / 12
    >>> hessian_sparse(f)(np.array([0.0, 1.0, 3.0])).toarray()
    array([[ 1., -1.,  0.],
           [-1.,  5., -4.],
           [ 0., -4.,  4.]])
    """
    return _Coloured(func, grad(func), sparsity, "hessian_sparse")


class _Coloured:
    """A function that gives a sparse matrix of derivatives; it knows the pattern from its first call on."""

    def __init__(self, named: Callable[..., Any], func: Callable[..., Any], sparsity: Any, op: str) -> None:
        functools.update_wrapper(self, named, updated=())
        self.func, self.sparsity, self.op = func, sparsity, op
        self.pattern: Pattern | None = None
        self.seeds: NDArray = np.zeros(0, np.int64)
        self.colours = 0

    def __call__(self, x: Any, *args: Any) -> Any:
        x = x if isinstance(x, Boxed | np.ndarray) else np.asarray(x, dtype=float)
        shape: Any = shape_of(x)
        v = np.reshape(x, -1)

        def flat(v: Any) -> Any:
            return np.reshape(self.func(np.reshape(v, shape), *args), -1)

        if self.pattern is None:
            self.pattern = _found(flat, v, self.op) if self.sparsity is None else _given(self.sparsity, self.op)
            self.seeds = colour(self.pattern)
            self.colours = int(self.seeds.max(initial=-1)) + 1
        pattern, n = self.pattern, shape_of(v)[0]
        if pattern.shape[1] != n:
            raise ShapeError(
                f"{self.op}: the sparsity does not fit: it is {pattern.shape}, x has {n} numbers; it must have as many columns"
            )
        seeds = np.zeros((self.colours, n), dtype=np.asarray(all_values(v)).dtype)
        seeds[self.seeds, np.arange(n)] = 1
        products = vmap(lambda s: jvp(flat, (v,), (s,))[1])(_like(v, seeds))
        if shape_of(products)[1] != pattern.shape[0]:
            raise ShapeError(f"{self.op}: the sparsity does not fit: it is {pattern.shape}, the result has {shape_of(products)[1]} numbers")
        return as_given(pattern, products[self.seeds[pattern.columns], pattern.rows])


def _like(v: Any, seeds: Array) -> Any:
    from_tensor = isinstance(v, Boxed) and off_tape(v) is not v and not isinstance(off_tape(v), Boxed)
    return Tensor.wrap(seeds, 0) if from_tensor else seeds


def _given(sparsity: Any, op: str) -> Pattern:
    if not is_sparse(sparsity):
        if np.ndim(sparsity) != 2:
            raise ArgumentError(f"{op}: sparsity must be a matrix, SciPy's or dense: got {np.ndim(sparsity)} dimension(s)")
        sparsity = optional("scipy.sparse", "scipy", op).coo_array(np.asarray(sparsity))
    pattern, _ = parts_of(sparsity, op)
    keys = np.unique(pattern.rows.astype(np.int64) * pattern.shape[1] + pattern.columns)
    return Pattern(keys // pattern.shape[1], keys % pattern.shape[1], pattern.shape)


def _found(flat: Callable[..., Any], v: Any, op: str) -> Pattern:
    """The pattern, from all columns, some at a time."""
    if mapped(v):
        raise ArgumentError(f"{op}: inside vmap the sparsity must be known: give sparsity=, or call it once before")
    values = np.array(all_values(v))
    values = values + (1e-3 * np.random.default_rng(0).standard_normal(values.shape) * (1 + np.abs(values))).astype(values.dtype)
    n = len(values)
    rows, columns, m = [], [], 0
    for first in range(0, max(n, 1), CHUNK):
        count = min(CHUNK, n - first)
        part = lambda u, first=first, count=count: flat(np.concatenate([values[:first], u, values[first + count :]]))  # noqa: E731
        block = np.asarray(all_values(jacfwd(part)(values[first : first + count])))
        i, j = np.nonzero(block)
        rows.append(i)
        columns.append(j + first)
        m = block.shape[0]
    return Pattern(np.concatenate(rows), np.concatenate(columns), (m, n))


def colour(pattern: Pattern) -> NDArray:
    """A colour for each column, such that no two of one colour meet in a row; greedy, columns of most neighbours first."""
    sparse = optional("scipy.sparse", "scipy", "jacobian_sparse")
    n = pattern.shape[1]
    ones = sparse.csr_array((np.ones(len(pattern.rows), np.int32), (pattern.rows, pattern.columns)), shape=pattern.shape)
    meet = (ones.T @ ones).tocsr()
    starts, others = meet.indptr, meet.indices
    colours = np.full(n, -1)
    for j in np.argsort(-np.diff(starts), kind="stable"):
        taken = set(colours[others[starts[j] : starts[j + 1]]].tolist())
        c = 0
        while c in taken:
            c += 1
        colours[j] = c
    return colours
