"""Matrix products: matmul and its forms with a fixed number of dimensions, and the affine map of a linear layer as one operation.

Not here: products over other axes (``products.py``), labelled axes (``einsum.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import DTypeError, ShapeError
from .._lazy import load
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import shape_of
from ..core.explain import operands
from ..core.families import Bilinear, LinedUp
from ..core.levels import is_plainly
from ..core.operation import fused
from ..core.publish import OPERANDS, implements, public, to_operand, to_operands
from ..core.registry import install_method
from ..core.tensor import Taped
from ..kernels import product as kernels
from ..kernels.reduce import column_sum
from .cast import cast
from .einsum import Contract
from .reduce import Sum
from .shape import Reshape, Transpose


class MatMul(Bilinear, LinedUp, title="matmul"):
    """Matrix product of the last two axes; leading axes broadcast. Shapes: (..., n, k) and (..., k, m) -> (..., n, m)."""

    broadcasts = True

    def forward(x, y):
        return kernels.matmul(x, y)

    @fused(lambda g, y: kernels.matmul(g, y.swapaxes(-1, -2)))
    def grad_x(g, y):
        return MatMul.of(g, np.swapaxes(y, -1, -2))

    @fused(lambda g, x, y_shape: _weight_gradient(g, x, y_shape))
    def grad_y(g, x, y_shape):
        if len(y_shape) == 2 < len(x.shape):  # shared by all leading axes: one product sums over them
            return MatMul.of(np.swapaxes(flat_rows(x), 0, 1), flat_rows(g))
        return MatMul.of(np.swapaxes(x, -1, -2), g)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Leading axes are free: only line up the hidden one. One matrix for all columns takes them together, as rows."""
        x, y = values
        if mapped[1] and not mapped[0] and len(shape_of(x)) == 2 and len(shape_of(y)) == 3 and shape_of(y)[2] == 1:
            rows = cls.of(np.reshape(y, shape_of(y)[:2]), np.swapaxes(x, 0, 1))  # (size, k) @ (k, n)
            return np.reshape(rows, (*shape_of(rows), 1))
        return super().batch(size, values, mapped, params)

    @classmethod
    def diagnose(cls, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None:
        """Compare the inner dimensions."""
        x, y = shape_of(args[0]), shape_of(args[1])
        if x[-1] != y[-2]:
            return ShapeError(f"matmul: inner dimensions differ: x is {x}, y is {y}; x.shape[-1] must equal y.shape[-2]")
        return ShapeError(f"matmul: leading dimensions do not broadcast: {operands(cls, args)}; make them equal or 1")


class MatVec(Bilinear, title="matmul"):
    """Matrix times vector: (n, k) and (k) -> (n)."""

    def forward(x, y):
        return kernels.matmul(x, y)

    @fused(np.multiply.outer)
    def grad_x(g, y):
        return np.expand_dims(g, 1) * y

    @fused(lambda g, x: kernels.matmul(g, x))
    def grad_y(g, x):
        return MatVec.of(np.swapaxes(x, 0, 1), g)

    @classmethod
    def batch(cls, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any:
        """Vectors for one matrix are the rows of another; one vector for all matrices sees one tall matrix."""
        x, y = values
        if not mapped[0]:
            return MatMul.of(y, np.swapaxes(x, 0, 1))  # (size, k) @ (k, n)
        out = MatMul.of(x, np.expand_dims(y, -1))  # (size, n, 1)
        return np.reshape(out, shape_of(out)[:2])


def _weight_gradient(g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    if len(y_shape) == 2 < x.ndim:
        return kernels.stacked_product(x, g)
    return kernels.matmul(x.swapaxes(-1, -2), g)


def flat_rows(a: Array) -> Array:
    """(..., k) -> (rows, k), on arrays and boxes."""
    shape = shape_of(a)
    return a if len(shape) == 2 else np.reshape(a, (math.prod(shape[:-1]), shape[-1]))


@public("matmul", numpy=np.matmul, out=True)
def matmul(input: Array, other: Array) -> Array:
    """Matrix product: (n, k) @ (k, m), with vectors as rows or columns, and leading dimensions broadcast.

    Args:
        input: (..., n, k), or (k) for a row.
        other: (..., k, m), or (k) for a column.

    Raises `ShapeError` where the inner dimensions differ or an operand is 0-d.

    >>> import tensorflowlite_clone as tl
    >>> (tl.ones(2, 3) @ tl.ones(3)).tolist()
    [3.0, 3.0]
    """
    if not (isinstance(input, Boxed) and isinstance(other, Boxed)):
        input, other = to_operands("matmul", input, other)
    xs, ys = shape_of(input), shape_of(other)
    nx, ny = len(xs), len(ys)
    if nx >= 2 and ny >= 2:
        return MatMul.of(input, other)
    if not nx or not ny:
        raise ShapeError(f"matmul: both operands need at least 1 dimension: they are {xs} and {ys}; use * for numbers")
    if xs[-1] != ys[-1 if ny == 1 else -2]:
        inner = "x.shape[-1] must equal " + ("y.shape[-1]" if ny == 1 else "y.shape[-2]")
        raise ShapeError(f"matmul: inner dimensions differ: x is {xs}, y is {ys}; {inner}")
    if nx == ny == 1:
        return Contract.of(input, other, spec=("a", "a", ""))
    if ny == 1 and nx == 2:
        return MatVec.of(input, other)
    if nx == 1 and ny == 2:
        return MatVec.of(np.swapaxes(other, 0, 1), input)
    x = Reshape.of(input, shape=(1, *xs)) if nx == 1 else input
    y = Reshape.of(other, shape=(*ys, 1)) if ny == 1 else other
    out = MatMul.of(x, y)
    shape = list(shape_of(out))
    if ny == 1:
        del shape[-1]
    if nx == 1:
        del shape[-2]
    return Reshape.of(out, shape=tuple(shape))


def _beside(b: Any, product: Any) -> Any:
    """``product()``, or that of ``tl.sparse`` where ``b`` is a sparse matrix of SciPy."""
    if isinstance(b, (*OPERANDS, list, tuple)):
        return product(matmul)
    return product(load("sparse").matmul) if type(b).__module__.startswith("scipy.sparse") else NotImplemented


def _operator(a: Any, b: Any) -> Any:
    if isinstance(b, Boxed):
        xs, ys = a.shape, b.shape
        if len(xs) == 2:
            if len(ys) == 2:
                return MatMul.of(a, b)
            if xs[1:] == ys:
                return MatVec.of(a, b)
        return matmul(a, b)
    return _beside(b, lambda f: f(a, b))


install_method("__matmul__", _operator)
install_method("__rmatmul__", lambda a, b: _beside(b, lambda f: f(b, a)))


class AffineMap(Bilinear, title="linear"):
    """``x W^T + b`` on the last axis, one node: x (..., in), W (out, in), b (out) or None -> (..., out)."""

    optional = ("b",)
    addend = "b"

    def forward(x, w, b):
        if x.ndim == 2:
            return kernels.affine(x, w, b)
        if x.ndim == 1 and w.ndim == 2 and x.dtype.char in "fd":  # one row
            out = w.dot(x)
            if b is not None:
                out += b
            return out
        return kernels.affine(kernels.rows_of(x), w, b).reshape(*x.shape[:-1], w.shape[0])

    @fused(kernels.matmul)
    def grad_x(g, w):
        return np.matmul(g, w)

    @fused(lambda g, x: np.multiply.outer(g, x) if g.ndim == 1 else kernels.stacked_product(g, x))
    def grad_w(g, x):
        return MatMul.of(Transpose.of(flat_rows(g), axes=(1, 0)), flat_rows(x))

    @fused(lambda g: column_sum(g) if g.ndim == 2 else g if g.ndim == 1 else column_sum(kernels.rows_of(g)))
    def grad_b(g):
        return Sum.of(flat_rows(g), axis=0, keepdims=False)

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


@public("linear", nn=True, method=False)
def _linear(input: Array, weight: Array, bias: Array | None = None) -> Array:
    """``y = x W^T + b``, with one matrix product for all leading dimensions.

    Args:
        input: (..., in).
        weight: (out, in), or (in) for a single output without a dimension of its own.
        bias: (out), a number for a weight (in), or None.

    Returns (..., out). Raises `ShapeError` where the features differ or the bias does not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.linear(tl.ones(2, 3), tl.ones(1, 3), tl.tensor([0.5])).tolist()
    [[3.5], [3.5]]
    """
    if not isinstance(input, Boxed):
        input = to_operand(input, "linear")
    if isinstance(weight, Taped) and weight.array.ndim == 2 and (bias is None or (isinstance(bias, Taped) and bias.array.ndim == 1)):
        return AffineMap.of(input, weight, bias)
    lines = len(shape_of(weight)) - 1
    if lines > 1:
        raise ShapeError(f"linear: weight must have 1 or 2 dimensions: it is {shape_of(weight)}; pass (out, in), or (in)")
    if bias is not None and len(shape_of(bias)) != lines:
        raise ShapeError(f"linear: bias must have {max(lines, 0)} dimension(s): it is {shape_of(bias)}, weight is {shape_of(weight)}")
    if lines:
        return AffineMap.of(input, weight, bias)
    row = Reshape.of(to_operand(weight, "linear"), shape=(1, *shape_of(weight)))
    out = AffineMap.of(input, row, None if bias is None else Reshape.of(to_operand(bias, "linear"), shape=(1,)))
    return Reshape.of(out, shape=tuple(shape_of(input)[:-1]))


def needs(op: str, x: Any, ndim: int, name: str) -> Array:
    """``x`` as an operand with exactly ``ndim`` dimensions."""
    x = to_operand(x, op)
    if len(shape_of(x)) != ndim:
        raise ShapeError(f"{op}: {name} must have {ndim} dimension(s): it is {shape_of(x)}; use matmul for other shapes")
    return x


@public("mm", out=True)
def _mm(input: Array, mat2: Array) -> Array:
    """Matrix product (n, k) @ (k, m) -> (n, m), without broadcasting.

    Raises `ShapeError` for anything but two matrices that fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.mm(tl.ones(1, 3), tl.ones(3, 2)).tolist()
    [[3.0, 3.0]]
    """
    return MatMul.of(needs("mm", input, 2, "input"), needs("mm", mat2, 2, "mat2"))


@public("bmm", out=True)
def _bmm(input: Array, mat2: Array) -> Array:
    """Matrix products (b, n, k) @ (b, k, m) -> (b, n, m), without broadcasting.

    Raises `ShapeError` for anything but two equally long stacks of matrices that fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.bmm(tl.ones(5, 1, 3), tl.ones(5, 3, 2)).shape
    (5, 1, 2)
    """
    x, y = needs("bmm", input, 3, "input"), needs("bmm", mat2, 3, "mat2")
    if shape_of(x)[0] != shape_of(y)[0]:
        raise ShapeError(f"bmm: batch sizes differ: input is {shape_of(x)}, mat2 is {shape_of(y)}; they must be equal")
    return MatMul.of(x, y)


@public("mv", out=True)
def _mv(input: Array, vec: Array) -> Array:
    """Matrix times vector: (n, k) @ (k) -> (n).

    >>> import tensorflowlite_clone as tl
    >>> tl.mv(tl.ones(2, 3), tl.ones(3)).tolist()
    [3.0, 3.0]
    """
    return matmul(needs("mv", input, 2, "input"), needs("mv", vec, 1, "vec"))


@public("dot", out=True)
def _dot(input: Array, tensor: Array) -> Array:
    """Inner product of two vectors of one length: (n), (n) -> ().

    >>> import tensorflowlite_clone as tl
    >>> tl.dot(tl.tensor([1.0, 2.0]), tl.tensor([3.0, 4.0])).item()
    11.0
    """
    return matmul(needs("dot", input, 1, "input"), needs("dot", tensor, 1, "tensor"))


@public("vdot", out=True)
def _vdot(input: Array, other: Array) -> Array:
    """Inner product of two vectors, the first one conjugated: (n), (n) -> ().

    >>> import tensorflowlite_clone as tl
    >>> tl.vdot(tl.tensor([1j]), tl.tensor([2.0])).item()
    -2j
    """
    x, y = needs("vdot", input, 1, "input"), needs("vdot", other, 1, "other")
    return matmul(np.conjugate(x) if x.dtype.kind == "c" else x, y)


@implements(np.vdot, sequences=2)
def _np_vdot(a: Array, b: Array) -> Array:
    return _vdot(np.reshape(a, (-1,)), np.reshape(b, (-1,)))


def _combined(op: str, input: Array, product: Array, beta: complex, alpha: complex) -> Array:
    """``beta input + alpha product``; with ``beta`` 0 the input's values, even NaN, do not count."""
    x, shape = to_operand(input, op), shape_of(product)
    lead = len(shape) - len(shape_of(x))
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape_of(x), shape[lead:], strict=True)):
        raise ShapeError(f"{op}: input must broadcast to the product: it is {shape_of(x)}, the product is {shape}; dimensions equal or 1")
    beta, alpha = (_factor(op, name, value, x, product) for name, value in (("beta", beta), ("alpha", alpha)))
    if not is_plainly(alpha, 1):
        product = product * alpha
    if is_plainly(beta, 0):
        return product
    return (x if is_plainly(beta, 1) else x * beta) + product


def _factor(op: str, name: str, value: Any, x: Array, product: Array) -> Any:
    """``value`` as a factor of tensors like these, as PyTorch has it: of integers without its fraction (`addr`: an error)."""
    if type(value) is int or (type(value) is float and product.dtype.kind == "f"):
        return value
    kinds = {x.dtype.kind, product.dtype.kind}
    if isinstance(value, Boxed) or "c" in kinds or (isinstance(value, float | np.floating) and "f" in kinds):
        return value
    if isinstance(value, complex | np.complexfloating) and not isinstance(value, float):
        raise DTypeError(f"{op}: {name} must be real for real tensors: it is {value!r}, the tensors are {x.dtype}; convert them first")
    if "f" in kinds or not isinstance(value, float | np.floating):
        return value
    if op == "addr" or not math.isfinite(value):
        raise DTypeError(
            f"{op}: {name} must be an integer for integer tensors: it is {value!r}, the tensors are {x.dtype}; convert them, x.float()"
        )
    return int(value)


@public("addmm", out=True, inplace=True)
def _addmm(input: Array, mat1: Array, mat2: Array, *, beta: complex = 1, alpha: complex = 1) -> Array:
    """``beta input + alpha mat1 @ mat2``: (n, k) @ (k, m) plus what broadcasts to (n, m).

    >>> import tensorflowlite_clone as tl
    >>> tl.addmm(tl.ones(2), tl.ones(1, 3), tl.ones(3, 2), alpha=2).tolist()
    [[7.0, 7.0]]
    """
    product = MatMul.of(needs("addmm", mat1, 2, "mat1"), needs("addmm", mat2, 2, "mat2"))
    return _combined("addmm", input, product, beta, alpha)


@public("baddbmm", out=True, inplace=True)
def _baddbmm(input: Array, batch1: Array, batch2: Array, *, beta: complex = 1, alpha: complex = 1) -> Array:
    """``beta input + alpha batch1 @ batch2`` for stacks of matrices: (b, n, k) @ (b, k, m).

    >>> import tensorflowlite_clone as tl
    >>> tl.baddbmm(tl.zeros(5, 1, 2), tl.ones(5, 1, 3), tl.ones(5, 3, 2)).shape
    (5, 1, 2)
    """
    return _combined("baddbmm", input, _bmm(batch1, batch2), beta, alpha)


@public("addbmm", out=True, inplace=True)
def _addbmm(input: Array, batch1: Array, batch2: Array, *, beta: complex = 1, alpha: complex = 1) -> Array:
    """``beta input + alpha sum_i batch1[i] @ batch2[i]``: (b, n, k) @ (b, k, m), summed over b.

    >>> import tensorflowlite_clone as tl
    >>> tl.addbmm(tl.zeros(1, 2), tl.ones(5, 1, 3), tl.ones(5, 3, 2)).tolist()
    [[15.0, 15.0]]
    """
    products = _bmm(batch1, batch2)
    return _combined("addbmm", input, cast(np.sum(products, axis=0), products.dtype), beta, alpha)


@public("addmv", out=True, inplace=True)
def _addmv(input: Array, mat: Array, vec: Array, *, beta: complex = 1, alpha: complex = 1) -> Array:
    """``beta input + alpha mat @ vec``: (n, k) @ (k) plus what broadcasts to (n).

    >>> import tensorflowlite_clone as tl
    >>> tl.addmv(tl.ones(2), tl.ones(2, 3), tl.ones(3), beta=0).tolist()
    [3.0, 3.0]
    """
    return _combined("addmv", input, _mv(mat, vec), beta, alpha)


@public("addr", out=True, inplace=True)
def _addr(input: Array, vec1: Array, vec2: Array, *, beta: complex = 1, alpha: complex = 1) -> Array:
    """``beta input + alpha vec1 vec2^T``: all products of (n) and (m), plus what broadcasts to (n, m).

    >>> import tensorflowlite_clone as tl
    >>> tl.addr(tl.zeros(2), tl.tensor([1.0, 2.0]), tl.tensor([3.0, 4.0])).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    x, y = needs("addr", vec1, 1, "vec1"), needs("addr", vec2, 1, "vec2")
    product = Reshape.of(x, shape=(shape_of(x)[0], 1)) * Reshape.of(y, shape=(1, shape_of(y)[0]))
    return _combined("addr", input, product, beta, alpha)


@public("bilinear", method=False, functional=True)
def _bilinear(input1: Array, input2: Array, weight: Array, bias: Array | None = None) -> Array:
    """``y_k = x1^T A_k x2 + b_k``.

    Args:
        input1: (..., n).
        input2: (..., m), the same leading dimensions.
        weight: the matrices A, (out, n, m).
        bias: (out) or None.

    Returns (..., out). Raises `ShapeError` where shapes do not fit.

    >>> import tensorflowlite_clone as tl
    >>> tl.nn.functional.bilinear(tl.ones(5, 2), tl.ones(5, 3), tl.ones(4, 2, 3)).shape
    (5, 4)
    """
    x, y, w = (to_operand(a, "bilinear") for a in (input1, input2, weight))
    xs, ys, ws = shape_of(x), shape_of(y), shape_of(w)
    if not xs or not ys or len(ws) != 3 or ws[1:] != (xs[-1], ys[-1]) or xs[:-1] != ys[:-1]:
        raise ShapeError(
            f"bilinear: shapes do not fit: inputs are {xs} and {ys}, weight is {ws}; "
            f"they must be (..., n), (..., m) with equal leading dimensions, and (out, n, m)"
        )
    if bias is not None and shape_of(bias) != ws[:1]:
        raise ShapeError(f"bilinear: bias does not fit: weight is {ws}, bias is {shape_of(bias)}; bias must be ({ws[0]},)")
    out, n, m = ws
    left = np.matmul(flat_rows(x), np.reshape(np.transpose(w, (1, 0, 2)), (n, out * m)))  # (rows, out * m)
    rows = math.prod(xs[:-1])
    products = np.reshape(left, (rows, out, m)) * np.reshape(flat_rows(y), (rows, 1, m))
    result = np.reshape(np.sum(products, axis=-1), (*xs[:-1], out))
    return result if bias is None else result + bias
