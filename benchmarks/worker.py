"""One process that times one workload under one package and prints a line of JSON.

python -m benchmarks.worker MODULE WORKLOAD SECONDS
"""

from __future__ import annotations

import gc
import importlib
import json
import resource
import statistics
import sys
import time


def main() -> None:
    """Time batches of ``REPEAT`` steps for about the given number of seconds after a warm-up."""
    package, name, budget = sys.argv[1], sys.argv[2], float(sys.argv[3])
    torch = importlib.import_module(package)
    from benchmarks.workloads import load

    workload = load(name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step = workload.make(torch)
    loss = step()
    start = time.perf_counter()
    while time.perf_counter() - start < budget / 4:
        step()
    gc.collect()
    times = []
    start = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < budget:
        t = time.perf_counter()
        for _ in range(workload.REPEAT):
            step()
        times.append((time.perf_counter() - t) / workload.REPEAT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "seconds": statistics.median(times),
                "fastest": min(times),
                "timings": len(times),
                "loss": loss,
                "peak_mb": peak / 1024,
                "workload_mb": max(0, peak - before) / 1024,
                "version": str(torch.__version__),
            }
        )
    )


if __name__ == "__main__":
    main()
