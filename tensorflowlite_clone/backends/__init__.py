"""Settings of the libraries under PyTorch, as in ``torch.backends``: they are remembered, and what they choose between is not here.

All places come from the one table below, without a file each: the answers and settings of a row, and the functions that pairs of them
stand for. Not here: settings with an effect (`set_num_threads`, `use_deterministic_algorithms`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from .._lazy import public as _public

#: The value of each setting at first; a callable answers.
PLACES: dict[str, dict[str, Any]] = {
    "cpu": {"get_cpu_capability": lambda: "DEFAULT"},
    "cuda": {
        "is_built": lambda: False, "is_flash_attention_available": lambda: False, "is_ck_sdpa_available": lambda: False,
        "can_use_flash_attention": lambda params, debug=False: False, "can_use_efficient_attention": lambda params, debug=False: False,
        "can_use_cudnn_attention": lambda params, debug=False: False, "preferred_linalg_library": lambda backend=None: "default",
        "preferred_blas_library": lambda backend=None: "default", "preferred_rocm_fa_library": lambda backend=None: "default",
    },
    "cuda.matmul": {
        "allow_tf32": False, "allow_fp16_reduced_precision_reduction": True, "allow_bf16_reduced_precision_reduction": True,
        "allow_fp16_accumulation": False, "fp32_precision": "none",
    },
    "cuda.cufft_plan_cache": {"size": 0, "max_size": 0, "clear": lambda: None},
    "cudnn": {
        "enabled": True, "benchmark": False, "deterministic": False, "allow_tf32": True, "benchmark_limit": 10, "fp32_precision": "none",
        "is_available": lambda: False, "version": lambda: None, "is_acceptable": lambda tensor: False,
    },
    "cusparselt": {"is_available": lambda: False, "version": lambda: None},
    "kleidiai": {"is_available": lambda: False},
    "mha": {"get_fastpath_enabled": lambda: False, "set_fastpath_enabled": lambda value: None},
    "miopen": {"immediate": False},
    "mkl": {"is_available": lambda: False, "VERBOSE_OFF": 0, "VERBOSE_ON": 1, "verbose": lambda enable: contextlib.nullcontext()},
    "mkldnn": {
        "enabled": True, "deterministic": False, "allow_tf32": True, "is_available": lambda: False, "VERBOSE_OFF": 0, "VERBOSE_ON": 1,
        "verbose": lambda level: contextlib.nullcontext(), "is_acl_available": lambda: False, "fp32_precision": "none",
    },
    "mps": {
        "is_available": lambda: False, "is_built": lambda: False, "is_macos_or_newer": lambda major, minor: False,
        "is_macos13_or_newer": lambda minor=0: False, "get_core_count": lambda: 0, "get_name": lambda: "",
    },
    "nnpack": {"is_available": lambda: False, "set_flags": lambda enabled: (True,)},
    "openmp": {"is_available": lambda: False},
    "opt_einsum": {"enabled": False, "strategy": None, "is_available": lambda: False, "get_opt_einsum": lambda: None},
    "quantized": {"engine": "none", "supported_engines": ["none"]},
}  # fmt: skip
#: Ways to compute attention that PyTorch chooses between: ``cuda.enable_<name>_sdp(on)`` and ``cuda.<name>_sdp_enabled()``.
ATTENTION = ("flash", "mem_efficient", "math", "cudnn")


class _Place(ModuleType):
    """A module of settings; only those that PyTorch has can be set."""

    def __init__(self, name: str, values: dict[str, Any]) -> None:
        super().__init__(f"{__name__}.{name}", f"Settings of ``torch.backends.{name}``, which are remembered.")
        vars(self).update(values)
        vars(self)["__path__"] = []
        vars(self)["_settings"] = {n for n, value in values.items() if not callable(value) and not n.isupper()}
        if vars(self)["_settings"]:
            vars(self)["flags"] = self._flags
        vars(self)["__all__"] = sorted(n for n in vars(self) if not n.startswith("_"))

    @contextlib.contextmanager
    def _flags(self, *args: Any, **given: Any) -> Iterator[None]:
        """``with flags(enabled=False):`` settings are so meanwhile."""
        given = dict(zip(("enabled", "benchmark", "benchmark_limit", "deterministic", "allow_tf32"), args, strict=False)) | given
        kept = {n: vars(self)[n] for n in given if n in vars(self)["_settings"]}
        vars(self).update(given)
        try:
            yield
        finally:
            vars(self).update(kept)

    def set_flags(self, *args: Any, **given: Any) -> None:
        """Make settings."""
        vars(self).update(given)


def _ways(cuda: _Place) -> None:
    """Add the switches of `ATTENTION`."""
    state = dict.fromkeys(ATTENTION, True)
    for way in ATTENTION:
        vars(cuda)[f"enable_{way}_sdp"] = lambda enabled, way=way: state.update({way: bool(enabled)})
        vars(cuda)[f"{way}_sdp_enabled"] = lambda way=way: state[way]

    @contextlib.contextmanager
    def sdp_kernel(
        enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
    ) -> Iterator[None]:
        """Choose ways to compute attention; there is one, which gives what all of them give."""
        yield

    vars(cuda)["sdp_kernel"] = sdp_kernel


def _all() -> None:
    for name, values in PLACES.items():
        place = _Place(name, values)
        sys.modules[place.__name__] = place
        outer, _, inner = place.__name__.rpartition(".")
        setattr(sys.modules[outer], inner, place)
        if name == "cuda":
            _ways(place)


_all()
__all__ = sorted(n for n in PLACES if "." not in n)
__dir__ = _public(globals())
