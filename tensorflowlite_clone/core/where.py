"""Where in the user's program something happened: the innermost line outside this package.

A place is kept as a code object and an instruction number, which costs little and keeps no frame alive; it becomes file and
line when a message needs it.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import Any

#: A code object (None: not known) and the index of an instruction in it.
Place = tuple[CodeType | None, int]
NOWHERE: Place = (None, 0)

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: The files of this package, and the names of what it compiles; filled by `know_inside`.
INSIDE: set[str] = set()


def know_inside() -> set[str]:
    """The names of the package's files, found once."""
    if not INSIDE:
        folders = [PACKAGE]
        while folders:  # what has a dot is no folder of Python files
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.name.endswith(".py"):
                        INSIDE.add(entry.path)
                    elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                        folders.append(entry.path)
    return INSIDE


def caller(frame: FrameType | None) -> Place:
    """The place of ``frame``, or of the nearest frame below it that is not in this package."""
    inside = INSIDE or know_inside()
    while frame is not None:
        code = frame.f_code
        if code.co_filename not in inside:
            return code, frame.f_lasti
        frame = frame.f_back
    return NOWHERE


def here() -> Place:
    """The place in the user's program from which the package was called."""
    return caller(sys._getframe(1))


def storing(frame: FrameType) -> bool:
    """Whether ``frame`` is carrying out an assignment ``a[i] = x``, or ``a[i:j] = x``, which is one of its own from Python 3.12 on."""
    from opcode import opname

    return opname[frame.f_code.co_code[frame.f_lasti]] in ("STORE_SUBSCR", "STORE_SLICE")


def stacklevel() -> int:
    """The ``stacklevel`` with which a warning given by the calling function points at the user's line."""
    inside, level, frame = INSIDE or know_inside(), 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in inside:
        frame, level = frame.f_back, level + 1
    return level


def line(place: Place) -> str:
    """``file:line`` of a place.

    >>> line(NOWHERE)
    'an unknown place'
    """
    code, instruction = place
    if code is None:
        return "an unknown place"
    number = code.co_firstlineno
    for start, end, at in code.co_lines():
        if start <= instruction < end:
            number = at or number
            break
    return f"{code.co_filename}:{number}"


def place_of(node: Any) -> str:
    """``file:line`` where ``node`` was recorded, if that is known."""
    return line((getattr(node, "code", None), getattr(node, "instruction", 0)))
