"""Random masks for dropout.

Here: drawing a scaled keep-or-drop mask from a NumPy generator. Not here: applying it (a product), generators and seeds.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ArgumentError
from .._typing import NDArray

__all__ = ["bernoulli_mask", "packed_mask"]

#: Elements that `packed_mask` draws at a time.
_PART = 1 << 20


def bernoulli_mask(shape: tuple[int, ...], keep: float, rng: np.random.Generator, dtype: Any) -> NDArray:
    """Independent entries, ``1 / keep`` with probability ``keep``, else 0: their mean is 1.

    One random byte decides an entry, ``byte < floor(256 keep)``; an entry whose byte equals ``floor(256 keep)`` is decided by
    a further uniform number, so the probability is right to 2**-53 for every ``keep``.

    ``shape``: shape of the mask. ``keep``: probability in [0, 1]; at 0 all entries are 0, at 1 all are 1, and nothing is drawn. ``rng``:
    the generator; how far it advances depends on ``shape`` and ``keep``, and for other than multiples of 1/256 on what it draws. ``dtype``:
    float dtype of the mask. Raises `ArgumentError` if ``keep`` is not in [0, 1].

    >>> mask = bernoulli_mask((1000,), 0.5, np.random.default_rng(0), np.float32)
    >>> sorted(set(mask.tolist())), bool(450 < np.count_nonzero(mask) < 550)
    ([0.0, 2.0], True)

    Source: N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014), section 10 (scaling).
    """
    if not 0.0 <= keep <= 1.0:
        raise ArgumentError(f"dropout: the keep probability is no probability: keep is {keep}; use a number in [0, 1]")
    dtype = np.dtype(dtype)
    if keep == 0.0:
        return np.zeros(shape, dtype)
    if keep == 1.0:
        return np.ones(shape, dtype)
    size = math.prod(shape)
    kept = _kept(size, keep, rng)
    with np.errstate(over="ignore"):  # 1 / keep may not fit float16
        scale = dtype.type(1.0 / keep)
    mask: NDArray = np.empty(size, dtype)
    if np.isinf(scale):
        mask.fill(0.0)
        mask[kept] = scale
    else:
        np.multiply(kept, scale, out=mask)
    return mask.reshape(shape)


def packed_mask(shape: tuple[int, ...], keep: float, rng: np.random.Generator) -> NDArray:
    """Which of the elements of ``shape`` are kept, each with probability ``keep``, as bits along the last axis (`numpy.packbits`).

    A part after the other, so that no more than the bits exist of a large shape. ``rng``: as for `bernoulli_mask`.

    >>> packed_mask((2, 12), 1.0, np.random.default_rng(0))
    array([[255, 240],
           [255, 240]], dtype=uint8)
    """
    length = shape[-1]
    rows = math.prod(shape[:-1])
    mask: NDArray = np.zeros((rows, -(-length // 8)), np.uint8)
    part = max(1, _PART // max(length, 1))
    for i in range(0, rows if keep else 0, part):
        count = min(part, rows - i)
        kept = np.ones(count * length, np.bool_) if keep == 1.0 else _kept(count * length, keep, rng)
        mask[i : i + count] = np.packbits(kept.reshape(count, length), axis=-1)
    return mask.reshape(*shape[:-1], mask.shape[1])


def _kept(size: int, keep: float, rng: np.random.Generator) -> NDArray:
    """``size`` booleans, each True with probability ``keep``."""
    words = rng.integers(0, 2**64, -(-size // 8), np.uint64)  # twice as fast as rng.bytes
    draws = words.astype("<u8", copy=False).view(np.uint8)[:size]  # the same mask on machines of either byte order
    whole = math.floor(256.0 * keep)
    kept: NDArray = draws < whole
    rest = 256.0 * keep - whole  # exact: the product only moves the exponent
    if rest:
        undecided = np.flatnonzero(draws == whole)
        kept[undecided] = rng.random(undecided.size) < rest
    return kept
