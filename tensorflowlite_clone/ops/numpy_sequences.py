"""Sequences and numbers where an answer to a NumPy function wants arrays: the operands are converted first.

Here are the functions whose answers are written in PyTorch's spirit, in which a list is an error. The files that repeat NumPy's
signatures convert for themselves (``operands.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.registry import NUMPY_FUNCTIONS
from . import compare, diagonal, matmul, piecewise, products, repeat, search, shape  # noqa: F401  (the answers that are widened)
from .operands import operand


def _accepts_sequences(np_function: Callable[..., Any], count: int) -> None:
    """Let the first ``count`` operands of an answer be sequences and numbers, as NumPy does."""
    answer, name = NUMPY_FUNCTIONS[np_function], f"np.{np_function.__name__}"

    def wider(*args: Any, **kwargs: Any) -> Any:
        first = [operand(a, name) if isinstance(a, list | tuple) else a for a in args[:count]]
        return answer(*first, *args[count:], **kwargs)

    wider.__wrapped__ = answer  # type: ignore[attr-defined]
    NUMPY_FUNCTIONS[np_function] = wider


for _np_function, _count in (
    (np.dot, 2), (np.inner, 2), (np.outer, 2), (np.vdot, 2), (np.tensordot, 2), (np.kron, 2), (np.cross, 2), (np.where, 3),
    (np.isclose, 2), (np.isin, 2), (np.clip, 3), (np.roll, 1), (np.flip, 1), (np.tile, 1), (np.bincount, 2),
):  # fmt: skip
    _accepts_sequences(_np_function, _count)
