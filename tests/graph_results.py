"""What the tests of the graph share: leaves, and results as plain Python. Not here: any test."""

from __future__ import annotations

import tensorflowlite_clone as tl


def leaf(*values):
    return tl.tensor(values, dtype=tl.float64, requires_grad=True)


def listed(x):
    """Results of a program of either library, as plain lists and numbers."""
    if isinstance(x, tuple | list):
        return [listed(v) for v in x]
    if isinstance(x, dict):
        return {k: listed(v) for k, v in x.items()}
    return x.tolist() if hasattr(x, "tolist") else x
