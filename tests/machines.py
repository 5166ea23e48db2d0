"""Runs the suite as on many kinds of machine: other BLAS kernels, threads, workers, seeds, versions, SIMD, CPUs, orders of tests.

    python tests/machines.py --list                         the rows, nothing is run
    python tests/machines.py                                all rows, one after the other (`make machines`)
    python tests/machines.py --rows 1,5,9 --tests tests/core    some of them, some tests

The rows are a covering array: every pair of values of two factors stands in one of them. Interpreters are looked for on PATH
(``python3.11``...); each gets an environment of its own in ``.machines/`` for the oldest NumPy allowed and for the newest. One line per row
goes to ``.machines/log.txt``, all that pytest said to ``.machines/row<NN>.txt``; the tree must not change meanwhile. Not part of CI.

Some builds of OpenBLAS crash in a plain product under the kernels of another processor; such a row says so and runs nothing.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / ".machines"
FACTORS = {
    "coretype": ["unset", "Haswell", "SkylakeX", "Sandybridge"],
    "threads": ["1", "2", "3"],
    "workers": ["0", "2"],
    "seed": ["0", "1", "2", "3", "4", "5"],
    "numpy": ["oldest", "newest"],
    "python": ["3.11", "3.12", "3.13"],
    "simd": ["all", "no-AVX512", "baseline"],
    "cpus": ["all", "1"],
    "order": ["file", "reverse", "shuffle"],
}
NAMES = list(FACTORS)
Row = dict[str, str]
#: The oldest NumPy that there is a wheel of, by Python.
OLDEST = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0"}
PRODUCT = "import numpy as np; np.matmul(np.ones((32, 800)), np.ones((96, 800)).T)"
#: The features of this processor that NumPy's own loops shall not use, by the names that this very NumPy knows.
ASK_SIMD = """
import sys
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatch, __cpu_features__ as has
print(*[n for n in dispatch if has.get(n) and (sys.argv[1] == "baseline" or n.startswith("AVX512") or n == "X86_V4")])
"""


def allowed(row: Row) -> bool:
    return not (row.get("workers") == "2" and row.get("cpus") == "1")


def pairs(row: Row) -> set[tuple[tuple[str, str], tuple[str, str]]]:
    return set(itertools.combinations([(n, row[n]) for n in NAMES if n in row], 2))


def covering(seed: int) -> list[Row]:
    """Rows that together have every allowed pair; each is the best of many that grow around a pair that is missing yet."""
    dice, rows = random.Random(seed), []
    columns = itertools.combinations(NAMES, 2)
    every = [p for a, b in columns for p in itertools.product([(a, v) for v in FACTORS[a]], [(b, v) for v in FACTORS[b]])]
    missing = {p for p in every if allowed(dict(p))}
    while missing:
        tried = []
        for _ in range(60):
            row = dict(dice.choice(sorted(missing)))
            for name in dice.sample([n for n in NAMES if n not in row], len(NAMES) - 2):
                new = {v: len(pairs(row | {name: v}) & missing) for v in FACTORS[name] if allowed(row | {name: v})}
                row[name] = dice.choice([v for v, n in new.items() if n == max(new.values())])
            tried.append({n: row[n] for n in NAMES})
        rows.append(max(tried, key=lambda row: len(pairs(row) & missing)))
        missing -= pairs(rows[-1])
    return rows


def all_rows() -> list[Row]:
    """The shortest of a few arrays, the same on every call."""
    return min((covering(seed) for seed in range(12)), key=len)


# ---- a plugin of pytest: the order of the tests ---------------------------------------------------------------------------
def pytest_collection_modifyitems(items: list[object]) -> None:
    order, seed = os.environ.get("MACHINES_ORDER", "file"), os.environ.get("MACHINES_SEED", "0")
    if order == "reverse":
        items.reverse()
    elif order == "shuffle":
        random.Random(seed).shuffle(items)


# ---- one row ---------------------------------------------------------------------------------------------------------------
def interpreter(row: Row) -> Path | None:
    """The Python of a row in an environment with its NumPy, made on first need; None where there is no such Python."""
    base = shutil.which(f"python{row['python']}")
    if base is None:
        return None
    folder = PLACE / f"{row['python']}-{row['numpy']}"
    if not (folder / "made").exists():
        wanted = f"numpy=={OLDEST[row['python']]}" if row["numpy"] == "oldest" else "numpy"
        subprocess.run([base, "-m", "venv", folder], check=True)
        install = [
            folder / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--only-binary",
            "numpy",
            wanted,
            "--editable",
            f"{ROOT}[test]",
        ]
        subprocess.run(install, check=True)
        (folder / "made").touch()
    return folder / "bin/python"


def environment(number: int, row: Row, python: Path) -> dict[str, str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("OPENBLAS_", "OMP_", "NPY_", "MKL_", "PYTEST_", "PYTHON"))}
    env |= {"OPENBLAS_NUM_THREADS": row["threads"], "OMP_NUM_THREADS": row["threads"], "PYTHONHASHSEED": str(number)}
    env |= {"MACHINES_ORDER": row["order"], "MACHINES_SEED": str(number), "PYTHONPATH": str(PLACE / "plugin")}
    if row["coretype"] != "unset":
        env["OPENBLAS_CORETYPE"] = row["coretype"]
    if row["simd"] != "all":
        asked = subprocess.run([python, "-c", ASK_SIMD, row["simd"]], env=env, capture_output=True, text=True, check=True)
        env["NPY_DISABLE_CPU_FEATURES"] = asked.stdout.strip()
    return env


def run(number: int, row: Row, tests: list[str]) -> str:
    """Run one row; its line in the log."""
    shown = " ".join(f"{n}={row[n]}" for n in NAMES)
    python = interpreter(row)
    if python is None:
        return f"row {number:02d} none  there is no python{row['python']} on PATH | {shown}"
    env = environment(number, row, python)
    if subprocess.run([python, "-c", PRODUCT], env=env, capture_output=True, check=False).returncode < 0:
        return f"row {number:02d} none  this NumPy crashes in a plain product under these kernels | {shown}"
    command = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if row["cpus"] == "1" else []
    command += [str(python), "-m", "pytest", "-q", "-p", "machines", "-p", "no:cacheprovider", "-n", row["workers"]]
    command += ["--seed", row["seed"], "-rfE", "--tb=short", *tests]
    out, start = PLACE / f"row{number:02d}.txt", time.monotonic()
    with out.open("w") as file:
        status = subprocess.run(command, cwd=ROOT, env=env, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    text = out.read_text(errors="replace")
    bad = re.findall(r"^(?:FAILED|ERROR) (\S+)", text, re.MULTILINE)
    said = re.sub(r" in [\d.]+s.*", "", text.rstrip().splitlines()[-1].strip("= "))
    line = f"row {number:02d} {'OK  ' if status == 0 and not bad else 'FAIL'}  {said} in {time.monotonic() - start:.0f} s | {shown}"
    return line + (f" | {', '.join(bad) or f'exit status {status}, see {out}'}" if status or bad else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="show the rows, run nothing")
    parser.add_argument("--rows", help="numbers of rows, with commas")
    parser.add_argument("--tests", nargs="*", default=[], help="which tests; all by default")
    options = parser.parse_args()
    rows = dict(enumerate(all_rows(), 1))
    chosen = [int(n) for n in options.rows.split(",")] if options.rows else list(rows)
    if options.list:
        print(*(f"row {n:02d} {' '.join(rows[n].values())}" for n in chosen), sep="\n")
        return 0
    (PLACE / "plugin").mkdir(parents=True, exist_ok=True)
    shutil.copy(__file__, PLACE / "plugin")  # alone in its folder, so that nothing else becomes importable
    red = 0
    for n in chosen:
        line = run(n, rows[n], options.tests)
        red += " FAIL " in line
        print(line, flush=True)
        with (PLACE / "log.txt").open("a") as log:
            log.write(line + "\n")
    return int(red > 0)


if __name__ == "__main__":
    sys.exit(main())
