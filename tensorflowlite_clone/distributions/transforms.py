"""The maps of PyTorch's ``torch.distributions.transforms``: of single numbers first, then of vectors and matrices.

Not here: the base class and what is made of other transforms (``transform.py``, whose names are here, too); which of them leads onto a
set (``constraint_registry.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.size import Size
from ..linalg import cholesky
from ..nn import functional as F  # noqa: N812
from ..ops.kinds import finfo
from . import constraints
from .distribution import Distribution
from .transform import (
    CatTransform,
    ComposeTransform,
    IndependentTransform,
    ReshapeTransform,
    StackTransform,
    Transform,
)
from .transform import _InverseTransform as _InverseTransform  # which libraries ask for
from .utils import _sum_rightmost, broadcast_all, tril_matrix_to_vec, vec_to_tril_matrix

__all__ = [
    "AbsTransform", "AffineTransform", "CatTransform", "ComposeTransform", "CorrCholeskyTransform", "CumulativeDistributionTransform",
    "ExpTransform", "IndependentTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "PowerTransform", "ReshapeTransform",
    "SigmoidTransform", "SoftmaxTransform", "SoftplusTransform", "StackTransform", "StickBreakingTransform", "TanhTransform", "Transform",
    "identity_transform",
]  # fmt: skip

identity_transform = ComposeTransform([])


def clipped(p: Array) -> Array:
    """Probabilities kept in [tiny, 1 - eps], so that their logits are finite."""
    limits = finfo(p.dtype)
    return p.clamp(min=limits.tiny, max=1 - limits.eps)


class _Increasing(Transform):
    """A bijection of single real numbers that increases."""

    bijective = True
    domain: Any = constraints.real
    codomain: Any = constraints.positive
    _monotone = 1


class ExpTransform(_Increasing):
    """``y = exp(x)``: real numbers to positive ones."""

    def _call(self, x: Array) -> Array:
        return x.exp()

    def _inverse(self, y: Array) -> Array:
        return y.log()

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return x


class _Broadcasting(Transform):
    """A transform whose settings, in `_settings`, broadcast with the value."""

    def forward_shape(self, shape: Any) -> Any:
        settings = (getattr(self, name) for name in self._settings)
        return Size(np.broadcast_shapes(tuple(shape), *(tuple(getattr(s, "shape", ())) for s in settings)))

    inverse_shape = forward_shape


class PowerTransform(_Broadcasting):
    """``y = x ** exponent``: positive numbers to positive ones; the exponent is a number or a tensor, not 0."""

    bijective = True
    domain = codomain = constraints.positive
    _settings = ("exponent",)

    def __init__(self, exponent: Any, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        (self.exponent,) = broadcast_all(exponent)

    @property
    def sign(self) -> Any:
        return self.exponent.sign()

    def _call(self, x: Array) -> Array:
        return x.pow(self.exponent)

    def _inverse(self, y: Array) -> Array:
        return y.pow(1 / self.exponent)

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return self.exponent.abs().log() + (self.exponent - 1) * x.log()


class SigmoidTransform(_Increasing):
    """``y = 1 / (1 + exp(-x))``: real numbers to (0, 1); images are kept in [tiny, 1 - eps]."""

    codomain = constraints.unit_interval

    def _call(self, x: Array) -> Array:
        return clipped(x.sigmoid())

    def _inverse(self, y: Array) -> Array:
        y = clipped(y)
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return -F.softplus(-x) - F.softplus(x)


class SoftplusTransform(_Increasing):
    """``y = log(1 + exp(x))``: real numbers to positive ones."""

    def _call(self, x: Array) -> Array:
        return F.softplus(x)

    def _inverse(self, y: Array) -> Array:
        return (-(-y).expm1()).log() + y

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return -F.softplus(-x)


class TanhTransform(_Increasing):
    """``y = tanh(x)``: real numbers to (-1, 1); better conditioned than a composition of sigmoid and affine maps."""

    codomain = constraints.interval(-1.0, 1.0)

    def _call(self, x: Array) -> Array:
        return x.tanh()

    def _inverse(self, y: Array) -> Array:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return 2.0 * (math.log(2.0) - x - F.softplus(-2.0 * x))


class AbsTransform(Transform):
    """``y = |x|``, which is no bijection: its inverse gives the positive of the two values."""

    domain, codomain = constraints.real, constraints.positive

    def _call(self, x: Array) -> Array:
        return x.abs()

    def _inverse(self, y: Array) -> Array:
        return y


class AffineTransform(_Broadcasting):
    """``y = loc + scale * x``; the last ``event_dim`` dimensions are an event's.

    >>> import tensorflowlite_clone as tl
    >>> AffineTransform(1.0, 2.0, event_dim=1).log_abs_det_jacobian(tl.zeros(3), None).item() == 3 * tl.tensor(2.0).log().item()
    True
    """

    bijective = True
    _settings = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.loc, self.scale, self._event_dim = loc, scale, event_dim

    @property
    def event_dim(self) -> int:
        return self._event_dim

    @property
    def domain(self) -> Any:
        """The real numbers, or events of them."""
        return constraints.real if self._event_dim == 0 else constraints.independent(constraints.real, self._event_dim)

    codomain = domain

    @property
    def sign(self) -> Any:
        if isinstance(self.scale, Boxed):
            return self.scale.sign()
        return (self.scale > 0) - (self.scale < 0)

    def _call(self, x: Array) -> Array:
        return self.loc + self.scale * x

    def _inverse(self, y: Array) -> Array:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        shape = np.broadcast_shapes(tuple(x.shape), tuple(getattr(self.scale, "shape", ())))
        log = self.scale.abs().log() if isinstance(self.scale, Boxed) else x.new_full((), math.log(abs(self.scale)))
        return _sum_rightmost(log.expand(shape), self._event_dim)


class CumulativeDistributionTransform(Transform):
    """``y = distribution.cdf(x)``: the values of a distribution of single numbers to [0, 1], uniform where it is theirs.

    >>> import tensorflowlite_clone as tl
    >>> CumulativeDistributionTransform(tl.distributions.Normal(0.0, 1.0))(tl.tensor(0.0)).item()
    0.5
    """

    bijective = True
    codomain = constraints.unit_interval
    _monotone = 1
    _settings = ("distribution",)

    def __init__(self, distribution: Distribution, cache_size: int = 0) -> None:
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self) -> Any:
        """The distribution's support."""
        return self.distribution.support

    def _call(self, x: Array) -> Array:
        return self.distribution.cdf(x)

    def _inverse(self, y: Array) -> Array:
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        return self.distribution.log_prob(x)


# ---- vectors ----------------------------------------------------------------------------------------------------------------------
def _vectors(name: str, shape: Any) -> Any:
    if len(shape) < 1:
        raise ShapeError(f"{name}: must be of vectors: the shape is {tuple(shape)}; add a dimension")
    return shape


class SoftmaxTransform(Transform):
    """``y = softmax(x)`` of the last dimension: vectors to points of the simplex, not one to one; its inverse is the logarithm."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Array) -> Array:
        return x.softmax(-1)

    def _inverse(self, y: Array) -> Array:
        return y.log()

    def forward_shape(self, shape: Any) -> Any:
        return _vectors("SoftmaxTransform", shape)

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """Vectors of n numbers to points of the simplex in n + 1 dimensions: each number says which part of what is left is broken off.

    Source: Stan Reference Manual, "Unit simplex". The vector 0 becomes the middle of the simplex.

    >>> import tensorflowlite_clone as tl
    >>> StickBreakingTransform()(tl.zeros(1)).tolist()
    [0.5, 0.5]
    """

    bijective = True
    domain, codomain = constraints.real_vector, constraints.simplex

    @staticmethod
    def _offset(x: Array) -> Array:
        """``log(n - i)`` for the i-th of n numbers: how many parts the rest has in the middle of the simplex."""
        return x.new_tensor(np.log(np.arange(x.shape[-1], 0.0, -1.0)))

    def _call(self, x: Array) -> Array:
        z = clipped((x - self._offset(x)).sigmoid())
        return F.pad(z, (0, 1), value=1.0) * F.pad((1 - z).cumprod(-1), (1, 0), value=1.0)

    def _inverse(self, y: Array) -> Array:
        broken = y[..., :-1]
        rest = (1 - broken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)  # rounding may leave less than nothing
        return broken.log() - rest.log() + self._offset(broken)

    def log_abs_det_jacobian(self, x: Array, y: Array) -> Array:
        x = x - self._offset(x)
        return (-x + F.logsigmoid(x) + y[..., :-1].log()).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        return Size((*_vectors("StickBreakingTransform", shape)[:-1], shape[-1] + 1))

    def inverse_shape(self, shape: Any) -> Any:
        return Size((*_vectors("StickBreakingTransform", shape)[:-1], shape[-1] - 1))


# ---- matrices ---------------------------------------------------------------------------------------------------------------------
class LowerCholeskyTransform(Transform):
    """Matrices to lower triangular ones with a positive diagonal: what is above the diagonal goes, the diagonal becomes its exponential."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Array) -> Array:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Array) -> Array:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Matrices to positive definite ones: ``y = L L^T`` with the ``L`` of `LowerCholeskyTransform`."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Array) -> Array:
        x = LowerCholeskyTransform()(x)
        return x @ x.mT

    def _inverse(self, y: Array) -> Array:
        return LowerCholeskyTransform().inv(cholesky(y))


class CorrCholeskyTransform(Transform):
    """Vectors of D (D - 1) / 2 numbers to Cholesky factors (D, D) of correlation matrices.

    Their hyperbolic tangents are partial correlations, from which each row is broken off like a stick.
    Source: D. Lewandowski, D. Kurowicka, H. Joe, "Generating random correlation matrices based on vines and extended onion method" (2009).

    >>> import tensorflowlite_clone as tl
    >>> CorrCholeskyTransform()(tl.zeros(1)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """

    bijective = True
    domain, codomain = constraints.real_vector, constraints.corr_cholesky

    def _call(self, x: Array) -> Array:
        eps = finfo(x.dtype).eps
        partial = vec_to_tril_matrix(x.tanh().clamp(min=-1 + eps, max=1 - eps), diag=-1)
        left = (1 - partial**2).sqrt().cumprod(-1)  # what the row has left behind each element
        return (partial + x.new_tensor(np.eye(partial.shape[-1]))) * F.pad(left[..., :-1], (1, 0), value=1.0)

    def _inverse(self, y: Array) -> Array:
        left = F.pad((1 - (y * y).cumsum(-1))[..., :-1], (1, 0), value=1.0)
        partial = tril_matrix_to_vec(y, diag=-1) / tril_matrix_to_vec(left, diag=-1).sqrt()
        return (partial.log1p() - (-partial).log1p()) / 2

    def log_abs_det_jacobian(self, x: Array, y: Array, intermediates: Any = None) -> Array:
        rows = y.shape[-1]
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), diag=-2).log().sum(-1) / 2 if rows > 2 else 0.0
        return left - 2 * (x + F.softplus(-2 * x) - math.log(2.0)).sum(-1)

    def forward_shape(self, shape: Any) -> Any:
        count = _vectors("CorrCholeskyTransform", shape)[-1]
        n = round((0.25 + 2 * count) ** 0.5 + 0.5)
        if n * (n - 1) // 2 != count:
            raise ArgumentError(f"CorrCholeskyTransform: no matrix has {count} elements below its diagonal; pass D (D - 1) / 2")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Any:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise ShapeError(f"CorrCholeskyTransform: must be of square matrices: the shape is {tuple(shape)}")
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))
