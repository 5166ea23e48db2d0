"""Magnitudes brought to scale without statistics: vectors of length one, responses divided by those of neighbouring channels.

Not here: standardisation (``norm.py``), norms of vectors and matrices (``ops/reduce.py``).
"""

from __future__ import annotations

import math

import numpy as np

from ..._errors import ShapeError
from ..._typing import Array
from ...core.broadcast import normalize_axis, shape_of
from ...core.publish import public, to_operand
from ..cast import Clone, cast
from ..shape import Reshape
from .pool import AvgPool


@public("normalize", nn=True, method=False, out=True)
def _normalize(input: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Array:
    """``x / max(|x|_p, eps)``: vectors along ``dim`` scaled to length one.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.normalize(tl.tensor([[3.0, -4.0]]), p=1).mul(7).tolist()
    [[3.0, -4.0]]
    """
    x = to_operand(input, "normalize")
    if x.dtype == np.float16:  # whose quotients may leave its range
        return cast(_normalize(cast(x, np.float32), p, dim, eps), np.float16)
    axis = normalize_axis(dim, len(shape_of(x)), "normalize")
    length = x.norm(p, axis, True)
    return x / np.broadcast_to(length.clamp(min=eps), shape_of(x))


@public("local_response_norm", nn=True, method=False)
def _local_response_norm(input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    """``x_c / (k + alpha mean(x_j^2))^beta``, with the mean over the ``size`` channels j around c (zeros beyond the first and last).

    Shape: (N, C, ...) -> same. Raises `ShapeError` for fewer than 3 dimensions.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.local_response_norm(tl.ones(1, 1, 2), 1, alpha=3.0, beta=0.5).tolist()
    [[[0.5, 0.5]]]

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks" (2012), sec. 3.3.
    """
    x = to_operand(input, "local_response_norm")
    shape = shape_of(x)
    if len(shape) >= 3 and size >= 1 and 0 in shape:
        return Clone.of(x)
    if len(shape) < 3 or size < 1:
        raise ShapeError(
            f"local_response_norm: needs (N, C, ...) with 3 dimensions or more, size >= 1: the input is {shape}, size is {size}"
        )
    if x.dtype == np.float16:  # whose squares may leave its range
        return cast(_local_response_norm(cast(x, np.float32), size, alpha, beta, k), np.float16)
    planes = Reshape.of(x * x, shape=(shape[0], 1, shape[1], math.prod(shape[2:])))  # the channels are one axis of an image
    before, after = size // 2, (size - 1) // 2
    padded = np.pad(planes, ((0, 0), (0, 0), (before, after), (0, 0)))
    means = AvgPool.of(
        padded, kernel_size=(size, 1), stride=(1, 1), padding=(0, 0), ceil_mode=False, count_include_pad=True, divisor_override=None
    )
    return x / np.power(Reshape.of(means, shape=shape) * alpha + k, beta)
