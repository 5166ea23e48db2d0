"""PyTorch's files: written and read without PyTorch, and, where it is installed, beside it: 10 models with their optimizers bit for bit."""

from __future__ import annotations

import copy
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hostile_files import FOUR, name, old, pickled, storage, tensor, value, zipped
from io_helpers import same

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, FileFormatError, OperandError
from tensorflowlite_clone.io import archive as archives

KINDS = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
         "complex128"]  # fmt: skip
FORMATS = {"zip": {}, "old": {"_use_new_zipfile_serialization": False}}


def again(obj, form="zip", **how):
    """``obj`` after it was written and read."""
    file = io.BytesIO()
    tl.io.save_for_torch(obj, file, **FORMATS[form])
    file.seek(0)
    return tl.load(file, **how)


# ---- without PyTorch ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", KINDS)
def test_every_dtype_and_layout_comes_back(kind):
    x = tl.arange(24).reshape(2, 3, 4).to(getattr(tl, kind))
    views = [x, x[1], x[:, ::2], x.permute(2, 0, 1), x[:0], x[0, 0, 0], x.expand(2, 2, 3, 4), tl.from_numpy(x.numpy()[::-1])]
    for form in FORMATS if kind not in ("uint16", "uint32", "uint64") else ("zip",):
        back = again(views, form)
        assert same(back, views)
        assert back[3].stride() == views[3].stride() and back[1].numpy().flags.writeable
        back[0].fill_(1)
        assert bool((back[1] == 1).all()) and bool((back[2] == 1).all()) and bool((back[6] == 1).all())


def test_wide_unsigned_numbers_are_not_in_the_older_format():
    with pytest.raises(OperandError, match=r"PyTorch's older format has no such dtype: obj\['w'\] is uint16 \(2,\)"):
        again({"w": tl.ones(2, dtype=tl.uint16)}, "old")


def test_only_what_tensors_show_is_written():
    x = tl.zeros(1000)
    file = io.BytesIO()
    tl.io.save_for_torch([x[10:20], x[15:30], x[500:501]], file)
    sizes = [m.file_size for m in zipfile.ZipFile(file).infolist() if "/data/" in m.filename]
    assert sizes == [80, 4]
    a, b, c = again([x[10:20], x[15:30], x[500:501]])
    a.fill_(1)
    assert b.sum() == 5 and c.sum() == 0


@pytest.mark.parametrize("form", FORMATS)
def test_everything_that_the_format_has(form):
    pytest.importorskip("ml_dtypes")
    shared = [1, 2]
    state = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).state_dict()
    leaf, marked = tl.ones(2, requires_grad=True), nn.Parameter(tl.ones(2), requires_grad=False)
    marked.note = "kept"
    obj = {
        "state": state, "leaf": leaf, "computed": leaf * 2, "parameter": nn.Parameter(tl.ones(3)), "marked": marked, 3: -1, 2.5: None,
        "sparse": [tl.eye(3).to_sparse(), tl.sparse_coo_tensor([[1, 1]], [1.0, 2.0], (3,))], "lists": (shared, shared), (1, ("a",)): True,
        "numbers": [0, 255, 256, -1, 2**31, -(2**31), 2**63, -(10**50), 10**1000, 0.1, float("inf"), -0.0, 1 + 2j],
        "text": ["", "größe", "数字", "\ud800", "\0"], "bytes": [b"", b"\0\xff", bytearray(b"ab")], "set": {1, "a"},
        "count": Counter("aab"),
        "kinds": [tl.float32, tl.bfloat16, tl.bool, tl.device("cpu"), tl.Size([2, 3]), tl.strided, tl.sparse_coo],
        "arrays": [np.arange(6.0).reshape(2, 3).T, np.arange(3, dtype=">i4"), np.array(["a", "bc"]), np.array([b"x"]), np.array(2.5)],
        "scalars": [np.float32(0.5), np.int8(3), np.bool_(True)], "empty": [[], (), {}, OrderedDict()],
    }  # fmt: skip
    back = again(obj, form)
    assert list(back) == list(obj) and type(back["state"]) is OrderedDict and back["state"]._metadata == state._metadata
    assert same(dict(back["state"]), dict(state)) and back["leaf"].requires_grad and back["leaf"].is_leaf and back["computed"].requires_grad
    assert isinstance(back["parameter"], nn.Parameter) and back["parameter"].requires_grad
    assert not back["marked"].requires_grad and back["marked"].note == "kept"
    for a, b in zip(back["sparse"], obj["sparse"], strict=True):
        assert same(a._indices(), b._indices()) and same(a._values(), b._values()) and a.shape == b.shape
        assert a.is_coalesced() == b.is_coalesced()
    assert back["lists"][0] is back["lists"][1] and back["set"] == obj["set"] and back["count"] == obj["count"]
    for key in ("numbers", "text", "bytes", "empty"):
        assert same(back[key], obj[key])
    assert back["kinds"] == obj["kinds"] and isinstance(back["kinds"][4], tl.Size)
    assert same(back["arrays"], [a.astype(a.dtype.newbyteorder("=")) if a.dtype.kind == "i" else a for a in obj["arrays"]])
    assert back["scalars"] == [0.5, 3, True] and [type(s) for s in back["scalars"]] == [float, int, bool]


def test_a_list_that_contains_itself_comes_back():
    loop: list = [1]
    loop.append(loop)
    back = again(loop)
    assert back[1] is back
    inner: tuple = ([],)
    inner[0].append(inner)
    with pytest.raises(OperandError, match="save: contains itself"):
        again(inner)


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_the_name_chooses_the_format(tmp_path, suffix):
    tl.save({"w": tl.ones(2)}, tmp_path / f"x{suffix}")
    assert any(n.endswith("data.pkl") for n in zipfile.ZipFile(tmp_path / f"x{suffix}").namelist())
    assert same(tl.load(tmp_path / f"x{suffix}"), {"w": tl.ones(2)})
    content = (tmp_path / f"x{suffix}").read_bytes()
    tl.save({"w": tl.ones(2)}, tmp_path / f"x{suffix}")
    assert content == (tmp_path / f"x{suffix}").read_bytes(), "equal objects make equal files"


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        ({"m": [nn.Linear(1, 1)]}, r"save: cannot be stored: obj\['m'\]\[0\] is a Linear; store its state_dict\(\)"),
        ({"f": len}, r"save: cannot be stored: obj\['f'\] is a builtin_function_or_method; store tensors"),
        ([np.zeros(1, object)], r"save: the format has no such dtype: obj\[0\] is object \(1,\)"),
        ({object(): 1}, "save: cannot be stored: the key .* of obj is a object"),
        ([nn.LazyLinear(2).weight], r"save: has no values: obj\[0\] is a UninitializedParameter"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_changed(tmp_path, obj, message):
    path = tmp_path / "x.pt"
    tl.save({"old": 1}, path)
    with pytest.raises(OperandError, match=message):
        tl.save(obj, path)
    assert tl.load(path) == {"old": 1} and [p.name for p in tmp_path.iterdir()] == ["x.pt"]


def test_mapped_files_are_windows_and_are_not_written_to(tmp_path):
    path = tmp_path / "x.pt"
    tl.save({"w": tl.arange(1000.0), "v": tl.ones(3, dtype=tl.int16)}, path)
    before = path.read_bytes()
    back = tl.load(path, mmap=True)
    back["w"].add_(1)
    assert back["w"][5] == 6 and back["v"].tolist() == [1, 1, 1] and path.read_bytes() == before
    tl.save({"w": tl.arange(1000.0), "n": 3}, tmp_path / "x.safetensors")
    back = tl.load(tmp_path / "x.safetensors", mmap=True)
    back["w"].add_(1)
    assert back["w"][5] == 6 and back["n"] == 3 and tl.load(tmp_path / "x.safetensors")["w"][5] == 5
    copied = copy.deepcopy(tl.load(path, mmap=True)["v"])
    assert copied.untyped_storage().nbytes() == 6, "of its own memory, not of the file"
    for suffix, obj in (("x.npz", {"w": tl.ones(2)}), ("old", None)):
        if obj is None:
            tl.io.save_for_torch({"w": tl.ones(2)}, tmp_path / suffix, _use_new_zipfile_serialization=False)
        else:
            tl.save(obj, tmp_path / suffix)
        with pytest.raises(ArgumentError, match=r"load: .* not mapped: mmap is True; leave it out"):
            tl.load(tmp_path / suffix, mmap=True)
    with pytest.raises(ArgumentError, match="load: only files with a name can be mapped"):
        tl.load(io.BytesIO(before), mmap=True)


def holes(path, size):
    """Files with a tensor of ``size`` bytes, all zeros but the last number, 2.5: safetensors, or PyTorch's zip file by the book."""
    if path.suffix == ".safetensors":
        header = b'{"w": {"dtype": "F32", "shape": [%d], "data_offsets": [0, %d]}}' % (size // 4, size)
        header += b" " * (-len(header) % 8)
        before, after = len(header).to_bytes(8, "little") + header, b""
    else:
        pickle_text = pickled(tensor(size=(size // 4,), stride=(1,), store=storage(count=size // 4)))
        first = local_header(b"a/data.pkl", len(pickle_text)) + pickle_text
        start = len(first) + len(local_header(b"a/data/0", size))
        before = first + local_header(b"a/data/0", size, -start % 64)
        entries = [(b"a/data.pkl", len(pickle_text), 0), (b"a/data/0", size, len(first))]
        directory = b"".join(
            struct.pack("<4s6H3I5H2I", b"PK\1\2", 45, 45, 0, 0, 0, 33, 0, *(2**32 - 1,) * 2, len(n), 28, 0, 0, 0, 0, 2**32 - 1)
            + n + struct.pack("<2H3Q", 1, 24, length, length, at)
            for n, length, at in entries
        )  # fmt: skip
        at = len(before) + size
        after = directory + struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(directory), at)
        after += struct.pack("<4sIQI", b"PK\6\7", 0, at + len(directory), 1)
        after += struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    with path.open("wb") as file:
        file.write(before)
        file.truncate(len(before) + size)
        file.seek(len(before) + size - 4)
        file.write(np.float32(2.5).tobytes() + after)


def local_header(name, size, padding=0):
    """The header of a stored member of a zip file, with sizes of 64 bits; without a checksum."""
    extra = struct.pack("<2H2Q", 1, 16, size, size) + (struct.pack("<2H", 0x4246, padding + 60) + bytes(padding + 60) if padding else b"")
    return struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 0, 0, 33, 0, *(2**32 - 1,) * 2, len(name), len(extra)) + name + extra


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_mapped_file_may_be_larger_than_memory(tmp_path, suffix):
    size = 2 * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 8 * 8
    path = tmp_path / f"large{suffix}"
    try:
        holes(path, size)
        back = tl.load(path, mmap=True)
    except OSError as error:
        pytest.skip(f"the file system or the kernel does not have it: {error}")
    w = back["w"] if suffix == ".safetensors" else back
    assert w.numel() == size // 4 and w[-1] == 2.5 and w[123] == 0
    w[123] = 1.0
    assert w[123] == 1


def test_where_tensors_were_makes_no_difference_and_where_they_go_is_the_cpu(tmp_path):
    content = zipped(pickled(tensor(store=storage(place="cuda:1"))), FOUR)
    seen = []
    for place in (
        None,
        "cpu",
        tl.device("cpu"),
        {"cuda:1": "cpu"},
        {},
        lambda s, where: seen.append((s.nbytes(), where)),
        lambda s, where: s,
    ):
        assert tl.load(io.BytesIO(content), map_location=place).tolist() == [[0, 1], [2, 3]]
    assert seen == [(16, "cuda:1")]
    for bad in ("cuda", tl.device("cuda"), "meta", {"cuda:1": "cuda:0"}, {"cuda:1": tl.device("cuda:0")}):
        with pytest.raises(ArgumentError, match=r"load: tensors can only be on the CPU: map_location is .*(cuda|meta)"):
            tl.load(io.BytesIO(content), map_location=bad)
    with pytest.raises(FileFormatError, match="map_location must give a storage as long as the one of cuda:1"):
        tl.load(io.BytesIO(content), map_location=lambda s, where: 3)


def test_arguments_that_are_no_good(tmp_path):
    tl.save([1], tmp_path / "x.pt")
    for call, kind, message in (
        (lambda: tl.load(tmp_path / "x.pt", colour=1), TypeError, "load: got an unexpected keyword argument 'colour'"),
        (lambda: tl.load(tmp_path / "x.pt", encoding="utf-7"), ArgumentError, "encoding must be one of"),
        (lambda: tl.load(tmp_path / "x.pt", weights_only="yes"), OperandError, "weights_only must be True, False or None"),
        (lambda: tl.load(tmp_path / "x.pt", pickle_module=3), OperandError, "pickle_module must be pickle or None"),
        (lambda: tl.save([1], tmp_path / "x.pt", pickle_protocol="2"), ArgumentError, "pickle_protocol must be from 0 to 5"),
        (lambda: tl.save([1], tmp_path / "x.pt", max_shard_size=3), ArgumentError, "PyTorch's format has no shards"),
    ):
        with pytest.raises(kind, match=message):
            call()
    assert tl.load(tmp_path / "x.pt", None, pickle, weights_only=False, mmap=False, encoding="latin1") == [1]
    tl.save([2], tmp_path / "x.pt", pickle, 4)
    assert tl.load(tmp_path / "x.pt") == [2]


def test_bfloat16_without_its_extra_becomes_float32(tmp_path):
    pytest.importorskip("ml_dtypes")
    for form in FORMATS:
        tl.io.save_for_torch([tl.tensor([1.5, -2.0, 3.0, 4.0]).bfloat16()[1:]], tmp_path / form, **FORMATS[form])
        assert tl.load(tmp_path / form)[0].dtype is tl.bfloat16
    program = (
        f"import sys; sys.modules['ml_dtypes'] = None; import tensorflowlite_clone as tl\n"
        f"for form in ('zip', 'old'):\n    x, = tl.load({str(tmp_path)!r} + '/' + form); assert x.dtype == tl.float32, x\n"
        f"    assert x.tolist() == [-2, 3, 4]"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_other_byte_orders():
    big = [("0", np.arange(4, dtype=">f4").tobytes())]
    assert tl.load(io.BytesIO(zipped(pickled(tensor()), big, byteorder=b"big"))).tolist() == [[0, 1], [2, 3]]
    with pytest.raises(FileFormatError, match="its byte order is b'middle'"):
        tl.load(io.BytesIO(zipped(pickled(tensor()), big, byteorder=b"middle")))


def test_files_of_python_2_and_of_the_first_versions():
    """Strings of Python 2 (SHORT_BINSTRING), `_rebuild_tensor`, and storages that are parts of others, by hand."""

    def byte_string(s):
        return b"U" + bytes([len(s)]) + s

    part = value(
        (byte_string(b"storage"), name(b"torch", b"FloatStorage"), byte_string(b"7"), byte_string(b"cpu"), 4, (byte_string(b"8"), 1, 3))
    )
    ops = name(b"torch._utils", b"_rebuild_tensor") + value((part + b"Q", 1, (2,), (1,))) + b"R"
    names = b"}" + byte_string(b"gr\xf6\xdfe") + ops + b"s"
    content = old(pickled(names), b"\x80\x02]" + byte_string(b"7") + b"a.", (4).to_bytes(8, "little") + FOUR[0][1])
    assert same(tl.load(io.BytesIO(content), encoding="latin1"), {"größe": tl.tensor([2.0, 3.0])})
    assert same(tl.load(io.BytesIO(content), encoding="ascii", errors="replace"), {"gr\ufffd\ufffde": tl.tensor([2.0, 3.0])})
    with pytest.raises(FileFormatError, match="UnicodeDecodeError"):
        tl.load(io.BytesIO(content))


def test_members_longer_than_two_gigabytes_are_aligned_too(monkeypatch):
    """The header of such a member is longer; here all are held for such."""
    monkeypatch.setattr(archives, "ZIP64_FROM", 3)
    monkeypatch.setattr(archives, "MANY", 2)
    file = io.BytesIO()
    tl.io.save_for_torch([tl.arange(5.0), tl.ones(3)], file)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            raw = file.getvalue()[member.header_offset : member.header_offset + 30]
            start = member.header_offset + 30 + int.from_bytes(raw[26:28], "little") + int.from_bytes(raw[28:30], "little")
            assert start % 64 == 0, member.filename
    assert same(tl.load(io.BytesIO(file.getvalue())), [tl.arange(5.0), tl.ones(3)])
    torch = pytest.importorskip("torch")
    assert torch.load(io.BytesIO(file.getvalue()), weights_only=True)[0].tolist() == [0, 1, 2, 3, 4]


# ---- beside PyTorch ---------------------------------------------------------------------------------------------------------------
def torch_objects(torch):
    base = torch.arange(10.0)
    noted = torch.nn.Parameter(torch.ones(2))
    noted.note = 3
    return {
        "views": [base[2:5], base[::2], base, torch.arange(6).view(2, 3).t(), torch.ones(3, 1).expand(3, 4)],
        "empty": torch.empty(0, 3),
        "parameters": [torch.nn.Parameter(torch.ones(2)), noted, torch.nn.Buffer(torch.ones(1))],
        "leaf": torch.tensor(3.0, requires_grad=True),
        "sparse": torch.eye(2).to_sparse(), "kinds": [torch.float32, torch.bfloat16, torch.device("cpu"), torch.Size([2])],
        "bytes": b"x\xff", "lazy": [torch.tensor([1 + 2j]).conj(), torch.tensor([1 + 2j]).conj().imag],
        "others": [{1}, bytearray(b"ab"), 1 + 2j, 2**70],
        "dtypes": [torch.ones(2, dtype=getattr(torch, k)) for k in KINDS if k not in ("uint16", "uint32", "uint64")],
        "ordered": OrderedDict(a=1),
    }  # fmt: skip


def equal(ours, theirs, torch):
    """Whether a value of ours is the one of PyTorch's, bit for bit, in type and structure."""
    if isinstance(theirs, torch.Tensor):
        if theirs.layout is torch.sparse_coo:
            return equal(ours._indices(), theirs._indices(), torch) and equal(ours._values(), theirs._values(), torch)
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.") and tuple(ours.shape) == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad and isinstance(ours, nn.Parameter) == isinstance(theirs, torch.nn.Parameter)
        theirs = theirs.detach().resolve_conj().resolve_neg().contiguous()
        raw = theirs.view(torch.int16).numpy() if theirs.dtype is torch.bfloat16 else theirs.numpy()
        return ours.detach().numpy().tobytes() == raw.tobytes()
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and list(ours) == list(theirs) and all(equal(ours[k], theirs[k], torch) for k in theirs)
    if isinstance(theirs, list | tuple) and not isinstance(theirs, torch.Size):
        return len(ours) == len(theirs) and all(equal(a, b, torch) for a, b in zip(ours, theirs, strict=True))
    if isinstance(theirs, torch.dtype | torch.device | torch.Size):
        return str(ours) == str(theirs).removeprefix("torch.") or tuple(ours) == tuple(theirs)
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_files_of_pytorch_are_read(tmp_path, form, protocol):
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    obj = torch_objects(torch)
    if form == "zip":
        obj["wide"] = [torch.ones(2, dtype=getattr(torch, k)) for k in ("uint16", "uint32", "uint64")]
    torch.save(obj, tmp_path / "x", pickle_protocol=protocol, **FORMATS[form])
    for how in ({}, {"mmap": True}) if form == "zip" else ({},):
        back = tl.load(tmp_path / "x", **how)
        assert equal(back, obj, torch)
        back["views"][2].add_(1)
        assert back["views"][0][0] == 3 and back["views"][1][1] == 3 and back["parameters"][1].note == 3
    tl.io.save_for_torch(back, tmp_path / "y", **FORMATS[form])
    theirs = torch.load(tmp_path / "y", weights_only=True)
    assert equal(back, theirs, torch) and equal(tl.load(tmp_path / "y"), theirs, torch)
    theirs["views"][2].add_(1)
    assert theirs["views"][0][0] == 4 and theirs["views"][1][1] == 4


def test_arrays_are_arrays_in_pytorch_where_it_reads_them(tmp_path):
    torch = pytest.importorskip("torch")
    arrays = [
        np.arange(6.0).reshape(2, 3).T,
        np.arange(3, dtype=">i4"),
        np.array(["a", "größe"]),
        np.array([b"x"]),
        np.array(2.5),
        np.array([True]),
    ]
    arrays += [np.zeros((0, 3), np.complex64), np.arange(3, dtype=np.float16), np.array([2**63], np.uint64)]
    tl.save([arrays, np.float64(0.5), np.int32(7), np.bool_(False)], tmp_path / "x.pt")
    there, *numbers = torch.load(tmp_path / "x.pt", weights_only=False)
    for a, b in zip(arrays, there, strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype.newbyteorder("=") == b.dtype and type(b) is np.ndarray and b.flags.writeable
    assert numbers == [0.5, 7, False] and [type(n) for n in numbers] == [float, int, bool]
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "x.pt", weights_only=True)


def test_files_without_checksums_are_read(tmp_path):
    torch = pytest.importorskip("torch")
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(torch.ones(3), tmp_path / "x.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert tl.load(tmp_path / "x.pt").tolist() == [1, 1, 1]


def test_whole_modules_of_pytorch_are_refused_with_what_to_do(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(1, 1), tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"refused: it names torch.nn.modules.linear.Linear: a whole module.*load_state_dict"):
        tl.load(tmp_path / "x.pt")


MODELS = {
    "perceptron": (lambda L: L.Sequential(L.Linear(6, 5), L.ReLU(), L.Linear(5, 3)), (4, 6)),
    "convolutions": (
        lambda L: L.Sequential(L.Conv2d(2, 4, 3, padding=1), L.BatchNorm2d(4), L.ReLU(), L.MaxPool2d(2),
                               L.Flatten(), L.Linear(36, 3)), (4, 2, 6, 6),
    ),
    "normed": (lambda L: L.Sequential(L.Linear(6, 8), L.LayerNorm(8), L.GELU(), L.Dropout(0.0), L.Linear(8, 2)), (4, 6)),
    "grouped": (lambda L: L.Sequential(L.Conv1d(4, 8, 3, groups=2), L.GroupNorm(2, 8), L.SiLU()), (4, 4, 7)),
    "upward": (
        lambda L: L.Sequential(L.ConvTranspose2d(2, 3, 2, stride=2), L.InstanceNorm2d(3, affine=True, track_running_stats=True)),
        (2, 2, 4, 4),
    ),
    "prelu": (lambda L: L.Sequential(L.Linear(4, 4), L.PReLU(4), L.Softplus()), (5, 4)),
    "recurrent": (lambda L: L.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True), (2, 5, 3)),
    "gated": (lambda L: L.GRU(3, 4, bias=False), (5, 2, 3)),
    "attention": (lambda L: L.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True), (2, 5, 8)),
    "nested": (
        lambda L: L.ModuleDict({"a": L.Linear(4, 4), "b": L.Sequential(L.Linear(4, 4), L.Tanh(), L.ModuleList([L.Linear(4, 2)])[0])}),
        (3, 4),
    ),
}  # fmt: skip
OPTIMIZERS = {
    "perceptron": ("SGD", {"lr": 0.1, "momentum": 0.9}), "convolutions": ("Adam", {"lr": 0.01, "amsgrad": True}),
    "normed": ("AdamW", {"lr": 0.01}), "grouped": ("RMSprop", {"lr": 0.01, "momentum": 0.5, "centered": True}),
    "upward": ("Adagrad", {"lr": 0.1}),
    "prelu": ("NAdam", {"lr": 0.01}), "recurrent": ("Adadelta", {"lr": 1.0}), "gated": ("RAdam", {"lr": 0.01}),
    "attention": ("Adamax", {"lr": 0.01}), "nested": ("ASGD", {"lr": 0.01}),
}  # fmt: skip


def trained(torch, which):
    """A model of PyTorch's and its optimizer after three steps."""
    build, size = MODELS[which]
    torch.manual_seed(0)
    model = build(torch.nn)
    kind, options = OPTIMIZERS[which]
    optimizer = getattr(torch.optim, kind)(model.parameters(), **options)
    for _ in range(3):
        x = torch.randn(size)
        out = model["b"](model["a"](x)) if which == "nested" else model(x)
        loss = (out[0] if isinstance(out, tuple) else out).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, optimizer


def identical(a, b, torch):
    """Whether two values of PyTorch's are equal in type and every bit."""
    if isinstance(a, torch.Tensor):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(identical(a[k], b[k], torch) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(identical(x, y, torch) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("which", MODELS)
def test_a_model_with_its_optimizer_goes_from_pytorch_to_here_and_back_bit_for_bit(tmp_path, which):
    torch = pytest.importorskip("torch")
    model, optimizer = trained(torch, which)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, tmp_path / "there.pt")
    checkpoint = tl.load(tmp_path / "there.pt", map_location="cpu", weights_only=True)
    ours = MODELS[which][0](nn)
    mine = getattr(tl.optim, OPTIMIZERS[which][0])(ours.parameters(), **OPTIMIZERS[which][1])
    assert str(ours.load_state_dict(checkpoint["model"])) == "<All keys matched successfully>"
    mine.load_state_dict(checkpoint["optimizer"])
    tl.save({"model": ours.state_dict(), "optimizer": mine.state_dict(), "epoch": 3}, tmp_path / "back.pt")
    back = torch.load(tmp_path / "back.pt", weights_only=True)
    assert identical(dict(model.state_dict()), dict(back["model"]), torch)
    other, theirs = MODELS[which][0](torch.nn), None
    theirs = getattr(torch.optim, OPTIMIZERS[which][0])(other.parameters(), **OPTIMIZERS[which][1])
    other.load_state_dict(back["model"])
    theirs.load_state_dict(back["optimizer"])
    assert identical(optimizer.state_dict()["state"], theirs.state_dict()["state"], torch)
    groups, known = (o.state_dict()["param_groups"] for o in (theirs, optimizer))
    assert [{k: g[k] for k in known[0]} for g in groups] == known
