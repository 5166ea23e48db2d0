"""Run benchmarks: ``python -m benchmarks [WORKLOAD ...]``; see ``--help`` and README.md beside this file."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import sys
from pathlib import Path

from .harness import compare, environment, is_noisy, run_process, table
from .workloads import load, names


def main() -> int:
    """Parse the command line, run the pairs, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="which ones (default: all)")
    parser.add_argument("--pairs", type=int, default=7, help="pairs of processes per workload (default 7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="timed seconds per process (default 2)")
    parser.add_argument("--threads", type=int, help="threads for both packages (default: what they choose)")
    parser.add_argument("--quick", action="store_true", help="3 short pairs, to see that everything runs")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/latest.json"), help="where to write the results")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    parser.add_argument("--ours", default="tensorflowlite_clone", help=argparse.SUPPRESS)
    parser.add_argument("--theirs", default="torch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        for name in names():
            print(f"{name:20s} {(load(name).__doc__ or '').splitlines()[0]}")
        return 0
    unknown = sorted(set(options.workloads) - set(names()))
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}; there are {', '.join(names())}")
    if importlib.util.find_spec(options.theirs) is None:
        parser.error(f'{options.theirs} is not installed; install it with: pip install -e ".[bench]"')
    chosen = ["control", *[n for n in options.workloads or names() if n != "control"]]
    pairs, seconds = (3, 0.5) if options.quick else (options.pairs, options.seconds)
    before = environment()
    print(f"{before['cpu']}, {before['cores']} cores, load {before['load']}")
    rows = compare(
        chosen, pairs, seconds, functools.partial(run_process, threads=options.threads), lambda n: load(n).TOLERANCE,
        options.ours, options.theirs, say=lambda line: print(line, file=sys.stderr),
    )  # fmt: skip
    print(table(rows))
    noisy = is_noisy(rows[0])
    if noisy:
        print("NOISY: the control workload, the same code on both sides, did not come out equal; run again on a quiet machine")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"environment": before, "noisy": noisy, "rows": [r.summary() for r in rows]}, indent=1))
    print(f"written to {options.json}")
    return 0 if all(row.agrees for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
