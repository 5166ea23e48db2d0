"""NumPy's namespace, function by function: calls on float64 arrays, which `test_numpy_language.py` repeats on tensors in every mode.

One file per theme. `CASES` are differentiable calls, `CONSTANT` those whose answer has no derivative, `WRITES` those that write into
their first operand. Inputs stay away from kinks and ties. A function with no call here fails a test. Here: how a call is written down,
and the inputs that many share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.lib import NumpyVersion
from samples import distinct, normal, positive, uniform

T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """One call ``f(*inputs)`` in plain NumPy."""

    name: str
    f: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    #: Whether the shape of the result is the same for all values, so that vmap can run it.
    vmap: bool = True
    second: bool = True

    def __repr__(self) -> str:
        return self.name


def cases(function: str, *calls: tuple[Any, ...], **options: Any) -> list[Case]:
    """Several calls of one function: each the call and its inputs."""
    return [Case(f"{function}-{i}", c[0], tuple(c[1:]), **options) for i, c in enumerate(calls)]


def since(version: str, *things: T) -> tuple[T, ...]:
    """Calls or cases that NumPy answers from ``version`` on: ``things``, or nothing where NumPy is older."""
    return things if NumpyVersion(np.__version__) >= NumpyVersion(version) else ()


V, W, M, X3 = distinct(6), distinct(6, seed=5), distinct(3, 4), distinct(2, 3, 4)
P, PM = positive(6), positive(3, 4)
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
NAN = np.array([[1.5, np.nan, -0.7, 2.2], [np.nan, 0.3, 0.9, -1.4], [0.4, 2.5, np.nan, 1.1]])
HOLE = np.where(np.isnan(NAN), np.nan, 0.0)  # added to an input, so that its NaNs are constants
Q = np.array([0.1, 0.35, 0.8])
PLACES = np.array([[2, 0, 1, 1]])
SORTED = np.sort(distinct(6))
