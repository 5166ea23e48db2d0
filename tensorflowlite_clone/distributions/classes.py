"""Families of classes: categorical, one-hot (also with straight-through gradients), multinomial.

Probabilities or logits stand along the last dimension. Not here: counts of one kind (``counts.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._checks import is_number
from .._errors import ArgumentError
from .._typing import Array
from ..core.size import Size
from ..nn import functional as F  # noqa: N812
from ..ops.create import _zeros
from ..ops.distributions import _multinomial
from ..ops.draw import drawn
from ..ops.random import stream
from ..ops.ranges import _arange, _eye
from . import constraints
from .chances import ByChances
from .counts import Binomial
from .utils import clamp_probs, where

__all__ = ["Categorical", "Multinomial", "OneHotCategorical", "OneHotCategoricalStraightThrough"]


class _OfClasses(ByChances):
    """Parameters along the last dimension."""

    _binary = False
    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}

    @property
    def _num_events(self) -> int:
        return int(self._param.shape[-1])

    def _checked(self, value: Array) -> Array:
        if self._validate_args:
            self._validate_sample(value)
        return value

    def _class_entropy(self) -> Array:
        """That of one draw."""
        logits = self.logits.clamp(min=np.finfo(np.float32).min if self.logits.dtype.itemsize <= 4 else np.finfo(np.float64).min)
        return -(logits * self.probs).sum(-1)


class Categorical(_OfClasses):
    """A class from 0 to K - 1, with probabilities (or logits) along the last dimension of ``probs`` (..., K), which are normalised.

    >>> import tensorflowlite_clone as tl
    >>> Categorical(tl.tensor([1.0, 3.0])).log_prob(tl.tensor(1)).exp().item()
    0.75
    """

    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_rows(validate_args, probs, logits)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """The integers from 0 to K - 1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Array:
        return self._param.new_full(self._extended_shape(), math.nan)

    @property
    def mode(self) -> Array:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Array:
        return self._param.new_full(self._extended_shape(), math.nan)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        rows = self.probs.detach().reshape(-1, self._num_events)
        count = Size(sample_shape).numel()
        if count * len(rows) == 0:
            return _zeros(self._extended_shape(sample_shape), dtype=np.int64)
        return _multinomial(rows, count, True).T.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Array) -> Array:
        index = self._checked(value).long().unsqueeze(-1)
        shape = np.broadcast_shapes(index.shape, (*self._batch_shape, 1))
        return self.logits.expand(*shape[:-1], self._num_events).gather(-1, index.expand(shape)).squeeze(-1)

    def entropy(self) -> Array:
        return self._class_entropy()

    def enumerate_support(self, expand: bool = True) -> Array:
        values = _arange(self._num_events, dtype=np.int64).reshape(-1, *[1] * len(self._batch_shape))
        return values.expand(values.shape[:1] + self._batch_shape) if expand else values


class OneHotCategorical(_OfClasses):
    """A class as a vector (K) of zeros with one 1, with probabilities (or logits) along the last dimension of ``probs`` (..., K).

    >>> import tensorflowlite_clone as tl
    >>> OneHotCategorical(tl.tensor([1.0, 3.0])).mode.tolist()
    [0.0, 1.0]
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._init_rows(validate_args, probs, logits, events=1)

    @property
    def _categorical(self) -> Categorical:
        """The distribution of the index of the 1."""
        if "probs" in vars(self):
            return Categorical(probs=self.probs, validate_args=False)
        return Categorical(logits=self.logits, validate_args=False)

    def _hot(self, index: Array) -> Array:
        return F.one_hot(index, self._num_events).to(self._param.dtype)

    @property
    def mean(self) -> Array:
        return self.probs

    @property
    def mode(self) -> Array:
        return self._hot(self.probs.argmax(-1))

    @property
    def variance(self) -> Array:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Array) -> Array:
        return self._categorical.log_prob(self._checked(value).argmax(-1))

    def entropy(self) -> Array:
        return self._class_entropy()

    def enumerate_support(self, expand: bool = True) -> Array:
        n = self._num_events
        values = _eye(n, dtype=self._param.dtype).reshape(n, *[1] * len(self._batch_shape), n)
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot samples whose derivatives are those of ``probs``: biased, but there.

    >>> import tensorflowlite_clone as tl
    >>> OneHotCategoricalStraightThrough(tl.tensor([0.0, 1.0])).rsample().tolist()
    [0.0, 1.0]

    Source: Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic neurons" (2013).
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(_OfClasses):
    """How often each of K classes comes in ``total_count`` draws, with probabilities (or logits) along the last dimension of ``probs``.

    >>> import tensorflowlite_clone as tl
    >>> Multinomial(4, tl.tensor([1.0, 3.0])).mean.tolist()
    [1.0, 3.0]
    """

    total_count: int

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if not is_number(total_count):
            raise _OneCountError(f"Multinomial: total_count must be one integer for all: got {type(total_count).__name__}; use several")
        if total_count < 0 or total_count != int(total_count):
            raise ArgumentError(f"Multinomial: total_count must be an integer from 0 on: got {total_count}")
        self.total_count = int(total_count)
        self._init_rows(validate_args, probs, logits, events=1)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts with the sum ``total_count``."""
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Array:
        return self.probs * self.total_count

    @property
    def variance(self) -> Array:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Array:  # noqa: B008
        def draw(p: ndarray[Any, Any]) -> ndarray[Any, Any]:
            rows = p.astype(np.float64)
            rows = rows / rows.sum(-1, keepdims=True)
            return np.asarray(stream(None).multinomial(self.total_count, rows)).astype(p.dtype)

        return drawn("Multinomial", self.probs.detach().expand(self._extended_shape(sample_shape)), draw)

    def log_prob(self, value: Array) -> Array:
        counts = self._checked(value)
        powers = where(counts == 0, 0.0, counts * where(counts == 0, 0.0, self.logits)).sum(-1)
        return (counts.sum(-1) + 1).lgamma() - (counts + 1).lgamma().sum(-1) + powers

    def entropy(self) -> Array:
        """Of counts, with means over the binomial distributions of single ones: ``(K,)`` numbers of ``total_count`` terms each."""
        n, single = self.total_count, Binomial(self.total_count, clamp_probs(self.probs), validate_args=False)
        counts = single.enumerate_support(expand=False)
        spread = (single.log_prob(counts).exp() * (counts + 1).lgamma()).sum(0).sum(-1)
        return n * self._class_entropy() - math.lgamma(n + 1) + spread


class _OneCountError(ArgumentError, NotImplementedError):
    """PyTorch says `NotImplementedError` where counts differ from place to place."""
