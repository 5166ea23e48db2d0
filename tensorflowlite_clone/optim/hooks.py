"""Functions that users have called before and after an optimizer's steps, its ``state_dict`` and its ``load_state_dict``.

Here: registering them, for one optimizer or for all, and calling them. Not here: what a step does (``optimizer.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .._errors import OperandError
from ..core.watchers import RemovableHandle

#: A function that is told of an event.
Hook = Callable[..., Any]
#: Hooks of the steps of all optimizers.
_BEFORE_STEPS: dict[int, Hook] = {}
_AFTER_STEPS: dict[int, Hook] = {}


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer; see `Hooked.register_step_pre_hook`."""
    return _registered(_BEFORE_STEPS, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return _registered(_AFTER_STEPS, hook)


def _registered(table: dict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    if not callable(hook):
        raise OperandError(f"register hook: a hook must be callable: got {type(hook).__name__} {hook!r:.40}; pass a function")
    handle, others = RemovableHandle(table), dict(table) if prepend else {}
    if prepend:
        table.clear()
    table[handle.id] = hook
    table.update(others)
    return handle


class Hooked:
    """What has hooks: steps, and states that are given out and taken over."""

    #: Whether a step has been taken; schedules ask.
    _opt_called: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = _with_hooks(vars(cls)["step"])  # type: ignore[attr-defined]

    def _hooks(self, event: str) -> dict[int, Hook]:
        """The hooks of one event, in the order in which they are called; made when they are first asked for."""
        tables: dict[str, dict[int, Hook]] = vars(self).setdefault("_tables", {})
        return tables.setdefault(event, {})

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` before each step, with its arguments; it may return new ones, (args, kwargs).

        The first of ``args`` is the optimizer, as in PyTorch.

        Raises `OperandError` for what is not callable, as all of these.

        >>> import tensorflowlite_clone as tl
        >>> optimizer = tl.optim.SGD([tl.ones(1, requires_grad=True)])
        >>> handle = optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: print("step", args[1:]))
        >>> optimizer.param_groups[0]["params"][0].grad = tl.ones(1)
        >>> optimizer.step()
        step ()
        >>> handle.remove()
        """
        return _registered(self._hooks("before step"), hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return _registered(self._hooks("after step"), hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` before each `state_dict`; with ``prepend`` before the hooks there are."""
        return _registered(self._hooks("before state_dict"), hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on what `state_dict` gives out; what it returns, unless None, takes its place."""
        return _registered(self._hooks("after state_dict"), hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer, state_dict)`` on a copy of what `load_state_dict` is given; what it returns, unless None, is loaded."""
        return _registered(self._hooks("before load_state_dict"), hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(optimizer)`` when `load_state_dict` has taken a state over."""
        return _registered(self._hooks("after load_state_dict"), hook, prepend)


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A method ``step`` that calls hooks, once where one class's step calls that of the class above."""

    @wraps(step)
    def hooked(self: Any, *args: Any, **kwargs: Any) -> Any:
        if type(self).step is not hooked:
            return step(self, *args, **kwargs)
        own: dict[str, dict[int, Hook]] = vars(self).get("_tables", {})
        if _BEFORE_STEPS or own:
            for hook in [*_BEFORE_STEPS.values(), *own.get("before step", {}).values()]:
                changed = hook(self, (self, *args), kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2 and changed[0]):
                    raise OperandError(
                        f"{type(self).__name__}.step: a hook before the step returns None or new arguments (args, kwargs): "
                        f"got {type(changed).__name__} {changed!r:.60}"
                    )
                (_, *args), kwargs = changed
        result = step(self, *args, **kwargs)
        self._opt_called = True
        if _AFTER_STEPS or own:
            for hook in [*own.get("after step", {}).values(), *_AFTER_STEPS.values()]:
                hook(self, (self, *args), kwargs)
        return result

    return hooked
