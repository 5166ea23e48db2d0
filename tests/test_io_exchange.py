"""Tensors of other libraries in the same memory: PyTorch's by `from_torch` and `to_torch`, everybody's by DLPack."""

from __future__ import annotations

import subprocess
import sys
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, DTypeError, GraphError, OperandError

KINDS = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip
Pair = namedtuple("Pair", "a b")


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


# ---- without PyTorch ------------------------------------------------------------------------------------------------------------
def test_what_holds_no_tensors_stays_and_pytorch_is_not_imported():
    program = (
        "import sys, tensorflowlite_clone as tl; sys.modules['torch'] = None; x = {'a': [1, (2.5, None)], 'x': tl.ones(2)}\n"
        "assert tl.from_torch(x) is not x and tl.from_torch(x)['x'] is x['x'] and tl.from_torch([3]) == [3]\n"
        "assert tl.to_torch((1, 'a')) == (1, 'a')\n"
        "try: tl.to_torch(tl.ones(2))\n"
        "except ImportError as error: assert 'pip install \"tensorflowlite_clone[torch]\"' in str(error), error\n"
        "else: raise AssertionError"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ---- PyTorch ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_shares_memory_both_ways(torch, kind):
    pytest.importorskip("ml_dtypes")
    theirs = torch.ones(2, 3).to(getattr(torch, kind)).t()
    ours = tl.from_torch(theirs)
    assert ours.dtype is getattr(tl, kind) and ours.shape == (3, 2) and ours.stride() == theirs.stride()
    theirs[0, 0] = 0
    assert ours[0, 0] == 0
    back = tl.to_torch(ours)
    assert back.dtype is theirs.dtype and back.data_ptr() == theirs.data_ptr() and back.stride() == theirs.stride()
    ours[1, 1] = 0
    assert back[1, 1] == 0 and theirs[1, 1] == 0


def test_what_torch_cannot_have_is_copied(torch):
    x = tl.from_numpy(np.arange(4.0)[::-1])
    assert tl.to_torch(x).tolist() == [3, 2, 1, 0]
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    made = tl.to_torch(tl.from_numpy(fixed))
    made.add_(1)
    assert fixed.tolist() == [0, 1, 2] and made.tolist() == [1, 2, 3]


def test_lazy_signs_are_carried_out(torch):
    z = torch.tensor([1 + 2j])
    assert tl.from_torch(z.conj()).tolist() == [1 - 2j] and tl.from_torch(z.conj().imag).tolist() == [-2]


def test_states_go_both_ways_and_keep_what_they_are(torch):
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    state = model.state_dict()
    ours = tl.from_torch({"model": state, "optimizer": optimizer.state_dict(), "pair": Pair(torch.ones(1), 3), "size": torch.Size([1, 2])})
    assert type(ours["model"]) is OrderedDict and ours["model"]._metadata == state._metadata and isinstance(ours["pair"], Pair)
    assert isinstance(ours["size"], tl.Size)
    mine = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    mine.load_state_dict(ours["model"])
    steps = tl.optim.Adam(mine.parameters(), lr=0.5)
    steps.load_state_dict(ours["optimizer"])
    back = tl.to_torch({"model": mine.state_dict(), "optimizer": steps.state_dict(), "kinds": [tl.float32, tl.device("cpu"), tl.Size([2])]})
    assert all(torch.equal(back["model"][k], state[k]) for k in state) and list(back["model"]) == list(state)
    assert back["kinds"] == [torch.float32, torch.device("cpu"), torch.Size([2])]
    other = torch.optim.Adam(model.parameters(), lr=0.5)
    other.load_state_dict(back["optimizer"])
    for p in model.parameters():
        assert all(torch.equal(torch.as_tensor(other.state[p][k]), optimizer.state[p][k]) for k in optimizer.state[p])


def test_parameters_and_leaves_stay_what_they_are(torch):
    tied = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    leaf = torch.ones(2, requires_grad=True)
    a, b, c = tl.from_torch([tied, tied, leaf])
    assert a is b and isinstance(a, nn.Parameter) and not a.requires_grad and c.requires_grad and c.is_leaf
    (c * 2).sum().backward()
    assert c.grad.tolist() == [2, 2] and leaf.grad is None
    d, e = tl.to_torch([a, c])
    assert isinstance(d, torch.nn.Parameter) and not d.requires_grad and e.requires_grad and e.is_leaf and e.data_ptr() == leaf.data_ptr()


def test_sparse_tensors(torch):
    theirs = torch.eye(3).to_sparse()
    ours = tl.from_torch(theirs)
    assert ours.is_sparse and ours.is_coalesced() and ours.to_dense().tolist() == theirs.to_dense().tolist()
    assert torch.equal(tl.to_torch(ours).to_dense(), theirs.to_dense()) and tl.to_torch(ours).is_coalesced()


def test_what_would_lose_gradients_or_has_no_memory_is_refused(torch):
    x, y = torch.ones(2, requires_grad=True), tl.ones(2, requires_grad=True)
    for call, kind, message in (
        (lambda: tl.from_torch({"a": [x * 2]}), GraphError, r"from_torch: obj\['a'\]\[0\] was computed and requires grad"),
        (lambda: tl.to_torch({"a": [y * 2]}), GraphError, r"to_torch: obj\['a'\]\[0\] was computed and requires grad"),
        (
            lambda: tl.from_torch(torch.nn.Linear(1, 1)),
            OperandError,
            r"from_torch: obj is a Linear, which has code; pass its state_dict\(\)",
        ),
        (lambda: tl.to_torch([nn.Linear(1, 1)]), OperandError, r"to_torch: obj\[0\] is a Linear, which has code"),
        (lambda: tl.from_torch(torch.ones(2, device="meta")), OperandError, "on the device meta"),
        (
            lambda: tl.from_torch(torch.ones(2).to(torch.float8_e5m2)),
            DTypeError,
            "from_torch: there is no such dtype here: obj is torch.float8",
        ),
        (lambda: tl.func.vmap(tl.to_torch)(tl.ones(2, 2)), OperandError, "to_torch: obj has no memory"),
    ):
        with pytest.raises(kind, match=message):
            call()
    computed = x * 2, y * 2
    with tl.no_grad():
        assert tl.from_torch(computed[0]).requires_grad and tl.to_torch(computed[1]).requires_grad


# ---- DLPack -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", [k for k in KINDS if k != "bfloat16"])
def test_numpy_by_dlpack(kind):
    x = tl.ones(2, 3).to(getattr(tl, kind))
    array = np.from_dlpack(x)
    assert array.dtype == x.dtype and array.shape == (2, 3)
    assert np.shares_memory(array, x.numpy()) and np.shares_memory(tl.from_dlpack(x.numpy()).numpy(), x.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_pytorch_by_dlpack(torch, kind):
    pytest.importorskip("ml_dtypes")
    theirs = torch.ones(3, 2).to(getattr(torch, kind))
    ours = tl.from_dlpack(theirs)
    assert ours.dtype is getattr(tl, kind) and ours.data_ptr() == theirs.data_ptr() and bool((ours == 1).all())
    back = torch.from_dlpack(ours)
    assert back.dtype is theirs.dtype and back.data_ptr() == theirs.data_ptr() and bool((back == 1).all())
    view = torch.from_dlpack(ours.t())
    assert tuple(view.shape) == (2, 3) and view.data_ptr() == theirs.data_ptr()
    assert torch.utils.dlpack.from_dlpack(tl.ones(2, dtype=getattr(tl, kind))).sum() == 2


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "float16", "bfloat16", "float32", "complex64"])
def test_jax_by_dlpack(kind):
    jax = pytest.importorskip("jax")
    pytest.importorskip("ml_dtypes")
    theirs = jax.numpy.ones((3, 2), kind)
    ours = tl.from_dlpack(theirs)
    assert ours.dtype is getattr(tl, kind) and ours.shape == (3, 2) and bool((ours == 1).all())
    back = jax.dlpack.from_dlpack(tl.ones(3, 2).to(getattr(tl, kind)))
    assert back.shape == (3, 2) and str(back.dtype) == kind and bool((back == 1).all())


def test_bfloat16_that_cannot_be_copied_or_read(torch):
    pytest.importorskip("ml_dtypes")
    x = tl.ones(3).bfloat16()
    assert tl.from_dlpack(torch.ones(3).bfloat16(), copy=True).dtype is tl.bfloat16
    assert torch.from_dlpack(x[::2]).tolist() == [1, 1]
    with pytest.raises(OperandError, match=r"from_dlpack: the Tensor cannot be read"):
        tl.from_dlpack(torch.ones(2).to(torch.float8_e5m2))


def test_dlpack_goes_to_the_cpu_alone():
    for place in (None, "cpu", tl.device("cpu")):
        assert tl.from_dlpack(np.ones(2), device=place).tolist() == [1, 1]
    for place in ("cuda", tl.device("cuda:0"), "meta"):
        with pytest.raises(ArgumentError, match="device: there is only the CPU"):
            tl.from_dlpack(np.ones(2), device=place)


def test_capsules_that_do_not_say_so_are_of_memory_that_can_be_written_to():
    x = tl.ones(2)
    y = tl.utils.dlpack.from_dlpack(tl.utils.dlpack.to_dlpack(x))
    y[0] = 3.0
    assert x.tolist() == [3.0, 1.0]
