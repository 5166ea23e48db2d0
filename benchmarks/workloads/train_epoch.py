"""One epoch of the MLP 784-256-128-10 over the 60,000 real MNIST digits: loading by shuffled batches, forward, backward, Adam.

Needs ``data_dir``, a folder with MNIST's own training files (IDX, compressed or not). Timed once per process, from the first step
on, as a user meets it. Each package's ``DataLoader`` shuffles with its own random numbers, so the mean losses agree only nearly.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

from .mlp_step import fill

WHOLE = True
NEEDS = ("data_dir",)
TOLERANCE = 5e-2


def read_idx(folder: str, name: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """One IDX file of unsigned bytes, compressed or not.

    The workload has its own reader, so that both packages get the same bytes from the same code.
    """
    path = next((p for p in (Path(folder, name), Path(folder, name + ".gz")) if p.exists()), None)
    if path is None:
        raise FileNotFoundError(f"train_epoch: a file is missing: neither {name} nor {name}.gz is in {folder}; give MNIST's own files")
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if raw[:3] != b"\0\0\x08":  # two zeros, then the code of unsigned bytes
        raise ValueError(f"train_epoch: not an IDX file of bytes: {path} begins with {raw[:4].hex()}; give MNIST's own files")
    dims = raw[3]
    shape = np.frombuffer(raw, ">u4", dims, offset=4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * dims).reshape(shape)


def epoch(torch: Any, model: Any, images: Any, labels: Any, batch: int) -> Any:
    """A step that passes once over the arrays in shuffled batches, the last one smaller, and returns the mean loss per image."""
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    data = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
    loader = torch.utils.data.DataLoader(data, batch_size=batch, shuffle=True, drop_last=False)

    def step() -> float:
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(y)
        return total / len(data)

    return step


def make(torch: Any, data_dir: str, batch: int = 128) -> Any:
    nn = torch.nn
    images = read_idx(data_dir, "train-images-idx3-ubyte")  # (N, 28, 28)
    labels = read_idx(data_dir, "train-labels-idx1-ubyte").astype(np.int64)  # (N,)
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255  # (N, 784)
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    fill(torch, model)
    return epoch(torch, model, pixels, labels, batch)
