"""What a step over 200 small parameters costs beside one over a single parameter of as many elements, for several optimizers.

    python -m benchmarks.small_parameters

CPU time of one thread: the least of many runs, in turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .workloads.common import normal


def stepping(torch: Any, name: str, count: int, size: int) -> Callable[[], Any]:
    """The step of an optimizer whose parameters have gradients already."""
    params = [normal(torch, size, seed=i).requires_grad_() for i in range(count)]
    for i, p in enumerate(params):
        p.grad = normal(torch, size, seed=1000 + i)
    step: Callable[[], Any] = getattr(torch.optim, name)(params, lr=1e-3).step
    return step


def main() -> None:
    """Print the table."""
    import tensorflowlite_clone as tl

    tl.set_num_threads(1)
    print("optimizer   200 x 300    60,000   ratio   200 x 500   100,000   ratio   (microseconds)")
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adadelta"):
        row = [f"{name:9s}"]
        for size in (300, 500):
            steps = [stepping(tl, name, 200, size), stepping(tl, name, 1, 200 * size)]
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
