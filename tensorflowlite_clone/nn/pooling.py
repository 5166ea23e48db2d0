"""Pooling layers: windows of the last dimensions reduced to their maximum, mean or norm, and back; one general class of each kind."""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked


class _MaxPoolNd(Layer):
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


class MaxPool1d(_MaxPoolNd):
    """Maximum over windows: (N, C, L) -> (N, C, L').

    >>> import tensorflowlite_clone as tl
    >>> MaxPool1d(2)(tl.zeros(1, 3, 8)).shape
    (1, 3, 4)
    """

    _function = "max_pool1d"


class MaxPool2d(_MaxPoolNd):
    """Maximum over windows: (N, C, H, W) -> (N, C, H', W').

    >>> import tensorflowlite_clone as tl
    >>> MaxPool2d(2)(tl.zeros(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    _function = "max_pool2d"


class MaxPool3d(_MaxPoolNd):
    """Maximum over windows: (N, C, D, H, W) -> (N, C, D', H', W')."""

    _function = "max_pool3d"


class _AvgPoolNd(Layer):
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


class AvgPool1d(_AvgPoolNd):
    """Mean over windows: (N, C, L) -> (N, C, L')."""

    _function = "avg_pool1d"

    @checked
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        sizes = (self.kernel_size, self.stride, self.padding)
        self.kernel_size, self.stride, self.padding = (s if isinstance(s, tuple) else (s,) for s in sizes)


class AvgPool2d(_AvgPoolNd):
    """Mean over windows: (N, C, H, W) -> (N, C, H', W').

    >>> import tensorflowlite_clone as tl
    >>> AvgPool2d(2)(tl.ones(1, 1, 4, 4)).sum().item()
    4.0
    """

    _function = "avg_pool2d"


class AvgPool3d(_AvgPoolNd):
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


class _AdaptiveAvgPoolNd(_Adaptive):
    pass


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, L) -> (N, C, output_size)."""

    _function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, H, W) -> (N, C, *output_size).

    >>> import tensorflowlite_clone as tl
    >>> AdaptiveAvgPool2d(1)(tl.ones(2, 3, 5, 4)).shape
    (2, 3, 1, 1)
    """

    _function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """Mean over windows chosen so that the result has ``output_size``: (N, C, D, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_avg_pool3d"


class _AdaptiveMaxPoolNd(_Adaptive):
    @checked
    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """The maxima (and their indices, with ``return_indices``)."""
        return getattr(F, self._function)(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, L) -> (N, C, output_size)."""

    _function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maximum over windows chosen so that the result has ``output_size``: (N, C, D, H, W) -> (N, C, *output_size)."""

    _function = "adaptive_max_pool3d"


class _LPPoolNd(Layer):
    """``(sum x^p)^(1/p)`` over windows, p = ``norm_type``; ``stride`` is the kernel size where it is None."""

    _function: str

    @checked
    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> None:
        super().__init__()
        self.norm_type, self.kernel_size, self.stride, self.ceil_mode = norm_type, kernel_size, stride, ceil_mode

    def forward(self, input: Tensor) -> Tensor:
        """The norms of the windows."""
        result: Tensor = getattr(F, self._function)(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)
        return result

    def extra_repr(self) -> str:
        """The norm and the window."""
        return f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, ceil_mode={self.ceil_mode}"


class LPPool1d(_LPPoolNd):
    """The p-norm of windows, without absolute values: (N, C, L) or (C, L) -> (.., L').

    >>> import tensorflowlite_clone as tl
    >>> LPPool1d(2, 2)(tl.tensor([[3.0, 4.0, 0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """

    spatial, _function = 1, "lp_pool1d"


class LPPool2d(_LPPoolNd):
    """The p-norm of windows, without absolute values: (N, C, H, W) or (C, H, W) -> (.., H', W')."""

    spatial, _function = 2, "lp_pool2d"


class LPPool3d(_LPPoolNd):
    """The p-norm of windows, without absolute values: (N, C, D, H, W) or (C, D, H, W) -> (.., D', H', W')."""

    spatial, _function = 3, "lp_pool3d"


class _FractionalMaxPool(Layer):
    """Maxima over windows whose places are drawn anew in each call, so that the result has ``output_size``, or that share of the input.

    ``_random_samples``, a buffer, takes the place of the drawn numbers (B. Graham 2014, section 2).
    """

    spatial: int
    _function: str

    @checked
    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if (output_size is None) == (output_ratio is None):
            raise ArgumentError(
                f"{name}: needs output_size or output_ratio: got {'neither' if output_size is None else 'both'}; pass one of them"
            )
        self.kernel_size, self.return_indices = self._each(kernel_size), return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = None if output_size is None else self._each(output_size)
        self.output_ratio = None if output_ratio is None else self._each(output_ratio)

    def _each(self, value: Any) -> tuple[Any, ...]:
        """A value for each dimension."""
        return tuple(value) if isinstance(value, tuple | list) else (value,) * self.spatial

    def forward(self, input: Tensor) -> Any:
        """The maxima (and their indices, with ``return_indices``)."""
        settings = (self.kernel_size, self.output_size, self.output_ratio, self.return_indices)
        return getattr(F, self._function)(input, *settings, _random_samples=self._random_samples)


class FractionalMaxPool2d(_FractionalMaxPool):
    """Maximum over windows spread at random: (N, C, H, W) or (C, H, W) -> (.., *output_size).

    >>> import tensorflowlite_clone as tl
    >>> FractionalMaxPool2d(2, output_ratio=(0.6, 0.5))(tl.rand(1, 2, 9, 9)).shape
    (1, 2, 5, 4)
    """

    spatial, _function = 2, "fractional_max_pool2d"


class FractionalMaxPool3d(_FractionalMaxPool):
    """Maximum over windows spread at random: (N, C, D, H, W) or (C, D, H, W) -> (.., *output_size)."""

    spatial, _function = 3, "fractional_max_pool3d"


class _MaxUnpoolNd(Layer):
    """Zeros with the maxima of the pooling of these settings back at their places; see `functional.max_unpool2d`."""

    spatial: int
    _function: str

    @checked
    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        sizes = (kernel_size, kernel_size if stride is None else stride, padding)
        self.kernel_size, self.stride, self.padding = (tuple(s) if isinstance(s, tuple | list) else (s,) * self.spatial for s in sizes)

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """The unpooled maxima; ``output_size`` chooses among the sizes that pooling makes the same."""
        window = (self.kernel_size, self.stride, self.padding)
        result: Tensor = getattr(F, self._function)(input, indices, *window, output_size)
        return result

    def extra_repr(self) -> str:
        """The window."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Zeros with the results of `MaxPool1d` at their places: (N, C, L') or (C, L') -> (.., L).

    >>> import tensorflowlite_clone as tl
    >>> values, places = MaxPool1d(2, return_indices=True)(tl.tensor([[1.0, 5.0, 4.0, 2.0]]))
    >>> MaxUnpool1d(2)(values, places).tolist()
    [[0.0, 5.0, 4.0, 0.0]]
    """

    spatial, _function = 1, "max_unpool1d"


class MaxUnpool2d(_MaxUnpoolNd):
    """Zeros with the results of `MaxPool2d` at their places: (N, C, H', W') or (C, H', W') -> (.., H, W)."""

    spatial, _function = 2, "max_unpool2d"


class MaxUnpool3d(_MaxUnpoolNd):
    """Zeros with the results of `MaxPool3d` at their places: (N, C, D', H', W') or (C, D', H', W') -> (.., D, H, W)."""

    spatial, _function = 3, "max_unpool3d"
