"""Which values are allowed: of a distribution's parameters (``arg_constraints``) and of its samples (``support``).

A constraint has ``check(value)``, which says of every event (the last ``event_dim`` dimensions) whether it is allowed, and
``is_discrete``. Not here: maps onto such sets (``constraint_registry.py``).

>>> import tensorflowlite_clone as tl
>>> positive.check(tl.tensor([-1.0, 2.0])).tolist(), positive
([False, True], GreaterThan(lower_bound=0.0))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._errors import ArgumentError
from .._typing import Array
from ..linalg import cholesky_ex, eigvalsh
from ..ops.join import _cat, _stack
from ..ops.kinds import finfo

__all__ = [
    "Constraint", "MixtureSameFamilyConstraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than",
    "greater_than_eq", "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite",
    "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex", "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of allowed values. Subclasses define ``check``, and ``event_dim`` and ``is_discrete`` where they are not 0 and False."""

    is_discrete: Any = False
    event_dim: Any = 0
    #: The attributes that `repr` shows.
    _shown: tuple[str, ...] = ()

    def check(self, value: Array) -> Array:
        """For each event of ``value`` whether it is allowed: a tensor of bools in the batch's shape."""
        raise NotImplementedError(f"{type(self).__name__}: defines no check; a constraint must")

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)
        return f"{type(self).__name__.lstrip('_')}({shown})"


class _Dependent(Constraint):
    """Of a value that depends on others; it has no check of its own."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> None:
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def _known(self, name: str) -> Any:
        value = getattr(self, f"_{name}")
        if value is NotImplemented:
            raise NotImplementedError(f"dependent: {name} is not known: the constraint was made without it; pass {name}=...")
        return value

    @property
    def is_discrete(self) -> bool:
        return self._known("is_discrete")  # type: ignore[no-any-return]

    @property
    def event_dim(self) -> int:
        return self._known("event_dim")  # type: ignore[no-any-return]

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> _Dependent:
        """The constraint with one or both settings replaced."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x: Array) -> Array:
        """Raises: what is allowed depends on other values."""
        raise ArgumentError("dependent: cannot be checked: what is allowed depends on other values; ask an instance for its constraint")


def is_dependent(constraint: Any) -> bool:
    """Whether ``constraint`` depends on other values and cannot be checked."""
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a class whose value, a constraint, depends on the instance: ``@dependent_property(is_discrete=False, event_dim=0)``.

    On the class it is a dependent constraint, on an instance the constraint that the function returns.
    """

    def __init__(
        self, fn: Callable[..., Any] | None = None, *, is_discrete: bool | None = NotImplemented, event_dim: int | None = NotImplemented
    ) -> None:
        super().__init__(fn)
        self._is_discrete, self._event_dim = is_discrete, event_dim

    def __call__(self, fn: Callable[..., Any]) -> _DependentProperty:  # type: ignore[override]
        """The property of this function, where the settings came first."""
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


# ---- numbers ----------------------------------------------------------------------------------------------------------------------
class _Lower(Constraint):
    _shown = ("lower_bound",)

    def __init__(self, lower_bound: Any) -> None:
        self.lower_bound = lower_bound
        super().__init__()


class _Upper(Constraint):
    _shown = ("upper_bound",)

    def __init__(self, upper_bound: Any) -> None:
        self.upper_bound = upper_bound
        super().__init__()


class _Between(Constraint):
    _shown = ("lower_bound", "upper_bound")

    def __init__(self, lower_bound: Any, upper_bound: Any) -> None:
        self.lower_bound, self.upper_bound = lower_bound, upper_bound
        super().__init__()


class _Integer(Constraint):
    is_discrete = True


class _Real(Constraint):
    """Every number but NaN."""

    def check(self, value: Array) -> Array:
        return value == value


class _Boolean(_Integer):
    """0 and 1."""

    def check(self, value: Array) -> Array:
        return (value == 0) | (value == 1)


class _GreaterThan(_Lower):
    """``value > lower_bound``."""

    def check(self, value: Array) -> Array:
        return self.lower_bound < value


class _GreaterThanEq(_Lower):
    """``value >= lower_bound``."""

    def check(self, value: Array) -> Array:
        return self.lower_bound <= value


class _LessThan(_Upper):
    """``value < upper_bound``."""

    def check(self, value: Array) -> Array:
        return value < self.upper_bound


class _Interval(_Between):
    """``lower_bound <= value <= upper_bound``."""

    def check(self, value: Array) -> Array:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


class _HalfOpenInterval(_Between):
    """``lower_bound <= value < upper_bound``."""

    def check(self, value: Array) -> Array:
        return (self.lower_bound <= value) & (value < self.upper_bound)


class _IntegerInterval(_Integer, _Between):
    """Whole numbers from ``lower_bound`` to ``upper_bound``."""

    def check(self, value: Array) -> Array:
        return (value % 1 == 0) & (self.lower_bound <= value) & (value <= self.upper_bound)


class _IntegerLessThan(_Integer, _Upper):
    """Whole numbers up to ``upper_bound``."""

    def check(self, value: Array) -> Array:
        return (value % 1 == 0) & (value <= self.upper_bound)


class _IntegerGreaterThan(_Integer, _Lower):
    """Whole numbers from ``lower_bound`` on."""

    def check(self, value: Array) -> Array:
        return (value % 1 == 0) & (value >= self.lower_bound)


# ---- vectors and matrices ---------------------------------------------------------------------------------------------------------
class _Simplex(Constraint):
    """Vectors of nonnegative numbers with the sum 1 (to 1e-6)."""

    event_dim = 1

    def check(self, value: Array) -> Array:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class _Multinomial(_Integer, _Upper):
    """Vectors of nonnegative counts with a sum of at most ``upper_bound``."""

    event_dim = 1

    def check(self, x: Array) -> Array:
        return (x >= 0).all(-1) & (x.sum(-1) <= self.upper_bound)


class _OneHot(_Integer):
    """Vectors with one 1 and else zeros."""

    event_dim = 1

    def check(self, value: Array) -> Array:
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Matrix(Constraint):
    event_dim = 2


class _LowerTriangular(_Matrix):
    """Matrices with zeros above the diagonal."""

    def check(self, value: Array) -> Array:
        return (value.tril() == value).all(-1).all(-1)


class _LowerCholesky(_LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value: Array) -> Array:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _CorrCholesky(_LowerCholesky):
    """Cholesky factors of correlation matrices: lower triangular, positive diagonal, rows of length 1."""

    def check(self, value: Array) -> Array:
        tolerance = finfo(value.dtype).eps * value.shape[-1] * 10
        return (((value * value).sum(-1).sqrt() - 1).abs() <= tolerance).all(-1) & super().check(value)


class _Square(_Matrix):
    """Matrices with as many rows as columns."""

    def check(self, value: Array) -> Array:
        return value.new_full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=bool)


class _Symmetric(_Square):
    """Symmetric matrices (to 1e-6)."""

    def check(self, value: Array) -> Array:
        square = super().check(value)
        return square if value.shape[-2] != value.shape[-1] else value.isclose(value.mT, atol=1e-6).all(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    """Symmetric matrices without negative eigenvalues."""

    def check(self, value: Array) -> Array:
        symmetric = super().check(value)
        return symmetric if value.shape[-2] != value.shape[-1] else symmetric & (eigvalsh(value.detach()) >= 0).all(-1)


class _PositiveDefinite(_Symmetric):
    """Symmetric matrices with a Cholesky factor."""

    def check(self, value: Array) -> Array:
        symmetric = super().check(value)
        return symmetric if value.shape[-2] != value.shape[-1] else symmetric & (cholesky_ex(value.detach())[1] == 0)


# ---- made of others ---------------------------------------------------------------------------------------------------------------
class _IndependentConstraint(Constraint):
    """``base_constraint`` for all of the last ``reinterpreted_batch_ndims`` dimensions of its batch at once."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int) -> None:
        if not isinstance(base_constraint, Constraint):
            raise ArgumentError(f"independent: base_constraint must be a Constraint: got {type(base_constraint).__name__}")
        if not isinstance(reinterpreted_batch_ndims, int) or reinterpreted_batch_ndims < 0:
            raise ArgumentError(
                f"independent: reinterpreted_batch_ndims must be an integer from 0 on: got {reinterpreted_batch_ndims!r:.60}"
            )
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return self.base_constraint.is_discrete  # type: ignore[no-any-return]

    @property
    def event_dim(self) -> int:
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims  # type: ignore[no-any-return]

    def check(self, value: Array) -> Array:
        result, n = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if len(result.shape) < n:
            raise ArgumentError(
                f"independent: the value has too few dimensions: it is {value.shape}; events have {self.event_dim} dimension(s)"
            )
        return result.reshape(*result.shape[: len(result.shape) - n], -1).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """What every component of a mixture allows; ``base_constraint`` is that of the components, its batch ends with theirs."""

    def __init__(self, base_constraint: Constraint) -> None:
        if not isinstance(base_constraint, Constraint):
            raise ArgumentError(f"MixtureSameFamilyConstraint: must be of a Constraint: got {type(base_constraint).__name__}")
        self.base_constraint = base_constraint
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        """Whether the components have discrete values."""
        return self.base_constraint.is_discrete  # type: ignore[no-any-return]

    @property
    def event_dim(self) -> int:
        """The number of dimensions of an event."""
        return self.base_constraint.event_dim  # type: ignore[no-any-return]

    def check(self, value: Array) -> Array:
        """For each event whether all components allow it."""
        if len(value.shape) < self.event_dim:
            raise ArgumentError(
                f"MixtureSameFamilyConstraint: the value has too few dimensions: it is {value.shape}; events have {self.event_dim}"
            )
        return self.base_constraint.check(value.unsqueeze(-1 - self.event_dim)).all(-1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_constraint!r})"


class _Several(Constraint):
    """Constraints for parts along ``dim``."""

    cseq: list[Constraint]
    dim: int

    def __init__(self, cseq: Any, dim: int) -> None:
        self.cseq, self.dim = list(cseq), dim
        if not all(isinstance(c, Constraint) for c in self.cseq):
            raise ArgumentError(f"{type(self).__name__[1:].lower()}: must be of Constraints: got {self.cseq!r:.80}")
        super().__init__()

    @property
    def is_discrete(self) -> bool:
        return any(c.is_discrete for c in self.cseq)

    def _axis(self, value: Array, size: int) -> int:
        ndim = len(value.shape)
        if not -ndim <= self.dim < ndim or value.shape[self.dim] != size:
            raise ArgumentError(
                f"{type(self).__name__[1:].lower()}: dimension {self.dim} must have the size {size}: the value is {value.shape}"
            )
        return self.dim % ndim


class _Cat(_Several):
    """Constraints ``cseq`` for parts of the given ``lengths`` (1 each by default) that lie behind one another along ``dim``."""

    def __init__(self, cseq: Any, dim: int = 0, lengths: Any = None) -> None:
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise ArgumentError(f"cat: as many lengths as constraints: got {len(self.lengths)} and {len(self.cseq)}")

    @property
    def event_dim(self) -> int:
        return int(max(c.event_dim for c in self.cseq))

    def check(self, value: Array) -> Array:
        axis, start, checks = self._axis(value, sum(self.lengths)), 0, []
        for constraint, length in zip(self.cseq, self.lengths, strict=True):
            checks.append(constraint.check(value.narrow(axis, start, length)))
            start += length
        return _cat(checks, self.dim)


class _Stack(_Several):
    """Constraints ``cseq`` for parts that are stacked along ``dim``."""

    def __init__(self, cseq: Any, dim: int = 0) -> None:
        super().__init__(cseq, dim)

    @property
    def event_dim(self) -> int:
        dim = int(max(c.event_dim for c in self.cseq))
        return dim + 1 if self.dim + dim < 0 else dim

    def check(self, value: Array) -> Array:
        axis = self._axis(value, len(self.cseq))
        return _stack([c.check(value.select(axis, i)) for i, c in enumerate(self.cseq)], self.dim)


# ---- PyTorch's names --------------------------------------------------------------------------------------------------------------
dependent, dependent_property = _Dependent(), _DependentProperty
independent, cat, stack = _IndependentConstraint, _Cat, _Stack
greater_than, greater_than_eq, less_than, multinomial = _GreaterThan, _GreaterThanEq, _LessThan, _Multinomial
interval, half_open_interval, integer_interval = _Interval, _HalfOpenInterval, _IntegerInterval
boolean, one_hot, simplex = _Boolean(), _OneHot(), _Simplex()
nonnegative_integer, positive_integer = _IntegerGreaterThan(0), _IntegerGreaterThan(1)
real = _Real()
real_vector = independent(real, 1)
positive, nonnegative, unit_interval = _GreaterThan(0.0), _GreaterThanEq(0.0), _Interval(0.0, 1.0)
lower_triangular, lower_cholesky, corr_cholesky = _LowerTriangular(), _LowerCholesky(), _CorrCholesky()
square, symmetric = _Square(), _Symmetric()
positive_semidefinite, positive_definite = _PositiveSemidefinite(), _PositiveDefinite()
