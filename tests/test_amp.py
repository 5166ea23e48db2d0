"""Mixed precision: `autocast` changes no dtype and says that it is on; `GradScaler` does what PyTorch's does on the CPU."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import amp


def test_autocast_is_seen_and_changes_nothing():
    assert not tl.is_autocast_enabled("cpu")
    with tl.autocast("cpu", dtype=tl.float16) as a, amp.autocast("cpu", enabled=False, cache_enabled=False):
        assert not tl.is_autocast_enabled("cpu") and not tl.is_autocast_cache_enabled() and tl.get_autocast_dtype("cpu") is tl.float16
        with a:
            assert tl.is_autocast_enabled("cpu") and tl.get_autocast_cpu_dtype() is tl.float16
            assert tl.nn.Linear(2, 2)(tl.ones(1, 2)).dtype is tl.float32
    assert not tl.is_autocast_enabled("cpu") and tl.get_autocast_dtype("cpu") is tl.bfloat16 and tl.is_autocast_cache_enabled()

    @tl.autocast("cpu")
    def inside(x):
        return tl.is_autocast_enabled("cpu"), x

    assert inside(3) == (True, 3) and not tl.is_autocast_enabled()
    with pytest.raises(RuntimeError, match="no mixed precision for 'abacus'"):
        tl.autocast("abacus")
    with pytest.raises(TypeError, match="device_type must be a text"):
        tl.autocast(3)
    assert amp.is_autocast_available("cuda") and not amp.is_autocast_available("abacus")


def test_what_pytorch_warns_of_is_warned_of():
    with pytest.warns(UserWarning, match="'cuda', but CUDA is not available"):
        assert not amp.autocast("cuda")._enabled
    with pytest.warns(UserWarning, match="bfloat16 and float16"):
        assert not amp.autocast("cpu", dtype=tl.float32)._enabled
    with pytest.warns(UserWarning, match="GradScaler is enabled, but CUDA is not available"):
        assert not amp.GradScaler().is_enabled()
    with pytest.warns(FutureWarning, match=r"torch\.cuda\.amp\.autocast\(args\.\.\.\)` is deprecated"), tl.cuda.amp.autocast(enabled=False):
        pass
    with pytest.warns(FutureWarning, match=r"torch\.amp\.GradScaler\('cpu', args\.\.\.\)"):
        assert tl.cpu.amp.GradScaler().is_enabled()


def test_functions_of_ones_own_are_told():
    class Square(tl.autograd.Function):
        @staticmethod
        @amp.custom_fwd(device_type="cpu", cast_inputs=tl.float16)
        def forward(ctx, x):
            assert ctx._fwd_used_autocast == tl.is_autocast_enabled("cpu")
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @amp.custom_bwd(device_type="cpu")
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = tl.tensor([3.0], requires_grad=True)
    with tl.autocast("cpu"):
        Square.apply(x).backward()
    assert x.grad.tolist() == [6.0]


def train(T, tensor):
    """Steps with a gradient that overflows now and then."""
    w = tensor(np.array([1.0, -2.0], "f4")).requires_grad_()
    optimizer = T.optim.SGD([w], lr=0.1)
    scaler = T.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2, growth_factor=4.0, backoff_factor=0.25)
    seen = []
    for step in range(8):
        optimizer.zero_grad()
        loss = (w * w).sum() * (float("inf") if step in (3, 6) else 1.0)
        scaler.scale([loss, (loss,)])[0].backward()
        if step % 2:
            scaler.unscale_(optimizer)
            T.nn.utils.clip_grad_norm_([w], 1.0)
        scaler.step(optimizer)
        scaler.update()
        seen.append([*w.detach().tolist(), scaler.get_scale(), scaler.state_dict()["_growth_tracker"]])
    other = T.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() and other.get_growth_interval() == 2
    return seen


def test_scaled_steps_are_pytorchs():
    ours = train(tl, tl.tensor)
    assert [s[2] for s in ours] == [64, 256, 256, 64, 64, 256, 64, 64] and ours[2][:2] == ours[3][:2]
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(ours, train(torch, torch.tensor), rtol=1e-6)


def test_a_scaler_out_of_order_says_so():
    w = tl.ones(1, requires_grad=True)
    optimizer, scaler = tl.optim.SGD([w], lr=0.1), amp.GradScaler("cpu")
    with pytest.raises(RuntimeError, match="No inf checks"):
        scaler.update()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.step(optimizer)
    with pytest.raises(ValueError, match="closure"):
        scaler.step(optimizer, closure=lambda: 0)
    with pytest.raises(TypeError, match="outputs must be a tensor"):
        scaler.scale(3)
    with pytest.raises(ValueError, match="the state is empty"):
        scaler.load_state_dict({})
    for wrong in ({"growth_factor": 1.0}, {"backoff_factor": 1.0}, {"growth_interval": 0}, {"init_scale": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            amp.GradScaler("cpu", **wrong)
    scaler.update(8.0)
    assert scaler.get_scale() == 8.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        off = amp.GradScaler("cuda")
    assert off.scale(3) == 3 and off.state_dict() == {} and off.get_scale() == 1.0 and off.step(optimizer) is None and off.update() is None


def test_sparse_gradients_are_scaled_back():
    table = tl.nn.Embedding(4, 2, sparse=True)
    before = table.weight.detach().clone()
    optimizer, scaler = tl.optim.SGD(table.parameters(), lr=1.0), amp.GradScaler("cpu", init_scale=32.0)
    scaler.scale(table(tl.tensor([1, 1])).sum()).backward()
    scaler.step(optimizer)
    tl.testing.assert_close(before - table.weight.detach(), tl.tensor([[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [0.0, 0.0]]))
