"""Examples as a batch (`default_collate`), and one example as tensors (`default_convert`): numbers, arrays and tensors within dicts, lists
and tuples. Not here: who reads the examples (``reading.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, OperandError, ShapeError
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.dtypes import CATEGORY
from ...core.plain import NUMBERS as PLAIN
from ...core.tensor import Tensor
from ...ops.create import _as_tensor, _tensor, finish
from ...ops.join import _stack
from .checks import shown

NUMBERS = bool | int | float | np.bool_ | np.number
PYTHON_NUMBERS: dict[type, Any] = {bool: np.bool_, int: np.int64, float: np.float64}
#: Bytes from which on NumPy asks the system for large pages, which spares more than anything else; a bytearray never does.
MANY_BYTES = 1 << 22
#: What may stand beside a tensor or an array, and beside a number.
BESIDE_ARRAYS, BESIDE_NUMBERS = Boxed | ndarray | np.number | np.bool_, Boxed | NUMBERS
STACKED, TEXT, BATCHES = Boxed | ndarray | NUMBERS, str | bytes, Sequence | ndarray


def default_collate(batch: Any) -> Any:
    """Examples as one batch: tensors, arrays and numbers are stacked; dicts, lists and tuples are gone through; text stays as it is.

    Python's floats become float64; what requires grad stays on the tape. Dicts and lists keep their class, tuples become lists
    (named ones stay). Raises `OperandError` for other examples and for None among numbers, `ShapeError` for different shapes or lengths.

    >>> default_collate([(1.0, "a"), (2.0, "b")])
    [tensor([1., 2.], dtype=float64), ('a', 'b')]
    """
    if isinstance(batch, TEXT) or not isinstance(batch, BATCHES):
        raise OperandError(f"default_collate: needs a list of examples: got {shown(batch)}")
    if not len(batch):
        raise ArgumentError("default_collate: got an empty list; a batch has at least one example")
    return _collate(batch, "default_collate", default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: Mapping[Any, Callable[..., Any]] | None = None) -> Any:
    """Examples as one batch, with functions of one's own for classes of one's own: ``{MyClass: function}``.

    A function gets the list of examples, and the table as ``collate_fn_map``, so that it can collate their parts. The exact class comes
    before its bases; keys may be tuples of classes. What the table does not know is collated as by `default_collate`, which itself looks
    into ``default_collate_fn_map``.

    >>> collate([{1, 2}, {3}], collate_fn_map={set: lambda batch, *, collate_fn_map: sorted(set().union(*batch))})
    [1, 2, 3]
    """
    if isinstance(batch, TEXT) or not isinstance(batch, BATCHES) or not len(batch):
        raise OperandError(f"collate: needs a list of at least one example: got {shown(batch)}")
    return _collate(batch, "collate", collate_fn_map or {})


#: Functions that `default_collate` takes for classes of the program's, which it may add.
default_collate_fn_map: dict[Any, Callable[..., Any]] = {}


def _own_way(first: Any, functions: Mapping[Any, Callable[..., Any]]) -> Callable[..., Any] | None:
    if type(first) in functions:
        return functions[type(first)]
    return next((f for kind, f in functions.items() if isinstance(first, kind)), None)


def _collate(batch: Any, where: str, functions: Mapping[Any, Callable[..., Any]]) -> Any:
    first = batch[0]
    if functions and (own := _own_way(first, functions)) is not None:
        return own(batch, collate_fn_map=functions)
    if isinstance(first, STACKED):
        return _numbers(batch, where)
    if isinstance(first, TEXT):
        return batch
    kind = Mapping if isinstance(first, Mapping) else Sequence if isinstance(first, Sequence) else None
    if kind is None:
        raise OperandError(f"{where}: cannot make a batch of {type(first).__name__}; pass collate_fn to say how")
    _alike(batch, where, kind, TEXT)
    if kind is Mapping:
        lacking = [(i, k) for i, b in enumerate(batch) for k in first if k not in b]
        if lacking:
            raise ArgumentError(f"{where}: example {lacking[0][0]} has no {lacking[0][1]!r}, which example 0 has; give all the same keys")
        return _mapping_like(first, {k: _collate([b[k] for b in batch], f"{where}: [{k!r}]", functions) for k in first})
    if len({len(b) for b in batch}) > 1:
        raise ShapeError(
            f"{where}: examples have different lengths: {sorted({len(b) for b in batch})}; make them equal, or pass collate_fn"
        )
    return _sequence_like(first, [_collate(column, f"{where}: [{i}]", functions) for i, column in enumerate(zip(*batch, strict=True))])


def _alike(batch: Any, where: str, kinds: Any, but: Any = ()) -> None:
    """Raise unless all examples are of these kinds, as the first is; so those of its class need no look."""
    if len(set(map(type, batch))) == 1:
        return
    for i, b in enumerate(batch):
        if not isinstance(b, kinds) or isinstance(b, but):
            raise OperandError(f"{where}: example 0 is a {type(batch[0]).__name__}, example {i} a {shown(b)}; make them alike")


def _numbers(batch: Any, where: str) -> Any:
    """Tensors, arrays or numbers as one tensor."""
    if (array := _at_once(batch)) is not None:
        return finish(array)
    first = batch[0]
    tensors = isinstance(first, Boxed | ndarray)
    _alike(batch, where, BESIDE_ARRAYS if tensors else BESIDE_NUMBERS)
    # Python's floats keep Python's precision, as in PyTorch
    dtype = np.float64 if isinstance(first, float) and not isinstance(first, np.generic) else None
    try:
        if not tensors and not any(isinstance(b, Boxed) for b in batch):
            return _tensor(list(batch), dtype=dtype)
        made = [_as_tensor(b, dtype) for b in batch]
    except (TypeError, ValueError, OverflowError) as error:
        raise OperandError(f"{where}: {error}") from error
    return _stacked(made, where)


def _at_once(batch: Any) -> ndarray[Any, Any] | None:
    """The array that a batch of one class is: of Python's numbers, or of plain arrays, or constant tensors around them, of one shape and
    dtype, which are copied once. None for others.
    """
    kinds = set(map(type, batch))
    if kinds == {Tensor}:
        if [t.node for t in batch].count(None) < len(batch):
            return None
        batch = [t.array for t in batch]
        kinds = set(map(type, batch))
    if len(kinds) > 1:
        return None
    kind = kinds.pop()
    if kind in PYTHON_NUMBERS:
        try:
            return np.fromiter(batch, PYTHON_NUMBERS[kind], len(batch))
        except OverflowError:
            return None
    if kind is not ndarray:
        return None
    shape, dtype, n = batch[0].shape, batch[0].dtype, len(batch)
    if (
        dtype.char not in PLAIN
        or not dtype.isnative
        or [a.shape for a in batch].count(shape) < n
        or [a.dtype for a in batch].count(dtype) < n
    ):
        return None
    if 0 < n * batch[0].nbytes < MANY_BYTES:
        try:  # half of what NumPy takes, which plans the copy of each
            return np.frombuffer(bytearray().join(batch), dtype).reshape(n, *shape)
        except TypeError:  # not all of them are contiguous
            pass
    out = np.empty((n, *shape), dtype)
    if shape:
        np.concatenate(batch, out=out.reshape(n * shape[0], *shape[1:]))
    else:
        out[:] = batch
    return out


def _stacked(tensors: list[Any], where: str) -> Any:
    shapes = {shape_of(t) for t in tensors}
    if len(shapes) > 1:
        raise ShapeError(f"{where}: examples have different shapes: {sorted(shapes)!r:.200}; make them equal, or pass collate_fn")
    return _stack(tensors)


def default_convert(data: Any) -> Any:
    """Arrays within ``data`` as tensors, which share their memory; everything else as it is (tuples become lists).

    >>> import numpy as np
    >>> default_convert({"x": np.array([1.0, 2.0]), "name": "a", "n": 3})
    {'x': tensor([1., 2.], dtype=float64), 'name': 'a', 'n': 3}
    """
    return _convert(data, _as_tensor)


def own_convert(data: Any) -> Any:
    """`default_convert` with memory of its own for every tensor."""
    return _convert(data, lambda x: x.clone() if isinstance(x, Boxed) else _tensor(x))


def _convert(data: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(data, Boxed) or (isinstance(data, ndarray | np.generic) and data.dtype.char in CATEGORY):
        return leaf(data)
    if isinstance(data, Mapping):
        return _mapping_like(data, {k: _convert(data[k], leaf) for k in data})
    if isinstance(data, Sequence) and not isinstance(data, TEXT):
        return _sequence_like(data, [_convert(d, leaf) for d in data])
    return data


def _mapping_like(template: Any, values: dict[Any, Any]) -> Any:
    """The values in a mapping of the template's class, where one can be made."""
    try:
        if not isinstance(template, MutableMapping):
            return type(template)(values)
        out = copy(template)
        out.update(values)
    except TypeError:
        return values
    return out


def _sequence_like(template: Any, values: list[Any]) -> Any:
    """The values in a sequence of the template's class, where one can be made; a plain tuple's in a list."""
    if isinstance(template, tuple):
        return type(template)(*values) if hasattr(template, "_fields") else values
    try:
        if not isinstance(template, MutableSequence):
            return type(template)(values)
        out = copy(template)
        for i, value in enumerate(values):
            out[i] = value
    except (TypeError, ValueError):  # an array.array, say
        return values
    return out
