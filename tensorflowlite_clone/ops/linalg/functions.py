"""Functions of Hermitian matrices, by their eigenvalues: ``V f(w) V^H`` with every derivative, equal eigenvalues or not.

Not here: the decomposition itself (``spectral.py``), functions of general matrices, as the exponential (``exponential.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations
from string import ascii_letters
from typing import Any

import numpy as np
from numpy import ndarray

from ..._errors import ArgumentError, DTypeError, OperandError, ShapeError
from ..._state import during, state
from ..._typing import Array
from ...core.boxed import Boxed
from ...core.broadcast import conjugated
from ...core.engine import run_backward
from ...core.levels import boxed, is_plain, untaped
from ...core.tensor import Taped, Tensor
from .common import Decomposition, FromTriangle, adjoint, hermitian_part, row, square

#: Functions of numbers, element by element: the function and what is known of its derivatives, in order.
Orders = tuple[Callable[[Any], Any], ...]
#: Values closer to each other than this, relatively, have divided differences by quadrature, others by subtraction.
NEAR = 1e-2


class SpectralFunction(Decomposition, title="linalg.matrix_function"):
    """``V f(w) V^H`` of ``(x + x^H) / 2``; with k ``directions``, its derivative of order k along them.

    In the basis V that is the sum, over the orders of the directions and over ways i, a, .., j, of ``f[w_i, w_a, .., w_j] E_ia .. E_bj``
    with the divided differences of f (Daleckii and Krein 1965). Each order's rule is the next order.
    """

    def forward(x, *directions, orders):
        w, v = np.linalg.eigh(hermitian_part(x))
        vh = adjoint(v)
        if not directions:
            return np.matmul(v * row(_numbers(orders, 0, w)), vh)
        inner = [np.matmul(np.matmul(vh, e), v) for e in directions]
        k = len(inner)
        letters = ascii_letters[: k + 1]
        table = differences(orders, w, k)
        terms = ",".join(f"...{a}{b}" for a, b in pairwise(letters))
        spec = f"...{letters},{terms}->...{letters[0]}{letters[-1]}"
        total = sum(np.einsum(spec, table, *order) for order in permutations(inner))
        return np.matmul(np.matmul(v, total), vh)

    def grad_x(g, x, directions, orders):
        change = SpectralFunction.of(x, conjugated(g), *map(adjoint, directions), orders=orders)
        return conjugated(hermitian_part(change))

    def grad_directions(g, x, directions, orders, index):
        others, g = [adjoint(e) for e in directions], conjugated(g)
        return [conjugated(SpectralFunction.of(x, *others[:i], g, *others[i + 1 :], orders=orders)) for i in index]


def differences(orders: Orders, w: ndarray[Any, Any], k: int) -> ndarray[Any, Any]:
    """The divided differences of order k of all ways through values (..., n): (..., n, .., n) with k + 1 axes of n."""
    n = w.shape[-1]
    shape = (*w.shape[:-1], *(n,) * (k + 1))
    axes = [np.reshape(w, (*w.shape[:-1], *(n if i == j else 1 for j in range(k + 1)))) for i in range(k + 1)]
    points = np.sort(np.stack([np.broadcast_to(a, shape) for a in axes], axis=-1), axis=-1)
    return divided(orders, points.reshape(-1, k + 1), 0).reshape(shape)


def divided(orders: Orders, points: ndarray[Any, Any], order: int) -> ndarray[Any, Any]:
    """The divided differences, through rising points (m, k + 1), of the derivative number ``order`` of the function: (m,).

    >>> divided((lambda x: x * x,), np.array([[1.0, 3.0], [2.0, 2.0]]), 0)
    array([4., 4.])
    """
    k = points.shape[-1] - 1
    if not k or not points.size:
        return _numbers(orders, order, points[:, 0])
    gap = points[:, -1] - points[:, 0]
    near = gap <= NEAR * np.max(np.absolute(points), axis=-1)
    out = np.empty(len(points), points.dtype)
    far = points[~near]
    out[~near] = (divided(orders, far[:, 1:], order) - divided(orders, far[:, :-1], order)) / gap[~near]
    out[near] = _averaged(orders, points[near], order)
    return out


def _averaged(orders: Orders, points: ndarray[Any, Any], order: int) -> ndarray[Any, Any]:
    """The same where points nearly meet: the mean of the derivative of order k over their simplex, over k! (Hermite, Genocchi)."""
    k = points.shape[-1] - 1
    nodes, weights = np.polynomial.legendre.leggauss(10 if k == 1 else 6)
    nodes, weights = (nodes + 1.0) / 2.0, weights / 2.0
    grid = np.stack(np.meshgrid(*[nodes] * k, indexing="ij"), axis=-1).reshape(-1, k)  # (q, k)
    share = np.prod(np.stack(np.meshgrid(*[weights] * k, indexing="ij"), axis=-1).reshape(-1, k), axis=-1)
    steps = np.cumprod(grid, axis=-1)  # how far along each edge of the simplex
    share = share * np.prod(grid ** np.arange(k - 1, -1, -1), axis=-1)
    at = points[:, :1] + np.diff(points) @ steps.T.astype(points.dtype)  # (m, q)
    values = _numbers(orders, order + k, at.reshape(-1)).reshape(at.shape)
    return np.asarray(values @ share.astype(points.dtype))


# ---- the function of numbers ---------------------------------------------------------------------------------------------------
def _numbers(orders: Orders, order: int, at: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """The derivative of an order at numbers, as an ndarray of their shape and dtype."""
    known = min(order, len(orders) - 1)
    f = orders[known]
    for _ in range(order - known):
        f = _slope(f)
    with np.errstate(all="ignore"):
        found = f(boxed(at))
    found = untaped(found) if is_plain(found) else found
    return _checked(found, at)


def _checked(found: Any, at: ndarray[Any, Any]) -> ndarray[Any, Any]:
    op = "linalg.matrix_function"
    if isinstance(found, Boxed):
        raise OperandError(
            f"{op}: function depends on a value that a derivative follows or that differs from example to example, besides its argument: "
            f"{type(found).__name__} of shape {found.shape}; it would be taken for a constant: write V f(w) V^H with linalg.eigh"
        )
    found = np.asarray(found)
    if found.dtype.kind == "c":
        raise DTypeError(f"{op}: function must be real: it gave {found.dtype}; take its real and imaginary parts one by one")
    if found.shape != at.shape:
        raise ShapeError(f"{op}: function must work element by element: it made {found.shape} of {at.shape} eigenvalues")
    return np.asarray(found, at.dtype)


def _slope(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of a function that works element by element."""

    def derivative(x: Any) -> Any:
        level = state.highest = max(state.height, state.highest) + 1
        with during(height=level, grad_enabled=True):
            leaf = Tensor.wrap(x.array if is_plain(x) and isinstance(x, Taped) else x, level).requires_grad_()
            y = f(leaf)
            if not isinstance(y, Taped) or y.level != level or y.node is None:
                return boxed(np.zeros(leaf.shape, leaf.dtype))
            (g,) = run_backward([y], [np.ones(y.shape, y.dtype)], level=level, inputs=[leaf.node], all_reach=True)
        return boxed(np.zeros(leaf.shape, leaf.dtype) if g is None else g)

    return derivative


def matrix_function(A: Array, function: Callable[[Any], Any], *, derivative: Callable[[Any], Any] | None = None, UPLO: str = "L") -> Array:
    """``V f(w) V^H`` of a Hermitian ``A = V diag(w) V^H``: the function f of a matrix, by its eigenvalues.

    Its derivatives, of every order and in every mode, are those of the function of the matrix, whether eigenvalues are equal or not:
    in the basis V divided differences of f, and f' on the diagonal and where values meet.

    Args:
        A: (..., n, n), of which only the lower triangle is read, or the upper one; the gradient is shared evenly by both.
        function: of a tensor of real numbers, element by element, such as ``tl.exp`` or ``lambda w: w.clamp(min=0)``; real.
        derivative: its derivative, likewise. None: found by differentiating ``function``.
        UPLO: "L" or "U".

    Returns (..., n, n). Raises `ShapeError` or `DTypeError` where ``function`` gives something else, `OperandError` where it depends on
    another value that a derivative follows, `LinAlgError` for NaN and infinity in A.

    >>> import tensorflowlite_clone as tl
    >>> tl.linalg.matrix_function(tl.tensor([[4.0, 0.0], [0.0, 9.0]]), tl.sqrt).numpy().round(5).tolist()
    [[2.0, 0.0], [0.0, 3.0]]
    >>> A = tl.eye(2, requires_grad=True)  # eigenvalues that are equal
    >>> tl.linalg.matrix_function(A, tl.log).sum().backward(); A.grad.numpy().round(5).tolist()
    [[1.0, 1.0], [1.0, 1.0]]

    Source: N. Higham, "Functions of matrices" (2008), theorem 3.11 (Daleckii and Krein).
    """
    if str(UPLO).upper() not in ("L", "U"):
        raise ArgumentError(f"linalg.matrix_function: UPLO must be 'L' or 'U': got {UPLO!r}")
    for name, f in (("function", function), ("derivative", derivative or function)):
        if not callable(f):
            raise OperandError(f"linalg.matrix_function: {name} must be a function of a tensor: got {type(f).__name__} {f!r:.40}")
    x = FromTriangle.of(square(A, "linalg.matrix_function"), upper=str(UPLO).upper() == "U")
    return SpectralFunction.of(x, orders=(function,) if derivative is None else (function, derivative))
