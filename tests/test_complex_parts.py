"""Assignment to the parts of complex tensors, ``z.real = w`` and ``z.imag *= 2``: in place, recorded, in transforms, as in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import DTypeError, GraphError
from tensorflowlite_clone.func import grad, jvp, vmap


def assign_real(z, w):
    z.real = w


def assign_imag(z, w):
    z.imag = w * 2


def add_to_real(z, w):
    z.real += w


def scale_imag(z, w):
    z.imag *= w


def number(z, w):
    z.real = 3.0
    z.imag -= 1


CHANGES = [assign_real, assign_imag, add_to_real, scale_imag, number]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_values_are_those_of_numpy(change, shape):
    rng = np.random.default_rng(0)
    array, w = np.array(rng.normal(size=shape) + 1j * rng.normal(size=shape)), rng.normal(size=shape)
    z = tl.tensor(array)
    view, change_count = z.view(-1), z._version
    change(z, tl.tensor(w))
    change(array, w)
    np.testing.assert_array_equal(z.numpy(), array)
    np.testing.assert_array_equal(view.numpy(), array.reshape(-1))
    assert z._version > change_count


@pytest.mark.parametrize("change", CHANGES)
def test_gradients_are_those_of_torch(change):
    torch = pytest.importorskip("torch")
    values, weights = np.array([1 + 2j, -0.5 - 1j]), np.array([0.5, -3.0])
    grads = []
    for lib in (tl, torch):
        x, w = lib.tensor(values, requires_grad=True), lib.tensor(weights, requires_grad=True)
        z = x * (2 - 1j)
        change(z, w)
        (z * z * (1 + 0.5j)).real.sum().backward()
        grads += [x.grad.numpy(), np.zeros(2) if w.grad is None else w.grad.numpy()]
    np.testing.assert_allclose(grads[0], grads[2], rtol=1e-12)
    np.testing.assert_allclose(grads[1], grads[3], rtol=1e-12)


@pytest.mark.parametrize("change", [assign_real, assign_imag])
def test_in_transforms(change):
    def f(w, change=change):
        z = tl.stack([w, w * 2]) * (1 + 2j)
        change(z, tl.stack([w * w, w]))
        return (z * z).real.sum()

    def out_of_place(w):
        z = tl.stack([w, w * 2]) * (1 + 2j)
        v = tl.stack([w * w, w])
        z = tl.complex(v, z.imag) if change is assign_real else tl.complex(z.real, v * 2)
        return (z * z).real.sum()

    w = tl.tensor([0.5, -2.0], dtype=tl.float64)
    for run in (
        lambda f: f(w),
        lambda f: grad(f)(w),
        lambda f: jvp(f, (w,), (w + 1,))[1],
        lambda f: vmap(f)(w),
        lambda f: vmap(grad(f))(w),
    ):
        np.testing.assert_allclose(run(f).numpy(), run(out_of_place).numpy(), rtol=1e-12)


def test_real_tensors_are_their_own_real_part():
    x = tl.tensor([1.0, 2.0])
    x.real = tl.tensor([3.0, 4.0])
    x.real += 1
    assert x.tolist() == [4.0, 5.0]
    with pytest.raises(DTypeError, match="imag: needs complex"):
        x.imag = 1.0


def test_a_leaf_is_refused_before_anything_changes():
    z = tl.tensor([1 + 2j], requires_grad=True)
    with pytest.raises(GraphError, match="leaf"):
        z.real = 3.0
    assert z.tolist() == [1 + 2j]


def _through_real(z, w):
    z.real += w
    return z


def _through_imag(z, w):
    z.imag *= w
    return z


def _through_pairs(z, w):
    tl.view_as_real(z)[..., 0].mul_(w)
    return z


def _through_a_part_of_the_pairs(z, w):
    pairs = tl.view_as_real(z)
    pairs[0, 1] += w[0]
    return z + pairs[0, 1]


def _part_of_the_real_parts(z, w):
    z[1:].real.sub_(w[1:])
    return z


def _through_complex(z, w):
    x = tl.view_as_real(z * 1)
    tl.view_as_complex(x)[:1].mul_(1j * w[:1])
    return tl.view_as_complex(x.clone())


def _kept_view(z, w):
    real = z.real
    z *= w
    return z + real


THROUGH = {
    _through_real: lambda z, w: tl.complex(z.real + w, z.imag),
    _through_imag: lambda z, w: tl.complex(z.real, z.imag * w),
    _through_pairs: lambda z, w: tl.complex(z.real * w, z.imag),
    _through_a_part_of_the_pairs: lambda z, w: tl.stack([z[0] + 1j * w[0], z[1]]) + z[0].imag + w[0],
    _part_of_the_real_parts: lambda z, w: tl.stack([z[0], z[1] - w[1]]),
    _through_complex: lambda z, w: tl.stack([z[0] * 1j * w[0], z[1]]),
    _kept_view: lambda z, w: z * w + (z * w).real,
}


@pytest.mark.parametrize("change", THROUGH, ids=lambda f: f.__name__.strip("_"))
def test_views_of_the_parts_are_followed_in_transforms(change):
    def loss(step):
        def f(w):
            z = step(tl.stack([w[0] * w[1], w[1]]) * (1 + 2j), w)
            return (z * z * (0.5 - 1j)).real.sum()

        return f

    w = tl.tensor([0.5, -2.0], dtype=tl.float64)
    several = tl.stack([w, w + 1, w * 3])
    for run in (
        lambda f: f(w),
        lambda f: grad(f)(w),
        lambda f: jvp(f, (w,), (w + 1,))[1],
        lambda f: vmap(f)(several),
        lambda f: vmap(grad(f))(several),
        lambda f: jvp(grad(f), (w,), (w + 1,))[1],
        lambda f: grad(lambda w: (grad(f)(w) ** 2).sum())(w),
    ):
        np.testing.assert_allclose(run(loss(change)).numpy(), run(loss(THROUGH[change])).numpy(), rtol=1e-12)
