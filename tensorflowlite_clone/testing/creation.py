"""`make_tensor`: a tensor of random numbers in a range, to test with. Not here: comparisons (``comparison.py``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ArgumentError
from ..core.device import on_cpu
from ..core.dtype_names import dtype_of
from ..core.tensor import Tensor
from ..ops.kinds import finfo
from ..ops.random import stream

__all__ = ["make_tensor"]


def make_tensor(
    *shape: Any, dtype: Any, device: Any = None, low: float | None = None, high: float | None = None, requires_grad: bool = False,
    noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """Random numbers in [low, high): without bounds in [-9, 9) for floating, [-9, 10) for signed, [0, 10) for unsigned dtypes.

    ``noncontiguous`` leaves gaps in its memory; ``exclude_zero`` puts the smallest number of the dtype (1 for integers) in the place of 0.
    Raises `ArgumentError` for an empty range.

    >>> import tensorflowlite_clone as tl
    >>> x = make_tensor(2, 3, dtype=tl.float32, low=0, high=1)
    >>> x.shape, bool(((x >= 0) & (x < 1)).all())
    ((2, 3), True)
    """
    if device is not None:
        on_cpu(device)
    kind = dtype_of(dtype)
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else shape
    usual = {"b": (0, 2), "u": (0, 10), "i": (-9, 10), "f": (-9, 9), "c": (-9, 9)}[kind.kind]
    low, high = usual[0] if low is None else low, usual[1] if high is None else high
    if not low < high:
        raise ArgumentError(f"make_tensor: the range is empty: low is {low}, high is {high}; high must be above low")
    drawn_shape = (*sizes[:-1], 2 * sizes[-1]) if noncontiguous and sizes else sizes
    rng = stream(None)
    if kind.kind in "biu":
        array = rng.integers(int(np.ceil(low)), int(np.ceil(high)), drawn_shape).astype(kind.dtype)
    else:
        parts = [rng.uniform(low, high, drawn_shape) for _ in range(2 if kind.is_complex else 1)]
        array = np.asarray(parts[0] + 1j * parts[1] if kind.is_complex else parts[0]).astype(kind.dtype)
    if exclude_zero:
        array[array == 0] = 1 if kind.kind in "biu" else finfo(kind).tiny
    array = np.asarray(array)
    if noncontiguous and sizes:
        array = array[..., ::2]
    made = Tensor.wrap(array, 0)
    return made.requires_grad_() if requires_grad else made
