"""One call of a user's `Function`, in the form of an operation: boxes handle it as they handle those, one level at a time.

Each transform takes one box off the arguments, until forward runs on constants. On the way back every level makes its own context
(by ``setup_context``, or by lifting the one that an old-style forward filled) and records a node, runs jvp, or stacks examples.

Not here: the node (``node.py``), the rules of vmap (``batching.py``), the class that users derive from (``function.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy import ndarray

from .._errors import GraphError, OperandError, TransformError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.function import constant_value
from ..core.hooks import hand_over
from ..core.tape import ANSWER, INPUT, PARAM, Source
from ..core.tensor import Tensor
from ..core.transpose import jvp_by_transposition
from ..core.where import here
from ..func.batched import Batched
from .boxes import boxed, highest, varies
from .context import FunctionCtx
from .modes import no_grad
from .node import FunctionNode, Saves, checked_tangents


class Application:
    """A user's `Function` with one set of arguments; the tensors among them are the operands."""

    __slots__ = ("aliases", "args", "ctx", "function", "inside", "needs", "places", "recipe", "results", "single", "spots", "template")

    #: Forward mode by transposition asks whether there are derivative rules.
    rules: ClassVar[bool] = True

    #: For each operand the number of its argument.
    places: tuple[int, ...]
    #: Whether some level wants the gradient of an argument.
    needs: list[bool]
    #: What forward returned: whether one value, all values, and which of them are tensors.
    single: bool
    template: list[Any]
    spots: list[int]
    #: The tensors that forward returned when it ran on constants, and for each the operand that it is, if it is one.
    results: list[Any]
    aliases: list[int | None]
    #: The context that an old-style forward filled; None where ``setup_context`` does that.
    ctx: FunctionCtx | None
    #: Whether some transform has taken its boxes off already; its contexts are then made by this recipe.
    inside: bool
    recipe: Recipe | None

    def __init__(self, function: Any, args: tuple[Any, ...]) -> None:
        self.function, self.args = function, args
        self.places = tuple(i for i, a in enumerate(args) if isinstance(a, Boxed))
        self.needs = [False] * len(args)
        self.inside, self.ctx, self.recipe = False, None, None

    @property
    def __name__(self) -> str:
        name: str = self.function.__name__
        return name

    def result(self) -> Any:
        """Carry out the call: what `Function.apply` returns."""
        arrays = [self.args[i] for i in self.places]
        if highest(arrays) is None:
            outs = self.record(arrays, {}, max((a.level for a in arrays), default=0))
        else:
            outs = tuple(boxed(o) for o in self.of(*arrays))
        return self.structured(outs)

    # ---- one level ----------------------------------------------------------------------------------------------------------
    def of(self, *arrays: Array, **_: Any) -> tuple[Array, ...]:
        """The results that are tensors: the highest box among the operands handles it; constants go to forward."""
        top = highest(arrays)
        if top is None:
            return self.compute(arrays)
        if isinstance(top, Batched):
            return self._mapped(arrays, top.level, top.length)
        operation: Any = self
        outs: tuple[Array, ...] = top.process(operation, arrays, {})
        return outs

    def compute(self, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """Run forward, unrecorded, on operands that are constants."""
        operands = [boxed(a) for a in arrays]
        function = self.function
        args = self.filled(operands)
        with no_grad():
            if function._has_setup:
                out = function.forward(*args)
            else:
                ctx = FunctionCtx(function.__name__, tuple(self.needs))
                out = function.forward(ctx, *args)
        results = self.accept(out)
        numbers = {id(o): i for i, o in enumerate(operands)}
        self.results, self.aliases = results, [numbers.get(id(r)) for r in results]
        if not function._has_setup:
            self.ctx = ctx
            if self.inside:
                self.recipe = Recipe.of(ctx, operands, results)
        return tuple(self._array(r) for r in results)

    def accept(self, out: Any) -> list[Any]:
        """Remember the structure of what forward returned; the tensors in it."""
        self.single = not isinstance(out, tuple)
        self.template = [out] if self.single else list(out)
        self.spots = [j for j, r in enumerate(self.template) if isinstance(r, Boxed)]
        results = [self.template[j] for j in self.spots]
        for j in self.spots:
            self.template[j] = None  # the call must not keep results alive
        return results

    def _array(self, r: Any) -> Array:
        while isinstance(r, Tensor):
            r = r.array
        if isinstance(r, Boxed):
            raise TransformError(
                f"{self.__name__}: forward used a value of a transform that it was not given ({type(r).__name__} of shape {r.shape}), "
                f"and its derivative would be lost; pass every such value as an argument of apply"
            )
        return r

    def filled(self, operands: Sequence[Any], other: Any = Ellipsis) -> list[Any]:
        """The arguments with ``operands`` in the places of tensors, and ``other``, if given, in all other places."""
        args = list(self.args) if other is Ellipsis else [other] * len(self.args)
        for i, o in zip(self.places, operands, strict=True):
            args[i] = o
        return args

    def structured(self, outs: Sequence[Any]) -> Any:
        """Results in the structure that forward returned."""
        full = list(self.template)
        for j, o in zip(self.spots, outs, strict=True):
            full[j] = o
        return full[0] if self.single else tuple(full)

    # ---- reverse mode -------------------------------------------------------------------------------------------------------
    def record(self, arrays: Sequence[Array], params: dict[str, Any], level: int) -> tuple[Tensor, ...]:
        """Carry out the call on what the tensors of ``level`` hold, and put a node on the tape if a gradient may be asked."""
        mine = [isinstance(a, Tensor) and a.level == level for a in arrays]
        lower = [a.array if m else a for a, m in zip(arrays, mine, strict=True)]
        nested = highest(lower) is not None
        wanted = [m and a.node is not None and state.grad_enabled for a, m in zip(arrays, mine, strict=True)]
        needs = tuple(self.filled(wanted, other=False))
        self.needs = [a or b for a, b in zip(self.needs, needs, strict=True)] if self.inside else list(needs)
        if nested:
            self.inside = True
            outs = self.of(*lower)
            operands = [Tensor.wrap(a.array, level) if m else boxed(a) for a, m in zip(arrays, mine, strict=True)]
        else:
            outs = self.compute(arrays)
            operands = [boxed(a) for a in arrays]
        aliases = [None] * len(outs) if nested else self.aliases
        tensors = [Tensor.wrap(o, level) if i is None else operands[i] for o, i in zip(outs, aliases, strict=True)]
        ctx = self.context(operands, tensors, needs, nested, lower)
        kept = ctx._kept
        if nested:  # what setup_context saw were stand-ins without a node
            partners = {id(o): a for o, a in zip(operands, arrays, strict=True) if isinstance(a, Boxed)}
            kept.saved, kept.for_forward = _replaced((kept.saved, kept.for_forward), partners)
            vars(ctx).update(_replaced(dict(vars(ctx)), partners))
        dirty = self._dirty(kept.dirty, operands, nested)
        recorded = any(wanted)
        parents = tuple(a.node for a, w in zip(arrays, wanted, strict=True) if w)
        constant = {id(t) for t in kept.constant}
        final: list[Tensor] = []
        differentiable = []
        for n, (t, i) in enumerate(zip(tensors, aliases, strict=True)):
            if t.dtype.kind in "fc" and id(t) not in constant:
                differentiable.append(self.spots[n])
            if i is not None and i in dirty:
                self._check_dirty(arrays[i], recorded)
                final.append(arrays[i])
            elif nested:
                final.append(t)
            else:
                final.append(_shared(t, self.results[n], operands, recorded, level))
        self.results = []
        if recorded and differentiable:
            node = FunctionNode(self.function, ctx, level, nested)
            node.parents = parents
            node.arguments = tuple(i for i, w in zip(self.places, wanted, strict=True) if w)
            node.forms = tuple(self.filled([(o.shape, o.dtype) for o in operands], other=None))
            node.outputs = tuple(self._forms(final))
            node.differentiable = tuple(differentiable)
            self._save(node, kept, arrays, tensors, final, dirty)
            for n, t in enumerate(final):
                if t.node is not None:
                    hand_over(t.node, node)
                node.mark(t, self.spots[n])
            node.code, node.instruction = here()
            for observer in state.observers:
                observer.recorded(node)
        return tuple(final)

    def context(self, operands: list[Any], tensors: list[Any], needs: tuple[bool, ...], nested: bool, lower: list[Any]) -> FunctionCtx:
        """The context of one level, filled by ``setup_context`` or by lifting that of an old-style forward."""
        name = self.__name__
        if self.function._has_setup:
            ctx = FunctionCtx(name, needs)
            mode = state.grad_enabled
            state.grad_enabled = mode and nested  # where operands hold boxes, what is computed here concerns outer transforms
            try:
                self.function.setup_context(ctx, tuple(self.filled(operands)), self.structured(tensors))
            finally:
                state.grad_enabled = mode
            return ctx
        if not self.inside and self.ctx is not None:
            return self._with_results(self.ctx, tensors)
        if self.recipe is None:
            raise TransformError(
                f"{name}: its vmap rule leaves no context for the derivative around it: forward(ctx, ...) fills one only where it runs; "
                f"split it into forward(...) and setup_context(ctx, inputs, output)"
            )
        if nested and self.recipe.computed and any(map(varies, lower)):
            raise TransformError(
                f"{name}: forward keeps a tensor in ctx that is neither an argument nor a result ({self.recipe.computed}); to the other "
                f"derivatives taken here it would be a constant, silently; split forward into forward(...) and "
                f"setup_context(ctx, inputs, output), and compute it there, or return it as a result"
            )
        return self.recipe.lift(name, needs, operands, tensors)

    def _with_results(self, ctx: FunctionCtx, tensors: list[Any]) -> FunctionCtx:
        """The context that forward filled, with the tensors that the caller gets in the place of those that forward returned."""
        partners = {id(r): t for r, t in zip(self.results, tensors, strict=True)}
        kept = ctx._kept
        kept.saved, kept.for_forward = _replaced((kept.saved, kept.for_forward), partners)
        kept.constant = _replaced(kept.constant, partners)
        if vars(ctx):
            vars(ctx).update(_replaced(dict(vars(ctx)), partners))
        return ctx

    def _forms(self, outs: Sequence[Any]) -> list[Any]:
        forms: list[Any] = [None] * len(self.template)
        for j, t in zip(self.spots, outs, strict=True):
            forms[j] = (t.shape, t.dtype)
        return forms

    def _dirty(self, marked: tuple[Any, ...], operands: list[Any], nested: bool) -> set[int]:
        """The numbers of the operands that were changed in place."""
        if marked and nested:
            raise TransformError(
                f"{self.__name__}: mark_dirty: nothing can be changed in place inside nested transforms; return a new tensor"
            )
        numbers = {id(o): i for i, o in enumerate(operands)}
        for t in marked:
            if id(t) not in numbers:
                raise OperandError(
                    f"{self.__name__}: mark_dirty: got something that is no argument of forward: a {type(t).__name__}; mark arguments"
                )
        dirty = {numbers[id(t)] for t in marked}
        if dirty - set(self.aliases):
            raise GraphError(f"{self.__name__}: mark_dirty: an argument changed in place must be a result of forward as well; return it")
        return dirty

    def _check_dirty(self, t: Tensor, recorded: bool) -> None:
        if recorded and t.node is not None and t.is_leaf:
            raise GraphError(
                f"{self.__name__}: mark_dirty: a leaf tensor that requires grad (shape {t.shape}) was changed in place; "
                f"call it on a computed tensor, or under no_grad()"
            )
        if recorded and t.version is not None and t.version[1]:
            raise GraphError(
                f"{self.__name__}: mark_dirty: the argument of shape {t.shape} is a view or has views, which would not learn of the "
                f"change; clone() it first"
            )

    def _save(self, node: FunctionNode, kept: Any, arrays: Sequence[Any], tensors: list[Any], final: list[Any], dirty: set[int]) -> None:
        """Hand what was saved over to the node."""
        saved = kept.saved
        if self.function._backward is None and kept.for_forward is not None:
            saved = kept.for_forward
        inputs = {id(a): i for i, a in enumerate(arrays) if i not in dirty}
        results = {id(t): n for n, t in enumerate(tensors)}
        sources: list[Source] = []
        values: list[Any] = []
        versions: list[Any] = []
        for t in saved:
            if t is None:
                sources.append((PARAM, None))
                values.append(None)
                versions.append(0)
            elif id(t) in results and id(t) not in inputs:
                n = results[id(t)]
                cell = final[n].memory_cell()
                sources.append((ANSWER, self.spots[n]))
                values.append(final[n].array)
                versions.append((cell, cell[0]))
            else:
                i = inputs.get(id(t))
                sources.append((INPUT, None if i is None else self.places[i]))
                values.append(t)
                versions.append((getattr(t, "version", None) or (0,))[0])
        mask = sum(1 << i for i in self.places)
        node.plan = Saves(sources, mask, sum(1 << i for i in node.arguments))
        node.saved, node.versions = tuple(values), tuple(versions)
        kept.saved, kept.for_forward, kept.dirty, kept.constant, kept.node = (), None, (), (), weakref.ref(node)

    # ---- forward mode -------------------------------------------------------------------------------------------------------
    def jvp(self, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """Results and tangents: by the user's jvp, else by transposing the user's backward."""
        function = self.function
        if function._jvp is None:
            self.inside = True
            operation: Any = self
            return jvp_by_transposition(operation, primals, tangents, params)
        self.inside = True
        ans = self.of(*primals)
        operands, outs = [boxed(p) for p in primals], [boxed(a) for a in ans]
        lower = [constant_value(p) for p in primals]
        ctx = self.context(operands, outs, (False,) * len(self.args), highest(primals) is not None, lower)
        if ctx._kept.dirty:
            raise TransformError(f"{self.__name__}: mark_dirty: nothing can be changed in place in forward mode; return a new tensor")
        materialize = ctx._kept.materialize
        given = [
            boxed(t) if t is not None else Tensor.wrap(np.zeros(o.shape, o.dtype), 0) if materialize and o.dtype.kind in "fc" else None
            for o, t in zip(operands, tangents, strict=True)
        ]
        found = checked_tangents(function, function._jvp(ctx, *self.filled(given, other=None)), self._forms(outs))
        constant = {id(t) for t in ctx._kept.constant}
        slopes = [
            None if id(o) in constant or o.dtype.kind not in "fc" or found[j] is None else constant_value(found[j])
            for j, o in zip(self.spots, outs, strict=True)
        ]
        return tuple(ans), tuple(slopes)

    # ---- vmap ---------------------------------------------------------------------------------------------------------------
    def _mapped(self, arrays: Sequence[Array], level: int, size: int) -> tuple[Array, ...]:
        from .batching import map_call

        self.inside = True
        mapped = [isinstance(a, Batched) and a.level == level for a in arrays]
        values = [a.value if m else a for a, m in zip(arrays, mapped, strict=True)]
        outs = map_call(self, level, size, values, mapped)
        self.results, self.aliases = [], [None] * len(outs)
        return tuple(Batched(o, size, level) for o in outs)


class Recipe:
    """What an old-style forward left in its context, with arguments and results named by number, so that each level can fill them in."""

    __slots__ = ("attributes", "computed", "constant", "dirty", "for_forward", "materialize", "saved")

    #: Each is ("input", i), ("result", j), ("value", x), ("tuple", parts), ("list", parts) or ("conflict", words).
    saved: list[Source]
    for_forward: list[Source] | None
    attributes: dict[str, Source]
    dirty: list[Source]
    constant: list[Source]
    materialize: bool
    #: Words for a floating tensor that is neither argument nor result; empty if there is none.
    computed: str

    @classmethod
    def of(cls, ctx: FunctionCtx, operands: Sequence[Any], results: Sequence[Any]) -> Recipe:
        """The recipe of a context that forward has filled."""
        known: dict[int, Source] = {id(r): ("result", j) for j, r in enumerate(results)}
        known |= {id(o): ("input", i) for i, o in enumerate(operands)}
        kept = ctx._kept

        def name(x: Any) -> Source:
            return _named(x, known)

        self = cls()
        self.saved = list(map(name, kept.saved))
        self.for_forward = None if kept.for_forward is None else list(map(name, kept.for_forward))
        self.attributes = {k: name(v) for k, v in vars(ctx).items()}
        self.dirty, self.constant, self.materialize = list(map(name, kept.dirty)), list(map(name, kept.constant)), kept.materialize
        everything = {f"item {i} of save_for_backward": s for i, s in enumerate(self.saved)}
        everything |= {f"item {i} of save_for_forward": s for i, s in enumerate(self.for_forward or ())}
        everything |= {f"ctx.{k}": s for k, s in self.attributes.items()}
        self.computed = next((words for words, s in everything.items() if _is_computed(s)), "")
        return self

    def lift(self, owner: str, needs: tuple[bool, ...], operands: Sequence[Any], results: Sequence[Any]) -> FunctionCtx:
        """A context with the arguments and results of another level."""

        def fill(source: Source) -> Any:
            return _filled(source, owner, operands, results)

        ctx = FunctionCtx(owner, needs)
        vars(ctx).update({k: fill(s) for k, s in self.attributes.items()})
        kept = ctx._kept
        kept.saved = tuple(map(fill, self.saved))
        kept.for_forward = None if self.for_forward is None else tuple(map(fill, self.for_forward))
        kept.dirty, kept.constant = tuple(map(fill, self.dirty)), tuple(map(fill, self.constant))
        kept.materialize = self.materialize
        return ctx


# Functions that call themselves stand here: closures that do so are reference cycles, and would keep tensors alive.
def _named(x: Any, known: dict[int, Source]) -> Source:
    if type(x) in (tuple, list):
        return type(x).__name__, [_named(v, known) for v in x]
    return known.get(id(x), ("value", x)) if isinstance(x, Boxed) else ("value", x)


def _filled(source: Source, owner: str, operands: Sequence[Any], results: Sequence[Any]) -> Any:
    kind, key = source
    if kind == "conflict":
        raise TransformError(
            f"{owner}: {key} differs from example to example, and vmap has one context for all; split forward into forward(...) and "
            f"setup_context(ctx, inputs, output), and write vmap(info, in_dims, *args)"
        )
    if kind in ("tuple", "list"):
        parts = [_filled(part, owner, operands, results) for part in key]
        return tuple(parts) if kind == "tuple" else parts
    return operands[key] if kind == "input" else results[key] if kind == "result" else key


def _is_computed(source: Source) -> bool:
    kind, key = source
    if kind in ("tuple", "list"):
        return any(map(_is_computed, key))
    return kind == "value" and isinstance(key, Boxed) and key.dtype.kind in "fc"


def _replaced(tree: Any, partners: dict[int, Any]) -> Any:
    """``tree`` (nested tuples, lists and dicts) with every object replaced by its partner, if it has one."""
    if type(tree) in (tuple, list):
        return type(tree)([_replaced(v, partners) for v in tree])
    if type(tree) is dict:
        return {k: _replaced(v, partners) for k, v in tree.items()}
    return partners.get(id(tree), tree)


def _shared(t: Tensor, result: Any, operands: Sequence[Tensor], recorded: bool, level: int) -> Tensor:
    """A result as its own tensor; where its memory is that of an operand, it is read-only as long as gradients depend on it.

    Writing into it would have to change the operand's history by a derivative that only the user's Function knows.
    """
    source = next((a for a in operands if isinstance(a.array, ndarray) and np.may_share_memory(a.array, result.array)), None)
    if source is None:
        t.version = result.version
        return t
    out = Tensor.wrap(t.array, level)
    if recorded:
        out.array = out.array.view()
        out.array.flags.writeable = False
        out.version = source.shared_cell()
    else:
        source.show(out)
    return out
