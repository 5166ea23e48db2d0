"""Event files as sequences of records: the framing of TFRecord, and its checksum CRC-32C.

Here: bytes in, bytes in a file. Not here: what the bytes mean (``messages.py``), when files are written (``writer.py``).

A record is its length (8 bytes), the masked checksum of these 8 bytes, the content, and the masked checksum of that
(tensorflow.org/tutorials/load_data/tfrecord). CRC-32C is the Castagnoli polynomial, RFC 3720, section 12.1.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any, BinaryIO

import numpy as np

#: The polynomial with its bits reversed.
POLYNOMIAL = 0x82F63B78
#: From how many bytes on rows are worked through side by side.
LONG = 4096


@lru_cache(maxsize=1)
def _table() -> tuple[Any, list[int]]:
    """What each byte does to a register, as an array and as a list."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(POLYNOMIAL), table >> 1)
    return table, table.tolist()


def crc32c(data: bytes) -> int:
    """The checksum of ``data``.

    Long data are cut into rows, whose registers advance together, one column at a time; then neighbours are joined, as the register is
    linear over GF(2): that of ``a + b`` is that of ``a`` advanced over as many zeros as ``b`` has bytes, plus that of ``b`` from zero.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    array, table = _table()
    register = 0xFFFFFFFF
    if len(data) >= LONG:
        rows = 1 << (len(data).bit_length() // 2)  # a power of 2, so that neighbours pair up
        length = len(data) // rows
        block = np.frombuffer(data, np.uint8, rows * length).reshape(rows, length)
        registers = np.zeros(rows, np.uint32)
        registers[0] = register
        for column in np.ascontiguousarray(block.T):  # (rows,) each
            registers = array[registers & 255 ^ column] ^ registers >> 8
        advance = _zeros(length)
        while len(registers) > 1:
            registers = _apply(advance, registers[::2]) ^ registers[1::2]
            advance = _apply(advance, advance)
        register, data = int(registers[0]), data[rows * length :]
    for byte in data:
        register = table[register & 255 ^ byte] ^ register >> 8
    return register ^ 0xFFFFFFFF


def _zeros(n: int) -> Any:
    """What ``n`` zero bytes do to each of the 32 bits of a register: ``(32,)``."""
    array, _ = _table()
    step = np.uint32(1) << np.arange(32, dtype=np.uint32)
    step = array[step & 255] ^ step >> 8  # one byte
    total = np.uint32(1) << np.arange(32, dtype=np.uint32)
    while n:
        if n & 1:
            total = _apply(step, total)
        step = _apply(step, step)
        n >>= 1
    return total


def _apply(matrix: Any, registers: Any) -> Any:
    """A map of registers, given by what becomes of each bit, carried out on all of them."""
    out = np.zeros_like(registers)
    for bit in range(32):
        out ^= np.where(registers >> np.uint32(bit) & 1, matrix[bit], np.uint32(0))
    return out


def masked(crc: int) -> int:
    """A checksum in the form that stands in files: rotated by 15 bits, with a constant added."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class RecordWriter:
    """Writes records to a file object, or to the file of a name."""

    def __init__(self, writer: BinaryIO | str) -> None:
        self._file: BinaryIO = open(writer, "wb") if isinstance(writer, str) else writer  # noqa: SIM115  (closed by `close`)

    def write(self, data: bytes) -> None:
        """Write one record."""
        length = struct.pack("<Q", len(data))
        self._file.write(b"".join((length, _checksum(length), data, _checksum(data))))

    def flush(self) -> None:
        """Hand over to the operating system what is buffered."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _checksum(data: bytes) -> bytes:
    return struct.pack("<I", masked(crc32c(data)))
