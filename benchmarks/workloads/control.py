"""Plain NumPy, the same in both processes: its ratio is 1 on a quiet machine, and shows how far the others can be trusted."""

from __future__ import annotations

from typing import Any

import numpy as np

REPEAT = 20
CHECKED = 1
TOLERANCE = 0.0


def make(torch: Any) -> Any:
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(128, 512)).astype("f4"), rng.normal(size=(512, 256)).astype("f4")
    small = np.ones((3, 3), "f4")

    def step() -> float:
        x = small
        for _ in range(100):
            x = x * small
        return float(np.tanh(a @ w).sum() + x[0, 0])

    return step
