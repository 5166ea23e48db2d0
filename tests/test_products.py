"""Products of arrays beyond their generated tests: NumPy's spellings, plans of equations, handed-over gradients, messages."""

from __future__ import annotations

import numpy as np
import pytest
from samples import collect, normal

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, OperandError, ShapeError
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.core.transpose import LOOPED
from tensorflowlite_clone.func import grad, jvp, vmap
from tensorflowlite_clone.kernels.product import affine, contract, matmul
from tensorflowlite_clone.ops.einsum import _plan
from tensorflowlite_clone.ops.products import _splits, multi_dot

F = tl.nn.functional
A, B, C = normal(2, 3), normal(3, 4), normal(5, 2, 3)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x, y: np.matmul(x, y), (A, B)),
        (lambda x, y: np.dot(x, y), (A, B)),
        (lambda x, y: np.dot(x, y), (A, normal(5, 3, 2))),
        (lambda x, y: np.dot(x, y), (normal(3), normal(3, seed=1))),
        (lambda x, y: np.dot(x, y[0, 0]), (A, B)),
        (lambda x, y: np.vdot(x, y), (A, normal(3, 2))),
        (lambda x, y: np.inner(x, y), (C, normal(4, 3))),
        (lambda x, y: np.outer(x, y), (A, normal(2))),
        (lambda x, y: np.tensordot(x, y, axes=([2, 1], [1, 0])), (C, A)),
        (lambda x, y: np.tensordot(x, y, 1), (C, B)),
        (lambda x, y: np.kron(x, y), (A, normal(2))),
        (lambda x, y: np.cross(x, y), (A, normal(2, 3, seed=1))),
        (lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), (normal(3, 2), normal(2, 3))),
        (lambda x, y: np.cross(x, y, axis=0), (normal(3, 2), normal(3, 2, seed=1))),
        (lambda x, y: np.linalg.multi_dot([x[0], y, y.T, x.T]), (A, B)),
        (lambda x, y: np.einsum("ij,jk->ki", x, y), (A, B)),
        (lambda x, y: np.einsum("...ij,ij->...", x, y, optimize=True), (C, A)),
        (lambda x, y: np.einsum(x, [0, 1], y, [1, 2]), (A, B)),
    ],
)
def test_numpy_functions_on_tensors_are_numpy_s_and_differentiate(f, inputs):
    tensors = [tl.tensor(x, requires_grad=True) for x in inputs]
    out, expected = f(*tensors), f(*inputs)
    assert isinstance(out, tl.Tensor)
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    u = np.random.default_rng(0).normal(size=expected.shape)
    out.backward(tl.tensor(u))
    for i, (t, x) in enumerate(zip(tensors, inputs, strict=True)):
        v = np.random.default_rng(1).normal(size=x.shape)
        moved = [f(*[a + s * 1e-6 * v if j == i else a for j, a in enumerate(inputs)]) for s in (1, -1)]
        np.testing.assert_allclose(np.sum(t.grad.numpy() * v), np.sum(u * (moved[0] - moved[1])) / 2e-6, rtol=1e-7, atol=1e-7)


def test_arrays_and_numbers_stand_for_tensors():
    assert isinstance(tl.matmul(A, B), tl.Tensor)
    assert isinstance(tl.einsum("ij,jk", A, B), tl.Tensor)
    assert isinstance(tl.tensordot(A, B, 1), tl.Tensor)
    assert tl.inner(tl.tensor([1.0, 2.0]), tl.tensor(3.0)).tolist() == [3.0, 6.0]


LOOPLESS = (
    "Contract",
    "MatMul",
    "AffineMap",
    "Cross",
    "Convolve",
    "ConvolveInputGrad",
    "ConvolveWeightGrad",
    "Unfold",
    "Fold",
    "LayerNorm",
    "BatchNorm",
    "GroupNorm",
    "MaxPool",
    "MaxPoolPlaces",
    "PoolGather",
    "PoolScatter",
    "AvgPool",
    "AvgPoolGrad",
    "AdaptiveAvgPool",
    "AdaptiveAvgPoolGrad",
    "AdaptiveMaxPoolPlaces",
)


@pytest.mark.parametrize("name", LOOPLESS)
def test_vmap_does_not_loop_over_examples(name):
    op = OPS[name]
    for s in collect()[0][name]:
        arrays = [i for i, a in enumerate(s.args) if isinstance(a, np.ndarray)]
        for mapped in [[i] for i in arrays] + [arrays]:
            batches = [np.stack([s.args[i]] * 2) for i in mapped]

            def f(*xs, mapped=mapped, s=s):
                args = list(s.args)
                for i, x in zip(mapped, xs, strict=True):
                    args[i] = x
                return op.of(*args, **s.params)

            before = dict(LOOPED)
            vmap(f)(*batches)
            assert before == LOOPED


def test_per_sample_gradients_of_a_shared_weight_are_one_batched_product():
    w, x = tl.tensor(normal(4, 3)), tl.tensor(normal(6, 5, 3))
    before = dict(LOOPED)
    each = vmap(grad(lambda w, x: F.linear(x, w).square().sum()), in_dims=(None, 0))(w, x)
    assert before == LOOPED
    alone = [grad(lambda w, x: F.linear(x, w).square().sum())(w, x[i]).numpy() for i in range(6)]
    np.testing.assert_allclose(each.numpy(), np.stack(alone), rtol=1e-12)


@pytest.mark.parametrize("f", [lambda x, w: x @ w, lambda x, w: F.linear(x, w.T.contiguous())])
def test_gradient_of_a_shared_weight_is_handed_over_without_a_copy(f):
    """One product sums over all leading axes, and its result becomes ``grad`` itself: it is no view of something else."""
    x, w = tl.tensor(C), tl.tensor(B, requires_grad=True)
    f(x, w).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), np.einsum("abi->i", C)[:, None].repeat(4, 1))
    leaf = tl.tensor(B.T.copy(), requires_grad=True)
    F.linear(x, leaf).sum().backward()
    assert leaf.grad.array.base is None
    assert leaf.grad.array.flags.c_contiguous


def test_forward_mode_of_a_bilinear_operation_with_bias_calls_nothing_but_the_operation(monkeypatch):
    from tensorflowlite_clone.core import transpose

    monkeypatch.setattr(transpose, "jvp_by_transposition", lambda *_: pytest.fail("transposed"))
    x, w, b = (tl.tensor(a) for a in (A, normal(4, 3), normal(4)))
    tx, tw, tb = (tl.tensor(a) for a in (normal(2, 3, seed=1), normal(4, 3, seed=1), normal(4, seed=1)))
    _, slope = jvp(F.linear, (x, w, b), (tx, tw, tb))
    np.testing.assert_allclose(slope.numpy(), (tx @ w.T + x @ tw.T + tb).numpy(), rtol=1e-12)
    _, slope = jvp(lambda b: F.linear(x, w, b), (b,), (tb,))
    np.testing.assert_allclose(slope.numpy(), np.broadcast_to(tb.numpy(), (2, 4)))


def test_saved_operands_are_watched_for_changes_in_place():
    x, y = tl.tensor(A, requires_grad=True), tl.tensor(B)
    out = tl.einsum("ij,jk->ik", x, y)
    y += 1
    with pytest.raises(RuntimeError, match="einsum: a value needed for the gradient was changed in place"):
        out.sum().backward()


STACKS = {
    "one stack": ((6, 50, 40), (6, 40, 30), 6),
    "stacks of stacks": ((3, 2, 50, 40), (3, 2, 40, 30), 3),
    "one matrix for the stack": ((50, 40), (6, 40, 30), 6),
    "one matrix in a stack of one": ((6, 50, 40), (1, 40, 30), 6),
    "the second axis broadcasts": ((3, 1, 50, 40), (3, 4, 40, 30), 3),
    "outer products": ((6, 300, 1), (6, 1, 300), 6),
    "outer products with one row": ((6, 300, 1), (1, 1, 300), 6),
    "a stack of one": ((1, 50, 40), (1, 40, 30), 0),
}


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_over_threads_is_the_stack(monkeypatch, name):
    from tensorflowlite_clone.kernels import product

    *shapes, expected = STACKS[name]
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=shape) for shape in shapes)
    slices = []

    def parallel(work, n, *, cost, blas):
        for i in range(n):
            slices.append(i)
            work(i, i + 1)

    monkeypatch.setattr(product, "WORTH_IT", 0.0)
    monkeypatch.setattr(product, "parallel", parallel)
    np.testing.assert_allclose(product.matmul(x, y), x @ y, rtol=1e-13)
    assert slices == list(range(expected))
    with pytest.raises(ValueError, match="mismatch"):
        product.matmul(np.ones((2, 3, 4)), np.ones((2, 5, 4)))


def test_half_precision_is_summed_in_single_precision():
    x = np.full((1, 4096), 1.0, np.float16)
    assert matmul(x, x.T).tolist() == [[4096.0]]  # in half precision the sum stops at 2048
    assert contract(x, x, ("ab", "cb", "ac")).tolist() == [[4096.0]]
    assert contract(x, x.T.copy(), ("ab", "ba", "")).dtype == np.float16


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.int64])
def test_equations_tell_equal_sizes_apart(dtype):
    """Operands of one size everywhere: nothing but the labels says which axis is which. Small integers, so every dtype is exact."""
    rng = np.random.default_rng(0)
    x, y = (rng.integers(-3, 4, (3, 3, 3)).astype(dtype) for _ in range(2))
    for equation in (
        "ij,jk->ik",
        "ij,jk->ki",
        "ij,kj->ik",
        "ij,kj->ki",
        "ij,ij->i",
        "ij,k->kij",
        "ijk,ikl->ijl",
        "ijk,ikl->lij",
        "ijk,kl->lji",
    ):
        operands = [a[(0,) * (3 - len(labels))] for a, labels in zip((x, y), equation.split("->")[0].split(","), strict=True)]
        found = tl.einsum(equation, *[tl.tensor(a) for a in operands]).numpy()
        np.testing.assert_array_equal(found, np.einsum(equation, *operands), err_msg=equation, strict=True)


# ---- equations -------------------------------------------------------------------------------------------------------------
def test_chains_are_multiplied_in_the_cheapest_order():
    assert _splits([1000, 10, 1000, 10])[0, 2] == 0  # A (B C): 2e5 multiplications instead of 2e7
    assert _splits([10, 1000, 10, 1000])[0, 2] == 1
    thin, wide = tl.tensor(normal(7, 1)), tl.tensor(normal(1, 7))
    np.testing.assert_allclose(multi_dot([thin, wide, thin]).numpy(), (thin @ (wide @ thin)).numpy(), rtol=1e-12)
    assert _plan("ij,jk,kl->il", ((1000, 10), (10, 1000), (1000, 10))).pairs[0][:2] == (1, 2)
    assert _plan("ij,jk,kl->il", ((10, 1000), (1000, 10), (10, 1000))).pairs[0][:2] == (0, 1)


def test_contraction_labels_stand_in_two_places_each():
    for equation, shapes in (
        ("aab,bcc,d->a", ((2, 2, 3), (3, 4, 4), (5,))),
        ("...i,...j->...", ((2, 3), (1, 4))),
        ("ij,jk,kl,lm->im", ((2, 3), (3, 4), (4, 5), (5, 2))),
        ("ba,ca->bc", ((2, 3), (1, 1))),
    ):
        pairs = _plan(equation, shapes).pairs
        assert pairs
        for _, _, spec in pairs:
            assert all(len(set(s)) == len(s) for s in spec)
            assert all(sum(c in s for s in spec) >= 2 for c in set("".join(spec)))


@pytest.mark.parametrize(
    ("equation", "shapes", "error", "message"),
    [
        ("ij,jk", [(2, 3)], ArgumentError, r"einsum: the equation does not fit the operands: 'ij,jk' names 2 operand\(s\), 1 are given"),
        ("ij->ij", [(2,)], ShapeError, r"einsum: labels do not fit the dimensions: operand 0 is \(2,\), its labels in 'ij->ij' are 'ij'"),
        ("i->i", [(2, 3)], ShapeError, r"write '\.\.\.' for the others"),
        ("i?->i", [(2, 3)], ArgumentError, r"einsum: labels are letters, and '\.\.\.' once: operand 0 is 'i\?'"),
        ("i...j...->i", [(2, 3)], ArgumentError, r"labels are letters, and '\.\.\.' once"),
        ("ij->k", [(2, 3)], ArgumentError, r"the result's labels must be labels of operands, each at most once: they are 'k'"),
        ("ij->ii", [(2, 3)], ArgumentError, r"each at most once: they are 'ii' in 'ij->ii'"),
        ("ii->i", [(2, 3)], ShapeError, r"einsum: label 'i' stands for two sizes: operand 0 is \(2, 3\)"),
        (
            "ij,jk->ik",
            [(2, 3), (4, 5)],
            ShapeError,
            r"einsum: label 'j' stands for two sizes, 3 and 4: the operands are \(2, 3\), \(4, 5\)",
        ),
        ("->", [], ArgumentError, r"einsum: there are no operands"),
    ],
)
def test_equations_that_say_nothing_sensible(equation, shapes, error, message):
    with pytest.raises(error, match=message):
        tl.einsum(equation, *[tl.ones(*s) for s in shapes])


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda: tl.einsum("i,i", tl.ones(1), [1.0]), OperandError, r"einsum: operand 2 must be a tensor: got list \[1\.0\]; convert it"),
        (lambda: tl.einsum(tl.ones(2), [0.5]), ArgumentError, r"einsum: after each operand comes the list of its labels"),
        (lambda: tl.matmul(tl.ones(2), 3.0), ShapeError, r"matmul: both operands need at least 1 dimension: they are \(2,\) and \(\)"),
        (lambda: tl.mm(tl.ones(2), tl.ones(2, 2)), ShapeError, r"mm: input must have 2 dimension\(s\): it is \(2,\)"),
        (lambda: tl.bmm(tl.ones(2, 1, 3), tl.ones(4, 3, 1)), ShapeError, r"bmm: batch sizes differ: input is \(2, 1, 3\)"),
        (
            lambda: tl.addmm(tl.ones(3), tl.ones(2, 3), tl.ones(3, 4)),
            ShapeError,
            r"addmm: input must broadcast to the product: it is \(3,\)",
        ),
        (lambda: F.linear(tl.ones(2, 3), tl.ones(4, 3, 5)), ShapeError, r"linear: weight must have 1 or 2 dimensions: it is \(4, 3, 5\)"),
        (lambda: F.linear(tl.ones(2, 3), tl.ones(4, 5)), ShapeError, r"linear: features differ: input is \(2, 3\), weight is \(4, 5\)"),
        (
            lambda: F.linear(tl.ones(2, 3), tl.ones(4, 3), tl.ones(1, 4)),
            ShapeError,
            r"linear: bias must have 1 dimension\(s\): it is \(1, 4\)",
        ),
        (lambda: F.linear(tl.ones(2, 3), tl.ones(4, 3), tl.ones(3)), ShapeError, r"linear: bias does not fit: weight is \(4, 3\)"),
        (lambda: tl.cross(tl.ones(2), tl.ones(2)), ShapeError, r"cross: needs 3 components along dim: input is \(2,\)"),
        (lambda: tl.outer(tl.ones(2, 2), tl.ones(2)), ShapeError, r"outer: needs two vectors: input is \(2, 2\)"),
        (lambda: tl.inner(tl.ones(2), tl.ones(3)), ShapeError, r"inner: last dimensions differ: input is \(2,\), other is \(3,\)"),
        (lambda: tl.tensordot(tl.ones(2, 3), tl.ones(2, 3), 1), ShapeError, r"tensordot: summed sizes differ: a is \(2, 3\) over \[1\]"),
        (lambda: tl.tensordot(tl.ones(2), tl.ones(2), 2), ArgumentError, r"tensordot: dims is out of range: dims is 2"),
        (lambda: tl.chain_matmul(tl.ones(2, 3), tl.ones(2, 3)), ShapeError, r"chain_matmul: neighbours do not fit: the shapes are"),
        (lambda: tl.cdist(tl.ones(2, 3), tl.ones(2, 4)), ShapeError, r"cdist: rows differ in length: x1 is \(2, 3\), x2 is \(2, 4\)"),
    ],
)
def test_messages_name_rule_facts_and_fix(f, error, message):
    with pytest.raises(error, match=message):
        f()


def test_distances_of_equal_points_have_no_nan_gradient():
    x = tl.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0]], requires_grad=True)
    (tl.cdist(x, x).sum() + tl.pdist(x).sum()).backward()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "F"])
@pytest.mark.parametrize("sizes", [(1, 300, 256), (2, 64, 1024), (16, 64, 128), (32, 128, 64), (64, 256, 64), (65, 300, 70), (16, 60, 128)])
def test_affine_maps_of_few_and_many_rows(sizes, dtype):
    n, k, m = sizes
    x, w, b = (normal(*s, seed=i).astype(dtype) for i, s in enumerate([(n, k), (m, k), (m,)]))
    expected = x.astype("D") @ w.astype("D").T
    size = abs(x.astype("D")) @ abs(w.astype("D")).T + abs(b)
    for bias in (None, b):
        for left, right in ((x, w), (np.asfortranarray(x), w), (x[:, ::-1], np.asfortranarray(w[:, ::-1]))):
            found = affine(left, right, bias)
            assert found.dtype == dtype and found.flags.c_contiguous
            assert np.all(abs(found - (expected if bias is None else expected + b)) <= 8 * np.sqrt(k) * np.finfo(dtype).eps * size)
    for wrong in ((x, w[:, 1:], b), (x, w, b[1:])):
        with pytest.raises(ValueError):
            affine(*wrong)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (1, 3), (0, 3), (2, 5, 3)])
def test_linear_of_one_row_is_that_of_many(shape, bias):
    x, w, b, g = normal(*shape), normal(4, 3, seed=1), normal(4, seed=2), normal(*shape[:-1], 4, seed=3)
    leaves = [tl.tensor(a, requires_grad=True) for a in ((x, w, b) if bias else (x, w))]
    seed = tl.tensor(g)
    out = F.linear(*leaves)
    out.backward(seed)
    seed.fill_(7.0)  # nobody's gradient is its memory
    rows, cotangents = x.reshape(-1, 3), g.reshape(-1, 4)
    np.testing.assert_allclose(out.detach().numpy(), x @ w.T + (b if bias else 0.0))
    expected = [(cotangents @ w).reshape(shape), cotangents.T @ rows, cotangents.sum(0)]
    for leaf, e in zip(leaves, expected, strict=False):
        np.testing.assert_allclose(leaf.grad.numpy(), e, atol=1e-15)
