"""What a run is shown as: the table, the description of the machine, the JSON file.

Not here: how the figures come about (``harness.py``).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .harness import Row, available_cpus


def table(rows: list[Row]) -> str:
    """The results as a table; ratios above 1 mean that ours is faster. A row whose losses differ is followed by a warning row."""
    head = (
        f"{'workload':24s} {'ours ms':>9s} {'theirs ms':>9s} {'ratio':>6s} {'middle half':>11s} {'min':>6s} {'max':>6s} "
        f"{'ours MB':>8s} {'theirs MB':>9s} {'ours 1st':>9s} {'theirs 1st':>10s}"
    )
    lines = [head, "-" * len(head)]
    for row in rows:
        seconds = [row.median(side, "seconds") for side in ("ours", "theirs")]
        memory = [row.median(side, "workload_mb") for side in ("ours", "theirs")]
        half = "-" if row.quartiles is None else f"{row.quartiles[0]:.2f}-{row.quartiles[1]:.2f}"
        lines.append(
            f"{row.name:24s} {number(seconds[0], 9, 3, 1e3)} {number(seconds[1], 9, 3, 1e3)} {number(row.ratio, 6, 2)} {half:>11s} "
            f"{number(min(row.ratios, default=None), 6, 2)} {number(max(row.ratios, default=None), 6, 2)} "
            f"{number(memory[0], 8, 1)} {number(memory[1], 9, 1)} "
            f"{number(first_ms(row.ours), 9, 1)} {number(first_ms(row.theirs), 10, 1)}"
        )
        if not row.agrees:
            losses = "; ".join(
                f"{side} " + ", ".join(dict.fromkeys(f"{r['loss']:.6g}" for r in getattr(row, side)))
                for side in ("ours", "fast", "theirs", "compiled")
                if getattr(row, side)
            )
            lines.append(f"  !! {row.name}: LOSSES DIFFER, the times do not compare: {losses}")
    return "\n".join(lines)


def costs(rows: list[Row], limit: Callable[[str], float]) -> str:
    """What derivatives cost, in evaluations of the functions they are derivatives of; empty if no workload has such a figure.

    ``limit`` says of a workload what its derivative may cost; ours beyond it is marked.
    """
    found = [row for row in rows if row.ours and "cost" in row.ours[0]]
    if not found:
        return ""
    head = f"{'time / function':24s} {'ours':>9s} {'theirs':>9s} {'limit':>6s}"
    lines = [head, "-" * len(head)]
    for row in found:
        ours, theirs, most = row.median("ours", "cost"), row.median("theirs", "cost"), limit(row.name)
        mark = "  !! above the limit" if ours is not None and ours > most else ""
        lines.append(f"{row.name:24s} {number(ours, 9, 2)} {number(theirs, 9, 2)} {number(most, 6, 1)}{mark}")
    return "\n".join(lines)


def first_ms(figures: list[dict[str, Any]]) -> float | None:
    """Milliseconds of the very first step of the first process: later ones find what it compiled."""
    return figures[0]["first"] * 1e3 if figures else None


def compiled(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The rows of a file that were also given to `torch.compile`, as cells, the head first; empty if none was."""
    shown = [["workload", "eager", "compiled", "ours first ms", "eager first ms", "compiled first ms", "ours MB", "compiled MB"]]
    for row in rows:
        if "compiled" in row:
            firsts = [first_ms(row[side]) for side in ("ours", "theirs", "compiled")]
            memory = [statistics.median(r["workload_mb"] for r in row[side]) for side in ("ours", "compiled")]
            name = row["name"] + ("" if row["agrees"] else " (losses differ)")
            eager = number(row["ratio"], 0, 2)
            shown.append([name, eager, f"{row['compiled_ratio']:.2f}", *(number(f, 0, 1) for f in firsts), *(f"{m:.1f}" for m in memory)])
        elif "compiled" in row.get("cannot", ()):
            shown.append([row["name"], number(row["ratio"], 0, 2), "cannot", *[""] * 5])
    return shown if len(shown) > 1 else []


def aligned(cells: list[list[str]]) -> str:
    """Cells as text, the first column to the left."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))).rstrip()
        for line in cells
    )


def number(value: float | None, width: int, digits: int, scale: float = 1.0) -> str:
    """A figure in its column, a dash where there is none.

    >>> number(0.00125, 7, 2, 1e3), number(None, 4, 2)
    ('   1.25', '   -')
    """
    return "-".rjust(width) if value is None else f"{value * scale:{width}.{digits}f}"


def environment(threads: int | None = None) -> dict[str, Any]:
    """What the figures are measured on; ask before measuring, since the load is part of it.

    The versions of the two packages are added by :func:`document`: only their own processes import them.
    """
    import numpy as np

    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = (line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name"))
        model = next(found, model)
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {})
    return {
        "cpu": model or "unknown", "cores": os.cpu_count(), "cores_available": available_cpus(),
        "threads": threads or available_cpus(), "load": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(), "python": platform.python_version(), "numpy": np.__version__,
        "blas": f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip(), "time": time.strftime("%Y-%m-%d %H:%M:%S%z"),
    }  # fmt: skip


def threads(machine: dict[str, Any]) -> str:
    """How many of them a run had."""
    return "1 thread" if machine["threads"] == 1 else f"{machine['threads']} threads"


def describe(machine: dict[str, Any]) -> str:
    """The machine in two lines, with a third when it is busy already."""
    load = machine["load"]
    text = (
        f"{machine['cpu']}, {machine['cores_available']} of {machine['cores']} cores, {threads(machine)}, "
        f"load {'unknown' if load is None else f'{load[0]:.2f}'}\n"
        f"Python {machine['python']}, NumPy {machine['numpy']}, {machine['blas']}"
    )
    if load is not None and load[0] > 0.5 * machine["cores_available"]:
        text += "\nThe machine is busy: stop what else runs, or read only the ratios, and these with care."
    return text


def document(rows: list[Row], machine: dict[str, Any], noisy: bool) -> dict[str, Any]:
    """Everything that is known about a run, as it goes into the JSON file."""
    versions = {side: sorted({r["version"] for row in rows for r in getattr(row, side) if r["version"]}) for side in ("ours", "theirs")}
    return {
        "environment": machine, "versions": versions, "command": sys.argv[1:], "noisy": noisy,
        "rows": [row.summary() for row in rows],
    }  # fmt: skip


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the JSON file, and its folder where it does not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
