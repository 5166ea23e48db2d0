"""The fast path of operations with several outputs, among them those of any number of operands: a call, a node and a step, written out.

What it writes out is what `Operation.of`, `Recorded.record` and `Plan.run` do for tensors of one level that hold ndarrays; every other
case, boxes in tensors among it, is handed to them. The text of the call does not grow with the sets of operands that may need gradients:
what is recorded is a function of its own for each set, written when that is met first, and so is the step backward.

Not here: operations with one output, whose calls record in line (``compile.py``), which operands a call takes (``operands.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from weakref import ref

import numpy as np
from numpy import ndarray

from .._state import QUIET, next_serial, state
from .boxed import Boxed
from .broadcast import shape_of
from .dtypes import float32
from .explain import explain, plain_results
from .operands import fetch, fetch_several, promoted_of
from .operation import Operation
from .plan import ANSWER, DTYPE, INPUT, MOST, SHAPE, Plan, Step, no_gradient
from .tape import Select
from .tensor import Taped, Tensor
from .versions import Cell
from .where import caller, know_inside

#: Calls with more operands than that are the general one.
MOST_OPERANDS = 16
#: What the text calls its own things by name, and no parameter of the operation may be called.
OWN_NAMES = frozenset({"mask", "level", "dtype", "known", "plain", "ans", "box", "needs", "node", "frame"})
ERRORS = (ValueError, TypeError, IndexError, RuntimeError, OverflowError)


def compiles(op: type[Operation]) -> bool:
    """Whether there is a compiled call of an operation with several outputs; one that brings its operands to one shape first has none."""
    general: Any = op.of
    own = general.__func__ is not vars(Operation)["of"].__func__ and (len(op.names) > 1 or op.rest is not None)
    return not (own or op.is_view or OWN_NAMES & {*op.params})


def source_of(op: type[Operation], count: int) -> str:
    """The texts for ``count`` operands of which all that have a derivative need gradients, for reading."""
    needs, call = op.differentiable_mask & (1 << count) - 1, call_source(op, count)
    if not needs:
        return call
    plan = Plan(op, needs, needs, count)
    return "\n\n\n".join([call, record_source(plan), step_source(plan)])


def compile_call(op: type[Operation], slow: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled call, with ``slow`` for what is not its case."""
    if op.rest is None:
        return _compiled(op, len(op.names), slow)
    calls: dict[int, Callable[..., Any]] = {}

    def call(*args: Any, **params: Any) -> Any:
        """One compiled call for each number of operands, written when it is needed first."""
        found = calls.get(len(args))
        if found is None:
            fits = len(op.names) < len(args) <= MOST_OPERANDS
            found = calls[len(args)] = _compiled(op, len(args), slow) if fits else slow  # plans are as many
        return found(*args, **params)

    return call


def _compiled(op: type[Operation], count: int, slow: Callable[..., Any]) -> Callable[..., Any]:
    know_inside().add(f"<compiled {op.__name__}>")
    scope = _SCOPE | {
        "op": op, "forward": op.forward, "slow": slow, "DEFAULTS": op.defaults, "nodes": _Nodes(op, count), "quiet": QUIET.copy,
    }  # fmt: skip
    return _made(op, "call", call_source(op, count), scope)


def _made(op: type[Operation], name: str, text: str, scope: dict[str, Any]) -> Callable[..., Any]:
    exec(compile(text, f"<compiled {op.__name__}>", "exec"), scope)
    made: Callable[..., Any] = scope[name]
    return made


_SCOPE: dict[str, Any] = {
    "Taped": Taped, "Tensor": Tensor, "Boxed": Boxed, "ndarray": ndarray, "state": state, "new": Tensor.__new__, "F32": float32,
    "explain": explain, "plain_results": plain_results, "ERRORS": ERRORS,
}  # fmt: skip


def call_source(op: type[Operation], count: int) -> str:
    """The text of ``call`` for so many operands: fetch, compute, wrap, and record where a gradient may be asked."""
    names = (*op.names, *[str(op.rest)] * (count - len(op.names)))
    arguments, arrays = _each("a", count), _each("d", count)
    params = "".join(f", {p}=DEFAULTS[{p!r}]" if p in op.defaults else f", {p}" for p in op.params)
    keywords = "".join(f", {p}={p}" for p in op.params)
    settings, k = f"dict({keywords[2:]})", len(op.outputs or ())
    results = _each("b", k)
    lines = [f"def call({arguments}{', *' if op.params else ''}{params}):"]
    lines += fetch(op) if count == 1 else fetch_several(op, names, promoted_of(op, names))
    lines += [
        f"    if not mask or not plain: return slow({arguments}{keywords})",
        "    try:",
        f"        ans = quiet().run(forward, {arrays}{keywords})",
        "    except ERRORS as error:",
        f"        raise explain(op, ({arrays},), {settings}, error) from error",
        f"    if type(ans) is not tuple or len(ans) != {k}: ans = plain_results(op, ans, {settings})",
        f"    {results} = ans",
        f"    if not ({' is '.join(f'type(b{j})' for j in range(k))} is ndarray): {results} = plain_results(op, ans, {settings})",
        f"    box = {_box_of(count)} if level else Tensor",
    ]
    for j in range(k):
        lines += [f"    r{j} = new(box); r{j}.array = b{j}; r{j}.level = level"]
        lines += [f"    r{j}._grad = r{j}.node = r{j}.version = r{j}.views = None"]
    own = [i for i in range(count) if op.differentiable_mask >> i & 1]
    if own:
        lines += ["    needs = 0", *[f"    if n{i} is not None: needs |= {1 << i}" for i in own]]
        lines += [f"    if needs and state.grad_enabled: nodes[mask, needs]({arguments}, {_each('r', k)}{_commas(op.params)})"]
    return "\n".join([*lines, f"    return {_each('r', k)}"])


def _box_of(count: int) -> str:
    """The class of the results inside a transform: that which the first operand of its level has them get."""
    cases = [f"a{i}._results if mask & {1 << i} and a{i}.level == level else " for i in range(count - 1)]
    return "".join(cases) + f"a{count - 1}._results"


def _each(letter: str, count: int) -> str:
    return ", ".join(f"{letter}{i}" for i in range(count))


def _commas(names: tuple[str, ...]) -> str:
    return "".join(f", {name}" for name in names)


class _Nodes(dict[tuple[int, int], Callable[..., None]]):
    """What makes the node of a call, by the bits of the operands that are tensors and of those that need gradients."""

    def __init__(self, op: type[Operation], count: int) -> None:
        self.op, self.count = op, count

    def __missing__(self, key: tuple[int, int]) -> Callable[..., None]:
        plan = Plan(self.op, *key, self.count)
        write(plan)
        scope = {
            "plan": plan, "new_node": self.op.__new__, "op": self.op, "next_serial": next_serial, "shape_of": shape_of, "Cell": Cell,
            "Select": Select, "ref": ref, "getframe": sys._getframe, "INSIDE": know_inside(), "caller": caller,
        }  # fmt: skip
        made = _made(self.op, "record", record_source(plan), scope)
        if len(self) < MOST:
            self[key] = made
        return made


def record_source(plan: Plan) -> str:
    """The text of ``record``, which makes the node of a call from its operands ``a``, its results ``r`` and parameters."""
    op: Any = plan.op
    k = len(op.outputs)
    held = [f"a{i}.array" if plan.mask >> i & 1 else f"a{i}" for i in range(plan.count)]
    version = [f"(0 if a{i}.version is None else a{i}.version.count)" if plan.mask >> i & 1 else "0" for i in range(plan.count)]
    saved, versions = [], []
    for kind, key in plan.save:
        then = "0"
        if kind == ANSWER:
            saved.append(f"r{key}.array")
            then = f"(c{key}, 0)"
        elif isinstance(key, slice):
            several = range(plan.count)[key]
            saved.append(_tuple([(f"a{i}" if kind == INPUT else f"shape_of({held[i]})") for i in several]))
            then = _tuple([version[i] for i in several]) if kind == INPUT else then
        elif kind == INPUT:
            saved.append(f"a{key}")
            then = version[key]
        else:
            saved.append({SHAPE: f"shape_of({held[key]})", DTYPE: f"{held[key]}.dtype"}[kind] if kind in (SHAPE, DTYPE) else key)
        versions.append(then)
    cells = sorted({key for kind, key in plan.save if kind == ANSWER})
    lines = [
        f"def record({_each('a', plan.count)}, {_each('r', k)}{_commas(op.params)}):",
        "    node = new_node(op)",
        "    node.plan = plan",
        "    node.seq = next_serial()",
        f"    node.parents = {_tuple([f'a{i}.node' for i in plan.arrays])}",
        f"    node.saved = {_tuple(saved)}",
        *[f"    c{j} = r{j}.version = Cell()" for j in cells],
        f"    node.versions = {_tuple(versions) if cells or any(v != '0' for v in versions) else None}",
        "    frame = getframe(2)  # that of the call's caller; most often it is in a public function of this package",
        "    while frame is not None and frame.f_code.co_filename in INSIDE: frame = frame.f_back",
        "    node.code, node.instruction = caller(None) if frame is None else (frame.f_code, frame.f_lasti)",
        f"    node.shapes = {_tuple([f'shape_of({held[i]})' for i in plan.arrays]) if op.broadcasts else None}",
        f"    node.forms = {_tuple([f'(r{j}.array.shape, r{j}.array.dtype)' for j in range(k)])}",
    ]
    follow = [j for j, name in enumerate(op.outputs) if name not in op.constant_outputs]
    lines += [f"    r{j}.node = s{j} = Select(node, {j})" for j in follow]
    return "\n".join([*lines, f"    node.selects = {_tuple([f'ref(s{j})' if j in follow else 'None' for j in range(k)])}"])


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' * (len(items) == 1)})"


def write(plan: Plan) -> None:
    """Let a plan write out its step when that is called first."""

    def first(node: Any, g: Any) -> Any:
        op: Any = plan.op
        know_inside().add(f"<compiled {op.__name__}>")
        scope = {"plan": plan, "ndarray": ndarray, "zeros": np.zeros, "joint": plan.joint and plan.joint.rule}
        scope |= {f"rule{m}": step.kernel or step.rule for m, step in enumerate(plan.steps)}
        plan.step = _made(op, "step", step_source(plan), scope)
        return plan.step(node, g)

    plan.step = first


def step_source(plan: Plan) -> str:
    """The text of ``step``: unpack what was saved, compare versions, zeros for the outputs that nothing came from, kernels or rules.

    A cotangent that is no array, as inside transforms, is for `Plan.run`.
    """
    op: Any = plan.op
    steps: list[Step] = [step for step in plan.steps if step.rule is not no_gradient] if plan.joint is None else [plan.joint]
    lines = ["def step(node, g):", *_unpack(plan), "    items = g.items"]
    cotangents = sorted({c for step in steps for c in step.cotangents})
    for c in cotangents:
        lines += [f"    g{c} = items.get({c})", f"    if g{c} is None: g{c} = zeros(*node.forms[{c}])"]
    if cotangents:
        lines += [f"    if not ({' is '.join(f'type(g{c})' for c in cotangents)} is ndarray): return plan.run(node, g)"]
    found, rules = [], [(m, f"rule{m}", step) for m, step in enumerate(plan.steps)]
    for m, name, step in rules if plan.joint is None else [(0, "joint", plan.joint)]:
        arguments = [f"g{c}" for c in step.cotangents] + [f"s{j}" for j in step.values]
        if step.which is not None:
            arguments.append(f"index={step.which}")
        lines += [f"    f{m} = " + ("None" if step.rule is no_gradient else f"{name}({', '.join(arguments)})")]
        found.append("*" * (step.which is not None) + f"f{m}")
    whole = found[0][1:] if len(found) == 1 and found[0][0] == "*" else f"[{', '.join(found)}]"
    return "\n".join([*lines, f"    return {f'node.fit({whole})' if op.broadcasts else whole}"])


def _unpack(plan: Plan) -> list[str]:
    """Lines that take out of the node what it saved, after comparing versions, as the rules see it."""
    if not plan.save:
        return []
    lines = [f"    {_each('s', len(plan.save))}, = node.saved"]
    changed, lowered, several = [], [], []
    for j, (kind, key) in enumerate(plan.save):
        if kind == ANSWER:
            changed.append(f"versions[{j}][0].count != versions[{j}][1]")
        elif kind == INPUT and isinstance(key, slice):
            tensors = [bool(plan.mask >> i & 1) for i in range(plan.count)[key]]
            count = len(tensors)
            lines += [f"    {_each('x', count)}, = s{j}"]
            several += [f"    {_each('t', count)}, = versions[{j}] or {(0,) * count}"]
            changed += [f"x{i}.version is not None and x{i}.version.count != t{i}" for i in range(count) if tensors[i]]
            lowered += [f"    s{j} = {_tuple([f'x{i}.array' if tensors[i] else f'x{i}' for i in range(count)])}"]
        elif plan.is_tensor((kind, key)):
            changed.append(f"s{j}.version is not None and s{j}.version.count != versions[{j}]")
            lowered += [f"    s{j} = s{j}.array"]
    if not changed:
        return lines
    again = "; ".join(line.strip() for line in lines)
    test = " or ".join(f"({c})" if " and " in c else c for c in changed)
    return [*lines, "    versions = node.versions", *several, f"    if {test}: node.check_versions(); {again}", *lowered]
