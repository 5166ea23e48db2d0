"""Hooks of modules, kept out of the path of modules that have none: tables, registration, and the call between hooks.

Not here: the gates that backward hooks need on the tape (``backward_hooks.py``), hooks of tensors (``core/watchers.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, NamedTuple

from .._errors import OperandError
from ..core.watchers import RemovableHandle
from .backward_hooks import BackwardHooks

Callback = Callable[..., Any]


class Hook(NamedTuple):
    """A function and how it wants to be called."""

    function: Callback
    with_kwargs: bool = False
    always: bool = False
    #: Whether what it returns takes the place of the ``state_dict``.
    may_replace: bool = False


class Hooks:
    """The hooks of one module, or of all modules, in the order they run."""

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.backward_before: dict[int, Hook] = {}
        self.backward: dict[int, Hook] = {}
        self.save_before: dict[int, Hook] = {}
        self.save_after: dict[int, Hook] = {}
        self.load_before: dict[int, Hook] = {}
        self.load_after: dict[int, Hook] = {}
        #: Whether there are hooks that run when a module is called.
        self.in_calls = False

    def add(self, table: dict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Register ``hook`` in ``table``, behind the others or (``prepend``) before them."""
        if not callable(hook.function):
            raise OperandError(f"register hook: a hook must be callable: got {type(hook.function).__name__}; pass a function")
        handle = RemovableHandle(table, self._count)
        others = dict(table) if prepend else {}
        if prepend:
            table.clear()
        table[handle.id] = hook
        table.update(others)
        self._count()
        return handle

    def unused(self) -> bool:
        """Whether there is no hook of any kind."""
        return not any(table for table in vars(self).values() if isinstance(table, dict))

    def _count(self) -> None:
        self.in_calls = bool(self.before or self.after or self.backward_before or self.backward)


#: The hooks that run in every module.
GLOBAL = Hooks()
#: Those that run when a module gets something, by what that is.
REGISTERED: dict[str, dict[int, Callback]] = {"parameter": {}, "buffer": {}, "module": {}}


def call_between(module: Hookable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run ``module.forward`` between the hooks of all modules and, inside of them, its own."""
    tables = [GLOBAL] if GLOBAL.in_calls else []
    if module._hooks is not None:
        tables.append(module._hooks)
    ran: set[int] = set()
    output = None
    try:
        for hook in [h for table in tables for h in table.before.values()]:
            args, kwargs = _before(hook, module, args, kwargs)
        first = [h.function for table in tables for h in table.backward_before.values()]
        last = [h.function for table in tables for h in table.backward.values()]
        gates = BackwardHooks(module, first, last) if first or last else None
        if gates is not None:
            args = gates.enter(args)
        output = module.forward(*args, **kwargs)
        for id, hook in [item for table in tables for item in table.after.items()]:
            ran.add(id)
            output = _after(hook, module, args, kwargs, output)
        return output if gates is None else gates.leave(output)
    except Exception:
        for id, hook in [item for table in tables for item in table.after.items()]:
            if hook.always and id not in ran:
                _after(hook, module, args, kwargs, output)
        raise


def _before(hook: Hook, module: Hookable, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments after a forward pre-hook has seen them."""
    if not hook.with_kwargs:
        new = hook.function(module, args)
        return (args if new is None else new if isinstance(new, tuple) else (new,)), kwargs
    new = hook.function(module, args, kwargs)
    if new is None:
        return args, kwargs
    if not (isinstance(new, tuple) and len(new) == 2):
        raise OperandError(
            f"{type(module).__name__}: a forward pre-hook with_kwargs must return None or (args, kwargs): got {type(new).__name__}"
        )
    return new


def _after(hook: Hook, module: Hookable, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    """The output after a forward hook has seen it."""
    new = hook.function(module, args, kwargs, output) if hook.with_kwargs else hook.function(module, args, output)
    return output if new is None else new


class Functions(MutableMapping[int, Callback]):
    """The hooks of one kind that a module has, by number: a view for programs that look at them or take them off, as PyTorch's do."""

    def __init__(self, module: Hookable, name: str) -> None:
        self.module, self.name = module, name

    def _table(self) -> dict[int, Hook]:
        hooks = self.module._hooks
        return {} if hooks is None else getattr(hooks, self.name)

    def __getitem__(self, key: int) -> Callback:
        return self._table()[key].function

    def __setitem__(self, key: int, function: Callback) -> None:
        hooks = self.module._hook_table()
        getattr(hooks, self.name)[key] = Hook(function)
        hooks._count()

    def __delitem__(self, key: int) -> None:
        del self._table()[key]
        self.module._hook_table()._count()

    def __iter__(self) -> Iterator[int]:
        return iter([*self._table()])

    def __len__(self) -> int:
        return len(self._table())

    def __repr__(self) -> str:
        return repr(dict(self))


def _functions(name: str) -> Any:
    """The attribute under which PyTorch keeps the hooks of a kind: a view of them; what is put there takes their place."""

    def look(self: Hookable) -> Functions:
        return Functions(self, name)

    def replace(self: Hookable, functions: Any) -> None:
        new = dict(functions)
        view = Functions(self, name)
        view.clear()
        view.update(new)

    return property(look, replace)


class Hookable:
    """The methods of `Module` that register hooks."""

    _hooks: Hooks | None
    forward: Callable[..., Any]
    _forward_pre_hooks = _functions("before")
    _forward_hooks = _functions("after")
    _backward_pre_hooks = _functions("backward_before")
    _backward_hooks = _functions("backward")
    _state_dict_pre_hooks = _functions("save_before")
    _state_dict_hooks = _functions("save_after")
    _load_state_dict_pre_hooks = _functions("load_before")
    _load_state_dict_post_hooks = _functions("load_after")

    def _hook_table(self) -> Hooks:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks

    def register_forward_pre_hook(self, hook: Callback, *, prepend: bool = False, with_kwargs: bool = False) -> RemovableHandle:
        """Call ``hook(module, args)`` before ``forward``; what it returns, unless None, replaces the arguments.

        ``with_kwargs`` calls ``hook(module, args, kwargs)``, which returns both; ``prepend`` lets it run before the other hooks.
        """
        hooks = self._hook_table()
        return hooks.add(hooks.before, Hook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callback, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after ``forward``; what it returns, unless None, replaces the output.

        ``with_kwargs`` calls ``hook(module, args, kwargs, output)``; ``prepend`` lets it run before the other hooks; with
        ``always_call`` it also runs, with None as output, when ``forward`` fails.
        """
        hooks = self._hook_table()
        return hooks.add(hooks.after, Hook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callback, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the results are complete; what it returns replaces them.

        ``grad_output`` is a tuple with one entry per result, None for those that have no gradient.
        """
        hooks = self._hook_table()
        return hooks.add(hooks.backward_before, Hook(hook), prepend)

    def register_full_backward_hook(self, hook: Callback, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the positional arguments are complete.

        Both are tuples, with None for what is no tensor or does not require grad (where PyTorch shows zeros); a tuple that the hook
        returns, unless None, takes the place of ``grad_input``. If no argument requires grad, the hook runs as soon as
        ``grad_output`` is known.

        >>> import tensorflowlite_clone as tl
        >>> layer = tl.nn.Linear(2, 1, bias=False)
        >>> handle = layer.register_full_backward_hook(lambda m, gi, go: (tl.full((1, 2), 7.0),))
        >>> x = tl.ones(1, 2, requires_grad=True)
        >>> layer(x).sum().backward(); x.grad
        tensor([[7., 7.]])
        """
        hooks = self._hook_table()
        return hooks.add(hooks.backward, Hook(hook), prepend)

    def register_backward_hook(self, hook: Callback) -> RemovableHandle:
        """The old name of `register_full_backward_hook`; here it does the same."""
        return self.register_full_backward_hook(hook)

    def register_state_dict_pre_hook(self, hook: Callback) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before `state_dict` reads this module."""
        hooks = self._hook_table()
        return hooks.add(hooks.save_before, Hook(hook))

    def register_state_dict_post_hook(self, hook: Callback) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` when this module and all below it are in ``state_dict``.

        The hook may change ``state_dict`` and returns nothing; ``local_metadata`` has the ``version``.
        """
        hooks = self._hook_table()
        return hooks.add(hooks.save_after, Hook(hook))

    def _register_state_dict_hook(self, hook: Callback) -> RemovableHandle:
        """The old form of `register_state_dict_post_hook`: what the hook returns, unless None, takes the place of the ``state_dict``."""
        hooks = self._hook_table()
        return hooks.add(hooks.save_after, Hook(hook, may_replace=True))

    def _register_load_state_dict_pre_hook(self, hook: Callback, with_module: bool = False) -> RemovableHandle:
        """The old form of `register_load_state_dict_pre_hook`: without the module as first argument, unless ``with_module``."""
        return self.register_load_state_dict_pre_hook(hook if with_module else _WithoutModule(hook))

    def register_load_state_dict_pre_hook(self, hook: Callback) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`` before loading.

        ``state_dict`` is a copy that the hook may change: rename keys, convert old formats. What it adds to ``error_msgs`` is raised.
        """
        hooks = self._hook_table()
        return hooks.add(hooks.load_before, Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callback) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may remove keys from the two lists that it forgives."""
        hooks = self._hook_table()
        return hooks.add(hooks.load_after, Hook(hook))


class _WithoutModule:
    """A hook that is called without its first argument."""

    def __init__(self, hook: Callback) -> None:
        if not callable(hook):
            raise OperandError(f"register hook: a hook must be callable: got {type(hook).__name__}; pass a function")
        self.hook = hook

    def __call__(self, module: Any, *args: Any) -> Any:
        return self.hook(*args)


# ---- hooks of all modules ---------------------------------------------------------------------------------------------------------------
def register_module_forward_pre_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, args)`` before the ``forward`` of every module; what it returns, unless None, replaces the arguments."""
    return GLOBAL.add(GLOBAL.before, Hook(hook))


def register_module_forward_hook(hook: Callback, *, with_kwargs: bool = False, always_call: bool = False) -> RemovableHandle:
    """Call ``hook(module, args, output)`` after the ``forward`` of every module, before the module's own hooks.

    >>> import tensorflowlite_clone as tl
    >>> with register_module_forward_hook(lambda m, args, out: print(type(m).__name__)):
    ...     _ = tl.nn.Sequential(tl.nn.Tanh())(tl.zeros(1))
    Tanh
    Sequential
    """
    return GLOBAL.add(GLOBAL.after, Hook(hook, with_kwargs, always_call))


def register_module_full_backward_pre_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` for every module (see `Module.register_full_backward_pre_hook`)."""
    return GLOBAL.add(GLOBAL.backward_before, Hook(hook))


def register_module_full_backward_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` for every module (see `Module.register_full_backward_hook`)."""
    return GLOBAL.add(GLOBAL.backward, Hook(hook))


def register_module_backward_hook(hook: Callback) -> RemovableHandle:
    """The old name of `register_module_full_backward_hook`; here it does the same."""
    return register_module_full_backward_hook(hook)


def _on_registration(kind: str, hook: Callback) -> RemovableHandle:
    if not callable(hook):
        raise OperandError(f"register_module_{kind}_registration_hook: a hook must be callable: got {type(hook).__name__}; pass a function")
    handle = RemovableHandle(REGISTERED[kind])
    REGISTERED[kind][handle.id] = hook
    return handle


def register_module_parameter_registration_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, name, parameter)`` whenever any module gets a parameter; what it returns, unless None, is kept instead.

    >>> import tensorflowlite_clone as tl
    >>> with register_module_parameter_registration_hook(lambda module, name, parameter: print(name)):
    ...     _ = tl.nn.Linear(1, 1)
    weight
    bias
    """
    return _on_registration("parameter", hook)


def register_module_buffer_registration_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, name, buffer)`` whenever any module gets a buffer; what it returns, unless None, is kept instead."""
    return _on_registration("buffer", hook)


def register_module_module_registration_hook(hook: Callback) -> RemovableHandle:
    """Call ``hook(module, name, submodule)`` whenever any module gets a submodule; what it returns, unless None, is kept instead."""
    return _on_registration("module", hook)
