"""`SparseTensor`: a tensor of which only some elements are kept, each with its indices (coordinate form, COO).

Here: the box and its parts. Not here: how it is made (``functions.py``), what operations do with it (``answers.py``), products
(``products.py``).

It is a box above all others: an operation with one among its operands asks it first, whatever transform the others belong to. What it
computes, it computes with operations on its values, which are a tensor like any other: derivatives with respect to them follow in every
mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Never

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, GraphError, OperandError
from ..._typing import Array, OperationLike, Shape
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.device import CPU, sparse_coo
from ...core.device import layout as Layout  # noqa: N812
from ...core.dtype_names import DTYPES, dtype, numpy_dtype
from ...core.size import SIZES, Size
from ...core.tensor import Tensor
from ..cast import cast
from ..rows import AddRows
from ..shape import Reshape

#: What an operation does where a sparse tensor is among its operands: ``answer(op, *operands, **params)``, by the operation's class.
ANSWERS: dict[str, Callable[..., Any]] = {}


class SparseTensor(Boxed):
    """A tensor of ``shape`` that is 0 except at ``indices``: values of the same place are added.

    ``indices`` are integers (s, nnz), ``values`` a tensor (nnz, ...), for the first s dimensions and the others of ``shape``. Made by
    `tl.sparse_coo_tensor` and `Tensor.to_sparse`, and by the backward of embeddings with ``sparse=True``.
    """

    __slots__ = ("__weakref__", "_coalesced", "_index", "_kept", "_shape", "views")
    rank: ClassVar[int] = 2
    layout: ClassVar[Layout] = sparse_coo  # type: ignore[assignment]
    is_sparse: ClassVar[bool] = True
    device: ClassVar[Any] = CPU

    def __init__(self, indices: ndarray[Any, Any], values: Array, shape: Shape, coalesced: bool = False) -> None:
        self.level, self.views = 1 << 40, None
        self._index, self._kept, self._shape, self._coalesced = indices, values, SIZES[tuple(shape)], coalesced

    # ---- what it consists of ----------------------------------------------------------------------------------------------
    @property
    def shape(self) -> Size:  # type: ignore[override]
        """The size of each dimension."""
        return self._shape

    @property
    def dtype(self) -> dtype:  # type: ignore[override]
        """The dtype of the values."""
        return DTYPES[self._kept.dtype]

    @property
    def array(self) -> SparseTensor:
        """Itself: there is no plain array in it."""
        return self

    def item(self) -> Never:
        """An error: a sparse tensor is no number."""
        raise self.untraceable("item")

    def sparse_dim(self) -> int:
        """How many dimensions have indices."""
        return len(self._index)

    def dense_dim(self) -> int:
        """How many dimensions the values have besides."""
        return len(self._shape) - len(self._index)

    def _nnz(self) -> int:
        """How many elements are kept."""
        return int(self._index.shape[1])

    def _indices(self) -> Tensor:
        """The indices as they are, perhaps several of one place: integers (sparse_dim, nnz)."""
        return Tensor.wrap(self._index, 0)

    def _values(self) -> Any:
        """The values as they are, (nnz, ...)."""
        return self._kept

    def indices(self) -> Tensor:
        """The indices, (sparse_dim, nnz), in order. Raises `ArgumentError` unless coalesced, as PyTorch."""
        return self._require_coalesced("indices")._indices()

    def values(self) -> Any:
        """The values, (nnz, ...), in the order of the indices; gradients flow to them. Raises `ArgumentError` unless coalesced."""
        return self._require_coalesced("values")._kept

    def _require_coalesced(self, what: str) -> SparseTensor:
        if not self._coalesced:
            raise ArgumentError(f"{what}: the sparse tensor may have several values at one place: call coalesce() first, or _{what}()")
        return self

    def is_coalesced(self) -> bool:
        """Whether each place occurs once, in order."""
        return self._coalesced

    def keys(self) -> ndarray[Any, Any]:
        """The places as positions in row-major order of the sparse dimensions, (nnz)."""
        sizes = self._shape[: len(self._index)]
        if not self._index.size or not math.prod(sizes):
            return np.zeros(self._nnz(), np.int64)
        return np.asarray(np.ravel_multi_index(tuple(self._index), sizes))

    def coalesce(self) -> SparseTensor:
        """The same with each place once, in order; itself if it is so already."""
        if self._coalesced:
            return self
        places, number = np.unique(self.keys(), return_inverse=True)
        sizes = self._shape[: len(self._index)]
        indices = np.stack(np.unravel_index(places, sizes)) if math.prod(sizes) and sizes else np.zeros((len(sizes), len(places)))
        if len(places) == self._nnz():
            order = np.argsort(number)
            values = self._kept[order]
        else:
            values = AddRows.of(self._kept, number.reshape(-1), rows=len(places))
        return SparseTensor(indices.astype(np.int64), values, self._shape, True)

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Any:
        """The whole tensor, zeros included; the gradient of the values is that of their places."""
        sizes, rest = self._shape[: len(self._index)], self._shape[len(self._index) :]
        whole = Reshape.of(AddRows.of(self._kept, self.keys(), rows=math.prod(sizes)), shape=(*sizes, *rest))
        return whole if dtype is None else cast(whole, dtype)

    def to_sparse(self, sparse_dim: int | None = None) -> SparseTensor:
        """Itself."""
        return self

    to_sparse_coo = to_sparse

    def remade(self, values: Array) -> SparseTensor:
        """Other values at the same places."""
        return SparseTensor(self._index, values, (*self._shape[: len(self._index)], *shape_of(values)[1:]), self._coalesced)

    # ---- the tape -----------------------------------------------------------------------------------------------------------
    @property
    def node(self) -> Any:
        """The tape node of the values."""
        return getattr(self._kept, "node", None)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to the values."""
        return self.node is not None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made the values."""
        return bool(getattr(self._kept, "is_leaf", True))

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:
        """Let the values collect their gradient, or stop them from doing so; returns the tensor itself."""
        self._kept.requires_grad_(requires_grad)
        return self

    @property
    def grad(self) -> SparseTensor | None:
        """The gradient of the values, at their places."""
        g = getattr(self._kept, "grad", None)
        return None if g is None else self.remade(g)

    @grad.setter
    def grad(self, value: SparseTensor | None) -> None:
        if value is not None and not (isinstance(value, SparseTensor) and np.array_equal(value._index, self._index)):
            raise GraphError(f"grad: must be sparse, with the same indices, or None: got {type(value).__name__}")
        self._kept.grad = None if value is None else value._kept

    # ---- as a box -----------------------------------------------------------------------------------------------------------
    def detach(self) -> SparseTensor:
        """The same places and values, off the tape."""
        return self.remade(self._kept.detach())

    def constant(self, array: Any) -> Any:
        """A dense tensor."""
        return Tensor.wrap(array, 0)

    def twin(self) -> SparseTensor:
        """Another box that holds the same."""
        return SparseTensor(self._index, self._kept, self._shape, self._coalesced)

    def become(self, result: Any, by: str = "", before: Any = None) -> None:
        """Hold what another sparse tensor of this shape holds."""
        if not isinstance(result, SparseTensor) or result.shape != self.shape:
            raise OperandError(
                f"{by}: a sparse tensor cannot become a dense one, or one of another shape, in place: leave out the underscore"
            )
        self._index, self._kept, self._coalesced = result._index, result._kept, result._coalesced

    def zero_(self) -> SparseTensor:  # type: ignore[override]
        """Forget all elements."""
        empty = np.zeros((0, *shape_of(self._kept)[1:]), numpy_dtype(self.dtype))
        self._index, self._kept, self._coalesced = self._index[:, :0], Tensor.wrap(empty, 0), True
        return self

    def changed(self, *args: Any, **kwargs: Any) -> None:
        """Nobody saved it: operations save its values."""

    def parts(self) -> tuple[Array, ...]:
        """The values."""
        return (self._kept,)

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """What ``ANSWERS`` says, or an error that names the way out."""
        answer = ANSWERS.get(op.__name__)  # type: ignore[attr-defined]
        result = NotImplemented if answer is None else answer(op, *args, **params)
        if result is NotImplemented:
            shapes = ", ".join(f"{'sparse' if isinstance(a, SparseTensor) else 'dense'} {shape_of(a)}" for a in args if a is not None)
            raise OperandError(f"{op.title()}: not for sparse tensors like these: got {shapes}; make them dense: x.to_dense()")
        return result

    def numpy(self, **options: Any) -> Never:
        """An error: a sparse tensor is no array."""
        raise self.untraceable("numpy")

    def untraceable(self, what: str) -> Any:
        """The error for making a plain array or number of it."""
        return OperandError(f"{what}: a sparse tensor of shape {tuple(self.shape)} is no array; make it dense first: x.to_dense()")

    def __len__(self) -> int:
        return self._shape[0]

    def __bool__(self) -> Never:
        raise self.untraceable("bool")

    def __deepcopy__(self, memo: dict[int, Any]) -> SparseTensor:
        return SparseTensor(self._index.copy(), self._kept.__deepcopy__(memo), self._shape, self._coalesced)

    def __reduce__(self) -> Any:
        return SparseTensor, (self._index, self._kept, tuple(self._shape), self._coalesced)

    def __repr__(self) -> str:
        def block(name: str, text: str) -> str:
            return f"{name}={text}".replace("\n", "\n" + " " * (len(name) + 8))

        notes = [f"size={tuple(self.shape)}", f"nnz={self._nnz()}"]
        if self.dtype.name not in ("float32", "int64", "bool", "complex64"):
            notes.append(f"dtype={self.dtype}")
        notes.append("layout=sparse_coo")
        if self.requires_grad:
            notes.append("requires_grad=True" if self.is_leaf else f"grad_fn=<{self._kept.grad_fn.name()}>")
        values = repr(self._kept.detach())
        return f"tensor({block('indices', repr(self._indices()))},\n       {block('values', values)},\n       {', '.join(notes)})"
