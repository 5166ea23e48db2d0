"""What a training step takes on many machines: a simulation by discrete events, from a few constants of a machine and its network.

    python benchmarks/simulate_ranks.py            the table of docs/scale.md
    python benchmarks/simulate_ranks.py --check    beside the steps that were measured on 1, 2 and 4 ranks of one machine

Each rank computes forward, then backward layer by layer, from the last. When the gradients of a bucket are there it is handed to the
exchange, which does one bucket at a time and begins it when all ranks have handed it over; a rank is a little slower or faster than others,
drawn from a seed. All ranks exchange in a ring, so a bucket of b bytes takes 2 (n - 1) (latency + b / n / bandwidth). In shards, layers are
gathered before forward and before backward, and gradients scattered. Ranks of one machine share its processors: where there are more ranks
than processors all take longer, and what an exchange takes is taken from computing. Not here: measuring (``ranks.py``; the numbers are
given).
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
    #: How many processors the ranks share (0: each has its own), and which part of an exchange a processor does itself.
    processors: int = 0
    own: float = 0.0


def ring(n: int, size: float, machine: Machine) -> float:
    """Seconds for the sum of ``size`` bytes over ``n`` machines, on each; half of it gathers or scatters."""
    return 2 * (n - 1) * (machine.latency + size / n / machine.bandwidth) if n > 1 else 0.0


def step(n: int, compute: float, sizes: list[float], machine: Machine, shards: bool = False, seed: int = 0) -> float:
    """Seconds of a step: ``compute`` on one machine (a third of it forward), of gradients of these bytes, the last layers first."""
    draw, count = random.Random(seed), len(sizes)
    crowd = max(1.0, n / machine.processors) if machine.processors else 1.0
    speeds = [crowd * max(0.5, draw.gauss(1.0, machine.jitter)) for _ in range(min(n, 64))]  # more of them change the slowest little
    total = sum(sizes) or 1.0
    # in shards the next layer is gathered beside a layer: what is longer counts
    gathered = [ring(n, s, machine) / 2 if shards else 0.0 for s in sizes]
    pieces = [[max(2 / 3 * compute * speed * s / total, g) for s, g in zip(sizes, gathered, strict=True)] for speed in speeds]
    #: When a rank has computed a bucket: when, the bucket (earlier ones first), the rank; and what exchanges have taken from its computing.
    events = [(max(compute / 3 * speed, sum(gathered)) + pieces[r][0], 0, r) for r, speed in enumerate(speeds)]
    heapq.heapify(events)
    taken, arrived, free, end = [0.0] * len(speeds), [0] * count, 0.0, 0.0
    while events:
        now, bucket, r = heapq.heappop(events)
        if taken[r]:
            heapq.heappush(events, (now + taken[r], bucket, r))
            taken[r] = 0.0
            continue
        end = max(end, now)
        arrived[bucket] += 1
        if bucket + 1 < count:
            heapq.heappush(events, (now + pieces[r][bucket + 1], bucket + 1, r))
        if arrived[bucket] == len(speeds):
            takes = ring(n, sizes[bucket], machine) * (0.5 if shards else 1.0)
            free = max(free, now) + takes
            taken = [t + machine.own * takes for t in taken]
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


#: For each number of ranks of one machine of 2 processors, what exchanges beside the program take: latency and bandwidth of `ring`, from
#: ``all_reduce(..., async_op=True).wait()`` of 64 KiB, 1 MiB and 8 MiB: medians of 40, with the hand-over to another thread, and on 4 ranks
#: with the sleep of those who wait.
EXCHANGES: dict[int, tuple[float, float]] = {1: (0.0, 1e12), 2: (7e-5, 2.8e9), 4: (3.4e-4, 1.23e9)}
#: Bytes of the buckets on one machine, as backward comes to them.
BUCKETS = {"mlp": [5.24e5, 1.606e6, 1.3e4], "cnn": [4.72e6, 7.4e4, 7e3]}
#: Medians of 21 steps (``ranks.py --only steps``; the processors were the ranks' alone): name, ranks, milliseconds of one process's step
#: with one rank's part of the batch (``part``), and of a rank's step (``ranks``).
MEASURED: list[tuple[str, int, float, float]] = [
    ("mlp", 1, 4.33, 4.27), ("cnn", 1, 39.3, 39.4), ("mlp", 2, 6.72, 9.38), ("cnn", 2, 51.0, 59.7), ("mlp", 4, 6.34, 19.9),
    ("cnn", 4, 66.2, 125.1),
]  # fmt: skip


def check() -> None:
    """Steps that were measured beside those that are predicted."""
    for name, n, alone, found in MEASURED:
        latency, bandwidth = EXCHANGES[n]
        inside = Machine(bandwidth=bandwidth, latency=latency, jitter=0.0, processors=2, own=1.0)
        told = 1e3 * step(n, alone / 1e3, BUCKETS[name], inside)
        print(f"{name:4} on {n}: measured {found:6.1f} ms, predicted {told:6.1f} ms ({told / found - 1:+.0%})")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        check()
    else:
        print("\n".join(table(Machine())))
