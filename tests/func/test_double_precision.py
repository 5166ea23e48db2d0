"""A NumPy program under a function transform computes in float64, whatever its arrays are, unless they are in single precision.

Swept: every ufunc and every function of one or two arrays that is answered for boxes, on integers and on masks, against NumPy.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy_checks import flat

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import NUMPY_FUNCTIONS, UFUNCS
from tensorflowlite_clone.func import grad, jacfwd, jvp, vmap

DOUBLE = {"f": np.float64, "c": np.complex128}
#: NumPy gives these of small integers and masks in float16, and so do we: the spacing of numbers depends on their dtype.
HALF = {"spacing", "rint"}
#: The values are NumPy's for each example, but not in one form: why.
UNLIKE = {
    "gradient": "of points that coincide: an infinite difference quotient, where NumPy subtracts infinities",
    "trapezoid": "of masks: NumPy adds booleans as logical or",
    "heaviside": "integers stay integers, as in PyTorch",
    **dict.fromkeys(["poly", "eig", "eigvals"], "complex: whether the eigenvalues are real depends on the values"),
    "roots": "in another order",
    "logn": "NumPy takes the logarithms of masks in float16, and divides them by one in float64",
    "round": "masks stay masks",
    **dict.fromkeys(["ceil", "fix", "floor", "trunc"], "integers stay integers, as in NumPy from 2.1 on; before, they became float16"),
    "around": "masks stay masks",
}


def examples(shape, dtype):
    n = int(np.prod(shape))
    numbers = np.random.default_rng([7, *shape]).permutation(n) % (2 if dtype == np.bool_ else 5) + (dtype != np.bool_)
    return numbers.reshape(shape).astype(dtype)


DRAWN = [examples(shape, dtype) for shape in ((3, 4), (3, 3, 3)) for dtype in (np.int64, np.int8, np.bool_)]


def compare(f, name, *args):
    """How many floating results of ``f`` under vmap were compared with those of NumPy for each example."""
    count = len(args[0])
    try:
        each = [flat(f(*[a[i] for a in args])) for i in range(count)]
        got = flat(vmap(f)(*args))
    except (ValueError, TypeError, IndexError, NotImplementedError, np.linalg.LinAlgError, RuntimeError, AttributeError, ZeroDivisionError):
        return 0  # not a function of such arrays, or one that says why it cannot be mapped
    compared = 0
    for k, result in enumerate(got):
        rows = [np.asarray(r[k]) for r in each]
        if not isinstance(result, np.ndarray) or rows[0].dtype.kind not in "fc" or len({r.shape for r in rows}) > 1:
            continue
        expected = np.stack(rows)
        if name in HALF and expected.dtype == np.float16:
            assert result.dtype == np.float16
        elif name not in UNLIKE:
            assert result.dtype == DOUBLE[expected.dtype.kind], f"{name} of {args[0].dtype}: {result.dtype}, NumPy's {expected.dtype}"
        tolerance = 1e-10 if expected.dtype.itemsize >= 8 else 5e-3
        if expected.dtype == np.complex64:  # what np.emath makes of small integers
            tolerance = 1e-6
        if name not in UNLIKE:
            np.testing.assert_allclose(result, expected, rtol=tolerance, atol=tolerance, err_msg=name)
        compared += 1
    return compared


def test_ufuncs_of_integers_and_masks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compared = [
            compare(u, u.__name__, *((x,) if u.nin == 1 else (x, np.ascontiguousarray(x[::-1]))))
            for u in UFUNCS
            for x in DRAWN
            if u.nin < 3
        ]
    assert sum(compared) > 200


def test_functions_of_integers_and_masks():
    compared = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in NUMPY_FUNCTIONS:
            for x in DRAWN:
                y = np.ascontiguousarray(x[::-1])
                compared += compare(f, f.__name__, x) + compare(f, f.__name__, x, y)
                compared += compare(lambda v, f=f: f(v, 0.5), f.__name__, x)
    assert compared > 450


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64])
def test_single_precision_stays_single(dtype):
    x = np.ones((2, 3), dtype)
    assert vmap(np.sqrt)(x).dtype == dtype
    assert vmap(lambda v: v * 2.5)(x).dtype == dtype


def test_the_rows_of_the_report():
    assert vmap(np.sqrt)(np.arange(3)).dtype == np.float64
    assert vmap(np.sqrt)(np.arange(3)).tolist() == np.sqrt(np.arange(3)).tolist()
    assert vmap(np.mean)(np.eye(3) > 0).dtype == np.float64
    assert vmap(lambda n: np.ones(2) * np.sqrt(n))(np.arange(3)).dtype == np.float64
    assert vmap(tl.sqrt)(tl.arange(3)).dtype == tl.float32, "tensors are a PyTorch program"


def test_integers_beside_what_is_differentiated():
    n = np.arange(3)
    made = []

    def f(x):
        made.append(tl.sqrt(tl.arange(3)).dtype)
        return np.sum(x * vmap(np.sqrt)(n))

    for x in (np.ones(3), 2.0, np.float64(2.0)):
        assert grad(f)(x).dtype == np.float64
        assert np.asarray(jacfwd(f)(x)).dtype == np.float64
        assert np.asarray(jvp(f, (x,), (x,))[1]).dtype == np.float64
    grad(lambda z: f(abs(z)))(1 + 2j)
    assert set(made) == {np.dtype(np.float64)}
