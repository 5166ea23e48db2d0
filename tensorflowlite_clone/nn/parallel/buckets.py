"""Gradients on their way through a group: parameters in buckets, each of which is reduced as soon as backward has filled it.

A large parameter is a bucket of its own, and its gradient is reduced where backward has left it, without a copy. Small ones share a flat
array, and their ``grad`` becomes a window onto it: gradients that are kept (``zero_grad(set_to_none=False)``) add up there, and fresh ones
are copied, which costs less than a message for each. Buckets are handed over in one order, so that all processes exchange the same; the
exchange goes on in a thread while backward computes what is left.

Not here: the module around it (``distributed.py``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..._errors import GraphError
from ..._lazy import load
from ..._typing import NDArray
from ...core.tensor import Tensor

#: Parameters of so many bytes and more are alone, between machines and on one, where a message takes microseconds; and how many bytes share
#: the first bucket, which is ready first.
ALONE, NEAR, FIRST = 1 << 20, 64 << 10, 1 << 20


class Bucket:
    """Parameters whose gradients travel together."""

    def __init__(self, names: list[str], params: list[Any]) -> None:
        self.names, self.params = names, params
        self.flat: NDArray | None = None
        self.views: list[Any] = []
        self.pending: set[int] = set()
        self.work: Any = None
        #: Of each parameter, whether it had no gradient here.
        self.missing: list[bool] = []

    def pack(self) -> tuple[NDArray, int]:
        """One array that holds all gradients, and how many bytes were copied; gradients that are missing are zeros."""
        if len(self.params) == 1:
            p = self.params[0]
            if p.grad is None:
                p._grad = Tensor.wrap(np.zeros(p.array.shape, p.array.dtype), 0)
            g = p.grad.array
            if type(g) is np.ndarray and g.flags.c_contiguous and g.flags.writeable:
                return g, 0
            if type(g) is not np.ndarray:
                g = p.grad.to_dense().array
            p._grad = Tensor.wrap(np.array(g, order="C"), 0)
            return p.grad.array, g.nbytes
        if self.flat is None:
            self.flat = np.zeros(sum(p.array.size for p in self.params), self.params[0].array.dtype)
            ends = np.cumsum([p.array.size for p in self.params])[:-1]
            parts = np.split(self.flat, ends)
            self.views = [part.reshape(p.array.shape) for part, p in zip(parts, self.params, strict=True)]
        copied = 0
        for p, view in zip(self.params, self.views, strict=True):
            g = p.grad
            if g is None:
                view.fill(0)
            elif g.array is not view:
                view[...] = g.array if type(g.array) is np.ndarray else g.to_dense().array
                copied += view.nbytes
            else:
                continue
            p._grad = Tensor.wrap(view, 0)
        return self.flat, copied


def buckets_of(named: list[tuple[str, Any]], cap: int, alone: int = ALONE) -> list[Bucket]:
    """The buckets, the last parameters first, as backward comes to them; those of ``alone`` bytes and more by themselves."""
    made: list[Bucket] = []
    open_: dict[Any, tuple[list[str], list[Any], list[int]]] = {}

    def close(dtype: Any) -> None:
        names, params, _ = open_.pop(dtype)
        made.append(Bucket(names, params))

    for name, p in reversed(named):
        if p.array.nbytes >= min(alone, cap):
            made.append(Bucket([name], [p]))
            continue
        names, params, size = open_.setdefault(p.array.dtype, ([], [], [0]))
        names.append(name)
        params.append(p)
        size[0] += p.array.nbytes
        if size[0] >= (cap if made else min(FIRST, cap)):
            close(p.array.dtype)
    for dtype in [*open_]:
        close(dtype)
    return made


class Reducer:
    """Reduces the gradients of a module's parameters, from hooks of the parameters."""

    def __init__(self, named: list[tuple[str, Any]], group: Any, cap: int) -> None:
        self.group, self.buckets = group, buckets_of(named, cap, NEAR if load("distributed.engine").WAITING.near else ALONE)
        self.place = {id(p): (bucket, i) for bucket in self.buckets for i, p in enumerate(bucket.params)}
        self.active, self.following = False, 0
        #: Instead of the mean: ``hook(state, bucket)`` (`DistributedDataParallel.register_comm_hook`).
        self.hook: Callable[[NDArray], Any] | None = None
        #: What no process needs a gradient of in this pass; None where that is not asked.
        self.unused: set[int] | None = None
        #: Of the last pass: bytes copied, seconds of exchanges, and those of them that backward waited for.
        self.copied, self.seconds, self.waited = 0, 0.0, 0.0
        self.handles = [p.register_post_accumulate_grad_hook(self._ready) for bucket in self.buckets for p in bucket.params]

    def expect(self, unused: set[int] | None) -> None:
        """Await a backward pass; ``unused`` are the parameters that get no gradient here."""
        self.check()
        self.active, self.following, self.unused = True, 0, unused
        self.copied, self.seconds, self.waited = 0, 0.0, 0.0
        for bucket in self.buckets:
            bucket.pending = {id(p) for p in bucket.params} - (unused or set())
            bucket.work = None

    def check(self) -> None:
        """Raise `GraphError` where the last pass has not come to all parameters, naming them."""
        if self.active and any(b.work is not None or len(b.pending) < len(b.params) for b in self.buckets):
            missing = [n for b in self.buckets for n, p in zip(b.names, b.params, strict=True) if id(p) in b.pending]
            self.active = False
            raise GraphError(
                f"DistributedDataParallel: the last backward pass has not reached all parameters, so gradients are not the mean of all "
                f"processes: {', '.join(missing[:8])}{'...' if len(missing) > 8 else ''} got none; let the loss depend on them, or pass "
                f"find_unused_parameters=True"
            )

    def _ready(self, p: Any) -> None:
        if not self.active:
            return
        bucket, _ = self.place[id(p)]
        bucket.pending.discard(id(p))
        if not bucket.pending:
            self._hand_over()

    def _hand_over(self) -> None:
        """Begin to reduce the buckets that are full, in their order; after the last, wait for all."""
        dist = load("distributed")
        while self.following < len(self.buckets) and not self.buckets[self.following].pending:
            bucket = self.buckets[self.following]
            bucket.missing = [p.grad is None for p in bucket.params] if self.unused is not None else []
            flat, copied = bucket.pack()
            self.copied += copied
            bucket.work = dist.all_reduce(flat, dist.ReduceOp.AVG, self.group, True) if self.hook is None else self.hook(flat)
            self.following += 1
        if self.following == len(self.buckets):
            self._finish()

    def _finish(self) -> None:
        start = time.perf_counter()
        for bucket in self.buckets:
            bucket.work.wait()
            self.seconds += getattr(bucket.work, "seconds", 0.0)
            bucket.work = None
        self.waited = time.perf_counter() - start
        self.active = False
        if self.unused is not None:
            self._forget_unused()

    def _forget_unused(self) -> None:
        """What no process has used gets no gradient."""
        used = np.array([not m for b in self.buckets for m in b.missing], np.uint8)
        dist = load("distributed")
        dist.all_reduce(used, dist.ReduceOp.MAX, self.group)
        params = [p for b in self.buckets for p in b.params]
        for p, yes in zip(params, used.tolist(), strict=True):
            if not yes:
                p._grad = None
