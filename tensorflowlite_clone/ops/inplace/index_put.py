"""Writing through an index: ``x[index] = value`` and `index_put`.

Not here: reading (``ops/index.py``), what an in-place change means (``mutation.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import DTypeError, ShapeError
from ..._state import state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import shape_of, spread_all, unbroadcast
from ...core.families import Linear
from ...core.levels import constant_value
from ...core.publish import public, to_operand
from ...core.registry import install_method
from ...core.tensor import Taped, Tensor
from ...core.watchers import hand_over
from ...core.windows import apart
from ..cast import Cast
from ..compare import Where
from ..index import GetItem, PutItem, Slice, Slot, _Layout, fill, parse
from .admission import admits
from .mutation import check_views, check_writable, expanded, foreign, has_memory, history_of, in_dtype_of, mutate, on_tape, rebind, settle


class IndexPut(Linear, title="indexed assignment"):
    """``x`` with ``v`` in place of ``x[index]``, the last of several for one place; with ``into`` they go into x's own memory."""

    def forward(x, v, *indices, spec, into=False):
        out = x if into else np.array(x)
        if into:
            v, indices = apart(np.asarray(v), x), tuple([apart(np.asarray(i), x) for i in indices])
        if indices:  # row-major, or NumPy might write them in another order
            v, indices = np.asarray(v, order="C"), tuple(np.asarray(i, order="C") for i in indices)
        out[fill(spec, indices)] = v
        return out

    def grad_x(g, indices, spec):
        return Where.of(_touched(g.shape, indices, spec), 0.0, g)

    def grad_v(g, indices, v_shape, v_dtype, spec):
        part = GetItem.of(g, *indices, spec=spec)
        if any(math.prod(shape_of(i)) > 1 for i in indices):
            part = Where.of(_stays(g.shape, shape_of(part), indices, spec), part, 0.0)
        part = unbroadcast(part, v_shape)
        return part if part.dtype == v_dtype else Cast.of(part, dtype=v_dtype)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which index is out of range, or which shapes do not fit."""
        x, v, *indices = args
        index = fill(params["spec"], tuple(indices))
        try:
            part = x[index].shape
        except IndexError:
            return GetItem.diagnose((x, *indices), {"spec": params["spec"]})
        return ShapeError(
            f"x[index] = value: the value does not fit: x is {x.shape}, x[index] is {part}, the value {np.shape(v)}; it must broadcast to "
            f"x[index]"
        )

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis gets an index of its own; the values move their index axes to where NumPy then has them."""
        plan = _Layout(params["spec"], values[2:], mapped[2:])
        indices, spec, here, there = plan.with_hidden_axis(size)
        x, v = spread_all(values[:2], mapped[:2], size)
        visible = GetItem.of(x, *indices, spec=spec)  # for its shape: (size, *x[index])
        ndim = len(shape_of(visible))
        v = np.reshape(v, (size, *(1,) * (ndim - len(shape_of(v))), *shape_of(v)[1:]))
        v = np.moveaxis(v, there, here) if here != there else v
        return cls.of(x, v, *indices, spec=spec)


def _touched(shape: tuple[int, ...], indices: tuple[Array, ...], spec: tuple[Any, ...]) -> Any:
    """Which elements of an array of ``shape`` the index names."""
    indices = tuple(map(constant_value, indices))
    if any(isinstance(i, Boxed) for i in indices):
        ones = np.ones(shape_of(GetItem.of(np.ones(shape, np.int8), *indices, spec=spec)), np.int8)
        return np.greater(PutItem.of(ones, *indices, spec=spec, shape=shape), 0)
    index = fill(spec, indices)
    mask = np.zeros(shape, np.bool_)
    mask[index] = True
    return mask


def _stays(shape: tuple[int, ...], part: tuple[int, ...], indices: tuple[Array, ...], spec: tuple[Any, ...]) -> Any:
    """Which of the values written to an array of ``shape`` no later one replaces; ``part`` is the indexed part's shape."""
    number = np.arange(math.prod(part)).reshape(part)
    last = IndexPut.of(np.full(shape, -1), number, *indices, spec=spec)
    return np.equal(GetItem.of(last, *indices, spec=spec), number)


def _fitting(value: Any, x: Array, indices: Sequence[Array], spec: tuple[Any, ...]) -> Array:
    """``value`` in the dtype of ``x``, without what dimensions of size 1 it has in front of those of ``x[index]``, as in PyTorch."""
    v = in_dtype_of(value, x)
    shape = shape_of(v)
    if not shape or shape[0] != 1:
        return v
    ndim = len(shape_of(GetItem.of(np.broadcast_to(np.zeros((), np.bool_), shape_of(x)), *indices, spec=spec)))
    more = len(shape) - ndim
    return np.reshape(v, shape[more:]) if more > 0 and shape[:more] == (1,) * more else v


def set_item(self: Any, index: Any, value: Any) -> None:
    """``x[index] = value``: the value broadcasts to the indexed part."""
    name = "x[index] = value"
    if state.open:
        admits(self, value, *(index if isinstance(index, tuple) else (index,)))
    self, spec, indices, _ = parse(self, index)
    if expanded(self):
        # What the index says in front of its arrays gives a view, which may repeat nothing; NumPy's numbers are arrays beside arrays.
        basic = () if indices and state.numpy else tuple(takewhile(lambda s: not isinstance(s, Slot), spec))
        part = Slice.of(self, spec=basic)
        if not expanded(part):
            kept = tuple(slice(None) for s in basic if not isinstance(s, int))
            set_item(part, (*kept, *fill(spec[len(basic) :], tuple(indices))), value)
            return
    if not has_memory(self):
        rebind(self, name, lambda x: IndexPut.of(x, _fitting(value, x, indices, spec), *indices, spec=spec), part=() if indices else spec)
        return
    check_writable(self, name)
    plain = [i.array if isinstance(i, Taped) else i for i in indices]
    if isinstance(value, Boxed) and not (isinstance(value, Taped) and isinstance(value.array, ndarray)):
        raise foreign(self, name)
    if isinstance(value, Taped) and (value.node is None or not state.grad_enabled):
        value = value.array
    if state.open:  # programs written for NumPy go on to use what they have read
        self.memory_cell().keep(self, fill(spec, tuple(plain)))
    shared = self.views is not None or (self.version is not None and self.version.shared)
    part = None if indices or not shared else self.array[(*spec, ...)]
    if state.grad_enabled and (on_tape(self) or isinstance(value, Taped)):
        check_views(self, name)
        if isinstance(value, Taped) and value.level != self.level:
            raise foreign(self, name)
        source = Tensor.wrap(self.array, self.level)
        source.node = history_of(self)
        # Nothing is saved of the old values, so the old memory itself takes the new ones.
        node = IndexPut.of(source, _fitting(value, self, plain, spec), *indices, spec=spec, into=True).node
        self.shared_cell()
        hand_over(self.node, node)
        settle(self, node, part)
    else:
        IndexPut.compute((self.array, _fitting(value, self, plain, spec), *plain), {"spec": spec, "into": True})
    if part is None and not indices and self.version is not None and self.version.shared:  # by detach() from one that has views
        part = self.array[(*spec, ...)]
    self.changed(name, part=part)


install_method("__setitem__", set_item)


@public("index_put")
def _index_put(input: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    """``input`` with ``values`` in place of ``input[indices]``, or added there with ``accumulate`` (repeated places add up).

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(3).index_put((tl.tensor([0, 0]),), tl.tensor([1.0, 2.0]), accumulate=True).tolist()
    [3.0, 0.0, 0.0]
    """
    x, indices = to_operand(input, "index_put"), tuple(indices)
    read = parse(x, indices)
    view, spec, arrays, _ = read
    values = to_operand(values, "index_put")
    if values.dtype != x.dtype:
        raise DTypeError(f"index_put: the values must have the input's dtype: they are {values.dtype}, the input {x.dtype}; convert them")
    if not accumulate:
        return read.back(IndexPut.of(view, _fitting(values, view, arrays, spec), *arrays, spec=spec), shape_of(x))
    part = shape_of(GetItem.of(np.empty(shape_of(view), np.bool_), *arrays, spec=spec))
    return x + read.back(PutItem.of(np.broadcast_to(values, part), *arrays, spec=spec, shape=shape_of(view)), shape_of(x))


@public("index_put_")
def index_put_(input: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    """`index_put`, in place; returns the tensor itself."""
    return mutate(input, "index_put_", lambda t: _index_put(t, indices, values, accumulate))
