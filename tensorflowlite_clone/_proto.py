"""Messages in the wire format of Protocol Buffers, written from a table of their fields.

Here: `encode`, after the format's specification (protobuf.dev/programming-guides/encoding). Not here: any particular message; the tables
stand with what they are for (event files of TensorBoard, models of ONNX).

A table is ``{name: (number, kind)}``: the kind of a number (`PACKED`), string or bytes, or the table of a message inside. Whether a field
is repeated, its value says: a list. Numbers that are repeated are packed, which every reader takes. A map is a list of messages ``{"key",
"value"}``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from ._errors import ArgumentError

#: The fields of a message.
Table = dict[str, tuple[int, Any]]

#: The kinds of numbers of fixed length and how they are packed; a wire type of 5 has 4 bytes, of 1 has 8.
FIXED = {"float": ("<f", 5), "double": ("<d", 1)}
#: The kinds that are written as a varint: signed ones in two's complement of 64 bits.
VARINTS = {"int", "bool", "enum"}
PACKED = {*FIXED, *VARINTS}


def varint(n: int) -> bytes:
    """``n`` in groups of seven bits, the lowest first, each but the last marked by its highest bit; negative ones have ten bytes.

    >>> varint(300).hex(), varint(-1).hex()
    ('ac02', 'ffffffffffffffffff01')
    """
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def encode(table: Table, values: dict[str, Any]) -> bytes:
    """The message that has these ``values``; what is None is left out. A message inside is a dict, or bytes that are encoded already.

    Raises `ArgumentError` for a name that the table lacks.

    >>> encode({"tag": (1, "string"), "value": (2, "float")}, {"tag": "a", "value": 1.0}).hex()
    '0a0161150000803f'
    """
    parts: list[bytes] = []
    for name, value in values.items():
        if name not in table:
            raise ArgumentError(f"encode: the message has no field {name!r}: it has {', '.join(table)}; correct the name")
        number, kind = table[name]
        if value is None:
            continue
        if isinstance(value, list | tuple):
            if not isinstance(kind, dict) and kind in PACKED:
                if len(value):
                    parts += _delimited(number, _packed(kind, value))
                continue
            for v in value:
                parts += _field(number, kind, v)
        else:
            parts += _field(number, kind, value)
    return b"".join(parts)


def _delimited(number: int, content: bytes) -> tuple[bytes, bytes, bytes]:
    return varint(number << 3 | 2), varint(len(content)), content


def _packed(kind: str, values: Iterable[Any]) -> bytes:
    if kind in FIXED:
        values = list(values)
        return struct.pack(f"<{len(values)}{FIXED[kind][0][1]}", *values)
    return b"".join(varint(int(v)) for v in values)


def _field(number: int, kind: Any, value: Any) -> tuple[bytes, ...]:
    """One value with its key."""
    if isinstance(kind, dict):
        return _delimited(number, value if isinstance(value, bytes) else encode(kind, value))
    if kind in FIXED:
        form, wire = FIXED[kind]
        return varint(number << 3 | wire), struct.pack(form, value)
    if kind in VARINTS:
        return varint(number << 3), varint(int(value))
    return _delimited(number, value if isinstance(value, bytes) else str(value).encode())
