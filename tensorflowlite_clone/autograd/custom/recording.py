"""One level of reverse mode in the call of a user's `Function`: its operands, its results, and the node it leaves on the tape.

Not here: which level's turn it is (``application.py``), where contexts come from (``call.py``), the node (``node.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import GraphError, OperandError, TransformError
from ..._state import state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.levels import boxed, is_plain
from ...core.plan import ANSWER, INPUT, PARAM, Source
from ...core.saved import version_of
from ...core.tensor import Taped, Tensor
from ...core.watchers import hand_over
from ...core.where import here
from ...core.windows import sealed
from ...ops.inplace.mutation import check_views, settle
from .call import Call
from .context import FunctionCtx, Kept
from .node import FunctionNode
from .recipe import replaced

_NOTHING: frozenset[int] = frozenset()


class Recording:
    """A call at the level of a tape: ``arrays`` are its operands, of which the tensors of ``level`` may be recorded."""

    __slots__ = ("arrays", "call", "ctx", "level", "lower", "nested", "operands", "tensors", "wanted")

    #: What the tensors of the level hold, and the other operands as they are.
    lower: list[Array]
    #: For each operand whether its gradient is wanted.
    wanted: list[bool]
    #: Whether operands hold boxes of other transforms.
    nested: bool
    #: Operands and results as setup_context sees them, and what it filled.
    operands: list[Any]
    tensors: list[Tensor]
    ctx: FunctionCtx

    def __init__(self, call: Call, arrays: Sequence[Array], level: int) -> None:
        self.call, self.arrays, self.level = call, arrays, level
        self.lower, self.wanted, self.nested = [], [], False
        enabled = state.grad_enabled
        for a in arrays:
            mine = isinstance(a, Taped) and a.level == level
            below = a.array if mine else a
            self.lower.append(below)
            self.wanted.append(mine and enabled and a.node is not None)
            if isinstance(below, Boxed) and not is_plain(below):
                self.nested = True

    def results(self) -> tuple[Tensor, ...]:
        """Carry out the call and record it: the results that are tensors."""
        call = self.call
        needs = tuple(call.filled(self.wanted, other=False))
        aliases = self._run(needs)
        self.ctx = call.context(self.operands, self.tensors, needs, self.nested, self.lower)
        kept = self.ctx._kept
        if self.nested:
            self._show_nodes(kept)
        dirty = self._dirty(kept.dirty) if kept.dirty else _NOTHING
        recorded = True in self.wanted
        parents = tuple([a.node for a, w in zip(self.arrays, self.wanted, strict=True) if w])
        constant = set(map(id, kept.constant)) if kept.constant else _NOTHING
        final, differentiable = [], []
        for n, (t, i) in enumerate(zip(self.tensors, aliases, strict=True)):
            if t.dtype.kind in "fc" and id(t) not in constant:
                differentiable.append(call.spots[n])
            final.append(self._final(n, t, i, recorded, dirty))
        call.results = []
        if recorded and differentiable:
            self._put_on_tape(final, tuple(differentiable), parents, dirty)
        return tuple(final)

    def _run(self, needs: tuple[bool, ...]) -> Sequence[int | None]:
        """Run forward, one level down; for each result the operand that it is, if it is one."""
        call = self.call
        call.needs = [a or b for a, b in zip(call.needs, needs, strict=True)] if call.inside else list(needs)
        if self.nested:
            call.inside = True
            outs = call.of(*self.lower)
            self.operands = [
                Tensor.wrap(below, self.level) if below is not a else boxed(a) for a, below in zip(self.arrays, self.lower, strict=True)
            ]
            self.tensors = [Tensor.wrap(o, self.level) for o in outs]
            return [None] * len(outs)
        outs = call.compute(self.arrays)
        self.operands = [boxed(a) for a in self.arrays]
        aliases = call.aliases
        self.tensors = [Tensor.wrap(o, self.level) if i is None else self.operands[i] for o, i in zip(outs, aliases, strict=True)]
        return aliases

    def _show_nodes(self, kept: Kept) -> None:
        """Put the operands themselves into the context, where setup_context saw stand-ins without a node."""
        partners = {id(o): a for o, a in zip(self.operands, self.arrays, strict=True) if isinstance(a, Boxed)}
        kept.saved, kept.for_forward = replaced((kept.saved, kept.for_forward), partners)
        vars(self.ctx).update(replaced(dict(vars(self.ctx)), partners))

    # ---- results ------------------------------------------------------------------------------------------------------------
    def _final(self, n: int, t: Tensor, i: int | None, recorded: bool, dirty: frozenset[int]) -> Tensor:
        """What the caller gets for result number ``n``, which is the operand number ``i`` or none."""
        if i is not None and i in dirty:
            operand = self.arrays[i]
            assert isinstance(operand, Taped)
            self._check_dirty(operand, recorded)
            return operand
        return t if self.nested else self._shared(t, self.call.results[n], recorded)

    def _shared(self, t: Tensor, result: Any, recorded: bool) -> Tensor:
        """A result as its own tensor; where its memory is that of an operand, it is read-only as long as gradients depend on it.

        Writing into it would have to change the operand's history by a derivative that only the user's Function knows.
        """
        for a in self.operands:
            if isinstance(a.array, ndarray) and np.may_share_memory(a.array, result.array):
                break
        else:
            t.version = result.version
            return t
        out = Tensor.wrap(t.array, self.level)
        if recorded:
            out.array = sealed(out.array)
            out.version = a.shared_cell()
        else:
            a.show(out)
        return out

    def _dirty(self, marked: tuple[Any, ...]) -> frozenset[int]:
        """The numbers of the operands that were changed in place."""
        name = self.call.__name__
        if self.nested:
            raise TransformError(f"{name}: mark_dirty: nothing can be changed in place inside nested transforms; return a new tensor")
        numbers = {id(o): i for i, o in enumerate(self.operands)}
        for t in marked:
            if id(t) not in numbers:
                raise OperandError(
                    f"{name}: mark_dirty: got something that is no argument of forward: a {type(t).__name__}; mark arguments"
                )
        dirty = frozenset(numbers[id(t)] for t in marked)
        if dirty - set(self.call.aliases):
            raise GraphError(f"{name}: mark_dirty: an argument changed in place must be a result of forward as well; return it")
        return dirty

    def _check_dirty(self, t: Tensor, recorded: bool) -> None:
        name = self.call.__name__
        if recorded and t.node is not None and t.is_leaf:
            raise GraphError(
                f"{name}: mark_dirty: a leaf tensor that requires grad (shape {t.shape}) was changed in place; "
                f"call it on a computed tensor, or under no_grad()"
            )
        if recorded:
            check_views(t, name)

    # ---- the node -----------------------------------------------------------------------------------------------------------
    def _put_on_tape(
        self, final: Sequence[Tensor], differentiable: tuple[int, ...], parents: tuple[Any, ...], dirty: frozenset[int]
    ) -> None:
        """Make the node and let the results know it."""
        call = self.call
        node = FunctionNode(call.function, self.ctx, self.level, self.nested)
        node.parents, node.differentiable = parents, differentiable
        node.arguments = tuple([i for i, w in zip(call.places, self.wanted, strict=True) if w])
        node.forms = tuple(call.filled([(o.shape, o.dtype) for o in self.operands], other=None))
        node.outputs = tuple(call.forms(final))
        self._save(node, final, dirty)
        changed = [self.arrays[i] for i in dirty]
        for n, t in enumerate(final):
            if t.node is not None:
                hand_over(t.node, node)
            if t.views is not None and any(t is c for c in changed):  # a window, or one that has windows: those who look learn of it
                written = Tensor.wrap(t.array, self.level)
                node.mark(written, call.spots[n])
                settle(t, written.node)
            else:
                node.mark(t, call.spots[n])
        node.code, node.instruction = here()
        for observer in state.observers:
            observer.recorded(node)

    def _save(self, node: FunctionNode, final: Sequence[Tensor], dirty: frozenset[int]) -> None:
        """Hand what was saved over to the node."""
        call, kept = self.call, self.ctx._kept
        saved = kept.saved
        if call.function._backward is None and kept.for_forward is not None:
            saved = kept.for_forward
        inputs = {id(a): i for i, a in enumerate(self.arrays) if i not in dirty}
        results = {id(t): n for n, t in enumerate(self.tensors)}
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
                sources.append((ANSWER, call.spots[n]))
                values.append(final[n].array)
                versions.append((cell, cell.count))
            else:
                i = inputs.get(id(t))
                sources.append((INPUT, None if i is None else call.places[i]))
                values.append(t)
                versions.append(version_of(t))
        node.origins = tuple(sources)
        node.saved, node.versions = tuple(values), tuple(versions)
        kept.saved, kept.for_forward, kept.dirty, kept.constant, kept.node = (), None, (), (), weakref.ref(node)
