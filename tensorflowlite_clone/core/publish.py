"""What users call: handwritten functions and the answers to NumPy (`public`, `implements`), and what follows from an operation's class.

Not here: the tables in which all of it is entered (``registry.py``), what an operation is (``operation.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._lazy import load
from .._state import quietly
from .._typing import Array, OperationLike
from . import registry
from .boxed import Boxed
from .dtypes import result_type
from .older import renewed
from .out import write_into
from .plain import NUMBERS, plain_array, to_array
from .signature import PLAIN, better_error, code_of, kinds_of, other_names, refuse
from .tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])

OPERANDS: tuple[type, ...] = (Boxed, ndarray, bool, int, float, complex, np.generic)

#: More than any function has arguments.
ANY_NUMBER = 1 << 30

#: What operators are called in Python.
REFLECTED = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"}


def public(
    name: str,
    *aliases: str,
    method: bool = True,
    function: bool = True,
    numpy: Callable[..., Any] | tuple[Callable[..., Any], ...] = (),
    nn: bool = False,
    functional: bool = False,
    out: bool | str = False,
    inplace: bool | np.ufunc | str = False,
    sequences: int = 0,
) -> Callable[[F], F]:
    """Publish a handwritten function as ``tl.<name>`` (and each alias), as a tensor method, and as the answer to NumPy functions.

    A parameter called ``dim`` or ``keepdim`` also answers to NumPy's ``axis`` and ``keepdims``. A name with a dot, ``special.psi``, is
    that of a function in this namespace, and of nothing else: no method, no twin.

    Args:
        nn: whether the function lives in ``nn.functional`` instead of the top level; ``functional``: whether in both.
        out: whether it takes PyTorch's ``out=``, a tensor (of several results a tuple of them) to write the result into; "dtype" if
            the dtype of that tensor stands for one that is not given. The method does not take it.
        inplace: whether the method has a twin with an underscore that changes the tensor itself; see `registry.INPLACE`.
        sequences: how many of the first operands may be sequences where NumPy's function is called.
    """

    def publish(f: F) -> F:
        f = getattr(f, "__published__", f)  # under another name before
        f.__name__ = f.__qualname__ = name.rpartition(".")[2]
        whole = checked(f, out)
        vars(whole)["__published__"] = f
        face = checked(f) if out and (method or numpy) else whole
        for n in (name, *aliases):
            if "." in n:
                registry.enter_function(n, whole)
                continue
            if nn or functional:
                registry.NN_FUNCTIONS[n] = whole
                whole.__module__ = "tensorflowlite_clone.nn.functional"
            if function and not nn:
                registry.enter_function(n, whole)
            if method:
                registry.install_method(n, face)
            if inplace is not False:
                registry.enter_inplace(n, face, None if inplace is True else inplace)
        _answer(numpy, face, sequences)
        return whole

    return publish


def implements(*np_functions: Callable[..., Any] | str, sequences: int = 0) -> Callable[[F], F]:
    """Make the decorated function the answer to NumPy functions whose signature it repeats; the first operands may be sequences.

    Functions that some version of NumPy lacks go by name.
    """

    def enter(f: F) -> F:
        _answer(np_functions, f, sequences)
        return f

    return enter


def _answer(numpy: Any, handler: Callable[..., Any], sequences: int) -> None:
    for known in numpy if isinstance(numpy, tuple) else (numpy,):
        np_function = getattr(np, known, None) if isinstance(known, str) else known
        if np_function is None:
            continue
        registry.answer_numpy(np_function, handler)
        if sequences:
            registry.NUMPY_FUNCTIONS[np_function] = _accept_sequences(np_function, sequences)


def publish(
    cls: OperationLike,
    names: tuple[str, ...],
    *,
    numpy: Any = (),
    method: bool = True,
    operator: str | None = None,
    functional: bool = False,
    inplace: bool = False,
    sequences: int = 0,
) -> None:
    """Enter the public function, method, operator and NumPy answer that follow from the class; see `public`."""
    _answer(numpy, cls.call, sequences)
    for name in names:
        function = function_of(cls, name)
        registry.enter_function(name, function)
        if "." in name:
            continue
        if functional:
            registry.NN_FUNCTIONS[name] = function
        if method:
            registry.install_method(name, method_of(cls, name))
        if inplace:
            registry.enter_inplace(name, method_of(cls, name), cls.forward if isinstance(cls.forward, np.ufunc) else None)
    if operator is not None:
        registry.install_method(f"__{operator}__", operator_of(cls, operator))
        if operator in REFLECTED:
            registry.install_method(f"__r{operator}__", operator_of(cls, operator, reflected=True))


def function_of(cls: OperationLike, name: str) -> Callable[..., Any]:
    """The public function of an operation: PyTorch's names ``input`` and ``other`` for the first arrays."""
    k = len(cls.names)
    if k == 1 and not cls.params and cls.outputs is None:

        def function(input: Array, *, out: Any = None) -> Any:
            if out is not None:
                return write_into(out, name, function, (input,), {})
            return cls.of(input if isinstance(input, Boxed) else to_operand(input, name))

    elif k == 2 and not cls.params and cls.outputs is None and cls.called == ("input", "other"):

        def function(input: Array, other: Array, *, out: Any = None) -> Any:  # type: ignore[misc]
            if out is not None:
                return write_into(out, name, function, (input, other), {})
            if not (isinstance(input, Boxed) or isinstance(other, Boxed)):
                input = to_operand(input, name)
            return cls.of(input, other)

    else:
        order = cls.called[: min(k, 2)] + cls.names[2:] + cls.params

        def function(*args: Array, **kwargs: Any) -> Any:  # type: ignore[misc]
            if len(args) > len(order):
                raise TypeError(f"{name}() takes at most {len(order)} arguments ({', '.join(order)}); got {len(args)}")
            given = dict(zip(order, args, strict=False))
            if (out := kwargs.pop("out", None)) is not None:
                return write_into(out, name, function, args, kwargs)
            for key, value in kwargs.items():
                if key not in order or key in given:
                    raise TypeError(f"{name}(): unexpected argument {key!r}; it takes {', '.join(order)}")
                given[key] = value
            missing = [a for a in order if a not in given and a not in cls.defaults]
            if missing:
                raise TypeError(f"{name}(): missing {', '.join(missing)}; it takes {', '.join(order)}")
            arrays = [given[a] for a in order[:k]]
            arrays[0] = to_operand(arrays[0], name)
            return cls.of(*arrays, **{p: given[p] for p in cls.params if p in given})

    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    function.__doc__ = cls.__doc__
    function.__op__ = cls  # type: ignore[attr-defined]
    return function


def method_of(cls: OperationLike, name: str) -> Callable[..., Any]:
    """The tensor method of an operation."""
    if not cls.params and len(cls.names) == 1:
        return _named(lambda input: cls.of(input), name, cls)
    if not cls.params and len(cls.names) == 2 and cls.called == ("input", "other"):
        return _named(lambda input, other: cls.of(input, other), name, cls)
    return _named(function_of(cls, name), name, cls)


def operator_of(cls: OperationLike, operator: str, reflected: bool = False) -> Callable[..., Any]:
    """The operator method of an operation; unknown operands get Python's NotImplemented, so that their own class may answer."""
    name = f"__{'r' if reflected else ''}{operator}__"
    if len(cls.names) == 1:
        return _named(lambda input: cls.of(input), name, cls)
    # Lists go in too, to be refused by name, where Python would say less; but they may be compared with anything.
    known = OPERANDS if operator in ("eq", "ne") else (*OPERANDS, list, tuple)
    if reflected:
        return _named(lambda a, b: cls.of(b, a) if isinstance(b, known) else NotImplemented, name, cls)
    return _named(lambda a, b: cls.of(a, b) if isinstance(b, known) else NotImplemented, name, cls)


def _named(f: Callable[..., Any], name: str, cls: OperationLike) -> Callable[..., Any]:
    f.__name__ = f.__qualname__ = name
    f.__doc__ = cls.__doc__
    f.__op__ = cls  # type: ignore[attr-defined]
    return f


def to_operands(name: str, *given: Any) -> list[Any]:
    """Every argument as an operand: beside a box arrays stay arrays (constants of its transform), else all become tensors.

    A float beside floating tensors is of their dtype, as in `result_type`: of the default dtype it would lose digits beside float64.
    """
    boxed = [isinstance(a, Boxed) for a in given]
    if all(boxed):
        return [*given]
    if any(type(a) is float for a in given) and any(isinstance(a, Boxed | ndarray) for a in given):
        dtype = result_type(*(plain_array(a, name) if isinstance(a, ndarray) else a for a in given))
        given = tuple([quietly(np.asarray, a, dtype) if type(a) is float and dtype.kind in "fV" else a for a in given])
    which = ["input", *(f"operand {i}" for i in range(2, len(given) + 1))]
    return [
        plain_array(a, name) if any(boxed) and isinstance(a, ndarray) else to_operand(a, name, w) for a, w in zip(given, which, strict=True)
    ]


def to_operand(x: Any, name: str, which: str = "input") -> Any:
    """``x`` as a box: arrays and numbers become tensors; lists and other objects are an error that says what to do."""
    if isinstance(x, Boxed):
        return x
    if isinstance(x, ndarray):
        return Tensor.wrap(plain_array(x, name), 0)
    require_operands(name, x, which=which)
    return Tensor.wrap(to_array(x), 0)


def require_operands(name: str, *given: Any, which: str = "input") -> None:
    """Raise `OperandError` unless all are tensors, arrays of numbers or numbers, which stay as they are."""
    for x in given:
        if not isinstance(x, OPERANDS) or (isinstance(x, ndarray | np.generic) and x.dtype.char not in NUMBERS):
            raise OperandError(f"{name}: {which} must be a tensor: got {type(x).__name__} {x!r:.60}; convert it with tl.tensor(...)")


def checked(f: F, out: bool | str = False) -> F:
    """``f`` as users call it: settings of a wrong kind are refused first, arguments answer to their other names (`other_names`).

    With ``out`` it takes ``out=``, see `public`.

    One that takes any number of arguments behind its first, ``permute(x, *dims)``, takes them as a sequence by their name, too. What
    Python or NumPy say when a call fails becomes an error that names the function, the arguments and the fix.
    """
    code = code_of(f)
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames[:count]
    rest = code.co_varnames[count] if code.co_argcount == 1 and code.co_flags & 0x04 else None
    renames = other_names((*names, rest or ""))
    kinds = kinds_of(f)
    settings = [(i, name, kinds[name]) for i, name in enumerate(names[: code.co_argcount]) if name in kinds]
    first = settings[0][0] if settings else ANY_NUMBER

    @functools.wraps(f)
    def face(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            if out and "out" in kwargs and (given := kwargs.pop("out")) is not None:
                return write_into(given, f.__name__, face, args, kwargs, out == "dtype")
            for other in renames.keys() & kwargs.keys():
                name = renames[other]
                if name in kwargs:
                    raise OperandError(f"{f.__name__}: got both {name}= and its other name {other}=; pass one of them")
                kwargs[name] = kwargs.pop(other)
            if rest in kwargs and len(args) <= 1:
                values = kwargs.pop(rest)
                args = (*(args or (kwargs.pop(names[0]),)), *(values if values and isinstance(values, tuple | list) else (values,)))
            for name, value in kwargs.items():
                if name in kinds and type(value) not in kinds[name].usual:
                    refuse(f.__name__, name, kinds[name], value)
        if (number := len(args)) > first:
            for i, name, kind in settings:
                if i >= number:
                    break
                if type(args[i]) not in kind.usual:
                    refuse(f.__name__, name, kind, args[i])
        try:
            return f(*args, **kwargs)
        except PLAIN as error:
            if any(_has_answers(a) for a in args):
                return load("overrides").handle_torch_function(face, args, *args, **kwargs)
            if type(error) is TypeError and (call := renewed(f.__name__, args, kwargs)) is not None:
                return f(*call[0], **call[1])
            better = better_error(f, args, kwargs, error)
            if better is None:
                raise
            raise better from error

    face.__out__, face.__aliases__ = out, renames  # type: ignore[attr-defined]
    return face  # type: ignore[return-value]


def _has_answers(a: Any) -> bool:
    """Whether an operand answers functions itself, by ``__torch_function__``; PyTorch's own tensors do not know this package's."""
    kind = type(a)
    return (
        getattr(kind, "__torch_function__", None) is not None and not isinstance(a, Boxed) and kind.__module__.partition(".")[0] != "torch"
    )


def _accept_sequences(np_function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """The answer to a NumPy function, of whose operands the first ``count`` may be sequences, as in NumPy."""
    answer, name = registry.NUMPY_FUNCTIONS[np_function], f"np.{np_function.__name__}"

    @functools.wraps(answer)
    def wider(*args: Any, **kwargs: Any) -> Any:
        given = [operand(a, name) if isinstance(a, list | tuple) else a for a in args[:count]]
        return answer(*given, *args[count:], **kwargs)

    return wider


def holds_box(x: Any) -> bool:
    """Whether ``x`` is a box or a (nested) sequence with one in it."""
    return isinstance(x, Boxed) or (isinstance(x, list | tuple) and any(map(holds_box, x)))


def operand(x: Any, op: str) -> Array:
    """``x`` as an array or a box, as NumPy sees it: a sequence with boxes in it becomes one box, by stacking.

    >>> operand([1, 2], "sum")
    array([1, 2])
    """
    if isinstance(x, Boxed):
        return x
    if isinstance(x, list | tuple) and holds_box(x):
        return np.stack([operand(e, op) for e in x])
    return plain_array(x, op)
