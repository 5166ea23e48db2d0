"""`LinearCrossEntropyLoss`: the cross-entropy of a linear map whose weights belong to the loss, and its options.

Not here: losses without such weights (``loss.py``), the function (``ops/nn/composed.py``).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from .._checks import choice, is_integer
from .._errors import ArgumentError, OperandError, ShapeError
from ..core.dtype_names import dtype
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .linear import Linear
from .loss import _WeightedLoss
from .settings import checked

#: The dtypes that sums can be computed in.
FLOATING = tuple(map(dtype, ("float16", "bfloat16", "float32", "float64")))


@dataclasses.dataclass
class LinearCrossEntropyOptions:
    """How PyTorch cuts `LinearCrossEntropyLoss` into parts, so that not all logits exist at once; it changes nothing here.

    ``chunking_method`` is "auto", "aspect_ratio:RATIO" or None, ``acc_policy`` one of "accurate", "balanced", "compact" and "auto".
    Raises `ArgumentError` for other values.

    >>> LinearCrossEntropyOptions(batch_chunk_size=64).acc_policy
    'auto'
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        op, size, method = type(self).__name__, self.batch_chunk_size, self.chunking_method
        if size is not None and not (is_integer(size) and size > 0):
            raise ArgumentError(f"{op}: batch_chunk_size must be a whole number above 0 or None: got {size!r:.60}")
        ratio = method.removeprefix("aspect_ratio:") if isinstance(method, str) else ""
        if method not in ("auto", None) and (ratio == method or not ratio.isdecimal()):
            raise ArgumentError(f"{op}: chunking_method must be 'auto', 'aspect_ratio:2' or None: got {method!r:.60}")
        choice(op, "acc_policy", self.acc_policy, "accurate", "balanced", "compact", "auto")
        if self.acc_dtype not in (None, *FLOATING):
            raise ArgumentError(f"{op}: acc_dtype must be None or a real floating dtype: got {self.acc_dtype!r:.60}")


class LinearCrossEntropyLoss(_WeightedLoss):
    """`CrossEntropyLoss` of a linear map of the input, whose weights are the layer's.

    Input (N, in_features) or (in_features), labels (N), with ``out_features`` (d1, ...) labels (N, d1, ...), or probabilities
    (N, num_classes, d1, ...). ``linear`` maps to num_classes * d1 * ... logits; ``ignore_index`` is -100 for labels where it is None.

    >>> import tensorflowlite_clone as tl
    >>> LinearCrossEntropyLoss(5, 10, out_features=(4,))(tl.zeros(2, 5), tl.ones(2, 4, dtype=tl.int64)).shape
    ()
    """

    features_are_sizes = True

    @checked
    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        super().__init__(weight, reduction=reduction)
        if options is not None and not isinstance(options, LinearCrossEntropyOptions):
            raise OperandError(f"{type(self).__name__}: options must be LinearCrossEntropyOptions or None: got {options!r:.60}")
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise ShapeError(f"{type(self).__name__}: weight must be ({num_classes},), one for each class: it is {tuple(weight.shape)}")
        self.num_classes, self.out_features = num_classes, tuple(out_features)
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, num_classes * math.prod(out_features), bias, device, dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of the logits of ``input`` against ``target``."""
        shape, bias = (self.num_classes, *self.out_features), self.linear.bias
        return F.linear_cross_entropy(
            input, self.linear.weight.reshape(*shape, self.linear.in_features), target,
            linear_bias=None if bias is None else bias.reshape(shape), weight=self.weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing, options=self.options,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Sizes and settings."""
        linear = self.linear
        return (
            f"in_features={linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
