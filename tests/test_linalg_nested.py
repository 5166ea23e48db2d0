"""Derivatives of derivatives of decompositions: every way to nest the transforms, two deep and three deep.

A direction of forward mode may be mapped where the matrix is not: vmap over directions, which is what jacfwd does. What the other
derivatives make of it, within and without, must be what central differences of the first derivative are.
"""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from modes import close

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.families import LinedUp
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

N = 3
POINT = np.array([0.3, -1.0, 2.0])
UNIT = np.eye(N)


def matrix(w, m=3, n=3):
    """An (m, n) matrix without symmetry, linear in ``w``, whose singular values and eigenvalues differ at `POINT`."""
    rng = np.random.default_rng([m, n])
    a, b = rng.normal(size=(m, n)) + 2 * np.eye(m, n), rng.normal(size=(N, m, n))
    return a + w[0] * b[0] + w[1] * b[1] + w[2] * b[2]


def mixed(x):
    """A number that every element of ``x`` enters, none like another."""
    return (np.sin(np.arange(1.0, 1.0 + np.prod(x.shape)).reshape(x.shape)) * x).sum()


def symmetric(x):
    return x + np.swapaxes(x, -1, -2)


def by_columns(v, f):
    return np.matmul(v * np.expand_dims(f, -2), np.swapaxes(v, -1, -2))


def by_eigh(linalg, x, *rest):
    w, v = linalg.eigh(symmetric(x), *rest)
    return mixed(by_columns(v, np.sin(w))) + mixed(v * v)


def by_svd(linalg, x, full):
    u, s, vh = linalg.svd(x, full)
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    return mixed(np.matmul(u * np.expand_dims(np.sin(s), -2), vh)) + mixed(u * u) + mixed(np.abs(vh) ** 2) + mixed(s)


#: Numbers by decompositions of a matrix, of each namespace; none depends on a choice of vectors.
BOTH = {
    "svd": lambda linalg, x: by_svd(linalg, x, True),
    "svd reduced": lambda linalg, x: by_svd(linalg, x, False),
    "svd U": lambda linalg, x: mixed(linalg.svd(x)[0] ** 2),
    "svd S": lambda linalg, x: mixed(linalg.svd(x)[1]),
    "svd Vh": lambda linalg, x: mixed(linalg.svd(x)[2] ** 2),
    "svdvals": lambda linalg, x: mixed(linalg.svdvals(x)),
    "pinv": lambda linalg, x: mixed(linalg.pinv(x)),
    "matrix_norm nuc": lambda linalg, x: linalg.matrix_norm(x, ord="nuc"),
    "matrix_norm 2": lambda linalg, x: linalg.matrix_norm(x, ord=2),
    "cond": lambda linalg, x: linalg.cond(x),
    "eigh": by_eigh,
    "eigh U": lambda linalg, x: by_eigh(linalg, x, "U"),
    "eigvalsh": lambda linalg, x: mixed(linalg.eigvalsh(symmetric(x))),
}
FUNCTIONS = {f"{m.__name__.split('.')[0][:2]} {k}": lambda x, f=f, m=m: f(m, x) for m in (tl.linalg, np.linalg) for k, f in BOTH.items()}
FUNCTIONS |= {
    "matrix_function": lambda x: mixed(tl.linalg.matrix_function(symmetric(x), tl.sin)),
    "eigh of a stack": lambda x: by_eigh(tl.linalg, np.stack([x, 2 * x + UNIT])),
    "svd of a stack": lambda x: by_svd(tl.linalg, np.stack([x, 2 * x + UNIT]), False),
    "solve": lambda x: mixed(tl.linalg.solve(x, x[0])),
    "eigvals": lambda x: mixed(np.abs(tl.linalg.eigvals(x)) ** 2),
}
OBLONG = [k for k in FUNCTIONS if k[:2] != "nu" and any(s in k for s in ("svd", "pinv", "matrix_norm", "cond"))]
CASES = [(k, 3, 3) for k in FUNCTIONS] + [(k, *s) for k in OBLONG if "stack" not in k for s in ((4, 3), (2, 3))]


def function(name, m=3, n=3):
    """A function of three numbers that takes the matrix besides, so that what comes from two sides must fit."""
    f = FUNCTIONS[name]

    def of(w):
        x = matrix(w, m, n)
        return f(x) + 0.1 * (x**2).sum()

    return of


# ---- the ways to take a derivative: each gives f(x).shape + x.shape -----------------------------------------------------------------
def columns(f):
    return lambda z: np.moveaxis(vmap(lambda d: jvp(f, (z,), (d,))[1])(UNIT), 0, -1)


def columns_one_by_one(f):
    return lambda z: np.stack([jvp(f, (z,), (d,))[1] for d in UNIT], axis=-1)


def rows(f):
    def of(z):
        out, pull = vjp(f, z)
        flat = vmap(lambda u: pull(np.reshape(u, out.shape))[0])(np.eye(int(np.prod(out.shape))))
        return np.reshape(flat, (*out.shape, N))

    return of


def in_a_map(derivative):
    """The same inside vmap, at two points."""
    return lambda f: lambda z: vmap(derivative(f))(np.stack([z, z + 0.1]))[0]


def at_mapped_directions(f):
    """Both the point and the direction are mapped."""
    return lambda z: np.moveaxis(vmap(lambda x, d: jvp(f, (x,), (d,))[1])(np.stack([z] * N), UNIT), 0, -1)


WAYS = {
    "jacrev": jacrev,
    "jacfwd": jacfwd,
    "columns": columns,
    "one by one": columns_one_by_one,
    "rows": rows,
    "mapped": at_mapped_directions,
    "vmap jacrev": in_a_map(jacrev),
    "vmap jacfwd": in_a_map(jacfwd),
}
FIRST = {"grad": grad, **WAYS}


def differences(f, x=POINT, step=1e-3):
    """The Jacobian of a function of arrays, by central differences of sixth order."""
    weights = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
    slopes = [sum(c * (f(x + k * step * d) - f(x - k * step * d)) for k, c in weights.items()) / step for d in UNIT]
    return np.stack([np.asarray(s) for s in slopes], axis=-1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "m", "n"), CASES)
def test_two_deep(name, m, n):
    f = function(name, m, n)
    slope = grad(f)(POINT)
    close(slope, differences(f), 1e-7)
    expected = differences(grad(f))
    close(hessian(f)(POINT), expected)
    for (a, inner), (b, outer) in itertools.product(FIRST.items(), WAYS.items()):
        found = np.asarray(outer(inner(f))(POINT))
        assert found.shape == (N, N), (a, b)
        np.testing.assert_allclose(found, expected, atol=1e-6 * max(1.0, np.abs(expected).max()), err_msg=f"{b} of {a}")


DEEP = ["tf svd", "te svd", "te svd S", "te eigh", "nu eigh", "nu svd Vh", "te eigvalsh", "te pinv", "matrix_function"]
SHORT = {k: WAYS[k] for k in ("jacrev", "jacfwd", "columns", "vmap jacfwd")}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [k for k in DEEP if k in FUNCTIONS])
def test_three_deep(name):
    f = function(name)
    expected = differences(hessian(f))
    for ways in itertools.product(SHORT, repeat=3):
        g = f
        for way in ways:
            g = SHORT[way](g)
        np.testing.assert_allclose(g(POINT), expected, atol=1e-5 * max(1.0, np.abs(expected).max()), err_msg=f"{ways}, innermost first")


# ---- the rows of the report -------------------------------------------------------------------------------------------------------------
ROWS = {
    "svd": (lambda x: np.linalg.svd(x)[1].sum(), np.ones((3, 3)), np.eye(3), [6.536985, 0.023958, -0.191662]),
    "eigh": (lambda x: np.linalg.eigh(x)[0][0], np.eye(3), np.ones((3, 3)), [1.853972, 0.124891, 0.021136]),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_matrix_that_a_decomposition_shares_with_something_else(name):
    f, times, plus, expected = ROWS[name]

    def of(w):
        x = times * w + plus
        return f(x) + (x**2).sum()

    for inner, outer in itertools.product(FIRST.values(), WAYS.values()):
        np.testing.assert_allclose(outer(inner(of))(POINT)[0], expected, atol=1e-5)


@pytest.mark.parametrize("f", [lambda x: tl.linalg.eigvalsh(x)[0], lambda x: tl.linalg.svd(x)[1][1]], ids=["eigvalsh", "svd"])
@pytest.mark.parametrize("outer", [jacfwd, jacrev])
@pytest.mark.parametrize("inner", [jacfwd, jacrev, grad])
def test_second_derivatives_of_the_smaller_value_by_the_matrix_itself(f, inner, outer):
    """The matrix is symmetric and positive: its smaller eigenvalue is (a + d - sqrt((a - d)^2 + 4 b^2)) / 2."""
    s = tl.tensor([[2.0, 1.0], [1.0, 3.0]], dtype=tl.float64)
    found = outer(inner(f))(s).numpy()
    assert found.shape == (2, 2, 2, 2)
    along = np.array([[0.7, 0.4], [0.4, -1.2]])
    t = 1e-3
    a, b, c = (np.linalg.eigvalsh(s.numpy() + k * t * along)[0] for k in (-1, 0, 1))
    assert np.einsum("ijkl,ij,kl", found, along, along) == pytest.approx((a - 2 * b + c) / t**2, abs=1e-5)


# ---- where values meet ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["eigh", "svd", "svd reduced", "matrix_function"])
def test_what_else_is_made_of_a_matrix_whose_values_are_equal(name):
    """There vectors do depend on the direction; the second derivative of everything beside them is what it is without them."""
    values = {
        "eigh": lambda x: tl.linalg.eigh(x)[0].sum(),
        "svd": lambda x: 0 * tl.linalg.svd(x)[1].sum(),
        "svd reduced": lambda x: 0 * tl.linalg.svd(x[:2], False)[0].sum(),
        "matrix_function": lambda x: mixed(tl.linalg.matrix_function(x, lambda w: 2 * w)),
    }[name]

    def of(w):
        x = np.diag(w) + np.eye(3)
        return values(x) + (x**3).sum()

    point = np.array([1.0, 1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a part of the second derivative of vectors cannot be known
        for (a, inner), (b, outer) in itertools.product(FIRST.items(), WAYS.items()):
            np.testing.assert_allclose(outer(inner(of))(point), np.diag(6 * (point + 1)), atol=1e-9, err_msg=f"{b} of {a}")


FORWARD = ["jacfwd", "columns", "one by one", "mapped", "vmap jacfwd"]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("way", FORWARD)
@pytest.mark.parametrize("name", ["eigh", "svd"])
def test_forward_mode_turns_the_vectors_of_equal_values_for_each_direction(name, way):
    """V sin(w) V^T, and U sin(s) Vh of a positive matrix, are the function of the matrix, whose derivative needs no vectors."""

    def at(f):
        return lambda w: f(np.diag([1.0, 1.0, 3.0]) + symmetric(matrix(w) - matrix(POINT)))

    def by_vectors(x):
        if name == "eigh":
            w, v = np.linalg.eigh(x)
            return by_columns(v, np.sin(w))
        u, s, vh = np.linalg.svd(x)
        return np.matmul(u * np.expand_dims(np.sin(s), -2), vh)

    expected = jacrev(at(lambda x: tl.linalg.matrix_function(x, tl.sin)))(POINT)
    close(WAYS[way](at(by_vectors))(POINT), expected, 1e-9)
    if way == "jacfwd":  # followed by another derivative, of what does not depend on them
        square = jacrev(jacfwd(at(lambda x: (x**2).sum() + 0 * by_vectors(x).sum())))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            close(square(POINT), hessian(at(lambda x: (x**2).sum()))(POINT), 1e-9)


def test_the_primal_is_one_for_all_directions_unless_values_meet():
    """A question that a program asks of a value is answered inside jacfwd, as inside jacrev."""

    def of(linalg, x):
        w = linalg.eigh(x)[0]
        s = linalg.svd(x)[1]
        return s[0] * w[0] if w[0] > 0 else s[0]

    x = np.diag([1.0, 2.0, 4.0])
    for linalg in (tl.linalg, np.linalg):
        np.testing.assert_allclose(
            jacfwd(lambda x, linalg=linalg: of(linalg, x))(x), jacrev(lambda x, linalg=linalg: of(linalg, x))(x), atol=1e-12
        )


# ---- the kind ---------------------------------------------------------------------------------------------------------------------------
def test_operations_on_lined_up_axes_sum_their_gradients_back():
    """Every operation of several arrays that lines hidden axes up has operands of different shapes, sooner or later."""

    def all_of(family):
        for op in family.__subclasses__():
            yield op
            yield from all_of(op)

    ours = [op for op in set(all_of(LinedUp)) if op.__module__.startswith(tl.__name__)]
    several = [op for op in ours if op.rules and len(op.names) + (op.rest is not None) > 1]
    assert len(several) > 20
    assert [op.__name__ for op in several if not op.broadcasts] == []
