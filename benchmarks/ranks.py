"""What several ranks cost: `all_reduce` beside MPI's own, and training steps beside those of one process.

    python -m tensorflowlite_clone.distributed.launch -n 2 benchmarks/ranks.py
    python -m tensorflowlite_clone.distributed.launch -n 4 benchmarks/ranks.py --only steps
    python -m tensorflowlite_clone.distributed.launch -n 4 benchmarks/ranks.py --only memory      # 7 GB

All is measured in one job, in turns (ours, MPI's, ours...; all ranks, one rank while the others sleep...), on rank 0: medians, and the
least. A small exchange is called some times in a row, so that the clock is not what is measured. The steps:

* ``part``: one process alone, with the batch of one rank, on the threads of a rank (one, where each rank has one processor);
* ``beside``: all ranks at once, each as in ``part``, without a word between them: what sharing the machine costs;
* ``ranks``: all ranks, with `DistributedDataParallel`: what is asked for;
* ``whole``: one process alone, with the batch of all, on the threads of a rank: what ``ranks`` is to be a part of;
* ``threads``: the same with as many threads as there are ranks: what one process makes of the machine.

Memory is what a process has more after two steps of Adam on 100 million parameters than before it had a model (resident, the least and the
most of the ranks), and its peak, beside the formula. Linux only. Not here: what a job of many machines would take (``simulate_ranks.py``),
models larger than memory (``larger_than_memory.py``).
"""

from __future__ import annotations

import argparse
import gc
import os
import time

import numpy as np
from mpi4py import MPI

import tensorflowlite_clone as tl
import tensorflowlite_clone.distributed as dist
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.distributed.fsdp import fully_shard
from tensorflowlite_clone.distributed.optim import ZeroRedundancyOptimizer

SIZES = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20]


def reductions(scale: float) -> None:
    comm = MPI.COMM_WORLD.Dup()
    for size in SIZES:
        raw, array = (np.zeros(size // 4, np.float32) for _ in range(2))
        tensor = tl.zeros(size // 4)

        def mpi(n: int, raw: np.ndarray = raw) -> None:
            for _ in range(n):
                comm.Allreduce(MPI.IN_PLACE, raw)

        def ours(n: int, x: object) -> None:
            for _ in range(n):
                dist.all_reduce(x)

        calls = {"MPI": mpi, "array": lambda n, x=array: ours(n, x), "tensor": lambda n, x=tensor: ours(n, x)}
        found: dict[str, list[float]] = {name: [] for name in calls}
        row = max(1, min(128, (1 << 20) // size))
        rounds = max(10, int(scale * min(400, 2e10 / size / 200)))
        for k in range(rounds):
            for name in [*calls][:: 1 if k % 2 else -1]:
                begun = time.perf_counter()
                calls[name](row)
                if k >= rounds // 10:
                    found[name].append((time.perf_counter() - begun) / row)
        if dist.get_rank() == 0:
            us, least = ({name: 1e6 * float(f(times)) for name, times in found.items()} for f in (np.median, np.min))
            ratios = ", ".join(
                f"{name} {us[name] / us['MPI']:.3f} (least {least[name] / least['MPI']:.3f})" for name in ("array", "tensor")
            )
            print(f"all_reduce {size >> 10:6} KiB: MPI {us['MPI']:9.2f} us (least {least['MPI']:.2f}); ratio: {ratios}", flush=True)


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
    threads = tl.get_num_threads()

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
        kinds = {
            "part": (module, batch), "beside": (module, batch), "ranks": (model, batch), "whole": (module, size * batch),
            "threads": (module, size * batch),
        }  # fmt: skip
        found: dict[str, list[float]] = {kind: [] for kind in kinds}
        shares, exchanges, copied, rounds = [], [], 0, max(8, int(40 * scale))
        for k in range(rounds):
            for kind, (run, n) in kinds.items():
                tl.set_num_threads(size * threads if kind == "threads" else threads)
                meet()
                begun = time.perf_counter()
                if rank == 0 or kind in ("beside", "ranks"):
                    step(run, n)
                if k >= rounds // 8:
                    found[kind].append(time.perf_counter() - begun)
                if kind == "ranks" and (reducer := model._reducer) is not None:
                    shares.append(1 - reducer.waited / max(reducer.seconds, 1e-9))
                    exchanges.append(reducer.seconds)
                    copied = reducer.copied
        tl.set_num_threads(threads)
        if rank == 0:
            total = sum(p.nbytes for p in module.parameters())
            print(f"{name}: batch {batch} on each of {size} ranks, {threads} thread(s) each; load {os.getloadavg()[0]:.1f}")
            for what, f in (("median", np.median), ("least", np.min)):
                ms = {kind: 1e3 * float(f(times)) for kind, times in found.items()}
                told = ", ".join(f"{kind} {t:.2f}" for kind, t in ms.items())
                ratios = ", ".join(
                    f"ranks / {k} {ms['ranks'] / t:.2f}" for k, t in (("(whole / n)", ms["whole"] / size), ("beside", ms["beside"]))
                )
                print(f"  {what} ms: {told}; {ratios}, threads / ranks {ms['threads'] / ms['ranks']:.2f}")
            hidden = np.median(shares) if shares else 1
            print(
                f"  exchanges {1e3 * np.median(exchanges or [0]):.2f} ms, hidden behind backward {hidden:.0%}; copied {copied} of {total} "
                f"bytes of gradients",
                flush=True,
            )


def resident(name: str) -> float:
    """MiB of a line of /proc/self/status."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:")) / 1024


def memory(width: int = 3162, depth: int = 10) -> None:
    size, layer = dist.get_world_size(), width * width * 4 / (1 << 20)
    whole = layer * depth
    formulas = {"whole": 4 * whole, "states in shards": 2 * whole + 2 * whole / size, "all in shards": 4 * whole / size + 2 * layer}
    for kind, formula in formulas.items():
        gc.collect()
        dist.barrier()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak begins anew
        before = resident("VmRSS")
        model = nn.Sequential(*(nn.Linear(width, width, bias=False) for _ in range(depth)))
        if kind == "all in shards":
            for m in model:
                fully_shard(m)
            run: nn.Module = fully_shard(model)
        else:
            run = nn.parallel.DistributedDataParallel(model)
        made = ZeroRedundancyOptimizer(model.parameters(), optim.Adam) if kind == "states in shards" else optim.Adam(model.parameters())
        for _ in range(2):
            made.zero_grad()
            run(tl.ones(4, width)).sum().backward()
            made.step()
        everyone: list = [None] * size
        dist.all_gather_object(everyone, (resident("VmRSS") - before, resident("VmHWM") - before))
        if dist.get_rank() == 0:
            (low, high), peak = ([f(x[0] for x in everyone) for f in (min, max)], max(x[1] for x in everyone))
            print(f"memory, {kind}: {low:.0f} to {high:.0f} MiB, by the formula {formula:.0f}; peak {peak:.0f}", flush=True)
        del model, run, made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["reductions", "steps", "memory"])
    parser.add_argument("--scale", type=float, default=1.0, help="how many rounds, relative to the usual number")
    args = parser.parse_args()
    dist.init_process_group("mpi")
    if args.only in (None, "reductions"):
        reductions(args.scale)
    if args.only in (None, "steps"):
        steps(args.scale)
    if args.only == "memory":
        memory()
