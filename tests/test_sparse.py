"""Sparse tensors: values, gradients and errors beside dense ones and beside PyTorch; gradients of embeddings; SciPy's matrices."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.ops.sparse.answers import ZERO_TO_ZERO
from tensorflowlite_clone.ops.sparse.coo import SparseTensor

DICE = np.random.default_rng(0)
INDEX = np.array([[0, 2, 2, 1, 0, 2], [3, 0, 1, 2, 3, 1]])  # two places twice
VALUES = DICE.uniform(0.1, 0.9, 6)


def make(T, index=INDEX, values=VALUES, shape=(3, 4), **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return T.sparse_coo_tensor(T.tensor(index), values if isinstance(values, T.Tensor) else T.tensor(values), shape, **options)


def array(x):
    x = x.to_dense() if getattr(x, "is_sparse", False) else x
    return np.asarray(x.detach().numpy() if hasattr(x, "detach") else x)


def dense(index=INDEX, values=VALUES, shape=(3, 4)):
    out = np.zeros(shape, np.asarray(values).dtype)
    np.add.at(out, tuple(index), values)
    return out


D = dense()
#: What programs do with sparse tensors: the same for both packages.
PROGRAMS = {
    "coalesce": lambda T, a: (a.coalesce().indices(), a.coalesce().values(), a.coalesce().is_coalesced(), a._nnz(), a.coalesce()._nnz()),
    "parts": lambda T, a: (a._indices(), a._values(), a.sparse_dim(), a.dense_dim(), tuple(a.shape), a.dim(), a.size(1), a.numel()),
    "add": lambda T, a: a + a,
    "subtract": lambda T, a: a - 2 * a,
    "add dense": lambda T, a: T.ones(3, 4, dtype=a.dtype) + a,
    "scale": lambda T, a: (a * 2, 3 * a, a / 4, -a, a.mul(2), a * T.tensor(2.0, dtype=a.dtype)),
    "multiply sparse": lambda T, a: a * a.t().t(),
    "multiply dense": lambda T, a: a * T.arange(12.0, dtype=a.dtype).reshape(3, 4),
    "power": lambda T, a: (a**2, a.pow(3), a.square()),
    "transpose": lambda T, a: (a.t(), a.transpose(0, 1), a.T),
    "sum": lambda T, a: (a.sum(), T.sparse.sum(a), T.sparse.sum(a, 0), T.sparse.sum(a, dim=1), T.sparse.sum(a, (0, 1)), a.sum(0)),
    "products": lambda T, a: (a @ T.eye(4, dtype=a.dtype), T.mm(a, T.ones(4, 2, dtype=a.dtype)), a.mm(T.ones(4, 1, dtype=a.dtype))),
    "vector": lambda T, a: (a @ T.arange(4.0, dtype=a.dtype), a.mv(T.arange(4.0, dtype=a.dtype)), T.matmul(a, T.ones(4, dtype=a.dtype))),
    "dense first": lambda T, a: T.ones(2, 3, dtype=a.dtype) @ a,
    "sparse sparse": lambda T, a: (T.sparse.mm(a, a.t()), a @ a.t()),
    "addmm": lambda T, a: T.sparse.addmm(T.ones(3, 2, dtype=a.dtype), a, T.ones(4, 2, dtype=a.dtype), beta=2.0, alpha=0.5),
    "spmm": lambda T, a: (T.spmm(a, T.eye(4, dtype=a.dtype)), T.smm(a, T.eye(4, dtype=a.dtype))),
    "hspmm": lambda T, a: T.hspmm(a, T.ones(4, 2, dtype=a.dtype)),
    "sspaddmm": lambda T, a: T.sspaddmm(a @ a.t(), a, T.ones(4, 3, dtype=a.dtype)),
    "softmax": lambda T, a: (T.sparse.softmax(a, 0), T.sparse.softmax(a, 1), T.sparse.log_softmax(a, -1)),
    "select": lambda T, a: (a[2], a.select(1, 1), a[1]),
    "index_select": lambda T, a: (a.index_select(0, T.tensor([2, 0, 2])), T.index_select(a, 1, T.tensor([3, 1]))),
    "dtypes": lambda T, a: (a.float(), a.to(T.float32), a.double(), a.clone(), a.detach()),
    "to_sparse": lambda T, a: (a.to_dense().to_sparse(), a.to_dense().to_sparse(1), a.to_sparse()),
    "sparse_mask": lambda T, a: T.arange(12.0, dtype=a.dtype).reshape(3, 4).sparse_mask(a.coalesce()),
    "functions": lambda T, a: [getattr(a, name)() for name in KEEP_ZERO],
    "in place": lambda T, a: (a.clone().mul_(3), a.clone().neg_(), a.clone().zero_()),
    "spdiags": lambda T, a: T.sparse.spdiags(T.arange(6.0).reshape(2, 3), T.tensor([0, -1]), (4, 4)),
    "older": lambda T, a: T.sparse.FloatTensor(T.tensor(INDEX), T.tensor(VALUES).float(), T.Size([3, 4])),
    "empty": lambda T, a: make(T, np.zeros((2, 0), np.int64), np.zeros(0)) + a,
    "empty product": lambda T, a: make(T, np.zeros((2, 0), np.int64), np.zeros(0)) @ T.ones(4, 2, dtype=a.dtype),
    "no size": lambda T, a: T.sparse_coo_tensor(T.tensor(INDEX), T.tensor(VALUES)).shape,
    "joined": lambda T, a: (T.cat([a, a.coalesce()]), T.cat([a, a], 1), T.stack([a, a * 2]), T.stack([a, a], 2)),
    "joined hybrids": lambda T, a: T.cat([make(T, INDEX[:1], DICE_ROWS, (3, 4))] * 2),
    "dimensions": lambda T, a: (a.unsqueeze(0), a.unsqueeze(2)),
    "all elements": lambda T, a: (a.norm(), T.norm(a), T.norm(a, 3), a.any(), a.clone().zero_().any()),
    "like it": lambda T, a: (T.zeros_like(a), T.zeros_like(a, dtype=T.float32)),
    "size alone": lambda T, a: (T.sparse_coo_tensor(size=(2, 3)), T.sparse_coo_tensor((2, 3))),
    "stacks": lambda T, a: T.bmm(T.stack([a, 2 * a]), T.arange(16.0, dtype=a.dtype).reshape(2, 4, 2)),
    "hybrid": lambda T, a: [f(make(T, INDEX[:1], DICE_ROWS, (3, 4)), T) for f in HYBRID],
}  # fmt: skip
DICE_ROWS = DICE.standard_normal((6, 4))
KEEP_ZERO = """
    abs asin asinh atan ceil erf expm1 floor frac log1p neg relu round sign sin sinh sqrt tan tanh trunc
""".split()  # noqa: SIM905
HYBRID = [
    lambda h, T: h,
    lambda h, T: h + h,
    lambda h, T: h * 2,
    lambda h, T: h.coalesce().values(),
    lambda h, T: T.sparse.sum(h, 1),
    lambda h, T: T.sparse.sum(h, 0),
    lambda h, T: h[2],
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    torch = pytest.importorskip("torch")

    def results(T):
        found = PROGRAMS[name](T, make(T))
        return list(found) if isinstance(found, tuple | list) else [found]

    for mine, other in zip(results(tl), results(torch), strict=True):
        assert getattr(mine, "is_sparse", None) == getattr(other, "is_sparse", None), name
        np.testing.assert_allclose(array(mine), array(other), rtol=0, atol=1e-6 if "float32" in str(getattr(mine, "dtype", "")) else 1e-12)


@pytest.mark.filterwarnings("ignore")
def test_gradients_as_pytorch():
    torch = pytest.importorskip("torch")

    def gradients(T):
        v, y = T.tensor(VALUES, requires_grad=True), T.tensor(DICE_ROWS[:4, :2].copy(), requires_grad=True)
        a = make(T, values=v)
        loss = (T.sparse.mm(a, y) ** 2).sum() + (T.sparse.mm(a, a.t()).to_dense() ** 2).sum() + (a.coalesce().values() ** 3).sum()
        loss = loss + T.sparse.softmax(a.coalesce(), 1).to_dense().square().sum() + (a * 2 + a).to_dense().square().sum()
        return T.autograd.grad(loss, [v, y])

    for mine, other in zip(gradients(tl), gradients(torch), strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-12)


def test_a_leaf_of_its_own():
    a = make(tl, requires_grad=True)
    assert a.requires_grad
    assert a.is_leaf
    assert a.grad is None
    (a @ tl.ones(4, 2, dtype=tl.float64)).sum().backward()
    assert a.grad.is_sparse
    np.testing.assert_array_equal(a.grad._values().numpy(), np.full(6, 2.0))
    a.grad = None
    assert a.grad is None
    assert not make(tl, requires_grad=True).detach().requires_grad


@pytest.mark.parametrize("mode", ["jvp", "vmap", "hessian", "jacrev", "jacfwd"])
def test_in_every_mode(mode):
    """A product with a sparse matrix of followed values is the product with the dense one."""
    y = tl.tensor(DICE_ROWS[:4, :2].copy())
    place = np.ravel_multi_index(tuple(INDEX), (3, 4))

    def sparse(v):
        return ((make(tl, values=v) @ y) ** 3).sum()

    def plain(v):
        return ((tl.zeros(12, dtype=tl.float64).index_add(0, tl.tensor(place), v).reshape(3, 4) @ y) ** 3).sum()

    v = tl.tensor(VALUES)
    run = {
        "jvp": lambda f: tl.func.jvp(f, (v,), (v + 1,))[1],
        "vmap": lambda f: tl.vmap(f)(tl.stack([v, v * 2])),
        "hessian": lambda f: tl.func.hessian(f)(v),
        "jacrev": lambda f: tl.func.jacrev(f)(v),
        "jacfwd": lambda f: tl.func.jacfwd(f)(v),
    }[mode]
    np.testing.assert_allclose(run(sparse).numpy(), run(plain).numpy(), rtol=1e-10)


def test_dense_operands_of_a_transform():
    a = make(tl)
    x = tl.tensor(DICE_ROWS[:4, :2].copy())
    np.testing.assert_allclose(tl.vmap(lambda b: a @ b)(tl.stack([x, 2 * x])).numpy(), np.stack([D @ x.numpy(), 2 * D @ x.numpy()]))
    np.testing.assert_allclose(tl.func.jacrev(lambda b: (a @ b).sum())(x).numpy(), np.tile(D.sum(0)[:, None], (1, 2)))
    np.testing.assert_allclose(tl.func.jvp(lambda b: a @ b, (x,), (x,))[1].numpy(), D @ x.numpy())


# ---- embeddings -----------------------------------------------------------------------------------------------------------
ROWS = np.array([[1, 2, 1], [5, 0, 2]])


@pytest.mark.parametrize("padding", [None, 1])
def test_gradient_of_an_embedding(padding):
    w = tl.tensor(DICE.standard_normal((6, 3)), requires_grad=True)
    i = tl.tensor(ROWS)
    both = []
    for sparse in (True, False):
        w.grad = None
        (tl.nn.functional.embedding(i, w, padding, sparse=sparse) ** 2).sum().backward()
        both.append(w.grad)
    assert both[0].is_sparse
    assert both[0]._nnz() == (6 if padding is None else 4)
    np.testing.assert_allclose(array(both[0]), array(both[1]), rtol=1e-12)


def test_gradients_meet():
    w = tl.tensor(DICE.standard_normal((6, 3)), requires_grad=True)
    i = tl.tensor(ROWS)
    e = tl.nn.functional.embedding

    def filled(*losses):
        w.grad = None
        for loss in losses:
            loss().sum().backward()
        return w.grad

    once = array(filled(lambda: e(i, w, sparse=True)))
    assert filled(lambda: e(i, w, sparse=True), lambda: e(i, w, sparse=True)).is_sparse
    np.testing.assert_allclose(array(w.grad), 2 * once)
    for losses in (
        (lambda: e(i, w, sparse=True), lambda: w),
        (lambda: w, lambda: e(i, w, sparse=True)),
        (lambda: e(i, w, sparse=True).sum() + w.sum(),),
    ):
        g = filled(*losses)
        assert not g.is_sparse
        np.testing.assert_allclose(g.numpy(), once + 1)
    (g,) = tl.autograd.grad(e(i, w, sparse=True).sum(), w)
    assert g.is_sparse
    np.testing.assert_allclose(array(g), once)
    w.grad = None
    e(i, w, sparse=True).sum().backward(inputs=[w])
    assert w.grad.is_sparse
    (g,) = tl.autograd.grad(e(i, w, sparse=True).sum() + w.sum(), w)
    assert not g.is_sparse
    np.testing.assert_allclose(array(g), once + 1)
    (g,) = tl.autograd.grad((e(i, w, sparse=True) ** 2).sum(), w, create_graph=True)
    assert not g.is_sparse, "who differentiates it again needs all of it"
    assert not tl.func.grad(lambda t: e(i, t, sparse=True).sum())(w.detach()).is_sparse
    assert not tl.autograd.grad(e(i, w * 1, sparse=True).sum(), w)[0].is_sparse


def test_hooks_see_it():
    w = tl.tensor(DICE.standard_normal((6, 3)), requires_grad=True)
    seen = []
    w.register_hook(lambda g: seen.append(g.is_sparse))
    w.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.is_sparse))
    tl.nn.functional.embedding(tl.tensor(ROWS), w, sparse=True).sum().backward()
    assert seen == [True, True]
    w = tl.tensor(DICE.standard_normal((6, 3)), requires_grad=True)
    w.register_hook(lambda g: g * 2)
    tl.nn.functional.embedding(tl.tensor(ROWS), w, sparse=True).sum().backward()
    assert w.grad.is_sparse
    assert float(w.grad.sum()) == 2 * 18


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_bags(mode):
    both = []
    for sparse in (True, False):
        tl.manual_seed(0)
        layer = tl.nn.EmbeddingBag(6, 3, mode=mode, sparse=sparse)
        (layer(tl.tensor(ROWS)) ** 2).sum().backward()
        both.append(layer.weight.grad)
    assert both[0].is_sparse
    np.testing.assert_allclose(array(both[0]), array(both[1]), rtol=1e-6)


def test_a_copy_is_a_copy():
    a = make(tl)
    for b in (copy.deepcopy(a), pickle.loads(pickle.dumps(a))):
        assert isinstance(b, SparseTensor)
        np.testing.assert_array_equal(array(b), D)


# ---- SciPy ----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["coo_array", "csr_array", "csc_matrix"])
def test_scipy_there_and_back(form):
    scipy = pytest.importorskip("scipy.sparse")
    a = tl.sparse.from_scipy(getattr(scipy, form)(D))
    np.testing.assert_array_equal(array(a), D)
    back = tl.sparse.to_scipy(make(tl))
    np.testing.assert_allclose(back.toarray(), D)


# ---- errors and text ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: tl.sparse_coo_tensor([[0.5]], [1.0]), "indices must be integers"),
        (lambda: tl.sparse_coo_tensor([[0, 1]], [1.0]), "as many values as indices: got 1 values, 2 indices"),
        (lambda: tl.sparse_coo_tensor([[0], [5]], [1.0], (3, 4)), "out of range: 5 in dimension 1 of size 4"),
        (lambda: tl.sparse_coo_tensor([[-1]], [1.0], (3,)), "out of range: -1 in dimension 0"),
        (lambda: tl.sparse_coo_tensor([[0]], [1.0], (3, 4)), "the size does not fit"),
        (lambda: tl.sparse_coo_tensor([[1, 0]], [1.0, 2.0], (3,), is_coalesced=True), "places repeat or are not in order"),
        (lambda: make(tl).values(), "call coalesce() first"),
        (lambda: make(tl).exp(), "exp: not for sparse tensors like these: got sparse (3, 4); make them dense"),
        (lambda: make(tl) + 1.0, "not for sparse tensors"),
        (lambda: make(tl).numpy(), "make it dense first"),
        (lambda: make(tl) @ tl.ones(3, 1), "inner dimensions differ"),
        (lambda: make(tl) + make(tl).t(), "must have one shape"),
        (lambda: tl.sparse.softmax(tl.ones(2), 0), "needs a sparse tensor"),
        (lambda: tl.sparse.mm(make(tl), tl.ones(4, 1, dtype=tl.float64), "amax"), "reduce must be 'sum'"),
        (lambda: tl.nn.functional.embedding(tl.tensor([0]), tl.ones(2, 2), scale_grad_by_freq=True, sparse=True), "leave one of them out"),
        (lambda: tl.sparse.to_scipy(tl.ones(2, 2)), "needs a sparse matrix"),
        (lambda: bool(make(tl)), "make it dense first"),
    ],
)
def test_errors(call, says):
    with pytest.raises((ValueError, TypeError, RuntimeError, IndexError)) as caught:
        call()
    assert says in str(caught.value)


def test_numbers_have_the_default_dtype():
    before = tl.get_default_dtype()
    try:
        tl.set_default_dtype(tl.float64)
        assert tl.sparse_coo_tensor([[0]], [1.5], (2,)).dtype == tl.sparse_coo_tensor((2, 3)).dtype == tl.float64
    finally:
        tl.set_default_dtype(before)
    a = tl.sparse_coo_tensor([[0]], [1.5], (2,))
    assert a.dtype == tl.float32 and str(a.device) == "cpu"
    with pytest.raises(TypeError, match="make it dense first"):
        a.item()
    with pytest.raises(ValueError, match="indices are missing"):
        tl.sparse_coo_tensor(values=[1.0], size=(2,))


def test_a_stack_of_products_has_gradients():
    v = tl.tensor(VALUES, requires_grad=True)
    y = tl.tensor(DICE.standard_normal((2, 4, 2)), requires_grad=True)
    a = tl.sparse_coo_tensor(tl.tensor(INDEX), v, (3, 4))
    found = [tl.autograd.grad((tl.stack([x, 2 * x]) @ y).sin().sum(), [v, y]) for x in (a, a.to_dense())]
    for mine, other in zip(*found, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-10)


def test_text():
    assert repr(make(tl, INDEX[:, :3], np.float32([1.5, 2, 3]))) == (
        "tensor(indices=tensor([[0, 2, 2],\n                       [3, 0, 1]]),\n       values=tensor([1.5000, 2.0000, 3.0000]),\n"
        "       size=(3, 4), nnz=3, layout=sparse_coo)"
    )


def test_functions_that_keep_zeros():
    """Each operation that is taken of the values alone gives 0 for 0."""
    from tensorflowlite_clone.core.registry import OPS

    for name in ZERO_TO_ZERO:
        more = {"nan": 0.0, "posinf": 1.0, "neginf": 1.0} if name == "NanToNum" else {}
        assert not np.any(np.asarray(OPS[name].of(np.zeros(1), **more))), name


def test_products_of_many_elements():
    """In pieces, and with columns beyond the size of a piece."""
    dice = np.random.default_rng(1)
    for n, m, k, e in ((500, 400, 300, 4000), (3, 4, 200_000, 9), (1, 1, 2, 3000)):
        index, values, y = np.stack([dice.integers(0, n, e), dice.integers(0, m, e)]), dice.standard_normal(e), dice.standard_normal((m, k))
        a = make(tl, index, values, (n, m))
        np.testing.assert_allclose((a @ tl.tensor(y)).numpy(), dense(index, values, (n, m)) @ y, rtol=1e-9, atol=1e-9)
