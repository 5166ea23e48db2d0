"""What an old-style forward, ``forward(ctx, ...)``, left in its context, in a form that fits every level of nested transforms.

Not here: which level needs a context (``call.py``), the context itself (``context.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..._errors import TransformError
from ...core.boxed import Boxed
from ...core.plan import Source
from .context import FunctionCtx


class Recipe:
    """The contents of a context with arguments and results named by number, so that each level can fill in its own."""

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


def replaced(tree: Any, partners: dict[int, Any]) -> Any:
    """``tree`` (nested tuples, lists and dicts) with every object replaced by its partner, if it has one."""
    if type(tree) in (tuple, list):
        return type(tree)([replaced(v, partners) for v in tree])
    if type(tree) is dict:
        return {k: replaced(v, partners) for k, v in tree.items()}
    return partners.get(id(tree), tree)
