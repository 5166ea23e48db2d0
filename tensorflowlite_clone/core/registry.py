"""The tables of operations: which class answers which NumPy function, public name, method and operator.

Operations enter themselves when their class is made; handwritten public functions with the `public` decorator (``publish.py``).
Everything that can be derived from the tables (methods, NumPy interop, type stubs, documentation, generated tests) reads them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from .._lazy import ANSWERS, ATTRIBUTES, HOMES, LateAttribute, LateMethod, everything, load
from .._lazy import METHODS as LATE_METHODS
from .._lazy import SPACES as NUMPY_SPACES
from .._typing import OperationLike
from .methods import Methods


class Named(dict[str, Callable[..., Any]]):
    """Functions by name. Asking for one that is not loaded yet loads it: ``homes`` has its module. Walking over them loads nothing."""

    def __init__(self, homes: dict[str, str]) -> None:
        self.homes = homes

    def __missing__(self, name: str) -> Callable[..., Any]:
        load(self.homes[name])
        if name not in self:
            raise KeyError(name)
        return self[name]


#: Every operation class by name, in the order of definition, as far as they are loaded; so it is with all tables here.
OPS: dict[str, OperationLike] = {}
#: What ``tl.<name>`` is.
FUNCTIONS = Named(HOMES)
#: What ``tensor.<name>`` is (methods and operators).
METHODS = Named(LATE_METHODS)
#: What ``tl.nn.functional.<name>`` is.
NN_FUNCTIONS: dict[str, Callable[..., Any]] = {}
#: What ``tl.<space>.<name>`` is, for functions whose public name says where they live: ``special.entr``.
SPACES: dict[str, dict[str, Callable[..., Any]]] = {}
#: Methods that have a twin with an underscore, which changes the tensor itself, and the NumPy function that may write into its memory,
#: or "view" where the memory stays and only its shape changes.
INPLACE: dict[str, tuple[Callable[..., Any], np.ufunc | str | None]] = {}
#: What makes the twin of such a method when it is entered; ``ops/inplace/twins.py`` gives it, and makes those of methods entered before.
make_twin: Callable[[str], None] | None = None
UFUNCS: dict[np.ufunc, Callable[..., Any]] = {}
NUMPY_FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {}
#: What answers ``ufunc.reduce`` and the like (called with the ufunc first), and ``__call__`` with options or sequences.
UFUNC_METHODS: dict[str, Callable[..., Any]] = {}
#: Why a NumPy function is not answered, and what to use instead.
REFUSED: dict[Callable[..., Any], str] = {}

#: Stands for the parameters of functions that take any number of positional arguments.
ANY_NUMBER = ("",) * 64

#: Keyword arguments of NumPy functions that mean "as usual" at these values and are then ignored.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "out": (None,),
    "dtype": (None,),
    "where": (True, np._NoValue),
    "casting": ("same_kind",),
    "order": ("K", "C", None),
    "subok": (True, False),
    "initial": (np._NoValue,),
    "keepdims": (np._NoValue,),
    "like": (None,),
    "device": (None, "cpu"),
}


def enter_function(name: str, function: Callable[..., Any]) -> None:
    """Make ``function`` what ``tl.<name>`` is; a name with a dot says in which namespace alone."""
    space, _, last = name.rpartition(".")
    if last == function.__name__:  # so that pickles find it by its name
        function.__module__ = f"tensorflowlite_clone.{space}".rstrip(".")
    (SPACES.setdefault(space, {}) if space else FUNCTIONS)[last] = function


def install_method(name: str, function: Callable[..., Any]) -> None:
    """Make ``function`` the method ``name`` of every box."""
    if name.startswith("__") and FUNCTIONS.get(getattr(function, "__name__", name)) is None:  # it has no name for users
        function.__name__ = name
    METHODS[name] = function
    setattr(Methods, name, function)


def enter_inplace(name: str, function: Callable[..., Any], how: np.ufunc | str | None) -> None:
    """Let the method ``name`` have a twin that changes the tensor itself; see `INPLACE`."""
    INPLACE[name] = function, how
    if make_twin is not None:
        make_twin(name)


for _name, _module in LATE_METHODS.items():
    setattr(Methods, _name, LateMethod(Methods, _name, _module))
for _name, _module in ATTRIBUTES.items():
    setattr(Methods, _name, LateAttribute(Methods, _name, _module))


def answer_to(np_function: Callable[..., Any]) -> Callable[..., Any] | None:
    """What answers a NumPy function, from a module that is loaded for it if need be; None for nothing."""
    answer = NUMPY_FUNCTIONS.get(np_function)
    if answer is None:
        module = NUMPY_SPACES.get(np_function.__module__) or ANSWERS.get(np_function.__name__)
        answer = _loaded(NUMPY_FUNCTIONS, np_function, module)
    return answer


def answer_to_ufunc(ufunc: np.ufunc) -> Callable[..., Any] | None:
    """What answers a ufunc; SciPy's are entered when the first of them is met, so that nothing imports SciPy for them."""
    answer = UFUNCS.get(ufunc)
    if answer is None:
        if getattr(sys.modules.get("scipy.special"), ufunc.__name__, None) is ufunc:
            load("scipy.special")
        answer = _loaded(UFUNCS, ufunc, ANSWERS.get(ufunc.__name__))
    return answer


def answer_to_method(method: str) -> Callable[..., Any] | None:
    """What answers a method of ufuncs, ``reduce`` and the like, or their call with options; None for one that nothing answers."""
    if not UFUNC_METHODS:
        load("ops.numpy.ufunc_methods")
    return UFUNC_METHODS.get(method)


def _loaded(table: dict[Any, Callable[..., Any]], asked: Callable[..., Any], module: str | None) -> Callable[..., Any] | None:
    """What answers NumPy's function ``asked`` when ``module`` is loaded, or else all are: another NumPy may have other names."""
    if module is not None:
        load(module)
    if asked not in table:
        everything()
    return table.get(asked)


def refuse(advice: str, *np_functions: Callable[..., Any]) -> None:
    """Say what to use instead of NumPy functions that no operation answers."""
    for np_function in np_functions:
        REFUSED[np_function] = advice


def answer_numpy(np_function: Callable[..., Any], handler: Callable[..., Any]) -> None:
    """Enter ``handler`` as the answer to ``np_function``, checking away arguments that change nothing."""

    @functools.wraps(handler)
    def adapter(*args: Any, **kwargs: Any) -> Any:
        if not args and kwargs:
            args = tuple(kwargs.pop(name) for name in first_parameter(np_function) if name in kwargs)  # answers have their own names for it
        if len(args) > 1 and len(args) > len(names := positions(np_function)[0]):
            names, options = positions(np_function)
            kwargs.update(zip(options, args[len(names) :], strict=False))
            args = args[: len(names)]
        if not kwargs:
            return handler(*args)
        kept = drop_neutral(np_function, kwargs)
        known = keywords(handler) if kept else None
        for key in kept:
            if known is not None and key not in known:
                raise ArgumentError(
                    f"np.{np_function.__name__}: {key}= is not answered for tensors: got {kept[key]!r:.40}; leave it out, "
                    f"or call it on x.detach().numpy() if no gradient is wanted"
                )
        return handler(*args, **kept)

    if isinstance(np_function, np.ufunc):
        UFUNCS[np_function] = adapter
    else:
        NUMPY_FUNCTIONS[np_function] = adapter


@functools.lru_cache(maxsize=1024)
def positions(np_function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parameters of a NumPy function before the first of those in `NEUTRAL`, and the others; answers get those by name."""
    import inspect

    try:
        parameters = inspect.signature(np_function).parameters.values()
    except (ValueError, TypeError):
        return ANY_NUMBER, ()
    if isinstance(np_function, np.ufunc) or any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return ANY_NUMBER, ()
    names = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
    first = next((i for i, name in enumerate(names) if name in NEUTRAL and i), None)
    return (ANY_NUMBER, ()) if first is None else (names[:first], names[first:])


@functools.lru_cache(maxsize=1024)
def first_parameter(np_function: Callable[..., Any]) -> tuple[str, ...]:
    """The name of a NumPy function's first parameter, if it can be given by name."""
    import inspect

    try:
        first = next(iter(inspect.signature(np_function).parameters.values()), None)
    except (ValueError, TypeError):
        return ()
    return (first.name,) if first is not None and first.kind is first.POSITIONAL_OR_KEYWORD else ()


@functools.lru_cache(maxsize=1024)
def keywords(handler: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords that an answer takes; None for all."""
    import inspect

    owner = getattr(handler, "__self__", None)
    if owner is not None:
        return frozenset((*owner.names, *owner.params))
    inner = inspect.unwrap(handler)
    parameters = inspect.signature(inner).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return frozenset({p.name for p in parameters} | {*getattr(handler, "__aliases__", ())})


def drop_neutral(np_function: Callable[..., Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Remove keyword arguments that have their neutral value."""
    kept = {}
    for key, value in kwargs.items():
        if key == "out" and isinstance(value, tuple) and all(o is None for o in value):
            continue
        if any(value is v or (isinstance(v, str) and isinstance(value, str) and value == v) for v in NEUTRAL.get(key, ())):
            continue
        if key == "out":
            raise OperandError(
                f"np.{np_function.__name__}: out= cannot receive a tensor's result (y += x on a plain array y does this too); "
                f"assign the returned tensor instead, y = y + x"
            )
        kept[key] = value
    return kept
