"""Averages of weights over a training, as in ``torch.optim.swa_utils``: of equal weights (SWA) or exponential ones (EMA).

Here: `AveragedModel`, the functions that average, `update_bn` for statistics that an average does not have, and the schedule `SWALR`.
Not here: other schedules (``lr_scheduler``).

P. Izmailov et al., "Averaging weights leads to wider optima and better generalization" (2018), algorithm 1; B. Polyak, A. Juditsky (1992).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from .._checks import choice, integer, is_number, number
from .._errors import ArgumentError, OperandError
from .._lazy import public as _public
from ..autograd import no_grad
from ..core.tensor import Tensor
from ..nn.module import Module
from ..nn.normalization import _BatchNorm, _InstanceNorm
from .lr_scheduler.scheduler import LRScheduler
from .optimizer import Optimizer

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn", "update_bn"]
__dir__ = _public(globals())

#: ``(average so far, new value, number of values in the average)``: the new average.
Average: TypeAlias = Callable[[Any, Any, Any], Any]
#: The same for lists of tensors, in place on the first.
Averages: TypeAlias = Callable[[list[Any], list[Any], Any], None]


def _decay(op: str, decay: Any) -> float:
    if not is_number(decay) or not 0.0 <= decay <= 1.0:
        raise ArgumentError(f"{op}: decay must be in [0, 1]: got {decay!r:.40}; pass such a number")
    return float(decay)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """The function ``decay average + (1 - decay) value``.

    >>> get_ema_avg_fn(0.75)(4.0, 8.0, 3)
    5.0
    """
    _decay("get_ema_avg_fn", decay)
    return lambda average, value, count: decay * average + (1 - decay) * value


def get_swa_avg_fn() -> Average:
    """The function ``average + (value - average) / (count + 1)``.

    >>> get_swa_avg_fn()(4.0, 8.0, 3)
    5.0
    """
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """`get_ema_avg_fn` for lists of tensors, in place."""
    _decay("get_ema_multi_avg_fn", decay)

    def average(averages: list[Any], values: list[Any], count: Any) -> None:
        _toward(averages, values, 1 - decay, get_ema_avg_fn(decay), count)

    return average


def get_swa_multi_avg_fn() -> Averages:
    """`get_swa_avg_fn` for lists of tensors, in place."""

    def average(averages: list[Any], values: list[Any], count: Any) -> None:
        _toward(averages, values, 1 / (int(count) + 1), get_swa_avg_fn(), count)

    return average


def _toward(averages: list[Any], values: list[Any], share: float, average: Average, count: Any) -> None:
    """Move each average by a share of the way to its value; whole numbers are averaged and cut."""
    with no_grad():
        for a, v in zip(averages, values, strict=True):
            if a.is_floating_point() or a.is_complex():
                a.lerp_(v.detach(), share)
            else:
                a.copy_(average(a, v.detach(), int(count)))


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of those that the model had whenever `update_parameters` was called.

    The first time they are copied. Then ``avg_fn(average, value, count)`` gives the new average of each tensor, or
    ``multi_avg_fn(averages, values, count)`` changes all of them in place; without either the average has equal weights. Buffers are
    copied, or with ``use_buffers`` averaged as well. The copy is the submodule ``module``; calls go to it.

    Raises `OperandError` for what is no model, `ArgumentError` for both functions.

    >>> from tensorflowlite_clone import nn
    >>> model = nn.Linear(1, 1)
    >>> ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.5))
    >>> for value in (4.0, 8.0, 0.0):
    ...     unused = nn.init.constant_(model.weight, value)
    ...     ema.update_parameters(model)
    >>> ema.module.weight.item(), ema.n_averaged.item()
    (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(model, Module):
            raise OperandError(f"AveragedModel: model must be a module: got {type(model).__name__}; pass the model to average")
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: avg_fn and multi_avg_fn say the same of one tensor and of all: both are given; pass one")
        for what, f in (("avg_fn", avg_fn), ("multi_avg_fn", multi_avg_fn)):
            if f is not None and not callable(f):
                raise OperandError(f"AveragedModel: {what} must be a function: got {type(f).__name__} {f!r:.40}")
        self.module: Module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", Tensor.wrap(np.zeros((), np.int64), 0))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model computes."""
        return self.module(*args, **kwargs)

    def _tensors(self, model: Module) -> list[Any]:
        return list(chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters())

    def update_parameters(self, model: Module) -> None:
        """Take the parameters of ``model``, as they are now, into the average.

        Raises `ArgumentError` for a model with others; nothing is changed then.
        """
        averages, values = self._tensors(self.module), self._tensors(model)
        shapes = [[tuple(t.shape) for t in tensors] for tensors in (averages, values)]
        if shapes[0] != shapes[1]:
            raise ArgumentError(
                f"AveragedModel.update_parameters: the model must be as the one that was copied: it has {len(values)} tensors, the average "
                f"{len(averages)}, or their shapes differ; pass the model that is trained"
            )
        count = self.n_averaged
        with no_grad():
            if count.item() == 0:
                for average, value in zip(averages, values, strict=True):
                    average.copy_(value.detach())
            elif self.avg_fn is not None:
                for average, value in zip(averages, values, strict=True):
                    average.copy_(self.avg_fn(average.detach(), value.detach(), count))
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())([a.detach() for a in averages], [v.detach() for v in values], count)
            if not self.use_buffers:
                for own, other in zip(self.module.buffers(), model.buffers(), strict=True):
                    own.copy_(other.detach())
            self.n_averaged.add_(1)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of a model's batch normalisations anew, from the batches of ``loader``.

    Each batch is what the model takes, or a list or tuple whose first item is; ``device`` is where it is moved first. The model is as it
    was afterwards, but for the statistics; without batch normalisations the loader is not asked.
    """
    layers = [m for m in model.modules() if isinstance(m, _BatchNorm) and not isinstance(m, _InstanceNorm)]
    if not layers:
        return
    momenta, training = [m.momentum for m in layers], model.training
    for m in layers:
        m.reset_running_stats()
        m.momentum = None
    model.train()
    try:
        with no_grad():
            for batch in loader:
                x = batch[0] if isinstance(batch, list | tuple) else batch
                model(x if device is None else x.to(device))
    finally:
        for m, momentum in zip(layers, momenta, strict=True):
            m.momentum = momentum
        model.train(training)


class SWALR(LRScheduler):
    """From the rate in force to ``swa_lr`` (one, or one per group) in ``anneal_epochs``, by a cosine or a line; then that rate.

    For the end of a training whose weights are averaged, begun where another schedule is no longer stepped.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], lr=1.0)
    >>> schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> optimizer.step()
    >>> [schedule.step() or schedule.get_last_lr()[0] for _ in range(3)]
    [0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        self.attach(optimizer)
        rates = [number("SWALR", "swa_lr", rate) for rate in self.per_group(swa_lr, "swa_lr")]
        self._anneal_strategy = choice("SWALR", "anneal_strategy", anneal_strategy, "cos", "linear")
        self.anneal_epochs = integer("SWALR", "anneal_epochs", anneal_epochs)
        integer("SWALR", "last_epoch", last_epoch, -1)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: int) -> float:
        """How far on the way to the last rate."""
        t = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Any]:
        """The rates at ``last_epoch``: on the way from where the rates in force come from."""
        if self._goes_on:
            return self.rates()
        epoch = self.last_epoch if self.anneal_epochs else max(1, self.last_epoch)
        before, now = self._share(epoch - 1), self._share(epoch)
        found = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            start = last if before == 1 else (group["lr"] - before * last) / (1 - before)
            found.append(last * now + start * (1 - now))
        return found
