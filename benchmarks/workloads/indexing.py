"""Rows by number, scatter and gather, sorting, running sums, joining and taking apart, forward and backward."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import gradient, integers, normal, uniform


@workload(2, 1, 1e-3)
def gather_columns(torch: Any) -> Any:
    """gather of (1,000, 1,000) by as many places along rows."""
    places, weight = integers(torch, 1000, 1000, 1000), normal(torch, 1000, 1000, seed=3)
    return gradient(torch, lambda x: (x.gather(1, places) * weight).mean(), normal(torch, 1000, 1000))


@workload(2, 1, 1e-3)
def scatter_sums(torch: Any) -> Any:
    """scatter_add of a million numbers into (1,000, 1,000)."""
    places = integers(torch, 1000, 1000, 1000)
    return gradient(torch, lambda x: torch.zeros(1000, 1000).scatter_add(1, places, x).square().mean(), normal(torch, 1000, 1000))


@workload(2, 1, 1e-3)
def rows_by_number(torch: Any) -> Any:
    """20,000 rows of 64 chosen by number of 5,000, squared."""
    rows = integers(torch, 5000, 20_000)
    return gradient(torch, lambda x: x[rows].square().mean(), normal(torch, 5000, 64))


@workload(2, 1, 1e-3)
def index_sums(torch: Any) -> Any:
    """index_add of 20,000 rows of 64 into 1,000."""
    rows = integers(torch, 1000, 20_000)
    return gradient(torch, lambda x: torch.zeros(1000, 64).index_add(0, rows, x).square().mean(), normal(torch, 20_000, 64))


@workload(2, 1, 1e-3)
def masked_elements(torch: Any) -> Any:
    """A third of 300,000 elements chosen by a mask, and set by one."""
    mask = uniform(torch, 300_000) < 0.3
    return gradient(torch, lambda x: x[mask].square().mean() + x.masked_fill(mask, 0.0).square().mean(), normal(torch, 300_000))


@workload(3, 1, 1e-3)
def windows_of_images(torch: Any) -> Any:
    """Slices of (32, 3, 64, 64): crops, steps and flips, added up."""
    return gradient(
        torch, lambda x: x[:, :, 8:-8, 8:-8].square().mean() + x[:, :, ::2, ::2].mean() + x.flip(-1)[..., :32].square().mean(),
        normal(torch, 32, 3, 64, 64),
    )  # fmt: skip


@workload(2, 1, 1e-3)
def sorted_rows(torch: Any) -> Any:
    """Sorting 1,000 rows of 256, and the 10 largest of each."""
    return gradient(torch, lambda x: x.sort(1)[0][:, ::7].mean() + x.topk(10, 1)[0].mean(), normal(torch, 1000, 256))


@workload(2, 1, 1e-3)
def medians_and_quantiles(torch: Any) -> Any:
    """Medians and three quantiles of 500 rows of 1,000."""
    levels = torch.tensor([0.1, 0.5, 0.9])
    return gradient(torch, lambda x: x.median(1)[0].mean() + torch.quantile(x, levels, 1).mean(), normal(torch, 500, 1000))


@workload(2, 1, 1e-3)
def running_sums(torch: Any) -> Any:
    """cumsum and cumprod of 1,000 rows of 1,000."""
    return gradient(
        torch, lambda x: x.cumsum(1).mean() + x.cumprod(1).mean() + x.cumsum(0).mean(), uniform(torch, 1000, 1000, low=0.99, high=1.01)
    )  # fmt: skip


@workload(3, 1, 1e-3)
def joined_and_split(torch: Any) -> Any:
    """Twelve parts of (256, 1,200), reordered and joined, and stacked."""

    def f(x: Any) -> Any:
        parts = x.chunk(12, 1)
        return torch.cat(parts[::-1], 1)[:, ::3].square().mean() + torch.stack(parts, 0).sum(0).square().mean()

    return gradient(torch, f, normal(torch, 256, 1200))


@workload(2, 1, 1e-3)
def counts_and_uniques(torch: Any) -> Any:
    """unique, bincount and a histogram of 300,000 integers, without gradients."""
    x = integers(torch, 1000, 300_000)

    def step() -> float:
        values, counts = torch.unique(x, return_counts=True)
        return float(values.sum() + counts.max() + torch.bincount(x)[::3].sum() + torch.histc(x.float(), 50, 0, 1000)[:10].sum())

    return step
