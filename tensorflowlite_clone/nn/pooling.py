"""Pooling layers: windows of the last dimensions reduced to their maximum or mean; one general class of each kind."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked


class _MaxPool(Layer):
    _function: str

    @checked
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.dilation, self.return_indices, self.ceil_mode = dilation, return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """The maxima (and their indices, with ``return_indices``)."""
        window = (self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)
        return getattr(F, self._function)(input, *window, self.return_indices)

    def extra_repr(self) -> str:
        """The window."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, dilation={self.dilation}, "
            f"ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """Maximum over windows: (N, C, L) -> (N, C, L').

    >>> import tensorflowlite_clone as tl
    >>> MaxPool1d(2)(tl.zeros(1, 3, 8)).shape
    (1, 3, 4)
    """

    _function = "max_pool1d"


class MaxPool2d(_MaxPool):
    """Maximum over windows: (N, C, H, W) -> (N, C, H', W').

    >>> import tensorflowlite_clone as tl
    >>> MaxPool2d(2)(tl.zeros(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    _function = "max_pool2d"


class MaxPool3d(_MaxPool):
    """Maximum over windows: (N, C, D, H, W) -> (N, C, D', H', W')."""

    _function = "max_pool3d"


class _AvgPool(Layer):
    _function: str
    divisor_override: int | None = None  # modules pickled before it was an attribute of all have none

    @checked
    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """The means."""
        window = (self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)
        divisor = () if self.divisor_override is None else (self.divisor_override,)
        result: Tensor = getattr(F, self._function)(input, *window, *divisor)
        return result

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """Mean over windows: (N, C, L) -> (N, C, L')."""

    _function = "avg_pool1d"

    @checked
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        sizes = (self.kernel_size, self.stride, self.padding)
        self.kernel_size, self.stride, self.padding = (s if isinstance(s, tuple) else (s,) for s in sizes)


class AvgPool2d(_AvgPool):
    """Mean over windows: (N, C, H, W) -> (N, C, H', W').

    >>> import tensorflowlite_clone as tl
    >>> AvgPool2d(2)(tl.ones(1, 1, 4, 4)).sum().item()
    4.0
    """

    _function = "avg_pool2d"


class AvgPool3d(_AvgPool):
    """Mean over windows: (N, C, D, H, W) -> (N, C, D', H', W')."""

    _function = "avg_pool3d"


class _Adaptive(Layer):
    _function: str

    @checked
    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        """The means or maxima."""
        return getattr(F, self._function)(input, self.output_size)

    def extra_repr(self) -> str:
        """The size of the result."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_Adaptive):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, L) -> (N, C, output_size)."""

    _function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_Adaptive):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, H, W) -> (N, C, *output_size).

    >>> import tensorflowlite_clone as tl
    >>> AdaptiveAvgPool2d(1)(tl.ones(2, 3, 5, 4)).shape
    (2, 3, 1, 1)
    """

    _function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_Adaptive):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, D, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_avg_pool3d"


class _AdaptiveMaxPool(_Adaptive):
    @checked
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """The maxima (and their indices, with ``return_indices``)."""
        return getattr(F, self._function)(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, L) -> (N, C, output_size)."""

    _function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, D, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_max_pool3d"
