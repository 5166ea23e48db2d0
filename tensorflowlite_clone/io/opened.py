"""Files that somebody else has opened: what is written to them arrives whole or not at all, what is read is the rest of them.

Here too: files as memory (`mapped`). Not here: any format.
"""

from __future__ import annotations

import mmap
import os
import platform
import sys
from collections.abc import Callable
from io import BytesIO, TextIOBase
from typing import Any, BinaryIO

from .._errors import FileFormatError, OperandError

#: So that a private copy of a file may be larger than memory: what is not written to needs none. Python knows its name from 3.13 on.
NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") else 0)
#: The flags for mappings that `tl.serialization.set_default_mmap_options` chose; None: private ones.
FLAGS: list[int | None] = [None]


def mapped(file: BinaryIO) -> mmap.mmap | None:
    """The bytes of a file as memory, read where it is looked at; what is written to it stays in memory. None for an empty file.

    Arrays on it are made one by one (``np.frombuffer``), so that none is a window onto the array of all.
    """
    if not os.fstat(file.fileno()).st_size:
        return None
    if os.name != "posix":
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    flags = mmap.MAP_PRIVATE | NO_RESERVE if FLAGS[0] is None else FLAGS[0]
    return mmap.mmap(file.fileno(), 0, flags, mmap.PROT_READ | mmap.PROT_WRITE)


def write_to_open_file(file: Any, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a file that somebody else has opened, once all of its content is there."""
    if not callable(getattr(file, "write", None)) or isinstance(file, TextIOBase):
        what = "a file open for text" if isinstance(file, TextIOBase) else f"{type(file).__name__} {file!r:.40}"
        raise OperandError(f"save: f must be the name of a file or a file open for writing bytes: got {what}; open it with 'wb'")
    content = BytesIO()
    write(content)
    left = content.getbuffer()
    while len(left):  # unbuffered files may take a part
        taken = file.write(left)
        left = left[len(left) if taken is None else taken :]


def rest_of_open_file(file: Any) -> Any:
    """What is left to read of a file that somebody else has opened, as a file of its own."""
    if not callable(getattr(file, "read", None)) or isinstance(file, TextIOBase):
        what = "a file open for text" if isinstance(file, TextIOBase) else f"{type(file).__name__} {file!r:.40}"
        raise OperandError(f"load: f must be the name of a file or a file open for reading bytes: got {what}; open it with 'rb'")
    content = file.read()
    if not isinstance(content, bytes | bytearray | memoryview):
        raise OperandError(f"load: the file gives {type(content).__name__}, not bytes; open it with 'rb'")
    if not content:
        raise FileFormatError("nothing is left to read: go back to its beginning with seek(0)")
    return BytesIO(content)


def writes_through() -> bool:
    """Whether what is written to mapped files reaches them."""
    return FLAGS[0] is not None and bool(FLAGS[0] & getattr(mmap, "MAP_SHARED", 0))
