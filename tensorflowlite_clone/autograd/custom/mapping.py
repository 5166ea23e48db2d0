"""vmap of a user's `Function`: by the user's own rule, by mapping forward and backward, or by one call per example.

Not here: how a call gets here (``application.py``), the vmap rules of operations (``core/families.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._errors import TransformError
from ..._state import during, state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import normalize_axis, shape_of
from ...core.levels import boxed, constant_value, strip
from ...core.plan import Source
from ...core.transpose import count_loop
from ...func.arguments import raised_height
from ...func.batched import Batched, Map
from ...ops.random import current_generator
from .call import Call
from .context import FunctionCtx
from .node import fit_gradient
from .recipe import Recipe


class VmapInfo(NamedTuple):
    """What the static method ``vmap`` of a `Function` is told: how many examples, and what random functions do."""

    batch_size: int
    randomness: str


def map_call(call: Call, level: int, size: int, values: list[Array], mapped: list[bool]) -> list[Array]:
    """The results of all examples, their axis in front. ``mapped`` says which values have that axis."""
    randomness = next((m.randomness for m in state.maps if m.level == level), "error")
    if call.function._vmap is not None:
        return _by_users_rule(call, size, values, mapped, randomness)
    if call.function.generate_vmap_rule:
        return _by_mapping(call, size, values, mapped, randomness)
    return _by_loop(call, level, size, values, mapped, randomness)


# ---- the user's rule ----------------------------------------------------------------------------------------------------------------
def _by_users_rule(call: Call, size: int, values: list[Array], mapped: list[bool], randomness: str) -> list[Array]:
    name = call.__name__
    dims = call.filled([0 if m else None for m in mapped], other=None)
    answer = call.function._vmap(VmapInfo(size, randomness), tuple(dims), *call.filled([boxed(v) for v in values]))
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise TransformError(f"{name}: vmap must return (output, out_dims): got {type(answer).__name__}; return a pair")
    out, out_dims = answer
    results = call.accept(out)
    call.recipe = None
    if not isinstance(out_dims, tuple | list):
        out_dims = (out_dims,) * len(call.template)
    if len(out_dims) != len(call.template):
        raise TransformError(
            f"{name}: vmap returned {len(call.template)} result(s) but {len(out_dims)} out_dims {out_dims!r}; give an int or None for each"
        )
    return [_to_front(name, constant_value(r), out_dims[j], size) for j, r in zip(call.spots, results, strict=True)]


def _to_front(name: str, r: Array, dim: Any, size: int) -> Array:
    """A result with the axis of the examples moved from ``dim`` to the front, or added if ``dim`` is None."""
    if dim is None:
        return np.broadcast_to(r, (size, *shape_of(r)))
    shape = shape_of(r)
    axis = normalize_axis(dim, len(shape), f"{name}: vmap") if shape else 0
    if not shape or shape[axis] != size:
        raise TransformError(
            f"{name}: vmap returned a result of shape {shape} with out_dims {dim}, but there are {size} examples; "
            f"name the axis that has one entry for each"
        )
    return np.moveaxis(r, axis, 0) if axis else r


# ---- one call per example -----------------------------------------------------------------------------------------------------------
def _by_loop(call: Call, level: int, size: int, values: list[Array], mapped: list[bool], randomness: str) -> list[Array]:
    """What vmap means, taken literally. Counted in `LOOPED`."""
    if size:
        count_loop(call.__name__)
    maps = state.maps if randomness == "error" else tuple(m for m in state.maps if m.level != level)  # else each draws for itself
    generator = current_generator()
    start = generator.get_state() if randomness == "same" else None
    columns: list[tuple[Array, ...]] = []
    recipes: list[Any] = []
    templates: list[list[Any]] = []
    with during(maps=maps):
        for i in range(max(size, 1)):
            if start is not None:
                generator.set_state(start)
            columns.append(call.of(*[_entry(v, i, size) if m else v for v, m in zip(values, mapped, strict=True)]))
            recipes.append(call.recipe)
            templates.append(call.template)
            _check_alike(call, templates[0], i)
    if not size:
        return [np.reshape(o, (1, *shape_of(o)))[:0] for o in columns[0]]
    if recipes[0] is not None:
        call.recipe = _merged(call.__name__, recipes, level, size)
    try:
        return [np.stack([constant_value(o) for o in column]) for column in zip(*columns, strict=True)]
    except (ValueError, RuntimeError) as error:
        raise TransformError(
            f"{call.__name__}: inside vmap its results differ in shape from example to example, "
            f"{sorted({shape_of(c[0]) for c in columns})}; all examples must give results of one shape"
        ) from error


def _entry(v: Array, i: int, size: int) -> Array:
    """Example number ``i``; of an empty batch, ones for one example, computed from it so that it stays on the tape."""
    if not size:
        return np.sum(v, axis=0) + 1.0 if v.dtype.kind in "fc" else np.ones(shape_of(v)[1:], v.dtype)
    return v[i] if isinstance(v, Boxed) else np.asarray(v[i])


def _check_alike(call: Call, first: list[Any], i: int) -> None:
    """Raise where what is no tensor in the results is not the same for all examples."""
    if len(call.template) != len(first) or not all(map(_same, call.template, first)):
        raise TransformError(
            f"{call.__name__}: inside vmap its results differ in what is no tensor: {first!r:.60} for example 0, {call.template!r:.60} for "
            f"example {i}; return it as a tensor"
        )


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(_same, a, b))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else bool(a == b) if not isinstance(a, Boxed) else False


def _merged(name: str, recipes: Sequence[Recipe], level: int, size: int) -> Recipe:
    """The context of all examples from those of the single calls: tensors are stacked, everything else must be the same.

    Where it is not, the recipe says so, and it is an error as soon as a derivative asks for the context.
    """

    def merge(sources: Sequence[Source], words: str) -> Source:
        return _merge(sources, words, level, size)

    def rows(pick: Any, words: str) -> Any:
        lists = [pick(r) for r in recipes]
        if any(x is None for x in lists):
            return None
        if len({len(x) for x in lists}) != 1:
            return [("conflict", words)]
        return [merge(column, words) for column in zip(*lists, strict=True)]

    self = Recipe()
    self.saved = rows(lambda r: r.saved, "what save_for_backward keeps")
    self.for_forward = rows(lambda r: r.for_forward, "what save_for_forward keeps")
    self.dirty, self.constant = rows(lambda r: r.dirty, "mark_dirty"), rows(lambda r: r.constant, "mark_non_differentiable")
    keys = sorted(set().union(*(r.attributes for r in recipes)))
    self.attributes = {k: merge([r.attributes.get(k, ("value", object())) for r in recipes], f"ctx.{k}") for k in keys}
    self.materialize, self.computed = recipes[0].materialize, recipes[0].computed
    if self.dirty:
        raise TransformError(f"{name}: mark_dirty: nothing can be changed in place inside vmap; return a new tensor")
    return self


def _merge(sources: Sequence[Source], words: str, level: int, size: int) -> Source:
    """One entry of the contexts of all examples."""
    kind, key = sources[0]
    if all(s[0] == kind for s in sources):
        if kind in ("tuple", "list") and all(len(s[1]) == len(key) for s in sources):
            return kind, [_merge(part, words, level, size) for part in zip(*[s[1] for s in sources], strict=True)]
        if kind != "value" and all(s[1] == key for s in sources):
            return kind, key
        if kind == "value" and all(isinstance(s[1], Boxed) and s[1].shape == key.shape for s in sources):
            return kind, Batched(np.stack([constant_value(s[1]) for s in sources]), size, level)
        if kind == "value" and all(_same(s[1], key) for s in sources):
            return kind, key
    return "conflict", words


# ---- forward and backward mapped ------------------------------------------------------------------------------------------------------
def _by_mapping(call: Call, size: int, values: list[Array], mapped: list[bool], randomness: str) -> list[Array]:
    """The call of what stands for the user's `Function` here (``generate_vmap_rule``)."""
    function = Mapped(call.function, size, randomness, call.filled(mapped, other=False))
    out = type(call)(function, tuple(call.filled([boxed(v) for v in values]))).result()
    call.recipe = None
    return [constant_value(r) for r in call.accept(out)]


class _More(raised_height):
    """One vmap more, of so many examples; the block gets its `Map`."""

    __slots__ = ("randomness", "size")

    def __init__(self, size: int, randomness: str) -> None:
        super().__init__()
        self.size, self.randomness = size, randomness

    def __enter__(self) -> Any:
        try:
            this = Map(super().__enter__(), self.size, self.randomness)
            state.maps = (*state.maps, this)
            return this
        except BaseException:  # an interrupt
            self.close()
            raise


class Mapped:
    """What stands for a user's `Function` where its methods run under one vmap more; to a call it is a `Function` like any other.

    Its arguments have the examples' axis in front where ``mapped``, all its results have it. In its context stands what the user's own
    context kept, with the axis in front, and which of it has one.
    """

    generate_vmap_rule = _has_setup = True
    _vmap = None

    def __init__(self, base: Any, size: int, randomness: str, mapped: list[bool]) -> None:
        if not base._has_setup:
            raise TransformError(
                f"{base.__name__}: generate_vmap_rule needs the context apart from forward; split it into forward(...) and "
                f"setup_context(ctx, inputs, output)"
            )
        self.base, self.size, self.randomness, self.mapped = base, size, randomness, mapped
        self.__name__, self._once = base.__name__, base._once

    @property
    def _backward(self) -> Any:
        return None if self.base._backward is None else self.backward

    @property
    def _jvp(self) -> Any:
        return None if self.base._jvp is None else self.jvp

    # ---- the methods --------------------------------------------------------------------------------------------------------
    def forward(self, *args: Any) -> Any:
        """The user's forward, of all examples."""
        with self._vmap_more() as this:
            return _show_all(self.base.forward(*self._as_examples(args, this)), this)

    def setup_context(self, ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Let the user's setup_context fill a context of its own, and keep what it did."""
        base = self.base
        with self._vmap_more() as this:
            args = self._as_examples(inputs, this)
            outs = output if isinstance(output, tuple) else (output,)
            results = [_hide(o, this) for o in outs]
            inner = FunctionCtx(base.__name__, ctx.needs_input_grad)
            base.setup_context(inner, tuple(args), tuple(results) if isinstance(output, tuple) else results[0])
            kept = inner._kept
            if kept.dirty:
                raise TransformError(f"{base.__name__}: mark_dirty: nothing can be changed in place inside vmap; return a new tensor")
            names = {id(b): a for b, a in zip([*args, *results], [*inputs, *outs], strict=True) if isinstance(b, Boxed)}

            def outside(x: Any) -> tuple[Any, bool]:
                """A value as it is kept outside, and whether it has the axis of the examples."""
                own = _owns(this, x)
                return names[id(x)] if id(x) in names else boxed(x.value) if own else x, own

            saved = list(map(outside, kept.saved))
            ctx.save_for_backward(*[x for x, _ in saved])
            ctx.hidden = ctx.hidden_forward = [own for _, own in saved]
            if kept.for_forward is not None:
                saved = list(map(outside, kept.for_forward))
                ctx.save_for_forward(*[x for x, _ in saved])
                ctx.hidden_forward = [own for _, own in saved]
            ctx.mark_non_differentiable(*[names[id(x)] for x in kept.constant if id(x) in names])
            ctx.set_materialize_grads(kept.materialize)
            ctx.materialize = kept.materialize
            ctx.attributes = {k: outside(v) for k, v in vars(inner).items()}
            ctx.forms = [(a.shape, a.dtype) if isinstance(a, Boxed) else None for a in args]

    def backward(self, ctx: Any, *grads: Any) -> tuple[Any, ...]:
        """The user's backward, of all examples; the gradients of an argument that all share add up."""
        with self._vmap_more() as this:
            result = self.base._backward(self._restored(ctx, this, ctx.hidden), *[_hide(g, this) for g in grads])
            result = result if isinstance(result, tuple) else (result,)
            forms = [*ctx.forms, *[None] * len(result)]
            return tuple(self._gathered(k, g, forms[k], this) for k, g in enumerate(result))

    def jvp(self, ctx: Any, *tangents: Any) -> Any:
        """The user's jvp, of all examples."""
        with self._vmap_more() as this:
            return _show_all(self.base._jvp(self._restored(ctx, this, ctx.hidden_forward), *self._as_examples(tangents, this)), this)

    # ---- on the way in and out ----------------------------------------------------------------------------------------------
    def _vmap_more(self) -> _More:
        return _More(self.size, self.randomness)

    def _as_examples(self, args: Sequence[Any], this: Map) -> list[Any]:
        return [_hide(a, this) if m else a for a, m in zip(args, self.mapped, strict=True)]

    def _restored(self, ctx: Any, this: Map, hidden: list[bool]) -> FunctionCtx:
        """The user's own context, as it is for one example."""
        inner = FunctionCtx(self.base.__name__, ctx.needs_input_grad)
        vars(inner).update({k: _hide(v, this) if h else v for k, (v, h) in ctx.attributes.items()})
        inner._kept.materialize = ctx.materialize
        inner._kept.saved = tuple(_hide(t, this) if h else t for t, h in zip(ctx.saved_tensors, hidden, strict=True))
        return inner

    def _gathered(self, k: int, g: Any, form: Any, this: Map) -> Any:
        """The gradient of argument ``k`` from those of the examples."""
        if g is None or form is None:
            return g
        g = _show(fit_gradient(self.base, k, g, form), this)
        return g if self.mapped[k] else boxed(np.sum(g, axis=0))


def _owns(this: Map, x: Any) -> bool:
    return isinstance(x, Batched) and x.level == this.level


def _hide(x: Any, this: Map) -> Any:
    """A tensor with the axis of the examples hidden; anything else unchanged."""
    return this.box(constant_value(x)) if isinstance(x, Boxed) else x


def _show(x: Any, this: Map) -> Any:
    """A tensor with the axis of the examples in front; anything else unchanged."""
    if not isinstance(x, Boxed):
        return x
    x = strip(x, this.level)
    if _owns(this, x):
        return boxed(x.value)
    return boxed(np.broadcast_to(constant_value(x), (this.size, *shape_of(x))))


def _show_all(result: Any, this: Map) -> Any:
    return tuple(_show(x, this) for x in result) if isinstance(result, tuple) else _show(result, this)
