"""`Optimizer`: parameter groups, state and its saving. Not here: the formulas, in one file per algorithm family.

A step applies one formula to each parameter, in place on the parameter's own memory. Flat buffers for whole groups were measured: the
pass that gathers the gradients costs large models more than the fewer calls save, and moving parameters into a buffer would break what
shares their memory.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .._errors import ArgumentError, OperandError, StateDictError
from ..autograd import enable_grad
from ..core.tensor import Tensor
from ..core.where import here, stacklevel

Group: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, Any]


class Optimizer:
    """Updates parameters from their gradients.

    ``params`` is an iterable of leaf tensors, of (name, tensor) pairs, or of dicts ``{"params": [...], "lr": ...}`` with settings
    of their own (groups). ``param_groups`` holds the settings in force and can be changed at any time; ``state`` holds what
    the algorithm remembers per parameter. What PyTorch calls ``foreach``, ``fused`` and ``capturable`` chooses among
    implementations; here there is one.

    An algorithm is a class with a `formula`, or with an `update` of its own.

    Raises `ArgumentError` for an empty list, a repeated or a computed (non-leaf) parameter, `OperandError` for other objects.
    """

    #: Settings that must not be negative.
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
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[Group] = []
        self._told = False
        if isinstance(params, Tensor):
            raise OperandError(f"{self._name()}: params must be an iterable of tensors: got one tensor; pass [tensor]")
        if not isinstance(params, Iterable):
            fix = "model.parameters()" if hasattr(params, "parameters") else "a list of tensors"
            raise OperandError(f"{self._name()}: params must be an iterable of tensors: got {type(params).__name__}; pass {fix}")
        entries = list(params)
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

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with settings of their own; settings left out are the defaults."""
        group = dict(param_group)
        given = group["params"]
        params = [given] if isinstance(given, Tensor) else list(given)
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            if not isinstance(p, Tensor):
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
            group.setdefault(key, value)
        for key in self.non_negative:
            if isinstance(group.get(key), int | float) and not group[key] >= 0:  # neither negative nor NaN
                raise ArgumentError(f"{self._name()}: {key} must not be negative: got {group[key]}; pass a number from 0 up")
        self.check_group(group)
        group["params"] = params
        self.param_groups.append(group)

    def check_group(self, group: Group) -> None:
        """Raise for settings that make no sense to the algorithm."""

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with ``set_to_none=False``, make them zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad = None if set_to_none else Tensor.wrap(np.zeros(p.shape, p.dtype), p.level)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; ``closure``, if given, computes the loss again first and is returned.

        A first step without any gradient changes nothing, and warns once. Raises `OperandError` for a gradient that belongs to a function
        transform.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        name, place = f"{self._name()}.step", here()
        # Formulas and kernels are silent where numbers leave their range; what an `update` of a user's own does is the user's.
        with np.errstate(all=None if self.formula is None else "ignore"):
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    g = p.grad.array
                    if type(g) is not np.ndarray or type(p.array) is not np.ndarray:
                        raise OperandError(f"{name}: a parameter (shape {p.shape}) belongs to a function transform; step outside of it")
                    target = p if p.dtype.kind != "c" else Tensor.wrap(_parts(p.array), p.level)
                    self.update(target, g if target is p else _parts(g), self.state.setdefault(p, {}), group)
                    p.changed(name, place)
        if not self.state and not self._told:
            self._told = True
            warnings.warn(
                f"{name}: no parameter has a gradient, so nothing was updated; call loss.backward() before step(), and check that the loss "
                f"was computed from these parameters and that they require grad",
                UserWarning,
                stacklevel=stacklevel(),
            )
        return loss

    def update(self, p: Tensor, g: Any, state: State, group: Group) -> None:
        """One step for one parameter ``p`` with gradient array ``g``, in place; a complex one comes as real parts, shape (.., 2)."""
        formula = self.formula
        if formula is None:
            raise TypeError(f"{self._name()}: defines no update rule; define update(self, p, g, state, group) in the class")
        if group.get("maximize"):
            g = np.negative(g)
        memory = dict(state)
        for k, v in state.items():
            if isinstance(v, Tensor):
                memory[k] = v.array
        kernel = getattr(formula, "kernel", None)
        if kernel is None:
            _step_by_formula(formula, p.array, g, memory, group)
        else:
            kernel(p.array, g, memory, group)
        for k, v in memory.items():
            if not isinstance(v, np.ndarray):
                state[k] = v
            elif not isinstance(state.get(k), Tensor):
                state[k] = Tensor.wrap(v, 0)

    # ---- state --------------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters numbered in the order they were given; tensors share memory with the optimizer."""
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        return {
            "state": {numbers[id(p)]: dict(s) for p, s in self.state.items() if s},
            "param_groups": [{**g, "params": [numbers[id(p)] for p in g["params"]]} for g in self.param_groups],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings; raises `StateDictError`, and changes nothing, if groups or shapes do not fit."""
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise StateDictError(
                f"load_state_dict: the state has {len(groups)} parameter group(s), {self._name()} has {len(self.param_groups)}; "
                f"build the optimizer with the groups it was saved with"
            )
        for i, (theirs, ours) in enumerate(zip(groups, self.param_groups, strict=True)):
            if len(theirs["params"]) != len(ours["params"]):
                raise StateDictError(
                    f"load_state_dict: group {i} has {len(theirs['params'])} parameter(s) in the state and {len(ours['params'])} here; "
                    f"build the optimizer with the parameters it was saved with"
                )
        numbers = [n for g in groups for n in g["params"]]
        params = dict(zip(numbers, (p for g in self.param_groups for p in g["params"]), strict=True))
        state: dict[Tensor, dict[str, Any]] = {}
        for number, entries in state_dict["state"].items():
            p = params[int(number)]
            for key, value in entries.items():
                if isinstance(value, Tensor | np.ndarray) and value.shape not in ((), (*p.shape, 2) if p.dtype.kind == "c" else p.shape):
                    raise StateDictError(f"load_state_dict: {key} of parameter {number} is {value.shape}, the parameter is {p.shape}")
            state[p] = {k: _own_copy(v, p) for k, v in entries.items()}
        for theirs, ours in zip(groups, self.param_groups, strict=True):
            ours.update({k: v for k, v in theirs.items() if k != "params"})
        self.state = state

    def __repr__(self) -> str:
        lines = [f"{self._name()} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def _own_copy(value: Any, p: Tensor) -> Any:
    """A state entry of the optimizer's own: arrays are copied, in the parameter's dtype where they have its shape."""
    if not isinstance(value, Tensor | np.ndarray):
        return value
    array = value.numpy(force=True) if isinstance(value, Tensor) else value
    dtype = p.dtype if array.shape == p.shape and array.dtype.kind == "f" else array.dtype
    return Tensor.wrap(np.array(array, dtype), 0)


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
