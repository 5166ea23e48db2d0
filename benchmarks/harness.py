"""Pairs of processes, ratios, tables: how two packages are compared on a machine that is shared and noisy.

Every pair runs one process of ours and one of theirs, in alternating order; what counts is the median of the pairs' ratios. A
control workload, the same NumPy code in both, runs in between: its ratios say how much of a difference is noise.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: A control median further from 1, or a spread wider than these, makes a run "noisy".
CONTROL_OFF, CONTROL_SPREAD = 0.05, 0.25

Runner = Callable[[str, str, float], dict[str, Any]]


@dataclass
class Row:
    """The result of one workload: one entry per pair."""

    name: str
    ours: list[dict[str, Any]] = field(default_factory=list)
    theirs: list[dict[str, Any]] = field(default_factory=list)
    tolerance: float = 0.0

    @property
    def ratios(self) -> list[float]:
        """Their time by ours, pair by pair: above 1 ours is faster."""
        return [t["seconds"] / o["seconds"] for o, t in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return statistics.median(self.ratios)

    @property
    def agrees(self) -> bool:
        """Whether both computed the same loss."""
        a, b = self.ours[0]["loss"], self.theirs[0]["loss"]
        return abs(a - b) <= self.tolerance * max(1.0, abs(b))

    def median(self, side: str, key: str) -> float:
        """The median of one figure of one side."""
        return statistics.median(r[key] for r in getattr(self, side))

    def summary(self) -> dict[str, Any]:
        """Everything, for the JSON file."""
        return {
            "name": self.name, "ratio": self.ratio, "ratios": self.ratios, "agrees": self.agrees,
            "ours": self.ours, "theirs": self.theirs,
        }  # fmt: skip


def run_process(package: str, workload: str, seconds: float, threads: int | None = None) -> dict[str, Any]:
    """Run one worker process and read its figures."""
    env = dict(os.environ)
    if threads is not None:
        env |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    command = [sys.executable, "-m", "benchmarks.worker", package, workload, str(seconds)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)
    if result.returncode:
        raise RuntimeError(f"{workload} under {package} failed:\n{result.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def compare(
    names: list[str], pairs: int, seconds: float, run: Runner, tolerance: Callable[[str], float], ours: str, theirs: str,
    say: Callable[[str], None] = lambda line: None,
) -> list[Row]:  # fmt: skip
    """Run all workloads in ``pairs`` rounds; within a round each workload runs once under each package, in alternating order."""
    rows = {name: Row(name, tolerance=tolerance(name)) for name in names}
    for pair in range(pairs):
        for name, row in rows.items():
            sides = [("ours", ours), ("theirs", theirs)]
            for side, package in sides if pair % 2 == 0 else reversed(sides):
                getattr(row, side).append(run(package, name, seconds))
            say(f"pair {pair + 1}/{pairs}  {name:20s} ratio {row.ratios[-1]:.2f}")
    return list(rows.values())


def is_noisy(control: Row) -> bool:
    """Whether the control says that the machine was not quiet."""
    spread = max(control.ratios) - min(control.ratios)
    return abs(control.ratio - 1.0) > CONTROL_OFF or spread > CONTROL_SPREAD


def table(rows: list[Row]) -> str:
    """The results as a table; ratios above 1 mean that ours is faster."""
    head = f"{'workload':20s} {'ours ms':>9s} {'theirs ms':>9s} {'ratio':>6s} {'min':>6s} {'max':>6s} {'ours MB':>8s} {'theirs MB':>9s}"
    lines = [head, "-" * len(head)]
    for row in rows:
        lines.append(
            f"{row.name:20s} {row.median('ours', 'seconds') * 1e3:9.3f} {row.median('theirs', 'seconds') * 1e3:9.3f} {row.ratio:6.2f} "
            f"{min(row.ratios):6.2f} {max(row.ratios):6.2f} {row.median('ours', 'peak_mb'):8.0f} {row.median('theirs', 'peak_mb'):9.0f}"
            + ("" if row.agrees else f"  LOSSES DIFFER: {row.ours[0]['loss']:.6g} and {row.theirs[0]['loss']:.6g}")
        )
    return "\n".join(lines)


def environment() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")), model)
    return {
        "cpu": model, "cores": os.cpu_count(), "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(), "system": platform.platform(), "time": time.strftime("%Y-%m-%d %H:%M"),
    }  # fmt: skip
