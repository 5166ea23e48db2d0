"""What to write instead, where a value that a transform follows would become a plain array or number: read off the line that asked.

Not here: when that is refused (the boxes).
"""

from __future__ import annotations

import linecache
import math
import re
import sys
from types import FrameType
from typing import Any

import numpy as np

from .._lazy import load
from .where import know_inside, storing

#: The import that lets a program make arrays of what is followed.
IMPORT = "import tensorflowlite_clone.numpy as np"
#: Functions that have another name here.
OTHERS = {"expm": "matrix_exp", "pinvh": "pinv", "solve_ivp": "odeint"} | dict.fromkeys(
    ["brentq", "brenth", "bisect", "ridder", "toms748", "newton", "fsolve", "root_scalar"], "root"
)
#: Spaces of SciPy's whose names have derivatives in the space of the same name here.
SPACES = ("fft", "interpolate", "linalg", "ndimage", "signal", "special", "stats")
_ARRAY = f"np.array([...]): join what is followed with np.stack([...]) or np.concatenate, or let the program {IMPORT}, whose np.array does"
_INDEX = "to index an ndarray x with it, make x a tensor: tl.tensor(x)[i]"
_STORE = (
    f"out[i] = x: a plain array out cannot hold it; let the program {IMPORT}, whose np.zeros can, make out of a followed value, "
    f"np.zeros_like(x, shape=...), or collect the parts in a list and np.stack it"
)
_READ = "go on with the value itself, and return what is to be read as well, with has_aux=True"


def instead(what: str) -> str:
    """The advice for who made ``what`` (array, float, item...) of a followed value."""
    frame, library = _user(sys._getframe(1))
    said = "" if frame is None else _expression(frame)
    found = re.match(r"[\w.]*?\b(\w+)\(", said)
    name = "" if found is None else found[1]
    if library is not None:
        if library.startswith("scipy._"):  # a decorator, which had not called the function yet
            spaces = [m for m in sys.modules if m.startswith("scipy.") and m.count(".") == 1 and not m.startswith("scipy._")]
            library = next((f"{m}.{name}" for m in spaces if name and hasattr(sys.modules[m], name)), library)
        return of_scipy(library)
    if frame is None:
        return f"{_ARRAY}; {_STORE}"
    if storing(frame):
        return _STORE
    if what == "array" and name in ("array", "asarray", "asanyarray", "ascontiguousarray"):
        return _ARRAY
    if what == "array" and re.match(r"[\w.]*\b[rc]_\[", said):
        return f"{said:.40}: {_ARRAY}"
    if what == "array" and said.endswith("]") and not said.startswith("["):
        return _INDEX
    if what == "array" and re.search(r"\.dot\([^()]*\)$", said):
        return "a.dot(x): of an ndarray a; write a @ x, or np.dot(a, x)"
    if what in ("float", "complex") and name in vars(math) and name in vars(np):
        return f"{said:.40}: the math module takes plain numbers; use NumPy's, np.{name}(x)"
    if what in ("item", "tolist"):
        return _READ
    if what == "array" and (said.startswith("np.") or "numpy." in said):
        return f"{said:.40}: {_ARRAY}"
    return f"for functions of the math module use NumPy's, np.sqrt(x); {_ARRAY}; {_STORE}; {_INDEX}"


def _user(frame: FrameType | None) -> tuple[FrameType | None, str | None]:
    """The frame of the program that asked, and the function of SciPy's that it called, if it went through one."""
    inside, library = know_inside(), None
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).split(".")
        if module[0] == "scipy":
            space, name = ".".join(module[:2]), frame.f_code.co_name
            name = frame.f_code.co_qualname.split(".")[-2] if name == "__init__" else name
            if hasattr(sys.modules.get(space), name) or library is None:
                library = f"{space}.{name}"
        elif module[0] != "numpy" and frame.f_code.co_filename not in inside:
            return frame, library
        frame = frame.f_back
    return None, library


def _expression(frame: FrameType) -> str:
    """What the frame is evaluating, as far as it stands on one line."""
    text = linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0)
    if hasattr(frame.f_code, "co_positions"):
        first, last, start, end = [*frame.f_code.co_positions()][frame.f_lasti // 2]
        if first == last and start is not None:
            return text.encode()[start:end].decode()
    return text.strip()


def of_scipy(name: str) -> str:
    """The advice for a function of SciPy's, by its whole name."""
    _, space, last = name.split(".")
    own, last = None, OTHERS.get(last, last)
    for module in ({"optimize": "optim", "ndimage": "signal"}.get(space, space), "special"):
        try:
            own = own or (f"tl.{module}.{last}" if hasattr(load(module), last) else None)
        except ImportError:
            continue
    if own and space in ("integrate", "optimize"):
        own += ", and give it what is to be differentiated as args"
    there = f"let the program import tensorflowlite_clone.scipy, whose {space} has derivatives, or " if space in SPACES else ""
    fix = f"use {own}" if own else f"{there}compute it outside of the transform, or write its rule, an autograd.Function"
    return f"{name} computes on plain arrays; {fix}"


def name_of(ufunc: Any) -> str:
    """The whole name of a ufunc: NumPy's, or that of the library which brought it."""
    name: str = ufunc.__name__
    special = sys.modules.get("scipy.special")
    if getattr(np, name, None) is not ufunc and getattr(special, name, None) is ufunc:
        return f"scipy.special.{name}"
    return f"np.{name}"
