"""Forward hooks of modules, kept out of the path of modules that have none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .module import Module

_ids = count().__next__


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook away; also a context manager."""

    def __init__(self, table: dict[int, Any]) -> None:
        self.table, self.id = table, _ids()

    def remove(self) -> None:
        """Take the hook away; doing it twice is harmless."""
        self.table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Hooks:
    """The hooks of one module, in the order they were registered."""

    def __init__(self) -> None:
        self.before: dict[int, tuple[Callable[..., Any], bool]] = {}
        self.after: dict[int, tuple[Callable[..., Any], bool]] = {}

    def add(self, when: str, hook: Callable[..., Any], with_kwargs: bool) -> RemovableHandle:
        """Register ``hook`` to run ``before`` or ``after`` forward."""
        table = self.before if when == "before" else self.after
        handle = RemovableHandle(table)
        table[handle.id] = (hook, with_kwargs)
        return handle

    def call(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``module.forward`` between its hooks."""
        for hook, with_kwargs in list(self.before.values()):
            new = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if new is not None and with_kwargs:
                args, kwargs = new
            elif new is not None:
                args = new if isinstance(new, tuple) else (new,)
        output = module.forward(*args, **kwargs)
        for hook, with_kwargs in list(self.after.values()):
            new = hook(module, args, kwargs, output) if with_kwargs else hook(module, args, output)
            output = output if new is None else new
        return output
