"""The function transforms: `grad`, `grad_and_value`, `vjp`, `jvp`, `vmap`, `jacrev`, `jacfwd`, `hessian`.

Each takes a function of arrays and gives a function of arrays, so they nest in any order. A function may take and return
nested dicts, lists and tuples; tensors in give tensors out, ndarrays in give ndarrays out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, ShapeError, TransformError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import conjugated, shape_of
from ..core.engine import run_backward
from ..core.tensor import Tensor
from .batched import Batched
from .dual import Dual
from .tree import flatten, unflatten

Args = int | tuple[int, ...]


@contextmanager
def raised_height(record: bool | None = None) -> Iterator[int]:
    """One transform more: its boxes get the new height as level. ``record=True`` records whatever the outer mode is."""
    before = state.grad_enabled
    state.height += 1
    if record is not None:
        state.grad_enabled = record
    try:
        yield state.height
    finally:
        state.height -= 1
        state.grad_enabled = before


class _Kind:
    """Whether a transform was given tensors or ndarrays, and how to take and give back the same kind."""

    def __init__(self, leaves: Sequence[Any]) -> None:
        self.tensors = any(isinstance(x, Tensor) for x in leaves)

    def take(self, x: Any, op: str) -> Array:
        """What a box of the transform holds: an ndarray, or a box of an outer transform or of a recorded tensor."""
        if isinstance(x, Tensor) and x.node is None and isinstance(x.array, ndarray):
            return x.array
        if isinstance(x, Boxed | ndarray):
            return x
        if isinstance(x, bool | int | float | complex | np.generic):
            return np.asarray(x)
        raise OperandError(f"{op}: the arguments to differentiate or map over must be tensors, arrays or numbers: got {type(x).__name__}")

    def give(self, x: Any) -> Any:
        """A result: a tensor where tensors came in, else as NumPy would give it."""
        if self.tensors and not isinstance(x, Boxed):
            return Tensor.wrap(np.asarray(x), 0)
        if not self.tensors and isinstance(x, Tensor) and x.node is None and isinstance(x.array, ndarray):
            return x.array  # a constant that an operation made inside
        return x


def _own(g: Array) -> Array:
    """A gradient that the caller may write to."""
    return np.array(g) if isinstance(g, ndarray) and not g.flags.writeable else g


def _strip(x: Any, level: int) -> Any:
    """Take off the tape of ``level`` from a result; a result may never have touched it."""
    while isinstance(x, Tensor) and x.level == level:
        x = x.array
    return x


def _selected(args: tuple[Any, ...], argnums: Args, op: str) -> tuple[int, ...]:
    nums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in nums:
        if not -len(args) <= n < len(args):
            raise ArgumentError(f"{op}: argnums {n} is out of range: the function got {len(args)} positional argument(s)")
    return tuple(n % len(args) for n in nums)


class _Pullback:
    """A function evaluated once at a level, and the map from cotangents of its results to cotangents of its arguments."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Args, has_aux: bool, op: str) -> None:
        nums = _selected(args, argnums, op)
        leaves, self.in_tree = flatten(tuple(args[n] for n in nums))
        self.single = isinstance(argnums, int)
        self.kind = _Kind(leaves)
        self.outer_mode = state.grad_enabled
        with raised_height(record=True) as level:
            self.level = level
            self.inputs = [_input(self.kind.take(x, op), level, op) for x in leaves]
            boxed = unflatten(self.in_tree, self.inputs)
            full = list(args)
            for n, b in zip(nums, boxed, strict=True):
                full[n] = b
            out = f(*full, **kwargs)
        aux = None
        if has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise TransformError(f"{op}: with has_aux=True the function must return (output, aux): got {type(out).__name__}")
            out, aux = out
        self.aux = _map(lambda x: self.finish(_strip(x, level)) if isinstance(x, Boxed) else x, aux)
        self.outputs, self.out_tree = flatten(out)

    def finish(self, x: Any) -> Any:
        """A result as the caller gets it; detached where the caller was in no_grad."""
        if isinstance(x, Tensor) and not self.outer_mode:
            x = x.detach()
        return self.kind.give(x)

    def value(self) -> Any:
        """What the function returned."""
        return unflatten(self.out_tree, [self.finish(_strip(o, self.level)) for o in self.outputs])

    def pull(self, cotangents: list[Array], retain: bool) -> Any:
        """The cotangents of the arguments, in their structure."""
        pairs = [
            (o, conjugated(c))
            for o, c in zip(self.outputs, cotangents, strict=True)
            if isinstance(o, Tensor) and o.level == self.level and o.node is not None
        ]
        found = run_backward(
            [o for o, _ in pairs], [c for _, c in pairs], level=self.level, retain_graph=retain, inputs=[x.node for x in self.inputs]
        )
        grads = [
            self.finish(np.zeros(x.shape, x.dtype) if g is None else _own(conjugated(g))) for g, x in zip(found, self.inputs, strict=True)
        ]
        result = unflatten(self.in_tree, grads)
        return result[0] if self.single else result


def _input(array: Array, level: int, op: str) -> Tensor:
    if array.dtype.kind not in "fc":
        raise TransformError(f"{op}: only floating and complex arguments have derivatives: got {array.dtype} {array.shape}; convert it, x.float()")
    t = Tensor.wrap(array, level)
    return t.requires_grad_()


def _map(f: Callable[[Any], Any], tree: Any) -> Any:
    leaves, structure = flatten(tree)
    return unflatten(structure, [f(x) for x in leaves])


def grad(f: Callable[..., Any], argnums: Args = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a scalar-valued function: ``grad(f)(x)`` has the shape and dtype of ``x``.

    ``argnums`` says which positional arguments to differentiate (an int, or a tuple for a tuple of gradients); each may be a
    nested dict, list or tuple. With ``has_aux`` the function returns ``(value, aux)`` and the result is ``(gradient, aux)``.

    >>> float(grad(lambda x: np.sin(x) * x)(np.array(0.0)))
    0.0
    """

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        g, rest = _value_and_gradient(f, args, kwargs, argnums, has_aux, "grad")
        return (g, rest[1]) if has_aux else g

    return gradient


def grad_and_value(f: Callable[..., Any], argnums: Args = 0, has_aux: bool = False) -> Callable[..., Any]:
    """As `grad`, returning ``(gradient, value)``, or ``(gradient, (value, aux))`` with ``has_aux``."""

    @functools.wraps(f)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        g, (value, aux) = _value_and_gradient(f, args, kwargs, argnums, has_aux, "grad_and_value")
        return (g, (value, aux)) if has_aux else (g, value)

    return gradient_and_value


def _value_and_gradient(f: Any, args: Any, kwargs: Any, argnums: Args, has_aux: bool, op: str) -> tuple[Any, tuple[Any, Any]]:
    pullback = _Pullback(f, args, kwargs, argnums, has_aux, op)
    if len(pullback.outputs) != 1 or shape_of(pullback.outputs[0]) not in ((), (1,)):
        shapes = [shape_of(o) for o in pullback.outputs]
        raise TransformError(
            f"{op}: the function must return one scalar: it returned shape(s) {shapes}; reduce it (sum, mean) or use jacrev"
        )
    out = pullback.outputs[0]
    dtype = getattr(out, "dtype", None)
    if dtype is not None and dtype.kind == "c":
        raise TransformError(f"{op}: the function must return a real scalar: it returned {dtype}; take its real part or absolute value")
    seed = np.ones(shape_of(out), dtype)
    g = pullback.pull([seed], retain=False)
    return g, (pullback.value(), pullback.aux)


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """``(f(*primals), pull)``: the value, and the function from a cotangent of the value to the cotangents of ``primals``.

    >>> y, pull = vjp(np.sin, np.array([0.0, 1.0])); pull(np.ones(2))[0].round(3)
    array([1.  , 0.54])
    """
    pullback = _Pullback(f, primals, {}, tuple(range(len(primals))), has_aux, "vjp")

    def pull(*cotangents: Any) -> Any:
        given, _ = flatten(cotangents[0] if len(cotangents) == 1 else cotangents)
        if len(given) != len(pullback.outputs):
            raise ArgumentError(f"vjp: the function has {len(pullback.outputs)} result(s) but got {len(given)} cotangent(s)")
        cs = [pullback.kind.take(c, "vjp") for c in given]
        for c, o in zip(cs, pullback.outputs, strict=True):
            if shape_of(c) != shape_of(o):
                raise ShapeError(
                    f"vjp: a cotangent has the wrong shape: it is {shape_of(c)}, the result is {shape_of(o)}; they must be equal"
                )
        if any(isinstance(c, Tensor) for c in given):
            pullback.kind.tensors = True
        return pullback.pull(cs, retain=True)

    return (pullback.value(), pull, pullback.aux) if has_aux else (pullback.value(), pull)


def jvp(f: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...], has_aux: bool = False) -> tuple[Any, ...]:
    """``(f(*primals), derivative of f along tangents)`` in one forward pass.

    ``tangents`` has the structure and shapes of ``primals``.

    >>> value, slope = jvp(lambda x: x ** 3, (np.array(2.0),), (np.array(1.0),)); float(slope)
    12.0
    """
    ps, tree = flatten(tuple(primals))
    ts, tree_t = flatten(tuple(tangents))
    if tree != tree_t:
        raise ArgumentError("jvp: primals and tangents must have the same structure; give one tangent per primal")
    kind = _Kind([*ps, *ts])
    mode = state.grad_enabled
    with raised_height() as level:
        duals = [_dual(kind.take(p, "jvp"), kind.take(t, "jvp"), level) for p, t in zip(ps, ts, strict=True)]
        out = f(*unflatten(tree, duals))
    aux = None
    if has_aux:
        out, aux = out
    outs, out_tree = flatten(out)

    def finish(x: Any) -> Any:
        return kind.give(x.detach() if isinstance(x, Tensor) and not mode else x)

    def value(o: Any) -> Any:
        o = _strip(o, level)
        return finish(o.primal if isinstance(o, Dual) and o.level == level else o)

    def slope(o: Any) -> Any:
        o = _strip(o, level)
        if isinstance(o, Dual) and o.level == level:
            return finish(o.tangent)
        return finish(np.zeros(shape_of(o), getattr(o, "dtype", None)))

    result = (unflatten(out_tree, [value(o) for o in outs]), unflatten(out_tree, [slope(o) for o in outs]))
    return (*result, _map(lambda x: value(x) if isinstance(x, Boxed) else x, aux)) if has_aux else result


def _dual(p: Array, t: Array, level: int) -> Dual:
    if shape_of(p) != shape_of(t):
        raise ShapeError(f"jvp: a tangent has the wrong shape: it is {shape_of(t)}, its primal is {shape_of(p)}; they must be equal")
    if p.dtype.kind not in "fc":
        raise TransformError(f"jvp: only floating and complex arguments have derivatives: got {p.dtype} {p.shape}; convert it, x.float()")
    if t.dtype != p.dtype:
        t = t.astype(p.dtype) if isinstance(t, ndarray) else t.to(p.dtype)
    return Dual(p, t, level)


def vmap(f: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0) -> Callable[..., Any]:
    """``f`` for one example made into a function of a whole batch.

    ``in_dims`` gives for each argument the axis to map over (None: the argument is shared), as an int for all, or nested like
    the arguments; ``out_dims`` says where the mapped axis goes in each result.

    >>> vmap(lambda x, w: np.sum(x * w), in_dims=(0, None))(np.ones((2, 3)), np.arange(3.0))
    array([3., 3.])
    """

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, tree = flatten(args)
        dims = _spread(in_dims, args, "in_dims")
        kind = _Kind(leaves)
        mode = state.grad_enabled
        sizes = {}
        for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
            if d is not None:
                shape = shape_of(x)
                if not -len(shape) <= d < len(shape):
                    raise ShapeError(
                        f"vmap: in_dims {d} is out of range for argument {i} of shape {shape}; map over one of its axes, or None"
                    )
                sizes[i] = shape[d]
        if not sizes:
            raise ArgumentError("vmap: no argument is mapped: in_dims is None everywhere; map over an axis of at least one argument")
        if len(set(sizes.values())) != 1:
            raise ShapeError(f"vmap: the mapped axes have different lengths: {sizes} (argument: length); they must agree")
        size = next(iter(sizes.values()))
        with raised_height() as level:
            boxed = [
                x if d is None else Batched(_to_front(kind.take(x, "vmap"), d), size, level) for x, d in zip(leaves, dims, strict=True)
            ]
            out = f(*unflatten(tree, boxed), **kwargs)
        outs, out_tree = flatten(out)
        out_axes = _spread(out_dims, out, "out_dims")

        def finish(o: Any, axis: int | None) -> Any:
            o = _strip(o, level)
            if isinstance(o, Batched) and o.level == level:
                if axis is None:
                    raise TransformError("vmap: out_dims is None for a result that depends on the mapped arguments; give it an axis")
                o = np.moveaxis(o.value, 0, axis) if axis else o.value
            elif axis is not None:
                o = np.broadcast_to(o, (size, *shape_of(o)))
                o = np.moveaxis(o, 0, axis) if axis else o
            return kind.give(o.detach() if isinstance(o, Tensor) and not mode else o)

        return unflatten(out_tree, [finish(o, a) for o, a in zip(outs, out_axes, strict=True)])

    return mapped


def _to_front(x: Array, axis: int) -> Array:
    return x if axis == 0 else np.moveaxis(x, axis, 0)


def _spread(dims: Any, tree: Any, what: str) -> list[int | None]:
    """``dims`` (an int, None, or nested like ``tree`` down to some depth) as one entry per leaf."""
    if dims is None or isinstance(dims, int):
        return [dims] * len(flatten(tree)[0])
    if isinstance(dims, dict) and isinstance(tree, dict) and dims.keys() == tree.keys():
        return [d for key in sorted(tree) for d in _spread(dims[key], tree[key], what)]
    if isinstance(dims, tuple | list) and isinstance(tree, tuple | list) and len(dims) == len(tree):
        return [d for part, sub in zip(dims, tree, strict=True) for d in _spread(part, sub, what)]
    raise ArgumentError(f"vmap: {what} does not fit: it is {dims!r}, there are {len(tree) if hasattr(tree, '__len__') else 1} value(s)")


def jacrev(f: Callable[..., Any], argnums: Args = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The Jacobian by reverse mode: shape ``f(x).shape + x.shape``. Best where there are fewer results than arguments.

    >>> jacrev(lambda x: x ** 2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    @functools.wraps(f)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        nums = _selected(args, argnums, "jacrev")
        chosen = tuple(args[n] for n in nums)

        def of_chosen(*xs: Any) -> Any:
            full = list(args)
            for n, x in zip(nums, xs, strict=True):
                full[n] = x
            return f(*full, **kwargs)

        value, pull, *aux = vjp(of_chosen, *chosen, has_aux=has_aux)
        outs, out_tree = flatten(value)
        rows = []
        for k, out in enumerate(outs):
            n = int(np.prod(shape_of(out)))
            basis = np.eye(n, dtype=out.dtype).reshape(n, *shape_of(out))

            def pull_one(c: Any, k: int = k) -> Any:
                cs = [c if j == k else np.zeros(shape_of(o), o.dtype) for j, o in enumerate(outs)]
                return pull(unflatten(out_tree, cs))

            grads = vmap(pull_one)(_like(out, basis))
            rows.append(_map(functools.partial(_unflatten_rows, shape_of(out)), grads))
        rows = [r[0] if isinstance(argnums, int) else r for r in rows]
        result = unflatten(out_tree, rows)
        return (result, aux[0]) if has_aux else result

    return jacobian


def jacfwd(f: Callable[..., Any], argnums: Args = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The Jacobian by forward mode: shape ``f(x).shape + x.shape``. Best where there are fewer arguments than results.

    >>> jacfwd(lambda x: x ** 2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    @functools.wraps(f)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        nums = _selected(args, argnums, "jacfwd")
        leaves, tree = flatten(tuple(args[n] for n in nums))
        columns: list[Any] = []
        value = aux = None
        for k, leaf in enumerate(leaves):
            shape = shape_of(leaf)
            n = int(np.prod(shape))
            basis = np.eye(n, dtype=leaf.dtype).reshape(n, *shape)

            def push(t: Any, k: int = k) -> Any:
                def of_leaf(x: Any) -> Any:
                    parts = unflatten(tree, [x if j == k else leaf_j for j, leaf_j in enumerate(leaves)])
                    full = list(args)
                    for number, part in zip(nums, parts, strict=True):
                        full[number] = part
                    return f(*full, **kwargs)

                return jvp(of_leaf, (leaves[k],), (t,), has_aux=has_aux)

            value, slopes, *rest = vmap(push, out_dims=(None, 0, None) if has_aux else (None, 0))(_like(leaf, basis))
            aux = rest[0] if rest else None
            columns.append(_map(functools.partial(_unflatten_columns, shape), slopes))
        outs, out_tree = flatten(value)
        per_output = [unflatten(tree, [flatten(column)[0][i] for column in columns]) for i in range(len(outs))]
        result = unflatten(out_tree, [p[0] if isinstance(argnums, int) else p for p in per_output])
        return (result, aux) if has_aux else result

    return jacobian


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The matrix of second derivatives of a scalar function, forward over reverse: shape ``x.shape + x.shape``.

    >>> hessian(lambda x: np.sum(x ** 3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacfwd(jacrev(f, argnums), argnums)


def _unflatten_rows(shape: tuple[int, ...], g: Array) -> Array:
    return np.reshape(g, shape + tuple(g.shape[1:]))


def _unflatten_columns(shape: tuple[int, ...], slopes: Array) -> Array:
    return np.reshape(np.moveaxis(slopes, 0, -1), tuple(slopes.shape[1:]) + shape)


def _like(x: Any, array: ndarray[Any, Any]) -> Any:
    """``array`` as the kind of thing that ``x`` is."""
    return Tensor.wrap(array, 0) if isinstance(x, Tensor) else array
