"""Whether the extra ``fast`` makes any workload slower: each with and without compiled twins, in turns in one process.

    python -m benchmarks.twins [NAME ...] [--seconds 0.6]

CPU time of one thread, the least of many turns. Here: the twins and what it costs to choose them, to a few percent even on a busy machine.
Not here: PyTorch, and what differs from one process to the next (``harness.py``), which is more than that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from .workloads import CONTROL, load, names


def turns(step: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Seconds of a step without and with twins: the least of turns of some milliseconds, which change who comes first."""
    from tensorflowlite_clone import fast

    least, order = {False: float("inf"), True: float("inf")}, [False, True]
    for mode in (True, False, True):
        fast.enable(mode)
        step()  # loads or compiles; the last of these says how long one takes
    begin = time.thread_time()
    step()
    repeat = max(1, int(0.004 / max(time.thread_time() - begin, 1e-5)))
    end, done = time.thread_time() + seconds, 0
    while done < 4 or time.thread_time() < end:
        order.reverse()
        for mode in order:
            fast.enable(mode)
            begin = time.thread_time()
            for _ in range(repeat):
                step()
            least[mode] = min(least[mode], (time.thread_time() - begin) / repeat)
        done += 1
    return least[False], least[True]


def main() -> None:
    """Print a line for each workload."""
    import tensorflowlite_clone as tl

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="workloads; all but the whole jobs and those that read files by default")
    parser.add_argument("--seconds", type=float, default=0.6, help="CPU time for each")
    options = parser.parse_args()
    tl.set_num_threads(1)
    for name in options.names or names():
        workload = load(name)
        if not options.names and (workload.whole or workload.needs or name == CONTROL or workload.group == "files"):
            continue
        without, within = turns(workload.make(tl), options.seconds)
        slower = "  !! slower with fast" if within > 1.05 * without else ""
        print(f"{name:24} {without * 1e3:9.3f} ms, with fast {within * 1e3:9.3f}: {without / within:5.2f}{slower}", flush=True)


if __name__ == "__main__":
    main()
