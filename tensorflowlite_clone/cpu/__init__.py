"""What programs ask of ``torch.cpu``, the device that there is: one, whose work is done when a call returns."""

from __future__ import annotations

import contextlib
from typing import Any

from .._lazy import later as _later

__all__ = [
    "Event", "Stream", "StreamContext", "amp", "current_device", "current_stream", "device_count", "get_capabilities", "is_available",
    "is_initialized", "set_device", "stream", "synchronize",
]  # fmt: skip


class Stream:
    """A queue of work on the CPU: there is one, and it is empty whenever a call has returned."""

    def __init__(self, priority: int = -1) -> None:
        self.priority = priority

    def synchronize(self) -> None:
        """Nothing: no work is waiting."""

    def wait_stream(self, stream: Stream) -> None:
        """Nothing: no work is waiting."""


class Event:
    """A moment in a `Stream`; it has always come already."""

    def __init__(self, enable_timing: bool = False) -> None:
        self.enable_timing = enable_timing

    def query(self) -> bool:
        """Whether the moment has come: yes."""
        return True

    def record(self, stream: Stream | None = None) -> None:
        """Nothing."""

    def synchronize(self) -> None:
        """Nothing: no work is waiting."""

    def wait(self, stream: Stream | None = None) -> None:
        """Nothing: no work is waiting."""


class StreamContext(contextlib.nullcontext[Any]):
    """``with stream(s):`` changes nothing."""


def stream(stream: Any) -> StreamContext:
    """A context manager that changes nothing: there is one stream."""
    return StreamContext(stream)


def current_stream(device: Any = None) -> Stream:
    """The stream that there is."""
    return _STREAM


def is_available() -> bool:
    """Whether there is a CPU."""
    return True


def is_initialized() -> bool:
    """Whether it is ready."""
    return True


def synchronize(device: Any = None) -> None:
    """Nothing: no work is waiting."""


def device_count() -> int:
    """One, whatever its number of cores."""
    return 1


def current_device() -> str:
    """The name of the device: "cpu"."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing: there is one device."""


def get_capabilities() -> dict[str, Any]:
    """The instructions that PyTorch looks for: NumPy chooses them by itself, so none are listed."""
    return {}


_STREAM = Stream()
__getattr__, _ = _later(globals())
