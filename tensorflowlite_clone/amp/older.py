"""Mixed precision by PyTorch's older names, one set for each device, which warn that there are newer ones. Not here: what they do."""

from __future__ import annotations

import functools
import warnings
from typing import Any

from ..core.dtype_names import bfloat16, dtype
from .autocast_mode import autocast, custom_bwd, custom_fwd
from .grad_scaler import GradScaler

__all__ = ["autocast_on", "custom_bwd_on", "custom_fwd_on", "scaler_on"]


def _warn(older: str, newer: str) -> None:
    warnings.warn(f"`torch.{older}` is deprecated. Please use `torch.{newer}` instead.", FutureWarning, stacklevel=3)


def autocast_on(device: str) -> type[autocast]:
    """The class ``torch.<device>.amp.autocast``, which names no device."""
    usual = dtype("float16") if device == "cuda" else bfloat16

    class Older(autocast):
        """`amp.autocast` of one device."""

        def __init__(self, enabled: bool = True, dtype: Any = usual, cache_enabled: bool = True) -> None:
            _warn(f"{device}.amp.autocast(args...)", f"amp.autocast('{device}', args...)")
            super().__init__(device, dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)

    Older.__name__ = Older.__qualname__ = "autocast"
    return Older


def scaler_on(device: str) -> type[GradScaler]:
    """The class ``torch.<device>.amp.GradScaler``, which names no device."""

    class Older(GradScaler):
        """`amp.GradScaler` of one device."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            _warn(f"{device}.amp.GradScaler(args...)", f"amp.GradScaler('{device}', args...)")
            super().__init__(device, *args, **kwargs)

    Older.__name__ = Older.__qualname__ = "GradScaler"
    return Older


def custom_fwd_on(device: str) -> Any:
    """The decorator ``torch.<device>.amp.custom_fwd``, which names no device."""

    @functools.wraps(custom_fwd)
    def older(fwd: Any = None, *, cast_inputs: Any = None) -> Any:
        _warn(f"{device}.amp.custom_fwd(args...)", f"amp.custom_fwd(args..., device_type='{device}')")
        return custom_fwd(fwd, device_type=device, cast_inputs=cast_inputs)

    return older


def custom_bwd_on(device: str) -> Any:
    """The decorator ``torch.<device>.amp.custom_bwd``, which names no device."""

    @functools.wraps(custom_bwd)
    def older(bwd: Any) -> Any:
        _warn(f"{device}.amp.custom_bwd(args...)", f"amp.custom_bwd(args..., device_type='{device}')")
        return custom_bwd(bwd, device_type=device)

    return older
