"""One training step of a small CNN on 64 images 1x28x28: two convolutions, max pooling, two linear layers, Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 2
CHECKED = 2
TOLERANCE = 5e-2


def network(torch: Any) -> Any:
    """The CNN, with initial values from NumPy."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    fill(torch, model)
    return model


def make(torch: Any, batch: int = 64) -> Any:
    model = network(torch)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(batch, 1, 28, 28)).astype("f4"))
    y = torch.tensor(rng.integers(0, 10, batch))

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
