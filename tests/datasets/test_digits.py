"""`Digits`: the embedded data is scikit-learn's, the split is fixed and stratified, and items and arrays agree."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone
from tensorflowlite_clone._errors import DimensionError, ShapeError
from tensorflowlite_clone.datasets import Digits, ImageDataset
from tensorflowlite_clone.datasets.digits import _stored

# What the file and the split are, so that neither can change unnoticed.
DIGEST = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
TRAIN_START = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
TEST_START = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 5, 9]


def test_embedded_data_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn, which ships the original")
    original = sklearn.load_digits()
    images, labels = _stored()
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(images, original.images)
    np.testing.assert_array_equal(labels, original.target)


def test_embedded_data_has_not_changed():
    images, labels = _stored()
    assert hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest() == DIGEST


def test_files_are_small_and_attributed():
    folder = files("tensorflowlite_clone.datasets") / "data"
    assert len((folder / "digits.npz").read_bytes()) < 100_000
    text = (folder / "DIGITS-LICENSE.txt").read_text()
    assert all(
        word in text for word in ("Alpaydin", "Kaynak", "CC BY 4.0", "10.24432/C50P49", "https://creativecommons.org/licenses/by/4.0/")
    )


def test_split_is_complete_disjoint_and_stratified():
    train, test = Digits(), Digits(train=False)
    images, labels = _stored()
    assert (len(train), len(test)) == (1433, 364)
    both = np.concatenate([train.data, test.data]).reshape(-1, 64)
    assert sorted(map(bytes, both)) == sorted(map(bytes, images.reshape(-1, 64)))
    share = np.bincount(test.targets, minlength=10) / np.bincount(labels)
    assert np.all(abs(share - 0.2) < 0.006)
    for c in range(10):
        np.testing.assert_array_equal(test.data[test.targets == c], images[labels == c][::5])


def test_split_is_the_same_every_time():
    np.testing.assert_array_equal(Digits().data, Digits().data)
    assert Digits().targets[:12].tolist() == TRAIN_START and Digits(train=False).targets[:12].tolist() == TEST_START


@pytest.mark.parametrize("train", [True, False])
def test_types_shapes_and_values(train):
    d = Digits(train)
    assert d.data.dtype == np.uint8 and d.data.shape == (len(d), 8, 8) and d.data.min() == 0 and d.data.max() == 16
    assert d.targets.dtype == np.int64 and d.targets.shape == (len(d),) and set(d.targets.tolist()) == set(range(10))
    assert d.images is d.data and d.labels is d.targets and d.classes == tuple("0123456789") and d.class_to_idx["7"] == 7
    assert repr(d) == f"Digits({len(d)} images of 8x8, 10 classes)"


def test_items_go_through_the_transforms():
    plain = Digits()
    image, label = plain[3]
    assert image.shape == (8, 8) and image.dtype == np.uint8 and type(label) is int
    changed = Digits(transform=lambda x: x.astype(np.float32) / 16, target_transform=lambda y: -y)
    x, y = changed[3]
    assert x.dtype == np.float32 and y == -label
    np.testing.assert_array_equal(x * 16, image)
    np.testing.assert_array_equal(plain[-1][0], plain.data[-1])
    np.testing.assert_array_equal(plain[np.int64(5)][0], plain.data[5])
    assert [label for _, label in plain] == plain.targets.tolist()


def test_an_index_out_of_range_is_an_error():
    d = Digits(train=False)
    for index in (364, -365):
        with pytest.raises(DimensionError, match=rf"Digits: no such image: index {index} of 364; use -364 to 363"):
            d[index]
    with pytest.raises(TypeError):
        d["first"]


def test_arrays_are_standardised_with_the_training_statistics():
    train, test = Digits(), Digits(train=False)
    assert (train.mean, train.std) == (test.mean, test.std)
    for d in (train, test):
        x, y = d.arrays()
        assert x.shape == (len(d), 1, 8, 8) and x.dtype == np.float32 and x.flags.c_contiguous and y.dtype == np.int64
        np.testing.assert_allclose(x[:, 0], (d.data / 16 - train.mean) / train.std, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(y, d.targets)
    x, _ = train.arrays()
    assert abs(x.mean(dtype=float)) < 1e-5 and abs(x.std(dtype=float) - 1) < 1e-5
    assert abs(test.arrays()[0].mean(dtype=float)) > 1e-5, "the test set must not be standardised with its own mean"


def test_arrays_flat_and_not_normalised():
    d = Digits()
    x, y = d.arrays(normalize=False, flatten=True)
    assert x.shape == (1433, 64) and x.min() == 0 and x.max() == 1
    np.testing.assert_array_equal(x * 16, d.data.reshape(-1, 64))
    x[:], y[:] = -1, -1  # new arrays: the data set is untouched
    np.testing.assert_array_equal(d.targets, Digits().targets)
    assert d.data.max() == 16


def test_an_empty_data_set_has_arrays_too():
    x, y = ImageDataset(np.zeros((0, 5, 4), np.uint8), np.zeros(0, np.uint8)).arrays(flatten=True)
    assert x.shape == (0, 20) and y.shape == (0,)


def test_images_and_labels_that_do_not_fit_are_an_error():
    with pytest.raises(ShapeError, match=r"ImageDataset: images and labels do not fit: the images are \(3, 8, 8\), the labels \(4,\)"):
        ImageDataset(np.zeros((3, 8, 8), np.uint8), np.zeros(4, int))


def test_works_from_a_zipped_package(tmp_path):
    root = Path(tensorflowlite_clone.__file__).parent
    with zipfile.ZipFile(tmp_path / "package.zip", "w") as archive:
        for path in root.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(root.parent))
    program = f"import sys; sys.path.insert(0, {str(tmp_path / 'package.zip')!r})\nfrom tensorflowlite_clone.datasets import Digits\n"
    program += "import tensorflowlite_clone as t; assert 'package.zip' in t.__file__; print(len(Digits()))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.stdout.strip() == "1433", result.stderr[-2000:]
