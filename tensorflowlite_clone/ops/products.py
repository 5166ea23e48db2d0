"""Products of vectors and arrays over other axes than matmul's: inner, outer, tensordot, Kronecker, cross, and chains of matrices.

Not here: matmul and its forms (``matmul.py``), labelled axes (``einsum.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError, ShapeError
from .._typing import Array
from ..core.broadcast import normalize_axis, several, shape_of
from ..core.families import Bilinear, LinedUp
from ..core.publish import implements, operand, public, to_operand, to_operands
from .cast import cast
from .einsum import Contract
from .matmul import MatMul, matmul
from .shape import Reshape


class Cross(Bilinear, LinedUp, title="cross"):
    """Vector products of 3-vectors along ``axis``, which is counted from the last; other axes broadcast.

    The triple product ``g . (x cross y)`` does not change when its vectors move round, so each derivative is a cross product too.
    """

    broadcasts = True

    def forward(x, y, *, axis):
        return np.ascontiguousarray(np.cross(x, y, axis=axis))

    def grad_x(g, y, axis):
        return Cross.of(y, g, axis=axis)

    def grad_y(g, x, axis):
        return Cross.of(g, x, axis=axis)


@public("cross", out=True)
def _cross(input: Array, other: Array, dim: int | None = None) -> Array:
    """Vector product of 3-vectors along ``dim`` (the first dimension of size 3 by default); other dimensions broadcast.

    Raises `ShapeError` where there are no 3 components.

    >>> import tensorflowlite_clone as tl
    >>> tl.cross(tl.tensor([1.0, 0.0, 0.0]), tl.tensor([0.0, 1.0, 0.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    x, y = to_operands("cross", input, other)
    xs, ys = shape_of(x), shape_of(y)
    facts = f"input is {xs}, other is {ys}"
    if len(xs) != len(ys):
        raise ShapeError(f"cross: numbers of dimensions differ: {facts}; unsqueeze the smaller one")
    axis = next((i for i, n in enumerate(xs) if n == 3), None) if dim is None else normalize_axis(dim, len(xs), "cross")
    if axis is None or not xs or xs[axis] != 3 or ys[axis] != 3:
        raise ShapeError(f"cross: needs 3 components along dim: {facts}, dim is {dim}; choose a dimension of size 3 in both")
    return Cross.of(x, y, axis=axis - len(xs))


@implements(np.cross, sequences=2)
def _np_cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if shape_of(x)[-1] != 3 or shape_of(y)[-1] != 3:
        raise ShapeError(f"np.cross: needs 3 components: a is {shape_of(a)}, b is {shape_of(b)}; append a 0 to vectors in a plane")
    return np.moveaxis(Cross.of(x, y, axis=-1), -1, axisc)


def _over(a: Array, b: Array, left: Sequence[int], right: Sequence[int]) -> Array:
    """Sums of products over pairs of axes; the result has the other axes of ``a``, then those of ``b``."""
    na, nb = len(shape_of(a)), len(shape_of(b))
    labels = [ascii_letters[i] for i in range(na)]
    others = [ascii_letters[26 + i] for i in range(nb)]
    for i, j in zip(left, right, strict=True):
        others[j] = labels[i]
    out = [c for i, c in enumerate(labels) if i not in left] + [c for j, c in enumerate(others) if j not in right]
    return Contract.of(a, b, spec=("".join(labels), "".join(others), "".join(out)))


@public("inner", out=True)
def _inner(input: Array, other: Array) -> Array:
    """Sums of products over the last axes: (..., k), (..., k) -> the other axes of both; a plain product with a 0-d operand.

    Raises `ShapeError` where the last dimensions differ.

    >>> import tensorflowlite_clone as tl
    >>> tl.inner(tl.ones(2, 3), tl.ones(3)).tolist()
    [3.0, 3.0]
    """
    x, y = to_operands("inner", input, other)
    a, b = shape_of(x), shape_of(y)
    if not a or not b:
        product: Array = x * y
        return product
    if a[-1] != b[-1]:
        raise ShapeError(f"inner: last dimensions differ: input is {a}, other is {b}; they must be equal")
    return _over(x, y, [len(a) - 1], [len(b) - 1])


@public("outer", "ger", out=True)
def _outer(input: Array, vec2: Array) -> Array:
    """All products of the elements of two vectors: (n), (m) -> (n, m).

    >>> import tensorflowlite_clone as tl
    >>> tl.outer(tl.tensor([1, 2]), tl.tensor([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    x, y = to_operands("outer", input, vec2)
    for name, v in (("input", x), ("vec2", y)):
        if len(shape_of(v)) != 1:
            raise ShapeError(f"outer: needs two vectors: {name} is {shape_of(v)}; flatten() it first")
    return Contract.of(x, y, spec=("a", "b", "ab"))


@implements(np.inner, sequences=2)
def _np_inner(a: Array, b: Array) -> Array:
    return _inner(a, b)


@implements(np.outer, sequences=2)
def _np_outer(a: Array, b: Array) -> Array:
    return _outer(np.reshape(a, (-1,)), np.reshape(b, (-1,)))


@public("tensordot", method=False, out=True)
def _tensordot(a: Array, b: Array, dims: Any = 2) -> Array:
    """Sums of products over pairs of dimensions: the last ``dims`` of ``a`` with the first of ``b``, or those in two lists.

    The result has the other dimensions of ``a``, then those of ``b``. Raises `ShapeError` where paired sizes differ, unless one is 1.

    >>> import tensorflowlite_clone as tl
    >>> tl.tensordot(tl.ones(2, 3, 4), tl.ones(4, 3, 5), ([1, 2], [1, 0])).shape
    (2, 5)
    """
    x, y = to_operands("tensordot", a, b)
    xs, ys = shape_of(x), shape_of(y)
    if isinstance(dims, int | np.integer):
        if not 0 <= dims <= min(len(xs), len(ys)):
            raise ArgumentError(f"tensordot: dims is out of range: dims is {dims}, a is {xs}, b is {ys}; name dimensions that both have")
        left, right = list(range(len(xs) - int(dims), len(xs))), list(range(int(dims)))
    else:
        named = [several(d) for d in several(dims)]
        if len(named) != 2 or len(named[0]) != len(named[1]):
            raise ArgumentError(f"tensordot: dims must be a number or two lists of one length: got {dims!r}")
        left, right = ([normalize_axis(d, len(s), "tensordot") for d in ds] for ds, s in zip(named, (xs, ys), strict=True))
        if len(set(left)) != len(left) or len(set(right)) != len(right):
            raise ArgumentError(f"tensordot: a dimension appears more than once: dims are {dims!r}; name each dimension once")
    pairs = [(i, j) for i, j in zip(left, right, strict=True) if xs[i] != ys[j]]
    if any(1 not in (xs[i], ys[j]) for i, j in pairs):
        raise ShapeError(f"tensordot: summed sizes differ: a is {xs} over {left}, b is {ys} over {right}; they must be equal, or one 1")
    if pairs:  # what meets a single element is summed first
        wide = [tuple(p[k] for p in pairs if shape[p[k]] != 1) for k, shape in enumerate((xs, ys))]
        x, y = (cast(np.sum(v, axis=axes, keepdims=True), v.dtype) if axes else v for v, axes in zip((x, y), wide, strict=True))
    return _over(x, y, left, right)


@implements(np.tensordot, sequences=2)
def _np_tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    return _tensordot(a, b, axes)


@implements(np.dot, sequences=2)
def _np_dot(a: Array, b: Array) -> Array:
    na, nb = len(shape_of(a)), len(shape_of(b))
    if not na or not nb:
        return a * b
    return _tensordot(a, b, ([na - 1], [nb - 2])) if nb > 2 else matmul(a, b)


@public("kron", out=True)
def _kron(input: Array, other: Array) -> Array:
    """Kronecker product: every element of ``input`` times all of ``other``, as blocks. Sizes multiply, dimension by dimension.

    >>> import tensorflowlite_clone as tl
    >>> tl.kron(tl.tensor([1, 2]), tl.tensor([3, 4])).tolist()
    [3, 4, 6, 8]

    Source: C. Van Loan, "The ubiquitous Kronecker product" (2000), eq. 1.
    """
    x, y = to_operands("kron", input, other)
    ndim = max(len(shape_of(x)), len(shape_of(y)))
    a, b = ((1,) * (ndim - len(shape_of(v))) + tuple(shape_of(v)) for v in (x, y))
    blocks = Reshape.of(x, shape=tuple(n for i in a for n in (i, 1))) * Reshape.of(y, shape=tuple(n for j in b for n in (1, j)))
    return Reshape.of(blocks, shape=tuple(i * j for i, j in zip(a, b, strict=True)))


@implements(np.kron, sequences=2)
def _np_kron(a: Array, b: Array) -> Array:
    return _kron(a, b)


def multi_dot(tensors: Sequence[Array], op: str = "multi_dot") -> Array:
    """The product of a chain of matrices, multiplied in the order that takes the fewest multiplications.

    The first and last may be vectors, which then count as a row and a column. Raises `ShapeError` where neighbours do not fit.

    >>> import tensorflowlite_clone as tl
    >>> multi_dot([tl.ones(2, 3), tl.ones(3, 4), tl.ones(4)]).tolist()
    [12.0, 12.0]

    Source: T. Cormen et al., "Introduction to Algorithms" (3rd edition, 2009), section 15.2.
    """
    if not isinstance(tensors, Sequence) or len(tensors) < 2:
        raise OperandError(f"{op}: needs a sequence of at least two tensors: got {tensors!r:.60}; pass a list of them")
    xs = to_operands(op, *tensors)
    row, column = len(shape_of(xs[0])) == 1, len(shape_of(xs[-1])) == 1
    if row:
        xs[0] = Reshape.of(xs[0], shape=(1, *shape_of(xs[0])))
    if column:
        xs[-1] = Reshape.of(xs[-1], shape=(*shape_of(xs[-1]), 1))
    for i, x in enumerate(xs):
        if len(shape_of(x)) != 2 or (i and shape_of(xs[i - 1])[1] != shape_of(x)[0]):
            shapes = [shape_of(x) for x in tensors]
            raise ShapeError(f"{op}: neighbours do not fit: the shapes are {shapes}; all must be matrices (n, k), (k, m), ...")
    out = _chain(xs, _splits([shape_of(xs[0])[0], *(shape_of(x)[1] for x in xs)]), 0, len(xs) - 1)
    if not (row or column):
        return out
    n, m = shape_of(out)
    return Reshape.of(out, shape=(() if row else (n,)) + (() if column else (m,)))


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """For matrices i to j of a chain, where matrix i is (sizes[i], sizes[i + 1]): after which one to cut."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cuts = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cuts[i, j] = min(options)
    return cuts


def _chain(xs: list[Array], cuts: dict[tuple[int, int], int], i: int, j: int) -> Array:
    if i == j:
        return xs[i]
    k = cuts[i, j]
    return MatMul.of(_chain(xs, cuts, i, k), _chain(xs, cuts, k + 1, j))


@public("chain_matmul", method=False, out=True)
def _chain_matmul(*matrices: Array) -> Array:
    """The product of matrices, multiplied in the order that takes the fewest multiplications.

    Raises `ShapeError` where neighbours do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.chain_matmul(tl.ones(2, 3), tl.ones(3, 4), tl.ones(4, 1)).tolist()
    [[12.0], [12.0]]
    """
    if len(matrices) == 1 and isinstance(matrices[0], Sequence):  # an older way to call it
        matrices = tuple(matrices[0])
    shapes = [shape_of(m) for m in matrices]
    if any(len(s) != 2 for s in shapes):
        raise ShapeError(f"chain_matmul: needs matrices: the shapes are {shapes}; linalg.multi_dot takes vectors at the ends")
    if len(matrices) == 1:
        return to_operand(matrices[0], "chain_matmul")
    return multi_dot(matrices, "chain_matmul")


@implements(np.linalg.multi_dot)
def _np_multi_dot(arrays: Sequence[Array]) -> Array:
    rows = [operand(a, "np.linalg.multi_dot") if isinstance(a, list | tuple) else a for a in arrays]
    return np.dot(*rows) if len(rows) == 2 else multi_dot(rows)  # of two, stacks as well
