"""Differentiation as PyTorch's users know it: ``backward``, ``grad``, gradient modes, hooks.

Here: the users' face. Not here: the tape and its engine (``core/``) and the function transforms (``func/``).
"""

import os as _os

from . import forward_ad, function, functional, graph
from .anomaly import (
    AnomalyError,
    detect_anomaly,
    from_environment,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from .derivatives import backward, grad
from .function import Function
from .gradcheck import GradcheckError, gradcheck, gradgradcheck
from .modes import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled

from_environment(_os.environ.get("TL_DETECT_ANOMALY", ""))
del from_environment

__all__ = [
    "AnomalyError",
    "Function",
    "GradcheckError",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
