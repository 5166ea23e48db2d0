"""Layers made of one linear or bilinear map."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._state import get_default_dtype
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from . import init
from .module import Layer
from .parameter import Parameter
from .settings import checked, needs_tensor


def parameter(shape: tuple[int, ...], dtype: Any = None) -> Parameter:
    """A parameter of zeros, to be initialised by its layer."""
    return Parameter(np.zeros(shape, get_default_dtype() if dtype is None else dtype))


class Identity(Layer):
    """The input itself; takes and ignores any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input."""
        return input


class Linear(Layer):
    """Affine map of the last dimension: ``y = x W^T + b``.

    Shapes: (..., in_features) -> (..., out_features); ``weight`` (out_features, in_features), ``bias`` (out_features).
    Both start uniform on +-1/sqrt(in_features).

    >>> import tensorflowlite_clone as tl
    >>> Linear(3, 2)(tl.zeros(5, 3)).shape
    (5, 2)
    """

    weight: Parameter
    bias: Parameter  # or None, which type checkers are not told: a program knows its layers

    @checked
    def __init__(self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = parameter((out_features, in_features), dtype)
        self.register_parameter("bias", parameter((out_features,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5.0))
        if self.bias is not None:
            bound = 1.0 / math.sqrt(self.in_features) if self.in_features else 0.0
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """The affine map of ``input``."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """`Linear` under the name that it has inside `MultiheadAttention`; nothing here is quantized, so the two are the same."""


class Bilinear(Layer):
    """Bilinear map of two inputs: ``y_k = x1^T A_k x2 + b_k``.

    Shapes: (..., in1_features) and (..., in2_features) -> (..., out_features). Both parameters start uniform on
    +-1/sqrt(in1_features).

    >>> import tensorflowlite_clone as tl
    >>> Bilinear(2, 3, 4)(tl.zeros(5, 2), tl.zeros(5, 3)).shape
    (5, 4)
    """

    weight: Parameter
    bias: Parameter

    @checked
    def __init__(
        self, in1_features: int, in2_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = parameter((out_features, in1_features, in2_features), dtype)
        self.register_parameter("bias", parameter((out_features,), dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the initial values again."""
        bound = 1.0 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """The bilinear map of the two inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Sizes and whether there is a bias."""
        sizes = f"in1_features={self.in1_features}, in2_features={self.in2_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Flatten(Layer):
    """Dimensions ``start_dim`` to ``end_dim`` made one: (N, C, H, W) -> (N, C*H*W) by default.

    >>> import tensorflowlite_clone as tl
    >>> Flatten()(tl.zeros(2, 3, 4)).shape
    (2, 12)
    """

    @checked
    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """The flattened input."""
        needs_tensor(self, input, arrays=False)
        return Tensor.flatten(input, self.start_dim, self.end_dim)  # values of two faces have it

    def extra_repr(self) -> str:
        """The dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Layer):
    """One dimension split into several: the inverse of `Flatten`.

    >>> import tensorflowlite_clone as tl
    >>> Unflatten(1, (3, 4))(tl.zeros(2, 12)).shape
    (2, 3, 4)
    """

    @checked
    def __init__(self, dim: int, unflattened_size: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """The input with more dimensions."""
        needs_tensor(self, input, arrays=False)
        return input.unflatten(self.dim, tuple(self.unflattened_size))

    def extra_repr(self) -> str:
        """The dimension and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
