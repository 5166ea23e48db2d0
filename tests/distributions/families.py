"""The table of `test_families.py`: for every family of distributions the parameters and values to compare at.

A row is a name, parameters, and values: numbers and nested lists become float64 tensors of either library, a `Make` another
distribution or transform, everything else stays. Here: no code that compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Make:
    """A call of something of the library's ``distributions``: ``Make("Normal", loc=[0.0], scale=1.0)``."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        for k, v in (("name", name), ("args", args), ("kwargs", kwargs)):
            object.__setattr__(self, k, v)


@dataclass(frozen=True)
class Row:
    """One distribution to compare.

    ``values`` are in the support, tails among them, and broadcast with the batch. ``scipy`` makes SciPy's distribution of the
    parameters (as arrays). ``moments`` says how many standard errors samples may differ in mean and variance; None compares none
    (there are no moments). ``not_torch`` names methods whose values are not PyTorch's, and why.
    """

    name: str
    kwargs: dict[str, Any]
    values: Any
    scipy: Callable[..., Any] | None = None
    moments: float | None = 5.0
    not_torch: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        shown = ",".join(f"{k}={v.name if isinstance(v, Make) else 'x'.join(map(str, np.shape(v))) or v}" for k, v in self.kwargs.items())
        return f"{self.name}({shown})"


def built(library: Any, what: Any, dtype: Any = None) -> Any:
    """What a value of the table is in ``library`` (``torch`` or this package)."""
    if isinstance(what, Make):
        home = next(h for h in (library.distributions, library.distributions.transforms) if hasattr(h, what.name))
        return getattr(home, what.name)(
            *(built(library, a, dtype) for a in what.args), **{k: built(library, v, dtype) for k, v in what.kwargs.items()}
        )
    if isinstance(what, float | list):
        if isinstance(what, list) and what and isinstance(what[0], Make):
            return [built(library, w, dtype) for w in what]
        return library.tensor(what, dtype=dtype or library.float64)
    return what


def rows() -> list[Row]:
    """All rows."""
    return [*UNIVARIATE, *DISCRETE, *MADE, *VECTORS]


#: Continuous numbers; discrete values; made of others; vectors and matrices.
UNIVARIATE: list[Row] = []
DISCRETE: list[Row] = []
MADE: list[Row] = []
VECTORS: list[Row] = []
