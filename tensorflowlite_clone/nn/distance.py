"""Distances and similarities of vectors as modules. Not here: losses made of them (``loss.py``)."""

from __future__ import annotations

from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked


class CosineSimilarity(Layer):
    """``x1 . x2 / (max(|x1|, eps) max(|x2|, eps))`` along ``dim``, which disappears.

    >>> import tensorflowlite_clone as tl
    >>> CosineSimilarity()(tl.tensor([[1.0, 0.0]]), tl.tensor([[3.0, 0.0]])).tolist()
    [1.0]
    """

    @checked
    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines of the angles between the vectors."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Layer):
    """The ``p``-norm of ``x1 - x2 + eps`` along the last dimension: (N, D) and (N, D) -> (N), or (N, 1) with ``keepdim``.

    >>> import tensorflowlite_clone as tl
    >>> round(PairwiseDistance()(tl.zeros(1, 2), tl.tensor([[3.0, 4.0]])).item(), 3)
    5.0
    """

    @checked
    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances of the vectors."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
