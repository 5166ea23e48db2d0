"""What may be given to a public function, read off its annotations: settings are checked before the call, the rest where it fails.

A setting is an argument that is a number, a truth value, a text, a dtype, dimensions. Not here: whether its value makes sense (the
function knows), and what operands become (``plain.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy import ndarray

from .._errors import ArgumentError, Bounded, DimensionError, DTypeError, OperandError, ShapeError
from .boxed import Boxed
from .dtype_names import dtype, numpy_dtype
from .explain import describe
from .plain import NUMBERS
from .where import know_inside

#: What Python and NumPy raise about values that nobody has checked.
PLAIN = (RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError, OverflowError, ZeroDivisionError)
#: Code from here is part of the package's own work; what any other raises is the user's, and stays as it is.
OWN = (os.path.dirname(np.__file__), os.path.dirname(os.__file__))
LIBRARIES = "site-packages"
#: What tensors are annotated with.
OPERANDS = ("Array", "Array | None", "Boxed")
#: The errors that are about arguments.
ABOUT_ARGUMENTS = (ArgumentError, DimensionError, DTypeError, OperandError, ShapeError)


class Kind(NamedTuple):
    """One kind of setting: what it is called and how to give it, the types that it has most often, and whether another value is one."""

    said: str
    fix: str
    usual: frozenset[type]
    accepts: Callable[[Any], bool]


def _whole(v: Any) -> bool:
    return hasattr(v, "__index__") and not (isinstance(v, ndarray | Boxed) and (v.shape != () or v.dtype.kind not in "biu"))


def _number(v: Any, kinds: str = "biufc") -> bool:
    """Whether it is a number, or may stand for one as a tensor or an array."""
    if isinstance(v, bool | int | float):
        return True
    return isinstance(v, Boxed | ndarray | np.number | np.bool_ | complex) and getattr(v, "dtype", np.dtype(complex)).kind in kinds


def _dtype(v: Any) -> bool:
    try:
        return numpy_dtype(v).char in NUMBERS
    except TypeError:
        return False


def _several(v: Any) -> bool:
    return _whole(v) or (isinstance(v, list | tuple | range | ndarray | Boxed) and all(map(_whole, v)))


def _truth(v: Any) -> bool:
    return isinstance(v, np.bool_) or (isinstance(v, int | np.integer) and v in (0, 1))


DTYPES = frozenset(type(np.dtype(letter)) for letter in NUMBERS - {"E"}) | {dtype}
BOOL = Kind("True or False", "write x is not None, or bool(x)", frozenset({bool}), _truth)
INT = Kind("an integer", "convert it, int(x)", frozenset({int}), _whole)
FLOAT = Kind("a real number", "convert it, float(x)", frozenset({float, int}), lambda v: _number(v, "biuf"))
COMPLEX = Kind("a number", "convert it, float(x)", frozenset({float, int, complex}), _number)
STR = Kind("a text", "write a name in quotes", frozenset({str}), lambda v: isinstance(v, str))
DTYPE = Kind("a dtype of numbers", "pass tl.float32, tl.int64 or another", DTYPES, lambda v: v is None or _dtype(v))
INTS = Kind("several integers", "pass a tuple, (2, 3)", frozenset(), lambda v: not _whole(v) and _several(v))
DIMS = Kind("an integer or several", "pass 0, or (0, 1)", frozenset({int}), _several)
KINDS = {
    "bool": BOOL, "int": INT, "float": FLOAT, "complex": COMPLEX, "str": STR, "DTypeLike": DTYPE, "Sequence[int]": INTS,
    "int | Sequence[int]": DIMS,
}  # fmt: skip


def _optional(kind: Kind) -> Kind:
    return Kind(f"{kind.said}, or None", kind.fix, kind.usual | {type(None)}, lambda v: v is None or kind.accepts(v))


KINDS |= {f"{name} | None": _optional(kind) for name, kind in KINDS.items()}
#: How new tensors are to be: ``**how: How`` stands for these keywords, of these kinds.
How: TypeAlias = Any
HOW = {"layout": None, "device": None, "pin_memory": _optional(BOOL), "requires_grad": _optional(BOOL)}
KINDS["Dims"] = KINDS["int | Sequence[int] | None"]


def code_of(f: Callable[..., Any]) -> Any:
    """The code that says which parameters ``f`` has."""
    while hasattr(f, "__wrapped__"):
        f = f.__wrapped__
    return f.__code__


#: The names that PyTorch gives arguments besides their own, which are NumPy's, and by which its overloads call them.
OTHER_NAMES = {
    "dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1", "self", "A"), "other": ("x2",), "A": ("input", "self", "x"),
    "x": ("input", "self", "A"), "B": ("other", "b"), "L": ("input", "input2"), "b": ("input",), "src": ("other",), "size": ("shape",),
    "training": ("train",), "dim0": ("axis0",), "dim1": ("axis1",), "elements": ("element",), "test_elements": ("test_element",),
    "indices_or_sections": ("indices", "sections", "tensor_indices_or_sections"), "split_size_or_sections": ("split_size",),
    "from_": ("from",),
}  # fmt: skip


def other_names(names: tuple[str, ...]) -> dict[str, str]:
    """By what else the parameters ``names`` may be called: ``{"axis": "dim"}``."""
    return {other: name for name in names for other in OTHER_NAMES.get(name, ()) if other not in names}


def kinds_of(f: Callable[..., Any]) -> dict[str, Kind]:
    """The settings of ``f``, by name."""
    kinds = {name: KINDS[said] for name, said in f.__annotations__.items() if said in KINDS}
    return kinds | {name: kind for name, kind in HOW.items() if kind} if "How" in f.__annotations__.values() else kinds


def refuse(op: str, name: str, kind: Kind, value: Any) -> None:
    """Raise unless ``value``, whose type is not one of the usual, is of its kind all the same."""
    if not kind.accepts(value):
        raise OperandError(f"{op}: {name} must be {kind.said}: it is {type(value).__name__} {value!r:.60}; {kind.fix}")


def better_error(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Exception | None:
    """The error to raise instead of one that was raised in ``f``; None for one that says all, or came from the user's code."""
    code = code_of(f)
    op, count = f.__name__, code.co_argcount
    if isinstance(error, Bounded) and not isinstance(error, ABOUT_ARGUMENTS):
        return None
    if not _own(error):
        return None
    given = {**dict(zip(code.co_varnames[:count], args, strict=False)), **kwargs}
    if not isinstance(error, OperandError):
        for name, value in given.items():
            said = str(f.__annotations__.get(name, ""))
            fits = isinstance(value, Boxed) or _number(value) or (value is None and "None" in said)
            if said in OPERANDS and not fits:
                kind = type(value).__name__
                return OperandError(f"{op}: {name} must be a tensor: it is {kind} {value!r:.60}; convert it with tl.tensor(...)")
    if isinstance(error, Bounded):  # it says what is wrong, but in what the function is made of
        if op.rstrip("_") not in str(error):  # of an in-place twin the plain name says it
            error.args = (f"{op}: {error}",)
        return None
    facts = ", ".join([f"{name} is {describe(value)}" for name, value in given.items()] + [describe(a) for a in args[count:]])
    message = f"{op}: these arguments do not fit: {facts} ({error!s:.200}); see its help()"
    if isinstance(error, IndexError | KeyError):
        return DimensionError(message)
    wrong_type = isinstance(error, TypeError | AttributeError) or str(error).startswith(("invalid literal", "could not convert"))
    return OperandError(message) if wrong_type else ArgumentError(message)


def _own(error: BaseException) -> bool:
    """Whether only code of the package, of NumPy and of Python was running when ``error`` was raised."""
    inside, step = know_inside(), error.__traceback__
    while step is not None:
        file = step.tb_frame.f_code.co_filename
        known = file in inside or file.startswith("<") or (file.startswith(OWN) and (file.startswith(OWN[0]) or LIBRARIES not in file))
        if not known:
            return False
        step = step.tb_next
    return True
