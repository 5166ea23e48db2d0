"""One pass of a ``DataLoader`` with two worker processes over 512 items that are made by Python code, in batches of 16.

In the second table stands no derivative: the function is the same pass without workers, and the cost is the time with two of them in
times without (0.5 would be the best; 0.625 is 1.6 times as fast). It needs two processors, ``--threads 2``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

REPEAT = 1
TOLERANCE = 1e-6
LIMIT = 0.625
#: Options with which it is tried out.
SMALL = {"items": 32}


class Written:
    """Items that cost Python a few milliseconds each."""

    def __init__(self, torch: Any, items: int) -> None:
        self.torch, self.items = torch, items

    def __len__(self) -> int:
        return self.items

    def __getitem__(self, index: int) -> Any:
        text = " ".join(str(index * k % 1009) for k in range(2000))
        counts = np.zeros(64, np.float32)
        for word in text.split():
            counts[int(word) % 64] += len(word)
        return counts, index


def _pass(torch: Any, items: int, workers: int) -> Any:
    loader = torch.utils.data.DataLoader(Written(torch, items), batch_size=16, num_workers=workers)

    def step() -> float:
        return sum(float(counts.sum()) for counts, _ in loader) / items

    return step


def make(torch: Any, items: int = 512) -> Any:
    return _pass(torch, items, 2)


def make_base(torch: Any, items: int = 512) -> Any:
    return _pass(torch, items, 0)
