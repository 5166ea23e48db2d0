"""Whole matrices of derivatives (`jacrev`, `jacfwd`, `hessian`) and products with the Hessian (`hvp`).

One pass each: the rows or columns of the identity are a hidden axis that only derivatives carry; values of the function itself are
computed once. Not here: single products with a Jacobian (``reverse.py``, ``forward.py``).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._errors import ArgumentError, TransformError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import strip
from .arguments import (
    Argnums,
    Constants,
    Kind,
    begin,
    raised_height,
    reasons,
    replaced,
    require_arrays,
    require_inexact,
    selected,
    split_aux,
)
from .batched import Batched, Map
from .dual import Dual
from .forward import jvp, split
from .reverse import TreePullback, grad_and_value
from .tree import flatten, map_leaves, unflatten


def jacrev(func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None) -> Callable[..., Any]:
    """The Jacobian by reverse mode: shape ``f(x).shape + x.shape``. Best where there are fewer results than arguments.

    Args:
        func: returns arrays, perhaps nested; or ``(arrays, aux)`` with ``has_aux``.
        argnums: which positional arguments to differentiate, as in `grad`.
        has_aux: whether the function returns auxiliary values as well; the result is then ``(jacobian, aux)``.
        chunk_size: how many rows to compute at a time, to bound the memory; None for all at once.

    The result is nested like the function's result, and in each of its places like the arguments.

    >>> jacrev(lambda x: x ** 2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """
    if chunk_size is not None and (isinstance(chunk_size, bool) or not isinstance(chunk_size, int | np.integer) or chunk_size < 1):
        raise ArgumentError(f"jacrev: chunk_size must be an int above 0, or None: got {chunk_size!r}")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        pullback = TreePullback(func, args, kwargs, argnums, has_aux, "jacrev")
        _require_real(pullback.inputs, "jacrev", "argument")
        rows = [_rows(pullback, k, chunk_size) for k in range(len(pullback.outputs))]
        result = unflatten(pullback.out_tree, rows)
        return (result, pullback.aux) if has_aux else result

    return jacobian


def _rows(pullback: TreePullback, k: int, chunk_size: int | None) -> Any:
    """The derivatives of result number ``k``, nested like the arguments."""
    out = pullback.outputs[k]
    shape, dtype = shape_of(out), getattr(out, "dtype", np.dtype(np.float64))
    n = math.prod(shape)
    if dtype.kind == "c":  # the derivatives of its two parts
        real, imag = (_found(pullback, k, shape, dtype, n, chunk_size, unit) for unit in (1, 1j))
        found = [re + 1j * im for re, im in zip(real, imag, strict=True)]
    else:
        found = _found(pullback, k, shape, dtype, n, chunk_size, 1)
    result = pullback.given.filled([pullback.kind.give(g) for g in found], constants=False)
    return result[0] if pullback.single else result


def _found(pullback: TreePullback, k: int, shape: Any, dtype: Any, n: int, chunk_size: int | None, unit: complex) -> list[Array]:
    """The derivatives of the real part of result number ``k`` by ``unit``'s conjugate, one for each argument."""
    if not pullback.depends(k) or n == 0:
        return [np.zeros((*shape, *x.shape), x.dtype) for x in pullback.inputs]
    if n == 1:
        gradients = pullback.gradients({k: np.full(shape, unit, dtype)}, retain=True)
        return [
            np.zeros((*shape, *x.shape), x.dtype) if g is None else np.reshape(g, (*shape, *x.shape))
            for g, x in zip(gradients, pullback.inputs, strict=True)
        ]
    step = n if chunk_size is None else min(int(chunk_size), n)
    blocks = [_block(pullback, k, shape, dtype, slice(i, min(i + step, n)), n, unit) for i in range(0, n, step)]
    columns = zip(*blocks, strict=True)
    return [
        np.reshape(c[0] if len(c) == 1 else np.concatenate(c), (*shape, *x.shape)) for c, x in zip(columns, pullback.inputs, strict=True)
    ]


def _block(pullback: TreePullback, k: int, shape: Any, dtype: Any, rows: slice, n: int, unit: complex) -> list[Array]:
    """Some rows, with one pass over the tape: (rows, *x.shape) for every argument."""
    size = rows.stop - rows.start
    basis = np.eye(size, n, rows.start, dtype)
    basis = basis if unit == 1 else basis * unit
    with raised_height() as level, reasons():
        gradients = pullback.gradients({k: Map(level, size, "error").box(basis.reshape(size, *shape))}, retain=True)
    return [_all_of(g, x.shape, x.dtype, level, size) for g, x in zip(gradients, pullback.inputs, strict=True)]


def _all_of(x: Any, shape: tuple[int, ...], dtype: Any, level: int, size: int) -> Array:
    """What a derivative under a hidden axis of ``size`` comes to, with that axis in front: (size, *shape)."""
    if x is None:
        return np.zeros((size, *shape), dtype)
    x = strip(x, level)
    return x.value if isinstance(x, Batched) and x.level == level else np.broadcast_to(x, (size, *shape))


def jacfwd(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable[..., Any]:
    """The Jacobian by forward mode: shape ``f(x).shape + x.shape``. Best where there are fewer arguments than results.

    The arguments and the nesting of the result are those of `jacrev`; ``randomness`` is that of `vmap`: what random functions inside
    do where they meet derivatives, "error", "different" or "same".

    >>> jacfwd(lambda x: x ** 2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """
    if randomness not in ("error", "different", "same"):
        raise ArgumentError(f"jacfwd: randomness must be 'error', 'different' or 'same': got {randomness!r}")

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        nums = selected(args, argnums, "jacfwd")
        given = Constants(tuple(args[n] for n in nums))
        leaves = given.leaves
        kind = Kind(leaves)
        primals = [kind.take(x, "jacfwd") for x in leaves]
        for p in primals:
            require_inexact(p, "jacfwd")
        _require_real(primals, "jacfwd", "argument")
        counts = [math.prod(shape_of(p)) for p in primals]
        size = sum(counts)
        with raised_height(kind=kind) as outer, reasons():
            this = Map(outer, size, randomness)
            state.maps = (*state.maps, this)
            with raised_height() as level, reasons():
                duals = [Dual(p, this.box(_basis(p, sum(counts[:k]), size)), level) for k, p in enumerate(primals)]
                out = func(*replaced(args, nums, given.filled(begin(duals, kind.arrays))), **kwargs)
        out, aux = split_aux(out, has_aux, "jacfwd")
        outs, out_tree = flatten(out)
        require_arrays(outs, "jacfwd")
        single = not isinstance(argnums, tuple | list)

        def columns(o: Any) -> Any:
            value, slope = split(o, level)
            shape = shape_of(value)
            slopes = np.moveaxis(_all_of(slope, shape, getattr(value, "dtype", None), outer, size), 0, -1)  # (*shape, size)
            edges = [sum(counts[:k]) for k in range(len(counts) + 1)]
            parts = [
                np.reshape(slopes[..., edges[k] : edges[k + 1]] if len(counts) > 1 else slopes, (*shape, *shape_of(p)))
                for k, p in enumerate(primals)
            ]
            result = given.filled([kind.give(p) for p in parts], constants=False)
            return result[0] if single else result

        result = unflatten(out_tree, [columns(o) for o in outs])
        if not has_aux:
            return result
        return result, map_leaves(lambda x: kind.give(_first_of(split(x, level)[0], outer)) if isinstance(x, Boxed) else x, aux)

    return jacobian


def _require_real(values: Iterable[Any], op: str, what: str) -> None:
    """Raise for complex values: where a function is not holomorphic, one complex number per element is not the Jacobian."""
    for x in values:
        if getattr(x, "dtype", None) is not None and x.dtype.kind == "c":
            raise TransformError(
                f"{op}: a Jacobian is made of real numbers: this {what} is {x.dtype} {shape_of(x)}; let the function take and return "
                f"real and imaginary parts (view_as_real), or use jvp and vjp"
            )


def _basis(p: Array, start: int, size: int) -> Array:
    """The directions of ``size`` derivatives along ``p``, whose own elements are those from ``start`` on: (size, *p.shape)."""
    shape = shape_of(p)
    n = math.prod(shape)
    return np.eye(size, n, -start, p.dtype).reshape(size, *shape)


def _first_of(x: Any, level: int) -> Any:
    """A value that does not depend on the direction; where random numbers made it depend, that of the first."""
    x = strip(x, level)
    return x.value[0] if isinstance(x, Batched) and x.level == level else x


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The second derivatives, forward over reverse: shape ``x.shape + x.shape`` for a scalar function.

    With a tuple of ``argnums`` the result is a tuple of tuples: entry ``[i][j]`` holds the derivatives by argument i and then j. A
    function with several results gives one such Hessian for each.

    >>> hessian(lambda x: np.sum(x ** 3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    >>> h = hessian(lambda x, y: np.sum(x * y), argnums=(0, 1))(np.ones(2), np.ones(2)); h[0][1]
    array([[1., 0.],
           [0., 1.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def hvp(func: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """``(func(*primals), H tangents)``: the value of a scalar function and the product of its Hessian with a vector.

    Forward over reverse: it costs a few evaluations of the function, and the Hessian is never formed.

    Args:
        func: returns one real scalar.
        primals: the tuple of its arguments, each perhaps nested; anything else is its only argument.
        tangents: the vector, nested and shaped like ``primals``.

    Raises `TransformError` where the result is no real scalar, `ArgumentError` and `ShapeError` where tangents do not fit primals.

    >>> value, product = hvp(lambda x: np.sum(x ** 3), np.array([1.0, 2.0]), np.array([1.0, 0.0])); product
    array([6., 0.])

    Source: B. Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
    """
    several = isinstance(primals, tuple)
    ps, ts = (primals, tangents) if several else ((primals,), (tangents,))
    if not ps:
        raise ArgumentError("hvp: there is nothing to differentiate: got no primals; pass the function's arguments")
    _, product, value = jvp(grad_and_value(func, tuple(range(len(ps)))), ps, ts, has_aux=True)
    return value, product if several else product[0]
