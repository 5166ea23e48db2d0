"""Sequences and numbers where an answer to a NumPy function wants arrays: the operands are converted first.

Here are the functions whose answers are written in PyTorch's spirit, in which a list is an error. The files that repeat NumPy's
signatures convert for themselves (``operands.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..core.registry import NUMPY_FUNCTIONS
from . import compare, diagonal, einsum, grid, linalg, matmul, piecewise, products, repeat, search, shape  # noqa: F401  (what is widened)
from .operands import operand


def _accepts_sequences(np_function: Callable[..., Any], count: int) -> None:
    """Let the first ``count`` operands of an answer be sequences and numbers, as NumPy does."""
    answer, name = NUMPY_FUNCTIONS[np_function], f"np.{np_function.__name__}"

    def wider(*args: Any, **kwargs: Any) -> Any:
        return answer(*_operands(args[:count], name), *args[count:], **kwargs)

    _answer(np_function, wider)


def _operands(given: Iterable[Any], name: str) -> list[Any]:
    return [operand(a, name) if isinstance(a, list | tuple) else a for a in given]


def _answer(np_function: Callable[..., Any], wider: Any) -> None:
    wider.__wrapped__ = NUMPY_FUNCTIONS[np_function]
    NUMPY_FUNCTIONS[np_function] = wider


def _einsum(*operands: Any, **kwargs: Any) -> Any:
    """Lists are operands after subscripts in one string, else subscripts themselves."""
    if isinstance(operands[0], str):
        operands = (operands[0], *_operands(operands[1:], "np.einsum"))
    return _einsum.__wrapped__(*operands, **kwargs)  # type: ignore[attr-defined]


def _multi_dot(arrays: Any, **kwargs: Any) -> Any:
    """Each factor may be a list of rows."""
    return _multi_dot.__wrapped__(_operands(arrays, "np.linalg.multi_dot"), **kwargs)  # type: ignore[attr-defined]


for _np_function, _count in (
    (np.dot, 2), (np.inner, 2), (np.outer, 2), (np.vdot, 2), (np.tensordot, 2), (np.kron, 2), (np.cross, 2), (np.where, 3),
    (np.isclose, 2), (np.isin, 2), (np.clip, 3), (np.roll, 1), (np.flip, 1), (np.tile, 1), (np.bincount, 2),
    (np.broadcast_arrays, sys.maxsize), (np.linalg.solve, 2), (np.linalg.lstsq, 2), (np.linalg.tensorsolve, 2), (np.linalg.matmul, 2),
    (np.linalg.outer, 2), (np.linalg.cross, 2), (np.linalg.vecdot, 2), (np.linalg.tensordot, 2),
):  # fmt: skip
    _accepts_sequences(_np_function, _count)
_answer(np.einsum, _einsum)
_answer(np.linalg.multi_dot, _multi_dot)
