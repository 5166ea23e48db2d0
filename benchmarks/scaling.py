"""How time and memory of a training step grow with the batch, the depth and the width of a network.

    python -m benchmarks.scaling --picture benchmarks/results/scaling.png

The network is that of the workload ``mlp_deep_narrow``. Time and memory shall grow linearly in batch and depth: the power of the size that
fits the larger half of the points (least squares of the logarithms) is then at most 1 but for noise; for the width it is at most 2.
"""

from __future__ import annotations

import argparse
import importlib
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from .harness import available_cpus, run_process
from .report import aligned, describe, environment, write

#: What is changed, its values, and what the others are meanwhile.
CURVES = {
    "batch": ([64, 256, 1024, 4096, 8192], {"depth": 10, "width": 64}),
    "depth": ([5, 10, 20, 40, 80, 160], {"batch": 256, "width": 64}),
    "width": ([32, 64, 128, 256, 512, 1024], {"batch": 256, "depth": 6}),
}  # fmt: skip
PACKAGES = {"ours": "tensorflowlite_clone", "theirs": "torch"}
#: By what power time and memory may grow, and what a fit may miss it by.
ASKED, MISS = {"batch": 1, "depth": 1, "width": 2}, 0.05
FIGURES = {"seconds": "time", "workload_mb": "memory"}


def measure(rounds: int, seconds: float, threads: int) -> list[dict[str, Any]]:
    """A row for each point: medians over the rounds, whose processes alternate."""
    rows = []
    for what, (values, others) in CURVES.items():
        for value in values:
            figures: dict[str, list[dict[str, Any]]] = {side: [] for side in PACKAGES}
            for turn in range(rounds):
                for side, package in [*PACKAGES.items()][:: 1 if turn % 2 == 0 else -1]:
                    figures[side].append(run_process(package, "mlp_deep_narrow", seconds, threads, options={**others, what: value}))
            row: dict[str, Any] = {"what": what, "value": value}
            for side, runs in figures.items():
                row[side] = {key: statistics.median(r[key] for r in runs) for key in ("seconds", "workload_mb")}
            rows.append(row)
            print(f"{what} {value}", file=sys.stderr, flush=True)
    return rows


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The points, the head first."""
    shown = [["what", "value", "ours ms", "theirs ms", "ours MB", "theirs MB"]]
    for row in rows:
        times, memory = ([row[side][key] for side in PACKAGES] for key in FIGURES)
        shown.append([row["what"], str(row["value"]), *(f"{t * 1e3:.3f}" for t in times), *(f"{m:.1f}" for m in memory)])
    return shown


def power(sizes: list[float], figures: list[float]) -> float:
    """The slope of the line through the logarithms that is nearest in squares.

    >>> round(power([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    x, y = ([math.log(v) for v in values] for values in (sizes, figures))
    return statistics.linear_regression(x, y).slope


def growth(rows: list[dict[str, Any]]) -> list[list[str]]:
    """By what power each figure grows over the larger half of each curve's points, beside what is asked of ours, the head first."""
    shown = [["grows with", *(f"{side} {name}" for name in FIGURES.values() for side in PACKAGES), "asked: at most", "holds"]]
    for what, most in ASKED.items():
        points = [row for row in rows if row["what"] == what]
        points = points[len(points) // 2 - 1 :] if len(points) > 3 else points
        if len(points) < 2:
            continue
        powers = {
            (key, side): power([p["value"] for p in points], [max(p[side][key], 1e-9) for p in points])
            for key in FIGURES
            for side in PACKAGES
        }
        holds = all(powers[key, "ours"] <= most + MISS for key in FIGURES)
        shown.append([what, *(f"{p:.2f}" for p in powers.values()), str(most), "yes" if holds else "**no**"])
    return shown


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Time above, memory below, one column for each curve; raises `ImportError` without matplotlib."""
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(10, 6), layout="constrained")
    axes = figure.subplots(2, len(CURVES), sharex="col", squeeze=False)
    for column, what in enumerate(CURVES):
        points = [row for row in rows if row["what"] == what]
        for line, (key, scale, unit) in enumerate([("seconds", 1e3, "ms per step"), ("workload_mb", 1.0, "MB")]):
            for side, package in PACKAGES.items():
                axes[line, column].loglog([r["value"] for r in points], [r[side][key] * scale for r in points], "o-", label=package)
            axes[line, 0].set_ylabel(unit)
        axes[1, column].set_xlabel(what)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(path, dpi=100, bbox_inches="tight")


def main() -> None:
    """Measure, print the table, write the file and the picture."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3, help="timed seconds of each process")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of both packages (default: all)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/scaling.json"))
    parser.add_argument("--picture", type=Path, help="draw the curves (PNG); needs matplotlib")
    options = parser.parse_args()
    machine = environment(options.threads)
    print(describe(machine))
    rows = measure(options.rounds, options.seconds, options.threads)
    print(f"{aligned(cells(rows))}\n\n{aligned(growth(rows))}")
    write(options.json, {"environment": machine, "rounds": options.rounds, "rows": rows})
    if options.picture is not None:
        draw(rows, options.picture)


if __name__ == "__main__":
    main()
