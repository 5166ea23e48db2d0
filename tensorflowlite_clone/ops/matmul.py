"""Matrix products: matmul and what is made of it, and the affine map of a linear layer as one operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._errors import ShapeError
from .._typing import Array
from ..core.broadcast import align, shape_of
from ..core.explain import operands
from ..core.families import Bilinear
from ..core.publish import OPERANDS
from ..core.registry import implements, install_method, public
from .shape import Reshape


class MatMul(Bilinear):
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
        raise ShapeError(f"matmul: both operands need at least 1 dimension: they are {shape_of(input)} and {shape_of(other)}; use * for numbers")
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
