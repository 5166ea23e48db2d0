"""One training step of a classifier of 28 rows of 28 numbers: an LSTM of 128 units, a linear layer, cross-entropy and Adam, batch 64."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 2
CHECKED = 5
TOLERANCE = 2e-2


def make(torch: Any, batch: int = 64) -> Any:
    nn = torch.nn
    lstm, head = nn.LSTM(28, 128, batch_first=True), nn.Linear(128, 10)
    fill(torch, lstm)
    fill(torch, head)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-3)
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(batch, 28, 28)).astype("f4"))
    y = torch.tensor(rng.integers(0, 10, batch))

    def step() -> float:
        optimizer.zero_grad()
        out, _ = lstm(x)
        loss = nn.functional.cross_entropy(head(out[:, -1]), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
