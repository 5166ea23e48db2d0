"""One process that times one workload under one package and prints its figures as a line of JSON.

Started by ``harness.run_process`` as ``python -m benchmarks.worker SPEC``, where SPEC is a JSON object with ``package``,
``workload``, ``seconds``, ``threads``, ``options``, ``compile`` and ``started``, when it was started. Not here: anything that knows of more
than one process.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.workloads import CONTROL, load


def peak_mb() -> float:
    """The peak memory of this process in MiB.

    The kernel's own figure first: ``ru_maxrss`` of a fresh process starts at what its parent had.
    """
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)  # bytes there, KiB elsewhere


def limit_threads(threads: int) -> None:
    """Keep this process on ``threads`` CPUs, so that a package which starts threads of its own is held to them too."""
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        if threads < len(cpus):
            os.sched_setaffinity(0, cpus[:threads])


def timings(step: Callable[[], object], seconds: float, repeat: int, least: int) -> list[float]:
    """Seconds per step of batches of ``repeat`` steps: at least ``least`` batches, and for as long as ``seconds``."""
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < least or time.perf_counter() - start < seconds:
        t = time.perf_counter()
        for _ in range(repeat):
            step()
        times.append((time.perf_counter() - t) / repeat)
    return times


def measure(spec: dict[str, Any]) -> dict[str, Any]:
    """The figures of one workload under one package.

    The first ``checked`` steps give the loss to compare (so that the update is compared too, not only the forward pass); they and
    a quarter of the time warm up. A workload with a ``base`` is compared with that, too (`cost`). A whole job is timed
    once, from the start of the process: with what is imported and read, and nothing in it repeats.
    """
    limit_threads(spec["threads"])
    # The package comes before NumPy, as in a program that starts with importing it: it may set what NumPy's BLAS reads. The control
    # goes without it: between its two processes nothing differs but the moment.
    package: Any = None if spec["workload"] == CONTROL else importlib.import_module(spec["package"])
    if hasattr(package, "set_num_threads"):
        package.set_num_threads(spec["threads"])
    workload = load(spec["workload"])
    before = peak_mb()
    step = workload.make(package, **spec["options"])
    if spec["compile"] and package is not None:
        step = package.compile(step)
    gc.collect()
    start = time.perf_counter()
    loss = step()
    first = time.perf_counter() - start
    if workload.whole:
        times = [time.time() - spec["started"]]
    else:
        for _ in range(workload.checked - 1):
            loss = step()
        timings(step, spec["seconds"] / 4, 1, 1)
        times = timings(step, spec["seconds"], workload.repeat, 5)
    peak = peak_mb()
    figures = {
        "seconds": statistics.median(times), "fastest": min(times), "timings": len(times), "first": first, "loss": loss,
        "peak_mb": peak, "workload_mb": peak - before,
        "version": None if package is None else str(package.__version__),
    }  # fmt: skip
    if workload.base is not None:
        figures["cost"] = cost(step, workload.base(package, **spec["options"]), spec["seconds"], workload.repeat)
    return figures


def cost(step: Callable[[], float], base: Callable[[], float], seconds: float, repeat: int) -> float:
    """The time of a step in steps of ``base``: the median over turns in which both run, so that a slow minute slows both."""
    timings(base, seconds / 8, 1, 1)
    ratios = []
    for _ in range(5):
        both = [timings(f, seconds / 10, repeat, 2) for f in (step, base)]
        ratios.append(min(both[0]) / min(both[1]))
    return statistics.median(ratios)


def main() -> None:
    """Measure what the command line says."""
    print(json.dumps(measure(json.loads(sys.argv[1]))))


if __name__ == "__main__":
    main()
