"""`tl.dtype` and `tl.Size`: what users see of dtypes and shapes, beside PyTorch's and NumPy's."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

NAMES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
    "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_dtype_is_one_object_that_numpy_takes(name):
    d = getattr(tl, name)
    assert isinstance(d, tl.dtype) and repr(d) == f"tl.{name}" and str(d) == f"{d}" == name
    assert tl.dtype(name) is d and tl.dtype(np.dtype(name)) is d and tl.dtype(d) is d
    assert pickle.loads(pickle.dumps(d)) is d and copy.deepcopy(d) is d and copy.copy(d) is d
    assert np.dtype(d) == np.dtype(name) and np.zeros(3, dtype=d).dtype == name and np.ones(2).astype(d).dtype == d
    assert d == np.dtype(name) and np.dtype(name) == d and d == name and np.dtype(name).type == d and d == np.dtype(name).type
    assert hash(d) == hash(np.dtype(name)) and {np.dtype(name): 1}[d] == {d: 1}[np.dtype(name)] == 1
    for attribute in ("kind", "char", "name", "itemsize", "type", "num", "str", "byteorder", "isnative", "fields"):
        assert getattr(d, attribute) == getattr(np.dtype(name), attribute)
    x = tl.zeros(2, dtype=d)
    assert x.dtype is d and x.numpy().dtype == name and x[0].dtype is d and (x != 1).dtype is tl.bool
    assert np.can_cast(x.dtype, np.complex128) and np.result_type(x.dtype, np.bool_) == name
    assert all(d != getattr(tl, other) for other in NAMES if other != name)


@pytest.mark.parametrize("name", NAMES)
def test_attributes_of_dtypes_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(tl, name), getattr(torch, name)
    for attribute in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(ours, attribute) == getattr(theirs, attribute), attribute
    for method in ("to_complex", "to_real"):
        try:
            expected = str(getattr(theirs, method)()).removeprefix("torch.")
        except RuntimeError:
            with pytest.raises(RuntimeError, match="only floating"):
                getattr(ours, method)()
        else:
            assert str(getattr(ours, method)()) == expected.replace("complex32", "complex64")


def test_other_names_of_dtypes_and_what_is_none():
    assert tl.half is tl.float16 and tl.float is tl.float32 and tl.double is tl.float64 and tl.cfloat is tl.complex64
    assert tl.short is tl.int16 and tl.int is tl.int32 and tl.long is tl.int64 and tl.cdouble is tl.complex128
    assert tl.dtype(float) is tl.float64 and tl.dtype("longlong") is tl.int64
    for bad in ("nothing", object(), "U3", "datetime64[s]", [1]):
        with pytest.raises(TypeError, match=r"dtype: .*pass tl\.float32"):
            tl.dtype(bad)
    with pytest.raises(AttributeError, match="cannot be changed"):
        tl.float32.kind = "i"
    with pytest.raises(AttributeError):
        tl.float32.nothing  # noqa: B018
    assert tl.float32 != "nothing" and tl.float32 != 3 and tl.float32 != object()
    assert "kind" in dir(tl.float32) and "newbyteorder" in dir(tl.float32)


def test_dtypes_in_annotations_and_as_arguments():
    def f(d: tl.dtype = tl.float32) -> tl.dtype:
        return d

    assert inspect.signature(f).parameters["d"].default is tl.float32
    for make in (tl.zeros, tl.ones, tl.empty, tl.eye, tl.arange):
        assert make(3, dtype=tl.float64).dtype is make(3, dtype=np.float64).dtype is make(3, dtype="float64").dtype is tl.float64
    x = tl.ones(2)
    assert x.to(tl.float64).dtype is x.to(np.float64).dtype is x.to(dtype=tl.float64).dtype is tl.float64
    assert x.sum(dtype=tl.float64).dtype is tl.float64 and x.to(x.dtype) is x and x.to(x) is x
    assert nn.Linear(2, 2).to(tl.float64).weight.dtype is nn.Linear(2, 2, dtype=tl.float64).weight.dtype is tl.float64
    with pytest.raises(TypeError, match="dtype"):
        tl.zeros(2, dtype="nothing")


def test_dtypes_inside_transforms_are_the_same_objects():
    seen = []

    def f(v):
        seen.append(v.dtype)
        return (v * np.zeros(v.shape, v.dtype) + np.ones_like(v, dtype=v.dtype)).sum()

    x = tl.ones(3, 2, dtype=tl.float64)
    tl.func.vmap(f)(x), tl.func.grad(f)(x), tl.func.jvp(f, (x,), (x,)), tl.func.vmap(tl.func.grad(f))(x)
    tl.func.jacfwd(tl.func.grad(f))(x)
    assert len(seen) >= 5 and all(d is tl.float64 for d in seen)


# ---- shapes ---------------------------------------------------------------------------------------------------------------------
def test_a_size_is_a_tuple_and_its_parts_are_sizes():
    x = tl.zeros(2, 3, 4)
    s = x.shape
    assert type(s) is type(x.size()) is tl.Size and isinstance(s, tuple) and s == (2, 3, 4) == x.size() and hash(s) == hash((2, 3, 4))
    assert s.numel() == 24 and tl.Size().numel() == 1 and tl.Size([0, 3]).numel() == 0
    for part in (s[1:], s + (5,), (5,) + s, s + s, s * 2, 2 * s, s[:0]):  # noqa: RUF005
        assert type(part) is tl.Size
    assert (5,) + s == (5, 2, 3, 4) and s[-1] == 4 and [*s] == [2, 3, 4] and x.size(1) == 3 and s.index(3) == 1  # noqa: RUF005
    assert repr(s) == str(s) == f"{s}" == "(2, 3, 4)"
    assert type(pickle.loads(pickle.dumps(s))) is tl.Size and copy.deepcopy(s) == s
    a, b, *_ = s
    assert (a, b) == (2, 3)
    assert tl.zeros(s).shape == tl.zeros(*s).shape == tl.zeros(size=s).shape == np.zeros(s).shape == x.numpy().reshape(*s[:-1], -1).shape
    assert tl.Size(np.array([2, 3])) == (2, 3) and tl.Size(tl.tensor([2, 3])) == (2, 3)
    for bad in ((1.5,), ("a",), 3):
        with pytest.raises(TypeError, match=r"Size: .*integers"):
            tl.Size(bad)
    with pytest.raises(TypeError):
        s + [1]  # noqa: RUF005


def test_sizes_inside_transforms():
    seen = []
    tl.func.vmap(lambda v: seen.append(v.shape) or v.sum())(tl.ones(2, 3))
    tl.func.jvp(lambda v: seen.append(v.shape) or v.sum(), (tl.ones(3),), (tl.ones(3),))
    assert [type(s) for s in seen] == [tl.Size] * 2 and seen == [(3,), (3,)]


def test_the_sizes_kept_are_bounded():
    for n in range(1100):
        assert tl.empty(n, 0).shape == (n, 0)
    assert len(tl.core.size.SIZES) <= 1000
