"""Data sets of small labelled images: `Digits` is embedded, `MNIST` and `FashionMNIST` are read from their original files.

Each offers ``data`` (N, H, W) uint8, ``targets`` (N,) int64, items through transforms, and `ImageDataset.arrays` for loading whole
batches at once. Not here: data loaders and samplers.
"""

from .._lazy import public as _public
from .digits import Digits
from .idx import read_idx, write_idx
from .images import ImageDataset
from .mnist import MNIST, FashionMNIST, MissingDataError

__all__ = ["MNIST", "Digits", "FashionMNIST", "ImageDataset", "MissingDataError", "read_idx", "write_idx"]
__dir__ = _public(globals())
