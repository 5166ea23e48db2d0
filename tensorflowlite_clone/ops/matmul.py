"""Matrix products: matmul and what is made of it, and the affine map of a linear layer as one operation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import ShapeError
from .._typing import Array
from ..core.broadcast import align, shape_of
from ..core.explain import operands
from ..core.families import Bilinear
from ..core.function import fused
from ..core.publish import OPERANDS
from ..core.registry import implements, install_method, public
from ..kernels.reduce import column_sum
from .shape import Reshape


class MatMul(Bilinear, title="matmul"):
    """Matrix product of the last two axes; leading axes broadcast. Shapes: (..., n, k) and (..., k, m) -> (..., n, m)."""

    broadcasts = True

    def forward(x, y):
        return np.matmul(x, y)

    def grad_x(g, y):
        return np.matmul(g, np.swapaxes(y, -1, -2))

    def grad_y(g, x):
        return np.matmul(np.swapaxes(x, -1, -2), g)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Leading axes are free: only line up the hidden one."""
        return cls.of(*align(values, mapped, size))

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the inner dimensions."""
        x, y = shape_of(args[0]), shape_of(args[1])
        if x[-1] != y[-2]:
            return ShapeError(f"matmul: inner dimensions differ: x is {x}, y is {y}; x.shape[-1] must equal y.shape[-2]")
        return ShapeError(f"matmul: leading dimensions do not broadcast: {operands(cls, args)}; make them equal or 1")


@public("matmul", numpy=np.matmul)
def matmul(input: Array, other: Array) -> Array:
    """Matrix product: (n, k) @ (k, m), with vectors as rows or columns, and leading dimensions broadcast.

    Raises `ShapeError` where the inner dimensions differ or an operand is 0-d.

    >>> import tensorflowlite_clone as tl
    >>> (tl.ones(2, 3) @ tl.ones(3)).tolist()
    [3.0, 3.0]
    """
    nx, ny = len(shape_of(input)), len(shape_of(other))
    if nx >= 2 and ny >= 2:
        return MatMul.of(input, other)
    if not nx or not ny:
        raise ShapeError(
            f"matmul: both operands need at least 1 dimension: they are {shape_of(input)} and {shape_of(other)}; use * for numbers"
        )
    x = Reshape.of(input, shape=(1, *shape_of(input))) if nx == 1 else input
    y = Reshape.of(other, shape=(*shape_of(other), 1)) if ny == 1 else other
    out = MatMul.of(x, y)
    shape = list(shape_of(out))
    if ny == 1:
        del shape[-1]
    if nx == 1:
        del shape[-1 if ny == 1 else -2]
    return Reshape.of(out, shape=tuple(shape))


install_method("__matmul__", lambda a, b: matmul(a, b) if isinstance(b, OPERANDS) else NotImplemented)
install_method("__rmatmul__", lambda a, b: matmul(b, a) if isinstance(b, OPERANDS) else NotImplemented)


class AffineMap(Bilinear, title="linear"):
    """``x W^T + b`` on the last axis, one node: x (..., in), W (out, in), b (out) or None -> (..., out)."""

    addend = "b"

    def forward(x, w, b):
        flat = x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
        out = flat @ w.T
        if b is not None:
            out += b
        return out if x.ndim == 2 else out.reshape(*x.shape[:-1], w.shape[0])

    @fused(lambda g, w: g @ w if g.ndim == 2 else (_rows(g) @ w).reshape(*g.shape[:-1], w.shape[1]))
    def grad_x(g, w):
        return np.matmul(g, w)

    @fused(lambda g, x: _rows(g).T @ _rows(x))
    def grad_w(g, x):
        return np.matmul(np.swapaxes(_flat_rows(g), -1, -2), _flat_rows(x))

    @fused(lambda g: column_sum(_rows(g)))
    def grad_b(g):
        return np.sum(_flat_rows(g), axis=0)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Shared weights see one long batch; weights of their own make a batched product."""
        x, w, b = values
        if not mapped[1] and not mapped[2]:
            return cls.of(x, w, b)
        visible = tuple(shape_of(x)[mapped[0] : -1])
        rows = np.reshape(x, ((size,) if mapped[0] else ()) + (math.prod(visible), shape_of(x)[-1]))
        out = np.matmul(rows, np.swapaxes(w, -1, -2))  # ([size,] rows, out)
        if b is not None:
            out = out + (np.expand_dims(b, 1) if mapped[2] else b)
        return np.reshape(out, (size, *visible, shape_of(out)[-1]))

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare features and bias."""
        x, w, b = args
        if x.ndim == 0 or w.ndim != 2 or x.shape[-1] != w.shape[1]:
            return ShapeError(
                f"linear: features differ: input is {x.shape}, weight is {w.shape}; input.shape[-1] must equal weight.shape[1]"
            )
        return ShapeError(f"linear: bias does not fit: weight is {w.shape}, bias is {shape_of(b)}; bias must be ({w.shape[0]},)")


def _rows(a: Any) -> Any:
    return a if a.ndim == 2 else a.reshape(-1, a.shape[-1])


def _flat_rows(a: Array) -> Array:
    shape = shape_of(a)
    return a if len(shape) == 2 else np.reshape(a, (math.prod(shape[:-1]), shape[-1]))


@public("linear", nn=True, method=False)
def _linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``x W^T + b``: input (..., in), weight (out, in), bias (out) -> (..., out).

    Raises `ShapeError` where the features differ.
    """
    if bias is not None and len(shape_of(bias)) != 1:
        raise ShapeError(f"linear: bias must have one dimension: it is {shape_of(bias)}, weight is {shape_of(weight)}")
    return AffineMap.of(input, weight, bias)


def _needs(op: str, x: Array, ndim: int, name: str) -> None:
    if len(shape_of(x)) != ndim:
        raise ShapeError(f"{op}: {name} must have {ndim} dimension(s): it is {shape_of(x)}; use matmul for other shapes")


@public("mm")
def _mm(input: Array, mat2: Array) -> Array:
    """Matrix product (n, k) @ (k, m), without broadcasting."""
    _needs("mm", input, 2, "input")
    _needs("mm", mat2, 2, "mat2")
    return MatMul.of(input, mat2)


@public("bmm")
def _bmm(input: Array, mat2: Array) -> Array:
    """Matrix products (b, n, k) @ (b, k, m), without broadcasting."""
    _needs("bmm", input, 3, "input")
    _needs("bmm", mat2, 3, "mat2")
    if shape_of(input)[0] != shape_of(mat2)[0]:
        raise ShapeError(f"bmm: batch sizes differ: input is {shape_of(input)}, mat2 is {shape_of(mat2)}; they must be equal")
    return MatMul.of(input, mat2)


@public("mv")
def _mv(input: Array, vec: Array) -> Array:
    """Matrix times vector: (n, k) @ (k)."""
    _needs("mv", input, 2, "input")
    _needs("mv", vec, 1, "vec")
    return matmul(input, vec)


@public("dot")
def _dot(input: Array, tensor: Array) -> Array:
    """Inner product of two vectors of one length."""
    _needs("dot", input, 1, "input")
    _needs("dot", tensor, 1, "tensor")
    return matmul(input, tensor)


@public("inner", numpy=np.inner)
def _inner(input: Array, other: Array) -> Array:
    """Sums of products over the last axes: (..., k), (..., k) -> all other axes of both."""
    a, b = shape_of(input), shape_of(other)
    if not a or not b:
        return input * other
    if a[-1] != b[-1]:
        raise ShapeError(f"inner: last dimensions differ: input is {a}, other is {b}; they must be equal")
    out = MatMul.of(_flat_rows(input), np.swapaxes(_flat_rows(other), 0, 1)) if len(a) > 1 or len(b) > 1 else matmul(input, other)
    if len(a) == 1 and len(b) == 1:
        return out
    return Reshape.of(out, shape=(*a[:-1], *b[:-1]))


@public("outer", "ger", numpy=np.outer)
def _outer(input: Array, vec2: Array) -> Array:
    """All products of the elements of two vectors: (n), (m) -> (n, m)."""
    n, m = math.prod(shape_of(input)), math.prod(shape_of(vec2))
    return Reshape.of(input, shape=(n, 1)) * Reshape.of(vec2, shape=(1, m))


@public("addmm")
def _addmm(input: Array, mat1: Array, mat2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    """``beta input + alpha mat1 @ mat2``."""
    product = _mm(mat1, mat2)
    return (input if beta == 1 else input * beta) + (product if alpha == 1 else product * alpha)


@public("baddbmm")
def _baddbmm(input: Array, batch1: Array, batch2: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    """``beta input + alpha batch1 @ batch2`` for batches of matrices."""
    product = _bmm(batch1, batch2)
    return (input if beta == 1 else input * beta) + (product if alpha == 1 else product * alpha)


@public("addmv")
def _addmv(input: Array, mat: Array, vec: Array, *, beta: float = 1, alpha: float = 1) -> Array:
    """``beta input + alpha mat @ vec``."""
    product = _mv(mat, vec)
    return (input if beta == 1 else input * beta) + (product if alpha == 1 else product * alpha)


@public("tensordot", method=False)
def _tensordot(a: Array, b: Array, dims: Any = 2) -> Array:
    """Sum of products over pairs of axes: the last ``dims`` of a with the first of b, or two lists of axes."""
    na, nb = len(shape_of(a)), len(shape_of(b))
    if isinstance(dims, int):
        left, right = list(range(na - dims, na)), list(range(dims))
    else:
        left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    left, right = [d % na for d in left], [d % nb for d in right]
    if [shape_of(a)[d] for d in left] != [shape_of(b)[d] for d in right]:
        raise ShapeError(
            f"tensordot: summed sizes differ: a is {shape_of(a)} over {left}, b is {shape_of(b)} over {right}; they must be equal"
        )
    free_a, free_b = [d for d in range(na) if d not in left], [d for d in range(nb) if d not in right]
    k = math.prod(shape_of(a)[d] for d in left)
    x = np.reshape(np.transpose(a, tuple(free_a + left)), (-1, k) if k else (math.prod(shape_of(a)[d] for d in free_a), 0))
    y = np.reshape(np.transpose(b, tuple(right + free_b)), (k, -1) if k else (0, math.prod(shape_of(b)[d] for d in free_b)))
    return Reshape.of(MatMul.of(x, y), shape=tuple([shape_of(a)[d] for d in free_a] + [shape_of(b)[d] for d in free_b]))


@implements(np.tensordot)
def _np_tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    return _tensordot(a, b, axes)


@implements(np.dot)
def _np_dot(a: Array, b: Array) -> Array:
    na, nb = len(shape_of(a)), len(shape_of(b))
    if not na or not nb:
        return a * b
    return _tensordot(a, b, ([na - 1], [max(nb - 2, 0)])) if nb > 2 else matmul(a, b)


@implements(np.vdot)
def _np_vdot(a: Array, b: Array) -> Array:
    return matmul(np.reshape(a, (-1,)), np.reshape(b, (-1,)))


@public("bilinear", nn=True, method=False)
def _bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """``y_k = x1^T A_k x2 + b_k``: (..., n), (..., m), weight (out, n, m) -> (..., out)."""
    n, m = shape_of(input1)[-1], shape_of(input2)[-1]
    out = shape_of(weight)[0]
    if shape_of(weight)[1:] != (n, m) or shape_of(input1)[:-1] != shape_of(input2)[:-1]:
        raise ShapeError(f"bilinear: shapes do not fit: inputs are {shape_of(input1)} and {shape_of(input2)}, weight is {shape_of(weight)}")
    left = np.matmul(_flat_rows(input1), np.reshape(np.transpose(weight, (1, 0, 2)), (n, out * m)))  # (rows, out * m)
    products = np.reshape(left, (-1, out, m)) * np.reshape(_flat_rows(input2), (-1, 1, m))
    result = np.reshape(np.sum(products, axis=-1), (*shape_of(input1)[:-1], out))
    return result if bias is None else result + bias
