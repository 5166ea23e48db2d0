"""Helpers of distributions: parameters made tensors of one shape, probabilities and logits, properties computed once.

Here: what PyTorch's ``torch.distributions.utils`` has, and what only looks at tensors. Not here: what knows of distributions
(``distribution.py``, ``chances.py``), values that are allowed (``constraints.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Generic, TypeVar

import numpy as np
from numpy import ndarray

from .._checks import is_number
from .._errors import ArgumentError, PartKindError
from .._state import get_default_dtype
from .._typing import Array
from ..autograd import enable_grad
from ..core.boxed import Boxed
from ..core.levels import all_values
from ..core.publish import to_operand
from ..core.tensor import Tensor
from ..ops.compare import _where
from ..ops.grid import _broadcast_tensors
from ..ops.join import _cat
from ..ops.kinds import finfo
from ..ops.random import _rand, _randn

__all__ = [
    "broadcast_all",
    "clamp_probs",
    "lazy_property",
    "logits_to_probs",
    "probs_to_logits",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

T = TypeVar("T", contravariant=True)
R = TypeVar("R", covariant=True)

#: Euler's constant, the mean of the standard Gumbel distribution.
euler_constant = float(np.euler_gamma)

#: ``tl.where`` of three arguments.
where: Callable[[Any, Any, Any], Any] = _where


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape, in the dtype of the first tensor (in the default dtype where there is none).

    Arrays count as tensors. Raises `OperandError` for anything else, and `ShapeError` for shapes that do not broadcast.

    >>> import tensorflowlite_clone as tl
    >>> [v.tolist() for v in broadcast_all(1.0, tl.tensor([2.0, 3.0]))]
    [[1.0, 1.0], [2.0, 3.0]]
    """
    for v in values:
        if not (isinstance(v, Boxed | ndarray | bool) or is_number(v)):
            raise PartKindError(
                f"broadcast_all: must be tensors and numbers: got {type(v).__name__} {v!r:.60}; convert it with tl.tensor(...)"
            )
    tensors = [to_operand(v, "broadcast_all") if isinstance(v, Boxed | ndarray) else None for v in values]
    first = next((t.dtype for t in tensors if t is not None), get_default_dtype())

    whole = get_default_dtype() if first.kind in "iub" else first  # a float beside integers would lose its fraction
    all_tensors = [
        Tensor.wrap(np.array(v, whole if isinstance(v, float) else first), 0) if t is None else t
        for t, v in zip(tensors, values, strict=True)
    ]
    if len({t.shape for t in all_tensors}) == 1:
        return tuple(all_tensors)
    return tuple(_broadcast_tensors(*all_tensors))


def standard(shape: Any, like: Tensor, kind: str = "normal") -> Array:
    """Random numbers of a ``shape``, "normal" or "uniform" in [tiny, 1), in the dtype of ``like``: constants in every mode."""
    if kind == "normal":
        return _randn(tuple(shape), dtype=like.dtype)
    return _rand(tuple(shape), dtype=like.dtype).clamp(min=finfo(like.dtype).tiny)


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Array:
    """Standard normal numbers, by the name that libraries import."""
    return _randn(tuple(shape), dtype=dtype, device=device)


def _sum_rightmost(value: Any, dim: int) -> Any:
    """The sum over the last ``dim`` dimensions; a number stays one."""
    return value if dim == 0 or not isinstance(value, Boxed) else value.reshape(*value.shape[:-dim], -1).sum(-1)


def holds(valid: Any) -> bool:
    """Whether all of ``valid`` is true, inside vmap that of all examples."""
    return bool(np.all(all_values(valid)))


def log_part(log_rest: Array, part: Array | None = None) -> Array:
    """The logarithm of a probability, given that of the rest, with every digit on both sides.

    Where the rest is small it decides; else the probability itself, ``part``, which is ``1 - exp(log_rest)`` unless it is known better.

    >>> import tensorflowlite_clone as tl
    >>> log_part(tl.tensor(-90.0, dtype=tl.float64)).item() == -tl.tensor(-90.0, dtype=tl.float64).exp().item()
    True
    """
    part = -log_rest.expm1() if part is None else part
    return _where(log_rest < -0.7, (-log_rest.exp()).log1p(), part.log())


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Array:
    """Probabilities: of one event each if ``is_binary`` (a sigmoid), else along the last dimension (a softmax)."""
    return logits.sigmoid() if is_binary else logits.softmax(-1)


def clamp_probs(probs: Tensor) -> Array:
    """Probabilities with eps in place of 0 and 1 - eps in place of 1, so that their logits are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Array:
    """Log-odds if ``is_binary``, else logarithms of the probabilities along the last dimension; both of clamped probabilities.

    >>> import tensorflowlite_clone as tl
    >>> probs_to_logits(tl.tensor([0.5]), is_binary=True).tolist()
    [0.0]
    """
    ps = clamp_probs(probs)
    return ps.log() - (-ps).log1p() if is_binary else ps.log()


class lazy_property(Generic[T, R]):  # noqa: N801
    """A property that is computed when first asked for, with gradients enabled, and kept in the instance."""

    def __init__(self, wrapped: Callable[[T], R]) -> None:
        self.wrapped = wrapped
        update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, obj_type: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Array:
    """The elements of matrices (..., D, D) on and below the diagonal ``diag``, row by row: (..., n).

    >>> import tensorflowlite_clone as tl
    >>> tril_matrix_to_vec(tl.tensor([[1.0, 0.0], [2.0, 3.0]])).tolist()
    [1.0, 2.0, 3.0]
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ArgumentError(f"tril_matrix_to_vec: diag must be in [{-n}, {n - 1}]: got {diag}")
    rows, columns = np.tril_indices(n, diag)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Array:
    """The matrices (..., D, D) that have the vectors (..., n) on and below the diagonal ``diag``, row by row, and 0 elsewhere.

    Raises `ArgumentError` where n fits no D.

    >>> import tensorflowlite_clone as tl
    >>> vec_to_tril_matrix(tl.tensor([1.0, 2.0, 3.0])).tolist()
    [[1.0, 0.0], [2.0, 3.0]]
    """
    count = vec.shape[-1]
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    if n < 1 or len(np.tril_indices(n, diag)[0]) != count:
        raise ArgumentError(f"vec_to_tril_matrix: no matrix has {count} elements on and below its diagonal {diag}; check vec.shape[-1]")
    places = np.full((n, n), count)  # behind the last element stands a zero
    places[np.tril_indices(n, diag)] = np.arange(count)
    padded = _cat([vec, vec[..., :1] * 0], -1) if n > 1 or diag < 0 else vec
    return padded[..., places]
