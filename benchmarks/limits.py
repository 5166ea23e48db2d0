"""How near workloads come to what the machine allows: the arithmetic of their products and the bytes of their operations.

    python -m benchmarks.limits [NAME ...] [--threads 1]

A step of each workload is counted under PyTorch's dispatcher: two operations for each number of a product or convolution and each term of
it, and for every operation, that is no view, the bytes of what it takes and gives. The limit of an operation is the longer of both, at
the rates that this machine reaches in NumPy: products of 1024 x 1024 matrices, and copies of as many bytes as the operation touches. It
is a limit for operations one by one: joined ones may stay below it, and calls of small ones take longer than either.

Here: counting, rates, a file of both. Not here: times, which are those of a run of all workloads (``page.py`` puts them side by side).
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import importlib
import json
import math
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .harness import available_cpus, child_environment, lines_of, reason
from .report import aligned, describe, environment, write
from .workloads import CONTROL, load, names

#: Sizes of copies whose rates are measured, in bytes read and written.
SIZES = [2**k for k in range(14, 29, 2)]
TYPES = ("float32", "float64")
#: What a step is counted as: ``arithmetic`` of products by type, ``bytes`` of operations by the size of `SIZES` that holds them.
Counts = dict[str, dict[str, float]]


def arithmetic(name: str, args: Any, out: Any) -> tuple[str, float] | None:
    """Type and number of operations of a product; None of what is none. ``args`` are PyTorch's of the operation ``name``."""
    if name in ("mm", "bmm", "addmm", "baddbmm"):
        left, right = args[-2:] if name in ("mm", "bmm") else args[1:3]
        return str(left.dtype)[6:], 2.0 * left.numel() * right.shape[-1]
    if name == "convolution":
        x, weight, transposed = args[0], args[1], args[6]
        return str(x.dtype)[6:], 2.0 * (x if transposed else out).numel() * weight[0].numel()
    if name == "convolution_backward":
        slope, x, weight, transposed, wanted = args[0], args[1], args[2], args[7], args[10]
        return str(x.dtype)[6:], 2.0 * (x if transposed else slope).numel() * weight[0].numel() * sum(wanted[:2])
    return None


def count(name: str) -> Counts:
    """A step of a workload under PyTorch, after one that warms up; kernels that join several operations are taken apart."""
    torch, attention, dispatch, tree = (
        importlib.import_module(part) for part in ("torch", "torch.nn.attention", "torch.utils._python_dispatch", "torch.utils._pytree")
    )
    operations: list[tuple[str, float, float]] = []

    def call(self: Any, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            size = sum(x.numel() * x.element_size() for x in tree.tree_leaves((args, kwargs, out)) if isinstance(x, torch.Tensor))
            operations.append((*(arithmetic(func._overloadpacket.__name__, args, out) or ("", 0.0)), float(size)))
        return out

    counting = type("Counting", (dispatch.TorchDispatchMode,), {"__torch_dispatch__": call})
    step = load(name).make(torch)
    with (
        warnings.catch_warnings(action="ignore"),
        attention.sdpa_kernel(attention.SDPBackend.MATH),
        torch.backends.mkldnn.flags(enabled=False),
    ):
        step()
        with counting():
            step()
    return totals(operations)


def totals(operations: list[tuple[str, float, float]]) -> Counts:
    """Sums of the operations' arithmetic by type and of their bytes by size; a product is in both.

    >>> totals([("float32", 5.0, 100.0), ("", 0.0, 20000.0)])
    {'arithmetic': {'float32': 5.0}, 'bytes': {'16384': 100.0, '65536': 20000.0}}
    """
    arithmetic_of: dict[str, float] = defaultdict(float)
    bytes_of: dict[str, float] = defaultdict(float)
    for kind, number, size in operations:
        if kind:
            arithmetic_of[kind] += number
        bytes_of[str(SIZES[min(bisect.bisect_left(SIZES, size), len(SIZES) - 1)])] += size
    return {"arithmetic": dict(arithmetic_of), "bytes": dict(bytes_of)}


def best(call: Callable[[], object], seconds: float = 0.4) -> float:
    """The least time of many calls."""
    least, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - begin)
    return least


def rates() -> Counts:
    """Operations and bytes in a second that this process reaches: products by type, copies by size."""
    import numpy as np

    found: Counts = {"arithmetic": {}, "bytes": {}}
    for kind in TYPES:
        a, b, c = (np.ones((1024, 1024), kind) for _ in range(3))
        found["arithmetic"][kind] = 2 * 1024**3 / best(partial(np.matmul, a, b, out=c))
    for size in SIZES:
        a, b = (np.ones(size // 8, np.float32) for _ in range(2))
        found["bytes"][str(size)] = size / best(partial(np.copyto, b, a))
    return found


def seconds(counts: Counts, rate: Counts) -> tuple[float, float]:
    """What the products take at least, and what moving the bytes does.

    >>> seconds({"arithmetic": {"float32": 6.0}, "bytes": {"16384": 8.0}}, {"arithmetic": {"float32": 2.0}, "bytes": {"16384": 4.0}})
    (3.0, 2.0)
    """
    took = [sum(number / rate[what][of] for of, number in counts[what].items() if of in rate[what]) for what in ("arithmetic", "bytes")]
    return took[0], took[1]


def cells(run: dict[str, Any], rows: list[dict[str, Any]]) -> list[list[str]]:
    """The limit of each workload that is both counted and timed, and how much of it each side reaches; the head first.

    ``run`` is this file's content, ``rows`` those of a run of all workloads.
    """
    times = {row["name"]: row for row in rows}
    shown = [["workload", "products ms", "bytes ms", "ours reaches", "with `fast`", "PyTorch"]]
    for name, counts in run["rows"].items():
        if name in times:
            took = seconds(counts, run["rates"])
            row = times[name]
            fast = [f["seconds"] for f in row.get("fast", [])]
            sides = [row["ours_seconds"], sorted(fast)[len(fast) // 2] if fast else None, row["theirs_seconds"]]
            shown.append([name, *(f"{t * 1e3:.3f}" for t in took), *("" if s is None else f"{max(took) / s:.0%}" for s in sides)])
    return shown


def counted(wanted: list[str], threads: int) -> Iterator[tuple[str, Counts]]:
    """Each workload counted in a process of its own; one that cannot be says why and is left out."""
    for name in wanted:
        arguments = ["benchmarks.limits", "--count", name]
        try:
            yield name, json.loads(lines_of(arguments, child_environment(threads), f"{name}: counting")[-1])
        except RuntimeError as error:
            print(f"left out: {name}: {reason(str(error))}", file=sys.stderr)


def main() -> None:
    """Measure the rates, count, print, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="workloads (default: all but whole jobs and files)")
    parser.add_argument("--threads", type=int, default=available_cpus())
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/limits.json"))
    parser.add_argument("--count", help=argparse.SUPPRESS)
    parser.add_argument("--rates", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count or options.rates:
        with contextlib.redirect_stdout(sys.stderr):
            found = rates() if options.rates else count(options.count)
        print(json.dumps(found))
        return
    every = [load(name) for name in options.names or names() if name != CONTROL]
    wanted = [w.name for w in every if options.names or not (w.whole or w.needs or w.group == "files")]
    machine = environment(options.threads)
    print(describe(machine))
    rate = json.loads(lines_of(["benchmarks.limits", "--rates"], child_environment(options.threads), "rates")[-1])
    rows = dict(counted(wanted, options.threads))
    write(options.json, {"environment": machine, "rates": rate, "rows": rows})
    print(
        aligned([["workload", "products ms", "bytes ms"], *([n, *(f"{t * 1e3:.3f}" for t in seconds(c, rate))] for n, c in rows.items())])
    )


if __name__ == "__main__":
    main()
