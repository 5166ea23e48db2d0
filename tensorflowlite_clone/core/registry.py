"""The tables of operations: which class answers which NumPy function, public name, method and operator.

Operations enter themselves when their class is made; handwritten public functions enter with the `public` decorator.
Everything that can be derived from the tables (methods, NumPy interop, type stubs, documentation, generated tests) reads them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .._errors import ArgumentError, OperandError
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


#: Handwritten functions that take PyTorch's ``out=``; those that follow from a class all do.
TAKE_OUT = {
    "abs", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "all", "amax", "amin", "any", "baddbmm", "bmm", "cat",
    "clamp", "clamp_max", "clamp_min", "clip", "column_stack", "concat", "concatenate", "cross", "cumprod", "cumsum", "diag", "div",
    "divide", "dot", "dstack", "float_power", "floor_divide", "gather", "hstack", "index_select", "inner", "kron", "lerp",
    "logsumexp", "masked_select", "matmul", "mean", "mm", "mul", "multiply", "mv", "nansum", "norm", "outer", "polygamma", "pow",
    "prod", "remainder", "rsub", "softmax", "stack", "std", "sub", "subtract", "sum", "take", "take_along_dim", "tensordot", "tril",
    "triu", "var", "vdot", "vstack", "where", "xlogy",
}  # fmt: skip


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
                FUNCTIONS[n] = accept_out(face) if n in TAKE_OUT else face
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


@functools.cache
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


@functools.cache
def first_parameter(np_function: Callable[..., Any]) -> tuple[str, ...]:
    """The name of a NumPy function's first parameter, if it can be given by name."""
    import inspect

    try:
        first = next(iter(inspect.signature(np_function).parameters.values()), None)
    except (ValueError, TypeError):
        return ()
    return (first.name,) if first is not None and first.kind is first.POSITIONAL_OR_KEYWORD else ()


@functools.cache
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
    names = {p.name for p in parameters}
    renamed = {numpy_name for numpy_name, name in (("axis", "dim"), ("keepdims", "keepdim")) if name in names and inner is not handler}
    return frozenset(names | renamed)


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


def accept_out(f: F) -> F:
    """Let ``f`` accept ``out=``, a tensor that its result is written into."""

    @functools.wraps(f)
    def face(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        result = f(*args, **kwargs)
        if out is None:
            return result
        from .publish import write_out

        return write_out(out, result, f.__name__)

    return face  # type: ignore[return-value]


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
