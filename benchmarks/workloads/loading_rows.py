"""One pass of a ``DataLoader`` over 60,000 rows of 784 float32, shuffled, in batches of 64, without workers.

The mean label is the same in whatever order the rows come.
"""

from __future__ import annotations

from typing import Any

import numpy as np

REPEAT = 1
TOLERANCE = 1e-9
#: Options with which it is tried out.
SMALL = {"rows": 500}


def make(torch: Any, rows: int = 60_000) -> Any:
    rng = np.random.default_rng(0)
    x = rng.random((rows, 784), dtype=np.float32)
    y = rng.integers(0, 10, rows)
    data = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)

    def step() -> float:
        return sum(float(labels.sum()) for _, labels in loader) / len(data)

    return step
