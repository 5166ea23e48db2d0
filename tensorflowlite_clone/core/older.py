"""Calls as PyTorch's programs wrote them before version 1.5, which it still takes with a warning: ``x.add_(-lr, g)`` for ``alpha=``.

They are looked for where a call has failed to fit, so that no other call pays. Not here: functions that are gone (``ops/removed.py``).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

__all__ = ["renewed"]

#: How many tensors the function takes, and what the numbers that stood among them are called now.
FACTORS = {
    "add": (2, ("alpha",)), "addcmul": (3, ("value",)), "addcdiv": (3, ("value",)),
    **dict.fromkeys(("addmm", "addmv", "addr", "baddbmm", "addbmm"), (3, ("beta", "alpha"))),
}  # fmt: skip


def renewed(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """The same call with its factors by name, after a warning; None where it was none of these.

    >>> renewed("sin", (1, 2), {}) is None
    True
    """
    count, factors = FACTORS.get(name, (0, ()))
    numbers = [a for a in args if isinstance(a, int | float | complex | np.number)]
    tensors = tuple(a for a in args if not isinstance(a, int | float | complex | np.number))
    if kwargs or len(tensors) != count or not 1 <= len(numbers) <= len(factors) or not count:
        return None
    named = dict(zip(factors, numbers, strict=False))
    by_name = ", ".join(f"{n}={v}" for n, v in named.items())
    warnings.warn(f"{name}: a factor by position is deprecated: pass {by_name} behind the tensors", UserWarning, stacklevel=3)
    return tensors, named
