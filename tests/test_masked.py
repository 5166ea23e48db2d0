"""``tl.masked``: values and dtypes as PyTorch's, and what is masked out, NaN and infinity too, has no influence in any mode."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl

X = np.random.default_rng(0).normal(size=(3, 5))
MASK = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]], bool)
#: The same with a row and a column of which nothing counts.
SPARSE = MASK & (np.arange(3) != 1)[:, None] & (np.arange(5) != 2)
REDUCTIONS = ("sum", "prod", "amax", "amin", "mean", "var", "std", "norm", "logsumexp")
ALONG = ("softmax", "log_softmax", "softmin", "cumsum", "cumprod")


def spoilt(x, mask):
    """The values with NaN and infinities where the mask is False."""
    out = np.where(mask, x, np.resize([np.nan, np.inf, -np.inf], x.shape))
    return out.astype(x.dtype)


def apply(module, tensor, name, x, mask, dim, **kw):
    f = getattr(module.masked, name)
    mask = None if mask is None else tensor(mask)
    if name == "normalize":
        return f(tensor(x), 2.0, dim, mask=mask, **kw)
    if name == "norm":
        return f(tensor(x), 2.0, dim, mask=mask, **kw)
    return f(tensor(x), dim, mask=mask, **kw)


@pytest.mark.parametrize("name", [*REDUCTIONS, *ALONG, "argmax", "argmin", "median", "normalize"])
def test_values_shapes_and_dtypes_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    __import__("torch.masked")
    dims = [None, 0, -1, (0, 1), ()] if name in REDUCTIONS else [0, 1]
    for dtype in ("float64", "float32", "int64", "int32"):
        if dtype.startswith("int") and name in ("mean", "norm", "softmax", "log_softmax", "softmin", "normalize", "median"):
            continue
        x = (X * 3).astype(dtype)
        for mask in (None, MASK, SPARSE, MASK[0], np.zeros_like(MASK), MASK[:, :1]):
            values = spoilt(x, np.broadcast_to(mask, x.shape)) if mask is not None and dtype.startswith("float") else x
            for dim in dims:
                for kw in [{}, {"keepdim": True}] if name not in (*ALONG, "normalize") else [{}]:
                    ours = apply(tl, tl.tensor, name, values, mask, dim, **kw).numpy()
                    theirs = apply(torch, torch.tensor, name, values, mask, dim, **kw).numpy()
                    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype, (dtype, dim, kw)
                    np.testing.assert_allclose(ours, theirs, rtol=1e-9 if dtype == "float64" else 1e-5, err_msg=f"{dtype} {dim} {kw}")


def selected(name, row, mask, **kw):
    """The reduction of only what the mask selects of a row."""
    x = row[tl.tensor(np.flatnonzero(mask))]
    mine = {
        "sum": lambda: x.sum(), "prod": lambda: x.prod(), "amax": lambda: x.amax(), "amin": lambda: x.amin(), "mean": lambda: x.mean(),
        "var": lambda: x.var(), "std": lambda: x.std(), "norm": lambda: x.norm(), "logsumexp": lambda: x.logsumexp(0),
        "median": lambda: x.median(),
    }  # fmt: skip
    return mine[name]()


@pytest.mark.parametrize("name", [*REDUCTIONS, "median"])
def test_derivatives_are_those_of_what_is_selected(name):
    """In reverse and forward mode, of second order, and inside vmap."""
    row, mask = X[0], MASK[0]
    bad = tl.tensor(spoilt(row, mask))

    def f(x):
        out = getattr(tl.masked, name)(x, mask=tl.tensor(mask))
        return out * out

    def g(x):
        out = selected(name, x, mask)
        return out * out

    for derive in (tl.func.grad, tl.func.jacfwd, tl.func.hessian):
        np.testing.assert_allclose(derive(f)(bad).numpy(), derive(g)(tl.tensor(row)).numpy(), rtol=1e-9, atol=1e-12)
    rows, masks = tl.tensor(spoilt(X, MASK)), tl.tensor(MASK)
    each = tl.func.vmap(tl.func.grad(lambda x, m: getattr(tl.masked, name)(x, mask=m)))(rows, masks)
    for i, whole in enumerate(each):
        np.testing.assert_allclose(
            whole.numpy(), tl.func.grad(lambda x, i=i: selected(name, x, MASK[i]))(tl.tensor(X[i])).numpy(), rtol=1e-9
        )


@pytest.mark.parametrize("name", [*ALONG, "normalize"])
def test_what_is_masked_out_has_no_gradient_along_a_dimension(name):
    def f(x, m):
        out = apply(tl, lambda a: a, name, x, m, -1)
        return (tl.where(m, out, 0.0) ** 2).sum()

    m = tl.tensor(MASK)
    clean, bad = tl.tensor(np.where(MASK, X, 0.5)), tl.tensor(spoilt(X, MASK))
    for derive in (tl.func.grad, tl.func.jacfwd, tl.func.hessian):
        ours = derive(f)(bad, m).numpy()
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, derive(f)(clean, m).numpy(), rtol=1e-9, atol=1e-12)
    assert not tl.func.grad(f)(bad, m).numpy()[~MASK].any()
    per_row = tl.func.vmap(tl.func.grad(f))(bad, m)
    np.testing.assert_allclose(per_row.numpy(), tl.func.grad(f)(clean, m).numpy(), rtol=1e-9)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "norm", "logsumexp", "amax", "softmax", "normalize"])
def test_slices_of_which_nothing_counts_spoil_no_gradient(name):
    x = tl.tensor(spoilt(X, SPARSE), requires_grad=True)
    apply(tl, lambda a: a if isinstance(a, tl.Tensor) else tl.tensor(a), name, x, SPARSE, 1).nan_to_num(0.0, 0.0, 0.0).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    assert not x.grad.numpy()[~SPARSE].any()


def test_logaddexp_of_two_masks():
    torch = pytest.importorskip("torch")
    __import__("torch.masked")
    x, y = spoilt(X, MASK), X[::-1].copy()
    results = [
        T.masked.logaddexp(t(x), t(y), input_mask=t(MASK), other_mask=t(SPARSE)).numpy()
        for T, t in ((tl, tl.tensor), (torch, torch.tensor))
    ]
    np.testing.assert_allclose(*results)
    a = tl.tensor(x, requires_grad=True)
    tl.masked.logaddexp(a, tl.tensor(y), input_mask=tl.tensor(MASK)).sum().backward()
    assert not a.grad.numpy()[~MASK].any() and np.isfinite(a.grad.numpy()).all()


def test_norms_of_negative_order_leave_out_what_is_masked():
    """PyTorch puts 0 there, whose negative power is infinite, and gives 0."""
    x, mask = tl.tensor([1.0, 9.0, 2.0]), tl.tensor([True, False, True])
    assert tl.masked.norm(x, -1.0, mask=mask).item() == pytest.approx(2 / 3)
    assert tl.masked.norm(x, -float("inf"), mask=mask).item() == 1.0


def test_complex_numbers():
    z, mask = X[0] + 1j * X[1], MASK[0]
    of = z[mask]
    t, m = tl.tensor(np.where(mask, z, np.nan)), tl.tensor(mask)
    for name, expected in (
        ("sum", of.sum()),
        ("prod", of.prod()),
        ("mean", of.mean()),
        ("norm", np.linalg.norm(of)),
        ("var", of.var(ddof=1)),
    ):
        np.testing.assert_allclose(getattr(tl.masked, name)(t, mask=m).numpy(), expected)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: tl.masked.sum(x, mask=tl.ones(2, 3, 5).bool()), IndexError, r"masked\.sum: the mask has more dimensions than the input"),
        (lambda x: tl.masked.sum(x, mask=tl.ones(4).bool()), RuntimeError, r"masked\.sum: the mask does not broadcast: mask is \(4,\)"),
        (lambda x: tl.masked.mean(x.long()), ValueError, r"masked\.mean: means are no integers"),
        (lambda x: tl.masked.median(x.long(), mask=tl.zeros(5).bool()), ValueError, r"masked\.median: nothing is selected"),
        (lambda x: tl.masked.var(x, 0, True, correction=1), ValueError, r"masked\.var: got both unbiased and correction"),
        (lambda x: tl.masked.sum(x, 2), IndexError, "dimension out of range"),
        (lambda x: tl.masked.argmax(x, (0, 1)), TypeError, "argmax: dim must be an integer"),
        (lambda x: tl.masked.sum([1.0]), TypeError, "input must be a tensor"),
    ],
)
def test_wrong_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(tl.tensor(X))


def test_the_namespace_is_loaded_when_it_is_used():
    assert set(tl.masked.__all__) == {
        *REDUCTIONS, *ALONG, "argmax", "argmin", "median", "normalize", "logaddexp",
    }  # fmt: skip
    assert [n for n in dir(tl.masked) if not n.startswith("_")] == sorted(tl.masked.__all__)
