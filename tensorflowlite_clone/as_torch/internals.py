"""What libraries ask PyTorch's compiled part, ``torch._C``, for by name. Not here: anything that has a public name in PyTorch."""

from __future__ import annotations

from typing import Any

from .._errors import LinAlgError
from ..autograd.function import Function
from ..core.size import Size
from ..core.tensor import Tensor
from ..overrides import DisableTorchFunctionSubclass, _disabled_torch_function_impl, has_torch_function

__all__ = ["DisableTorchFunctionSubclass", "Function", "Size", "TensorBase", "_LinAlgError", "_disabled_torch_function_impl"]

_LinAlgError = LinAlgError
TensorBase = Tensor


def _log_api_usage_once(event: str) -> None:
    """Nothing: nobody counts who uses what."""


def _get_tracing_state() -> None:
    """None: no tracer is at work, programs run as they are written."""


def _assert(condition: Any, message: str) -> None:
    """``assert condition, message``."""
    if not condition:
        raise AssertionError(message)


def has_torch_function_unary(x: Any) -> bool:
    """Whether one argument has a ``__torch_function__`` of its own."""
    return has_torch_function((x,))


def has_torch_function_variadic(*arguments: Any) -> bool:
    """Whether one of the arguments has a ``__torch_function__`` of its own."""
    return has_torch_function(arguments)
