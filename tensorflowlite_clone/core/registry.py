"""The tables of operations: which class answers which NumPy function, public name, method and operator.

Operations enter themselves when their class is made; handwritten public functions enter with the `public` decorator.
Everything that can be derived from the tables (methods, NumPy interop, type stubs, documentation, generated tests) reads them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .._errors import OperandError
from .methods import Methods

if TYPE_CHECKING:
    from .function import Function

F = TypeVar("F", bound=Callable[..., Any])

#: Every operation class by name, in the order of definition.
OPS: dict[str, type[Function]] = {}
#: What ``tl.<name>`` is.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
#: What ``tensor.<name>`` is (methods and operators).
METHODS: dict[str, Callable[..., Any]] = {}
#: What ``tl.nn.functional.<name>`` adds to the functions above.
NN_FUNCTIONS: dict[str, Callable[..., Any]] = {}
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
NUMPY_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}

#: Keyword arguments of NumPy functions that mean "as usual" at these values and are then ignored.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "out": (None, (None,)),
    "dtype": (None,),
    "where": (True, np._NoValue),
    "casting": ("same_kind",),
    "order": ("K", "C", None),
    "subok": (True, False),
    "initial": (np._NoValue,),
    "keepdims": (np._NoValue,),
    "like": (None,),
}


def install_method(name: str, function: Callable[..., Any]) -> None:
    """Make ``function`` the method ``name`` of every box."""
    METHODS[name] = function
    setattr(Methods, name, function)


def public(
    name: str,
    *aliases: str,
    method: bool = True,
    function: bool = True,
    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    nn: bool = False,
) -> Callable[[F], F]:
    """Publish a handwritten function as ``tl.<name>`` (and each alias), as a tensor method, and as the answer to NumPy functions.

    A parameter called ``dim`` or ``keepdim`` also answers to NumPy's ``axis`` and ``keepdims``. With ``nn`` the function lives
    in ``nn.functional`` instead of the top level.
    """

    def publish(f: F) -> F:
        f.__name__, f.__qualname__ = name, name
        face = accept_numpy_names(f)
        for n in (name, *aliases):
            if nn:
                NN_FUNCTIONS[n] = face
            elif function:
                FUNCTIONS[n] = face
            if method:
                install_method(n, face)
        for np_function in numpy if isinstance(numpy, tuple) else (numpy,):
            answer_numpy(np_function, face)
        return face

    return publish


def implements(*np_functions: Callable[..., Any]) -> Callable[[F], F]:
    """Make the decorated function the answer to NumPy functions whose signature it repeats."""

    def enter(f: F) -> F:
        for np_function in np_functions:
            answer_numpy(np_function, f)
        return f

    return enter


def answer_numpy(np_function: Callable[..., Any], handler: Callable[..., Any]) -> None:
    """Enter ``handler`` as the answer to ``np_function``, checking away arguments that change nothing."""

    @functools.wraps(handler)
    def adapter(*args: Any, **kwargs: Any) -> Any:
        return handler(*args, **drop_neutral(np_function, kwargs)) if kwargs else handler(*args)

    if isinstance(np_function, np.ufunc):
        UFUNCS[np_function] = adapter
    else:
        NUMPY_FUNCTIONS[np_function] = adapter


def drop_neutral(np_function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Remove keyword arguments that have their neutral value."""
    kept = {}
    for key, value in kwargs.items():
        if any(value is v or (isinstance(v, str | tuple) and value == v) for v in NEUTRAL.get(key, ())):
            continue
        if key == "out":
            raise OperandError(f"np.{np_function.__name__}: out= cannot receive a tensor's result; assign the returned tensor instead")
        kept[key] = value
    return kept


def accept_numpy_names(f: F) -> F:
    """Let ``f`` accept ``axis`` for ``dim`` and ``keepdims`` for ``keepdim`` where it has those parameters."""
    code = f.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    renames = {numpy_name: name for numpy_name, name in (("axis", "dim"), ("keepdims", "keepdim")) if name in names}
    if not renames:
        return f

    @functools.wraps(f)
    def face(*args: Any, **kwargs: Any) -> Any:
        for numpy_name in renames.keys() & kwargs.keys():
            name = renames[numpy_name]
            if name in kwargs:
                raise OperandError(f"{f.__name__}: got both {name}= and its NumPy name {numpy_name}=; pass one of them")
            kwargs[name] = kwargs.pop(numpy_name)
        return f(*args, **kwargs)

    return face  # type: ignore[return-value]
