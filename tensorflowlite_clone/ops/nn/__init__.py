"""Operations of neural networks: what ``nn.functional`` publishes, and loads. Importing this package defines them all.

Those that are methods of tensors or answer NumPy (activations, softmax) stand in ``ops/`` itself.
"""

from . import (
    adaptive_pool,
    attention,
    bags,
    cells,
    composed,
    conv,
    ctc,
    dropout,
    embedding,
    fold,
    grid_sample,
    interpolate,
    layered,
    loss,
    margin_loss,
    multihead,
    norm,
    outside,
    pool,
    recurrent,
    scale,
    shuffle,
)

__all__ = [
    "adaptive_pool", "attention", "bags", "cells", "composed", "conv", "ctc", "dropout", "embedding", "fold", "grid_sample",
    "interpolate", "layered", "loss", "margin_loss", "multihead", "norm", "outside", "pool", "recurrent", "scale", "shuffle",
]  # fmt: skip
