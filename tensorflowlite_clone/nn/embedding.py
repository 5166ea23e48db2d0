"""Embedding: a table of vectors read by index, one by one or in bags."""

from __future__ import annotations

from typing import Any, Self

from .._errors import ArgumentError, ShapeError
from ..autograd import no_grad
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from . import init
from .linear import parameter
from .module import Layer
from .parameter import Parameter
from .settings import checked


class _Table(Layer):
    """A table of vectors with the settings that all ways to read it have."""

    weight: Parameter
    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None

    def _set(
        self, size: tuple[int, int], padding_idx: int | None, max_norm: float | None, norm_type: float, by_freq: bool, sparse: bool
    ) -> None:
        """Keep the settings; a ``padding_idx`` is counted from the front."""
        rows = size[0]
        if padding_idx is not None:
            if not -rows <= padding_idx < rows:
                raise ArgumentError(f"{type(self).__name__}: padding_idx {padding_idx} is outside the table of {rows} rows")
            padding_idx %= rows
        (self.num_embeddings, self.embedding_dim), self.padding_idx = size, padding_idx
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = max_norm, norm_type, by_freq, sparse

    def _fill(self, given: Tensor | None, freeze: bool, dtype: Any) -> None:
        """Make the table: the given one, in its memory, or a drawn one."""
        size = (self.num_embeddings, self.embedding_dim)
        if given is not None and tuple(given.shape) != size:
            raise ShapeError(f"{type(self).__name__}: _weight, the table, must be {size}: it is {tuple(given.shape)}")
        self.weight = parameter(size, dtype) if given is None else Parameter(given)
        if given is None:
            self.reset_parameters()
        self.weight.requires_grad_(not freeze)

    @classmethod
    def _sizes(cls, embeddings: Tensor) -> tuple[int, int]:
        """The numbers of rows and columns of a given table."""
        if len(embeddings.shape) != 2:
            raise ShapeError(
                f"{cls.__name__}.from_pretrained: the table must be (num_embeddings, embedding_dim): it is {tuple(embeddings.shape)}"
            )
        rows, columns = embeddings.shape
        return rows, columns

    def reset_parameters(self) -> None:
        """Draw the table again."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        """Zeros for the row of the padding: for subclasses that draw the table otherwise. PyTorch's name."""
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    def _norm_text(self) -> str:
        """What differs from the defaults in the settings that change rows and gradients."""
        text = "" if self.max_norm is None else f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        return text + (", scale_grad_by_freq=True" if self.scale_grad_by_freq else "")


class Embedding(_Table):
    """Rows of ``weight`` (num_embeddings, embedding_dim), which starts standard normal: integers (*) -> (*, embedding_dim).

    The row ``padding_idx`` starts at zero and receives no gradient. With ``max_norm``, rows whose ``norm_type``-norm is larger are
    scaled down to it, in the table, before they are read. ``scale_grad_by_freq`` divides the gradient of a row by how often it was
    read. With ``sparse`` the gradient of ``weight`` is a sparse tensor of the rows that were read, for `SparseAdam`, `SGD` and `Adagrad`.

    >>> import tensorflowlite_clone as tl
    >>> Embedding(10, 3)(tl.tensor([[1, 2], [4, 5]])).shape
    (2, 2, 3)
    """

    @checked
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set((num_embeddings, embedding_dim), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self._fill(_weight, _freeze, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An embedding that starts from (and shares the memory of) a given table (num_embeddings, embedding_dim)."""
        rows, columns = cls._sizes(embeddings)
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def forward(self, input: Tensor) -> Tensor:
        """The rows that ``input`` names."""
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse)

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text + self._norm_text() + (", sparse=True" if self.sparse else "")


class EmbeddingBag(_Table):
    """Rows of ``weight`` (num_embeddings, embedding_dim) summed, averaged or their maxima: bags of indices (N, n) -> (N, embedding_dim).

    The indices of all bags may also stand one after the other, with ``offsets`` where each begins. Indices ``padding_idx`` do not count,
    and their row starts at zero. ``max_norm``, ``norm_type``, ``scale_grad_by_freq`` and ``sparse`` are those of `Embedding`.

    >>> import tensorflowlite_clone as tl
    >>> EmbeddingBag(10, 3)(tl.tensor([[1, 2], [4, 5]])).shape
    (2, 3)
    """

    modes = ("sum", "mean", "max")

    @checked
    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set((num_embeddings, embedding_dim), padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self.mode, self.include_last_offset = mode, include_last_offset
        self._fill(_weight, False, dtype)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """Bags that start from (and share the memory of) a given table (num_embeddings, embedding_dim)."""
        rows, columns = cls._sizes(embeddings)
        layer = cls(rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """The bags of ``input``, whose rows are weighed by ``per_sample_weights`` in mode "sum"."""
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and what differs from the defaults."""
        text = f"{self.num_embeddings}, {self.embedding_dim}{self._norm_text()}, mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"
