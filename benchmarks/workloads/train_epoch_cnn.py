"""One epoch of the CNN of ``cnn_step`` over the 60,000 real MNIST digits, in batches of 64; a minute or more per process."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cnn_step import network
from .train_epoch import epoch, read_idx

WHOLE = True
NEEDS = ("data_dir",)
TOLERANCE = 5e-2


def make(torch: Any, data_dir: str, batch: int = 64) -> Any:
    images = read_idx(data_dir, "train-images-idx3-ubyte")  # (N, 28, 28)
    labels = read_idx(data_dir, "train-labels-idx1-ubyte").astype(np.int64)  # (N,)
    pixels = images[:, None].astype(np.float32) / 255  # (N, 1, 28, 28)
    return epoch(torch, network(torch), pixels, labels, batch)
