"""Gradients for each of 256 examples of a CNN on images 1x16x16, two convolutions with pooling and a linear layer: vmap of grad."""

from __future__ import annotations

from typing import Any

import numpy as np

from .per_sample_mlp import per_sample

REPEAT = 1
CHECKED = 1
TOLERANCE = 1e-3


def make(torch: Any, batch: int = 256) -> Any:
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(batch, 1, 16, 16)).astype("f4"))
    return per_sample(torch, model, x, torch.tensor(rng.integers(0, 10, batch)))
