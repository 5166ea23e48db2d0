"""Parameters that are computed from others whenever they are asked for: registration, removal, caching.

A module with a parametrized tensor has a class of its own, derived from what its class was, in which the tensor's name is a property.
That class depends on the class before and on the names alone, and is never changed: modules with the same names share one, and copies
of a module can be changed apart. Not here: parametrizations themselves (``parametrizations.py``).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..._checks import flag
from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._lazy import public as _public
from ..._state import Restoring, state
from ...autograd import no_grad
from ...core.tensor import Taped, Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

M = TypeVar("M", bound=Module)
OP = "register_parametrization"


class cached(Restoring):  # noqa: N801  (reads as a statement)
    """``with cached():`` a parametrized tensor is computed once, and that value is given whenever it is asked for again.

    It is computed anew where another tensor has taken the place of an original, or the gradient mode is another one; not after an
    original was changed in place. Blocks may nest; what the outermost remembers is forgotten when it is left. Each thread remembers for
    itself.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.utils.parametrizations.weight_norm(tl.nn.Linear(2, 2))
    >>> layer.weight is layer.weight
    False
    >>> with cached():
    ...     layer.weight is layer.weight
    True
    """

    __slots__ = ()

    def __enter__(self) -> None:
        values = {} if state.parametrized is None else state.parametrized
        self.close = self.inside(partial(setattr, state, "parametrized", state.parametrized))
        state.parametrized = values


def _right_inverse(module: Module, value: Any) -> Any:
    """What the parametrization says gives ``value``: ``value`` itself where it says nothing, as if it were the identity."""
    inverse = getattr(module, "right_inverse", None)
    if inverse is None:
        return value
    try:
        return inverse(value)
    except NotImplementedError:
        return value


def _register(module: Module, name: str, value: Tensor) -> None:
    if isinstance(value, Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _put(into: Tensor, value: Tensor) -> None:
    """Let a tensor that optimizers may know have another's value (and memory)."""
    if value is not into:
        if value.shape != into.shape:
            into.grad = None
        into.data = value.detach()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in the order in which they are applied, and the tensors they start from.

    These are ``original``, or ``original0``, ``original1``... where the ``right_inverse`` of the first parametrization gives several.
    `register_parametrization` makes this; it stands in ``module.parametrizations``.
    """

    original: Tensor

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ArgumentError("ParametrizationList: needs at least one parametrization: got none")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                new = _right_inverse(module, new)
        self.is_tensor = isinstance(new, Taped)
        self.ntensors = 1 if self.is_tensor else len(_several(new, OP))
        if self.is_tensor:
            if new.dtype != dtype:
                raise DTypeError(f"{OP}: right_inverse may not change the dtype: it was {dtype}, is {new.dtype}; convert the result")
        else:
            for i, t in enumerate(new):
                start = (
                    Parameter(t, original.requires_grad) if isinstance(original, Parameter) else t.requires_grad_(original.requires_grad)
                )
                _register(self, f"original{i}", start)
        if self.is_tensor:
            first = new if new is original else type(original)(new.detach(), requires_grad=original.requires_grad)
            _register(self, "original", first)  # to be tried first
        if not unsafe:
            _check_same(OP, "the parametrized tensor", self(), shape, dtype)
        if self.is_tensor and new is not original:
            _put(original, new)
            _register(self, "original", original)  # the object that optimizers know

    def _originals(self) -> list[Tensor]:
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor is ``value``.

        Raises `OperandError` where a parametrization has no ``right_inverse``, and for what it gives that does not fit.
        """
        op, new = "right_inverse", value
        with no_grad():
            for module in reversed(list(self)):
                if not callable(getattr(module, "right_inverse", None)):
                    raise OperandError(f"{op}: {type(module).__name__} has no right_inverse; define it, or set the originals")
                new = module.right_inverse(new)
            found = [_tensor(new, op)] if self.is_tensor else _several(new, op)
            if len(found) != self.ntensors:
                raise ArgumentError(f"{op}: right_inverse must give {self.ntensors} tensors, as it did first: got {len(found)}")
            originals = self._originals()
            for original, t in zip(originals, found, strict=True):
                if t.dtype != original.dtype:
                    raise DTypeError(f"{op}: right_inverse may not change the dtype: the original has {original.dtype}, this {t.dtype}")
            for original, t in zip(originals, found, strict=True):
                _put(original, t)

    def forward(self) -> Tensor:
        """The parametrized tensor."""
        first, *rest = self
        x: Tensor = first(*self._originals())
        for module in rest:
            x = module(x)
        return x


def _tensor(value: Any, op: str, what: str = "right_inverse") -> Tensor:
    if not isinstance(value, Taped):
        raise ArgumentError(f"{op}: {what} must give a tensor: got {type(value).__name__} {value!r:.40}")
    return value


def _several(value: Any, op: str) -> list[Tensor]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ArgumentError(f"{op}: right_inverse must give a tensor or a list of tensors: got {type(value).__name__} {value!r:.40}")
    return [_tensor(t, op, f"item {i} of what right_inverse gives") for i, t in enumerate(value)]


def _check_same(op: str, what: str, value: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Raise for what is no tensor of this shape and dtype."""
    if not isinstance(value, Taped):
        raise ArgumentError(f"{op}: {what} must be a tensor: got {type(value).__name__} {value!r:.40}")
    if value.dtype != dtype:
        raise DTypeError(f"{op}: {what} must keep the dtype {dtype}: it has {value.dtype}; convert it, or pass unsafe=True")
    if value.shape != shape:
        raise ShapeError(f"{op}: {what} must keep the shape {shape}: it has {value.shape}; pass unsafe=True if that is meant")


# ---- the class of a parametrized module -----------------------------------------------------------------------------------
#: The classes, by what the class was and the names; they live as long as there are modules of them.
_classes: WeakValueDictionary[tuple[type[Any], tuple[str, ...]], type[Any]] = WeakValueDictionary()


def _refuse_state(self: Any) -> Any:
    raise OperandError(f"pickle: a parametrized module cannot be pickled: got {type(self).__name__}; save its state_dict()")


def _deep_copied(self: Any, memo: dict[int, Any]) -> Any:
    other: Any = object.__new__(type(self))
    memo[id(self)] = other
    other.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return other


def _property(name: str) -> property:
    def compute(self: Any) -> Any:
        found: ParametrizationList = self.parametrizations[name]
        values = state.parametrized
        if values is None:
            return found()
        key, known = id(found), values.get(id(found))
        now = (state.grad_enabled, *found._originals())
        if known is not None and len(known[1]) == len(now) and all(a is b for a, b in zip(known[1], now, strict=True)):
            return known[2]
        value = found()
        values[key] = found, now, value  # which keeps the list, and with it the key, alive
        return value

    def assign(self: Any, value: Any) -> None:
        if not isinstance(value, Taped):
            raise OperandError(f"{type(self).__name__}.{name}: can only become a tensor: got {type(value).__name__} {value!r:.40}")
        self.parametrizations[name].right_inverse(value)

    return property(compute, assign, doc="What the parametrizations make of the originals.")


def _class_for(kind: type[Any], names: Iterable[str]) -> type[Any]:
    """``kind`` with these names as parametrized tensors; ``kind`` itself for no names."""
    key = kind, tuple(sorted(names))
    if not key[1]:
        return kind
    found = _classes.get(key)
    if found is None:
        body: dict[str, Any] = {name: _property(name) for name in key[1]}
        body |= {"__getstate__": _refuse_state, "__module__": kind.__module__, "__doc__": kind.__doc__}
        if getattr(kind, "__deepcopy__", None) is None:
            body["__deepcopy__"] = _deep_copied
        found = _classes[key] = type(f"Parametrized{kind.__name__}", (kind,), body)
    return found


# ---- what users call ------------------------------------------------------------------------------------------------------
def register_parametrization(module: M, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> M:
    """Let ``module.<tensor_name>`` be ``parametrization(original)``, computed whenever it is asked for; returns the module.

    The original stands in ``module.parametrizations.<tensor_name>.original``, is learned, and appears under that name in the state.
    Several parametrizations of one tensor are applied one after the other. A parametrization may define ``right_inverse(value)``:
    what gives ``value``, as one tensor, or as several that its ``forward`` takes (``original0``, ``original1``... then; these are new,
    and unknown to optimizers). It says where the originals start, and what an assignment to the tensor sets them to.

    Raises `ArgumentError` for an unknown name and for a parametrization that changes shape or dtype, in either direction, unless it is
    ``unsafe``. Nothing is changed then.

    >>> import tensorflowlite_clone as tl
    >>> class Symmetric(tl.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).T
    ...     def right_inverse(self, a):
    ...         return a.triu()
    >>> layer = register_parametrization(tl.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), [*layer.state_dict()]
    (True, ['bias', 'parametrizations.weight.original'])
    >>> layer.weight = tl.eye(3)
    >>> layer.parametrizations.weight.original.tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    for m, what in ((module, "module"), (parametrization, "parametrization")):
        if not isinstance(m, Module):
            raise OperandError(f"{OP}: {what} must be a module: got {type(m).__name__} {m!r:.40}; pass an instance of one")
    flag(OP, "unsafe", unsafe)
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        lists: Any = module.parametrizations
        if not unsafe:
            _check_one_more(module, tensor_name, parametrization)
        lists[tensor_name].append(parametrization)
        lists[tensor_name].unsafe |= unsafe
        return module
    original = module._parameters.get(tensor_name, module._buffers.get(tensor_name))
    if original is None:
        raise ArgumentError(f"{OP}: {type(module).__name__} has no parameter and no buffer {tensor_name!r:.60}")
    made = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    _names(module)[tensor_name] = made
    _renew_class(module)
    return module


def _names(module: Any) -> ModuleDict:
    found: ModuleDict = module.parametrizations
    return found


def _renew_class(module: Module) -> None:
    """Give the module the class that its parametrized names ask for."""
    kind = type(module)
    before = kind.__bases__[0] if kind.__dict__.get("__getstate__") is _refuse_state else kind
    module.__class__ = _class_for(before, _names(module).keys())


def _check_one_more(module: Module, name: str, parametrization: Module) -> None:
    now = getattr(module, name)
    value = parametrization(now)
    _check_same(OP, f"what {type(parametrization).__name__} gives", value, now.shape, now.dtype)
    if getattr(parametrization, "right_inverse", None) is not None:
        try:
            back = parametrization.right_inverse(value)
        except NotImplementedError:
            return
        _check_same(OP, f"what right_inverse of {type(parametrization).__name__} gives", back, now.shape, now.dtype)


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has parametrizations of this tensor; without a name, of any.

    >>> import tensorflowlite_clone as tl
    >>> is_parametrized(tl.nn.Linear(2, 2))
    False
    """
    found = getattr(module, "_modules", {}).get("parametrizations")
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module: M, tensor_name: str, leave_parametrized: bool = True) -> M:
    """Let ``module.<tensor_name>`` be a parameter (or buffer) again: with its value, or, without ``leave_parametrized``, the original.

    It is the original, as an object, where there is one; optimizers go on with it. Where there are several, it is a new parameter, and
    only ``leave_parametrized=True`` is possible. Returns the module, whose class is what it was when nothing is parametrized any more.
    Raises `ArgumentError` for a tensor that is not parametrized.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.utils.parametrizations.weight_norm(tl.nn.Linear(2, 2))
    >>> type(remove_parametrizations(layer, "weight")) is tl.nn.Linear
    True
    """
    op = "remove_parametrizations"
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"{op}: {type(module).__name__} has no parametrization of {tensor_name!r:.60}")
    lists = _names(module)
    found: Any = lists[tensor_name]
    if not found.is_tensor and not leave_parametrized:
        raise ArgumentError(f"{op}: {tensor_name!r} is made of {found.ntensors} tensors, so there is no original to leave; leave the value")
    if found.is_tensor:
        original: Tensor = found.original
        if leave_parametrized:
            with no_grad():
                _put(original, getattr(module, tensor_name))
    else:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    del lists[tensor_name]
    _renew_class(module)
    _register(module, tensor_name, original)
    if len(lists) == 0:
        del module.parametrizations
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before anything in it was parametrized.

    >>> import tensorflowlite_clone as tl
    >>> layer = tl.nn.utils.parametrizations.orthogonal(tl.nn.Linear(2, 2))
    >>> type(layer).__name__, type_before_parametrizations(layer).__name__
    ('ParametrizedLinear', 'Linear')
    """
    kind = type(module)
    return kind.__bases__[0] if is_parametrized(module) else kind


def transfer_parametrizations_and_params(from_module: Module, to_module: M, tensor_name: str | None = None) -> M:
    """Give ``to_module`` the parametrizations of ``from_module`` (of one tensor, or of all), and their originals: both share them then.

    A tensor that ``to_module`` does not have is made. Returns ``to_module``; nothing happens where nothing is parametrized.
    """
    if not is_parametrized(from_module):
        return to_module
    lists = _names(from_module)
    for name in [*lists.keys()] if tensor_name is None else [tensor_name]:
        if name not in lists:
            raise ArgumentError(
                f"transfer_parametrizations_and_params: {type(from_module).__name__} has no parametrization of {name!r:.60}"
            )
        found: Any = lists[name]
        if getattr(to_module, name, None) is None:
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in found:
            register_parametrization(to_module, name, parametrization)
        into: Any = _names(to_module)[name]
        for key in ["original"] if found.is_tensor else [f"original{i}" for i in range(found.ntensors)]:
            setattr(into, key, getattr(found, key))
    return to_module


__dir__ = _public(globals())
