"""`EMNIST`: letters and digits in six splits, from NIST's archive. Not here: the file format (``idx.py``)."""

from __future__ import annotations

import io
import os
import string
from typing import Any, ClassVar

import numpy as np

from .._errors import ArgumentError, FileFormatError
from .download import MissingDataError, digest_of, fetch_archive
from .idx import PathLike, parse_idx, read_bytes
from .images import ImageDataset, Images, Transform

_ALL = tuple(sorted(string.digits + string.ascii_letters))
#: Capital letters whose small ones look alike and are one class with them.
_MERGED = tuple(c for c in _ALL if c not in "cijklmopsuvwxyz")


class EMNIST(ImageDataset):
    """NIST's handwritten letters and digits, images of 28x28, values 0 to 255, in a ``split``.

    The splits: byclass (62 classes, 697,932 training and 116,323 test images), bymerge (47), balanced (47; 112,800 and 18,800), letters
    (26, labels 1 to 26; 124,800 and 20,800), digits (10; 240,000 and 40,000), mnist (10; 60,000 and 10,000). Images are as they are in the
    files, mirrored along their diagonal: ``image.T`` is upright. ``mean`` and ``std`` are those of the part that is read.

    ``root`` is a folder with the archive ``gzip.zip`` or with files such as ``emnist-letters-train-images-idx3-ubyte``, plain or ``.gz``,
    in ``root/EMNIST/raw``, in ``gzip`` there, or in ``root`` itself. ``download=True`` fetches the archive (560 MB) if they are not there.
    ``check=False`` takes another number of images, and an archive with another checksum.

    Raises `ArgumentError` for a split that does not exist, `MissingDataError` and `FileFormatError` as `MNIST` does.

    Source: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to handwritten letters", arXiv:1702.05373 (2017).
    """

    name = "EMNIST"
    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    #: More bytes than the archive has.
    largest = 1 << 30
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict: ClassVar[dict[str, tuple[str, ...]]] = {
        "byclass": _ALL, "bymerge": _MERGED, "balanced": _MERGED, "letters": ("N/A", *string.ascii_lowercase),
        "digits": tuple(string.digits), "mnist": tuple(string.digits),
    }  # fmt: skip
    counts: ClassVar[dict[str, tuple[int, int]]] = {
        "byclass": (697_932, 116_323), "bymerge": (697_932, 116_323), "balanced": (112_800, 18_800), "letters": (124_800, 20_800),
        "digits": (240_000, 40_000), "mnist": (60_000, 10_000),
    }  # fmt: skip

    def __init__(
        self, root: PathLike, split: str, train: bool = True, transform: Transform = None, target_transform: Transform = None,
        download: bool = False, *, check: bool = True,
    ) -> None:  # fmt: skip
        if split not in self.splits:
            raise ArgumentError(f"EMNIST: split must be one of {', '.join(self.splits)}: got {split!r:.60}")
        self.root, self.split, self.train, self.classes = os.fspath(root), split, train, self.classes_split_dict[split]
        names = [f"emnist-{split}-{'train' if train else 'test'}-{what}-ubyte" for what in ("images-idx3", "labels-idx1")]
        archive = os.path.join(self.root, self.name, "raw", "gzip.zip")
        if download and any(self._find(n) is None for n in names) and self._archive() is None:
            fetch_archive((self.url,), archive, self.md5, self.largest, self.name)
        images, labels = (self._read(n, check) for n in names)
        self._check(images, labels, names, check)
        scaled = images.reshape(-1)
        mean = float(scaled.mean(dtype=np.float64)) / 255
        self.mean, self.std = (
            mean,
            float(np.sqrt(max(float(np.square(scaled, dtype=np.float32).mean(dtype=np.float64)) / 255**2 - mean**2, 1e-12))),
        )
        super().__init__(images, labels, transform, target_transform)

    def _folders(self) -> tuple[str, ...]:
        own = os.path.join(self.root, self.name, "raw")
        return own, os.path.join(own, "gzip"), self.root

    def _find(self, file: str) -> str | None:
        candidates = (os.path.join(folder, name) for folder in self._folders() for name in (file, f"{file}.gz"))
        return next((c for c in candidates if os.path.isfile(c)), None)

    def _archive(self) -> str | None:
        return next((p for f in self._folders() if os.path.isfile(p := os.path.join(f, "gzip.zip"))), None)

    def _read(self, file: str, check: bool) -> Images:
        path = self._find(file)
        if path is not None:
            return parse_idx(read_bytes(path), path)
        archive = self._archive()
        if archive is None:
            raise MissingDataError(
                f"{self.name}: files are missing: {file}, plain or .gz, or the archive gzip.zip, not found in {self.root} or "
                f"{self._folders()[0]}; pass download=True to fetch it, or without a network put {self.url} there"
            )
        import gzip
        import zipfile

        if check and not getattr(self, "_known", False) and (found := digest_of(archive)) != self.md5:
            raise FileFormatError(
                f"{self.name}: not the original file: {archive} has MD5 {found}, gzip.zip has {self.md5}; get it again, or pass check=False"
            )
        self._known = True
        most = max(max(c) for c in self.counts.values()) * 784 + 16
        try:
            with zipfile.ZipFile(archive) as unpacked:
                member = next((n for n in unpacked.namelist() if n.rpartition("/")[2] == f"{file}.gz"), None)
                if member is None:
                    raise FileFormatError(f"{self.name}: {archive} has no {file}.gz; get it again")
                with gzip.GzipFile(fileobj=io.BytesIO(unpacked.read(member))) as content:
                    return parse_idx(content.read(most + 1), f"{archive}/{member}")
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise FileFormatError(f"{self.name}: the archive is truncated or corrupt: {archive} ({error}); get it again") from error

    def _check(self, images: Images, labels: Images, names: list[str], check: bool) -> None:
        """Raise if images and labels do not fit each other or the split."""
        expected = self.counts[self.split][not self.train]
        facts: list[tuple[Any, str]] = [
            (
                images.ndim != 3 or images.dtype != np.uint8 or images.shape[1:] != (28, 28),
                f"{names[0]} holds {images.dtype} {images.shape}",
            ),
            (labels.ndim != 1 or len(labels) != len(images), f"{names[1]} holds {labels.shape} labels for {len(images)} images"),
            (check and len(images) != expected, f"{names[0]} has {len(images)} images, the original {expected}"),
            (
                labels.size and labels.max(initial=0) >= len(self.classes),
                f"a label is {labels.max(initial=0)} of {len(self.classes)} classes",
            ),
        ]
        for wrong, what in facts:
            if wrong:
                raise FileFormatError(f"{self.name}: not the split {self.split!r}: {what}; put the right files there")
