"""What several ranks cost: `all_reduce` beside MPI's own, and training steps beside those of one process.

    python -m tensorflowlite_clone.distributed.launch -n 2 benchmarks/ranks.py
    python -m tensorflowlite_clone.distributed.launch -n 4 benchmarks/ranks.py --only steps

All is measured in one job, in turns (ours, MPI's, ours...; all ranks, one rank while the others sleep...), on rank 0: medians, and the
least. Not here: what a job of many machines would take (``simulate_ranks.py``), memory (``larger_than_memory.py``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from mpi4py import MPI

import tensorflowlite_clone as tl
import tensorflowlite_clone.distributed as dist
from tensorflowlite_clone import nn, optim

SIZES = [4 << 10, 64 << 10, 1 << 20, 8 << 20, 64 << 20]


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """Seconds of each call, in ``rounds`` rounds."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for k in range(rounds):
        for name in [*calls][:: 1 if k % 2 else -1]:
            begun = time.perf_counter()
            calls[name]()
            found[name].append(time.perf_counter() - begun)
    return {name: np.array(times[len(times) // 10 :]) for name, times in found.items()}


def reductions(scale: float) -> None:
    comm = MPI.COMM_WORLD.Dup()
    for size in SIZES:
        raw, array, tensor = (np.zeros(size // 4, np.float32) for _ in range(3))
        t = tl.tensor(tensor)
        calls = {
            "MPI": lambda raw=raw: comm.Allreduce(MPI.IN_PLACE, raw),
            "array": lambda array=array: dist.all_reduce(array),
            "tensor": lambda t=t: dist.all_reduce(t),
        }
        found = in_turns(calls, int(scale * min(6000, max(40, 4e9 / size / 200))))
        if dist.get_rank() == 0:
            us = {name: 1e6 * np.median(times) for name, times in found.items()}
            least = {name: 1e6 * times.min() for name, times in found.items()}
            ratios = ", ".join(
                f"{name} {us[name] / us['MPI']:.3f} (least {least[name] / least['MPI']:.3f})" for name in ("array", "tensor")
            )
            print(f"all_reduce {size >> 10:6} KiB: MPI {us['MPI']:9.1f} us (least {least['MPI']:.1f}); ratio: {ratios}", flush=True)


def models() -> dict[str, tuple[nn.Module, tuple[int, ...], int]]:
    """Each module, the shape of an example, and the batch of a rank."""
    mlp = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
    cnn = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    return {"mlp": (mlp, (784,), 128), "cnn": (cnn, (1, 28, 28), 32)}


def steps(scale: float) -> None:
    rank, size, comm = dist.get_rank(), dist.get_world_size(), MPI.COMM_WORLD.Dup()

    def alone(f: Callable[[], object]) -> None:
        if rank == 0:
            f()
            return
        time.sleep(1e-4)

    def meet() -> None:
        request = comm.Ibarrier()
        while not request.Test():
            time.sleep(1e-3)

    for name, (module, shape, batch) in models().items():
        tl.manual_seed(0)
        model = nn.parallel.DistributedDataParallel(module)
        optimizer = optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)
        x, y = tl.randn(size * batch, *shape), tl.randint(0, 10, (size * batch,))

        def step(run: nn.Module, n: int, x: tl.Tensor = x, y: tl.Tensor = y, optimizer: optim.Optimizer = optimizer) -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(run(x[:n]), y[:n]).backward()
            optimizer.step()

        # ``module`` alone exchanges nothing: its hooks wait for a pass that begins in ``model``
        found: dict[str, list[float]] = {"part": [], "whole": [], "ranks": []}
        shares, copied = [], 0
        for _ in range(int(40 * scale)):
            for kind, run, n in (("part", module, batch), ("whole", module, size * batch), ("ranks", model, batch)):
                meet()
                begun = time.perf_counter()
                if kind == "ranks":
                    step(run, n)
                    reducer = model._reducer
                    if reducer is not None:
                        shares.append(1 - reducer.waited / max(reducer.seconds, 1e-9))
                        copied = reducer.copied
                else:
                    alone(lambda run=run, n=n: step(run, n))
                found[kind].append(time.perf_counter() - begun)
        if rank == 0:
            middle = {k: 1e3 * float(np.median(v)) for k, v in found.items()}
            least = {k: 1e3 * min(v) for k, v in found.items()}
            total = sum(p.nbytes for p in module.parameters())
            print(
                f"{name}: batch {batch} on each of {size} ranks: a step takes {middle['ranks']:.1f} ms (least {least['ranks']:.1f}); "
                f"one process with {batch} {middle['part']:.1f} ({least['part']:.1f}), with all {size * batch} {middle['whole']:.1f} "
                f"({least['whole']:.1f}); ranks / (whole / {size}) = {size * middle['ranks'] / middle['whole']:.2f} "
                f"({size * least['ranks'] / least['whole']:.2f}); "
                f"hidden behind backward {np.median(shares) if shares else 1:.0%}; copied {copied} of {total} bytes of gradients",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["reductions", "steps"])
    parser.add_argument("--scale", type=float, default=1.0, help="how many rounds, relative to the usual number")
    args = parser.parse_args()
    dist.init_process_group("mpi")
    if args.only != "steps":
        reductions(args.scale)
    if args.only != "reductions":
        steps(args.scale)
