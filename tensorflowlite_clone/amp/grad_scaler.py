"""`GradScaler`: losses multiplied by a large number so that short gradients do not vanish, and gradients divided by it again.

Not here: `autocast`, whose gradients it is for (``autocast_mode.py``). Algorithm: Micikevicius et al. 2018, "Mixed Precision Training",
section 3.2, with the dynamic scale that PyTorch's documentation of the class describes.
"""

from __future__ import annotations

import warnings
from enum import Enum
from typing import Any

from .._checks import flag, integer, number
from .._errors import ArgumentError, GraphError, OperandError
from .._state import recording
from ..core.boxed import Boxed
from ..ops.compare import IsFinite

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """What was done with an optimizer's gradients since the last `update`."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Scales losses, and steps optimizers with the gradients scaled back, unless one of them is not finite.

    The scale starts at ``init_scale``, is multiplied by ``growth_factor`` after ``growth_interval`` steps whose gradients were all finite,
    and by ``backoff_factor`` after one whose were not (that step is left out). For a device that is not there it warns and is off, as in
    PyTorch, and so it is for "cuda", which is what is meant without a device.

    >>> import tensorflowlite_clone as tl
    >>> w = tl.ones(2, requires_grad=True)
    >>> optimizer, scaler = tl.optim.SGD([w], lr=0.5), GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(w.sum()).backward(); w.grad
    tensor([8., 8.])
    >>> scaler.step(optimizer); scaler.update(); w.detach()
    tensor([0.5000, 0.5000])
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0, backoff_factor: float = 0.5,
        growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        self._device = str(device).partition(":")[0]
        self._enabled = bool(enabled)
        if self._enabled and self._device != "cpu":
            warnings.warn(f"GradScaler is enabled, but {self._device.upper()} is not available.  Disabling.", stacklevel=2)
            self._enabled = False
        if self._enabled:
            self.set_growth_factor(growth_factor)
            self.set_backoff_factor(backoff_factor)
            self.set_growth_interval(growth_interval)
            self._scale = number("GradScaler", "init_scale", init_scale, 0.0, above=True)
            self._growth_tracker = 0
        self._states: dict[int, dict[str, Any]] = {}

    def scale(self, outputs: Any) -> Any:
        """A tensor, or (nested) lists and tuples of them, times the scale. Raises `OperandError` for anything else."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Boxed):
            return outputs * self._scale
        if isinstance(outputs, list | tuple):
            scaled = [self.scale(o) for o in outputs]
            return type(outputs)(*scaled) if hasattr(outputs, "_fields") else type(outputs)(scaled)
        if hasattr(outputs, "__iter__") and not isinstance(outputs, str | bytes | dict):
            return map(self.scale, outputs)
        raise OperandError(f"GradScaler.scale: outputs must be a tensor or tensors: got {type(outputs).__name__} {outputs!r:.40}")

    def _of(self, optimizer: Any) -> dict[str, Any]:
        return self._states.setdefault(id(optimizer), {"stage": OptState.READY, "found_inf": False})

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, for who wants to clip them before `step`.

        Raises `GraphError` where it was done since the last `update`, or the step was made.
        """
        if not self._enabled:
            return
        state = self._of(optimizer)
        if state["stage"] is not OptState.READY:
            said = "unscale_() has already been called on this optimizer" if state["stage"] is OptState.UNSCALED else "step() was made"
            raise GraphError(f"GradScaler.unscale_: {said} since the last update(); call update() at the end of each iteration")
        inverse = 1.0 / self._scale
        with recording(False):
            for group in optimizer.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    if p.grad.dtype.name == "float16":
                        raise ArgumentError("GradScaler.unscale_: float16 gradients lose their digits; let the parameters be float32")
                    values = p.grad.coalesce().values() if p.grad.is_sparse else p.grad
                    state["found_inf"] |= not bool(IsFinite.of(values).all())
                    p.grad = p.grad * inverse if p.grad.is_sparse else p.grad.mul_(inverse)
        state["stage"] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Scale the gradients back, unless `unscale_` did, and step the optimizer if they are all finite; what its step returned.

        Raises `GraphError` for a second step before `update`, and `ArgumentError` for a closure.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise ArgumentError("GradScaler.step: a closure computes gradients that are not scaled; leave it out, or the scaler")
        state = self._of(optimizer)
        if state["stage"] is OptState.STEPPED:
            raise GraphError("GradScaler.step: step() has already been called since the last update(); call update() after it")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        result = None if state["found_inf"] else optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: Any = None) -> None:
        """Let the scale grow or shrink by what was found, or be ``new_scale``; the end of an iteration.

        Raises `GraphError` where no gradients were looked at before.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = number("GradScaler.update", "new_scale", float(new_scale), 0.0, above=True)
        elif not any(s["stage"] is not OptState.READY for s in self._states.values()):
            raise GraphError("GradScaler.update: No inf checks were recorded prior to update: call step(optimizer) first")
        elif any(s["found_inf"] for s in self._states.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = self._scale * self._growth_factor
                self._scale = grown if grown < 3.4e38 else self._scale
                self._growth_tracker = 0
        self._states.clear()

    def get_scale(self) -> float:
        """The scale; 1 where it is off."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Let it be another, above 1."""
        if not number("GradScaler", "growth_factor", new_factor) > 1.0:
            raise ArgumentError(f"GradScaler: growth_factor must be above 1: got {new_factor}")
        self._growth_factor = float(new_factor)

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by when it shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Let it be another, below 1."""
        if not number("GradScaler", "backoff_factor", new_factor) < 1.0:
            raise ArgumentError(f"GradScaler: backoff_factor must be below 1: got {new_factor}")
        self._backoff_factor = float(new_factor)

    def get_growth_interval(self) -> int:
        """After how many steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Let it be another number of steps."""
        self._growth_interval = integer("GradScaler", "growth_interval", new_interval, 1)

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return flag("GradScaler", "enabled", self._enabled)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` goes on from; empty where it is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(), "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker,
        }  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned. Raises `ArgumentError` for an empty one, which is that of a scaler that is off."""
        if not self._enabled:
            return
        if not state_dict:
            raise ArgumentError("GradScaler.load_state_dict: the state is empty: the scaler that it is of was off; begin anew")
        self._scale, self._growth_tracker = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
