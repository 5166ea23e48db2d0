"""`Optimizer`: parameter groups, steps, state. Not here: the formulas, in one file per algorithm family; saved states (``state.py``).

A step applies one formula to each parameter, in place on the parameter's own memory. Flat buffers for whole groups were measured: the
pass that gathers the gradients costs large models more than the fewer calls save, and moving parameters into a buffer would break what
shares their memory.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .._checks import is_number, number
from .._errors import ArgumentError, OperandError, ShapeError
from .._typing import Shape
from ..autograd import enable_grad
from ..core.tensor import Taped, Tensor
from ..core.where import here, stacklevel
from .state import LoadedState, Shapes

Group: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, Any]


class _Required:
    """A default that there is none: PyTorch's ``required``."""

    def __repr__(self) -> str:
        return "<required parameter>"


#: The default of a setting that every group must have.
required = _Required()


class Optimizer:
    """Updates parameters from their gradients.

    ``params`` is an iterable of leaf tensors, of (name, tensor) pairs, or of dicts ``{"params": [...], "lr": ...}`` with settings
    of their own (groups). ``param_groups`` holds the settings in force and can be changed at any time; ``state`` holds what
    the algorithm remembers per parameter. What PyTorch calls ``foreach``, ``fused`` and ``capturable`` chooses among
    implementations; here there is one.

    An algorithm is a class with a `formula`, or with an `update` of its own.

    Raises `ArgumentError` for an empty list, a repeated or a computed (non-leaf) parameter, `OperandError` for other objects.
    """

    #: Settings that must be numbers, and not negative.
    non_negative: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "eps", "momentum")

    #: What a step makes of a parameter, in plain NumPy: ``formula(p, g, state, group)`` is the new ``p`` and a dict of what is to be
    #: remembered, arrays and numbers. ``state`` is what the steps before remembered, nothing at first, and ``group`` the settings.
    #: ``@fused(kernel)`` names a kernel that takes the same and writes into ``p`` and ``state``: then the formula is its oracle.
    formula: ClassVar[Callable[[Any, Any, State, Group], tuple[Any, State]] | None] = None

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any], differentiable: bool = False) -> None:
        if differentiable:
            raise ArgumentError(
                f"{self._name()}: differentiable=True is not available, steps change parameters in place; "
                f"write the step as a function of the parameters and differentiate that, see tl.func.grad"
            )
        if not isinstance(defaults, dict):
            raise OperandError(f"{self._name()}: defaults must be a dict of settings: got {type(defaults).__name__}; pass {{'lr': lr}}")
        self.defaults = defaults
        #: What the algorithm remembers, by parameter; a parameter without entries gets an empty dict that is kept.
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self._told = False
        if isinstance(params, Taped):
            raise OperandError(f"{self._name()}: params must be an iterable of tensors: got one tensor; pass [tensor]")
        if not isinstance(params, Iterable) or isinstance(params, str | dict):
            fix = "model.parameters()" if hasattr(params, "parameters") else "a list of tensors"
            raise OperandError(f"{self._name()}: params must be an iterable of tensors: got {type(params).__name__}; pass {fix}")
        entries = self._in_order(params)
        if not entries:
            raise ArgumentError(
                f"{self._name()}: got an empty list of parameters; pass model.parameters(), and check that the model has some"
            )
        if not isinstance(entries[0], dict):
            entries = [{"params": entries}]
        for group in entries:
            self.add_param_group(group)

    @classmethod
    def _name(cls) -> str:
        return cls.__name__

    @classmethod
    def _in_order(cls, given: Any) -> list[Any]:
        """The items of an iterable that has an order: the parameters are numbered by it."""
        if isinstance(given, set | frozenset):
            raise OperandError(f"{cls._name()}: parameters must be in an order, sets have none: got a {type(given).__name__}; pass a list")
        if not isinstance(given, Iterable):
            raise OperandError(f"{cls._name()}: parameters must be in a list: got {type(given).__name__} {given!r:.40}; pass [tensor, ...]")
        return list(given)

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own; settings left out are the defaults.

        Raises `OperandError` and `ArgumentError` as the class does, before anything is changed.
        """
        if not isinstance(param_group, dict):
            raise OperandError(f"{self._name()}: a group must be a dict: got {type(param_group).__name__}; pass {{'params': [...]}}")
        if "params" not in param_group:
            raise ArgumentError(f"{self._name()}: a group needs params: it has {', '.join(map(str, param_group)) or 'nothing'}; add them")
        group = dict(param_group)
        given = group["params"]
        params = [given] if isinstance(given, Taped) else self._in_order(given)
        params = [p[1] if isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) else p for p in params]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Taped):
                raise OperandError(f"{self._name()}: parameters must be tensors: item {i} is a {type(p).__name__}")
            if not p.is_leaf:
                raise ArgumentError(
                    f"{self._name()}: only leaf tensors can be optimised: parameter {i} (shape {p.shape}) was computed by "
                    f"{p.node.title()}; pass the tensor it was computed from, or x.detach().requires_grad_()"
                )
            if id(p) in known:
                raise ArgumentError(
                    f"{self._name()}: parameter {i} (shape {p.shape}) appears more than once; give each parameter to one group"
                )
            known.add(id(p))
        for key, value in self.defaults.items():
            if group.setdefault(key, value) is required:
                raise ArgumentError(f"{self._name()}: {key} has no default, and a group does not have it; pass {key}=")
        self._check_settings(group)
        group["params"] = params
        self.param_groups.append(group)

    def _check_settings(self, group: Group) -> None:
        """Raise for settings of a group that are no settings of this algorithm."""
        for key in self.non_negative:
            if group.get(key) is not None:
                setting(self._name(), key, group[key], 0.0)
        self.check_group(group)

    def check_group(self, group: Group) -> None:
        """Raise for settings that make no sense to the algorithm."""

    def state_shapes(self, p: Tensor, group: Group) -> Shapes | None:
        """What is remembered of ``p``, by name: the shape of an array, or None for a number from 0 up. None for all, as here: anything.

        `load_state_dict` refuses what does not fit. An entry whose name ends in "?" may be missing. Of a complex parameter its real
        parts are remembered, shape (.., 2): see `memory_shape`.
        """
        return None

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with ``set_to_none=False``, make them zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p._grad = None if set_to_none else Tensor.wrap(np.zeros(p.shape, p.dtype), p.level)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; ``closure``, if given, computes the loss again first and is returned.

        A first step without any gradient changes nothing, and warns once. Raises `OperandError` for a gradient that belongs to a function
        transform.
        """
        if closure is not None and not callable(closure):
            raise OperandError(f"{self._name()}.step: closure must be a function that computes the loss: got {type(closure).__name__}")
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        name, place, stepped = f"{self._name()}.step", here(), False
        # Formulas and kernels are silent where numbers leave their range; what an `update` of a user's own does is the user's.
        with np.errstate(all=None if self.formula is None else "ignore"):
            for group in self.param_groups:
                settings = group
                for value in group.values():
                    if isinstance(value, Taped):  # a rate that is a tensor
                        settings = _numbers(group)
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    g = p.grad.array
                    if type(g) is not np.ndarray or type(p.array) is not np.ndarray:
                        raise OperandError(f"{name}: a parameter (shape {p.shape}) belongs to a function transform; step outside of it")
                    target = p if p.dtype.kind != "c" else Tensor.wrap(_parts(p.array), p.level)
                    try:
                        self.update(target, g if target is p else _parts(g), self.state[p], settings)
                    except ShapeError as error:
                        raise self._misfit(p, error) from error
                    p.changed(name, place)
                    stepped = True
        if not stepped and not self.state and not self._told:
            self._told = True
            warnings.warn(
                f"{name}: no parameter has a gradient, so nothing was updated; call loss.backward() before step(), and check that the loss "
                f"was computed from these parameters and that they require grad",
                UserWarning,
                stacklevel=stacklevel(),
            )
        return loss

    def _misfit(self, p: Tensor, error: ShapeError) -> ShapeError:
        """The error for a parameter whose state has another shape, as it has where its data were replaced."""
        shapes = {key: getattr(value, "shape", ()) for key, value in self.state[p].items()}
        state = {key: shape for key, shape in shapes.items() if shape and shape != p.shape}
        if not state:
            return error
        number = [id(q) for group in self.param_groups for q in group["params"]].index(id(p))
        held = ", ".join(f"{key} is {shape}" for key, shape in state.items())
        return ShapeError(
            f"{self._name()}.step: the state of parameter {number} does not fit it: {held}, the parameter is {p.shape} (its data were "
            f"replaced?); forget the state: optimizer.state.pop(p)"
        )

    def update(self, p: Tensor, g: Any, state: State, group: Group) -> None:
        """One step for one parameter ``p`` with gradient array ``g``, in place; a complex one comes as real parts, shape (.., 2)."""
        formula = self.formula
        if formula is None:
            raise TypeError(f"{self._name()}: defines no update rule; define update(self, p, g, state, group) in the class")
        if group.get("maximize"):
            g = np.negative(g)
        memory = dict(state)
        for k, v in state.items():
            if isinstance(v, Taped):
                memory[k] = v.array
        kernel = getattr(formula, "kernel", None)
        if kernel is None:
            _step_by_formula(formula, p.array, g, memory, group)
        else:
            kernel(p.array, g, memory, group)
        for k, v in memory.items():
            if not isinstance(v, np.ndarray):
                state[k] = v
            elif not isinstance(state.get(k), Taped):
                state[k] = Tensor.wrap(v, 0)

    # ---- state --------------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters numbered in the order they were given; tensors share memory with the optimizer."""
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {numbers[id(p)] if isinstance(p, Taped) else p: dict(s) for p, s in self.state.items() if s},
            "param_groups": [{**g, "params": [numbers[id(p)] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings, in memory of the optimizer's own.

        Raises `StateDictError`, and changes nothing, for what is no state of this optimizer: other groups or parameters, entries that
        `state_shapes` does not name, of other shapes or kinds; and what the class raises for settings that it does not take.
        """
        groups, state = LoadedState(self, state_dict).checked()
        self.__setstate__({"state": state, "param_groups": groups})

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put a state into force that was loaded or unpickled; classes extend it to complete older ones."""
        vars(self).update(state)

    def __repr__(self) -> str:
        lines = [f"{self._name()} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def setting(op: str, key: str, value: Any, low: float = -math.inf) -> float:
    """A setting that must be a number from ``low`` up; it may be given as a tensor with one element."""
    if isinstance(value, Taped):
        if value.numel() != 1 or value.dtype.kind not in "biuf":
            raise ArgumentError(f"{op}: {key} must be one number: got a tensor of shape {value.shape}, {value.dtype}; pass one number")
        value = value.item()
    if low == 0.0 and is_number(value) and not value >= 0:  # neither negative nor NaN
        raise ArgumentError(f"{op}: {key} must not be negative: got {value}; pass a number from 0 up")
    return number(op, key, value)


def memory_shape(p: Tensor) -> Shape:
    """The shape of an array that is remembered of each element of ``p``: that of its real parts, if it is complex."""
    return (*p.shape, 2) if p.dtype.kind == "c" else p.shape


def _numbers(group: Group) -> Group:
    """A group whose settings that are tensors are numbers."""
    return {k: v.item() if isinstance(v, Taped) and v.numel() == 1 else v for k, v in group.items()}


def _parts(array: Any) -> Any:
    """Complex numbers as pairs of real ones in the same memory: (..) -> (.., 2)."""
    return array[..., None].view(array.real.dtype)


def _step_by_formula(formula: Callable[..., tuple[Any, State]], p: Any, g: Any, memory: State, group: Group) -> None:
    """What a kernel does, by the formula: everything is written into the memory that it has."""
    new, found = formula(p, g, memory, group)
    for k, v in found.items():
        if isinstance(v, np.ndarray | np.generic) and isinstance(memory.get(k), np.ndarray):
            memory[k][...] = v
        else:
            memory[k] = np.array(v) if isinstance(v, np.ndarray | np.generic) else v
    p[...] = new
