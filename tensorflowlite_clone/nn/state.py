"""The state of a module: what `Module.state_dict` gives and `Module.load_state_dict` takes, and what is asked of values before.

Not here: what a module consists of (``module.py``), the tables of its hooks (``hooks.py``), files (``io/``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._errors import OperandError, StateDictError
from .._lazy import late_method
from ..autograd import no_grad
from ..core.boxed import Boxed
from ..core.dtypes import CATEGORY
from ..core.tensor import Taped, Tensor
from .parameter import Parameter, is_lazy

if TYPE_CHECKING:
    from .hooks import Hooks

#: The key, behind a module's path, of what `Stateful.get_extra_state` gives.
EXTRA = "_extra_state"
#: Attributes of PyTorch's modules that are not needed here: they repeat others.
MOVED = {"_non_persistent_buffers_set", "_flat_weights", "_flat_weights_names", "_flat_weight_refs", "_all_weights"}


class _IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` found missing and unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class State(OrderedDict[str, Any]):
    """What `Module.state_dict` gives: an ``OrderedDict``, as which it is printed, pickled and copied deeply; notebooks show a table."""

    _repr_html_ = late_method("utils.notebook", "state_html", "Names, shapes and dtypes as a table, in notebooks.")

    def __repr__(self) -> str:
        return repr(OrderedDict(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return (OrderedDict, *super().__reduce__()[1:])


class Loading(OrderedDict[str, Any]):
    """A copy of a state on its way into a module: what is to be written stands here until everything is known to fit."""

    def __init__(self, state: Mapping[str, Any], assign: bool) -> None:
        super().__init__(state)
        self.assign = assign
        self.writes: list[tuple[Tensor, Any]] = []
        #: Parameters that take the place of others, with the tables that they go to.
        self.parameters: list[tuple[dict[str, Any], str, Parameter]] = []
        self.extra: list[tuple[Any, Any]] = []
        #: The keys that modules know, and the paths of the modules that were asked.
        self.known: set[str] = set()
        self.asked: set[str] = set()

    def unexpected(self, modules: Mapping[str, Any]) -> list[str]:
        """The keys that no module knows; but those of modules whose ``_load_from_state_dict`` did not ask `Module`'s are their matter."""
        found = []
        for key in self:
            if key not in self.known:
                path = str(key)
                while path and path not in modules:
                    path = path[: path.rstrip(".").rfind(".") + 1]
                if path in self.asked:
                    found.append(key)
        return found


class Stateful:
    """The part of `Module` that gives and takes its state."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _transient: set[str]
    _hooks: Hooks | None
    #: The version of what ``state_dict`` gives, which stands in its ``_metadata``; a class that changes its state counts on.
    _version: int = 1
    dump_patches: bool = False

    if TYPE_CHECKING:
        named_modules: Any

    def get_extra_state(self) -> Any:
        """What belongs to the state beside tensors; a class that defines it defines `set_extra_state` too.

        It stands in the ``state_dict`` under ``_extra_state``, and should be what `tl.save` can write: numbers, text, lists, dicts.
        """
        raise TypeError(f"{type(self).__name__}: get_extra_state: the class does not define it; define it and set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise TypeError(f"{type(self).__name__}: set_extra_state: the class does not define it; define it beside get_extra_state")

    def state_dict(self, *, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """All parameters and persistent buffers by dotted name: tensors off the tape, in the same memory (``keep_vars``: themselves).

        What modules give by `get_extra_state` stands beside them, and their versions in its attribute ``_metadata``.
        """
        state: Any = destination
        if state is None:
            state = State()
            state._metadata = OrderedDict()
        about = {"version": self._version}
        if hasattr(state, "_metadata"):
            state._metadata[prefix[:-1]] = about
        hooks = self._hooks
        for hook in [] if hooks is None else list(hooks.save_before.values()):
            hook.function(self, prefix, keep_vars)
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in [] if hooks is None else list(hooks.save_after.values()):
            new = hook.function(self, state, prefix, about)
            if new is not None and not hook.may_replace:
                raise OperandError("state_dict: a post hook must return None; change the state_dict it is given instead")
            state = state if new is None else new
        return state  # type: ignore[no-any-return]

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own part into ``destination``, without that of the modules below; a class may extend it."""
        for name, t in self._own_state():
            destination[prefix + name] = t if keep_vars or is_lazy(t) else t.detach()
        if _defines(self, "get_extra_state"):
            destination[prefix + EXTRA] = self.get_extra_state()

    def _own_state(self) -> list[tuple[str, Tensor]]:
        members = [*self._parameters.items(), *((n, b) for n, b in self._buffers.items() if n not in self._transient)]
        return [(n, t) for n, t in members if t is not None]

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> _IncompatibleKeys:
        """Copy values into parameters and buffers by dotted name, and hand modules that define `set_extra_state` theirs.

        With ``strict`` every key must be there and known. Values are copied into the existing memory; with ``assign`` the given
        tensors take its place, and given parameters that of the parameters. Raises one `StateDictError` that lists everything that does
        not fit, before anything is changed (but where hooks may still forgive missing and unexpected keys, these are raised after the
        others were loaded).
        """
        if not isinstance(state_dict, Mapping):
            raise OperandError(
                f"load_state_dict: expected a dict of tensors: got {type(state_dict).__name__}; "
                f"pass what state_dict() returned, or tl.load(path)"
            )
        modules = {f"{path}." if path else "": m for path, m in self.named_modules(remove_duplicate=False)}
        hooked = [m for m in modules.values() if m._hooks is not None and m._hooks.load_after]
        versions = getattr(state_dict, "_metadata", {})
        given, found = Loading(state_dict, assign), _IncompatibleKeys([], [])
        problems: list[str] = []
        for prefix, module in modules.items():
            about = {**versions.get(prefix[:-1], {}), **({"assign_to_params_buffers": True} if assign else {})}
            module._load_from_state_dict(given, prefix, about, True, *found, problems)  # always strict there, as in PyTorch
        found.unexpected_keys.extend(given.unexpected(modules))
        if strict and not hooked:
            problems += keys_that_do_not_fit(*found)
        self._raise_problems(problems)
        self._write(given)
        for module in reversed(hooked):  # inner modules first
            for hook in list(module._hooks.load_after.values()):
                if hook.function(module, found) is not None:
                    raise OperandError("load_state_dict: a post hook must return None; change the lists of keys it is given instead")
        if strict and hooked:
            self._raise_problems(keys_that_do_not_fit(*found))
        return found

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take this module's own part out of ``state_dict``, without that of the modules below; a class may extend it, to rename keys.

        What is found is written when all modules were asked and nothing is wrong; ``local_metadata`` has the ``version`` that wrote it.
        """
        for hook in [] if self._hooks is None else list(self._hooks.load_before.values()):
            hook.function(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        loading = state_dict if isinstance(state_dict, Loading) else Loading(state_dict, False)
        loading.asked.add(prefix)
        for name, t in self._own_state():
            key = prefix + name
            loading.known.add(key)
            if key not in state_dict:
                missing_keys.append(key)
                continue
            array, problem = value_for(t, state_dict[key], loading.assign)
            if problem is not None:
                error_msgs.append(problem.format(key))
            elif loading.assign and isinstance(state_dict[key], Parameter) and name in self._parameters:
                loading.parameters.append((self._parameters, name, state_dict[key]))
            elif array is not None:
                loading.writes.append((t, array))
        if _defines(self, "set_extra_state"):
            key = prefix + EXTRA
            loading.known.add(key)
            if key in state_dict:
                loading.extra.append((self, state_dict[key]))
            else:
                missing_keys.append(key)
        if loading is not state_dict:  # a program that calls this itself
            self._write(loading)

    @staticmethod
    def _write(given: Loading) -> None:
        """Write everything that was found."""
        with no_grad():
            for t, array in given.writes:
                if is_lazy(t):
                    t.materialize(array.shape)  # type: ignore[attr-defined]
                if type(t).rank > 1:
                    t.become(array.clone(), "load_state_dict")
                    continue
                if given.assign:
                    t.data = array
                else:
                    np.copyto(t.array, array, casting="unsafe")
                    t.changed("load_state_dict")
        for table, name, parameter in given.parameters:
            parameter.requires_grad_(table[name].requires_grad)
            table[name] = parameter
        for module, state in given.extra:
            module.set_extra_state(state)

    def _raise_problems(self, problems: Iterable[str]) -> None:
        if problems:
            raise StateDictError(
                f"load_state_dict: the state does not fit {type(self).__name__}: " + "; ".join(problems) + "; "
                "build the module with the arguments it was saved with, or pass strict=False to ignore missing and unexpected keys"
            )


def _defines(module: Any, name: str) -> bool:
    """Whether the module's class has the method of its own."""
    return getattr(type(module), name) is not getattr(Stateful, name)


def keys_that_do_not_fit(missing: list[str], unexpected: list[str]) -> list[str]:
    """What is wrong with the keys of a state, in words."""
    return [f"{what}: {', '.join(map(str, keys))}" for what, keys in (("missing", missing), ("unexpected", unexpected)) if keys]


def value_for(t: Tensor, given: Any, assign: bool) -> tuple[Any, str | None]:
    """The array that shall be written into ``t`` (or take its place: ``assign``); or what is wrong with it, ``{}`` for its name.

    Neither, where both have no shape yet.
    """
    if is_lazy(given):
        return None, None if is_lazy(
            t
        ) else f"size mismatch for {{}}: unknown yet in the state, {t.shape} in the module; call the saved module first"
    if type(t).rank > 1 or (isinstance(given, Boxed) and type(given).rank > 1):  # sparse ones
        if type(t) is not type(given) or given.shape != t.shape:
            kinds = ["sparse" if isinstance(x, Boxed) and type(x).rank > 1 else "dense" for x in (given, t)]
            return None, f"size mismatch for {{}}: {kinds[0]} {np.shape(given)} in the state, {kinds[1]} {tuple(t.shape)} in the module"
        return given.detach().to(t.dtype), None
    try:
        array = given.numpy(force=True) if isinstance(given, Taped) else np.asarray(given)
    except ValueError:  # rows of several lengths
        return None, f"values of {{}}: {type(given).__name__} that is no array in the state, {t.shape} in the module"
    if array.dtype.char not in CATEGORY:
        return None, f"dtype of {{}}: {type(given).__name__} of {array.dtype} in the state, {t.dtype} in the module"
    if not is_lazy(t) and array.shape != t.shape:
        return None, f"size mismatch for {{}}: {array.shape} in the state, {t.shape} in the module"
    if (assign and t.requires_grad and array.dtype.kind not in "fc") or (array.dtype.kind == "c" and t.dtype.kind != "c"):
        return None, f"dtype of {{}}: {array.dtype} in the state, {t.dtype} in the module"
    return array, None


def moved_in(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a module as they are here, from those of one of PyTorch's, which keeps its hooks and their like in other places."""
    if "_non_persistent_buffers_set" not in state:
        return state
    hooks = {name: value for name, value in state.items() if "hook" in name}
    if used := [name for name, value in hooks.items() if value]:
        raise OperandError(f"Module: hooks are code and cannot be taken over: {', '.join(used)} are not empty; remove them before saving")
    kept = {name: value for name, value in state.items() if name not in hooks and name not in MOVED}
    return {**kept, "_transient": set(state["_non_persistent_buffers_set"])}


def moved_out(state: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a module as PyTorch has them: the way back of `moved_in`."""
    if state.get("_hooks") is not None:
        raise OperandError("Module: hooks are code and cannot be stored: the module has some; remove them, or store its state_dict()")
    kept = {name: value for name, value in state.items() if name not in ("_transient", "_hooks")}
    hooks: dict[str, Any] = {
        name: OrderedDict() for name in ("_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_backward_pre_hooks")
    }
    return {**kept, **hooks, "_non_persistent_buffers_set": set(state["_transient"]), "_is_full_backward_hook": None}
