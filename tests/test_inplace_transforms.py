"""In-place changes inside function transforms: what they mean, and where they are refused."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import VersionError
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, vmap


def test_results_may_change_inside_grad():
    def f(x):
        y = x * 2.0
        y += x
        y *= y
        y[0] = 0.0
        return y.sum()

    np.testing.assert_allclose(grad(f)(np.array([1.0, 2.0])), [0.0, 36.0])


@pytest.mark.parametrize(
    "write",
    [
        lambda out, x: out.add_(x),
        lambda out, x: out.__iadd__(x),
        lambda out, x: out.__setitem__(0, x[0]),
        lambda out, x: out.copy_(x),
        lambda out, x: out.index_put_((tl.tensor([0]),), x[:1]),
    ],
    ids=["add_", "+=", "item", "copy_", "index_put_"],
)
@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap"])
def test_tensors_from_outside_cannot_take_a_transform_s_values(transform, write):
    out = tl.zeros(3, dtype=tl.float64)

    def f(x):
        write(out, x)
        return (out * 1.0).sum()

    with pytest.raises(TypeError, match="belongs to a function transform"):
        if transform == "grad":
            grad(f)(np.ones(3))
        elif transform == "jvp":
            jvp(f, (np.ones(3),), (np.ones(3),))
        else:
            vmap(f)(np.ones((2, 3)))
    assert out.tolist() == [0.0, 0.0, 0.0]
    assert not out.requires_grad


def test_buffers_take_detached_values_inside_grad():
    mean = tl.zeros(3, dtype=tl.float64)

    def f(x):
        mean.mul_(0.5).add_(x.detach(), alpha=0.5)
        mean[0] = x.detach()[1]
        return (x * x).sum()

    np.testing.assert_array_equal(grad(f)(np.ones(3)), [2.0, 2.0, 2.0])
    assert mean.tolist() == [1.0, 0.5, 0.5]


def changes_in_place(x, w):
    """Every kind of in-place change, and what it says out of place."""
    y = x * 2.0
    y.add_(w)
    y[0] = w * 3.0
    y[1:] *= w + 1.0
    y.mul_(y)
    y += x
    y.index_put_((tl.tensor([2]),), x[:1], accumulate=True)
    y.unsqueeze_(0).clamp_(-50.0, 50.0)
    return (y * y).sum()


def changes_out_of_place(x, w):
    y = x * 2.0 + w
    y = tl.stack([w * 3.0, *(y[1:] * (w + 1.0))])
    y = y * y + x
    y = y + tl.tensor([0.0, 0.0, 1.0], dtype=tl.float64) * x[0]
    return (y.clamp(-50.0, 50.0) ** 2).sum()


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "vmap grad", "jvp grad", "grad grad", "grad jvp", "vmap jvp", "jvp vmap"])
def test_in_place_changes_inside_every_transform(transform):
    tangent = tl.tensor([0.3, -1.0, 0.7], dtype=tl.float64)

    def apply(f):
        for name in reversed(transform.split()):
            if name == "grad":
                inner = f
                f = lambda x, w, inner=inner: grad(lambda x: inner(x, w).sum())(x)  # noqa: E731
            elif name == "jvp":
                inner = f
                f = lambda x, w, inner=inner: jvp(lambda x: inner(x, w), (x,), (tl.ones_like(x) * tangent,))[1]  # noqa: E731
            else:
                f = vmap(f, in_dims=(0, None))
        return f

    x = tl.tensor(np.random.default_rng(0).normal(size=(2, 3) if "vmap" in transform else 3))
    w = tl.tensor(0.4, dtype=tl.float64)
    before = x.tolist()
    np.testing.assert_allclose(apply(changes_in_place)(x, w).numpy(), apply(changes_out_of_place)(x, w).numpy(), rtol=1e-12)
    assert x.tolist() == before


def test_twins_inside_vmap_and_jvp_would_not_see_the_change():
    def with_twin(x):
        y = x * 2.0
        apart = y.detach()
        y.zero_()
        return apart

    for run in (
        lambda f: vmap(f)(tl.ones(2, 3)),
        lambda f: jvp(f, (tl.ones(3),), (tl.ones(3),)),
        lambda f: jvp(lambda x: grad(lambda x: f(x).sum())(x), (tl.ones(3),), (tl.ones(3),)),
    ):
        with pytest.raises(RuntimeError, match=r"inside a function transform this value \(shape .*clone\(\) it first"):
            run(with_twin)


def constants_in_place(x, w):
    """Constants overwrite what is looked at, and then it is written to again: by index, through a view, as a whole."""
    y = np.zeros_like(x * w)
    y += 1.0
    y[1] += 2.0
    view = y[1:]
    view += x[1:]
    y.fill_(3.0)
    y[0] *= w[0]
    view /= x[2]
    view[0] += 1.0
    y[...] = y + np.ones(3)
    z = x * w
    rest = z[1:]
    z[:] = x
    rest[0] *= w[1]
    z[0] += w[0]
    return np.sum(y * y * x * w) + np.sum(z * z * w) + rest[1]


def constants_out_of_place(x, w):
    y = np.stack([3.0 * w[0] + 1.0, 3.0 / x[2] + 2.0, 3.0 / x[2] + 1.0])
    z = np.stack([x[0] + w[0], x[1] * w[1], x[2]])
    return np.sum(y * y * x * w) + np.sum(z * z * w) + z[2]


@pytest.mark.parametrize("transform", ["grad", "jvp", "vmap", "vmap grad", "jvp grad", "grad grad", "grad jvp", "vmap grad grad"])
@pytest.mark.parametrize("followed", ["x", "w"])
def test_constants_may_take_the_place_of_what_is_looked_at(transform, followed):
    """Derivatives are of one argument, the batch is of the other: what is written is constant to some transforms only."""

    def apply(f):
        for name in reversed(transform.split()):
            inner = f
            if name == "grad":
                f = lambda a, b, inner=inner: grad(lambda a: np.sum(inner(a, b)))(a)  # noqa: E731
            elif name == "jvp":
                f = lambda a, b, inner=inner: jvp(lambda a: inner(a, b), (a,), (np.array([0.3, -1.0, 0.7]),))[1]  # noqa: E731
            else:
                f = vmap(f, in_dims=(None, 0))
        return f

    values = np.random.default_rng(0).uniform(0.5, 2.0, size=(3, 3))
    a, b = values[0], (values[1:] if "vmap" in transform else values[1])
    first, second = (apply(f if followed == "x" else lambda a, b, f=f: f(b, a))(a, b) for f in (constants_in_place, constants_out_of_place))
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_arguments_of_grad_cannot_be_changed_in_place():
    def f(x):
        x.mul_(2.0)
        return x.sum()

    with pytest.raises(RuntimeError, match=r"mul_: an argument of a function transform \(shape \(3,\)\)"):
        grad(f)(tl.ones(3))
    with pytest.raises(RuntimeError, match="mul_: an argument of a function transform"):
        vmap(grad(f))(tl.ones(2, 3))


def test_one_number_inside_a_transform_is_a_number():
    """``total = y[0]; total += y[1]`` is NumPy's way to add: it does not write into y."""

    def f(x):
        y = np.sin(x)
        total = y[0]
        total += y[1]
        return total * y[0]

    x = np.array([0.3, 0.7])
    s, c = np.sin(x), np.cos(x)
    expected = [c[0] * s[0] + (s[0] + s[1]) * c[0], c[1] * s[0]]
    np.testing.assert_allclose(grad(f)(x), expected)
    np.testing.assert_allclose(vmap(grad(f))(x[None])[0], expected)
    np.testing.assert_allclose(jvp(f, (x,), (np.array([1.0, 0.0]),))[1], expected[0])


def test_augmented_assignment_inside_vmap_and_jvp_is_out_of_place():
    def f(x):
        x += 1.0
        x *= x
        return x

    given = np.ones((2, 3))
    np.testing.assert_array_equal(vmap(f)(given), np.full((2, 3), 4.0))
    assert given.tolist() == [[1.0] * 3] * 2
    _, slope = jvp(f, (np.ones(3),), (np.ones(3),))
    np.testing.assert_array_equal(slope, [4.0, 4.0, 4.0])


# ---- changed after it was saved -------------------------------------------------------------------------------------------------

MATRIX = np.random.default_rng(0).normal(size=(4, 4))


def power_iteration(x):
    q = x * 1.0
    for _ in range(5):
        q = MATRIX @ q
        q /= np.linalg.norm(q)
    return (q * np.arange(4.0)).sum()


def weights(x):
    w = np.exp(x)
    w /= w.sum()
    w *= w
    w += np.sin(w)
    return (w**2).sum()


def orthogonalised(x):
    w = x * 2.0
    basis = np.stack([x, x**2], 1)
    w -= basis @ (basis.T @ w)
    w /= np.sqrt(w @ w)
    return np.sum(w**3)


def joined(x):
    a = np.sin(x)
    b = np.concatenate([a, a * a, x])
    a *= b[:4]
    return (a * b[4:8] * b[8:]).sum()


class Square(tl.autograd.Function):
    @staticmethod
    def forward(x):
        return x * x

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs, output)

    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        return g * (x + y / x)


def users_function(x):
    q = tl.as_tensor(x) * 1.0 if isinstance(x, np.ndarray) else x * 1.0
    r = Square.apply(q)
    q /= 2.0
    s = r * q
    r *= 3.0
    total = (s * r).sum()
    return total.item() if isinstance(x, np.ndarray) else total


@pytest.mark.parametrize("f", [power_iteration, weights, orthogonalised, joined, users_function], ids=lambda f: f.__name__)
def test_a_value_changed_whole_after_it_was_saved_is_found_again(f):
    x = np.random.default_rng(1).normal(size=4)
    steps = 1e-6 * np.eye(4)
    g = np.asarray(grad(f)(x))
    np.testing.assert_allclose(g, [(f(x + h) - f(x - h)) / 2e-6 for h in steps], atol=1e-8)
    np.testing.assert_allclose(jvp(f, (x,), (g,))[1], g @ g, rtol=1e-12)
    h = np.asarray(hessian(f)(x))
    np.testing.assert_allclose(h, [(np.asarray(grad(f)(x + h)) - np.asarray(grad(f)(x - h))) / 2e-6 for h in steps], atol=1e-7)
    for outer, inner in ((jacrev, jacrev), (jacrev, jacfwd), (jacfwd, jacfwd)):
        np.testing.assert_allclose(outer(inner(f))(x), h, atol=1e-12)
    np.testing.assert_allclose(vmap(grad(f))(np.stack([x, x + 0.1]))[0], g, atol=1e-14)


def test_a_part_that_is_changed_after_it_was_saved_is_kept_for_who_saved_it():
    def f(x):
        w = x * 1.0
        y = w * w
        w[0] = 1.0
        return y.sum()

    np.testing.assert_array_equal(grad(f)(np.array([2.0, 3.0])), [4.0, 6.0])
    with pytest.raises(VersionError, match="mul: a value needed for the gradient was changed in place"):
        hessian(f)(np.array([2.0, 3.0]))


def test_outside_of_transforms_it_is_an_error_as_in_pytorch():
    x = tl.tensor([1.0, 2.0], requires_grad=True)
    w = x * 1.0
    y = w * w
    w /= 2.0
    with pytest.raises(VersionError, match="mul: a value needed"):
        y.sum().backward()
