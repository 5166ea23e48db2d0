"""Sizes that vary: found by running the model at several sizes of its inputs and comparing what it did.

Here: `merged`, which puts traces of the same steps together, numbers that differ becoming a `Size`, arrays that differ a `Made`. Not here:
running the model (``exporter.py``), nodes (``graph.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._errors import GraphError
from ..func.tracing import Step, Symbol, Trace


class Size(NamedTuple):
    """``scale`` times the product of the sizes ``factors``, each an axis of a value, plus ``offset``."""

    factors: tuple[tuple[int, int], ...]
    scale: int
    offset: int


class Made(NamedTuple):
    """A constant array that depends on sizes: ``kind`` says how, its shape has a `Size` for some axes.

    "fill": ``data`` everywhere. "range": ``data[0] + i data[1]`` along the axis ``axis``. "window": the first elements of the array
    ``data`` along each axis. "triangle": ``data[0]`` where the column is beyond the row by more than ``axis``, ``data[1]`` elsewhere.
    """

    kind: str
    shape: tuple[Any, ...]
    dtype: Any
    data: Any
    axis: int = 0


class Merged(NamedTuple):
    """A step with what varies in it; ``first`` is the step at the first size."""

    step: Step
    first: Step
    shapes: tuple[tuple[Any, ...], ...]


class Merger:
    """Compares traces; ``parameters`` are the arrays of which constants may be windows."""

    def __init__(self, traces: Sequence[Trace], parameters: Sequence[Any]) -> None:
        self.traces, self.parameters = traces, parameters
        lengths = {len(t.steps) for t in traces}
        kinds = {tuple(_kind(s) for s in t.steps) for t in traces}
        if len(lengths) > 1 or len(kinds) > 1:
            raise GraphError(
                "onnx.export: the model does something else at other sizes of the dynamic axes, such as one more step of a loop: that "
                "has no form in a graph; leave the axis fixed, or write the loop as one operation"
            )
        self.inputs = [(s, axis) for s in traces[0].inputs for axis in range(traces[0].arrays[s].ndim) if self.varies(s, axis)]

    def varies(self, symbol: int, axis: int) -> bool:
        """Whether an axis of a value varies."""
        return len({t.arrays[symbol].shape[axis] for t in self.traces}) > 1

    def shape(self, symbol: int) -> tuple[Any, ...]:
        """The shape of a value."""
        first = self.traces[0].arrays[symbol].shape
        if len({t.arrays[symbol].ndim for t in self.traces}) > 1:
            raise GraphError("onnx.export: a value has more dimensions at other sizes of the dynamic axes; leave the axis fixed")
        return tuple(Size(((symbol, i),), 1, 0) if self.varies(symbol, i) else n for i, n in enumerate(first))

    def solve(self, values: Sequence[int], near: Sequence[tuple[int, int]]) -> Size:
        """The size that has these ``values`` at the sizes of the traces, from axes ``near``, or those of the inputs."""
        for known in ([*near], [*near, *self.inputs]):
            sizes = {c: [t.arrays[c[0]].shape[c[1]] for t in self.traces] for c in known}
            for count in (1, 2, 3):
                for factors in combinations(known[:12], count):
                    products = [prod(x) for x in zip(*(sizes[c] for c in factors), strict=True)]
                    run, rise = products[1] - products[0], values[1] - values[0]
                    if not run or rise % run:
                        continue
                    scale, offset = rise // run, values[0] - rise // run * products[0]
                    if (count == 1 or not offset) and all(scale * p + offset == v for p, v in zip(products, values, strict=True)):
                        return Size(factors, scale, offset)
        raise GraphError(
            f"onnx.export: a number in the model depends on the dynamic axes in a way that is not understood: it is "
            f"{', '.join(map(str, values))} at the sizes that were tried; leave the axis fixed"
        )

    def merge(self, values: Sequence[Any], near: Sequence[tuple[int, int]]) -> Any:
        """One parameter of a step, as it was in each trace."""
        first = values[0]
        if isinstance(first, Symbol):
            return first
        if isinstance(first, slice):
            return slice(*(self.merge([getattr(v, part) for v in values], near) for part in ("start", "stop", "step")))
        if isinstance(first, np.ndarray):
            return self.array(values, near)
        if isinstance(first, tuple | list) and not hasattr(first, "_fields"):
            if len({len(v) for v in values}) > 1:
                if all(isinstance(x, int) for v in values for x in v) and all(len({*v}) == 1 for v in values):  # the steps of a sequence
                    return (self.merge([len(v) for v in values], near), self.merge([v[0] for v in values], near))
                raise GraphError("onnx.export: a setting is longer at other sizes of the dynamic axes; leave the axis fixed")
            return tuple(self.merge(v, near) for v in zip(*values, strict=True))
        if all(type(v) is type(first) and v == first for v in values):
            return first
        if all(isinstance(v, int) for v in values):
            return self.solve(values, near)
        if isinstance(first, tuple):
            return type(first)(*(self.merge(v, near) for v in zip(*values, strict=True)))
        raise GraphError(f"onnx.export: a setting is {first!r:.40} at one size of the dynamic axes and another elsewhere; fix it")

    def array(self, arrays: Sequence[Any], near: Sequence[tuple[int, int]]) -> Any:
        """A constant array, as it was in each trace."""
        first = arrays[0]
        if all(a is first or (a.shape == first.shape and np.array_equal(a, first, equal_nan=a.dtype.kind == "f")) for a in arrays):
            return first
        if len({a.ndim for a in arrays}) > 1:
            raise GraphError("onnx.export: a constant has more dimensions at other sizes of the dynamic axes; pass it as an input")
        shape = tuple(n[0] if len({*n}) == 1 else self.solve(n, near) for n in zip(*(a.shape for a in arrays), strict=True))
        for recognise in (_fill, _range, self._window, _triangle):
            found = recognise(arrays)
            if found is not None:
                kind, data, axis = found
                return Made(kind, shape, first.dtype, data, axis)
        raise GraphError(
            f"onnx.export: a constant of shape {first.shape} depends on the dynamic axes in a way that is not understood (no range, no "
            f"mask, no part of a parameter); pass it as an input, or leave the axis fixed"
        )

    def _window(self, arrays: Sequence[Any]) -> Any:
        for p in self.parameters:
            lead = arrays[0].ndim - p.ndim
            if lead < 0 or any(a.shape[:lead] != (1,) * lead for a in arrays):
                continue
            tails = [a.shape[lead:] for a in arrays]
            if all(all(n <= m for n, m in zip(t, p.shape, strict=True)) for t in tails):
                parts = [p[tuple(slice(n) for n in t)] for t in tails]
                if all(np.array_equal(part, a.reshape(part.shape)) for part, a in zip(parts, arrays, strict=True)):
                    return "window", p, lead
        return None

    def steps(self) -> list[Merged]:
        """The steps of the first trace, with what varies in the others."""
        found = []
        for steps in zip(*(t.steps for t in self.traces), strict=True):
            first = steps[0]
            shapes = tuple(self.shape(s) for s in first.results)
            if len(self.traces) > 1:
                near = [(a, i) for a in first.args if isinstance(a, Symbol) for i in range(len(self.shape(a))) if self.varies(a, i)]
                args = tuple(self.merge(a, near) for a in zip(*(s.args for s in steps), strict=True))
                given = [_from_the_end(s, t) for s, t in zip(steps, self.traces, strict=True)]
                params = {k: self.merge([g[k] for g in given], near) for k in first.params}
                found.append(Merged(first._replace(args=args, params=params), first, shapes))
            else:
                found.append(Merged(first, first, shapes))
        return found


def _from_the_end(step: Step, trace: Trace) -> dict[str, Any]:
    """The parameters of a step, in which slices to the end begin so many elements before the end: these vary in simpler ways."""
    if step.op is None or step.op.__name__ != "Slice" or None in step.params["spec"] or Ellipsis in step.params["spec"]:
        return step.params
    shape = trace.arrays[step.args[0]].shape
    spec = tuple(
        slice(p.start - n, None) if isinstance(p, slice) and p.stop is None and p.step is None and 0 < (p.start or 0) < n else p
        for p, n in zip(step.params["spec"], shape, strict=False)
    )
    return {"spec": spec}


def _kind(step: Step) -> Any:
    return step.op, step.results, tuple(a if isinstance(a, Symbol) else type(a) for a in step.args)


def _fill(arrays: Sequence[Any]) -> Any:
    values = [a.reshape(-1) for a in arrays if a.size]
    if values and all((v == values[0][0]).all() for v in values):
        return "fill", values[0][0], 0
    return None


def _range(arrays: Sequence[Any]) -> Any:
    axes = {i for a in arrays for i, n in enumerate(a.shape) if n > 1}
    if len(axes) != 1 or arrays[0].dtype.kind not in "iuf":
        return None
    longest = max(arrays, key=lambda a: a.size).reshape(-1)
    start, step = longest[0], longest[1] - longest[0]
    if all(np.array_equal(a.reshape(-1), start + step * np.arange(a.size, dtype=a.dtype)) for a in arrays):
        return "range", (start, step), axes.pop()
    return None


def _triangle(arrays: Sequence[Any]) -> Any:
    if arrays[0].ndim < 2 or any(a.shape[:-2] != (1,) * (a.ndim - 2) for a in arrays):
        return None
    flat = [a.reshape(a.shape[-2:]) for a in arrays]
    largest = max(flat, key=lambda a: a.size)
    beyond, within = largest[0, -1], largest[-1, 0]
    for k in range(-1, 2):
        if all(np.array_equal(a, np.where(np.triu(np.ones(a.shape, bool), k + 1), beyond, within)) for a in flat):
            return "triangle", (beyond, within), k
    return None
