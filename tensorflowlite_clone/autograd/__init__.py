"""Differentiation as PyTorch's users know it: ``backward``, ``grad``, gradient modes, hooks.

Here: the users' face. Not here: the tape and its engine (``core/``) and the function transforms (``func/``).
"""

import os as _os
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from . import anomaly_mode, function, grad_mode, graph
from .anomaly_mode import (
    AnomalyError,
    detect_anomaly,
    from_environment,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from .backward import backward, grad
from .function import Function
from .grad_mode import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .variable import Variable

if _TYPE_CHECKING:
    from . import forward_ad, functional
    from .gradcheck import GradcheckError, gradcheck, gradgradcheck

#: What is loaded when it is first used, and the module it is in.
_LATER = {
    "forward_ad": "forward_ad",
    "functional": "functional",
    "GradcheckError": "gradcheck",
    "gradcheck": "gradcheck",
    "gradgradcheck": "gradcheck",
}


def __getattr__(name: str) -> _Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _import_module(f".{_LATER[name]}", __name__)
    for later, home in _LATER.items():
        if home == _LATER[name]:
            globals()[later] = module if later == home and later != "gradcheck" else getattr(module, later)
    return globals()[name]


from_environment(_os.environ.get("TL_DETECT_ANOMALY", ""))
del from_environment

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
    "set_detect_anomaly",
    "set_grad_enabled",
]
