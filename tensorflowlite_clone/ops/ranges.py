"""Creation by a pattern: numbers in a row, the identity, the indices of triangles.

Not here: filled tensors and those of given values (``create.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._state import get_default_dtype
from .._typing import Array, DTypeLike
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.dtype_names import numpy_dtype
from ..core.dtypes import COMPLEX_OF
from ..core.levels import all_values, mapped, number, varies
from ..core.plain import fitting
from ..core.publish import public
from ..core.signature import How
from ..core.tensor import Taped
from .cast import cast
from .create import dtype_or_default, finish, size_of


def _end(value: Any, op: str, name: str) -> Any:
    """An end as a number, or as the tensor that it is where a derivative or several examples depend on it."""
    if isinstance(value, Boxed):
        if shape_of(value):
            raise ShapeError(f"{op}: {name} must be a number or a 0-d tensor: its shape is {shape_of(value)}; take one element of it")
        return value if varies(value) or mapped(value) else all_values(value).item()
    if isinstance(value, ndarray | np.generic) and not value.shape:
        return value.item()
    if not isinstance(value, bool | int | float | complex):
        raise OperandError(f"{op}: {name} must be a number or a 0-d tensor: got {type(value).__name__} {value!r:.40}")
    return value


def _real_only(op: str, kind: Any) -> None:
    if kind.kind in "bc":
        raise DTypeError(f"{op}: there are no steps in {kind}; use an integer or floating dtype")


def _numbers(op: str, *given: Any) -> tuple[Any, ...]:
    """Start, end and step as finite real numbers."""
    said = (number(v, op, name) for v, name in zip(given, ("start", "end", "step"), strict=True))
    values = tuple(v.item() if isinstance(v, Taped | np.generic) else v for v in said)
    for v in values:
        if isinstance(v, complex) or not isinstance(v, int | float):
            raise OperandError(f"{op}: start, end and step must be real numbers: got {type(v).__name__} {v!r:.40}")
    start, end, step = values
    if step == 0:
        raise ArgumentError(f"{op}: step must not be 0")
    if not all(map(math.isfinite, values)):
        raise ArgumentError(f"{op}: start, end and step must be finite: they are {start}, {end} and {step}")
    if (end - start) * step < 0:
        raise ArgumentError(f"{op}: from {start} to {end} in steps of {step} there is no way; change the sign of step")
    return values


def _row(start: Any, step: Any, n: int, kind: Any) -> ndarray[Any, Any]:
    """``n`` numbers from ``start`` on; in integers both are cut off first."""
    if kind.kind in "iu":
        return np.asarray(int(start) + np.arange(n, dtype=np.int64) * int(step)).astype(kind)
    with np.errstate(over="ignore"):
        return np.asarray(start + np.arange(n) * step).astype(kind)


@public("arange", method=False, out="dtype")
def _arange(start: Any = None, end: Any = None, step: Any = 1, *, dtype: DTypeLike = None, **how: How) -> Array:
    """Numbers from ``start`` (0) up to but not including ``end`` in steps: int64 if all are integers, else the default dtype.

    >>> import tensorflowlite_clone as tl
    >>> tl.arange(1, 4).tolist()
    [1, 2, 3]
    """
    if end is None:
        start, end = None, start
    if end is None:
        raise OperandError("arange: the end is missing; arange(3) gives 0, 1, 2")
    start, end, step = _numbers("arange", 0 if start is None else start, end, step)
    whole = all(isinstance(v, int) for v in (start, end, step))
    kind = numpy_dtype((np.int64 if whole else get_default_dtype()) if dtype is None else dtype)
    _real_only("arange", kind)
    if kind == np.int64 and not whole:
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise ArgumentError("arange: step must not be 0, also when it is cut off to an integer; use a floating dtype")
        whole = True
    n = -(-(end - start) // step) if whole else math.ceil((end - start) / step)
    return finish(_row(start, step, max(n, 0), kind), **how)


@public("range", method=False, out="dtype")
def _range(start: Any, end: Any, step: Any = 1, *, dtype: DTypeLike = None, **how: How) -> Array:
    """Numbers from ``start`` up to and including ``end`` in steps, in the default dtype; in new programs use `arange`.

    >>> import tensorflowlite_clone as tl
    >>> tl.range(1, 3).tolist()
    [1.0, 2.0, 3.0]
    """
    start, end, step = _numbers("range", start, end, step)
    kind = dtype_or_default(dtype)
    _real_only("range", kind)
    return finish(_row(start, step, math.floor((end - start) / step) + 1, kind), **how)


def _line(op: str, start: Any, end: Any, steps: Any, dtype: DTypeLike) -> tuple[Any, Any]:
    """``steps`` numbers evenly from ``start`` to ``end`` in high precision, and the dtype that is asked for."""
    if isinstance(steps, Boxed):
        steps = all_values(steps).item()
    if not isinstance(steps, int | np.integer) or isinstance(steps, bool):
        raise OperandError(f"{op}: the number of steps must be an integer: got {type(steps).__name__} {steps!r:.40}")
    if steps < 0:
        raise ArgumentError(f"{op}: the number of steps must not be negative: got {steps}")
    start, end = _end(start, op, "start"), _end(end, op, "end")
    known = [v.dtype.type(0).item() if isinstance(v, Boxed) else v for v in (start, end)]
    imaginary = any(isinstance(v, complex) for v in known)
    kind = (COMPLEX_OF[get_default_dtype()] if imaginary else get_default_dtype()) if dtype is None else numpy_dtype(dtype)
    if kind.kind == "b":
        raise DTypeError(f"{op}: there are no steps in {kind}; use an integer or floating dtype")
    if imaginary and kind.kind != "c":
        raise DTypeError(f"{op}: complex ends do not fit {kind}; take their real parts, or use a complex dtype")
    if isinstance(start, Boxed) or isinstance(end, Boxed):
        return np.linspace(start, end, int(steps)), kind
    fitting(start, kind, op), fitting(end, kind, op)
    if steps == 1:
        return np.asarray([start]), kind
    number = np.arange(steps)
    with np.errstate(all="ignore"):
        step = np.divide(np.subtract(end, start), steps - 1)
        return np.where(number < steps // 2, start + step * number, end - step * (steps - 1 - number)), kind


def _finished(line: Any, kind: Any, **how: Any) -> Array:
    if isinstance(line, Boxed):
        return finish(cast(line, kind), **how)
    with np.errstate(all="ignore"):
        return finish(line.astype(kind), **how)


@public("linspace", method=False, out="dtype")
def _linspace(start: Any, end: Any, steps: int, *, dtype: DTypeLike = None, **how: How) -> Array:
    """``steps`` numbers evenly from ``start`` to ``end``, both included: numbers or 0-d tensors, in which it is differentiable.

    The result has the default dtype (its complex one for complex ends), or ``dtype``; integers are cut off.

    >>> import tensorflowlite_clone as tl
    >>> tl.linspace(0, 1, 5).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    return _finished(*_line("linspace", start, end, steps, dtype), **how)


@public("logspace", method=False, out="dtype")
def _logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: DTypeLike = None, **how: How) -> Array:
    """``base`` to the power of ``steps`` numbers evenly from ``start`` to ``end``. Differentiable in ends that are tensors."""
    line, kind = _line("logspace", start, end, steps, dtype)
    with np.errstate(all="ignore"):
        return _finished(np.power(float(number(base, "logspace", "base")), line), kind, **how)


@public("eye", method=False, out="dtype")
def _eye(n: int, m: int | None = None, *, dtype: DTypeLike = None, **how: How) -> Array:
    """Ones on the diagonal of an n x m matrix (n x n without m)."""
    shape = size_of((n, n if m is None else m), "eye")
    return finish(np.eye(*shape, dtype=dtype_or_default(dtype)), **how)


def _triangle(op: str, find: Any, row: int, col: int, offset: int, dtype: DTypeLike, **how: Any) -> Array:
    row, col = size_of((row, col), op)
    kind = numpy_dtype(np.int64 if dtype is None else dtype)
    if kind.kind not in "iu":
        raise DTypeError(f"{op}: indices are integers: dtype is {kind}; use int64 or int32")
    return finish(np.stack(find(row, offset, col)).astype(kind), **how)


@public("tril_indices", method=False)
def _tril_indices(row: int, col: int, offset: int = 0, *, dtype: DTypeLike = np.int64, **how: How) -> Array:
    """The indices (2, n) of the lower triangle of a row x col matrix."""
    return _triangle("tril_indices", np.tril_indices, row, col, offset, dtype, **how)


@public("triu_indices", method=False)
def _triu_indices(row: int, col: int, offset: int = 0, *, dtype: DTypeLike = np.int64, **how: How) -> Array:
    """The indices (2, n) of the upper triangle of a row x col matrix."""
    return _triangle("triu_indices", np.triu_indices, row, col, offset, dtype, **how)
