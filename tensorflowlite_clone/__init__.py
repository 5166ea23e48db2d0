"""tensorflowlite_clone: tensors with exact derivatives in every mode, PyTorch's API, NumPy's arrays.

>>> import tensorflowlite_clone as tl
>>> x = tl.tensor([1.0, 2.0], requires_grad=True)
>>> (x * x).sum().backward()
>>> x.grad
tensor([2., 4.])
"""

import math as _math
import os as _os
import sys as _sys
from typing import TYPE_CHECKING as _TYPE_CHECKING

# OpenBLAS's threads spin while they wait, 2^26 cycles, and take the cores from the kernels' own threads. 2^18, a tenth of a millisecond,
# last from one product of a network to the next; to wake them costs half as much as a product.
_os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "18")
if "numpy" in _sys.modules:  # and OpenBLAS has read its settings already
    from .kernels.threads import let_blas_sleep as _let_blas_sleep

    _let_blas_sleep()

from . import autograd, ops
from ._lazy import later as _later
from ._settings import (
    are_deterministic_algorithms_enabled,
    get_deterministic_debug_mode,
    get_float32_matmul_precision,
    get_num_interop_threads,
    is_deterministic_algorithms_warn_only_enabled,
    is_warn_always_enabled,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_warn_always,
    use_deterministic_algorithms,
)
from ._state import set_default_dtype
from ._version import __version__
from .autograd import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.device import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    device,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    strided,
)
from .core.dtype_names import dtype
from .core.printing import set_printoptions
from .core.registry import FUNCTIONS as _FUNCTIONS
from .core.size import Size
from .core.tensor import Tensor
from .kernels.threads import get_num_threads, set_num_threads
from .ops.kinds import finfo, iinfo

if _TYPE_CHECKING:
    from . import (
        accelerator,
        amp,
        as_torch,
        backends,
        compiler,
        cpu,
        cuda,
        datasets,
        distributed,
        distributions,
        fast,
        fft,
        func,
        futures,
        hub,
        integrate,
        jit,
        library,
        linalg,
        masked,
        mps,
        mtia,
        multiprocessing,
        nn,
        numpy,
        onnx,
        optim,
        overrides,
        profiler,
        random,
        serialization,
        signal,
        sparse,
        special,
        testing,
        torch_version,
        transforms,
        types,
        utils,
        version,
        xpu,
    )
    from .amp import GradScaler, autocast
    from .autograd.anomaly_mode import is_anomaly_check_nan_enabled, is_anomaly_enabled
    from .compiler import compile
    from .func import vmap
    from .io import from_torch, load, save, to_torch
    from .ops.random import Generator, default_generator
    from .ops.removed import eig, lstsq, matrix_rank, solve, symeig

globals().update(_FUNCTIONS)

uint8, uint16, uint32, uint64 = dtype("uint8"), dtype("uint16"), dtype("uint32"), dtype("uint64")
int8, int16, int32, int64 = dtype("int8"), dtype("int16"), dtype("int32"), dtype("int64")
float16, bfloat16, float32, float64 = dtype("float16"), dtype("bfloat16"), dtype("float32"), dtype("float64")
complex64, complex128, bool = dtype("complex64"), dtype("complex128"), dtype("bool")
#: PyTorch's other names of them.
half, float, double, short, int, long = float16, float32, float64, int16, int32, int64
cfloat, cdouble = complex64, complex128
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e
newaxis = None

__getattr__, __dir__ = _later(globals())
__all__ = [n for n in __dir__() if not n.startswith("_")]
