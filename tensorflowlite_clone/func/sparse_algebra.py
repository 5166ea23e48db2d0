"""Products with sparse matrices, and linear systems with them: SciPy computes, values and right-hand sides have derivatives.

A matrix is a pattern, which is constant, and a vector of values. Here: `sparse.matmul`, `sparse.solve`. Not here: sparse tensors
(``ops/sparse/``), sparse Jacobians (``colouring.py``).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import LinAlgError, OperandError, ShapeError
from .._lazy import load, optional
from .._typing import Array, NDArray
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtype_names import numpy_dtype
from ..core.levels import off_tape
from ..core.tensor import Taped, Tensor
from ..ops.sparse.coo import SparseTensor
from .primitives import primitive

#: Factors of the matrices that were solved with latest, by their content.
_factors: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
KEPT = 8


class Pattern:
    """Where the values of a matrix are: ``rows`` and ``columns``, in any order, twice the same for a sum."""

    def __init__(self, rows: NDArray, columns: NDArray, shape: tuple[int, int]) -> None:
        self.rows, self.columns, self.shape = rows, columns, shape
        #: What it is the transpose of, whose factors serve it, too.
        self.origin: Pattern | None = None

    @cached_property
    def turned(self) -> Pattern:
        """That of the transpose."""
        turned = Pattern(self.columns, self.rows, (self.shape[1], self.shape[0]))
        turned.turned, turned.origin = self, self
        return turned

    @cached_property
    def _compressed(self) -> tuple[NDArray, NDArray, NDArray]:
        order = np.lexsort((self.columns, self.rows))
        starts = np.searchsorted(self.rows[order], np.arange(self.shape[0] + 1))
        return order, self.columns[order], starts

    def matrix(self, values: Array) -> Any:
        """The matrix with these values, SciPy's."""
        order, columns, starts = self._compressed
        sparse = optional("scipy.sparse", "scipy", "sparse.matmul")
        return sparse.csr_array((values[order], columns, starts), shape=self.shape)

    def factors(self, values: Array) -> Any:
        """SuperLU's factors of the matrix, kept for the next time."""
        digest = blake2b(np.ascontiguousarray(values).tobytes())
        for part in (self.rows, self.columns):
            digest.update(np.ascontiguousarray(part).tobytes())
        key = (self.shape, values.dtype.char, digest.digest())
        if key in _factors:
            _factors.move_to_end(key)
            return _factors[key]
        matrix = self.matrix(values).tocsc()
        matrix.sum_duplicates()
        try:
            found = _factors[key] = optional("scipy.sparse.linalg", "scipy", "sparse.solve").splu(matrix)
        except RuntimeError as error:
            raise LinAlgError(f"sparse.solve: the matrix of shape {self.shape} is singular ({error}); it has no inverse") from None
        while len(_factors) > KEPT:
            _factors.popitem(last=False)
        return found


def matmul(a: Any, x: Any) -> Any:
    """The product ``a @ x`` of which one factor is a sparse matrix: SciPy's, of any format, or a sparse tensor; the other is dense.

    Args:
        a, x: matrices, or the dense one a vector. SciPy's matrix is constant, as its numbers are; of a sparse tensor,
            ``tl.sparse_coo_tensor(indices, values, shape)``, the values have derivatives.

    ``A @ x`` and ``x @ A`` come here by themselves, ``A.dot(x)`` too. Derivatives of every order, in every mode. Raises `OperandError`
    where neither is a sparse matrix, `ShapeError` where the inner dimensions differ.

    >>> import scipy.sparse, tensorflowlite_clone as tl
    >>> A = scipy.sparse.csr_array([[2.0, 1.0], [0.0, 3.0]])
    >>> tl.func.grad(lambda x: np.sum((A @ x) ** 2))(np.array([1.0, 1.0]))
    array([12., 24.])
    """
    if is_sparse(a):
        pattern, values = parts(a, "sparse.matmul")
        return _product(pattern, values, x, "sparse.matmul")
    if not is_sparse(x):
        raise OperandError(f"sparse.matmul: one operand must be a sparse matrix: got {type(a).__name__} and {type(x).__name__}; use matmul")
    pattern, values = parts(x, "sparse.matmul")
    return np.transpose(_product(pattern.turned, values, np.transpose(_dense(a)), "sparse.matmul"))


def solve(a: Any, b: Any) -> Any:
    """The solution x of ``a @ x = b`` for a sparse matrix ``a`` of SciPy, or a sparse tensor, whose values then have derivatives.

    Args:
        a: (n, n). Its factors are kept: systems with the same matrix, those of the derivatives among them, share them.
        b: (n) or (n, k).

    Raises `LinAlgError` for a singular matrix, `ShapeError` for shapes that do not fit, `OperandError` for a dense matrix.

    >>> import scipy.sparse, tensorflowlite_clone as tl
    >>> A = scipy.sparse.csr_array([[2.0, 1.0], [0.0, 4.0]])
    >>> solve(A, np.array([3.0, 4.0]))
    array([1., 1.])
    >>> v, places = np.array([2.0, 1.0, 4.0]), np.array([[0, 0, 1], [0, 1, 1]])
    >>> tl.func.grad(lambda v: np.sum(solve(tl.sparse_coo_tensor(places, v, (2, 2)), np.array([3.0, 4.0]))))(v)
    array([-0.5  , -0.5  , -0.125])

    Source: X. Li, "An overview of SuperLU" (2005).
    """
    if not is_sparse(a):
        raise OperandError(
            f"sparse.solve: the matrix must be SciPy's sparse one or a sparse tensor: got {type(a).__name__}; use linalg.solve"
        )
    pattern, values = parts(a, "sparse.solve")
    if pattern.shape[0] != pattern.shape[1]:
        raise ShapeError(f"sparse.solve: the matrix must be square: it is {pattern.shape}; use least squares for others")
    return _product(pattern, values, b, "sparse.solve")


def is_sparse(x: Any) -> bool:
    """Whether ``x`` is a sparse matrix of SciPy or a sparse tensor."""
    return getattr(x, "is_sparse", False) is True if isinstance(x, Boxed) else type(x).__module__.startswith("scipy.sparse")


def parts(a: Any, op: str) -> tuple[Pattern, Any]:
    """The pattern of a sparse matrix, and its values."""
    if isinstance(a, Boxed):
        if a.dense_dim() or len(a.shape) != 2:
            raise ShapeError(f"{op}: a sparse matrix has two dimensions, both sparse: this one is {tuple(a.shape)}")
        rows, columns = a._index  # type: ignore[attr-defined]
        return Pattern(rows, columns, tuple(a.shape)), off_tape(a._kept)  # type: ignore[attr-defined, arg-type]
    coo = a.tocoo()
    return Pattern(coo.row, coo.col, coo.shape), np.asarray(coo.data)


def _dense(x: Any) -> Any:
    return x if isinstance(x, Boxed | ndarray) else np.asarray(x)


def _product(pattern: Pattern, values: Any, x: Any, op: str) -> Any:
    given = x = _dense(x)
    inner = pattern.shape[0] if op == "sparse.solve" else pattern.shape[1]
    if len(shape_of(x)) not in (1, 2) or shape_of(x)[0] != inner:
        raise ShapeError(f"{op}: the shapes do not fit: the matrix is {pattern.shape}, the dense operand {tuple(shape_of(x))}")
    dtype = np.result_type(*(numpy_dtype(a.dtype) for a in (values, x)), *([np.float32] if op == "sparse.solve" else []))
    values, x = (a if a.dtype == dtype else a.astype(dtype) for a in (values, off_tape(x)))
    columns = x if len(shape_of(x)) == 2 else np.expand_dims(x, 1)
    out = (_solved if op == "sparse.solve" else _multiplied)(pattern, values, columns)
    out = out if len(shape_of(x)) == 2 else np.squeeze(out, 1)
    return Tensor.wrap(out, 0) if isinstance(given, Taped) and not isinstance(out, Boxed) else out


def _at(pattern: Pattern, g: Array, x: Array) -> Array:
    """The cotangent of the values, of that (rows, k) of a product and of x, (columns, k)."""
    return np.sum(g[pattern.rows] * np.conj(x[pattern.columns]), axis=1)


def _conj(x: Array) -> Array:
    return np.conj(x) if x.dtype.kind == "c" else x


def _columns(f: Any) -> Any:
    """How examples go together: those of the dense operand as columns, matrices of their own one by one."""

    def mapped(size: int, flags: tuple[bool, ...], pattern: Pattern, values: Array, x: Array) -> Any:
        if flags[1]:
            return NotImplemented
        k = x.shape[2]
        out = f()(pattern, values, np.reshape(np.moveaxis(x, 0, 1), (x.shape[1], size * k)))
        return np.moveaxis(np.reshape(out, (out.shape[0], size, k)), 1, 0)

    return mapped


_multiplied: Any = primitive(
    lambda pattern, values, x: pattern.matrix(values) @ x,
    vjp=lambda g, ans, pattern, values, x: (None, _at(pattern, g, x), _multiplied(pattern.turned, _conj(values), g)),
    jvp=lambda ts, ans, pattern, values, x: _multiplied(pattern, ts[1], x) + _multiplied(pattern, values, ts[2]),
    vmap=_columns(lambda: _multiplied),
    name="sparse.matmul",
)


def _solve_vjp(g: Array, ans: Array, pattern: Pattern, values: Array, b: Array) -> tuple[Any, ...]:
    gb = _solved(pattern.turned, _conj(values), g)
    return None, -_at(pattern, gb, ans), gb


def _solve(pattern: Pattern, values: Array, b: Array) -> Array:
    lu = pattern.factors(values) if pattern.origin is None else pattern.origin.factors(_conj(values))
    return np.asarray(lu.solve(np.ascontiguousarray(b), trans="N" if pattern.origin is None else "H"))


_solved: Any = primitive(
    _solve,
    vjp=_solve_vjp,
    jvp=lambda ts, ans, pattern, values, b: _solved(pattern, values, ts[2] - _multiplied(pattern, ts[1], ans)),
    vmap=_columns(lambda: _solved),
    name="sparse.solve",
)


def as_given(pattern: Pattern, values: Any) -> Any:
    """The matrix as SciPy's, of plain values, else as a sparse tensor."""
    if isinstance(values, Boxed):
        load("sparse")  # which brings what can be done with it
        return SparseTensor(np.stack([pattern.rows, pattern.columns]).astype(np.int64), values, pattern.shape)
    return pattern.matrix(values)
