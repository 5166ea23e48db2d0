"""What a training step takes on many machines: a simulation by discrete events, from a few constants of a machine and its network.

    python benchmarks/simulate_ranks.py            the table of docs/scale.md
    python benchmarks/simulate_ranks.py --check    beside the steps that were measured on 1 and 2 ranks of one machine

Each rank computes forward, then backward layer by layer, from the last. When the gradients of a bucket are there it is handed to the
exchange, which does one bucket at a time and begins it when all ranks have handed it over; a rank is a little slower or faster than others,
drawn from a seed. All ranks exchange in a ring, so a bucket of b bytes takes 2 (n - 1) (latency + b / n / bandwidth). In shards, layers are
gathered before forward and before backward, and gradients scattered. Not here: measuring (the numbers are given).
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
from dataclasses import dataclass

#: Bytes of a bucket, as in ``nn/parallel/buckets.py``.
BUCKET = 25 << 20


@dataclass(frozen=True)
class Machine:
    """What is known of a machine and of the network between machines."""

    #: Operations a second in training, bytes a second and seconds a message between machines, bytes of memory.
    flops: float = 5e11
    bandwidth: float = 1.25e9
    latency: float = 3e-5
    memory: float = 64e9
    #: How different ranks are (standard deviation), and hours until one machine fails.
    jitter: float = 0.03
    mtbf_hours: float = 20_000.0


def ring(n: int, size: float, machine: Machine) -> float:
    """Seconds for the sum of ``size`` bytes over ``n`` machines, on each; half of it gathers or scatters."""
    return 2 * (n - 1) * (machine.latency + size / n / machine.bandwidth) if n > 1 else 0.0


def step(n: int, compute: float, sizes: list[float], machine: Machine, shards: bool = False, seed: int = 0) -> float:
    """Seconds of a step: ``compute`` on one machine (a third of it forward), of gradients of these bytes, the last layers first."""
    draw, count = random.Random(seed), len(sizes)
    speeds = [max(0.5, draw.gauss(1.0, machine.jitter)) for _ in range(min(n, 64))]  # more of them change the slowest little
    events: list[tuple[float, int, int, int]] = []  # when, a number that orders equals, rank, bucket that is complete
    total = sum(sizes) or 1.0
    for r, speed in enumerate(speeds):
        gathered = sum(ring(n, s, machine) / 2 for s in sizes) if shards else 0.0
        now = compute / 3 * speed
        # gathering goes on beside the layer before: what is longer counts
        now = max(now, gathered) if shards else now
        for i, size in enumerate(sizes):
            part = 2 / 3 * compute * speed * size / total
            now += max(part, ring(n, size, machine) / 2) if shards else part
            heapq.heappush(events, (now, i * len(speeds) + r, r, i))
    arrived, free, end = [0] * count, 0.0, 0.0
    ready: dict[int, float] = {}
    following = 0
    while events:
        now, _, _, bucket = heapq.heappop(events)
        arrived[bucket] += 1
        end = max(end, now)
        if arrived[bucket] == len(speeds):
            ready[bucket] = now
        while following in ready:
            begin = max(free, ready[following])
            free = begin + ring(n, sizes[following], machine) * (0.5 if shards else 1.0)
            following += 1
    return max(end, free)


def buckets(parameters: float, width: int = 4) -> list[float]:
    """The bytes of the buckets of a model."""
    size = parameters * width
    return [min(BUCKET, size)] * max(1, math.ceil(size / BUCKET))


def need(parameters: float, n: int, shards: bool, width: int = 4) -> float:
    """Bytes of memory for parameters, gradients and Adam's two states."""
    return 4 * width * parameters / (n if shards else 1) + (2 * width * parameters / 48 if shards else 0.0)


def lost(n: int, seconds_of_checkpoint: float, machine: Machine) -> tuple[float, float]:
    """The best time between checkpoints, in seconds (J. Young 1974), and the part of time that checkpoints and failures cost."""
    mtbf = machine.mtbf_hours * 3600 / n
    between = math.sqrt(2 * seconds_of_checkpoint * mtbf)
    return between, seconds_of_checkpoint / between + between / 2 / mtbf


def table(machine: Machine, tokens: int = 8192) -> list[str]:
    """One line for each size and number of machines; each machine computes 6 operations per parameter and token."""
    lines = [
        "| parameters | machines | compute | step | efficiency | in shards | memory per machine | lost to failures |",
        "| --- " * 8 + "|",
    ]
    for power in range(6, 11):
        parameters = 10.0**power
        compute, sizes = 6 * parameters * tokens / machine.flops, buckets(parameters)
        if len(sizes) > 400:  # that many say the same
            sizes = [sum(sizes) / 400] * 400
        for n in (1, 4, 16, 64, 256, 1024):
            plain, sharded = step(n, compute, sizes, machine), step(n, compute, sizes, machine, shards=True)
            whole, parts = need(parameters, n, False), need(parameters, n, True)
            fits = "whole" if whole < machine.memory else "in shards" if parts < machine.memory else "does not fit"
            room = f"{(whole if fits == 'whole' else parts) / 1e9:.3g} GB {fits}"
            best = plain if fits == "whole" else sharded
            cost = lost(n, max(1.0, 12 * parameters / n / 5e8), machine)[1]
            lines.append(
                f"| 10^{power} | {n} | {compute:.3g} s | {plain:.3g} s | {compute / best:.0%} | {sharded:.3g} s | {room} | {cost:.2%} |"
            )
    return lines


#: Measured where other programs shared 2 processors, so it is processor time, the least of 40 steps: name, ranks, milliseconds of one
#: process's step on one rank's part of the batch, bytes of gradients, and milliseconds of a rank's step.
MEASURED: list[tuple[str, int, float, float, float]] = [
    ("mlp", 1, 8.7, 2.14e6, 8.7),
    ("cnn", 1, 23.1, 4.80e6, 23.1),
    ("mlp", 2, 8.7, 2.14e6, 12.0),
    ("cnn", 2, 23.1, 4.80e6, 34.9),
]


def check() -> None:
    """Steps that were measured beside those that are predicted."""
    inside = Machine(bandwidth=2.0e9, latency=2e-4, jitter=0.05)
    for name, n, alone, size, found in MEASURED:
        told = 1e3 * step(n, alone / 1e3, [size / 2, size / 2], inside)
        print(f"{name:4} on {n}: measured {found:6.1f} ms, predicted {told:6.1f} ms ({told / found - 1:+.0%})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
    else:
        print("\n".join(table(Machine())))
