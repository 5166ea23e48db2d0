"""What a run says as a whole: means over groups of workloads, what became slower since an earlier run, a picture.

Not here: a run's own table and file (``report.py``); the page (``page.py``); how figures come about (``harness.py``).
"""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from .workloads import CONTROL, GROUPS, load, names

#: A ratio that fell below so much of what it was is a regression, if the middle halves do not overlap either.
SLOWER = 0.9


def geometric_mean(values: list[float]) -> float:
    """The root of the product.

    >>> geometric_mean([0.5, 2.0, 1.0])
    1.0
    """
    return math.exp(sum(map(math.log, values)) / len(values))


def by_group(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The rows with a ratio, by group, in the order of the groups; without the control."""
    known = set(names())
    found: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
    for row in rows:
        if row["name"] in known and row["name"] != CONTROL and row["ratio"] is not None:
            found[load(row["name"]).group].append(row)
    return {group: each for group, each in found.items() if each}


class Mean(NamedTuple):
    """Of some workloads: the geometric mean of their ratios, what is asked of it, the slowest and its ratio."""

    mean: float
    asked: float
    worst: str
    ratio: float


class Line(NamedTuple):
    """A group, or all: how many workloads it has, their mean by default, and with the extra ``fast`` where that ran."""

    title: str
    number: int
    plain: Mean
    fast: Mean | None


#: What all workloads together shall reach.
ALL = ("all", 1.2, 1.6)


def summary(rows: list[dict[str, Any]]) -> list[Line]:
    """A line for each group, then one for all."""
    lines = []
    groups = by_group(rows)
    for group, each in [*groups.items(), *([("", [r for g in groups.values() for r in g])] if len(groups) > 1 else [])]:
        title, *asked = GROUPS.get(group, ALL)
        means = [_mean(each, key, floor) for key, floor in zip(("ratio", "fast_ratio"), asked, strict=True)]
        assert means[0] is not None
        lines.append(Line(title, len(each), means[0], means[1]))
    return lines


def _mean(rows: list[dict[str, Any]], key: str, asked: float) -> Mean | None:
    ratios = {row["name"]: row[key] for row in rows if key in row}
    if not ratios:
        return None
    worst = min(ratios, key=lambda name: ratios[name])
    return Mean(geometric_mean(list(ratios.values())), asked, worst, ratios[worst])


def table(rows: list[dict[str, Any]]) -> str:
    """`summary` as text; empty where no row has a ratio."""
    lines = summary(rows)
    if not lines:
        return ""
    head = f"{'group':38s} {'number':>6s}   mean  asked  {'slowest':28s}" + "   fast  asked  slowest" * any(line.fast for line in lines)
    shown = [
        f"{line.title:38s} {line.number:6d} "
        + "".join(f"{m.mean:6.2f} {m.asked:6.1f}  {f'{m.worst} {m.ratio:.2f}':28s} " for m in line[2:] if m)
        for line in lines
    ]
    return "\n".join([head, "-" * len(head), *(line.rstrip() for line in shown)])


def regressions(rows: list[dict[str, Any]], earlier: list[dict[str, Any]]) -> list[str]:
    """The workloads that are slower, beside PyTorch, than in an earlier run, as lines of text."""
    before = {row["name"]: row for row in earlier if row["ratio"] is not None}
    found = []
    for row in rows:
        old = before.get(row["name"])
        if old is None or row["ratio"] is None or row["name"] == CONTROL:
            continue
        if row["ratio"] < SLOWER * old["ratio"] and row["quartiles"][1] < old["quartiles"][0]:
            found.append(f"{row['name']}: {old['ratio']:.2f} -> {row['ratio']:.2f}")
    return found


def read(path: Path) -> dict[str, Any]:
    """An earlier run's file."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def draw(run: dict[str, Any], path: Path) -> None:
    """A picture of all ratios, by group, on a logarithmic axis, dots for the extra ``fast``; raises `ImportError` without matplotlib."""
    plt = importlib.import_module("matplotlib.figure")
    rows = [row for each in by_group(run["rows"]).values() for row in reversed(each)]
    figure = plt.Figure(figsize=(9, 1 + 0.16 * len(rows)))
    axes = figure.subplots()
    ratios = [row["ratio"] for row in rows]
    axes.barh(range(len(rows)), [r - 1 for r in ratios], left=1, color=["tab:green" if r >= 1 else "tab:red" for r in ratios])
    twins = {i: row["fast_ratio"] for i, row in enumerate(rows) if "fast_ratio" in row}
    axes.plot(list(twins.values()), list(twins), "o", color="black", markersize=3, linestyle="none", label="with the extra fast")
    if twins:
        axes.legend(loc="lower right", fontsize=8)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=6)
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("PyTorch's time / ours (right of 1: ours is faster)")
    axes.margins(y=0.005)
    figure.savefig(path, dpi=100, bbox_inches="tight")
