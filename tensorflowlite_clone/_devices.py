"""What programs ask of an accelerator that is not there: one table, of which ``cuda``, ``xpu``, ``mps``, ``mtia`` and ``accelerator`` are.

A question has an answer (there is none, nothing is used), a request that could change no result does nothing, as ``empty_cache``; what
would have to happen on the device is a `DeviceError`. Not here: `device` (``core/device.py``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from ._errors import DeviceError

__all__ = ["AcceleratorError", "OutOfMemoryError", "absent"]

#: Questions and requests: what they return, of whatever they are asked.
ANSWERS: tuple[tuple[Callable[[], Any], str], ...] = (
    (lambda: False, """is_available is_initialized is_bf16_supported is_tf32_supported is_current_stream_capturing is_built
        can_device_access_peer is_macos_or_newer is_macos13_or_newer is_compiled"""),
    (int, """device_count memory_allocated max_memory_allocated memory_reserved max_memory_reserved memory_cached max_memory_cached
        current_allocated_memory driver_allocated_memory recommended_max_memory get_core_count"""),
    (dict, "memory_stats memory_stats_as_nested_dict host_memory_stats host_memory_stats_as_nested_dict"),
    (list, "get_arch_list get_rng_state_all memory_snapshot"),
    (str, "get_gencode_flags memory_summary list_gpu_processes get_name"),
    (lambda: None, """manual_seed manual_seed_all seed seed_all empty_cache empty_host_cache synchronize ipc_collect init set_rng_state_all
        reset_peak_memory_stats reset_max_memory_allocated reset_max_memory_cached reset_accumulated_memory_stats
        reset_peak_host_memory_stats reset_accumulated_host_memory_stats caching_allocator_enable set_sync_debug_mode
        current_accelerator set_per_process_memory_fraction"""),
)  # fmt: skip
#: What only a device can do or know.
REFUSED = """current_device current_device_idx current_device_index set_device set_device_idx set_device_index get_device_name
    get_device_properties get_device_capability mem_get_info get_memory_info get_rng_state set_rng_state initial_seed current_stream
    default_stream set_stream get_sync_debug_mode
    get_per_process_memory_fraction utilization temperature power_draw clock_rate
    memory_usage device_memory_used make_graphed_callables graph graph_pool_handle cudart current_blas_handle compile_shader
    load_metallib"""
#: Classes of things on a device; none can be made, and nothing is an instance of them.
CLASSES = """Stream Event ExternalStream CUDAGraph XPUGraph Graph MemPool FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor
    IntTensor ShortTensor CharTensor ByteTensor BoolTensor"""


class OutOfMemoryError(RuntimeError):
    """What PyTorch raises where a device has no memory left; never here, where it is Python's `MemoryError`. Programs catch it by name."""


class AcceleratorError(RuntimeError):
    """What PyTorch raises for errors of a device; never here."""


def _answered(name: str, label: str, make: Callable[[], Any]) -> Callable[..., Any]:
    def answer(*args: Any, **kwargs: Any) -> Any:
        return make()

    answer.__name__ = answer.__qualname__ = name
    answer.__doc__ = f"What PyTorch says or does without {label}: {make()!r}."
    return answer


def _no(name: str, label: str) -> DeviceError:
    return DeviceError(f"{name}: there is no {label}: tensors are on the CPU; ask is_available() first")


def _refused(name: str, label: str) -> Callable[..., Any]:
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise _no(name, label)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raises `DeviceError`: there is no {label}."
    return refuse


def _class(name: str, label: str) -> type:
    def __new__(cls: type, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        raise _no(name, label)

    return type(name, (), {"__new__": __new__, "__doc__": f"Cannot be made (`DeviceError`): there is no {label}."})


def _during(name: str, label: str) -> Callable[..., Any]:
    def during(chosen: Any = None, *args: Any, **kwargs: Any) -> Any:
        if chosen is None or (isinstance(chosen, int) and chosen < 0) or getattr(chosen, "is_cuda", None) is False:
            return contextlib.nullcontext()
        raise _no(name, label)

    during.__name__ = during.__qualname__ = name
    during.__doc__ = f"``with {name}(None):`` does nothing; with a device it raises `DeviceError`: there is no {label}."
    return during


#: Names of CUDA's that other accelerators do not have.
OTHERS = """
    CUDAGraph ExternalStream Graph nvtx has_half has_magma cudart current_blas_handle memory_cached max_memory_cached
    reset_max_memory_cached reset_max_memory_allocated list_gpu_processes is_built is_compiled is_macos_or_newer is_macos13_or_newer
    current_allocated_memory driver_allocated_memory recommended_max_memory get_core_count get_name compile_shader load_metallib
    current_accelerator current_device_idx current_device_index set_device_idx set_device_index get_memory_info memory_summary
    empty_host_cache caching_allocator_enable device_index default_stream ipc_collect set_sync_debug_mode get_sync_debug_mode
    FloatTensor DoubleTensor HalfTensor BFloat16Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor
    host_memory_stats host_memory_stats_as_nested_dict reset_peak_host_memory_stats reset_accumulated_host_memory_stats
"""


def absent(module: str, label: str, only: str = "", without: str = "") -> dict[str, Any]:
    """The names of ``torch.<module>`` for an accelerator that is not there: all, ``only`` some, or all ``without`` some.

    >>> cuda = absent("cuda", "GPU")
    >>> cuda["is_available"](), cuda["memory_allocated"](), cuda["manual_seed"](0)
    (False, 0, None)
    """
    found: dict[str, Any] = {}
    for make, names in ANSWERS:
        found |= {n: _answered(n, label, make) for n in names.split()}
    found |= {n: _refused(f"{module}.{n}", label) for n in REFUSED.split()}
    found |= {n: _class(f"{module}.{n}", label) for n in CLASSES.split()}
    found |= {n: _during(f"{module}.{n}", label) for n in ("device", "device_of", "device_index", "stream")}
    found |= {"default_generators": (), "has_half": False, "has_magma": False}
    if module == "cuda":
        found["OutOfMemoryError"] = OutOfMemoryError
    nothing = _answered("nothing", label, lambda: None)
    found["nvtx"] = SimpleNamespace(
        range_push=nothing, range_pop=nothing, mark=nothing, range=lambda *args, **kwargs: contextlib.nullcontext()
    )
    return {n: value for n, value in found.items() if (not only or n in only.split()) and n not in without.split()}
