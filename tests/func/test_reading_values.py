"""What a function may read of the values that transforms follow: questions, whole numbers, text; and in which dtype it counts on.

Not here: numbers given as parameters (``test_followed_numbers.py``), conversions that are refused (``test_numpy_language.py``).
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import GraphError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, linearize, vjp, vmap

X, V = np.array([0.3, 1.7, 0.9]), np.array([1.0, -0.5, 2.0])
TABLE = np.array([0.5, 2.0, 7.0])

#: Transforms of one and two levels; each runs a function of one vector that gives one number.
RUNS = {
    "grad": lambda f: grad(f)(X),
    "jvp": lambda f: jvp(f, (X,), (V,)),
    "jvp grad": lambda f: jvp(grad(f), (X,), (V,)),
    "grad grad": lambda f: grad(lambda x: np.sum(grad(f)(x) * V))(X),
    "grad jvp": lambda f: grad(lambda x: jvp(f, (x,), (V,))[1])(X),
    "jvp jvp": lambda f: jvp(lambda x: jvp(f, (x,), (V,))[1], (X,), (V,)),
    "hessian": lambda f: hessian(f)(X),
}
MAPPED = {"vmap": lambda f: vmap(f)(np.stack([X, V])), "vmap grad": lambda f: vmap(grad(f))(np.stack([X, V]))}
every_run = pytest.mark.parametrize("run", RUNS)


def same(a, b):
    for p, q in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-11, atol=1e-13)


#: A function that reads something, and what it comes to near X.
READING = {
    "np.where": (lambda x: np.sum(x[np.where(x > 0.5)] ** 3), lambda x: x[1] ** 3 + x[2] ** 3),
    "tl.where": (lambda x: (x[tl.where(x > 0.5)] ** 3).sum(), lambda x: x[1] ** 3 + x[2] ** 3),
    "allclose": (lambda x: np.sum(x**3) if tl.allclose(x, x + 1e-12) else x[0], lambda x: np.sum(x**3)),
    "np.allclose": (lambda x: np.sum(x**3) if np.allclose(x, x + 1e-12) else x[0], lambda x: np.sum(x**3)),
    "equal": (lambda x: x[0] if tl.equal(x, x + 1.0) else np.sum(x**3), lambda x: np.sum(x**3)),
    "a tolerance": (
        lambda x: tl.linalg.pinv(np.outer(x, x) + np.eye(3), rtol=1e-9 * x[0]).sum(),
        lambda x: np.sum(np.linalg.inv(np.outer(x, x) + np.eye(3))),
    ),
    "an array at places": (lambda x: np.sum(TABLE[np.argsort(x)] * x**2), lambda x: np.sum(TABLE[[0, 2, 1]] * x**2)),
    "an array at found places": (lambda x: np.sum(TABLE[np.searchsorted(TABLE, x)] * x**2), lambda x: np.sum(TABLE[[0, 1, 1]] * x**2)),
    "an array under a mask": (lambda x: np.sum(TABLE[x > 0.5]) * x[0] ** 2, lambda x: 9.0 * x[0] ** 2),
    "int": (lambda x: TABLE[int(x[1])] * np.sum(x**2), lambda x: 2.0 * np.sum(x**2)),
}


@every_run
@pytest.mark.parametrize("name", READING)
def test_what_has_no_derivative_may_be_read_in_every_nesting(name, run):
    f, plainly = READING[name]
    same(RUNS[run](f), RUNS[run](plainly))


@pytest.mark.parametrize("run", MAPPED)
@pytest.mark.parametrize("name", READING)
def test_what_differs_in_a_batch_is_not_read(name, run):
    with pytest.raises(TransformError, match=r"inside vmap|tl\.tensor\(x\)\[i\]"):
        MAPPED[run](READING[name][0])


def test_questions_about_a_batch_name_the_way_out():
    with pytest.raises(TransformError, match=r"np\.allclose: inside vmap .* with them the answer; compare element by element"):
        vmap(lambda x: np.sum(x) if np.allclose(x, 0.0) else x[0])(np.ones((2, 3)))


@every_run
def test_text_shows_the_values(run):
    seen = []
    RUNS[run](lambda x: (seen.append(f"{x[0]:.2f}|{np.sum(x):8.3e}|{x[1:2]:.1f}"), np.sum(x**2))[1])
    assert set(seen) == {"0.30|2.900e+00|1.7"}


def test_a_format_is_for_one_number():
    one, several = tl.tensor([1.25]), tl.tensor([1.25, 2.5])
    assert f"{one:.3f} {one.sum():6.2f}" == "1.250   1.25"
    assert f"{one}" == str(one) != "1.25"
    assert f"{several}" == str(several)
    for spec in (">40", ".2f"):  # as in PyTorch
        with pytest.raises(TypeError, match="format: a tensor of several numbers has no"):
            format(several, spec)


@pytest.mark.parametrize("run", MAPPED)
def test_text_inside_vmap_shows_all_examples(run):
    seen = []
    MAPPED[run](lambda x: (seen.append(f"{x[0]:.2f}"), str(x), f"{x}", np.sum(x**2))[-1])
    assert seen == ["[0.30, 1.00]"]


@every_run
def test_values_may_be_taken_out_as_numbers_by_detach(run):
    """`item` and `tolist` alone would lose the derivative; a change in place afterwards is no error."""

    def f(x):
        y = x * 1.0
        for read in (lambda: y[0].item(), y.tolist):
            with pytest.raises(TransformError, match=r"has_aux=True; x\.detach\(\)"):
                read()
        assert (y[0].detach().item(), (2 * x).detach().tolist()) == (0.3, (2 * X).tolist())
        y[0] = 2.0 * x[1]
        return np.sum(y**2)

    same(RUNS[run](f), RUNS[run](lambda x: 5.0 * x[1] ** 2 + x[2] ** 2))


@every_run
@pytest.mark.parametrize("convert", [float, complex, math.sqrt, lambda x: x.numpy()])
def test_what_would_lose_the_derivative_unsaid_is_refused(convert, run):
    with pytest.raises((TransformError, GraphError), match=r"np\.sqrt\(x\).*x\.detach\(\)|x\.detach\(\)\.numpy\(\)"):
        RUNS[run](lambda x: convert(x[0]) * np.sum(x))


# ---- the dtype of numbers made inside --------------------------------------------------------------------------------------------------
NUMBERS = {
    "where": lambda x: np.where(x > 0.5, 0.1, 0.7) * x,
    "counted": lambda x: np.count_nonzero(x > 0.5) / 3 * x,
    "ranks": lambda x: np.argsort(x) * 0.1 * x,
    "roots of ranks": lambda x: np.sqrt(np.argsort(x) + 1) * x,
    "mean of a mask": lambda x: np.mean(x > 0.5) * x,
    "a phase": lambda x: np.abs(np.exp(0.1j * np.argsort(x)) + x),
    "rounded down": lambda x: np.floor(7 * x).astype(int) / 7 * x,
    "bins": lambda x: np.digitize(x, [0.4, 0.95]) / 7 + x,
}


@pytest.mark.parametrize("name", NUMBERS)
def test_in_a_transform_of_float64_arrays_whole_numbers_become_float64(name):
    """As in NumPy, whose program it is: nothing passes through float32."""
    f, expected = NUMBERS[name], NUMBERS[name](X)
    for value in (
        jvp(f, (X,), (V,))[0],
        vjp(f, X)[0],
        linearize(f, X)[0],
        vmap(f)(X[None])[0],
        vjp(lambda x: jvp(f, (x,), (V,))[0], X)[0],
        vmap(lambda x: vjp(f, x)[0])(X[None])[0],
    ):
        np.testing.assert_allclose(value, expected, rtol=1e-15)
    exact = np.stack([(f(X + h) - f(X - h)) / 2e-4 for h in 1e-4 * np.eye(3)], axis=1)
    np.testing.assert_allclose(jacrev(f)(X), exact, atol=1e-10)
    np.testing.assert_allclose(jacfwd(f)(X), exact, atol=1e-10)


def test_elsewhere_the_default_dtype_holds():
    def kind(x):
        seen.append((tl.tensor([1.0]).dtype, (np.argsort(x) * 0.5).dtype, tl.get_default_dtype()))
        return np.sum(x)

    seen = []
    grad(kind)(tl.tensor(X))
    grad(kind)(X.astype(np.float32))
    vmap(kind)(tl.tensor(X[None]))
    assert set(seen) == {(np.dtype(np.float32),) * 3}
    seen.clear()
    grad(kind)(X)
    grad(lambda x: grad(kind)(x).sum())(X)
    assert set(seen) == {(np.dtype(np.float64),) * 3}
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(X)
    assert tl.get_default_dtype() == np.float32


# ---- advice ------------------------------------------------------------------------------------------------------------------------------
def _stored(x):
    out = np.zeros(2)
    out[0] = x[0]
    return out.sum()


ADVICE = {
    "array of values": (lambda x: np.array([x[0], x[1]]).sum(), r"np\.array\(\[\.\.\.\]\): join .* np\.stack.*tensorflowlite_clone\.numpy"),
    "stored": (_stored, r"out\[i\] = x: a plain array out cannot hold it.*tensorflowlite_clone\.numpy"),
    "math": (lambda x: math.sqrt(x[0]), r"math\.sqrt\(x\[0\]\): .* np\.sqrt\(x\)"),
    "dot": (lambda x: np.ones(3).dot(x), r"a @ x"),
    "item": (lambda x: x[0].item(), "has_aux=True"),
}


@pytest.mark.parametrize("name", ADVICE)
@pytest.mark.parametrize("run", ["grad", "jvp"])
def test_errors_say_what_the_line_can_do_instead(name, run):
    program, said = ADVICE[name]
    with pytest.raises(TransformError, match=f"{said}.*x\\.detach"):
        RUNS[run](program)


@pytest.mark.parametrize("run", ["grad", "jvp"])
def test_functions_of_scipy_are_named(run):
    linalg = pytest.importorskip("scipy.linalg")
    with pytest.raises((TransformError, TypeError), match=r"scipy\.linalg\.expm computes on plain arrays; use tl\.linalg\.matrix_exp"):
        RUNS[run](lambda x: linalg.expm(np.eye(3) * x).sum())
    interpolate, stats, integrate, optimize = (pytest.importorskip(f"scipy.{s}") for s in ("interpolate", "stats", "integrate", "optimize"))
    for call, said in {
        "interpolate.CubicSpline": (
            lambda x: interpolate.CubicSpline(np.arange(3.0), x)(0.3),
            "let the program import tensor.*interpolate",
        ),
        "interpolate.interp1d": (lambda x: interpolate.interp1d(np.arange(3.0), x)(0.3), "let the program import tensor.*interpolate"),
        "stats.logpdf": (lambda x: stats.norm.logpdf(0.3, x[0]), "let the program import tensorflowlite_clone.scipy, whose stats has"),
        "integrate.quad": (lambda x: integrate.quad(lambda t: t * x[0], 0, 1)[0], "use tl.integrate.quad, and give it .* as args"),
        "integrate.solve_ivp": (lambda x: integrate.solve_ivp(lambda t, y: x * y, (0, 1), np.ones(3)).y, "use tl.integrate.odeint, and"),
        "optimize.minimize": (lambda x: optimize.minimize(lambda y: ((x - y) ** 2).sum(), np.ones(3)).x, "use tl.optim.minimize, and"),
    }.items():
        with pytest.raises(TransformError, match=rf"scipy\.{call} computes on plain arrays; {said[1]}"):
            RUNS[run](lambda x, f=said[0]: np.sum(f(x)))
    special = pytest.importorskip("scipy.special")
    with pytest.raises(TransformError, match=r"scipy\.special\.elliprd: its derivative is not known here"):
        RUNS[run](lambda x: special.elliprd(x, x, x).sum())


def test_jacobians_of_complex_results_and_constants_among_arguments():
    def f(x):
        return np.exp(1j * x) * x[0]

    same(jacrev(f)(X), jacfwd(f)(X))
    given = {"a": X, "name": "sum", "n": 2, "inner": (X, [np.sum])}

    def g(p):
        return p["inner"][1][0](p["a"] ** p["n"]) + getattr(np, p["name"])(p["inner"][0])

    found = grad(g)(given)
    same(found["a"], 2 * X)
    same(found["inner"][0], np.ones(3))
    assert (found["name"], found["n"], found["inner"][1]) == (None, None, [None])
    same(jacfwd(g)(given)["a"], 2 * X)
    with pytest.raises(TransformError, match=r"write 3\.0 for 3"):
        grad(lambda n: n * 2.0)(3)
