"""Complex numbers: the convention of gradients, mixed operands, kinks at 0, views of parts, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modes import central_difference, close, pairing
from samples import normal
from samples.complex import complex_normal

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.core.registry import OPS
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

F = nn.functional
Z, W, X = complex_normal(2, 3), complex_normal(2, 3, seed=1), normal(2, 3)


def leaf(a):
    return tl.tensor(a, requires_grad=True)


# ---- the convention -----------------------------------------------------------------------------------------------------------
def test_gradient_is_that_of_both_parts():
    """dL/dx + i dL/dy: what the two real functions of the parts have as gradients."""
    z = leaf(Z)
    parts = leaf(np.stack([Z.real, Z.imag], -1))

    def loss(z):
        return (z.exp() * z.conj() + z.abs()).sum().abs()

    loss(z).backward()
    loss(tl.view_as_complex(parts)).backward()
    close(z.grad.numpy(), parts.grad.numpy()[..., 0] + 1j * parts.grad.numpy()[..., 1], 1e-12)


def test_steps_against_the_gradient_descend():
    a, b = complex_normal(6, 3), complex_normal(6)
    z = tl.zeros(3, dtype=tl.complex128, requires_grad=True)
    losses = []
    for _ in range(1000):
        loss = ((tl.tensor(a) @ z - tl.tensor(b)).abs() ** 2).sum()
        z.grad = None
        loss.backward()
        with tl.no_grad():
            z -= 0.02 * z.grad
        losses.append(loss.item())
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(losses))
    np.testing.assert_allclose(z.detach().numpy(), np.linalg.lstsq(a, b)[0], atol=1e-6)


def test_holomorphic_gradients_are_conjugates_of_the_derivative():
    _, pull = vjp(np.sin, Z)
    close(pull(np.ones_like(Z))[0], np.conjugate(np.cos(Z)), 1e-12)
    _, slope = jvp(np.sin, (Z,), (W,))
    close(slope, np.cos(Z) * W, 1e-12)


def test_conjugates_twice_in_the_engine():
    """Hooks, retained gradients, seeds and results of autograd.grad all speak the users' convention."""
    z = leaf(Z)
    y = z * z
    u = tl.tensor(W)
    (g,) = tl.autograd.grad(y, z, u, retain_graph=True)
    y.retain_grad()
    seen = []
    y.register_hook(seen.append)
    y.backward(u)
    close(g.numpy(), W * np.conjugate(2 * Z), 1e-12)
    close(z.grad.numpy(), g.numpy(), 1e-12)
    close(y.grad.numpy(), W, 1e-12)
    close(seen[-1].numpy(), W, 1e-12)


def test_real_operands_get_real_gradients():
    z, x = leaf(Z), leaf(X)
    loss = ((z * x + x) @ z.mT).abs().sum()
    loss.backward()
    assert x.grad.dtype == np.float64
    assert z.grad.dtype == np.complex128

    def f(x):
        m = Z * x + x
        return np.sum(np.abs(m @ Z.T))

    (slope,) = central_difference(lambda x: (f(x),), [X], [W.real])
    close(pairing([x.grad.numpy()], [W.real]), slope)


SHAPES = [(), (1,), (3,), (2, 1), (2, 3)]
DTYPES = [np.float32, np.float64, np.complex64, np.complex128, np.int64]


@settings(max_examples=150)
@given(
    name=st.sampled_from(["add", "sub", "mul", "div", "pow", "where", "cat", "stack"]),
    shapes=st.tuples(st.sampled_from(SHAPES), st.sampled_from(SHAPES)),
    dtypes=st.tuples(st.sampled_from(DTYPES), st.sampled_from(DTYPES)).filter(lambda pair: any(np.dtype(d).kind == "c" for d in pair)),
)
def test_drawn_mixtures_equal_torch(name, shapes, dtypes):
    """Shapes that broadcast and dtypes that mix: the result's dtype, its values and every gradient, in the operand's dtype."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    if name in ("cat", "stack"):
        shapes = ((2, 3), (2, 3))
    arrays = []
    for i, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True)):
        values = complex_normal(*shape, seed=i) if np.dtype(dtype).kind == "c" else np.abs(normal(*shape, seed=i)) + 1
        arrays.append(np.asarray(values).astype(dtype))
    results = []
    for T in (tl, torch):
        x, y = (T.tensor(a, requires_grad=a.dtype.kind in "fc") for a in arrays)
        leaves = [v for v in (x, y) if v.requires_grad]
        if name == "where":  # PyTorch cannot differentiate it where dtypes differ
            out = T.where(T.tensor([True, False, True]), x + 0 * y, y + 0 * x)
        elif name in ("cat", "stack"):
            out = getattr(T, name)([x, y])
        else:
            out = getattr(T, name)(x, y)
        u = T.tensor(np.asarray(complex_normal(*out.shape, seed=9)), dtype=out.dtype)
        results.append([out, *T.autograd.grad(out, leaves, u)])
    for mine, other in zip(*results, strict=True):
        a, b = mine.detach().numpy(), other.detach().resolve_conj().numpy()
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        single = any(np.dtype(d) in (np.float32, np.complex64) for d in (*dtypes, a.dtype))
        close(a, b, 2e-5 if single else 1e-11)


def test_mixed_widths():
    """complex64 with float64 is what PyTorch makes of them; each leaf gets its own dtype back."""
    z, x = leaf(Z.astype(np.complex64)), leaf(X)
    y = z * x
    assert y.dtype == np.complex128
    y.abs().sum().backward()
    assert (z.grad.dtype, x.grad.dtype) == (np.complex64, np.float64)
    z, x = leaf(Z.astype(np.complex64)), leaf(X.astype(np.float32))
    y = z * x + 1.5 - 2j
    assert y.dtype == np.complex64
    y.abs().sum().backward()
    assert (z.grad.dtype, x.grad.dtype) == (np.complex64, np.float32)


ONE_ARGUMENT = [
    np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan,
    np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh, np.square, np.reciprocal, np.negative, np.conjugate, np.abs, np.sign,
    np.angle, np.real, np.imag, np.sinc,
]  # fmt: skip


@pytest.mark.parametrize("f", ONE_ARGUMENT, ids=lambda f: f.__name__)
def test_single_precision_is_kept(f):
    z = Z.astype(np.complex64)
    y, pull = vjp(f, z)
    assert y.dtype == f(z).dtype
    (g,) = pull(np.ones_like(y))
    assert g.dtype == np.complex64
    wide, pull = vjp(f, Z)
    close(g, pull(np.ones_like(wide))[0], 1e-4)


def test_transforms_nest():
    def loss(z):
        return np.sum(np.abs(np.exp(1j * z) * z) ** 2)

    x = normal(3)
    close(hessian(loss)(x), jacfwd(grad(loss))(x), 1e-10)
    close(jacrev(grad(loss))(x), jacfwd(grad(loss))(x), 1e-10)
    z = complex_normal(3)
    one = grad(loss)
    (expected,) = central_difference(lambda z: (one(z),), [z], [z])
    close(jvp(one, (z,), (z,))[1], expected)
    many = complex_normal(4, 3)
    close(vmap(grad(loss))(many), np.stack([grad(loss)(row) for row in many]), 1e-12)


def test_gradients_of_complex_results_need_a_real_one():
    with pytest.raises(RuntimeError, match="gradient can be left out only for a real scalar: the tensor is complex128"):
        leaf(Z).sum().backward()
    with pytest.raises(RuntimeError, match="grad: the function must return a real scalar: it returned complex128"):
        grad(np.sum)(Z)


# ---- kinks ----------------------------------------------------------------------------------------------------------------------
KINKS = {
    "abs": tl.abs, "sgn": tl.sgn, "angle": tl.angle, "norm": tl.norm, "norm 1": lambda z: tl.norm(z, 1), "norm 3": lambda z: tl.norm(z, 3),
    "norm inf": lambda z: tl.norm(z, float("inf")), "std": tl.std, "l1_loss": lambda z: F.l1_loss(z, tl.zeros_like(z)),
    "softsign of abs": lambda z: F.softsign(z).abs(), "normalize": lambda z: F.normalize(z, dim=0).abs(),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_0_are_0(name):
    f = KINKS[name]
    z = leaf(np.zeros(3, complex))
    y = f(z)
    g = tl.autograd.grad(y, z, tl.ones_like(y), create_graph=True)[0]
    np.testing.assert_array_equal(g.detach().numpy(), np.zeros(3))
    if g.requires_grad:
        second = tl.autograd.grad(g, z, tl.ones_like(g), allow_unused=True)[0]
        assert second is None or np.all(np.isfinite(second.numpy()))
    _, slope = jvp(f, (tl.zeros(3, dtype=tl.complex128),), (tl.tensor(complex_normal(3)),))
    np.testing.assert_array_equal(slope.numpy(), np.zeros(slope.shape))


def test_powers_of_0():
    z = leaf(np.zeros(3, complex))
    w = leaf(np.array([2, 1, 0], complex))
    y = z**w
    np.testing.assert_array_equal(y.detach().numpy(), [0, 0, 1])
    y.abs().sum().backward()
    assert np.all(np.isfinite(z.grad.numpy()))
    np.testing.assert_array_equal(w.grad.numpy(), np.zeros(3))


# ---- parts ----------------------------------------------------------------------------------------------------------------------
def test_parts_are_views():
    z = tl.tensor(Z)
    for part in (z.real, z.imag, tl.view_as_real(z)):
        assert np.shares_memory(part.numpy(), z.numpy())
    pairs = tl.tensor(normal(3, 2))
    assert np.shares_memory(tl.view_as_complex(pairs).numpy(), pairs.numpy())
    turned = tl.tensor(normal(2, 3)).mT  # the pairs are not side by side in memory: a copy
    np.testing.assert_array_equal(tl.view_as_complex(turned).numpy(), turned.numpy()[:, 0] + 1j * turned.numpy()[:, 1])


def test_changing_a_part_is_noticed():
    z = tl.tensor(Z)
    x = leaf(X)
    y = (x * z).sum().abs()
    z.real.mul_(2)
    with pytest.raises(RuntimeError, match=r"mul.*changed in place"):
        y.backward()


def test_real_tensors_have_only_real_parts():
    x = tl.tensor(X)
    assert x.real is x
    with pytest.raises(TypeError, match="imag: needs complex numbers: the input is float64"):
        _ = x.imag
    np.testing.assert_array_equal(np.imag(x).numpy(), np.zeros_like(X))


def test_numpy_functions_of_parts():
    z, x = leaf(Z), leaf(X)
    for f in (np.real, np.imag, np.conj, np.angle, np.abs, np.sign, np.isreal, np.iscomplex, lambda a: np.angle(a, deg=True)):
        for t, a in ((z, Z), (x, X)):
            np.testing.assert_allclose(f(t).numpy(force=True), f(a), atol=1e-15)
    assert np.iscomplexobj(z)
    assert not np.iscomplexobj(x)
    assert np.isrealobj(x)
    assert np.real_if_close(leaf(X + 1e-18j)).dtype == np.float64
    assert np.real_if_close(z) is z
    np.real_if_close(w := leaf(X + 0j)).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), np.ones_like(X))


def test_making_complex_tensors():
    with pytest.raises(TypeError, match=r"complex: the parts must be floating and of one dtype: they are float64 and float32"):
        tl.complex(tl.tensor(X), tl.tensor(X).float())
    with pytest.raises(TypeError, match=r"view_as_real: needs complex numbers: the input is float64"):
        tl.view_as_real(tl.tensor(X))
    with pytest.raises(RuntimeError, match=r"view_as_complex: the last dimension must have size 2: the input is \(2, 3\)"):
        tl.view_as_complex(tl.tensor(X))
    with pytest.raises(TypeError, match=r"view_as_complex: needs float32 or float64: the input is int64"):
        tl.view_as_complex(tl.tensor([1, 2]))


# ---- what PyTorch cannot differentiate ------------------------------------------------------------------------------------------
COMPOSED = {
    "bilinear": (
        lambda z, w: F.bilinear(z, w, tl.tensor(complex_normal(4, 3, 3)), tl.tensor(complex_normal(4))),
        lambda z, w: tl.einsum("bi,kij,bj->bk", z, tl.tensor(complex_normal(4, 3, 3)), w) + tl.tensor(complex_normal(4)),
    ),
    "embedding": (lambda z, w: F.embedding(tl.tensor([1, 0, 1]), z) * w[0], lambda z, w: z[tl.tensor([1, 0, 1])] * w[0]),
    "silu": (lambda z, w: F.silu(z) + w, lambda z, w: z / (1 + (-z).exp()) + w),
    "nan_to_num": (lambda z, w: tl.nan_to_num(z / z.real) * w, lambda z, w: z / z.real * w),
    "where with real": (lambda z, w: tl.where(w.real > 0, z, w.real), lambda z, w: tl.where(w.real > 0, z, w.real + 0j)),
    "avg_pool": (lambda z, w: F.avg_pool1d(z[None], 2) * w[:, :1], lambda z, w: (z[None, :, :1] + z[None, :, 1:2]) / 2 * w[:, :1]),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_derivatives_of_composed_formulas(name):
    f, g = COMPOSED[name]
    results = []
    for function in (f, g):
        z, w = leaf(Z), leaf(W)
        y = function(z, w)
        grads = tl.autograd.grad(y, [z, w], tl.ones_like(y) * (1 + 2j), create_graph=True)
        chained = [v for v in grads if v.requires_grad]
        second = tl.autograd.grad(chained, [z, w], [tl.ones_like(v) for v in chained], allow_unused=True) if chained else ()
        results.append([y, *grads, *second])
    for a, b in zip(*results, strict=True):
        zero = np.zeros(())
        close(zero if a is None else a.detach().numpy(), zero if b is None else b.detach().numpy(), 1e-12)


def test_nan_to_num_looks_at_each_part():
    z = leaf(np.array([complex(np.nan, 1), complex(2, np.inf), 3 + 4j]))
    y = tl.nan_to_num(z, 7.0, 8.0, 9.0)
    np.testing.assert_array_equal(y.detach().numpy(), [7 + 1j, 2 + 8j, 3 + 4j])
    y.backward(tl.ones_like(y) * (1 + 1j))
    np.testing.assert_array_equal(z.grad.numpy(), [1j, 1, 1 + 1j])


# ---- what is refused ------------------------------------------------------------------------------------------------------------
REFUSED = {
    "maximum": lambda z: tl.maximum(z, z),
    "fmin": lambda z: tl.fmin(z, z),
    "clamp": lambda z: tl.clamp(z, 0, 1),
    "floor": tl.floor,
    "ceil": np.ceil,
    "round": tl.round,
    "trunc": tl.trunc,
    "frac": tl.frac,
    "remainder": lambda z: z % 2,
    "floor_divide": lambda z: z // 2,
    "lt": lambda z: z < 1,
    "ge": lambda z: z >= z,
    "signbit": tl.signbit,
    "sign": tl.sign,
    "amax": lambda z: tl.amax(z, 0),
    "amin": lambda z: tl.amin(z, 0),
    "argmax": tl.argmax,
    "sort": tl.sort,
    "topk": lambda z: tl.topk(z, 1),
    "kthvalue": lambda z: tl.kthvalue(z, 1),
    "median": lambda z: z.median(0),
    "cummax": lambda z: tl.cummax(z, 0),
    "relu": tl.relu,
    "gelu": F.gelu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "softplus": F.softplus,
    "hardtanh": F.hardtanh,
    "softmax": lambda z: tl.softmax(z, 1),
    "log_softmax": lambda z: tl.log_softmax(z, 1),
    "erf": tl.erf,
    "lgamma": tl.lgamma,
    "digamma": tl.digamma,
    "atan2": lambda z: tl.atan2(z, z),
    "hypot": lambda z: tl.hypot(z, z),
    "copysign": lambda z: tl.copysign(z, z),
    "xlogy": lambda z: tl.xlogy(z, z),
    "searchsorted": lambda z: tl.searchsorted(z[0], z[0]),
    "max_pool": lambda z: F.max_pool1d(z[None], 2),
    "layer_norm": lambda z: F.layer_norm(z, (3,)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("recorded", [False, True], ids=["constant", "recorded"])
def test_operations_without_a_meaning_are_refused(name, recorded):
    z = tl.tensor(Z, requires_grad=recorded)
    for _ in range(2):  # the second time by the compiled call
        with pytest.raises(TypeError, match=r"not defined for complex numbers: .*complex128.*; use x\.real, x\.imag or x\.abs\(\)"):
            REFUSED[name](z)


def test_refusals_in_transforms():
    for transform in (lambda f: jvp(f, (Z,), (W,)), lambda f: vjp(f, Z), lambda f: vmap(f)(Z)):
        with pytest.raises(TypeError, match=r"maximum: not defined for complex numbers: x is complex128"):
            transform(lambda z: np.maximum(z, 0.0))


def test_real_only_operations_refuse_at_their_own_door():
    """The mark is on classes, so that no way round the public functions computes nonsense."""
    marked = [op for op in OPS.values() if op.real_only]
    assert len(marked) > 40
    for op in (OPS["Maximum"], OPS["Less"]):
        with pytest.raises(TypeError, match="not defined for complex numbers"):
            op.of(Z, W)
        with pytest.raises(TypeError, match="not defined for complex numbers"):
            op.of(X, 1j)


# ---- around the operations ------------------------------------------------------------------------------------------------------
def test_values_that_do_not_fit_real_tensors():
    mask = tl.tensor([True, False])
    for value in (1j, tl.tensor(1j)):
        with pytest.raises(TypeError, match="masked_fill: a complex value does not fit a tensor of float32"):
            tl.ones(2).masked_fill(mask, value)
    z = tl.tensor([1.7 + 2j, 0.5j])
    assert z.long().tolist() == [1, 0]
    assert z.bool().tolist() == [True, True]
    assert z.float().tolist() == [pytest.approx(1.7), 0.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_optimizers_step_in_both_parts(name):
    """As PyTorch: a complex parameter is its parts, side by side. States are saved and loaded."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; pip install -e '.[bench]' to compare with it")
    arguments = {"lr": 0.1, "weight_decay": 0.05, **({"momentum": 0.9} if name == "SGD" else {"amsgrad": True})}

    def run(T, reload):
        p = T.tensor(Z.T.copy(), requires_grad=True)
        optimizer = getattr(T.optim, name)([p], **arguments)
        for step in range(6):
            optimizer.zero_grad()
            ((p - (1 - 1j)).abs() ** 2).sum().backward()
            optimizer.step()
            if reload and step == 2:
                state = optimizer.state_dict()
                optimizer = getattr(T.optim, name)([p], lr=1.0)
                optimizer.load_state_dict(state)
        return p.detach().numpy()

    expected = run(torch, False)
    np.testing.assert_allclose(run(tl, False), expected, atol=1e-12)
    np.testing.assert_allclose(run(tl, True), expected, atol=1e-12)


def test_random_complex_numbers():
    tl.manual_seed(0)
    z = tl.randn(20_000, dtype=tl.complex64)
    assert z.dtype == np.complex64
    assert abs(z.var().item() - 1) < 0.05
    assert abs(z.real.var().item() - 0.5) < 0.03
    u = tl.rand(3, 2, dtype=tl.complex128)
    assert u.shape == (3, 2)
    assert bool(((u.real >= 0) & (u.real < 1) & (u.imag >= 0) & (u.imag < 1)).all())
    assert tl.randn_like(u).dtype == np.complex128
    assert tl.rand_like(u).shape == (3, 2)
    with pytest.raises(TypeError, match="randn: draws floating numbers: dtype is int64"):
        tl.randn(2, dtype=tl.int64)


@pytest.mark.parametrize("name", ["arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "sqrt", "log", "log2", "log10", "log1p"])
def test_slopes_on_a_cut_are_those_of_the_side_that_zero_says(name):
    """A part of 0 or -0 says on which side of the cut a number lies; along the cut the function is smooth."""
    f, e = getattr(np, name), 1e-6
    for r in (-2.5, -1.5, -0.4, 0.4, 1.5, 2.5):
        for zero in (0.0, -0.0):
            for direction, at in ((1.0, lambda t, zero=zero: complex(t, zero)), (1j, lambda t, zero=zero: complex(zero, t))):
                slope = (f(at(r + e)) - f(at(r - e))) / (2 * e * direction)
                z = np.array(at(r))
                np.testing.assert_allclose(tl.func.jvp(f, (z,), (np.array(1 + 0j),))[1], slope, rtol=1e-6, atol=1e-9, err_msg=str(z))
                x = tl.tensor(z, requires_grad=True)
                f(x).backward(tl.tensor(1 + 0j, dtype=tl.complex128))
                np.testing.assert_allclose(x.grad.conj(), slope, rtol=1e-6, atol=1e-9, err_msg=str(z))
