"""Where tensors lie, and how they get in and out: beside PyTorch's answers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

VIEWS = {
    "whole": lambda T, x: x,
    "row": lambda T, x: x[1],
    "transposed": lambda T, x: x.permute(2, 0, 1),
    "every second": lambda T, x: x[:, ::2, 1:],
    "expanded": lambda T, x: x[:1].expand(5, 3, 4),
    "one": lambda T, x: x[1, 2, 3],
    "none": lambda T, x: x[:0],
    "view of a view": lambda T, x: x[1][1:].t(),
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("name", VIEWS)
def test_layouts_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours = VIEWS[name](tl, tl.arange(24.0).reshape(2, 3, 4) * 1.0)
    theirs = VIEWS[name](torch, torch.arange(24.0).reshape(2, 3, 4) * 1.0)
    for ask in ("dim_order", "element_size", "is_contiguous", "stride", "storage_offset", "numel", "type"):
        if ask == "stride" and not theirs.numel():
            continue  # NumPy's strides of no elements are its own
        if ask == "dim_order" and name in ("expanded", "none"):
            continue  # several orders describe it
        assert getattr(ours, ask)() == (getattr(theirs, ask)() if ask != "type" else "tl.FloatTensor"), ask
    typed = ours.storage(), theirs.storage()
    for ask in (len, list, lambda s: s.size(), lambda s: s.nbytes(), lambda s: s.tolist(), lambda s: s.untyped().nbytes()):
        assert ask(typed[0]) == ask(typed[1])
    assert (ours.nbytes, ours.itemsize) == (theirs.nbytes, theirs.itemsize) and ours.shape.numel() == theirs.shape.numel()
    storages = ours.untyped_storage(), theirs.untyped_storage()
    assert storages[0].nbytes() == len(storages[0]) == storages[1].nbytes() and storages[0].tolist() == storages[1].tolist()
    if theirs.numel():
        assert ours.data_ptr() - storages[0].data_ptr() == theirs.data_ptr() - storages[1].data_ptr()
    else:
        assert ours.data_ptr() == theirs.data_ptr() == 0


def test_tensors_on_one_memory_have_equal_storages():
    x, y = tl.zeros(4), tl.zeros(4)
    assert x.untyped_storage() == x[1:].untyped_storage() == x.detach().untyped_storage() != y.untyped_storage()
    assert hash(x.untyped_storage()) == hash(x[1:].storage().untyped()) and tl.is_storage(x.storage()) and not tl.is_storage(x)
    assert x[1:].data_ptr() == x.data_ptr() + 4 == x[1:].const_data_ptr() and x.untyped_storage().element_size() == 1
    with pytest.raises(ValueError, match="several orders"):
        tl.zeros(2, 1).dim_order(ambiguity_check=True)
    assert tl.zeros(2, 3).dim_order(ambiguity_check=True) == (0, 1)


def test_elements_of_a_storage_are_those_of_the_memory():
    x = tl.arange(6.0).reshape(2, 3).requires_grad_()
    y = (x * 2).sin()
    part = y.detach()[1]
    z = part.exp().sum()
    part.storage()[0] = 7
    assert y[0, 0].item() == part.storage()[0] == 7.0 and part.storage().dtype is tl.float32 and z.item()
    w = y.tanh().sum()
    y.detach().storage()[1:3] = 1.0
    assert y[0].tolist() == [7.0, 1.0, 1.0] and w.item()
    u = x.exp()
    u.detach().storage()[0] = 3.0
    with pytest.raises(RuntimeError, match="storage"):
        u.sum().backward()


def test_inside_transforms_there_is_no_memory_to_ask_for():
    for ask in ("data_ptr", "stride", "storage_offset", "untyped_storage", "dim_order", "__dlpack__"):
        with pytest.raises(RuntimeError, match=f"{ask}: inside a function transform"):
            tl.func.vmap(lambda v, ask=ask: getattr(v, ask)() or v)(tl.ones(2, 3))
    seen = []
    tl.func.vmap(lambda v: seen.append((v.nbytes, v.itemsize, v.element_size(), v.is_contiguous(), v.is_cuda)) or v)(tl.ones(2, 3))
    assert seen == [(12, 4, 4, True, False)]


# ---- copies ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))], ids=["deepcopy", "pickle"])
def test_copies_of_tensors_that_share_memory_share_it(copied):
    x = tl.arange(12.0).reshape(3, 4)
    of = {"x": x, "row": x[1], "column": x.t()[2], "every second": x[::2, ::2], "reversed": tl.from_numpy(np.arange(5.0)[::-1]), "again": x}
    new = copied(of)
    assert all(tl.equal(new[k], of[k]) and new[k].shape == of[k].shape for k in of) and new["again"] is new["x"]
    new["x"][1, 2] = 100.0
    assert new["row"][2] == new["column"][1] == 100 and new["every second"][0, 1] == 2 and x[1, 2] == 6
    assert not np.may_share_memory(x.numpy(), new["x"].numpy())
    alone = copied(of["row"])
    assert tl.equal(alone, x[1])
    fortran = tl.from_numpy(np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    a, b = copied([fortran, fortran[1]])
    a[1, 1] = -1.0
    assert b[1] == -1 and a.stride() == fortran.stride()


def test_copies_keep_what_a_tensor_is():
    x = tl.ones(3, requires_grad=True)
    x.grad = tl.ones(3)
    y, z = copy.deepcopy(x), pickle.loads(pickle.dumps(x))
    assert y.requires_grad and z.requires_grad and y.grad.tolist() == [1, 1, 1] and y.grad is not x.grad and y.is_leaf and z.is_leaf
    whole = tl.zeros(4)
    p, q = copy.deepcopy([nn.Parameter(whole[:2]), nn.Parameter(whole[2:])])
    assert p.untyped_storage().nbytes() and np.may_share_memory(p.detach().numpy().base, q.detach().numpy().base)
    assert isinstance(p, nn.Parameter) and p.requires_grad
    for bad in (x * 2,):
        with pytest.raises(RuntimeError, match="deepcopy: only leaf"):
            copy.deepcopy(bad)


# ---- in and out -----------------------------------------------------------------------------------------------------------------
def test_dlpack_shares_memory_with_numpy_and_pytorch():
    a = np.zeros(3, np.float32)
    x = tl.from_dlpack(a)
    x[0] = 1.0
    assert a[0] == 1 and x.__dlpack_device__() == (1, 0)
    b = np.from_dlpack(x)
    x[1] = 2.0
    assert b.tolist() == [1, 2, 0]
    y = tl.from_dlpack(x)
    y[2] = 3.0
    assert x[2] == 3 and tl.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    with pytest.raises(RuntimeError, match="requires grad"):
        tl.ones(2, requires_grad=True).__dlpack__()
    with pytest.raises(TypeError, match="from_dlpack: needs"):
        tl.from_dlpack([1, 2])
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64", "int64", "uint8", "bool", "complex64", "float16"):
        t = torch.ones(2, 3, dtype=getattr(torch, dtype)).t()
        u = tl.from_dlpack(t)
        assert u.dtype is getattr(tl, dtype) and u.shape == (3, 2) and u.stride() == t.stride()
        t[0, 0] = 0
        assert u[0, 0] == 0 and torch.from_dlpack(u).data_ptr() == t.data_ptr()


def test_frombuffer_beside_pytorch():
    torch = pytest.importorskip("torch")
    data = bytearray(range(1, 17))
    for settings in ({}, {"count": 2}, {"offset": 8}, {"offset": 8, "count": 1}):
        for dtype in ("uint8", "int16", "float32", "int64"):
            ours, theirs = (T.frombuffer(data, dtype=getattr(T, dtype), **settings) for T in (tl, torch))
            assert ours.dtype is getattr(tl, dtype) and np.array_equal(ours.numpy(), theirs.numpy())
    x = tl.frombuffer(data, dtype=tl.uint8)
    x[0] = 9
    assert data[0] == 9 and tl.frombuffer(data, dtype=tl.float32, requires_grad=True).requires_grad
    for wrong in ({"offset": 16}, {"offset": -1}, {"count": 0}, {"count": 9}, {"offset": 1}):
        for T in (tl, torch):
            with pytest.raises(ValueError, match=r"\w"):
                T.frombuffer(data, dtype=T.int16, **wrong)
    for T in (tl, torch):
        with pytest.raises(ValueError, match=r"\w"):
            T.frombuffer(b"", dtype=T.int16)
        with pytest.raises(ValueError, match=r"\w"):
            T.frombuffer(3, dtype=T.int16)
    with pytest.raises((RuntimeError, ValueError)):
        tl.frombuffer(b"abcd", dtype=tl.uint8)[0] = 1


def test_from_file(tmp_path):
    path = str(tmp_path / "numbers")
    np.arange(6, dtype=np.float32).tofile(path)
    x = tl.from_file(path, size=6)
    assert x.tolist() == [0, 1, 2, 3, 4, 5] and x.dtype is tl.float32
    x[0] = 9.0
    assert np.fromfile(path, np.float32)[0] == 0
    y = tl.from_file(path, True, 6)
    y[0] = 9.0
    del y
    assert np.fromfile(path, np.float32)[0] == 9
    assert tl.from_file(path, size=3, dtype=tl.int64).dtype is tl.int64 and tl.from_file(path).shape == (0,)
    with pytest.raises(ValueError, match=r"from_file: it has 24 bytes"):
        tl.from_file(path, size=7)
    new = tl.from_file(str(tmp_path / "new"), shared=True, size=2)
    assert new.tolist() == [0, 0]


# ---- devices --------------------------------------------------------------------------------------------------------------------
def test_there_is_only_the_cpu():
    x = tl.ones(2)
    assert (
        x.is_cpu
        and not (x.is_cuda or x.is_sparse or x.is_meta or x.is_quantized)
        and x.layout is tl.strided
        and isinstance(x.layout, tl.layout)
    )
    assert x.pin_memory() is x and not x.is_pinned() and not x.is_shared() and x.get_device() == tl.get_device(x) == -1
    assert not x.is_inference() and not tl.is_inference(x) and tl.get_default_device() == tl.device("cpu")
    tl.set_default_device("cpu")
    tl.set_default_device(None)
    for refused in (lambda: x.cuda(), lambda: x.share_memory_(), lambda: tl.set_default_device("cuda")):
        with pytest.raises(RuntimeError, match=r"CPU|processes"):
            refused()


def test_a_subclass_of_tensor_shows_the_same():
    class Mine(tl.Tensor):
        pass

    x = tl.ones(2, requires_grad=True)
    y = (x * 2).as_subclass(Mine)
    assert type(y) is Mine
    (y * y).sum().backward()
    assert x.grad.tolist() == [8, 8]
    for wrong in (int, 3, np.ndarray):
        with pytest.raises(TypeError, match="as_subclass: needs a subclass"):
            x.as_subclass(wrong)


# ---- bits -----------------------------------------------------------------------------------------------------------------------
BITS = {
    "same size": lambda T: T.arange(4.0).view(T.int32),
    "smaller": lambda T: T.arange(6.0).view(2, 3).view(T.int16),
    "larger": lambda T: T.ones(2, 4).view(T.float64),
    "complex": lambda T: T.ones(2, 2).view(T.complex64),
    "keyword": lambda T: T.ones(2).view(dtype=T.int32),
    "itself": lambda T: T.ones(2).view(T.float32),
    "strided": lambda T: T.ones(2, 4)[:, ::2].view(T.int32),
    "transposed": lambda T: T.arange(6).view(2, 3).t().view(T.float64),
    "none": lambda T: T.ones(0).view(T.int16),
    "odd": lambda T: T.ones(3).view(T.float64),
    "strided, smaller": lambda T: T.ones(4, 2).t().view(T.int16),
    "0-d": lambda T: T.ones(()).view(T.float64),
}


@pytest.mark.parametrize("name", BITS)
def test_views_of_bits_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    try:
        expected = BITS[name](torch)
    except RuntimeError:
        with pytest.raises(RuntimeError, match=r"view: the bits of"):
            BITS[name](tl)
        return
    found = BITS[name](tl)
    assert str(found.dtype) == str(expected.dtype).removeprefix("torch.") and found.shape == tuple(expected.shape)
    assert np.array_equal(found.numpy(), expected.numpy())


def test_views_of_bits_share_memory_and_are_constants():
    x = tl.zeros(2, requires_grad=True)
    bits = x.view(tl.int32)
    assert not bits.requires_grad and x.view(tl.float32) is x
    y = x * 2
    loss = (y * y).sum()
    y.view(np.int32)[0] = 7
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()
    with pytest.raises(RuntimeError, match="inside a function transform"):
        tl.func.vmap(lambda v: v.view(tl.int32))(tl.ones(2, 2))
    with pytest.raises(ValueError, match="a shape or a dtype"):
        x.view(2, dtype=tl.int32)


LAID = {
    "expanded": lambda T, x: x.expand(3, 6),
    "turned": lambda T, x: x.reshape(2, 3).t(), "within": lambda T, x: x.reshape(2, 1, 3).expand(2, 4, 3),
    "stepped": lambda T, x: x[::2], "whole": lambda T, x: x,
}  # fmt: skip


@pytest.mark.parametrize("name", LAID)
def test_clones_lie_in_memory_as_those_of_torch_and_copies_as_those_of_numpy(name):
    """Else `reshape` gives a copy where it is a view there, and what is written into it is lost."""
    torch = pytest.importorskip("torch")
    ours, theirs = (LAID[name](T, T.arange(6.0)) for T in (tl, torch))
    assert ours.clone().stride() == theirs.clone().stride()
    assert tuple(4 * s for s in ours.copy().stride()) == theirs.numpy().copy().strides

    def written(x):
        a = shown(x).copy()
        b = a.reshape(-1)
        b[1::2] *= x[2]
        return (a * a).sum()

    def shown(x):
        return {
            "expanded": lambda: np.broadcast_to(x, (3, 6)),
            "turned": lambda: x.reshape(2, 3).T,
            "stepped": lambda: x[::2],
            "within": lambda: np.broadcast_to(x.reshape(2, 1, 3), (2, 4, 3)),
            "whole": lambda: x,
        }[name]()

    x, v, e = np.linspace(0.5, 1.5, 6), np.arange(6.0), 1e-6
    slope = (written(x + e * v) - written(x - e * v)) / (2 * e)
    np.testing.assert_allclose(tl.func.grad(written)(x) @ v, slope, rtol=1e-6)
    np.testing.assert_allclose(tl.func.jvp(written, (x,), (v,))[1], slope, rtol=1e-6)
    np.testing.assert_allclose(tl.func.vmap(tl.func.grad(written))(x[None])[0] @ v, slope, rtol=1e-6)
