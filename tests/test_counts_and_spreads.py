"""Histograms, counts, combinations, covariances and gradients of samples: every kind of argument, right and wrong, beside PyTorch.

A call has the same outcome in both packages: values, dtypes and shapes, or an error of a kind that PyTorch's program would catch.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import Bounded

#: Calls, by function; ``x`` is (2, 4), ``v`` its first row, ``i`` four integers, ``e`` empty.
CALLS = {
    "histc": """
        T.histc(v)
        T.histc(v, 4)
        T.histc(v, bins=4, min=1, max=2)
        T.histc(v, 4, 1., 1.)
        T.histc(v, 4, 2, 1)
        T.histc(v, 0)
        T.histc(v, -1)
        T.histc(i, 4)
        T.histc(i, 4, 0, 3)
        T.histc(e, 4)
        T.histc(T.ones(3), 4)
        T.histc(v*nan, 4)
        T.histc(v*inf, 4)
        T.histc(v, 4, 0, inf)
        T.histc(v, 4, nan, 1)
        T.histc(v.to(T.complex64), 4)
        T.histc(v.half(), 4)
        T.histc(v, 4.5)
        T.histc(x, 3)
        T.histc(v>1, 3)
        T.histc(T.tensor([nan, 1., 2.]), 3, 0, 3)
        T.histc(T.tensor([nan, 1., 2.]), 3)
        T.histc(v, 3, out=T.empty(3))
        v.histc(3)
        T.histc(v, 3, min=T.tensor(0.), max=T.tensor(2.))
        T.histc(i.to(T.uint8), 3)
        T.histc(i.to(T.int32), 3)
    """,
    "histogram": """
        T.histogram(v, 4)
        T.histogram(v, 4, range=(0., 1.))
        T.histogram(v, 4, range=(1., 1.))
        T.histogram(v, 4, range=(2., 1.))
        T.histogram(v, 4, range=(0., inf))
        T.histogram(v, 4, range=(0., ))
        T.histogram(v, 4, range=[0., 2.])
        T.histogram(v, 4, weight=v, density=True)
        T.histogram(v, 4, weight=x)
        T.histogram(v, 4, weight=v.double())
        T.histogram(v, T.tensor([0., 1., 2.]))
        T.histogram(v, T.tensor([0., 1., 1., 2.]))
        T.histogram(v, T.tensor([2.]))
        T.histogram(v, T.tensor([]))
        T.histogram(v, T.tensor(2.))
        T.histogram(v, T.tensor([[0., 1.]]))
        T.histogram(v, T.tensor([0, 1, 2]))
        T.histogram(v, T.tensor([0., 1., 2.], dtype=T.float64))
        T.histogram(v, 0)
        T.histogram(v, -2)
        T.histogram(v, 2.5)
        T.histogram(i, 4)
        T.histogram(x, 4)
        T.histogram(e, 4)
        T.histogram(e, 4, density=True)
        T.histogram(T.ones(3), 3)
        T.histogram(T.tensor([nan, 1.]), 3)
        T.histogram(T.tensor([nan, 1.]), 3, range=(0., 2.))
        T.histogram(T.tensor([inf, 1.]), 3)
        T.histogram(v, T.tensor([0., 1.]), range=(0., 1.))
        T.histogram(v, bins=3).hist
        T.histogram(v, 3, out=(T.empty(3), T.empty(4)))
        v.histogram(3)
        T.histogram(v, T.tensor([0., 1., 3.]), density=True)
        T.histogram(v, T.tensor([0., 1., 3.]), weight=v)
        T.histogram(v.double(), 4, weight=v.double())
        T.histogram(v, 100)
    """,
    "histogramdd": """
        T.histogramdd(x.T, [2, 3])
        T.histogramdd(x.T, 3)
        T.histogramdd(x.T, (2, 3), range=[0., 3., 0., 3.])
        T.histogramdd(x.T, [T.tensor([0., 1., 3.]), T.tensor([0., 2., 3.])])
        T.histogramdd(x.T, (T.tensor([0., 1., 3.]), T.tensor([0., 2., 3.])))
        T.histogramdd(x.T, [2, 3], weight=v)
        T.histogramdd(x.T, [2, 3], weight=v, density=True)
        T.histogramdd(x.T, [2, 3], density=True)
        T.histogramdd(x.T, [T.tensor([0., 1., 3.]), T.tensor([0., 2., 3.])], density=True, weight=v)
        T.histogramdd(x.T, [2])
        T.histogramdd(x.T, [2, 3, 4])
        T.histogramdd(x.T, [2, 0])
        T.histogramdd(x.T, [2, 3], range=[0., 1.])
        T.histogramdd(x.T, [2, 3], range=[0., 1., 2., 1.])
        T.histogramdd(x.T, [2, 3], range=[0., 0., 1., 1.])
        T.histogramdd(v, [2])
        T.histogramdd(v, 2)
        T.histogramdd(T.tensor(1.), [])
        T.histogramdd(T.ones(2, 3, 2), [2, 2])
        T.histogramdd(T.ones(2, 3, 2), [2, 2], weight=T.ones(2, 3))
        T.histogramdd(T.ones(2, 3, 2), [2, 2], weight=T.ones(6))
        T.histogramdd(x.T, [2, 3], weight=T.ones(3))
        T.histogramdd(T.ones(0, 2), [2, 2])
        T.histogramdd(x.T, [2.5, 3])
        T.histogramdd(x.T, [T.tensor([0., 1., 3.]), 3])
        T.histogramdd(i[:, None], [2])
        T.histogramdd(x.T, 'ab')
        T.histogramdd(x.T.double(), [2, 2])
        T.histogramdd(x.T, [2, 2], weight=v.double())
        T.histogramdd(x.T, T.tensor([0., 1.]))
        T.histogramdd(T.tensor([[nan, 1.], [1., 2.]]), [2, 2])
        T.histogramdd(T.tensor([[nan, 1.], [1., 2.]]), [2, 2], range=[0., 2., 0., 2.])
        T.histogramdd(x.T, [2, 2]).hist
        T.histogramdd(x.T, [2, 2]).bin_edges
        T.histogramdd(x.T, [2, 2], [0., 1., 0., 1.], v, True)
    """,
    "cartesian_prod": """
        T.cartesian_prod(v)
        T.cartesian_prod(v, i)
        T.cartesian_prod(v, i, T.tensor([1., 2.]))
        T.cartesian_prod()
        T.cartesian_prod(x)
        T.cartesian_prod(v, x)
        T.cartesian_prod(v, T.tensor(1.))
        T.cartesian_prod(T.tensor(1.))
        T.cartesian_prod(v, e)
        T.cartesian_prod(e)
        T.cartesian_prod([v, i])
        T.cartesian_prod(v, 3)
        T.cartesian_prod(i, i)
    """,
    "combinations": """
        T.combinations(v)
        T.combinations(v, 3)
        T.combinations(v, r=1)
        T.combinations(v, 0)
        T.combinations(v, -1)
        T.combinations(v, 5)
        T.combinations(v, with_replacement=True)
        T.combinations(v, 3, True)
        T.combinations(v, 0, True)
        T.combinations(x)
        T.combinations(T.tensor(1.))
        T.combinations(e)
        T.combinations(e, 0)
        T.combinations(e, 2, True)
        T.combinations(i, 2)
        T.combinations(v, 2.5)
        T.combinations(v>1, 2)
        T.combinations(v, 4)
    """,
    "bincount": """
        T.bincount(i)
        T.bincount(i, minlength=6)
        T.bincount(i, minlength=-1)
        T.bincount(i, v)
        T.bincount(i, weights=i)
        T.bincount(i, weights=v.double())
        T.bincount(i, weights=v.half())
        T.bincount(i, weights=v>1)
        T.bincount(i, weights=v.to(T.complex64))
        T.bincount(i, weights=v[:2])
        T.bincount(i, weights=x)
        T.bincount(v)
        T.bincount(i-2)
        T.bincount(i[None])
        T.bincount(i>0)
        T.bincount(i.to(T.uint8))
        T.bincount(i.to(T.int8))
        T.bincount(i[:0])
        T.bincount(i[:0], minlength=3)
        T.bincount(i[:0], v[:0], 3)
        T.bincount(i[:0], v, 3)
        T.bincount(i[:0].to(T.float32))
        T.bincount(T.tensor(3))
        T.bincount(i, minlength=2.5)
        i.bincount(v, 8)
        T.bincount(e)
    """,
    "cov": """
        T.cov(x)
        T.cov(v)
        T.cov(x[:1])
        T.cov(T.tensor(1.))
        T.cov(e)
        T.cov(x[:0])
        T.cov(x[:, :0])
        T.cov(x[:, :1])
        T.cov(x, correction=0)
        T.cov(x, correction=5)
        T.cov(x, correction=4)
        T.cov(x, fweights=i)
        T.cov(x, fweights=v)
        T.cov(x, fweights=i[:2])
        T.cov(x, fweights=-i)
        T.cov(x, aweights=v)
        T.cov(x, aweights=-v)
        T.cov(x, aweights=i)
        T.cov(x, fweights=i, aweights=v)
        T.cov(x, fweights=i*0)
        T.cov(x, fweights=i[None])
        T.cov(x, aweights=v[None])
        T.cov(x[None])
        T.cov(x.to(T.complex64)*(1+2j))
        T.cov(v.to(T.complex64)*(1+2j))
        T.cov(i)
        T.cov(x>1)
        T.cov(x.half())
        T.cov(x, correction=1.5)
        T.cov(v, correction=2)
        T.cov(v, fweights=i, aweights=v)
        v.cov()
    """,
    "corrcoef": """
        T.corrcoef(x)
        T.corrcoef(v)
        T.corrcoef(x[:1])
        T.corrcoef(T.tensor(1.))
        T.corrcoef(e)
        T.corrcoef(x[:, :1])
        T.corrcoef(i)
        T.corrcoef(x.to(T.complex64)*(1+2j))
        T.corrcoef(v.to(T.complex64)*(1+2j))
        T.corrcoef(x[None])
        T.corrcoef(x[:0])
        T.corrcoef(T.ones(2, 3))
        T.corrcoef(T.ones(3))
        v.corrcoef()
    """,
    "gradient": """
        T.gradient(v)
        T.gradient(x)
        T.gradient(x, dim=0)
        T.gradient(x, dim=1)
        T.gradient(x, dim=None)
        T.gradient(x, dim=(0, 1))
        T.gradient(x, dim=[1])
        T.gradient(x, dim=(1, 0))
        T.gradient(x, dim=())
        T.gradient(x, spacing=2.)
        T.gradient(x, spacing=2)
        T.gradient(x, spacing=2., dim=1)
        T.gradient(x, spacing=(2., 3.))
        T.gradient(x, spacing=[2., 3.])
        T.gradient(x, spacing=(2., ))
        T.gradient(x, spacing=(2., 3.), dim=1)
        T.gradient(x, spacing=(2., 3., 4.))
        T.gradient(x, spacing=(3., ), dim=1)
        T.gradient(x, spacing=(T.tensor([0., 1.]), T.tensor([0., 1., 3., 4.])))
        T.gradient(x, spacing=[T.tensor([0., 1.]), T.tensor([0., 1., 3., 4.])])
        T.gradient(x, spacing=(T.tensor([0., 1., 3., 4.]), ), dim=1)
        T.gradient(v, spacing=(T.tensor([0., 1., 3., 4.]), ))
        T.gradient(v, spacing=(T.tensor([[0., 1., 3., 4.]]), ))
        T.gradient(v, spacing=T.tensor(2.))
        T.gradient(v, spacing=(T.tensor([0, 1, 3, 4]), ))
        T.gradient(v, spacing=(T.tensor([0., 1., 3., 4.]), ), edge_order=2)
        T.gradient(v, edge_order=2)
        T.gradient(v, edge_order=3)
        T.gradient(v, edge_order=0)
        T.gradient(v[:1])
        T.gradient(v[:2])
        T.gradient(v[:2], edge_order=2)
        T.gradient(T.tensor(1.))
        T.gradient(e)
        T.gradient(i)
        T.gradient(i, spacing=2)
        T.gradient(x>1)
        T.gradient(x, dim=2)
        T.gradient(x, dim=-1)
        T.gradient(x, dim=(0, 0))
        T.gradient(x, dim=(0, -2))
        T.gradient(x.to(T.complex64)*1j)
        T.gradient(x, spacing=1j)
        T.gradient(x, spacing=None)
        T.gradient(x, spacing=True)
        T.gradient(x.half())
        T.gradient(x, spacing=0.)
        T.gradient(x.double(), spacing=(2., 3.), edge_order=2, dim=(0, 1))
        T.gradient(T.ones(3, 3).double(), spacing=(2., 3.), edge_order=2, dim=(0, 1))
        T.gradient(i.to(T.uint8))
        T.gradient(v, spacing='a')
        T.gradient(x, dim='a')
        T.gradient(T.ones(3, 4, 5), spacing=2., dim=(0, 2))[1]
    """,
}
SINGLE = [(name, line.strip()) for name, lines in CALLS.items() for line in lines.strip().splitlines()]

#: What has another outcome, and why.
OTHER = {
    "T.histogram(v, T.tensor([2.0, 1.0]))": "edges that fall: PyTorch counts nothing",
    "T.histogramdd(x.T, [T.tensor([3.0, 1.0]), T.tensor([0.0, 2.0])])": "edges that fall: PyTorch counts nothing",
    "T.gradient(v, spacing=(T.tensor([0.0, 1.0, 3.0]),))": "PyTorch reads coordinates that are not there",
}


def scope(T):
    x = T.tensor([[0.0, 1.0, 2.0, 2.5], [3.0, 1.5, 0.5, 2.0]])
    return {"T": T, "x": x, "v": x[0], "i": T.tensor([1, 0, 3, 3]), "e": T.tensor([]), "nan": np.nan, "inf": np.inf}


def outcome(T, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # too few samples for the degrees of freedom
        try:
            return eval(call, scope(T))
        except Exception as error:
            return error


def leaves(x):
    return [y for e in x for y in leaves(e)] if isinstance(x, tuple | list) else [x]


@pytest.mark.parametrize(("name", "call"), SINGLE, ids=[c for _, c in SINGLE])
def test_the_outcome_is_that_of_torch(name, call):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = outcome(tl, call), outcome(torch, call)
    if isinstance(theirs, Exception):
        kinds = [k for k in (TypeError, ValueError, IndexError, RuntimeError) if isinstance(theirs, k)]
        assert isinstance(ours, Bounded | TypeError) and isinstance(ours, (*kinds, TypeError)), (ours, theirs)
        assert name in str(ours), ours
        return
    assert not isinstance(ours, Exception), ours
    mine, other = leaves(ours), leaves(theirs)
    assert len(mine) == len(other)
    for a, b in zip(mine, other, strict=True):
        assert str(a.dtype) == str(b.dtype).removeprefix("torch.") and tuple(a.shape) == tuple(b.shape)
        half = str(a.dtype) == "float16"
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=4e-3 if half else 2e-6, atol=4e-3 if half else 1e-6)


@pytest.mark.parametrize("call", OTHER)
def test_what_is_refused_here_alone(call):
    assert isinstance(outcome(tl, call), Bounded)


def test_results_have_names_and_weights_a_derivative():
    w = tl.tensor([1.0, 2.0, 3.0], dtype=tl.float64, requires_grad=True)
    x = tl.tensor([[0.0, 0.1], [1.0, 0.9], [1.0, 0.2]], dtype=tl.float64)
    result = tl.histogramdd(x, bins=[2, 2], weight=w)
    assert type(result).__name__ == "Histogram" and isinstance(result.bin_edges, tuple)
    (result.hist * tl.tensor([[1.0, 10.0], [100.0, 1000.0]], dtype=tl.float64)).sum().backward()
    assert w.grad.tolist() == [1.0, 1000.0, 100.0]
    assert tl.autograd.gradcheck(lambda w: tl.histogramdd(x, [2, 3], weight=w, density=True).hist, (w,))


def test_out_is_written_to():
    x = tl.tensor([0.0, 1.0, 2.5])
    counts, edges = tl.empty(2), tl.empty(3)
    result = tl.histogram(x, 2, out=(counts, edges))
    assert result.hist is counts and counts.tolist() == [2.0, 1.0] and edges.tolist() == [0.0, 1.25, 2.5]
    assert tl.histc(x, 2, out=counts) is counts


def test_gradients_come_in_the_order_of_the_dimensions_named():
    x = tl.tensor([[0.0, 1.0, 3.0], [5.0, 5.0, 5.0]])
    a, b = tl.gradient(x, spacing=(1.0, 2.0), dim=(1, 0))
    assert a.tolist()[0] == [1.0, 1.5, 2.0] and b.tolist()[0] == [2.5, 2.0, 1.0]


@pytest.mark.parametrize("dtype", ["i1", "u1", "i8", "u8"])
@pytest.mark.parametrize("start", [0, 100, 2**62, 2**63 + 5, -(2**63)])
def test_unique_of_many_integers_is_numpys(dtype, start):
    limits = np.iinfo(dtype)
    if not limits.min <= start <= limits.max - 20:
        pytest.skip(f"{dtype} does not hold {start}")
    x = np.random.default_rng(0).integers(0, 20, (60, 50)).astype(dtype) + np.asarray(start, dtype)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    found = tl.unique(tl.tensor(x) if dtype != "u8" else x, return_inverse=True, return_counts=True)
    for ours, theirs in zip(found, (values, inverse, counts), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), theirs)
        assert np.shape(ours) == theirs.shape
