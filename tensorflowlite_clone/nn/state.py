"""The state of a module: what `Module.state_dict` gives and `Module.load_state_dict` takes, and what is asked of values before.

Not here: what a module consists of (``module.py``), the tables of its hooks (``hooks.py``), files (``io.py``).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._errors import OperandError, StateDictError
from ..autograd import no_grad
from ..core.dtypes import CATEGORY
from ..core.tensor import Taped, Tensor

if TYPE_CHECKING:
    from .hooks import Hooks

#: The key, behind a module's path, of what `Stateful.get_extra_state` gives.
EXTRA = "_extra_state"


class IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` found missing and unexpected."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Stateful:
    """The part of `Module` that gives and takes its state."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _transient: set[str]
    _hooks: Hooks | None

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

        What modules give by `get_extra_state` stands beside them.
        """
        state: dict[str, Any] = OrderedDict() if destination is None else destination
        hooks = self._hooks
        for hook in [] if hooks is None else list(hooks.save_before.values()):
            hook.function(self, prefix, keep_vars)
        for name, t in self._own_state():
            state[prefix + name] = t if keep_vars else t.detach()
        if _defines(self, "get_extra_state"):
            state[prefix + EXTRA] = self.get_extra_state()
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in [] if hooks is None else list(hooks.save_after.values()):
            if hook.function(self, state, prefix, {}) is not None:
                raise OperandError("state_dict: a post hook must return None; change the state_dict it is given instead")
        return state

    def _own_state(self) -> list[tuple[str, Tensor]]:
        members = [*self._parameters.items(), *((n, b) for n, b in self._buffers.items() if n not in self._transient)]
        return [(n, t) for n, t in members if t is not None]

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> IncompatibleKeys:
        """Copy values into parameters and buffers by dotted name, and hand modules that define `set_extra_state` theirs.

        With ``strict`` every key must be there and known. Values are copied into the existing memory; with ``assign`` the given
        tensors take its place. Raises one `StateDictError` that lists everything that does not fit, before anything is changed (but
        where hooks may still forgive missing and unexpected keys, these are raised after the others were loaded).
        """
        if not isinstance(state_dict, Mapping):
            raise OperandError(
                f"load_state_dict: expected a dict of tensors: got {type(state_dict).__name__}; "
                f"pass what state_dict() returned, or tl.load(path)"
            )
        modules = [(f"{path}." if path else "", m) for path, m in self.named_modules(remove_duplicate=False)]
        hooked = [(prefix, m, m._hooks) for prefix, m in modules if m._hooks is not None]
        own = {prefix + k: t for prefix, m in modules for k, t in m._own_state()}
        extra = {prefix + EXTRA: m for prefix, m in modules if _defines(m, "set_extra_state")}
        problems: list[str] = []
        if any(hooks.load_before for _, _, hooks in hooked):
            state_dict = OrderedDict(state_dict)
            for prefix, module, hooks in hooked:
                for hook in list(hooks.load_before.values()):
                    hook.function(module, state_dict, prefix, {}, strict, [], [], problems)
        found = IncompatibleKeys(
            [k for k in (*own, *extra) if k not in state_dict], [k for k in state_dict if k not in own and k not in extra]
        )
        late = any(hooks.load_after for _, _, hooks in hooked)
        if strict and not late:
            problems += keys_that_do_not_fit(*found)
        arrays = self._values(own, state_dict, assign, problems)
        with no_grad():
            for k, array in arrays.items():
                t = own[k]
                if assign:
                    t.data = array
                else:
                    np.copyto(t.array, array, casting="unsafe")
                    t.changed("load_state_dict")
        for k, module in extra.items():
            if k in state_dict:
                module.set_extra_state(state_dict[k])
        for _, module, hooks in reversed(hooked):  # inner modules first
            for hook in list(hooks.load_after.values()):
                if hook.function(module, found) is not None:
                    raise OperandError("load_state_dict: a post hook must return None; change the lists of keys it is given instead")
        if strict and late:
            self._raise_problems(keys_that_do_not_fit(*found))
        return found

    def _values(self, own: dict[str, Tensor], given: Mapping[str, Any], assign: bool, problems: list[str]) -> dict[str, Any]:
        """The arrays for ``own``; raises what is wrong with them together with the ``problems`` known before."""
        arrays = {}
        for k, t in own.items():
            if k in given:
                array, problem = value_for(t, given[k], assign)
                if problem is None:
                    arrays[k] = array
                else:
                    problems.append(problem.format(k))
        self._raise_problems(problems)
        return arrays

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
    """The array that shall be written into ``t`` (or take its place: ``assign``); or what is wrong with it, ``{}`` for its name."""
    try:
        array = given.numpy(force=True) if isinstance(given, Taped) else np.asarray(given)
    except ValueError:  # rows of several lengths
        return None, f"values of {{}}: {type(given).__name__} that is no array in the state, {t.shape} in the module"
    if array.dtype.char not in CATEGORY:
        return None, f"dtype of {{}}: {type(given).__name__} of {array.dtype} in the state, {t.dtype} in the module"
    if array.shape != t.shape:
        return None, f"size of {{}}: {array.shape} in the state, {t.shape} in the module"
    if (assign and t.requires_grad and array.dtype.kind not in "fc") or (array.dtype.kind == "c" and t.dtype.kind != "c"):
        return None, f"dtype of {{}}: {array.dtype} in the state, {t.dtype} in the module"
    return array, None
