"""PyTorch's ``out=``: the results of a function written into tensors that the caller gives.

One mechanism for all functions, of one result and of several; which of them take it is said where they are defined. Not here: NumPy's
``out=``, which is recorded on the tape (`Boxed` answers it), and what writing in place means (``ops/inplace/``).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import DTypeError, GraphError, OperandError, ShapeError
from .._state import state
from .._typing import Shape
from .boxed import Boxed
from .dtypes import CATEGORY
from .levels import everything
from .tensor import Taped
from .where import stacklevel
from .windows import repeats


def write_into(out: Any, name: str, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], kind: bool = False) -> Any:
    """``f(*args, **kwargs)``, written into ``out``: a tensor, or a tuple of them for several results, which is returned with their names.

    A tensor of another shape is resized, with a warning unless it is empty; its dtype must be of no lower category than the result's. With
    ``kind`` its dtype stands for a ``dtype`` that is not given. If anything is wrong, no tensor has changed.
    """
    several = isinstance(out, tuple | list)
    outs = tuple(out) if several else (out,)
    for o in outs:
        if not isinstance(o, Boxed):
            fix = "pass a tuple of tensors" if several else "pass tl.empty(0), or leave it out"
            raise OperandError(f"{name}: out= must be a tensor: got {type(o).__name__} {o!r:.60}; {fix}")
    _refuse_derivatives(name, outs, (*args, *kwargs.values()))
    if kind and not several:
        kwargs = {**kwargs, "dtype": _agreed(name, kwargs.get("dtype"), outs[0])}
    leaf = kwargs.pop("requires_grad", False)
    result = f(*args, **kwargs)
    results = tuple(result) if isinstance(result, tuple | list) else (result,)
    if several != isinstance(result, tuple | list) or len(outs) != len(results):
        wanted = f"a tuple of {len(results)} tensors" if isinstance(result, tuple | list) else "one tensor"
        raise OperandError(
            f"{name}: out= must be {wanted}: got {f'a tuple of {len(outs)}' if several else 'one tensor'}; give one for each result"
        )
    for o, r in zip(outs, results, strict=True):
        _check_fit(name, o, r)
    for o, r in zip(outs, results, strict=True):
        if o.shape != r.shape:
            _resize(name, o, r.shape)
        o.copy_(r)
    if not several:
        return out.requires_grad_() if leaf else out
    return type(result)(*outs) if hasattr(result, "_fields") else outs


def _agreed(name: str, dtype: Any, out: Any) -> Any:
    if dtype is not None and np.dtype(dtype) != out.dtype:
        raise DTypeError(f"{name}: out= is {out.dtype}, dtype= is {np.dtype(dtype)}; leave dtype out, or give a tensor of that dtype")
    return out.dtype


def _operands(values: Any) -> Iterator[Boxed]:
    """The boxes among arguments, in sequences too."""
    for v in values:
        if isinstance(v, Boxed):
            yield v
        elif isinstance(v, tuple | list):
            yield from _operands(v)


def _refuse_derivatives(name: str, outs: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
    """Raise where a derivative is being taken: the graph of a result would be that of a tensor which had another before."""
    for box in _operands((*outs, *arguments)):
        for b in everything(box):
            if isinstance(b, Boxed) and b._differentiated and (state.grad_enabled or not isinstance(b, Taped)):
                raise GraphError(
                    f"{name}: out= does not support automatic differentiation: a tensor (shape {box.shape}) requires grad; assign the "
                    f"result instead, or call it under no_grad()"
                )


def _check_fit(name: str, out: Any, result: Any) -> None:
    """Raise unless ``result`` may be written into ``out``."""
    if not isinstance(result, Boxed):
        raise OperandError(f"{name}: out= cannot take a {type(result).__name__}; leave it out")
    if CATEGORY[result.dtype.char] > CATEGORY[out.dtype.char]:
        raise DTypeError(f"{name}: the result is {result.dtype} and does not fit out= of {out.dtype}; give a tensor of that dtype")
    fixed = not isinstance(out, Taped) or type(out.array) is not ndarray or out.node is not None
    if fixed and out.shape != result.shape:
        raise ShapeError(
            f"{name}: out= has another shape than the result, and cannot be resized: {tuple(out.shape)} and {tuple(result.shape)}; "
            f"give a tensor of that shape"
        )
    if isinstance(out, Taped) and type(out.array) is ndarray and repeats(out.shape, out.array.strides):
        raise OperandError(f"{name}: several places of out= (shape {tuple(out.shape)}) show the same element; clone() it first")


def _resize(name: str, out: Any, shape: Shape) -> None:
    """Give ``out`` another shape: in its own memory where that suffices, else in new one."""
    array: Any = out.array
    if array.size:
        warnings.warn(
            f"{name}: out= of shape {tuple(out.shape)} is resized to {tuple(shape)}, the shape of the result; give a tensor of that shape, "
            f"or an empty one",
            UserWarning,
            stacklevel=stacklevel(),
        )
    if prod(shape) <= array.size and array.flags.c_contiguous and array.flags.writeable:
        out.array = array.reshape(-1)[: prod(shape)].reshape(shape)
    else:
        out.data = np.empty(shape, array.dtype)
