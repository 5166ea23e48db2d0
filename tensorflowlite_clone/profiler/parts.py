"""What a profiler watches besides operations: the modules that run and the steps of optimizers.

Here: hooks that make events while a profiler is on. Not here: the events (``autograd/profiler.py``), which knows neither.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Self

from ..autograd.profiler import AROUND, FLOPS, Collector
from ..nn.flops import flops
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..nn.module import Module
from ..optim.hooks import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


class Modules:
    """Makes an event of every module that runs, named after its class and its path from the outermost one."""

    def __init__(self, collector: Collector) -> None:
        self.collector, self.hooks = collector, ExitStack()

    def __enter__(self) -> Self:
        self.hooks.enter_context(register_module_forward_pre_hook(self._before))
        self.hooks.enter_context(register_module_forward_hook(self._after, always_call=True))
        return self

    def __exit__(self, *exc: object) -> None:
        self.hooks.close()

    def _before(self, module: Module, args: Any) -> None:
        stack: list[Any] = vars(self.collector.own).setdefault("modules", [])
        path = type(module).__name__
        if stack:
            outer, _, above = stack[-1]
            path = f"{above}.{next((n for n, m in outer.named_modules() if m is module), path)}"
        event = self.collector.enter(f"nn.Module: {type(module).__name__} ({path})", "module", path)
        stack.append((module, event, path))

    def _after(self, module: Module, args: Any, output: Any) -> None:
        stack: list[Any] = vars(self.collector.own).setdefault("modules", [])
        if any(m is module for m, _, _ in stack):
            while stack:
                inner, event, _ = stack.pop()
                if inner is module:
                    self.collector.leave(event)
                    return


class Optimizers:
    """Makes an event of every step of an optimizer."""

    def __init__(self, collector: Collector) -> None:
        self.collector, self.hooks = collector, ExitStack()

    def __enter__(self) -> Self:
        self.hooks.enter_context(register_optimizer_step_pre_hook(self._before))
        self.hooks.enter_context(register_optimizer_step_post_hook(self._after))
        return self

    def __exit__(self, *exc: object) -> None:
        self.hooks.close()

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.collector.enter(self._name(optimizer), "optimizer")

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        event = self.collector._latest(self._name(optimizer), "optimizer")
        if event is not None:
            self.collector.leave(event)

    @staticmethod
    def _name(optimizer: Any) -> str:
        return f"Optimizer.step#{type(optimizer).__name__}.step"


AROUND.update(modules=Modules, optimizers=Optimizers)
FLOPS[:] = [flops]
