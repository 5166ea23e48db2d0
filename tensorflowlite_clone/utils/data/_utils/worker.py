"""`get_worker_info` under PyTorch's path. Not here: workers (``workers.py`` of the folder above)."""

from ..workers import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
