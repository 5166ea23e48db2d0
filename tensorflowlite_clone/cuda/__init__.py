"""What programs ask of ``torch.cuda``: there is no GPU. What is asked for is in ``_devices.py``, mixed precision in ``cuda.amp``."""

from .._devices import absent as _absent
from .._lazy import later as _later

_NAMES = _absent("cuda", "GPU", without="""XPUGraph Graph is_built is_compiled is_macos_or_newer is_macos13_or_newer
    current_allocated_memory driver_allocated_memory recommended_max_memory get_core_count get_name empty_host_cache
    current_accelerator current_device_idx
    current_device_index set_device_idx set_device_index get_memory_info compile_shader load_metallib device_index""")  # fmt: skip
globals().update(_NAMES)
_LOOK, __dir__ = _later(globals())
__all__ = sorted({*_NAMES, "amp"})
__getattr__ = _LOOK
