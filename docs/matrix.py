"""The page of derivatives: ``derivatives.md``, one row per operation, one column per mode, every cell the outcome of a test.

The tests leave their outcomes in ``docs/_build/matrix.json`` (see ``tests/conftest.py``). This program makes the page of them, or
checks it: a cell without a test, a failed one, or a page that says otherwise than the tests is an error.

    python docs/matrix.py                  # write the page
    python docs/matrix.py --check [FILE]   # fail unless the outcomes in FILE are complete, passed, and what the page says
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tensorflowlite_clone import ops
from tensorflowlite_clone.core.registry import OPS

for _module in pkgutil.walk_packages(ops.__path__, f"{ops.__name__}."):  # operations that are loaded late have rows too
    importlib.import_module(_module.name)

HERE = Path(__file__).parent
PAGE = HERE / "derivatives.md"
OUTCOMES = HERE / "_build" / "matrix.json"

#: The columns, and what their tests show.
COLUMNS = {
    "forward": "the value is the same for arrays, recorded tensors and batches, at any stride, from frozen operands, which it leaves alone",
    "vjp": "reverse mode: the transpose of forward mode (adjoint identity); for every subset of operands; a fused kernel equals its rule",
    "jvp": "forward mode equals central differences of fourth order",
    "second order": "forward over reverse, reverse over forward and reverse over reverse equal central differences of the gradient",
    "vmap": "the value and the gradient of a batch equal those of a loop, whichever operands are mapped",
    "complex": "complex operands (all, or the first alone): vjp, jvp, second order, vmap and complex64 as above, or an error that says so",
    "float32": "value, tangent and gradient of float32 operands are float32 and equal those in float64",
    "kinks": "at kinks, ties and jumps the derivative is the documented one in both modes, and never NaN",
    "PyTorch": "value, vjp, jvp and second derivative of a public call that leads here equal PyTorch's",
}

#: The words of cells without a derivative to test, and what they mean.
WORDS = {
    "no derivative": "the result is a constant for differentiation: it requires no gradient and has a zero tangent (asserted)",
    "no arrays": "the operation takes no array to map over",
    "no floats": "every operand is an integer or a boolean",
    "refused": "complex operands are an error that says so (asserted); functions such as abs hand them to an operation of their own",
    "smooth": "a search over 0, bounds and ties found no point where slopes differ by side",
    "internal": "no public call of PyTorch's leads here",
}


def faults(table: dict[str, dict[str, str]]) -> list[str]:
    """What is wrong with the outcomes: cells that no test filled, and cells whose test failed."""
    found = []
    for op in OPS:
        for column in COLUMNS:
            state = table.get(op, {}).get(column, "")
            if state in ("", "skipped"):
                found.append(f"{op}, {column}: no test filled this cell")
            elif state != "passed" and state not in WORDS:
                found.append(f"{op}, {column}: {state}")
    return found


def page(table: dict[str, dict[str, str]]) -> str:
    """The Markdown page of the outcomes."""
    lines = [
        "# Derivatives: what is tested of every operation",
        "",
        "Made by `python docs/matrix.py` from the outcomes of the tests; CI fails where a cell is blank, failed, or not as here.",
        "A check mark is a passed test of this build. Kinks and their values: [kinks.md](kinks.md).",
        "",
        "| column | what a check mark says |",
        "| --- | --- |",
        *[f"| {name} | {text} |" for name, text in COLUMNS.items()],
        "",
        "| word | why there is nothing to test |",
        "| --- | --- |",
        *[f"| {word} | {text} |" for word, text in WORDS.items()],
    ]
    by_file: dict[str, list[str]] = {}
    for name, op in OPS.items():
        by_file.setdefault(op.__module__.removeprefix("tensorflowlite_clone."), []).append(name)
    for module in sorted(by_file):
        lines += ["", f"## {module}", "", f"| operation | {' | '.join(COLUMNS)} |", "| --- |" + " --- |" * len(COLUMNS)]
        lines += [f"| `{name}` | {' | '.join(_shown(table, name, c) for c in COLUMNS)} |" for name in sorted(by_file[module])]
    return "\n".join(lines) + "\n"


def _shown(table: dict[str, dict[str, str]], op: str, column: str) -> str:
    state = table.get(op, {}).get(column, "")
    return "✓" if state == "passed" else state


def without_column(table: dict[str, dict[str, str]], column: str, words: str) -> dict[str, dict[str, str]]:
    """``table`` with the cells of ``column`` taken from the page ``words``, for a machine where its tests cannot run."""
    rows = [[part.strip() for part in line.strip().strip("|").split("|")] for line in words.splitlines() if line.startswith("| `")]
    place = list(COLUMNS).index(column) + 1
    known = {row[0].strip("`"): row[place] for row in rows if len(row) == len(COLUMNS) + 1}
    return {op: {**cells, column: "passed" if known.get(op) == "✓" else known.get(op, "")} for op, cells in table.items()}


def main() -> int:
    """Write the page, or check outcomes and page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=OUTCOMES, metavar="FILE", help="the outcomes (default: %(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing; fail for a blank, a failure or a stale page")
    options = parser.parse_args()
    if not options.file.exists():
        print(f"matrix: there are no outcomes in {options.file}; run the whole test suite first: make test", file=sys.stderr)
        return 1
    table = json.loads(options.file.read_text())
    before = PAGE.read_text() if PAGE.exists() else ""
    if all(cells.get("PyTorch", "") in ("", "skipped") for cells in table.values()):
        print("matrix: the column PyTorch was not run (PyTorch is not installed); it is left as it is on the page", file=sys.stderr)
        table = without_column(table, "PyTorch", before)
    wrong = faults(table)
    if options.check:
        if page(table) != before:
            wrong.append(
                f"{PAGE.name} is not what the tests say: run python docs/matrix.py after a complete run of the tests, and commit it"
            )
    else:
        PAGE.write_text(page(table))
    for line in wrong:
        print(f"matrix: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
