"""`MNIST` and `FashionMNIST`: where files are found, what is checked, what errors say, and downloads from a local server.

The files here are small stand-ins with 20 and 10 images, made known to the classes by replacing their counts and checksums. The
originals are checked too if the environment variable MNIST_DIR names a folder that holds them.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import itertools
import os
import shutil
import ssl
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tensorflowlite_clone._errors import FileFormatError
from tensorflowlite_clone.datasets import MNIST, FashionMNIST, MissingDataError, download, write_idx
from tensorflowlite_clone.datasets import mnist as module

TRAIN_IMAGES, TRAIN_LABELS = MNIST.file_names(True)
TEST_IMAGES, TEST_LABELS = MNIST.file_names(False)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
COUNTS = {True: 20, False: 10}


def make(folder, seed):
    """Write the four plain files of a small data set; returns their checksums."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for train, n in COUNTS.items():
        images, labels = MNIST.file_names(train)
        write_idx(folder / images, rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        write_idx(folder / labels, rng.integers(0, 10, n, dtype=np.uint8))
    return {f: hashlib.md5((folder / f).read_bytes()).hexdigest() for f in FILES}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Folders ``mnist`` and ``fashion`` with plain files, which the two classes take for the originals; ``root`` to fill."""
    for cls, name, seed in ((MNIST, "mnist", 1), (FashionMNIST, "fashion", 2)):
        monkeypatch.setattr(cls, "checksums", make(tmp_path / name, seed))
        monkeypatch.setattr(cls, "counts", COUNTS)
    (tmp_path / "root").mkdir()
    return SimpleNamespace(mnist=tmp_path / "mnist", fashion=tmp_path / "fashion", root=tmp_path / "root")


def files_under(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# ---- finding and reading ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("place", ["", "MNIST/raw"])
@pytest.mark.parametrize("form", ["plain", "gz", "dot"])
def test_files_are_found_in_every_usual_place_and_form(small, place, form):
    folder = small.root / place
    folder.mkdir(parents=True, exist_ok=True)
    for f in FILES:
        content = (small.mnist / f).read_bytes()
        name = {"plain": f, "gz": f"{f}.gz", "dot": f.replace("-idx", ".idx")}[form]
        (folder / name).write_bytes(gzip.compress(content, 1) if form == "gz" else content)
    for train, n in COUNTS.items():
        d = MNIST(small.root, train)
        assert len(d) == n and d.data.shape == (n, 28, 28) and d.data.dtype == np.uint8 and d.targets.dtype == np.int64
        assert d.data.tobytes() == (small.mnist / d.file_names(train)[0]).read_bytes()[16:]
        assert d.targets.astype(np.uint8).tobytes() == (small.mnist / d.file_names(train)[1]).read_bytes()[8:]


def test_both_data_sets_live_side_by_side_in_one_root(small):
    shutil.copytree(small.mnist, small.root / "MNIST" / "raw")
    shutil.copytree(small.fashion, small.root / "FashionMNIST" / "raw")
    a, b = MNIST(str(small.root)), FashionMNIST(str(small.root))
    assert a.data.tobytes() != b.data.tobytes()
    assert b.classes[9] == "Ankle boot" and b.class_to_idx["Bag"] == 8 and a.classes[9] == "9"
    assert repr(b) == "FashionMNIST(20 images of 28x28, 10 classes)"


def test_transforms_and_arrays(small):
    d = MNIST(small.mnist, transform=lambda x: x[0, 0], target_transform=str)
    assert d[4] == (d.data[4, 0, 0], str(d.targets[4]))
    x, y = d.arrays()
    assert x.shape == (20, 1, 28, 28) and x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0], (d.data / 255 - 0.1307) / 0.3081, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(y, d.targets)


@pytest.mark.skipif("MNIST_DIR" not in os.environ, reason="set MNIST_DIR to a folder with the original files to check them")
def test_the_original_files():
    for train, n in ((True, 60_000), (False, 10_000)):
        d = MNIST(os.environ["MNIST_DIR"], train)
        assert len(d) == n
    train = MNIST(os.environ["MNIST_DIR"])
    assert train.targets[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    scaled = train.data / 255
    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (MNIST.mean, MNIST.std)


# ---- missing ------------------------------------------------------------------------------------------------------------------
def test_missing_files_are_named_with_where_and_both_fixes(small):
    shutil.copy(small.mnist / TRAIN_IMAGES, small.root)
    with pytest.raises(MissingDataError) as caught:
        MNIST(small.root)
    own = os.path.join(small.root, "MNIST", "raw")
    assert str(caught.value) == (
        f"MNIST: files are missing: {TRAIN_LABELS}, plain or .gz, not found in {small.root} or {own}; pass download=True to fetch them, or "
        f"without a network put https://ossci-datasets.s3.amazonaws.com/mnist/{TRAIN_LABELS}.gz into {own}"
    )
    with pytest.raises(FileNotFoundError, match=f"{TEST_IMAGES} and {TEST_LABELS}"):
        MNIST(small.root, train=False)
    with pytest.raises(RuntimeError, match=r"^FashionMNIST: .*https://raw\.githubusercontent.*FashionMNIST.raw$"):
        FashionMNIST(small.root, train=False)
    assert files_under(small.root) == [TRAIN_IMAGES]


# ---- damaged and swapped ------------------------------------------------------------------------------------------------------
def fails(small, message, cls=MNIST, file=None, **arguments):
    with pytest.raises(FileFormatError, match=message) as caught:
        cls(small.mnist, **arguments)
    text = str(caught.value)
    assert text.startswith(f"{cls.name}: ")
    if file is not None:
        assert str(small.mnist / file) in text
    return text


@pytest.mark.parametrize(
    ("to", "source", "name"),
    [
        (TRAIN_IMAGES, TRAIN_LABELS, "MNIST"),
        (TRAIN_LABELS, TRAIN_IMAGES, "MNIST"),
        (TRAIN_IMAGES, TEST_IMAGES, "MNIST"),
        (TRAIN_LABELS, TEST_LABELS, "MNIST"),
        (TRAIN_IMAGES, TRAIN_IMAGES, "FashionMNIST"),
        (TRAIN_LABELS, TEST_LABELS, "FashionMNIST"),
    ],
)
def test_a_swapped_file_is_recognised_by_its_content(small, to, source, name):
    folder = {"MNIST": small.mnist, "FashionMNIST": small.fashion}[name]
    content = (folder / source).read_bytes()
    (small.mnist / to).write_bytes(content)
    fails(small, f"files are swapped: .*{to} is {source} of {name}; put {to} of MNIST there", file=to)


def test_the_other_data_set_is_recognised(small):
    fails(
        small, "files are swapped: .* is train-images-idx3-ubyte of MNIST; put train-images-idx3-ubyte of FashionMNIST there", FashionMNIST
    )


def test_content_that_is_not_the_original_is_an_error_unless_unchecked(small):
    changed = bytearray((small.mnist / TRAIN_IMAGES).read_bytes())
    changed[1000] ^= 1
    (small.mnist / TRAIN_IMAGES).write_bytes(changed)
    text = fails(small, "not the original data: the content of .* has MD5 .*check=False", file=TRAIN_IMAGES)
    assert MNIST.checksums[TRAIN_IMAGES] in text and hashlib.md5(changed).hexdigest() in text
    assert MNIST(small.mnist, check=False).data.tobytes() == bytes(changed[16:])


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("file", [TRAIN_IMAGES, TRAIN_LABELS])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda raw: raw[:-7], r"truncated: .* needs \d+ \+ \d+ = \d+; get it again.*download=True fetches"),
        (lambda raw: raw + b"more", "too long: .*get it again"),
        (lambda raw: raw[:6], "truncated in its header: .*get it again"),
        (lambda raw: b"", "too short for an IDX file: .*get it again"),
        (lambda raw: b"<html>not found</html>", "not an IDX file: .*check that it is the right file"),
        (lambda raw: raw[:2] + b"\x0a" + raw[3:], "not an IDX file: .*starts with 00 00 0a"),
        (lambda raw: gzip.compress(raw)[:-3], "the gzip file is truncated or corrupt: .*get it again"),
        (lambda raw: gzip.compress(raw)[:40], "the gzip file is truncated or corrupt: .*get it again"),
        (lambda raw: gzip.compress(raw)[:-8] + bytes(8), "the gzip file is truncated or corrupt: .*CRC"),
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(small, damage, message, file, check):
    path = small.mnist / file
    path.write_bytes(damage(path.read_bytes()))
    fails(small, message, file=file, check=check)


def test_unchecked_data_of_ones_own(small):
    write_idx(small.mnist / TRAIN_IMAGES, np.zeros((3, 28, 28), np.uint8))
    write_idx(small.mnist / TRAIN_LABELS, np.array([0, 9, 5], np.uint8))
    assert len(MNIST(small.mnist, check=False)) == 3


@pytest.mark.parametrize(
    ("file", "array", "message"),
    [
        (
            TRAIN_IMAGES,
            np.zeros((20, 8, 8), np.uint8),
            rf"images of another size: {TRAIN_IMAGES} holds \(20, 8, 8\), \(N, 28, 28\) is needed",
        ),
        (
            TRAIN_IMAGES,
            np.zeros((19, 28, 28), np.uint8),
            f"not of one set: {TRAIN_IMAGES} has 19 images, {TRAIN_LABELS} 20 labels; put files",
        ),
        (
            TRAIN_IMAGES,
            np.zeros((20, 28, 28), np.int16),
            r"the wrong kind of data: .* holds int16 of shape .* where images, 3-d uint8, belong",
        ),
        (TRAIN_IMAGES, np.zeros(20, np.uint8), r"the wrong kind of data: .* holds uint8 of shape \(20,\) .*are two files swapped\?"),
        (TRAIN_LABELS, np.zeros((20, 28, 28), np.uint8), "the wrong kind of data: .* where labels, 1-d uint8, belong"),
        (TRAIN_LABELS, np.full(20, 3.0, np.float32), "the wrong kind of data: .* holds float32"),
        (TRAIN_LABELS, np.array([1] * 7 + [10] + [2] * 12, np.uint8), f"out of range: label 7 in {TRAIN_LABELS} is 10, labels are 0 to 9"),
    ],
)
def test_arrays_that_do_not_fit_are_an_error_even_unchecked(small, file, array, message):
    write_idx(small.mnist / file, array)
    fails(small, message, check=False)


def test_another_number_of_images_is_an_error(small, monkeypatch):
    monkeypatch.setattr(MNIST, "counts", {True: 60_000, False: 10_000})
    fails(small, f"another number of images: {TRAIN_IMAGES} has 20, the original 60000; get the original, or pass check=False")


def test_checksums_of_the_two_data_sets_are_eight_different_ones():
    sums = [*MNIST.checksums.values(), *FashionMNIST.checksums.values()]
    assert len(set(sums)) == 8 and all(len(s) == 32 and set(s) <= set("0123456789abcdef") for s in sums)
    assert tuple(MNIST.checksums) == tuple(FashionMNIST.checksums) == FILES


# ---- downloading --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def server(monkeypatch):
    """A local https server: ``pages`` maps a path to its content, a pair of content and the number of bytes really sent, or a URL.

    Without end, if ``chunked`` is "endless".
    """
    state = SimpleNamespace(pages={}, asked=[], chunked=False, sent=0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state.asked.append(self.path)
            if self.path not in state.pages:
                self.send_error(404)
                return
            page = state.pages[self.path]
            if isinstance(page, str):
                self.send_response(302)
                self.send_header("Location", page)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            content, sent = page if isinstance(page, tuple) else (page, len(page))
            self.protocol_version = "HTTP/1.1"
            self.send_response(200)
            self.send_header(*(("Transfer-Encoding", "chunked") if state.chunked else ("Content-Length", str(len(content)))))
            self.send_header("Connection", "close")
            self.end_headers()
            if state.chunked:
                self.wfile.write(f"{len(content):x}\r\n".encode())
            with contextlib.suppress(OSError):
                self.wfile.write(content[:sent])
                while state.chunked == "endless":
                    self.wfile.write(b"\r\n%x\r\n" % len(content) + content)
                    state.sent += len(content)
                if state.chunked and sent == len(content):
                    self.wfile.write(b"\r\n0\r\n\r\n")

        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("SSL_CERT_FILE", str(Path(__file__).with_name("localhost.pem")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("localhost.pem"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        state.url = f"https://127.0.0.1:{httpd.server_port}"
        monkeypatch.setattr(MNIST, "mirrors", (f"{state.url}/a/", f"{state.url}/b/"))
        yield state
        httpd.shutdown()
        thread.join()


def packed(small, file):
    return gzip.compress((small.mnist / file).read_bytes())


@pytest.mark.parametrize("chunked", [False, True])
def test_download_fetches_what_is_missing_and_only_that(small, server, capsys, chunked):
    server.chunked = chunked
    server.pages = {f"/a/{f}.gz": packed(small, f) for f in FILES}
    shutil.copy(small.mnist / TRAIN_LABELS, small.root)
    d = MNIST(small.root, download=True)
    assert server.asked == [f"/a/{TRAIN_IMAGES}.gz"]
    assert files_under(small.root) == [os.path.join("MNIST", "raw", f"{TRAIN_IMAGES}.gz"), TRAIN_LABELS]
    assert d.data.tobytes() == MNIST(small.mnist).data.tobytes()
    progress = capsys.readouterr().err
    assert f"MNIST {TRAIN_IMAGES}" in progress and ("100%" in progress) == (not chunked)
    MNIST(small.root, download=True)
    assert len(server.asked) == 1, "nothing is fetched twice"


@pytest.mark.skipif(os.name != "posix", reason="file permissions are POSIX's")
def test_a_downloaded_file_has_ordinary_permissions(small, server):
    server.pages = {f"/a/{f}.gz": packed(small, f) for f in FILES}
    MNIST(small.root, download=True)
    (small.root / "plain").touch()
    assert (small.root / "MNIST" / "raw" / f"{TRAIN_IMAGES}.gz").stat().st_mode == (small.root / "plain").stat().st_mode


def test_the_second_mirror_is_asked_when_the_first_fails(small, server):
    server.pages = {f"/b/{f}.gz": packed(small, f) for f in FILES}
    server.pages[f"/a/{TEST_LABELS}.gz"] = b"<html>moved</html>"
    assert len(MNIST(small.root, train=False, download=True)) == 10
    assert server.asked == [f"/{mirror}/{f}.gz" for f in (TEST_IMAGES, TEST_LABELS) for mirror in "ab"]


@pytest.mark.parametrize("chunked", [False, True])
def test_an_interrupted_transfer_leaves_nothing(small, server, chunked):
    server.chunked = chunked
    content = packed(small, TRAIN_IMAGES)
    server.pages = {f"/{mirror}/{TRAIN_IMAGES}.gz": (content, len(content) // 2) for mirror in "ab"}
    with pytest.raises(MissingDataError, match=r"the download failed \(.*(ended after \d+ of \d+ bytes|IncompleteRead).*put http.* into"):
        MNIST(small.root, download=True)
    assert files_under(small.root) == []


def failed(small, *, message):
    """A download that fails with ``message`` and leaves nothing."""
    with pytest.raises(MissingDataError, match=message):
        MNIST(small.root, download=True)
    assert files_under(small.root) == []


@pytest.mark.parametrize("chunked", [False, "endless"])
def test_a_download_that_is_longer_than_the_file_can_be_is_given_up(small, server, chunked):
    server.chunked = chunked
    page = gzip.compress(bytes(1000), 0) * 200
    server.pages = {f"/{mirror}/{TRAIN_IMAGES}.gz": page for mirror in "ab"}
    failed(small, message=rf"too long: https.*/b/.* has (\d+|more than \d+) bytes, {TRAIN_IMAGES} has at most 1\d{{4}}\)")
    assert server.sent < 10_000_000


def test_a_small_download_that_inflates_without_end_is_read_no_further_than_its_header_says(small, server):
    for header in (b"\0\0\x08\1\0\0\0\5", b"\0\0\x08\1\xff\xff\xff\xff", b""):
        bomb = gzip.compress(header + bytes(50_000_000))
        assert len(bomb) < 60_000
        server.pages = {f"/a/{TRAIN_IMAGES}.gz": packed(small, TRAIN_IMAGES), f"/a/{TRAIN_LABELS}.gz": bomb[:10_000]}
        with pytest.raises(MissingDataError, match=r"too long|another size than the original|not an IDX file"):
            MNIST(small.root, download=True)
        assert files_under(small.root) == [os.path.join("MNIST", "raw", f"{TRAIN_IMAGES}.gz")]


def test_a_download_that_trickles_is_given_up(small, server, monkeypatch):
    monkeypatch.setattr(download, "time", SimpleNamespace(monotonic=itertools.count(0, 1000).__next__))
    server.pages = {f"/{mirror}/{TRAIN_IMAGES}.gz": packed(small, TRAIN_IMAGES) for mirror in "ab"}
    failed(small, message=r"the transfer is too slow: \d+ bytes in \d+ s")


@pytest.mark.parametrize("where", ["http", "ftp", "file"])
def test_only_https_is_fetched(small, server, monkeypatch, where):
    (small.root.parent / "there.gz").write_bytes(packed(small, TRAIN_IMAGES))
    there = {
        "http": server.url.replace("https", "http") + "/c",
        "ftp": "ftp://127.0.0.1:9/c",
        "file": f"file://{small.root.parent}/there.gz",
    }
    server.pages = {f"/a/{TRAIN_IMAGES}.gz": there[where], f"/b/{TRAIN_IMAGES}.gz": f"{server.url}/c", "/c": b"no"}
    failed(small, message="unknown url type|not allowed|invalid redirect|HTTP Error 302")
    assert "/c" in server.asked, "to https a redirection is followed"
    monkeypatch.setattr(MNIST, "mirrors", (server.url.replace("https", "http") + "/a/", "file:///tmp/"))
    asked = len(server.asked)
    failed(small, message=r"http://.*: only https is fetched.*file:///tmp/: only https is fetched")
    assert len(server.asked) == asked


def test_every_mirror_is_https():
    assert all(mirror.startswith("https://") and mirror.endswith("/") for cls in (MNIST, FashionMNIST) for mirror in cls.mirrors)


def test_a_certificate_that_nobody_vouches_for_is_refused(small, server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    server.pages = {f"/a/{f}.gz": packed(small, f) for f in FILES}
    failed(small, message="CERTIFICATE_VERIFY_FAILED")


def test_an_interrupted_program_leaves_nothing(small, server, monkeypatch):
    server.pages = {f"/a/{f}.gz": packed(small, f) for f in FILES}

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "parse_idx", interrupt)
    with pytest.raises(KeyboardInterrupt):
        MNIST(small.root, download=True)
    assert files_under(small.root) == []


def test_wrong_content_never_appears(small, server):
    other = gzip.compress((small.fashion / TRAIN_IMAGES).read_bytes())
    server.pages = {f"/a/{TRAIN_IMAGES}.gz": other, f"/b/{TRAIN_IMAGES}.gz": gzip.compress(b"\0\0\x08\x01\0\0\0\1A")}
    with pytest.raises(MissingDataError, match=r"files are swapped.*of FashionMNIST.*not the original data"):
        MNIST(small.root, download=True)
    assert files_under(small.root) == []


def test_offline_says_which_files_to_get_from_where_into_which_folder(small, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(MNIST, "mirrors", ("https://127.0.0.1:9/x/", "https://127.0.0.1:9/y/"))  # the discard port: refused
    with pytest.raises(MissingDataError) as caught:
        MNIST(small.root, download=True)
    text, own = str(caught.value), os.path.join(small.root, "MNIST", "raw")
    assert text.startswith("MNIST: the download failed (https://127.0.0.1:9/x/: ") and "https://127.0.0.1:9/y/: " in text
    assert text.endswith(f"put https://127.0.0.1:9/x/{TRAIN_IMAGES}.gz, https://127.0.0.1:9/x/{TRAIN_LABELS}.gz into {own}")
    assert files_under(small.root) == []
