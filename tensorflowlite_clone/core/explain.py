"""Turning a failure inside NumPy into a message that names the operation, the operands, the rule that broke and the fix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError
from .._state import quietly
from .._typing import Array, OperationLike
from .boxed import Boxed
from .broadcast import as_ndarray
from .dtype_names import dtype
from .dtypes import CATEGORY

#: What parameters of operations are, as far as NumPy is asked to compute with them.
SETTINGS = (bool, int, float, complex, np.generic, np.dtype, dtype, tuple, type(None))
#: What NumPy says where it has no such function for the dtypes.
NO_SUCH_DTYPE = ("not supported for the input types", "did not contain a loop", "Cannot cast ufunc", "numpy boolean", "must be of integer")


def describe(x: Any) -> str:
    """One operand in a few words.

    >>> describe(np.ones((2, 3), "f4"))
    'float32 (2, 3)'
    >>> describe(2.5)
    '2.5'
    """
    if hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, np.generic):
        return f"{x.dtype} {x.shape}"
    return f"{x!r:.40}"


def operands(op: OperationLike, args: tuple[Array, ...]) -> str:
    """All operands of a call: ``x is float32 (3, 4), y is float32 (5, 2)``."""
    named = [f"{n} is {describe(a)}" for n, a in zip(op.names, args, strict=False)]
    rest = args[len(op.names) :]
    named += [f"{op.rest}[{i}] is {describe(a)}" for i, a in enumerate(rest[:6])]
    return ", ".join(named) + (", ..." if len(rest) > 6 else "")


def explain(op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], error: Exception) -> Exception:
    """The exception to raise instead of ``error``."""
    title, facts = op.title(), operands(op, args)
    if (boxed := boxed_parameter(op, params)) is not None:
        return boxed
    if isinstance(error, ShapeError | DTypeError | DimensionError | ArgumentError | OperandError):
        return error  # a kernel or a check already said it
    for a in args:
        if isinstance(a, ndarray) and a.dtype.char not in CATEGORY:
            return DTypeError(f"{title}: operands must be numbers: {facts}; convert to a numeric dtype first")
    if isinstance(error, TypeError):
        refuse_complex(op, args)
    special: Exception | None = quietly(op.diagnose, args, params)
    if special is not None:
        return special
    for name, value in params.items():
        if isinstance(value, list) or (isinstance(error, TypeError) and not isinstance(value, SETTINGS) and not callable(value)):
            return OperandError(f"{title}: {name} cannot be a {type(value).__name__}: it is {value!r:.60}, {facts}; pass a number")
        if any(isinstance(v, int) and abs(v) >= 1 << 62 for v in (value if isinstance(value, tuple) else (value,))):
            return ArgumentError(f"{title}: {name} is beyond any memory: it is {value!r:.60}, {facts}; pass a smaller number")
    if isinstance(error, TypeError) and any(s in str(error) for s in NO_SUCH_DTYPE):
        return DTypeError(f"{title}: not defined for these dtypes: {facts}; convert them, x.long(), x.float() or x.bool()")
    shapes = [a.shape for a in args if isinstance(a, ndarray)]
    if op.broadcasts and len(shapes) > 1 and not _broadcast(shapes):
        return ShapeError(
            f"{title}: shapes do not broadcast: {facts}; aligned from the right, each pair of dimensions must be equal or one of them 1"
        )
    if isinstance(error, ValueError) and any(s in str(error) for s in ("zero-size array", "empty sequence")):
        return ShapeError(f"{title}: the input has no elements to take it of: {facts}; check x.numel() first, or reduce another dim")
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    settings = "".join(f", {k}={v!r:.60}" for k, v in params.items())
    message = f"{title}: cannot be computed: {facts}{settings}; NumPy says: {said}"
    if isinstance(error, IndexError):
        return DimensionError(message)
    if isinstance(error, TypeError):
        return DTypeError(message)
    if isinstance(error, OverflowError):
        return ArgumentError(message)
    return ShapeError(message) if isinstance(error, ValueError) else RuntimeError(message)


def boxed_parameter(op: OperationLike, params: dict[str, Any]) -> OperandError | None:
    """The error for a tensor where an operation takes a plain number, with respect to which it has no derivative; None if there is none."""
    return next((not_a_number(op.title(), name, value) for name, value in params.items() if isinstance(value, Boxed)), None)


def not_a_number(title: str, name: str, value: Boxed) -> OperandError:
    """The error for a tensor as the argument ``name``, which must be a plain number."""
    return OperandError(
        f"{title}: {name} must be a number: it is {type(value).__name__} of shape {value.shape}; pass {name}.item(), or, for "
        f"a derivative with respect to {name}, write the formula with operations of tensors"
    )


def plain_result(op: OperationLike, ans: Any, params: dict[str, Any]) -> Array:
    """The result of ``forward`` as an ndarray; a box comes of a tensor among the parameters, whose derivative would be lost."""
    if isinstance(ans, Boxed):
        raise boxed_parameter(op, params) or OperandError(f"{op.title()}: computed {type(ans).__name__} of plain arrays; return an ndarray")
    if isinstance(ans, tuple | list):
        raise OperandError(f"{op.title()}: forward returned {len(ans)} results; return one ndarray, or name several in outputs")
    return as_ndarray(ans)


def plain_results(op: OperationLike, answers: Any, params: dict[str, Any]) -> tuple[Array, ...]:
    """The same for the results of an operation with several."""
    outputs = op.outputs or ()
    if not isinstance(answers, tuple | list) or len(answers) != len(outputs):
        count = len(answers) if isinstance(answers, tuple | list) else 1
        raise OperandError(f"{op.title()}: forward returned {count} result(s); return {len(outputs)}, as in outputs: {', '.join(outputs)}")
    return tuple(plain_result(op, a, params) for a in answers)


def refuse_complex(op: OperationLike, args: tuple[Array, ...]) -> None:
    """Raise if there is a complex number among the operands of an operation that has no meaning for them."""
    for a in args:
        dtype = getattr(a, "dtype", None)
        if type(a) is complex if dtype is None else dtype.kind == "c":
            raise DTypeError(f"{op.title()}: not defined for complex numbers: {operands(op, args)}; use x.real, x.imag or x.abs()")


def _broadcast(shapes: list[tuple[int, ...]]) -> bool:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True
