"""Questions about dtypes, older names of tensors, and settings that are remembered: beside PyTorch's."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl

NAMES = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
    "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", ["promote_types", "can_cast"])
def test_pairs_of_dtypes_are_answered_as_in_pytorch(name):
    torch = pytest.importorskip("torch")
    for a, b in itertools.product(NAMES, NAMES):
        try:
            expected = getattr(torch, name)(getattr(torch, a), getattr(torch, b))
        except RuntimeError:
            with pytest.raises(RuntimeError, match=name):
                getattr(tl, name)(getattr(tl, a), getattr(tl, b))
            continue
        found = getattr(tl, name)(getattr(tl, a), getattr(tl, b))
        assert str(found) == str(expected).removeprefix("torch.").replace("complex32", "complex64"), (a, b)


def test_result_types_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    kinds = [n for n in NAMES if n not in ("uint16", "uint32", "uint64")]
    operands = [lambda T, k=k, s=s: T.ones(s, dtype=getattr(T, k)) for k in kinds for s in ((), (2,))]
    operands += [lambda T, v=v: v for v in (True, 2, 2.5)]
    for f, g in itertools.product(operands, operands):
        expected = str(torch.result_type(f(torch), g(torch))).removeprefix("torch.")
        assert str(tl.result_type(f(tl), g(tl))) == expected or "complex32" in expected
    with pytest.raises(TypeError, match="result_type"):
        tl.result_type("a", 1)


def test_limits_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for name in NAMES:
        ours, theirs = getattr(tl, name), getattr(torch, name)
        if ours.is_floating_point or ours.is_complex:
            a, b = tl.finfo(ours), torch.finfo(theirs)
            for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "resolution", "dtype"):
                assert getattr(a, field) == getattr(b, field), field
            assert repr(a) == repr(b) and a == tl.finfo(ours) and hash(a) == hash(tl.finfo(ours))
            with pytest.raises(TypeError, match="iinfo"):
                tl.iinfo(ours)
        else:
            with pytest.raises(TypeError, match="finfo"):
                tl.finfo(ours)
            if name != "bool":
                a, b = tl.iinfo(ours), torch.iinfo(theirs)
                assert (a.bits, a.max, a.min, a.dtype) == (b.bits, b.max, b.min, b.dtype) and repr(a) == repr(b)
    assert tl.finfo() == tl.finfo(tl.float32) and tl.finfo(np.float64).bits == 64
    with pytest.raises(TypeError, match="iinfo"):
        tl.iinfo(tl.bool)


def test_what_a_tensor_is():
    x = tl.ones(2)
    assert tl.is_tensor(x) and not tl.is_tensor(np.ones(2)) and tl.is_floating_point(x) and x.is_floating_point() and not x.is_complex()
    assert tl.numel(x) == 2 and tl.is_nonzero(tl.tensor([float("nan")])) and not tl.tensor(0).is_nonzero() and tl.is_signed(x)
    for wrong in (x, tl.ones(0)):
        with pytest.raises(RuntimeError, match="is_nonzero: needs a tensor of one"):
            tl.is_nonzero(wrong)
    assert tl.vmap is tl.func.vmap and tl.get_default_dtype() is tl.float32


def test_the_default_dtype_is_one_of_ours():
    try:
        tl.set_default_dtype(tl.float64)
        assert tl.get_default_dtype() is tl.float64 and tl.ones(2).dtype is tl.float64
        tl.set_default_tensor_type(tl.FloatTensor)
        assert tl.get_default_dtype() is tl.float32
        tl.set_default_tensor_type("torch.DoubleTensor")
        assert tl.get_default_dtype() is tl.float64
    finally:
        tl.set_default_dtype(tl.float32)
    for wrong in (tl.LongTensor, "nothing", 3):
        with pytest.raises(TypeError):
            tl.set_default_tensor_type(wrong)


# ---- older names ----------------------------------------------------------------------------------------------------------------
TYPES = ["FloatTensor", "DoubleTensor", "HalfTensor", "LongTensor", "IntTensor", "ShortTensor", "CharTensor", "ByteTensor", "BoolTensor"]


@pytest.mark.parametrize("name", TYPES)
def test_types_of_tensors(name):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(tl, name), getattr(torch, name)
    for data in (([1, 2, 0],), ([[1.5, 2.0]],), (2, 3), (), ((1, 0),)):
        a, b = ours(*data), theirs(*data)
        assert str(a.dtype) == str(b.dtype).removeprefix("torch.") and a.shape == tuple(b.shape)
        if len(data) == 1:
            assert a.tolist() == b.tolist()
    x = ours([1, 0])
    assert isinstance(x, ours) and not any(isinstance(x, getattr(tl, other)) for other in TYPES if other != name)
    assert x.type() == repr(ours) == tl.typename(x) == f"tl.{name}" and pickle.loads(pickle.dumps(ours)) is ours
    assert x.dtype is ours.dtype and ours(x).data_ptr() == x.data_ptr() and ours(tl.zeros(2, 3).shape).shape == (2, 3)
    y = tl.ones(2, dtype=tl.float64)
    for way in (ours, f"tl.{name}", f"torch.{name}", ours.dtype, ours.dtype.name):
        assert y.type(way).dtype is ours.dtype
    assert y.type_as(x).dtype is ours.dtype and x.new(2).dtype is x.new([1.0]).dtype is ours.dtype and x.new().shape == (0,)
    assert x.new(size=(2, 3)).shape == (2, 3) and x.new(size=4).shape == (4,) and x.new(other=x).data_ptr() == x.data_ptr()
    with pytest.raises(TypeError, match=r"new: got \(\[1.0\],\), size=2 and other=None; pass one of them"):
        x.new([1.0], size=2)
    if name != "FloatTensor":
        with pytest.raises(TypeError, match=name):
            ours(tl.ones(2))
    with pytest.raises(TypeError):
        ours(2.5)


def test_other_types_of_tensors_have_names_too():
    assert tl.ones(1, dtype=tl.complex64).type() == "tl.ComplexFloatTensor" and tl.ones(1, dtype=tl.uint16).type() == "tl.UInt16Tensor"
    assert tl.typename(3) == "int" and tl.typename(tl.nn.Linear(1, 1)).endswith("Linear")
    with pytest.raises(ValueError, match="unknown type"):
        tl.ones(1).type("tl.NothingTensor")
    for absent in ("complex32", "chalf", "qint8"):
        assert not hasattr(tl, absent)
        with pytest.raises(AttributeError, match=f"{absent}: .*use"):
            getattr(tl, absent)
    with pytest.raises(TypeError, match="chalf"):
        tl.ones(2).chalf()


def test_large_unsigned_integers():
    x = tl.tensor([1, 2], dtype=tl.uint16)
    assert x.dtype is tl.uint16 and x.tolist() == [1, 2] and (x + 1).dtype is tl.uint16 and x.to(tl.float32).dtype is tl.float32
    assert tl.tensor([2**63], dtype=tl.uint64).tolist() == [2**63] and tl.zeros(2, dtype=tl.uint32).numpy().dtype == np.uint32


# ---- settings -------------------------------------------------------------------------------------------------------------------
def test_settings_are_remembered_and_checked():
    assert tl.get_float32_matmul_precision() == "highest" and not tl.are_deterministic_algorithms_enabled()
    try:
        tl.set_float32_matmul_precision("medium")
        assert tl.get_float32_matmul_precision() == "medium"
        tl.use_deterministic_algorithms(True, warn_only=True)
        assert tl.are_deterministic_algorithms_enabled() and tl.is_deterministic_algorithms_warn_only_enabled()
        assert tl.get_deterministic_debug_mode() == 1
        tl.set_deterministic_debug_mode("error")
        assert tl.get_deterministic_debug_mode() == 2 and not tl.is_deterministic_algorithms_warn_only_enabled()
        tl.set_num_interop_threads(3)
        assert tl.get_num_interop_threads() == 3
        tl.set_warn_always(True)
        assert tl.is_warn_always_enabled() and tl.set_flush_denormal(False) is False
    finally:
        tl.set_float32_matmul_precision("highest")
        tl.set_deterministic_debug_mode(0)
        tl.set_num_interop_threads(1)
        tl.set_warn_always(False)
    for wrong in (
        lambda: tl.set_float32_matmul_precision("low"),
        lambda: tl.set_num_interop_threads(0),
        lambda: tl.set_deterministic_debug_mode(3),
        lambda: tl.set_deterministic_debug_mode("often"),
    ):
        with pytest.raises(ValueError, match=r"set_.*: "):
            wrong()
    with pytest.raises(TypeError, match="use_deterministic"):
        tl.use_deterministic_algorithms(1)
