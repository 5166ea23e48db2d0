"""Data sets of labelled images: `Digits` is embedded; MNIST and its relatives and CIFAR are read from their original files; the user's own
come from folders.

Published ones offer ``data`` (N, H, W) or (N, H, W, C) uint8, ``targets`` (N,) int64, items through transforms, and
`ImageDataset.arrays` for loading whole batches at once. Not here: data loaders and samplers.
"""

from .._lazy import public as _public
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .download import MissingDataError
from .emnist import EMNIST
from .folder import DatasetFolder, FakeData, ImageFolder, VisionDataset
from .idx import read_idx, write_idx
from .images import ImageDataset
from .mnist import KMNIST, MNIST, FashionMNIST

__all__ = [
    "CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST", "DatasetFolder", "Digits", "FakeData", "FashionMNIST", "ImageDataset",
    "ImageFolder", "MissingDataError", "VisionDataset", "read_idx", "write_idx",
]  # fmt: skip
__dir__ = _public(globals())
