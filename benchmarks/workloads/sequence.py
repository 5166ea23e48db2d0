"""Training steps of recurrent networks and Transformers."""

from __future__ import annotations

from typing import Any

from . import workload
from .common import fill, integers, normal, training


@workload(2, 5, 2e-2)
def lstm_step(torch: Any) -> Any:
    """A classifier of 28 rows of 28 numbers: an LSTM of 128 units, a linear layer, cross-entropy and Adam, batch 64."""
    nn = torch.nn
    lstm, head = fill(torch, nn.LSTM(28, 128, batch_first=True)), fill(torch, nn.Linear(128, 10))
    x, y = normal(torch, 64, 28, 28), integers(torch, 10, 64)
    return training(
        torch, [*lstm.parameters(), *head.parameters()], lambda: nn.functional.cross_entropy(head(lstm(x)[0][:, -1]), y)
    )  # fmt: skip


@workload(5, 5, 1e-3)
def gru_step(torch: Any) -> Any:
    """A GRU of 64 units over 64 steps of 16 numbers that it shall say one step later, with SGD, batch 16."""
    nn = torch.nn
    gru, head, x = fill(torch, nn.GRU(16, 64)), fill(torch, nn.Linear(64, 16)), normal(torch, 65, 16, 16)
    parameters = [*gru.parameters(), *head.parameters()]
    return training(torch, parameters, lambda: nn.functional.mse_loss(head(gru(x[:-1])[0]), x[1:]), "SGD", lr=1e-2, momentum=0.9)


@workload(2, 3, 1e-3)
def lstm_cells(torch: Any) -> Any:
    """An LSTM cell of 64 units, called for 32 steps of 16 numbers, batch 16, with SGD."""
    nn = torch.nn
    cell, x = fill(torch, nn.LSTMCell(16, 64)), normal(torch, 32, 16, 16)

    def loss() -> Any:
        h = c = torch.zeros(16, 64)
        for t in range(32):
            h, c = cell(x[t], (h, c))
        return h.square().mean()

    return training(torch, cell.parameters(), loss, "SGD", lr=1e-2)


@workload(2, 3, 1e-3)
def rnn_by_hand(torch: Any) -> Any:
    """A tanh network of 64 units written as a loop over 50 steps, batch 32, with SGD."""
    w, u, b = (normal(torch, *s, seed=k, scale=0.1).requires_grad_() for k, s in enumerate([(64, 64), (16, 64), (64,)]))
    x = normal(torch, 50, 32, 16)

    def loss() -> Any:
        h = torch.zeros(32, 64)
        for t in range(50):
            h = torch.tanh(x[t] @ u + h @ w + b)
        return h.square().mean()

    return training(torch, [w, u, b], loss, "SGD", lr=1e-2)


@workload(2, 3, 1e-3)
def transformer_layer(torch: Any) -> Any:
    """A Transformer encoder layer, 128 features and 4 heads, on 32 sequences of 64; Adam."""
    model = fill(torch, torch.nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True))
    x, y = normal(torch, 32, 64, 128), normal(torch, 32, 64, 128, seed=2)
    return training(torch, model.parameters(), lambda: torch.nn.functional.mse_loss(model(x), y))


@workload(2, 3, 1e-3)
def char_gpt(torch: Any) -> Any:
    """A model of characters: 2 layers of 64 features with 4 heads, causal, on 16 texts of 64 characters; AdamW."""
    nn = torch.nn

    class Model(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.characters, self.places = nn.Embedding(65, 64), nn.Embedding(64, 64)
            layer = nn.TransformerEncoderLayer(64, 4, 256, 0.0, "gelu", batch_first=True, norm_first=True)
            self.layers = nn.TransformerEncoder(layer, 2, nn.LayerNorm(64), enable_nested_tensor=False)
            self.scores = nn.Linear(64, 65)
            self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(64))

        def forward(self, text: Any) -> Any:
            return self.scores(self.layers(self.characters(text) + self.places.weight, mask=self.mask, is_causal=True))

    model, text = fill(torch, Model()), integers(torch, 65, 16, 65)

    def loss() -> Any:
        return nn.functional.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())

    return training(torch, model.parameters(), loss, "AdamW")


@workload(3, 3, 1e-3)
def attention_by_hand(torch: Any) -> Any:
    """Attention of 4 heads written with matmul and softmax, on 16 sequences of 64 with 64 features, with SGD."""
    w, out = normal(torch, 64, 192, scale=0.1).requires_grad_(), normal(torch, 64, 64, seed=2, scale=0.1).requires_grad_()
    x = normal(torch, 16, 64, 64, seed=3)
    mask = torch.triu(torch.full((64, 64), float("-inf")), 1)

    def loss() -> Any:
        q, k, v = (a.reshape(16, 64, 4, 16).transpose(1, 2) for a in (x @ w).chunk(3, -1))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 4.0 + mask, -1)
        return ((weights @ v).transpose(1, 2).reshape(16, 64, 64) @ out).square().mean()

    return training(torch, [w, out], loss, "SGD", lr=1e-2)
