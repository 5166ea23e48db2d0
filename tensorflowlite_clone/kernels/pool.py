"""Every pooling kernel, under one name to import from.

Here: only names. What they do is in ``max_pool.py``, ``avg_pool.py`` and ``adaptive_pool.py``; how windows lie, in ``windows.py``.
"""

from __future__ import annotations

from tensorflowlite_clone.kernels.adaptive_pool import adaptive_avg_pool2d, adaptive_avg_pool2d_grad, adaptive_max_pool2d_indices
from tensorflowlite_clone.kernels.avg_pool import avg_pool2d, avg_pool2d_grad
from tensorflowlite_clone.kernels.max_pool import max_pool2d, max_pool2d_grad, max_pool2d_indices, pool_gather, pool_scatter
from tensorflowlite_clone.kernels.windows import pool2d_output_size

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
