"""What operations that move or choose elements become in ONNX.

Here: shapes, slices, indices, joins, sorting, padding, resampling. What has no operator of the same meaning, and fixed sizes, becomes a
gather with indices found by moving the numbers of the elements; what is linear and works axis by axis, a product with a matrix for each
axis. Not here: formulas (``elementwise.py``), layers (``layers.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import OperandError
from ..func.tracing import Symbol
from ..ops.diagonal import Diagonal
from ..ops.index import Slot, fill
from ..ops.nn.fold import Unfold
from ..ops.repeat import WindowView
from .graph import INT64, Value
from .rules import Call, rule
from .sizes import Size

#: The end of a slice that goes to the first element backwards.
BEFORE = -(1 << 62)
BEHIND = (1 << 63) - 1


@rule("Reshape")
def reshape(call: Call) -> Value:
    """Another shape."""
    return call[0].reshape(call.params["shape"])


@rule("BroadcastTo")
def broadcast(call: Call) -> Value:
    """More elements that are the same."""
    return call[0].op("Expand", call.graph.ints(call.params["shape"]))


@rule("Transpose")
def transpose(call: Call) -> Value:
    """Another order of axes."""
    return call[0].permute(call.params["axes"])


@rule("Concatenate")
def concatenate(call: Call) -> Value:
    """One behind the other."""
    axis = call.params["axis"] % call.out().ndim
    return call.graph.add("Concat", *[call[i] for i in range(len(call))], dtype=call.out().dtype, axis=axis)


@rule("Slice")
def slices(call: Call) -> Value:
    """Integers, slices and new axes."""
    noted = call.graph.notes.get(call.args[0]) if isinstance(call.args[0], Symbol) else None
    if noted is not None and noted[0] == "cells":
        cells: Value = noted[1](call.params["spec"])
        return cells
    return sliced(call[0], call.params["spec"], call.array(0).ndim)


def sliced(x: Value, spec: tuple[Any, ...], ndim: int) -> Value:
    """``x[spec]`` of a value with ``ndim`` dimensions."""
    graph = x.graph
    if Ellipsis in spec:
        k = spec.index(Ellipsis)
        spec = (*spec[:k], *[slice(None)] * (ndim - sum(p is not None and p is not Ellipsis for p in spec)), *spec[k + 1 :])
    axis, fresh, chosen = 0, [], []
    bounds: list[tuple[Any, Any, int, int]] = []
    place = 0  # in the result
    for p in spec:
        if p is None:
            fresh.append(place)
            place += 1
        elif isinstance(p, slice):
            step = 1 if p.step is None else p.step
            start = (0 if step > 0 else BEHIND) if p.start is None else p.start
            stop = (BEHIND if step > 0 else BEFORE) if p.stop is None else p.stop
            if (p.start, p.stop, step) != (None, None, 1):
                bounds.append((start, stop, axis, step))
            axis, place = axis + 1, place + 1
        else:
            chosen.append((axis, p))
            axis += 1
    if bounds:
        starts, stops, axes, steps = zip(*bounds, strict=True)
        x = x.op("Slice", graph.ints(starts), graph.ints(stops), graph.ints(axes), graph.ints(steps))
    for axis, p in reversed(chosen):
        index = graph.size(p).squeeze(0) if isinstance(p, Size) else graph.number(p, INT64)
        x = x.op("Gather", index, axis=axis)
    return x.unsqueeze(*fresh) if fresh else x


@rule("SlicePut")
def slice_put(call: Call) -> Value:
    """Zeros around a value."""
    spec, shape, x = call.params["spec"], call.params["shape"], call[0]
    spec = (*spec, *[slice(None)] * (len(shape) - len(spec)))
    if any(p is None or p is Ellipsis or (isinstance(p, slice) and p.step not in (None, 1)) for p in spec):
        zeros = np.zeros(shape, call.out().dtype)
        return scattered(call.graph.constant(zeros), x, np.arange(zeros.size).reshape(shape)[spec], shape)
    x = x.unsqueeze(*[i for i, p in enumerate(spec) if not isinstance(p, slice)]) if not all(isinstance(p, slice) for p in spec) else x
    before, behind = [], []
    for p, n in zip(spec, shape, strict=True):
        if isinstance(p, slice):
            start = 0 if p.start is None else p.start
            whole = p.start is None and p.stop is None
            stop = n if p.stop is None else p.stop
        else:
            whole, start, stop = False, p % n, p % n + 1
        before.append(0 if whole else start)
        behind.append(0 if whole or _same(n, stop) else _behind(n, stop))
    return x.op("Pad", x.graph.ints([*before, *behind]), 0)


def _same(n: Any, stop: Any) -> bool:
    return bool(n == stop)


def _behind(n: Any, stop: Any) -> int:
    """How many elements stand behind a part that ends at ``stop``."""
    if isinstance(n, Size) and isinstance(stop, Size) and n.factors == stop.factors and n.scale == stop.scale:
        return n.offset - stop.offset
    return int(n - min(n, stop) if stop >= 0 else -stop)


def scattered(base: Value, x: Value, places: Any, shape: tuple[Any, ...], add: bool = False) -> Value:
    """``base``, of ``shape``, with ``x`` at the flat ``places``."""
    graph = base.graph
    flat = x.op("Expand", graph.ints(places.shape)).reshape([-1])
    how = {"reduction": "add"} if add else {}
    out = base.reshape([-1]).op("ScatterElements", graph.constant(places.reshape(-1).astype(np.int64)), flat, axis=0, **how)
    return out.reshape(shape)


@rule("IndexPut")
def index_put(call: Call) -> Value:
    """A value with another at places that are fixed."""
    x, v, indices = call[0], call[1], tuple(call.fixed(i) for i in range(2, len(call)))
    shape = call.shape(0)
    if not call.is_fixed() or any(i is None for i in indices):
        raise OperandError(f"onnx.export: {call.name}: the places of an assignment must be fixed; use where() with a mask")
    places = np.arange(math.prod(shape)).reshape(shape)[fill(call.params["spec"], indices)]
    return scattered(x, v.cast(x.dtype), places, shape, bool(call.params["into"]))


@rule("GetItem")
def get_item(call: Call) -> Value:
    """Index arrays among slices."""
    x, spec, ndim = call[0], call.params["spec"], call.array(0).ndim
    slots = [i for i, p in enumerate(spec) if isinstance(p, Slot)]
    if len(slots) == 1 and not any(p is None or isinstance(p, int) for p in spec):
        rest = tuple(slice(None) if isinstance(p, Slot) else p for p in spec)
        return sliced(x, rest, ndim).op("Gather", call[1 + spec[slots[0]].position].cast(INT64), axis=slots[0])
    indices = [call.fixed(i) for i in range(1, len(call))]
    if call.is_fixed() and all(i is not None for i in indices):
        return gathered(call, lambda a: a[fill(spec, tuple(indices))])
    rest = spec[len(slots) :]
    if slots != list(range(len(slots))) or any(not isinstance(p, slice) or p != slice(None) for p in rest):
        raise OperandError("onnx.export: indexing: several index arrays must stand in front of whole axes; permute the axes first")
    lead = call.result_shape()[: call.out().ndim - (ndim - len(slots))]
    shape = call.graph.ints(lead)
    parts = [call[1 + p.position].cast(INT64).op("Expand", shape).unsqueeze(len(lead)) for p in spec[: len(slots)]]
    return x.op("GatherND", call.graph.add("Concat", *parts, dtype=INT64, axis=len(lead)))


def gathered(call: Call, move: Any) -> Value:
    """What ``move`` makes of a value of fixed shape, found by moving the numbers of its elements."""
    if not call.is_fixed():
        raise TypeError("sizes vary")
    shape, x = call.shape(0), call[0].reshape([-1])
    places = np.asarray(move(np.arange(1, math.prod(shape) + 1).reshape(shape))).astype(np.int64)
    if places.size and not places.all():  # 0 stands for an element that was not there
        zero = call.graph.constant(np.zeros(1, x.dtype))
        x = call.graph.add("Concat", zero, x, dtype=x.dtype, axis=0)
    else:
        places = places - 1
    return x.op("Gather", call.graph.constant(places), axis=0)


@rule("AsStrided", "Diagonal", "WindowView", "Unfold", "Roll", "Flip")
def moved(call: Call) -> Value:
    """What only moves elements."""
    if call.name == "Flip":
        axes = call.params["axis"]
        axes = range(call.array(0).ndim) if axes is None else [axes] if isinstance(axes, int) else axes
        spec = [slice(None)] * call.array(0).ndim
        for axis in axes:
            spec[axis] = slice(None, None, -1)
        return sliced(call[0], tuple(spec), call.array(0).ndim)
    return gathered(call, lambda a: call.merged.step.op.forward(a, **call.params))


#: What adds elements up at fixed places, what moves them back from there, and the parameters of that.
TRANSPOSED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "DiagonalPut": (Diagonal, ("offset", "axis1", "axis2")),
    "Fold": (Unfold, ("kernel_size", "stride", "padding", "dilation")),
    "WindowSum": (WindowView, ("axis", "size", "step")),
}


@rule(*TRANSPOSED)
def put(call: Call) -> Value:
    """What adds elements up at fixed places."""
    if not call.is_fixed():
        raise TypeError("sizes vary")
    op, names = TRANSPOSED[call.name]
    shape = call.result_shape()
    size = math.prod(shape)
    back = op.forward(np.arange(1, size + 1).reshape(shape), **{name: call.params[name] for name in names})
    zeros = call.graph.constant(np.zeros(size + 1, call.out().dtype))  # the first for what goes nowhere
    flat = scattered(zeros, call[0].reshape([-1]), np.asarray(back).reshape(-1), (size + 1,), add=True)
    return flat.part(0, 1, size + 1).reshape(shape)


@rule("PadEdges")
def pad_edges(call: Call) -> Value:
    """Copies of elements around a value: along each axis a gather, an operator where there is one."""
    x, widths, mode = call[0], call.params["widths"], call.params["mode"]
    known = {"reflect": "reflect", "replicate": "edge", "circular": "wrap" if call.graph.opset >= 19 else None}.get(mode)
    if known is not None:
        return x.op("Pad", x.graph.ints([w[0] for w in widths] + [w[1] for w in widths]), mode=known)
    for axis, width in enumerate(widths):
        if any(width):
            n = call.shape(0)[axis]
            places = call.merged.step.op.forward(np.arange(n), widths=(width,), mode=mode)
            x = x.op("Gather", x.graph.constant(places.astype(np.int64)), axis=axis)
    return x


def along_axes(call: Call, forward: Any, count: int) -> Value:
    """A linear operation that works on the last ``count`` axes one by one: a product with the matrix of each axis."""
    x, ndim = call[0], call.array(0).ndim
    for k in range(count):
        axis = ndim - count + k
        n = call.shape(0)[axis]
        if isinstance(n, Size):
            raise TypeError("sizes vary")
        matrix = np.ascontiguousarray(forward(np.eye(n), k)).astype(x.dtype)  # (n, m): what each element becomes
        if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(n)):
            continue
        if axis == ndim - 1:
            x = x.op("MatMul", x.graph.constant(matrix))
        else:
            order = [i for i in range(ndim) if i != axis] + [axis]
            x = x.permute(order).op("MatMul", x.graph.constant(matrix)).permute(np.argsort(order).tolist())
    return x


@rule("Resample")
def resample(call: Call) -> Value:
    """Resampling, axis by axis."""
    lines = call.params["lines"]
    if not call.is_fixed():
        return _upsampled(call, call.merged.first.params["lines"])
    op = call.merged.step.op
    return along_axes(call, lambda eye, k: op.forward(eye, lines=(lines[k],)), len(lines))


def _upsampled(call: Call, lines: Any) -> Value:
    """The operator, for sizes that vary, where it means the same: given factors, and centres of elements that lie on one another."""
    kinds = {"nearest": "nearest", "linear": "linear", "cubic": "cubic"}
    line = lines[0]
    if line.kind not in kinds or any(one.step is None or one.kind != line.kind or one.align_corners for one in lines):
        raise TypeError("sizes vary")
    factors = [1.0] * (call.array(0).ndim - len(lines)) + [1 / one.step for one in lines]
    how = {"mode": kinds[line.kind], "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.75}
    if line.kind == "nearest":
        how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return call[0].op("Resize", None, call.graph.constant(np.asarray(factors, np.float32)), **how)


@rule("Gather")
def gather(call: Call) -> Value:
    """Elements at places along an axis."""
    return call[0].op("GatherElements", call[1].cast(INT64), axis=call.params["axis"])


@rule("TakeRows", "TakeWeighedRows", "TakeRowsSparsely")
def take_rows(call: Call) -> Value:
    """Rows of a table."""
    return call[0].op("Gather", call[1].cast(INT64), axis=0)


@rule("ScatterPut", "ScatterAdd")
def scatter(call: Call) -> Value:
    """Elements put, or added, at places along an axis."""
    if call.name == "ScatterPut":
        x, src, index = call[0], call[1], call[2]
        return x.op("ScatterElements", index.cast(INT64), src.cast(x.dtype), axis=call.params["axis"])
    zeros = call.graph.constant(np.zeros((), call.out().dtype)).op("Expand", call.graph.ints(call.params["size"]))
    return zeros.op("ScatterElements", call[1].cast(INT64), call[0], axis=call.params["axis"], reduction="add")


@rule("AddRows")
def add_rows(call: Call) -> Value:
    """Rows added up by the numbers of rows that they go to."""
    x, index, rows = call[0], call[1].cast(INT64), call.params["rows"]
    tail = call.shape(0)[call.array(1).ndim :]
    zeros = call.graph.constant(np.zeros((), x.dtype)).op("Expand", call.graph.ints([rows, *tail]))
    return zeros.op("ScatterND", index.reshape([-1, 1]), x.reshape([-1, *tail]), reduction="add")


@rule("TopPlaces", "SortPlaces")
def places(call: Call) -> Value:
    """The places of the largest elements, or of all in order."""
    x, axis = call[0], call.params["axis"]
    whole = call.name == "SortPlaces"
    k = call.shape(0)[axis] if whole else call.params["k"]
    largest = call.params["descending"] if whole else call.params["largest"]
    how = {"axis": axis, "largest": int(largest), "sorted": 1}
    return call.graph.several("TopK", [x, call.graph.ints([k])], (x.dtype, INT64), **how)[1]
