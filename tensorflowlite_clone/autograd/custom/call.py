"""One call of a user's `Function`: its arguments, what forward returns, and the contexts that its levels share.

Here: what holds for every transform. Not here: which transform's turn it is (``application.py``), what a level of reverse mode records
(``recording.py``), vmap (``mapping.py``), the class that users derive from (``autograd/function.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from ..._errors import TransformError
from ..._state import recording, state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.levels import boxed, untaped, varies
from .context import FunctionCtx
from .recipe import Recipe, replaced


def _as_it_is(x: Any) -> bool:
    """Whether ``x`` is a sparse tensor without gradient, which is no box of an array: forward gets it as it is."""
    return bool(x.is_sparse) and not x.requires_grad


class Call(ABC):
    """A user's `Function` with one set of arguments; the tensors among them are the operands."""

    __slots__ = ("aliases", "args", "ctx", "function", "inside", "needs", "places", "recipe", "results", "single", "spots", "template")

    #: The user's class, or what stands for one under vmap (`Mapped`).
    function: Any
    args: tuple[Any, ...]
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
        self.places = tuple([i for i, a in enumerate(args) if isinstance(a, Boxed) and not _as_it_is(a)])
        self.needs = [False] * len(args)
        self.inside, self.ctx, self.recipe = False, None, None

    @property
    def __name__(self) -> str:
        name: str = self.function.__name__
        return name

    @abstractmethod
    def result(self) -> Any:
        """Carry out the call: what `Function.apply` returns."""

    @abstractmethod
    def of(self, *arrays: Array, **_: Any) -> tuple[Array, ...]:
        """The results that are tensors: the highest box among the operands handles it; constants go to forward."""

    # ---- forward ------------------------------------------------------------------------------------------------------------
    def compute(self, arrays: Sequence[Array]) -> tuple[Array, ...]:
        """Run forward, unrecorded, on operands that are constants."""
        operands = [boxed(a) for a in arrays]
        function = self.function
        args = self.filled(operands)
        with recording(False):
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
        return tuple([self._array(r) for r in results])

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
        r = untaped(r)
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

    # ---- contexts ------------------------------------------------------------------------------------------------------------
    def context(self, operands: list[Any], tensors: list[Any], needs: tuple[bool, ...], nested: bool, lower: list[Any]) -> FunctionCtx:
        """The context of one level, filled by ``setup_context`` or by lifting that of an old-style forward."""
        name = self.__name__
        if self.function._has_setup:
            ctx = FunctionCtx(name, needs)
            with recording(state.grad_enabled and nested):  # boxes in operands: what is computed here concerns outer transforms
                self.function.setup_context(ctx, tuple(self.filled(operands)), self.structured(tensors))
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
        kept.saved = tuple([partners.get(id(t), t) for t in kept.saved])
        if kept.for_forward is not None or kept.constant:
            kept.for_forward, kept.constant = replaced((kept.for_forward, kept.constant), partners)
        if vars(ctx):
            vars(ctx).update(replaced(dict(vars(ctx)), partners))
        return ctx

    def forms(self, outs: Sequence[Any]) -> list[Any]:
        """Shape and dtype of every result of forward, of which ``outs`` are the tensors; None for what is none."""
        forms: list[Any] = [None] * len(self.template)
        for j, t in zip(self.spots, outs, strict=True):
            forms[j] = (t.shape, t.dtype)
        return forms
