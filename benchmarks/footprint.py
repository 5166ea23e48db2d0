"""What it costs to have the package: seconds to import it, megabytes installed with all that it needs, beside its peers.

python -m benchmarks.footprint
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .harness import available_cpus, child_environment
from .report import aligned, describe, environment, write

#: Modules; their distributions have the same names.
OURS = "tensorflowlite_clone"
PACKAGES = ("numpy", OURS, "torch", "jax", "autograd", "mygrad")
#: How many times faster than `import torch` ours shall be.
ASKED = 10.0


def import_seconds(modules: list[str], rounds: int = 9) -> dict[str, float]:
    """The median time of a process that imports a module, less that of one that imports nothing; the processes take turns."""
    times: dict[str, list[float]] = {module: [] for module in ["sys", *modules]}
    env = child_environment(available_cpus())
    for _ in range(rounds + 1):
        for module, found in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True, env=env)
            found.append(time.perf_counter() - start)
    middle = {module: statistics.median(found[1:]) for module, found in times.items()}  # the first fills the file cache
    return {module: middle[module] - middle["sys"] for module in modules}


def plain(name: str) -> str:
    """A distribution's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(distribution: str, found: dict[str, None] | None = None) -> dict[str, None]:
    """A distribution, first, and all that it needs, without extras, as far as it is installed."""
    found = {} if found is None else found
    name = plain(distribution)
    try:
        requirements = [] if name in found else importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        if name != plain(OURS):  # that may be on the path without being installed; it needs NumPy and tqdm
            return found
        requirements = ["numpy", "tqdm"]
    found[name] = None
    for line in requirements:
        if "extra ==" not in line:
            needed(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0], found)
    return found


def megabytes(distribution: str) -> float:
    """What the files of a distribution weigh, compiled Python aside; of ours, whose installation may be editable, its sources."""
    spec = importlib.util.find_spec(OURS) if distribution == plain(OURS) else None
    if spec is not None and spec.origin:
        found = Path(spec.origin).parent.rglob("*")
    else:
        found = (Path(str(f.locate())) for f in importlib.metadata.files(distribution) or [])
    return sum(p.stat().st_size for p in {*found} if "__pycache__" not in p.parts and p.is_file()) / 1e6


def cells(rows: dict[str, dict[str, Any]]) -> list[list[str]]:
    """A line for each package, the head first: its time also by ours."""
    own = rows[OURS]["seconds"]
    shown = [["package", "import ms", "by ours", "installed MB", "with"]]
    for name, row in rows.items():
        megabytes = f"{sum(row['megabytes'].values()):.1f}"
        shown.append([name, f"{row['seconds'] * 1e3:.0f}", f"{row['seconds'] / own:.1f}", megabytes, ", ".join(row["megabytes"])])
    return shown


def verdict(rows: dict[str, dict[str, Any]]) -> str:
    """How the import compares with PyTorch's, beside what is asked; empty where PyTorch was not installed."""
    if "torch" not in rows:
        return ""
    times = rows["torch"]["seconds"] / rows[OURS]["seconds"]
    return f"The import is {times:.1f} times as fast as PyTorch's ({ASKED:.0f} asked{'' if times >= ASKED else ': short'})."


def main() -> None:
    """Print the table, write the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="processes of each import (default 9)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/footprint.json"))
    options = parser.parse_args()
    there = [module for module in PACKAGES if importlib.util.find_spec(module) is not None]
    left = [module for module in PACKAGES if module not in there]
    machine = environment()
    print(describe(machine) + (f"\nleft out, not installed: {', '.join(left)}" if left else ""))
    seconds = import_seconds(there, options.rounds)
    rows = {m: {"seconds": seconds[m], "megabytes": {n: megabytes(n) for n in needed(m)}} for m in there}
    print(f"{aligned(cells(rows))}\n{verdict(rows)}")
    write(options.json, {"environment": machine, "rounds": options.rounds, "rows": rows})


if __name__ == "__main__":
    main()
