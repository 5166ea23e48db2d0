"""Every pooling kernel, under one name to import from.

Here: only names. What they do is in ``max_pool.py``, ``avg_pool.py`` and ``adaptive_pool.py``; how windows lie, in ``windows.py``.
"""

from __future__ import annotations

from .adaptive_pool import adaptive_avg_pool2d, adaptive_avg_pool2d_grad, adaptive_max_pool2d_indices
from .avg_pool import avg_pool2d, avg_pool2d_grad
from .max_pool import max_pool2d, max_pool2d_grad, max_pool2d_indices, pool_gather, pool_scatter
from .windows import pool2d_output_size

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_grad",
    "adaptive_max_pool2d_indices",
    "avg_pool2d",
    "avg_pool2d_grad",
    "max_pool2d",
    "max_pool2d_grad",
    "max_pool2d_indices",
    "pool2d_output_size",
    "pool_gather",
    "pool_scatter",
]
