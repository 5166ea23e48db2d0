"""One training step of an MLP 784-256-128-10 with ReLU, cross-entropy and Adam, batch 128."""

from __future__ import annotations

from typing import Any

import numpy as np

REPEAT = 10
CHECKED = 5
TOLERANCE = 2e-2


def fill(torch: Any, model: Any) -> None:
    """Initial values from NumPy, the same under both packages."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for p in model.parameters():
            fan_in = int(np.prod(p.shape[1:])) or 1
            p.copy_(torch.tensor((rng.normal(size=tuple(p.shape)) / np.sqrt(fan_in)).astype("f4")))


def make(torch: Any, batch: int = 128) -> Any:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    fill(torch, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(batch, 784)).astype("f4"))
    y = torch.tensor(rng.integers(0, 10, batch))

    def step() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
