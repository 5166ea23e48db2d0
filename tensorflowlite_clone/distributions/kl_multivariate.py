"""Divergences between normal distributions of vectors, with full covariances and with low-rank ones."""

from __future__ import annotations

from typing import Any

from .._errors import ShapeError
from .._typing import Array
from ..linalg import solve_triangular
from .kl import register_kl
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal


def _square_sum(factor: Array, matrix: Array) -> Array:
    """``|factor^-1 matrix|^2`` of a lower triangular factor, summed over all elements: ``trace(factor^-T factor^-1 matrix matrix^T)``."""
    solved = solve_triangular(factor, matrix, upper=False)
    return (solved * solved).sum(-1).sum(-1)


def _trace(p: Any, q: Any) -> Array:
    """``trace(Q^-1 P)`` for the covariances P and Q."""
    parts = [p._unbroadcasted_cov_factor, p._unbroadcasted_cov_diag.sqrt().diag_embed()] if _low_rank(p) else [p._unbroadcasted_scale_tril]
    if not _low_rank(q):
        return sum(_square_sum(q._unbroadcasted_scale_tril, part) for part in parts)
    total: Any = 0.0
    for part in parts:  # Q^-1 = D^-1 - D^-1 W (L L^T)^-1 W^T D^-1, with the capacitance L L^T
        scaled = part / q._unbroadcasted_cov_diag.unsqueeze(-1)
        total = total + (part * scaled).sum(-1).sum(-1) - _square_sum(q._capacitance_tril, q._unbroadcasted_cov_factor.mT @ scaled)
    return total


def _low_rank(d: Any) -> bool:
    return isinstance(d, LowRankMultivariateNormal)


def _normals(p: Any, q: Any) -> Array:
    if p.event_shape != q.event_shape:
        raise ShapeError(f"kl_divergence: events must have one shape: of p it is {p.event_shape}, of q {q.event_shape}")
    apart = q._distance(q.loc - p.loc)
    return q._half_log_det() - p._half_log_det() + (_trace(p, q) + apart - p.event_shape[0]) / 2


for _p in (MultivariateNormal, LowRankMultivariateNormal):
    for _q in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_p, _q)(_normals)
