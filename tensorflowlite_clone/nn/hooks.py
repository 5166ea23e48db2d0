"""Forward hooks of modules, kept out of the path of modules that have none."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

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


class Hook(NamedTuple):
    """A function and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool
    always: bool


class Hooks:
    """The hooks of one module, in the order they run."""

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}

    def add(self, when: str, function: Callable[..., Any], with_kwargs: bool, prepend: bool, always: bool = False) -> RemovableHandle:
        """Register ``function`` to run ``before`` or ``after`` forward."""
        table = self.before if when == "before" else self.after
        handle = RemovableHandle(table)
        others = dict(table) if prepend else {}
        if prepend:
            table.clear()
        table[handle.id] = Hook(function, with_kwargs, always)
        table.update(others)
        return handle

    def call(self, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``module.forward`` between its hooks."""
        ran: set[int] = set()
        try:
            for hook in list(self.before.values()):
                new = hook.function(module, args, kwargs) if hook.with_kwargs else hook.function(module, args)
                if new is not None and hook.with_kwargs:
                    args, kwargs = new
                elif new is not None:
                    args = new if isinstance(new, tuple) else (new,)
            output = module.forward(*args, **kwargs)
            for id, hook in list(self.after.items()):
                ran.add(id)
                output = _after(hook, module, args, kwargs, output)
        except Exception:
            for id, hook in list(self.after.items()):
                if hook.always and id not in ran:
                    _after(hook, module, args, kwargs, None)
            raise
        return output


def _after(hook: Hook, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """The output after a forward hook has seen it."""
    new = hook.function(module, args, kwargs, output) if hook.with_kwargs else hook.function(module, args, output)
    return output if new is None else new
