"""`Digits`: 1,797 real handwritten digits of 8x8 pixels, embedded in the package. Not here: sets that are read from the user's files.

The file ``data/digits.npz`` holds ``images`` (1797, 8, 8) uint8 with values 0 to 16 and ``labels`` (1797,) uint8, in the order of
``sklearn.datasets.load_digits``; a test compares them. It was made by::

    digits = sklearn.datasets.load_digits()
    numpy.savez_compressed("digits.npz", images=digits.images.astype("u1"), labels=digits.target.astype("u1"))

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998),
https://doi.org/10.24432/C50P49, licensed under CC BY 4.0 (see ``data/DIGITS-LICENSE.txt``).
"""

from __future__ import annotations

import numpy as np

from .images import ImageDataset, Images, Transform

#: Every fifth image of each class, in the order of the file, is a test image.
EVERY = 5


class Digits(ImageDataset):
    """The UCI optical digits: 1,433 training and 364 test images, 8x8 pixels with values 0 to 16; no network, no files.

    The split is fixed and stratified: within each class, in the order of the file, images 0, 5, 10... are the test set. ``mean`` and
    ``std`` are those of the training images divided by 16.

    >>> train, test = Digits(), Digits(train=False)
    >>> len(train), len(test), train.data.shape
    (1433, 364, (1433, 8, 8))
    >>> x, y = train.arrays(); x.shape, x.dtype.name, round(float(x.std()), 3)
    ((1433, 1, 8, 8), 'float32', 1.0)

    Source: E. Alpaydin, C. Kaynak (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49 (CC BY 4.0).
    """

    maximum = 16.0

    def __init__(self, train: bool = True, *, transform: Transform = None, target_transform: Transform = None) -> None:
        self.train = train
        images, labels = _stored()
        is_test = np.zeros(len(labels), bool)
        for c in range(10):
            is_test[np.flatnonzero(labels == c)[::EVERY]] = True
        scaled = images[~is_test] / self.maximum
        self.mean, self.std = float(scaled.mean()), float(scaled.std())
        chosen = ~is_test if train else is_test
        super().__init__(images[chosen], labels[chosen], transform, target_transform)


def _stored() -> tuple[Images, Images]:
    """The embedded images (1797, 8, 8) and labels (1797,), both uint8; also from a package inside a zip file."""
    from importlib.resources import files
    from io import BytesIO

    content = (files(__package__) / "data" / "digits.npz").read_bytes()
    with np.load(BytesIO(content), allow_pickle=False) as stored:
        return stored["images"], stored["labels"]
