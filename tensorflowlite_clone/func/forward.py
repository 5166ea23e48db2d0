"""Forward mode: `jvp`, and `linearize`, which records a function once and then only applies its derivative.

Not here: whole Jacobians (``jacobians.py``), the box that carries tangents (``dual.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError, TransformError
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import strip
from ..core.tensor import Tensor
from ..core.transpose import transposed
from .arguments import Kind, begin, raised_height, reasons, require_arrays, require_inexact, split_aux
from .dual import Dual
from .reverse import TreePullback, converted
from .tree import flatten, flatten_as, map_leaves, unflatten


def jvp(
    func: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    """``(func(*primals), its derivative along tangents)`` in one forward pass.

    Args:
        func: the function.
        primals: the tuple of its arguments, each perhaps nested.
        tangents: the direction, nested and shaped like ``primals``.
        strict: whether a result that does not depend on the arguments is an error, instead of having a zero derivative.
        has_aux: whether the function returns ``(output, aux)``; the result is then ``(output, derivative, aux)``.

    Raises `ArgumentError` and `ShapeError` where tangents do not fit primals, and `TransformError` for integer primals.

    >>> value, slope = jvp(lambda x: x ** 3, (np.array(2.0),), (np.array(1.0),)); float(value), float(slope)
    (8.0, 12.0)
    """
    for name, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list) or not given:
            raise ArgumentError(f"jvp: {name} must be a tuple with one entry per argument: got {type(given).__name__}; write (x,) for one")
    ps, tree = flatten(tuple(primals))
    ts = flatten_as(tree, tuple(tangents), "jvp", "tangents", "primals")
    kind = Kind([*ps, *ts])
    with raised_height(kind=kind) as level, reasons():
        duals = [make_dual(kind.take(p, "jvp"), kind.take(t, "jvp", "tangents"), level, "jvp") for p, t in zip(ps, ts, strict=True)]
        out = func(*unflatten(tree, begin(duals, kind.arrays)))
    out, aux = split_aux(out, has_aux, "jvp")
    outs, out_tree = flatten(out)
    require_arrays(outs, "jvp")
    values, slopes = zip(*[split(o, level) for o in outs], strict=True)
    if strict and any(s is None for s in slopes):
        raise TransformError("jvp: with strict=True every result must depend on the arguments: one does not; use strict=False for zeros")
    slopes = tuple(np.zeros(shape_of(v), getattr(v, "dtype", None)) if s is None else s for v, s in zip(values, slopes, strict=True))
    result = (unflatten(out_tree, [*map(kind.give, values)]), unflatten(out_tree, [*map(kind.give, slopes)]))
    if not has_aux:
        return result
    return (*result, map_leaves(lambda x: kind.give(split(x, level)[0]) if isinstance(x, Boxed) else x, aux))


def split(o: Any, level: int) -> tuple[Any, Any]:
    """The value and the tangent of a result of a function run at ``level``; None for one that has no tangent there."""
    o = strip(o, level)
    return (o.primal, o.tangent) if isinstance(o, Dual) and o.level == level else (o, None)


def make_dual(p: Array, t: Array, level: int, op: str) -> Dual:
    """A primal with its tangent, after checking that they fit."""
    if shape_of(p) != shape_of(t):
        raise ShapeError(f"{op}: a tangent has the wrong shape: it is {shape_of(t)}, its primal is {shape_of(p)}; they must be equal")
    require_inexact(p, op)
    return Dual(p, converted(t, p.dtype, op, "tangent", "primal"), level)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``(func(*primals), push)``: the value, and the derivative at ``primals`` as a linear function of tangents.

    ``push(*tangents)`` equals ``jvp(func, primals, tangents)[1]``, but does not run ``func`` again: the derivative is recorded once, by
    transposing the vector-Jacobian product. Worth it where many tangents meet the same primals.

    Raises `ArgumentError` and `ShapeError` (from ``push``) where tangents do not fit primals, `TransformError` for integer primals.

    >>> value, push = linearize(lambda x, y: x * y, np.array(3.0), np.array(2.0))
    >>> float(value), float(push(np.array(1.0), np.array(0.0))), float(push(np.array(0.0), np.array(1.0)))
    (6.0, 2.0, 3.0)

    Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """
    if not primals:
        raise ArgumentError("linearize: there is nothing to differentiate: got no primals; pass the function's arguments")
    pullback = TreePullback(func, primals, {}, tuple(range(len(primals))), False, "linearize")
    places = [k for k in range(len(pullback.outputs)) if pullback.depends(k)]
    with raised_height(record=True) as level, reasons():  # u -> J^T u, which is linear in u, recorded at u = 0
        us = [Tensor.wrap(np.zeros(shape_of(o), o.dtype), level).requires_grad_() for o in (pullback.outputs[k] for k in places)]
        pulled = pullback.walk(places, us, retain=False)
    value, dtypes = pullback.value(), [x.dtype for x in pullback.inputs]
    shapes = [x.shape for x in pullback.inputs]

    def push(*tangents: Any) -> Any:
        given = flatten_as(pullback.in_tree, tangents, "linearize", "tangents", "primals")
        kind = Kind(given)
        kind.tensors = kind.tensors or pullback.kind.tensors
        ts = [kind.take(t, "linearize", "tangents") for t in given]
        for t, shape in zip(ts, shapes, strict=True):
            if shape_of(t) != shape:
                raise ShapeError(
                    f"linearize: a tangent has the wrong shape: it is {shape_of(t)}, its primal is {shape}; they must be equal"
                )
        ts = [converted(t, dtype, "linearize", "tangent", "primal") for t, dtype in zip(ts, dtypes, strict=True)]
        slopes = dict(zip(places, transposed(pulled, ts, us, level, retain_graph=True), strict=True))
        outs = [
            np.zeros(shape_of(o), getattr(o, "dtype", None)) if slopes.get(k) is None else slopes[k] for k, o in enumerate(pullback.outputs)
        ]
        return unflatten(pullback.out_tree, [kind.give(s) for s in outs])

    return value, push
