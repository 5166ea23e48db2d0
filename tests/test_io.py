"""`save` and `load`: everything comes back as it was, what cannot be stored is named, and files follow the safetensors format.

Damaged files and interrupted saves are in ``test_io_damage.py``.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from io_helpers import parse, same, write

from tensorflowlite_clone._errors import ArgumentError, OperandError
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.io import load, save, structure

SUFFIXES = [".safetensors", ".npz", ".ckpt"]
DTYPES = ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "c16"]


def checkpoint():
    """An object with everything that can be stored."""
    rng = np.random.default_rng(0)
    return {
        "model": {
            "0.weight": Tensor(rng.random((3, 4), np.float32)),
            "0.bias": Tensor(np.zeros(3, np.float16)),
            "empty": Tensor(np.empty((0, 2))),
        },
        "optimizer": {
            "state": {0: {"step": 7, "exp_avg": Tensor(rng.random((3, 4)))}, 1: {}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "params": [0, 1], "nesterov": False, "name": None}],
        },
        "rng": rng.integers(0, 2**64, 5, np.uint64),
        "losses": [math.inf, -math.inf, math.nan, -0.0, 5e-324, 0.1],
        "epoch": 3,
        "numbers": (2**63, -(2**200), True, 1.5 - 2j),
        "text": 'quotes " and \\, \n, Grüße, 数字, \ud800, \0',
        (1, ("a", None)): [],
        2.5: (),
        False: {},
        "scalar": Tensor(np.array(2.0)),
        "complex": np.array([[1 + 2j, 3]]),
    }


def test_fixture_compares_strictly():
    assert same(checkpoint(), checkpoint())
    a, b = np.zeros(3), np.zeros(3)
    b[2] = -0.0
    different = [((1,), [1]), (1, True), (1, 1.0), (0.0, -0.0), (a, b), (a, a.astype("f4")), (a, Tensor(a)), (a, a[:, None])]
    for x, y in [*different, ({1: a}, {1.0: a}), ("", None)]:
        assert not same(x, y) and not same({"k": [x]}, {"k": [y]})


# ---- round trips --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_checkpoint_comes_back_as_it_was(tmp_path, suffix):
    path = tmp_path / f"checkpoint{suffix}"
    assert save(checkpoint(), path) is None
    assert same(load(path), checkpoint())
    assert os.listdir(tmp_path) == [path.name]
    assert zipfile.is_zipfile(path) == (suffix == ".npz")


@pytest.mark.parametrize("kind", [np.asarray, Tensor])
@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("suffix", SUFFIXES[:2])
def test_every_dtype_and_shape_comes_back(tmp_path, suffix, dtype, shape, kind):
    x = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    save({"x": kind(x)}, tmp_path / f"x{suffix}")
    y = load(tmp_path / f"x{suffix}")["x"]
    assert same(y, kind(x))
    array = y.numpy() if kind is Tensor else y
    assert array.flags.writeable and array.flags.aligned and array.dtype.isnative


@pytest.mark.parametrize("suffix", SUFFIXES[:2])
def test_layout_in_memory_does_not_matter(tmp_path, suffix):
    x = np.arange(24.0).reshape(4, 6)
    views = [x.T, x[::2, ::-3], np.asfortranarray(x), x.astype(">f8"), np.broadcast_to(x[0], (3, 6)), x[1:1], x.astype(">c16").T]
    save(views, tmp_path / f"x{suffix}")
    for view, back in zip(views, load(tmp_path / f"x{suffix}"), strict=True):
        np.testing.assert_array_equal(view, back)
        assert back.dtype.isnative and not np.shares_memory(back, x)


@pytest.mark.parametrize(
    "obj", [None, True, 0, -1, 2**53 + 1, 0.1, "text", "", [], (), {}, 1j, [[[]]], [None, ()], np.arange(3), Tensor(np.float64(1.0))]
)
def test_any_object_can_be_at_the_top(tmp_path, obj):
    save(obj, tmp_path / "x")
    assert same(load(tmp_path / "x"), obj)


def test_integers_of_any_size_come_back(tmp_path):
    save([10**5000, -(10**5000)], tmp_path / "x")
    assert load(tmp_path / "x") == [10**5000, -(10**5000)]


def test_numpy_scalars_become_python_numbers(tmp_path):
    save(
        [np.float32(0.1), np.float64(0.1), np.float16(2), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.complex64(1j)],
        tmp_path / "x",
    )
    assert same(load(tmp_path / "x"), [float(np.float32(0.1)), 0.1, 2.0, -3, 2**64 - 1, True, 1j])


def test_subclasses_become_what_they_extend(tmp_path):
    save(OrderedDict(b=1, a=OrderedDict()), tmp_path / "x")
    back = load(tmp_path / "x")
    assert same(back, {"b": 1, "a": {}}) and list(back) == ["b", "a"]


def test_tensors_that_require_grad_are_stored_by_value(tmp_path):
    leaf = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    save({"leaf": leaf, "computed": leaf * leaf}, tmp_path / "x")
    back = load(tmp_path / "x")
    assert not back["leaf"].requires_grad and not back["computed"].requires_grad
    assert same(back, {"leaf": Tensor(np.array([1.0, 2.0])), "computed": Tensor(np.array([1.0, 4.0]))})


def test_the_same_tensor_twice_becomes_two(tmp_path):
    w = Tensor(np.ones(2))
    save([w, w], tmp_path / "x")
    a, b = load(tmp_path / "x")
    assert same(a, w) and same(b, w) and not np.shares_memory(a.numpy(), b.numpy())


@pytest.mark.parametrize("suffix", SUFFIXES[:2])
def test_names_that_clash_or_are_odd(tmp_path, suffix):
    obj = {"a": {"b": np.array(1)}, "a.b": np.array(2), "a.b~2": np.array(3), 0: np.array(4), "0": np.array(5), "__metadata__": np.array(6)}
    obj |= {
        "": np.array(7),
        structure.NPZ_METADATA: np.array(8),
        "file": np.array(9),
        "../x\0\n\ud800": np.array(10),
        "x.npy": np.array(11),
    }
    obj |= {
        "x": np.array(12),
        "y" * 3000: np.array(13),
        "y" * 3001: np.array(14),
        structure.STRUCTURE: np.array(15),
        "a/b\\c": np.array(16),
    }
    save(obj, tmp_path / f"x{suffix}")
    assert same(load(tmp_path / f"x{suffix}"), obj)


def arrays():
    dtypes = st.sampled_from(DTYPES)
    return dtypes.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))


def objects():
    text = st.text(max_size=5) | st.text(st.characters(categories=["Cs", "Cc", "L"]), max_size=3)
    numbers = st.integers() | st.floats() | st.booleans() | st.complex_numbers(allow_nan=False)
    leaves = st.none() | text | numbers | arrays() | arrays().map(Tensor)
    keys = text | st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none() | st.tuples(text, st.integers())
    return st.recursive(
        leaves, lambda o: st.lists(o, max_size=4) | st.lists(o, max_size=3).map(tuple) | st.dictionaries(keys, o, max_size=4), max_leaves=12
    )


@given(objects(), st.sampled_from(SUFFIXES[:2]))
def test_any_nested_object_comes_back(tmp_path_factory, obj, suffix):
    path = tmp_path_factory.mktemp("io") / f"x{suffix}"
    save(obj, path)
    assert same(load(path), obj)


# ---- what cannot be stored ----------------------------------------------------------------------------------------------------
class Fake:
    """Has ``detach`` but no values."""

    def detach(self):
        return self


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"optimizer": {"fn": len}}, r"save: cannot be stored: obj\['optimizer'\]\['fn'\] is a builtin_function_or_method; store tensors"),
        ([0, ({"a": {1}},)], r"save: cannot be stored: obj\[1\]\[0\]\['a'\] is a set; store"),
        (b"raw", "save: cannot be stored: obj is a bytes; store"),
        ({b"k": 1}, r"save: cannot be stored: the key b'k' of obj is a bytes; store"),
        ({"a": {Tensor([1.0]): 1}}, r"save: an array as key: the key .* of obj\['a'\] holds one; use numbers"),
        ([np.array(["text"])], r"save: the format has no such dtype: obj\[0\] is <U4 \(1,\); convert it"),
        ({"d": np.zeros((2, 3), object)}, r"save: the format has no such dtype: obj\['d'\] is object \(2, 3\); convert it"),
        ([np.zeros(2, "M8[s]")], r"save: the format has no such dtype: obj\[0\] is datetime64\[s\] \(2,\)"),
        ([np.zeros(2, [("a", "f4")])], r"save: the format has no such dtype: obj\[0\]"),
        ([np.longdouble(1)], r"save: cannot be stored: obj\[0\] is a longdouble"),
        ([Fake()], r"save: has no array: obj\[0\] is a Fake \(.*numpy.*\); store its values"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(tmp_path, obj, message):
    path = tmp_path / "x.safetensors"
    save({"old": 1}, path)
    with pytest.raises(OperandError, match=f"^{message}"):
        save(obj, path)
    assert load(path) == {"old": 1} and os.listdir(tmp_path) == ["x.safetensors"]


def test_an_object_that_contains_itself_is_an_error(tmp_path):
    obj = {"a": [1]}
    obj["a"].append(obj)
    with pytest.raises(OperandError, match=r"save: contains itself: obj\['a'\]\[1\] is the dict it stands in; store a tree"):
        save(obj, tmp_path / "x")
    shared = [1]
    save([shared, shared], tmp_path / "x")  # twice is not inside itself
    assert load(tmp_path / "x") == [[1], [1]]


def test_too_deep_nesting_is_an_error_and_deep_nesting_is_not(tmp_path):
    def nested(depth):
        obj = []
        for _ in range(depth):
            obj = [obj]
        return obj

    save(nested(150), tmp_path / "x")
    assert load(tmp_path / "x") == nested(150)
    with pytest.raises(OperandError, match="save: obj is nested too deeply"):
        save(nested(100_000), tmp_path / "x")
    assert load(tmp_path / "x") == nested(150)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"save: the folder does not exist: .*absent; create it first"):
        save({}, tmp_path / "absent" / "x")


def test_map_location_can_only_be_the_cpu(tmp_path):
    save({"a": 1}, tmp_path / "x")
    assert load(tmp_path / "x", map_location="cpu", weights_only=False) == load(str(tmp_path / "x"), None) == {"a": 1}
    with pytest.raises(ArgumentError, match="load: tensors can only be on the CPU: map_location is 'cuda'; leave it out"):
        load(tmp_path / "x", map_location="cuda")


# ---- the safetensors format ---------------------------------------------------------------------------------------------------
def test_a_file_follows_the_specification(tmp_path):
    state = {"fc.weight": Tensor(np.arange(6, dtype=np.float32).reshape(2, 3)), "flag": Tensor(np.array([True])), "n": Tensor(np.array(7))}
    save(state, tmp_path / "x")
    header, data, n = parse(tmp_path / "x")
    assert n % 8 == 0 and (tmp_path / "x").read_bytes()[8:9] == b"{"
    metadata = header.pop("__metadata__")
    assert all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items())
    assert header == {
        "n": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]},
        "fc.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]},
        "flag": {"dtype": "BOOL", "shape": [1], "data_offsets": [32, 33]},
    }
    assert data == np.int64(7).tobytes() + np.arange(6, dtype="<f4").tobytes() + b"\1"


@pytest.mark.parametrize("n", range(1, 9))
def test_the_data_begins_at_a_multiple_of_eight_whatever_the_header(tmp_path, n):
    save({"k" * n: np.ones(2)}, tmp_path / "x")
    _, data, length = parse(tmp_path / "x")
    assert length % 8 == 0 and len(data) == 16


def test_nested_tensors_are_named_by_their_path_and_all_are_aligned(tmp_path):
    save(
        {"model": {"0.weight": np.zeros(3, "f8"), "mask": np.zeros(3, "?")}, "opt": [{"m": np.zeros(3, "f2")}], 1: np.ones(1, "c16")},
        tmp_path / "x",
    )
    header, data, _ = parse(tmp_path / "x")
    del header["__metadata__"]
    assert set(header) == {"model.0.weight", "model.mask", "opt.0.m", "1"}
    sizes = {"F64": 8, "F16": 2, "BOOL": 1}
    places = sorted(e["data_offsets"] for e in header.values())
    assert [a for a, _ in places] == [0, *(b for _, b in places[:-1])] and places[-1][1] == len(data)
    assert all(e["data_offsets"][0] % sizes[e["dtype"]] == 0 for e in header.values())


def test_foreign_files_load_as_a_flat_dict_of_tensors(tmp_path):
    x = np.arange(6, dtype="<f4").reshape(3, 2)
    header = {
        "b.w": {"dtype": "F32", "shape": [3, 2], "data_offsets": [3, 27]},
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
        "e": {"dtype": "F64", "shape": [0, 4], "data_offsets": [27, 27]},
        "s": {"dtype": "I16", "shape": [], "data_offsets": [27, 29]},
    }
    write(tmp_path / "x", {"__metadata__": {"format": "pt"}, **header}, b"abc" + x.tobytes() + b"\x01\x02")
    expected = {"b.w": x, "a": np.array([97, 98, 99], "u1"), "e": np.empty((0, 4)), "s": np.array(0x0201, "i2")}
    assert same(load(tmp_path / "x"), {k: Tensor(v) for k, v in expected.items()})
    write(tmp_path / "y", header, b"abc" + x.tobytes() + b"\x01\x02")
    assert same(load(tmp_path / "y"), load(tmp_path / "x"))
    write(tmp_path / "none", {})
    assert load(tmp_path / "none") == {}


def test_bfloat16_without_its_extra_becomes_float32_with_the_same_values(tmp_path):
    """In a process of its own, which cannot load ``ml_dtypes``."""
    bits = np.arange(2**16, dtype="<u2")
    write(tmp_path / "x", {"w": {"dtype": "BF16", "shape": [256, 256], "data_offsets": [0, 2**17]}}, bits.tobytes())
    program = f"""
import sys
sys.modules["ml_dtypes"] = None
import numpy as np
import tensorflowlite_clone as tl
np.save({str(tmp_path / "w.npy")!r}, tl.load({str(tmp_path / "x")!r})["w"].numpy())
assert tl.bfloat16 == "bfloat16" and tl.bfloat16 != tl.float32 and tl.bfloat16 in {{tl.bfloat16}} and tl.bfloat16.itemsize == 2
assert tl.tensor([1.0]).to(tl.float16).dtype != tl.bfloat16 and repr(tl.bfloat16) == "tl.bfloat16" and tl.finfo(tl.bfloat16).bits == 16
try:
    tl.zeros(2, dtype=tl.bfloat16)
except ImportError as error:
    assert "tensorflowlite_clone[bf16]" in str(error), error
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    w = np.load(tmp_path / "w.npy")
    assert w.dtype == np.float32 and w.shape == (256, 256)
    np.testing.assert_array_equal(w.view(np.uint32).ravel(), bits.astype(np.uint32) << 16)
    assert w[0x3F, 0x80] == 1.0 and w[0xC0, 0x49] == -3.140625 and np.isinf(w[0x7F, 0x80]) and np.isnan(w[0x7F, 0xC0])


def test_header_whose_length_begins_with_the_letters_of_a_zip_file(tmp_path):
    length = int.from_bytes(b"PK", "little")
    text = b"{}".ljust(length)
    assert load(write(tmp_path / "x", text)) == {}
    assert (tmp_path / "x").read_bytes()[:2] == b"PK"


def test_the_reference_library_reads_ours_and_we_read_its_files(tmp_path):
    reference = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package, the reference implementation")
    state = {f"layer.{i}": np.arange(12).reshape(3, 4).astype(d) for i, d in enumerate(DTYPES[:-2])} | {
        "zero": np.array(1.5),
        "none": np.empty((0, 3)),
    }
    save(state, tmp_path / "ours")
    theirs = reference.load_file(tmp_path / "ours")
    assert set(theirs) == set(state) and all(same(theirs[k], v) for k, v in state.items())
    reference.save_file(state, tmp_path / "theirs", metadata={"format": "np"})
    back = load(tmp_path / "theirs")
    assert set(back) == set(state) and all(same(back[k], Tensor(v)) for k, v in state.items())
    save(checkpoint(), tmp_path / "nested")
    assert same(reference.load_file(tmp_path / "nested")["model.0.weight"], checkpoint()["model"]["0.weight"].numpy())


def test_npz_of_numpy_and_for_numpy(tmp_path):
    wide = np.arange(2, dtype=np.longdouble)
    np.savez_compressed(tmp_path / "theirs.npz", a=np.arange(3), b=np.array(["x"]), c=np.arange(2, dtype=">f4"), d=wide)
    back = load(tmp_path / "theirs.npz")
    assert same(back.pop("d"), wide), "no tensor: what no tensor can hold stays an array"
    assert same(back, {"a": Tensor(np.arange(3)), "b": np.array(["x"]), "c": Tensor(np.arange(2, dtype="f4"))})
    save({"w": Tensor(np.arange(3.0)), "deep": {"v": np.ones(2)}}, tmp_path / "ours.npz")
    with np.load(tmp_path / "ours.npz", allow_pickle=False) as stored:
        assert set(stored.files) == {"w", "deep.v", structure.NPZ_METADATA} and stored["w"].tolist() == [0, 1, 2]
