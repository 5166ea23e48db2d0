"""CRC-32, the checksum of zip files, of large content: `crc32`, up to three and a half times as fast as zlib's.

A checksum is the remainder of the content, as a polynomial over the field of two elements, by a polynomial P of degree 32. P divides
1 + x^41678 + x^91639, the trinomial of lowest degree that it divides, and, as squaring is linear there, 1 + x^(k 41678) + x^(k 91639)
for every power of two k. So a byte may be added (exclusive or) to the two that stand k/8 times 91639 and 91639 - 41678 bytes behind it
and be forgotten: whole rows are, until as many bytes are left as the trinomial has, first with long rows, then with those of k = 8, whose
checksum zlib computes. Bits stand in reverse there, which changes nothing, since everything moves by whole bytes.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from .._typing import NDArray

__all__ = ["crc32"]

_FAR, _SHIFT = 91_639, 41_678  # bytes, for k = 8
_FOLD = 2  # k = 8 * _FOLD: rows that are few, and stay in the cache
_WORTH = 4 * _FAR  # bytes below which zlib is as fast


def crc32(data: Any, value: int = 0) -> int:
    """What ``zlib.crc32(data, value)`` is, of a buffer of bytes.

    >>> crc32(b"123456789") == 0xCBF43926
    True
    """
    x = np.frombuffer(data, np.uint8)  # (n,)
    if x.size < _WORTH:
        return zlib.crc32(x.data, value)
    if (odd := x.size % (_FOLD * _FAR)) < 4:  # the four bytes with which every such checksum begins shall stand in one row
        value, x = zlib.crc32(x[:odd].data, value), x[odd:]
    row = _folded(x, _FOLD, value ^ 0xFFFFFFFF)
    return zlib.crc32(_folded(row, 1, 0).data, 0xFFFFFFFF)


def _folded(x: NDArray, fold: int, begin: int) -> NDArray:
    """A row of bytes (fold * _FAR,) with the remainder that ``x`` (n,) has after its first four bytes were added to ``begin``."""
    far, shift = fold * _FAR, fold * _SHIFT
    near = far - shift
    at = x.size % far or far
    # (far,) the sums at the last places, each where its place modulo far is; what is before the content is 0
    ring = np.empty(far, np.uint8)
    ring[: far - at] = 0
    ring[far - at :] = x[:at]
    ring[far - at :][:4] ^= np.frombuffer(begin.to_bytes(4, "little"), np.uint8)
    head, next_to_head, behind, middle, tail = ring[:shift], ring[shift : 2 * shift], ring[2 * shift :], ring[shift:near], ring[near:]
    while at < x.size:
        tail ^= head  # what is near before stands in this row
        head ^= next_to_head  # and here in the row before, in two parts that do not meet
        middle ^= behind
        ring ^= x[at : at + far]  # what is far before stands at the same place
        at += far
    return ring
