"""Data sets of the user's own: `ImageFolder` and `DatasetFolder`, one folder for each class; `FakeData`, random images for trials.

Not here: published data sets (``mnist.py``, ``cifar.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._errors import ArgumentError, DimensionError
from .._lazy import optional
from ..utils.data.dataset import Dataset
from .download import MissingDataError
from .idx import PathLike
from .images import Transform

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class VisionDataset(Dataset[Any]):
    """What data sets of images have in common: ``root`` and transforms, given as a pair of functions or as one of both (``transforms``).

    Raises `ArgumentError` where both ways are used.
    """

    def __init__(
        self, root: PathLike | None = None, transforms: Callable[[Any, Any], Any] | None = None, transform: Transform = None,
        target_transform: Transform = None,
    ) -> None:  # fmt: skip
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ArgumentError(
                f"{type(self).__name__}: pass either transforms, which gets image and label, or transform and target_transform"
            )
        self.root = None if root is None else os.path.expanduser(os.fspath(root))
        self.transform, self.target_transform, self.transforms = transform, target_transform, transforms

    def transformed(self, image: Any, target: Any) -> tuple[Any, Any]:
        """An image and its label as the data set gives them."""
        if self.transforms is not None:
            return self.transforms(image, target)  # type: ignore[no-any-return]
        return (
            image if self.transform is None else self.transform(image),
            target if self.target_transform is None else self.target_transform(target),
        )

    def __len__(self) -> int:
        raise NotImplementedError(f"{type(self).__name__}: has no length; define __len__(self) in the class")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} items{'' if self.root is None else f' in {self.root}'})"


def has_file_allowed_extension(filename: str, extensions: str | tuple[str, ...]) -> bool:
    """Whether a name ends in one of these, capital or not."""
    return filename.lower().endswith(tuple(extensions) if not isinstance(extensions, str) else extensions)


def is_image_file(filename: str) -> bool:
    """Whether a name ends as those of images do."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory: PathLike) -> tuple[list[str], dict[str, int]]:
    """The names of the folders in a folder, in order, and the number of each."""
    with os.scandir(directory) as entries:
        classes = sorted(e.name for e in entries if e.is_dir())
    if not classes:
        raise MissingDataError(f"find_classes: there is no folder in {os.fspath(directory)}; each class needs one of its own")
    return classes, {name: i for i, name in enumerate(classes)}


def make_dataset(
    directory: PathLike, class_to_idx: dict[str, int] | None = None, extensions: str | tuple[str, ...] | None = None,
    is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
) -> list[tuple[str, int]]:  # fmt: skip
    """The files of each class, at any depth and in order, with its number.

    Which files: those whose names end in ``extensions``, or those for which ``is_valid_file`` is true, exactly one of the two.
    """
    directory = os.path.expanduser(os.fspath(directory))
    if (extensions is None) == (is_valid_file is None):
        raise ArgumentError("make_dataset: pass either extensions or is_valid_file, which say what a file of the data set is")
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    if not class_to_idx:
        raise ArgumentError("make_dataset: class_to_idx is empty; give at least one class")
    valid = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions or ()))
    found, empty = [], []
    for name in sorted(class_to_idx):
        paths = list(_paths(os.path.join(directory, name), valid))
        found += [(path, class_to_idx[name]) for path in paths]
        empty += [name] if not paths else []
    if empty and not allow_empty:
        raise MissingDataError(
            f"make_dataset: no file for the classes {', '.join(empty)!s:.200} in {directory}"
            + (f", which end in {extensions!r:.200}" if extensions else "")
            + "; put some there, or pass allow_empty=True"
        )
    return found


def _paths(folder: str, valid: Callable[[str], bool]) -> Iterator[str]:
    for root, _, names in sorted(os.walk(folder, followlinks=True)):
        yield from (path for name in sorted(names) if valid(path := os.path.join(root, name)))


def default_loader(path: str) -> Any:
    """The image in a file, in colours, as Pillow's (the extra ``images``)."""
    with open(path, "rb") as file:
        return optional("PIL.Image", "images", "ImageFolder").open(file).convert("RGB")


pil_loader = default_loader


class DatasetFolder(VisionDataset):
    """Files in folders ``root/class/.../file``: item i is ``(loader(path), class number)`` through the transforms.

    ``classes`` are the folders in order, ``class_to_idx`` their numbers, ``samples`` the paths with them, ``targets`` these alone.
    Raises `MissingDataError` (a `FileNotFoundError`) where there is no folder, or a class without files unless ``allow_empty``.
    """

    def __init__(
        self, root: PathLike, loader: Callable[[str], Any], extensions: tuple[str, ...] | None = None, transform: Transform = None,
        target_transform: Transform = None, is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(str(self.root))
        self.loader, self.extensions = loader, extensions
        self.samples = self.make_dataset(str(self.root), self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(
        directory: PathLike, class_to_idx: dict[str, int], extensions: tuple[str, ...] | None = None,
        is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
    ) -> list[tuple[str, int]]:  # fmt: skip
        """The paths with their numbers; a subclass may find others."""
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory: PathLike) -> tuple[list[str], dict[str, int]]:
        """The classes and their numbers; a subclass may find others."""
        return find_classes(directory)

    def __getitem__(self, index: Any) -> tuple[Any, Any]:
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)

    def __len__(self) -> int:
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """`DatasetFolder` of images, which Pillow reads (the extra ``images``) unless another ``loader`` is given."""

    def __init__(
        self, root: PathLike, transform: Transform = None, target_transform: Transform = None,
        loader: Callable[[str], Any] = default_loader, is_valid_file: Callable[[str], bool] | None = None, allow_empty: bool = False,
    ) -> None:  # fmt: skip
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples


class FakeData(VisionDataset):
    """``size`` random images (H, W, C) uint8 of an ``image_size`` (C, H, W) with random labels, the same at every reading.

    >>> data = FakeData(3, (3, 4, 5), num_classes=2)
    >>> len(data), data[0][0].shape, 0 <= data[2][1] < 2
    (3, (4, 5, 3), True)
    """

    def __init__(
        self, size: int = 1000, image_size: tuple[int, int, int] = (3, 224, 224), num_classes: int = 10, transform: Transform = None,
        target_transform: Transform = None, random_offset: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(None, transform=transform, target_transform=target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < len(self):
            raise DimensionError(f"FakeData: no such image: index {index} of {len(self)}")
        rng = np.random.default_rng(index + self.random_offset)
        channels, height, width = self.image_size
        image = rng.integers(0, 256, (height, width, channels), dtype=np.uint8)
        return self.transformed(image, int(rng.integers(0, self.num_classes)))

    def __len__(self) -> int:
        return self.size
