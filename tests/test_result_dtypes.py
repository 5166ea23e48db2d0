"""The dtype of a reduction that was asked for one, for every pair of dtypes, against PyTorch and NumPy; and norms, which must not narrow.

Also here: NumPy's functions where PyTorch's of the same name answers otherwise (numbers, vectors of keys, no bounds, stacks of matrices).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.lib import NumpyVersion

import tensorflowlite_clone as tl

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]
VALUES = np.array([[1.7, 2.2, 0.0], [3.9, 1.0, 1.2]])
REDUCTIONS = ["sum", "nansum", "prod", "cumsum", "cumprod"]


def data(name):
    return VALUES.astype(name)


@pytest.mark.parametrize("wanted", NAMES)
@pytest.mark.parametrize("given", NAMES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_a_reduction_has_the_dtype_that_was_asked(name, given, wanted):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def of(T, **options):
        return getattr(T, name)(T.tensor(data(given)), 1, dtype=getattr(T, wanted), **options)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = of(torch)
        except (RuntimeError, TypeError):
            return
        mine = of(tl)
    assert str(mine.dtype) == wanted
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=1e-3 if "16" in wanted else 1e-6)


WHOLE = [
    "sum", "nansum", "prod", "mean", "nanmean", "any", "all", "std", "var", "amax", "amin", "argmax", "argmin", "max", "min", "median",
    "nanmedian", "count_nonzero", "trace", "aminmax", "std_mean", "var_mean", "msort", "unique", "cov", "corrcoef", "norm", "trapezoid",
]  # fmt: skip
ALONG = [
    "sum", "prod", "mean", "any", "all", "std", "amax", "argmin", "max", "min", "median", "mode", "logsumexp", "cummax", "cummin", "cumsum",
    "cumprod", "count_nonzero", "sort", "softmax", "log_softmax",
]  # fmt: skip
#: Reductions, orders and scans that are not told a dtype.
PLAIN = {
    **{n: lambda T, x, n=n: getattr(T, n)(x) for n in WHOLE},
    **{f"{n} along": lambda T, x, n=n: getattr(T, n)(x, -1) for n in ALONG},
    "diff": lambda T, x: T.diff(x),
    "topk": lambda T, x: T.topk(x, 1),
    "kthvalue": lambda T, x: T.kthvalue(x, 1),
    "quantile": lambda T, x: T.quantile(x, 0.5),
    "vector_norm": lambda T, x: T.linalg.vector_norm(x),
    "dist": lambda T, x: T.dist(x, x[:1]),
    "mean dtype": lambda T, x: T.mean(x, dtype=T.float64),
    "softmax dtype": lambda T, x: T.softmax(x, -1, dtype=T.float64),
    "norm dtype": lambda T, x: T.norm(x, 1, -1, dtype=T.complex128 if x.is_complex() else T.float64),
}  # fmt: skip
#: Of which numbers without a fraction are refused, as in PyTorch.
INEXACT = {"mean", "nanmean", "std", "var", "std_mean", "var_mean", "norm", "vector_norm", "quantile", "mean along", "std along"}
#: Of no elements PyTorch's integrals keep integers, and it puts complex ones in order.
OF_NOTHING = {
    "trapezoid",
    "softmax along",
    "log_softmax along",
    "median",
    "nanmedian",
    "amax along",
    "mode along",
    "cummax along",
    "cummin along",
}


def results(call, T, array):
    """What a call gives; None if it is refused."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            found = call(T, T.tensor(array))
        except (RuntimeError, TypeError, IndexError):
            return None
    several = isinstance(found, tuple | list)
    if several and hasattr(found, "indices"):
        return [found.values]  # of equal elements either index is right
    return list(found) if several else [found]


@pytest.mark.parametrize("given", NAMES)
@pytest.mark.parametrize("name", PLAIN)
def test_every_reduction_of_every_dtype(name, given):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    for array in (data(given), data(given)[:, :0], np.asarray(data(given)[0, 0])):
        if not array.size and name in OF_NOTHING:
            continue
        ours, theirs = results(PLAIN[name], tl, array), results(PLAIN[name], torch, array)
        assert theirs is None or ours is not None, f"refused for {array.shape}, PyTorch computes it"
        for a, b in zip(ours or [], theirs or [], strict=False):
            assert str(np.dtype(a.dtype)) == str(b.dtype).removeprefix("torch.") and tuple(a.shape) == tuple(b.shape), array.shape
            np.testing.assert_allclose(a.numpy(), b.resolve_conj().numpy(), rtol=1e-2 if given == "float16" else 1e-5, atol=1e-6)
    if name in INEXACT and np.dtype(given).kind in "biu":
        assert results(PLAIN[name], tl, data(given)) is None, "numbers without a fraction have no such result"


@pytest.mark.parametrize("wanted", NAMES)
@pytest.mark.parametrize("given", NAMES)
def test_results_are_written_into_the_dtypes_that_torch_writes_into(given, wanted):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    calls = {
        **{n: lambda T, x, o, n=n: getattr(T, n)(x, 1, out=o) for n in (*REDUCTIONS, "mean", "amax", "argmax")},
        **{n: lambda T, x, o, n=n: getattr(T, n)(x, out=o) for n in ("exp", "abs", "neg", "square", "sign", "logical_not", "sigmoid")},
        **{n: lambda T, x, o, n=n: getattr(T, n)(x, x + x, out=o) for n in ("add", "mul", "div", "eq", "lt", "atan2", "logical_and")},
        **{n: lambda T, x, o, n=n: getattr(T, n)([x, x], out=o) for n in ("cat", "stack")},
        "matmul": lambda T, x, o: T.matmul(x, x.T, out=o),
        "zeros": lambda T, x, o: T.zeros(2, out=o),
        "full": lambda T, x, o: T.full((2,), 3, out=o),
        "arange": lambda T, x, o: T.arange(3, out=o),
        "linspace": lambda T, x, o: T.linspace(0, 5, 4, out=o),
        "eye": lambda T, x, o: T.eye(2, out=o),
    }  # fmt: skip
    for name, call in calls.items():
        ours, theirs = (results(lambda T, x: call(T, x, T.empty(0, dtype=getattr(T, wanted))), T, data(given)) for T in (tl, torch))  # noqa: B023
        assert theirs is None or ours is not None, f"{name}: refused, PyTorch writes it"
        for a, b in zip(ours or [], theirs or [], strict=False):
            assert str(np.dtype(a.dtype)) == wanted
            np.testing.assert_allclose(a.numpy(), b.resolve_conj().numpy(), rtol=1e-2 if "16" in given + wanted else 1e-5, atol=1e-6)


@pytest.mark.parametrize("wanted", ["bool", "int8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("name", ["sum", "prod", "nansum", "nanprod", "cumsum", "cumprod", "trace", "linalg.trace"])
def test_numpy_functions_have_the_dtype_that_was_asked(name, wanted):
    f = np.linalg.trace if name == "linalg.trace" else getattr(np, name)
    expected = np.asarray(f(VALUES, dtype=wanted))
    found = f(tl.tensor(VALUES), dtype=np.dtype(wanted))
    assert found.dtype == expected.dtype == wanted
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


def test_a_sum_in_another_dtype_is_differentiated():
    x = tl.tensor([1.5, 2.5], requires_grad=True)
    assert tl.autograd.grad(x.sum(dtype=tl.float64), x)[0].tolist() == [1.0, 1.0]
    assert tl.autograd.grad(x.prod(dtype=tl.float64), x)[0].tolist() == [2.5, 1.5]
    assert x.sum(dtype=tl.int32).dtype == tl.int32
    assert not x.sum(dtype=tl.int32).requires_grad
    assert tl.tensor([300, 1]).sum(dtype=tl.uint8).item() == 45
    assert tl.tensor([1.7, 2.7]).sum(dtype=tl.bool).item() is True


NORMS = {
    "norm": lambda T, x, **o: T.norm(x, **o),
    "norm 1": lambda T, x, **o: T.norm(x, 1, **o),
    "vector_norm": lambda T, x, **o: T.linalg.vector_norm(x, **o),
    "matrix_norm": lambda T, x, **o: T.linalg.matrix_norm(x, **o),
    "linalg.norm": lambda T, x, **o: T.linalg.norm(x, **o),
}
INEXACT = [n for n in NAMES if n[0] in "fc" and n != "float16"]


@pytest.mark.parametrize("wanted", [*INEXACT, "float16", "int32"])
@pytest.mark.parametrize("given", INEXACT)
@pytest.mark.parametrize("name", NORMS)
def test_a_norm_refuses_a_dtype_that_loses(name, given, wanted):
    kinds = [np.dtype(given).kind, np.dtype(wanted).kind]
    holds = kinds[0] == kinds[1] and np.promote_types(given, wanted) == wanted
    x = tl.tensor(data(given))
    if holds:
        assert NORMS[name](tl, x, dtype=getattr(tl, wanted)).dtype == np.zeros(0, wanted).real.dtype
    else:
        with pytest.raises(RuntimeError, match=rf"norm: dtype must hold the input without loss: it is {wanted}, the input {given}"):
            NORMS[name](tl, x, dtype=getattr(tl, wanted))
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    try:
        theirs = NORMS[name](torch, torch.tensor(data(given)), dtype=getattr(torch, wanted))
    except RuntimeError:
        assert not holds
    else:
        assert holds
        assert str(theirs.dtype) == f"torch.{NORMS[name](tl, x, dtype=getattr(tl, wanted)).dtype}"


NUMPY = {
    "argsort of a number": lambda x: np.argsort(x[0, 0]),
    "argsort of an integer": lambda x: np.argsort(x[0, 0].astype(int)),
    "lexsort of a vector": lambda x: np.lexsort(x[0]),
    "lexsort of numbers": lambda x: np.lexsort((x[0, 0], x[0, 1])),
    "lexsort of rows": lambda x: np.lexsort(x),
    "clip without bounds": lambda x: np.clip(x, None, None),
    "clip without arguments": lambda x: np.clip(x),
    "histogramdd of a number": lambda x: np.histogramdd(x[0, 0])[0],
    "histogramdd of a vector": lambda x: np.histogramdd(x[0])[1][0],
    "fftn of a number": lambda x: np.fft.fftn(x[0, 0]),
    "ifftn of a number": lambda x: np.fft.ifftn(x[0, 0]),
    "multi_dot of stacks": lambda x: np.linalg.multi_dot([x[None], np.stack([x.T, 2 * x.T])]),
    "multi_dot of a stack of four dimensions": lambda x: np.linalg.multi_dot(np.reshape(x[:, :2], (2, 1, 1, 2)) * np.ones((2, 2, 2, 2))),
    "multi_dot of two": lambda x: np.linalg.multi_dot([x, x.T]),
    "multi_dot of three": lambda x: np.linalg.multi_dot([x, x.T, x]),
}


if NumpyVersion(np.__version__) < NumpyVersion("2.1.0"):  # which wants a bound
    del NUMPY["clip without bounds"], NUMPY["clip without arguments"]


@pytest.mark.parametrize("f", NUMPY.values(), ids=NUMPY)
def test_numpy_answers_are_numpys(f):
    expected = np.asarray(f(VALUES))
    found = f(tl.tensor(VALUES))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, strict=True)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(tl.func.vmap(f)(np.stack([VALUES, VALUES]))[1], expected, rtol=1e-12)


def test_torch_answers_stay_torchs():
    assert tl.argsort(tl.tensor(3.0)).shape == ()
    assert tl.fft.fftn(tl.tensor(3.0)).dtype == tl.complex64
    with pytest.raises(ValueError, match="at least one of min and max"):
        tl.clamp(tl.ones(2))
    with pytest.raises(ValueError, match="all must be matrices"):
        tl.linalg.multi_dot([tl.ones(2, 2, 2), tl.ones(2, 2, 2)])
    x = tl.ones(2, requires_grad=True)
    assert tl.autograd.grad(np.clip(x, None, None).sum(), x)[0].tolist() == [1.0, 1.0]
