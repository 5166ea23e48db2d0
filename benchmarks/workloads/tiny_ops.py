"""Overhead: 200 operations on 3x3 float32 tensors that require gradients, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

REPEAT = 10
CHECKED = 1
TOLERANCE = 1e-4


def make(torch: Any) -> Any:
    rng = np.random.default_rng(0)
    a = torch.tensor(rng.uniform(0.5, 1.0, (3, 3)).astype("f4"), requires_grad=True)
    b = torch.tensor(rng.uniform(0.5, 1.0, (3, 3)).astype("f4"), requires_grad=True)

    def step() -> float:
        a.grad = b.grad = None
        x = a
        for _ in range(25):  # 8 operations each
            x = x * b
            x = x + a
            x = torch.tanh(x)
            x = x / 2.0
            x = x - b
            x = torch.sin(x)
            x = x * 0.5
            x = torch.exp(x)
        x.sum().backward()
        return float(a.grad.sum())

    return step
