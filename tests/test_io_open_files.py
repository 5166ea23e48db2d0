"""`save` and `load` with files that the caller has opened: in memory, on disk, buffered or not, compressed, at any position."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

OBJECTS = {
    "tensor": lambda: tl.arange(6.0).reshape(2, 3),
    "checkpoint": lambda: {"model": nn.Linear(3, 2).state_dict(), "epoch": 3, "betas": (0.9, 0.999), "name": "größe", "none": None},
    "nothing": dict,
    "large": lambda: [tl.ones(300, 300), np.zeros(3, np.int8)],
}


class Trickle(io.BytesIO):
    """Takes a few bytes at a time, as unbuffered files may."""

    def write(self, content):
        return super().write(bytes(content)[:1000])


class Duck:
    """Has only what is needed."""

    def __init__(self):
        self.content = b""

    def write(self, content):
        self.content += bytes(content)

    def read(self):
        return self.content


def same(a, b):
    if isinstance(a, dict):
        assert list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    elif isinstance(a, list | tuple):
        assert type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    elif isinstance(a, tl.Tensor | np.ndarray):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        assert isinstance(b, type(a)) or isinstance(a, tl.Tensor)
    else:
        assert a == b
    return True


FILES = {
    "memory": lambda folder: io.BytesIO(),
    "a few bytes at a time": lambda folder: Trickle(),
    "disk": lambda folder: (folder / "x").open("w+b"),
    "unbuffered": lambda folder: (folder / "x").open("w+b", buffering=0),
    "temporary": lambda folder: tempfile.TemporaryFile(),  # noqa: SIM115
    "spooled": lambda folder: tempfile.SpooledTemporaryFile(),  # noqa: SIM115
}


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("kind", FILES)
def test_what_was_saved_is_loaded(kind, name, tmp_path):
    obj = OBJECTS[name]()
    with FILES[kind](tmp_path) as file:
        file.write(b"before")
        assert tl.save(obj, file) is None
        file.seek(6)
        same(obj, tl.load(file))
        assert file.read() == b"" and not file.closed
        file.seek(6)
        tl.save(obj, tmp_path / "named")
        assert file.read() == (tmp_path / "named").read_bytes()


@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_compressed(module, tmp_path):
    with module.open(tmp_path / "x", "wb") as file:
        tl.save({"w": tl.ones(3)}, file)
    with module.open(tmp_path / "x", "rb") as file:
        assert tl.load(file)["w"].tolist() == [1, 1, 1]


def test_anything_with_write_and_read():
    file = Duck()
    tl.save(tl.ones(2), file)
    assert tl.load(file).tolist() == [1, 1]


def test_npz_is_recognised():
    file = io.BytesIO()
    np.savez(file, w=np.arange(3))
    file.seek(0)
    assert tl.load(file)["w"].tolist() == [0, 1, 2]


def test_the_state_of_a_model_through_memory():
    model, other, file = nn.Linear(2, 2), nn.Linear(2, 2), io.BytesIO()
    tl.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(tl.load(file, weights_only=True, map_location="cpu"))
    np.testing.assert_array_equal(model.weight.detach().numpy(), other.weight.detach().numpy())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda folder: tl.save({}, 3), TypeError, "save: f must be the name of a file .* got int 3"),
        (lambda folder: tl.save({}, None), TypeError, "save: f must be .* got NoneType None"),
        (lambda folder: tl.save({}, b"x"), TypeError, "save: f must be .* got bytes"),
        (lambda folder: tl.save({}, io.StringIO()), TypeError, "save: .* got a file open for text; open it with 'wb'"),
        (lambda folder: tl.save({}, (folder / "text").open("w")), TypeError, "save: .* got a file open for text"),
        (lambda folder: tl.load(3), TypeError, "load: f must be the name of a file .* got int 3"),
        (lambda folder: tl.load(io.StringIO("x")), TypeError, "load: .* got a file open for text; open it with 'rb'"),
        (lambda folder: tl.load(io.BytesIO()), ValueError, r"load: nothing is left to read: .* seek\(0\): in BytesIO object"),
        (lambda folder: tl.load(io.BytesIO(b"123456789")), ValueError, "load: truncated, or not a safetensors file.*in BytesIO object"),
        (lambda folder: tl.save({"a": object()}, io.BytesIO()), TypeError, r"save: .*obj\['a'\] is a object"),
    ],
)
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_mistakes_are_explained(call, kind, message, tmp_path):
    with pytest.raises(kind, match=message):
        call(tmp_path)


def test_what_cannot_be_stored_leaves_the_file_as_it_was():
    file = io.BytesIO(b"before")
    with pytest.raises(TypeError):
        tl.save([tl.ones(3), object()], file)
    assert file.getvalue() == b"before" and file.tell() == 0
