"""Windows on images as shifts of one long line: the rows of an image, with its padding, behind one another.

Every place in a window is one shift of the line, so loops over windows are as long as the image however short its rows, at the price of
results between the rows (and, with strides, between the windows) that nobody asked for. Here: what convolutions and poolings share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..._typing import NDArray
from .compiled import inlined, plain

__all__ = ["U", "cut", "fill", "pictures", "shifts_of", "two_axes"]

U = np.uint64  # indices that cannot be negative are not asked whether they count from behind


@inlined
def fill(line: Any, image: Any, width: Any, top: Any, left: Any, down: Any, right: Any) -> None:
    """An image, spread by ``down`` and ``right``, into a line of rows of some width; what lies outside is left out."""
    for y in range(image.shape[0]):
        start = (y * down + top) * width + left
        if start < line.size:
            for j in range(min(image.shape[1], (width - left - 1) // right + 1)):
                line[U(start + j * right)] = image[y, j]


@inlined
def shifts_of(kh: Any, kw: Any, reach: Any, width: Any) -> Any:
    """Where the taps of a kernel lie on the line."""
    shifts = np.empty(kh * kw, np.int64)
    for a in range(kh):
        for i in range(kw):
            shifts[a * kw + i] = a * reach[0] * width + i * reach[1]
    return shifts


@inlined
def cut(image: Any, line: Any, size: Any, pad: Any) -> None:
    """An image out of a line of ``size`` rows and columns, from below and behind ``pad`` on; 0 where the line ends before."""
    for y in range(image.shape[0]):
        start = (y + pad[0]) * size[1] + pad[1]
        inside = min(image.shape[1], size[1] - pad[1]) if y + pad[0] < size[0] else 0
        for j in range(inside):
            image[y, j] = line[U(start + j)]
        for j in range(inside, image.shape[1]):
            image[y, j] = 0


def two_axes(count: int, *settings: Iterable[int], missing: int = 1) -> tuple[tuple[Any, ...], ...]:
    """Settings of one or two axes as those of two, of which the first has one pixel if it is ``missing``."""
    return tuple((missing,) * (2 - count) + tuple(s) for s in settings)


def pictures(a: NDArray, first: int, *lead: int) -> NDArray:
    """Arrays with one or two axes of pixels, from the ``first`` on, as (*lead, H, W), contiguous."""
    a = plain(a)
    return a if a.shape[:-2] == lead else a.reshape(*lead, *(1,) * (2 + first - a.ndim), *a.shape[first:])
