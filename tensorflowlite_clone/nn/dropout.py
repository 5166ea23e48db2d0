"""Dropout layers: random zeros in training, the input itself in evaluation."""

from __future__ import annotations

from .._errors import ArgumentError
from ..core.tensor import Tensor
from . import functional as F  # noqa: N812
from .module import Layer
from .settings import checked


class _DropoutNd(Layer):
    _function: str

    @checked
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ArgumentError(f"{type(self).__name__}: p must be between 0 and 1: got {p}; it is the probability of a zero")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """The input with random zeros (or saturated elements), in training."""
        result: Tensor = getattr(F, self._function)(input, self.p, self.training, self.inplace)
        return result

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """Each element zero with probability ``p``, the others scaled by ``1 / (1 - p)`` (N. Srivastava et al. 2014).

    >>> import tensorflowlite_clone as tl
    >>> Dropout(0.5).eval()(tl.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    _function = "dropout"


class Dropout1d(_DropoutNd):
    """Whole channels of (N, C, L) zero with probability ``p``."""

    _function = "dropout1d"


class Dropout2d(_DropoutNd):
    """Whole channels of (N, C, H, W) zero with probability ``p`` (J. Tompson et al. 2015)."""

    _function = "dropout2d"


class Dropout3d(_DropoutNd):
    """Whole channels of (N, C, D, H, W) zero with probability ``p`` (J. Tompson et al. 2015)."""

    _function = "dropout3d"


class AlphaDropout(_DropoutNd):
    """Elements set to the saturation value of SELU with probability ``p``, then scaled so that mean 0 and variance 1 stay.

    G. Klambauer et al., "Self-normalizing neural networks" (2017).
    """

    _function = "alpha_dropout"


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels of (N, C, ...)."""

    _function = "feature_alpha_dropout"
