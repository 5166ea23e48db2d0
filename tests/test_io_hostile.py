"""Files that were damaged or made to do harm end in a clear error, execute nothing, and take little memory (see ``hostile_files.py``).

The files are drawn; `python tests/hostile_files.py 2000` reads as many as one likes. Damage to our own safetensors and npz files, byte by
byte, is in ``test_io_damage.py``.
"""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import hostile_files
import numpy as np
import pytest
from hostile_files import FOUR, integer, name, old, pickled, storage, tensor, text, value, zipped

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import FileFormatError, RefusedError


def loaded(content):
    return tl.load(io.BytesIO(content))


def run(*program):
    """What a program prints: an audit hook stays for good, so it gets a process of its own."""
    return subprocess.run([sys.executable, *program], check=True, capture_output=True, text=True, cwd=Path(__file__).parent).stdout


def test_drawn_files_are_refused_or_hold_only_data(tmp_path):
    *lines, last = run("hostile_files.py", "300", "0", str(tmp_path / "x.pt")).splitlines()
    ends = [line.split(maxsplit=2) for line in lines]
    assert len({label for _, _, label in ends}) == 12 and last.startswith("300 files in ")
    refused = sum(int(number) for number, end, _ in ends if end == "refused")
    assert refused > 260, "most damage is noticed"
    assert not list(tmp_path.iterdir())


def test_the_watch_notices_what_it_is_for(tmp_path):
    program = f"""
import io, pathlib, hostile_files as h
h.tl.load(io.BytesIO(h.files()["zip"]))
watch = h.Watch()
watch.on = True
exec("1")
import this
watch.on = False
assert {{event for event, _ in watch.seen}} >= {{"exec", "import"}}
watch.seen.clear()
h.tracemalloc.start()
for content, must_fail, message in ((h.zipped(h.pickled(b"N")), True, "read as"), (b"x", True, None)):
    try:
        h.check("kind", content, must_fail, pathlib.Path({str(tmp_path / "x")!r}), watch)
    except AssertionError as error:
        assert message is not None and message in str(error), error
    else:
        assert message is None
print("done")
"""
    assert run("-c", program).endswith("done\n")


def test_what_is_in_order_is_read():
    """The files by hand are refused for what is wrong with them, not for how they are made."""
    for file in (zipped(pickled(tensor()), FOUR), zipped(pickled(tensor()), FOUR, 8)):
        assert loaded(file).tolist() == [[0.0, 1.0], [2.0, 3.0]]
    keys = b"\x80\x02](" + text(b"0") + b"e."
    assert loaded(old(pickled(tensor()), keys, (4).to_bytes(8, "little") + FOUR[0][1])).tolist() == [[0.0, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize("seed", range(len(hostile_files.HARM)))
def test_a_name_that_is_no_data_is_refused_by_its_name(seed):
    module, what = hostile_files.HARM[seed]
    full = f"{module.decode()}.{what.decode()}".replace("__builtin__", "builtins")
    for file in (zipped(pickled(name(module, what))), old(pickled(name(module, what)))):
        with pytest.raises(RefusedError, match=f"^load: refused: it names {full}: .*: in BytesIO object$") as caught:
            loaded(file)
        assert isinstance(caught.value, FileFormatError | ValueError | RuntimeError)


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        (tensor(size=(5,), stride=(1,)), "ends at element 4 of a storage of 4"),
        (tensor(2, (2, 2), (-2, 1)), "all must be from 0 up"),
        (tensor(size=(2**40,), stride=(0,)), "would show 1099511627776 elements of a storage of 4"),
        (tensor(size=(2**62,) * 2, stride=(0, 0)), "all must be from 0 up"),
        (tensor(store=storage("1")), "no member 'data/1'"),
        (tensor(store=storage(count=2**40)), "has 16 bytes, its tensors are of one with 4398046511104"),
        (tensor(store=integer(3)), "_rebuild_tensor_v2 does not fit"),
        (name(b"torch", b"FloatStorage"), "torch.FloatStorage stands in it as a value"),
        (b"}" + name(b"torch", b"FloatStorage") + b"Ns", "torch.FloatStorage stands in it as a key"),
        (tensor(hooks=b"}" + text(b"a") + b"Ns"), "a tensor with hooks"),
        (b"(" * 20_000 + b"t" * 20_000, "more than 500 levels"),
        (b")q\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(99)) + b"}h\x63Ns", "has more than 1000 parts"),
        (
            b"]" + text(b"a" * 50_000) + b"q\x000(" + (name(b"_codecs", b"encode") + b"h\0" + text(b"latin1") + b"\x86R") * 900 + b"e",
            "far more of its content than it holds",
        ),
        (b"\x8e" + bytes(7) + b"\x40", "truncated: 4611686018427387904 bytes are announced"),
        (name(b"numpy", b"dtype") + value(("O8", False, True)) + b"R", "dtype 'O8'; only numbers and text"),
        (name(b"numpy", b"dtype") + value(("(9,)f8", False, True)) + b"R", "dtype '\\(9,\\)f8'; only numbers and text"),
        (name(b"torch.serialization", b"_get_layout") + value(("torch.sparse_csr",)) + b"R", "layout 'torch.sparse_csr'"),
    ],
)  # fmt: skip
def test_each_limit_says_what_is_wrong(ops, message):
    with pytest.raises(FileFormatError, match=message):
        loaded(zipped(pickled(ops), FOUR))


def test_a_checksum_that_is_there_is_compared():
    raw = zipped(pickled(tensor()), FOUR)
    at = raw.index(FOUR[0][1])
    with pytest.raises(FileFormatError, match="the checksum of the member 'data/0' is wrong"):
        loaded(raw[: at + 5] + b"\1" + raw[at + 6 :])


def test_members_of_a_zip_file_that_overlap_are_refused():
    raw = bytearray(zipped(pickled(tensor()), FOUR))
    entries = [i for i in range(len(raw)) if raw[i : i + 4] == b"PK\1\2"]
    raw[entries[2] + 42 : entries[2] + 46] = raw[entries[0] + 42 : entries[0] + 46]
    with pytest.raises(FileFormatError, match="overlaps another"):
        loaded(bytes(raw))


def test_bombs_in_zip_files_are_refused_before_they_inflate():
    with pytest.raises(RefusedError, match=r"would inflate from .* bytes: a bomb"):
        loaded(zipped(b"\x80\x02" + bytes(3_000_000), [], 8))


def test_scripts_and_tar_files_are_refused_with_what_to_do():
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for member in ("a/data.pkl", "a/code/x.py", "a/constants.pkl"):
            archive.writestr(member, b"\x80\x02N.")
    with pytest.raises(RefusedError, match=r"compiled by torch\.jit \(TorchScript\).*state_dict"):
        loaded(raw.getvalue())
    with pytest.raises(RefusedError, match=r"a tar file, PyTorch's format before 0\.1\.10"):
        loaded(bytes(257) + b"ustar" + bytes(300))
    with pytest.raises(RefusedError, match="a pickle, but none of PyTorch's"):
        loaded(b"\x80\x02\x8a\x0a" + b"1" * 10 + b".")


def test_big_arrays_of_the_older_format_do_not_cost_memory_before_they_are_there():
    with pytest.raises(FileFormatError, match="is longer than what is left of the file"):
        loaded(old(pickled(tensor(store=storage(count=2**33)))))
    assert np.little_endian


def test_a_dtype_takes_its_byte_order_from_a_file_and_nothing_else():
    """NumPy itself would take sizes and flags, with which an array of numbers can be made one of pointers."""
    dtype = name(b"numpy", b"dtype") + value(("f8", False, True)) + b"R" + value((3, ">", None, None, None, 10**9, 10**6, 63)) + b"b"
    found = loaded(zipped(pickled(dtype)))
    assert found == np.dtype(">f8") and (found.itemsize, found.flags, found.hasobject) == (8, 0, False)
    text_dtype = name(b"numpy", b"dtype") + value(("U2", False, True)) + b"R" + value((3, "<", None, None, None, 10**9, 1, 63)) + b"b"
    assert loaded(zipped(pickled(text_dtype))) == np.dtype("<U2") and np.dtype("f8").isnative


def test_keys_that_stand_in_many_places_are_paid_for():
    key = b"(" + b"K\x01" * 900 + b"tq\0"
    with pytest.raises(RefusedError, match="far more of its content than it holds"):
        loaded(zipped(pickled(b"}(" + key + b"N" + b"h\0N" * 5000 + b"u")))
    assert loaded(zipped(pickled(b"}(" + key + b"N" + b"h\0N" * 50 + b"u"))) == {(1,) * 900: None}
