"""Reductions over all axes, softmax and normalisation over rows of 16 to 4,096, forward and backward."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import gradient, integers, normal, uniform

#: Rows and their lengths: a million numbers each.
ROWS = {16: 65_536, 256: 4_096, 4096: 256}


def _rows(kind: str, length: int) -> None:
    def make(torch: Any) -> Any:
        x = normal(torch, ROWS[length], length)
        weight = normal(torch, ROWS[length], length, seed=2)
        if kind == "softmax":
            return gradient(torch, lambda x: (torch.softmax(x, -1) * weight).sum(), x)
        return gradient(torch, lambda x: (torch.nn.functional.layer_norm(x, (length,)) * weight).mean(), x)

    make.__module__ = __name__
    workload(2, 1, 1e-3, name=f"{kind}_{length}", summary=f"{kind} over {ROWS[length]:,} rows of {length}, forward and backward.")(make)


for _kind in ("softmax", "layer_norm"):
    for _length in ROWS:
        _rows(_kind, _length)


@workload(2, 1, 1e-3)
def sums_over_axes(torch: Any) -> Any:
    """Sums of (64, 128, 128) over each axis, and of pairs of them."""

    def f(x: Any) -> Any:
        return sum(x.sum(d).square().mean() for d in (0, 1, 2, (0, 1), (1, 2)))

    return gradient(torch, f, normal(torch, 64, 128, 128))


@workload(2, 1, 1e-3)
def spreads_over_axes(torch: Any) -> Any:
    """Variances and norms of (64, 128, 128) over each axis."""
    return gradient(torch, lambda x: sum(x.var(d).mean() + x.norm(dim=d).mean() for d in (0, 1, 2)), normal(torch, 64, 128, 128))


@workload(2, 1, 1e-3)
def logsumexp_rows(torch: Any) -> Any:
    """logsumexp of (1,000, 1,000) over both axes."""
    return gradient(torch, lambda x: torch.logsumexp(x, 0).mean() + torch.logsumexp(x, 1).mean(), normal(torch, 1000, 1000))


@workload(2, 1, 1e-3)
def maxima_of_rows(torch: Any) -> Any:
    """Largest values of 16,384 rows of 64 and of all columns, with their places."""
    return gradient(torch, lambda x: x.max(1)[0].mean() + x.max(0)[0].mean(), normal(torch, 16_384, 64))


@workload(2, 1, 1e-3)
def products_of_rows(torch: Any) -> Any:
    """Products of 10,000 rows of 32."""
    return gradient(torch, lambda x: x.prod(1).mean(), uniform(torch, 10_000, 32, low=0.9, high=1.1))


@workload(2, 1, 1e-3)
def cross_entropy_10000(torch: Any) -> Any:
    """Cross-entropy of 64 rows of 10,000 classes."""
    y = integers(torch, 10_000, 64)
    return gradient(torch, lambda x: torch.nn.functional.cross_entropy(x, y), normal(torch, 64, 10_000))


@workload(20, 1, 1e-3)
def cross_entropy_10(torch: Any) -> Any:
    """Cross-entropy of 32 rows of 10 classes."""
    y = integers(torch, 10, 32)
    return gradient(torch, lambda x: torch.nn.functional.cross_entropy(x, y), normal(torch, 32, 10))


@workload(2, 1, 1e-3)
def batch_norm_images(torch: Any) -> Any:
    """Batch norm of 32 images of 32 channels, 32x32, in training."""
    weight = normal(torch, 32, 32, 32, 32, seed=2)
    norm = torch.nn.functional.batch_norm
    return gradient(torch, lambda x: (norm(x, None, None, training=True) * weight).mean(), normal(torch, 32, 32, 32, 32))
