"""KMNIST, EMNIST, CIFAR, folders, FakeData: read from small stand-ins of their files, made known to the classes by their checksums."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import io
import os
import pickle
import struct
import tarfile
import types
import zipfile
import zlib

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import FileFormatError
from tensorflowlite_clone.datasets import (
    CIFAR10,
    CIFAR100,
    EMNIST,
    KMNIST,
    DatasetFolder,
    FakeData,
    ImageFolder,
    MissingDataError,
    VisionDataset,
    download,
    folder,
    write_idx,
)
from tensorflowlite_clone.transforms import ToTensor

RNG = np.random.default_rng


def md5(content):
    return hashlib.md5(content).hexdigest()


def idx(array, path):
    write_idx(path, array)
    return path.read_bytes()


# ---- KMNIST -------------------------------------------------------------------------------------------------------------------
def test_kmnist(tmp_path, monkeypatch):
    """Packed files are compared with the originals; unpacked ones have only their form."""
    raw = tmp_path / "KMNIST" / "raw"
    raw.mkdir(parents=True)
    images, labels = RNG(0).integers(0, 256, (20, 28, 28), dtype=np.uint8), RNG(1).integers(0, 10, 20, dtype=np.uint8)
    known = {}
    for name, array in zip(KMNIST.file_names(True), (images, labels), strict=True):
        known[name] = md5(idx(array, raw / f"{name}.gz"))
    monkeypatch.setattr(KMNIST, "counts", {True: 20, False: 10})
    with pytest.raises(FileFormatError, match=r"KMNIST: not the original file: .* has MD5 \w+, .*pass check=False"):
        KMNIST(tmp_path)
    assert len(KMNIST(tmp_path, check=False)) == 20
    monkeypatch.setattr(KMNIST, "packed", known)
    d = KMNIST(tmp_path)
    assert np.array_equal(d.data, images) and d.targets.tolist() == labels.tolist() and d.classes[2] == "su"
    for name in known:
        (raw / name).write_bytes(gzip.decompress((raw / f"{name}.gz").read_bytes()))
    assert np.array_equal(KMNIST(tmp_path).data, images)
    with pytest.raises(MissingDataError, match=r"put https://codh.rois.ac.jp/kmnist"):
        KMNIST(tmp_path, train=False)


# ---- EMNIST -------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def emnist(tmp_path, monkeypatch):
    """The archive with two splits, and what is in it."""
    raw = tmp_path / "EMNIST" / "raw"
    raw.mkdir(parents=True)
    arrays = {}
    with zipfile.ZipFile(raw / "gzip.zip", "w") as archive:
        for split, classes in (("letters", 27), ("balanced", 47)):
            for part, n in (("train", 12), ("test", 6)):
                images = RNG(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
                labels = RNG(n + 1).integers(1, classes, n, dtype=np.uint8)
                arrays[split, part] = images, labels
                for what, array in (("images-idx3", images), ("labels-idx1", labels)):
                    archive.writestr(f"gzip/emnist-{split}-{part}-{what}-ubyte.gz", idx(array, tmp_path / "x.gz"))
    monkeypatch.setattr(EMNIST, "md5", md5((raw / "gzip.zip").read_bytes()))
    monkeypatch.setattr(EMNIST, "counts", dict.fromkeys(EMNIST.splits, (12, 6)))
    return tmp_path, raw, arrays


def test_emnist_from_the_archive_and_from_files(emnist):
    root, raw, arrays = emnist
    for (split, part), (images, labels) in arrays.items():
        d = EMNIST(root, split, part == "train")
        assert np.array_equal(d.data, images) and np.array_equal(d.targets, labels) and d.targets.dtype == np.int64
        assert d.mean == pytest.approx(images.mean() / 255) and d.std == pytest.approx((images / 255).std(), rel=1e-5)
    assert EMNIST(root, "letters").classes[:3] == ("N/A", "a", "b") and len(EMNIST(root, "balanced").classes) == 47
    assert [len(EMNIST.classes_split_dict[s]) for s in EMNIST.splits] == [62, 47, 47, 27, 10, 10]
    with zipfile.ZipFile(raw / "gzip.zip") as archive:
        archive.extractall(raw)
    os.remove(raw / "gzip.zip")
    assert np.array_equal(EMNIST(root, "letters").data, arrays["letters", "train"][0])
    with pytest.raises(MissingDataError, match=r"emnist-digits-train-images.*or the archive gzip.zip.*put https://biometrics"):
        EMNIST(root, "digits")


def test_what_is_wrong_with_emnist_is_said(emnist, monkeypatch):
    root, raw, _ = emnist
    with pytest.raises(ValueError, match="split must be one of byclass"):
        EMNIST(root, "capitals")
    with pytest.raises(FileFormatError, match="has no emnist-mnist-train-images"):
        EMNIST(root, "mnist")
    monkeypatch.setattr(EMNIST, "counts", dict.fromkeys(EMNIST.splits, (13, 6)))
    with pytest.raises(FileFormatError, match="has 12 images, the original 13"):
        EMNIST(root, "letters")
    content = (raw / "gzip.zip").read_bytes()
    (raw / "gzip.zip").write_bytes(content[:-5])
    with pytest.raises(FileFormatError, match="not the original file"):
        EMNIST(root, "letters")
    with pytest.raises(FileFormatError, match="truncated or corrupt"):
        EMNIST(root, "letters", check=False)


# ---- CIFAR --------------------------------------------------------------------------------------------------------------------
def batch(n, key, seed, protocol=2, labels=None):
    rng = RNG(seed)
    found = [int(v) for v in rng.integers(0, 10, n)] if labels is None else labels
    return pickle.dumps({"batch_label": "x", key: found, "data": rng.integers(0, 256, (n, 3072), dtype=np.uint8)}, protocol)


def archive_of(path, base, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{base}/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.fixture(params=[CIFAR10, CIFAR100])
def cifar(request, tmp_path, monkeypatch):
    cls = request.param
    files, known = {}, {}
    for train, parts in cls.parts.items():
        known[train] = {}
        for part in parts:
            files[part] = batch(4, cls.label_key, len(files))
            known[train][part] = md5(files[part])
    monkeypatch.setattr(cls, "parts", known)
    return cls, tmp_path, files


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_cifar(cifar, form):
    cls, root, files = cifar
    if form == "archive":
        archive_of(root / cls.filename, cls.base_folder, files)
    else:
        (root / cls.base_folder).mkdir()
        for name, content in files.items():
            (root / cls.base_folder / name).write_bytes(content)
    d, test = cls(root), cls(root, train=False, transform=ToTensor(), target_transform=str)
    assert d.data.shape == (4 * len(cls.parts[True]), 32, 32, 3) and d.data.dtype == np.uint8 and len(test) == 4
    first = pickle.loads(files[next(iter(cls.parts[True]))])
    assert np.array_equal(d.data[2].transpose(2, 0, 1).ravel(), first["data"][2]) and d.targets[:4].tolist() == first[cls.label_key]
    assert test[0][0].shape == (3, 32, 32) and isinstance(test[0][1], str) and len(d.classes) == int(cls.name[5:])
    x, _ = d.arrays()
    assert x.shape == (len(d), 3, 32, 32) and x.dtype == np.float32
    wanted = (d.data / 255 - np.array(cls.mean)) / np.array(cls.std)
    np.testing.assert_allclose(x, wanted.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-5)
    assert d.arrays(flatten=True)[0].shape == (len(d), 3072)


class Hostile:
    def __reduce__(self):
        return os.system, ("echo executed",)


def test_what_is_wrong_with_cifar_is_said(cifar, capfd):
    cls, root, files = cifar
    with pytest.raises(MissingDataError, match=rf"neither {cls.filename} nor {cls.base_folder} .*put https://www.cs.toronto.edu"):
        cls(root)
    part = next(iter(cls.parts[False]))
    bad = {
        "not the original data": batch(4, cls.label_key, 99),
        "no file of images: it names (posix|nt).system": pickle.dumps({"data": Hostile()}),
        "no file of images: it names numpy.core.numeric": b"cnumpy.core.numeric\nx\n.",
        "no file of images: .*": b"nothing",
        "labels from 0 to": batch(2, cls.label_key, 1, labels=[0, 1000]),
        "holds uint8": pickle.dumps({"data": np.zeros((2, 5), np.uint8), cls.label_key: [1, 2]}),
    }
    for message, content in bad.items():
        archive_of(root / cls.filename, cls.base_folder, {**files, part: content})
        with pytest.raises(FileFormatError, match=message):
            cls(root, train=False, check=message.startswith("not"))
    archive_of(root / cls.filename, cls.base_folder, {})
    with pytest.raises(FileFormatError, match=f"lacks {part}"):
        cls(root, train=False)
    (root / cls.filename).write_bytes(b"\x1f\x8b" + bytes(20))
    with pytest.raises(FileFormatError, match="truncated or corrupt"):
        cls(root, train=False)
    assert "executed" not in "".join(capfd.readouterr())


def test_archives_are_fetched_and_checked(cifar, monkeypatch):
    """From the given address, whole and with the right checksum, or not at all."""
    cls, root, files = cifar
    archive_of(root / "there", cls.base_folder, files)
    content = (root / "there").read_bytes()
    asked = []

    class Answer(io.BytesIO):
        headers = types.MappingProxyType({})

    monkeypatch.setattr(download, "_https", lambda url: asked.append(url) or Answer(content))
    with pytest.raises(MissingDataError, match=r"the download failed \(https.*not the original file.*without a network put"):
        cls(root, download=True)
    assert sorted(os.listdir(root)) == ["there"]
    monkeypatch.setattr(cls, "tgz_md5", md5(content))
    assert len(cls(root, download=True)) == 4 * len(cls.parts[True]) and len(cls(root, train=False, download=True)) == 4
    assert asked == [cls.url] * 2


# ---- the user's own --------------------------------------------------------------------------------------------------------------
def png(height, width, value):
    """A gray image, written by hand."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes([value]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture
def tree(tmp_path):
    for name, value in (("cats/b.png", 10), ("cats/deep/a.PNG", 20), ("dogs/c.png", 30), ("dogs/notes.txt", 0)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(3, 4, value))
    return tmp_path


def test_a_folder_for_each_class(tree):
    d = DatasetFolder(tree, os.path.basename, (".png",), transform=str.upper, target_transform=lambda t: -t)
    assert d.classes == ["cats", "dogs"] and d.class_to_idx == {"cats": 0, "dogs": 1} and len(d) == 3 and d.targets == [0, 0, 1]
    assert [d[i] for i in range(3)] == [("B.PNG", 0), ("A.PNG", 0), ("C.PNG", -1)] and "3 items" in repr(d)
    texts = DatasetFolder(tree, os.path.basename, is_valid_file=lambda p: p.endswith("txt"), allow_empty=True)
    assert [*texts.samples] == [(str(tree / "dogs" / "notes.txt"), 1)]
    with pytest.raises(FileNotFoundError, match="no file for the classes cats"):
        DatasetFolder(tree, str, ("txt",))
    with pytest.raises(ValueError, match="either extensions or is_valid_file"):
        DatasetFolder(tree, str)
    with pytest.raises(FileNotFoundError, match="there is no folder in"):
        DatasetFolder(tree / "cats" / "deep", str, ("png",))
    with pytest.raises(ValueError, match="pass either transforms"):
        VisionDataset(tree, lambda a, b: (a, b), str)
    assert VisionDataset("x", lambda a, b: (b, a)).transformed(1, 2) == (2, 1)
    assert folder.is_image_file("a.JPG") and not folder.is_image_file("a.txt")
    assert ImageFolder(tree, loader=os.path.basename)[0] == ("b.png", 0)


def test_images_of_a_folder(tree):
    pytest.importorskip("PIL.Image")
    d = ImageFolder(tree, transform=ToTensor())
    assert [(x.shape, round(x.max().item() * 255), t) for x, t in (d[i] for i in range(3))] == [
        ((3, 3, 4), 10, 0), ((3, 3, 4), 20, 0), ((3, 3, 4), 30, 1),
    ]  # fmt: skip
    assert d.imgs is d.samples and d[0][0].dtype == tl.float32


def test_an_image_without_pillow_names_the_extra(tree, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"ImageFolder: needs PIL.Image, .*tensorflowlite_clone\[images\]"):
        ImageFolder(tree)[0]


def test_fake_data():
    d = FakeData(5, (1, 6, 7), 3, transform=ToTensor())
    x, y = d[3]
    assert len(d) == 5 and x.shape == (1, 6, 7) and 0 <= y < 3 and tl.equal(d[3][0], x) and not tl.equal(d[2][0], x)
    assert tl.equal(FakeData(5, (1, 6, 7), 3, ToTensor(), random_offset=1)[2][0], x)
    with pytest.raises(IndexError, match="index 5 of 5"):
        d[5]
    assert len(d + d) == 10 and (d + d)[8][1] == y


def test_constructors_take_the_arguments_of_torchvision():
    expected = {
        KMNIST: "root train transform target_transform download", EMNIST: "root split train transform target_transform download",
        CIFAR10: "root train transform target_transform download", CIFAR100: "root train transform target_transform download",
        DatasetFolder: "root loader extensions transform target_transform is_valid_file allow_empty",
        ImageFolder: "root transform target_transform loader is_valid_file allow_empty",
        FakeData: "size image_size num_classes transform target_transform random_offset",
        VisionDataset: "root transforms transform target_transform",
    }  # fmt: skip
    for cls, names in expected.items():
        parameters = inspect.signature(cls).parameters.values()
        assert [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD] == names.split(), cls
