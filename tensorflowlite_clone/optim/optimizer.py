"""`Optimizer`: parameter groups, steps, state. Not here: the formulas, in one file per algorithm family; settings, hooks, saved states (the
files of those names); how a formula is applied to memory, to many parameters, or recorded (``stepping.py``, ``bundles.py``).

A step applies one formula to each parameter, in place on the parameter's own memory.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from .._checks import is_number
from .._errors import ArgumentError, OperandError, ShapeError, StateDictError
from ..autograd import enable_grad
from ..autograd.backward import forget_gradient
from ..core.tensor import Taped, Tensor
from ..core.where import here, stacklevel
from ..ops.sparse.coo import SparseTensor
from .bundles import FEW, Bundles
from .hooks import Hooked, register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from .rows import gradient_for, step_rows
from .settings import Group, Ranges, as_numbers, required, setting, within
from .state import LoadedState, Remembered, Shapes, States
from .stepping import State, apply, as_complex, as_parts, record

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]


class Optimizer(Hooked):
    """Updates parameters from their gradients.

    ``params`` is an iterable of leaf tensors, of (name, tensor) pairs, or of dicts ``{"params": [...], "lr": ...}`` with settings
    of their own (groups). ``param_groups`` holds the settings in force and can be changed at any time; ``state`` holds what
    the algorithm remembers per parameter. Names are kept in the groups as ``param_names``.

    What PyTorch calls ``foreach``, ``fused`` and ``capturable`` chooses among implementations; here there is one, and they are kept among
    the settings. With ``differentiable=True`` a step is recorded: parameters, which must not be leaves that require grad, become
    results of the formula, of which gradients flow to what they were, to gradients made by ``backward(create_graph=True)``, and to settings
    that are tensors.

    An algorithm is a class with a `formula`, or with an `update` of its own.

    Raises `ArgumentError` for an empty list, a parameter of two groups or a computed (non-leaf) one, `OperandError` for other objects;
    one that is twice in a group is updated twice, and warned of.
    """

    #: Settings that must be numbers, and not negative, where a group has them.
    non_negative: ClassVar[tuple[str, ...]] = ("lr", "weight_decay", "eps", "momentum")
    #: Settings that must be numbers in an interval, ``"[0, 1)"``; of settings that are several numbers, an interval for each.
    ranges: ClassVar[Ranges] = {}

    #: What a step makes of a parameter, in plain NumPy: ``formula(p, g, state, group)`` is the new ``p`` and a dict of what is to be
    #: remembered, arrays and numbers. ``state`` is what the steps before remembered, nothing at first, and ``group`` the settings.
    #: ``@fused(kernel)`` names a kernel that takes the same and writes into ``p`` and ``state``: then the formula is its oracle.
    formula: ClassVar[Any] = None
    #: Whether each element of the new ``p``, and of what is remembered, follows from the same element of what came in: then the formula may
    #: be applied to pieces of a large parameter, and to many small ones together.
    elementwise: ClassVar[bool] = False
    #: Which gradients it takes: "dense", "sparse" or "both" (see ``rows.py``).
    gradients: ClassVar[str] = "dense"
    #: What is remembered of each element, and what numbers of the whole, by name; a name that ends in "?" may be missing. None: anything.
    arrays: ClassVar[tuple[str, ...] | None] = None
    numbers: ClassVar[tuple[str, ...]] = ("step",)

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        if not isinstance(defaults, dict):
            raise OperandError(f"{self._name()}: defaults must be a dict of settings: got {type(defaults).__name__}; pass {{'lr': lr}}")
        if defaults.get("fused") and (defaults.get("foreach") or defaults.get("differentiable")):
            other = "foreach" if defaults.get("foreach") else "differentiable"
            raise ArgumentError(f"{self._name()}: fused and {other} cannot both be True; leave one of them out, fused changes nothing here")
        self.defaults = defaults
        #: What the algorithm remembers, by parameter; a parameter without entries gets an empty dict that is kept.
        self.state: defaultdict[Any, dict[str, Any]] = States(Remembered)
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
        given = param_group["params"]
        params = [given] if isinstance(given, Taped) else self._in_order(given)
        named = [isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in params]
        group: Group = {"params": [p[1] if has else p for p, has in zip(params, named, strict=True)]}
        if any(named):
            group["param_names"] = [p[0] for p, has in zip(params, named, strict=True) if has]
        group = {**group, **{k: v for k, v in param_group.items() if k != "params"}}
        params = group["params"]
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            self._check_parameter(i, p, known, group)
        if len({*map(id, params)}) < len(params):
            twice = next(i for i, p in enumerate(params) if any(p is q for q in params[:i]))
            warnings.warn(
                f"{self._name()}: parameter {twice} (shape {params[twice].shape}) appears more than once in its group, and each "
                f"step will update it as often; give it once",
                UserWarning,
                stacklevel=stacklevel(),
            )
        if (any(named) and not all(named)) or (params and self.param_groups and any(named) != ("param_names" in self.param_groups[0])):
            raise ArgumentError(
                f"{self._name()}: parameters must all have names, or none: here {sum(named)} of {len(named)} have one"
                f"{', earlier groups are otherwise' if all(named) or not any(named) else ''}; pass model.named_parameters()"
            )
        for key, value in self.defaults.items():
            if group.setdefault(key, value) is required:
                raise ArgumentError(f"{self._name()}: {key} has no default, and a group does not have it; pass {key}=")
        self._check_settings(group)
        self.param_groups.append(group)

    def _check_parameter(self, i: int, p: Any, known: set[int], group: Group) -> None:
        """Raise for what is no parameter of a group, or is one already."""
        if not isinstance(p, Taped):
            raise OperandError(f"{self._name()}: parameters must be tensors: item {i} is a {type(p).__name__}")
        if not (p.is_leaf or p.retains_grad or group.get("differentiable", self.defaults.get("differentiable"))):
            raise ArgumentError(
                f"{self._name()}: only leaf tensors can be optimised: parameter {i} (shape {p.shape}) was computed by "
                f"{p.node.title()}; pass the tensor it was computed from, or x.detach().requires_grad_()"
            )
        if id(p) in known:
            raise ArgumentError(
                f"{self._name()}: parameter {i} (shape {p.shape}) is in another group already; give each parameter to one group"
            )
        self.check_parameter(p)

    def check_parameter(self, p: Tensor) -> None:
        """Raise for a parameter that the algorithm cannot take."""

    def _check_settings(self, group: Group) -> None:
        """Raise for settings of a group that are no settings of this algorithm."""
        for key in self.non_negative:
            if group.get(key) is not None and key not in self.ranges:
                setting(self._name(), key, group[key], 0.0)
        for key, interval in self.ranges.items():
            within(self._name(), key, group[key], interval)
        self.check_group(group)

    def check_group(self, group: Group) -> None:
        """Raise for settings that make no sense to the algorithm."""

    def state_shapes(self, p: Tensor, group: Group) -> Shapes | None:
        """What is remembered of ``p``, by name: the shape of an array, or None for a number from 0 up. None for all: anything.

        `load_state_dict` refuses what does not fit. An entry whose name ends in "?" may be missing.
        """
        return None if self.arrays is None else {**dict.fromkeys(self.numbers), **dict.fromkeys(self.arrays, tuple(p.shape))}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients (or, with ``set_to_none=False``, make them zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None  # what `forget_gradient` would do, without a call
                else:
                    forget_gradient(p, False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; ``closure``, if given, computes the loss again first and is returned.

        A first step without any gradient changes nothing, and warns once. Raises `OperandError` for a gradient that belongs to a function
        transform.
        """
        loss = None if closure is None else self._loss(closure)
        stepped = False
        # Formulas and kernels are silent where numbers leave their range; what an `update` of a user's own does is the user's.
        with np.errstate(all=None if self.formula is None else "ignore"):
            for group in self.param_groups:
                if group.get("differentiable"):
                    stepped |= record(self, group)
                else:
                    stepped |= self._step_group(group)
        if not stepped and not self.state and not self._told:
            self._told = True
            warnings.warn(
                f"{self._name()}.step: no parameter has a gradient, so nothing was updated; call loss.backward() before step(), and check "
                f"that the loss was computed from these parameters and that they require grad",
                UserWarning,
                stacklevel=stacklevel(),
            )
        return loss

    def _loss(self, closure: Any) -> Any:
        """What a closure computes, which is recorded whatever the mode."""
        if not callable(closure):
            raise OperandError(f"{self._name()}.step: closure must be a function that computes the loss: got {type(closure).__name__}")
        with enable_grad():
            return closure()

    def _step_group(self, group: Group) -> bool:
        """One step for the parameters of a group; whether there was one with a gradient."""
        name, place, settings, params = f"{self._name()}.step", here(), as_numbers(group), group["params"]
        bundles, done = None, frozenset[int]()
        if self.elementwise and len(params) >= FEW and type(self).update is Optimizer.update:
            bundles = vars(self).get("_bundles")
            if bundles is None:
                bundles = vars(self)["_bundles"] = Bundles()
            done = bundles.step(self, group, settings, name, place)
            if len(done) == len(params):
                return True
        stepped = bool(done)
        for p in params:
            if id(p) in done:
                continue
            grad = p.grad
            if grad is None:
                continue
            g = grad.array if type(grad) is Tensor and self.gradients != "sparse" else gradient_for(self, p, settings)
            if type(g) not in (np.ndarray, SparseTensor) or type(p.array) is not np.ndarray:
                raise OperandError(f"{name}: a parameter (shape {p.shape}) belongs to a function transform; step outside of it")
            try:
                if type(g) is SparseTensor:
                    step_rows(self, p, g, self.state[p], settings)
                elif p.dtype.kind != "c":
                    self.update(p, g, self.state[p], settings)
                else:
                    self._update_complex(p, g, self.state[p], settings)
            except ShapeError as error:
                raise self._misfit(p, error) from error
            p.changed(name, place)
            stepped = True
        if bundles is not None:
            bundles.make(self, group, done)
        return stepped

    def _update_complex(self, p: Tensor, g: Any, state: State, settings: Group) -> None:
        """One step for a complex parameter, whose real and imaginary parts are elements of their own; so are those of its state."""
        parts = {k: Tensor.wrap(as_parts(v.array), 0) if isinstance(v, Taped) and v.dtype.kind == "c" else v for k, v in state.items()}
        new = dict(parts)
        self.update(Tensor.wrap(as_parts(p.array), p.level), as_parts(g), new, settings)
        for k, v in new.items():
            if v is not parts.get(k):
                state[k] = Tensor.wrap(as_complex(v.array), 0) if isinstance(v, Taped) and v.shape == (*p.shape, 2) else v

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
        apply(formula, p.array, g, state, group, self.elementwise)

    # ---- state --------------------------------------------------------------------------------------------------------------
    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters numbered in the order they were given; tensors share memory with the optimizer.

        Counts of steps, numbers in ``state``, are tensors here, as they are in PyTorch's files.
        """
        for hook in [*self._hooks("before state_dict").values()]:
            hook(self)
        numbers = {id(p): i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        lost = next((p for p, s in self.state.items() if s and isinstance(p, Taped) and id(p) not in numbers), None)
        if lost is not None:
            raise StateDictError(
                f"state_dict: {self._name()} remembers a parameter {tuple(lost.shape)} that no group has; forget it: optimizer.state.pop(p)"
            )
        found: dict[str, Any] = {
            "state": {numbers[id(p)] if isinstance(p, Taped) else p: self._saved(s) for p, s in self.state.items() if s},
            "param_groups": [
                {**{k: v for k, v in g.items() if k != "params"}, "params": [numbers[id(p)] for p in g["params"]]}
                for g in self.param_groups
            ],
        }
        for hook in [*self._hooks("after state_dict").values()]:
            other = hook(self, found)
            found = found if other is None else other
        return found

    def _saved(self, state: State) -> State:
        """What is saved of one parameter's state: the numbers of our own formulas as tensors, of float32 where that holds them."""
        found = dict(state)
        for key in self.numbers if self.formula is not None and self.gradients != "sparse" else ():
            if is_number(v := found.get(key)):
                found[key] = Tensor.wrap(np.array(v, np.float32 if float(np.float32(v)) == v else np.float64), 0)
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over state and settings, in memory of the optimizer's own.

        Raises `StateDictError`, and changes nothing, for what is no state of this optimizer: other groups or parameters, entries that
        `state_shapes` does not name, of other shapes or kinds; and what the class raises for settings that it does not take.
        """
        before = [*self._hooks("before load_state_dict").values()]
        given: Any = dict(state_dict) if before and isinstance(state_dict, Mapping) else state_dict
        for hook in before:
            other = hook(self, given)
            given = given if other is None else other
        groups, state = LoadedState(self, given).checked()
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in [*self._hooks("after load_state_dict").values()]:
            hook(self)

    def __getstate__(self) -> dict[str, Any]:
        """What copies have and pickles hold: everything but hooks."""
        return {k: v for k, v in vars(self).items() if k not in ("_tables", "_bundles")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Put a state into force that was loaded or unpickled; classes extend it to complete older ones."""
        vars(self).update(state)
        vars(self).pop("_bundles", None)

    def __repr__(self) -> str:
        lines = [f"{self._name()} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])
