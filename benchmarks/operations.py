"""The table of operations: every call of ``calls.py`` at several sizes, forward and with its derivative, beside PyTorch.

    python -m benchmarks.operations --threads 1                   everything, three rounds (about seven minutes)
    python -m benchmarks.operations --only conv --rounds 1        the calls whose group or name contains a word
    python -m benchmarks.operations --page docs/operation_speed.md    and write the page

Processes alternate as in ``harness.py``; what counts is the median over the rounds of their time by ours, so above 1 ours is faster.
Not here: what is called.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .calls import Inputs, calls
from .harness import ROOT, available_cpus, child_environment, lines_of
from .report import describe, environment

SIZES = (1_000, 100_000, 1_000_000)
#: Slower than this is listed, with its reason.
SLOW = 0.5
#: Calls in one process.
CHUNK = 40

#: Why a call of few elements takes longer.
SMALL = "the call"
#: Why larger arrays take longer: the first pattern that is in "group: name" says it.
REASONS = {
    "ravel": "a view: no work but the call", "reshape": "a view: no work but the call", "flatten": "a view: no work but the call",
    "atleast": "a view: no work but the call", "positive": "PyTorch returns its operand", "expand": "a view", "broadcast_to": "a view",
    "unfold": "a view; its gradient is a sum over windows", "view_as_real": "a view", "real": "a view", "imag": "a view",
    "split": "a view for each part, made in Python", "chunk": "a view for each part, made in Python", "unbind": "a view for each part",
    "isreal": "NumPy compares all elements", "equal": "all elements are compared, PyTorch stops at the first difference",
    "fft": "NumPy's pocketfft, one thread and one transform after the other, against MKL",
    "stft": "NumPy's pocketfft, one thread, against MKL",
    "special.": "several passes of NumPy over polynomials and asymptotic series, where PyTorch runs one compiled loop",
    "erf": "several passes of NumPy over a polynomial", "lgamma": "several passes of NumPy over a series", "igamma": "the same, and series",
    "pdist": "made of the matrix of all differences", "cdist": "in float64, so that near points lose no digits",
    "conv3d": "windows are copied into a matrix", "conv_transpose3d": "windows are copied into a matrix", "conv1d": "windows are copied",
    "conv2d": "windows are copied into a matrix and multiplied; oneDNN does it in the cache", "depthwise": "windows are copied",
    "adaptive_max": "windows of unequal sizes, one after the other", "overlapping": "places are found window by window",
    "grid_sample": "gathers of four neighbours by NumPy's take", "interpolate": "a sparse matrix for each axis",
    "pad": "index arrays along each axis", "nll_loss": "a gather, a sum and checks of every label in Python",
    "embedding_bag": "a gather and a sum by bag", "ctc_loss": "a step in Python for each time",
    "attention": "batched products of small matrices",
    "numbers: rand": "NumPy's generator, one thread", "numbers: normal": "NumPy's generator, one thread",
    "numbers: uniform": "NumPy's generator, one thread",
    "poisson": "NumPy's generator", "bernoulli": "NumPy's generator", "dropout": "NumPy's generator", "multinomial": "NumPy's generator",
    "exponential": "NumPy's generator",
    "scatter": "NumPy's ufunc.at, element by element, one thread", "gather": "NumPy's take_along_axis, one thread",
    "index": "NumPy's take and put, one thread", "embedding": "NumPy's take, one thread", "take": "NumPy's take, one thread",
    "put": "NumPy's put, one thread", "nonzero": "NumPy's nonzero, one thread", "argwhere": "NumPy's nonzero, one thread",
    "linear algebra": "LAPACK, a matrix after the other, each through NumPy's gufunc",
    "products": "small products: the call and the choice of a kernel; larger ones are OpenBLAS against MKL",
    "sorting and searching": "NumPy's algorithm, one thread",
    "reductions": "NumPy reduces short rows one at a time",
    "normalisation": "several passes over the array, where PyTorch's kernel makes two",
    "losses and attention": "several passes over the array, where PyTorch's kernel makes one",
    "activations": "several passes over the array, where PyTorch's kernel makes one",
    "creation": "NumPy's own, one thread",
    "elementwise": "NumPy's loops: memory is passed more often, by fewer threads, and some are not vectorised",
    "shapes and views": "a copy by NumPy, one thread, and what the call costs",
    "complex": "NumPy's complex loops, one thread",
    "convolution and pooling": "several passes over the array, where PyTorch's kernel makes one",
    "other": "made of several operations, each a pass",
}  # fmt: skip

#: (call, size, "forward" or "both"): seconds.
Times = dict[tuple[str, int, str], float]


def seconds_of(call: Callable[[], Any], budget: float) -> float:
    """The time of one call: the fastest of the batches that fit into the budget, of one at least after the first call."""
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    repeat, best, end = max(1, min(1000, int(budget / 5 / once))), once, time.perf_counter() + budget
    while time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeat):
            call()
        best = min(best, (time.perf_counter() - start) / repeat)
    return best


def leaves_of(value: Any, tensor: type) -> list[Any]:
    """The tensors among results."""
    if isinstance(value, tensor):
        return [value]
    return [leaf for v in value for leaf in leaves_of(v, tensor)] if isinstance(value, tuple | list) else []


def measure(T: Any, expression: str, n: int, budget: float) -> dict[str, float]:
    """The times of one call under one package, by what is timed."""
    code = compile(expression, expression, "eval")
    inputs = Inputs(T, n)
    scope = {"T": T, "F": T.nn.functional} | {name: inputs[name] for name in code.co_names if name in inputs}
    call = functools.partial(eval, code, scope)
    followed = [v for v in scope.values() if isinstance(v, T.Tensor) and v.requires_grad]
    with T.no_grad():
        times = {"forward": seconds_of(call, budget)}
    results = [r for r in leaves_of(call(), T.Tensor) if r.requires_grad]
    if results and followed:
        ones = [T.ones_like(r) for r in results]

        def both() -> None:
            made = [r for r in leaves_of(call(), T.Tensor) if r.requires_grad]
            T.autograd.grad(made, followed, ones, allow_unused=True)

        times["both"] = seconds_of(both, budget)
    return times


def work(spec: dict[str, Any]) -> None:
    """One process: a line of JSON for every call and size."""
    import importlib

    T = importlib.import_module(spec["package"])
    T.set_num_threads(spec["threads"])
    T.manual_seed(0)
    for key, expression in spec["calls"]:
        for n in spec["sizes"]:
            try:
                times = measure(T, expression, n, spec["budget"])
            except Exception as error:
                print(json.dumps([key, n, f"{type(error).__name__}: {error}"[:200]]), flush=True)
                break
            print(json.dumps([key, n, times]), flush=True)


def process(package: str, chosen: list[tuple[str, str]], budget: float, threads: int) -> Iterator[tuple[str, int, Any]]:
    """Run one process."""
    spec = {"package": package, "calls": chosen, "sizes": SIZES, "budget": budget, "threads": threads}
    env = child_environment(threads) | {"TL_FAST": "0"}  # as it is installed by default
    for line in lines_of(["benchmarks.operations", "--work", json.dumps(spec)], env, f"the process under {package}"):
        key, n, times = json.loads(line)
        yield key, n, times


def compare(
    chosen: list[tuple[str, str]], rounds: int, budget: float, threads: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """Ratios by call and by "size what", in every round; and what failed."""
    ratios: dict[str, dict[str, list[float]]] = {}
    failed: dict[str, str] = {}
    for turn in range(rounds):
        for i in range(0, len(chosen), CHUNK):
            part = chosen[i : i + CHUNK]
            times: dict[str, Times] = {}
            for package in ("tensorflowlite_clone", "torch")[:: 1 if turn % 2 == 0 else -1]:
                found: Times = {}
                times[package] = found
                for key, n, value in process(package, part, budget, threads):
                    if isinstance(value, str):
                        failed[key] = f"{package}: {value}"
                    else:
                        found |= {(key, n, what): t for what, t in value.items()}
            for (key, n, what), t in times["tensorflowlite_clone"].items():
                if (key, n, what) in times["torch"]:
                    ratios.setdefault(key, {}).setdefault(f"{n} {what}", []).append(times["torch"][key, n, what] / t)
            print(f"round {turn + 1}/{rounds}: {min(i + CHUNK, len(chosen))} of {len(chosen)}", file=sys.stderr, flush=True)
    return ratios, failed


def page(result: dict[str, Any]) -> str:
    """The page: medians by group, then every call that is slow somewhere."""
    rows = {key: {k: statistics.median(v) for k, v in r.items()} for key, r in result["ratios"].items()}
    columns = [f"{n} {what}" for n in SIZES for what in ("forward", "both")]
    groups: dict[str, list[dict[str, float]]] = {}
    for key, row in rows.items():
        groups.setdefault(key.partition(": ")[0], []).append(row)
    out = [
        HEAD.format(machine=result["machine"], rounds=result["rounds"]),
        line("group", "calls", *map(title, columns)),
        line(*["---"] * 8),
    ]
    for group, members in groups.items():
        out.append(line(group, str(len(members)), *(mean([m[c] for m in members if c in m]) for c in columns)))
    slow = {key: row for key, row in rows.items() if min(row.values()) < SLOW}
    out += [f"\n## Slower than PyTorch by more than {1 / SLOW:.0f} times somewhere: {len(slow)} of {len(rows)}\n"]
    out += [line("call", *map(title, columns), "why"), line(*["---"] * 8)]
    for key, row in sorted(slow.items(), key=lambda item: item[0]):
        out.append(line(key.partition(": ")[2], *(f"{row[c]:.2g}" if c in row else "" for c in columns), reason(key, row)))
    out += [f"\n## All {len(rows)}\n", line("call", *map(title, columns)), line(*["---"] * 7)]
    out += [line(key.partition(": ")[2], *(f"{row[c]:.2g}" if c in row else "" for c in columns)) for key, row in rows.items()]
    return "\n".join(out) + "\n"


HEAD = """# The speed of every operation

Generated by `python -m benchmarks.operations --page docs/operation_speed.md` from its own run. Each figure is PyTorch's
time by ours, float32, the median of the rounds of alternating processes (here {rounds}): **above 1 this package is faster**. "Forward" is
the call without recording, "both" the call and its gradient; the sizes are elements of the operands. "The call" among the reasons is the
way to the result in Python: some microseconds, where PyTorch takes about one.

Machine: {machine}
"""


def title(column: str) -> str:
    n, what = column.split()
    return f"1e{len(n) - 1} {what}"


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def mean(values: list[float]) -> str:
    return f"{math.exp(statistics.fmean(map(math.log, values))):.2g}" if values else ""


def reason(key: str, row: dict[str, float]) -> str:
    """What makes a call slower, with few elements and with many."""
    few, many = (any(v < SLOW for c, v in row.items() if (int(c.split()[0]) == SIZES[0]) is small) for small in (True, False))
    why = next((why for pattern, why in REASONS.items() if pattern in key), "")
    return "; ".join([SMALL] * few + [why] * many)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.operations", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="calls whose group or name contains this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=0.006, help="seconds for each figure (default 0.006)")
    parser.add_argument("--threads", type=int, default=available_cpus(), help="threads of both packages (default: all)")
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks/results/operations.json", help="where all ratios go")
    parser.add_argument("--page", type=Path, help="write this page")
    parser.add_argument("--from-json", action="store_true", help="write the page from an earlier run")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(json.loads(options.work))
        return
    if not options.from_json:
        chosen = [(f"{g}: {name}", e) for g, name, e in calls() if options.only in f"{g}: {name}"]
        ratios, failed = compare(chosen, options.rounds, options.budget, options.threads)
        for key, why in failed.items():
            print(f"failed: {key}: {why}")
        result = {"machine": describe(environment(options.threads)), "rounds": options.rounds, "failed": failed, "ratios": ratios}
        options.json.parent.mkdir(exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))
    text = page(json.loads(options.json.read_text()))
    if options.page:
        options.page.write_text(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
