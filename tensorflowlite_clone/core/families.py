"""The families of operations: what each kind of operation derives for forward mode, vmap and broadcasting.

Families are abstract, operations final. Forward mode is written here and nowhere else (and, by transposition, in
``transpose.py``); an operation states only its vector-Jacobian products.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from .._typing import Array
from .boxed import Boxed
from .broadcast import align, normalize_axis, shape_of, spread_all
from .operation import Operation
from .plan import Rule, Source
from .transpose import batch_by_loop, jvp_by_transposition


class General(Operation):
    """Operations of no particular kind: forward mode by transposition, vmap by one call per entry."""

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """By transposing the vector-Jacobian product, which is linear in its cotangent."""
        return jvp_by_transposition(cls, primals, tangents, params)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """One call per entry."""
        return batch_by_loop(cls, size, values, mapped, params)


class LinedUp(General):
    """Operations that broadcast over leading axes, of which the hidden one becomes the first."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The same operation, with the hidden axes lined up."""
        return cls.of(*(values if len(values) == 1 else align(values, mapped, size)), **params)

    @classmethod
    def moving(cls, tangents: list[Array | None]) -> list[tuple[int, Array]]:
        """The arrays that have both a tangent and a rule, by number."""
        return [(i, t) for i, t in enumerate(tangents) if t is not None and cls.differentiable_mask >> i & 1]


class Elementwise(LinedUp):
    """One result element depends on one element of each operand: the Jacobian is diagonal, and its own transpose."""

    instead = "ElementwiseTuple"
    broadcasts = True
    numbers_allowed = True
    promotion: ClassVar[str | None] = "same"
    #: Whether the slope is infinite or undefined somewhere. There, a cotangent of exactly 0 still gives 0 (see `zero_wins`).
    steep: ClassVar[bool] = False

    @classmethod
    def rule_for(cls, i: int) -> tuple[Rule, tuple[int, ...], tuple[Source, ...]]:
        """The rule as it is written, made safe where it is steep and fast in the boxes that only hide an axis."""
        rule, cotangents, sources = super().rule_for(i)
        if cls.steep and cotangents:
            rule = zero_wins(rule)
        return (lifted(rule) if cotangents and hasattr(rule, "kernel") else rule), cotangents, sources

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """The rule applied to the tangent."""
        ans = cls.of(*primals, **params)
        return ans, _total([cls.run_rule(i, (t,), primals, ans, params) for i, t in cls.moving(tangents)], ans)


class Inexact(Elementwise):
    """Functions with real values: integers become floats first."""

    instead = "InexactTuple"
    promotion = "inexact"


class ElementwiseTuple(LinedUp):
    """Element-wise operations with several ``outputs``, all of the operands' joint shape.

    Rules take the cotangents of the outputs by name: ``def grad_x(g_sin, g_cos, sin, cos)``.
    """

    outputs: ClassVar[tuple[str, ...] | None] = ()
    numbers_allowed = True
    promotion: ClassVar[str | None] = "same"

    @classmethod
    def of(cls, *args: Array, **params: Any) -> Any:
        """On operands of one shape, so that every output has it too, and the rules need no more than the formula of one element."""
        shapes = {a.shape for a in args if isinstance(a, Boxed | np.ndarray)}
        if len(shapes) > 1:
            try:
                shape = np.broadcast_shapes(*shapes)
            except ValueError:  # `forward` says which operands do not fit
                return super().of(*args, **params)
            args = tuple(np.broadcast_to(a, shape) if isinstance(a, Boxed | np.ndarray) and a.shape != shape else a for a in args)
        return super().of(*args, **params)

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """The rules applied to the tangent in the place of each output's cotangent, and 0 in those of the others."""
        answers = cls.of(*primals, **params)
        nothing = [np.zeros(ans.shape, ans.dtype) for ans in answers]
        moved: list[Array | None] = []
        for k, (name, ans) in enumerate(zip(cls.outputs or (), answers, strict=True)):
            moving = [] if name in cls.constant_outputs else cls.moving(tangents)
            gs = [(i, (*nothing[:k], t, *nothing[k + 1 :])) for i, t in moving]
            moved.append(_total([cls.run_rule(i, g, primals, answers, params) for i, g in gs], ans))
        return answers, tuple(moved)


class InexactTuple(ElementwiseTuple):
    """Functions with several real values each: integers become floats first."""

    outputs = ()
    promotion = "inexact"


class NonDifferentiable(LinedUp):
    """Element-wise operations whose derivative is zero or does not exist: comparisons, rounding to integers, logic."""

    instead = "ElementwiseTuple, without rules"
    broadcasts = True
    promotion: ClassVar[str | None] = "same"

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """No tangent."""
        return cls.of(*primals, **params), None


class AxisWise(General):
    """Operations along named axes. ``axis_params`` hold axes, ``shape_params`` hold shapes of which the hidden axis becomes part.

    An axis parameter is an int, a tuple of ints or None (all axes).
    """

    axis_params: ClassVar[tuple[str, ...]] = ("axis",)
    shape_params: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The same operation, with axes counted behind the hidden one."""
        if len(values) == 1:
            ndim = len(values[0].shape) - 1
        else:
            ndim = max(len(shape_of(v)) - m for v, m in zip(values, mapped, strict=True) if v is not None)
            values = spread_all(values, mapped, size)
        params = dict(params)
        for name in cls.axis_params:
            params[name] = shift_axes(params[name], ndim, cls.title())
        for name in cls.shape_params:
            params[name] = (size, *params[name])
        return cls.of(*values, **params)


class Reduction(AxisWise):
    """Operations that remove axes: ``axis`` (int, tuple or None for all) and ``keepdims``."""

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Reduce the visible axes; a 0-d operand has none, so it is given one."""
        if len(shape_of(values[0])) == mapped[0] and all(len(shape_of(v)) == m for v, m in zip(values, mapped, strict=True)):
            values = [np.reshape(v, (size, 1)) if m else v for v, m in zip(values, mapped, strict=True)]
            return cls.of(*values, **{**params, "axis": (1,), "keepdims": False})
        return super().batch(size, values, mapped, params)


class Linear(General):
    """Operations linear in all their arrays taken together: the tangent goes through the operation itself."""

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """The operation applied to the tangents; arrays without one (and without a rule) stand for zero (or for themselves)."""
        filled = []
        for i, (p, t) in enumerate(zip(primals, tangents, strict=True)):
            if t is None and cls.differentiable_mask >> i & 1:
                t = np.zeros(shape_of(p), p.dtype)
            filled.append(p if t is None else t)
        return cls.of(*primals, **params), cls.of(*filled, **params)


class Shaping(Linear, AxisWise):
    """Linear operations that only move elements: shapes and axes."""

    axis_params: ClassVar[tuple[str, ...]] = ()


class Bilinear(General):
    """Operations linear in each of two arrays, perhaps plus a third (the others have no derivative): f(x, y, b) = f(x, y) + L b."""

    instead = "General"
    promotion: ClassVar[str | None] = "same"
    #: The array that is added to the product (a bias, which may be None), if there is one.
    addend: ClassVar[str | None] = None

    @classmethod
    def jvp(cls, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """The operation with each factor in turn replaced by its tangent; the addend's tangent goes with one of those terms."""
        k = -1 if cls.addend is None else cls.names.index(cls.addend)
        factors = [i for i in range(len(primals)) if i != k and cls.differentiable_mask >> i & 1]
        operands = [[t if j == i else p for j, p in enumerate(primals)] for i, t in enumerate(tangents) if i in factors and t is not None]
        if k >= 0:
            added = tangents[k]
            if added is not None and not operands:
                i, x = factors[0], primals[factors[0]]
                operands = [[np.zeros(shape_of(x), x.dtype) if j == i else p for j, p in enumerate(primals)]]
            for n, arrays in enumerate(operands):
                arrays[k] = added if n == 0 else None
        ans = cls.of(*primals, **params)
        return ans, _total([cls.of(*arrays, **params) for arrays in operands], ans)


def lifted(rule: Rule) -> Rule:
    """``rule`` whose kernel also runs on what boxes hold, where these can tell that an element-wise kernel may (`Boxed.elementwise`)."""
    kernel = rule.kernel  # type: ignore[attr-defined]

    def either(g: Array, *values: Any) -> Any:
        if isinstance(g, Boxed) and (found := g.elementwise(kernel, (g, *values))) is not None:
            return found
        return rule(g, *values)

    either.kernel = kernel  # type: ignore[attr-defined]
    return either


def zero_wins(rule: Rule) -> Rule:
    """``rule`` with 0 where the cotangent is 0, whatever the slope is there.

    What `where` or a mask did not take has no influence; without this, 0 times an infinite slope would make its gradient NaN, as it
    does in PyTorch and JAX.
    """

    def guarded(g: Array, *values: Any) -> Any:
        r = rule(g, *values)
        # Only where there is NaN: elsewhere r still depends on g, though g is 0 here.
        return np.where(np.logical_and(np.equal(g, 0), np.isnan(r)), 0.0, r) if has_nan(r) else r

    kernel = getattr(rule, "kernel", rule)

    def guarded_kernel(g: Any, *values: Any) -> Any:
        r = kernel(g, *values)
        square = np.vdot(r, r)  # squares do not cancel, so NaN shows: one fast pass over the memory
        return r if square == square else np.where(g == 0, r.dtype.type(0), r)

    guarded.kernel = guarded_kernel  # type: ignore[attr-defined]
    return guarded


def has_nan(x: Array) -> bool:
    """Whether NaN is among the values of ``x``, or of what its boxes hold."""
    if isinstance(x, Boxed):
        return any(map(has_nan, x.parts()))
    square = np.vdot(x, x) if x.ndim else x  # squares do not cancel, so NaN shows: one fast pass over the memory
    return bool(square != square)


def shift_axes(axis: Any, ndim: int, op: str) -> Any:
    """Axes of an array of ``ndim`` visible dimensions, counted behind the hidden leading axis."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, int | np.integer):
        return normalize_axis(int(axis), ndim, op) + 1
    return tuple(normalize_axis(int(a), ndim, op) + 1 for a in axis)


def _total(terms: list[Array], ans: Array) -> Array | None:
    """The sum of tangent terms, in the shape of the result; None where no operand had a tangent."""
    if not terms:
        return None
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    if total.dtype.kind == "c" and ans.dtype.kind != "c":  # |z| and the like: the rule is a transpose, of which the real part counts
        total = np.real(total).astype(ans.dtype)
    return total if shape_of(total) == ans.shape else np.broadcast_to(total, ans.shape)
