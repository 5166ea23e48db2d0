"""Writing a file so that its name never stands for half of it: `write_atomically`, behind every writer of the package; `write_parts` for
those who have all of it at once.

Not here: any format (``io/``, ``datasets/idx.py``).
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Sequence
from io import BufferedWriter
from typing import Any, BinaryIO

#: How many parts of a file one call of the system takes, which POSIX has: of Linux 1,024.
MOST_PARTS = 1024 if hasattr(os, "writev") else 0


def write_atomically(path: str, write: Callable[[BinaryIO], Any], op: str, needed: bool = True) -> None:
    """Let ``write`` fill a file beside the target, flush it to the disk, and rename it; whatever interrupts this, the old file stays.

    ``needed=False`` says that no other file depends on this one. If it replaces none either, nothing is lost with it, and it is left to the
    system when it comes to the disk: that takes longer than all else.

    A link stays a link, and an old file's permissions, and owner where that is allowed, become the new one's (another name of the same
    file, a hard link, keeps the old content). A pipe, a terminal, ``/dev/null`` are written to as they are.

    Raises `FileNotFoundError` if the folder does not exist, `IsADirectoryError` for a folder, `PermissionError` for a file that is
    read-only, even to an administrator, for a folder in which no file can be made, and for a disk or another thing that is no file.
    """
    status = None
    with contextlib.suppress(FileNotFoundError):
        status = os.stat(path)
    if status is not None and not stat.S_ISREG(status.st_mode):
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(f"{op}: this is a folder: {path}; add the name of a file")
        if not (stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode)):
            raise PermissionError(f"{op}: neither a file nor a pipe: {path} is a disk or a socket; write to a file")
        with open(path, "wb") as file:
            write(file)
        return
    if status is not None and not (status.st_mode & 0o222 and os.access(path, os.W_OK)):
        raise PermissionError(f"{op}: the file is read-only: {path}; make it writable, or choose another name")
    target = os.path.realpath(path)
    folder, base = os.path.split(target)
    if os.path.isdir(target):  # the empty name is the folder that the program is in
        raise IsADirectoryError(f"{op}: this is a folder: {target}; add the name of a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{op}: the folder does not exist: {folder}; create it first")
    part = os.path.join(folder, f".{base.encode(errors='ignore')[:100].decode(errors='ignore')}.{os.urandom(6).hex()}.part")
    flushed = needed or status is not None
    private = 0o666 if status is None else 0o600  # nobody else reads it before it has the old file's permissions
    try:
        file = open(part, "xb", opener=lambda name, flags: os.open(name, flags, private))  # noqa: SIM115
    except PermissionError as error:
        raise PermissionError(
            f"{op}: no file can be made in the folder {folder} ({error.strerror}), and {base} is only replaced by one that is complete; "
            f"make the folder writable, or choose another"
        ) from error
    try:
        with file:
            write(file)
            if flushed:
                file.flush()
                os.fsync(file.fileno())
        if status is not None:
            _take_over(part, status)
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(part)
        raise
    if (
        flushed and os.name == "posix"
    ):  # the rename itself is on the disk only when the folder is; some folders cannot be opened, some disks cannot say
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _take_over(part: str, old: os.stat_result) -> None:
    """Give a new file the permissions of the old one, and its owner and group where the system allows it."""
    mode = stat.S_IMODE(old.st_mode)
    new = os.stat(part)
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.chown(part, old.st_uid, old.st_gid)
        except OSError:
            with contextlib.suppress(OSError):
                os.chown(part, -1, old.st_gid)
            new = os.stat(part)
            mode &= 0o777  # what the bits above gave the old owner is not for another
            if new.st_gid != old.st_gid:  # another group may do no more than everybody
                mode &= 0o707 | (mode & 0o007) << 3
    if stat.S_IMODE(os.stat(part).st_mode) != mode:
        os.chmod(part, mode)


def write_parts(file: BinaryIO, parts: Sequence[Any]) -> None:
    """Write these bytes one after the other: a file on the disk is given all of them at once, for which the system takes larger pages and
    three quarters of the time.
    """
    if type(file) is not BufferedWriter or not MOST_PARTS:
        for part in parts:
            file.write(part)
        return
    file.flush()
    left, number = [memoryview(part) for part in parts if len(part)], file.fileno()
    while left:
        written = os.writev(number, left[:MOST_PARTS])
        done = 0
        while done < len(left) and written >= left[done].nbytes:
            written -= left[done].nbytes
            done += 1
        del left[:done]
        if written:  # a signal, a pipe or a full disk, which the next call tells of, came in between
            left[0] = left[0].cast("B")[written:]
