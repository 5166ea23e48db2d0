"""`get_worker_info` under PyTorch's path. Not here: workers (``utils/data/workers.py``)."""

from ..workers import WorkerInfo, get_worker_info

__all__ = ["WorkerInfo", "get_worker_info"]
