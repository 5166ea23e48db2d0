"""What single arguments of PyTorch's signatures mean that no sample gives: other names, old ones, several numbers in a row."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl

X = np.arange(1.0, 9.0).reshape(1, 2, 4, 1)
P = np.random.default_rng(0).uniform(0.1, 0.9, (3, 2, 4))
#: Calls that give the same here and in PyTorch: T is the package, F its functions, x, a and b tensors.
CALLS = {
    "squeeze dims": lambda T, F, x, a, b: x.squeeze(0, 3),
    "squeeze kw": lambda T, F, x, a, b: x.squeeze(dim=(0, -1)),
    "squeeze_": lambda T, F, x, a, b: x.clone().squeeze_(0, 3),
    "count_nonzero": lambda T, F, x, a, b: x.count_nonzero(0, 1),
    "hsplit": lambda T, F, x, a, b: a.hsplit(1, 3),
    "hsplit indices": lambda T, F, x, a, b: T.hsplit(a, indices=[1, 3]),
    "vsplit sections": lambda T, F, x, a, b: T.vsplit(a, sections=2),
    "dsplit": lambda T, F, x, a, b: x.dsplit(sections=2),
    "tensor_split": lambda T, F, x, a, b: T.tensor_split(a, tensor_indices_or_sections=T.tensor([1]), dim=1),
    "split": lambda T, F, x, a, b: a.split(split_size=3, dim=1),
    "swapaxes": lambda T, F, x, a, b: T.swapaxes(a, axis0=0, axis1=1),
    "broadcast_to": lambda T, F, x, a, b: T.broadcast_to(a, size=(2, 2, 4)),
    "expand implicit": lambda T, F, x, a, b: a.expand(2, 2, 4, implicit=False),
    "subtract": lambda T, F, x, a, b: T.subtract(a, 2, 3),
    "rsub": lambda T, F, x, a, b: T.rsub(a, 2, 3),
    "heaviside": lambda T, F, x, a, b: T.heaviside(a - a[0, 0], values=b),
    "isin": lambda T, F, x, a, b: T.isin(elements=x, test_element=2.0),
    "histogram": lambda T, F, x, a, b: T.histogram(a).hist,
    "gather": lambda T, F, x, a, b: T.gather(a, 1, T.tensor([[0], [1]]), sparse_grad=False),
    "copy": lambda T, F, x, a, b: a.clone().copy_(other=b),
    "numpy names": lambda T, F, x, a, b: T.sum(a=a, axis=1, keepdims=True),
    "linalg names": lambda T, F, x, a, b: T.linalg.norm(input=a),
    "to": lambda T, F, x, a, b: x.to(T.float32, False, True),
    "to other": lambda T, F, x, a, b: x.to(T.zeros(1), memory_format=T.preserve_format),
    "cpu": lambda T, F, x, a, b: x.cpu(memory_format=T.preserve_format).type(T.float32, non_blocking=True),
    "contiguous": lambda T, F, x, a, b: T.tensor(x.is_contiguous(memory_format=T.contiguous_format)),
    "strided": lambda T, F, x, a, b: T.zeros(size=(2, 3), layout=T.strided, device="cpu", pin_memory=False, requires_grad=False),
    "like": lambda T, F, x, a, b: T.full_like(a, 2.5, layout=T.strided, pin_memory=False, memory_format=T.preserve_format),
    "new": lambda T, F, x, a, b: a.new_full((2,), 3.0, layout=T.strided, pin_memory=False),
    "tensor": lambda T, F, x, a, b: T.tensor([1.0, 2.0], dtype=T.float64, pin_memory=False, requires_grad=True),
    "view dtype": lambda T, F, x, a, b: a.view(T.int64),
    "view narrower": lambda T, F, x, a, b: a.view(dtype=T.int32),
    "view wider": lambda T, F, x, a, b: a.view(T.complex128),
    "roll": lambda T, F, x, a, b: T.roll(input=a, shifts=1, dims=()),
    "stft": lambda T, F, x, a, b: T.stft(
        x.reshape(-1), 8, 2, 4, T.ones(4, dtype=T.float64), center=False, return_complex=True, align_to_window=True
    ),
    "dropout": lambda T, F, x, a, b: F.dropout(a, p=0.5, training=False),
    "norm dtype": lambda T, F, x, a, b: a.to(T.float32).norm(2, 1, True, T.float64),
    **{
        f"{n} {s} {r}": lambda T, F, x, a, b, n=n, s=s, r=r: getattr(F, n)(a, b, size_average=s, reduce=r)
        for n in ("mse_loss", "l1_loss", "smooth_l1_loss", "kl_div", "soft_margin_loss", "binary_cross_entropy", "poisson_nll_loss")
        for s in (None, True, False) for r in (None, True, False)
    },
    "mse by position": lambda T, F, x, a, b: F.mse_loss(a, b, None, None, "sum", b),
    "cross_entropy by position": lambda T, F, x, a, b: F.cross_entropy(a, T.tensor([1, -1]), None, None, -1, None, "sum", 0.1),
    "triplet by position": lambda T, F, x, a, b: F.triplet_margin_loss(a, b, a, 1.0, 2.0, 1e-6, False, None, None, "none"),
}  # fmt: skip


def run(T, call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = call(T, T.nn.functional, *(T.from_numpy(v.copy()) for v in (X, P[0], P[1])))
    return list(result) if isinstance(result, tuple | list) else [result]


@pytest.mark.parametrize("name", CALLS)
def test_as_torch(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = run(tl, CALLS[name]), run(torch, CALLS[name])
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape) and str(np.dtype(a.dtype)) == str(b.dtype).removeprefix("torch.")
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_bytes_read_as_another_dtype_share_the_memory():
    x = tl.zeros(2, 2)
    y = x.view(tl.int32)
    y[0, 1] = 0x3F800000
    assert x.tolist() == [[0.0, 1.0], [0.0, 0.0]] and x._version == 1
    assert x.view(tl.float64).shape == (2, 1) and x.view(tl.int16).shape == (2, 4)
    assert not tl.zeros(2, requires_grad=True).view(tl.int32).requires_grad
    for bad, error, pattern in (
        (lambda: tl.zeros(3, 3).view(tl.float64), RuntimeError, "view: the bits of float32 .* cannot be seen as float64"),
        (lambda: tl.func.vmap(lambda v: v.view(tl.int32))(x), RuntimeError, "view: inside a function transform a value has no bits"),
    ):
        with pytest.raises(error, match=pattern):
            bad()


def test_arguments_that_cannot_be():
    for bad, error, pattern in (
        (lambda: tl.zeros(2, layout="sparse"), RuntimeError, "zeros: layout: tensors are dense here: got 'sparse'"),
        (lambda: tl.zeros(2, colour=1), TypeError, "zeros: .*colour"),
        (lambda: tl.rand(2, requires_grad="yes"), TypeError, "rand: requires_grad must be True or False"),
        (lambda: tl.sum(tl.ones(2), dim=0, axis=0), TypeError, "sum: got both dim= and its other name axis="),
        (lambda: tl.stft(tl.ones(8), 4, align_to_window=True, return_complex=True), RuntimeError, "stft: align_to_window"),
        (lambda: tl.nn.functional.mse_loss(tl.ones(2), tl.ones(2), weight=tl.ones(3)), RuntimeError, "mse_loss: weight must have"),
    ):
        with pytest.raises(error, match=pattern):
            bad()
    with pytest.warns(UserWarning, match="mse_loss: size_average and reduce are deprecated: .* pass reduction='sum'"):
        tl.nn.functional.mse_loss(tl.ones(2), tl.ones(2), size_average=False)


@pytest.mark.parametrize("name, args, now", [
    ("add", (2.0, "y"), {"alpha": 2.0}), ("addcmul", (0.5, "y", "z"), {"value": 0.5}),
    ("addcdiv", (-0.1, "y", "z"), {"value": -0.1}), ("addmm", (3.0, 2.0, "y", "z"), {"beta": 3.0, "alpha": 2.0}),
    ("addmm", (3.0, "y", "z"), {"beta": 3.0}),
])  # fmt: skip
def test_factors_by_position_are_taken_with_a_warning(name, args, now):
    """As programs wrote them before PyTorch 1.5, in functions, methods and methods in place."""
    tensors = {"y": tl.tensor([[2.0, 1.0], [4.0, 3.0]]), "z": tl.tensor([[1.0, 5.0], [2.0, 2.0]])}
    x, given = tl.tensor([[1.0, 2.0], [3.0, 4.0]]), [tensors.get(a, a) if isinstance(a, str) else a for a in args]
    expected = getattr(x, name)(*(a for a in given if isinstance(a, tl.Tensor)), **now)
    calls = [lambda: getattr(x, name)(*given), lambda: getattr(x.clone(), f"{name}_")(*given)]
    calls += [lambda: getattr(tl, name)(x, *given)] if name != "addmm" else [lambda: tl.addmm(given[0], x, *given[1:])]
    for call in calls:
        with pytest.warns(UserWarning, match=rf"{name}: a factor by position is deprecated: pass {next(iter(now))}="):
            assert tl.equal(call(), expected)
    with pytest.raises(TypeError, match=f"{name}: these arguments do not fit"):
        getattr(x, name)(*given, 3, 4)
