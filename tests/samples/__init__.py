"""Sample inputs of every operation, and calls of every public function to compare with PyTorch.

One module per file of ``ops/``. Each defines

* ``SAMPLES``: ``{"OperationClass": [Sample(...), ...]}``; the generated tests in ``test_operations.py`` and
  ``test_operation_domains.py`` run on them;
* ``CALLS``: ``[Call("name", lambda T, x: T.sum(x, dim=1), x)]``; ``test_against_torch.py`` runs each under this package and
  under PyTorch (``T``) and compares values and derivatives.

Arrays are float64 unless the sample is about another dtype; keep them small (up to about 30 elements), away from kinks and
ties unless the sample is about those (then ``smooth=False``, or ``kink=``, which says what the derivative is there).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Sample:
    """Operands (arrays by position) and parameters of one call ``Op.of(*args, **params)``."""

    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    #: Whether central differences make sense here.
    smooth: bool = True
    #: Whether NumPy can compute it from float32 operands as well.
    float32: bool = True
    #: At a kink, a tie or a jump: the gradient of the sum of the results with respect to each operand that has a derivative.
    kink: tuple[Any, ...] | None = None
    #: Whether the operands may be made complex: the operation then differentiates them rightly, or refuses them with an error.
    complexify: bool = True

    def __repr__(self) -> str:
        shapes = ", ".join(str(a.shape) if isinstance(a, np.ndarray) else repr(a) for a in self.args)
        return f"{shapes} {self.params or ''}".strip()


@dataclass(frozen=True)
class Call:
    """One call written for both packages; ``f(T, *inputs)`` with T the module."""

    name: str
    f: Callable[..., Any]
    inputs: tuple[Any, ...]
    #: Compare gradients (of all floating inputs) too.
    differentiable: bool = True
    #: False says that second derivatives are not expected to agree: ``why`` or an entry in ``DEVIATIONS`` gives the reason.
    second: bool = True
    #: Relative to the largest of the compared values, or absolute where they are below one.
    tolerance: float = 1e-9
    #: Why the tolerance is wider than 1e-9, or second derivatives are not compared.
    why: str = ""

    def __repr__(self) -> str:
        return self.name


def sample(
    *args: Any, smooth: bool = True, float32: bool = True, kink: tuple[Any, ...] | None = None, complexify: bool = True, **params: Any
) -> Sample:
    """`Sample` in short."""
    return Sample(args, params, smooth and kink is None, float32, kink, complexify)


def call(name: str, f: Callable[..., Any], *inputs: Any, **options: Any) -> Call:
    """`Call` in short."""
    return Call(name, f, inputs, **options)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float64 values, the same at every run."""
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    """Values between 0.5 and 2."""
    return np.random.default_rng([seed, 1, *shape]).uniform(0.5, 2.0, size=shape)


def uniform(*shape: int, low: float = -0.9, high: float = 0.9, seed: int = 0) -> np.ndarray:
    """Uniform values in [low, high)."""
    return np.random.default_rng([seed, 2, *shape]).uniform(low, high, size=shape)


def distinct(*shape: int, seed: int = 0) -> np.ndarray:
    """Values at least 0.1 apart in random order: no ties, no kinks within a small step, none near 0."""
    n = int(np.prod(shape))
    values = (np.arange(n) - n / 2 + 0.35) * 0.3
    return np.random.default_rng([seed, 3, *shape]).permutation(values).reshape(shape)


def integers(*shape: int, low: int = 0, high: int = 5, seed: int = 0) -> np.ndarray:
    """Integers in [low, high), int64."""
    return np.random.default_rng([seed, 4, *shape]).integers(low, high, size=shape)


def collect() -> tuple[dict[str, list[Sample]], list[Call]]:
    """All samples by operation and all calls, from every module of this package."""
    samples: dict[str, list[Sample]] = {}
    calls: list[Call] = []
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for op, entries in getattr(module, "SAMPLES", {}).items():
            samples.setdefault(op, []).extend(entries)
        calls += getattr(module, "CALLS", [])
    return samples, calls
