"""Normalisation layers: ``(x - mean) / sqrt(var + eps) * weight + bias`` over different axes."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import Any

import numpy as np

from .._checks import integer
from .._errors import ShapeError
from .._lazy import load
from .._state import get_default_dtype
from ..autograd import no_grad
from ..core.tensor import Tensor
from ..core.where import stacklevel
from . import functional as F  # noqa: N812
from . import init
from .linear import parameter
from .module import Layer, Module
from .parameter import Parameter
from .settings import checked, needs_tensor


class _Affine(Layer):
    """What is normalised is multiplied by weight and bias is added, where there are such; they start as 1 and 0."""

    weight: Parameter
    bias: Parameter  # or None, which type checkers are not told: a program knows its layers

    def _register(self, shape: tuple[int, ...], dtype: Any, **wanted: bool) -> None:
        for name, yes in wanted.items():
            self.register_parameter(name, parameter(shape, dtype) if yes else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        for name, start in (("weight", init.ones_), ("bias", init.zeros_)):
            p = self._parameters.get(name)  # `RMSNorm` has no bias
            if p is not None:
                start(p)


class _NormBase(_Affine):
    """Statistics per channel, and running averages of them for evaluation."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    _dimensions: tuple[int, ...]
    _version = 2  # with num_batches_tracked

    @checked
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        kind = get_default_dtype() if dtype is None else dtype
        self.register_buffer("running_mean", Tensor(np.zeros(num_features, kind)) if track_running_stats else None)
        self.register_buffer("running_var", Tensor(np.ones(num_features, kind)) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", Tensor(np.zeros((), np.int64)) if track_running_stats else None)
        self._register((num_features,), dtype, weight=affine, bias=affine and bias)

    def reset_running_stats(self) -> None:
        """Forget the running statistics."""
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, no statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _check_input_dim(self, input: Tensor) -> None:
        needs_tensor(self, input)
        if len(input.shape) not in self._dimensions:
            wanted = " or ".join(f"{d}-d" for d in self._dimensions)
            raise ShapeError(f"{type(self).__name__}: input must be {wanted}: it is {tuple(input.shape)}; add or remove dimensions")

    def _channel_axis(self, input: Tensor) -> int:
        """The dimension of the channels."""
        return 1

    def extra_repr(self) -> str:
        """Size and settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: dict[str, Any], *found: Any) -> None:
        """A state without a version, or of the first, may lack the count of batches."""
        if local_metadata.get("version", 1) < 2 and self.track_running_stats and f"{prefix}num_batches_tracked" not in state_dict:
            counted = self.num_batches_tracked
            state_dict[f"{prefix}num_batches_tracked"] = np.zeros((), np.int64) if counted is None else counted
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *found)


class _BatchNorm(_NormBase):
    """Statistics over the batch and all positions."""

    def _without_running_statistics(self) -> None:
        """Use the statistics of each batch from now on, in evaluation too."""
        self.track_running_stats = False
        self.running_mean = self.running_var = self.num_batches_tracked = None  # type: ignore[assignment]

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input; in training the running statistics move towards the batch's."""
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        counted = self.num_batches_tracked if self.training else None
        if self.momentum is None and counted is not None:  # the average of all batches so far
            momentum = 1.0 / (counted.item() + 1)
        use_batch = self.training or self.running_mean is None
        track = not self.training or self.track_running_stats
        mean, var = (self.running_mean, self.running_var) if track else (None, None)
        out = F.batch_norm(input, mean, var, self.weight, self.bias, use_batch, momentum, self.eps)
        if counted is not None:
            plain = type(counted) is Tensor and type(counted.array) is np.ndarray and not counted.level and counted.node is None
            if plain and counted.array.flags.writeable:
                np.add(counted.array, 1, out=counted.array, casting="unsafe")
                counted.changed("batch_norm")
            else:
                with no_grad():
                    counted.add_(1)  # not +=, which would make a value of a transform the buffer
        return out


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L) over all axes but C (S. Ioffe, C. Szegedy 2015).

    >>> import tensorflowlite_clone as tl
    >>> BatchNorm1d(3)(tl.randn(4, 3)).shape
    (4, 3)
    """

    _dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W) over all axes but C (S. Ioffe, C. Szegedy 2015).

    >>> import tensorflowlite_clone as tl
    >>> BatchNorm2d(3)(tl.randn(4, 3, 5, 5)).shape
    (4, 3, 5, 5)
    """

    _dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W) over all axes but C (S. Ioffe, C. Szegedy 2015)."""

    _dimensions = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation of (N, C, ...) over all axes but C, and over the processes that train one model together (``distributed``).

    In training, mean and variance are those of the batches of all processes of ``process_group`` (None: of all there are), which may have
    different lengths; derivatives go through them, on every process. Without a group it is `BatchNorm1d` for any number of dimensions.

    >>> import tensorflowlite_clone as tl
    >>> SyncBatchNorm.convert_sync_batchnorm(tl.nn.Sequential(BatchNorm2d(3), tl.nn.ReLU()))[0].num_features
    3
    """

    @checked
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        needs_tensor(self, input)
        if len(input.shape) < 2 or input.shape[1] == 0:
            raise ShapeError(f"{type(self).__name__}: input must be (N, C, ...), C > 0: it is {tuple(input.shape)}; add dimensions")

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input; in training the running statistics move towards those of all processes together."""
        use_batch = self.training or self.running_mean is None
        dist = load("distributed") if use_batch and "tensorflowlite_clone.distributed" in sys.modules else None
        if dist is None or not dist.is_initialized() or dist.get_world_size(self.process_group) == 1:
            return super().forward(input)
        self._check_input_dim(input)
        exchanged, size = partial(load("distributed.nn").all_reduce, group=self.process_group), input.shape[1]
        axes, shape = (0, *range(2, len(input.shape))), (1, -1) + (1,) * (len(input.shape) - 2)
        count = np.full(1, input.numel() // size, input.dtype)
        sums = exchanged(np.concatenate((input.sum(axes), Tensor(count))))
        total = sums[size:].detach()
        mean = sums[:size] / total
        centred = input - mean.reshape(shape)
        var = exchanged((centred * centred).sum(axes)) / total
        factor = (var + self.eps) ** -0.5
        if self.training and self.track_running_stats:
            self._track(mean.detach(), var.detach(), total)
        out: Tensor = centred * (factor if self.weight is None else factor * self.weight).reshape(shape)
        return out if self.bias is None else out + self.bias.reshape(shape)

    def _track(self, mean: Tensor, var: Tensor, total: Tensor) -> None:
        with no_grad():
            self.num_batches_tracked.add_(1)
            momentum = 1.0 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(var * (total / (total - 1).clamp(min=1)), momentum)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """``module`` with a `SyncBatchNorm` in the place of every batch normalisation; itself one, it is returned as another module.

        Parameters and buffers are the same objects; ``training`` is kept.
        """
        converted = module
        if isinstance(module, _BatchNorm):
            converted = made = cls.__new__(cls)
            Module.__init__(made)
            for name in ("num_features", "eps", "momentum", "affine", "track_running_stats", "training"):
                setattr(made, name, getattr(module, name))
            made.process_group = process_group
            made._parameters, made._buffers = dict(module._parameters), dict(module._buffers)
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted


class _InstanceNorm(_NormBase):
    """Statistics over the positions of each channel of each example; running averages of them over the examples if asked for."""

    def _channel_axis(self, input: Tensor) -> int:
        return 0 if len(input.shape) == self._dimensions[0] else 1

    @checked
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input, (N, C, ...) or one example (C, ...)."""
        self._check_input_dim(input)
        if len(input.shape) == self._dimensions[0]:
            return self.forward(input.unsqueeze(0)).squeeze(0)
        c = input.shape[1]
        if c != self.num_features:
            text = f"{type(self).__name__}: input must have {self.num_features} channels (dimension 1): it is {tuple(input.shape)}"
            if self.affine or self.running_mean is not None:
                raise ShapeError(text)
            warnings.warn(f"{text}; without weights and statistics that changes nothing", stacklevel=stacklevel())
        momentum = 0.0 if self.momentum is None else self.momentum
        of_input = self.training or not self.track_running_stats
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias, of_input, momentum, self.eps)


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each example, (N, C, L) or (C, L) (D. Ulyanov et al. 2016).

    >>> import tensorflowlite_clone as tl
    >>> InstanceNorm1d(3)(tl.randn(4, 3, 5)).shape
    (4, 3, 5)
    """

    _dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalisation of each channel of each example, (N, C, H, W) or (C, H, W) (D. Ulyanov et al. 2016).

    >>> import tensorflowlite_clone as tl
    >>> InstanceNorm2d(3)(tl.randn(4, 3, 5, 5)).shape
    (4, 3, 5, 5)
    """

    _dimensions = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of each channel of each example, (N, C, D, H, W) or (C, D, H, W) (D. Ulyanov et al. 2016)."""

    _dimensions = (4, 5)


class LayerNorm(_Affine):
    """Normalisation over the last dimensions of each example (J. Ba et al. 2016, eq. 4); weight 1 and bias 0 at the start.

    >>> import tensorflowlite_clone as tl
    >>> LayerNorm(4)(tl.randn(2, 3, 4)).shape
    (2, 3, 4)
    """

    @checked
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
        self._register(self.normalized_shape, dtype, weight=elementwise_affine, bias=elementwise_affine and bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Shape and settings."""
        settings = f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        return f"{settings}, bias={self.bias is not None}"


class RMSNorm(_Affine):
    """Division by the root of the mean square over the last dimensions, times weight, which is 1 at the start.

    ``y = x / sqrt(mean(x^2) + eps) * weight``; ``eps`` None is the spacing of the input's dtype at 1. B. Zhang, R. Sennrich (2019), eq. 4.

    >>> import tensorflowlite_clone as tl
    >>> RMSNorm(2)(tl.tensor([3.0, -3.0])).tolist()
    [1.0, -1.0]
    """

    @checked
    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._register(self.normalized_shape, dtype, weight=elementwise_affine)

    def forward(self, input: Tensor) -> Tensor:
        """The scaled input."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """Shape and settings."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalisation over groups of channels of each example (Y. Wu, K. He 2018): (N, C, ...) -> same.

    >>> import tensorflowlite_clone as tl
    >>> GroupNorm(2, 4)(tl.randn(3, 4, 5)).shape
    (3, 4, 5)
    """

    @checked
    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ShapeError(f"GroupNorm: channels must be divisible by groups: {num_channels} channels, {num_groups} groups")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._register((num_channels,), dtype, weight=affine, bias=affine and bias)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Sizes and settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class LocalResponseNorm(Layer):
    """``x_c / (k + alpha mean(x_j^2))^beta``, with the mean over the ``size`` channels j around c: (N, C, ...) -> same.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton (2012), section 3.3.

    >>> import tensorflowlite_clone as tl
    >>> LocalResponseNorm(1, alpha=3.0, beta=0.5)(tl.ones(1, 1, 2)).tolist()
    [[[0.5, 0.5]]]
    """

    @checked
    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        integer(type(self).__name__, "size", size, 1)
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """The normalised input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The settings."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """`LocalResponseNorm` of images (N, C, H, W) with a symmetric window: of (``size`` - 1) // 2 channels on each side of c.

    The sum is divided by ``size`` all the same. PyTorch's keeps the square of the first channel in every window behind it, which neither
    the formula nor its own gradient knows; here it is left out.

    >>> import tensorflowlite_clone as tl
    >>> CrossMapLRN2d(1, alpha=3.0, beta=0.5)(tl.ones(1, 1, 1, 1)).item()
    0.5
    """

    @checked
    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        """The normalised images."""
        needs_tensor(self, input)
        if len(input.shape) != 4:
            raise ShapeError(f"CrossMapLRN2d: input must be (N, C, H, W): it is {tuple(input.shape)}; add or remove dimensions")
        channels = 2 * ((self.size - 1) // 2) + 1
        return F.local_response_norm(input, channels, self.alpha * channels / self.size, self.beta, self.k)
