"""`load` notices every kind of damage, and a `save` that is interrupted at any moment leaves the old file."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from io_helpers import parse, same, write

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import FileFormatError
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.io import archive as archives
from tensorflowlite_clone.io import load, safetensors, save, structure

SUFFIXES = [".safetensors", ".npz"]


# ---- damaged files ------------------------------------------------------------------------------------------------------------
def small():
    return {"w": Tensor(np.arange(3, dtype=np.float32)), "opt": [{"lr": 0.1, "m": np.arange(2)}], "epoch": 3}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_truncation_and_every_extension_is_an_error(tmp_path, suffix):
    save(small(), tmp_path / f"x{suffix}")
    raw = (tmp_path / f"x{suffix}").read_bytes()
    path = tmp_path / "damaged"
    for n in range(len(raw)):
        path.write_bytes(raw[:n])
        with pytest.raises(FileFormatError, match=r"^load: .*: in .*damaged; restore the file from a copy"):
            load(path)
    if suffix != ".npz":  # zip files may be followed by other bytes
        path.write_bytes(raw + b"\0")
        with pytest.raises(FileFormatError, match="1 bytes at its end belong to no tensor"):
            load(path)


@pytest.mark.parametrize("mask", [0x01, 0x04, 0x20, 0x80, 0xFF])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_changed_byte_is_noticed_or_harmless(tmp_path, suffix, mask):
    save(small(), tmp_path / f"x{suffix}")
    raw = (tmp_path / f"x{suffix}").read_bytes()
    path, harmless = tmp_path / "damaged", 0
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= mask
        path.write_bytes(changed)
        try:
            back = load(path)
        except FileFormatError as error:
            assert str(path) in str(error)
        else:
            assert same(back, small()), f"byte {position} ({raw[position - 9 : position + 9]!r}) was changed and not noticed"
            harmless += 1
    assert harmless <= (len(raw) // 2 if suffix == ".npz" else 8), "a zip file has unused fields, a safetensors file only its padding"


def foreign(tmp_path):
    """Files that other programs wrote, without our checksum: name and bytes."""
    np.savez(tmp_path / "plain.npz", a=np.arange(3), b=np.ones(2, np.float32))
    np.savez_compressed(tmp_path / "packed.npz", a=np.arange(3), b=np.ones(2, np.float32))
    header = {
        "a": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]},
        "b": {"dtype": "F32", "shape": [1, 2], "data_offsets": [24, 32]},
    }
    write(tmp_path / "x.safetensors", header, bytes(32))
    with zipfile.ZipFile(tmp_path / "streamed.npz", "w") as archive, archive.open("a.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, np.arange(3))
    return {p.name: p.read_bytes() for p in sorted(tmp_path.iterdir())}


@pytest.mark.parametrize("name", ["packed.npz", "plain.npz", "streamed.npz", "x.safetensors"])
def test_foreign_files_with_any_byte_changed_missing_or_the_rest_gone_are_refused_or_read_whole(tmp_path, name):
    raw, path = foreign(tmp_path)[name], tmp_path / "damaged"
    whole = load(tmp_path / name)
    damaged = [raw[:n] for n in range(len(raw))] + [raw[:i] + raw[i + 1 :] for i in range(len(raw))]
    damaged += [raw[:i] + bytes([raw[i] ^ mask]) + raw[i + 1 :] for i in range(len(raw)) for mask in (0x80, raw[i] or 1)]
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            back = load(path)
        except FileFormatError as error:
            refused += 1
            assert len(str(error)) < 1000
        else:  # where nothing says so, another name or value cannot be noticed
            assert len(back) == len(whole) if name == "x.safetensors" else same(back, whole)
    assert refused > 2 * len(raw)


def test_an_empty_npz_of_numpy_is_an_empty_dict(tmp_path):
    np.savez(tmp_path / "x.npz")
    assert load(tmp_path / "x.npz") == {}


def test_an_npz_whose_directory_names_no_member_or_not_all_is_an_error(tmp_path):
    save({"w": np.ones(3), "v": np.ones(2)}, tmp_path / "x.npz")
    raw = (tmp_path / "x.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "x.npz") as archive:
        start = archive.start_dir
    second = raw.index(b"PK\x01\x02", start + 1)
    end = raw.index(b"PK\x05\x06")
    for directory in (b"", raw[start:second], raw[second:end]):
        size, place = len(directory).to_bytes(4, "little"), start.to_bytes(4, "little")
        count = directory.count(b"PK\x01\x02").to_bytes(2, "little")
        (tmp_path / "y.npz").write_bytes(raw[:start] + directory + b"PK\x05\x06" + bytes(4) + count * 2 + size + place + bytes(2))
        with pytest.raises(FileFormatError, match=r"damaged \.npz file: its directory does not fit the \d+ bytes before it"):
            load(tmp_path / "y.npz")


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BAD = {
    "not an object": ([1], b"", "its header is not a JSON object"),
    "not JSON": (b"{'a': 1}", b"", "truncated, or not a safetensors file: its header is not JSON"),
    "not UTF-8": (b'{"\xff": 1}', b"", "its header is not JSON"),
    "empty": (b"", b"", "its header is not JSON"),
    "deep": (b"[" * 100_000, b"", "its header is not JSON"),
    "twice": (b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "a": {}}', b"", "its header is not JSON.*a key occurs twice"),
    "metadata list": ({"__metadata__": []}, b"", "its metadata is not a map"),
    "metadata number": ({"__metadata__": {"a": 1}}, b"", "its metadata is not a map from text to text"),
    "entry": ({"a": 3}, b"", "tensor 'a' is described by 3, not by dtype"),
    "missing": ({"a": {"dtype": "F32", "shape": [2]}}, b"", "tensor 'a' is described by"),
    "unknown field": ({"a": {**ENTRY, "x": 1}}, bytes(8), "tensor 'a' is described by"),
    "dtype": ({"a": {**ENTRY, "dtype": "F31"}}, bytes(8), "tensor 'a' has the dtype 'F31', which is not among BOOL, U8.*BF16"),
    "dtype list": ({"a": {**ENTRY, "dtype": ["F32"]}}, bytes(8), r"tensor 'a' has the dtype \['F32'\]"),
    "negative": ({"a": {**ENTRY, "shape": [-2]}}, bytes(8), r"tensor 'a' has shape \[-2\]"),
    "fraction": ({"a": {**ENTRY, "shape": [2.0]}}, bytes(8), r"tensor 'a' has shape \[2\.0\]"),
    "boolean": ({"a": {**ENTRY, "shape": [True, 2]}}, bytes(8), r"tensor 'a' has shape \[True, 2\]"),
    "shape text": ({"a": {**ENTRY, "shape": "2"}}, bytes(8), "tensor 'a' has shape '2' and"),
    "huge": ({"a": {**ENTRY, "shape": [2**70]}}, bytes(8), "tensor 'a' has shape"),
    "huge and empty": (
        {"a": {"dtype": "F32", "shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}},
        b"",
        "tensor 'a' has the impossible shape",
    ),
    "65 dimensions": (
        {"a": {"dtype": "U8", "shape": [1] * 65, "data_offsets": [0, 1]}},
        b"a",
        r"tensor 'a' has shape \[1, 1, 1, 1, 1, 1, \.\.\.\] and.*at most 64",
    ),
    "three offsets": ({"a": {**ENTRY, "data_offsets": [0, 4, 8]}}, bytes(8), "does not fit its data_offsets"),
    "wrong size": ({"a": {**ENTRY, "shape": [3]}}, bytes(8), r"tensor 'a', F32 of shape \[3\], does not fit its data_offsets \[0, 8\]"),
    "backwards": ({"a": {**ENTRY, "data_offsets": [8, 0]}}, bytes(8), "does not fit its data_offsets"),
    "beyond": ({"a": ENTRY}, bytes(7), "tensor 'a' stands at bytes 0 to 8 of 7, its place begins at 0: truncated"),
    "gap": (
        {"a": {**ENTRY, "data_offsets": [1, 9]}},
        bytes(9),
        "tensor 'a' stands at bytes 1 to 9 of 9, its place begins at 0: a gap or an overlap",
    ),
    "overlap": (
        {"a": ENTRY, "b": {**ENTRY, "data_offsets": [4, 12]}},
        bytes(12),
        "tensor 'b' stands at bytes 4 to 12 of 12.*a gap or an overlap",
    ),
    "same place": ({"a": ENTRY, "b": ENTRY}, bytes(8), "tensor 'b' stands at bytes 0 to 8 of 8, its place begins at 8"),
    "left over": ({"a": ENTRY}, bytes(9), "1 bytes at its end belong to no tensor"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_header_is_named(tmp_path, name):
    header, data, message = BAD[name]
    path = write(tmp_path / "bad.safetensors", header, data)
    with pytest.raises(
        FileFormatError, match=rf"^load: .*{message}.*: in .*bad\.safetensors; restore the file from a copy or save it again"
    ):
        load(path)


MILLION = 10**6
HOSTILE = {
    "a million dimensions": {"a": {**ENTRY, "shape": [2**62] * MILLION}},
    "a million dimensions of nothing": {"a": {**ENTRY, "shape": [0] * MILLION}},
    "a million offsets": {"a": {**ENTRY, "data_offsets": [0] * MILLION}},
    "64 dimensions": {"a": {**ENTRY, "shape": [2**62] * 64}},
    "a million fractions": {"a": {**ENTRY, "shape": [0.5] * MILLION}},
    "nested": {"a": {**ENTRY, "shape": [[0] * MILLION]}},
    "a long name": {"a" * MILLION: {**ENTRY, "shape": [3]}},
    "a long dtype": {"a": {**ENTRY, "dtype": "F" * MILLION}},
    "a long entry": {"a": ["b"] * MILLION},
    "a long field": {"a": {**ENTRY, "b" * MILLION: 1}},
    "a long place": {"a" * MILLION: {**ENTRY, "data_offsets": [1, 9]}},
    "a long version": {"__metadata__": {structure.VERSION: "2" * MILLION, structure.STRUCTURE: "[]"}},
    "a long number": b'{"a": %s}' % (b"9" * MILLION),
    "a long fraction": b'{"a": 0.%s}' % (b"9" * MILLION),
    "a million tensors": {f"{i}": {**ENTRY, "shape": [0], "data_offsets": [0, 1]} for i in range(MILLION // 10)},
    "bytes": b"\xff" * MILLION,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_header_is_refused_with_a_short_message(tmp_path, name):
    """Each of them in linear time: the product of a million dimensions took more than a minute."""
    with pytest.raises(FileFormatError) as caught:
        load(write(tmp_path / "x", HOSTILE[name], bytes(8)))
    text = str(caught.value)
    assert text.startswith("load: ") and text.endswith("x; restore the file from a copy or save it again") and len(text) < 500


HOSTILE_STRUCTURES = [["x" * MILLION], ["tensor", "x" * MILLION, "float64"], ["tensor", "w", "x" * MILLION], ["float", "x" * MILLION]]
HOSTILE_STRUCTURES += [["int", "x" * MILLION], ["dict", ["x" * MILLION, 1], ["x" * MILLION, 2]], ["list", *[0] * MILLION]]


@pytest.mark.parametrize("structure", HOSTILE_STRUCTURES, ids=range(len(HOSTILE_STRUCTURES)))
def test_a_hostile_structure_is_refused_with_a_short_message(tmp_path, structure):
    save({"w": np.ones(3)}, tmp_path / "x")
    with pytest.raises(FileFormatError) as caught:
        load(rewritten(tmp_path / "x", lambda _: structure))
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("length", [3, 2**20, 10**8 + 1, 2**63, 2**64 - 1])
def test_a_wrong_header_length_is_an_error(tmp_path, length):
    with pytest.raises(
        FileFormatError, match=r"truncated, or not a safetensors file: its header (would be \d+ bytes long, the file has|is not JSON)"
    ):
        load(write(tmp_path / "x", {"a": ENTRY}, bytes(8), length))


def rewritten(path, change):
    """A file of `save` with ``change`` applied to its structure, and a checksum that fits."""
    header, data, _ = parse(path)
    metadata = header.pop("__metadata__")
    metadata[structure.STRUCTURE] = json.dumps(change(json.loads(metadata[structure.STRUCTURE])))
    metadata[structure.CHECKSUM] = safetensors.checksum(metadata[structure.STRUCTURE], header, [memoryview(data)])
    return write(path, {"__metadata__": metadata, **header}, data)


MEANINGLESS = [
    ["dict"], [], [None], [[]], ["set", 1], 1.5, {}, {"a": 1}, ["float"], ["float", "x"], ["float", 1], ["float", "0x1p99999"],
    ["float", "1", "2"], ["int", "x"], ["int", 3], ["int"], ["complex", "0"], ["tensor"], ["tensor", "w"], ["tensor", "v", "float64"],
    ["tensor", "w", "float32"], ["tensor", "w", "complex128"], ["tensor", ["w"], "float64"], ["dict", 1], ["dict", ["a"]],
    ["dict", [["list"], 1]], ["dict", ["a", 1], ["a", 2]], ["list"], ["tuple", 1],
    ["list", ["tensor", "w", "float64"], ["tensor", "w", "float64"]],
]  # fmt: skip


@pytest.mark.parametrize("structure", MEANINGLESS, ids=json.dumps)
def test_a_structure_that_makes_no_sense_is_an_error(tmp_path, structure):
    save({"w": np.ones(3)}, tmp_path / "x")
    assert same(load(rewritten(tmp_path / "x", lambda s: s)), {"w": np.ones(3)})
    with pytest.raises(
        FileFormatError, match=r"^load: (the structure in its metadata is damaged|tensors that the structure does not name: \['w'\])"
    ):
        load(rewritten(tmp_path / "x", lambda _: structure))


def test_a_newer_version_and_a_changed_tensor_are_told(tmp_path):
    save({"w": np.ones(3)}, tmp_path / "x")
    header, data, _ = parse(tmp_path / "x")
    with pytest.raises(FileFormatError, match="its checksum is wrong: it was damaged, or changed by another program"):
        load(write(tmp_path / "y", header, data[:-1] + b"\0"))
    header["__metadata__"][structure.VERSION] = "2"
    with pytest.raises(FileFormatError, match=r"damaged metadata, or of a newer version: .* is '2', '1' is known here"):
        load(write(tmp_path / "y", header, data))


def test_files_of_other_kinds_are_an_error(tmp_path):
    path = tmp_path / "x"
    for content in (b"", b"\x80\x04\x95\0\0\0\0\0\0\0", b"\x93NUMPY\x01\0", b"#!/bin/sh\necho", bytes(100)):
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match="safetensors file"):
            load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "text")
    with pytest.raises(FileFormatError, match=r"not an \.npz file: 'readme\.txt' is not a \.npy file"):
        load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02.")
    with pytest.raises(FileFormatError, match="damaged: at byte 3 of its pickle"):
        load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "absent")


def test_pickles_inside_npz_are_never_read(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "executed"),))

    np.savez(tmp_path / "x.npz", a=np.array([Trap()], dtype=object))
    with pytest.raises(FileFormatError, match=r"truncated or damaged \.npz file .*allow_pickle"):
        load(tmp_path / "x.npz")
    assert not (tmp_path / "executed").exists()


def test_an_npz_whose_array_claims_to_be_enormous_is_an_error(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive, archive.open("a.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (2**58,)})
    with pytest.raises(FileFormatError, match=r"truncated or damaged \.npz file"):
        load(tmp_path / "x.npz")


def bomb(path, start, name="a.npy"):
    """An .npz file of some kilobytes with a member that begins with ``start`` and inflates to 50 MB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, start + bytes(50_000_000))
    assert path.stat().st_size < 60_000
    return path


def npy_header(shape, version=1):
    text = repr({"descr": "<f8", "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY" + bytes([version, 0]) + len(text).to_bytes(2 if version == 1 else 4, "little") + text


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (npy_header((3,)), "bytes are left over in 'a.npy'"),
        (npy_header((2**40,)), "truncated or damaged"),
        (npy_header((2**62,)), "truncated or damaged"),
        (b"\x93NUMPY\2\0" + (49_000_000).to_bytes(4, "little"), "the header of 'a.npy' would be longer than 10000 bytes"),
        (b"\x93NUMPY\3\0" + (49_000_000).to_bytes(4, "little"), "the header of 'a.npy' would be longer than 10000 bytes"),
        (b"", "truncated or damaged"),
    ],
)
def test_a_member_is_read_no_further_than_its_header_says(tmp_path, monkeypatch, start, message):
    sizes, real = [0], zipfile.ZipExtFile.read

    def count(self, n=-1):
        content = real(self, n)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", count)
    with pytest.raises(FileFormatError, match=message):
        load(bomb(tmp_path / "x.npz", start))
    assert sum(sizes) < 100_000 or start == npy_header((2**40,)), "the last one says that there is more than there is"


@given(st.binary(max_size=60))
def test_any_bytes_load_or_raise_only_format_errors(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("io") / "x"
    path.write_bytes(content)
    with pytest.raises(FileFormatError):
        load(path)


# ---- interrupted saves --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("step", ["fsync", "replace", "write"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, suffix, step, error):
    path = tmp_path / f"x{suffix}"
    save({"old": np.ones(3)}, path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        if step == "write":
            patch.setattr(*((np.lib.format, "write_array") if suffix == ".npz" else (safetensors, "content")), fail)
        else:
            patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            save({"new": np.zeros(1000)}, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("old", ["x", "x.index.json", None])
def test_what_is_given_up_for_a_file_is_so_once_that_is_on_the_disk(tmp_path, monkeypatch, old):
    if old:
        (tmp_path / old).touch()
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1])
    save([1], tmp_path / "x")
    assert calls == (["fsync", "replace", "fsync"] if old else ["replace"])


PROGRAM = """
import sys, itertools, numpy as np
from tensorflowlite_clone.io import save
path = sys.argv[1]
for i in itertools.count():
    save({"i": i, "x": np.full(200_000, i)}, path)
    if i == 0:
        print("ready", flush=True)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_kill_at_any_moment_leaves_a_loadable_file(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    root = str(Path(tl.__file__).parents[1])
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
        )
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.005 + 0.0037 * attempt)
        process.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        process.wait()
        process.stdout.close()
        back = load(path)
        assert back["x"].shape == (200_000,) and np.all(back["x"] == back["i"])
    assert set(os.listdir(tmp_path)) - {path.name} == {p.name for p in tmp_path.glob(".*.part")}


@pytest.mark.skipif(os.name != "posix", reason="links and permissions are POSIX's")
def test_links_stay_links_and_permissions_are_ordinary(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "x")
    save([1], tmp_path / "link")
    save([2], tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and load(tmp_path / "real" / "x") == [2]
    (tmp_path / "plain").touch()
    assert (tmp_path / "real" / "x").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_directories_are_read_as_by_zipfile():
    """Plain ones by hand; by `zipfile` itself those with comments, names beyond ASCII, and bytes in front."""
    file = io.BytesIO()
    tl.io.save_for_torch([tl.arange(5.0), *[tl.ones(1) for _ in range(100)]], file)
    plain = file.getvalue()
    variants = {"plain": plain, "in front": b"#!" + plain}
    for kind in ("comment", "name", "folders", "empty"):
        with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
            for name in {"name": ["ä", "b"], "folders": ["a/b", "a\\c"], "empty": []}.get(kind, ["a"]):
                archive.writestr(name, b"12345")
            archive.comment = b"PK" if kind == "comment" else b""
        variants[kind] = file.getvalue()
    for kind, content in variants.items():
        members = archives.directory(io.BytesIO(content))
        assert (archives._plain_directory(io.BytesIO(content)) is None) == (kind not in ("plain", "empty")), kind
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            known = archive.infolist()
        assert [tuple(m) for m in members] == [tuple([getattr(m, name) for name in archives.Member._fields]) for m in known], kind
    end = len(plain) - 22
    for at in [*range(end - 60, end + 22)]:  # whatever is damaged in a directory by hand is damaged to zipfile, or the other way to read it
        damaged = bytearray(plain)
        damaged[at] ^= 0xFF
        with contextlib.suppress(zipfile.BadZipFile, NotImplementedError, OSError, ValueError, UnicodeDecodeError):
            known = zipfile.ZipFile(io.BytesIO(bytes(damaged))).infolist()
            found = archives.directory(io.BytesIO(bytes(damaged)))
            assert [tuple(m) for m in found] == [tuple([getattr(m, name) for name in archives.Member._fields]) for m in known], at - end
