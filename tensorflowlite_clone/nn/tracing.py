"""`trace_module`: what a module does, written down with the modules in which each operation happens.

Here: the names of modules around the operations, and evaluation mode meanwhile. Not here: how operations are followed
(``func/tracing.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self

from .._errors import OperandError
from .._state import recording
from ..func.tracing import Trace, Traced, trace
from ..func.tree import flatten
from .hooks import register_module_forward_hook, register_module_forward_pre_hook
from .module import Module
from .parameter import is_lazy


class Inside:
    """Calls ``enter(name, module)`` and ``leave()`` around the modules of ``model`` (of any if it is None) that this thread runs.

    A context manager. ``name`` is the last part of the module's path, its class where it has none.
    """

    def __init__(self, model: Module | None, enter: Callable[[str, Module], Any], leave: Callable[[], Any]) -> None:
        self.names = {} if model is None else {id(m): name for name, m in model.named_modules()}
        self.any, self.enter, self.leave = model is None, enter, leave
        self.thread = threading.get_ident()
        self.stack = ExitStack()

    def _concerns(self, module: Module) -> bool:
        return threading.get_ident() == self.thread and (self.any or id(module) in self.names)

    def _before(self, module: Module, args: Any) -> None:
        if self._concerns(module):
            self.enter(self.names.get(id(module), ""), module)

    def _after(self, module: Module, args: Any, output: Any) -> None:
        if self._concerns(module):
            self.leave()

    def __enter__(self) -> Self:
        self.stack.enter_context(register_module_forward_pre_hook(self._before))
        self.stack.enter_context(register_module_forward_hook(self._after, always_call=True))
        return self

    def __exit__(self, *exc: object) -> None:
        self.stack.close()


class evaluating:  # noqa: N801  (reads as a statement)
    """``model`` is in evaluation mode meanwhile (or, with ``training=True``, in training), and each module as it was afterwards."""

    def __init__(self, model: Module, training: bool = False) -> None:
        self.model, self.training = model, training

    def __enter__(self) -> None:
        self.before = [(m, m.training) for m in self.model.modules()]
        self.model.train(self.training)

    def __exit__(self, *exc: object) -> None:
        for module, mode in self.before:
            module.training = mode


def trace_module(model: Module, args: Sequence[Any], kwargs: dict[str, Any] | None = None, op: str = "trace") -> Trace:
    """What ``model(*args, **kwargs)`` does in evaluation mode; each step's ``path`` names the modules around it: ``Linear[fc1]``.

    Raises `OperandError` for what is no module.
    """
    if not isinstance(model, Module):
        raise OperandError(f"{op}: needs a module: got {type(model).__name__} {model!r:.60}; wrap a function in an nn.Module")
    found: list[Trace] = []
    waiting: list[str] = []

    def enter(name: str, module: Module) -> None:
        last = name.rpartition(".")[2]
        (found[0].path if found else waiting).append(f"{type(module).__name__}[{last}]" if last else type(module).__name__)

    def run(*own: Any, **named: Any) -> Any:
        found.extend(x.story for x in flatten((own, named))[0] if isinstance(x, Traced))
        return model(*own, **named)

    def leave() -> None:
        (found[0].path if found else waiting).pop()

    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):  # its first call gives it parameters
        with evaluating(model), recording(False):
            model(*args, **(kwargs or {}))
    with evaluating(model), Inside(model, enter, leave):
        return trace(run, args, kwargs)
