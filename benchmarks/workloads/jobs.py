"""Whole jobs on MNIST's own files, timed once and cold, from the start of the process: an epoch, training until so many digits are right.

They need ``data_dir``, a folder with MNIST's files (IDX, compressed or not). Both packages see the digits in the same order (`Shuffled`):
how many epochs a job takes would otherwise be luck.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import workload
from .common import fill, layers
from .convolution import network


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


def _digits(data_dir: str, part: str, flat: bool) -> tuple[Any, Any]:
    images = read_idx(data_dir, f"{part}-images-idx3-ubyte")  # (N, 28, 28)
    labels = read_idx(data_dir, f"{part}-labels-idx1-ubyte").astype(np.int64)  # (N,)
    pixels = images.astype(np.float32) / 255
    return pixels.reshape(len(images), -1) if flat else pixels[:, None], labels


class Shuffled:
    """A sampler: all places of a data set in an order that NumPy draws, another in each epoch, the same under every package."""

    def __init__(self, size: int) -> None:
        self.size, self.random = size, np.random.default_rng(0)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        return iter(self.random.permutation(self.size).tolist())


def _epochs(torch: Any, model: Any, images: Any, labels: Any, batch: int, rate: float = 1e-3, decay: float = 1.0) -> Any:
    """A function that passes once over the arrays in shuffled batches, the last one smaller, and gives the mean loss of an image.

    ``rate``: Adam's, which each pass multiplies by ``decay``.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    data = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
    loader = torch.utils.data.DataLoader(data, batch_size=batch, sampler=Shuffled(len(data)), drop_last=False)

    def epoch() -> float:
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(y)
        schedule.step()
        return total / len(data)

    return epoch


@workload(tolerance=5e-2, whole=True, needs=("data_dir",))
def train_epoch(torch: Any, data_dir: str, batch: int = 128) -> Any:
    """One epoch of the MLP 784-256-128-10 over the 60,000 real MNIST digits: loading by shuffled batches, forward, backward, Adam."""
    images, labels = _digits(data_dir, "train", True)
    return _epochs(torch, fill(torch, layers(torch, 784, 256, 128, 10)), images, labels, batch)


@workload(tolerance=5e-2, whole=True, needs=("data_dir",))
def train_epoch_cnn(torch: Any, data_dir: str, batch: int = 64) -> Any:
    """One epoch of the CNN of `cnn_step` over the 60,000 real MNIST digits, in batches of 64; a minute or more per process."""
    images, labels = _digits(data_dir, "train", False)
    return _epochs(torch, fill(torch, network(torch)), images, labels, batch)


def _until(torch: Any, data_dir: str, model: Any, flat: bool, wanted: float, most: int, **how: float) -> Any:
    """A job that trains until so many of the test digits are right; its loss is 0 if it got there."""
    images, labels = _digits(data_dir, "train", flat)
    seen, known = (torch.from_numpy(a) for a in _digits(data_dir, "t10k", flat))
    epoch = _epochs(torch, fill(torch, model), images, labels, 128, **how)

    def right() -> float:
        with torch.no_grad():
            return sum(float((model(seen[i : i + 1000]).argmax(1) == known[i : i + 1000]).sum()) for i in range(0, len(known), 1000))

    def job() -> float:
        for _ in range(most):
            epoch()
            if right() >= wanted * len(known):
                return 0.0
        return 1.0

    return job


@workload(tolerance=0.0, whole=True, needs=("data_dir",))
def mnist_mlp_98(torch: Any, data_dir: str) -> Any:
    """The MLP of `train_epoch` trained until 98 % of the test digits are right, at most 15 epochs.

    The rate falls by a quarter in each. (With one that stays, the share of right digits goes up and down about 98 %, and by chance a side
    needs 9 epochs or more than 15.)
    """
    return _until(torch, data_dir, layers(torch, 784, 256, 128, 10), True, 0.98, 15, rate=3e-3, decay=0.75)


@workload(tolerance=0.0, whole=True, needs=("data_dir",))
def mnist_cnn_99(torch: Any, data_dir: str) -> Any:
    """The CNN of `cnn_step` trained until 99 % of the test digits are right, at most 10 epochs; minutes per process."""
    return _until(torch, data_dir, network(torch), False, 0.99, 10)
