"""Padding layers: elements around the last one, two or three dimensions. One class pads; the names say how many dimensions, and with what.

Not here: the function behind all of them (``ops/pad.py``), the padding inside convolutions (``conv.py``).
"""

from __future__ import annotations

from typing import Any

from .._errors import ShapeError
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked, needs_tensor


class _Pad(Layer):
    """Elements around the last ``spatial`` dimensions: ``padding`` of them on every side, or (left, right, top, bottom, front, back).

    Negative numbers cut off. The pairs begin with the last dimension, as in `functional.pad`.
    """

    mode: str
    spatial: int
    #: Whether padding is given for each side of a dimension, and may be negative.
    two_sided = True

    @checked
    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = tuple(padding) if isinstance(padding, tuple | list) else (padding,) * (2 * self.spatial)

    def forward(self, input: Tensor) -> Tensor:
        """The larger input."""
        needs_tensor(self, input)
        if len(input.shape) not in (self.spatial + 1, self.spatial + 2):
            raise ShapeError(
                f"{type(self).__name__}: input must be {self.spatial + 1}-d or {self.spatial + 2}-d: it is {tuple(input.shape)}; "
                f"add or remove dimensions"
            )
        result: Tensor = F.pad(input, self.padding, self.mode)
        return result

    def extra_repr(self) -> str:
        """The numbers of elements."""
        return str(self.padding)


class _CircularPadNd(_Pad):
    mode = "circular"


class CircularPad1d(_CircularPadNd):
    """Elements from the other end around the last dimension: (N, C, L) or (C, L) -> (.., L + left + right).

    >>> import tensorflowlite_clone as tl
    >>> CircularPad1d((1, 2))(tl.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 1.0, 2.0, 3.0, 1.0, 2.0]]
    """

    spatial = 1


class CircularPad2d(_CircularPadNd):
    """Elements from the other end around the last two dimensions: (N, C, H, W) or (C, H, W); at most the size of each dimension."""

    spatial = 2


class CircularPad3d(_CircularPadNd):
    """Elements from the other end around the last three dimensions: (N, C, D, H, W) or (C, D, H, W)."""

    spatial = 3


class _ReflectionPadNd(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Elements mirrored at the edge one around the last dimension: (N, C, L) or (C, L); fewer than L.

    >>> import tensorflowlite_clone as tl
    >>> ReflectionPad1d(2)(tl.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0]]
    """

    spatial = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Elements mirrored at the edge ones around the last two dimensions: (N, C, H, W) or (C, H, W)."""

    spatial = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Elements mirrored at the edge ones around the last three dimensions: (N, C, D, H, W) or (C, D, H, W)."""

    spatial = 3


class _ReplicationPadNd(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """The edge element again around the last dimension: (N, C, L) or (C, L).

    >>> import tensorflowlite_clone as tl
    >>> ReplicationPad1d((0, 2))(tl.tensor([[1.0, 2.0]])).tolist()
    [[1.0, 2.0, 2.0, 2.0]]
    """

    spatial = 1


class ReplicationPad2d(_ReplicationPadNd):
    """The edge elements again around the last two dimensions: (N, C, H, W) or (C, H, W)."""

    spatial = 2


class ReplicationPad3d(_ReplicationPadNd):
    """The edge elements again around the last three dimensions: (N, C, D, H, W) or (C, D, H, W)."""

    spatial = 3


class _ConstantPadNd(_Pad):
    """One number around the last dimensions; the input may have any more dimensions, and leave out those of images and channels."""

    mode = "constant"

    @checked
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The larger input."""
        result: Tensor = F.pad(input, self.padding, "constant", self.value)
        return result

    def extra_repr(self) -> str:
        """The numbers of elements and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """``value`` around the last dimension: (.., L) -> (.., L + left + right).

    >>> import tensorflowlite_clone as tl
    >>> ConstantPad1d((1, -1), 9.0)(tl.tensor([[1.0, 2.0]])).tolist()
    [[9.0, 1.0]]
    """

    spatial = 1


class ConstantPad2d(_ConstantPadNd):
    """``value`` around the last two dimensions: (.., H, W) -> (.., H + top + bottom, W + left + right)."""

    spatial = 2


class ConstantPad3d(_ConstantPadNd):
    """``value`` around the last three dimensions: (.., D, H, W)."""

    spatial = 3


class _ZeroPad(_ConstantPadNd):
    @checked
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        """The numbers of elements."""
        return str(self.padding)


class ZeroPad1d(_ZeroPad):
    """Zeros around the last dimension: (.., L) -> (.., L + left + right).

    >>> import tensorflowlite_clone as tl
    >>> ZeroPad1d(1)(tl.ones(1, 2)).tolist()
    [[0.0, 1.0, 1.0, 0.0]]
    """

    spatial = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two dimensions: (.., H, W) -> (.., H + top + bottom, W + left + right)."""

    spatial = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three dimensions: (.., D, H, W)."""

    spatial = 3
