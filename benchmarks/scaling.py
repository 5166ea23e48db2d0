"""How time and memory of a training step grow with the batch, the depth and the width of a network.

    python -m benchmarks.scaling --picture benchmarks/results/scaling.png

The network is that of the workload ``mlp_deep_narrow``. Time and memory shall grow linearly in batch and depth: the last column of the
table is by what power of the size the time grew over the last doubling, which is at most 1 there but for noise, and 2 for the width.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import statistics
from pathlib import Path
from typing import Any

from .harness import run_process

#: What is changed, its values, and what the others are meanwhile.
CURVES = {
    "batch": ([64, 256, 1024, 4096, 8192], {"depth": 10, "width": 64}),
    "depth": ([5, 10, 20, 40, 80, 160], {"batch": 256, "width": 64}),
    "width": ([32, 64, 128, 256, 512, 1024], {"batch": 256, "depth": 6}),
}  # fmt: skip
PACKAGES = {"ours": "tensorflowlite_clone", "theirs": "torch"}


def measure(rounds: int, seconds: float) -> list[dict[str, Any]]:
    """A row for each point: medians over the rounds, whose processes alternate."""
    rows = []
    for what, (values, others) in CURVES.items():
        for value in values:
            figures: dict[str, list[dict[str, Any]]] = {side: [] for side in PACKAGES}
            for turn in range(rounds):
                for side, package in [*PACKAGES.items()][:: 1 if turn % 2 == 0 else -1]:
                    figures[side].append(run_process(package, "mlp_deep_narrow", seconds, options={**others, what: value}))
            row: dict[str, Any] = {"what": what, "value": value}
            for side, runs in figures.items():
                row[side] = {key: statistics.median(r[key] for r in runs) for key in ("seconds", "workload_mb")}
            rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The points as text, with the power of the last doubling of each curve."""
    lines = [f"{'what':6s} {'value':>6s} {'ours ms':>9s} {'theirs ms':>9s} {'ours MB':>8s} {'theirs MB':>9s} {'ours grew':>10s}"]
    for before, row in zip([None, *rows], rows, strict=False):
        grew = ""
        if before is not None and before["what"] == row["what"]:
            power = math.log(row["ours"]["seconds"] / before["ours"]["seconds"]) / math.log(row["value"] / before["value"])
            grew = f"{power:.2f}"
        times, memory = ([row[side][key] for side in PACKAGES] for key in ("seconds", "workload_mb"))
        lines.append(
            f"{row['what']:6s} {row['value']:6d} {times[0] * 1e3:9.3f} {times[1] * 1e3:9.3f} {memory[0]:8.1f} {memory[1]:9.1f} {grew:>10s}"
        )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Time above, memory below, one column for each curve; raises `ImportError` without matplotlib."""
    figure = importlib.import_module("matplotlib.figure").Figure(figsize=(10, 6))
    axes = figure.subplots(2, len(CURVES), sharex="col")
    for column, what in enumerate(CURVES):
        points = [row for row in rows if row["what"] == what]
        for line, (key, scale, unit) in enumerate([("seconds", 1e3, "ms per step"), ("workload_mb", 1.0, "MB")]):
            for side, package in PACKAGES.items():
                axes[line, column].loglog([r["value"] for r in points], [r[side][key] * scale for r in points], "o-", label=package)
            axes[line, column].set_ylabel(unit)
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
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/scaling.json"))
    parser.add_argument("--picture", type=Path, help="draw the curves (PNG); needs matplotlib")
    options = parser.parse_args()
    rows = measure(options.rounds, options.seconds)
    print(table(rows))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if options.picture is not None:
        draw(rows, options.picture)


if __name__ == "__main__":
    main()
