"""The methods and attributes of ndarrays, for values inside transforms of ndarrays: each is the NumPy function of its name.

Here: what ndarrays have, with their signatures; what cannot be followed says so. Not here: which values have these methods
(``faces.py``), methods that tensors alone have, which stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._errors import ArgumentError, TransformError
from ..core.boxed import Boxed
from ..core.publish import holds_box, operand
from ..ops.inplace.filling import copy_
from ..ops.inplace.index_put import set_item


class Flat:
    """``x.flat``: the elements in row-major order, to read, go through and write."""

    __slots__ = ("x",)

    def __init__(self, x: Any) -> None:
        self.x = x

    def __len__(self) -> int:
        return math.prod(self.x.shape)

    def __iter__(self) -> Iterator[Any]:
        return iter(np.ravel(self.x))

    def __getitem__(self, index: Any) -> Any:
        return np.ravel(self.x)[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        places = np.arange(len(self))[index]
        if isinstance(value, Boxed) or np.ndim(value):
            value = np.resize(operand(value, "x.flat[index] = value"), places.shape)
        self.x[np.unravel_index(places, self.x.shape)] = value

    def copy(self) -> Any:
        """The elements as a vector of their own."""
        return np.ravel(self.x).copy()


class NDArrayMethods:
    """What ndarrays can do, by the functions of NumPy."""

    __slots__ = ()

    #: ``x.flat = values`` writes all elements, again from the first where there are fewer.
    flat = property(lambda self: Flat(self), lambda self, values: Flat(self).__setitem__(slice(None), values))
    size = property(lambda self: math.prod(self.shape))
    T = property(lambda self: np.transpose(self))
    nbytes = property(lambda self: math.prod(self.shape) * self.dtype.itemsize)
    real = property(lambda self: np.real(self), lambda self, value: _set_part(self, value, False))
    imag = property(lambda self: np.imag(self), lambda self, value: _set_part(self, value, True))

    def reshape(self: Any, *shape: Any, order: Any = "C", copy: Any = None) -> Any:
        """The elements in another shape, as `np.reshape`; the sizes may stand one by one."""
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)

    def transpose(self: Any, *axes: Any) -> Any:
        """The axes in another order, as `np.transpose`."""
        return np.transpose(self, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None)

    def flatten(self: Any, order: Any = "C") -> Any:
        """A copy as a vector."""
        return np.ravel(self, order=order).copy()

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As `np.compress`."""
        return np.compress(condition, self, axis, out)

    def view(self: Any, dtype: Any = None, type: Any = None) -> Any:
        """The same elements, looked at again; in another dtype they have no derivative."""
        if dtype is not None and np.dtype(dtype) != self.dtype:
            raise ArgumentError(f"view: the bits of {self.dtype} as {np.dtype(dtype)} have no derivative; use x.astype")
        return self[...]

    def sort(self: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        """Sort in place, along ``axis``."""
        copy_(self, np.sort(self, axis))

    def partition(self: Any, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None) -> None:
        """As `np.partition`, in place."""
        copy_(self, np.partition(self, kth, axis))

    def fill(self: Any, value: Any) -> None:
        """Write one value everywhere."""
        set_item(self, ..., value)

    def put(self: Any, indices: Any, values: Any, mode: Any = "raise") -> None:
        """As `np.put`."""
        np.put(self, indices, values, mode)

    def __divmod__(self: Any, other: Any) -> Any:
        return np.divmod(self, other)

    def __rdivmod__(self: Any, other: Any) -> Any:
        return np.divmod(other, self)

    def __setitem__(self: Any, index: Any, value: Any) -> None:
        set_item(self, index, operand(value, "x[index] = value") if isinstance(value, list | tuple) else value)


def _set_part(x: Any, value: Any, imaginary: bool) -> None:
    """``x.real = value`` or ``x.imag = value``, as a write into the whole, which takes followed values where its parts may not."""
    if x.dtype.kind != "c":
        if imaginary:
            raise TypeError("x.imag = value: the array is real and has no imaginary part to set; make it complex, x.astype(complex)")
        set_item(x, ..., value)
    else:
        set_item(x, ..., np.real(x) + 1j * value if imaginary else value + 1j * np.imag(x))


def _by_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method that is a function of NumPy's, with its arguments in their order."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        args = tuple([operand(a, name) if isinstance(a, list) and holds_box(a) else a for a in args])
        return function(self, *args, **kwargs)

    method.__name__ = name = function.__name__
    method.__doc__ = f"As `np.{name}`."
    return method


def _refused(name: str, why: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.followed():
            raise TransformError(
                f"{name}: {why}, and this value (shape {self.shape}) is inside a function transform; x.detach() is a constant"
            )
        return getattr(self.numpy(), name)(*args, **kwargs)

    return method


for _function in (
    np.all, np.any, np.argmax, np.argmin, np.argpartition, np.argsort, np.choose, np.clip, np.conjugate, np.cumprod, np.cumsum, np.diagonal,
    np.dot, np.max, np.mean, np.min, np.nonzero, np.prod, np.ravel, np.repeat, np.round, np.searchsorted, np.squeeze, np.std, np.sum,
    np.swapaxes,
    np.take, np.trace, np.var,
):  # fmt: skip
    setattr(NDArrayMethods, _function.__name__, _by_numpy(_function))
for _name in ("byteswap", "dump", "dumps", "getfield", "setfield", "tobytes", "tofile"):
    setattr(NDArrayMethods, _name, _refused(_name, "bytes have no derivative"))
