"""bfloat16 (the extra ``bf16``): stored as the upper half of float32, computed in float32, rounded once an operation; beside PyTorch."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes, the extra bf16")

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(4, 5)).astype("f4"), RNG.normal(size=(5, 3)).astype("f4")


def a(T):
    return T.tensor(A).to(T.bfloat16)


def b(T):
    return T.tensor(B).to(T.bfloat16)


def F(T):
    return T.nn.functional


def changed(x, change):
    change(x)
    return x


#: Value and dtype as in PyTorch, to the one rounding that may differ where float32 sums in another order (PyTorch rounds each product).
CASES = {
    "add": lambda T: a(T) + a(T).flip(0),
    "add a number": lambda T: a(T) + 1.7,
    "subtract from a number": lambda T: 1.7 - a(T),
    "times a number": lambda T: a(T) * 1.7,
    "by a number": lambda T: a(T) / 1.7,
    "remainder": lambda T: a(T) % 0.3,
    "larger than a number": lambda T: a(T) > 0.3,
    "with integers": lambda T: a(T) + T.arange(5),
    "with float32": lambda T: a(T) + T.ones(5),
    "with float16": lambda T: a(T) + T.ones(5, dtype=T.float16),
    "with float64 0-d": lambda T: a(T) + T.ones((), dtype=T.float64),
    "float32 with 0-d": lambda T: T.ones(5) + a(T)[0, 0],
    "with complex numbers": lambda T: a(T) * 1j,
    "square": lambda T: a(T) ** 2,
    "power": lambda T: a(T).abs() ** 1.5,
    "exponential": lambda T: a(T).exp(),
    "nan_to_num": lambda T: T.nan_to_num(a(T) / T.zeros(5, dtype=T.bfloat16)),
    "nan_to_num with bounds": lambda T: T.nan_to_num(a(T) / T.zeros(5, dtype=T.bfloat16), posinf=2.0),
    "histc": lambda T: (T.histc(a(T), 4), T.histc(a(T), 3, -1, 1)),
    "windows": lambda T: [str(f(5, dtype=T.bfloat16).dtype)[-8:] for f in (T.hann_window, T.kaiser_window, T.bartlett_window)],
    "masked means": lambda T: (T.masked.mean(a(T), 0), T.masked.mean(a(T), 1, mask=a(T) > 0), T.masked.mean(a(T), 1, dtype=T.float32)),
    "masked deviations": lambda T: (T.masked.var(a(T), 0), T.masked.std(a(T), 1, mask=a(T) > -1)),
    "masked extrema": lambda T: (T.masked.amax(a(T), 0, mask=a(T) > 0), T.masked.argmin(a(T), 1, mask=a(T) > 0)),
    "scattered extrema": lambda T: a(T).scatter_reduce(0, T.tensor([[0, 1, 0, 2, 2]] * 3), a(T)[1:], "amin", include_self=False),
    "indexed extrema": lambda T: a(T).index_reduce(0, T.tensor([2, 2, 0]), a(T)[1:], "amax", include_self=False),
    "gelu": lambda T: F(T).gelu(a(T)),
    "floor": lambda T: a(T).floor(),
    "round": lambda T: (a(T) * 10).round(),
    "sign": lambda T: a(T).sign(),
    "isnan": lambda T: a(T).isnan(),
    "clamp": lambda T: a(T).clamp(0, 0.5),
    "where": lambda T: T.where(a(T) > 0, a(T), 0.0),
    "lerp": lambda T: T.lerp(a(T), a(T) * 2, 0.3),
    "addcmul": lambda T: T.addcmul(a(T), a(T), a(T), value=1.7),
    "matmul": lambda T: a(T) @ b(T),
    "linear": lambda T: F(T).linear(a(T), b(T).t()),
    "einsum": lambda T: T.einsum("ij,jk->ik", a(T), b(T)),
    "bmm": lambda T: T.bmm(a(T)[None], b(T)[None]),
    "outer": lambda T: T.outer(a(T)[0], a(T)[1]),
    "sum": lambda T: a(T).sum(0),
    "sum of many": lambda T: T.ones(1000, dtype=T.bfloat16).sum(),
    "mean of many": lambda T: (T.ones(3000, dtype=T.bfloat16) * 1.0078125).mean(),
    "sum in float32": lambda T: a(T).sum(dtype=T.float32),
    "sum into it": lambda T: T.ones(3).sum(dtype=T.bfloat16),
    "prod": lambda T: a(T).prod(1),
    "var": lambda T: a(T).var(1),
    "norm": lambda T: a(T).norm(),
    "argmax": lambda T: a(T).argmax(1),
    "max": lambda T: tuple(a(T).max(1)),
    "sort": lambda T: tuple(a(T).sort(1)),
    "topk": lambda T: tuple(a(T).topk(2)),
    "cumsum": lambda T: a(T).cumsum(1),
    "unique": lambda T: T.unique(a(T)),
    "nonzero": lambda T: a(T).relu().nonzero(),
    "softmax": lambda T: F(T).softmax(a(T), -1),
    "layer_norm": lambda T: F(T).layer_norm(a(T), (5,)),
    "cross_entropy": lambda T: F(T).cross_entropy(a(T), T.tensor([0, 1, 2, 3])),
    "mse_loss": lambda T: F(T).mse_loss(a(T), a(T) * 2),
    "conv1d": lambda T: F(T).conv1d(a(T)[None], T.ones(2, 4, 3, dtype=T.bfloat16)),
    "max_pool1d": lambda T: F(T).max_pool1d(a(T)[None], 2),
    "embedding": lambda T: F(T).embedding(T.tensor([0, 1]), a(T)),
    "cat": lambda T: T.cat([a(T), a(T)]),
    "cat with float32": lambda T: T.cat([a(T), T.ones(1, 5)]),
    "stack": lambda T: T.stack([a(T), a(T)]),
    "flip": lambda T: a(T).flip(0),
    "tril": lambda T: a(T).tril(),
    "index": lambda T: a(T)[1:, 2],
    "one": lambda T: a(T)[1, 2],
    "gather": lambda T: a(T).gather(1, T.tensor([[0], [1], [2], [3]])),
    "scatter_add": lambda T: T.zeros(4, 5, dtype=T.bfloat16).scatter_add(1, T.tensor([[0], [1], [2], [3]]), a(T)),
    "masked_fill": lambda T: a(T).masked_fill(a(T) > 0, 1.7),
    "expand": lambda T: a(T)[:1].expand(3, 5),
    "transposed copy": lambda T: a(T).t().contiguous(),
    "item": lambda T: a(T)[1, 2].item(),
    "tolist": lambda T: a(T).tolist(),
    "to bool": lambda T: a(T).bool(),
    "to int": lambda T: (a(T) * 3).int(),
    "to float64": lambda T: a(T).double(),
    "to float16": lambda T: a(T).half(),
    "of integers": lambda T: T.arange(300).to(T.bfloat16),
    "of float64": lambda T: T.tensor([1e39, 1.00390626, -1e-45, float("nan")], dtype=T.float64).bfloat16(),
    "of bool": lambda T: T.tensor([True, False]).bfloat16(),
    "zeros": lambda T: T.zeros(2, dtype=T.bfloat16),
    "ones_like": lambda T: T.ones_like(a(T)),
    "full": lambda T: T.full((2,), 2.7, dtype=T.bfloat16),
    "full_like": lambda T: T.full_like(a(T), 2.7),
    "arange": lambda T: T.arange(0, 3, 0.3, dtype=T.bfloat16),
    "linspace": lambda T: T.linspace(0, 1, 5, dtype=T.bfloat16),
    "eye": lambda T: T.eye(3, dtype=T.bfloat16),
    "new_ones": lambda T: a(T).new_ones(2),
    "tensor": lambda T: T.tensor(A.tolist(), dtype=T.bfloat16),
    "add_": lambda T: a(T).add_(1.7),
    "mul_": lambda T: a(T).mul_(a(T)),
    "fill_": lambda T: a(T).fill_(1.7),
    "zero_": lambda T: a(T).zero_(),
    "copy_ from float32": lambda T: T.zeros(4, 5, dtype=T.bfloat16).copy_(T.tensor(A)),
    "copy_ into float32": lambda T: T.zeros(4, 5).copy_(a(T)),
    "set a number": lambda T: changed(a(T), lambda x: x.__setitem__((0, 1), 1.7)),
    "set a row": lambda T: changed(a(T), lambda x: x.__setitem__(0, T.ones(5))),
    "in place with float32": lambda T: a(T).add_(T.ones(5)),
    "finfo": lambda T: repr(T.finfo(T.bfloat16)),
    "printed": lambda T: repr(a(T)).replace("torch.", ""),
    "printed small": lambda T: repr(T.tensor([1e-3, 5.0], dtype=T.bfloat16)).replace("torch.", ""),
    "bytes": lambda T: (a(T).element_size(), a(T).nbytes, a(T).stride()),
    "attributes": lambda T: (T.bfloat16.itemsize, T.bfloat16.is_floating_point, T.bfloat16.is_signed, T.bfloat16.is_complex),
    "promotion": lambda T: [
        str(T.promote_types(T.bfloat16, getattr(T, d))).replace("torch.", "")
        for d in ("bool", "uint8", "int64", "float16", "float32", "float64", "complex64", "bfloat16")
    ],
    "result type": lambda T: [str(T.result_type(a(T), other)).replace("torch.", "") for other in (2, 2.5, T.ones(()), T.ones(1), 1j)],
}  # fmt: skip


def plain(x, T):
    """Values in float64, and the dtype's name."""
    if not isinstance(x, T.Tensor):
        return x
    complex_ = T.is_complex(x)
    return str(x.dtype).replace("torch.", ""), x.detach().to(T.complex128 if complex_ else T.float64).numpy()


@pytest.mark.parametrize("name", CASES)
def test_bfloat16_is_that_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = CASES[name](tl), CASES[name](torch)
    several = isinstance(theirs, tuple)
    assert not several or len(ours) == len(theirs)
    for x, y in zip(ours if several else (ours,), theirs if several else (theirs,), strict=True):
        (x, y) = plain(x, tl), plain(y, torch)
        if isinstance(y, tuple) and isinstance(y[-1], np.ndarray):
            assert x[0] == y[0] and x[1].shape == y[1].shape
            np.testing.assert_allclose(x[1], y[1], rtol=2**-8 * (3 if name == "prod" else 1) if x[0] == "bfloat16" else 1e-6, atol=1e-6)
        else:
            assert x == y


#: A function of one bfloat16 matrix whose gradient is compared.
GRADIENTS = {
    "chain": lambda T, x: (x * x + 1).exp().sum(),
    "matmul": lambda T, x: (x @ b(T)).tanh().sum(),
    "softmax": lambda T, x: (F(T).softmax(x, -1) * T.arange(5)).sum(),
    "layer_norm": lambda T, x: (F(T).layer_norm(x, (5,)) ** 3).mean(),
    "views": lambda T, x: (x.t()[1:].reshape(-1) * 3).sum() + x[0, 0],
    "expand": lambda T, x: (x[:1].expand(300, 5) * 1.7).sum(),
    "broadcast": lambda T, x: (x[0] + T.ones(40, 5, dtype=T.bfloat16)).pow(2).sum(),
    "float32 beside it": lambda T, x: (x * T.ones(5)).sum(),
    "cast": lambda T, x: (x.float() ** 2).sum().to(T.bfloat16),
    "cross_entropy": lambda T, x: F(T).cross_entropy(x, T.tensor([0, 1, 2, 3])),
    "index": lambda T, x: (x[[0, 0, 2]] * 2).sum(),
    "where": lambda T, x: T.where(x > 0, x, x * 0.1).sum(),
    "max": lambda T, x: x.max(1)[0].sum(),
    "cat": lambda T, x: T.cat([x, x * 2]).sum(),
    "in place": lambda T, x: (x * 1).mul_(2).add_(x).sum(),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_bfloat16_and_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    x, y = a(tl).requires_grad_(), a(torch).requires_grad_()
    out = GRADIENTS[name](tl, x)
    out.backward()
    GRADIENTS[name](torch, y).backward()
    assert x.grad.dtype is tl.bfloat16 and x.grad.shape == x.shape
    np.testing.assert_allclose(x.grad.double().numpy(), y.grad.double().numpy(), rtol=2**-6, atol=2**-6 * y.grad.abs().max().item())


@pytest.mark.parametrize("name", GRADIENTS)
def test_every_mode_gives_the_float32_derivative_rounded(name):
    def f(v):
        return GRADIENTS[name](tl, v)

    x = a(tl)
    wide = tl.func.grad(lambda v: f(v) if v.dtype is tl.bfloat16 else f(v.to(tl.bfloat16)))(x)
    assert wide.dtype is tl.bfloat16
    scale = 2**-5 * (1 + wide.abs().max().item())
    value, slope = tl.func.jvp(f, (x,), (tl.ones_like(x),))
    assert slope.dtype is value.dtype
    assert abs(slope.double() - wide.double().sum()).item() < 20 * scale
    if name not in ("in place", "index", "cross_entropy"):
        batch = tl.func.vmap(tl.func.grad(f))(tl.stack([x, x]))
        assert batch.dtype is tl.bfloat16
        np.testing.assert_allclose(batch[1].double().numpy(), wide.double().numpy(), atol=scale, rtol=0)
    leaf = a(tl).requires_grad_()
    (g,) = tl.autograd.grad(f(leaf), leaf, create_graph=True)
    assert g.dtype is tl.bfloat16
    if g.requires_grad:
        (h,) = tl.autograd.grad(g.sum(), leaf, allow_unused=True)
        assert h is None or h.dtype is tl.bfloat16


def test_sums_do_not_stop_where_bfloat16_does():
    """256 + 1 is 256 in bfloat16."""
    x = tl.ones(1000, dtype=tl.bfloat16, requires_grad=True)
    assert x.sum().item() == 1000 and x.mean().item() == 1 and (x @ x).item() == 1000 and x.detach().cumsum(0)[-1].item() == 1000
    one = tl.ones(1, dtype=tl.bfloat16, requires_grad=True)
    one.expand(1000).sum().backward()
    assert one.grad.item() == 1000


def test_random_numbers():
    tl.manual_seed(0)
    for draw in (
        tl.rand(1000, dtype=tl.bfloat16), tl.rand_like(tl.empty(1000, dtype=tl.bfloat16)), tl.empty(1000, dtype=tl.bfloat16).uniform_(),
    ):  # fmt: skip
        assert draw.dtype is tl.bfloat16 and draw.min().item() >= 0 and draw.max().item() < 1 and abs(draw.mean().item() - 0.5) < 0.05
    for draw in (
        tl.randn(1000, dtype=tl.bfloat16), tl.randn_like(tl.empty(1000, dtype=tl.bfloat16)), tl.empty(1000, dtype=tl.bfloat16).normal_(),
    ):  # fmt: skip
        assert draw.dtype is tl.bfloat16 and abs(draw.mean().item()) < 0.15 and abs(draw.std().item() - 1) < 0.15
    assert tl.randint(0, 9, (3,), dtype=tl.bfloat16).dtype is tl.bfloat16 and tl.empty(9, dtype=tl.bfloat16).random_().max().item() <= 256


def test_numpy_copies_and_files(tmp_path):
    x = a(tl)
    assert x.numpy().dtype == tl.bfloat16 and tl.from_numpy(x.numpy()).dtype is tl.bfloat16 and tl.tensor(x.numpy()).dtype is tl.bfloat16
    assert np.shares_memory(x.numpy(), tl.from_numpy(x.numpy()).numpy())
    for again in (copy.deepcopy(x), pickle.loads(pickle.dumps(x)), x.clone(), tl.as_tensor(x), tl.asarray(x, dtype=tl.bfloat16)):
        assert again.dtype is tl.bfloat16 and tl.equal(again, x)
    for name in ("x.safetensors", "x.npz"):
        tl.save({"x": x, "y": [x[0], 1.5]}, tmp_path / name)
        back = tl.load(tmp_path / name)
        assert back["x"].dtype is tl.bfloat16 and tl.equal(back["x"], x) and tl.equal(back["y"][0], x[0])
    np.savez(tmp_path / "foreign.npz", x=x.numpy())
    assert tl.equal(tl.load(tmp_path / "foreign.npz")["x"], x)
    assert pickle.loads(pickle.dumps(tl.bfloat16)) is tl.bfloat16 is tl.dtype("bfloat16") is tl.dtype(x.numpy().dtype)
    assert x.type() == "tl.BFloat16Tensor" and isinstance(x, tl.BFloat16Tensor) and tl.BFloat16Tensor([1.0]).dtype is tl.bfloat16


def test_files_are_those_of_the_reference_library(tmp_path):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("safetensors.torch")
    reference.save_file({"x": a(torch)}, tmp_path / "theirs.safetensors")
    assert tl.equal(tl.load(tmp_path / "theirs.safetensors")["x"], a(tl))
    tl.save({"x": a(tl)}, tmp_path / "ours.safetensors")
    assert torch.equal(reference.load_file(tmp_path / "ours.safetensors")["x"], a(torch))


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "AdamW"])
def test_a_model_trains_in_it(optimizer):
    tl.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 16), nn.LayerNorm(16), nn.Tanh(), nn.Linear(16, 3)).bfloat16()
    assert {p.dtype for p in model.parameters()} == {tl.bfloat16}
    steps = getattr(tl.optim, optimizer)(model.parameters(), lr=0.05)
    x, target = a(tl), tl.tensor([0, 1, 2, 0])
    losses = []
    for _ in range(30):
        steps.zero_grad()
        loss = nn.functional.cross_entropy(model(x), target)
        loss.backward()
        steps.step()
        losses.append(loss.item())
    assert {p.grad.dtype for p in model.parameters()} == {p.dtype for p in model.parameters()} == {tl.bfloat16}
    assert losses[-1] < 0.5 * losses[0]
    assert model.to(tl.float32)[0].weight.dtype is tl.float32 and model.to(tl.bfloat16)[0].weight.dtype is tl.bfloat16
    assert nn.Linear(2, 2, dtype=tl.bfloat16).weight.dtype is tl.bfloat16


def test_it_can_be_the_default_dtype():
    try:
        tl.set_default_dtype(tl.bfloat16)
        assert tl.get_default_dtype() is tl.bfloat16
        for x in (
            tl.ones(2),
            tl.tensor(1.5),
            tl.rand(2),
            tl.linspace(0, 1, 3),
            tl.arange(3) / 2,
            tl.arange(3) * 1.5,
            nn.Linear(2, 2).weight,
        ):
            assert x.dtype is tl.bfloat16
        assert tl.tensor(1j).dtype is tl.complex64 and repr(tl.ones(1)) == "tensor([1.])"
    finally:
        tl.set_default_dtype(tl.float32)
