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

# OpenBLAS's threads spin while they wait and take the cores from the kernels' own threads; 2^4 cycles instead of 2^26 is enough.
_os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
if "numpy" in _sys.modules:  # and OpenBLAS has read its settings already
    from .kernels.threads import let_blas_sleep as _let_blas_sleep

    _let_blas_sleep()

import numpy as _np

from . import autograd, fft, func, linalg, ops
from ._lazy import later as _later
from ._state import get_default_dtype, set_default_dtype
from ._version import __version__
from .autograd import (
    enable_grad,
    inference_mode,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from .core.device import contiguous_format, device, memory_format, preserve_format
from .core.dtypes import (
    bool_ as bool,
)
from .core.dtypes import (
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    promote_types,
    result_type,
    uint8,
)
from .core.printing import set_printoptions
from .core.registry import FUNCTIONS as _FUNCTIONS
from .core.tensor import Tensor
from .io import load, save
from .kernels.threads import get_num_threads, set_num_threads
from .ops.linalg.removed import eig, lstsq, matrix_rank, solve, symeig
from .ops.random import Generator, default_generator

if _TYPE_CHECKING:
    from . import cuda, datasets, masked, nn, optim, utils

globals().update(_FUNCTIONS)

#: The type of dtypes, which are NumPy's; PyTorch's other names of them.
dtype = _np.dtype
float, double, half, long, int, short = float32, float64, float16, int64, int32, int16
inf, nan, pi, e = _math.inf, _math.nan, _math.pi, _math.e

__getattr__, __dir__ = _later(globals())
__all__ = [n for n in __dir__() if not n.startswith("_")]
