"""Parametrizations that layers are given by name: orthogonal matrices, a largest singular value of 1, a norm apart from the direction.

Not here: how a parametrization is registered (``parametrize.py``), the same by hooks, as it was before (``weight_norm.py``,
``spectral_norm.py``).
"""

from __future__ import annotations

import math
from typing import Any, TypeVar

import numpy as np

from ..._checks import choice, integer, number
from ..._errors import ArgumentError, DimensionError, OperandError, ShapeError
from ..._lazy import public as _public
from ...autograd import no_grad
from ...core.tensor import Taped, Tensor
from ...ops.linalg.orthogonal import geqrf, householder_product
from .. import functional as F  # noqa: N812
from .. import init
from ..conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

M = TypeVar("M", bound=Module)
MAPS = ("matrix_exp", "cayley", "householder")


def tensor_of(op: str, module: Any, name: Any) -> Tensor:
    """The parameter or buffer (or what parametrizations make of it) that is to be parametrized."""
    if not isinstance(module, Module):
        raise OperandError(f"{op}: module must be a module: got {type(module).__name__} {module!r:.40}")
    found = getattr(module, name, None) if isinstance(name, str) else None
    if not isinstance(found, Taped):
        raise ArgumentError(f"{op}: {type(module).__name__} has no parameter and no buffer {name!r:.60}")
    return found


# ---- orthogonal -----------------------------------------------------------------------------------------------------------
def _orthogonalized(a: Tensor) -> Tensor:
    """The factor Q of ``a = Q R`` with a positive diagonal of R."""
    q, r = np.linalg.qr(a.numpy(force=True))
    d = np.diagonal(r, axis1=-2, axis2=-1)
    size = np.abs(d)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Tensor((q * np.where(size > 0, d / size, 1)[..., None, :]).astype(a.dtype))


def _is_orthogonal(q: Tensor) -> bool:
    a = q.numpy(force=True)
    eps = 10 * a.shape[-2] * np.finfo(a.dtype).eps
    gram = np.conj(np.swapaxes(a, -1, -2)) @ a
    return bool(np.allclose(gram, np.eye(a.shape[-1]), rtol=1e-5, atol=eps))


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, where these are fewer), from any matrix of its shape.

    ``base`` is what the result is multiplied by from the left, so that the map is only used near 0, where it is at its best
    (M. Lezcano-Casado 2019, dynamic trivializations).
    """

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.dtype.kind == "c" and orthogonal_map == "householder":
            raise ArgumentError("orthogonal: householder is for real matrices: the tensor is complex; use matrix_exp or cayley")
        self.shape, self.orthogonal_map, self.use_trivialization = weight.shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        """The orthogonal matrix (or matrices)."""
        transposed = X.shape[-2] < X.shape[-1]
        x = X.mT if transposed else X
        q: Any = self._reflected(x) if self.orthogonal_map == "householder" else self._turned(x)
        if self.use_trivialization:
            q = self.base @ q
        return q.mT if transposed else q  # type: ignore[no-any-return]

    def _turned(self, x: Any) -> Any:
        """A map of the skew-symmetric matrix whose lower part is that of ``x``, (..., n, k) with k at most n."""
        n, k = x.shape[-2:]
        x = F.pad(x.tril(), (0, n - k))
        a = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            return a.matrix_exp()[..., :k]
        one = np.eye(n, dtype=a.dtype)
        return np.linalg.solve(one - a / 2, one + a / 2)[..., :k]

    def _reflected(self, x: Any) -> Any:
        """The product of the reflections whose vectors are below the diagonal; its signs, which are not learned, stand on it."""
        v = x.tril(-1)
        tau = 2.0 / (1.0 + (v * v).sum(-2))
        signs = x.detach().diagonal(dim1=-2, dim2=-1).trunc()
        return householder_product(v, tau) * signs.unsqueeze(-2)

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What gives ``Q``, or the orthogonal matrix of its QR factorisation if it is not orthogonal."""
        if Q.shape != self.shape:
            raise ShapeError(f"orthogonal: the value must have the shape {self.shape}: it has {Q.shape}")
        with no_grad():
            transposed = Q.shape[-2] < Q.shape[-1]
            q = Q.mT if transposed else Q
            if self.use_trivialization:
                self.base = self._base(q)
                return Tensor(np.broadcast_to(-np.eye(*Q.shape[-2:], dtype=Q.dtype), Q.shape).copy())
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"orthogonal: {self.orthogonal_map} has no inverse without trivialization: nothing can be assigned; "
                    f"pass use_trivialization=True"
                )
            a, tau = (t.numpy(force=True) for t in geqrf(q))
            i = np.arange(a.shape[-1])
            a[..., i, i] = np.where(tau == 0, -1, 1) * np.sign(a[..., i, i])  # LAPACK leaves a reflection out by a tau of exactly 0
            found = Tensor(a)
            return found.mT.contiguous() if transposed else found

    @staticmethod
    def _base(q: Tensor) -> Tensor:
        """A square orthogonal matrix that begins with these columns."""
        n, k = q.shape[-2:]
        if n == k:
            return q.clone() if _is_orthogonal(q) else _orthogonalized(q)
        more = init.normal_(Tensor(np.empty((*q.shape[:-2], n, n - k), q.real.dtype))).to(q.dtype)
        whole: Any = np.concatenate([q, more], axis=-1)
        return _orthogonalized(whole)


def orthogonal(module: M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True) -> M:
    """Parametrize a matrix, or a stack of matrices, so that its columns are orthonormal (its rows, where these are fewer).

    Args:
        module: the module; it is returned.
        name: of the tensor, of at least 2 dimensions. A complex matrix becomes unitary.
        orthogonal_map: ``"matrix_exp"``, ``exp(A)`` of a skew-symmetric A; ``"cayley"``, ``(I - A/2)^-1 (I + A/2)``; ``"householder"``, a
            product of reflections. By default the first for square and complex matrices and the last for others.
        use_trivialization: whether a constant orthogonal matrix stands in front of the map; then any matrix can be assigned.

    The matrix starts as it was, if it was orthogonal, else as the factor Q of its QR factorisation; but with ``matrix_exp`` and
    ``cayley`` without trivialization, as what the map makes of it. Raises `ArgumentError` (a `ValueError`) for what does not fit.

    >>> import tensorflowlite_clone as tl
    >>> layer = orthogonal(tl.nn.Linear(20, 40))
    >>> float(tl.dist(layer.weight.T @ layer.weight, tl.eye(20))) < 1e-4
    True
    """
    weight = tensor_of("orthogonal", module, name)
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal: needs a matrix or a stack of matrices: {name!r} is {weight.shape}")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.dtype.kind == "c"
        orthogonal_map = "matrix_exp" if square else "householder"
    choice("orthogonal", "orthogonal_map", orthogonal_map, *MAPS)
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)


# ---- weight norm ----------------------------------------------------------------------------------------------------------
def norm_except(v: Any, dim: int | None) -> Any:
    """The Euclidean norm over all dimensions but ``dim``, which stay with size 1; the norm of everything for None and -1."""
    if dim is None or dim == -1:
        return v.norm()
    others = tuple(d for d in range(v.ndim) if d != dim % v.ndim)
    return v.norm(2, others, keepdim=True) if others else v.abs()


def normed(v: Any, g: Any, dim: int | None) -> Any:
    """``g v / |v|`` (T. Salimans, D. P. Kingma 2016, eq. 2)."""
    return v * (g / norm_except(v, dim))


def dim_of(op: str, weight: Tensor, dim: int | None) -> int | None:
    """The dimension that is left, checked; None for none."""
    if dim is None:
        return None
    integer(op, "dim", dim, -(2**63))
    if not -weight.ndim <= dim < weight.ndim and dim != -1:
        raise DimensionError(f"{op}: dim must be from {-weight.ndim} to {weight.ndim - 1}: got {dim}; the weight is {weight.shape}")
    return dim


class _WeightNorm(Module):
    """A weight from its norms and a weight of any norm."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Any:
        """The weight with these norms."""
        return normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Its norms and itself."""
        return norm_except(weight, self.dim), weight


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Parametrize a tensor by its norm along all dimensions but ``dim`` and its direction; by its whole norm for None (and -1).

    ``parametrizations.<name>.original0`` is the norm and ``original1`` the direction, of any length (T. Salimans, D. P. Kingma 2016).
    States that the older `nn.utils.weight_norm` saved, ``<name>_g`` and ``<name>_v``, can be loaded. Returns the module.

    >>> import tensorflowlite_clone as tl
    >>> layer = weight_norm(tl.nn.Linear(20, 40))
    >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
    ((40, 1), (40, 20))
    """
    dim = dim_of("weight_norm", tensor_of("weight_norm", module, name), dim)
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(_FromHooks(name))
    return module


class _FromHooks:
    """Gives the keys of the older `nn.utils.weight_norm` in a state the names they have here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, module: Module, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        g, v = (f"{prefix}{self.name}{end}" for end in ("_g", "_v"))
        if g in state_dict and v in state_dict:
            for i, key in enumerate((g, v)):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


# ---- spectral norm --------------------------------------------------------------------------------------------------------
def outputs_first(weight: Any, dim: int) -> Any:
    """The weight as a matrix whose rows are the outputs, along dimension ``dim``."""
    order = [dim, *(d for d in range(weight.ndim) if d != dim)]
    return (weight.permute(order) if dim else weight).flatten(1)


def output_dim(module: Module, dim: int | None) -> int:
    """The dimension of the outputs in the weight of a module: ``dim`` if it is said."""
    transposed = isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)
    return int(transposed) if dim is None else integer("spectral_norm", "dim", dim, -(2**63))


def power_iteration(matrix: Any, u: Tensor, v: Tensor, times: int, eps: float, u_first: bool = True) -> None:
    """Bring ``u`` and ``v``, in place, nearer to the left and right vectors of the largest singular value."""
    plain = all(type(t) is Tensor and type(t.array) is np.ndarray for t in (matrix, u, v))
    a = matrix.array if plain else matrix.detach()
    steps = [(u, a, v), (v, np.conj(a.T) if plain else a.mH, u)]
    with no_grad():
        for into, m, other in (steps if u_first else steps[::-1]) * times:
            if plain:
                new = m @ other.array
                into.array[...] = new / max(math.sqrt(np.vdot(new, new).real), eps)
            else:  # inside a transform
                into.copy_(F.normalize(m @ other, dim=0, eps=eps))
    for t in (u, v) if plain else ():
        t.changed("spectral_norm")


def random_unit(like: Tensor, size: int, eps: float) -> Tensor:
    """A vector of length 1 in a random direction."""
    return F.normalize(init.normal_(Tensor(np.empty(size, like.dtype))), dim=0, eps=eps)


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which the power method follows while the module is in training."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise DimensionError(f"spectral_norm: dim must be from {-weight.ndim} to {weight.ndim - 1}: got {dim}")
        self.n_power_iterations = integer("spectral_norm", "n_power_iterations", n_power_iterations, 1)
        self.dim, self.eps = dim % weight.ndim, number("spectral_norm", "eps", eps, 0.0)
        if weight.ndim > 1:
            matrix = outputs_first(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                self.register_buffer(name, random_unit(weight, size, eps))
            power_iteration(matrix, self._u, self._v, 15, eps)

    def forward(self, weight: Tensor) -> Any:
        """The weight over its largest singular value; a vector over its norm."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = outputs_first(weight, self.dim)
        if self.training:
            power_iteration(matrix, self._u, self._v, self.n_power_iterations, self.eps)
        u, v = self._u.clone(), self._v.clone()  # what backward needs must not be changed by the next call
        return weight / u.vdot(matrix @ v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: it may have any largest singular value."""
        return value


def spectral_norm(module: M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> M:
    """Parametrize a weight so that its largest singular value is 1 (T. Miyato et al. 2018).

    The weight, as a matrix whose rows are the outputs (along ``dim``: 1 for transposed convolutions, else 0), is divided by an estimate of
    that value, which ``n_power_iterations`` of the power method improve whenever the weight is computed in training. Returns the module.

    >>> import tensorflowlite_clone as tl
    >>> layer = spectral_norm(tl.nn.Linear(20, 40)).eval()
    >>> 0.9 < float(tl.linalg.matrix_norm(layer.weight, 2)) < 1.2
    True
    """
    weight = tensor_of("spectral_norm", module, name)
    made = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    return register_parametrization(module, name, made)


__dir__ = _public(globals())
