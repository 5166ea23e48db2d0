"""Normalisation layers: ``(x - mean) / sqrt(var + eps) * weight + bias`` over different axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ShapeError
from .._state import get_default_dtype
from ..autograd import no_grad
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from . import init
from .linear import parameter
from .module import Module
from .parameter import Parameter


class _BatchNorm(Module):
    """Statistics over the batch and all positions, per channel; running averages of them for evaluation."""

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None
    dimensions: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.register_parameter("weight", parameter((num_features,), dtype) if affine else None)
        self.register_parameter("bias", parameter((num_features,), dtype) if affine else None)
        kind = get_default_dtype() if dtype is None else dtype
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, kind)) if track_running_stats else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features, kind)) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if track_running_stats else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no statistics."""
        self.reset_running_stats()
        if self.weight is not None and self.bias is not None:
            init.ones_(self.weight)
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input; in training the running statistics move towards the batch's."""
        if len(input.shape) not in self.dimensions:
            wanted = " or ".join(f"{d}-d" for d in self.dimensions)
            raise ShapeError(f"{type(self).__name__}: input must be {wanted}: it is {tuple(input.shape)}; add or remove dimensions")
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            with no_grad():
                self.num_batches_tracked += 1
            if self.momentum is None:  # the average of all batches so far
                momentum = 1.0 / self.num_batches_tracked.item()
        use_batch = self.training or self.running_mean is None
        track = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if track else (None, None)
        return F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, momentum, self.eps)

    def extra_repr(self) -> str:
        """Size and settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L) over all axes but C (S. Ioffe, C. Szegedy 2015).

    >>> import tensorflowlite_clone as tl
    >>> BatchNorm1d(3)(tl.randn(4, 3)).shape
    (4, 3)
    """

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W) over all axes but C (S. Ioffe, C. Szegedy 2015).

    >>> import tensorflowlite_clone as tl
    >>> BatchNorm2d(3)(tl.randn(4, 3, 5, 5)).shape
    (4, 3, 5, 5)
    """

    dimensions = (4,)


class LayerNorm(Module):
    """Normalisation over the last dimensions of each example (J. Ba et al. 2016, eq. 4); weight 1 and bias 0 at the start.

    >>> import tensorflowlite_clone as tl
    >>> LayerNorm(4)(tl.randn(2, 3, 4)).shape
    (2, 3, 4)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter("weight", parameter(self.normalized_shape, dtype) if elementwise_affine else None)
        self.register_parameter("bias", parameter(self.normalized_shape, dtype) if elementwise_affine and bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Shape and settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Normalisation over groups of channels of each example (Y. Wu, K. He 2018): (N, C, ...) -> same.

    >>> import tensorflowlite_clone as tl
    >>> GroupNorm(2, 4)(tl.randn(3, 4, 5)).shape
    (3, 4, 5)
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ShapeError(f"GroupNorm: channels must be divisible by groups: {num_channels} channels, {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", parameter((num_channels,), dtype) if affine else None)
        self.register_parameter("bias", parameter((num_channels,), dtype) if affine else None)
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"
