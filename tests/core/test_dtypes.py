"""Result types against PyTorch's, for every pair of dtypes and every priority."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.dtypes import promote_types, result_type

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128"]
PAIRS = list(itertools.product(NAMES, repeat=2))


def as_torch(torch, dtype):
    return getattr(torch, str(np.dtype(dtype)))


def without_complex32(torch, dtype):
    """NumPy has no complex numbers of two half floats; the next larger ones stand in for them."""
    return torch.complex64 if dtype == torch.complex32 else dtype


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_promote_types_equals_torch(a, b):
    torch = pytest.importorskip("torch")
    expected = torch.promote_types(getattr(torch, a), getattr(torch, b))
    assert as_torch(torch, promote_types(np.dtype(a), np.dtype(b))) == without_complex32(torch, expected)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_result_type_with_zero_dimensional_operand_equals_torch(a, b):
    torch = pytest.importorskip("torch")
    x, y = torch.ones(2, dtype=getattr(torch, a)), torch.ones((), dtype=getattr(torch, b))
    ours = result_type(np.ones(2, a), np.ones((), b))
    assert as_torch(torch, ours) == without_complex32(torch, torch.result_type(x, y))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("number", [True, 3, 2.5, 1j])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_result_type_with_number_equals_torch(name, number, shape):
    torch = pytest.importorskip("torch")
    ours = result_type(np.ones(shape, name), number)
    expected = torch.result_type(torch.ones(shape, dtype=getattr(torch, name)), number)
    assert as_torch(torch, ours) == without_complex32(torch, expected)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_products_have_the_result_type(a, b):
    """The rule is applied by the operations, in both orders, recorded or not."""
    x, y = tl.Tensor(np.ones(2, a)), tl.Tensor(np.ones(2, b))
    expected = promote_types(np.dtype(a), np.dtype(b))
    assert (x * y).dtype == (y * x).dtype == expected
    if np.dtype(a).kind == "f" and expected.kind == "f":
        x.requires_grad_()
        z = x * y
        assert z.dtype == expected
        z.backward(np.ones(2))
        assert x.grad.dtype == a


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "nanmean", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("own", ["bool", "uint8", "int32", "int64", "float16", "float32", "float64"])
def test_the_dtype_that_is_asked_for_is_that_of_the_result(name, own):
    """Whatever the operand's is, and whatever the operation would have chosen."""
    x = tl.ones(2, 3, dtype=getattr(tl, own))
    for given in ("float16", "float32", "float64"):
        for method in (getattr(tl, name), lambda x, **options: getattr(x, name)(**options)):
            assert method(x, dim=1, dtype=getattr(tl, given)).dtype == given


def test_numpy_numbers_are_weak():
    x = tl.Tensor(np.ones(2, np.float32), requires_grad=True)
    assert (x * np.float64(2.0)).dtype == np.float32
    assert (np.float64(2.0) * x).dtype == np.float32
    assert (x * np.sqrt(2.0)).dtype == np.float32


def test_integers_become_the_default_float():
    x = tl.Tensor(np.ones(2, np.int64))
    assert (x / 2).dtype == np.float32
    assert np.exp(x).dtype == np.float32
    assert (x * 2.5).dtype == np.float32
    tl.set_default_dtype(tl.float64)
    try:
        assert np.exp(x).dtype == np.float64
    finally:
        tl.set_default_dtype(tl.float32)


def test_default_dtype_must_be_floating():
    with pytest.raises(TypeError, match="set_default_dtype: only floating dtypes"):
        tl.set_default_dtype(np.int32)


def test_complex_gradients_follow_the_conjugate_convention():
    """dL/dx + i dL/dy: a small step against the gradient makes the loss smaller by its squared length."""
    z = tl.tensor([1.0 + 2.0j, -0.5j], dtype=tl.complex128, requires_grad=True)
    x = tl.tensor([2.0, 3.0], dtype=tl.float64, requires_grad=True)

    def loss(z, x):
        w = z * x + 1j
        return (w * w.conj() * w * w.conj()).sum().to(tl.float64)

    loss(z, x).backward()
    assert z.grad.dtype == np.complex128
    assert x.grad.dtype == np.float64
    step, squared = 1e-7, (z.grad.abs() ** 2).sum() + (x.grad**2).sum()
    with tl.no_grad():
        lower = loss(z - step * z.grad, x - step * x.grad)
        np.testing.assert_allclose((loss(z, x) - lower).item() / step, squared.item(), rtol=1e-3)


def test_complex_roots_need_a_gradient():
    z = tl.tensor([1j], requires_grad=True)
    with pytest.raises(RuntimeError, match="real scalar: the tensor is complex64; make the loss real"):
        (z * z).sum().backward()
    (z * z).backward(tl.tensor([1.0 + 0j]))
    np.testing.assert_allclose(z.grad.numpy(), [-2j])
