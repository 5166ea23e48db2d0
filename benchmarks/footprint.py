"""What it costs to have the package: seconds to import it, megabytes installed with all that it needs, beside its peers.

python -m benchmarks.footprint
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

#: Modules; their distributions have the same names.
PACKAGES = ("numpy", "tensorflowlite_clone", "torch", "jax", "autograd", "mygrad")


def import_seconds(modules: list[str], rounds: int = 9) -> dict[str, float]:
    """The median time of a process that imports a module, less that of one that imports nothing; the processes take turns."""
    times: dict[str, list[float]] = {module: [] for module in ["sys", *modules]}
    for _ in range(rounds + 1):
        for module, found in times.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", f"import {module}"], check=True, capture_output=True)
            found.append(time.perf_counter() - start)
    middle = {module: statistics.median(found[1:]) for module, found in times.items()}  # the first fills the file cache
    return {module: middle[module] - middle["sys"] for module in modules}


def needed(distribution: str, found: set[str] | None = None) -> set[str]:
    """A distribution and all that it needs, without extras, as far as it is installed."""
    found = set() if found is None else found
    name = re.sub(r"[-_.]+", "-", distribution).lower()
    if name in found:
        return found
    try:
        requirements = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return found
    found.add(name)
    for line in requirements:
        if "extra ==" not in line:
            needed(re.split(r"[\s;<>=!~\[(]", line, maxsplit=1)[0], found)
    return found


def megabytes(distribution: str) -> float:
    """What the files of a distribution weigh, compiled Python aside; of an editable installation, its sources."""
    files = importlib.metadata.files(distribution) or []
    sizes = {Path(str(f.locate())) for f in files if f.suffix != ".pyc"}
    spec = importlib.util.find_spec(distribution) if distribution == "tensorflowlite_clone" else None
    if spec is not None and spec.origin:
        sizes = {p for p in Path(spec.origin).parent.rglob("*") if p.suffix != ".pyc"}
    return sum(p.stat().st_size for p in sizes if p.is_file()) / 1e6


def main() -> None:
    """Print the table."""
    there = [module for module in PACKAGES if importlib.util.find_spec(module) is not None]
    seconds = import_seconds(there)
    print(f"{'package':22s} {'import ms':>9s} {'installed MB':>12s}  with")
    for module in there:
        names = needed(module)
        print(f"{module:22s} {seconds[module] * 1e3:9.0f} {sum(map(megabytes, names)):12.1f}  {', '.join(sorted(names))}")


if __name__ == "__main__":
    main()
