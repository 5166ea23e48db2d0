"""In-place changes: methods that end in an underscore, augmented assignment, and writing through an index.

All go through `mutate`, the one place that decides what an in-place change means: on plain memory it writes and counts the version
up; on a tensor that is on the tape it becomes the result of the operation, and whoever saved the old value is told at backward.
A recorded change through a view is a write into a window of the memory it looks at: `settle` tells that memory and its other views.

Not here: in-place drawing of random numbers (``inplace_random.py``), the operations themselves, windows (``strided.py``).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import DTypeError, GraphError, OperandError, ShapeError
from .._state import state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of, unbroadcast
from ..core.dtypes import CATEGORY
from ..core.families import Linear
from ..core.hooks import hand_over
from ..core.publish import to_operand
from ..core.registry import METHODS, public
from ..core.tape import Leaf
from ..core.tensor import Tensor
from . import (  # the files whose functions get twins: they must be loaded before the twins are made
    activation,
    arithmetic,
    compare,
    diagonal,
    exponential,
    gather,
    grid,
    matmul,
    piecewise,
    scan,
    shape,
    special,
    trigonometric,
)
from .compare import Where
from .index import GetItem, PutItem, _Layout, fill, parse
from .strided import order_of, read, window_of, write

TWINNED = (activation, arithmetic, compare, diagonal, exponential, gather, grid, matmul, piecewise, scan, shape, special, trigonometric)


# ---- what an in-place change means --------------------------------------------------------------------------------------------------
def mutate(t: Any, name: str, compute: Callable[[Tensor], Any], fresh: bool = False) -> Any:
    """Let ``t`` become ``compute(t)`` in place; ``compute`` gives the result out of place, in t's shape and a castable dtype.

    ``fresh`` says that the result always has memory that nothing else holds. Raises `GraphError` for a leaf that requires grad and
    for views of one, `ShapeError` and `DTypeError` for results that do not fit, `OperandError` for tensors without memory
    of their own. Returns ``t``, or NotImplemented if ``compute`` does.
    """
    check_writable(t, name)
    source = Tensor.wrap(t.array, t.level)
    on_tape = t.node is not None or (t.views is not None and t.views.root_node() is not None)
    if not on_tape or not state.grad_enabled:
        result = compute(source)
        if getattr(result, "node", None) is None:
            return result if result is NotImplemented else _write(t, name, result)
    # From here on the change is recorded. What it saves of the old value must not be overwritten: either the old memory stays with
    # `source` and the tensor moves to memory of its own, or, where others share the memory, `source` gets a copy.
    shared = t.node is None or (t.version is not None and t.version[1] is not None)
    if shared:
        check_views(t, name)
        source = Tensor.wrap(np.array(t.array), t.level)
    source.node = t.node
    result = compute(source)
    if result is NotImplemented:
        return result
    if getattr(result, "node", None) is None:  # a constant: the tensor stays on the tape, with gradient 0 for its old value
        constant = _plain(result)
        if isinstance(constant, Boxed):
            raise _foreign(t, name)
        _check_fit(t, name, constant)
        result, fresh = Where.of(np.ones((), np.bool_), constant, source), True
        if t.node is None:
            result = Tensor.wrap(result.array, t.level)  # a view that was made without recording, of memory that is on the tape
    if not isinstance(result, Tensor) or result.level != t.level or not isinstance(result.array, ndarray):
        raise _foreign(t, name)
    _check_fit(t, name, result)
    if result.dtype != t.dtype:
        result, fresh = METHODS["to"](result, t.dtype), True
    hand_over(t.node, result.node)
    if shared:
        np.copyto(t.array, result.array)
        t.shared_cell()
        settle(t, result.node)
    else:
        t.array = result.array if fresh and result.version is None and result.array.base is None else np.array(result.array)
        t.node = result.node
    t.changed(name)
    return t


def settle(t: Tensor, node: Any) -> None:
    """``t``, whose memory has been written already, is now the result of ``node``: tell the memory it looks at, and its other views."""
    views = t.views
    others = [] if views is None else [m for m in views.alive() if m is not t]
    if views is None or (t is views.root() and not others):
        t.node = node
        return
    value = Tensor.wrap(t.array, t.level)
    value.node = node
    root = Tensor.wrap(views.array, t.level)
    if t is views.root():
        root.node = t.node = node
    else:
        root.node = views.root_node()
        if root.node is None:  # nobody holds the whole any more: what is left of it is what the living views show
            for m in others:
                if m.node is not None:
                    root.node = write(root, m.array, m).node
        root.node = write(root, t.array, value).node
        t.node = None if root.node is None else read(root, t.array).node
    views.node = None if root.node is None else weakref.ref(root.node)
    for m in others:
        if m is views.root():
            hand_over(m.node, root.node)
            m.node = root.node
        elif np.may_share_memory(m.array, t.array):
            fresh = read(root, m.array).node
            hand_over(m.node, fresh)
            m.node = fresh


def check_writable(t: Any, name: str) -> None:
    """Raise unless ``t`` is a tensor with memory that may be changed now."""
    if not isinstance(t, Tensor):
        raise OperandError(f"{name}: cannot change {_what(t)} in place; use the out-of-place form, y = x + 1")
    if not isinstance(t.array, ndarray):
        raise OperandError(f"{name}: cannot change a value in place inside a function transform; use the out-of-place form, y = x + 1")
    if not t.array.flags.writeable:
        raise OperandError(f"{name}: the memory is read-only or shared by repeated elements (an expanded tensor?); clone() it first")
    if t.node is not None and state.grad_enabled and t.is_leaf:
        raise GraphError(
            f"{name}: a leaf tensor that requires grad (shape {t.shape}) cannot be changed in place while operations are recorded; "
            f"do it under no_grad(), or use the out-of-place form"
        )


def _what(t: Any) -> str:
    return "a value inside a function transform" if isinstance(t, Boxed) else f"a {type(t).__name__}, which is no tensor,"


def check_views(t: Tensor, name: str) -> None:
    """Raise, before anything is written, where the change could not be told to all who look at the memory.

    That is where it belongs to a leaf that requires grad (its value is given, not computed), or where it has no row-major order.
    """
    if t.views is None:
        return
    leaf = t.views.leaf()
    if leaf is not None:
        tensor = leaf.tensor() if isinstance(leaf, Leaf) else leaf
        raise GraphError(
            f"{name}: this tensor (shape {t.shape}) shares the memory of a leaf that requires grad"
            f"{'' if tensor is None else f' (shape {tensor.shape})'}, which cannot be changed in place while operations are recorded; "
            f"do it under no_grad(), or clone() the leaf first"
        )
    members = t.views.alive()
    if members != [t.views.root()]:
        order_of(t.views.array)
        for m in members:
            window_of(t.views.array, m.array)


def _foreign(t: Tensor, name: str) -> OperandError:
    return OperandError(
        f"{name}: the other operand belongs to a function transform, this tensor (shape {t.shape}) does not; "
        f"use the out-of-place form, y = x + 1, or stack([...]) to build a tensor from parts"
    )


def _plain(result: Any) -> Any:
    """What tensors that are on no tape hold."""
    while isinstance(result, Tensor) and result.node is None:
        result = result.array
    return result


def _check_fit(t: Tensor, name: str, result: Any) -> None:
    """Raise unless ``result`` has t's shape, and a dtype that may be cast to t's."""
    shape = shape_of(result)
    if shape != t.shape:
        raise ShapeError(f"{name}: the result has another shape: the tensor is {t.shape}, the result {shape}; use the out-of-place form")
    if CATEGORY[result.dtype.kind] > CATEGORY[t.dtype.kind]:
        raise DTypeError(
            f"{name}: the result is {result.dtype} and does not fit this tensor of {t.dtype}; convert it or use the out-of-place form"
        )


def _write(t: Tensor, name: str, result: Any) -> Tensor:
    """Write a result that is on no tape into t's memory."""
    array = _plain(result)
    if isinstance(array, Boxed):
        raise _foreign(t, name)
    array = np.asarray(array)
    _check_fit(t, name, array)
    with np.errstate(all="ignore"):  # NaN to integers: some number, as in PyTorch
        np.copyto(t.array, array, casting="unsafe")
    t.changed(name)
    return t


def write_directly(t: Any, name: str, ufunc: Callable[..., Any], *others: Any) -> bool:
    """Run ``ufunc`` on t's memory itself, if nothing is to be recorded and dtypes and shapes agree; else leave it to `mutate`."""
    if not isinstance(t, Tensor) or state.observers:
        return False
    if state.grad_enabled and (t.node is not None or (t.views is not None and t.views.root_node() is not None)):
        return False
    array = t.array
    if type(array) is not ndarray or array.dtype.kind != "f" or not array.flags.writeable:
        return False
    data: list[Any] = []
    for other in others:
        if isinstance(other, Tensor):
            if (state.grad_enabled and other.node is not None) or type(other.array) is not ndarray or other.array.dtype != array.dtype:
                return False
            data.append(other.array)
        elif type(other) in (int, float):
            data.append(float(other))
        else:
            return False
    try:
        with np.errstate(all="ignore"):
            ufunc(array, *data, out=array)
    except ValueError:
        return False  # shapes that do not fit: nothing was written, and `mutate` explains
    t.changed(name)
    return True


# ---- twins of functions -------------------------------------------------------------------------------------------------------------
#: Functions whose twin with an underscore may work on the memory itself, and the NumPy function that does the same.
DIRECT: dict[str, np.ufunc] = {
    "add": np.add, "sub": np.subtract, "subtract": np.subtract, "mul": np.multiply, "multiply": np.multiply,
    "div": np.true_divide, "divide": np.true_divide, "true_divide": np.true_divide, "neg": np.negative, "negative": np.negative,
    "abs": np.absolute, "absolute": np.absolute, "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p,
    "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt, "square": np.square, "reciprocal": np.reciprocal, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc,
}  # fmt: skip

#: The other functions that get a twin.
NAMES = (
    "acos", "acosh", "addcdiv", "addcmul", "addmm", "addmv", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "clamp", "clamp_max", "clamp_min", "clip", "copysign", "cosh", "cumprod", "cumsum", "deg2rad",
    "digamma", "eq", "erf", "erfc", "erfinv", "exp2", "fix", "float_power", "floor_divide", "fmod", "frac", "gcd", "ge", "greater",
    "greater_equal", "gt", "heaviside", "hypot", "index_add", "index_copy", "index_fill", "lcm", "ldexp", "le", "lerp", "less",
    "less_equal", "lgamma", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "lt", "masked_fill", "masked_scatter",
    "nan_to_num", "ne", "nextafter", "not_equal", "polygamma", "pow", "rad2deg", "relu", "remainder", "round", "rsqrt", "scatter",
    "scatter_add", "sgn", "sigmoid", "sign", "sinc", "sinh", "tan", "tril", "triu", "xlogy",
)  # fmt: skip


def _make(name: str) -> None:
    function = METHODS[name]
    ufunc = DIRECT.get(name)

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        if ufunc is not None and not kwargs and len(args) == ufunc.nin - 1 and write_directly(input, f"{name}_", ufunc, *args):
            return input
        # x.mul_(x): the other operand is the old value too
        return mutate(input, f"{name}_", lambda t: function(t, *[t if a is input else a for a in args], **kwargs), ufunc is not None)

    method.__doc__ = f"`{name}`, in place; returns the tensor itself."
    public(f"{name}_", function=False)(method)


for _name in (*DIRECT, *NAMES):
    _make(_name)

#: Augmented assignments: the operator they are made of, how it is written, and its NumPy function where it can work directly.
AUGMENTED: dict[str, tuple[str, str, Any]] = {
    "iadd": ("add", "+=", np.add),
    "isub": ("sub", "-=", np.subtract),
    "imul": ("mul", "*=", np.multiply),
    "itruediv": ("truediv", "/=", np.true_divide),
    "ipow": ("pow", "**=", None),
    "imod": ("mod", "%=", None),
    "ifloordiv": ("floordiv", "//=", None),
    "iand": ("and", "&=", None),
    "ior": ("or", "|=", None),
    "ixor": ("xor", "^=", None),
    "ilshift": ("lshift", "<<=", None),
    "irshift": ("rshift", ">>=", None),
}


def _augment(name: str, operator: str, symbol: str, ufunc: Any) -> None:
    def method(self: Array, other: Any) -> Any:
        if ufunc is not None and write_directly(self, symbol, ufunc, other):
            return self
        if not isinstance(self, Tensor) or not isinstance(self.array, ndarray):
            return METHODS[f"__{operator}__"](self, other)  # inside a transform: x += y is x = x + y
        return mutate(self, symbol, lambda t: METHODS[f"__{operator}__"](t, t if other is self else other), ufunc is not None)

    method.__doc__ = f"``x {symbol} y``: writes into x's memory."
    public(f"__{name}__", function=False)(method)


for _name, (_operator, _symbol, _ufunc) in AUGMENTED.items():
    _augment(_name, _operator, _symbol, _ufunc)


def _reshape(name: str) -> None:
    """The twin of a function that gives another view of the same memory."""
    function = METHODS[name]

    def method(input: Array, *args: Any, **kwargs: Any) -> Array:
        check_writable(input, f"{name}_")
        count, shared, _ = input.version or (0, None, None)
        result = function(input, *args, **kwargs)
        if shared is None:  # nobody else holds the memory, which stays as it is: whoever saved it as a result may go on using it
            input.version, input.views = [count, None, None], None
        input.array, input.node = result.array, result.node
        input.changed(f"{name}_")
        return input

    method.__doc__ = f"`{name}`, of this tensor itself: the memory stays, the shape changes; returns the tensor itself."
    public(f"{name}_", function=False)(method)


for _name in ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"):
    _reshape(_name)


# ---- filling and copying ------------------------------------------------------------------------------------------------------------
@public("zero_", function=False)
def _zero(input: Array) -> Array:
    """Every element 0; returns the tensor itself."""
    return _fill(input, 0)


@public("fill_", function=False)
def _fill(input: Array, value: Any) -> Array:
    """Every element ``value``, a number or a 0-d tensor (which then gets a gradient); returns the tensor itself."""
    if shape_of(value) != ():
        raise ShapeError(f"fill_: the value must be a number or a 0-d tensor: its shape is {shape_of(value)}; use copy_ to broadcast")
    return mutate(input, "fill_", lambda t: _spread(value, t))


@public("copy_", function=False)
def _copy(input: Array, src: Array, non_blocking: bool = False) -> Array:
    """The values of ``src``, broadcast and converted to this tensor's dtype; returns the tensor itself."""
    shape, given = shape_of(input), to_operand(src, "copy_")
    fits = len(given.shape) <= len(shape) and all(n in (1, m) for n, m in zip(given.shape[::-1], shape[::-1], strict=False))
    if not fits:
        raise ShapeError(f"copy_: the source does not broadcast to the tensor: it is {given.shape}, the tensor {shape}; reshape it first")
    return mutate(input, "copy_", lambda t: _spread(given, t))


def _spread(value: Any, t: Tensor) -> Any:
    """A copy of ``value`` in t's dtype and shape, differentiably; plain values are not copied."""
    if isinstance(value, Tensor) and isinstance(value.array, ndarray) and (value.node is None or not state.grad_enabled):
        value = value.array
    value = METHODS["clone"](value) if isinstance(value, Boxed) and value.dtype == t.dtype else _like(value, t)
    return value if shape_of(value) == t.shape else np.broadcast_to(value, t.shape)


def _like(value: Any, t: Tensor) -> Any:
    """``value`` in t's dtype, differentiably."""
    value = value if isinstance(value, Boxed) else np.asarray(value)
    if value.dtype.kind == "c" and t.dtype.kind != "c":
        raise DTypeError(f"in-place write: a complex value does not fit a tensor of {t.dtype}; take its real part first")
    if value.dtype == t.dtype:
        return value
    with np.errstate(all="ignore"):
        return METHODS["to"](value, t.dtype) if isinstance(value, Boxed) else value.astype(t.dtype)


@public("fill_diagonal_", function=False)
def _fill_diagonal(input: Array, fill_value: Any, wrap: bool = False) -> Array:
    """``fill_value`` on the main diagonal (of a tall matrix, with ``wrap``, again and again); returns the tensor itself."""
    shape = shape_of(input)
    if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
        raise ShapeError(f"fill_diagonal_: needs a matrix, or more dimensions that are all equal: the tensor is {shape}")
    mask = np.zeros(shape, np.bool_)
    np.fill_diagonal(mask, True, wrap)
    return mutate(input, "fill_diagonal_", lambda t: Where.of(mask, fill_value, t))


# ---- writing through an index -------------------------------------------------------------------------------------------------------
class IndexPut(Linear, title="indexed assignment"):
    """``x`` with ``v`` in place of ``x[index]``; with ``into`` the values go into x's own memory."""

    def forward(x, v, *indices, spec, into=False):
        out = x if into else np.array(x)
        out[fill(spec, indices)] = v
        return out

    def grad_x(g, indices, spec):
        return Where.of(_touched(g.shape, indices, spec), 0.0, g)

    def grad_v(g, indices, v_shape, v_dtype, spec):
        part = unbroadcast(GetItem.of(g, *indices, spec=spec), v_shape)
        return part if part.dtype == v_dtype else arithmetic.Cast.of(part, dtype=v_dtype)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Say which index is out of range, or which shapes do not fit."""
        x, v, *indices = args
        index = fill(params["spec"], tuple(indices))
        try:
            part = x[index].shape
        except IndexError:
            return GetItem.diagnose((x, *indices), {"spec": params["spec"]})
        return ShapeError(
            f"x[index] = value: the value does not fit: x is {x.shape}, x[index] is {part}, the value {np.shape(v)}; it must broadcast to "
            f"x[index]"
        )

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The hidden axis gets an index of its own; the values move their index axes to where NumPy then has them."""
        plan = _Layout(params["spec"], values[2:], mapped[2:])
        indices, spec, here, there = plan.with_hidden_axis(size)
        x, v = (a if m else np.broadcast_to(a, (size, *shape_of(a))) for a, m in zip(values[:2], mapped[:2], strict=True))
        visible = GetItem.of(x, *indices, spec=spec)  # for its shape: (size, *x[index])
        ndim = len(shape_of(visible))
        v = np.reshape(v, (size, *(1,) * (ndim - len(shape_of(v))), *shape_of(v)[1:]))
        v = np.moveaxis(v, there, here) if here != there else v
        return cls.of(x, v, *indices, spec=spec)


def _touched(shape: tuple[int, ...], indices: tuple[Array, ...], spec: tuple[Any, ...]) -> Any:
    """Which elements of an array of ``shape`` the index names."""
    if any(isinstance(i, Boxed) for i in indices):
        ones = np.ones(shape_of(GetItem.of(np.ones(shape, np.int8), *indices, spec=spec)), np.int8)
        return np.greater(PutItem.of(ones, *indices, spec=spec, shape=shape), 0)
    index = fill(spec, indices)
    mask = np.zeros(shape, np.bool_)
    mask[index] = True
    return mask


def set_item(self: Any, index: Any, value: Any) -> None:
    """``x[index] = value``: the value broadcasts to the indexed part."""
    name = "x[index] = value"
    check_writable(self, name)
    spec, indices = parse(index, self.shape)
    plain = [i.array if isinstance(i, Tensor) else i for i in indices]
    if isinstance(value, Boxed) and not (isinstance(value, Tensor) and isinstance(value.array, ndarray)):
        raise _foreign(self, name)
    if isinstance(value, Tensor) and (value.node is None or not state.grad_enabled):
        value = value.array
    on_tape = self.node is not None or (self.views is not None and self.views.root_node() is not None)
    if state.grad_enabled and (on_tape or isinstance(value, Tensor)):
        check_views(self, name)
        if isinstance(value, Tensor) and value.level != self.level:
            raise _foreign(self, name)
        source = Tensor.wrap(self.array, self.level)
        source.node = self.node
        # Nothing is saved of the old values, so the old memory itself takes the new ones.
        node = IndexPut.of(source, _like(value, self), *plain, spec=spec, into=True).node
        self.shared_cell()
        hand_over(self.node, node)
        settle(self, node)
        self.changed(name)
        return
    IndexPut.compute((self.array, _like(value, self), *plain), {"spec": spec, "into": True})
    self.changed(name)


Tensor.__setitem__ = set_item  # type: ignore[assignment, method-assign]


@public("index_put")
def _index_put(input: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    """``input`` with ``values`` in place of ``input[indices]``, or added there with ``accumulate`` (repeated places add up).

    >>> import tensorflowlite_clone as tl
    >>> tl.zeros(3).index_put((tl.tensor([0, 0]),), tl.tensor([1.0, 2.0]), accumulate=True).tolist()
    [3.0, 0.0, 0.0]
    """
    x = to_operand(input, "index_put")
    spec, arrays = parse(tuple(indices), shape_of(x))
    values = to_operand(values, "index_put")
    if values.dtype != x.dtype:
        raise DTypeError(f"index_put: the values must have the input's dtype: they are {values.dtype}, the input {x.dtype}; convert them")
    if not accumulate:
        return IndexPut.of(x, values, *arrays, spec=spec)
    part = shape_of(GetItem.of(np.empty(shape_of(x), np.bool_), *arrays, spec=spec))
    return x + PutItem.of(np.broadcast_to(values, part), *arrays, spec=spec, shape=shape_of(x))


@public("index_put_", function=False)
def _index_put_(input: Array, indices: Any, values: Array, accumulate: bool = False) -> Array:
    """`index_put`, in place; returns the tensor itself."""
    return mutate(input, "index_put_", lambda t: _index_put(t, indices, values, accumulate))
