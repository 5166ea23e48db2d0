"""The published data sets as ``torchvision.datasets`` shows them, for programs under ``as_torch``: MNIST and its relatives with tensors for
``data`` and ``targets``, CIFAR with a list of targets, classes as lists, and the same text.

A program may replace ``data`` and ``targets``, ``set.data = set.data[set.targets == 3]``. Not here: how the files are read; the items are
NumPy's images as in the other modules, no pictures of Pillow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._lazy import load
from . import cifar, emnist, mnist

__all__ = ["CIFAR10", "CIFAR100", "EMNIST", "KMNIST", "MNIST", "FashionMNIST"]

_DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


class _Vision:
    """Goes before a data set's class."""

    data: Any
    targets: Any
    classes: Any
    transform: Any
    target_transform: Any

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.classes = list(self.classes)

    def extra_repr(self) -> str:
        """The line on the part."""
        return f"Split: {'Train' if getattr(self, 'train', True) else 'Test'}"

    def __repr__(self) -> str:
        rows = [f"Number of datapoints: {len(self.data)}", f"Root location: {getattr(self, 'root', None)}", *self.extra_repr().splitlines()]
        changes = [("Transform: ", self.transform), ("Target transform: ", self.target_transform)]
        texts = [head + repr(t).replace("\n", "\n" + " " * len(head)) for head, t in changes if t is not None]
        rows += ["\n".join(["StandardTransform", *texts])] if texts else []
        return "\n".join([f"Dataset {type(self).__name__}", *(f"    {row}" for row in rows)])


class _Tensors(_Vision):
    """``data`` and ``targets`` as tensors of their memory."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        tensor = load("core.tensor").Tensor
        self.data, self.targets = tensor(self.data), tensor(self.targets)

    @property
    def train_data(self) -> Any:
        """``data``, by the name that it had."""
        return self.data

    @property
    def train_labels(self) -> Any:
        """``targets``, by the name that they had."""
        return self.targets

    test_data, test_labels = train_data, train_labels


class _Lists(_Vision):
    """``targets`` as a list."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.targets = np.asarray(self.targets).tolist()


class MNIST(_Tensors, mnist.MNIST):
    """`tensorflowlite_clone.datasets.MNIST` as torchvision shows it."""

    classes = tuple(f"{i} - {name}" for i, name in enumerate(_DIGITS))


class FashionMNIST(_Tensors, mnist.FashionMNIST):
    """`tensorflowlite_clone.datasets.FashionMNIST` as torchvision shows it."""


class KMNIST(_Tensors, mnist.KMNIST):
    """`tensorflowlite_clone.datasets.KMNIST` as torchvision shows it."""


class EMNIST(_Tensors, emnist.EMNIST):
    """`tensorflowlite_clone.datasets.EMNIST` as torchvision shows it."""


class CIFAR10(_Lists, cifar.CIFAR10):
    """`tensorflowlite_clone.datasets.CIFAR10` as torchvision shows it."""


class CIFAR100(_Lists, cifar.CIFAR100):
    """`tensorflowlite_clone.datasets.CIFAR100` as torchvision shows it."""
