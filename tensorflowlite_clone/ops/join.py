"""Joining and splitting: concatenate, stack, split, chunk, products of sets of tensors.

Not here: repeating one tensor (``repeat.py``), padding (``pad.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from .._errors import ArgumentError, DTypeError, OperandError, ShapeError
from .._state import get_default_dtype
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import normalize_axis, shape_of, spread_all
from ..core.families import AxisWise, Linear
from ..core.levels import concrete
from ..core.operation import fused
from ..core.publish import OPERANDS, implements, public, to_operand
from ..core.tensor import Taped
from .grid import _atleast_1d, _atleast_2d, _atleast_3d, _meshgrid
from .index import Slice, get_item
from .shape import Reshape


class Concatenate(Linear, AxisWise, title="cat"):
    """Arrays one after the other along an axis."""

    promotion = "same"

    def forward(*xs, axis):
        return np.concatenate(xs, axis)

    def grad_xs(g, xs_shape, axis, index):
        ends = list(accumulate(s[axis] for s in xs_shape))
        before = (slice(None),) * axis
        return [g[(*before, slice(ends[i] - xs_shape[i][axis], ends[i]))] for i in index]

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the shapes but for the joined axis."""
        shapes = [a.shape for a in args]
        return ShapeError(f"cat: shapes differ outside dimension {params['axis']}: they are {shapes}; all other sizes must be equal")


class Append(Linear, AxisWise, title="cat"):
    """Two plain tensors one after the other: the commonest of `Concatenate`, with fixed operands, so that it is compiled."""

    promotion = "same"

    def forward(x, y, *, axis):
        return np.concatenate((x, y), axis)

    def grad_x(g, x_shape, axis):
        return g[(*(slice(None),) * axis, slice(x_shape[axis]))]

    def grad_y(g, x_shape, axis):
        return g[(*(slice(None),) * axis, slice(x_shape[axis], None))]

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the shapes but for the joined axis."""
        return Concatenate.diagnose(args, params)


class Stack(Linear, AxisWise, title="stack"):
    """Plain tensors of one shape along a new axis: one node in the place of a `Reshape` for each and a `Concatenate`."""

    promotion = "same"

    def forward(*xs, axis):
        return np.stack(xs, axis)

    @fused(lambda g, axis, index: _layers(g, axis, index))
    def grad_xs(g, axis, index):
        return [g[(*(slice(None),) * axis, i)] for i in index]

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """The new axis is one further behind the hidden one."""
        return cls.of(*spread_all(values, mapped, size), axis=params["axis"] + 1)


def _layers(g: Array, axis: int, index: tuple[int, ...]) -> list[Array]:
    """Some layers of a stack; those of one element as arrays too."""
    before = (slice(None),) * axis
    return [g[(*before, i, ...)] for i in index]


def _sequence(tensors: Any, op: str) -> list[Array]:
    if not isinstance(tensors, (list, tuple)) and not isinstance(tensors, Sequence):
        raise OperandError(f"{op}: needs a sequence of tensors: got {type(tensors).__name__}; pass a list or tuple of tensors")
    if not len(tensors):
        raise ArgumentError(f"{op}: got an empty sequence; pass at least one tensor")
    for i, t in enumerate(tensors):
        if not isinstance(t, OPERANDS):
            raise OperandError(f"{op}: needs a sequence of tensors: tensors[{i}] is a {type(t).__name__}; convert it with tl.tensor(...)")
    return list(tensors)


def _plain(xs: list[Array]) -> bool:
    """Whether all are tensors that hold arrays."""
    return all(isinstance(x, Taped) and type(x.array) is np.ndarray for x in xs)


@public("cat", "concat", "concatenate", method=False, out=True)
def _cat(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors one after the other along an existing dimension. All other sizes must be equal.

    >>> import tensorflowlite_clone as tl
    >>> tl.cat([tl.zeros(1, 2), tl.ones(2, 2)]).shape
    (3, 2)
    """
    if type(tensors) in (tuple, list) and len(tensors) == 2:
        x, y = tensors
        if (
            isinstance(x, Taped)
            and isinstance(y, Taped)
            and type(a := x.array) is np.ndarray is type(b := y.array)
            and a.ndim == b.ndim > 0
        ):
            return Append.of(x, y, axis=0 if type(dim) is int and dim == 0 else normalize_axis(dim, a.ndim, "cat"))
    xs = _sequence(tensors, "cat")
    shapes = [shape_of(x) for x in xs]
    if not all(shapes):
        raise ShapeError("cat: 0-d tensors have no dimension to join along; use stack, or unsqueeze(0) them first")
    like = next((s for s in shapes if s != (0,)), (0,))
    axis = normalize_axis(dim, len(like), "cat")
    if len(like) > 1 and (0,) in shapes:  # as in PyTorch, empty vectors fit anywhere
        empty = (*like[:axis], 0, *like[axis + 1 :])
        xs = [Reshape.of(x, shape=empty) if s == (0,) else x for x, s in zip(xs, shapes, strict=True)]
    return Concatenate.of(*xs, axis=axis)


@public("stack", method=False, out=True)
def _stack(tensors: Sequence[Array], dim: int = 0) -> Array:
    """Tensors of one shape along a new dimension.

    >>> import tensorflowlite_clone as tl
    >>> tl.stack([tl.zeros(2), tl.ones(2)]).shape
    (2, 2)
    """
    xs = _sequence(tensors, "stack")
    shape = shape_of(xs[0])
    for i, x in enumerate(xs):
        if shape_of(x) != shape:
            raise ShapeError(f"stack: shapes differ: tensors[0] is {shape}, tensors[{i}] is {shape_of(x)}; all must be equal")
    axis = normalize_axis(dim, len(shape) + 1, "stack")
    if _plain(xs):
        return Stack.of(*xs, axis=axis)
    one = (*shape[:axis], 1, *shape[axis:])
    return Concatenate.of(*[Reshape.of(x, shape=one) for x in xs], axis=axis)


# ---- stacks -----------------------------------------------------------------------------------------------------------------
@public("vstack", "row_stack", method=False, out=True)
def _vstack(tensors: Sequence[Array]) -> Array:
    """Tensors below each other (dimension 0); vectors count as rows."""
    return _cat([_atleast_2d(x) for x in _sequence(tensors, "vstack")], 0)


@public("hstack", method=False, out=True)
def _hstack(tensors: Sequence[Array]) -> Array:
    """Tensors beside each other (dimension 1); vectors end to end."""
    xs = [_atleast_1d(x) for x in _sequence(tensors, "hstack")]
    return _cat(xs, 0 if len(shape_of(xs[0])) == 1 else 1)


@public("dstack", method=False, out=True)
def _dstack(tensors: Sequence[Array]) -> Array:
    """Tensors behind each other (dimension 2)."""
    return _cat([_atleast_3d(x) for x in _sequence(tensors, "dstack")], 2)


@public("column_stack", method=False, out=True)
def _column_stack(tensors: Sequence[Array]) -> Array:
    """Tensors beside each other (dimension 1); vectors count as columns.

    >>> import tensorflowlite_clone as tl
    >>> tl.column_stack([tl.tensor([1, 2]), tl.tensor([3, 4])]).tolist()
    [[1, 3], [2, 4]]
    """
    xs = [to_operand(x, "column_stack") for x in _sequence(tensors, "column_stack")]
    return _cat([x if len(shape_of(x)) > 1 else Reshape.of(x, shape=(*(shape_of(x) or (1,)), 1)) for x in xs], 1)


# ---- splitting --------------------------------------------------------------------------------------------------------------
def _parts(x: Array, axis: int, ends: Sequence[int]) -> tuple[Array, ...]:
    """The slices of ``x`` along ``axis`` between the places ``0, *ends``."""
    before = (slice(None),) * axis
    return tuple(Slice.of(x, spec=(*before, slice(a, b))) for a, b in zip([0, *ends[:-1]], ends, strict=True))


def _axis(x: Array, dim: int, op: str) -> tuple[int, int]:
    """The axis to split and its length."""
    shape = shape_of(x)
    if not shape:
        raise ShapeError(f"{op}: a 0-d tensor has no dimension to split; unsqueeze(0) it first")
    axis = normalize_axis(dim, len(shape), op)
    return axis, shape[axis]


@public("split")
def _split(tensor: Array, split_size_or_sections: Any, dim: int = 0) -> tuple[Array, ...]:
    """Slices along ``dim``: of one size (the last may be smaller), or of the sizes in a list that sum to the whole. Views.

    >>> import tensorflowlite_clone as tl
    >>> [part.tolist() for part in tl.arange(5).split([1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    x, size = to_operand(tensor, "split"), split_size_or_sections
    axis, n = _axis(x, dim, "split")
    if isinstance(size, int | np.integer):
        if size < 0 or (size == 0 and n):
            raise ArgumentError(f"split: the size of a part must be positive: got {size}")
        return _parts(x, axis, [min(i + int(size), n) for i in range(0, max(n, 1), int(size) or 1)])
    sizes = [int(s) for s in size]
    if any(s < 0 for s in sizes) or sum(sizes) != n:
        raise ArgumentError(
            f"split: sizes must sum to {n}, the size of dimension {dim} of {shape_of(x)}: they are {sizes} (sum {sum(sizes)})"
        )
    return _parts(x, axis, np.cumsum(sizes, dtype=np.int64).tolist()) if sizes else ()


@public("split_with_sizes")
def _split_with_sizes(input: Array, split_sizes: Sequence[int], dim: int = 0) -> tuple[Array, ...]:
    """Slices along ``dim`` of the given sizes, which sum to the whole. Views.

    >>> import tensorflowlite_clone as tl
    >>> [part.tolist() for part in tl.split_with_sizes(tl.arange(5), [1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    if not isinstance(split_sizes, Sequence):
        raise OperandError(f"split_with_sizes: needs the sizes of the parts: got {type(split_sizes).__name__}; for equal parts use split")
    return _split(input, list(split_sizes), dim)


@public("chunk")
def _chunk(input: Array, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """At most ``chunks`` slices of one size along ``dim`` (the last may be smaller)."""
    x = to_operand(input, "chunk")
    _, n = _axis(x, dim, "chunk")
    if chunks < 1:
        raise ArgumentError(f"chunk: the number of chunks must be positive: got {chunks}")
    size = -(-n // chunks)
    return _split(x, size, dim) if n else _split(x, [0] * chunks, dim)


@public("tensor_split")
def _tensor_split(input: Array, indices_or_sections: Any, dim: int = 0) -> tuple[Array, ...]:
    """That many slices along ``dim`` of sizes that differ by at most 1, or slices between the given indices.

    >>> import tensorflowlite_clone as tl
    >>> [part.tolist() for part in tl.arange(5).tensor_split(2)]
    [[0, 1, 2], [3, 4]]
    """
    x, at = to_operand(input, "tensor_split"), indices_or_sections
    axis, n = _axis(x, dim, "tensor_split")
    if isinstance(at, Boxed):
        if at.dtype.kind not in "iu" or len(at.shape) > 1:
            raise DTypeError(f"tensor_split: indices must be integers, one or a vector: got {at.dtype} {at.shape}; convert them, .long()")
        at = concrete(at, "tensor_split").tolist()
    if isinstance(at, int | np.integer):
        if at < 1:
            raise ArgumentError(f"tensor_split: the number of sections must be positive: got {at}")
        size, extra = divmod(n, int(at))
        return _parts(x, axis, np.cumsum([size + 1] * extra + [size] * (int(at) - extra)).tolist())
    before: tuple[Any, ...] = (slice(None),) * axis
    places = [int(i) for i in at]
    return tuple(get_item(x, (*before, slice(a, b))) for a, b in zip([0, *places], [*places, None], strict=True))


def _places(given: tuple[Any, ...]) -> Any:
    """Indices that may also be given one by one, or the number of sections."""
    return given[0] if len(given) == 1 else given


def _even_split(input: Array, at: Any, dim: int, op: str) -> tuple[Array, ...]:
    """`tensor_split` that wants a number of sections to divide the size."""
    if isinstance(at, int | np.integer):
        _, n = _axis(input, dim, op)
        if at < 1 or n % at:
            raise ArgumentError(
                f"{op}: {at} sections do not divide {n}, the size of dimension {dim} of {shape_of(input)}; use tensor_split"
            )
    return _tensor_split(input, at, dim)


@public("hsplit")
def _hsplit(input: Array, *indices_or_sections: Any) -> tuple[Array, ...]:
    """Slices along dimension 1 (0 for vectors): that many equal ones, or between indices."""
    return _even_split(input, _places(indices_or_sections), 1 if len(shape_of(input)) > 1 else 0, "hsplit")


@public("vsplit")
def _vsplit(input: Array, *indices_or_sections: Any) -> tuple[Array, ...]:
    """Slices along dimension 0: that many equal ones, or between indices."""
    if len(shape_of(input)) < 2:
        raise ShapeError(f"vsplit: needs at least 2 dimensions: the input is {shape_of(input)}; use hsplit for vectors")
    return _even_split(input, _places(indices_or_sections), 0, "vsplit")


@public("dsplit")
def _dsplit(input: Array, *indices_or_sections: Any) -> tuple[Array, ...]:
    """Slices along dimension 2: that many equal ones, or between indices."""
    if len(shape_of(input)) < 3:
        raise ShapeError(f"dsplit: needs at least 3 dimensions: the input is {shape_of(input)}")
    return _even_split(input, _places(indices_or_sections), 2, "dsplit")


@implements(np.split)
def _np_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    return list(_even_split(ary, indices_or_sections, axis, "np.split"))


@implements(np.array_split)
def _np_array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    return list(_tensor_split(ary, indices_or_sections, axis))


for _np_function, _function in ((np.hsplit, _hsplit), (np.vsplit, _vsplit), (np.dsplit, _dsplit)):
    implements(_np_function)(lambda ary, indices_or_sections, f=_function: list(f(ary, indices_or_sections)))


# ---- products of sets -------------------------------------------------------------------------------------------------------
@public("cartesian_prod", method=False)
def _cartesian_prod(*tensors: Array) -> Array:
    """All combinations of one element of each vector, as rows. Shape: (n1,), (n2,), .. -> (n1 n2 .., number of vectors).

    >>> import tensorflowlite_clone as tl
    >>> tl.cartesian_prod(tl.tensor([1, 2]), tl.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    for x in tensors:
        if not isinstance(x, Boxed | np.ndarray):
            raise OperandError(f"cartesian_prod: needs tensors: got {type(x).__name__} {x!r:.60}; pass each vector by itself")
    if not tensors or any(len(shape_of(x)) != 1 for x in tensors):
        raise ShapeError(f"cartesian_prod: needs vectors: the shapes are {[shape_of(x) for x in tensors]}; flatten them first")
    if len(tensors) == 1:
        return to_operand(tensors[0], "cartesian_prod")
    if len({x.dtype for x in tensors}) > 1:
        raise DTypeError(f"cartesian_prod: needs vectors of one dtype: they are {[str(x.dtype) for x in tensors]}; convert them first")
    return _stack([Reshape.of(g, shape=(math.prod(shape_of(g)),)) for g in _meshgrid(*tensors)], 1)


@public("combinations", method=False)
def _combinations(input: Array, r: int = 2, with_replacement: bool = False) -> Array:
    """All choices of ``r`` elements of a vector, as rows in the order of the elements."""
    import itertools

    shape = shape_of(input)
    if len(shape) != 1 or r < 0:
        raise ArgumentError(f"combinations: needs a vector and r >= 0: the input is {shape}, r is {r}")
    if r == 0:
        return to_operand(input, "combinations")[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(shape[0]), r)), np.int64).reshape(-1, r)
    return get_item(to_operand(input, "combinations"), rows)


@public("block_diag", method=False)
def _block_diag(*tensors: Array) -> Array:
    """Matrices along the diagonal of a matrix of zeros; vectors count as rows, numbers as 1 x 1.

    >>> import tensorflowlite_clone as tl
    >>> tl.block_diag(tl.tensor([[1, 2]]), tl.tensor([[3]])).tolist()
    [[1, 2, 0], [0, 0, 3]]
    """
    blocks = [_atleast_2d(x) for x in tensors] or [to_operand(np.zeros((1, 0), get_default_dtype()), "block_diag")]
    if any(len(shape_of(b)) != 2 for b in blocks):
        raise ShapeError(f"block_diag: needs matrices: the shapes are {[shape_of(x) for x in tensors]}; each may have at most 2 dimensions")
    width = sum(shape_of(b)[1] for b in blocks)
    rows, column = [], 0
    for block in blocks:
        height, n = shape_of(block)
        parts = [np.zeros((height, column), block.dtype), block, np.zeros((height, width - column - n), block.dtype)]
        rows.append(Concatenate.of(*parts, axis=1))
        column += n
    return Concatenate.of(*rows, axis=0)
