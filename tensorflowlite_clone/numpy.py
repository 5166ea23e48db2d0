"""NumPy's namespace for programs that are differentiated: ``import tensorflowlite_clone.numpy as np``.

Everything is NumPy's own, but for what makes arrays: inside a function transform ``np.array([a * x[0], b * x[1]])`` is followed, and
``out = np.zeros(2); out[0] = x[0]`` and ``out += x`` work, whatever is differentiated or mapped over. Arrays of integers and booleans stay
NumPy's, but under `vmap`, where each example may write its own numbers into them.

Here: what makes arrays, and functions given a list of followed values. Not here: what NumPy's functions do with tensors (``ops/``).

>>> import tensorflowlite_clone as tl, tensorflowlite_clone.numpy as np
>>> tl.func.jacfwd(lambda x: np.array([x[0] * x[1], 2.0]))(np.array([3.0, 4.0]))
array([[4., 3.],
       [0., 0.]])
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any, cast

import numpy

from ._errors import ArgumentError
from ._state import state
from .core.publish import holds_box, operand
from .func.faces import Faced, constant

#: What makes a new array, also of plain ones.
MAKERS = {
    "arange", "copy", "diag", "diagflat", "empty", "empty_like", "eye", "fromfunction", "full_like", "geomspace", "identity",
    "linspace", "logspace", "ones", "ones_like", "repeat", "tile", "tri", "zeros", "zeros_like",
}  # fmt: skip
#: Functions that take a sequence of arrays, which may differ in shape.
SEQUENCES = {
    "block", "broadcast_arrays", "column_stack", "concat", "concatenate", "dstack", "einsum", "hstack", "ix_", "lexsort", "meshgrid",
    "multi_dot", "piecewise", "select", "stack", "vstack",
}  # fmt: skip


def _made(out: Any) -> Any:
    """A new array as a constant that takes followed values in place, where it may have to."""
    if type(out) is numpy.ndarray and (out.dtype.kind in "fc" or (out.dtype.kind in "iub" and state.maps)) and out.flags.writeable:
        return constant(out)
    return out


def _listed(x: Any, name: str) -> Any:
    return operand(x, f"np.{name}") if isinstance(x, list | tuple) and holds_box(x) else x


def _replaces(function: Callable[..., Any]) -> Callable[..., Any]:
    """The decorated function, where a transform is under way; ``function`` of NumPy elsewhere."""

    def inside(f: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return f(*args, **kwargs) if state.open else function(*args, **kwargs)

        return cast(Callable[..., Any], call)

    return inside


def _wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function of NumPy's that takes lists of followed values, and whose new arrays take such values."""
    make, several = name in MAKERS, name in SEQUENCES

    @_replaces(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not several:
            args = tuple([_listed(a, name) if type(a) in (list, tuple) else a for a in args])
        out = function(*args, **kwargs)
        return _made(out) if make else out

    return cast(Callable[..., Any], call)


@_replaces(numpy.array)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", subok: Any = False, ndmin: int = 0, like: Any = None
) -> Any:
    """`numpy.array`, of followed values, too."""
    if not holds_box(object):
        return _made(numpy.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin))
    out: Any = operand(object, "np.array")
    out = out.copy() if out is object and copy is True else out
    out = out if dtype is None else out.astype(dtype)
    return numpy.reshape(out, (1,) * (ndmin - out.ndim) + out.shape) if out.ndim < ndmin else out


def _as_array(function: Callable[..., Any], least: int = 0) -> Callable[..., Any]:
    @_replaces(function)
    def convert(a: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(a, numpy.ndarray):
            return function(a, dtype, *args, **kwargs)
        return array(a, dtype, copy=None, ndmin=least) if holds_box(a) else _made(function(a, dtype, *args, **kwargs))

    return cast(Callable[..., Any], convert)


asarray, asanyarray = _as_array(numpy.asarray), _as_array(numpy.asanyarray)
ascontiguousarray, asfortranarray = _as_array(numpy.ascontiguousarray, 1), _as_array(numpy.asfortranarray)


@_replaces(numpy.full)
def full(shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **kwargs: Any) -> Any:
    """`numpy.full`, with a followed value, too."""
    if not holds_box(fill_value):
        return _made(numpy.full(shape, fill_value, dtype, order, **kwargs))
    return array(numpy.broadcast_to(operand(fill_value, "np.full"), shape), dtype)


@_replaces(numpy.fromiter)
def fromiter(iter: Any, dtype: Any, count: int = -1, **kwargs: Any) -> Any:
    """`numpy.fromiter`, of followed values, too."""
    found = [e for e, _ in zip(iter, range(count), strict=False)] if count >= 0 else [*iter]
    return array(found, dtype) if found else _made(numpy.zeros(0, dtype))


class vectorize(numpy.vectorize):  # noqa: N801  (NumPy's name)
    """`numpy.vectorize`, whose function may give followed values."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function of all elements, one after the other."""
        if not state.open or not hasattr(self, "pyfunc"):  # a decorator that waits for its function
            return super().__call__(*args, **kwargs)
        if self.signature is not None:
            raise ArgumentError("np.vectorize: signature= is not followed inside function transforms; write the loop, or use tl.func.vmap")
        names, given = [*range(len(args)), *kwargs], [*args, *kwargs.values()]
        going = [k for k, name in enumerate(names) if name not in self.excluded]
        spread = numpy.broadcast_arrays(*[operand(given[k], "np.vectorize") for k in going])
        shape, rows = spread[0].shape, [numpy.ravel(a) for a in spread]
        results = []
        for i in range(len(rows[0])):
            for k, row in zip(going, rows, strict=True):
                given[k] = row[i]
            results.append(self.pyfunc(*given[: len(args)], **dict(zip(kwargs, given[len(args) :], strict=True))))
        if not results:
            raise ArgumentError("np.vectorize: of no elements nobody knows what the function gives; the arrays are empty")
        several = isinstance(results[0], tuple)
        columns = [*zip(*results, strict=True)] if several else [results]
        kinds = self.otypes or [None] * len(columns)
        outs = [array([*c], d).reshape(shape) for c, d in zip(columns, kinds, strict=True)]
        return tuple(outs) if several else outs[0]


class _Joined:
    """``np.r_`` and ``np.c_``: what stands between the brackets, joined along an axis."""

    def __init__(self, joiner: Any, axis: int, ndmin: int, front: bool) -> None:
        self.joiner, self.axis, self.ndmin, self.front = joiner, axis, ndmin, front

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not state.open or not any(map(holds_box, parts)):
            return self.joiner[key] if not state.open else _made(self.joiner[key])
        axis, ndmin = self.axis, self.ndmin
        if isinstance(parts[0], str):
            numbers, parts = parts[0].split(","), parts[1:]
            if len(numbers) > 2 or not all(n.strip().lstrip("-").isdigit() for n in numbers):
                raise ArgumentError(f"np.r_: {key[0]!r} is not followed inside function transforms; use np.concatenate or np.stack")
            axis, ndmin = int(numbers[0]), int(numbers[-1]) if len(numbers) > 1 else ndmin
        arrays = [operand(numpy.r_[p] if isinstance(p, slice) else p, "np.r_") for p in parts]
        shapes = [(1,) * (ndmin - len(s)) + s if not self.front else s + (1,) * (ndmin - len(s)) for s in (numpy.shape(a) for a in arrays)]
        return numpy.concatenate([numpy.reshape(a, s) for a, s in zip(arrays, shapes, strict=True)], axis)


r_, c_ = _Joined(numpy.r_, 0, 1, False), _Joined(numpy.c_, -1, 2, True)


class _Kind(type):
    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, numpy.ndarray | Faced)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, numpy.ndarray | Faced)


class ndarray(metaclass=_Kind):  # noqa: N801  (NumPy's name)
    """For ``isinstance(x, np.ndarray)``, which is true of values inside transforms of ndarrays as well."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """`numpy.ndarray` itself."""
        return _made(numpy.ndarray(*args, **kwargs))


class _Space:
    """A module of NumPy's with its functions wrapped: ``np.linalg``, ``np.fft``."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return _public(getattr(self._module, name), name)

    def __dir__(self) -> list[str]:
        return dir(self._module)


def _public(value: Any, name: str) -> Any:
    if isinstance(value, types.ModuleType) and value in (numpy.linalg, numpy.fft):
        return _Space(value)
    wraps = callable(value) and not isinstance(value, type | numpy.ufunc) and type(value).__module__ in ("builtins", "numpy")
    return _wrapped(value, name) if wraps and not name.startswith("_") else value


def __getattr__(name: str) -> Any:
    value = globals()[name] = _public(getattr(numpy, name), name)
    return value


def __dir__() -> list[str]:
    return dir(numpy)
