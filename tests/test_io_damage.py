"""`load` notices every kind of damage, and a `save` that is interrupted at any moment leaves the old file."""

from __future__ import annotations

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

import tensorflowlite_clone.io as io
from tensorflowlite_clone._errors import FileFormatError
from tensorflowlite_clone.core.tensor import Tensor
from tensorflowlite_clone.io import load, save

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
    "shape text": ({"a": {**ENTRY, "shape": "2"}}, bytes(8), "tensor 'a' has shape 2 and"),
    "huge": ({"a": {**ENTRY, "shape": [2**70]}}, bytes(8), "tensor 'a' has shape"),
    "huge and empty": (
        {"a": {"dtype": "F32", "shape": [2**62, 2**62, 0], "data_offsets": [0, 0]}},
        b"",
        "tensor 'a' has the impossible shape",
    ),
    "65 dimensions": ({"a": {"dtype": "U8", "shape": [1] * 65, "data_offsets": [0, 1]}}, b"a", "does not fit its data_offsets"),
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
    metadata[io.STRUCTURE] = json.dumps(change(json.loads(metadata[io.STRUCTURE])))
    metadata[io.CHECKSUM] = io._checksum(metadata[io.STRUCTURE], header, [memoryview(data)])
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
    header["__metadata__"][io.VERSION] = "2"
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
    with pytest.raises(FileFormatError, match="a pickled PyTorch file, and pickles are never read"):
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
            patch.setattr(*((np.lib.format, "write_array") if suffix == ".npz" else (io, "_bytes")), fail)
        else:
            patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            save({"new": np.zeros(1000)}, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [path.name]


def test_the_file_is_on_the_disk_before_it_is_renamed(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1])
    save([1], tmp_path / "x")
    assert calls[:2] == ["fsync", "replace"]


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
    root = str(Path(io.__file__).parents[1])
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
