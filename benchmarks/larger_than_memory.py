"""A model whose weights are larger than memory: inference layer by layer from files, and training steps with states in files too.

    python benchmarks/larger_than_memory.py --gigabytes 6 --limit 2 --folder /tmp/large

Three programs, one after the other, each of which may have so many gigabytes of memory of its own (the system refuses more), and tells its
peak of resident memory, files that are mapped into it included (VmHWM): `write` makes the files, a shard for each layer; `infer` computes
the outputs of a batch, and compares them with a loop that reads one matrix after the other; `train` takes steps of Adam. The folder is
removed at the end. Linux only. Not here: processes that share a model (`ranks.py`).
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.utils.offload import offload, offload_optimizer

WIDTH, BATCH, LR = 4096, 32, 1e-3


class Layer(nn.Linear):
    """``x + tanh(W x) / 4``."""

    def forward(self, x: tl.Tensor) -> tl.Tensor:
        return x + tl.tanh(super().forward(x)) / 4


def status(name: str) -> int:
    """MiB of a line of /proc/self/status."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{name}:")) // 1024


def shard(folder: str, k: int) -> str:
    return os.path.join(folder, f"layer-{k:03d}.safetensors")


def write(folder: str, layers: int) -> None:
    tl.manual_seed(0)
    offload(Layer(WIDTH, WIDTH, bias=False), shard(folder, 0))
    for k in range(1, layers):  # the layers begin with the same numbers: drawing others takes longer than anything else here
        shutil.copyfile(shard(folder, 0), shard(folder, k))


def build(folder: str, layers: int) -> nn.Sequential:
    return nn.Sequential(
        *(offload(nn.utils.skip_init(Layer, WIDTH, WIDTH, bias=False), shard(folder, k), existing=True) for k in range(layers))
    )


def infer(folder: str, layers: int) -> None:
    x = tl.randn(BATCH, WIDTH)
    with tl.no_grad():
        found = build(folder, layers)(x)
    print(f"  its own memory at the end {status('RssAnon')} MiB, files {status('RssFile')} MiB; peak {status('VmHWM')} MiB")
    y = x.numpy()
    for k in range(layers):
        w = np.fromfile(shard(folder, k), np.float32)[-WIDTH * WIDTH :].reshape(WIDTH, WIDTH)
        y = y + np.tanh(y @ w.T) / 4
    np.testing.assert_allclose(found.numpy(), y, rtol=1e-3, atol=1e-3)


def train(folder: str, layers: int, steps: int = 1) -> None:
    model = build(folder, layers)
    optimizer = offload_optimizer(optim.Adam(model.parameters(), lr=LR), os.path.join(folder, "states.safetensors"))
    x, watched = tl.randn(BATCH, WIDTH), [0, layers // 2, layers - 1]
    before = {k: model[k].weight.array[:8].copy() for k in watched}
    for k in range(steps):
        begun = time.perf_counter()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        print(f"  step {k}: loss {loss.item():.4f}, {time.perf_counter() - begun:.0f} s")
    for k in watched:  # the first step of Adam is as long as the learning rate, for each weight
        moved = abs(model[k].weight.array[:8] - before[k])
        assert steps > 1 or (moved.max() < 1.01 * LR and moved.mean() > 0.9 * LR), (k, moved.max(), moved.mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--limit", type=float, default=2.0)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--part", choices=["write", "infer", "train"])
    args = parser.parse_args()
    layers = round(args.gigabytes * 1e9 / (4 * WIDTH * WIDTH))
    if args.part is None:
        os.makedirs(args.folder)
        print(f"{layers} layers of {WIDTH} x {WIDTH} float32, {layers * 4 * WIDTH * WIDTH / 1e9:.2f} GB; limit {args.limit} GB")
        try:
            for part in ("write", "infer", "train"):
                subprocess.run([sys.executable, __file__, *sys.argv[1:], "--part", part], check=True)
        finally:
            shutil.rmtree(args.folder)
    else:
        resource.setrlimit(resource.RLIMIT_DATA, (int(args.limit * 1e9),) * 2)
        begun = time.perf_counter(), time.process_time()
        {"write": write, "infer": infer, "train": train}[args.part](args.folder, layers)
        wall, used = time.perf_counter() - begun[0], time.process_time() - begun[1]
        print(f"{args.part}: peak of resident memory {status('VmHWM')} MiB; {wall:.0f} s, {used:.0f} s of processor time", flush=True)
