"""Losses as modules: each calls the function of the same kind in ``nn.functional`` with its settings.

``reduction`` is "mean" (default), "sum" or "none". Operands whose shapes only fit by broadcasting are an error, a
warning, or neither, as the function has it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .._errors import ArgumentError
from ..core.tensor import Tensor
from ..ops.nn.reduction import older
from . import functional as F  # noqa: N812
from .distance import PairwiseDistance
from .module import Layer
from .settings import checked


class _Loss(Layer):
    """A loss function with fixed keyword settings."""

    _function: str
    settings: tuple[str, ...] = ()
    reductions: tuple[str, ...] = ("mean", "sum", "none")

    @checked
    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = older(type(self).__name__, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of ``input`` against ``target``."""
        settings = {s: getattr(self, s) for s in self.settings}
        result: Tensor = getattr(F, self._function)(input, target, reduction=self.reduction, **settings)
        return result


class L1Loss(_Loss):
    """``|x - y|``."""

    _function = "l1_loss"


class MSELoss(_Loss):
    """``(x - y)^2``.

    >>> import tensorflowlite_clone as tl
    >>> MSELoss()(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 4.0])).item()
    2.0
    """

    _function = "mse_loss"


class SmoothL1Loss(_Loss):
    """``(x - y)^2 / (2 beta)`` below ``beta``, ``|x - y| - beta / 2`` above (R. Girshick 2015)."""

    _function = "smooth_l1_loss"
    settings = ("beta",)

    @checked
    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta


class HuberLoss(_Loss):
    """``(x - y)^2 / 2`` below ``delta``, ``delta (|x - y| - delta / 2)`` above (P. Huber 1964)."""

    _function = "huber_loss"
    settings = ("delta",)

    @checked
    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta


class _WeightedLoss(_Loss):
    """A loss with a buffer ``weight``, which moves with the module and is part of its state."""

    weight: Tensor | None

    @checked
    def __init__(
        self, weight: Tensor | None = None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """``-log softmax(x)[y]``: logits (N, C, ...) against labels (N, ...) or probabilities (N, C, ...).

    ``weight`` (C) weighs classes, ``ignore_index`` labels do not count, ``label_smoothing`` mixes in the uniform distribution
    (C. Szegedy et al. 2016).

    >>> import tensorflowlite_clone as tl
    >>> round(CrossEntropyLoss()(tl.zeros(2, 4), tl.tensor([0, 3])).item(), 4)
    1.3863
    """

    _function = "cross_entropy"
    settings = ("weight", "ignore_index", "label_smoothing")

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing


class NLLLoss(_WeightedLoss):
    """``-x[y]``: log-probabilities (N, C, ...) against labels (N, ...)."""

    _function = "nll_loss"
    settings = ("weight", "ignore_index")

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index


class NLLLoss2d(NLLLoss):
    """`NLLLoss` under the name that it had for images, with a warning."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn("NLLLoss2d: is deprecated, and NLLLoss takes images too; use NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class BCELoss(_WeightedLoss):
    """``-(y log x + (1 - y) log(1 - x))`` for probabilities x; logarithms are clamped at -100."""

    _function = "binary_cross_entropy"
    settings = ("weight",)


class BCEWithLogitsLoss(_WeightedLoss):
    """`BCELoss` of ``sigmoid(x)``, computed stably from the logits x; ``pos_weight`` weighs the positive part."""

    _function = "binary_cross_entropy_with_logits"
    settings = ("weight", "pos_weight")

    @checked
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)


class KLDivLoss(_Loss):
    """``y (log y - x)`` for log-probabilities x; with ``log_target`` y is given as its logarithm.

    The reduction "batchmean", the sum over the number of examples, is the mathematical divergence; "mean" divides by all elements.
    """

    _function = "kl_div"
    reductions = ("mean", "sum", "none", "batchmean")
    settings = ("log_target",)

    @checked
    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", log_target: bool = False
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target


class PoissonNLLLoss(_Loss):
    """``exp(x) - y x`` (or, without ``log_input``, ``x - y log(x + eps)``); ``full`` adds Stirling's term."""

    _function = "poisson_nll_loss"
    settings = ("log_input", "full", "eps")

    @checked
    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps


class GaussianNLLLoss(_Loss):
    """``(log max(var, eps) + (x - y)^2 / max(var, eps)) / 2`` (D. Nix, A. Weigend 1994); ``full`` adds the constant log(2 pi) / 2."""

    _function = "gaussian_nll_loss"
    settings = ("full", "eps")

    @checked
    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:  # type: ignore[override]
        """The loss of ``input`` with variance ``var`` against ``target``."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """``log(1 + exp(-y x))`` for y of 1 and -1."""

    _function = "soft_margin_loss"


class HingeEmbeddingLoss(_Loss):
    """For distances x: ``x`` where y is 1, ``max(0, margin - x)`` where y is -1 (R. Hadsell et al. 2006)."""

    _function = "hinge_embedding_loss"
    settings = ("margin",)

    @checked
    def __init__(self, margin: float = 1.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(_Loss):
    """``max(0, -y (x1 - x2) + margin)``: y is 1 where x1 should rank higher, -1 where x2 should."""

    @checked
    def __init__(self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of the two scores against ``target``."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """``max(0, d(a, p) - d(a, n) + margin)`` with d the ``p``-norm of the difference (V. Balntas et al. 2016).

    Anchor, positive and negative are (N, D) or (D); with ``swap`` the distance of positive and negative counts where it is smaller
    than that of anchor and negative.

    >>> import tensorflowlite_clone as tl
    >>> round(TripletMarginLoss()(tl.zeros(1, 2), tl.zeros(1, 2), tl.full((1, 2), 9.0)).item(), 3)
    0.0
    """

    @checked
    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of the anchor's distances."""
        return F.triplet_margin_loss(anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction)


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with any distance, a function of two tensors; the Euclidean distance if None is given."""

    @checked
    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin, self.swap = margin, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of the anchor's distances."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CosineEmbeddingLoss(_Loss):
    """``1 - cos(x1, x2)`` where y is 1, ``max(0, cos(x1, x2) - margin)`` where y is -1: (N, D), (N, D) and (N)."""

    @checked
    def __init__(self, margin: float = 0.0, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """The loss of the two vectors against ``target``."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """``sum_j max(0, margin - x_y + x_j)^p / C`` over the classes j other than y: scores (N, C) against labels (N).

    J. Weston, C. Watkins (1999); ``weight`` (C) weighs the classes of the labels.
    """

    _function = "multi_margin_loss"
    settings = ("p", "margin", "weight")

    @checked
    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ArgumentError(f"MultiMarginLoss: p must be 1 or 2: got {p}; it is the power of each margin")
        self.p, self.margin = p, margin


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over classes of ``-(y log sigmoid(x) + (1 - y) log sigmoid(-x))``: logits (N, C) against labels 0 and 1 (N, C)."""

    _function = "multilabel_soft_margin_loss"
    settings = ("weight",)


class MultiLabelMarginLoss(_Loss):
    """``sum_ij max(0, 1 - x_i + x_j) / C`` over labels i and other classes j: scores (N, C), labels (N, C) that end with -1."""

    _function = "multilabel_margin_loss"


class CTCLoss(_Loss):
    """Minus the logarithm of the probability of labels whose places in time are not known (A. Graves et al. 2006).

    Log-probabilities (T, N, C), labels (N, S) or one after the other, numbers of steps (N) and of labels (N). ``blank`` is the class of no
    label; ``zero_infinity`` puts 0 in place of the infinite losses of labels that do not fit the steps.

    >>> import tensorflowlite_clone as tl
    >>> even = tl.full((2, 1, 2), 0.5).log()
    >>> round(CTCLoss()(even, tl.tensor([[1]]), (2,), (1,)).exp().item(), 4)
    1.3333
    """

    @checked
    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:  # type: ignore[override]
        """The loss of ``targets`` under ``log_probs``."""
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity)
