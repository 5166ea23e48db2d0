"""Programs written for NumPy's names, and their derivatives, beside every package that differentiates such programs.

    python -m benchmarks.peers                        all problems under all peers that are installed
    python -m benchmarks.peers wave bodies --rounds 3
    python -m benchmarks --peers                      beside the workloads, which `torch.compile` is given then, too

PyTorch, JAX (under ``jit``), HIPS/autograd, MyGrad. Each problem (``problems.py``) runs under each package in a process of
its own; the packages take turns, each round in the opposite order. A figure is the median over the rounds of that package's time
for a value and its gradient, or a Hessian, by ours: above 1, ours is faster. The first call is told apart: it
includes what a package compiles.
Not here: workloads written against PyTorch's API (``workloads/``), which only PyTorch can run.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.metadata
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from .harness import WITH_FAST, available_cpus, child_environment, lines_of, reason
from .problems import PROBLEMS, Problem
from .report import aligned, describe, environment, write
from .worker import limit_threads, peak_mb, timings

#: Makes of a problem and its arrays a function without arguments, to a value and its gradient, or to twice the Hessian.
Maker = Callable[[Any, Problem, tuple[Any, ...]], Callable[[], tuple[Any, Any]]]


def in_numpy(
    value_and_grad: Any, hessian: Any, numpy_names: str, problem: Problem, arrays: tuple[Any, ...]
) -> Callable[[], tuple[Any, Any]]:
    """For packages that take a function and NumPy's arrays."""
    f = functools.partial(problem.f, importlib.import_module(numpy_names))
    of = hessian(f) if problem.hessian else value_and_grad(f)
    return lambda: (of(*arrays),) * 2 if problem.hessian else of(*arrays)


def ours(tl: Any, problem: Problem, arrays: tuple[Any, ...]) -> Any:
    """NumPy's arrays in, tensors out."""
    return in_numpy(tl.func.value_and_grad, tl.func.hessian, "tensorflowlite_clone.numpy", problem, arrays)


def autograd(package: Any, problem: Problem, arrays: tuple[Any, ...]) -> Any:
    """NumPy's arrays in and out."""
    return in_numpy(package.value_and_grad, package.hessian, "autograd.numpy", problem, arrays)


def torch(package: Any, problem: Problem, arrays: tuple[Any, ...]) -> Any:
    """A leaf and its backward pass."""
    first, *rest = (package.from_numpy(a) if a.ndim else package.tensor(float(a), dtype=package.float64) for a in arrays)
    if problem.hessian:
        of = package.func.hessian(functools.partial(problem.f, package))
        return lambda: (of(first, *rest),) * 2
    first.requires_grad_()

    def step() -> tuple[Any, Any]:
        value = problem.f(package, first, *rest)
        return value.detach(), package.autograd.grad(value, first)[0]

    return step


def jax(package: Any, problem: Problem, arrays: tuple[Any, ...]) -> Any:
    """Compiled at the first call; a step waits for its result."""
    package.config.update("jax_enable_x64", True)
    namespace = importlib.import_module("jax.numpy")
    f = functools.partial(problem.f, namespace)
    of = package.jit(package.hessian(f) if problem.hessian else package.value_and_grad(f))
    held = tuple(namespace.asarray(a) for a in arrays)

    def step() -> tuple[Any, Any]:
        found = package.block_until_ready(of(*held))
        return (found, found) if problem.hessian else found

    return step


def mygrad(package: Any, problem: Problem, arrays: tuple[Any, ...]) -> Any:
    """A tensor and its backward pass."""
    if problem.hessian:
        raise NotImplementedError("MyGrad has no second derivatives")

    def step() -> tuple[Any, Any]:
        x = package.tensor(arrays[0])
        value = problem.f(package, x, *arrays[1:])
        value.backward()
        return value.data, x.grad

    return step


#: The packages by their modules' names; ours once more with its extra.
OURS = "tensorflowlite_clone"
MAKERS: dict[str, Maker] = {OURS: ours, WITH_FAST: ours, "torch": torch, "jax": jax, "autograd": autograd, "mygrad": mygrad}
TITLES = {WITH_FAST: "ours with `fast`", "torch": "PyTorch", "jax": "JAX jit", "autograd": "HIPS/autograd", "mygrad": "MyGrad"}
NEEDS = {WITH_FAST: "numba"}
#: Who needs more seconds for a process, compilation included, counts as one that cannot do the problem.
PATIENCE = 120.0


def installed() -> list[str]:
    """The packages that can be asked here, ours first; who is not there is named."""
    there = [name for name in MAKERS if importlib.util.find_spec(NEEDS.get(name, name)) is not None]
    missing = [name for name in MAKERS if name not in there]
    if missing:
        print(f"left out, not installed: {', '.join(missing)}")
    return there


def measure(package: str, problem: str, seconds: float) -> dict[str, Any]:
    """The figures of this process: the time of the first call and of a later one, in seconds, and what came out.

    The derivative is told by a sum with fixed weights, so that the order of its elements counts.
    """
    module = importlib.import_module(package.partition("[")[0])
    before = peak_mb()
    arrays = PROBLEMS[problem].arrays(numpy.random.default_rng(0))
    start = time.perf_counter()
    step = MAKERS[package](module, PROBLEMS[problem], arrays)
    value, derivative = step()
    first = time.perf_counter() - start
    timings(step, seconds / 4, 1, 1)
    found = numpy.asarray(derivative).reshape(-1)
    return {
        "seconds": statistics.median(timings(step, seconds, 1, 5)), "first": first, "peak_mb": peak_mb() - before,
        "value": float(numpy.sum(numpy.asarray(value))), "derivative": float(found @ numpy.cos(numpy.arange(found.size))),
        "size": float(numpy.sum(numpy.abs(found))), "version": version(package),
    }  # fmt: skip


def version(package: str) -> str:
    """Of an installed package; autograd has no `__version__`."""
    module = importlib.import_module(package.partition("[")[0])
    return str(getattr(module, "__version__", None) or importlib.metadata.version(module.__name__))


def in_process(package: str, problem: str, seconds: float, threads: int) -> dict[str, Any]:
    """`measure` in a process of its own; RuntimeError where the package cannot do the problem."""
    env = child_environment(threads) | {"TL_FAST": str(int(package == WITH_FAST)), "JAX_PLATFORMS": "cpu"}
    spec = json.dumps([package, problem, seconds, threads])
    lines = lines_of(["benchmarks.peers", "--process", spec], env, f"{problem}: the process under {package}", PATIENCE)
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def compare(
    problems: list[str], packages: list[str], rounds: int, run: Callable[[str, str], dict[str, Any]], say: Callable[[str], None] = print
) -> list[dict[str, Any]]:
    """A row for each problem, with the figures of every round under each package that can do it.

    What a peer cannot do is said, with its reason; what ours cannot is raised. Values and derivatives must agree to 1e-8.
    """
    rows: list[dict[str, Any]] = [{"name": name, "sides": {p: [] for p in packages}, "cannot": {}} for name in problems]
    for turn in range(rounds):
        for row in rows:
            for package in packages if turn % 2 == 0 else reversed(packages):
                if package in row["cannot"]:
                    continue
                try:
                    row["sides"][package].append(run(package, row["name"]))
                except RuntimeError as error:
                    if package == OURS:
                        raise
                    row["cannot"][package] = reason(str(error))
                    row["sides"].pop(package)
                    say(f"left out: {row['name']} under {package}: {row['cannot'][package]}")
            say(f"round {turn + 1}/{rounds}  {row['name']}")
    for row in rows:
        own = row["sides"][OURS]
        row["ratios"] = {
            package: statistics.median(a["seconds"] / b["seconds"] for a, b in zip(found, own, strict=True))
            for package, found in row["sides"].items()
            if package != OURS
        }
        row["agrees"] = all(
            abs(r[key] - own[0][key]) <= 1e-8 * max(1.0, abs(own[0][key]), own[0]["size"] if key == "derivative" else 0.0)
            for found in row["sides"].values() for r in found for key in ("value", "derivative", "size")
        )  # fmt: skip
    return rows


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """Ours in milliseconds, and the time of each peer by it."""
    packages = there(rows)
    shown = [["problem", "ours ms", *(TITLES[p] for p in packages)]]
    for row in rows:
        own = statistics.median(r["seconds"] for r in row["sides"][OURS]) * 1e3
        shown.append([
            row["name"] + ("" if row["agrees"] else " (results differ)"), f"{own:.3f}",
            *(f"{row['ratios'][p]:.2f}" if p in row["ratios"] else "cannot" for p in packages),
        ])  # fmt: skip
    return shown


def first_cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    """The first call of each package's first process in milliseconds, then peak memory above what imports took, in MB."""
    packages = [OURS, *there(rows)]
    names = {OURS: "ours"} | TITLES
    shown = [["problem", *(f"{names[p]} ms" for p in packages), *(f"{names[p]} MB" for p in packages)]]
    for row in rows:
        found = [row["sides"].get(p) for p in packages]
        firsts = [f"{f[0]['first'] * 1e3:.1f}" if f else "" for f in found]
        shown.append([row["name"], *firsts, *(f"{statistics.median(r['peak_mb'] for r in f):.1f}" if f else "" for f in found)])
    return shown


def there(rows: list[dict[str, Any]]) -> list[str]:
    """The peers that did any problem, in the order of the columns."""
    return [p for p in MAKERS if any(p in row["ratios"] for row in rows)]


def main(argv: list[str] | None = None) -> int:
    """Run the rounds, print the tables, write the file; 1 when results differ."""
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
    machine = environment(options.threads)
    print(describe(machine))
    rows = run_all(options.problems or list(PROBLEMS), options.rounds, options.seconds, options.threads)
    write(options.json, {"environment": machine, "rounds": options.rounds, "problems": rows})
    return 0 if all(row["agrees"] for row in rows) else 1


def run_all(problems: list[str], rounds: int, seconds: float, threads: int) -> list[dict[str, Any]]:
    """`compare` under all that is installed, and its tables printed."""
    say = functools.partial(print, file=sys.stderr, flush=True)
    rows = compare(problems, installed(), rounds, lambda p, n: in_process(p, n, seconds, threads), say)
    print(f"\n{aligned(cells(rows))}\n\nFirst call and peak memory:\n{aligned(first_cells(rows))}")
    return rows


if __name__ == "__main__":
    sys.exit(main())
