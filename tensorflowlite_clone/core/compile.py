"""The fast path: a call and a first-order backward step, written out per operation and per set of arrays that need gradients.

The only clever file, and optional: without it everything works the same, only slower. What it writes out is what
`Operation.of`, `Recorded.record` and `Plan.run` do for the common case, tensors of one level holding ndarrays of one
dtype (or a Python number beside one); every other case is handed to them. The text of the generated functions can be read with
``source_of(op)``.
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
from . import observe, registry
from .boxed import Boxed
from .broadcast import shape_of, unbroadcast
from .dtypes import float32
from .explain import explain, plain_result
from .operation import Operation
from .plan import ANSWER, DTYPE, INPUT, SHAPE, Plan, no_gradient
from .publish import REFLECTED, operator_of
from .recording import Recorded
from .short import OVERFLOW, TINY
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
    if op.rest is not None or op.outputs is not None or len(op.names) > MAX_ARRAYS:
        return
    with observe.lock:  # observers of other threads may come and go
        if _aside:
            op.specialised = False  # some other time
        elif "of" not in vars(op):  # no other thread was faster
            _specialise(op)


def _specialise(op: type[Operation]) -> None:
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
    needs, call = op.differentiable_mask, _call_source(op, range(len(op.names)))
    return f"{call}\n\n\n{_step_source(Plan(op, needs, needs, len(op.names)))}" if needs else call


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
    lines += _fetch(op)
    lines += [f"    if not mask: return slow({', '.join(positional)}{keywords})", "    if plain:", "        try:"]
    arrays = ", ".join(f"d{i}" for i in range(k))
    begin = "{}(" if op.is_view else "quiet().run({}, "
    call = f"{begin.format('forward')}{arrays}{keywords})"
    if _even(op):
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


#: What the lines that fetch operands say: of a tensor, of another operand, of dtypes that are computed in (bfloat16 is none).
TAKE = "d{0} = a{0}.array; n{0} = a{0}.node; v{0} = a{0}.version"
GIVEN = "d{0} = a{0}; n{0} = v{0} = None"
COMPUTES = "(d{0}.dtype is F32 or d{0}.dtype.char != 'E')"


def _fetch(op: type[Operation]) -> list[str]:
    """Lines that take ``d`` (what it holds), ``n`` (node) and ``v`` (version) out of every operand.

    They leave ``mask`` 0 for the slow path; else the bits of the tensors of ``level`` and of constants below it, and in ``plain`` whether
    all that is held are arrays. Boxes among it go one level down, by ``op.of``.
    """
    promoted = [i for i, n in enumerate(op.names) if op.promotion and (op.promoted is None or n in op.promoted)]
    if len(op.names) == 1:
        checks = _kind(op, "n0 is not None")
        if not (op.is_view or op.any_dtype):
            checks += [COMPUTES.format(0)]
        test = f"if {' and '.join(checks)}: " if checks else ""
        return [
            "    mask = 0",
            "    if isinstance(a0, Taped):",
            f"        {TAKE.format(0)}",
            f"        {test}mask = 1; level = a0.level; plain = type(d0) is ndarray",
        ]
    return _fetch_two(op) if promoted == [0, 1] == [*range(len(op.names))] else _fetch_several(op, promoted)


def _fetch_two(op: type[Operation]) -> list[str]:
    """The same for two operands of one dtype, of which one may be a number, an array, or a value of an outer transform."""
    kinds = _kind(op, "n0 is not None or n1 is not None")
    alike = " and ".join(["(d0.dtype is d1.dtype or d0.dtype == d1.dtype)", *kinds, COMPUTES.format(0)])
    below = "a{0}.level < a{1}.level"
    alone = "; single = True" * _even(op)
    lines = [
        "    mask = 0" + "; single = False" * _even(op),
        "    if isinstance(a0, Taped):",
        f"        {TAKE.format(0)}",
        "        if isinstance(a1, Taped):",
        f"            {TAKE.format(1)}",
        f"            if {alike}:",
        "                plain = type(d0) is ndarray and type(d1) is ndarray",
        "                if a0.level == a1.level: mask = 3; level = a0.level",
    ]
    for i in (1, 0):  # a constant beside a value that a transform follows
        constant = f"n{i} is None and type(d{i}) is ndarray"
        lines += [f"                elif {below.format(i, 1 - i)} and {constant}: mask = 3; level = a{1 - i}.level"]
    lines += [f"        elif isinstance(a1, Boxed) and {below.format(1, 0)}:", f"            {GIVEN.format(1)}"]
    lines += [f"            if {alike}: mask = 1; level = a0.level; plain = False"]
    beside = "mask = {0}; level = a{1}.level; plain = type(d{1}) is ndarray"
    array = ["        elif type(a1) is ndarray:", f"            {GIVEN.format(1)}", f"            if {alike}: {beside.format(1, 0)}"]
    reverse = [f"    elif isinstance(a1, Taped) and isinstance(a0, Boxed) and {below.format(0, 1)}:"]
    reverse += [f"        {TAKE.format(1)}; {GIVEN.format(0)}", f"        if {alike}: mask = 2; level = a1.level; plain = False"]
    reverse += ["    elif isinstance(a1, Taped) and type(a0) is ndarray:", f"        {TAKE.format(1)}; {GIVEN.format(0)}"]
    reverse += [f"        if {alike}: {beside.format(2, 1)}"]
    if op.numbers_allowed or not op.rules:
        # float16 beside a number outside its range is for the slow path: see ``short.py``; so are integers that a dtype may not hold.
        fits = f"(d{{0}}.dtype.char in 'fd' or (d{{0}}.dtype.char == 'e' and {TINY} <= abs(a{{1}}) < {OVERFLOW})"
        whole = " or (type(a{1}) is int and d{0}.dtype.kind in 'iu'" + " and 0 <= a{1} < 128" * op.wraps + ")"
        fits += whole * (op.promotion == "same") + ")"
        lines += [f"        elif (type(a1) is float or type(a1) is int) and {fits.format(0, 1)}:"]
        lines += [f"            {GIVEN.format(1)}; {beside.format(1, 0)}{alone}"]
        number = ["    elif (type(a0) is float or type(a0) is int) and isinstance(a1, Taped):", f"        {TAKE.format(1)}"]
        reverse = [*number, f"        if {fits.format(1, 0)}: {GIVEN.format(0)}; {beside.format(2, 1)}{alone}", *reverse]
    return lines + array + reverse


def _kind(op: type[Operation], recorded: str) -> list[str]:
    """The condition on the dtype, if any: integers that become floats are for the slow path, and complex numbers that it refuses."""
    if op.promotion == "inexact":
        return ["d0.dtype.kind == 'f'" if op.real_only else f"({recorded} or d0.dtype.kind == 'f')"]
    return ["d0.dtype.kind != 'c'"] * op.real_only


def _fetch_several(op: type[Operation], promoted: list[int]) -> list[str]:
    """The same for any operands, of which those in ``promoted`` have one dtype."""
    k = len(op.names)
    lines = ["    mask = 0; level = -2; dtype = None; known = plain = True"]  # -2: below all levels
    for i in range(k):
        lines += [
            f"    if isinstance(a{i}, Taped):",
            f"        {TAKE.format(i)}; mask |= {1 << i}",
            f"        if a{i}.level > level: level = a{i}.level",
            f"        if type(d{i}) is not ndarray: plain = False",
        ]
        if i in promoted:
            same = f"d{i}.dtype is not dtype and d{i}.dtype != dtype"
            lines += [f"        if dtype is None: dtype = d{i}.dtype", f"        elif {same}: known = False"]
        lines += [*_constants(op, i, i not in promoted, GIVEN.format(i)), "    else: known = False"]
    refused = "dtype.char == 'E'" + " or dtype.kind != 'f'" * (op.promotion == "inexact" or op.real_only)
    tail = [f"(dtype is not None and dtype is not F32 and ({refused}))"]
    if op.real_only and not promoted:
        tail += [f"(d{i} is not None and d{i}.dtype.kind == 'c')" for i in range(k)]
    tail += [f"(mask & {1 << i} and a{i}.level != level and (n{i} is not None or type(d{i}) is not ndarray))" for i in range(k)]
    return [*lines, f"    if not known or {' or '.join(tail)}: mask = 0"]


def _even(op: type[Operation]) -> bool:
    """Whether the call looks if its two operands have one shape."""
    return op.broadcasts and op.numbers_allowed and len(op.names) == 2 and op.promotion is not None and op.promoted is None


def _constants(op: type[Operation], i: int, arrays: bool, take: str) -> list[str]:
    """The line that takes what may stand for operand ``i`` besides a tensor."""
    kinds = [f"a{i} is None"] * (op.names[i] in op.optional) + [f"type(a{i}) is ndarray"] * arrays
    return [f"    elif {' or '.join(kinds)}: {take}"] if kinds else []


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
        fits = "same" if _even(op) else " and ".join(f"d{i}.shape == ans.shape" for i in parents)
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
