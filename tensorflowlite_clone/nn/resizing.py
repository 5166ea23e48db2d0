"""Layers that give images another size, or rearrange their channels, pixels and windows. They have no parameters."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked


class Upsample(Layer):
    """`functional.interpolate` as a layer: (N, C, *sizes) -> (N, C, *size), over one, two or three dimensions.

    >>> import tensorflowlite_clone as tl
    >>> Upsample(scale_factor=2, mode="bilinear")(tl.zeros(1, 3, 8, 8)).shape
    (1, 3, 16, 16)
    """

    modes = ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area", "lanczos")

    @checked
    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size, self.mode, self.align_corners = size, mode, align_corners
        several = isinstance(scale_factor, tuple | list)
        self.scale_factor = tuple(map(float, scale_factor)) if several else None if scale_factor is None else float(scale_factor)
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The resized images."""
        result: Tensor = F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, recompute_scale_factor=self.recompute_scale_factor
        )
        return result

    def extra_repr(self) -> str:
        """Size or factor, and the mode."""
        given = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{given}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images of another size by the nearest element: (N, C, H, W) -> (N, C, *size)."""

    @checked
    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Images of another size, piecewise linear between elements, with aligned corners: (N, C, H, W) -> (N, C, *size)."""

    @checked
    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Layer):
    """Channels become pixels: (.., C r^2, H, W) -> (.., C, H r, W r) with r = ``upscale_factor``.

    >>> import tensorflowlite_clone as tl
    >>> PixelShuffle(2)(tl.zeros(1, 8, 3, 3)).shape
    (1, 2, 6, 6)
    """

    @checked
    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The larger images."""
        result: Tensor = F.pixel_shuffle(input, self.upscale_factor)
        return result

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Layer):
    """Pixels become channels, the inverse of `PixelShuffle`: (.., C, H r, W r) -> (.., C r^2, H, W) with r = ``downscale_factor``."""

    @checked
    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """The smaller images."""
        result: Tensor = F.pixel_unshuffle(input, self.downscale_factor)
        return result

    def extra_repr(self) -> str:
        """The factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Layer):
    """Channels of several groups dealt out in turn: (N, C, ..) -> the same."""

    @checked
    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """The channels in another order."""
        result: Tensor = F.channel_shuffle(input, self.groups)
        return result

    def extra_repr(self) -> str:
        """The number of groups."""
        return f"groups={self.groups}"


class _Windows(Layer):
    """The settings of windows of images (H, W), which `Unfold` and `Fold` share."""

    spatial = 2

    def _set(self, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def extra_repr(self) -> str:
        """The windows."""
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Unfold(_Windows):
    """The windows of images as columns: (N, C, H, W) -> (N, C kh kw, L), or (C, H, W) -> (C kh kw, L).

    >>> import tensorflowlite_clone as tl
    >>> Unfold((2, 3))(tl.zeros(2, 5, 3, 4)).shape
    (2, 30, 4)
    """

    @checked
    def __init__(self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self._set(kernel_size, dilation, padding, stride)

    def forward(self, input: Tensor) -> Tensor:
        """The columns."""
        result: Tensor = F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)
        return result


class Fold(_Windows):
    """Columns added up to the images whose windows they are: (N, C kh kw, L) -> (N, C, *output_size), or without N.

    >>> import tensorflowlite_clone as tl
    >>> Fold((3, 4), (2, 3))(tl.ones(2, 30, 4)).shape
    (2, 5, 3, 4)
    """

    @checked
    def __init__(self, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> None:
        super().__init__()
        self.output_size = output_size
        self._set(kernel_size, dilation, padding, stride)

    def forward(self, input: Tensor) -> Tensor:
        """The images."""
        result: Tensor = F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)
        return result

    def extra_repr(self) -> str:
        """The size of the images, and the windows."""
        return f"output_size={self.output_size}, {super().extra_repr()}"
