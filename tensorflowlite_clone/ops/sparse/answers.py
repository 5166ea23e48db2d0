"""What operations do with sparse tensors among their operands: each answer works on the values.

Not here: sparse tensors themselves (``coo.py``), the products of matrices (``products.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import ShapeError
from ..._typing import Array
from ...core.broadcast import normalize_axes, shape_of
from ..join import Concatenate
from ..reduce import Sum
from ..rows import TakeRows
from ..shape import Reshape, Transpose
from .coo import ANSWERS, SparseTensor
from .products import SparseProduct

#: Functions of one number that give 0 for 0, and may so be taken of the values alone.
ZERO_TO_ZERO = (
    "Absolute", "ArcSin", "ArcSinh", "ArcTan", "ArcTanh", "Ceil", "Conjugate", "Erf", "ErfInv", "Expm1", "Floor", "Frac",
    "Imaginary", "IsInf", "IsNaN", "Log1p", "NanToNum", "Negative", "Positive", "Real", "ReLU", "RoundToInteger", "Sign",
    "SignBit", "Sin", "Sinh", "Sqrt", "Square", "Tan", "Tanh", "Trunc",
)  # fmt: skip
#: Those of them that need not know whether several values belong to one place.
LINEAR = {"Negative", "Positive", "Conjugate", "Real", "Imaginary"}


def answers(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter what the operations of these classes do."""

    def enter(f: Callable[..., Any]) -> Callable[..., Any]:
        ANSWERS.update(dict.fromkeys(names, f))
        return f

    return enter


@answers(*ZERO_TO_ZERO)
def _of_values(op: Any, x: SparseTensor, **params: Any) -> Any:
    x = x if op.__name__ in LINEAR else x.coalesce()
    return x.remade(op.of(x._kept, **params))


@answers("Cast", "CastToIntegers", "Clone", "Contiguous", "Connected")
def _same(op: Any, x: SparseTensor, *others: Any, **params: Any) -> Any:
    return x.remade(op.of(x._kept, *others, **params))


def _is_number(a: Any) -> bool:
    return not isinstance(a, SparseTensor) and not shape_of(a)


@answers("Add", "Subtract")
def _sums(op: Any, x: Any, y: Any, **params: Any) -> Any:
    if not (isinstance(x, SparseTensor) and isinstance(y, SparseTensor)):
        if _is_number(x) or _is_number(y):
            return NotImplemented
        dense = [a.to_dense() if isinstance(a, SparseTensor) else a for a in (x, y)]
        return op.of(*dense, **params)
    if x.shape != y.shape or x.sparse_dim() != y.sparse_dim():
        raise ShapeError(f"{op.title()}: sparse tensors must have one shape, and as many sparse dimensions: got {x.shape} and {y.shape}")
    other = np.negative(y._kept) if op.__name__ == "Subtract" else y._kept
    return SparseTensor(np.concatenate([x._index, y._index], axis=1), Concatenate.of(x._kept, other, axis=0), x.shape)


@answers("Multiply")
def _products(op: Any, x: Any, y: Any, **params: Any) -> Any:
    if not isinstance(x, SparseTensor):
        return _products(op, y, x, **params)
    if _is_number(y):
        return x.remade(op.of(x._kept, y, **params))
    if x.shape != shape_of(y):
        raise ShapeError(
            f"{op.title()}: elements of a sparse tensor need a partner each: got {x.shape} and {shape_of(y)}; expand the other"
        )
    x = x.coalesce()
    if not isinstance(y, SparseTensor):
        return x.remade(op.of(x._kept, taken(y, x), **params))
    if x.sparse_dim() != y.sparse_dim():
        return NotImplemented
    y = y.coalesce()
    _, mine, other = np.intersect1d(x.keys(), y.keys(), assume_unique=True, return_indices=True)
    values = op.of(TakeRows.of(x._kept, mine), TakeRows.of(y._kept, other), **params)
    return SparseTensor(x._index[:, mine], values, x.shape, True)


@answers("Divide")
def _quotients(op: Any, x: Any, y: Any, **params: Any) -> Any:
    if not isinstance(x, SparseTensor) or not _is_number(y):
        return NotImplemented
    return x.remade(op.of(x._kept, y, **params))


@answers("PowerOfNumber")
def _powers(op: Any, x: SparseTensor, *, exponent: float) -> Any:
    x = x.coalesce()
    return x.remade(op.of(x._kept, exponent=exponent)) if exponent > 0 else NotImplemented


def taken(dense: Array, like: SparseTensor) -> Array:
    """The elements of a dense tensor at the places of a sparse one, (nnz, ...)."""
    rest = like.shape[like.sparse_dim() :]
    rows = Reshape.of(dense, shape=(math.prod(like.shape[: like.sparse_dim()]), *rest))
    return TakeRows.of(rows, like.keys())


@answers("Transpose")
def _transposed(op: Any, x: SparseTensor, *, axes: tuple[int, ...]) -> Any:
    k = x.sparse_dim()
    if any((a < k) != (i < k) for i, a in enumerate(axes)):
        return NotImplemented  # a dense dimension would become a sparse one
    values = op.of(x._kept, axes=(0, *(a - k + 1 for a in axes[k:])))
    return SparseTensor(x._index[list(axes[:k])], values, tuple(x.shape[a] for a in axes))


@answers("Sum")
def _total(op: Any, x: SparseTensor, *, axis: Any = None, keepdims: bool = False) -> Any:
    axes = normalize_axes(axis, len(x.shape), "sum")
    if keepdims:
        return NotImplemented
    if axes is None:
        return op.of(x._kept, axis=None, keepdims=False)
    k = x.sparse_dim()
    values = Sum.of(x._kept, axis=tuple(a - k + 1 for a in axes if a >= k), keepdims=False)
    shape = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    kept = [a for a in range(k) if a not in axes]
    if not kept:
        return Sum.of(values, axis=(0,), keepdims=False)
    return SparseTensor(x._index[kept], values, shape, x._coalesced and len(kept) == k)


@answers("Norm", "Norm2", "AnyTrue")
def _of_all(op: Any, x: SparseTensor, *, axis: Any = None, keepdims: bool = False, **params: Any) -> Any:
    """What zeros change nothing of, over all elements."""
    axes = normalize_axes(axis, len(x.shape), op.title())
    if keepdims or (axes is not None and len(axes) < len(x.shape)):
        return NotImplemented
    return op.of(x.coalesce()._kept, axis=None, keepdims=False, **params)


@answers("Reshape")
def _reshaped(op: Any, x: SparseTensor, *, shape: tuple[int, ...]) -> Any:
    """The same places in another order of dimensions, of which the dense ones stay."""
    rest = tuple(x.shape[x.sparse_dim() :])
    sizes = tuple(shape[: len(shape) - len(rest)])
    if not sizes or tuple(shape[len(sizes) :]) != rest or math.prod(sizes) != math.prod(x.shape[: x.sparse_dim()]):
        return NotImplemented
    index = np.stack(np.unravel_index(x.keys(), sizes)) if x._nnz() else np.zeros((len(sizes), 0))
    return SparseTensor(index.astype(np.int64), x._kept, shape, x._coalesced)


@answers("Concatenate")
def _joined(op: Any, *xs: Any, axis: int) -> Any:
    """Sparse tensors one after the other along a sparse dimension."""
    if not all(isinstance(x, SparseTensor) for x in xs) or axis >= xs[0].sparse_dim():
        return NotImplemented
    rest = [(x.sparse_dim(), *(n for i, n in enumerate(x.shape) if i != axis)) for x in xs]
    if any(other != rest[0] for other in rest):
        raise ShapeError(f"{op.title()}: sparse tensors must be alike but for dimension {axis}: got {', '.join(str(x.shape) for x in xs)}")
    index, done = [], 0
    for x in xs:
        index.append(x._index.copy())
        index[-1][axis] += done
        done += x.shape[axis]
    shape = (*xs[0].shape[:axis], done, *xs[0].shape[axis + 1 :])
    values = Concatenate.of(*(x._kept for x in xs), axis=0)
    return SparseTensor(np.concatenate(index, axis=1), values, shape, axis == 0 and all(x._coalesced for x in xs))


@answers("MatVec")
def _matrix_vector(op: Any, x: Any, y: Any) -> Any:
    return Reshape.of(_matrix_product(op, x, Reshape.of(y, shape=(*shape_of(y), 1))), shape=shape_of(x)[:1])


def _stack_product(x: SparseTensor, y: Array) -> Any:
    """Sparse matrices (b, m, n) times dense ones (b, n, k): as one matrix with those on its diagonal."""
    (b, m, n), k = x.shape, shape_of(y)[2]
    which, rows, cols = x._index
    out = SparseProduct.of(x._kept, Reshape.of(y, shape=(b * n, k)), which * m + rows, which * n + cols, size=b * m)
    return Reshape.of(out, shape=(b, m, k))


@answers("MatMul")
def _matrix_product(op: Any, x: Any, y: Any) -> Any:
    if isinstance(x, SparseTensor) and x.sparse_dim() == 3 and not isinstance(y, SparseTensor) and len(shape_of(y)) == 3:
        return _stack_product(x, y) if x.shape[0] == shape_of(y)[0] and x.shape[2] == shape_of(y)[1] else NotImplemented
    if len(shape_of(x)) != 2 or len(shape_of(y)) != 2 or any(isinstance(a, SparseTensor) and a.dense_dim() for a in (x, y)):
        return NotImplemented
    if shape_of(x)[1] != shape_of(y)[0]:
        raise ShapeError(f"matmul: inner dimensions differ: x is {shape_of(x)}, y is {shape_of(y)}; x.shape[-1] must equal y.shape[-2]")
    if not isinstance(y, SparseTensor):
        return SparseProduct.of(x._kept, y, *x._index, size=x.shape[0])
    if not isinstance(x, SparseTensor):
        rows, cols = y._index
        return Transpose.of(SparseProduct.of(y._kept, Transpose.of(x, axes=(1, 0)), cols, rows, size=y.shape[1]), axes=(1, 0))
    return _sparse_sparse(x, y)


def meetings(low: Any, high: Any) -> tuple[Any, Any]:
    """All pairs of a number i and one from ``low[i]`` up to ``high[i]``: the first and the second of each."""
    counts = high - low
    mine = np.repeat(np.arange(len(counts)), counts)
    return mine, np.arange(len(mine)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(low, counts)


def _sparse_sparse(x: SparseTensor, y: SparseTensor) -> SparseTensor:
    """Each element of ``x`` meets those in the row of ``y`` that its column names."""
    y = y.coalesce()
    rows = x._index[1]
    mine, other = meetings(np.searchsorted(y._index[0], rows, "left"), np.searchsorted(y._index[0], rows, "right"))
    values = TakeRows.of(x._kept, mine) * TakeRows.of(y._kept, other)
    indices = np.stack([x._index[0][mine], y._index[1][other]])
    return SparseTensor(indices, values, (x.shape[0], y.shape[1])).coalesce()
