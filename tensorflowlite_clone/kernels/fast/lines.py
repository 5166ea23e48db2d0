"""Windows on images as shifts of one long line: the rows of an image, with its padding, behind one another.

Every place in a window is one shift of the line, so loops over windows are as long as the image however short its rows, at the price of
results between the rows (and, with strides, between the windows) that nobody asked for. Here: what convolutions and poolings share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiled import inlined

__all__ = ["U", "fill", "shifts_of"]

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
