"""The parameterisation by ``probs`` or ``logits``, written once for all families that have it.

Not here: the conversions (``utils.py``), and the families.
"""

from __future__ import annotations

from typing import Any

from .._errors import ArgumentError, PartKindError, ShapeError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.size import Size
from .distribution import Distribution
from .utils import lazy_property, logits_to_probs, probs_to_logits

__all__ = ["ByChances"]


class ByChances(Distribution):
    """A distribution with ``probs`` or ``logits``: the one that was given is an attribute, the other is computed when asked for.

    `_binary` says whether a probability stands for itself; else those along the last dimension belong together, and are normalised.
    """

    _binary = True

    def _init_chances(self, validate_args: bool | None, probs: Any, logits: Any, event_shape: Any = (), **others: Any) -> None:
        """One of ``probs`` and ``logits`` with other parameters, broadcast, kept under their names, and checked."""
        name, value = self._one_of(probs, logits)
        self._init(validate_args, event_shape, **others, **{name: value})

    def _init_rows(self, validate_args: bool | None, probs: Any, logits: Any, events: int = 0) -> None:
        """Probabilities (or logits) of classes along the last dimension, normalised; events have the last ``events`` dimensions of it."""
        name, value = self._one_of(probs, logits)
        if not isinstance(value, Boxed):
            raise PartKindError(f"{type(self).__name__}: {name} must be a tensor: got {type(value).__name__} {value!r:.60}")
        if len(value.shape) < 1:
            raise ShapeError(f"{type(self).__name__}: {name} must have at least one dimension, that of the classes: it is {value.shape}")
        value = value / value.sum(-1, keepdim=True) if name == "probs" else value - value.logsumexp(-1, keepdim=True)
        setattr(self, name, value)
        Distribution.__init__(self, value.shape[:-1], value.shape[len(value.shape) - events :], validate_args)

    def _one_of(self, probs: Any, logits: Any) -> tuple[str, Any]:
        if (probs is None) == (logits is None):
            both = "none" if probs is None else "both"
            raise ArgumentError(f"{type(self).__name__}: exactly one of probs and logits must be given: got {both}")
        return ("logits", logits) if probs is None else ("probs", probs)

    @lazy_property
    def logits(self) -> Array:
        """The log-odds of each probability, or the logarithms of the probabilities along the last dimension."""
        return probs_to_logits(self.probs, self._binary)

    @lazy_property
    def probs(self) -> Array:
        """The probabilities."""
        return logits_to_probs(self.logits, self._binary)

    @property
    def _param(self) -> Array:
        return self.probs if "probs" in vars(self) else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of ``probs`` and ``logits``."""
        return Size(self._param.shape)
