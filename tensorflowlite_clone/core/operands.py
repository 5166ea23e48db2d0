"""The lines of a compiled call that take arrays out of its operands, and decide whether it is a case for it.

They leave ``mask`` 0 for the slow path; else in ``mask`` the bits of the tensors of ``level`` and of constants below it, in ``plain``
whether all that is held are arrays, and of each operand ``d`` (what it holds), ``n`` (its node) and ``v`` (its version cell).

Not here: what is computed and recorded then (``compile.py``: one result, ``several.py``: several, or any number of operands).
"""

from __future__ import annotations

from .operation import Operation
from .short import OVERFLOW, TINY

#: What the lines that fetch operands say: of a tensor, of another operand, of dtypes that are computed in (bfloat16 is none).
TAKE = "d{0} = a{0}.array; n{0} = a{0}.node; v{0} = a{0}.version"
GIVEN = "d{0} = a{0}; n{0} = v{0} = None"
COMPUTES = "(d{0}.dtype is F32 or d{0}.dtype.char != 'E')"


def fetch(op: type[Operation]) -> list[str]:
    """The lines for the operands that an operation names."""
    promoted = promoted_of(op, op.names)
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
    return _fetch_two(op) if promoted == [0, 1] == [*range(len(op.names))] else fetch_several(op, op.names, promoted)


def _fetch_two(op: type[Operation]) -> list[str]:
    """The same for two operands of one dtype, of which one may be a number, an array, or a value of an outer transform."""
    kinds = _kind(op, "n0 is not None or n1 is not None")
    alike = " and ".join(["(d0.dtype is d1.dtype or d0.dtype == d1.dtype)", *kinds, COMPUTES.format(0)])
    below = "a{0}.level < a{1}.level"
    alone = "; single = True" * even(op)
    lines = [
        "    mask = 0" + "; single = False" * even(op),
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


def promoted_of(op: type[Operation], names: tuple[str, ...]) -> list[int]:
    """The numbers of the operands, of these names, that are brought to one dtype."""
    return [i for i, n in enumerate(names) if op.promotion and (op.promoted is None or n in op.promoted)]


def fetch_several(op: type[Operation], names: tuple[str, ...], promoted: list[int]) -> list[str]:
    """The same for any operands, of these ``names``, of which those in ``promoted`` have one dtype."""
    k = len(names)
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
        lines += [*_constants(op, names[i], i, i not in promoted), "    else: known = False"]
    refused = "dtype.char == 'E'" + " or dtype.kind != 'f'" * (op.promotion == "inexact" or op.real_only)
    tail = [f"(dtype is not None and dtype is not F32 and ({refused}))"]
    letters = "" if promoted else "E" * (not (op.is_view or op.any_dtype)) + "FDG" * op.real_only
    if letters:
        tail += [f"(d{i} is not None and d{i}.dtype is not F32 and d{i}.dtype.char in '{letters}')" for i in range(k)]
    tail += [f"(mask & {1 << i} and a{i}.level != level and (n{i} is not None or type(d{i}) is not ndarray))" for i in range(k)]
    return [*lines, f"    if not known or {' or '.join(tail)}: mask = 0"]


def even(op: type[Operation]) -> bool:
    """Whether the call looks if its two operands have one shape."""
    return op.broadcasts and op.numbers_allowed and len(op.names) == 2 and op.promotion is not None and op.promoted is None


def _constants(op: type[Operation], name: str, i: int, arrays: bool) -> list[str]:
    """The line that takes what may stand for operand ``i`` besides a tensor."""
    kinds = [f"a{i} is None"] * (name in op.optional) + [f"type(a{i}) is ndarray"] * arrays
    return [f"    elif {' or '.join(kinds)}: {GIVEN.format(i)}"] if kinds else []
