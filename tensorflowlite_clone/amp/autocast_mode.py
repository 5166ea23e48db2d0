"""`autocast` and the questions about it. It changes no dtype: what PyTorch would compute in bfloat16 or float16 is computed in float32.

That is what mixed precision is an approximation of, so results are those of PyTorch to the precision of the short dtype, and their dtype
is float32 where PyTorch's is the short one. On the CPU the short dtypes would be slower, not faster. Who wants them converts: `to(dtype)`.
Not here: scaling of gradients (``grad_scaler.py``).
"""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable
from typing import Any

from .._checks import flag
from .._errors import ArgumentError, OperandError
from ..core.dtype_names import Kind, bfloat16, dtype, dtype_of

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

float16 = dtype("float16")
#: The devices that PyTorch has autocast for, and the dtype that it is of where none is given.
DEVICES = {"cuda": float16, "cpu": bfloat16, "xpu": float16, "mps": float16, "hpu": bfloat16, "mtia": bfloat16, "xla": bfloat16}


class _State(threading.local):
    def __init__(self) -> None:
        self.enabled: dict[str, bool] = {}
        self.dtypes: dict[str, Kind] = dict(DEVICES)
        self.cache = True
        self.nesting = 0


_state = _State()


def _device(name: str, device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise OperandError(f"{name}: device_type must be a text: got {type(device_type).__name__} {device_type!r:.40}; pass 'cpu'")
    kind = device_type.partition(":")[0]
    if kind not in DEVICES:
        raise ArgumentError(f"{name}: there is no mixed precision for {device_type!r:.40}; device_type is one of {', '.join(DEVICES)}")
    return kind


class autocast:  # noqa: N801  (PyTorch's name)
    """``with autocast("cpu", dtype=torch.bfloat16):`` computes as outside of it; `is_autocast_enabled` says that it is on.

    Also a decorator. For a device that is not there it warns and is off, as in PyTorch.
    Raises `OperandError` and `ArgumentError` for what is no device.

    >>> import tensorflowlite_clone as tl
    >>> with tl.autocast("cpu", dtype=tl.bfloat16):
    ...     tl.is_autocast_enabled("cpu"), (tl.ones(1, 2) @ tl.ones(2, 1)).dtype
    (True, tl.float32)
    """

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None) -> None:
        self.device = _device("autocast", device_type)
        self.fast_dtype = _state.dtypes[self.device] if dtype is None else dtype_of(dtype)
        on = bool(enabled)
        if on and self.device != "cpu":
            label = {"cuda": "CUDA"}.get(self.device, self.device.upper())
            warnings.warn(f"User provided device_type of {self.device!r}, but {label} is not available. Disabling", stacklevel=2)
            on = False
        if on and self.fast_dtype not in (bfloat16, float16):
            warnings.warn(f"autocast: the short dtypes are bfloat16 and float16: got {self.fast_dtype}; it is off", stacklevel=2)
            on = False
        self._enabled, self._cache_enabled = on, _state.cache if cache_enabled is None else flag("autocast", "cache_enabled", cache_enabled)
        self._before: list[Any] = []

    def __enter__(self) -> autocast:
        self._before.append((_state.enabled.get(self.device, False), _state.dtypes[self.device], _state.cache))
        _state.enabled[self.device], _state.dtypes[self.device], _state.cache = self._enabled, self.fast_dtype, self._cache_enabled
        _state.nesting += 1
        return self

    def __exit__(self, *exc: object) -> None:
        _state.enabled[self.device], _state.dtypes[self.device], _state.cache = self._before.pop()
        _state.nesting -= 1

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """``func``, run inside of it."""

        @functools.wraps(func)
        def within(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return within


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for a device: "cuda", "cpu"..."""
    return isinstance(device_type, str) and device_type in DEVICES


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """Decorates the forward of an `autograd.Function`: it is run as it is, also where ``cast_inputs`` names a dtype and autocast is on.

    >>> forward = custom_fwd(lambda ctx, x: x, device_type="cpu")
    """
    _device("custom_fwd", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        args[0]._dtype = get_autocast_dtype(device_type)
        args[0]._fwd_used_autocast = is_autocast_enabled(device_type)
        return fwd(*args, **kwargs)

    return forward


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """Decorates the backward of an `autograd.Function`, which is run as it is."""
    _device("custom_bwd", device_type)
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


# ---- questions and settings, which are names of the package ------------------------------------------------------------------
def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether `autocast` is on for a device."""
    return _state.enabled.get(_device("is_autocast_enabled", device_type), False)


def set_autocast_enabled(device_type: Any, enabled: Any = None) -> None:
    """Turn `autocast` on or off for a device (without one, "cuda")."""
    kind, on = ("cuda", device_type) if enabled is None else (device_type, enabled)
    _state.enabled[_device("set_autocast_enabled", kind)] = flag("set_autocast_enabled", "enabled", on)


def get_autocast_dtype(device_type: str) -> Kind:
    """The dtype that `autocast` was told for a device."""
    return _state.dtypes[_device("get_autocast_dtype", device_type)]


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Tell `autocast` a dtype for a device, which is remembered."""
    _state.dtypes[_device("set_autocast_dtype", device_type)] = dtype_of(dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether autocast would keep weights that it has converted; it converts none."""
    return _state.cache


def set_autocast_cache_enabled(enabled: bool) -> None:
    """What `is_autocast_cache_enabled` shall say."""
    _state.cache = flag("set_autocast_cache_enabled", "enabled", enabled)


def clear_autocast_cache() -> None:
    """Nothing: no weights are kept."""


def autocast_increment_nesting() -> int:
    """One `autocast` more around; how many there are."""
    _state.nesting += 1
    return _state.nesting


def autocast_decrement_nesting() -> int:
    """One `autocast` less around; how many there are."""
    _state.nesting -= 1
    return _state.nesting


def is_autocast_cpu_enabled() -> bool:
    """As ``is_autocast_enabled("cpu")``."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """As ``set_autocast_enabled("cpu", enabled)``."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> Kind:
    """As ``get_autocast_dtype("cpu")``."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """As ``set_autocast_dtype("cpu", dtype)``."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> Kind:
    """As ``get_autocast_dtype("cuda")``."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """As ``set_autocast_dtype("cuda", dtype)``."""
    set_autocast_dtype("cuda", dtype)
