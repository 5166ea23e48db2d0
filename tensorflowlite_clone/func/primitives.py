"""`primitive`: a function of ndarrays, NumPy's or SciPy's, with its derivative rule, as an operation that all transforms go through.

Here: how a call is carried out by the boxes, its node on the tape, and what a rule written in NumPy can be asked for. Not here: implicit
functions (``implicitly.py``), operations of the package (``core/operation.py``), PyTorch's form of the same (``autograd/function.py``).
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, OperandError, ShapeError, TransformError
from .._state import during, next_serial, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import align, conjugated, shape_of, unbroadcast
from ..core.levels import constant_value, highest, off_tape, varies
from ..core.plan import ANSWER, INPUT, Source
from ..core.saved import SavingNode, version_of
from ..core.tape import Select
from ..core.tensor import Taped, Tensor
from ..core.transpose import batch_by_loop, transposed
from ..core.where import here
from .arguments import replaced
from .batched import Batched
from .reverse import converted
from .tree import Structure, count_leaves, flatten, flatten_as, ravel_pytree, unflatten

NUMBERS = ndarray | np.generic | bool | int | float | complex


def primitive(
    func: Callable[..., Any] | None = None,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    vmap: str | Callable[..., Any] = "loop",
    name: str | None = None,
) -> Any:
    """``func``, which takes and gives ndarrays, as a function of tensors and of values inside transforms; also a decorator.

    Args:
        func: any callable. Tensors and followed values among its positional arguments, nested or not, reach it as ndarrays; everything
            else, keyword arguments too, as it is given. It returns ndarrays or numbers, perhaps nested.
        vjp: ``vjp(g, ans, *args, **kwargs)``, the cotangents of the arguments, one for each: nested like it, or None for 0. ``g`` and
            ``ans`` are nested like the result; of an integer result g is None. Complex ones are conjugate, as PyTorch's are.
        jvp: ``jvp(tangents, ans, *args, **kwargs)``, the tangent of the result, nested like it. ``tangents`` is the tuple of those
            of the arguments, zeros for constants. One of the two rules is enough for both modes.
        vmap: "loop", one call for each example; "broadcast" for a function and rules that take leading axes as NumPy's operations do;
            or a function ``(size, mapped, *args, **kwargs)`` of all examples, whose arguments have them along axis 0 where ``mapped``,
            nested like them, says so, and all of whose results have; it may return NotImplemented, for "loop".
        name: what messages call it; its own name if it has one.

    A rule of operations that transforms follow (NumPy's functions, other primitives) gives derivatives of every order in every nesting.
    One that leaves them (SciPy, ``float(x)``) gives first ones in every mode: in the other mode by one call for each element, inside vmap
    by one for each example.

    Raises `TransformError` by name where the derivative of such a rule is asked for or there is none, `ArgumentError` for a followed
    keyword argument, `OperandError` for a result that is no array, `ShapeError` for a derivative of the wrong shape.

    >>> import math, tensorflowlite_clone as tl
    >>> erf = primitive(np.vectorize(math.erf), vjp=lambda g, ans, x: 2 / math.sqrt(math.pi) * np.exp(-x * x) * g)
    >>> float(erf(0.0)), float(tl.func.grad(erf)(np.array(0.0)).round(6)), float(tl.func.grad(tl.func.grad(erf))(np.array(1.0)).round(6))
    (0.0, 1.128379, -0.830215)
    """
    if func is None:
        return functools.partial(primitive, vjp=vjp, jvp=jvp, vmap=vmap, name=name)
    title: str = name or str(getattr(func, "__name__", type(func).__name__))
    for what, rule in (("func", func), ("vjp", vjp), ("jvp", jvp)):
        if rule is not None and not callable(rule):
            raise ArgumentError(f"primitive: {what} must be callable: got {type(rule).__name__}; pass a function")
    if not (callable(vmap) or vmap in ("loop", "broadcast")):
        raise ArgumentError(f"primitive: vmap must be 'loop', 'broadcast' or a function: got {vmap!r:.40}")
    facts = Facts(title, func, vjp, jvp, vmap)

    @functools.wraps(func, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        return Call(facts, args, kwargs).result([x for x in flatten(args)[0] if isinstance(x, Boxed | ndarray)])

    return call


class Facts(NamedTuple):
    """What `primitive` was told."""

    name: str
    func: Callable[..., Any]
    vjp: Callable[..., Any] | None
    jvp: Callable[..., Any] | None
    vmap: str | Callable[..., Any]


class FirstOrderError(TransformError):
    """A rule left what transforms follow, and they ask for its derivative."""


class Leaving:
    """Refuses, while a rule runs on values of which a derivative is taken, that one becomes a plain number."""

    def __init__(self) -> None:
        self.detached = False

    def check(self, what: str, followed: bool) -> None:
        """Raise where a followed value leaves."""
        if followed or self.detached:
            raise TransformError(f"{what}: takes the value without its derivative")


class Call:
    """One call, in the form of an operation: each box takes its own level off the operands, until all are ndarrays."""

    __slots__ = ("facts", "kwargs", "leaves", "out_tree", "places", "tree")  # leaves: None for the operands, which a node must not keep

    is_view: ClassVar[bool] = False
    follow: ClassVar[Any] = None
    out_tree: Structure

    def __init__(self, facts: Facts, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.facts = facts
        leaves, self.tree = flatten(args)
        self.places = [i for i, x in enumerate(leaves) if isinstance(x, Boxed | ndarray)]
        self.leaves = [None if isinstance(x, Boxed | ndarray) else x for x in leaves]
        self.kwargs = {key: self._setting(key, value) for key, value in kwargs.items()} if kwargs else kwargs

    def _setting(self, key: str, value: Any) -> Any:
        leaves, tree = flatten(value)
        if highest(leaves) is not None:
            raise ArgumentError(
                f"{self.title()}: {key} takes no derivative, as no keyword argument does: it is followed; pass it by position"
            )
        return unflatten(tree, [constant_value(x) for x in leaves]) if any(isinstance(x, Boxed) for x in leaves) else value

    def title(self) -> str:
        """The name that messages use."""
        return self.facts.name

    __name__ = property(title)

    # ---- carrying it out ----------------------------------------------------------------------------------------------------
    def result(self, operands: list[Any]) -> Any:
        """What the user gets: ndarrays for ndarrays, else tensors or what their transforms made of them."""
        outs = self.of(*operands)
        if any(isinstance(x, Boxed) for x in operands):
            outs = tuple(o if isinstance(o, Boxed) else Tensor.wrap(o, 0) for o in outs)
        return unflatten(self.out_tree, list(outs))

    def of(self, *arrays: Array, **_: Any) -> tuple[Array, ...]:
        """The results one by one; the highest box among the operands handles it."""
        top = highest(arrays)
        if top is None:
            plain = [np.asarray(constant_value(a)) for a in arrays]
            return self._arrays(self.facts.func(*self.args(plain), **self.kwargs), plain)
        outs: tuple[Array, ...] = top.process(self, arrays, {})  # type: ignore[arg-type]
        return outs

    def args(self, arrays: Sequence[Any], leaves: Sequence[Any] | None = None) -> tuple[Any, ...]:
        """The arguments, nested as they were given, with ``arrays`` for the operands."""
        args: tuple[Any, ...] = unflatten(self.tree, replaced(self.leaves if leaves is None else leaves, self.places, arrays))
        return args

    def _arrays(self, out: Any, operands: Sequence[Any], boxes: bool = False) -> tuple[Array, ...]:
        leaves, self.out_tree = flatten(out)
        found = []
        for x in leaves:
            x = x if boxes else constant_value(x)
            if isinstance(x, Boxed) and not boxes:
                raise TransformError(
                    f"{self.title()}: it computed with a value that is followed and none of its arguments, whose derivative would be lost; "
                    f"pass it as an argument, or use x.detach()"
                )
            if not isinstance(x, NUMBERS | Boxed):
                raise OperandError(
                    f"{self.title()}: a primitive must return arrays or numbers, perhaps nested: it returned {type(x).__name__} "
                    f"{x!r:.40}; convert it"
                )
            x = x if isinstance(x, Boxed) else np.asarray(x)
            if type(x) is ndarray and any(type(a) is ndarray and np.may_share_memory(x, a) for a in operands):
                x = x.copy()
            found.append(x)
        return tuple(found)

    def batch(self, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> tuple[Array, ...]:
        """All examples, which lie along the first axis of the operands where ``mapped``."""
        how, found = self.facts.vmap, NotImplemented
        if callable(how):
            flags = self.args(mapped, [False] * len(self.leaves))
            found = how(size, flags, *self.args(list(map(constant_value, values))), **self.kwargs)
        if how == "broadcast":
            outs = self.of(*align(values, mapped, size))
        elif found is NotImplemented:
            outs = batch_by_loop(self, size, values, mapped, params)
        else:
            outs = self._arrays(found, values, boxes=True)
        for o in outs:
            if shape_of(o)[:1] != (size,):
                raise ShapeError(
                    f"{self.title()}: vmap={how!r:.40} must give all {size} examples along the first axis: a result has shape {shape_of(o)}"
                )
        return outs

    def record(self, args: Sequence[Array], params: dict[str, Any], level: int) -> tuple[Tensor, ...]:
        """Carry it out on what the tensors of ``level`` hold, and put a node on the tape if a gradient may be asked."""
        tensors = [Tensor.wrap(o, level) for o in self.of(*[_lower(a, level) for a in args])]
        wanted = [i for i, a in enumerate(args) if isinstance(a, Taped) and a.level == level and a.node is not None]
        if wanted and state.grad_enabled and any(t.dtype.kind in "fc" for t in tensors):
            CallNode(self, args, tensors, wanted, level)
        return tuple(tensors)

    def jvp(self, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]:
        """Results and tangents; the rule for cotangents is transposed where there is none for tangents."""
        outs = self.of(*primals)
        if self.facts.jvp is not None:
            return outs, tuple(self.push(tangents, outs, primals))
        moving = [i for i, t in enumerate(tangents) if t is not None]
        slopes = _transposed(lambda us: self.pull(us, outs, primals, moving), outs, [tangents[i] for i in moving])
        return outs, tuple(None if o.dtype.kind not in "fc" else s for o, s in zip(outs, slopes, strict=True))

    # ---- the rules ----------------------------------------------------------------------------------------------------------
    def pull(self, gs: Sequence[Any], outs: Sequence[Array], xs: Sequence[Array], wanted: Sequence[int]) -> list[Array | None]:
        """The cotangents of the ``wanted`` operands ``xs``, from those of the results ``outs``; plain transposes, as in the engine."""
        if self.facts.vjp is None:
            if self.facts.jvp is None:
                raise TransformError(f"{self.title()}: this primitive has no derivative: it has no rule; give it vjp= or jvp=")
            found = _transposed(lambda ts: self.push(ts, outs, xs), xs, gs)
            return [found[i] for i in wanted]
        n, vjp = len(outs), self.facts.vjp

        def rule(values: list[Any]) -> list[Any]:
            g, ans, ys = values[:n], values[n : 2 * n], values[2 * n :]
            args = self.args(ys)
            found = vjp(unflatten(self.out_tree, g), unflatten(self.out_tree, ans), *args, **self.kwargs)
            leaves = self._cotangents(found, len(args))
            return [self._fitted(leaves[self.places[i]], xs[i], "cotangent") for i in wanted]

        cs = [
            None if o.dtype.kind not in "fc" else np.zeros(o.shape, o.dtype) if g is None else conjugated(g)
            for g, o in zip(gs, outs, strict=True)
        ]
        grads = self._linear(rule, cs, [*outs, *xs], "vjp")
        return [None if g is None else conjugated(g) for g in grads]

    def push(self, ts: Sequence[Any], outs: Sequence[Array], xs: Sequence[Array]) -> list[Any]:
        """The tangents of the results ``outs``, from those of the operands ``xs``; None for those of integer results."""
        n, jvp = len(xs), self.facts.jvp
        assert jvp is not None
        zeros = [0.0 if isinstance(x, float | complex) else None for x in self.leaves]

        def rule(values: list[Any]) -> list[Any]:
            t, ys, ans = values[:n], values[n : 2 * n], values[2 * n :]
            found = jvp(self.args(t, zeros), unflatten(self.out_tree, ans), *self.args(ys), **self.kwargs)
            leaves = flatten_as(self.out_tree, found, self.title(), "the tangent", "the result")
            return [self._fitted(s, o, "tangent") if o.dtype.kind in "fc" else None for s, o in zip(leaves, outs, strict=True)]

        full = [None if x.dtype.kind not in "fc" else np.zeros(x.shape, x.dtype) if t is None else t for t, x in zip(ts, xs, strict=True)]
        return self._linear(rule, full, [*xs, *outs], "jvp")

    def _cotangents(self, found: Any, count: int) -> list[Any]:
        """What vjp returned, one for each leaf of the arguments."""
        if not (isinstance(found, tuple) and len(found) == count):
            if count != 1:
                raise ArgumentError(
                    f"{self.title()}: vjp must return a tuple with one cotangent, or None, for each of the {count} positional arguments: "
                    f"it returned {type(found).__name__}" + (f" of {len(found)}" if isinstance(found, tuple) else "")
                )
            found = (found,)
        leaves: list[Any] = []
        for tree, g in zip(self.tree.children, found, strict=True):  # type: ignore[union-attr]
            if g is None:
                leaves += [None] * count_leaves(tree)
            else:
                leaves += flatten_as(tree, g, self.title(), "the cotangent", "the argument")
        return leaves

    def _fitted(self, g: Any, x: Array, what: str) -> Any:
        """A derivative in the shape and dtype of what it belongs to."""
        if g is None:
            return None
        g = g if isinstance(g, Boxed) else np.asarray(g)
        if g.shape != x.shape:
            lead = len(g.shape) - len(x.shape)
            if what == "cotangent" and lead >= 0 and all(a == b or b == 1 for a, b in zip(g.shape[lead:], x.shape, strict=True)):
                g = unbroadcast(g, tuple(x.shape))
            else:
                raise ShapeError(f"{self.title()}: a {what} has the wrong shape: it is {g.shape}, what it belongs to {x.shape}")
        return converted(g, x.dtype, self.title(), what, "value")

    def _linear(self, rule: Callable[[list[Any]], list[Any]], seeds: list[Any], values: list[Any], method: str) -> list[Any]:
        """The rule on ``seeds``, in which it is linear, and ``values``; one in NumPy is made a matrix where only seeds are followed."""
        try:
            return self._run(rule, [*seeds, *values], method)
        except FirstOrderError:
            if any(map(varies, values)) or any(s is not None and s.dtype.kind == "c" for s in seeds):
                raise
        flat, nested = ravel_pytree(seeds)
        units = np.eye(shape_of(flat)[0], dtype=flat.dtype)
        columns = zip(*(self._run(rule, [*nested(unit), *values], method) for unit in units), strict=True)

        def applied(column: Any) -> Any:
            out = np.reshape(flat @ np.reshape(np.stack(column), (len(column), -1)), column[0].shape)
            return out if out.dtype == column[0].dtype else out.astype(column[0].dtype)

        return [None if column[0] is None else applied(column) for column in columns]

    def _run(self, rule: Callable[[list[Any]], list[Any]], values: list[Any], method: str) -> list[Any]:
        """The rule on plain arrays, or on what transforms follow; where it leaves that, example by example."""
        values = [off_tape(v) for v in values]
        top = highest(v for v in values if v is not None)
        if top is None:
            return rule(values)
        moving = any(map(varies, values))
        try:
            with during(leaving=Leaving() if moving else state.leaving):
                return rule(values)
        except (np.linalg.LinAlgError, ImportError):
            raise
        except Exception as error:
            if moving:
                raise FirstOrderError(
                    f"{self.title()}: its {method} rule leaves the operations that transforms follow, so it has first derivatives only, "
                    f"and a derivative of its derivative was asked for; write the rule with NumPy's functions of its arguments, or with "
                    f"primitives (it failed so: {type(error).__name__}: {error!s:.200})"
                ) from error
        assert isinstance(top, Batched)
        level, size = top.level, top.length
        with during(maps=tuple(m for m in state.maps if m.level != level)):
            rows = [self._run(rule, [_example(v, level, i, size) for v in values], method) for i in range(max(size, 1))]
        return [
            None
            if column[0] is None
            else Batched(np.stack(column) if size else np.zeros((0, *column[0].shape), column[0].dtype), size, level)
            for column in zip(*rows, strict=True)
        ]


class CallNode(SavingNode):
    """A recorded call: it saves results and operands, and its step is the rule."""

    __slots__ = ("call", "forms", "level", "selects", "wanted")

    kept_as = "a value needed for the gradient"

    def __init__(self, call: Call, args: Sequence[Array], tensors: Sequence[Tensor], wanted: list[int], level: int) -> None:
        self.call, self.level, self.wanted = call, level, wanted
        self.forms = [(t.array.shape, t.array.dtype) for t in tensors]
        self.seq = next_serial()
        self.parents = tuple(args[i].node for i in wanted)
        self.saved = (*[t.array for t in tensors], *args)
        cells = [t.memory_cell() for t in tensors]
        self.versions = (*[(c, c.count) for c in cells], *map(version_of, args))
        self.code, self.instruction = here()
        self.selects: list[Any] = [None] * len(tensors)
        for j, t in enumerate(tensors):
            if t.dtype.kind in "fc":
                t.node = Select(self, j)
                self.selects[j] = weakref.ref(t.node)
        for observer in state.observers:
            observer.recorded(self)

    def step(self, g: Any) -> tuple[Any, ...]:
        """The rule on what the tensors hold."""
        saved, n = self.opened(), len(self.forms)
        xs = [_lower(v, self.level) for v in saved[n:]]
        return tuple(self.call.pull([g.items.get(j) for j in range(n)], saved[:n], xs, self.wanted))

    def replay(self, g: Any, level: int, plan: Any = None) -> tuple[Any, ...]:
        """The rule on recorded tensors."""
        saved, n = self.opened(), len(self.forms)
        outs = []
        for j, value in enumerate(saved[:n]):
            t = Tensor.wrap(value, level)
            if self.selects[j] is not None:
                t.node = self.selects[j]() or Select(self, j)
            outs.append(t)
        found = self.call.pull([g.items.get(j) for j in range(n)], outs, saved[n:], self.wanted)
        return tuple(None if r is None else r if isinstance(r, Taped) and r.level == level else Tensor.wrap(r, level) for r in found)

    def sources(self) -> tuple[Source, ...]:
        """Results, then operands."""
        n = len(self.forms)
        return (*[(ANSWER, j) for j in range(n)], *[(INPUT, i) for i in range(len(self.call.places))])

    def name_of(self, source: Source) -> str:
        """A result or an operand."""
        return f"its {'result' if source[0] == ANSWER else 'operand'} {source[1]}"

    def results(self) -> tuple[int, int]:
        """The first result with a derivative, and their number."""
        return next(j for j, s in enumerate(self.selects) if s is not None), len(self.forms)

    def title(self) -> str:
        """The name that messages use."""
        return self.call.title()


def _lower(a: Array, level: int) -> Array:
    return a.array if isinstance(a, Taped) and a.level == level else constant_value(a)


def _example(v: Any, level: int, i: int, size: int) -> Any:
    if not (isinstance(v, Batched) and v.level == level):
        return v
    if not size:
        return np.zeros(v.shape, v.dtype)
    return v.value[i] if isinstance(v.value, Boxed) else np.asarray(v.value[i])


def _transposed(f: Callable[[list[Any]], list[Any]], like: Sequence[Array], given: Sequence[Any]) -> list[Any]:
    """The transpose of the linear map ``f`` from values ``like`` those, applied to ``given``; zeros where there is no influence."""
    level = state.highest = max(state.height, state.highest) + 1
    with during(height=level, grad_enabled=True):
        us = [Tensor.wrap(np.zeros(x.shape, x.dtype), level) for x in like]
        inputs = [u.requires_grad_() for u in us if u.dtype.kind in "fc"]
        found = f([u if u.node is not None else None for u in us])
        results = iter(transposed(found, given, inputs, level))
    return [np.zeros(u.shape, u.dtype) if u.node is None or (r := next(results)) is None else r for u in us]
