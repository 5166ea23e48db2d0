"""One training step of a model of characters: 2 layers of 64 features with 4 heads, causal, on 16 texts of 64 characters; AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np

from .mlp_step import fill

REPEAT = 2
CHECKED = 3
TOLERANCE = 1e-3


def network(torch: Any, characters: int, length: int, width: int) -> Any:
    """Embeddings of characters and places, layers with a triangle for their mask, a map to the scores of the next character."""
    nn = torch.nn

    class Model(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.characters, self.places = nn.Embedding(characters, width), nn.Embedding(length, width)
            layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, nn.LayerNorm(width), enable_nested_tensor=False)
            self.scores = nn.Linear(width, characters)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(length))

        def forward(self, text: Any) -> Any:
            x = self.characters(text) + self.places.weight
            return self.scores(self.layers(x, mask=self.mask, is_causal=True))

    return Model()


def make(torch: Any, batch: int = 16, length: int = 64, width: int = 64, characters: int = 65) -> Any:
    model = network(torch, characters, length, width)
    fill(torch, model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    text = torch.tensor(np.random.default_rng(1).integers(0, characters, (batch, length + 1)))

    def step() -> float:
        optimizer.zero_grad()
        scores = model(text[:, :-1])
        loss = torch.nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step
