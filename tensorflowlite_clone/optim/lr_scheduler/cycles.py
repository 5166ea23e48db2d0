"""Schedules that go up and down by batches, and move the momentum the other way: one cycle, and cycles without end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

from ..._checks import choice, integer, is_number, number
from ..._errors import ArgumentError, OperandError, StateDictError
from ..optimizer import Optimizer
from .scheduler import LRScheduler


class _Cycle(LRScheduler):
    """A schedule of the rate and, unless ``cycle_momentum`` is False, of the momentum (of Adam and the like: the first beta)."""

    cycle_momentum: bool
    #: Whether the momentum is the first beta.
    use_beta1: bool

    def _check_momentum(self, wanted: bool) -> None:
        """Raise where there is no momentum to move."""
        if wanted and not all("momentum" in g or "betas" in g for g in self.optimizer.param_groups):
            raise ArgumentError(f"{type(self).__name__}: the optimizer has neither momentum nor betas to cycle; pass cycle_momentum=False")
        self.cycle_momentum = wanted
        if wanted:
            self.use_beta1 = "betas" in self.optimizer.defaults

    def get_momentum(self) -> list[Any]:
        """The momentum of each group at ``last_epoch``."""
        raise NotImplementedError

    def _put(self, rates: Sequence[float]) -> None:
        super()._put(rates)
        if self.cycle_momentum:
            for group, momentum in zip(self.optimizer.param_groups, self.get_momentum(), strict=True):
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


class OneCycleLR(_Cycle):
    """From ``max_lr / div_factor`` up to ``max_lr`` and down to a fraction of it, by batches; momentum the other way round.

    ``pct_start`` is the share of steps that rise; ``final_div_factor`` divides the initial rate at the end; ``three_phase`` comes
    down in the mirror image of the rise first. L. Smith, N. Topin, "Super-convergence" (2019).

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.Adam([p])
    >>> optimizer.step()
    >>> schedule = OneCycleLR(optimizer, max_lr=1.0, total_steps=10, anneal_strategy="linear")
    >>> [round(schedule.step() or schedule.get_last_lr()[0], 2) for _ in range(9)]
    [0.52, 1.0, 0.86, 0.71, 0.57, 0.43, 0.29, 0.14, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        name = "OneCycleLR"
        self.attach(optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ArgumentError("OneCycleLR: the length is not known; pass total_steps, or epochs and steps_per_epoch")
            total_steps = integer(name, "epochs", epochs, 1) * integer(name, "steps_per_epoch", steps_per_epoch, 1)
        integer(name, "total_steps", total_steps, 1)
        choice(name, "anneal_strategy", anneal_strategy, "cos", "linear")
        number(name, "pct_start", pct_start, 0, 1)
        for what, divisor in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            number(name, what, divisor, 0, above=True)
        self.total_steps, self._anneal_func_type = total_steps, anneal_strategy
        rise = float(pct_start * total_steps) - 1
        ends = [(rise, "initial_lr", "max_lr"), (2 * rise, "max_lr", "initial_lr"), (total_steps - 1, "initial_lr", "min_lr")]
        self._schedule_phases = _phases(ends if three_phase else [ends[0], (total_steps - 1, "max_lr", "min_lr")])
        low = [number(name, "base_momentum", m, 0) for m in self.per_group(base_momentum, "base_momentum")]
        high = [number(name, "max_momentum", m, 0) for m in self.per_group(max_momentum, "max_momentum")]
        tops = [number(name, "max_lr", top) for top in self.per_group(max_lr, "max_lr")]
        self._check_momentum(cycle_momentum)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"] = top / div_factor
                group["max_lr"], group["min_lr"] = top, top / div_factor / final_div_factor
        elif not all("max_lr" in g and "min_lr" in g for g in optimizer.param_groups):
            raise ArgumentError(
                f"OneCycleLR: resuming at step {last_epoch} needs max_lr and min_lr in every group; load the optimizer's state first"
            )
        if cycle_momentum:
            for group, least, most in zip(optimizer.param_groups, low, high, strict=True):
                group["base_momentum"], group["max_momentum"] = least, most
        super().__init__(optimizer, last_epoch)

    def check_state(self, state_dict: Any) -> None:
        """As that of others; the phases and the form of the curve are such as there are."""
        super().check_state(state_dict)
        curve, phases = state_dict["_anneal_func_type"], state_dict["_schedule_phases"]
        known = [
            isinstance(p, Mapping) and is_number(p.get("end_step")) and {*p} == {*q} and {p["start_lr"], p["end_lr"]} <= _OPPOSITE.keys()
            for p, q in zip(phases, self._schedule_phases, strict=True)
        ]
        if curve not in ("cos", "linear") or not all(known):
            raise StateDictError(f"load_state_dict: no phases of OneCycleLR: {curve!r:.20}, {phases!r:.60}; pass what was saved")

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2.0 * (1.0 + math.cos(math.pi * share))

    def _values(self, what: str) -> list[float]:
        """For each group the value at ``last_epoch`` of its "lr" or "momentum", between those that the phase in force names."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ArgumentError(f"OneCycleLR: step {step} is past the end: total_steps is {self.total_steps}; make the cycle longer")
        ends = [phase["end_step"] for phase in self._schedule_phases]
        now = next((i for i, end in enumerate(ends[:-1]) if step <= end), len(ends) - 1)
        begin, end, phase = 0.0 if not now else ends[now - 1], ends[now], self._schedule_phases[now]
        share = (step - begin) / (end - begin) if end != begin else 1.0
        groups = self.optimizer.param_groups
        return [self._between(g[phase[f"start_{what}"]], g[phase[f"end_{what}"]], share) for g in groups]

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``, a number of steps."""
        return self._values("lr")

    def get_momentum(self) -> list[Any]:
        """The momentum of each group at ``last_epoch``."""
        return self._values("momentum")


#: Between which settings the momentum goes, where the rate goes between these.
_OPPOSITE = {"initial_lr": "max_momentum", "max_lr": "base_momentum", "min_lr": "max_momentum"}


def _phases(ends: list[tuple[float, str, str]]) -> list[dict[str, Any]]:
    """Phases: the last step, and between which settings of a group the rate goes; the momentum is low where the rate is high."""
    momentum = _OPPOSITE
    return [{"end_step": end, "start_lr": a, "end_lr": b, "start_momentum": momentum[a], "end_momentum": momentum[b]} for end, a, b in ends]


class CyclicLR(_Cycle):
    """Up from ``base_lr`` to ``max_lr`` in ``step_size_up`` batches, down in ``step_size_down`` (as many), again; momentum the other way.

    ``mode``: cycles are of one height ("triangular"), half as high as the one before ("triangular2"), or their height is multiplied by
    ``gamma`` at each batch ("exp_range"). Or the height is ``scale_fn`` of the number of the cycle, from 1 up, or with
    ``scale_mode="iterations"`` of that of the batch; then ``mode`` is ignored. L. Smith, "Cyclical learning rates for training
    neural networks" (2017).

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], momentum=0.9)
    >>> optimizer.step()
    >>> schedule = CyclicLR(optimizer, base_lr=0.25, max_lr=0.75, step_size_up=2)
    >>> [schedule.step() or schedule.get_last_lr()[0] for _ in range(5)]
    [0.5, 0.75, 0.5, 0.25, 0.5]
    """

    transient = (*LRScheduler.transient, "_low", "_scale_fn_custom")

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        name = "CyclicLR"
        self.attach(optimizer)
        low = [number(name, "base_lr", rate) for rate in self.per_group(base_lr, "base_lr")]
        self.max_lrs = [number(name, "max_lr", rate) for rate in self.per_group(max_lr, "max_lr")]
        up = number(name, "step_size_up", step_size_up, 0, above=True)
        down = up if step_size_down is None else number(name, "step_size_down", step_size_down, 0, above=True)
        self.total_size, self.step_ratio = float(up + down), up / (up + down)
        if scale_fn is None:
            choice(name, "mode", mode, "triangular", "triangular2", "exp_range")
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        elif not callable(scale_fn):
            raise OperandError(f"CyclicLR: scale_fn must be a function of a number: got {type(scale_fn).__name__} {scale_fn!r:.40}")
        self.mode, self.gamma, self._scale_fn_custom = mode, number(name, "gamma", gamma), scale_fn
        self.scale_mode = choice(name, "scale_mode", scale_mode, "cycle", "iterations")
        self.base_momentums = [number(name, "base_momentum", m, 0) for m in self.per_group(base_momentum, "base_momentum")]
        self.max_momentums = [number(name, "max_momentum", m, 0) for m in self.per_group(max_momentum, "max_momentum")]
        self._check_momentum(cycle_momentum)
        integer(name, "last_epoch", last_epoch, -1)
        self._low = low
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, low, strict=True):
                group["initial_lr"] = rate
        super().__init__(optimizer, last_epoch)
        self.base_lrs = list(low)

    def _height(self, last_epoch: int) -> float:
        """Where between bottom and top: 0 to 1, times the height of the cycle."""
        cycle = math.floor(1 + last_epoch / self.total_size)
        x = 1.0 + last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        return float(height * self._scale(cycle if self.scale_mode == "cycle" else last_epoch))

    def _scale(self, x: float) -> float:
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return 1.0 if self.mode == "triangular" else 0.5 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``, a number of batches."""
        height = self._height(self.last_epoch)
        return [low + (high - low) * height for low, high in zip(self._low, self.max_lrs, strict=True)]

    def get_momentum(self) -> list[Any]:
        """The momentum of each group at ``last_epoch``."""
        height = self._height(self.last_epoch)
        return [high - (high - low) * height for low, high in zip(self.base_momentums, self.max_momentums, strict=True)]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and a function; of a function that is an object, what it holds."""
        f = self._scale_fn_custom
        held = None if f is None or isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {}))
        return {**super().state_dict(), "_scale_fn_custom": held}

    def take(self, state: Mapping[str, Any]) -> None:
        """The state of the schedule, and of a function that is an object."""
        super().take(state)
        self._low = list(self.base_lrs)
        if state["_scale_fn_custom"] and self._scale_fn_custom is not None:
            vars(self._scale_fn_custom).update(state["_scale_fn_custom"])
