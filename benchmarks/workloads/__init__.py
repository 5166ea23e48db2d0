"""The workloads: programs written once against PyTorch's API, run under this package and under others, in groups, one file each.

A workload is a function ``make(torch, **options)`` marked with `workload`, where ``torch`` is either package. It returns a function that
does one step and returns its loss (a number all packages must agree on), after everything that is not to be timed has been done. Initial
values and inputs come from NumPy (``common.py``), so that all start alike; the loss is wrong when anything in the step is.

This file imports no workload before it is asked for, and so no NumPy.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

#: The workload that uses no package.
CONTROL = "control"
#: The groups, their files, and what the geometric mean of the ratios to PyTorch shall be at least: by default, with the extra fast.
GROUPS = {
    "tiny": ("tiny and small", 1.5, 1.5), "mlp": ("MLP", 1.5, 1.8), "convolution": ("convolution", 0.9, 1.2),
    "sequence": ("sequence", 1.0, 1.4), "embedding": ("embedding and graphs", 1.0, 1.5), "elementwise": ("elementwise", 1.0, 1.3),
    "reductions": ("reductions, softmax, norms", 0.8, 1.3), "indexing": ("indexing, scatter, gather, sort, scan", 1.0, 1.5),
    "algebra": ("linear algebra, FFT, distances", 1.0, 1.2), "optimizers": ("optimizers, second order, per-sample", 1.7, 2.5),
    "science": ("science", 1.0, 1.4), "gradbench": ("benchmarks of derivatives", 1.0, 1.0),
    "files": ("data loading, files", 3.0, 3.0), "jobs": ("whole jobs", 1.5, 2.0),
}  # fmt: skip


@dataclass(frozen=True)
class Workload:
    """One program and how it is timed and compared."""

    name: str
    group: str
    make: Callable[..., Callable[[], float]]
    #: How many steps make one timing, and after how many steps the losses are compared.
    repeat: int
    checked: int
    #: How far losses may differ, relative to the larger of 1 and the loss.
    tolerance: float
    #: One step is a whole job, timed once and cold, from the start of the process.
    whole: bool = False
    #: The options without which it cannot run, such as a folder with data.
    needs: tuple[str, ...] = ()
    #: For derivatives: makes the function itself, which is timed beside it; what the derivative may cost in evaluations of it.
    base: Callable[..., Callable[[], float]] | None = None
    limit: float = float("inf")
    #: Options with which it is tried out, where it would take long.
    small: dict[str, Any] = field(default_factory=dict)
    summary: str = ""


_FOUND: dict[str, Workload] = {}


def workload(
    repeat: int = 1, checked: int = 1, tolerance: float = 1e-4, name: str | None = None, summary: str | None = None, **more: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function as a workload of the group that its file is; it has the function's name unless another is given."""

    def mark(make: Callable[..., Any]) -> Callable[..., Any]:
        group = make.__module__.rpartition(".")[2]
        text = summary or (make.__doc__ or "").splitlines()[0]
        own = name or make.__name__
        if own in _FOUND:
            raise ValueError(f"workload {own}: there is one of that name in {_FOUND[own].group}; choose another")
        _FOUND[own] = Workload(own, group, make, repeat, checked, tolerance, summary=text, **more)
        return make

    return mark


def _all() -> dict[str, Workload]:
    for group in GROUPS:
        importlib.import_module(f"{__name__}.{group}")
    return _FOUND


def load(name: str) -> Workload:
    """One workload."""
    return _all()[name]


def names() -> list[str]:
    """All workloads, the control first, then by group."""
    order = list(GROUPS)
    return sorted(_all(), key=lambda n: (n != CONTROL, order.index(_FOUND[n].group)))


def needs(name: str) -> tuple[str, ...]:
    """The options without which a workload cannot run."""
    return load(name).needs
