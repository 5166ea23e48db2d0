"""What a run says as a whole: means over groups of workloads, what became slower since an earlier run, a page, a picture.

Not here: a run's own table and file (``report.py``); how figures come about (``harness.py``).
"""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from typing import Any

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


def summary(rows: list[dict[str, Any]]) -> list[tuple[str, int, float, float, str, float]]:
    """For each group, then for all: title, number of workloads, geometric mean, what is asked, the slowest and its ratio."""
    lines = []
    groups = by_group(rows)
    for group, each in [*groups.items(), *([("", [r for g in groups.values() for r in g])] if len(groups) > 1 else [])]:
        title, floor = GROUPS.get(group, ("all", 1.2))
        worst = min(each, key=lambda row: row["ratio"])
        lines.append((title, len(each), geometric_mean([r["ratio"] for r in each]), floor, worst["name"], worst["ratio"]))
    return lines


def table(rows: list[dict[str, Any]]) -> str:
    """`summary` as text; empty where no row has a ratio."""
    lines = summary(rows)
    if not lines:
        return ""
    head = f"{'group':38s} {'number':>6s} {'mean':>6s} {'asked':>6s}  slowest"
    shown = [f"{title:38s} {n:6d} {mean:6.2f} {floor:6.1f}  {name} {ratio:.2f}" for title, n, mean, floor, name, ratio in lines]
    return "\n".join([head, "-" * len(head), *shown])


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


def page(run: dict[str, Any]) -> str:
    """The page of a run, in Markdown."""
    machine, rows = run["environment"], run["rows"]
    control = next((row for row in rows if row["name"] == CONTROL), None)
    versions = ", ".join(v for side in ("ours", "theirs") for v in run["versions"].get(side, []))
    lines = [
        "# Speed beside PyTorch",
        "",
        "Generated from a run by `python -m benchmarks --page docs/performance.md`; what is done, and how to read it, says",
        "[benchmarks/README.md](../benchmarks/README.md). A ratio is PyTorch's time by ours: above 1, ours is faster. Single operations:",
        "[operation_speed.md](operation_speed.md).",
        "",
        f"Machine: {machine['cpu']}, {machine['threads']} threads, Python {machine['python']}, NumPy {machine['numpy']},",
        f"{machine['blas']}; packages {versions}; {machine['time'][:10]}."
        + ("" if control is None else f" The control, which should be 1: {control['ratio']:.2f}."),
        *(["", "**The machine was noisy**: no ratio can be trusted further than the control's spread."] if run["noisy"] else []),
        "",
        "| group | workloads | geometric mean | asked | slowest |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {t} | {n} | {m:.2f}{'' if m >= f else ' (short)'} | {f:.1f} | {name} {r:.2f} |" for t, n, m, f, name, r in summary(rows)),
    ]
    for group, each in by_group(rows).items():
        lines += [
            "",
            f"## {GROUPS[group][0]}",
            "",
            "| workload | ratio | middle half | ours MB | theirs MB | what it is |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for row in each:
            low, high = row["quartiles"]
            memory = [max(r["workload_mb"] for r in row[side]) for side in ("ours", "theirs")]
            differs = "" if row["agrees"] else " **losses differ**"
            cells = (row["name"], f"{row['ratio']:.2f}{differs}", f"{low:.2f}-{high:.2f}", *(f"{mb:.0f}" for mb in memory))
            lines.append(f"| {' | '.join(cells)} | {load(row['name']).summary} |")
    return "\n".join(lines) + "\n"


def draw(run: dict[str, Any], path: Path) -> None:
    """A picture of all ratios, by group, on a logarithmic axis; raises `ImportError` without matplotlib."""
    plt = importlib.import_module("matplotlib.figure")
    rows = [row for each in by_group(run["rows"]).values() for row in reversed(each)]
    figure = plt.Figure(figsize=(9, 1 + 0.16 * len(rows)))
    axes = figure.subplots()
    ratios = [row["ratio"] for row in rows]
    axes.barh(range(len(rows)), [r - 1 for r in ratios], left=1, color=["tab:green" if r >= 1 else "tab:red" for r in ratios])
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=6)
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("PyTorch's time / ours (right of 1: ours is faster)")
    axes.margins(y=0.005)
    figure.savefig(path, dpi=100, bbox_inches="tight")
