"""The registry of Kullback-Leibler divergences: `kl_divergence` looks up what `register_kl` was told. Not here: formulas (``kl_*.py``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from .._errors import OperandError
from .._typing import Array
from ..core.where import stacklevel
from .distribution import Distribution

__all__ = ["kl_divergence", "register_kl"]

F = TypeVar("F", bound=Callable[..., Any])

#: What was registered, and what was found for pairs of classes that were asked for.
_KL_REGISTRY: dict[tuple[type, type], Callable[..., Any]] = {}
_KL_MEMOIZE: dict[tuple[type, type], Callable[..., Any]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[F], F]:
    """A decorator: the function is the divergence of (subclasses of) ``type_p`` from (subclasses of) ``type_q``.

    >>> import tensorflowlite_clone as tl
    >>> class Mine(tl.distributions.Normal): pass
    >>> @register_kl(Mine, Mine)
    ... def of_mine(p, q):
    ...     return tl.tensor(7.0)
    >>> kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0)).item()
    7.0
    """
    for which, cls in (("type_p", type_p), ("type_q", type_q)):
        if not isinstance(cls, type):  # of whatever class: libraries have roots of their own
            raise OperandError(f"register_kl: {which} must be a class of distributions: got {cls!r:.60}")

    def register(f: F) -> F:
        _KL_REGISTRY[type_p, type_q] = f
        _KL_MEMOIZE.clear()
        return f

    return register


def _found(p: type, q: type) -> Callable[..., Any]:
    """The function of the most specific pair. Where the best for p is not the best for q, that for p, with a warning."""
    matches = [(p.__mro__.index(a), q.__mro__.index(b), f) for (a, b), f in _KL_REGISTRY.items() if a in p.__mro__ and b in q.__mro__]
    if not matches:
        raise NotImplementedError(
            f"kl_divergence: no formula for {p.__name__} and {q.__name__}; define one with register_kl, or estimate it from samples"
        )
    left = min(matches, key=lambda m: m[:2])[2]
    right = min(matches, key=lambda m: (m[1], m[0]))[2]
    if left is not right:
        warnings.warn(
            f"Ambiguous kl_divergence({p.__name__}, {q.__name__}). Please register_kl({p.__name__}, {q.__name__})",
            RuntimeWarning,
            stacklevel=stacklevel(),
        )
    return left


def kl_divergence(p: Distribution, q: Distribution) -> Array:
    """The divergence KL(p || q), the mean under p of ``log p(x) - log q(x)``: a tensor of the batch's shape.

    Raises `NotImplementedError` for pairs that nobody registered.

    >>> import tensorflowlite_clone as tl
    >>> kl_divergence(tl.distributions.Normal(0.0, 1.0), tl.distributions.Normal(1.0, 1.0)).item()
    0.5
    """
    pair = type(p), type(q)
    f = _KL_MEMOIZE.get(pair)
    if f is None:
        for which, d in (("p", p), ("q", q)):
            if not isinstance(d, Distribution):
                raise OperandError(f"kl_divergence: {which} must be a Distribution: got {type(d).__name__} {d!r:.60}")
        f = _KL_MEMOIZE[pair] = _found(*pair)
    return f(p, q)
