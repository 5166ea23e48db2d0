"""What programs ask of ``torch.accelerator``: there is none. What is asked for is in ``_devices.py``.

Here too: `tl.get_device_module`, the module of a kind of device.
"""

from typing import Any as _Any

from ._devices import absent as _absent
from ._errors import DeviceError as _DeviceError
from ._lazy import load as _load

_NAMES = _absent("accelerator", "accelerator", only="""is_available device_count current_accelerator current_device_idx
    current_device_index current_stream device_index empty_cache empty_host_cache get_device_capability get_memory_info Graph
    max_memory_allocated max_memory_reserved memory_allocated memory_reserved memory_stats reset_accumulated_memory_stats
    reset_peak_memory_stats set_device_idx set_device_index set_stream synchronize""")  # fmt: skip
globals().update(_NAMES)
__all__ = sorted(_NAMES)


def get_device_module(device: _Any = None) -> _Any:
    """The module of a kind of device, as ``tl.cuda``: of "cuda", "cpu" and the others that there are, of the CPU for None.

    Raises `DeviceError` for a device without one.

    >>> import tensorflowlite_clone as tl
    >>> tl.get_device_module("cpu").is_available()
    True
    """
    kind = str("cpu" if device is None else device).partition(":")[0]
    if kind not in ("cpu", "cuda", "mps", "mtia", "xpu"):
        raise _DeviceError(f"get_device_module: there is no module for {device!r:.40}; pass 'cpu', 'cuda', 'mps', 'mtia' or 'xpu'")
    return _load(kind)
