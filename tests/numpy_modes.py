"""A program as NumPy's users type it, in every mode: its value is NumPy's, its derivatives are those of differences, or it raises.

Not here: the programs (``func/test_as_typed.py``, ``func/test_ndarray_methods.py``).
"""

import numpy as np

from tensorflowlite_clone import func


def flat(out):
    """All numbers that a program returns, as one vector."""
    parts = [np.ravel(flat(o)) for o in out] if isinstance(out, list | tuple) else [np.ravel(out)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def whole(f):
    return lambda x: 1.0 * flat(f(x))


def differences(f, x, step=1e-3):
    """The Jacobian, with an error of the fourth power of the step."""

    def along(d):
        far, near = (f(x + k * step * d) - f(x - k * step * d) for k in (2, 1))
        return (8 * near - far) / (12 * step)

    return np.stack([along(d.reshape(x.shape)) for d in np.eye(x.size)], -1).reshape(-1, *x.shape)


def other(x):
    """A second example, at which the same branches are taken."""
    return x * 1.01


def twice(f):
    return lambda x: func.vmap(f)(np.stack([x, other(x)]))


#: What each mode gives, and what it must be by the function, its Jacobian and its second derivative.
MODES = {
    "jvp": (lambda f, x: func.jvp(f, (x,), (x,)), lambda f, d, dd, x: (f(x), d(x) @ x.ravel())),
    "vjp": (lambda f, x: func.vjp(f, x)[0], lambda f, d, dd, x: f(x)),
    "jacrev": (lambda f, x: func.jacrev(f)(x), lambda f, d, dd, x: d(x)),
    "jacfwd": (lambda f, x: func.jacfwd(f)(x), lambda f, d, dd, x: d(x)),
    "vmap": (lambda f, x: twice(f)(x), lambda f, d, dd, x: (f(x), f(other(x)))),
    "vmap jacrev": (lambda f, x: twice(func.jacrev(f))(x), lambda f, d, dd, x: (d(x), d(other(x)))),
    "vmap jacfwd": (lambda f, x: twice(func.jacfwd(f))(x), lambda f, d, dd, x: (d(x), d(other(x)))),
    "jacrev vmap": (lambda f, x: func.jacrev(twice(f))(x), lambda f, d, dd, x: (d(x), 1.01 * d(other(x)))),
    "jacfwd vmap": (lambda f, x: func.jacfwd(twice(f))(x), lambda f, d, dd, x: (d(x), 1.01 * d(other(x)))),
    "jacfwd jacrev": (lambda f, x: func.jacfwd(func.jacrev(f))(x), lambda f, d, dd, x: dd(x)),
    "jacrev jacrev": (lambda f, x: func.jacrev(func.jacrev(f))(x), lambda f, d, dd, x: dd(x)),
    "jacfwd jacfwd": (lambda f, x: func.jacfwd(func.jacfwd(f))(x), lambda f, d, dd, x: dd(x)),
    "jacrev jacfwd": (lambda f, x: func.jacrev(func.jacfwd(f))(x), lambda f, d, dd, x: dd(x)),
    "vmap hessian": (lambda f, x: twice(func.jacfwd(func.jacrev(f)))(x), lambda f, d, dd, x: (dd(x), dd(other(x)))),
}  # fmt: skip


def check(program, x, mode):
    """``program`` in ``mode``, against NumPy and differences."""
    run, expected = MODES[mode]
    f = whole(program)

    def first(x):
        return differences(f, x).reshape(-1, x.size)

    def second(x):
        return differences(lambda x: first(x).ravel(), x, 3e-3)

    wanted = flat(expected(f, first, second, x))
    found = flat(run(f, x))
    assert found.shape == wanted.shape
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-6 * max(1.0, float(np.max(np.abs(wanted)))))
