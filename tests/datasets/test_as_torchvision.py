"""The published data sets under torchvision's names: items, attributes and order of torchvision's own."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import datasets
from tensorflowlite_clone.datasets import as_torchvision, write_idx
from tensorflowlite_clone.transforms import ToTensor
from tensorflowlite_clone.utils.data import DataLoader


def made(name, folder, **kwargs):
    """Twelve images in the form of the data set, read."""
    rng = np.random.default_rng(0)
    labels = np.arange(12, dtype=np.uint8) % 10
    cls = getattr(as_torchvision, name)
    if name.startswith("CIFAR"):
        (folder / cls.base_folder).mkdir(exist_ok=True)
        for file, some in zip(cls.parts[True], np.array_split(labels, len(cls.parts[True])), strict=True):
            entry = {"data": rng.integers(0, 256, (len(some), 3072), dtype=np.uint8), cls.label_key: some.tolist()}
            (folder / cls.base_folder / file).write_bytes(pickle.dumps(entry, 2))
        return cls(folder, check=False, **kwargs)
    extra = {"split": "digits"} if name == "EMNIST" else {}
    start = "emnist-digits-" if extra else ""
    write_idx(folder / f"{start}train-images-idx3-ubyte", rng.integers(0, 256, (12, 28, 28), dtype=np.uint8))
    write_idx(folder / f"{start}train-labels-idx1-ubyte", labels)
    return cls(folder, check=False, **extra, **kwargs)


@pytest.mark.parametrize("name", as_torchvision.__all__)
def test_data_sets_are_as_torchvision_has_them(name, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    d = made(name, tmp_path)
    assert isinstance(d, getattr(datasets, name)) and isinstance(d.classes, list) and len(d) == 12
    image, label = d[3]
    assert isinstance(image, Image.Image) and np.array_equal(np.array(image), d.data[3]) and (label, type(label)) == (3, int)
    if name.startswith("CIFAR"):
        assert isinstance(d.data, np.ndarray) and d.data.shape == (12, 32, 32, 3) and isinstance(d.targets, list)
    else:
        assert (d.data.dtype, d.targets.dtype) == (tl.uint8, tl.int64) and d.data.view(-1, 784).float().shape == (12, 784)
        few = d.targets > 6
        d.data, d.targets = d.data[few], d.targets[few]
        assert len(d) == 3 and d[0][1] == 7
    seen = []
    d = made(name, tmp_path, transform=lambda picture: seen.append(picture) or ToTensor()(picture), target_transform=lambda y: -y)
    x, y = next(iter(DataLoader(d, 4)))
    assert x.shape[:2] == (4, image.mode.count("RGB") * 2 + 1) and y.tolist() == [0, -1, -2, -3]
    assert all(isinstance(picture, Image.Image) for picture in seen)


def test_digits_have_torchvisions_names(tmp_path):
    d = made("MNIST", tmp_path)
    assert d.classes[0] == "0 - zero" and d.class_to_idx["9 - nine"] == 9
