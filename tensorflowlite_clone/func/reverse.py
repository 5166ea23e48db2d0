"""Reverse mode: `grad`, `grad_and_value`, `vjp`, and `Pullback`, which evaluates a function once and pulls back, for all.

Not here: whole Jacobians (``jacobians.py``), the walk over the tape (``core/engine.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, ShapeError, TransformError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import conjugated, shape_of
from ..core.engine import run_backward
from ..core.levels import strip
from ..core.tensor import Taped, Tensor
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
from .tree import flatten, flatten_as, map_leaves, unflatten


class Pullback:
    """A function evaluated once at a level of its own, and the map from cotangents of its results to cotangents of its arguments.

    ``func`` is called with a tensor for each of ``arrays`` and returns its results one by one.
    """

    def __init__(self, func: Callable[..., Sequence[Any]], arrays: Sequence[Array], op: str, kind: Kind | None = None) -> None:
        with raised_height(record=True, kind=kind) as level, reasons():
            self.level, state.pulled = level, (*state.pulled, level)
            self.inputs = begin([_input(x, level, op) for x in arrays], kind is not None and kind.arrays)
            self.outputs = func(*self.inputs)

    def depends(self, k: int) -> bool:
        """Whether result number ``k`` was computed from the arguments."""
        o = self.outputs[k]
        return isinstance(o, Taped) and o.level == self.level and o.node is not None

    def walk(self, places: Sequence[int], seeds: Sequence[Array], retain: bool) -> list[Array | None]:
        """What the engine makes of seeds for the results at ``places``, which depend on the arguments; None where there is no influence."""
        return run_backward(
            [self.outputs[k] for k in places],
            seeds,
            level=self.level,
            retain_graph=retain,
            inputs=[x.node for x in self.inputs],
            all_reach=True,
        )

    def gradients(self, cotangents: dict[int, Array], retain: bool) -> list[Array | None]:
        """The cotangents of the arguments, from those of some results; None where there is no influence."""
        places = [k for k in cotangents if self.depends(k)]
        found = self.walk(places, [conjugated(cotangents[k]) for k in places], retain)
        return [None if g is None else conjugated(g) for g in found]


class TreePullback(Pullback):
    """The `Pullback` of a function of nested arguments, tensors or ndarrays, with nested results; its arrays are their leaves."""

    def __init__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums, has_aux: bool, op: str
    ) -> None:
        nums = selected(args, argnums, op)
        self.given = given = Constants(tuple(args[n] for n in nums))
        leaves, self.in_tree = given.leaves, flatten(given.filled(given.leaves, constants=False))[1]
        self.single = not isinstance(argnums, tuple | list)
        self.kind = Kind(leaves)

        def of_leaves(*xs: Tensor) -> list[Any]:
            out, self.aux = split_aux(func(*replaced(args, nums, given.filled(xs)), **kwargs), has_aux, op)
            outputs, self.out_tree = flatten(out)
            require_arrays(outputs, op)
            return outputs

        super().__init__(of_leaves, [self.kind.take(x, op) for x in leaves], op, self.kind)
        if has_aux:
            self.aux = map_leaves(lambda x: self.kind.give(strip(x, self.level)) if isinstance(x, Boxed) else x, self.aux)

    def value(self) -> Any:
        """What the function returned."""
        return unflatten(self.out_tree, [self.kind.give(strip(o, self.level)) for o in self.outputs])

    def pull(self, cotangents: Sequence[Array], retain: bool) -> Any:
        """The cotangents of the arguments, in their structure; zeros where there is no influence."""
        found = self.gradients(dict(enumerate(cotangents)), retain)
        grads = [self.kind.give(np.zeros(x.shape, x.dtype) if g is None else g) for g, x in zip(found, self.inputs, strict=True)]
        result = self.given.filled(grads, constants=False)
        return result[0] if self.single else result


def _input(array: Array, level: int, op: str) -> Tensor:
    require_inexact(array, op)
    return Tensor.wrap(array, level).requires_grad_()


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a scalar-valued function: ``grad(f)(x)`` has the shape and dtype of ``x``.

    Args:
        func: returns one real scalar, or ``(scalar, aux)`` with ``has_aux``.
        argnums: which positional arguments to differentiate: an int (negative: from the last), or a tuple of ints, for a tuple
            of gradients. Each may be a nested dict, list or tuple.
        has_aux: whether the function returns auxiliary values as well; the result is then ``(gradient, aux)``.

    Raises `TransformError` where the result is no real scalar or an argument has no derivative, and `ArgumentError` where
    ``argnums`` does not fit the call.

    >>> slope = grad(lambda x: np.sin(x) * x)
    >>> float(slope(np.array(0.0))), float(grad(slope)(np.array(0.0)))
    (0.0, 2.0)
    >>> grad(lambda w, x: np.sum(w["a"] * x))({"a": np.ones(2)}, np.array([3.0, 4.0]))
    {'a': array([3., 4.])}
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        g, pullback = _scalar_gradient(func, args, kwargs, argnums, has_aux, "grad")
        return (g, pullback.aux) if has_aux else g

    return gradient


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """As `grad`, returning ``(gradient, value)``, or ``(gradient, (value, aux))`` with ``has_aux``.

    >>> g, value = grad_and_value(lambda x: x ** 2)(np.array(3.0)); float(g), float(value)
    (6.0, 9.0)
    """

    @functools.wraps(func)
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        g, pullback = _scalar_gradient(func, args, kwargs, argnums, has_aux, "grad_and_value")
        value = pullback.value()
        return (g, (value, pullback.aux)) if has_aux else (g, value)

    return gradient_and_value


def value_and_grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """`grad_and_value` in JAX's order: ``(value, gradient)``, or ``((value, aux), gradient)`` with ``has_aux``.

    >>> value, g = value_and_grad(lambda x: x ** 2)(np.array(3.0)); float(value), float(g)
    (9.0, 6.0)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[::-1]

    return value_and_gradient


def _scalar_gradient(func: Any, args: Any, kwargs: Any, argnums: Argnums, has_aux: bool, op: str) -> tuple[Any, TreePullback]:
    pullback = TreePullback(func, args, kwargs, argnums, has_aux, op)
    if len(pullback.outputs) != 1 or shape_of(pullback.outputs[0]) not in ((), (1,)):
        shapes = [shape_of(o) for o in pullback.outputs]
        raise TransformError(
            f"{op}: the function must return one scalar: it returned shape(s) {shapes}; reduce it (sum, mean), use jacrev, or return "
            f"further values with has_aux=True"
        )
    out = pullback.outputs[0]
    dtype = getattr(out, "dtype", None)
    if dtype is not None and dtype.kind == "c":
        raise TransformError(f"{op}: the function must return a real scalar: it returned {dtype}; take its real part or absolute value")
    return pullback.pull([np.ones(shape_of(out), dtype)], retain=False), pullback


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """``(func(*primals), pull)``: the value, and the function from a cotangent of the value to the cotangents of ``primals``.

    ``pull`` takes cotangents nested like the value (several results may also be given one by one) and returns a tuple with one
    entry per primal; it may be called any number of times. For a complex ``func`` it is the conjugate transpose of the Jacobian,
    as in PyTorch. With ``has_aux`` the function returns ``(output, aux)`` and the result is ``(output, pull, aux)``.

    Raises `ShapeError` or `ArgumentError` where cotangents do not fit the value.

    >>> y, pull = vjp(np.sin, np.array([0.0, 1.0])); pull(np.ones(2))[0].round(3)
    array([1.  , 0.54])
    """
    if not primals:
        raise ArgumentError("vjp: there is nothing to differentiate: got no primals; pass the function's arguments, vjp(func, x)")
    pullback = TreePullback(func, primals, {}, tuple(range(len(primals))), has_aux, "vjp")

    def pull(*cotangents: Any) -> Any:
        given = flatten_as(pullback.out_tree, cotangents[0] if len(cotangents) == 1 else cotangents, "vjp", "the cotangents", "the value")
        cs = [as_cotangent(pullback, k, c, "vjp") for k, c in enumerate(given)]
        return pullback.pull(cs, retain=True)

    return (pullback.value(), pull, pullback.aux) if has_aux else (pullback.value(), pull)


def as_cotangent(pullback: TreePullback, k: int, cotangent: Any, op: str) -> Array:
    """A cotangent of result number ``k`` as the engine takes it: of its shape and dtype."""
    c, o = pullback.kind.take(cotangent, op, "cotangents"), pullback.outputs[k]
    if shape_of(c) != shape_of(o):
        raise ShapeError(f"{op}: a cotangent has the wrong shape: it is {shape_of(c)}, the result is {shape_of(o)}; they must be equal")
    if isinstance(cotangent, Taped):
        pullback.kind.tensors = True
    return converted(c, getattr(o, "dtype", c.dtype), op, "cotangent", "result")


def converted(c: Array, dtype: Any, op: str, what: str, model: str) -> Array:
    """A cotangent or tangent in the dtype of what it belongs to."""
    if c.dtype == dtype:
        return c
    if c.dtype.kind == "c" and dtype.kind != "c":
        raise TransformError(f"{op}: a {what} is complex where its {model} is real: {c.dtype} and {dtype}; take its real part")
    return c.to(dtype) if isinstance(c, Boxed) else c.astype(dtype)
