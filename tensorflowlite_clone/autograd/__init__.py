"""Differentiation as PyTorch's users know it: ``backward``, ``grad``, gradient modes, hooks.

Here: the users' face. Not here: the tape and its engine (``core/``) and the function transforms (``func/``).
"""

import os as _os
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .._lazy import later as _later
from .._lazy import load as _load
from .._lazy import public as _public
from . import grad_mode
from .backward import backward, grad
from .grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
    set_multithreading_enabled,
)
from .gradcheck import GradcheckError, gradcheck, gradgradcheck

if _TYPE_CHECKING:
    from . import anomaly_mode, forward_ad, function, functional, graph, profiler
    from .anomaly_mode import AnomalyError, detect_anomaly, is_anomaly_check_nan_enabled, is_anomaly_enabled, set_detect_anomaly
    from .function import Function
    from .variable import Variable

__getattr__, __dir__ = _later(globals())

if _asked := _os.environ.get("TL_DETECT_ANOMALY", ""):
    _load("autograd.anomaly_mode").from_environment(_asked)

__all__ = [
    "AnomalyError",
    "Function",
    "GradcheckError",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "profiler",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]
__dir__ = _public(globals())
