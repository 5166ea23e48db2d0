"""Modules as functions of their parameters: `functional_call`, and `stack_module_state` for ensembles.

Works with anything that has a module's tables (``_parameters``, ``_buffers``, ``_modules``); knows no layer. Not here: modules
themselves (``nn/``), which live on a higher floor.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError, StateDictError
from .._state import Restoring, freed_by_fork, in_turn
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.tensor import Tensor

TABLES = ("_parameters", "_buffers")

#: What calls under way have replaced, and in which thread.
_replacements: dict[int, tuple[int, list[tuple[dict[str, Any], str, Any]]]] = {}
_guard = freed_by_fork(threading.Lock())
#: One lock per module whose entries were ever replaced: calls of other threads on the same module wait.
_locks: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: dict[str, Any] | Sequence[dict[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call ``module`` with other parameters and buffers in place of its own, which it has back afterwards, whatever happens.

    Args:
        module: the module.
        parameter_and_buffer_dicts: replacements by dotted name, as one dict or as several with different names. What is not named
            keeps its value. A buffer that the module replaces during the call is replaced in the dict, too. A tensor that is an attribute
            and neither a parameter nor a buffer can be replaced by its name, but not under ``strict``.
        args: positional arguments as a tuple; anything else is the only argument.
        kwargs: keyword arguments.
        tie_weights: whether a replacement stands for every name under which the module has the same tensor.
        strict: whether missing and unknown names are errors.

    Raises `ArgumentError` where a name is given twice, tied names get different values, or a name is of a parametrized tensor,
    `StateDictError` for names that do not fit under ``strict``, `OperandError` for replacements that are no arrays, `ShapeError` for
    replacements of another shape.

    Threads: calls with replacements for the same module wait for each other; a plain ``module(x)`` beside them may see either.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.Linear(2, 1)
    >>> values = {"weight": tl.ones(1, 2), "bias": tl.zeros(1)}
    >>> functional_call(layer, values, tl.ones(2)).item()
    2.0
    >>> loss = lambda p, x: functional_call(layer, p, x).sum()
    >>> tl.func.grad(loss)(values, tl.tensor([3.0, 4.0]))["weight"].tolist()
    [[3.0, 4.0]]
    """
    dicts = _as_dicts(parameter_and_buffer_dicts)
    origin = {name: d for d in dicts for name in d}
    values = {name: d[name] for name, d in origin.items()}
    own = dict(_members(module))
    if strict:
        _check_names(module, values, own, tie_weights)
    own |= _attributes(module, [name for name in values if name not in own])
    targets = _with_ties(values, own) if tie_weights else {n: v for n, v in values.items() if n in own}
    for name, value in targets.items():
        _check(name, value, own[name][2])
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    slots = {name: own[name][:2] for name in targets}
    with _replaced(slots, targets) as places:
        result = module(*positional, **(kwargs or {}))
        after = {name: table.get(attribute, targets[name]) for name, (table, attribute) in places.items()}
    for name, value in after.items():
        if name in origin and value is not targets[name]:
            origin[name][name] = value
    return result


def _as_dicts(given: Any) -> list[dict[str, Any]]:
    dicts: list[dict[str, Any]] | None
    dicts = [given] if isinstance(given, dict) else list(given) if isinstance(given, tuple | list) else None
    if dicts is None or not all(isinstance(d, dict) for d in dicts):
        raise ArgumentError(
            f"functional_call: parameters and buffers must be a dict or a tuple of dicts: got {type(given).__name__}; "
            f"pass dict(module.named_parameters())"
        )
    seen: set[str] = set()
    for d in dicts:
        twice = sorted(seen & d.keys())
        if twice:
            raise ArgumentError(f"functional_call: {twice} stand(s) in several dicts; give each name once")
        seen |= d.keys()
    return dicts


def _members(module: Any, prefix: str = "", above: tuple[Any, ...] = ()) -> Iterator[tuple[str, tuple[Any, str, Any]]]:
    """Every dotted name of a parameter or buffer, with its owner, the name there and the value; shared ones under each name."""
    for table in TABLES:
        for name, value in getattr(module, table).items():
            if value is not None:
                yield prefix + name, (module, name, value)
    for name, child in module._modules.items():
        if child is not None and not any(child is m for m in above):
            yield from _members(child, f"{prefix}{name}.", (*above, module))


def _attributes(module: Any, names: list[str]) -> dict[str, tuple[Any, str, Any]]:
    """Those of the names that are of tensors in plain attributes; raises for one that is computed whenever it is asked for."""
    found: dict[str, tuple[Any, str, Any]] = {}
    for name in names:
        *path, attribute = name.split(".")
        owner = module
        for part in path:
            owner = None if owner is None else owner._modules.get(part)
        value = None if owner is None else vars(owner).get(attribute)
        if isinstance(value, Boxed):
            found[name] = owner, attribute, value
        elif owner is not None and isinstance(getattr(type(owner), attribute, None), property) and "parametrizations" in owner._modules:
            made_of = [k for k, _ in owner.named_parameters() if k.startswith(f"parametrizations.{attribute}.")]
            raise ArgumentError(
                f"functional_call: {name!r} is computed from others, and would be again: give {' and '.join(made_of)}, or remove the "
                f"parametrizations"
            )
    return found


def _with_ties(values: dict[str, Any], own: dict[str, tuple[Any, str, Any]]) -> dict[str, Any]:
    """The replacements, also under the other names of the same tensors."""
    names_of: dict[int, list[str]] = {}
    for name, (_, _, value) in own.items():
        names_of.setdefault(id(value), []).append(name)
    targets: dict[str, Any] = {}
    for name, value in values.items():
        if name not in own:
            continue
        for tied in names_of[id(own[name][2])]:
            if targets.setdefault(tied, value) is not value:
                raise ArgumentError(
                    f"functional_call: {name!r} and {tied!r} are one tensor in the module but got different values; give one of them, "
                    f"or pass tie_weights=False"
                )
    return targets


def _check_names(module: Any, values: dict[str, Any], own: dict[str, tuple[Any, str, Any]], tie_weights: bool) -> None:
    given = {id(own[n][2]) for n in values if n in own}
    missing = [n for n, (_, _, v) in own.items() if n not in values and not (tie_weights and id(v) in given)]
    unknown = [n for n in values if n not in own]
    facts = [f"{what} {names}" for what, names in (("missing:", missing), ("unknown:", unknown)) if names]
    if facts:
        raise StateDictError(
            f"functional_call: names do not fit {type(module).__name__}: {'; '.join(facts)}; with strict=True give exactly the names of "
            f"named_parameters() and named_buffers()"
        )


def _check(name: str, value: Any, before: Array) -> None:
    """Replacements must be arrays of the shape that the module has."""
    if not isinstance(value, Boxed | np.ndarray):
        raise OperandError(
            f"functional_call: {name!r} must be a tensor or an array: got {type(value).__name__}; make it one with tl.tensor(...)"
        )
    if shape_of(value) != shape_of(before):
        raise ShapeError(
            f"functional_call: {name!r} has the wrong shape: it is {shape_of(value)}, the module's is {shape_of(before)}; "
            f"inside vmap map over the axis of the models"
        )


class _replaced(Restoring):  # noqa: N801  (reads as a statement)
    """``values`` in their places, which the block gets by name; afterwards what was there. Other threads wait for the modules meanwhile."""

    __slots__ = ("slots", "values")

    def __init__(self, slots: dict[str, tuple[Any, str]], values: dict[str, Any]) -> None:
        self.slots, self.values = slots, values

    def __enter__(self) -> dict[str, tuple[dict[str, Any], str]]:
        places = {n: (_table_of(o, attribute), attribute) for n, (o, attribute) in self.slots.items()}
        owners = {id(owner): owner for owner, _ in self.slots.values()}
        every = [_lock_of(owners[key]) for key in sorted(owners)]  # one order for all threads
        locks = [lock for lock in every if not lock._is_owned()]  # the others are held by a call around this one
        before: list[tuple[dict[str, Any], str, Any]] = []
        _replacements[id(before)] = threading.get_ident(), before
        try:
            for lock in locks:
                lock.acquire()
            before += [(table, attribute, table[attribute]) for table, attribute in places.values()]
            undos = [partial(table.__setitem__, attribute, value) for table, attribute, value in before]
            self.close = in_turn(*undos, *[partial(lock.release) for lock in locks], partial(_replacements.pop, id(before), None))
            for name, (table, attribute) in places.items():
                table[attribute] = self.values[name]
            return places
        except BaseException:  # an interrupt
            for table, attribute, value in before:
                table[attribute] = value
            for lock in locks:
                if lock._is_owned():
                    lock.release()
            _replacements.pop(id(before), None)
            raise


def _table_of(module: Any, name: str) -> dict[str, Any]:
    """Where the module keeps what it has under this name."""
    table: dict[str, Any] = next((t for t in (module._parameters, module._buffers) if name in t), vars(module))
    return table


def _after_fork() -> None:
    """In a forked child no other thread will put back what it replaced."""
    for ident, before in list(_replacements.values()):
        if ident != threading.get_ident():
            for table, attribute, value in before:
                table[attribute] = value


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _lock_of(module: Any) -> Any:
    with _guard:
        return _locks.setdefault(module, freed_by_fork(threading.RLock()))


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of several modules of one kind, stacked along a new first axis.

    Args:
        models: modules that differ in their values only.

    Returns ``(params, buffers)``, dicts by dotted name. With `functional_call` inside `vmap` they run as one ensemble. Stacked leaves
    are leaves that require gradients if the models' do; what was computed stays on the tape.

    Raises `ArgumentError` for no models or models of different classes, modes or tables, `ShapeError` for different shapes.

    >>> import tensorflowlite_clone as tl
    >>> models = [tl.nn.Linear(3, 2) for _ in range(5)]
    >>> params, buffers = stack_module_state(models)
    >>> params["weight"].shape
    (5, 2, 3)
    >>> call = lambda p, x: functional_call(models[0], p, x)
    >>> tl.func.vmap(call, in_dims=(0, None))(params, tl.ones(3)).shape
    (5, 2)
    """
    models = list(models)
    if not models:
        raise ArgumentError("stack_module_state: there are no models: got an empty list; pass at least one")
    classes = sorted({type(m).__name__ for m in models})
    if len({type(m) for m in models}) > 1:
        raise ArgumentError(f"stack_module_state: the models must be of one class: got {classes}; stack each class by itself")
    if len({m.training for m in models}) > 1:
        raise ArgumentError("stack_module_state: some models are in training mode and some are not; call train() or eval() on all of them")
    return (
        _stacked([dict(m.named_parameters()) for m in models], "parameter"),
        _stacked([dict(m.named_buffers()) for m in models], "buffer"),
    )


def _stacked(tables: list[dict[str, Any]], what: str) -> dict[str, Any]:
    names = tables[0].keys()
    if any(t.keys() != names for t in tables):
        different = sorted({n for t in tables for n in t if any(n not in other for other in tables)})
        raise ArgumentError(f"stack_module_state: not every model has the {what}(s) {different}; the models must differ in values only")
    return {name: _stack_one(name, [t[name] for t in tables]) for name in names}


def _stack_one(name: str, tensors: list[Tensor]) -> Any:
    shapes = {t.shape for t in tensors}
    if len(shapes) > 1:
        raise ShapeError(f"stack_module_state: {name!r} has different shapes: {sorted(shapes)}; the models must differ in values only")
    if len({t.requires_grad for t in tensors}) > 1:
        raise ArgumentError(f"stack_module_state: {name!r} requires grad in some models only; call requires_grad_() on all of them")
    if all(t.is_leaf for t in tensors):
        return Tensor(np.stack([t.numpy(force=True) for t in tensors]), requires_grad=tensors[0].requires_grad)
    stacked: Any = np.stack(tensors)
    return stacked


def replace_all_batch_norm_modules_(root: Any) -> Any:
    """Let every batch normalisation in ``root`` use the statistics of each batch alone, also in evaluation; returns ``root``.

    Running statistics are changed in place by every batch, which `vmap` refuses; without them a model can be mapped in training.

    >>> import tensorflowlite_clone as tl
    >>> model = replace_all_batch_norm_modules_(tl.nn.Sequential(tl.nn.BatchNorm1d(3)))
    >>> tl.func.vmap(model)(tl.ones(2, 4, 3)).shape
    (2, 4, 3)
    """
    if not callable(getattr(root, "modules", None)):
        raise OperandError(f"replace_all_batch_norm_modules_: root must be a module: got {type(root).__name__} {root!r:.40}")
    for module in root.modules():
        forget = getattr(module, "_without_running_statistics", None)
        if forget is not None:
            forget()
    return root


def functionalize(func: Any, *, remove: str = "mutations") -> Any:
    """``func`` itself: transforms follow what it changes in place. ``remove`` is "mutations" or "mutations_and_views".

    Raises `ArgumentError` for another word.
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise ArgumentError(f"functionalize: remove must be 'mutations' or 'mutations_and_views': got {remove!r:.40}")
    return func
