"""Random tensors with the parameters of a distribution in tensors: normal, Bernoulli, Poisson, binomial, multinomial.

Not here: generators, and tensors drawn from sizes (``random.py``); what drawing means inside vmap (``draw.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError
from .._typing import Array, DTypeLike
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import all_values, number
from ..core.publish import public, to_operand
from ..core.signature import How
from .cast import cast
from .create import finish, size_of
from .draw import constant, drawn, floating, fresh
from .random import Generator, floating_kind, normal, stream
from .search import bisect


def _outside(op: str, what: str, values: ndarray[Any, Any], low: float, high: float) -> None:
    """Raise unless all values are in [low, high]; NaN is not."""
    if not np.all((values >= low) & (values <= high)):
        raise ArgumentError(f"{op}: {what} must be in [{low}, {high}]: they range from {np.min(values)} to {np.max(values)}")


@public("normal", method=False, out="dtype")
def _normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    **how: How,
) -> Array:
    """Normal numbers with given means and standard deviations: numbers with a ``size``, or tensors that broadcast.

    Differentiable in both: the result is ``mean + std * z`` with z drawn from the standard normal distribution. Its dtype is that of
    ``mean`` (of ``std`` where that is the only tensor), or ``dtype``; the parts of complex numbers have half of the variance each.

    >>> import tensorflowlite_clone as tl
    >>> tl.normal(tl.tensor([1.0, 2.0]), 0.0).tolist(), tl.normal(0.0, 1.0, (2, 3)).shape
    ([1.0, 2.0], (2, 3))
    """
    tensors = [v for v in (mean, std) if isinstance(v, Boxed | ndarray)]
    if size is None and not tensors:
        raise OperandError(f"normal: size is missing: mean and std are {mean!r:.40} and {std!r:.40}; pass size=(2, 3), or tensors")
    spread = all_values(std)
    if not np.all(np.greater_equal(spread, 0)):
        raise ArgumentError(f"normal: standard deviations must not be negative: the smallest is {np.min(spread)}")
    kind = floating_kind(tensors[0].dtype if size is None and dtype is None else dtype, "normal", complex_too=True)
    shape = np.broadcast_shapes(shape_of(mean), shape_of(std)) if size is None else size_of((size,), "normal")
    z = constant(fresh("normal", shape, lambda shape: normal(shape, kind, generator)))
    with np.errstate(all="ignore"):
        return finish(cast(z * std + mean, kind), **how)


@public("bernoulli", out=True)
def _bernoulli(input: Array, p: float | None = None, *, generator: Generator | None = None) -> Array:
    """1 with the probability that ``input`` gives for each element (or ``p`` for all), else 0, in its dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.bernoulli(tl.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    p = number(p, "bernoulli", "p")

    if p is not None and to_operand(input, "bernoulli").dtype.kind == "c":
        raise DTypeError(f"bernoulli: booleans do not become complex: the input is {input.dtype} {shape_of(input)}; convert the result")

    def draw(x: Any) -> Any:
        chances = x if p is None else np.asarray(p)
        _outside("bernoulli", "probabilities", chances, 0.0, 1.0)
        return np.less(stream(generator).random(x.shape), chances).astype(x.dtype)

    return drawn("bernoulli", floating("bernoulli", input) if p is None else input, draw)


@public("poisson", method=False)
def _poisson(input: Array, generator: Generator | None = None) -> Array:
    """Poisson numbers with the rates that ``input`` gives, in its dtype."""

    def draw(x: Any) -> Any:
        _outside("poisson", "rates", x, 0.0, 9.2e18)
        return np.asarray(stream(generator).poisson(x)).astype(x.dtype)

    return drawn("poisson", floating("poisson", input), draw)


@public("binomial", method=False)
def _binomial(count: Array, prob: Array, generator: Generator | None = None) -> Array:
    """How many of ``count`` trials succeed with probability ``prob``, in the dtype of ``count``; the two broadcast."""

    def draw(n: Any, p: Any) -> Any:
        _outside("binomial", "counts", n, 0.0, 9.2e18)
        _outside("binomial", "probabilities", p, 0.0, 1.0)
        return np.asarray(stream(generator).binomial(n.astype(np.int64), p)).astype(n.dtype)

    return drawn("binomial", floating("binomial", count), draw, to_operand(prob, "binomial"))


@public("multinomial", out=True)
def _multinomial(input: Array, num_samples: int, replacement: bool = False, *, generator: Generator | None = None) -> Array:
    """Indices drawn with the weights (C) or (N, C) of ``input``: int64 (num_samples) or (N, num_samples).

    Without ``replacement`` no index comes twice in a row. Weights need not sum to 1. Raises `ArgumentError` for weights that are
    negative, not finite or all zero, and for more samples without replacement than there are positive weights.

    >>> import tensorflowlite_clone as tl
    >>> sorted(tl.multinomial(tl.tensor([1.0, 0.0, 2.0]), 2).tolist())
    [0, 2]

    Source: P. Efraimidis, P. Spirakis, "Weighted random sampling with a reservoir" (2006), for drawing without replacement.
    """
    shape = shape_of(input)
    if len(shape) not in (1, 2):
        raise ArgumentError(f"multinomial: input must be weights (C) or (N, C): it is {shape}")
    if num_samples < 1:
        raise ArgumentError(f"multinomial: num_samples must be above 0: got {num_samples}")

    def draw(x: Any) -> Any:
        weights = x.reshape(-1, shape[-1]).astype(np.float64)
        if np.any(weights < 0) or not np.all(np.isfinite(weights)) or np.any(np.sum(weights, axis=-1) <= 0):
            raise ArgumentError("multinomial: weights must be finite, not negative, and not all zero in a row; check the input for NaN")
        few = int(np.count_nonzero(weights, axis=-1).min(initial=shape[-1]))
        if not replacement and num_samples > few:
            raise ArgumentError(
                f"multinomial: {num_samples} samples without replacement, but only {few} weights are positive; pass replacement=True"
            )
        rng = stream(generator)
        if replacement:
            rows = _with_replacement(weights, rng.random((len(weights), num_samples)))
        else:  # the first arrivals of exponential clocks
            with np.errstate(divide="ignore"):
                rows = np.argsort(rng.standard_exponential(weights.shape) / weights, axis=-1)[:, :num_samples]
        return rows.astype(np.int64).reshape(*x.shape[:-1], num_samples)

    return drawn("multinomial", floating("multinomial", input), draw)


def _with_replacement(weights: ndarray[Any, Any], u: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """The index into each row of weights (N, C) that each uniform number (N, k) falls on."""
    edges = np.cumsum(weights, axis=-1)
    last = weights.shape[-1] - 1 - np.argmax(weights[:, ::-1] > 0, axis=-1, keepdims=True)
    return np.asarray(np.minimum(bisect(edges, u * edges[:, -1:], right=True), last))  # rounding up to the sum still means the last
