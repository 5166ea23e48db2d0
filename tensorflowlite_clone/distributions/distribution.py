"""`Distribution`: what all distributions have, shapes, checks of parameters and values, and what follows from few methods.

A family states `arg_constraints` and `support`, sets its parameters with `_init`, and defines ``rsample`` (or ``sample``) and
``log_prob``; `expand`, `repr` and the checks work from what it states. Not here: families.
"""

from __future__ import annotations

import warnings
from typing import Any

from .._errors import ArgumentError, PartKindError, ShapeError
from .._typing import Array
from ..autograd import no_grad
from ..core.boxed import Boxed
from ..core.size import Size
from ..core.where import stacklevel
from . import constraints
from .utils import broadcast_all, holds, lazy_property

__all__ = ["Distribution"]


class Distribution:
    """A distribution of events of shape ``event_shape``, one for each place of ``batch_shape``.

    ``validate_args`` says whether parameters are checked when it is made, and values when their density is asked for (the default: yes,
    see `set_default_validate_args`).

    >>> import tensorflowlite_clone as tl
    >>> d = tl.distributions.Normal(tl.zeros(2), 1.0)
    >>> d.batch_shape, d.event_shape, d.sample((3,)).shape, d.expand((4, 2)).batch_shape
    ((2,), (), (3, 2), (4, 2))
    """

    has_rsample = False
    has_enumerate_support = False
    _validate_args = __debug__
    _batch_shape: Size
    _event_shape: Size

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions that are not told check parameters and values."""
        if value not in (True, False):
            raise ArgumentError(f"set_default_validate_args: must be True or False: got {value!r:.60}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = Size(), event_shape: Any = Size(), validate_args: bool | None = None) -> None:  # noqa: B008
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_parameters()
        super().__init__()

    def _init(self, validate_args: bool | None, event_shape: Any = (), **parameters: Any) -> None:
        """Numbers and tensors as parameters: broadcast to the shape of the batch, kept under their names, and checked."""
        tensors = broadcast_all(*parameters.values())
        vars(self).update(zip(parameters, tensors, strict=True))
        Distribution.__init__(self, tensors[0].shape, event_shape, validate_args)

    def _check_parameters(self) -> None:
        try:
            wanted = self.arg_constraints
        except NotImplementedError:
            message = f"{type(self).__name__} does not define `arg_constraints`, so its parameters are not checked; define them, or pass"
            warnings.warn(f"{message} validate_args=False", stacklevel=stacklevel())
            return
        for name, constraint in wanted.items():
            lazy = name not in vars(self) and isinstance(getattr(type(self), name, None), lazy_property)
            if lazy or constraints.is_dependent(constraint):
                continue
            value = getattr(self, name)
            if not holds(constraint.check(value)):
                raise ArgumentError(
                    f"{type(self).__name__}: {name} must satisfy {constraint!r}: it is {type(value).__name__} {tuple(value.shape)} with "
                    f"values that do not, {value}; correct them, or pass validate_args=False"
                )

    # ---- shapes and copies --------------------------------------------------------------------------------------------------------
    @property
    def batch_shape(self) -> Size:
        """The shape over which the parameters are batched."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one sample (without batching)."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = Size()) -> Size:  # noqa: B008
        """The shape of samples: ``sample_shape + batch_shape + event_shape``."""
        return Size(sample_shape) + self._batch_shape + self._event_shape  # type: ignore[no-any-return]

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An empty distribution of the same class, or the one that a subclass's ``expand`` gave."""
        return type(self).__new__(type(self)) if _instance is None else _instance

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions for a larger batch, without a copy of the parameters; nothing is checked again.

        Parameters (the names in `arg_constraints`) and distributions inside are expanded, everything else is taken over.
        """
        new, shape, old = self._get_checked_instance(type(self), _instance), Size(batch_shape), len(self._batch_shape)
        known = self.arg_constraints
        for name, value in vars(self).items():
            if name in known and isinstance(value, Boxed):
                events = known[name].event_dim
                value = value.expand(shape + value.shape[len(value.shape) - events :])
            elif isinstance(value, Distribution) and value._batch_shape[:old] == self._batch_shape:
                value = value.expand(shape + value._batch_shape[old:])
            elif isinstance(getattr(type(self), name, None), lazy_property):
                continue  # computed anew when asked for
            vars(new).setdefault(name, value)
        new._batch_shape = shape
        return new

    # ---- what families define -----------------------------------------------------------------------------------------------------
    def _lacks(self, what: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__}: has no {what}: no formula is known or defined; estimate it from samples")

    @property
    def arg_constraints(self) -> dict[str, constraints.Constraint]:
        """For each parameter the values that are allowed."""
        raise NotImplementedError(f"{type(self).__name__}: does not define arg_constraints; a distribution should")

    @property
    def support(self) -> Any:
        """The constraint that samples satisfy."""
        raise NotImplementedError(f"{type(self).__name__}: does not define its support; a distribution should")

    @property
    def mean(self) -> Array:
        """The means: ``batch_shape + event_shape``."""
        raise self._lacks("mean")

    @property
    def mode(self) -> Array:
        """The most likely values: ``batch_shape + event_shape``."""
        raise self._lacks("mode")

    @property
    def variance(self) -> Array:
        """The variances: ``batch_shape + event_shape``."""
        raise self._lacks("variance")

    @property
    def stddev(self) -> Array:
        """The standard deviations: ``batch_shape + event_shape``."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        """Samples, constants for every derivative: ``sample_shape + batch_shape + event_shape``."""
        with no_grad():
            return self.rsample(sample_shape).detach()

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        """Samples with derivatives for the parameters, where `has_rsample`: ``sample_shape + batch_shape + event_shape``."""
        raise NotImplementedError(f"{type(self).__name__}: samples have no derivatives (has_rsample is False); use sample()")

    def sample_n(self, n: int) -> Array:
        """``n`` samples; ``sample((n,))`` says the same."""
        warnings.warn("sample_n(n) will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=stacklevel())
        return self.sample(Size((n,)))

    def log_prob(self, value: Array) -> Array:
        """The logarithm of the density (or of the probability) of ``value``: one number for each event."""
        raise self._lacks("log_prob")

    def cdf(self, value: Array) -> Array:
        """The probability of values up to ``value``."""
        raise self._lacks("cdf")

    def log_cdf(self, value: Array) -> Array:
        """The logarithm of `cdf`, exact in the tail where the family has a formula."""
        return self.cdf(value).log()

    def log_survival_function(self, value: Array) -> Array:
        """The logarithm of the probability of values above ``value``, exact in the tail where the family has a formula."""
        return (-self.cdf(value)).log1p()

    def log_survival(self, value: Array) -> Array:
        """The same as `log_survival_function`, by SciPy's habit of short names (``logsf``)."""
        return self.log_survival_function(value)

    def icdf(self, value: Array) -> Array:
        """The quantile: the inverse of `cdf`."""
        raise self._lacks("icdf")

    def enumerate_support(self, expand: bool = True) -> Array:
        """All values of a finite support, along a new first dimension; with ``expand=False`` the batch has ones in place of its sizes."""
        raise self._lacks("finite support")

    def entropy(self) -> Array:
        """The entropy in nats: ``batch_shape``."""
        raise self._lacks("entropy")

    def perplexity(self) -> Array:
        """``exp(entropy())``."""
        return self.entropy().exp()

    # ---- checks -------------------------------------------------------------------------------------------------------------------
    def _validate_sample(self, value: Any) -> None:
        """Raise unless ``value`` has the shape and the values of samples."""
        name = type(self).__name__
        if not isinstance(value, Boxed):
            raise PartKindError(f"{name}: the value must be a tensor: got {type(value).__name__} {value!r:.60}; use tl.tensor(...)")
        whole = self._batch_shape + self._event_shape
        events = len(value.shape) - len(self._event_shape)
        if events < 0 or value.shape[events:] != self._event_shape:
            raise ShapeError(f"{name}: the last dimensions must be an event's: the value is {value.shape}, events are {self._event_shape}")
        for i, j in zip(reversed(value.shape), reversed(whole), strict=False):
            if 1 not in (i, j) and i != j:
                raise ShapeError(f"{name}: does not broadcast with the batch: the value is {value.shape}; samples end with {whole}")
        try:
            support = self.support
        except NotImplementedError:
            message = f"{name} does not define `support`, so values are not checked; define it, or pass validate_args=False"
            warnings.warn(message, stacklevel=stacklevel())
            return
        if not holds(support.check(value)):
            raise ArgumentError(
                f"{name}: the value must be within the support {support!r}: it is {tuple(value.shape)} with values that are not, {value}; "
                f"correct them, or pass validate_args=False"
            )

    def __repr__(self) -> str:
        parameters = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        shown = ", ".join(f"{name}: {v if v.numel() == 1 else v.shape}" for name, v in parameters.items())
        return f"{type(self).__name__}({shown})"
