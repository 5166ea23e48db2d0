"""Where time and memory go, in steps of a schedule: `profile`, as in PyTorch. The events themselves are those of ``autograd.profiler``."""

from .._lazy import public as _public
from ..autograd.profiler import record_function
from . import parts
from .session import ProfilerAction, ProfilerActivity, profile, schedule, supported_activities, tensorboard_trace_handler

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]
__dir__ = _public(globals())
