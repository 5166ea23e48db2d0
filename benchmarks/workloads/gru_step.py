"""One training step of a GRU of 64 units over 64 steps of 16 numbers that it shall say one step later, with SGD, batch 16."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 5
CHECKED = 5
TOLERANCE = 1e-3


def make(torch: Any, batch: int = 16) -> Any:
    nn = torch.nn
    gru, head = nn.GRU(16, 64), nn.Linear(64, 16)
    fill(torch, gru)
    fill(torch, head)
    optimizer = torch.optim.SGD([*gru.parameters(), *head.parameters()], lr=1e-2, momentum=0.9)
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(65, batch, 16)).astype("f4"))

    def step() -> float:
        optimizer.zero_grad()
        out, _ = gru(x[:-1])
        loss = nn.functional.mse_loss(head(out), x[1:])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
