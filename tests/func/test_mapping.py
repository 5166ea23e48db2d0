"""`vmap`: which axes, nesting, kinds of arrays, chunks, empty batches, what it refuses, how it nests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, ShapeError, TransformError
from tensorflowlite_clone.func import grad, hessian, jacrev, jvp, vmap

rng = np.random.default_rng(6)
A, B, W = rng.normal(size=(5, 3)), rng.normal(size=(3, 5)), rng.normal(size=(3, 2))


def near(a, b, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def test_axes_of_arguments_and_results():
    expected = A[:, :, None] * B.T[:, None, :]
    near(vmap(np.outer, in_dims=(0, 1))(A, B), expected)
    near(vmap(np.outer, in_dims=(-2, -1))(A, B), expected)
    near(vmap(np.outer, in_dims=(0, 1), out_dims=1)(A, B), np.moveaxis(expected, 0, 1))
    near(vmap(np.outer, in_dims=[0, 1], out_dims=-1)(A, B), np.moveaxis(expected, 0, -1))
    near(vmap(lambda x, w: np.matmul(x, w), in_dims=(0, None))(A, W), A @ W)


def test_nested_arguments_and_results():
    def f(p, flag):
        return {"sum": p["a"] + p["b"][0], "pair": (p["a"] * 2, p["b"][0]), "flag": None if flag else 1.0}

    out = vmap(f, in_dims=({"a": 0, "b": None}, None), out_dims={"sum": 0, "pair": (1, None), "flag": None})(
        {"a": A, "b": [np.ones(3)]}, True
    )
    near(out["sum"], A + 1)
    near(out["pair"][0], 2 * A.T)
    near(out["pair"][1], np.ones(3))
    assert out["flag"] is None
    near(vmap(f, in_dims=(0, None))({"a": A, "b": [B.T]}, False)["flag"], np.ones(5))


def test_shared_results_are_repeated():
    out = vmap(lambda x: (x, np.arange(2.0), 3))(A)
    near(out[1], np.tile(np.arange(2.0), (5, 1)))
    near(out[2], np.full(5, 3))
    assert type(vmap(lambda x: np.ones(2))(tl.tensor(A))) is tl.Tensor


def test_keyword_arguments_are_not_mapped():
    near(vmap(lambda x, *, w: np.matmul(x, w))(A, w=W), A @ W)


@given(st.integers(0, 7), st.integers(1, 9))
def test_chunks_give_the_same(size, chunk):
    x, y = np.arange(3.0 * size).reshape(3, size), np.arange(2.0)

    def f(x, y):
        return np.sin(x), np.outer(x, y), y

    options = {"in_dims": (1, None), "out_dims": (0, 1, None)}
    for a, b in zip(vmap(f, **options, chunk_size=chunk)(x, y), vmap(f, **options)(x, y), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_chunks_are_taken_one_after_the_other():
    seen = []

    def f(x):
        seen.append(x.length)
        return x * 2.0

    near(vmap(f, chunk_size=2)(A), 2 * A)
    assert seen == [2, 2, 1]
    x = tl.tensor(A, requires_grad=True)
    vmap(lambda x: x * x, chunk_size=2)(x).sum().backward()
    near(x.grad, 2 * A)


def test_empty_batches_have_shapes():
    out = vmap(lambda x: (np.matmul(x, W), np.sum(x), x > 0))(np.zeros((0, 3)))
    assert [o.shape for o in out] == [(0, 2), (0,), (0, 3)]
    assert out[2].dtype == np.bool_
    assert vmap(grad(lambda x: np.sum(x**2)))(np.zeros((0, 3))).shape == (0, 3)


def test_maps_nest():
    pairwise = vmap(vmap(lambda x, y: np.sum(x * y), in_dims=(None, 0)), in_dims=(0, None))(A, B.T)
    near(pairwise, A @ B)
    near(vmap(grad(lambda x: np.sum(vmap(np.sin)(x)) ** 2))(A), 2 * np.sin(A).sum(1, keepdims=True) * np.cos(A))
    near(jvp(vmap(np.sin), (A,), (A,))[1], np.cos(A) * A)


def test_a_closure_is_shared_and_differentiable():
    near(grad(lambda w: np.sum(vmap(lambda x: np.matmul(x, w))(A)))(W), np.tile(A.sum(0)[:, None], (1, 2)))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmap(np.sin, in_dims=None)(A), ArgumentError, "vmap: no argument is mapped: in_dims is None everywhere; map over an axis"),
        (lambda: vmap(np.sin)(), ArgumentError, "vmap: no argument is mapped"),
        (lambda: vmap(np.add, in_dims=(0,))(A, A), ArgumentError, r"vmap: in_dims does not fit: it has 1 entries \(0,\), the"),
        (lambda: vmap(np.add)(A, B), ShapeError, r"vmap: the mapped axes have different lengths: \{0: 5, 1: 3\} \(value: length\)"),
        (lambda: vmap(np.sin, in_dims=2)(A), ShapeError, r"vmap: in_dims 2 is out of range for value 0 of shape \(5, 3\); map over one"),
        (lambda: vmap(np.sin)(np.ones(())), ShapeError, r"in_dims 0 is out of range for value 0 of shape \(\)"),
        (lambda: vmap(np.add)(A, 2.0), ArgumentError, "only tensors and arrays have axes to map over: value 1 is float, its in_dims 0"),
        (lambda: vmap(lambda p: p["a"], in_dims=({"b": 0},))({"a": A}), ArgumentError, r"in_dims\[0\] is a dict with the keys \['b'\]"),
        (lambda: vmap(np.sin, in_dims="x")(A), ArgumentError, "vmap: in_dims must hold ints and None: in_dims is 'x'"),
        (lambda: vmap(np.sin, out_dims=(0, 1))(A), ArgumentError, r"vmap: out_dims does not fit: out_dims is a tuple of 2"),
        (lambda: vmap(np.sin, out_dims=2)(A), ShapeError, r"vmap: out_dims 2 is out of range: the result for one example is \(3,\)"),
        (lambda: vmap(np.sin, out_dims=None)(A), TransformError, "vmap: out_dims is None for a result that depends on the mapped"),
        (lambda: vmap(lambda x: "text")(A), TransformError, "vmap: the function must return tensors or arrays .*: it returned str 'text'"),
        (lambda: vmap(lambda x: None)(A), TransformError, "vmap: the function must return tensors or arrays .*: it returned none"),
        (lambda: vmap(lambda x: x if x[0] > 0 else -x)(A), TransformError, r"bool: inside vmap this is 5 values at once .* use where"),
        (lambda: vmap(lambda x: float(x[0]))(A), TransformError, "float: inside vmap this is 5 values at once.*np.zeros_like.*use NumPy's"),
        (lambda: vmap(lambda x: x.tolist())(A), TransformError, "tolist: inside vmap this is 5 values at once"),
        (lambda: vmap(lambda x: x[0].item())(A), TransformError, "item: inside vmap this is 5 values at once"),
        (lambda: vmap(lambda x: x.numpy())(A), TransformError, "numpy: inside vmap this is 5 values at once"),
        (lambda: vmap(lambda x: range(x[0]))(np.ones((2, 3), int)), TransformError, "index: inside vmap this is 2 values at once"),
        (lambda: vmap(np.sin, randomness="often"), ArgumentError, "vmap: randomness must be 'error', 'different' or 'same': got 'often'"),
        (lambda: vmap(np.sin, chunk_size=0), ArgumentError, "vmap: chunk_size must be an int above 0, or None: got 0"),
    ],
)  # fmt: skip
def test_errors_teach(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_what_an_example_knows_of_itself():
    def f(x):
        assert x.shape == (3,)
        assert x.ndim == 1
        assert len(x) == 3
        assert x.numel() == 3
        assert x.dtype == np.float64
        assert x.device.type == "cpu"
        assert not x.requires_grad
        return x

    near(vmap(f)(A), A)


def test_per_sample_gradients_of_a_linear_layer_are_one_product(computed):
    w, b, x = tl.tensor(W.T.copy()), tl.zeros(2, dtype=tl.float64), tl.tensor(A)

    def loss(w, b, x):
        return tl.nn.functional.linear(x, w, b).pow(2).sum()

    gw, gb = vmap(grad(loss, argnums=(0, 1)), in_dims=(None, None, 0))(w, b, x)
    y = A @ W
    near(gw, 2 * y[:, :, None] * A[:, None, :])
    near(gb, 2 * y)
    products = [shapes for name, shapes in computed if name in ("MatMul", "AffineMap")]
    assert len(products) == 2  # the layer for all examples, and all gradients of its weight; the examples have no gradient
    assert products[1] == ((5, 2, 1), (5, 1, 3))


def test_per_sample_gradients_of_a_convolution_are_one_grouped_kernel(computed):
    w, x = rng.normal(size=(4, 2, 3, 3)), rng.normal(size=(6, 2, 5, 5))

    def loss(w, x):
        return tl.nn.functional.conv2d(x[None], w).pow(2).sum()

    per_sample = vmap(grad(loss), in_dims=(None, 0))(tl.tensor(w), tl.tensor(x))
    gradients = [shapes for name, shapes in computed if name == "ConvolveWeightGrad"]
    assert gradients == [((1, 24, 3, 3), (1, 12, 5, 5))]
    for g, one in zip(per_sample, x, strict=True):
        near(g, grad(loss)(tl.tensor(w), tl.tensor(one)), 1e-10)


def test_shared_operands_are_not_copied_for_every_example(computed):
    shared = rng.normal(size=(3, 4))
    vmap(lambda x: np.matmul(np.matmul(x, shared), np.transpose(shared)) + shared[:, 0])(A[:, None])
    for _, shapes in computed:
        assert (5, 3, 4) not in shapes
        assert (5, 4, 3) not in shapes


@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "logsumexp", "cumsum", "cumprod", "logcumsumexp", "sort", "flip", "prod", "max"]
)
def test_examples_of_one_number_have_one_element_along_an_axis(name):
    def f(x):
        out = getattr(tl, name)(x, 0)
        return out[0] if isinstance(out, tuple) else out

    xs = tl.tensor([0.5, -2.0, 3.0], dtype=tl.float64)
    near(vmap(f)(xs).numpy(), np.stack([f(x).numpy() for x in xs]))
    near(vmap(grad(f))(xs).numpy(), np.stack([grad(f)(x).numpy() for x in xs]))


def test_shares_of_quantiles_may_differ_between_examples():
    shares = tl.tensor([0.1, 0.5, 0.9, 0.2, 1.0], dtype=tl.float64)
    for method in ("linear", "lower", "nearest"):
        found = vmap(lambda x, q, method=method: tl.quantile(x, q, interpolation=method))(tl.tensor(A), shares)
        near(found.numpy(), [np.quantile(a, q, method=method) for a, q in zip(A, shares.numpy(), strict=True)])
    slopes = vmap(grad(lambda q: tl.quantile(tl.tensor(A[:, 0]), q)))(shares)
    near(slopes.numpy(), [grad(lambda q: tl.quantile(tl.tensor(A[:, 0]), q))(q).numpy() for q in shares])
    with pytest.raises(ArgumentError, match=r"quantile: q must lie in \[0, 1\]: it goes from 0.1 to 2.0"):
        vmap(lambda q: tl.quantile(tl.tensor(A), q))(tl.tensor([0.1, 2.0], dtype=tl.float64))


# ---- values that outlive their vmap -------------------------------------------------------------------------------------------------
def test_a_value_kept_from_an_ended_vmap_is_refused_where_it_meets_another():
    kept = []
    vmap(lambda x: (kept.append(x), x)[1])(np.arange(2.0))
    uses = {
        "vmap": lambda: vmap(lambda y: y + kept[0])(np.ones(2)),
        "vmap of another size": lambda: vmap(lambda y: y * kept[0])(np.ones(3)),
        "as it is": lambda: vmap(lambda y: kept[0], out_dims=0)(np.ones(3)),
        "grad": lambda: grad(lambda y: np.sum(y * kept[0]))(np.ones(2)),
        "jvp": lambda: jvp(lambda y: y * kept[0], (np.ones(2),), (np.ones(2),)),
        "jacrev": lambda: jacrev(lambda y: y * kept[0])(np.ones(2)),
        "nested": lambda: vmap(lambda z: vmap(lambda y: y * z + kept[0])(np.ones(2)))(np.ones(2)),
        "has_aux": lambda: grad(lambda y: (np.sum(y), kept[0]), has_aux=True)(np.ones(2)),
    }
    for name, use in uses.items():
        with pytest.raises(TransformError, match=r"vmap: a value of each example \(shape .*return it from the function"):
            use()
            pytest.fail(name)


def test_a_value_kept_from_an_inner_vmap_is_refused_in_the_outer():
    def f(x):
        kept = []
        vmap(lambda y: (kept.append(y * x), y)[1])(np.ones(3))
        return kept[0] + x

    with pytest.raises(TransformError, match="vmap: a value of each example"):
        vmap(f)(np.ones(3))


def test_values_kept_from_ended_derivatives_are_constants():
    kept = []
    x = np.array([1.0, 2.0])
    near(grad(lambda y: (kept.append(y * y), np.sum(y**3))[1])(x), 3 * x**2)
    jvp(lambda y: (kept.append(y * y), y)[1], (x,), (x,))
    for kept_one in kept:
        check_constant(kept_one, x)


def check_constant(k, x):
    """``k``, which is x^2, has no influence on derivatives."""
    near(grad(lambda y: np.sum(y * k))(x), x**2)
    near(hessian(lambda y: np.sum(y**2 * k))(x), np.diag(2 * x**2))
    near(vmap(lambda y: y * k)(np.ones((3, 2))), np.tile(x**2, (3, 1)))
    value, slope = jvp(lambda y: y * k, (x,), (x,))
    near(value, x**3)
    near(slope, x**3)
