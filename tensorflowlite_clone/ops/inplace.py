"""In-place changes: methods that end in an underscore, augmented assignment, and writing through an index.

All go through `mutate`, the one place that decides what an in-place change means: on plain memory it writes and counts the version
up; on a tensor that is on the tape it becomes the result of the operation, and whoever saved the old value is told at backward.
Writing through views of tensors on the tape is refused: the out-of-place form says the same and differentiates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import DTypeError, GraphError, OperandError, ShapeError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import unbroadcast
from ..core.dtypes import CATEGORY
from ..core.families import Linear
from ..core.registry import FUNCTIONS, METHODS, public
from ..core.tensor import Tensor
from ..kernels.scatter import put_add
from . import activation, arithmetic, exponential, gather, piecewise, scan, special, trigonometric
from .arithmetic import cast
from .compare import Where
from .index import GetItem, fill, parse
from .random import Generator, normal, stream, uniform


def mutate(t: Any, name: str, compute: Callable[[Tensor], Any]) -> Tensor:
    """Let ``t`` become ``compute(t)`` in place; ``compute`` gives the result out of place, in t's shape and a castable dtype.

    Raises `GraphError` for a leaf that requires grad and for views on the tape, `ShapeError` and `DTypeError` for results that
    do not fit, `OperandError` for tensors without memory of their own.
    """
    writable(t, name)
    recording = state.grad_enabled
    if recording and t.node is not None and t.is_leaf:
        raise GraphError(
            f"{name}: a leaf tensor that requires grad (shape {t.shape}) cannot be changed in place while operations are recorded; "
            f"do it under no_grad(), or use the out-of-place form"
        )
    source = t.detach() if not recording else t
    result = compute(source)
    node = result.node if isinstance(result, Tensor) else None
    array = result.array if isinstance(result, Tensor) else result
    if isinstance(array, Boxed):
        raise OperandError(f"{name}: the other operand belongs to a function transform, this tensor does not; use the out-of-place form")
    array = np.asarray(array)
    if array.shape != t.shape:
        raise ShapeError(
            f"{name}: the result has another shape: the tensor is {t.shape}, the result {array.shape}; use the out-of-place form"
        )
    if CATEGORY[array.dtype.kind] > CATEGORY[t.dtype.kind]:
        raise DTypeError(
            f"{name}: the result is {array.dtype} and does not fit into this tensor of {t.dtype}; convert it or use the out-of-place form"
        )
    if recording and node is not None:
        _not_a_view(t, name)
    np.copyto(t.array, array, casting="unsafe")
    t.memory_cell()[0] += 1
    if recording and node is not None:
        t.node = node
        # The node's own result was saved from memory of its own, which nobody changes.
    return t  # type: ignore[no-any-return]


def writable(t: Any, name: str) -> None:
    """Raise unless ``t`` is a tensor with memory that can be written."""
    if not isinstance(t, Tensor) or not isinstance(t.array, ndarray):
        raise OperandError(f"{name}: cannot change a value in place inside a function transform; use the out-of-place form, y = x + 1")
    if not t.array.flags.writeable:
        raise OperandError(f"{name}: the memory is read-only or shared by repeated elements (an expanded tensor?); clone() it first")


def _not_a_view(t: Tensor, name: str) -> None:
    """Raise where other tensors on the tape see the same memory: their history would not know of the change."""
    cell = t.version
    if cell is not None and len(cell) > 1:
        raise GraphError(
            f"{name}: this tensor (shape {t.shape}) is a view, or has views, and is on the tape; writing would change the others without "
            f"a trace; use the out-of-place form, or clone() it first"
        )


class IndexPut(Linear, title="indexed assignment"):
    """``x`` with ``v`` in place of ``x[index]``."""

    def forward(x, v, *indices, spec):
        out = np.array(x)
        out[fill(spec, indices)] = v
        return out

    def grad_x(g, indices, spec):
        return Where.of(_touched(g.shape, fill(spec, indices)), 0.0, g)

    def grad_v(g, indices, v_shape, spec):
        return unbroadcast(GetItem.of(g, *indices, spec=spec), v_shape)


def _touched(shape: tuple[int, ...], index: tuple[Any, ...]) -> Any:
    return put_add(shape, index, np.ones(np.empty(shape, np.bool_)[index].shape)) > 0


def set_item(self: Any, index: Any, value: Any) -> None:
    """``x[index] = value``: the value broadcasts to the indexed part."""
    writable(self, "x[index] = value")
    spec, indices = parse(index, self.shape)
    plain = [i.array if isinstance(i, Tensor) else i for i in indices]
    recorded = state.grad_enabled and (self.node is not None or (isinstance(value, Tensor) and value.node is not None))
    if recorded:
        mutate(self, "x[index] = value", lambda t: IndexPut.of(t, _value(value, t), *plain, spec=spec))
        return
    given = value.array if isinstance(value, Tensor) else value
    try:
        self.array[fill(spec, tuple(plain))] = given
    except (ValueError, IndexError) as error:
        part = self.array[fill(spec, tuple(plain))].shape if not isinstance(error, IndexError) else "?"
        raise ShapeError(
            f"x[index] = value: the value does not fit: x is {self.shape}, x[index] is {part}, the value {np.shape(given)}"
        ) from error
    self.memory_cell()[0] += 1


def _value(value: Any, t: Tensor) -> Any:
    return value if isinstance(value, Boxed) else np.asarray(value, t.dtype)


Tensor.__setitem__ = set_item  # type: ignore[assignment, method-assign]

#: The files whose functions get twins: they must be loaded before the twins are made.
TWINNED = (activation, arithmetic, exponential, gather, piecewise, scan, special, trigonometric)
#: Functions that get a twin with an underscore.
NAMES = (
    "add", "sub", "mul", "div", "pow", "neg", "abs", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "sin", "cos", "tan",
    "tanh", "sigmoid", "relu", "floor", "ceil", "round", "trunc", "frac", "reciprocal", "clamp", "clamp_min", "clamp_max", "lerp", "addcmul",
    "addcdiv", "masked_fill", "sign", "remainder", "fmod", "erf", "cumsum", "cumprod",
    "scatter", "scatter_add", "nan_to_num",
)  # fmt: skip


def _make(name: str) -> None:
    function = FUNCTIONS.get(name) or METHODS[name]

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        return mutate(input, f"{name}_", lambda t: function(t, *args, **kwargs))

    method.__doc__ = f"`{name}`, in place."
    public(f"{name}_", function=False)(method)


for _name in NAMES:
    _make(_name)

#: Augmented assignments and the operators they are made of.
AUGMENTED = {"iadd": "add", "isub": "sub", "imul": "mul", "itruediv": "truediv", "ipow": "pow", "imod": "mod", "ifloordiv": "floordiv"}


def _augment(name: str, operator: str) -> None:
    symbol = {"add": "+=", "sub": "-=", "mul": "*=", "truediv": "/=", "pow": "**=", "mod": "%=", "floordiv": "//="}[operator]

    def method(self: Array, other: Any) -> Any:
        if not isinstance(self, Tensor) or not isinstance(self.array, ndarray):
            return METHODS[f"__{operator}__"](self, other)  # inside a transform: x += y is x = x + y
        return mutate(self, symbol, lambda t: METHODS[f"__{operator}__"](t, other))

    method.__doc__ = f"``x {symbol} y``."
    public(f"__{name}__", function=False)(method)


for _name, _operator in AUGMENTED.items():
    _augment(_name, _operator)


@public("zero_", function=False)
def _zero(input: Array) -> Array:
    """Every element 0."""
    return _fill(input, 0)


@public("fill_", function=False)
def _fill(input: Array, value: Any) -> Array:
    """Every element ``value``, a number or a 0-d tensor."""
    return mutate(input, "fill_", lambda t: np.full(t.shape, value.item() if isinstance(value, Tensor) else value, t.dtype))


@public("copy_", function=False)
def _copy(input: Array, src: Array, non_blocking: bool = False) -> Array:
    """The values of ``src``, broadcast and converted."""
    writable(input, "copy_")
    if isinstance(src, Tensor) and src.node is not None and state.grad_enabled:
        return mutate(input, "copy_", lambda t: cast(np.broadcast_to(src, t.shape), t.dtype))
    given = src.array if isinstance(src, Tensor) else np.asarray(src)
    try:
        values = np.broadcast_to(given, input.shape)
    except ValueError as error:
        raise ShapeError(f"copy_: the source does not broadcast to the tensor: it is {given.shape}, the tensor {input.shape}") from error
    return mutate(input, "copy_", lambda t: values.astype(t.dtype))


def _draw(input: Array, name: str, draw: Callable[[Any], Any]) -> Array:
    return mutate(input, name, lambda t: np.asarray(draw(t)).astype(t.dtype))


@public("normal_", function=False)
def _normal_(input: Array, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Normal numbers."""
    return _draw(input, "normal_", lambda t: normal(t.shape, t.dtype, generator) * std + mean)


@public("uniform_", function=False)
def _uniform_(input: Array, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Uniform numbers in [from, to)."""
    return _draw(input, "uniform_", lambda t: uniform(t.shape, t.dtype, generator) * (to - from_) + from_)


@public("bernoulli_", function=False)
def _bernoulli_(input: Array, p: float = 0.5, *, generator: Generator | None = None) -> Array:
    """1 with probability p, else 0."""
    return _draw(input, "bernoulli_", lambda t: stream(generator).random(t.shape) < p)


@public("random_", function=False)
def _random_(input: Array, from_: int = 0, to: int | None = None, *, generator: Generator | None = None) -> Array:
    """Integers in [from, to), by default those that the dtype represents."""
    if to is None:
        from_, to = (0, from_) if from_ else (0, 1 << (24 if input.dtype == np.float32 else 53 if input.dtype.kind == "f" else 31))
    return _draw(input, "random_", lambda t: stream(generator).integers(from_, to, t.shape))


@public("exponential_", function=False)
def _exponential_(input: Array, lambd: float = 1.0, *, generator: Generator | None = None) -> Array:
    """Exponential numbers with rate ``lambd``."""
    return _draw(input, "exponential_", lambda t: stream(generator).standard_exponential(t.shape) / lambd)
