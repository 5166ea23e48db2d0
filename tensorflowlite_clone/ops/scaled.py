"""Products of the elements before each one; and `Scaled`, numbers with an exponent of their own, for products whose parts leave the
range of the dtype though the whole does not.

Written in NumPy calls that boxes follow; the exponents have no derivative. Not here: who needs them (``reduce.py``, ``scan.py``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._typing import Array
from ..core.levels import all_values
from .cast import Cast

#: Below every exponent that occurs: that of 0, which must not hide what it is added to.
LOWEST = -(1 << 24)


class Scaled(NamedTuple):
    """``mantissa 2^exponent``, the mantissa 0 or in [0.5, 1)."""

    mantissa: Array
    exponent: Array

    @staticmethod
    def of(x: Array) -> Scaled:
        """Floating numbers as such."""
        return _normal(x, 0)

    def times(self, other: Scaled) -> Scaled:
        """The product."""
        return _normal(self.mantissa * other.mantissa, self.exponent + other.exponent)

    def plus(self, other: Scaled) -> Scaled:
        """The sum."""
        top = np.maximum(self.exponent, other.exponent)
        return _normal(_shifted(self.mantissa, self.exponent - top) + _shifted(other.mantissa, other.exponent - top), top)

    def value(self) -> Array:
        """The numbers in the dtype of the mantissa: 0 or infinite where that does not hold them."""
        return _shifted(self.mantissa, self.exponent)


def products_before(x: Any, axis: int, backwards: bool = False) -> Any:
    """The product of all elements before (or behind) each one, of arrays or `Scaled`: by doubling distances, log2(n) products in all."""
    n = x.mantissa.shape[axis] if isinstance(x, Scaled) else x.shape[axis]
    result, distance = shift(x, axis, 1, 1, backwards), 1
    while distance < n:
        result = multiply(result, shift(result, axis, distance, 1, backwards))
        distance *= 2
    return result


def multiply(x: Any, y: Any) -> Any:
    """The product of arrays or of `Scaled`."""
    return x.times(y) if isinstance(x, Scaled) else x * y


def shift(x: Any, axis: int, k: int, fill: float, backwards: bool) -> Any:
    """``x``, an array or `Scaled`, moved by k places along an axis, the freed places filled, those of `Scaled` with 0 or 1."""
    if isinstance(x, Scaled):
        mantissa, exponent = (0.5, 1) if fill else (0, LOWEST)
        return Scaled(_moved(x.mantissa, axis, k, mantissa, backwards), _moved(x.exponent, axis, k, exponent, backwards))
    return _moved(x, axis, k, fill, backwards)


def _moved(x: Array, axis: int, k: int, fill: float, backwards: bool) -> Array:
    n = x.shape[axis]
    filling = np.full((*x.shape[:axis], min(k, n), *x.shape[axis + 1 :]), fill, x.dtype)
    before: tuple[Any, ...] = (slice(None),) * axis
    if backwards:
        return np.concatenate([x[(*before, slice(k, None))], filling], axis=axis)
    return np.concatenate([filling, x[(*before, slice(0, max(n - k, 0)))]], axis=axis)


def out_of_range(products: Array, factors: Array, zeros: Any = None) -> bool:
    """Whether some of ``products`` of floating ``factors`` are not finite, or 0 though (by ``zeros``, if given) no factor is."""
    if factors.dtype.kind != "f":
        return False
    values = all_values(products)
    if not np.all(np.isfinite(values)):
        return True
    vanished = values == 0
    return zeros is not None and bool(np.any(vanished)) and bool(np.any(vanished & ~zeros(all_values(factors))))


def _normal(x: Array, exponent: Array | int) -> Scaled:
    mantissa, more = np.frexp(x)
    return Scaled(mantissa, np.where(np.equal(mantissa, 0.0), LOWEST, exponent + more))


def _shifted(x: Array, exponent: Array) -> Array:
    """``x 2^exponent`` for x in [0, 1], in three steps, no one of which leaves the range unless the result does."""
    most = 3 * (np.finfo(x.dtype).maxexp - 2)
    bounded = np.clip(exponent, -most, most)
    third = np.floor_divide(bounded, 3)
    step, last = (np.power(2.0, Cast.of(e, dtype=np.dtype(x.dtype))) for e in (third, bounded - 2 * third))
    return x * step * step * last
