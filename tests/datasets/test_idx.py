"""The IDX format: round trips of every dtype, bytes against the specification, and a clear error for every kind of damage."""

from __future__ import annotations

import gzip
import itertools
import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tensorflowlite_clone._errors import ArgumentError, FileFormatError
from tensorflowlite_clone.datasets.idx import parse_idx, read_idx, write_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", CODES)
def test_every_dtype_comes_back(tmp_path, dtype, suffix):
    x = np.arange(-6, 6).astype(dtype).reshape(2, 3, 2)
    path = tmp_path / f"x{suffix}"
    write_idx(path, x)
    y = read_idx(path)
    assert y.dtype == x.dtype and y.dtype.isnative and y.flags.writeable
    np.testing.assert_array_equal(x, y)
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == bool(suffix)


@pytest.mark.parametrize(("dtype", "code"), CODES.items())
def test_bytes_are_those_of_the_specification(tmp_path, dtype, code):
    write_idx(tmp_path / "x", np.array([[1, 2, 3]], dtype))
    item = {"u1": "B", "i1": "b", "i2": "h", "i4": "i", "f4": "f", "f8": "d"}[dtype]
    assert (tmp_path / "x").read_bytes() == struct.pack(f">4B2I3{item}", 0, 0, code, 2, 1, 3, 1, 2, 3)


def shapes():
    return hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4)


@given(st.sampled_from(sorted(CODES)).flatmap(lambda d: hnp.arrays(d, shapes())), st.sampled_from(["<", ">"]), st.booleans())
def test_any_array_comes_back_bit_for_bit(tmp_path_factory, x, order, transpose):
    x = x.astype(x.dtype.newbyteorder(order))
    x = x.T if transpose else x
    path = tmp_path_factory.mktemp("idx") / "x.gz"
    write_idx(path, x)
    y = read_idx(path)
    assert y.shape == x.shape
    assert y.tobytes() == x.astype(x.dtype.newbyteorder("=")).tobytes()


def test_gzip_is_recognised_by_content_not_by_name(tmp_path):
    write_idx(tmp_path / "x.gz", np.arange(5, dtype=np.uint8))
    (tmp_path / "x.gz").rename(tmp_path / "x")
    assert read_idx(tmp_path / "x").tolist() == [0, 1, 2, 3, 4]


def test_the_same_array_gives_the_same_gzip_bytes(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(100, dtype=np.int16))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def idx(code, shape, data):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape) + data


BAD = {
    "empty": (b"", "too short for an IDX file: .* has 0 bytes"),
    "three bytes": (b"\0\0\x08", "too short for an IDX file: .* has 3 bytes"),
    "wrong magic": (b"\x89PNG\r\n\x1a\n", "not an IDX file: .* starts with 89 50 4e 47"),
    "first byte set": (b"\x01\0\x08\x01\0\0\0\x01A", "not an IDX file: .* starts with 01 00 08 01"),
    "dtype code": (idx(0x0A, (1,), b"A"), "not an IDX file: .* starts with 00 00 0a 01.*a dtype code"),
    "header": (idx(0x08, (2, 3), b"")[:9], "truncated in its header: .* has 9 bytes, its 2 dimensions alone need 12"),
    "data": (idx(0x0C, (2, 3), bytes(23)), r"truncated: .* has 35 bytes, its header \(shape \(2, 3\), int32\) needs 12 \+ 24 = 36"),
    "no data": (idx(0x08, (3,), b""), r"truncated: .* has 8 bytes.*needs 8 \+ 3 = 11"),
    "trailing": (idx(0x08, (3,), b"abcd"), r"too long: .* has at least 12 bytes.*needs 8 \+ 3 = 11"),
    "huge": (idx(0x0E, (2**32 - 1,) * 3, b"12345678"), "truncated"),
    "huge and empty": (idx(0x08, (2**32 - 1, 2**32 - 1, 2**32 - 1, 0), b""), "no possible shape"),
    "70 dimensions": (idx(0x08, (1,) * 70, b"a"), "no possible shape"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_damaged_content_is_a_clear_error(tmp_path, name, packed):
    content, message = BAD[name]
    path = tmp_path / "bad-file"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(FileFormatError, match=rf"^read_idx: {message}.*; (get it again|check that it is the right file)") as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_every_truncation_of_a_gzip_file_is_an_error(tmp_path):
    write_idx(tmp_path / "x.gz", np.arange(200, dtype=np.uint8))
    content = (tmp_path / "x.gz").read_bytes()
    path = tmp_path / "cut.gz"
    for n in range(len(content)):
        path.write_bytes(content[:n])
        with pytest.raises(FileFormatError, match=r"cut\.gz"):
            read_idx(path)


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (idx(0x08, (5,), b""), "too long"),
        (idx(0x08, (5, 0), b""), "too long"),
        (b"", "not an IDX file"),
        (b"\0\0\x08\xff", "no possible shape|too long"),
        (idx(0x0E, (2**32 - 1, 2**32 - 1), b""), "truncated"),
    ],
)
def test_a_gzip_file_is_inflated_no_further_than_its_header_says(tmp_path, monkeypatch, start, message):
    size, path, real = 30_000_000, tmp_path / "bomb.gz", gzip.GzipFile.read
    path.write_bytes(gzip.compress(start + bytes(size)))
    sizes = []

    def count(self, n=-1):
        content = real(self, n)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(gzip.GzipFile, "read", count)
    with pytest.raises(FileFormatError, match=message):
        read_idx(path)
    assert sum(sizes) < 2000 or (message == "truncated" and max(sizes) < 2_000_000)


def test_a_plain_file_is_read_no_further_than_its_header_says(tmp_path):
    path = tmp_path / "long"
    path.write_bytes(idx(0x08, (5,), b"abcde"))
    os.truncate(path, 10**10)  # a sparse file: it takes no space
    with pytest.raises(FileFormatError, match=r"too long: .* has at least 14 bytes"):
        read_idx(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (1, 2, 1)])
def test_every_changed_or_missing_byte_of_a_small_file_is_an_error_or_another_value(tmp_path, shape, packed):
    """The format has no checksum of its own: a plain file's values, and which sizes make up the same number, cannot be checked."""
    path = tmp_path / "x"
    write_idx(path.with_suffix(".gz") if packed else path, np.ones(shape, np.int16))
    path = path.with_suffix(".gz") if packed else path
    raw = path.read_bytes()
    damaged = [raw[:n] for n in range(len(raw))] + [raw[:i] + raw[i + 1 :] for i in range(len(raw))]
    damaged += [raw[:i] + bytes([raw[i] ^ mask]) + raw[i + 1 :] for i in range(len(raw)) for mask in (1, 4, 0x80, 0xFF)]
    for content in damaged:
        path.write_bytes(content)
        try:
            array = read_idx(path)
        except FileFormatError as error:
            assert str(path) in str(error) and len(str(error)) < 700
        else:
            assert array.size == np.prod(shape)
            assert not packed or (array.shape == shape and np.all(array == 1))


def test_every_changed_byte_of_a_gzip_file_is_an_error_or_harmless(tmp_path):
    x = np.arange(50, dtype=np.uint8)
    write_idx(tmp_path / "x.gz", x)
    content = (tmp_path / "x.gz").read_bytes()
    path, errors = tmp_path / "changed.gz", 0
    for position, mask in itertools.product(range(len(content)), (0x01, 0xFF)):
        changed = bytearray(content)
        changed[position] ^= mask
        path.write_bytes(changed)
        try:
            np.testing.assert_array_equal(read_idx(path), x)  # time stamp, operating system...
        except FileFormatError:
            errors += 1
    assert errors > len(content)


def test_bad_checksum_and_bytes_after_the_end_of_a_gzip_file(tmp_path):
    good = gzip.compress(idx(0x08, (3,), b"abc"))
    for content in (good[:-8] + bytes([good[-8] ^ 1]) + good[-7:], good + b"garbage"):
        (tmp_path / "x.gz").write_bytes(content)
        with pytest.raises(
            FileFormatError, match=r"read_idx: the gzip file is truncated or corrupt: .*x\.gz has \d+ bytes .*; get it again"
        ):
            read_idx(tmp_path / "x.gz")


@given(st.binary(max_size=40))
def test_any_bytes_parse_or_raise_only_format_errors(content):
    try:
        array = parse_idx(content, "x")
    except FileFormatError:
        return
    assert len(content) == 4 + 4 * array.ndim + array.nbytes


@pytest.mark.parametrize("dtype", ["bool", "u2", "u4", "i8", "f2", "c8", "U3", "O"])
def test_dtypes_that_the_format_lacks_are_an_error(tmp_path, dtype):
    with pytest.raises(ArgumentError, match=r"write_idx: the format has no such dtype: the array is .*\(2,\); convert it to uint8"):
        write_idx(tmp_path / "x", np.zeros(2, dtype))
    assert not (tmp_path / "x").exists()


def test_sizes_that_the_format_cannot_hold_are_an_error(tmp_path):
    with pytest.raises(ArgumentError, match="write_idx: a dimension is too large"):
        write_idx(tmp_path / "x", np.broadcast_to(np.zeros(1, np.uint8), (2**32, 0)))


def test_a_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "absent")
