"""Settings of PyTorch's compilers, which programs make and read: they are remembered, and nothing is compiled. Not here: the functions."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

suppress_errors = verbose = capture_scalar_outputs = capture_dynamic_output_shape_ops = allow_rnn = error_on_recompile = False
dynamic_shapes = assume_static_by_default = automatic_dynamic_shapes = guard_nn_modules = inline_inbuilt_nn_modules = optimize_ddp = True
cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
log_level = None
coordinate_descent_tuning = max_autotune = freezing = cpp_wrapper = fallback_random = force_disable_caches = False
epilogue_fusion = fx_graph_cache = True
compile_threads = 1
triton = SimpleNamespace(cudagraphs=False, unique_kernel_names=False)


class patch(contextlib.ContextDecorator):  # noqa: N801  (PyTorch's name)
    """``with config.patch(verbose=True):`` as a context manager and as a decorator; no setting has an effect."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.changes = {**dict(*args[:1]), **kwargs} if args and isinstance(args[0], dict) else kwargs

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        """Nothing was changed."""
