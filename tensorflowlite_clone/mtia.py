"""What programs ask of ``torch.mtia``: there is no such device. What is asked for is in ``_devices.py``."""

from ._devices import absent as _absent

_NAMES = _absent("mtia", "MTIA", without="""CUDAGraph ExternalStream Graph nvtx has_half has_magma cudart current_blas_handle memory_cached
    max_memory_cached reset_max_memory_cached reset_max_memory_allocated list_gpu_processes is_built is_compiled is_macos_or_newer
    is_macos13_or_newer current_allocated_memory driver_allocated_memory recommended_max_memory get_core_count get_name compile_shader
    load_metallib current_accelerator current_device_idx current_device_index set_device_idx set_device_index get_memory_info
    memory_summary empty_host_cache caching_allocator_enable device_index default_stream ipc_collect set_sync_debug_mode
    get_sync_debug_mode FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor
    BoolTensor host_memory_stats host_memory_stats_as_nested_dict reset_peak_host_memory_stats
    reset_accumulated_host_memory_stats""")  # fmt: skip
globals().update(_NAMES)
__all__ = sorted(_NAMES)
