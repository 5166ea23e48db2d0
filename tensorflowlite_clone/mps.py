"""What programs ask of ``torch.mps``: there is no such device. What is asked for is in ``_devices.py``."""

from ._devices import absent as _absent

_NAMES = _absent("mps", "MPS", only="""is_available device_count manual_seed seed empty_cache synchronize set_per_process_memory_fraction
    current_allocated_memory driver_allocated_memory recommended_max_memory get_rng_state set_rng_state Event compile_shader
    load_metallib""")  # fmt: skip
globals().update(_NAMES)
__all__ = sorted(_NAMES)
