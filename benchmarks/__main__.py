"""Run benchmarks: ``python -m benchmarks [WORKLOAD ...]``; see ``--help`` and README.md beside this file."""

from __future__ import annotations

import argparse
import functools
import importlib.util
import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from . import groups
from .harness import COMPILED, WITH_FAST, Row, available_cpus, compare, is_noisy, run_process
from .report import aligned, compiled, costs, describe, document, environment, table, write
from .workloads import CONTROL, GROUPS, load, names, needs


def positive(text: str) -> int:
    """An integer of at least 1, from the command line."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def duration(text: str) -> float:
    """Seconds above 0, from the command line."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"must be a time above 0, got {text}")
    return value


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of an earlier run's file; raises `ValueError` for another file."""
    run = groups.read(path)
    if not isinstance(run, dict) or not isinstance(run.get("rows"), list):
        raise ValueError("it has no rows")
    rows: list[dict[str, Any]] = run["rows"]
    return rows


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="which ones (default: all that can run)")
    parser.add_argument("--pairs", type=positive, default=7, help="pairs of processes per workload (default 7)")
    parser.add_argument("--seconds", type=duration, default=2.0, help="timed seconds per process (default 2)")
    parser.add_argument("--threads", type=positive, help="threads for both packages (default: one per available CPU)")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's IDX files, for the workloads train_epoch*")
    parser.add_argument("--quick", action="store_true", help="3 short pairs, to see that everything runs")
    parser.add_argument("--ours-only", action="store_true", help="time this package alone; needs no PyTorch, gives no ratios")
    parser.add_argument("--fast", action="store_true", help="this package also with its extra fast, beside the two")
    parser.add_argument("--peers", action="store_true", help="also torch.compile, and NumPy's programs under JAX, HIPS/autograd, MyGrad")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/latest.json"), help="where to write the results")
    parser.add_argument("--against", type=Path, help="an earlier JSON file: name what became slower beside PyTorch")
    parser.add_argument("--picture", type=Path, help="draw the ratios (PNG); needs matplotlib")
    parser.add_argument("--group", action="append", choices=GROUPS, help="the workloads of a group (may be given again)")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    # To try the harness itself, for example with --candidate torch: every ratio must come out near 1.
    parser.add_argument("--candidate", "--ours", dest="ours", default="tensorflowlite_clone", help=argparse.SUPPRESS)
    parser.add_argument("--theirs", default="torch", help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Parse the command line, run the pairs, print the table, write the JSON file; 1 when losses differ."""
    parser = arguments()
    options = parser.parse_args(argv)
    try:
        earlier = None if options.against is None else rows_of(options.against)
    except (OSError, ValueError) as error:
        parser.error(f"--against is no file of an earlier run: {options.against} ({error})")
    if options.list:
        for name in names():
            wants = "".join(f"  [--{n.replace('_', '-')}]" for n in needs(name))
            print(f"{name:24s} {load(name).summary}{wants}")
        return 0
    unknown = sorted(set(options.workloads) - set(names()))
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)}; there are {', '.join(names())}")
    given: dict[str, Any] = {} if options.data_dir is None else {"data_dir": str(options.data_dir.resolve())}
    wanted = options.workloads + [n for n in names() if load(n).group in (options.group or ())]
    missing = {n: [x for x in needs(n) if x not in given] for n in wanted or names()}
    cannot = [f"{n} (needs --{x[0].replace('_', '-')})" for n, x in missing.items() if x]
    if options.workloads and cannot:
        parser.error(f"cannot run {', '.join(cannot)}")
    for package in [options.ours] if options.ours_only else [options.ours, options.theirs]:
        if importlib.util.find_spec(package) is None:
            parser.error(f'{package} is not installed; install it with: pip install -e ".[bench]", or pass --ours-only')
    if options.fast and importlib.util.find_spec("numba") is None:
        parser.error('numba is not installed; install it with: pip install -e ".[fast]"')
    chosen = [CONTROL, *(n for n, x in missing.items() if n != CONTROL and not x)]
    pairs, seconds = (3, 0.5) if options.quick else (options.pairs, options.seconds)

    machine = environment(options.threads)
    print(describe(machine))
    if cannot:
        print(f"left out: {', '.join(cannot)}")

    def run(package: str, name: str, seconds: float) -> dict[str, Any]:
        return run_process(package, name, seconds, options.threads, {n: given[n] for n in needs(name)})

    say = functools.partial(print, file=sys.stderr, flush=True)
    theirs = None if options.ours_only else options.theirs

    def keep(rows: list[Row]) -> None:
        write(options.json, document(rows, machine, is_noisy(rows[0])))

    fast = WITH_FAST if options.fast else None
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "clang++", "c++", "cl")), None)
    if options.peers and compiler is None:
        print("left out: torch.compile (no C++ compiler; CXX can name one)")
    more = COMPILED if options.peers and theirs == "torch" and compiler is not None else None
    # torch.compile keeps what it made in a folder of the run: the first process of each workload compiles, the others find it.
    with tempfile.TemporaryDirectory() as cache:
        if more is not None:
            os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        rows = compare(chosen, pairs, seconds, run, lambda n: load(n).tolerance, options.ours, theirs, say, fast, keep, more)
    noisy = is_noisy(rows[0])
    print(table(rows))
    cost_table = costs(rows, lambda n: load(n).limit)
    if cost_table:
        print(f"\n{cost_table}")
    run_document = document(rows, machine, noisy)
    compile_table = compiled(run_document["rows"])
    if compile_table:
        print(f"\nThe time of PyTorch, eager and compiled, by ours; first steps of the first process:\n{aligned(compile_table)}")
    if options.peers:
        from . import peers
        from .problems import PROBLEMS

        problems = peers.run_all(list(PROBLEMS), pairs, seconds, options.threads or available_cpus())
        run_document |= {"problems": problems, "rounds": pairs}
        write(options.json, run_document)
    means = groups.table(run_document["rows"])
    if means:
        print(f"\n{means}")
    if noisy:
        print("NOISY: the control, the same program on both sides, did not come out equal; run again on a quiet machine")
    if earlier is not None:
        slower = groups.regressions(run_document["rows"], earlier)
        print("\n".join(["", f"slower than in {options.against}:" if slower else f"nothing slower than in {options.against}", *slower]))
    print(f"written to {options.json}")
    if options.picture is not None:
        groups.draw(run_document, options.picture)
    return 0 if all(row.agrees for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
