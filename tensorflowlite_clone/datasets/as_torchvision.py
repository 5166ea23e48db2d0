"""The published data sets as torchvision has them, for programs written for it: under ``as_torch`` they are ``torchvision.datasets``.

Items are images of Pillow (arrays where it is not installed), before transforms too; MNIST and its relatives have ``data`` and ``targets``
as tensors, CIFAR's ``targets`` are a list, and classes and text are torchvision's. A program may replace ``data`` and ``targets``. Not
here: reading and checking the files.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from .._lazy import optional
from ..core.tensor import Tensor
from . import cifar, emnist, mnist
from .images import ImageDataset

__all__ = ["CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST", "FashionMNIST"]

_PILLOW = find_spec("PIL") is not None
_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class _Pictures(ImageDataset):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data: Any
        self.targets: Any
        self.classes: Any = [*self.classes]
        self._kept()

    def _kept(self) -> None:
        self.data, self.targets = Tensor.wrap(self.data, 0), Tensor.wrap(self.targets, 0)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image, label = np.asarray(self.data[index]), int(self.targets[index])
        image = optional("PIL.Image", "images", type(self).__name__).fromarray(image) if _PILLOW else image
        return (
            image if self.transform is None else self.transform(image),
            label if self.target_transform is None else self.target_transform(label),
        )

    def extra_repr(self) -> str:
        """The line on the part."""
        return f"Split: {'Train' if getattr(self, 'train', True) else 'Test'}"

    def __repr__(self) -> str:
        rows = [f"Number of datapoints: {len(self.data)}", f"Root location: {getattr(self, 'root', None)}", *self.extra_repr().splitlines()]
        changes = [("Transform: ", self.transform), ("Target transform: ", self.target_transform)]
        texts = [head + repr(t).replace("\n", "\n" + " " * len(head)) for head, t in changes if t is not None]
        rows += ["\n".join(["StandardTransform", *texts])] if texts else []
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {row}" for row in rows)])


class _Digits(_Pictures):
    """The names that ``data`` and ``targets`` had."""

    train_data = test_data = property(lambda self: self.data)
    train_labels = test_labels = property(lambda self: self.targets)


class _Listed(_Pictures):
    def _kept(self) -> None:
        self.targets = self.targets.tolist()


class MNIST(_Digits, mnist.MNIST):
    """`tensorflowlite_clone.datasets.MNIST` as torchvision has it."""

    classes = tuple(f"{i} - {word}" for i, word in enumerate(_DIGITS))


class FashionMNIST(_Digits, mnist.FashionMNIST):
    """`tensorflowlite_clone.datasets.FashionMNIST` as torchvision has it."""


class KMNIST(_Digits, mnist.KMNIST):
    """`tensorflowlite_clone.datasets.KMNIST` as torchvision has it."""


class EMNIST(_Digits, emnist.EMNIST):
    """`tensorflowlite_clone.datasets.EMNIST` as torchvision has it."""


class CIFAR10(_Listed, cifar.CIFAR10):
    """`tensorflowlite_clone.datasets.CIFAR10` as torchvision has it."""


class CIFAR100(_Listed, cifar.CIFAR100):
    """`tensorflowlite_clone.datasets.CIFAR100` as torchvision has it."""
