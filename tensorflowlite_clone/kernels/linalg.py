"""Matrix algorithms that NumPy lacks, on stacks of matrices.

Here: LU with partial pivoting, the exponential, derivatives of both it and the determinant. Not here: rules (``ops/linalg/``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from string import ascii_letters
from typing import Any

import numpy as np

from .._typing import NDArray
from .fast import twin
from .threads import joined

__all__ = [
    "det_derivative",
    "exponential",
    "exponential_derivative",
    "first_zero",
    "inverse",
    "least_squares",
    "lu",
    "magnitude",
    "permutation_of",
    "solve",
    "svd",
]


#: Columns that are eliminated one by one before the rest is updated by one matrix product.
PANEL = 32


def in_parts(f: Callable[..., Any], *stacks: NDArray) -> Any:
    """``f`` of stacks of matrices, that of NumPy which takes one after the other, on several threads where that pays.

    >>> in_parts(np.linalg.inv, np.full((2, 1, 1), 2.0)).tolist()
    [[[0.5]], [[0.5]]]
    """
    lead, n = stacks[0].shape[:-2], stacks[0].shape[-1]
    if not lead or any(a.shape[:-2] != lead for a in stacks):
        return f(*stacks)
    return joined(f, *stacks, axis=0, cost=math.prod(lead) * (2e-6 + 0.3e-9 * n**3))


# ---- what NumPy has, for the sake of the twins --------------------------------------------------------------------------------
@twin(64)
def solve(a: NDArray, b: NDArray) -> NDArray:
    """``a^-1 b``: (..., n, n), (..., n, k) -> (..., n, k). Raises `LinAlgError` for a singular matrix.

    >>> solve(np.array([[2.0]]), np.array([[4.0]]))
    array([[2.]])
    """
    return in_parts(np.linalg.solve, a, b)  # type: ignore[no-any-return]


@twin(64)
def inverse(x: NDArray) -> NDArray:
    """``x^-1``: (..., n, n) -> same. Raises `LinAlgError` for a singular matrix.

    >>> inverse(np.array([[2.0]]))
    array([[0.5]])
    """
    return in_parts(np.linalg.inv, x)  # type: ignore[no-any-return]


def svd(x: NDArray, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """`numpy.linalg.svd` of finite matrices; raises `LinAlgError` for others: with some, LAPACK's iteration never comes to an end.

    >>> svd(np.array([[0.0, 2.0], [0.0, 0.0]]), compute_uv=False).tolist()
    [2.0, 0.0]
    """
    if not np.isfinite(x).all():
        raise np.linalg.LinAlgError("SVD did not converge")
    return np.linalg.svd(x, full_matrices) if compute_uv else np.linalg.svd(x, compute_uv=False)


def least_squares(a: NDArray, b: NDArray) -> NDArray:
    """The shortest x of the smallest ``|a x - b|``, by `numpy.linalg.lstsq`, whose iteration is that of `svd`; raises as that does.

    >>> least_squares(np.array([[2.0], [0.0]]), np.array([4.0, 1.0])).tolist()
    [2.0]
    """
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise np.linalg.LinAlgError("SVD did not converge in Linear Least Squares")
    return np.linalg.lstsq(a, b, rcond=None)[0]


# ---- LU -----------------------------------------------------------------------------------------------------------------------
def lu(x: NDArray, pivot: bool = True) -> tuple[NDArray, NDArray, NDArray]:
    """``P^T A = L U`` with both factors in one array, by panels (Golub & Van Loan, "Matrix computations", algorithm 3.4.1).

    ``x``: (..., m, n), floating or complex. ``pivot``: whether rows are exchanged so that the largest element of each column leads. Returns
    the factors (..., m, n), L below the diagonal and U from it on; for each step the row exchanged with the step's own, int64 (..., k), k =
    min(m, n); the order of A's rows that results, int64 (..., m).

    >>> factors, exchanged, order = lu(np.array([[1.0, 2.0], [4.0, 8.0]]))
    >>> factors.tolist(), exchanged.tolist(), order.tolist()
    ([[4.0, 8.0], [0.25, 0.0]], [1, 1], [1, 0])
    """
    m, n = x.shape[-2:]
    k = min(m, n)
    a = np.array(x).reshape(math.prod(x.shape[:-2]), m, n)
    stack = np.arange(len(a))
    pivots = np.tile(np.arange(k), (len(a), 1))
    order = np.tile(np.arange(m), (len(a), 1))
    for start in range(0, k, PANEL):
        end = min(start + PANEL, k)
        for j in range(start, end):
            if pivot:
                p = j + np.argmax(magnitude(a[:, j:, j]), axis=-1)
                pivots[:, j] = p
                for array in (a, order):
                    upper = array[stack, p].copy()
                    array[stack, p] = array[:, j]
                    array[:, j] = upper
            lead = a[:, j, j, None]
            a[:, j + 1 :, j] /= np.where(lead == 0, 1, lead)  # a column of zeros stays one
            a[:, j + 1 :, j + 1 : end] -= a[:, j + 1 :, j, None] * a[:, j, None, j + 1 : end]
        if end < n:  # L11 U12 = A12; its solver exchanges no rows of L11, whose largest elements stand on the diagonal
            unit = np.tril(a[:, start:end, start:end], -1) + np.eye(end - start, dtype=a.dtype)
            a[:, start:end, end:] = np.linalg.solve(unit, a[:, start:end, end:])
            a[:, end:, end:] -= a[:, end:, start:end] @ a[:, start:end, end:]
    lead = x.shape[:-2]
    return a.reshape(x.shape), pivots.reshape(*lead, k), order.reshape(*lead, m)


def first_zero(x: NDArray) -> NDArray:
    """The place, from 1, of the first zero on the diagonal, or 0 if there is none: (..., m, n) -> int32 (...).

    >>> first_zero(np.array([[1.0, 2.0], [3.0, 0.0]])).tolist()
    2
    """
    zero = np.diagonal(x, axis1=-2, axis2=-1) == 0
    return np.where(zero.any(-1), zero.argmax(-1) + 1 if zero.shape[-1] else 0, 0).astype(np.int32)


def magnitude(x: NDArray) -> NDArray:
    """As LAPACK compares: the sum of the absolute real and imaginary parts."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def permutation_of(pivots: NDArray, m: int) -> NDArray:
    """The order of ``m`` rows after exchanging row i with row ``pivots[..., i]``, for i = 0, 1, ...

    >>> permutation_of(np.array([1, 1]), 2).tolist()
    [1, 0]
    """
    k = pivots.shape[-1]
    flat = pivots.reshape(math.prod(pivots.shape[:-1]), k)
    stack = np.arange(len(flat))
    order = np.tile(np.arange(m), (len(flat), 1))
    for j in range(k):
        there = order[stack, flat[:, j]].copy()
        order[stack, flat[:, j]] = order[:, j]
        order[:, j] = there
    return order.reshape(*pivots.shape[:-1], m)


# ---- derivatives of the determinant -------------------------------------------------------------------------------------------
def det_derivative(x: NDArray, directions: tuple[NDArray, ...]) -> NDArray:
    """The matrix C with ``sum_ij C_ij E_ij = D^(m+1) det(x)[d_1, ..., d_m, E]``; without directions, the matrix of cofactors.

    Exact also for singular matrices; NaN for those that are not finite. With x = U diag(s) V^H, the rows of a minor are chosen, one for
    each direction, and the singular values of all other rows multiply it.

    ``x``: (..., n, n). ``directions``: m arrays (..., n, n).

    >>> det_derivative(np.array([[1.0, 2.0], [2.0, 4.0]]), ()).round(6).tolist()
    [[4.0, -2.0], [-2.0, 1.0]]
    """
    n = x.shape[-1]
    if n and len(directions) <= 1:
        fast = _det_derivative_by_inverse(x, directions)
        if fast is not None:
            return fast
    finite = np.isfinite(x).all(axis=(-2, -1), keepdims=True)
    u, s, vh = svd(np.where(finite, x, 0)) if x.size else (x, np.zeros(x.shape[:-1], x.real.dtype), x)
    uh, v = _adjoint(u), _adjoint(vh)
    turned = [uh @ d @ v for d in directions]
    weights = _products_of_others(s, len(directions) + 1)  # (..., n, ..., n)
    rows = ascii_letters[: len(directions) + 1]
    out: NDArray = np.zeros((), x.dtype)
    for order in permutations(range(len(rows))):
        columns = [rows[i] for i in order]
        *terms, last = [r if r != c else f"{r}{r}" for r, c in zip(rows, columns, strict=True)]
        terms = [f"...{r}{c}" for r, c in zip(rows[:-1], columns[:-1], strict=True)]
        if last == rows[-1] * 2:
            part = np.einsum(f"{','.join([*terms, '...' + rows])}->...{rows[-1]}", *turned, weights)
            part = part[..., None] * np.eye(n, dtype=x.dtype)
        else:
            part = np.einsum(f"{','.join([*terms, '...' + rows])}->...{rows[-1]}{columns[-1]}", *turned, weights)
        out = out + part * _sign(order)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    result: NDArray = sign * (np.conjugate(u) @ out @ np.conjugate(vh))
    return np.where(finite, result, np.asarray(np.nan, result.dtype))


def _det_derivative_by_inverse(x: NDArray, directions: tuple[NDArray, ...]) -> NDArray | None:
    """``det(x) x^-T`` and its derivative, where every matrix of the stack is far from singular; else None."""
    try:
        inverse = np.linalg.inv(x)
    except np.linalg.LinAlgError:
        return None
    condition = np.abs(x).sum(-1).max(-1) * np.abs(inverse).sum(-1).max(-1)
    if not np.all(condition ** (1 + len(directions)) < float(np.finfo(x.dtype).eps) ** -0.3):  # as many digits cancel
        return None
    det = np.linalg.det(x)[..., None, None]
    if not directions:
        cofactors: NDArray = det * np.swapaxes(inverse, -1, -2)
        return cofactors
    product = inverse @ directions[0]
    trace = np.trace(product, axis1=-2, axis2=-1)[..., None, None]
    slope: NDArray = det * np.swapaxes(trace * inverse - product @ inverse, -1, -2)
    return slope


def _products_of_others(s: NDArray, count: int) -> NDArray:
    """For ``count`` different places, the product of the elements of s (..., n) at all other places; 0 where two places are equal."""
    n = s.shape[-1]
    same = np.eye(n, dtype=bool)
    rest, used = s, np.zeros(s.shape, bool)
    for step in range(count):
        ones = np.ones((*rest.shape[:-1], 1), s.dtype)
        before = np.cumprod(np.concatenate([ones, rest[..., :-1]], -1), -1) if n else rest
        after = np.cumprod(np.concatenate([ones, rest[..., :0:-1]], -1), -1)[..., ::-1] if n else rest
        products = np.where(used, 0, before * after)
        if step + 1 < count:
            rest = np.where(same, 1, rest[..., None, :])
            used = used[..., None, :] | same
    return products


def _sign(order: tuple[int, ...]) -> float:
    inversions = sum(a > b for i, a in enumerate(order) for b in order[i + 1 :])
    return -1.0 if inversions % 2 else 1.0


def _adjoint(x: NDArray) -> NDArray:
    return np.conjugate(np.swapaxes(x, -1, -2))


# ---- the exponential ----------------------------------------------------------------------------------------------------------
#: The coefficients of the [13/13] Padé approximant of exp, divided by the first.
PADE = [
    1.0, 0.5, 3 / 25, 11 / 600, 11 / 5520, 3 / 18400, 1 / 96600, 1 / 1932000, 1 / 48944000, 1 / 1585785600, 1 / 67395888000,
    1 / 3953892096000, 1 / 355850288640000, 1 / 64764752532480000,
]  # fmt: skip
#: The 1-norm up to which the approximant is exact to double precision.
THETA = 5.371920351148152


def exponential(x: NDArray) -> NDArray:
    """The matrix exponential by scaling and squaring (N. Higham 2005, algorithm 2.3), each matrix of a stack with a scale of its own.

    ``x``: (..., n, n); single precision is computed in double precision.

    >>> exponential(np.array([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    n = x.shape[-1]
    a = x.astype(np.result_type(x.dtype, np.float64)).reshape(-1, n, n)
    if not a.size:
        return np.array(x)
    norm = np.abs(a).sum(axis=-2).max(axis=-1)  # (stack,)
    finite = np.isfinite(norm)
    steps = np.maximum(np.ceil(np.log2(np.maximum(np.where(finite, norm, 0.0), THETA) / THETA)), 0).astype(np.int64)
    a = a * np.exp2(-steps.astype(np.float64))[:, None, None]
    a[~finite] = np.nan
    eye = np.eye(n, dtype=a.dtype)
    a2 = a @ a
    a4 = a2 @ a2
    a6 = a4 @ a2
    b = PADE
    odd = a @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    even = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + eye
    r = np.linalg.solve(even - odd, even + odd)
    with np.errstate(over="ignore", invalid="ignore"):  # exp overflows where it must
        for step in range(int(steps.max())):
            more = steps > step
            r[more] = r[more] @ r[more]
        return r.reshape(x.shape).astype(x.dtype)


def exponential_derivative(x: NDArray, directions: tuple[NDArray, ...]) -> NDArray:
    """``D^k exp(x)[d_1, ..., d_k]``, the derivative of the exponential along k directions.

    It stands in the upper right corner of the exponential of [[x, d], [0, x]], and so on for more directions (Higham & Relton 2014,
    theorem 3.3). Directions are scaled to norm 1 first: the result is linear in each.

    >>> exponential_derivative(np.zeros((2, 2)), (np.ones((2, 2)),)).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    n = x.shape[-1]
    block, factor = x, np.ones((), np.finfo(x.dtype).dtype)
    for k, d in enumerate(directions):
        size = np.abs(d).sum(axis=-2, keepdims=True).max(axis=-1, keepdims=True) if d.size else np.ones((1, 1), factor.dtype)
        size = np.where((size == 0) | ~np.isfinite(size), 1, size)
        factor = factor * size
        d = _repeated(d / size, 2**k)
        shape = np.broadcast_shapes(block.shape, d.shape)
        block, d = np.broadcast_to(block, shape), np.broadcast_to(d, shape)
        top = np.concatenate([block, d], axis=-1)
        block = np.concatenate([top, np.concatenate([np.zeros_like(d), block], axis=-1)], axis=-2)
    corner: NDArray = exponential(block)[..., :n, -n:] if n else block
    return corner * factor.astype(np.finfo(x.dtype).dtype) if directions else corner


def _repeated(d: NDArray, times: int) -> NDArray:
    """A block diagonal of ``times`` copies of d (..., n, n)."""
    n = d.shape[-1]
    out = np.zeros((*d.shape[:-2], times, n, times, n), d.dtype)
    for i in range(times):
        out[..., i, :, i, :] = d
    return out.reshape(*d.shape[:-2], times * n, times * n)
