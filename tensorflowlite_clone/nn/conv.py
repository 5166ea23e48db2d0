"""Convolution layers: a general one and a general transposed one; those of 1, 2 and 3 dimensions say how many, and by which function."""

from __future__ import annotations

import math
from typing import Any

from .._errors import ArgumentError, ShapeError
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from . import init
from .linear import parameter
from .module import Layer
from .parameter import Parameter
from .settings import checked


def _tuple(value: Any, n: int) -> tuple[int, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * n


class _ConvNd(Layer):
    """Cross-correlation: weight (out, in/groups, *kernel) and bias (out), uniform on +-1/sqrt(fan_in)."""

    weight: Parameter
    bias: Parameter  # or None, which type checkers are not told: a program knows its layers
    #: The number of spatial dimensions, and the name of the function for it.
    spatial: int
    _function: str
    transposed = False
    #: Whether padding may be "same" or "valid".
    padding_words = True
    output_padding: tuple[int, ...]

    @checked
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if in_channels % groups or out_channels % groups:
            raise ArgumentError(f"{name}: channels must be divisible by groups: in {in_channels}, out {out_channels}, groups {groups}")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size = _tuple(kernel_size, self.spatial)
        self.stride = _tuple(stride, self.spatial)
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ArgumentError(f"{name}: padding='same' needs stride 1: stride is {self.stride}; give the padding in numbers")
        self.padding = padding if isinstance(padding, str) else _tuple(padding, self.spatial)
        self.dilation, self.output_padding = _tuple(dilation, self.spatial), (0,) * self.spatial
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = parameter((first, second // groups, *self.kernel_size), dtype)
        self.register_parameter("bias", parameter((out_channels,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5.0))
        if self.bias is not None:
            fan_in = self.weight.shape[1] * math.prod(self.kernel_size)
            bound = 1.0 / math.sqrt(fan_in) if fan_in else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """The convolved input."""
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The input convolved with another weight: what subclasses call that standardise or mask theirs. PyTorch's name."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode), (0,) * self.spatial
        result: Tensor = getattr(F, self._function)(input, weight, bias, self.stride, padding, self.dilation, self.groups)
        return result

    @property
    def _reversed_padding_repeated_twice(self) -> tuple[int, ...]:
        """The padding as `nn.functional.pad` takes it: of the last dimension first, at both ends. PyTorch's name."""
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return tuple(side for t in reversed(totals) for side in (t // 2, t - t // 2))
        return tuple(p for p in reversed(self.padding if not isinstance(self.padding, str) else (0,) * self.spatial) for _ in range(2))

    def extra_repr(self) -> str:
        """Channels, kernel and what differs from the defaults."""
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * self.spatial:
            text += f", padding={self.padding}"
        if self.dilation != (1,) * self.spatial:
            text += f", dilation={self.dilation}"
        if any(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class Conv1d(_ConvNd):
    """Cross-correlation over one dimension: (N, C, L) -> (N, out, L').

    >>> import tensorflowlite_clone as tl
    >>> Conv1d(2, 4, 3, padding=1)(tl.zeros(1, 2, 8)).shape
    (1, 4, 8)
    """

    spatial, _function = 1, "conv1d"


class Conv2d(_ConvNd):
    """Cross-correlation over two dimensions: (N, C, H, W) -> (N, out, H', W').

    ``H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1``.

    >>> import tensorflowlite_clone as tl
    >>> Conv2d(1, 4, 3, padding=1)(tl.zeros(2, 1, 8, 8)).shape
    (2, 4, 8, 8)
    """

    spatial, _function = 2, "conv2d"


class Conv3d(_ConvNd):
    """Cross-correlation over three dimensions: (N, C, D, H, W) -> (N, out, D', H', W')."""

    spatial, _function = 3, "conv3d"


class _ConvTransposeNd(_ConvNd):
    """The transpose of a convolution; weight (in, out/groups, *kernel)."""

    transposed = True
    padding_words = False

    @checked
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ArgumentError(
                f"{type(self).__name__}: only padding_mode='zeros' exists for transposed convolutions: got {padding_mode!r}; pad the result"
            )
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        self.output_padding = _tuple(output_padding, self.spatial)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """The input spread out by the kernel, to ``output_size``, the spatial dimensions of the result, if that is given."""
        more = self._output_padding(input, output_size)
        result: Tensor = getattr(F, self._function)(
            input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation
        )
        return result

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives ``output_size``; several sizes have the same input size if the stride is above 1."""
        if output_size is None:
            return self.output_padding
        wanted = tuple(output_size)[-self.spatial :]
        least = []
        for i, n in enumerate(input.shape[-self.spatial :]):
            least.append((n - 1) * self.stride[i] - 2 * int(self.padding[i]) + self.dilation[i] * (self.kernel_size[i] - 1) + 1)
        more = tuple(w - m for w, m in zip(wanted, least, strict=True))
        if any(not 0 <= m < max(s, d) for m, s, d in zip(more, self.stride, self.dilation, strict=True)):
            raise ShapeError(
                f"{type(self).__name__}: output_size is out of reach: it is {wanted}, the input {tuple(input.shape)} gives {tuple(least)} "
                f"and at most stride - 1 more; choose a size in between"
            )
        return more


class ConvTranspose1d(_ConvTransposeNd):
    """The transpose of `Conv1d` as a linear map, with ``weight`` (in, out/groups, k): (N, in, L) -> (N, out, L').

    ``L' = (L - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``.

    >>> import tensorflowlite_clone as tl
    >>> ConvTranspose1d(4, 1, 2, stride=2)(tl.zeros(2, 4, 3)).shape
    (2, 1, 6)
    """

    spatial, _function = 1, "conv_transpose1d"


class ConvTranspose2d(_ConvTransposeNd):
    """The transpose of `Conv2d` as a linear map, with ``weight`` (in, out/groups, kh, kw): (N, in, H, W) -> (N, out, H', W').

    ``H' = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1``.

    >>> import tensorflowlite_clone as tl
    >>> ConvTranspose2d(4, 1, 2, stride=2)(tl.zeros(2, 4, 3, 3)).shape
    (2, 1, 6, 6)
    """

    spatial, _function = 2, "conv_transpose2d"


class ConvTranspose3d(_ConvTransposeNd):
    """The transpose of `Conv3d` as a linear map, with ``weight`` (in, out/groups, kd, kh, kw): (N, in, D, H, W) -> (N, out, D', H', W')."""

    spatial, _function = 3, "conv_transpose3d"
