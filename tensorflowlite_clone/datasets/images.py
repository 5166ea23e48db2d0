"""`ImageDataset`: what the data sets of small labelled images have in common. Not here: where the arrays come from."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from .._errors import DimensionError, ShapeError
from ..utils.data.dataset import Dataset

Images: TypeAlias = np.ndarray[Any, Any]
Transform: TypeAlias = Callable[[Any], Any] | None


class ImageDataset(Dataset[tuple[Any, Any]]):
    """Images (N, H, W) or (N, H, W, C) uint8 and labels (N,) int64, item by item or as whole arrays.

    ``dataset[i]`` is ``(image, label)``: the image, an (H, W) or (H, W, C) uint8 array, through ``transform``; the label, an int, through
    ``target_transform``. `arrays` gives everything at once, from which a loader reads a whole batch by one gather.

    Raises `ShapeError` if the images are not (N, H, W) or (N, H, W, C) or the labels not (N,), `DimensionError` for an index out of range.

    >>> dataset = ImageDataset(np.zeros((3, 8, 8), np.uint8), np.array([4, 1, 7]), transform=lambda image: image.shape)
    >>> len(dataset), dataset[-1]
    (3, ((8, 8), 7))
    """

    #: The name of each class, by label.
    classes: tuple[str, ...] = tuple("0123456789")
    #: The largest value of a pixel.
    maximum: float = 255.0
    #: Mean and standard deviation of all pixels of the *training* images, after division by ``maximum``; of colours, one for each channel.
    mean: Any = 0.0
    std: Any = 1.0

    def __init__(self, data: Images, targets: Images, transform: Transform = None, target_transform: Transform = None) -> None:
        if data.ndim not in (3, 4) or targets.shape != data.shape[:1]:
            raise ShapeError(
                f"{type(self).__name__}: images and labels do not fit: the images are {data.shape}, the labels {targets.shape}; "
                f"they must be (N, H, W) or (N, H, W, C), and (N,)"
            )
        self.data, self.targets = data, targets.astype(np.int64)
        self.transform, self.target_transform = transform, target_transform

    @property
    def images(self) -> Images:
        """The images, (N, H, W) uint8; the same array as ``data``."""
        return self.data

    @property
    def labels(self) -> Images:
        """The labels, (N,) int64; the same array as ``targets``."""
        return self.targets

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class, by name."""
        return {name: label for label, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise DimensionError(f"{type(self).__name__}: no such image: index {i} of {len(self)}; use {-len(self)} to {len(self) - 1}")
        image, label = np.asarray(self.data[i]), int(self.targets[i])  # of tensors and lists, too: see vision.py
        return (
            image if self.transform is None else self.transform(image),
            label if self.target_transform is None else self.target_transform(label),
        )

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return (self[i] for i in range(len(self)))

    def arrays(self, normalize: bool = True, flatten: bool = False) -> tuple[Images, Images]:
        """All images as float32 (N, C, H, W), or (N, C * H * W) with ``flatten``, and all labels as int64 (N,); both are new arrays.

        Pixels are divided by ``maximum``, which puts them into [0, 1]; with ``normalize`` they are then standardised with the mean
        and standard deviation of the training set, ``(x - mean) / std``, for training and test images alike. The transforms of
        single items are not applied.

        >>> dataset = ImageDataset(np.full((2, 3, 3), 51, np.uint8), np.array([0, 1]))
        >>> x, y = dataset.arrays(normalize=False); x.shape, x.dtype.name, round(float(x.max()), 6), y
        ((2, 1, 3, 3), 'float32', 0.2, array([0, 1]))
        """
        mean, std = np.asarray(self.mean), np.asarray(self.std)  # one or one for each channel
        scale, shift = (1.0 / (self.maximum * std), mean / std) if normalize else (np.asarray(1.0 / self.maximum), np.asarray(0.0))
        x = np.asarray(self.data).astype(np.float32)  # (N, H, W) or (N, H, W, C)
        np.multiply(x, scale.astype(np.float32), out=x)
        np.subtract(x, shift.astype(np.float32), out=x)
        planes = x[:, None] if x.ndim == 3 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        return planes.reshape(len(x), math.prod(planes.shape[1:])) if flatten else planes, np.array(self.targets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} images of {self.data.shape[1]}x{self.data.shape[2]}, {len(self.classes)} classes)"
