"""The page of kinks: ``kinks.md`` from the table in ``tests/kink_table.py``, whose rows the tests assert.

python docs/kinks.py    # write the page; a test fails when it is stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from kink_table import SECTIONS, Kink

INTRODUCTION = """\
# Kinks, ties and the ends of domains

What a derivative is where there is none, or more than one. Every row is asserted in reverse and forward mode, under `vmap`, in float64
and float32, and in second order where there is one (`tests/test_kinks.py`); so is what is said of PyTorch 2.13 and JAX. Derivatives
are those of the sum of the results; several operands are separated by semicolons, and one number stands for equal elements.

The rules behind the rows:

* Finite operands never give NaN where a sub-gradient exists, in any mode, of any order. A search over all operations
  (`tests/test_operation_domains.py`) looks for kinks that nobody declared, and for NaN, and fails where it finds them.
* One choice holds in every mode. Forward mode is derived from the same rule as reverse mode, so the two cannot contradict each other.
* The second derivative at a kink is that of the piece, or of the constant, from which the first derivative was taken.
* PyTorch's value where PyTorch is right. NaN, or a difference between its two modes, is said where it is not.
* Equal elements share a derivative evenly, unless an index is returned: then it goes to the element with that index.
* An infinite slope is infinity, not a large number. Times a cotangent of exactly 0 it is 0: what `where` or a mask did not take has no
  influence. An infinite cotangent (or tangent) times a slope of 0 is NaN, as in PyTorch and JAX: a limit that the chain rule cannot take.
"""


def shown(gradients: tuple[Any, ...]) -> str:
    """Gradients in few characters: ``0.5; 0``."""
    return "; ".join(_array(np.asarray(g, float)) for g in gradients)


def _array(g: Any) -> str:
    if g.size and np.all((g == g.flat[0]) | (np.isnan(g) & np.isnan(g.flat[0]))):
        return _number(float(g.flat[0]))
    return (
        "[" + ", ".join(_array(row) if row.ndim and row.shape[0] > 1 else _number(float(row.reshape(-1)[0])) for row in np.squeeze(g)) + "]"
    )


def _number(v: float) -> str:
    return "NaN" if np.isnan(v) else "1/3" if abs(v - 1 / 3) < 1e-12 else f"{v:g}"


def torch_column(k: Kink) -> str:
    """What PyTorch gives, and in which modes it gives something else."""
    text = "same" if k.torch is None else shown(k.torch)
    notes = {"jvp": "NaN in forward mode", "second": "NaN in second order", "jvp differs": "forward mode contradicts it"}
    said = [notes[m] for m in k.torch_modes]
    return text if not said else f"{text}; {', '.join(said)}"


def page() -> str:
    """The Markdown page."""
    lines = [INTRODUCTION.rstrip()]
    for title, rows in SECTIONS.items():
        lines += ["", f"## {title}", "", "| operation | at | derivative | PyTorch | JAX | why |", "| --- | --- | --- | --- | --- | --- |"]
        for k in rows:
            jax = "" if k.jax is None else "same" if k.jax_gives is None else shown(k.jax_gives)
            cells = [f"`{k.op}`", k.point, shown(k.ours) + "; NaN in forward mode" * k.forward_nan, torch_column(k), jax, k.reason]
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (Path(__file__).with_suffix(".md")).write_text(page())
