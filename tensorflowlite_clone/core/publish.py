"""What follows from an operation's class for its users: the public function, the tensor method, the operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from .._errors import OperandError
from .._typing import Array
from . import registry
from .boxed import Boxed
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

        def function(input: Array) -> Any:
            return cls.of(to_operand(input, name))

    elif k == 2 and not cls.params:

        def function(input: Array, other: Array) -> Any:  # type: ignore[misc]
            if not (isinstance(input, Boxed) or isinstance(other, Boxed)):
                input = to_operand(input, name)
            return cls.of(input, other)

    else:
        order = ("input", "other")[: min(k, 2)] + cls.names[2:] + cls.params

        def function(*args: Array, **kwargs: Any) -> Any:  # type: ignore[misc]
            if len(args) > len(order):
                raise TypeError(f"{name}() takes at most {len(order)} arguments ({', '.join(order)}); got {len(args)}")
            given = dict(zip(order, args, strict=False))
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


def to_operand(x: Any, name: str) -> Any:
    """``x`` as a box: arrays and numbers become tensors; lists and other objects are an error that says what to do."""
    if isinstance(x, Boxed):
        return x
    if isinstance(x, ndarray | bool | int | float | complex | np.generic):
        return Tensor(x)
    raise OperandError(f"{name}: input must be a tensor: got {type(x).__name__} {x!r:.60}; convert it with tl.tensor(...)")
