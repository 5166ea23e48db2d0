"""One training step of a Transformer encoder layer, 128 features and 4 heads, on 32 sequences of 64; Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 2
CHECKED = 3
TOLERANCE = 1e-3


def make(torch: Any, batch: int = 32, length: int = 64, width: int = 128) -> Any:
    model = torch.nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
    fill(torch, model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    rng = np.random.default_rng(1)
    x, y = (torch.tensor(rng.normal(size=(batch, length, width)).astype("f4")) for _ in range(2))

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
