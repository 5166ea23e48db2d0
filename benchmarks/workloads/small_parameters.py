"""One step of Adam over 200 parameters of 300 elements, whose gradients are there already; `make(torch, whole=True)` has one of 60,000.

What a step over many small parameters costs beside one over a large one: ``python benchmarks/workloads/small_parameters.py``.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

REPEAT = 20
CHECKED = 5
TOLERANCE = 1e-4


def make(torch: Any, whole: bool = False, name: str = "Adam", count: int = 200, size: int = 300) -> Any:
    rng = np.random.default_rng(0)
    shape = (1, count * size) if whole else (count, size)
    values, gradients = rng.normal(size=(2, *shape)).astype("f4")
    params = [torch.tensor(v, requires_grad=True) for v in values]
    for p, g in zip(params, gradients, strict=True):
        p.grad = torch.tensor(g)
    p = None
    optimizer = getattr(torch.optim, name)(params, lr=1e-3)

    def step() -> float:
        optimizer.step()
        return float(params[0].sum().detach())

    step.optimizer = optimizer  # type: ignore[attr-defined]
    return step


def main() -> None:
    """The cost of many by that of one, for several optimizers, in CPU time of one thread: the least of many runs, in turns."""
    import tensorflowlite_clone as tl

    tl.set_num_threads(1)
    print("optimizer   200 x 300    60,000   ratio   200 x 500   100,000   ratio   (microseconds)")
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adadelta"):
        row = [f"{name:9s}"]
        for size in (300, 500):
            steps = [make(tl, whole, name, 200, size).optimizer.step for whole in (False, True)]
            least = [float("inf")] * 2
            for _ in range(60):
                for i, step in enumerate(steps):
                    start = time.thread_time()
                    for _ in range(5):
                        step()
                    least[i] = min(least[i], (time.thread_time() - start) / 5)
            row.append(f"{least[0] * 1e6:9.0f} {least[1] * 1e6:9.0f} {least[0] / least[1]:7.2f}")
        print("   ".join(row))


if __name__ == "__main__":
    main()
