"""Safetensors in several files with an index: whole at any moment, read by the names that programs use, refused if they do not belong."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from io_helpers import parse, same, write

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, FileFormatError, OperandError
from tensorflowlite_clone.io import shards


def state():
    rng = np.random.default_rng(0)
    return {f"layer.{i}.weight": tl.from_numpy(rng.random((10, 10), np.float32)) for i in range(6)} | {"norm": tl.ones(3)}


def names(folder):
    return sorted(os.listdir(folder))


SHARDED = ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors",
           "model.safetensors.index.json"]  # fmt: skip


@pytest.mark.parametrize("where", ["", "model.safetensors"])
def test_a_state_in_shards_comes_back_by_every_name(tmp_path, where):
    tl.save(state(), tmp_path / where, max_shard_size=1000)
    assert names(tmp_path) == SHARDED
    for name in ("", "model.safetensors", "model.safetensors.index.json"):
        for how in ({}, {"mmap": True}):
            back = tl.load(tmp_path / name, **how)
            assert same(back, state()) and list(back) == list(state())
    index = json.loads((tmp_path / SHARDED[3]).read_text())
    assert index["metadata"]["total_size"] == 6 * 400 + 12 and set(index["weight_map"]) == set(state())
    assert index["weight_map"]["layer.0.weight"] == index["weight_map"]["layer.1.weight"] == SHARDED[0]
    for shard in SHARDED[:3]:
        header, _, _ = parse(tmp_path / shard)
        assert header.pop("__metadata__")["format"] == "pt"
        assert {n: index["weight_map"][n] for n in header} == dict.fromkeys(header, shard)
    assert all(os.path.getsize(tmp_path / shard) < 1000 + 800 for shard in SHARDED[:3])


def test_nested_objects_and_modules(tmp_path):
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
    obj = {"model": dict(model.state_dict()), "epoch": 3, "losses": [0.1, (2, None)]}
    tl.save(obj, tmp_path / "m.safetensors", max_shard_size="200B")
    assert same(tl.load(tmp_path / "m.safetensors"), obj)
    assert len(names(tmp_path)) == 3


def test_what_fits_is_one_plain_file(tmp_path):
    tl.save(state(), tmp_path, max_shard_size="1GB")
    assert names(tmp_path) == ["model.safetensors"]
    assert same(tl.load(tmp_path), state()) and same(tl.load(tmp_path / "model.safetensors"), state())
    tl.save({}, tmp_path, max_shard_size=5)
    assert tl.load(tmp_path) == {}


def test_a_tensor_larger_than_a_shard_has_one_of_its_own(tmp_path):
    tl.save({"a": tl.ones(3), "b": tl.ones(1000), "c": tl.ones(3)}, tmp_path, max_shard_size=100)
    assert len(names(tmp_path)) == 4
    assert same(tl.load(tmp_path)["b"], tl.ones(1000))


def test_saving_again_replaces_what_was_there_and_leaves_other_files(tmp_path):
    (tmp_path / "other.txt").write_text("mine")
    tl.save(state(), tmp_path, max_shard_size=1000)
    tl.save({"w": tl.zeros(500)} | state(), tmp_path, max_shard_size=900)
    assert len(tl.load(tmp_path)) == 8 and len(names(tmp_path)) == 6
    tl.save({"w": tl.zeros(500)} | state(), tmp_path, max_shard_size=900)
    assert len(tl.load(tmp_path)) == 8 and len(names(tmp_path)) == 6
    tl.save({"w": tl.ones(2)}, tmp_path, max_shard_size=900)
    assert names(tmp_path) == ["model.safetensors", "other.txt"] and same(tl.load(tmp_path), {"w": tl.ones(2)})
    tl.save(state(), tmp_path, max_shard_size=1000)
    assert names(tmp_path) == [*SHARDED, "other.txt"] and same(tl.load(tmp_path), state())


@pytest.mark.parametrize("size", [None, 10**6])
def test_a_plain_file_takes_the_place_of_shards(tmp_path, size):
    """By every name: an index that stayed would give the old state to who loads the folder."""
    tl.save(state(), tmp_path / "model.safetensors", max_shard_size=1000)
    (tmp_path / "other.index.json").write_text("{}")
    tl.save({"a": tl.ones(2)}, tmp_path / "model.safetensors", max_shard_size=size)
    assert names(tmp_path) == ["model.safetensors", "other.index.json"]
    for name in ("", "model.safetensors"):
        assert list(tl.load(tmp_path / name)) == ["a"]


def test_a_plain_file_beside_an_index_is_what_its_folder_holds(tmp_path):
    """As its own name says, and as other programs read it: `model.safetensors` goes before an index of it."""
    tl.save(state(), tmp_path, max_shard_size=1000)
    (tmp_path / "model.safetensors").write_bytes(b"")
    tl.save({"a": tl.ones(2)}, tmp_path / "plain.safetensors")
    os.replace(tmp_path / "plain.safetensors", tmp_path / "model.safetensors")
    assert list(tl.load(tmp_path)) == list(tl.load(tmp_path / "model.safetensors")) == ["a"]


@pytest.mark.parametrize("step", range(4))
def test_an_interrupted_save_leaves_the_old_files(tmp_path, monkeypatch, step):
    tl.save(state(), tmp_path, max_shard_size=1000)
    real, calls = os.replace, []

    def replace(*args):
        calls.append(args)
        if len(calls) > step:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        tl.save({k: v + 1 for k, v in state().items()}, tmp_path, max_shard_size=1000)
    assert same(tl.load(tmp_path), state())


def foreign(folder):
    """Shards as other programs write them."""
    header = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
    write(folder / "x-00001-of-00002.safetensors", {"__metadata__": {"format": "pt"}, **header}, np.ones(2, "<f4").tobytes())
    write(folder / "x-00002-of-00002.safetensors", {"b": header["a"]}, np.zeros(2, "<f4").tobytes())
    places = {"a": "x-00001-of-00002.safetensors", "b": "x-00002-of-00002.safetensors"}
    (folder / "x.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 16}, "weight_map": places}))
    return places


def test_shards_of_other_programs(tmp_path):
    foreign(tmp_path)
    assert same(tl.load(tmp_path), {"a": tl.ones(2), "b": tl.zeros(2)})
    assert same(tl.load(str(tmp_path / "x.safetensors.index.json")), {"a": tl.ones(2), "b": tl.zeros(2)})


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ("{", "truncated, or no index: it is not JSON"),
        ("[" * 100_000, "truncated, or no index: it is not JSON"),
        ("[]", "it has no weight_map"),
        ('{"weight_map": {"a": 3}}', "it has no weight_map"),
        ('{"weight_map": {"a": "../x-00001-of-00002.safetensors"}}', "the file '../x-.*', which is none beside it"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "the file '/etc/passwd', which is none beside it"),
        ('{"weight_map": {"a": ".."}}', "which is none beside it"),
        ('{"weight_map": {"a": "x-00003-of-00002.safetensors"}}', "of which the index tells, is not there"),
        ('{"weight_map": {"z": "x-00001-of-00002.safetensors"}}', "stand in none of its files: \\['z'\\]"),
    ],
)
def test_an_index_that_is_none(tmp_path, index, message):
    foreign(tmp_path)
    (tmp_path / "x.safetensors.index.json").write_text(index)
    with pytest.raises(FileFormatError, match=f"^load: .*{message}.*: in "):
        tl.load(tmp_path)


def test_files_that_do_not_belong_are_noticed(tmp_path):
    tl.save(state(), tmp_path, max_shard_size=1000)
    raw = (tmp_path / SHARDED[0]).read_bytes()
    (tmp_path / SHARDED[0]).write_bytes(raw[:-1] + b"\0")
    with pytest.raises(FileFormatError, match=r"model-00001-of-00003\.safetensors: its checksum is wrong"):
        tl.load(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    tl.save({k: v + 1 for k, v in state().items()}, other, max_shard_size=1000)
    (tmp_path / SHARDED[0]).write_bytes((other / SHARDED[0]).read_bytes())
    with pytest.raises(FileFormatError, match="the files are not those of which the index tells"):
        tl.load(tmp_path)
    (tmp_path / SHARDED[0]).write_bytes(raw[:100])
    with pytest.raises(FileFormatError, match=r"model-00001-of-00003\.safetensors: truncated"):
        tl.load(tmp_path)


def test_folders_that_do_not_say_what_is_meant(tmp_path):
    with pytest.raises(FileFormatError, match=r"a folder with 0 safetensors files or indices"):
        tl.load(tmp_path)
    tl.save(state(), tmp_path / "a.safetensors")
    assert same(tl.load(tmp_path), state())
    tl.save(state(), tmp_path / "b.safetensors")
    with pytest.raises(FileFormatError, match=r"a folder with 2 safetensors files"):
        tl.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        tl.load(tmp_path / "absent.safetensors")
    with pytest.raises(FileNotFoundError, match="save: the folder does not exist"):
        tl.save(state(), tmp_path / "absent" / "x.safetensors", max_shard_size=10)


@pytest.mark.parametrize(
    ("size", "bytes_"),
    [(7, 7), ("7", 7), ("5GB", 5 * 10**9), ("1.5 kb", 1500), ("2MiB", 2 << 20), ("1TB", 10**12), ("3 b", 3)],
)
def test_sizes(size, bytes_):
    assert shards.size_of(size) == bytes_


@pytest.mark.parametrize(
    ("size", "kind"),
    [(0, OperandError), (-1, OperandError), (True, OperandError), (2.5, OperandError), ("", ArgumentError), ("many", ArgumentError)],
)
def test_sizes_that_are_none(size, kind):
    with pytest.raises((ArgumentError, OperandError), match="save: max_shard_size must be a number of bytes"):
        shards.size_of(size)


def test_shards_need_a_name_of_safetensors(tmp_path):
    with pytest.raises(ArgumentError, match="save: max_shard_size is for files of safetensors by name"):
        tl.save(state(), tmp_path / "x.npz", max_shard_size=10)


def test_the_reference_library_reads_each_shard(tmp_path):
    reference = pytest.importorskip("safetensors.numpy", reason="needs the safetensors package, the reference implementation")
    tl.save(state(), tmp_path, max_shard_size=1000)
    found = {}
    for shard in SHARDED[:3]:
        found |= reference.load_file(tmp_path / shard)
    assert {k: v.tobytes() for k, v in found.items()} == {k: v.numpy().tobytes() for k, v in state().items()}
