"""Derivatives of functions, with PyTorch's older signatures: `jacobian`, `hessian`, `hvp`, `vhp`, `vjp`, `jvp`.

Here: the checks and the nesting of results that PyTorch's users know. Not here: the transforms that do the work (``func/``), which also
take nested arguments and NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, GraphError, OperandError, ShapeError
from .._state import recording, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.levels import boxed, constant_value, strip
from ..core.tensor import Tensor
from ..func.arguments import raised_height, reasons, require_inexact
from ..func.forward import make_dual, split
from ..func.mapping import vmap
from ..func.reverse import Pullback, converted

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

STRATEGIES = ("forward-mode", "reverse-mode")


# ---- arguments and results ----------------------------------------------------------------------------------------------------------
def _as_tuple(x: Any, op: str, what: str) -> tuple[tuple[Any, ...], bool]:
    """Tensors as a tuple, and whether a tuple was given."""
    items = x if isinstance(x, tuple) else (x,)
    for i, t in enumerate(items):
        if not isinstance(t, Boxed):
            where = f"entry {i} is a" if isinstance(x, tuple) else "got a"
            raise OperandError(f"{op}: {what} must be a tensor or a tuple of tensors: {where} {type(t).__name__} {t!r:.40}; convert it")
    return items, isinstance(x, tuple)


def _inputs(inputs: Any, op: str, create_graph: bool) -> tuple[list[Array], bool]:
    """What the function is evaluated at; constants unless the results shall be differentiated."""
    items, several = _as_tuple(inputs, op, "inputs")
    for t in items:
        require_inexact(t, op)
    return [constant_value(t if create_graph else t.detach()) for t in items], several


def _vectors(v: Any, forms: Sequence[Any], op: str, models: str, create_graph: bool) -> list[Array]:
    """The vectors to multiply with, checked against what they belong to; 1 where it has one element and none was given."""
    if v is None:
        if len(forms) == 1 and int(np.prod(shape_of(forms[0]))) == 1:
            return [np.ones(shape_of(forms[0]), forms[0].dtype)]
        raise ArgumentError(
            f"{op}: v can be left out only for a single element of {models}: shapes {[shape_of(f) for f in forms]}; pass v="
        )
    items, _ = _as_tuple(v, op, "v")
    if len(items) != len(forms):
        raise ArgumentError(f"{op}: v must have one entry for each of {models}: got {len(items)} for {len(forms)}; give as many")
    for i, (t, f) in enumerate(zip(items, forms, strict=True)):
        if shape_of(t) != shape_of(f):
            raise ShapeError(
                f"{op}: v has the wrong shape: entry {i} is {shape_of(t)}, its partner in {models} is {shape_of(f)}; make them equal"
            )
    fitting = [
        converted(constant_value(t if create_graph else t.detach()), f.dtype, op, "vector", "partner")
        for t, f in zip(items, forms, strict=True)
    ]
    return [np.asarray(x) if isinstance(x, np.generic) else x for x in fitting]


def _give(x: Array, create_graph: bool) -> Any:
    """A result as a tensor of its own, off the tape unless it shall be differentiated."""
    if isinstance(x, Boxed):
        return x if create_graph or constant_value(x) is not x else x.detach()
    return Tensor.wrap(np.array(x), 0)


def _shaped(values: Sequence[Any], several: bool) -> Any:
    return tuple(values) if several else values[0]


# ---- one evaluation -----------------------------------------------------------------------------------------------------------------
class _Recorded(Pullback):
    """A function evaluated once, with the checks of ``strict``."""

    def __init__(self, func: Callable[..., Any], xs: Sequence[Array], op: str, strict: bool) -> None:
        self.op, self.strict = op, strict

        def results(*ts: Tensor) -> tuple[Any, ...]:
            outs, self.several = _as_tuple(func(*ts), op, "the result of the function")
            return outs

        super().__init__(results, xs, op)
        for i, o in enumerate(self.outputs):
            if strict and not self.depends(i):
                raise GraphError(f"{op}: with strict=True every result must depend on the inputs: result {i} (shape {o.shape}) does not")

    def values(self) -> list[Array]:
        """The results, off this tape."""
        return [constant_value(strip(o, self.level)) for o in self.outputs]

    def pull(self, cotangents: dict[int, Array], create_graph: bool) -> list[Array]:
        """The gradients of the inputs for these cotangents of results; zeros where there is no influence, unless strict."""
        live = [c for i, c in cotangents.items() if self.depends(i)]
        with recording((state.grad_enabled and create_graph) or any(isinstance(c, Boxed) for c in live)):
            found = self.gradients(cotangents, retain=True)
        grads = []
        for k, (g, x) in enumerate(zip(found, self.inputs, strict=True)):
            if g is None and self.strict:
                raise GraphError(
                    f"{self.op}: with strict=True every result must depend on every input: result(s) {list(cotangents)} do not depend on "
                    f"input {k} (shape {x.shape})"
                )
            g = np.zeros(x.shape, x.dtype) if g is None else g
            if self.strict and create_graph and not _depends(g):
                raise GraphError(
                    f"{self.op}: with strict=True and create_graph=True the derivative must depend on the inputs: that with respect to "
                    f"input {k} (shape {x.shape}) is constant"
                )
            grads.append(g)
        return grads


def _depends(g: Array) -> bool:
    return isinstance(g, Boxed) and constant_value(g) is g


def _basis(form: Any) -> ndarray[Any, Any]:
    n = int(np.prod(shape_of(form)))
    return np.eye(n, dtype=form.dtype).reshape(n, *shape_of(form))


def _rows(one: Callable[[Any], list[Array]], basis: ndarray[Any, Any], forms: Sequence[Any], vectorize: bool) -> list[Array]:
    """``one`` of each vector of ``basis``, stacked along a new leading axis, for each of its results of ``forms``."""
    if not len(basis):
        return [np.zeros((0, *shape_of(f)), f.dtype) for f in forms]
    if vectorize:
        columns: tuple[Any, ...] = vmap(lambda c: tuple(map(boxed, one(c))))(Tensor.wrap(basis, 0))
        return list(map(constant_value, columns))
    found = [one(c) for c in basis]
    return [np.stack(column) for column in zip(*found, strict=True)]


# ---- the functions ------------------------------------------------------------------------------------------------------------------
def vjp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """``(func(*inputs), v^T J)``: the value, and the product of the vector ``v`` with the Jacobian of ``func`` at ``inputs``.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: shaped like the value; may be left out where that has a single element.
        create_graph: whether the results can be differentiated, with respect to ``inputs`` and all else that requires grad.
        strict: whether a result that does not depend on an input is an error, instead of having a zero derivative.

    Raises `GraphError` with ``strict``, `ShapeError` or `ArgumentError` where ``v`` does not fit, `OperandError` for what is no tensor.

    >>> import tensorflowlite_clone as tl
    >>> vjp(lambda x: x.exp().sum(), tl.tensor([0.0, 1.0]))
    (tensor(3.7183), tensor([1.0000, 2.7183]))
    """
    xs, several = _inputs(inputs, "vjp", create_graph)
    run = _Recorded(func, xs, "vjp", strict)
    cs = _vectors(v, run.outputs, "vjp", "the results", create_graph)
    grads = run.pull(dict(enumerate(cs)), create_graph)
    values = [_give(o, create_graph) for o in run.values()]
    return _shaped(values, run.several), _shaped([_give(g, create_graph) for g in grads], several)


def jvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """``(func(*inputs), J v)``: the value, and the product of the Jacobian of ``func`` at ``inputs`` with the vector ``v``.

    In one forward pass. ``v`` is shaped like ``inputs`` and may be left out where that is a single element; the other arguments
    and errors are those of `vjp`.

    >>> import tensorflowlite_clone as tl
    >>> jvp(lambda x: x ** 2, tl.tensor([1.0, 3.0]), tl.tensor([1.0, 0.0]))
    (tensor([1., 9.]), tensor([2., 0.]))
    """
    xs, _ = _inputs(inputs, "jvp", create_graph)
    values, slopes, several = _pushed(func, xs, _vectors(v, xs, "jvp", "the inputs", create_graph), "jvp", strict, create_graph)
    return _shaped([_give(o, create_graph) for o in values], several), _shaped([_give(s, create_graph) for s in slopes], several)


def _pushed(
    func: Callable[..., Any], xs: Sequence[Array], vs: Sequence[Array], op: str, strict: bool, create_graph: bool
) -> tuple[list[Array], list[Array], bool]:
    """The results of ``func`` and their tangents."""
    with raised_height() as level, reasons():
        out = func(*[make_dual(x, t, level, op) for x, t in zip(xs, vs, strict=True)])
    outs, several = _as_tuple(out, op, "the result of the function")
    values, slopes = [], []
    for i, o in enumerate(outs):
        value, slope = split(o, level)
        if slope is None and strict:
            raise GraphError(f"{op}: with strict=True every result must depend on the inputs: result {i} (shape {o.shape}) does not")
        slope = np.zeros(shape_of(value), value.dtype) if slope is None else slope
        if strict and create_graph and not _depends(slope):
            raise GraphError(
                f"{op}: with strict=True and create_graph=True the derivative must depend on the inputs: that of result {i} "
                f"(shape {o.shape}) is constant"
            )
        values.append(constant_value(value))
        slopes.append(slope)
    return values, slopes, several


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``: of shape ``output.shape + input.shape`` for each output and each input.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors. The result is nested as the outputs are, and within that as the inputs are.
        create_graph: whether the result can be differentiated.
        strict: whether an output that does not depend on an input is an error.
        vectorize: whether all rows (or columns) are computed at once, by vmap: faster, for functions that vmap can follow.
        strategy: "reverse-mode", a row at a time, or "forward-mode", a column at a time: better for more outputs than inputs.

    Unlike PyTorch's, either strategy works with every other argument. For complex functions the rows of reverse mode are gradients, the
    conjugates of what forward mode gives, as in PyTorch. Raises what `vjp` raises, and `ArgumentError` for other
    strategies.

    >>> import tensorflowlite_clone as tl
    >>> jacobian(lambda x: x ** 2, tl.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    if strategy not in STRATEGIES:
        raise ArgumentError(f"jacobian: strategy must be 'reverse-mode' or 'forward-mode': got {strategy!r}")
    xs, several = _inputs(inputs, "jacobian", create_graph)
    by_mode = _by_rows if strategy == "reverse-mode" else _by_columns
    matrix, several_out = by_mode(func, xs, create_graph, strict, vectorize)
    return _shaped([_shaped([_give(m, create_graph) for m in row], several) for row in matrix], several_out)


def _by_rows(
    func: Callable[..., Any], xs: Sequence[Array], create_graph: bool, strict: bool, vectorize: bool
) -> tuple[list[list[Array]], bool]:
    run = _Recorded(func, xs, "jacobian", strict)
    matrix = []
    for i, o in enumerate(run.outputs):

        def one(c: Any, i: int = i) -> list[Array]:
            return run.pull({i: constant_value(c)}, create_graph)

        blocks = _rows(one, _basis(o), xs, vectorize)
        matrix.append([np.reshape(b, (*shape_of(o), *shape_of(x))) for b, x in zip(blocks, xs, strict=True)])
    return matrix, run.several


def _by_columns(
    func: Callable[..., Any], xs: Sequence[Array], create_graph: bool, strict: bool, vectorize: bool
) -> tuple[list[list[Array]], bool]:
    several = False
    columns = []
    outs: list[Array] = []
    for k, x in enumerate(xs):

        def one(t: Any, k: int = k) -> list[Array]:
            nonlocal several, outs

            def of_input(y: Any) -> Any:
                return func(*[y if j == k else boxed(z) for j, z in enumerate(xs)])

            outs, slopes, several = _pushed(of_input, [xs[k]], [constant_value(t)], "jacobian", strict, create_graph)
            return slopes

        basis = _basis(x)
        if not len(basis):  # the form of the outputs is not known otherwise
            one(np.zeros(shape_of(x), x.dtype))
        blocks = _rows(one, basis, outs, vectorize)
        columns.append([np.reshape(np.moveaxis(b, 0, -1), (*b.shape[1:], *shape_of(x))) for b in blocks])
    return [[column[i] for column in columns] for i in range(len(columns[0]))], several


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar function: of shape ``input.shape + input.shape``, for a tuple of inputs a tuple of tuples.

    ``outer_jacobian_strategy`` is how the gradient is differentiated, the other arguments and errors are those of `jacobian`.

    >>> import tensorflowlite_clone as tl
    >>> hessian(lambda x: (x ** 3).sum(), tl.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if outer_jacobian_strategy not in STRATEGIES:
        raise ArgumentError(f"hessian: outer_jacobian_strategy must be 'reverse-mode' or 'forward-mode': got {outer_jacobian_strategy!r}")
    _, several = _as_tuple(inputs, "hessian", "inputs")
    gradient = _gradient_of(func, "hessian", strict)
    rows = jacobian(
        lambda *xs: tuple(gradient(xs)[1]), inputs, create_graph=create_graph, strict=strict, vectorize=vectorize,
        strategy=outer_jacobian_strategy,
    )  # fmt: skip
    return rows if several else rows[0]


def _gradient_of(func: Callable[..., Any], op: str, strict: bool) -> Callable[[Sequence[Any]], tuple[Any, list[Any]]]:
    """``func``, which must return one scalar, as a function that gives its value and its gradients, for outer transforms."""

    def gradient(xs: Sequence[Any]) -> tuple[Any, list[Any]]:
        run = _Recorded(func, [constant_value(x) for x in xs], op, strict)
        if run.several or int(np.prod(run.outputs[0].shape)) != 1:
            raise ArgumentError(
                f"{op}: the function must return one tensor with a single element: it returned shape(s) {[o.shape for o in run.outputs]}; "
                f"reduce it (sum, mean), or use jacobian"
            )
        o = run.outputs[0]
        if o.dtype.kind == "c":
            raise ArgumentError(
                f"{op}: the function must return a real scalar: it returned {o.dtype}; take its real part or absolute value"
            )
        grads = run.pull({0: np.ones(o.shape, o.dtype)}, create_graph=True)
        return run.values()[0], [boxed(g) for g in grads]

    return gradient


def hvp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """``(func(*inputs), H v)``: the value of a scalar function, and the product of its Hessian with the vector ``v``.

    Forward over reverse mode, for the price of a few gradients. Arguments and errors are those of `jvp`.

    >>> import tensorflowlite_clone as tl
    >>> hvp(lambda x: (x ** 3).sum(), tl.tensor([1.0, 2.0]), tl.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    xs, several = _inputs(inputs, "hvp", create_graph)
    vs = _vectors(v, xs, "hvp", "the inputs", create_graph)
    gradient = _gradient_of(func, "hvp", strict)

    def value_and_gradient(*duals: Any) -> tuple[Any, ...]:
        value, grads = gradient(duals)
        return (*grads, boxed(value))

    values, slopes, _ = _pushed(value_and_gradient, xs, vs, "hvp", strict, False)
    products = slopes[:-1]
    for k, p in enumerate(products):
        if strict and create_graph and not _depends(p):
            raise GraphError(f"hvp: with strict=True and create_graph=True the product must depend on the inputs: number {k} is constant")
    return _give(values[-1], create_graph), _shaped([_give(p, create_graph) for p in products], several)


def vhp(func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """``(func(*inputs), v^T H)``: as `hvp`, by reverse over reverse mode; for real functions the Hessian is symmetric and both agree.

    >>> import tensorflowlite_clone as tl
    >>> vhp(lambda x: (x ** 3).sum(), tl.tensor([1.0, 2.0]), tl.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    xs, several = _inputs(inputs, "vhp", create_graph)
    vs = _vectors(v, xs, "vhp", "the inputs", create_graph)
    gradient = _gradient_of(func, "vhp", strict)
    kept: list[Any] = []

    def of_inputs(*ys: Any) -> tuple[Any, ...]:
        value, grads = gradient(ys)
        kept.append(value)
        return tuple(grads)

    run = _Recorded(of_inputs, xs, "vhp", strict)
    products = run.pull(dict(enumerate(vs)), create_graph)
    value = constant_value(strip(kept[0], run.level))
    return _give(value, create_graph), _shaped([_give(p, create_graph) for p in products], several)
