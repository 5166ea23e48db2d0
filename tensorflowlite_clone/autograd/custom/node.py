"""The tape node of one call of a user's `Function`, and what the engine asks of it: the step through the user's backward.

It keeps what was saved as the nodes of operations do (``core/saved.py``), so that hooks on saved tensors see it too. Not here: how the
call came about (``application.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Never

import numpy as np
from numpy import ndarray

from ..._errors import GraphError, OperandError, ShapeError, TransformError
from ..._state import during, next_serial, recording, state
from ..._typing import Array, DType, Shape
from ...core.boxed import Boxed
from ...core.broadcast import as_ndarray, conjugated, unbroadcast
from ...core.levels import boxed, constant_value, highest, is_plain, varies
from ...core.plan import ANSWER, Source
from ...core.saved import SavingNode
from ...core.tape import Select, TapeNode
from ...core.tensor import Taped, Tensor
from ...core.transpose import transposed
from ...func.arguments import raised_height
from ...ops.cast import cast
from .context import FunctionCtx
from .following import Watch, check_followed, of_example, one_by_one, shared_axis

#: Shape and dtype of a tensor.
Form = tuple[Shape, DType]


class FunctionNode(SavingNode):
    """One recorded call: the context, the arguments that need gradients, and the forms of arguments and results."""

    __slots__ = (
        "arguments", "ctx", "differentiable", "examples", "fixed", "forms", "function", "level", "lowered", "nested", "origins", "outputs",
    )  # fmt: skip

    function: Any
    ctx: FunctionCtx
    level: int
    kept_as = "a saved tensor"
    #: Where each saved value comes from.
    origins: tuple[Source, ...]
    #: For each parent, the number of the argument it belongs to.
    arguments: tuple[int, ...]
    #: For each argument of forward its form; None for what is no tensor.
    forms: tuple[Form | None, ...]
    #: The same for each result.
    outputs: tuple[Form | None, ...]
    #: The numbers of the results that have a derivative.
    differentiable: tuple[int, ...]
    #: Whether the tensors of this level hold boxes of other transforms.
    nested: bool
    #: Whether saved tensors are given to backward as what they hold, one transform down; only so while such a step runs.
    lowered: bool
    #: The levels and the numbers of the examples that backward gets the saved tensors of; none for all.
    examples: tuple[tuple[int, int], ...]
    #: Whether it gets them as constants.
    fixed: bool

    def __init__(self, function: Any, ctx: FunctionCtx, level: int, nested: bool) -> None:
        self.function, self.ctx, self.level, self.nested = function, ctx, level, nested
        self.lowered, self.fixed, self.examples = False, False, ()
        self.seq = next_serial()

    def mark(self, t: Tensor, j: int) -> None:
        """Make ``t`` known as result number ``j``."""
        if j in self.differentiable:
            t.node = self if len(self.differentiable) == 1 else Select(self, j)

    # ---- the engine's side --------------------------------------------------------------------------------------------------
    def step(self, g: Any) -> tuple[Array | None, ...]:
        """The gradients for the parents, on what the tensors of this level hold."""
        if self.saved is None:
            raise self.released()
        cotangents = [None if c is None else constant_value(c) for c in self.cotangents(g)]
        lowered = self.nested or highest(cotangents) is not None
        once = self.function._once
        if once and lowered and any(map(varies, [*cotangents, *self._below()])):
            raise GraphError(
                f"{self.title()}: backward is marked once_differentiable, but a transform around it takes another derivative of it; "
                f"write backward with tensor operations and leave the mark out"
            )
        wrapped = [None if c is None else boxed(c) if lowered else Tensor.wrap(c, self.level) for c in cotangents]
        grads = self._followed(wrapped, state.grad_enabled and not once) if lowered else self._run(wrapped, lowered=False, record=False)
        own = any(isinstance(c, Taped) and c.level == self.level for c in cotangents)  # then the result depends on them at this level
        return tuple(None if r is None else self._stripped(r, None if own else self.level) for r in grads)

    def replay(self, g: Any, level: int, plan: Any = None) -> tuple[Array | None, ...]:
        """The gradients for the parents as recorded tensor operations, for ``create_graph``."""
        if self.saved is None:
            raise self.released()
        cotangents = [
            None if c is None else c if isinstance(c, Taped) and c.level == level else Tensor.wrap(c, level) for c in self.cotangents(g)
        ]
        once = self.function._once
        grads = self._run(cotangents, lowered=False, record=not once)
        if once:
            above = [c.node for c in cotangents if c is not None and c.node is not None]
            return tuple(None if r is None else _sealed(r, level, (*self.parents, *above), self.title()) for r in grads)
        kept = set(map(id, self.saved)) if isinstance(self.saved, tuple) else set()
        return tuple(None if r is None else _at_level(r.clone() if id(r) in kept else r, level) for r in grads)

    def cotangents(self, g: Any) -> list[Array | None]:
        """The cotangent of every result, in the convention of users; where none came, zeros or None as the context says."""
        items = {self.differentiable[0]: g} if len(self.differentiable) == 1 else g.items
        materialize = self.ctx._kept.materialize
        found: list[Array | None] = []
        for j, form in enumerate(self.outputs):
            if j in items:
                found.append(as_ndarray(conjugated(items[j])))
            else:
                found.append(np.zeros(*form) if materialize and form is not None else None)
        return found

    def results(self) -> tuple[int, int]:
        """The first result with a derivative, and the number of results."""
        return self.differentiable[0], len(self.outputs)

    def signature(self) -> tuple[Any, ...]:
        """Which arguments were tensors, and which of them needed gradients."""
        return type(self), len(self.parents), tuple(form is not None for form in self.forms), self.arguments

    def title(self) -> str:
        """The name that messages use: that of the user's class."""
        name: str = self.function.__name__
        return name

    def __getattr__(self, name: str) -> Any:
        """The context's attributes: ``y.grad_fn.saved_tensors``, as in PyTorch, where node and context are one."""
        if any(name in vars(kind) for kind in FunctionNode.__mro__):  # a slot that is not filled yet
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def _followed(self, cotangents: list[Any], record: bool) -> list[Any]:
        """The gradients where boxes of transforms are among what backward gets."""
        kept = [v.array if isinstance(v, Taped) and v.level == self.level else v for v in vars(self.ctx).values()]
        if not any(map(varies, [*cotangents, *self._below(), *kept])):
            return self._mapped(cotangents, record)
        watch = Watch(self.title(), "jvp" if self.function._backward is None else "backward")
        with during(leaving=watch):
            grads = self._mapped(cotangents, record)
            self.fixed = watch.detached  # then of the cotangents alone: saved tensors must not hide that those are lost
            try:
                alone = self._mapped(cotangents, record) if self.fixed else grads
                check_followed(watch, lambda probes: self._mapped(probes, False), cotangents, alone)
            finally:
                self.fixed = False
        return grads

    def _mapped(self, cotangents: list[Any], record: bool) -> list[Any]:
        """Inside vmap: backward of all examples as it is written; where it asks for their values, one after the other."""
        try:
            return self._run(cotangents, lowered=True, record=record)
        except TransformError:
            kept = dict(vars(self.ctx))
            saved = [of_example(v, self.examples) for v in self._below()]
            top = shared_axis([*cotangents, *saved, *kept.values()])
            if top is None or not top.length:
                raise

        def run(i: int, own: list[Any]) -> list[Any]:
            before, self.examples = self.examples, (*self.examples, (top.level, i))
            vars(self.ctx).update({k: of_example(v, self.examples[-1:]) for k, v in kept.items()})
            try:
                return self._mapped(own, record)
            finally:
                self.examples = before
                vars(self.ctx).update(kept)

        return one_by_one(top, cotangents, run)

    # ---- saved tensors ------------------------------------------------------------------------------------------------------
    def unpack(self) -> tuple[Any, ...]:
        """The saved tensors as backward shall see them now."""
        shown = tuple(self._shown(s, v) for s, v in zip(self.origins, self.opened(), strict=True))
        if self.fixed:
            shown = tuple(v.detach() if isinstance(v, Boxed) else v for v in shown)
        return tuple(of_example(v, self.examples) for v in shown) if self.examples else shown

    def _below(self) -> list[Any]:
        """What the saved tensors of this level hold."""
        return [v.array if isinstance(v, Taped) and v.level == self.level else v for v in self.opened()]

    def _shown(self, source: Source, value: Any) -> Any:
        if source[0] != ANSWER:
            return boxed(value.array) if self.lowered and isinstance(value, Taped) and value.level == self.level else value
        if self.lowered:
            return boxed(value)
        t = Tensor.wrap(value, self.level)
        kept = None if self.versions is None else self.versions[self.origins.index(source)]
        t.version = kept[0] if kept is not None else None
        self.mark(t, source[1])
        return t

    def sources(self) -> tuple[Source, ...]:
        """Where each saved value comes from."""
        return self.origins

    def name_of(self, source: Source) -> str:
        """An argument, a result, or what forward computed besides."""
        if source[0] == ANSWER:
            return f"its result {source[1]}"
        return "an intermediate tensor" if source[1] is None else f"its argument {argument_name(self.function, source[1])}"

    # ---- the user's backward ------------------------------------------------------------------------------------------------
    def _run(self, cotangents: Sequence[Any], *, lowered: bool, record: bool) -> list[Any]:
        """What backward gives for each parent, checked, in the engine's convention."""
        before, self.lowered = self.lowered, lowered
        try:
            with recording(record):
                if self.function._backward is not None:
                    result = self.function._backward(self.ctx, *cotangents)
                elif self.function._jvp is not None:
                    result = self._transposed(cotangents)
                else:
                    raise GraphError(
                        f"{self.title()}: has no derivative in reverse mode: it defines neither backward (or vjp) nor jvp; "
                        f"add a static method backward(ctx, *grads)"
                    )
                return [None if r is None else conjugated(r) for r in self._checked(result)]
        finally:
            self.lowered = before

    def _transposed(self, cotangents: Sequence[Any]) -> tuple[Any, ...]:
        """The gradients from jvp alone, which is linear in the tangents: its derivative with respect to them, pulled back."""
        with raised_height(record=True) as level:
            tangents: list[Any] = [None] * len(self.forms)
            if self.ctx._kept.materialize:
                tangents = [None if form is None else Tensor.wrap(np.zeros(*form), 0) for form in self.forms]
            for k in self.arguments:
                form = self.forms[k]
                assert form is not None
                tangents[k] = Tensor.wrap(np.zeros(*form), level).requires_grad_()
            slopes = checked_tangents(self.function, self.function._jvp(self.ctx, *tangents), self.outputs)
        seeds = [None if c is None else conjugated(constant_value(c)) for c in cotangents]
        found = transposed(slopes, seeds, [tangents[k] for k in self.arguments], level)
        grads: list[Any] = [None] * len(self.forms)
        for k, g in zip(self.arguments, found, strict=True):
            grads[k] = None if g is None else boxed(conjugated(g))
        return tuple(grads)

    def _checked(self, result: Any) -> list[Any]:
        """The gradients of the arguments that need one: as many as there are arguments, of their shapes and dtypes."""
        grads = result if isinstance(result, tuple) else (result,)
        n = len(self.forms)
        if len(grads) > n and all(g is None for g in grads[n:]):
            grads = grads[:n]
        if len(grads) != n:
            raise GraphError(
                f"{self.title()}: backward returned the wrong number of gradients: {len(grads)}, but forward takes {n} argument(s); "
                f"return a tuple with one entry per argument, None for those without a gradient"
            )
        for k, (g, form) in enumerate(zip(grads, self.forms, strict=True)):
            if g is not None and form is None:
                raise GraphError(
                    f"{self.title()}: backward returned a gradient for what is no tensor: argument {argument_name(self.function, k)}; "
                    f"return None for it"
                )
        return [fit_gradient(self.function, k, grads[k], self.forms[k]) for k in self.arguments]

    @staticmethod
    def _stripped(r: Any, level: int | None) -> Array:
        """A gradient as the first-order walk takes it; never memory that the walk could take for its own."""
        while isinstance(r, Taped) and (r.level == level or is_plain(r)):
            r = r.array
        return r.view() if isinstance(r, ndarray) else r


class Exhausted(TapeNode):
    """What stands on the tape for a gradient that cannot be differentiated again: reaching it is an error."""

    __slots__ = ("owner",)

    def __init__(self, parents: tuple[Any, ...], owner: str) -> None:
        self.parents, self.owner, self.saved = parents, owner, ()
        self.seq = next_serial()

    def step(self, g: Array) -> Never:
        """There is no derivative."""
        self.replay(g, 0)

    def replay(self, g: Array, level: int, plan: Any = None) -> Never:
        """There is no derivative."""
        raise GraphError(
            f"{self.owner}: its backward is marked once_differentiable, but its gradient was differentiated again; "
            f"write backward with tensor operations and leave the mark out"
        )

    def title(self) -> str:
        """The name that messages use."""
        return f"the gradient of {self.owner}"


def _sealed(r: Any, level: int, parents: tuple[Any, ...], owner: str) -> Tensor:
    t = Tensor.wrap(r.array if isinstance(r, Taped) and r.level == level else constant_value(r), level)
    if t.dtype.kind in "fc":
        t.node = Exhausted(parents, owner)
    return t


def _at_level(r: Any, level: int) -> Tensor:
    return r if isinstance(r, Taped) and r.level == level else Tensor.wrap(constant_value(r), level)


def argument_name(function: Any, k: int) -> str:
    """How messages call argument number ``k`` of ``function.forward``: by its name, where it has one."""
    code = getattr(function.forward, "__code__", None)
    before = (not function._has_setup) + hasattr(function.forward, "__self__")  # ctx, and the class of a class method
    names = () if code is None else code.co_varnames[before : code.co_argcount]
    return f"{names[k]!r} (number {k})" if k < len(names) else f"number {k}"


def fit_gradient(function: Any, k: int, g: Any, form: Form | None) -> Any:
    """The gradient ``g`` of argument ``k`` in the argument's shape and dtype; summed where the argument was broadcast.

    Raises `OperandError` for what is no tensor and `ShapeError` for a shape that does not fit.
    """
    if g is None or form is None:
        return None
    shape, dtype = form
    name = function.__name__
    if not isinstance(g, Boxed):
        raise OperandError(
            f"{name}: backward returned a {type(g).__name__} as gradient of argument {argument_name(function, k)}, a tensor of shape "
            f"{shape}; return a tensor, or None"
        )
    if g.shape != shape:
        try:
            fits = np.broadcast_shapes(shape, g.shape) == g.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(
                f"{name}: backward returned a gradient of the wrong shape: {g.shape} for argument {argument_name(function, k)} of shape "
                f"{shape}; they must be equal, or the argument's must broadcast to the gradient's"
            )
        g = unbroadcast(g, shape)
    return cast(g, dtype)


def checked_tangents(function: Any, result: Any, outputs: Sequence[Form | None]) -> list[Any]:
    """What jvp returned, one tangent or None per result of forward.

    Raises `GraphError` for a wrong number, `OperandError` for what is no tensor and `ShapeError` for a wrong shape.
    """
    tangents = result if isinstance(result, tuple) else (result,)
    name = function.__name__
    if len(tangents) != len(outputs):
        raise GraphError(
            f"{name}: jvp returned the wrong number of tangents: {len(tangents)}, but forward has {len(outputs)} result(s); "
            f"return a tuple with one entry per result, None for those without a tangent"
        )
    found: list[Any] = []
    for j, (t, form) in enumerate(zip(tangents, outputs, strict=True)):
        if t is not None and (form is None or not isinstance(t, Boxed)):
            what = "which is no tensor" if form is None else f"a tensor of shape {form[0]}"
            raise OperandError(f"{name}: jvp returned a {type(t).__name__} as tangent of result {j}, {what}; return a tensor or None")
        if t is None or form is None:
            found.append(None)
            continue
        if t.shape != form[0]:
            raise ShapeError(
                f"{name}: jvp returned a tangent of the wrong shape: {t.shape} for result {j} of shape {form[0]}; they must be equal"
            )
        found.append(cast(t, form[1]))
    return found
