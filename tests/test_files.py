"""Every writer of the package over files of every kind: modes, links, pipes, devices, folders, full disks; as root and as another user.

The old file is there, unchanged and alone, after whatever went wrong. What is written, and how it is read, is in ``test_io.py``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import resource
import shutil
import signal
import stat
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._files import write_parts
from tensorflowlite_clone.datasets import read_idx, write_idx

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions, links, pipes and devices are POSIX's")

ROOT = os.name == "posix" and os.geteuid() == 0
NOBODY = 65534


def _checkpoint(path, value):
    """A checkpoint as the example writes it."""
    module = _example()
    args = SimpleNamespace(**dict.fromkeys(module.DECISIVE, value))
    model = tl.nn.Linear(1, 1)
    module.save_checkpoint(Path(path), args, value, model, tl.optim.SGD(model.parameters(), lr=0.1), None, {"x": [0.0] * 1000})


def _example():
    spec = importlib.util.spec_from_file_location("train_mnist", Path(__file__).parents[1] / "examples" / "train_mnist.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOISE = np.random.default_rng(0).integers(0, 256, 9000, np.uint8)  # that stays long when compressed
#: Each writer: how it writes a number (in a file of some kilobytes), and how that is read.
WRITERS = {
    "x.safetensors": (lambda p, v: tl.save({"v": v, "x": np.zeros(1000)}, p), lambda p: tl.load(p)["v"]),
    "x.npz": (lambda p, v: tl.save({"v": v, "x": np.zeros(1000)}, p), lambda p: tl.load(p)["v"]),
    "x.pt": (lambda p, v: tl.save({"v": v, "x": np.zeros(1000)}, p), lambda p: tl.load(p)["v"]),
    "x-idx1": (lambda p, v: write_idx(p, np.full(9000, v, np.uint8)), lambda p: int(read_idx(p)[0])),
    "x-idx1.gz": (lambda p, v: write_idx(p, np.append(np.uint8(v), NOISE)), lambda p: int(read_idx(p)[0])),
    "checkpoint": (_checkpoint, lambda p: tl.load(p)["epoch"]),
}


@pytest.fixture(params=WRITERS)
def writer(request):
    """A writer whose imports are made, a folder that an ordinary user can have, and the path of a file there that holds 1."""
    write, read = WRITERS[request.param]
    folder = Path(tempfile.mkdtemp())
    path = folder / request.param
    write(path, 1)
    assert read(path) == 1
    if ROOT:
        os.chown(folder, NOBODY, NOBODY)
        os.chown(path, NOBODY, NOBODY)
    yield SimpleNamespace(write=write, read=read, path=path, folder=folder, name=request.param)
    folder.chmod(0o700)
    shutil.rmtree(folder)


@contextlib.contextmanager
def ordinary():
    """As a user who is not root: the one that runs the tests, or nobody."""
    groups, group = os.getgroups(), os.getegid()
    if ROOT:
        os.setgroups([])
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if ROOT:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)


USERS = [pytest.param(ordinary, id="user"), pytest.param(contextlib.nullcontext, id="own")]


def unchanged(w):
    """The old file is there, whole, and alone."""
    assert w.read(w.path) == 1 and os.listdir(w.folder) == [w.name]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o664, 0o755, 0o200, 0o4700])
def test_the_mode_and_the_owner_of_the_old_file_are_kept(writer, mode, user):
    before = writer.path.stat()
    writer.path.chmod(mode)
    with user():
        writer.write(writer.path, 2)
    after = writer.path.stat()
    assert stat.S_IMODE(after.st_mode) == mode and (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    writer.path.chmod(0o600)
    assert writer.read(writer.path) == 2


def test_nobody_else_can_read_what_replaces_a_private_file_even_meanwhile(writer, monkeypatch):
    seen, real = [], os.fsync

    def look(descriptor):
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return real(descriptor)

    writer.path.chmod(0o600)
    monkeypatch.setattr(os, "fsync", look)
    writer.write(writer.path, 2)
    assert seen[0] == 0o600


@pytest.mark.skipif(not ROOT, reason="needs two users")
def test_another_s_file_gives_its_group_no_more_than_everybody_has(writer):
    os.chown(writer.path, 0, 0)
    writer.path.chmod(0o4676)
    with ordinary():
        writer.write(writer.path, 2)
    after = writer.path.stat()
    assert after.st_uid == NOBODY and stat.S_IMODE(after.st_mode) == 0o666
    writer.path.chmod(0o600)
    assert writer.read(writer.path) == 2


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mode", [0o400, 0o444, 0o000])
def test_a_read_only_file_is_refused(writer, mode, user):
    writer.path.chmod(mode)
    with user(), pytest.raises(PermissionError, match=r"^(save|write_idx): the file is read-only: .*; make it writable"):
        writer.write(writer.path, 2)
    assert stat.S_IMODE(writer.path.stat().st_mode) == mode
    writer.path.chmod(0o600)
    unchanged(writer)


def test_a_folder_without_read_permission_is_written_to(writer):
    writer.folder.chmod(0o300)
    with ordinary():
        writer.write(writer.path, 2)
        writer.write(writer.folder / "new", 3)
    writer.folder.chmod(0o700)
    assert writer.read(writer.path) == 2 and writer.read(writer.folder / "new") == 3 and len(os.listdir(writer.folder)) == 2


def test_a_folder_that_cannot_be_opened_is_no_reason_to_fail(writer, monkeypatch):
    real = os.open

    def refuse(path, flags, *rest):
        if os.path.isdir(path):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest)

    monkeypatch.setattr(os, "open", refuse)
    writer.write(writer.path, 2)
    assert writer.read(writer.path) == 2


def test_a_folder_without_write_permission_is_refused(writer):
    writer.folder.chmod(0o500)
    with (
        ordinary(),
        pytest.raises(PermissionError, match=r"^(save|write_idx): no file can be made in the folder .*make the folder writable"),
    ):
        writer.write(writer.path, 2)
    writer.folder.chmod(0o700)
    unchanged(writer)


def test_a_folder_in_place_of_a_file_or_missing_is_named(writer, monkeypatch):
    (writer.folder / "sub").mkdir()
    with pytest.raises(IsADirectoryError, match=r"^(save|write_idx): this is a folder: .*sub; add the name of a file"):
        writer.write(writer.folder / "sub", 2)
    monkeypatch.chdir(writer.folder / "sub")
    with pytest.raises(IsADirectoryError, match=r"^(save|write_idx): this is a folder: .*(sub|\.); add the name of a file"):
        writer.write("", 2) if writer.name != "checkpoint" else writer.write(".", 2)
    with pytest.raises(FileNotFoundError, match=r"^(save|write_idx): the folder does not exist: .*absent; create it first"):
        writer.write(writer.folder / "absent" / "x", 2)
    assert os.listdir(writer.folder / "sub") == []


def test_links_stay_links_and_another_name_of_the_same_file_keeps_the_old_content(writer):
    (writer.folder / "soft").symlink_to(writer.name)
    (writer.folder / "dangling").symlink_to("absent")
    os.link(writer.path, writer.folder / "hard")
    writer.write(writer.folder / "soft", 2)
    writer.write(writer.folder / "dangling", 3)
    assert (writer.folder / "soft").is_symlink() and writer.read(writer.path) == 2
    assert (writer.folder / "dangling").is_symlink() and writer.read(writer.folder / "absent") == 3
    assert writer.read(writer.folder / "hard") == 1
    (writer.folder / "round").symlink_to("round")
    with pytest.raises(OSError, match="symbolic links"):
        writer.write(writer.folder / "round", 2)


def test_a_pipe_is_written_through(writer):
    pipe, received = writer.folder / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    writer.write(pipe, 2)
    reader.join()
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (writer.folder / "copy").write_bytes(received[0])
    assert writer.read(writer.folder / "copy") == 2 and sorted(os.listdir(writer.folder)) == sorted([writer.name, "pipe", "copy"])


def test_a_device_is_written_through(writer):
    writer.write("/dev/null", 2)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    (writer.folder / "full").symlink_to("/dev/full")
    if os.path.exists("/dev/full"):
        with pytest.raises(OSError, match="No space left"):
            writer.write(writer.folder / "full", 2)
        assert (writer.folder / "full").is_symlink() and stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_disk_and_a_socket_are_refused(writer, monkeypatch):
    real = os.stat
    for kind in (stat.S_IFBLK, stat.S_IFSOCK):
        monkeypatch.setattr(os, "stat", lambda path, kind=kind, **_: SimpleNamespace(st_mode=kind | 0o666) if path == "/x" else real(path))
        with pytest.raises(
            PermissionError, match=r"^(save|write_idx): neither a file nor a pipe: /x is a disk or a socket; write to a file"
        ):
            writer.write("/x", 2)


def test_a_full_disk_leaves_the_old_file(writer):
    """The limit of the size of a file stands for the disk: 1000 bytes are written, the rest is refused."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(OSError, match="too large"):
            writer.write(writer.path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    unchanged(writer)


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_failure_at_any_step_leaves_the_old_file(writer, monkeypatch, step, error):
    def fail(*_, **__):
        raise error

    writer.path.chmod(0o604)
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(error)):
            writer.write(writer.path, 2)
    assert stat.S_IMODE(writer.path.stat().st_mode) == 0o604
    unchanged(writer)


def test_names_of_any_length_and_alphabet(writer):
    for name in ("数" * 85, "x" * 255, "é" * 127, "\udcff" * 50, " ", "-"):
        writer.write(writer.folder / name, 2)
        assert writer.read(writer.folder / name) == 2
    with pytest.raises(OSError, match="name too long"):
        writer.write(writer.folder / ("x" * 256), 2)
    assert len(os.listdir(writer.folder)) == 7


@pytest.mark.parametrize("most", [1, 1000, 1 << 20])
def test_parts_of_a_file_that_the_system_takes_only_in_part(most, tmp_path, monkeypatch):
    """A call may write less than it is given, by any number of bytes; and there are more parts than one call takes."""
    real = os.writev

    def less(number, parts):
        assert len(parts) <= 1024
        return real(number, [b"".join(parts)[:most]])

    parts = [b"a" * (i % 7) for i in range(1500)] + [np.arange(9000, dtype=np.int32).data, memoryview(b"end")]
    monkeypatch.setattr(os, "writev", less)
    with open(tmp_path / "x", "wb") as file:
        file.write(b"before")
        write_parts(file, parts)
        file.write(b"after")
    assert (tmp_path / "x").read_bytes() == b"before" + b"".join(map(bytes, parts)) + b"after"
