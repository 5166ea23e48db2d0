"""Settings of PyTorch's compilers: any can be made and read back, and none does anything. A setting that was not made is False."""

from __future__ import annotations

import contextlib
from typing import Any


def patch(*args: Any, **kwargs: Any) -> Any:
    """A context manager and decorator that changes nothing: ``with config.patch(verbose=True):``."""
    return contextlib.ExitStack() if not kwargs.get("_decorates") else None


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return False
