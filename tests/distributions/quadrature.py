"""Integrals over the support of a distribution of single numbers, for tests.

Source: H. Takahasi, M. Mori, "Double exponential formulas for numerical integration" (1974).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone.distributions import constraints


def nodes(d: Any) -> tuple[Any, Any]:
    """Points and weights of a double-exponential rule on the support of a distribution of single numbers: (n, 1) or (n, batch)."""
    support = constraints.interval(-np.pi, np.pi) if isinstance(d, tl.distributions.VonMises) else d.support
    t = np.linspace(-6.5, 6.5, 20001)[:, None]
    h, s, c = t[1, 0] - t[0, 0], np.pi / 2 * np.sinh(t), np.pi / 2 * np.cosh(t)
    if isinstance(support, type(constraints.real)):
        return np.sinh(s), h * np.cosh(s) * c
    low = np.asarray(getattr(support.lower_bound, "numpy", lambda: support.lower_bound)(), float)
    half = low + np.exp(s), h * np.exp(s) * c + 0 * low
    if not hasattr(support, "upper_bound"):
        return half
    high = np.asarray(getattr(support.upper_bound, "numpy", lambda: support.upper_bound)(), float)
    width = np.where(np.isfinite(high), high - low, 1.0)
    part = 1 / (1 + np.exp(-2 * s))  # from the left, exact near 0
    whole = low + width * part, width * 2 * part * (1 - part) * c * h
    return tuple(np.where(np.isfinite(high), a, b) for a, b in zip(whole, half, strict=True))  # type: ignore[return-value]
