"""How sparse tensors are made, and what the namespace ``sparse`` has besides the answers to operations.

Not here: the products (``products.py``), how operations go on with sparse tensors (``answers.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError
from ..._lazy import optional
from ..._state import get_default_dtype
from ..._typing import Array, DTypeLike
from ...core.boxed import Boxed
from ...core.broadcast import normalize_axis, shape_of
from ...core.device import on_cpu
from ...core.levels import all_values
from ...core.publish import public, to_operand
from ...core.tensor import Tensor
from ..cast import cast
from ..rows import AddRows, TakeRows
from ..softmax import LogSoftmax, Softmax
from .answers import taken
from .coo import SparseTensor

#: What makes a sparse matrix of another dtype, as PyTorch's older constructors do.
OLDER = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16", "BFloat16Tensor": "bfloat16", "LongTensor": "int64",
    "IntTensor": "int32", "ShortTensor": "int16", "CharTensor": "int8", "ByteTensor": "uint8",
}  # fmt: skip


def _index(indices: Any, op: str) -> Any:
    """Indices as integers (s, nnz)."""
    given = np.asarray(all_values(indices) if isinstance(indices, Boxed) else indices)
    if given.size and given.dtype.kind not in "iu":
        raise DTypeError(f"{op}: indices must be integers: got {given.dtype}; convert them, indices.long()")
    if given.ndim == 1:
        given = given[None] if given.size else given.reshape(1, 0)
    if given.ndim != 2:
        raise ShapeError(f"{op}: indices must be (dimensions, elements): got {given.shape}")
    return np.array(given, np.int64)


@public("sparse_coo_tensor", method=False)
def _sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: DTypeLike = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Any:
    """A sparse tensor: ``values`` (nnz, ...) at ``indices`` (s, nnz), and 0 elsewhere; values of the same place are added.

    Args:
        indices: integers, a row for each sparse dimension; negative ones are refused.
        values: numbers, or a tensor, whose gradients are followed unless ``requires_grad`` makes a new leaf of them.
        size: the shape; as small as the indices allow by default. Given alone, the tensor has no elements.
        is_coalesced: says that each place occurs once, in order. Indices are always checked (``check_invariants``).

    Raises `DTypeError` for indices that are no integers, `DimensionError` for one out of range, `ShapeError` where the parts do not fit.

    >>> import tensorflowlite_clone as tl
    >>> a = tl.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    >>> a.to_dense().tolist()
    [[0.0, 0.0, 3.0], [4.0, 0.0, 0.0]]
    >>> (a @ tl.ones(3, 1)).tolist()
    [[3.0], [4.0]]
    """
    op = "sparse_coo_tensor"
    if device is not None:
        on_cpu(device)
    if values is None:
        if (size is None) == (indices is None):
            raise ArgumentError(f"{op}: values are missing: pass indices and values, or a size alone")
        size = indices if size is None else size
        indices, values = np.zeros((len(size), 0), np.int64), np.zeros(0, get_default_dtype())
    elif indices is None:
        raise ArgumentError(f"{op}: indices are missing: pass indices and values, or a size alone")
    index = _index(indices, op)
    given: Any = values if isinstance(values, Boxed) else Tensor(np.asarray(values)) if isinstance(values, np.ndarray) else _tensor(values)
    if dtype is not None:
        given = cast(given, dtype)
    if isinstance(given, SparseTensor) or len(shape_of(given)) == 0:
        raise ShapeError(f"{op}: values must be dense, (elements, ...): got shape {shape_of(given)}")
    if shape_of(given)[0] != index.shape[1]:
        raise ShapeError(f"{op}: there must be as many values as indices: got {shape_of(given)[0]} values, {index.shape[1]} indices")
    least = [int(row.max()) + 1 if row.size else 0 for row in index]
    shape = (*least, *shape_of(given)[1:]) if size is None else tuple(int(n) for n in size)
    if len(shape) != len(index) + len(shape_of(given)) - 1 or shape[len(index) :] != tuple(shape_of(given)[1:]):
        raise ShapeError(f"{op}: the size does not fit: {len(index)} rows of indices and values {shape_of(given)}, but size {shape}")
    for axis, row in enumerate(index):
        if row.size and (int(row.min()) < 0 or int(row.max()) >= shape[axis]):
            bad = int(row.min()) if int(row.min()) < 0 else int(row.max())
            raise DimensionError(f"{op}: an index is out of range: {bad} in dimension {axis} of size {shape[axis]}")
    made = SparseTensor(index, given.detach() if requires_grad else given, shape)
    if is_coalesced:
        keys = made.keys()
        if (np.diff(keys) <= 0).any():
            raise ArgumentError(f"{op}: is_coalesced=True, but places repeat or are not in order; leave it out")
        made = SparseTensor(index, made._kept, shape, True)
    return made.requires_grad_() if requires_grad else made


def _tensor(values: Any) -> Tensor:
    array = np.asarray(values)
    return Tensor(array.astype(get_default_dtype()) if array.dtype.kind == "f" else array)


@public("to_sparse", "to_sparse_coo", function=False)
def _to_sparse(input: Array, sparse_dim: int | None = None) -> Any:
    """The elements that are not 0, with their indices; gradients flow back to them.

    ``sparse_dim``: how many of the first dimensions have indices, all by default; the others stay dense.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse().indices().tolist()
    [[0], [1]]
    """
    shape = shape_of(input)
    k = len(shape) if sparse_dim is None else sparse_dim
    if not 0 <= k <= len(shape) or (shape and not k):
        raise ArgumentError(f"to_sparse: sparse_dim must be 1 to {len(shape)}: got {sparse_dim}")
    there = np.asarray(all_values(input)) != 0
    index = np.stack(np.nonzero(there.any(axis=tuple(range(k, len(shape))))) if k else [np.zeros(0)]).astype(np.int64)
    if not shape:
        index = np.zeros((0, int(there)), np.int64)
    like = SparseTensor(index, Tensor(np.zeros((index.shape[1], *shape[k:]))), shape, True)
    return SparseTensor(index, taken(input, like), shape, True)


@public("to_dense", function=False)
def _to_dense(input: Array, dtype: DTypeLike = None, *, masked_grad: bool | None = None) -> Any:
    """A dense tensor is one already."""
    return input if dtype is None else cast(input, dtype)


@public("sparse_dim", function=False)
def _sparse_dim(input: Array) -> int:
    """How many dimensions have indices: none of a dense tensor's."""
    return 0


@public("dense_dim", function=False)
def _dense_dim(input: Array) -> int:
    """How many dimensions have no indices: all of a dense tensor's."""
    return len(shape_of(input))


def _of_sparse_tensors(name: str) -> None:
    def method(input: Array) -> Any:
        raise OperandError(f"{name}: needs a sparse tensor: this one is dense, shape {shape_of(input)}; x.to_sparse() makes a sparse one")

    method.__doc__ = "What sparse tensors have; an error for dense ones."
    public(name, function=False)(method)


for _name in ("coalesce", "is_coalesced", "indices", "values"):
    _of_sparse_tensors(_name)


@public("sparse_mask", function=False)
def _sparse_mask(input: Array, mask: Any) -> Any:
    """The elements of a dense tensor at the places of the sparse one ``mask``, whose values do not count."""
    if not isinstance(mask, SparseTensor) or mask.shape != shape_of(input):
        raise OperandError(f"sparse_mask: mask must be a sparse tensor of shape {shape_of(input)}: got {type(mask).__name__}")
    mask = mask.coalesce()
    return mask.remade(taken(input, mask))


@public("sparse.mm")
def _mm(mat1: Any, mat2: Any, reduce: str | None = None) -> Any:
    """The product of two matrices, of which either may be sparse; of two sparse ones it is sparse. Gradients flow to both.

    >>> import tensorflowlite_clone as tl
    >>> a = tl.sparse_coo_tensor([[0, 1], [1, 0]], [2.0, 3.0])
    >>> tl.sparse.mm(a, tl.eye(2)).tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    if reduce not in (None, "sum"):
        raise ArgumentError(f"sparse.mm: reduce must be 'sum': got {reduce!r}; others are for matrices in another form (CSR)")
    return to_operand(mat1, "sparse.mm") @ to_operand(mat2, "sparse.mm")


@public("spmm", "dsmm", method=False)
def _spmm(input: Any, mat2: Any) -> Any:
    """`sparse.mm` under PyTorch's older name."""
    return _mm(input, mat2)


@public("smm")
def _smm(input: Any, mat: Any) -> Any:
    """The product of a sparse and a dense matrix, as a sparse one."""
    return _mm(input, mat).to_sparse()


@public("sparse.addmm")
def _addmm(mat: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Any:
    """``beta mat + alpha (mat1 @ mat2)``, where ``mat1`` may be sparse."""
    return beta * to_operand(mat, "sparse.addmm") + alpha * _mm(mat1, mat2)


@public("hspmm", "hsmm", "sparse.hspmm", method=False)
def _hspmm(mat1: Any, mat2: Any) -> Any:
    """The product of a sparse and a dense matrix, whose rows are sparse: those that ``mat1`` has anything in."""
    product = _mm(mat1, mat2)
    rows = np.unique(mat1._index[0])
    return SparseTensor(rows[None], TakeRows.of(product, rows), shape_of(product), True)


@public("saddmm", method=False)
@public("sspaddmm")
def _sspaddmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1.0, alpha: float = 1.0) -> Any:
    """``beta input + alpha (mat1 @ mat2)``, sparse, for a sparse ``input`` and ``mat1``."""
    return (beta * input + alpha * _mm(mat1, mat2).to_sparse()).coalesce()


@public("sparse.sum")
def _sum(input: Any, dim: int | tuple[int, ...] | None = None, dtype: DTypeLike = None) -> Any:
    """The sum of all elements, or along dimensions: sparse as long as a sparse dimension is left."""
    x = input if dtype is None else cast(input, dtype)
    return x.sum() if dim is None else x.sum(dim)


def _normalised(op: str, input: Any, dim: int, dtype: DTypeLike, logarithm: bool) -> Any:
    if not isinstance(input, SparseTensor):
        raise OperandError(f"{op}: needs a sparse tensor: got {type(input).__name__}; tl.softmax is for dense ones")
    x = (input if dtype is None else cast(input, dtype)).coalesce()
    axis, k = normalize_axis(dim, len(x.shape), op), x.sparse_dim()
    if axis >= k:
        return x.remade((LogSoftmax if logarithm else Softmax).of(x._kept, axis=axis - k + 1))
    others = [a for a in range(k) if a != axis]
    sizes = tuple(x.shape[a] for a in others)
    line = np.ravel_multi_index(tuple(x._index[others]), sizes) if others and x._nnz() else np.zeros(x._nnz(), np.int64)
    _, line = np.unique(line, return_inverse=True)
    lines, plain = int(line.max(initial=-1)) + 1, np.asarray(all_values(x._kept))
    top = np.full((lines, *plain.shape[1:]), -np.inf, plain.dtype)
    np.maximum.at(top, line, plain)
    shifted = x._kept - np.where(np.isfinite(top), top, 0)[line]
    total = TakeRows.of(AddRows.of(np.exp(shifted), line, rows=lines), line)
    return x.remade(shifted - np.log(total) if logarithm else np.exp(shifted) / total)


@public("sparse.softmax")
def _softmax(input: Any, dim: int, *, dtype: DTypeLike = None) -> Any:
    """`softmax` along a dimension over the elements that are kept: the others count as -inf.

    >>> import tensorflowlite_clone as tl
    >>> tl.sparse.softmax(tl.sparse_coo_tensor([[0, 0, 1], [0, 2, 1]], [1.0, 1.0, 5.0]), 1).to_dense().tolist()
    [[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]
    """
    return _normalised("sparse.softmax", input, dim, dtype, False)


@public("sparse.log_softmax")
def _log_softmax(input: Any, dim: int, *, dtype: DTypeLike = None) -> Any:
    """The logarithm of `sparse.softmax`."""
    return _normalised("sparse.log_softmax", input, dim, dtype, True)


@public("sparse.spdiags")
def _spdiags(diagonals: Array, offsets: Any, shape: tuple[int, int], layout: Any = None) -> Any:
    """The matrix of ``shape`` whose diagonal ``offsets[i]`` (counted upwards) has the elements of row i of ``diagonals``, by column.

    >>> import tensorflowlite_clone as tl
    >>> tl.sparse.spdiags(tl.tensor([[1.0, 2.0]]), tl.tensor([1]), (2, 2)).to_dense().tolist()
    [[0.0, 2.0], [0.0, 0.0]]
    """
    given = to_operand(diagonals, "sparse.spdiags")
    places = np.asarray(all_values(offsets) if isinstance(offsets, Boxed) else offsets).reshape(-1)
    given = given if len(shape_of(given)) == 2 else given.reshape(1, -1)
    if len(places) != shape_of(given)[0] or len(set(places.tolist())) != len(places):
        raise ArgumentError(
            f"sparse.spdiags: needs one offset, all different, for each of {shape_of(given)[0]} diagonals: got {places.tolist()}"
        )
    which, cols = np.meshgrid(np.arange(len(places)), np.arange(min(shape_of(given)[1], shape[1])), indexing="ij")
    rows = cols - places[which]
    there = (rows >= 0) & (rows < shape[0])
    flat = which[there] * shape_of(given)[1] + cols[there]
    return SparseTensor(np.stack([rows[there], cols[there]]), TakeRows.of(given.reshape(-1), flat), tuple(shape)).coalesce()


@public("sparse.from_scipy")
def from_scipy(matrix: Any) -> SparseTensor:
    """A SciPy sparse matrix or array, of any format, as a sparse tensor; its numbers are copied."""
    scipy = optional("scipy.sparse", "scipy", "from_scipy")
    if not scipy.issparse(matrix):
        raise OperandError(
            f"from_scipy: needs a sparse matrix of SciPy: got {type(matrix).__name__}; tl.tensor(a).to_sparse() is for dense ones"
        )
    coo = matrix.tocoo()
    index = np.stack(getattr(coo, "coords", (coo.row, coo.col)) if len(coo.shape) != 2 else (coo.row, coo.col)).astype(np.int64)
    return SparseTensor(index, Tensor(np.array(coo.data)), coo.shape)


@public("sparse.to_scipy")
def to_scipy(input: SparseTensor) -> Any:
    """A sparse matrix as SciPy's ``coo_array``. Raises `OperandError` for one that is followed by a transform or has dense dimensions."""
    if not isinstance(input, SparseTensor) or input.dense_dim() or input.sparse_dim() != 2:
        raise OperandError(f"to_scipy: needs a sparse matrix: got {type(input).__name__} of shape {shape_of(input)}")
    scipy = optional("scipy.sparse", "scipy", "to_scipy")
    return scipy.coo_array((input._kept.detach().numpy().copy(), tuple(input._index)), shape=tuple(input.shape))


def older(name: str) -> Any:
    """PyTorch's constructor of this name: ``FloatTensor(indices, values, size)``."""

    def make(indices: Any, values: Any = None, size: Any = None) -> Any:
        return _sparse_coo_tensor(indices, values, size, dtype=OLDER[name])

    make.__name__ = make.__qualname__ = name
    make.__module__ = "tensorflowlite_clone.sparse"
    make.__doc__ = f"`sparse_coo_tensor` of {OLDER[name]} numbers."
    return make
