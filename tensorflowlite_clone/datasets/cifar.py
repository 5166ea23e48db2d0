"""`CIFAR10` and `CIFAR100`: small photographs, from the original archives, whose pickles are read without executing any.

Not here: other data sets of photographs (``folder.py``).
"""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from typing import Any, ClassVar

import numpy as np

from .._errors import FileFormatError
from .download import MissingDataError, digest_of, fetch_archive
from .idx import PathLike
from .images import ImageDataset, Images, Transform


def _bytes(text: str, encoding: str) -> bytes:
    """Bytes as pickles of an old protocol write them."""
    return text.encode("latin1")


#: What the pickles of arrays name, and nothing else is made of them.
_KNOWN = {
    ("_codecs", "encode"): _bytes,
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
}


class _Reader(pickle.Unpickler):
    """Reads lists, dicts, numbers, texts and arrays."""

    def find_class(self, module: str, name: str) -> Any:
        found = _KNOWN.get((module, name))
        if found is None:
            raise FileFormatError(f"it names {module}.{name}, which has no place in a file of images")
        return found


class CIFAR10(ImageDataset):
    """CIFAR-10: 50,000 training and 10,000 test photographs of 32x32 in ten classes; ``data`` is (N, 32, 32, 3) uint8.

    ``root`` is a folder with the archive ``cifar-10-python.tar.gz`` or with what is in it, ``cifar-10-batches-py``; ``download=True``
    fetches the archive. Every file must have the content of the original, by its checksum; ``check=False`` takes others in the same format.
    ``mean`` and ``std`` are those of the training pixels divided by 255, for each channel.

    Raises `MissingDataError` (a `FileNotFoundError`), and `FileFormatError`, which names the file, for damaged or foreign ones; their
    pickles are read for arrays, lists, dicts, numbers and texts alone, so that nothing in them is executed.

    Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
    """

    name = "CIFAR10"
    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    largest = 200_000_000
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    label_key = "labels"
    parts: ClassVar[dict[bool, dict[str, str]]] = {
        True: {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        },
        False: {"test_batch": "40351d587109b95175f43aff81a1287e"},
    }
    classes: tuple[str, ...] = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def __init__(
        self, root: PathLike, train: bool = True, transform: Transform = None, target_transform: Transform = None,
        download: bool = False, *, check: bool = True,
    ) -> None:  # fmt: skip
        self.root, self.train = os.fspath(root), train
        folder, archive = os.path.join(self.root, self.base_folder), os.path.join(self.root, self.filename)
        parts = self.parts[train]
        there = all(os.path.isfile(os.path.join(folder, p)) for p in parts)
        if not there and not os.path.isfile(archive):
            if not download:
                raise MissingDataError(
                    f"{self.name}: files are missing: neither {self.filename} nor {self.base_folder} with {', '.join(parts)} is in "
                    f"{self.root}; pass download=True to fetch them, or without a network put {self.url} there"
                )
            fetch_archive((self.url,), archive, self.tgz_md5, self.largest, self.name)
        contents = _files(folder, parts) if there else self._unpacked(archive, parts)
        found = [self._part(p, c, check) for p, c in contents.items()]
        pixels, labels = (np.concatenate(column) for column in zip(*found, strict=True))
        images = np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))  # (N, 32, 32, 3)
        super().__init__(images, labels, transform, target_transform)

    def _unpacked(self, archive: str, parts: dict[str, str]) -> dict[str, bytes]:
        """The files in the archive, which is read and not unpacked."""
        found = {}
        try:
            with tarfile.open(archive, "r:gz") as members:
                for member in members:
                    name = member.name.rpartition("/")[2]
                    file = members.extractfile(member) if member.isfile() and name in parts else None
                    if file is not None:
                        found[name] = file.read(self.largest)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise FileFormatError(
                f"{self.name}: the archive is truncated or corrupt: {archive} ({error}; its MD5 is {digest_of(archive)}, that of the "
                f"original {self.tgz_md5}); get it again"
            ) from error
        lacking = [p for p in parts if p not in found]
        if lacking:
            raise FileFormatError(f"{self.name}: the archive lacks {', '.join(lacking)}: {archive}; get it again")
        return {p: found[p] for p in parts}

    def _part(self, part: str, content: bytes, check: bool) -> tuple[Images, Images]:
        """The pixels (N, 3072) and labels (N,) in one file."""
        import hashlib

        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if check and digest != self.parts[self.train][part]:
            raise FileFormatError(
                f"{self.name}: not the original data: {part} has MD5 {digest}, the original {self.parts[self.train][part]}; get the "
                f"original, or pass check=False for data of your own in this format"
            )
        try:
            entry = _Reader(io.BytesIO(content), encoding="latin1").load()
            pixels, labels = np.asarray(entry["data"]), np.asarray(entry[self.label_key])
        except Exception as error:
            raise FileFormatError(f"{self.name}: {part} is no file of images: {error}") from error
        good = pixels.ndim == 2 and pixels.shape[1] == 3072 and pixels.dtype == np.uint8 and labels.shape == pixels.shape[:1]
        if not good or labels.dtype.kind not in "iu" or (labels.size and not 0 <= labels.min() <= labels.max() < len(self.classes)):
            raise FileFormatError(
                f"{self.name}: {part} holds {pixels.dtype} {pixels.shape} and {labels.dtype} {labels.shape} labels; uint8 (N, 3072) and N "
                f"labels from 0 to {len(self.classes) - 1} belong there"
            )
        return pixels, labels


def _files(folder: str, parts: dict[str, str]) -> dict[str, bytes]:
    found = {}
    for part in parts:
        with open(os.path.join(folder, part), "rb") as file:
            found[part] = file.read()
    return found


class CIFAR100(CIFAR10):
    """CIFAR-100: 50,000 training and 10,000 test photographs of 32x32 in a hundred classes. As `CIFAR10`, in ``cifar-100-python``."""

    name = "CIFAR100"
    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    mean, std = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
    label_key = "fine_labels"
    parts: ClassVar[dict[bool, dict[str, str]]] = {
        True: {"train": "16019d7e3df5f24257cddd939b257f8d"},
        False: {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    }
    classes: tuple[str, ...] = (
        "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge",
        "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach",
        "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster",
        "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree",
        "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck",
        "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea",
        "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower",
        "sweet_pepper", "table", "tank", "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle",
        "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
    )  # fmt: skip
