"""`MNIST`, `FashionMNIST` and `KMNIST`: the original IDX files, found in a folder or downloaded, and checked for what they are.

Not here: the file format (``idx.py``), how a file is fetched (``download.py``), access to items and arrays (``images.py``).
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import BinaryIO, ClassVar

import numpy as np

from .._errors import FileFormatError
from .._files import write_atomically
from .download import MissingDataError, digest_of, transfer
from .idx import PathLike, parse_idx, read_bytes
from .images import ImageDataset, Images, Transform


class IdxDataset(ImageDataset):
    """A data set of four IDX files, plain or ``.gz``, in ``root/<name>/raw`` or in ``root`` itself."""

    #: The name of the data set, and of its folder.
    name: ClassVar[str]
    #: Where the ``.gz`` files can be had, in the order they are asked.
    mirrors: ClassVar[tuple[str, ...]]
    #: MD5 of the *decompressed* content of each file, so that plain and recompressed files are recognised too. It guards against
    #: mistakes and damage, not against attacks; nothing in the files is ever executed.
    checksums: ClassVar[dict[str, str]]
    #: MD5 of the ``.gz`` files themselves, where those of their content are not known.
    packed: ClassVar[dict[str, str]] = {}
    #: How many items the training and the test part have.
    counts: ClassVar[dict[bool, int]] = {True: 60_000, False: 10_000}
    image_shape: ClassVar[tuple[int, int]] = (28, 28)

    def __init__(
        self,
        root: PathLike,
        train: bool = True,
        transform: Transform = None,
        target_transform: Transform = None,
        download: bool = False,
        *,
        check: bool = True,
    ) -> None:
        self.root, self.train = os.fspath(root), train
        files = self.file_names(train)
        missing = [f for f in files if self._find(f) is None]
        if missing and not download:
            raise MissingDataError(f"{self.name}: files are missing: {self._how_to_get(missing)}")
        for file in missing:
            self._download(file)
        images, labels = (self._read(file, ndim, check) for file, ndim in zip(files, (3, 1), strict=True))
        self._check_arrays(images, labels, check)
        super().__init__(images, labels, transform, target_transform)

    @staticmethod
    def file_names(train: bool) -> tuple[str, str]:
        """The names of the image file and the label file, without ``.gz``.

        >>> MNIST.file_names(train=False)
        ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')
        """
        part = "train" if train else "t10k"
        return f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte"

    @classmethod
    def _largest(cls) -> int:
        """The bytes of the largest of the four files, uncompressed."""
        return 16 + max(cls.counts.values()) * math.prod(cls.image_shape)

    # ---- reading and checking ---------------------------------------------------------------------------------------------------
    def _folders(self) -> tuple[str, str]:
        return os.path.join(self.root, self.name, "raw"), self.root

    def _find(self, file: str) -> str | None:
        """The path of a file, or None. Some unpackers write ``images.idx3`` for ``images-idx3``."""
        names = (file, f"{file}.gz", file.replace("-idx", ".idx"))
        candidates = (os.path.join(folder, name) for folder in self._folders() for name in names)
        return next((c for c in candidates if os.path.isfile(c)), None)

    def _read(self, file: str, ndim: int, check: bool) -> Images:
        """The array in a file, after every check that concerns this file alone."""
        path = self._find(file)
        if path is None:
            raise MissingDataError(f"{self.name}: a file has disappeared: {self._how_to_get([file])}")
        try:
            content = read_bytes(path, self._largest() if check else None)
            array = parse_idx(content, path)
            if check:
                self._check_content(content, file, path, path)
        except FileFormatError as error:
            raise FileFormatError(
                f"{self.name}: {error} (with this file removed, download=True fetches {file} into {self._folders()[0]})"
            ) from error
        if array.dtype != np.uint8 or array.ndim != ndim:
            expected = "labels, 1-d uint8" if ndim == 1 else "images, 3-d uint8"
            raise FileFormatError(
                f"{self.name}: the wrong kind of data: {path} holds {array.dtype} of shape {array.shape} where {expected}, belong; "
                f"put {file} there (are two files swapped?)"
            )
        return array

    def _check_content(self, content: bytes, file: str, path: str, local: str) -> None:
        """Raise for content that is that of another file, or of none of the known ones; ``local`` is where it is."""
        import hashlib

        if file not in self.checksums:
            digest = digest_of(local)
            if file in self.packed and _is_gzip(local) and digest != self.packed[file]:
                raise FileFormatError(
                    f"not the original file: {path} has MD5 {digest}, {file}.gz of {self.name} has {self.packed[file]}; get the original, "
                    f"or pass check=False for data of your own in this format"
                )
            return
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if digest == self.checksums[file]:
            return
        for dataset in (MNIST, FashionMNIST):
            for other, known in dataset.checksums.items():
                if digest == known:
                    raise FileFormatError(f"files are swapped: {path} is {other} of {dataset.name}; put {file} of {self.name} there")
        raise FileFormatError(
            f"not the original data: the content of {path} has MD5 {digest}, {file} of {self.name} has {self.checksums[file]}; "
            f"get the original, or pass check=False for data of your own in this format"
        )

    def _check_arrays(self, images: Images, labels: Images, check: bool) -> None:
        """Raise if images and labels do not fit each other or the data set."""
        image_file, label_file = self.file_names(self.train)
        if images.shape[1:] != self.image_shape:
            raise FileFormatError(
                f"{self.name}: images of another size: {image_file} holds {images.shape}, (N, {self.image_shape[0]}, "
                f"{self.image_shape[1]}) is needed; put the right file there"
            )
        if len(images) != len(labels):
            raise FileFormatError(
                f"{self.name}: the files are not of one set: {image_file} has {len(images)} images, {label_file} {len(labels)} labels; "
                f"put files there that belong together"
            )
        if check and len(images) != self.counts[self.train]:
            raise FileFormatError(
                f"{self.name}: another number of images: {image_file} has {len(images)}, the original {self.counts[self.train]}; "
                f"get the original, or pass check=False for data of your own in this format"
            )
        if len(labels) and labels.max() >= len(self.classes):
            worst = int(labels.argmax())
            raise FileFormatError(
                f"{self.name}: a label is out of range: label {worst} in {label_file} is {labels[worst]}, labels are 0 to "
                f"{len(self.classes) - 1}; put the right file there"
            )

    # ---- downloading ------------------------------------------------------------------------------------------------------------
    def _how_to_get(self, missing: list[str]) -> str:
        own, root = self._folders()
        urls = ", ".join(f"{self.mirrors[0]}{m}.gz" for m in missing)
        return (
            f"{' and '.join(missing)}, plain or .gz, not found in {root} or {own}; "
            f"pass download=True to fetch them, or without a network put {urls} into {own}"
        )

    def _download(self, file: str) -> None:
        """Fetch one file from the first mirror that has it; it appears under its name only complete and checked."""
        from http.client import HTTPException

        folder = self._folders()[0]
        os.makedirs(folder, exist_ok=True)
        problems = []
        for mirror in self.mirrors:
            fetch = partial(self._fetch, f"{mirror}{file}.gz", file)
            try:
                write_atomically(os.path.join(folder, f"{file}.gz"), fetch, self.name)
                return
            except (OSError, HTTPException, FileFormatError) as error:
                problems.append(f"{mirror}: {error}")
        missing = [f for f in self.file_names(self.train) if self._find(f) is None]
        raise MissingDataError(f"{self.name}: the download failed ({'; '.join(problems)}): {self._how_to_get(missing)}")

    def _fetch(self, url: str, file: str, out: BinaryIO) -> None:
        """Write what is at ``url`` to ``out`` and check that it is ``file``."""
        limit = self._largest() * 1001 // 1000 + 1000  # gzip makes nothing longer than that
        transfer(url, out, limit, f"{self.name} {file}", file)
        content = read_bytes(out.name, self._largest())
        parse_idx(content, url)
        self._check_content(content, file, url, out.name)


def _is_gzip(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


class MNIST(IdxDataset):
    """The MNIST handwritten digits: 60,000 training and 10,000 test images of 28x28, values 0 to 255.

    ``root`` is a folder with the original files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte``
    and ``t10k-labels-idx1-ubyte``, plain or ``.gz``, either in ``root/MNIST/raw`` (torchvision's place, looked at first) or in ``root``
    itself. ``train`` chooses the part, ``download=True`` fetches what is missing into ``root/MNIST/raw``. ``transform`` maps an image, an
    (28, 28) uint8 array, ``target_transform`` its label. ``mean`` and ``std`` are those of the training pixels divided by 255.

    Every file must have the content of the original, compared by checksum after decompression, so it does not matter how it was
    compressed. ``check=False`` accepts other data in the same format (uint8 images of 28x28, labels 0 to 9, any number of both).

    Raises `MissingDataError` (a `FileNotFoundError`), which says which files to put where, and `FileFormatError`, which names the file,
    for truncated, corrupt, swapped or foreign ones.

    >>> MNIST("no/such/folder")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    tensorflowlite_clone.datasets.download.MissingDataError: MNIST: files are missing: train-images-idx3-ubyte and ...

    Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 86 (1998).
    """

    name = "MNIST"
    mean, std = 0.1307, 0.3081
    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }


class FashionMNIST(IdxDataset):
    """Zalando's Fashion-MNIST: 60,000 training and 10,000 test images of 28x28, values 0 to 255, of ten kinds of clothes.

    As `MNIST` in every respect, with ``root/FashionMNIST/raw`` as its own folder: the files have the same names.

    Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    arXiv:1708.07747 (2017).
    """

    name = "FashionMNIST"
    mean, std = 0.2860, 0.3530
    classes = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    )
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "train-labels-idx1-ubyte": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images-idx3-ubyte": "8181f5470baa50b63fa0f6fddb340f0a",
        "t10k-labels-idx1-ubyte": "15d484375f8d13e6eb1aabb0c3f46965",
    }


class KMNIST(IdxDataset):
    """Kuzushiji-MNIST: 60,000 training and 10,000 test images of 28x28, values 0 to 255, of ten characters in cursive Japanese.

    As `MNIST`, with ``root/KMNIST/raw`` as its own folder; the ``.gz`` files are compared with the originals as they are, unpacked ones
    only by their shape.

    Source: T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto, D. Ha, "Deep Learning for Classical Japanese Literature",
    arXiv:1812.01718 (2018).
    """

    name = "KMNIST"
    mean, std = 0.1918, 0.3483
    classes = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
    mirrors = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    checksums: ClassVar[dict[str, str]] = {}
    packed: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte": "bdb82020997e1d708af4cf47b453dcf7",
        "train-labels-idx1-ubyte": "e144d726b3acfaa3e44228e80efcd344",
        "t10k-images-idx3-ubyte": "5c965bf0a639b31b8f53240b1b52f4d7",
        "t10k-labels-idx1-ubyte": "7320c461ea6c1c855c0b718fb2a4b134",
    }
