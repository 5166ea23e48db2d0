"""Which operations the rows of ``CALLS`` (``tests/samples/``) reach, and which lack a row. Needs no PyTorch; no test is here."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from samples import collect
from torch_modes import evaluate

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.observe import Observer, observing
from tensorflowlite_clone.core.registry import FUNCTIONS, METHODS, NN_FUNCTIONS, SPACES

#: Operations that no call can reach, because nothing that PyTorch has leads to them: what does.
NUMPY_ALONE = {
    "BinaryExponent": "np.frexp",
    "BitCount": "np.bitwise_count",
    "Cbrt": "np.cbrt",
    "GridSlope": "second derivatives of grid_sample",
    "PartitionPlaces": "np.argpartition",
    "Roots": "np.roots",
    "Slide": "np.convolve, np.correlate",
    "Spacing": "np.spacing",
    "SampledProduct": "products of sparse matrices, compared in test_sparse.py: PyTorch's have a wrong forward mode",
    "SparseProduct": "the same",
    "TakeRowsSparsely": "embedding(sparse=True), compared there: PyTorch's gradients are sparse",
    "WholeConvolution": "np.convolve, np.correlate",
    **dict.fromkeys(
        (
            *("GammaLogDensity", "GammaRatio", "GammaLogArea", "GammaVariate", "LogBeta", "BetaLogDensity", "BetaRatio", "BetaLogArea"),
            *("BetaVariate", "CosineCumulant", "CircleRatio", "CircleLogArea", "CircleVariate", "IntervalCumulant", "IntervalVariate"),
        ),
        "distributions, compared in tests/distributions: PyTorch has none of these functions",
    ),
}


class Computed(Observer):
    """Collects the names of the operations that are computed."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def computed(self, op: Any, args: Any, params: Any, ans: Any) -> None:
        self.names.add(op.__name__)


def is_public(op: Any) -> bool:
    """Whether a function, method or operator follows from the operation's class."""
    return any(getattr(f, "__op__", None) is op for table in (FUNCTIONS, METHODS, NN_FUNCTIONS, *SPACES.values()) for f in table.values())


@functools.cache
def reached() -> tuple[set[str], set[str]]:
    """The operations that all calls compute: for their values, and for their values and gradients."""
    _, calls = collect()
    values, gradients = Computed(), Computed()
    for c in calls:
        with observing(values):
            c.f(tl, *[tl.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs])
        with observing(gradients):
            evaluate(tl, c, ("value", "vjp"))
    return values.names, gradients.names


def lacking(op: Any, values: set[str], gradients: set[str]) -> str | None:
    """What is wrong where ``op`` has no row in ``CALLS``, though PyTorch has what leads to it; None where all is well."""
    name = op.__name__
    if name in NUMPY_ALONE and name not in values | gradients and not is_public(op):
        return None
    if name in NUMPY_ALONE:
        return f"{name} is public or has a row in CALLS: remove it from NUMPY_ALONE"
    if is_public(op) and name not in values:
        return f"no row in CALLS calls {name}, which is public; add one in tests/samples/"
    if name not in gradients:
        return f"no row in CALLS leads to {name}; add one in tests/samples/, or say in NUMPY_ALONE what else leads to it"
    return None
