"""`biject_to` and `transform_to`: transforms from real numbers onto the sets that constraints describe.

``biject_to(constraint)`` is a bijection, for densities; ``transform_to(constraint)`` may be none, for optimisation. Both are registries:
``biject_to.register(constraint)`` decorates the function that makes the transform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._checks import is_number
from .._errors import OperandError
from . import constraints, transforms

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Which transform leads onto the set of a constraint.

    >>> import tensorflowlite_clone as tl
    >>> biject_to(constraints.positive), transform_to(constraints.simplex)
    (ExpTransform(), SoftmaxTransform())
    """

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Any]] = {}
        super().__init__()

    def __reduce__(self) -> str:
        return "biject_to" if self is biject_to else "transform_to"

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Register ``factory``, a function of a constraint, for the class of ``constraint`` (or for that class); a decorator without it."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise OperandError(f"register: must be a Constraint or a class of them: got {constraint!r:.60}")
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """The transform onto the set of ``constraint``; raises `NotImplementedError` where none is registered."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"{type(constraint).__name__}: no transform onto this set is known; register one for it")
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _for_both(*kinds: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def register(factory: Callable[[Any], Any]) -> Callable[[Any], Any]:
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return register


_for_both(constraints.real)(lambda c: transforms.identity_transform)
_for_both(constraints.corr_cholesky)(lambda c: transforms.CorrCholeskyTransform())
biject_to.register(constraints.simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: transforms.LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: transforms.PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: transforms.PositiveDefiniteTransform())


def _plainly(value: Any, number: float) -> bool:
    return is_number(value) and value == number


@_for_both(constraints.greater_than, constraints.greater_than_eq)
def _above(c: Any) -> Any:
    exp = transforms.ExpTransform()
    return exp if _plainly(c.lower_bound, 0) else transforms.ComposeTransform([exp, transforms.AffineTransform(c.lower_bound, 1)])


@_for_both(constraints.less_than)
def _below(c: Any) -> Any:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(c.upper_bound, -1)])


@_for_both(constraints.interval, constraints.half_open_interval)
def _between(c: Any) -> Any:
    low, high = c.lower_bound, c.upper_bound
    if _plainly(low, 0) and _plainly(high, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _parts(registry: ConstraintRegistry) -> None:
    registry.register(
        constraints.independent, lambda c: transforms.IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims)
    )
    registry.register(constraints.cat, lambda c: transforms.CatTransform([registry(part) for part in c.cseq], c.dim, c.lengths))
    registry.register(constraints.stack, lambda c: transforms.StackTransform([registry(part) for part in c.cseq], c.dim))


_parts(biject_to)
_parts(transform_to)
