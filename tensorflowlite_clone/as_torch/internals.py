"""What libraries ask PyTorch's compiled part, ``torch._C``, for by name. Not here: anything that has a public name in PyTorch."""

from __future__ import annotations

from .._errors import LinAlgError
from ..autograd.function import Function
from ..core.size import Size
from ..core.tensor import Tensor
from ..overrides import DisableTorchFunctionSubclass, _disabled_torch_function_impl

__all__ = ["DisableTorchFunctionSubclass", "Function", "Size", "TensorBase", "_LinAlgError", "_disabled_torch_function_impl"]

_LinAlgError = LinAlgError
TensorBase = Tensor


def _log_api_usage_once(event: str) -> None:
    """Nothing: nobody counts who uses what."""


def _get_tracing_state() -> None:
    """None: no tracer is at work, programs run as they are written."""
