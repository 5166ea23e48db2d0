"""What is asked of a saved state before an optimizer takes it over: groups, parameters, settings, and what is remembered of each.

Not here: the optimizers themselves, which say what their state looks like (`Optimizer.state_shapes`).
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Mapping
from functools import wraps
from typing import Any, Protocol, TypeAlias

import numpy as np

from .._checks import is_integer, is_number
from .._errors import StateDictError
from ..core.dtypes import CATEGORY
from ..core.tensor import Taped, Tensor

#: What is remembered of a parameter, by name: the shape of an array, or None for a number from 0 up; a list of one shape for a list of such
#: arrays, `NUMBER` for any number and `LIST` for a list of such. With "?" the name may be missing.
Shapes: TypeAlias = dict[str, Any]
NUMBER, LIST = "number", "numbers"
#: The shape of what may be anything.
ANY: Any = object()


class Remembered(dict[str, Any]):
    """What is remembered of one parameter: a dict that somebody can watch."""

    __slots__ = ("watch",)
    watch: Watch

    def __reduce__(self) -> Any:
        return Remembered, (dict(self),)

    def watched_by(self, watch: Watch) -> None:
        """From now on, say so when entries are put in or taken out, and have the numbers of the watch; until then that costs nothing."""
        self.alone()
        self.watch = watch
        self.__class__ = Watched

    def alone(self) -> None:
        """Be watched no longer."""


class Watch:
    """What several dicts have in common: whether one has changed, or may have been looked at; and numbers, written into one that is."""

    def __init__(self, looked: bool = False) -> None:
        self.changed, self.looked, self.numbers = False, looked, dict[str, Any]()


def _telling(name: str) -> Any:
    """A method of dicts that changes them, and says so."""
    change = getattr(dict, name)

    @wraps(change)
    def tell(self: Watched, *args: Any, **kwargs: Any) -> Any:
        self.watch.changed = True
        self.alone()
        return change(self, *args, **kwargs)

    return tell


def _looking(name: str) -> Any:
    """A method of dicts that looks at their values, when the numbers are written in."""
    look = getattr(dict, name)

    @wraps(look)
    def looked(self: Watched, *args: Any) -> Any:
        self.watch.looked = True
        dict.update(self, self.watch.numbers)
        return look(self, *args)

    return looked


class Watched(Remembered):
    """What is remembered of one parameter, while somebody watches it.

    >>> state = Remembered(step=1)
    >>> state.watched_by(watch := Watch())
    >>> watch.numbers = {"step": 5}
    >>> state, watch.changed
    ({'step': 5}, False)
    >>> state["step"] = 2
    >>> state, watch.changed
    ({'step': 2}, True)
    """

    __slots__ = ()

    def alone(self) -> None:
        """Be watched no longer, with the numbers as they are now."""
        dict.update(self, self.watch.numbers)
        self.__class__ = Remembered  # type: ignore[assignment]


#: The methods of dicts that change them.
CHANGING = ("__setitem__", "__delitem__", "__ior__", "clear", "pop", "popitem", "setdefault", "update")
for _name in CHANGING:
    setattr(Watched, _name, _telling(_name))
#: With ``__iter__``, `dict` of one and ``**`` ask for each value, too.
for _name in ("__eq__", "__getitem__", "__iter__", "__ne__", "__or__", "__repr__", "__ror__", "copy", "get", "items", "values"):
    setattr(Watched, _name, _looking(_name))


class States(defaultdict[Any, dict[str, Any]]):
    """What is remembered of all parameters, which counts how often that of one was put in, replaced or taken out.

    >>> states = States(Remembered)
    >>> states["p"]["step"] = 1
    >>> states.pop("p"), states.changes
    ({'step': 1}, 2)
    """

    changes = 0


def _counting(name: str) -> Any:
    change = getattr(defaultdict, name)

    @wraps(change)
    def counted(self: States, *args: Any, **kwargs: Any) -> Any:
        self.changes += 1
        return change(self, *args, **kwargs)

    return counted


for _name in CHANGING:
    setattr(States, _name, _counting(_name))


class _Owner(Protocol):
    """An optimizer, as this file sees it."""

    param_groups: list[dict[str, Any]]

    @classmethod
    def _name(cls) -> str: ...
    def _check_settings(self, group: dict[str, Any]) -> None: ...
    def state_shapes(self, p: Tensor, group: dict[str, Any]) -> Shapes | None: ...


class LoadedState:
    """A state that was saved, held against the optimizer that shall take it over."""

    def __init__(self, owner: _Owner, state_dict: Any) -> None:
        self.owner, self.given = owner, state_dict

    def checked(self) -> tuple[list[dict[str, Any]], States]:
        """The groups and the state to put into force, with arrays of their own; raises if anything does not fit."""
        name = self.owner._name()
        if not isinstance(self.given, Mapping):
            raise StateDictError(f"load_state_dict: {name} got {type(self.given).__name__} as its state; pass what state_dict() returned")
        missing = [k for k in ("state", "param_groups") if k not in self.given]
        if missing:
            raise StateDictError(
                f"load_state_dict: no state of {name}: it has no {' and no '.join(missing)}; pass what state_dict() returned"
            )
        for key, kind in (("state", Mapping), ("param_groups", list | tuple)):
            if not isinstance(self.given[key], kind):
                raise StateDictError(
                    f"load_state_dict: no state of {name}: {key} is {type(self.given[key]).__name__}; pass what state_dict() returned"
                )
        groups, numbers = self._groups(self.given["param_groups"])
        return groups, self._state(self.given["state"], numbers, groups)

    def _groups(self, given: Any) -> tuple[list[dict[str, Any]], dict[int, Tensor]]:
        """The groups with their settings, and the parameters by the number they have in the state."""
        name, ours = self.owner._name(), self.owner.param_groups
        if len(given) != len(ours):
            raise StateDictError(
                f"load_state_dict: the state has {len(given)} parameter group(s), {name} has {len(ours)}; "
                f"build the optimizer with the groups it was saved with"
            )
        groups: list[dict[str, Any]] = []
        params: dict[int, Tensor] = {}
        for i, (theirs, here) in enumerate(zip(given, ours, strict=True)):
            if not isinstance(theirs, Mapping) or not isinstance(theirs.get("params"), list | tuple):
                raise StateDictError(f"load_state_dict: group {i} is no group of {name}: it has no list of params; pass what was saved")
            if len(theirs["params"]) != len(here["params"]):
                raise StateDictError(
                    f"load_state_dict: group {i} has {len(theirs['params'])} parameter(s) in the state and {len(here['params'])} here; "
                    f"build the optimizer with the parameters it was saved with"
                )
            for number, p in zip(theirs["params"], here["params"], strict=True):
                if not is_integer(number) or params.get(number, p) is not p:
                    raise StateDictError(
                        f"load_state_dict: parameters must be numbered, each once: group {i} has {number!r:.40}; pass what was saved"
                    )
                params[int(number)] = p
            group = {**here, **{k: copy.deepcopy(v) for k, v in theirs.items() if k != "params"}}
            self.owner._check_settings(group)
            groups.append(group)
        return groups, params

    def _state(self, given: Any, params: dict[int, Tensor], groups: list[dict[str, Any]]) -> States:
        """What is remembered, by parameter."""
        state = States(Remembered)
        group_of = {id(p): g for g in groups for p in g["params"]}
        for number, entries in given.items():
            known = (isinstance(number, str) and number.isdecimal()) or is_integer(number)
            p = params.get(int(number)) if known else None
            declared = None if p is None else self.owner.state_shapes(p, group_of[id(p)])
            if p is None and (known or not isinstance(number, str)):
                raise StateDictError(
                    f"load_state_dict: there is no parameter {number!r:.40}: they are numbered {', '.join(map(str, [*params][:8]))}"
                    f"{'...' if len(params) > 8 else ''}; pass what was saved"
                )
            if not isinstance(entries, Mapping):
                raise StateDictError(
                    f"load_state_dict: what is remembered of parameter {number} must be a dict: got {type(entries).__name__}; "
                    f"pass what was saved"
                )
            if declared is not None:
                self._names(number, entries, declared)
            found = {k: self._entry(k, v, number, p, declared) for k, v in entries.items()}
            state[number if p is None else p] = Remembered(found)
        return state

    def _names(self, number: Any, entries: Mapping[str, Any], declared: Shapes) -> None:
        """Raise if entries are missing, or are none of this optimizer; a parameter without any has not been stepped."""
        required = {k for k in declared if not k.endswith("?")}
        missing = sorted(required - entries.keys()) if entries else []
        unknown = sorted(map(str, entries.keys() - {k.removesuffix("?") for k in declared}))
        if missing or unknown:
            what = [f"{', '.join(map(str, names))} {how}" for names, how in ((missing, "missing"), (unknown, "not known")) if names]
            raise StateDictError(
                f"load_state_dict: {self.owner._name()} does not remember this of parameter {number}: {'; '.join(what)}; "
                f"load the state of an optimizer of this class"
            )

    def _entry(self, key: str, value: Any, number: Any, p: Tensor | None, shapes: Shapes | None) -> Any:
        """One entry, in memory of its own: floating arrays in the dtype of the parameter."""
        what = f"load_state_dict: {key} of parameter {number}"
        shape = ANY if shapes is None or p is None else {k.removesuffix("?"): s for k, s in shapes.items()}[key]
        if isinstance(shape, list) or shape == LIST:
            if not isinstance(value, list | tuple):
                raise StateDictError(f"{what} must be a list: got {type(value).__name__} {value!r:.60}; pass what was saved")
            one = NUMBER if shape == LIST else shape[0]
            return [self._entry(key, v, number, p, {key: one}) for v in value]
        if not isinstance(value, Taped | np.ndarray):
            if shape == NUMBER and is_number(value):
                return value
            if shape is ANY or (
                value is None and isinstance(shape, tuple) and f"{key}?" in (shapes or {})
            ):  # PyTorch's SGD writes None where there is no momentum
                return copy.deepcopy(value)
            if shape is None and is_number(value) and 0 <= value < math.inf:
                return value
            expected = "a number" if shape == NUMBER else "a number from 0 up" if shape is None else f"a tensor of shape {shape}"
            raise StateDictError(f"{what} must be {expected}: got {type(value).__name__} {value!r:.60}; pass what was saved")
        array = value.numpy(force=True) if isinstance(value, Taped) else value
        if array.dtype.char not in CATEGORY or array.dtype.kind not in ("biufcV" if shape is ANY else "biufV" if shape is None else "fcV"):
            raise StateDictError(f"{what} is of {array.dtype}, which is no kind of number for it; pass what was saved")
        if shape == NUMBER and array.size == 1 and array.dtype.kind in "iufV":
            return float(array.item())
        if shape is None:
            if array.size != 1 or not 0 <= array.item() < math.inf:
                raise StateDictError(f"{what} must be a number from 0 up: got {array.tolist()!r:.60}; pass what was saved")
            number = array.item()
            return int(number) if key == "step" and float(number).is_integer() else number
        if shape is ANY:
            real = p is not None and array.dtype.kind in "fV" and array.shape
            return Tensor.wrap(np.array(array, np.empty(0, p.dtype).real.dtype if p is not None and real else array.dtype), 0)
        complex_here = p is not None and p.dtype.kind == "c"
        if complex_here and array.dtype.kind != "c" and array.shape == shape != tuple(p.shape):  # type: ignore[union-attr]
            return Tensor.wrap(np.array(array, np.empty(0, p.array.dtype).real.dtype), 0)  # type: ignore[union-attr]  # of all, as one vector
        if complex_here and array.dtype.kind != "c" and array.shape == (*shape, 2):  # as pairs of real numbers
            array = array[..., 0] + 1j * array[..., 1]
        if array.shape != shape or (array.dtype.kind == "c") != complex_here:
            raise StateDictError(f"{what} is {array.shape}, the parameter is {'' if p is None else p.shape}: it must be {shape}")
        return Tensor.wrap(np.array(array, array.dtype if p is None else p.array.dtype), 0)
