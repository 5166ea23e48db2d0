"""A call on its way through the transforms, in the form of an operation: boxes handle it as they handle those, one level at a time.

Each transform takes one box off the arguments, until forward runs on constants. On the way back every level makes its own context
(by ``setup_context``, or by lifting the one that an old-style forward filled) and records a node, runs jvp, or stacks examples.

Not here: forward and the contexts (``call.py``), what a level of reverse mode records (``recording.py``), vmap (``mapping.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..._errors import TransformError
from ..._state import during, state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.levels import boxed, constant_value, highest, mapped, varies
from ...core.tensor import Tensor
from ...core.transpose import jvp_by_transposition
from ...func.batched import Batched
from .call import Call
from .context import FunctionCtx
from .following import Watch, one_by_one, shared_axis
from .mapping import map_call
from .node import checked_tangents
from .recording import Recording


class Application(Call):
    """A user's `Function` with one set of arguments, carried out by their boxes."""

    __slots__ = ()

    #: Forward mode by transposition asks whether there are derivative rules.
    rules: ClassVar[bool] = True

    def result(self) -> Any:
        """Carry out the call: what `Function.apply` returns."""
        arrays = [self.args[i] for i in self.places]
        top = highest(arrays)
        if top is None:
            return self.structured(self.record(arrays, {}, max([a.level for a in arrays], default=0)))
        return self.structured([boxed(o) for o in self._handled(top, arrays)])

    def of(self, *arrays: Array, **_: Any) -> tuple[Array, ...]:
        """The results that are tensors: the highest box among the operands handles it; constants go to forward."""
        top = highest(arrays)
        return self.compute(arrays) if top is None else self._handled(top, arrays)

    def _handled(self, top: Boxed, arrays: Sequence[Array]) -> tuple[Array, ...]:
        if isinstance(top, Batched):
            return self._mapped(arrays, top.level, top.length)
        operation: Any = self
        outs: tuple[Array, ...] = top.process(operation, tuple(arrays), {})
        return outs

    def follow(self, arrays: Sequence[Array]) -> tuple[Any, ...]:
        """Run forward on the boxes that write down what it does; its derivative is not asked for."""
        args, ctx = self.filled([boxed(a) for a in arrays]), FunctionCtx(self.__name__, tuple(self.needs))
        return tuple(self.accept(self.function.forward(*args) if self.function._has_setup else self.function.forward(ctx, *args)))

    def record(self, arrays: Sequence[Array], params: dict[str, Any], level: int) -> tuple[Tensor, ...]:
        """Carry out the call on what the tensors of ``level`` hold, and put a node on the tape if a gradient may be asked."""
        return Recording(self, arrays, level).results()

    def jvp(self, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """Results and tangents: by the user's jvp, else by transposing the user's backward."""
        function, self.inside = self.function, True
        if function._jvp is None:
            operation: Any = self
            return jvp_by_transposition(operation, primals, tangents, params)
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
        found = self._tangents(ctx, given, outs)
        constant = {id(t) for t in ctx._kept.constant}
        slopes = [
            None if id(o) in constant or o.dtype.kind not in "fc" or found[j] is None else constant_value(found[j])
            for j, o in zip(self.spots, outs, strict=True)
        ]
        return tuple(ans), tuple(slopes)

    def _tangents(self, ctx: FunctionCtx, given: list[Any], outs: list[Any]) -> list[Any]:
        """What the user's jvp gives: mapped as it is written, else example by example."""
        function, forms = self.function, self.forms(outs)
        values = [*ctx.saved_tensors, *vars(ctx).values(), *outs]

        def run(_: int, tangents: list[Any]) -> list[Any]:
            return checked_tangents(function, function._jvp(ctx, *self.filled(tangents, other=None)), forms)

        watch = Watch(self.__name__, "jvp") if any(map(varies, [*given, *values])) else state.leaving
        with during(leaving=watch):
            try:
                return run(0, given)
            except TransformError:
                top = shared_axis(given)
                if top is None or not top.length or any(mapped(v, top.level) for v in values):
                    raise
            return one_by_one(top, given, run)

    def _mapped(self, arrays: Sequence[Array], level: int, size: int) -> tuple[Array, ...]:
        self.inside = True
        own = [isinstance(a, Batched) and a.level == level for a in arrays]
        values = [a.value if m else a for a, m in zip(arrays, own, strict=True)]
        outs = map_call(self, level, size, values, own)
        self.results, self.aliases = [], [None] * len(outs)
        return tuple(Batched(o, size, level) for o in outs)
