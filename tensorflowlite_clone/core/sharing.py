"""Copies of arrays that share memory, which share it again: for `copy.deepcopy` and pickle.

An array is a window onto the memory of the array it was taken from (its root). A copy of the window is a window onto a copy of the root,
which is made once. Not here: who else looks at the memory of a tensor (``views.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._typing import NDArray
from .windows import address

#: Shape, strides in bytes, the byte at which it starts, and the dtype, of an array in the memory of its root; None: it is all of it.
Window = tuple[tuple[int, ...], tuple[int, ...], int, Any] | None


def window_of(array: NDArray) -> tuple[NDArray, Window]:
    """The array whose memory ``array`` shows, and which part of it; itself where it is no window, or the memory has gaps."""
    root = array
    while type(root.base) is ndarray:
        root = root.base
    if root is array or not (root.flags.c_contiguous or root.flags.f_contiguous):
        return array, None
    return root, (array.shape, array.strides, address(array) - address(root), array.dtype)


def shown(root: NDArray, window: Window) -> NDArray:
    """What ``window`` shows of ``root``, whose elements lie in memory as those of the array for which it was made."""
    if window is None:
        return root
    shape, strides, start, dtype = window
    return ndarray(shape, dtype, root if root.flags.c_contiguous else root.T, start, strides)


def deep_copied(array: NDArray, memo: dict[Any, Any]) -> NDArray:
    """A copy of ``array`` that shares memory with the other copies of its memory in ``memo``, as ``array`` does with what they are of."""
    root, window = window_of(array)
    copied = memo.get(id(root))
    if copied is None:
        copied = memo[id(root)] = np.array(root, order="K")
        memo.setdefault(id(memo), []).append(root)  # so that no other gets its id
    return shown(copied, window)
