"""Every pooling kernel, under one name to import from.

Here: only names. What they do is in ``max_pool.py``, ``avg_pool.py`` and ``adaptive_pool.py``; how windows lie, in ``windows.py``.
"""

from __future__ import annotations

from .adaptive_pool import adaptive_avg_pool, adaptive_avg_pool_grad, adaptive_max_pool_indices, fractional_max_pool_indices
from .avg_pool import avg_pool, avg_pool_grad
from .max_pool import last_writers, max_pool, max_pool_grad, max_pool_indices, pool_gather, pool_scatter
from .windows import make_windows, pool_output_size

__all__ = [
    "adaptive_avg_pool",
    "adaptive_avg_pool_grad",
    "adaptive_max_pool_indices",
    "avg_pool",
    "avg_pool_grad",
    "fractional_max_pool_indices",
    "last_writers",
    "make_windows",
    "max_pool",
    "max_pool_grad",
    "max_pool_indices",
    "pool_gather",
    "pool_output_size",
    "pool_scatter",
]
