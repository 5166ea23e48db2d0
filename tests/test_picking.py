"""Shapes, joining, picking, searching and sorting beyond what the generated tests see: bad calls, NumPy's spellings, transforms."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError, TransformError, VersionError
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vmap

F = tl.nn.functional
X = np.arange(12.0).reshape(3, 4) - 5.3
V = np.array([3.0, 1.0, 2.0, 5.0])
INDEX = np.array([[0, 5], [1, 0], [2, 3]])

BAD_CALLS = [
    (
        "narrow",
        lambda x: x.narrow(1, 2, 3),
        DimensionError,
        r"narrow: elements 2 to 5 are out of range: dimension 1 of \(3, 4\) has size 4",
    ),
    ("select", lambda x: x.select(0, 3), DimensionError, r"select: index 3 is out of range: dimension 0 of \(3, 4\) has size 3"),
    ("unbind", lambda x: x.sum().unbind(), DimensionError, "unbind: a 0-d tensor has no dimension"),
    ("unflatten", lambda x: x.unflatten(1, (3, 2)), ShapeError, r"unflatten: sizes \(3, 2\) do not multiply to 4"),
    ("adjoint", lambda x: x[0].adjoint(), ShapeError, "adjoint: needs a matrix"),
    ("sum_to_size", lambda x: x.sum_to_size(2, 4), ShapeError, r"sum_to_size: \(2, 4\) does not broadcast to the input's \(3, 4\)"),
    ("meshgrid", lambda x: tl.meshgrid(x[0], x[1], indexing="yx"), ArgumentError, "meshgrid: indexing must be 'ij'"),
    ("meshgrid matrix", lambda x: tl.meshgrid(x, x[1]), ShapeError, r"meshgrid: needs vectors: the shapes are \[\(3, 4\), \(4,\)\]"),
    ("broadcast", lambda x: tl.broadcast_tensors(x, x[:, :3]), ShapeError, r"broadcast_tensors: shapes do not broadcast: they are"),
    ("broadcast_shapes", lambda x: tl.broadcast_shapes((2,), (3,)), ShapeError, "broadcast_shapes: shapes do not broadcast"),
    ("unfold", lambda x: x.unfold(1, 5, 1), ArgumentError, r"unfold: needs 0 <= size <= 4 \(dimension 1 of \(3, 4\)\)"),
    ("repeat", lambda x: x.repeat(2), ShapeError, r"repeat: needs a count for each dimension: got \(2,\)"),
    ("tile", lambda x: x.tile(-1, 1), ArgumentError, "tile: counts must not be negative"),
    (
        "repeat_interleave",
        lambda x: x.repeat_interleave(tl.tensor([1, 2]), 0),
        ShapeError,
        r"repeat_interleave: .* they are \(2,\) for 3 elements",
    ),
    (
        "repeat_interleave counts in rows",
        lambda x: x.repeat_interleave(tl.tensor([[1], [2], [0]]), 0),
        ShapeError,
        r"repeat_interleave: .* they are \(3, 1\) for 3 elements",
    ),
    ("repeat_interleave floats", lambda x: x.repeat_interleave(tl.ones(3), 0), DTypeError, "repeat_interleave: repeats must hold integers"),
    ("roll", lambda x: x.roll((1, 2), 0), ArgumentError, "roll: needs one shift per dimension"),
    ("rot90", lambda x: x.rot90(1, (0, 0)), ArgumentError, "rot90: the two dimensions must differ"),
    ("fliplr", lambda x: x[0].fliplr(), ShapeError, "fliplr: needs at least 2 dimensions"),
    ("diagonal", lambda x: x[0].diagonal(), ShapeError, r"diagonal: needs a matrix or a stack of matrices: the input is \(4,\)"),
    ("diag", lambda x: tl.diag(x[None]), ShapeError, "diag: needs a vector or a matrix"),
    ("trace", lambda x: x[0].trace(), ShapeError, "trace: needs a matrix"),
    ("tril", lambda x: x[0].tril(), ShapeError, "tril: needs a matrix or a stack"),
    ("cat 0-d", lambda x: tl.cat([x.sum(), x.sum()]), ShapeError, "cat: 0-d tensors have no dimension"),
    ("cat shapes", lambda x: tl.cat([x, x[:, :2]]), ShapeError, r"cat: shapes differ outside dimension 0"),
    (
        "split",
        lambda x: x.split([1, 1], 0),
        ArgumentError,
        r"split: sizes must sum to 3, the size of dimension 0 of \(3, 4\): they are \[1, 1\]",
    ),
    ("split by 0", lambda x: x.split(0), ArgumentError, "split: the size of a part must be positive"),
    ("chunk", lambda x: x.chunk(0), ArgumentError, "chunk: the number of chunks must be positive"),
    ("hsplit", lambda x: x.hsplit(3), ArgumentError, "hsplit: 3 sections do not divide 4"),
    ("vsplit", lambda x: x[0].vsplit(2), ShapeError, "vsplit: needs at least 2 dimensions"),
    ("pad odd", lambda x: F.pad(x, (1,)), ArgumentError, r"pad: needs \(before, behind\) pairs"),
    ("pad mode", lambda x: F.pad(x, (1, 1), mode="mirror"), ArgumentError, "pad: mode must be 'constant'"),
    (
        "pad reflect",
        lambda x: F.pad(x, (4, 0), mode="reflect"),
        ShapeError,
        r"pad: mode 'reflect' cannot pad \(4, 0\): dimension 1 of \(3, 4\) has size 4",
    ),
    ("pad cut", lambda x: F.pad(x, (-3, -2)), ShapeError, "pad: padding .* cuts off more than there is"),
    (
        "gather range",
        lambda x: x.gather(1, tl.tensor(INDEX)),
        DimensionError,
        r"gather: index 5 is out of range: dimension 1 of \(3, 4\) has size 4",
    ),
    ("gather floats", lambda x: x.gather(1, x), DTypeError, "gather: index must hold integers: got float64"),
    ("take a list", lambda x: x.take([0, 1]), OperandError, r"take: index must be a tensor of integers: got list \[0, 1\]; .* x\[index\]"),
    ("gather a list", lambda x: x.gather(1, [[0]]), OperandError, "gather: index must be a tensor of integers: got list"),
    ("gather dimensions", lambda x: x.gather(1, tl.tensor([0, 1])), ShapeError, "gather: index must have as many dimensions"),
    ("scatter range", lambda x: x.scatter(1, tl.tensor(INDEX), 0.0), DimensionError, "scatter: index 5 is out of range"),
    (
        "scatter small",
        lambda x: x.scatter(1, tl.tensor(INDEX % 4), x[:, :1]),
        ShapeError,
        r"scatter: src is smaller than the index: they are \(3, 1\) and",
    ),
    ("scatter dtype", lambda x: x.scatter(1, tl.tensor(INDEX % 4), x.float()), DTypeError, "scatter: src must have the input's dtype"),
    ("scatter_add range", lambda x: x.scatter_add(1, tl.tensor(INDEX), x), IndexError, "index 5"),
    (
        "index_select",
        lambda x: x.index_select(0, tl.tensor([3])),
        DimensionError,
        r"index_select: index 3 is out of range: dimension 0 of \(3, 4\) has size 3",
    ),
    ("index_select 2-d", lambda x: x.index_select(0, tl.tensor([[1]])), ShapeError, "index_select: index must have one dimension"),
    (
        "index_add",
        lambda x: x.index_add(0, tl.tensor([0]), x),
        ShapeError,
        r"index_add: source does not fit: it is \(3, 4\); .* it must be \(1, 4\)",
    ),
    ("index_fill", lambda x: x.index_fill(1, tl.tensor([-5]), 0.0), DimensionError, "index_fill: index -5 is out of range"),
    (
        "masked_scatter",
        lambda x: x.masked_scatter(x > -9, x[0]),
        ShapeError,
        "masked_scatter: source is too small: the mask holds at 12 places",
    ),
    ("one_hot", lambda x: F.one_hot(tl.tensor([3]), 3), ArgumentError, "one_hot: label 3 needs at least 4 classes"),
    ("searchsorted", lambda x: tl.searchsorted(x, x[:2]), ShapeError, "searchsorted: the rows differ"),
    ("searchsorted side", lambda x: tl.searchsorted(x[0], x, side="middle"), ArgumentError, "searchsorted: side must be 'left' or 'right'"),
    ("bincount", lambda x: tl.bincount(tl.tensor([-1])), ArgumentError, "bincount: numbers must not be negative"),
    ("bincount floats", lambda x: tl.bincount(x[0]), DTypeError, "bincount: needs a vector of integers"),
    ("histc", lambda x: tl.histc(x, 3, 2, 1), ArgumentError, "histc: needs bins >= 1 and min <= max"),
    ("topk", lambda x: x.topk(5), DimensionError, r"topk: k is out of range: k is 5, dimension 1 of \(3, 4\) has size 4"),
    ("kthvalue", lambda x: x.kthvalue(0), DimensionError, "kthvalue: k is out of range"),
    ("median", lambda x: x[:, :0].median(1), DimensionError, "median: dimension 1 .* is empty"),
    ("max", lambda x: x[:0].max(0), DimensionError, "max: dimension 0 .* is empty"),
    ("quantile", lambda x: x.quantile(1.5), ArgumentError, r"quantile: q must lie in \[0, 1\]"),
    ("quantile integers", lambda x: tl.quantile(tl.tensor([1]), 0.5), DTypeError, "quantile: needs floating numbers"),
    ("quantile interpolation", lambda x: x.quantile(0.5, interpolation="cubic"), ArgumentError, "quantile: interpolation must be one of"),
    ("sort a list", lambda x: tl.sort([3, 1]), OperandError, "sort: input must be a tensor: got list"),
    ("mean of integers", lambda x: tl.mean(tl.tensor([1, 2])), DTypeError, "mean: needs floating numbers: the input is int64"),
]


@pytest.mark.parametrize(("call", "error", "message"), [pytest.param(*c[1:], id=c[0]) for c in BAD_CALLS])
def test_bad_call_names_the_rule_and_the_facts(call, error, message):
    with pytest.raises(error, match=message):
        call(tl.tensor(X))


#: (name, NumPy call, the array); each is run on the array and on a tensor.
NUMPY_CALLS = [
    ("vstack", lambda x: np.vstack([x, x]), X),
    ("hstack", lambda x: np.hstack((x, x)), X),
    ("dstack", lambda x: np.dstack([x, x]), X),
    ("column_stack", lambda x: np.column_stack([x[:, 0], x]), X),
    ("split", lambda x: np.split(x, 2, axis=1), X),
    ("split at", lambda x: np.split(x, [1, 3], 1), X),
    ("array_split", lambda x: np.array_split(x, 3, axis=1), X),
    ("hsplit vsplit", lambda x: [*np.hsplit(x, 2), *np.vsplit(x, 3)], X),
    ("append", lambda x: [np.append(x, x), np.append(x, x, axis=0)], X),
    ("tile", lambda x: [np.tile(x, 2), np.tile(x, (2, 1, 2))], X),
    ("repeat", lambda x: [np.repeat(x, 2), np.repeat(x, [1, 0, 2], axis=0)], X),
    ("roll", lambda x: [np.roll(x, 1), np.roll(x, -1, axis=1), np.roll(x, 1, axis=(0, 1))], X),
    ("rot90", lambda x: [np.rot90(x), np.rot90(x, 3, (1, 0))], X),
    ("flips", lambda x: [np.flip(x), np.fliplr(x), np.flipud(x)], X),
    ("pad", lambda x: [np.pad(x, 1), np.pad(x, ((1, 0), (2, 1)), constant_values=3.0), np.pad(x, (1, 2))], X),
    *[(f"pad {m}", lambda x, m=m: np.pad(x, ((1, 2), (2, 0)), mode=m), X) for m in ("edge", "reflect", "wrap", "symmetric")],
    ("atleast", lambda x: [np.atleast_1d(x), np.atleast_2d(x), *np.atleast_3d(x, x)], V),
    ("broadcast_arrays", lambda x: np.broadcast_arrays(x, x[:1]), X),
    ("meshgrid", lambda x: [*np.meshgrid(x, x[:2]), *np.meshgrid(x, x[:3], indexing="ij")], V),
    ("matrix_transpose", np.matrix_transpose, X),
    ("diagonals", lambda x: [np.diagonal(x, 1), np.diag(x), np.diag(x[0], -1), np.diagflat(x, 1), np.trace(x, 1)], X),
    ("triangles", lambda x: [np.tril(x), np.triu(x, k=1)], X),
    ("take", lambda x: [np.take(x, [0, 2], axis=1), np.take(x, np.array([5, 1]))], X),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.array([[0, 1]] * 3), 1), X),
    ("sort", lambda x: [np.sort(x), np.sort(x, axis=None), np.sort(x, 0), np.argsort(-x, axis=0)], X),
    ("median", lambda x: [np.median(x), np.median(x, axis=0), np.median(x, axis=1, keepdims=True), np.nanmedian(x)], X),
    ("quantile", lambda x: [np.quantile(x, 0.3), np.quantile(x, [0.2, 0.9], axis=1)], X),
    ("percentile", lambda x: [np.percentile(x, 40, axis=0), np.nanquantile(x, 0.4), np.nanpercentile(x, 90)], X),
    ("quantile axes", lambda x: np.quantile(x.reshape(3, 2, 2), 0.3, axis=(0, 2), keepdims=True), X),
    ("average", lambda x: [np.average(x), np.average(x, axis=1), np.average(x, 1, V), np.average(x, weights=X * X)], X),
    ("nansum", lambda x: [np.nansum(x), np.nanmean(x, axis=1)], np.where(X > 3, np.nan, X)),
    ("nonzero", lambda x: [*np.nonzero(x > 0), np.argwhere(x > 0), np.flatnonzero(x > 0)], X),
    ("search", lambda x: [np.searchsorted(x, [0.5, 2.0]), np.isin(x, [1.0, 3.0]), np.unique(x)], np.sort(V)),
    ("bincount", lambda x: [np.bincount(x), np.bincount(x, minlength=7)], np.array([1, 3, 3])),
    ("unique", lambda x: np.unique(x, return_inverse=True, return_counts=True), np.array([[1, 3], [3, 1]])),
    ("diff ptp", lambda x: [np.diff(x), np.diff(x, 2, axis=1), np.ptp(x, axis=0)], X),
    ("cumsum", lambda x: [np.cumsum(x), np.cumsum(x, axis=1), np.cumprod(x, axis=0)], X),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x"), [pytest.param(*c[1:], id=c[0]) for c in NUMPY_CALLS])
def test_numpy_function_of_a_tensor(f, x):
    expected, result = f(x), f(tl.tensor(x))
    if not isinstance(expected, list | tuple):
        expected, result = [expected], [result]
    assert len(result) == len(expected)
    for r, e in zip(result, expected, strict=True):
        assert isinstance(r, tl.Tensor)
        assert r.shape == np.shape(e)
        np.testing.assert_allclose(r.numpy(), e, rtol=1e-12)


#: Functions of a matrix that are batched without a loop, whatever they are composed of.
BATCHED = [
    ("sort", lambda x: x.sort(1, descending=True).values),
    ("sort 0-d", lambda x: x.sum().sort().values),
    ("topk", lambda x: x.topk(2, 0).values),
    ("median", lambda x: x.median() + x.median(1).values.sum()),
    ("quantile", lambda x: tl.quantile(x, 0.3, 1)),
    ("nanquantile", lambda x: tl.nanquantile(x, 0.3, 1)),
    ("mode", lambda x: x.mode(1).values),
    ("cummax", lambda x: x.cummax(1).values),
    ("gather", lambda x: x.gather(1, tl.tensor(INDEX % 4))),
    ("scatter", lambda x: x.scatter(1, tl.tensor(INDEX % 4), x * 2)),
    ("index_add", lambda x: x.index_add(0, tl.tensor([0, 0]), x[1:] * x[:2])),
    ("pad", lambda x: F.pad(x * x, (1, 2, 0, 1), value=3.0)),
    ("pad reflect", lambda x: F.pad(x * x, (1, 2), mode="reflect")),
    ("roll", lambda x: x.roll(1) * x.roll((1, 2), (0, 1))),
    ("tile", lambda x: x.tile(2) * 2.0),
    ("repeat_interleave", lambda x: x.repeat_interleave(tl.tensor([1, 0, 2]), 0)),
    ("unfold", lambda x: x.unfold(1, 2, 1) * 2),
    ("diag", lambda x: tl.diag(x) + tl.diag_embed(x).sum()),
    ("split", lambda x: tl.hstack(x.split(3, 1)[::-1])),
    ("meshgrid", lambda x: tl.cartesian_prod(x[0], x[1])),
    ("trace", lambda x: tl.tril(x).trace()),
    ("logcumsumexp", lambda x: x.logcumsumexp(0)),
    ("searchsorted", lambda x: x * tl.searchsorted(x[0].sort().values, x)),
    ("isin", lambda x: tl.isin(x, tl.tensor(V)).double() * x),
    ("bincount", lambda x: tl.bincount(tl.tensor([0, 2, 0]), x[:, 0])),
    ("max", lambda x: x.max(1).values * tl.sum(x.argmax(0))),
]


@pytest.mark.parametrize("f", [pytest.param(f, id=name) for name, f in BATCHED])
def test_vmap_needs_no_loop_and_nests_with_grad_and_jvp(f):
    rng = np.random.default_rng(0)
    batch, t = rng.normal(size=(3, 3, 4)), rng.normal(size=(3, 4))
    before = dict(LOOPED)
    result = vmap(f)(tl.tensor(batch))
    gradients = vmap(grad(lambda x: (f(x) * f(x)).sum()))(tl.tensor(batch))
    assert before == LOOPED
    np.testing.assert_allclose(np.asarray(result), np.stack([f(tl.tensor(b)).numpy() for b in batch]), rtol=1e-12)
    for g, b in zip(np.asarray(gradients), batch, strict=True):
        x = tl.tensor(b, requires_grad=True)
        (f(x) * f(x)).sum().backward()
        np.testing.assert_allclose(g, x.grad.numpy(), rtol=1e-9, atol=1e-12)
        _, slope = jvp(lambda x: (f(x) * f(x)).sum(), (tl.tensor(b),), (tl.tensor(t),))
        np.testing.assert_allclose(np.asarray(slope), np.sum(g * t), rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "f"),
    [("nonzero", tl.nonzero), ("unique", tl.unique), ("indexing", lambda x: x[x > 0]), ("bincount", lambda x: tl.bincount(x.long()))],
)
def test_results_whose_shape_depends_on_values_are_refused_inside_vmap(name, f):
    with pytest.raises(TransformError, match=f"{name}: inside vmap"):
        vmap(f)(tl.tensor(np.abs(X)))


def test_sort_is_stable_and_puts_nan_last():
    x = np.random.default_rng(1).integers(0, 4, 200).astype(np.float32)
    x[::17] = np.nan
    for descending in (False, True):
        values, places = tl.tensor(x).sort(descending=descending)
        order = places.numpy()
        np.testing.assert_array_equal(values.numpy(), x[order])
        keys = np.where(np.isnan(x), 9, x)[order]
        assert (np.diff(keys) <= 0).all() if descending else (np.diff(keys) >= 0).all()
        assert all(order[i] < order[i + 1] for i in range(199) if keys[i] == keys[i + 1])


def test_scatter_gives_the_gradient_to_the_source_that_stays():
    x, src = tl.zeros(3, requires_grad=True), tl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.scatter(0, tl.tensor([1, 1, 2]), src)
    assert y.tolist() == [0.0, 2.0, 3.0]
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 0.0]
    assert src.grad.tolist() == [0.0, 1.0, 1.0]


def test_views_share_memory_and_know_it():
    x = tl.zeros(2, 3)
    for view in (x.narrow(1, 0, 2), x.select(0, 1), x.unbind(1)[2], x.split(1)[0], x.diagonal(), x.unfold(1, 2, 1), x.T):
        assert np.shares_memory(view.numpy(), x.numpy())
    x.split(1)[0].fill_(5.0)
    assert x.tolist() == [[5.0] * 3, [0.0] * 3]
    y = tl.ones(2, 3, requires_grad=True) * 1.0
    z = (y.narrow(0, 0, 1) * y[:1]).sum()
    y.detach().mul_(2.0)
    with pytest.raises(VersionError, match="changed in place"):
        z.backward()


def test_prod_and_cumprod_have_exact_second_derivatives_with_zeros():
    from tensorflowlite_clone.func import hessian

    x = np.array([0.0, 2.0, 0.0, 3.0])
    h = np.asarray(hessian(lambda x: x.prod())(tl.tensor(x)))
    expected = np.zeros((4, 4))
    expected[0, 2] = expected[2, 0] = 6.0
    np.testing.assert_array_equal(h, expected)
    np.testing.assert_array_equal(np.asarray(hessian(lambda x: x.cumprod(0)[3])(tl.tensor(x))), expected)


def test_logcumsumexp_of_numbers_far_apart_has_finite_gradients():
    x = tl.tensor([-1000.0, 0.0, 1000.0, -1000.0], requires_grad=True)
    x.logcumsumexp(0).backward(tl.ones(4))
    np.testing.assert_allclose(x.grad.numpy(), [1.0, 1.0, 2.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int8, np.uint8, np.int32, np.int64, np.bool_])
def test_sort_by_packed_keys_equals_the_stable_sort(dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(-9 if np.dtype(dtype).kind in "if" else 0, 9, (7, 60)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[:, ::7], x[:, 3::11], x[:, 5::13], x[2:4, 1] = np.nan, np.inf, -np.inf, -0.0
        x[:, 30:40] *= np.asarray(1.1, dtype)
    for axis in (0, 1):
        places = tl.tensor(x).sort(axis).indices.numpy()
        assert places.dtype == np.int64
        np.testing.assert_array_equal(places, np.argsort(x, axis=axis, kind="stable"))
    wide = np.array([2**40, -(2**50), 2**40, 0])
    assert tl.tensor(wide).argsort().tolist() == [1, 3, 0, 2]


def test_large_sums_and_maxima_equal_numpy():
    rng = np.random.default_rng(3)
    for shape in ((64, 128), (8, 32, 5, 7), (3000, 2), (2, 3000)):
        x = rng.normal(size=shape)
        for axis in [*range(len(shape)), (0, len(shape) - 1), tuple(range(len(shape)))]:
            for keepdim in (False, True):
                for name, f in (("sum", np.sum), ("mean", np.mean), ("amax", np.max)):
                    result = getattr(tl.tensor(x), name)(axis, keepdim).numpy()
                    expected = f(x, axis=axis, keepdims=keepdim)
                    assert result.shape == expected.shape
                    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(tl.tensor(x).var(0, correction=0).numpy(), x.var(0), rtol=1e-12)
        np.testing.assert_allclose(
            tl.tensor(x).norm(dim=1).numpy(), np.linalg.norm(x, axis=1) if x.ndim == 2 else np.sqrt((x * x).sum(1)), rtol=1e-12
        )


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
def test_large_gather_and_scatter_add_equal_numpy(kind):
    rng = np.random.default_rng(4)
    x = rng.normal(size=(30, 40, 3))
    for axis in range(3):
        index = rng.integers(0, x.shape[axis], (30, 20, 3) if axis else (60, 40, 2)).astype(kind)
        source = tl.tensor(x, requires_grad=True)
        out = source.gather(axis, tl.tensor(index))
        grid = np.ogrid[tuple(slice(n) for n in index.shape)]
        where = tuple(index.astype(np.int64) if i == axis else g for i, g in enumerate(grid))
        np.testing.assert_array_equal(out.detach().numpy(), x[where])
        u = rng.normal(size=out.shape)
        out.backward(tl.tensor(u))
        expected = np.zeros(x.shape)
        np.add.at(expected, where, u)
        np.testing.assert_allclose(source.grad.numpy(), expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(DimensionError, match="gather: index 40 is out of range: dimension 1"):
        tl.tensor(x).gather(1, tl.tensor(np.full((30, 40, 3), 40)))


def test_of_several_values_for_one_place_the_last_one_stays_and_gets_the_gradient():
    """PyTorch gives the values that were overwritten a gradient too."""
    v = tl.tensor([1.0, 2.0, 3.0, 4.0], dtype=tl.float64, requires_grad=True)
    x = tl.zeros(3, dtype=tl.float64) * 1.0
    x[tl.tensor([0, 2, 0, 1])] = v
    assert x.tolist() == [3.0, 4.0, 2.0]
    (x * tl.tensor([1.0, 10.0, 100.0], dtype=tl.float64)).sum().backward()
    assert v.grad.tolist() == [0.0, 100.0, 1.0, 10.0]

    def put(v, index):
        return tl.zeros(3, dtype=tl.float64).index_put((index,), v)

    indices = tl.tensor([[0, 0, 1, 1], [2, 1, 0, 2]])
    many = vmap(grad(lambda v, i: (put(v, i) ** 2).sum() / 2))(tl.stack([v.detach(), v.detach() * 2]), indices)
    assert many.tolist() == [[0.0, 2.0, 0.0, 4.0], [0.0, 4.0, 6.0, 8.0]]


@pytest.mark.parametrize("order", ["C", "F"])
def test_order_in_memory_does_not_decide_which_value_stays(order):
    values = np.array(np.arange(6.0).reshape(2, 3), order=order)
    v = tl.tensor(values, requires_grad=True)
    out = tl.zeros(1, 2, dtype=tl.float64).index_put((tl.tensor([[0], [0]]), tl.tensor([[0, 1, 0]])), v)
    assert out.tolist() == [[5.0, 4.0]]
    out.sum().backward()
    assert v.grad.tolist() == [[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    put = tl.zeros(1, 3, dtype=tl.float64).scatter(0, tl.zeros(2, 3, dtype=tl.int64), tl.tensor(values))
    assert put.tolist() == [[3.0, 4.0, 5.0]]


@pytest.mark.parametrize(
    ("index", "shape"),
    [(0, (1, 3)), (0, (1, 1, 3)), ((0, 1), (1,)), ((0, 1), (1, 1)), (slice(0, 2), (1, 2, 1)), (([0, 1], [1, 2]), (1, 2))],
)
def test_assigned_values_may_have_dimensions_of_size_1_in_front(index, shape):
    """As in PyTorch; NumPy refuses some of them."""
    index = tuple(tl.tensor(i) if isinstance(i, list) else i for i in index) if isinstance(index, tuple) else index
    x, v = tl.ones(2, 3, dtype=tl.float64, requires_grad=True), tl.full(shape, 5.0, dtype=tl.float64, requires_grad=True)
    y = x * 1.0
    y[index] = v
    (y * y).sum().backward()
    written = (y.detach().numpy() == 5.0).sum()
    assert v.grad.shape == v.shape
    assert v.grad.sum().item() == 10.0 * written
    assert x.grad.sum().item() == 2.0 * (6 - written)
    z = tl.ones(2, 3, dtype=tl.float64)
    z[index] = v.detach()
    np.testing.assert_array_equal(z.numpy(), y.detach().numpy())


def test_one_hot_inside_vmap_needs_the_number_of_classes():
    labels = tl.tensor([[0, 2], [1, 1], [3, 0]])
    made = vmap(lambda i: F.one_hot(i, 4))(labels)
    assert made.dtype == np.int64
    np.testing.assert_array_equal(made.numpy(), F.one_hot(labels, 4).numpy())
    np.testing.assert_array_equal(vmap(vmap(lambda i: F.one_hot(i, 5), out_dims=1), in_dims=1)(labels).shape, (2, 5, 3))
    with pytest.raises(RuntimeError, match="one_hot: inside vmap the values differ"):
        vmap(F.one_hot)(labels)
    with pytest.raises(ValueError, match="one_hot: label 3 needs at least 4 classes: num_classes is 3"):
        vmap(lambda i: F.one_hot(i, 3))(labels)
