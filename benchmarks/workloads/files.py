"""Loading data, and writing and reading files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from . import workload
from .common import fill, layers


def _loader(torch: Any, rows: int, shuffle: bool, **settings: Any) -> Any:
    x = np.random.default_rng(0).normal(size=(rows, 784)).astype("f4")
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.arange(rows))
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=shuffle, **settings)

    def step() -> float:
        seen = 0
        for _, y in loader:
            seen += int(y.sum())
        return float(seen)

    return step


@workload(1, 1, 0.0, small={"rows": 500})
def loader_shuffled(torch: Any, rows: int = 60_000) -> Any:
    """60,000 rows of 784 in shuffled batches of 64, once."""
    return _loader(torch, rows, True)


@workload(1, 1, 0.0, small={"rows": 500})
def loader_in_order(torch: Any, rows: int = 60_000) -> Any:
    """60,000 rows of 784 in batches of 64 in order, once."""
    return _loader(torch, rows, False)


@workload(1, 1, 0.0)
def loader_of_items(torch: Any) -> Any:
    """4,000 examples of a data set written in Python, each an array that is normalised, in shuffled batches of 64."""
    x = np.random.default_rng(0).integers(0, 256, (4000, 28, 28)).astype("u1")

    class Images(torch.utils.data.Dataset):  # type: ignore[misc]
        def __len__(self) -> int:
            return len(x)

        def __getitem__(self, i: int) -> tuple[Any, int]:
            return torch.from_numpy((x[i].astype("f4") - 128.0) / 64.0), i

    loader = torch.utils.data.DataLoader(Images(), batch_size=64, shuffle=True)

    def step() -> float:
        return float(sum(int(y.sum()) for _, y in loader))

    return step


class Written:
    """Items that cost Python a few milliseconds each."""

    def __init__(self, items: int) -> None:
        self.items = items

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> Any:
        counts = np.zeros(64, np.float32)
        for word in " ".join(str(index * k % 1009) for k in range(2000)).split():
            counts[int(word) % 64] += len(word)
        return counts, index


def _written(torch: Any, items: int, workers: int) -> Any:
    loader = torch.utils.data.DataLoader(Written(items), batch_size=16, num_workers=workers)
    return lambda: sum(float(counts.sum()) for counts, _ in loader) / items


def _alone(torch: Any, items: int = 512) -> Any:
    return _written(torch, items, 0)


@workload(1, 1, 1e-6, base=_alone, limit=0.625, small={"items": 32})
def loader_workers(torch: Any, items: int = 512) -> Any:
    """512 items made by Python code, in batches of 16 by two worker processes; its cost is the time in times without workers."""
    return _written(torch, items, 2)


@workload(1, 1, 0.0)
def save_and_load(torch: Any) -> Any:
    """The state of an MLP of a million parameters, written to a file and read again."""
    state = fill(torch, layers(torch, 784, 1000, 256, 10)).state_dict()

    def step() -> float:
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            path = Path(folder, "state.pt")
            torch.save(state, path)
            return float(sum(float(v.reshape(-1)[0]) for v in torch.load(path).values()))

    return step
