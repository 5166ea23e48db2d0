"""Programs written for NumPy's names, and their gradients, beside every package that differentiates such programs.

    python -m benchmarks.peers                        all problems under all peers that are installed
    python -m benchmarks.peers wave bodies --rounds 3

PyTorch (its backward pass), JAX (under ``jit``), HIPS/autograd, MyGrad. Each problem (``problems.py``) runs under each package in a
process of its own; the packages take turns, each round in the opposite order. A figure is the median over the rounds of that package's
time for a value and its gradient by ours: above 1, ours is faster. The first call is told apart: with importing and what it compiles.
Not here: workloads written against PyTorch's API (``workloads/``), which only PyTorch can run.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from .harness import ROOT, available_cpus, child_environment
from .problems import PROBLEMS
from .report import environment
from .worker import limit_threads, peak_mb, timings

#: Makes of a problem's function and arrays a function without arguments, to its value and its gradient.
Maker = Callable[[Any, tuple[Any, ...]], Callable[[], tuple[Any, Any]]]


def ours(f: Any, arrays: tuple[Any, ...]) -> Any:
    """NumPy's arrays in and out."""
    tl = importlib.import_module("tensorflowlite_clone")
    of = tl.func.value_and_grad(functools.partial(f, importlib.import_module("tensorflowlite_clone.numpy")))
    return lambda: of(*arrays)


def torch(f: Any, arrays: tuple[Any, ...]) -> Any:
    """A leaf and its backward pass."""
    package = importlib.import_module("torch")
    first, *rest = (package.from_numpy(a) if a.ndim else package.tensor(float(a), dtype=package.float64) for a in arrays)
    first.requires_grad_()

    def step() -> tuple[Any, Any]:
        value = f(package, first, *rest)
        return value.detach(), package.autograd.grad(value, first)[0]

    return step


def jax(f: Any, arrays: tuple[Any, ...]) -> Any:
    """Compiled at the first call; a step waits for its result."""
    package = importlib.import_module("jax")
    package.config.update("jax_enable_x64", True)
    namespace = importlib.import_module("jax.numpy")
    of = package.jit(package.value_and_grad(functools.partial(f, namespace)))
    held = tuple(namespace.asarray(a) for a in arrays)
    return lambda: package.block_until_ready(of(*held))


def autograd(f: Any, arrays: tuple[Any, ...]) -> Any:
    """NumPy's arrays in and out."""
    of = importlib.import_module("autograd").value_and_grad(functools.partial(f, importlib.import_module("autograd.numpy")))
    return lambda: of(*arrays)


def mygrad(f: Any, arrays: tuple[Any, ...]) -> Any:
    """A tensor and its backward pass."""
    package = importlib.import_module("mygrad")

    def step() -> tuple[Any, Any]:
        x = package.tensor(arrays[0])
        value = f(package, x, *arrays[1:])
        value.backward()
        return value.data, x.grad

    return step


#: The packages by their modules' names; ours once more with its extra.
OURS, FAST = "tensorflowlite_clone", "tensorflowlite_clone[fast]"
MAKERS: dict[str, Maker] = {OURS: ours, FAST: ours, "torch": torch, "jax": jax, "autograd": autograd, "mygrad": mygrad}
NEEDS = {FAST: "numba"}
#: Who needs more seconds for a process, compilation included, counts as one that cannot do the problem.
PATIENCE = 120.0


def installed() -> list[str]:
    """The packages that can be asked here, ours first."""
    return [name for name in MAKERS if importlib.util.find_spec(NEEDS.get(name, name)) is not None]


def measure(package: str, problem: str, seconds: float) -> dict[str, Any]:
    """The figures of this process: the time of the first call and of a later one, in seconds, and what came out."""
    before = peak_mb()
    arrays = PROBLEMS[problem].arrays(numpy.random.default_rng(0))
    start = time.perf_counter()
    step = MAKERS[package](PROBLEMS[problem].f, arrays)
    value, gradient = step()
    first = time.perf_counter() - start
    timings(step, seconds / 4, 1, 1)
    found = numpy.asarray(gradient)
    return {
        "seconds": statistics.median(timings(step, seconds, 1, 5)), "first": first, "peak_mb": peak_mb() - before,
        "value": float(value), "gradient": float(numpy.sum(numpy.abs(found))),
    }  # fmt: skip


def in_process(package: str, problem: str, seconds: float, threads: int) -> dict[str, Any] | None:
    """`measure` in a process of its own; None where the package cannot do the problem."""
    env = child_environment(threads) | {"TL_FAST": str(int(package == FAST)), "JAX_PLATFORMS": "cpu"}
    spec = json.dumps([package, problem, seconds, threads])
    command = [sys.executable, "-m", "benchmarks.peers", "--process", spec]
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        return None
    if result.returncode:
        if package == OURS:
            raise RuntimeError(f"{problem}: the process failed with status {result.returncode}:\n{result.stderr[-2000:]}")
        return None
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def rows_of(
    problems: list[str], packages: list[str], rounds: int, run: Callable[[str, str], dict[str, Any] | None]
) -> list[dict[str, Any]]:
    """A row for each problem, with the figures of every round under each package that can do it; values and gradients must agree."""
    rows: list[dict[str, Any]] = [{"name": name, "sides": {package: [] for package in packages}} for name in problems]
    for turn in range(rounds):
        for row in rows:
            for package in packages if turn % 2 == 0 else reversed(packages):
                if package in row["sides"]:
                    figures = run(package, row["name"])
                    if figures is None:
                        del row["sides"][package]
                    else:
                        row["sides"][package].append(figures)
    for row in rows:
        own = row["sides"][OURS]
        row["ratios"] = {
            package: statistics.median(a["seconds"] / b["seconds"] for a, b in zip(found, own, strict=True))
            for package, found in row["sides"].items()
            if package != OURS
        }
        row["agrees"] = all(
            abs(r[key] - own[0][key]) <= 1e-8 * max(1.0, abs(own[0][key]))
            for found in row["sides"].values() for r in found for key in ("value", "gradient")
        )  # fmt: skip
    return rows


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The table of a run, its head first: ours in milliseconds, the ratio of each peer, and first calls in milliseconds."""
    packages = [p for p in MAKERS if p != OURS and any(p in row["sides"] for row in rows)]
    shown = [["problem", "ours ms", *packages, "first call: ours ms", *(p for p in packages if p != FAST)]]
    for row in rows:
        sides = row["sides"]
        times = {p: {key: statistics.median(r[key] for r in found) * 1e3 for key in ("seconds", "first")} for p, found in sides.items()}
        shown.append([
            row["name"] + ("" if row["agrees"] else " **results differ**"), f"{times[OURS]['seconds']:.3f}",
            *(f"{row['ratios'][p]:.2f}" if p in sides else "cannot" for p in packages),
            f"{times[OURS]['first']:.1f}", *(f"{times[p]['first']:.1f}" if p in sides else "" for p in packages if p != FAST),
        ])  # fmt: skip
    return shown


def main(argv: list[str] | None = None) -> int:
    """Run the rounds, print the table, write the file; 1 when results differ."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", metavar="PROBLEM", help=f"which ones (default: all): {', '.join(PROBLEMS)}")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each package for each problem (default 5)")
    parser.add_argument("--seconds", type=float, default=0.3, help="timed seconds per process (default 0.3)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of each package (default: one per available CPU)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/peers.json"), help="where to write the results")
    parser.add_argument("--process", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.process:
        package, problem, seconds, threads = json.loads(options.process)
        limit_threads(threads)
        print(json.dumps(measure(package, problem, seconds)))
        return 0
    unknown = sorted(set(options.problems) - set(PROBLEMS))
    if unknown:
        parser.error(f"no such problem: {', '.join(unknown)}; there are {', '.join(PROBLEMS)}")
    packages = installed()
    missing = [name for name in MAKERS if name not in packages]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}")
    machine = environment(options.threads)
    rows = rows_of(
        options.problems or list(PROBLEMS), packages, options.rounds, lambda p, n: in_process(p, n, options.seconds, options.threads)
    )
    table = cells(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print("\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in table))
    versions = {p: getattr(importlib.import_module(p), "__version__", "") for p in packages if p != FAST}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"environment": machine, "versions": versions, "rows": rows}) + "\n", encoding="utf-8")
    return 0 if all(row["agrees"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
