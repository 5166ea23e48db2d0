"""What follows from an operation's class for its users: the public function, the tensor method, the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .._errors import DTypeError, OperandError, ShapeError
from .._typing import Array
from . import registry
from .boxed import Boxed
from .dtypes import CATEGORY
from .tensor import Tensor

if TYPE_CHECKING:
    from .function import Function

OPERANDS = (Boxed, ndarray, bool, int, float, complex, np.generic)

#: What operators are called in Python.
REFLECTED = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"}


def publish(cls: type[Function], names: tuple[str, ...], method: Any, operator: str | None) -> None:
    """Enter the public function, method and operator that follow from the class."""
    for name in names:
        registry.FUNCTIONS[name] = function_of(cls, name)
        if method is True:
            registry.install_method(name, method_of(cls, name))
    for name in (method,) if isinstance(method, str) else method if isinstance(method, tuple) else ():
        registry.install_method(name, method_of(cls, name))
    if operator is not None:
        registry.install_method(f"__{operator}__", operator_of(cls, operator))
        if operator in REFLECTED:
            registry.install_method(f"__r{operator}__", operator_of(cls, operator, reflected=True))


def function_of(cls: type[Function], name: str) -> Callable[..., Any]:
    """The public function of an operation: PyTorch's names ``input`` and ``other`` for the first arrays."""
    k = len(cls.names)
    if k == 1 and not cls.params:

        def function(input: Array, *, out: Any = None) -> Any:
            result = cls.of(input if isinstance(input, Boxed) else to_operand(input, name))
            return result if out is None else write_out(out, result, name)

    elif k == 2 and not cls.params:

        def function(input: Array, other: Array, *, out: Any = None) -> Any:  # type: ignore[misc]
            if not (isinstance(input, Boxed) or isinstance(other, Boxed)):
                input = to_operand(input, name)
            result = cls.of(input, other)
            return result if out is None else write_out(out, result, name)

    else:
        order = ("input", "other")[: min(k, 2)] + cls.names[2:] + cls.params

        def function(*args: Array, **kwargs: Any) -> Any:  # type: ignore[misc]
            if len(args) > len(order):
                raise TypeError(f"{name}() takes at most {len(order)} arguments ({', '.join(order)}); got {len(args)}")
            given = dict(zip(order, args, strict=False))
            out = kwargs.pop("out", None)
            for key, value in kwargs.items():
                if key not in order or key in given:
                    raise TypeError(f"{name}(): unexpected argument {key!r}; it takes {', '.join(order)}")
                given[key] = value
            missing = [a for a in order if a not in given and a not in cls.defaults]
            if missing:
                raise TypeError(f"{name}(): missing {', '.join(missing)}; it takes {', '.join(order)}")
            arrays = [given[a] for a in order[:k]]
            arrays[0] = to_operand(arrays[0], name)
            result = cls.of(*arrays, **{p: given[p] for p in cls.params if p in given})
            return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = cls.__doc__
    function.__op__ = cls  # type: ignore[attr-defined]
    return function


def method_of(cls: type[Function], name: str) -> Callable[..., Any]:
    """The tensor method of an operation."""
    if not cls.params and len(cls.names) == 1:
        return _named(lambda input: cls.of(input), name, cls)
    if not cls.params and len(cls.names) == 2:
        return _named(lambda input, other: cls.of(input, other), name, cls)
    return _named(function_of(cls, name), name, cls)


def operator_of(cls: type[Function], operator: str, reflected: bool = False) -> Callable[..., Any]:
    """The operator method of an operation; unknown operands get Python's NotImplemented, so that their own class may answer."""
    name = f"__{'r' if reflected else ''}{operator}__"
    if len(cls.names) == 1:
        return _named(lambda input: cls.of(input), name, cls)
    # Lists go in too, to be refused by name, where Python would say less; but they may be compared with anything.
    known = OPERANDS if operator in ("eq", "ne") else (*OPERANDS, list, tuple)
    if reflected:
        return _named(lambda a, b: cls.of(b, a) if isinstance(b, known) else NotImplemented, name, cls)
    return _named(lambda a, b: cls.of(a, b) if isinstance(b, known) else NotImplemented, name, cls)


def _named(f: Callable[..., Any], name: str, cls: type[Function]) -> Callable[..., Any]:
    f.__name__ = f.__qualname__ = name
    f.__doc__ = cls.__doc__
    f.__op__ = cls  # type: ignore[attr-defined]
    return f


def write_out(out: Any, result: Any, name: str) -> Any:
    """Write ``result`` into the tensor ``out``, in place and on the tape, as ``out=`` asks; returns ``out``."""
    if isinstance(out, tuple) and len(out) == 1:
        (out,) = out
    if not isinstance(out, Boxed):
        raise OperandError(
            f"{name}: out= must be a tensor: got {type(out).__name__}, which would lose the derivative; assign the returned tensor "
            f"instead (y = y + x, not y += x, where y is a plain array)"
        )
    if isinstance(result, tuple):
        raise OperandError(f"{name}: out= takes one result, the operation has {len(result)}; assign the returned tensors instead")
    if result.shape != out.shape:
        raise ShapeError(f"{name}: out= has another shape than the result: {out.shape} and {result.shape}; give a tensor of that shape")
    if CATEGORY[result.dtype.kind] > CATEGORY[out.dtype.kind]:
        raise DTypeError(f"{name}: the result is {result.dtype} and does not fit out= of {out.dtype}; give a tensor of that dtype")
    return registry.METHODS["copy_"](out, result)


def to_operand(x: Any, name: str) -> Any:
    """``x`` as a box: arrays and numbers become tensors; lists and other objects are an error that says what to do."""
    if isinstance(x, Boxed):
        return x
    if isinstance(x, ndarray | bool | int | float | complex | np.generic):
        return Tensor(x)
    raise OperandError(f"{name}: input must be a tensor: got {type(x).__name__} {x!r:.60}; convert it with tl.tensor(...)")
