"""The fast path: a call and a first-order backward step, written out per operation and per set of arrays that need gradients.

The only clever file, and optional: without it everything works the same, only slower. What it writes out is what
`Operation.of`, `Recorded.record` and `Plan.run` do for the common case, tensors of one level holding ndarrays of one
dtype (or a Python number beside one); every other case is handed to them. The text of the generated functions can be read with
``source_of(op)``.

Not here: which operands a call takes (``operands.py``), operations with several outputs (``several.py``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from types import FunctionType
from typing import Any

import numpy as np
from numpy import ndarray

from .._state import QUIET, next_serial, state
from . import observe, registry, several
from .boxed import Boxed
from .broadcast import shape_of, unbroadcast
from .dtypes import float32
from .explain import explain, plain_result
from .operands import even, fetch
from .operation import Operation
from .plan import ANSWER, DTYPE, INPUT, SHAPE, Plan, no_gradient
from .publish import REFLECTED, operator_of
from .recording import Recorded
from .tensor import Taped, Tensor
from .versions import Cell
from .views import look
from .where import caller, know_inside

MAX_ARRAYS = 5
ERRORS = (ValueError, TypeError, IndexError, RuntimeError, OverflowError)


#: What stands aside while operations are observed, and what takes its place: operation, method (None: ``op.of``), slow, fast.
_twins: list[tuple[type[Operation], str | None, Any, Any]] = []
_aside = False


def install() -> None:
    """Let every operation compile itself when it is first recorded."""
    Recorded.specialise = specialise
    Plan.write = staticmethod(_write)
    observe.on_switch(_stand_aside, _come_back)


def _stand_aside() -> None:
    """Let the general calls run: they tell the observers."""
    global _aside
    _aside = True
    for op, name, slow, _ in _twins:
        if name is not None:
            registry.install_method(name, slow)
        elif "of" in vars(op):
            del op.of


def _come_back() -> None:
    global _aside
    _aside = False
    for op, name, _, fast in _twins:
        _replace(op, name, fast)


def _replace(op: type[Operation], name: str | None, fast: Callable[..., Any]) -> None:
    if name is None:
        op.of = staticmethod(fast)  # type: ignore[method-assign]
    else:
        registry.install_method(name, fast)


def specialise(op: type[Operation]) -> None:
    """Replace ``op.of``, and the operator methods that lead to it, by compiled twins."""
    if not several.compiles(op) if op.outputs is not None else op.rest is not None or len(op.names) > MAX_ARRAYS:
        return
    with observe.lock:  # observers of other threads may come and go
        if _aside:
            op.specialised = False  # some other time
        elif "of" not in vars(op):  # no other thread was faster
            _specialise(op)


def _specialise(op: type[Operation]) -> None:
    if op.outputs is not None:
        slow, fast = op.of, several.compile_call(op, op.of)
        _twins.append((op, None, slow, fast))
        _replace(op, None, fast)
        return
    slow, scope = op.of, _scope_of(op)
    fast = _compile_call(op, scope, slow, range(len(op.names)))
    _twins.append((op, None, slow, fast))
    _replace(op, None, fast)
    if op.params:
        return
    for name, method in list(registry.METHODS.items()):
        if getattr(method, "__op__", None) is not op:
            continue
        if name.startswith("__r") and name[3:-2] in REFLECTED:  # __rshift__ is none, __rrshift__ is
            twin = _reflected(op, scope, name)
        elif name.startswith("__"):
            twin = _same_call(fast, method)
        else:
            twin = _same_call(fast, slow, op.called)
        _twins.append((op, name, method, _named(twin, op, name)))
        _replace(op, name, twin)


def _named(function: Callable[..., Any], op: type[Operation], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.__doc__
    function.__op__ = op  # type: ignore[attr-defined]
    return function


def _same_call(call: Any, slow: Callable[..., Any], called: tuple[str, ...] = ()) -> Callable[..., Any]:
    """The compiled ``call`` with another slow path, and with what users call its arrays."""
    code = call.__code__
    names = called[: code.co_argcount]
    return FunctionType(code.replace(co_varnames=(*names, *code.co_varnames[len(names) :])), call.__globals__ | {"slow": slow})


def _reflected(op: type[Operation], scope: dict[str, Any], name: str) -> Callable[..., Any]:
    """The reflected operator, compiled when it is called first: many operators never are."""

    def first(self: Any, other: Any) -> Any:
        slow = operator_of(op, name[3:-2], reflected=True)
        fast = _named(_compile_call(op, scope, slow, (1, 0)), op, name)
        with observe.lock:
            for i, (of, method, general, _) in enumerate(_twins):
                if of is op and method == name:
                    _twins[i] = op, name, general, fast
            if not _aside:
                _replace(op, name, fast)
        return fast(self, other)

    return first


def source_of(op: type[Operation]) -> str:
    """The text of the compiled call of ``op``, and of its step where all its arrays need gradients, for reading."""
    needs, count = op.differentiable_mask, len(op.names)
    if op.outputs is not None:
        return several.source_of(op, count + (op.rest is not None))
    call = _call_source(op, range(count))
    return f"{call}\n\n\n{_step_source(Plan(op, needs, needs, count))}" if needs else call


def _scope_of(op: type[Operation]) -> dict[str, Any]:
    """The names that the compiled calls of an operation know, among them the plans that they share."""
    know_inside().add(f"<compiled {op.__name__}>")
    scope: dict[str, Any] = {
        "getframe": sys._getframe, "INSIDE": know_inside(), "caller": caller,
        "Taped": Taped,
        "Tensor": Tensor, "Cell": Cell, "ndarray": ndarray, "state": state, "next_serial": next_serial, "new": Tensor.__new__,
        "new_node": op.__new__, "F32": float32,
        "op": op, "forward": op.forward, "uneven": op.uneven,
        "asarray": np.asarray, "generic": np.generic, "Boxed": Boxed, "plain_result": plain_result, "look": look,
        "shape_of": shape_of, "explain": explain, "quiet": QUIET.copy, "ERRORS": ERRORS, "DEFAULTS": op.defaults,
    }  # fmt: skip
    for needs in _subsets(op.differentiable_mask):
        scope[f"plans_{needs}"], scope[f"nested_{needs}"] = _Plans(op, needs, False), _Plans(op, needs, True)
    return scope


def _compile_call(op: type[Operation], scope: dict[str, Any], slow: Callable[..., Any], order: Any) -> Callable[..., Any]:
    scope = scope | {"slow": slow}
    exec(compile(_call_source(op, order), f"<compiled {op.__name__}>", "exec"), scope)
    call: Callable[..., Any] = scope["call"]
    return call


def _subsets(bits: int) -> list[int]:
    singles = [1 << i for i in range(bits.bit_length()) if bits >> i & 1]
    return [sum(c) for n in range(1, len(singles) + 1) for c in combinations(singles, n)]


def _call_source(op: type[Operation], order: Any) -> str:
    """The text of ``call``: fetch, compute, record."""
    k = len(op.names)
    positional = [f"a{i}" for i in order]
    params = "".join(f", {p}=DEFAULTS[{p!r}]" if p in op.defaults else f", {p}" for p in op.params)
    keywords = "".join(f", {p}={p}" for p in op.params)
    star = ", *" if op.params else ""
    lines = [f"def call({', '.join(positional)}{star}{params}):"]
    lines += fetch(op)
    lines += [f"    if not mask: return slow({', '.join(positional)}{keywords})", "    if plain:", "        try:"]
    arrays = ", ".join(f"d{i}" for i in range(k))
    begin = "{}(" if op.is_view else "quiet().run({}, "
    call = f"{begin.format('forward')}{arrays}{keywords})"
    if even(op):
        lines[-2:-2] = ["    same = plain and (single or d0.shape == d1.shape)"]
        call += f" if same else {begin.format('uneven')}{arrays})" * (op.uneven is not None)
    lines += [f"            ans = {call}"]
    params = f"dict({keywords[2:]})"
    lines += ["        except ERRORS as error:", f"            raise explain(op, ({arrays},), {params}, error) from error"]
    result = f"asarray(ans) if isinstance(ans, generic) else plain_result(op, ans, {params})"
    lines += [f"        if type(ans) is not ndarray: ans = {result}", f"    else: ans = op.of({arrays}{keywords})"]
    own = [f"mask & {1 << i} and a{i}.level == level" for i in range(k)]
    kind = "".join(f"a{i}._results if {own[i]} else " for i in range(k - 1)) + f"a{k - 1}._results"
    lines += [f"    out = new({kind} if level else Tensor)", "    out.array = ans", "    out.level = level", "    out._grad = None"]
    lines += ["    out.version = out.views = None"]
    if op.is_view:
        lines += [f"    if {'plain' if k == 1 else f'plain and {own[0]}'}: a0.show(out)"]
        lines += [f"    elif {'not plain' if k == 1 else own[0]}: look(a0, out, op, {params})"]
    differentiable = [i for i in range(k) if op.differentiable_mask >> i & 1]
    if not differentiable:
        return "\n".join([*lines, "    out.node = None", "    return out"])
    some = " or ".join(f"n{i} is not None" for i in differentiable)
    lines += [f"    if ({some}) and state.grad_enabled:", "        node = out.node = new_node(op)", "        node.seq = next_serial()"]
    lines += _cases(op, differentiable, 0, "        ")
    lines += ["    else: out.node = None", "    return out"]
    return "\n".join(lines)


def _cases(op: type[Operation], differentiable: list[int], needs: int, indent: str) -> list[str]:
    """Nested ifs over the arrays that may need gradients; at each end, what the node saves."""
    if differentiable:
        i, rest = differentiable[0], differentiable[1:]
        yes = _cases(op, rest, needs | 1 << i, indent + "    ")
        no = _cases(op, rest, needs, indent + "    ")
        if not rest and not needs:
            return _cases(op, [], 1 << i, indent)
        return [f"{indent}if n{i} is not None:", *yes, f"{indent}else:", *no]
    k = len(op.names)
    plan = Plan(op, needs, needs, k)
    parents = [i for i in range(k) if needs >> i & 1]
    saved, versions, inputs = [], [], []
    for kind, key in plan.save:
        version = "0"
        if kind == ANSWER:
            saved.append("ans")
            version = "(cell, 0)"
        elif kind == INPUT:
            saved.append(f"a{key}")
            inputs.append(key)
            version = f"(0 if v{key} is None else v{key}.count)"
        elif kind == SHAPE:
            saved.append(f"shape_of(d{key})")
        elif kind == DTYPE:
            saved.append(f"d{key}.dtype")
        else:
            saved.append(key)
        versions.append(version)
    lines = []
    if plan.answers or inputs:
        place = ["frame = getframe(1)", "code = node.code = frame.f_code", "node.instruction = frame.f_lasti"]
        # Called by a public function of this package: the line is one frame further out, or, rarely, more.
        place += ["if code.co_filename in INSIDE:"]
        place += ["    frame = frame.f_back or frame", "    code = node.code = frame.f_code", "    node.instruction = frame.f_lasti"]
        place += ["    if code.co_filename in INSIDE: node.code, node.instruction = caller(frame)"]
        if plan.answers:
            lines += place
        else:  # a number that is saved cannot change
            lines += [f"if mask & {sum(1 << i for i in set(inputs))}:", *("    " + line for line in place)]
    lines += [f"node.plan = (plans_{needs} if plain else nested_{needs})[mask]", f"node.parents = ({', '.join(f'n{i}' for i in parents)},)"]
    lines += [f"node.saved = ({', '.join(saved)}{',' if saved else ''})"]
    recorded = f"({', '.join(versions)}{',' if versions else ''})"
    if plan.answers:
        lines += ["cell = out.memory_cell()" if op.is_view else "cell = out.version = Cell()", f"node.versions = {recorded}"]
    elif inputs:
        lines += [f"node.versions = None if {' and '.join(f'v{i} is None' for i in inputs)} else {recorded}"]
    else:
        lines += ["node.versions = None"]
    if not op.broadcasts or k == 1:
        lines += ["node.shapes = None"]
    else:
        shapes = f"({', '.join(f'shape_of(d{i})' for i in parents)},)"
        fits = "same" if even(op) else " and ".join(f"d{i}.shape == ans.shape" for i in parents)
        lines += [f"node.shapes = None if {fits} else {shapes}" if op.numbers_allowed else f"node.shapes = {shapes}"]
    return [indent + line for line in lines]


class _Plans(dict[int, Plan]):
    """The plans for the arrays that need gradients, by which arrays are tensors; ``boxes`` says that some of what is held are boxes."""

    def __init__(self, op: type[Operation], needs: int, boxes: bool) -> None:
        self.op, self.needs, self.boxes = op, needs, boxes

    def __missing__(self, mask: int) -> Plan:
        plan = self[mask] = Plan(self.op, mask, self.needs, len(self.op.names))
        plan.boxes = self.boxes
        _write(plan)
        return plan


def _write(plan: Plan) -> None:
    """Let a plan write out its steps when they are first called."""
    if plan.op.outputs is not None:
        several.write(plan)
        return
    plan.step = _later(plan, "step", "boxes" if plan.boxes else "arrays")
    if not plan.op.flat_mask:
        plan.replay = _later(plan, "replay", "replay")


def _later(plan: Plan, name: str, form: str) -> Callable[..., Any]:
    def first(*args: Any) -> Any:
        written = _written(plan, form)
        setattr(plan, name, written)
        return written(*args)

    return first


def _written(plan: Plan, form: str) -> Callable[..., Any]:
    """A step of a plan, written out."""
    op: Any = plan.op
    scope: dict[str, Any] = {"ndarray": ndarray, "unbroadcast": unbroadcast, "joint": plan.joint and plan.joint.rule, "wrap": Tensor.wrap}
    scope |= {f"rule{m}": step.rule for m, step in enumerate(plan.steps)} | {f"kernel{m}": step.kernel for m, step in enumerate(plan.steps)}
    exec(compile(_step_source(plan, form), f"<compiled {op.__name__} {form} {plan.mask},{plan.needs}>", "exec"), scope)
    step: Callable[..., Any] = scope["step"]
    return step


def _step_source(plan: Plan, form: str = "arrays") -> str:
    """The text of ``step``: unpack what was saved, compare versions, run the rules (or their kernels), sum back what was broadcast.

    In the form "arrays" kernels take the place of rules; "boxes" is for where some of what is held are boxes, and "replay" runs the
    rules on tensors, which record it.
    """
    op = plan.op
    lines = [f"def step(node, g{', level' * (form == 'replay')}):", *_unpack(plan, form == "replay")]
    several = op.broadcasts and len(op.names) > 1
    if several:
        lines += ["    shapes = node.shapes"]
    joint, one_by_one = plan.joint if form == "arrays" else None, []
    for m, (rule, kernel, cotangents, positions, _) in enumerate(plan.steps):
        arguments = _arguments(cotangents, positions)
        if rule is no_gradient:
            one_by_one += [f"    g{m} = None"]
        elif kernel is None or joint is not None or form != "arrays":
            one_by_one += [f"    g{m} = rule{m}({arguments})"]
        else:
            one_by_one += [f"    g{m} = kernel{m}({arguments}) if type(g) is ndarray else rule{m}({arguments})"]
    if joint is None:
        lines += one_by_one
    else:
        call = f"joint({_arguments(joint.cotangents, joint.values)}, index={joint.which})"
        lines += [f"    if type(g) is ndarray: {', '.join(f'g{m}' for m in range(len(plan.steps)))}, = {call}", "    else:"]
        lines += ["    " + line for line in one_by_one]
    wanted = [m for m, step in enumerate(plan.steps) if step.rule is not no_gradient]
    if several and wanted:
        lines += ["    if shapes is not None:"]
        for m in wanted:
            lines += [f"        if g{m}.shape != shapes[{m}]: g{m} = unbroadcast(g{m}, shapes[{m}])"]
    return "\n".join([*lines, f"    return ({', '.join(f'g{m}' for m in range(len(plan.steps)))},)"])


def _arguments(cotangents: tuple[int, ...], positions: tuple[int, ...]) -> str:
    """Those of a rule: its cotangent, unless it does not need it (`source` puts cotangents first), and what was saved."""
    return ", ".join([*(["g"] if cotangents else []), *(f"s{j}" for j in positions)])


def _unpack(plan: Plan, replay: bool) -> list[str]:
    """Lines that take out of the node what it saved, after comparing versions, as the rules see it: to ``replay``, as tensors."""
    if not plan.save:
        return []
    unpack = f"{', '.join(f's{j}' for j in range(len(plan.save)))}, = node.saved"
    lines = ["    if node.saved is None: raise node.released()"] * replay + [f"    {unpack}"]
    tensors = [j for j, s in enumerate(plan.save) if plan.is_tensor(s)]
    answers = [j for j, s in enumerate(plan.save) if s[0] == ANSWER]
    if tensors or answers:
        lines += ["    versions = node.versions"]
        fresh = " or ".join(f"s{j}.version is not None" for j in tensors)
        changed = [f"versions[{j}][0].count" for j in answers]
        changed += [f"(0 if s{j}.version is None else s{j}.version.count) != versions[{j}]" for j in tensors]
        if answers:
            lines += [f"    if {' or '.join(changed)}: node.check_versions(); {unpack}"]
        else:
            lines += [f"    if (({fresh}) if versions is None else ({' or '.join(changed)})): node.check_versions(); {unpack}"]
    if replay:
        return lines + [f"    s{j} = wrap(s{j}, level); s{j}.node = node" for j in answers]
    return lines + [f"    s{j} = s{j}.array" for j in tensors]
