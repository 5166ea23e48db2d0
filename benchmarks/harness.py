"""Pairs of processes and their statistics: how two packages are compared on a machine that is shared and noisy.

Here: running worker processes in alternating order, and what follows from their figures (ratios, spread, agreement, noise).
Not here: what is timed (``workloads/``), how one process times it (``worker.py``), how results are shown (``report.py``).

Every pair runs one process of ours and one of theirs; what counts is the median of the pairs' ratios. A control workload, the
same NumPy code in both, runs in between: its ratios say how much of a difference is noise.
"""

from __future__ import annotations

import json
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
#: A control median further from 1, or a spread wider than these, makes a run "noisy".
CONTROL_OFF, CONTROL_SPREAD = 0.05, 0.25
#: What the numerical libraries read when they load.
THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: What some machines set and no user has: OpenBLAS's kernels of another processor, products at half their speed or less; and that
#: Python compiles every file at each import anew.
MACHINE_VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")

#: What the package is called with its extra: its twins of kernels are compiled (`tl.fast`). Without it they are off, installed or not.
WITH_FAST = "tensorflowlite_clone[fast]"
#: PyTorch with the whole step under `torch.compile`.
COMPILED = "torch[compile]"
#: A process under `COMPILED` that needs more seconds counts as one that cannot.
PATIENCE = 600.0
#: ``run(package, workload, seconds)`` gives the figures of one process.
Runner = Callable[[str, str, float], dict[str, Any]]


@dataclass
class Row:
    """The result of one workload: one entry per pair; ``theirs`` is empty when only ours was run, ``fast`` and
    ``compiled`` (`COMPILED`) unless they were asked for; ``cannot`` says of a side why it has no entries."""

    name: str
    ours: list[dict[str, Any]] = field(default_factory=list)
    theirs: list[dict[str, Any]] = field(default_factory=list)
    tolerance: float = 0.0
    fast: list[dict[str, Any]] = field(default_factory=list)
    compiled: list[dict[str, Any]] = field(default_factory=list)
    cannot: dict[str, str] = field(default_factory=dict)

    @property
    def ratios(self) -> list[float]:
        """Their time by ours, pair by pair: above 1 ours is faster."""
        return self._ratios(self.ours)

    @property
    def fast_ratios(self) -> list[float]:
        """Their time by ours with the extra ``fast``."""
        return self._ratios(self.fast)

    @property
    def compiled_ratios(self) -> list[float]:
        """The time of `COMPILED` by ours."""
        return [c["seconds"] / o["seconds"] for o, c in zip(self.ours, self.compiled, strict=True)] if self.compiled else []

    def _ratios(self, side: list[dict[str, Any]]) -> list[float]:
        return [t["seconds"] / o["seconds"] for o, t in zip(side, self.theirs, strict=True)] if self.theirs and side else []

    @property
    def ratio(self) -> float | None:
        """The median of the ratios."""
        return statistics.median(self.ratios) if self.theirs else None

    @property
    def quartiles(self) -> tuple[float, float] | None:
        """The quarter points of the ratios, between which the middle half of the pairs lies."""
        return middle_half(self.ratios) if self.theirs else None

    @property
    def agrees(self) -> bool:
        """Whether all processes, of both packages, ended their checked steps with the same loss."""
        losses: list[float] = [r["loss"] for r in (*self.ours, *self.fast, *self.theirs, *self.compiled)]
        if not all(math.isfinite(a) for a in losses):
            return False
        return max(losses) - min(losses) <= self.tolerance * max(1.0, *(abs(a) for a in losses))

    def median(self, side: str, key: str) -> float | None:
        """The median of one figure of one side (``"ours"``, ``"theirs"``, ...), None where that side was not run."""
        figures = [r[key] for r in getattr(self, side)]
        return float(statistics.median(figures)) if figures else None

    def summary(self) -> dict[str, Any]:
        """Everything, for the JSON file."""
        return {
            "name": self.name, "ratio": self.ratio, "quartiles": self.quartiles, "ratios": self.ratios, "agrees": self.agrees,
            "ours_seconds": self.median("ours", "seconds"), "theirs_seconds": self.median("theirs", "seconds"),
            "ours": self.ours, "theirs": self.theirs,
        } | (
            {"fast": self.fast, "fast_ratio": statistics.median(self.fast_ratios)} if self.fast_ratios else {}
        ) | (
            {"compiled": self.compiled, "compiled_ratio": statistics.median(self.compiled_ratios)} if self.compiled else {}
        ) | ({"cannot": self.cannot} if self.cannot else {})  # fmt: skip


def middle_half(values: list[float]) -> tuple[float, float]:
    """The lower and the upper quartile; of a single value, that value twice.

    >>> middle_half([1.0, 2.0, 3.0, 4.0, 5.0])
    (2.0, 4.0)
    """
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def reason(text: str) -> str:
    """Why a process failed: the last line of what it wrote that names an exception, else the last with words; 200 characters.

    >>> reason("Traceback ...\\nValueError: no\\n\\nSet VERBOSE=1 for more")
    'ValueError: no'
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unsupported|Failed)[\w.]*: ", line)]
    return (named or lines)[-1][:200]


def available_cpus() -> int:
    """The number of CPUs this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def child_environment(threads: int) -> dict[str, str]:
    """The environment of a process that is timed: as many threads for every library, and the kernels that OpenBLAS itself chooses."""
    kept = {name: value for name, value in os.environ.items() if name not in MACHINE_VARIABLES}
    return kept | dict.fromkeys(THREAD_VARIABLES, str(threads))


def lines_of(arguments: list[str], env: Mapping[str, str], what: str, patience: float | None = None) -> list[str]:
    """What a process of ``python -m arguments`` writes, in lines.

    Raises `RuntimeError` where it fails, with the end of what it wrote to standard error, or takes more than ``patience`` seconds;
    ``what`` begins the message.
    """
    command = [sys.executable, "-m", *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=patience)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{what} took more than {patience:.0f} s") from None
    if result.returncode:
        raise RuntimeError(f"{what} failed with status {result.returncode}:\n{result.stderr[-4000:]}")
    return result.stdout.splitlines()


def run_process(
    package: str, workload: str, seconds: float, threads: int | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Run one worker process and read its figures.

    Args:
        package: the module to run the workload under, with PyTorch's API; or `WITH_FAST` or `COMPILED`.
        workload: its name.
        seconds: how long to time.
        threads: threads of both packages and their libraries; all available CPUs by default.
        options: keyword arguments of the workload's ``make``.

    Raises:
        RuntimeError: the process failed; the message carries the end of what it wrote to standard error.
    """
    threads = available_cpus() if threads is None else threads
    env = child_environment(threads) | {"TL_FAST": str(int(package == WITH_FAST))}
    spec = {
        "package": package.partition("[")[0],
        "workload": workload,
        "seconds": seconds,
        "threads": threads,
        "options": dict(options or {}),
        "compile": package == COMPILED,
        "started": time.time(),
    }
    patience = PATIENCE if package == COMPILED else None
    lines = lines_of(["benchmarks.worker", json.dumps(spec)], env, f"{workload}: the process under {package}", patience)
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def compare(
    names: list[str], pairs: int, seconds: float, run: Runner, tolerance: Callable[[str], float], ours: str, theirs: str | None,
    say: Callable[[str], None] = lambda line: None, fast: str | None = None, keep: Callable[[list[Row]], None] = lambda rows: None,
    compiled: str | None = None,
) -> list[Row]:  # fmt: skip
    """Run all workloads in ``pairs`` rounds; within a round each workload runs once under each package, in alternating order.

    Going round the workloads, instead of finishing one before the next, spreads a slow minute of the machine over all of them.

    Args:
        names: workloads, in the order of the rows.
        pairs: number of rounds.
        seconds: how long each process times.
        run: runs one process.
        tolerance: how far the losses of a workload may differ, relative to the larger of 1 and the largest loss.
        ours: the package under test.
        theirs: the package to compare with; None runs ours alone.
        say: told one line after each pair.
        fast: ours once more, with its extra.
        keep: told the rows after each round.
        compiled: theirs once more, compiled; a workload that it cannot do says so, and goes on without it.

    An interrupt ends the run with the rounds that are complete; before the first is, it is raised.
    """
    rows = {name: Row(name, tolerance=tolerance(name)) for name in names}
    sides = [
        (side, package)
        for side, package in (("ours", ours), ("theirs", theirs), ("fast", fast), ("compiled", compiled))
        if package is not None
    ]
    for pair in range(pairs):
        try:
            for name, row in rows.items():
                for side, package in sides if pair % 2 == 0 else reversed(sides):
                    if side in row.cannot:
                        continue
                    try:
                        getattr(row, side).append(run(package, name, seconds))
                    except RuntimeError as error:
                        if side != "compiled":
                            raise
                        row.compiled.clear()
                        row.cannot[side] = reason(str(error))
                        say(f"left out: {name} under {package}: {row.cannot[side]}")
                result = f"ratio {row.ratios[-1]:.2f}" if row.theirs else f"{row.ours[-1]['seconds'] * 1e3:.3f} ms"
                result += f", fast {row.fast_ratios[-1]:.2f}" if row.fast_ratios else ""
                result += f", compiled {row.compiled_ratios[-1]:.2f}" if row.compiled else ""
                say(f"pair {pair + 1}/{pairs}  {name:20s} {result}")
        except KeyboardInterrupt:
            if pair == 0:
                raise
            for row in rows.values():
                for side, _ in sides:
                    del getattr(row, side)[pair:]
            say(f"interrupted: {pair} of {pairs} pairs")
            break
        keep(list(rows.values()))
    return list(rows.values())


def is_noisy(control: Row) -> bool:
    """Whether the control says that the machine was not quiet.

    Its ratios must have a median near 1 and lie close together; of ours alone, the times must lie close together.
    """
    values = control.ratios or [r["seconds"] / control.ours[0]["seconds"] for r in control.ours]
    centre = statistics.median(values)
    spread = (max(values) - min(values)) / centre
    return bool(control.theirs and abs(centre - 1.0) > CONTROL_OFF) or spread > CONTROL_SPREAD
