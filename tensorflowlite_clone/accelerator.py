"""What programs ask of ``torch.accelerator``: there is none. What is asked for is in ``_devices.py``."""

from ._devices import absent as _absent

_NAMES = _absent("accelerator", "accelerator", only="""is_available device_count current_accelerator current_device_idx
    current_device_index current_stream device_index empty_cache empty_host_cache get_device_capability get_memory_info Graph
    max_memory_allocated max_memory_reserved memory_allocated memory_reserved memory_stats reset_accumulated_memory_stats
    reset_peak_memory_stats set_device_idx set_device_index set_stream synchronize""")  # fmt: skip
globals().update(_NAMES)
__all__ = sorted(_NAMES)
