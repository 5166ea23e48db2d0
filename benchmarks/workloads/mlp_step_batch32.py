"""One training step of the MLP of ``mlp_step`` with batch 32, where overhead weighs more."""

from __future__ import annotations

from typing import Any

from . import mlp_step

REPEAT = 10
CHECKED = 5
TOLERANCE = 2e-2


def make(torch: Any) -> Any:
    return mlp_step.make(torch, batch=32)
