"""Checksums of large content are zlib's."""

import zlib

import numpy as np
import pytest

from tensorflowlite_clone.kernels import checksum
from tensorflowlite_clone.kernels.checksum import crc32

#: The shorter and the longer row.
FAR, ROW = checksum._FAR, checksum._FOLD * checksum._FAR


@pytest.mark.parametrize("value", [0, 1, 0xFFFFFFFF, 0x12345678])
@pytest.mark.parametrize(
    "size",
    [
        0,
        1,
        3,
        4,
        5,
        1000,
        ROW,
        4 * FAR - 1,
        4 * FAR,
        4 * FAR + 1,
        4 * FAR + 3,
        4 * FAR + 4,
        5 * FAR + 7,
        4 * ROW - 1,
        4 * ROW,
        4 * ROW + 1,
        4 * ROW + 3,
        4 * ROW + 4,
        5 * ROW - 1,
        5 * ROW + 7,
        6 * ROW,
        1_000_003,
    ],
)
def test_it_is_zlibs(size, value):
    data = np.random.default_rng(size).integers(0, 256, size, np.uint8)
    assert crc32(data, value) == zlib.crc32(data, value)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken_and_left_as_it_was(kind):
    data = np.random.default_rng(0).bytes(5 * ROW + 11)
    given = kind(data)
    assert crc32(given) == zlib.crc32(data)
    assert bytes(given) == data


def test_unaligned_content_and_zeros_at_its_beginning():
    data = bytes(4 * ROW + 1) + np.random.default_rng(1).bytes(ROW)
    for start in range(4):
        assert crc32(memoryview(data)[start:]) == zlib.crc32(memoryview(data)[start:])
    assert crc32(bytes(5 * ROW)) == zlib.crc32(bytes(5 * ROW))


def test_each_of_its_bits_counts():
    data = np.random.default_rng(2).integers(0, 256, 4 * ROW + 99, np.uint8)
    right = crc32(data)
    for place in (0, 3, 4, 98, 99, 100, checksum._SHIFT, FAR - checksum._SHIFT, FAR, 2 * checksum._SHIFT, ROW, 2 * ROW + 5, 4 * ROW + 98):
        for bit in (1, 128):
            data[place] ^= bit
            assert crc32(data) != right, (place, bit)
            data[place] ^= bit


def test_parts_of_content_add_up():
    data = np.random.default_rng(3).bytes(11 * ROW)
    assert crc32(data[5 * ROW :], crc32(data[: 5 * ROW])) == zlib.crc32(data)


def test_the_polynomial_divides_the_trinomial():
    far, shift = checksum._FAR, checksum._SHIFT
    powers, power = {0: 1}, 1
    for n in range(1, far + 1):
        power = power << 1 ^ (0x104C11DB7 if power >> 31 else 0)
        powers[n] = power
    assert powers[far] ^ powers[shift] == 1
