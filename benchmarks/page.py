"""The page of speed, `docs/performance.md`, from the files that the benchmarks leave in a folder.

    python -m benchmarks.page                                       from benchmarks/results/
    python -m benchmarks.page --suite latest.json --page mine.md    with a run of one's own

Here: sections, one for each file; a file that is not there has none.
Not here: measuring, and the cells of tables (each beside what measures).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from . import footprint, groups, limits, peers, scaling
from .harness import ROOT, WITH_FAST
from .problems import PROBLEMS
from .report import compiled, first_ms, threads
from .workloads import CONTROL, GROUPS, load, names

RESULTS = ROOT / "benchmarks" / "results"


def whole(folder: Path, suite: Path | None = None, at: str = "../benchmarks/results/") -> str:
    """The page: the run of all workloads, then what else the folder has; ``at`` is the folder as the page sees it."""
    run = groups.read(suite or folder / "one_thread.json")
    sections = [workloads(run)]
    parts = {
        "two_threads": more_threads, "limits": lambda found: allowed(found, run), "peers": other_packages, "scaling": curves,
        "footprint": imports,
    }  # fmt: skip
    for name, section in parts.items():
        if (folder / f"{name}.json").exists():
            sections.append(section(groups.read(folder / f"{name}.json")))
            if (folder / f"{name}.png").exists():
                sections.append(f"![{name}]({at}{name}.png)\n")
    return "\n".join(sections)


def workloads(run: dict[str, Any]) -> str:
    """What every workload took beside PyTorch, by groups."""
    machine, rows = run["environment"], run["rows"]
    control = next((row for row in rows if row["name"] == CONTROL), None)
    versions = ", ".join(v for side in ("ours", "theirs") for v in run["versions"].get(side, []))
    fast = any("fast_ratio" in row for row in rows)
    lines = [
        "# Speed beside PyTorch",
        "",
        "Generated from runs of the benchmarks by `python -m benchmarks.page`; what is done, and how to read it, says",
        "[benchmarks/README.md](../benchmarks/README.md). A ratio is PyTorch's time by ours: **above 1, ours is faster**. First steps,",
        "in ms, include what is loaded or prepared once. Operations: [operation_speed.md](operation_speed.md).",
        "",
        f"Machine: {machine['cpu']}, {threads(machine)}, Python {machine['python']}, NumPy {machine['numpy']},",
        f"{machine['blas']}; packages {versions}; {machine['time'][:10]}; {effort(rows)}"
        + ("" if control is None else f" The control, which should be 1: {control['ratio']:.2f}."),
        *(["", "**The machine was noisy**: no ratio can be trusted further than the control's spread."] if run["noisy"] else []),
        "",
    ]
    lines += markdown(means(rows))
    for group, each in groups.by_group(rows).items():
        head = [
            "workload",
            "ratio",
            "middle half",
            *(["with `fast`"] if fast else []),
            "ours MB",
            "theirs MB",
            "ours first",
            "theirs first",
        ]
        table = [[*head, "what it is"]]
        for row in each:
            low, high = row["quartiles"]
            memory = [max(r["workload_mb"] for r in row[side]) for side in ("ours", "theirs")]
            firsts = [first_ms(row[side]) for side in ("ours", "theirs")]
            cells = [row["name"], f"{row['ratio']:.2f}{'' if row['agrees'] else ' **losses differ**'}", f"{low:.2f}-{high:.2f}"]
            cells += [f"{row['fast_ratio']:.2f}" if "fast_ratio" in row else ""] if fast else []
            table.append([*cells, *(f"{v:.0f}" for v in (*memory, *firsts) if v is not None), load(row["name"]).summary])
        lines += ["", f"## {GROUPS[group][0]}", "", *markdown(table)]
    return "\n".join(lines) + "\n"


def effort(rows: list[dict[str, Any]]) -> str:
    """How much was run, and what of it less often."""
    pairs = {row["name"]: len(row["ours"]) for row in rows}
    most = max(pairs.values())
    fewer = "".join(f", {n} of {name}" for name, n in pairs.items() if n < most)
    return f"{most} pairs of processes each{fewer}; {sum(name != CONTROL for name in pairs)} of {len(names()) - 1} workloads."


def means(rows: list[dict[str, Any]]) -> list[list[str]]:
    """What each group and all reach beside what is asked of them, the head first."""
    fast = any("fast_ratio" in row for row in rows)
    table = [["group", "workloads", "geometric mean", "asked", "slowest", *(("with `fast`", "asked", "slowest") if fast else ())]]
    for title, number, *found in groups.summary(rows):
        cells = [title, str(number)]
        for m in found if fast else found[:1]:
            cells += (
                ["", "", ""]
                if m is None
                else [f"{m.mean:.2f}{'' if m.mean >= m.asked else ' (short)'}", f"{m.asked:.1f}", f"{m.worst} {m.ratio:.2f}"]
            )
        table.append(cells)
    return table


def more_threads(run: dict[str, Any]) -> str:
    """What the groups reach with more than one thread."""
    noisy = " **The machine was noisy.**" * run["noisy"]
    about = f"{machine(run)}; {effort(run['rows'])}{noisy}"
    return "\n".join([f"## With {run['environment']['threads']} threads", "", about, "", *markdown(means(run["rows"])), ""])


def allowed(found: dict[str, Any], run: dict[str, Any]) -> str:
    """How much of the machine's limit each workload reaches."""
    rate = found["rates"]
    products = ", ".join(f"{value / 1e9:.0f} GFLOP/s in {kind}" for kind, value in rate["arithmetic"].items())
    copies = ", ".join(f"{value / 1e9:.0f} of {int(size) // 1024} KiB" for size, value in rate["bytes"].items())
    return "\n".join([
        "## What the machine allows",
        "",
        "The arithmetic of products and convolutions and the bytes that operations read and write, as PyTorch's operations one by one,",
        "at the rates of NumPy here (`python -m benchmarks.limits`): products",
        f"{products}; copies, in GB/s: {copies}.",
        "What each side reaches is the larger of both limits by its time: more than 100 % where operations are joined, far less where",
        f"calls are what counts. {machine(found)}.",
        "",
        *markdown(limits.cells(found, run["rows"])),
        "",
    ])  # fmt: skip


def other_packages(run: dict[str, Any]) -> str:
    """NumPy's programs under other packages, and workloads under `torch.compile`; either may be missing."""
    lines = [
        "## Beside JAX, HIPS/autograd, MyGrad and torch.compile",
        "",
        'Times are theirs by ours: above 1, ours is faster. All results agree unless a row says otherwise; "cannot" has its reason.',
        f"{machine(run)}.",
    ]
    rows = run.get("problems", [])
    if rows:
        versions = {p: found[0]["version"] for row in rows for p, found in row["sides"].items() if p != WITH_FAST}
        lines += [
            "",
            "### A value and its gradient, or a Hessian, of programs in NumPy's names",
            "",
            f"float64, {', '.join(f'{p} {v}' for p, v in sorted(versions.items()))}; medians of {run['rounds']} processes each.",
            "",
            *markdown(peers.cells(rows)),
            "",
            *(f"* {row['name']}: {PROBLEMS[row['name']].f.__doc__}" for row in rows if row["name"] in PROBLEMS),
            *(f"* {row['name']} cannot run under {peers.TITLES[p]}: `{why}`" for row in rows for p, why in row["cannot"].items()),
            "",
            "The first call, with what a package compiles, in ms, and the peak memory above what imports took:",
            "",
            *markdown(peers.first_cells(rows)),
        ]
    table = compiled(run.get("rows", []))
    if table:
        left = [(row["name"], row["cannot"]["compiled"]) for row in run["rows"] if "cannot" in row]
        lines += [
            "",
            "### Workloads under torch.compile",
            "",
            "The whole step is compiled. First steps, in ms, are those of a first process, whose compiler's cache is empty.",
            "",
            *markdown(table),
            "",
            *(f"* {name} cannot: `{why}`" for name, why in left),
        ]
    return "\n".join(lines).rstrip() + "\n"


def curves(run: dict[str, Any]) -> str:
    """How time and memory grow."""
    return "\n".join([
        "## Growth with batch, depth and width",
        "",
        "A training step (`python -m benchmarks.scaling`). The first table has the power of the size by which time",
        "and memory grow over the larger half of the points: 1 is linear.",
        f"{machine(run)}.",
        "",
        *markdown(scaling.growth(run["rows"])),
        "",
        *markdown(scaling.cells(run["rows"])),
        "",
    ])  # fmt: skip


def imports(run: dict[str, Any]) -> str:
    """What it costs to have the package."""
    return "\n".join([
        "## Import and size",
        "",
        f"Medians of {run['rounds']} processes less one of none; MB with all that is needed (`python -m benchmarks.footprint`).",
        f"{footprint.verdict(run['rows'])} {machine(run)}.".strip(),
        "",
        *markdown(footprint.cells(run["rows"])),
        "",
    ])  # fmt: skip


def machine(run: dict[str, Any]) -> str:
    """Where a file's figures come from, in one phrase."""
    found = run["environment"]
    return f"Machine: {found['cpu']}, {threads(found)}, Python {found['python']}, NumPy {found['numpy']}; {found['time'][:10]}"


def markdown(cells: list[list[str]]) -> list[str]:
    """A table, its head first."""
    head, *rows = (f"| {' | '.join(line)} |" for line in cells)
    return [head, "| --- " * len(cells[0]) + "|", *rows]


def main(argv: list[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.page", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder with the files (default benchmarks/results)")
    parser.add_argument("--suite", type=Path, help="the run of all workloads (default: one_thread.json there)")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md", help="what to write (default docs/performance.md)")
    options = parser.parse_args(argv)
    options.page.write_text(whole(options.results, options.suite), encoding="utf-8")


if __name__ == "__main__":
    main()
