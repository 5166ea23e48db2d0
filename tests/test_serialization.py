"""``tl.serialization``: PyTorch's names around files, and the settings that `load` obeys."""

from __future__ import annotations

import io
import mmap
import os

import numpy as np
import pytest
from hostile_files import name, pickled, tensor, text, zipped

import tensorflowlite_clone as tl
from tensorflowlite_clone import serialization as s
from tensorflowlite_clone._errors import ArgumentError, FileFormatError, OperandError


def test_names_are_pytorchs():
    torch = pytest.importorskip("torch")
    assert set(s.__all__) <= set(dir(torch.serialization))
    lacking = set(torch.serialization.__all__) - set(s.__all__)
    assert lacking == {
        "StorageType", "mkdtemp", "normalize_storage_type", "skip_data", "storage_to_tensor_type", "validate_cuda_device",
        "validate_hpu_device",
    }  # fmt: skip
    assert s.load is tl.load and s.save is tl.save
    assert [e.name for e in s.LoadEndianness] == [e.name for e in torch.serialization.LoadEndianness]


def test_the_byte_order_of_files_that_do_not_say_theirs():
    big = zipped(pickled(tensor()), [("0", np.arange(4, dtype=">f4").tobytes())], byteorder=b"")
    assert s.get_default_load_endianness() is None
    s.set_default_load_endianness(s.LoadEndianness.BIG)
    try:
        assert s.get_default_load_endianness() is s.LoadEndianness.BIG
        assert tl.load(io.BytesIO(big)).tolist() == [[0, 1], [2, 3]]
    finally:
        s.set_default_load_endianness(None)
    assert tl.load(io.BytesIO(big)).tolist() != [[0, 1], [2, 3]]
    with pytest.raises(OperandError, match="set_default_load_endianness: no LoadEndianness: got 'big'"):
        s.set_default_load_endianness("big")


@pytest.mark.skipif(os.name != "posix", reason="flags of POSIX")
def test_mapped_files_that_are_written_to(tmp_path):
    tl.save({"w": tl.zeros(3)}, tmp_path / "x.safetensors")
    tl.save({"w": tl.zeros(3)}, tmp_path / "x.pt")
    assert s.get_default_mmap_options() == mmap.MAP_PRIVATE
    with s.set_default_mmap_options(mmap.MAP_SHARED):
        assert s.get_default_mmap_options() == mmap.MAP_SHARED
        for name in ("x.safetensors", "x.pt"):
            tl.load(tmp_path / name, mmap=True)["w"].add_(1)
    assert s.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert tl.load(tmp_path / "x.safetensors", mmap=True)["w"].tolist() == [1, 1, 1]
    assert tl.load(tmp_path / "x.pt", mmap=True)["w"].tolist() == [1, 1, 1]
    with pytest.raises(FileFormatError, match="checksum"):
        tl.load(tmp_path / "x.pt")
    with pytest.raises(ArgumentError, match=r"set_default_mmap_options: must be mmap\.MAP_PRIVATE or mmap\.MAP_SHARED"):
        s.set_default_mmap_options(77)


def test_names_that_would_be_refused_are_listed(tmp_path):
    file = io.BytesIO(zipped(pickled(name(b"os", b"system"), text(b"posix") + text(b"system") + b"\x93", tensor(), b"000")))
    assert s.get_unsafe_globals_in_checkpoint(file) == ["os.system", "posix.system"]
    with pytest.raises(FileFormatError, match="get_unsafe_globals_in_checkpoint: no PyTorch file of the zip format"):
        s.get_unsafe_globals_in_checkpoint(io.BytesIO(b"123"))
    torch = pytest.importorskip("torch")
    for protocol in (2, 4):
        torch.save([torch.nn.Linear(1, 1), torch.ones(1)], tmp_path / "x", pickle_protocol=protocol)
        found = s.get_unsafe_globals_in_checkpoint(tmp_path / "x")
        assert "torch.nn.modules.linear.Linear" in found and not [n for n in found if "rebuild" in n]


def test_what_makes_no_difference_here():
    storage = tl.ones(2).untyped_storage()
    assert s.location_tag(storage) == "cpu" and s.default_restore_location(storage, "cuda:0") is storage
    assert s.get_crc32_options() is True
    s.set_crc32_options(False)
    assert s.get_crc32_options() is False
    s.set_crc32_options(True)
    assert s.register_package(10, len, len) is None
    with pytest.raises(OperandError, match="register_package: must be functions"):
        s.register_package(10, None, len)
    assert s.check_module_version_greater_or_equal(np, (1, 0)) and not s.check_module_version_greater_or_equal(np, (99, 0))
    assert s.check_module_version_greater_or_equal(io, (1, 0), error_if_malformed=False)
    with pytest.raises(ArgumentError, match="has no version of numbers"):
        s.check_module_version_greater_or_equal(io, (1, 0))
    assert issubclass(s.SourceChangeWarning, Warning)
