"""What all schedules share: `LRScheduler`, the schedules made of a function, and the base of those that multiply by a factor.

A schedule computes the rates of an epoch from those of the epoch before wherever it can, so that schedules of one optimizer act
together when they are stepped one after the other, and a rate that was changed by hand stays changed. Where it goes on with an epoch
whose rates the optimizer has already (``last_epoch``), such a schedule leaves them as they are.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from types import FunctionType
from typing import Any, TypeAlias

from ..._checks import integer, is_integer, is_number
from ..._errors import ArgumentError, OperandError, StateDictError
from ...autograd import no_grad
from ...core.tensor import Taped
from ...core.where import stacklevel
from ..optimizer import Optimizer
from ..settings import Group

#: What ``step(epoch)`` warns of.
EPOCH_DEPRECATION_WARNING = (
    "LRScheduler.step: the argument epoch is deprecated: a schedule moves on by one epoch; call step() without it, once an epoch"
)


#: The package whose schedules compute the rates from those of the epoch before.
_PACKAGE = __name__.rpartition(".")[0].rpartition(".")[0]


def _for_steps(get_lr: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    """A method ``get_lr`` that warns where no step calls it: then it is a factor ahead of the rates in force."""

    @wraps(get_lr)
    def method(self: Any) -> list[Any]:
        if not self._get_lr_called_within_step:
            warnings.warn(
                f"{type(self).__name__}.get_lr: computes the rates of a step that is not taken; the rates in force are get_last_lr()",
                UserWarning,
                stacklevel=stacklevel(),
            )
        return get_lr(self)

    return method


class LRScheduler:
    """Sets ``lr`` of every group to what ``get_lr`` says; the first step happens when the schedule is made (epoch 0).

    ``base_lrs`` are the rates at the beginning (``initial_lr`` of the groups), ``last_epoch`` is the number of the epoch in force.
    To go on where a run ended, load the optimizer's state and then the schedule's; or give ``last_epoch``, the number of the last
    epoch that was done, to a schedule of an optimizer with the state at its end: it goes on with the epoch after that.

    Raises `OperandError` for what is no optimizer, and `ArgumentError` for going on without ``initial_lr`` in the groups.
    """

    #: Entries of the instance that are not part of the state, and entries that a state need not have.
    transient: tuple[str, ...] = ("optimizer", "_get_lr_called_within_step", "_is_initial", "_replaced")
    lately: tuple[str, ...] = ("_step_count",)
    optimizer: Optimizer
    last_epoch: int
    _last_lr: list[Any]
    #: Whether the epoch entered is one whose rates the optimizer has already.
    _goes_on: bool = False
    #: How many epochs have been entered, and whether the one that is being entered is the first.
    _step_count: int = 0
    _beginning: bool = False
    #: What stood in the place of the optimizer's method ``step`` when the schedule was made.
    _replaced: int | None = None
    #: What schedules written for PyTorch ask: whether `get_lr` is called by a step, and whether that is the one into the first epoch.
    _get_lr_called_within_step: bool = False
    _is_initial = property(lambda self: self._beginning)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "get_lr" in vars(cls) and cls.__module__.startswith(_PACKAGE):
            cls.get_lr = _for_steps(vars(cls)["get_lr"])  # type: ignore[assignment]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.attach(optimizer)
        integer(type(self).__name__, "last_epoch", last_epoch, -1)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", _own(group["lr"]))
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: resuming at epoch {last_epoch} needs initial_lr, which param_groups[{i}] does not have; "
                    f"load the optimizer's state first"
                )
        self.base_lrs = [_own(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._goes_on = last_epoch != -1
        self._enter()
        del self._goes_on

    def attach(self, optimizer: Optimizer) -> None:
        """Take the optimizer whose rates are set; for schedules that need it before ``super().__init__``."""
        if not isinstance(optimizer, Optimizer):
            raise OperandError(f"{type(self).__name__}: needs an optimizer: got {type(optimizer).__name__}; pass one from tl.optim")
        for i, group in enumerate(optimizer.param_groups):
            if "lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: there is no rate to set: param_groups[{i}] of {type(optimizer).__name__} has no lr; "
                    f"put it into the optimizer's defaults"
                )
        self.optimizer, self._replaced = optimizer, _replaced_step(optimizer)

    def get_lr(self) -> list[float]:
        """The rate of each group at ``last_epoch``; the groups still hold those of the epoch before."""
        raise TypeError(f"{type(self).__name__}: defines no rates; define get_lr(self) in the class")

    def step(self, epoch: int | None = None) -> None:
        """Move on to the next epoch (or batch, for schedules that go by batches); warns where the optimizer has not stepped before.

        ``epoch`` is deprecated: the number of the epoch to go to, by the formula of the epoch alone where the schedule has one.
        """
        self._check_order()
        if epoch is None:
            self.last_epoch += 1
            self._put(self._asked(self.get_lr))
            return
        warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=stacklevel())
        self.last_epoch = epoch
        self._put(self._asked(self._get_closed_form_lr))

    def _asked(self, rates: Callable[[], list[Any]]) -> list[Any]:
        """What a method says of the rates when a step asks it."""
        self._get_lr_called_within_step = True
        try:
            return rates()
        finally:
            vars(self).pop("_get_lr_called_within_step", None)

    def _get_closed_form_lr(self) -> list[Any]:
        """The rates at ``last_epoch`` from those at the beginning, where the schedule can say; else as `get_lr`."""
        return self.get_lr()

    def _check_order(self) -> None:
        """Count an epoch; warn where it is the second, and the optimizer has taken no step in the first, or got another ``step``."""
        optimizer, name, told = self.optimizer, type(self).__name__, None
        if self._step_count == 1 and not self._beginning:
            if _replaced_step(optimizer) != self._replaced:
                told = (
                    f"{name}.step: step of {type(optimizer).__name__} was replaced after the schedule was made, which cannot tell "
                    f"whether it is called first; replace it before"
                )
            elif not optimizer._opt_called and "step" not in vars(optimizer):
                told = (
                    f"{name}.step: lr_scheduler.step() before optimizer.step(): {type(optimizer).__name__} has not stepped yet, so the "
                    f"first rate is passed over; call optimizer.step() first"
                )
        if told is not None:
            warnings.warn(told, UserWarning, stacklevel=stacklevel())
        self._step_count += 1

    def _enter(self) -> None:
        """The step into the first epoch, which the optimizer need not have stepped before."""
        self._beginning = True
        self.step()
        del self._beginning

    def _put(self, rates: Sequence[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = self.rates()

    def rates(self) -> list[Any]:
        """The rates in force; copies of those that are tensors."""
        return [_own(group["lr"]) for group in self.optimizer.param_groups]

    def restart(self) -> None:
        """Go back to epoch 0 and the rates at the beginning."""
        self._put([group["initial_lr"] for group in self.optimizer.param_groups])
        self.begin()

    def begin(self) -> None:
        """Enter epoch 0 from the rates in force."""
        self.last_epoch, self._step_count = -1, 0
        self._enter()

    def get_last_lr(self) -> list[Any]:
        """The rates that the last step set: numbers, or tensors where those of the optimizer are."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions."""
        return {k: v for k, v in vars(self).items() if k not in self.transient and not callable(v)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; the rates in force come with the optimizer's own state.

        Raises `StateDictError`, and changes nothing, for what is no state of such a schedule.
        """
        self.check_state(state_dict)
        self.take(state_dict)

    def take(self, state: Mapping[str, Any]) -> None:
        """Put a state that was checked into force."""
        vars(self).update({k: _own(v) for k, v in state.items() if k not in self.transient})

    def check_state(self, state_dict: Any) -> None:
        """Raise `StateDictError` for what is no state of this schedule: other entries, or of other types than there are."""
        name, ours = type(self).__name__, self.state_dict()
        if not isinstance(state_dict, Mapping):
            raise StateDictError(f"load_state_dict: {name} got {type(state_dict).__name__} as its state; pass what state_dict() returned")
        missing = [k for k in ours if k not in state_dict and k not in self.lately]
        if missing:
            raise StateDictError(
                f"load_state_dict: no state of {name}: {', '.join(missing)} not in it; pass what its state_dict() returned"
            )
        for key, now in ours.items():
            given = state_dict.get(key, now)
            if not _alike(given, now) or (key == "last_epoch" and (not is_integer(given) or given < -1)):
                raise StateDictError(
                    f"load_state_dict: {key} of {name} is {given!r:.60}, here it is {now!r:.60}; build the schedule that the state is of"
                )

    def per_group(self, value: Any, what: str) -> list[Any]:
        """A setting as one value per group."""
        n = len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, list | tuple) else [value] * n
        if len(values) != n:
            raise ArgumentError(
                f"{type(self).__name__}: {n} parameter groups but {len(values)} values of {what}; give one, or one per group"
            )
        return values


def _replaced_step(optimizer: Optimizer) -> int | None:
    """The identity of what an optimizer has in the place of its method ``step``; None where it has nothing there."""
    own = vars(optimizer).get("step")
    return None if own is None else id(own)


def set_rate(group: Group, rate: Any) -> None:
    """Put a rate into a group; one that is a tensor stays the same tensor, whose value changes."""
    if isinstance(group["lr"], Taped):
        with no_grad():
            group["lr"].fill_(float(rate))
    else:
        group["lr"] = rate


def epochs(name: str, what: str, numbers: Any) -> list[int]:
    """A sequence of numbers of epochs, checked."""
    if not isinstance(numbers, Iterable) or isinstance(numbers, str):
        raise OperandError(f"{name}: {what} must be a list of epochs: got {type(numbers).__name__} {numbers!r:.40}; pass [5, 10]")
    return [integer(name, what, n) for n in numbers]


def _own(value: Any) -> Any:
    """A setting of one's own: a copy, if it is a tensor."""
    return value.detach().clone() if isinstance(value, Taped) else value


def _alike(given: Any, now: Any) -> bool:
    """Whether an entry of a state can take the place of the one there is: a number that of a number, a list that of one as long."""
    if isinstance(now, list | tuple):
        same = isinstance(given, list | tuple) and len(given) == len(now)
        return same and all(_alike(g, n) for g, n in zip(given, now, strict=True))
    if isinstance(now, bool | str | dict) or now is None:
        return isinstance(given, Mapping if isinstance(now, dict) else type(now))
    return is_number(given) if is_number(now) else True


#: One function of the epoch for all groups, or one each.
Lambdas: TypeAlias = Callable[[int], float] | Sequence[Callable[[int], float]]


class _Lambdas(LRScheduler):
    """Schedules made of one function of the epoch for all groups, or one each."""

    transient = (*LRScheduler.transient, "lr_lambdas")

    def _hold(self, optimizer: Optimizer, lr_lambda: Lambdas) -> None:
        self.attach(optimizer)
        self.lr_lambdas = self.per_group(lr_lambda, "lr_lambda")
        for f in self.lr_lambdas:
            if not callable(f):
                raise OperandError(f"{type(self).__name__}: lr_lambda must be a function of the epoch: got {type(f).__name__} {f!r:.40}")

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer and functions; of functions that are objects, what they hold."""
        held = [None if isinstance(f, FunctionType) else dict(getattr(f, "__dict__", {})) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": held}

    def take(self, state: Mapping[str, Any]) -> None:
        """The state of the schedule, and of functions that are objects."""
        super().take({k: v for k, v in state.items() if k != "lr_lambdas"})
        for f, held in zip(self.lr_lambdas, state["lr_lambdas"], strict=True):
            if held:
                vars(f).update(held)


class LambdaLR(_Lambdas):
    """``initial_lr * lr_lambda(epoch)``.

    >>> import tensorflowlite_clone as tl
    >>> p = tl.zeros(1, requires_grad=True)
    >>> p.grad = tl.zeros(1)
    >>> optimizer = tl.optim.SGD([p], lr=0.5)
    >>> optimizer.step()
    >>> schedule = LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
    >>> schedule.step(); schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Lambdas, last_epoch: int = -1) -> None:
        self._hold(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        return [base * f(self.last_epoch) for base, f in zip(self.base_lrs, self.lr_lambdas, strict=True)]


class MultiplicativeLR(_Lambdas):
    """The rate before times ``lr_lambda(epoch)``, from epoch 1."""

    def __init__(self, optimizer: Optimizer, lr_lambda: Lambdas, last_epoch: int = -1) -> None:
        self._hold(optimizer, lr_lambda)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """The rates at ``last_epoch``."""
        groups = self.optimizer.param_groups
        if self.last_epoch == 0 or self._goes_on:
            return self.rates()
        return [g["lr"] * f(self.last_epoch) for g, f in zip(groups, self.lr_lambdas, strict=True)]


class Factor(LRScheduler):
    """Schedules that multiply the rate by a factor when they enter an epoch."""

    def factor_at(self, epoch: int) -> float:
        """What the rate before is multiplied by at ``epoch``."""
        raise TypeError(f"{type(self).__name__}: defines no factor; define factor_at(self, epoch) in the class")

    def get_lr(self) -> list[Any]:
        """The rates at ``last_epoch``."""
        if self._goes_on:
            return self.rates()
        factor = self.factor_at(self.last_epoch)
        return [g["lr"] * factor for g in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        factor = math.prod(self.factor_at(e) for e in range(self.last_epoch + 1))
        return [base * factor for base in self.base_lrs]
