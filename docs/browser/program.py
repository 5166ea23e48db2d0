"""What runs in the browser: the same package, the same program as natively (tests compare the two to the digit).

``post(dict)`` is the page's; natively it is any function. Not here: pages and drawing (``*.html``, ``page.js``).
"""

import time

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.datasets import Digits
from tensorflowlite_clone.utils.data import DataLoader, TensorDataset


def data(train):
    """Digits as floats from 0 to 1, and which they are."""
    pairs = Digits(train=train)
    images = np.stack([np.asarray(image, dtype=np.float32) / 16 for image, _ in pairs]).reshape(-1, 1, 8, 8)
    return TensorDataset(tl.tensor(images), tl.tensor([int(label) for _, label in pairs]))


def network():
    """A small convolutional network."""
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(384, 10),
    )


class Training:
    """A network that can be trained for some epochs, asked, and asked why."""

    def __init__(self, seed=0):
        tl.manual_seed(seed)
        self.train, self.test, self.model = data(True), data(False), network()
        self.optimizer, self.epochs = optim.Adam(self.model.parameters(), lr=3e-3), 0

    def run(self, epochs, post):
        """Train; tell of each step's loss, and after each epoch what unseen digits are taken for."""
        for _ in range(epochs):
            self.model.train()
            start, steps = time.perf_counter(), 0
            for images, labels in DataLoader(self.train, batch_size=32, shuffle=True):
                loss = nn.functional.cross_entropy(self.model(images), labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                steps += 1
                post({"loss": loss.item()})
            self.epochs += 1
            speed = steps / (time.perf_counter() - start)
            table = self.table()
            right = int(table.trace().item())
            post({"epoch": self.epochs, "right": right, "of": len(self.test), "speed": speed, "table": table.tolist()})

    def table(self):
        """How often the digit of the row is taken for that of the column."""
        images, labels = self.test.tensors
        with tl.no_grad():
            guess = self.model(images).argmax(1)
        return tl.bincount(10 * labels + guess, minlength=100).reshape(10, 10)

    def ask(self, pixels):
        """The probabilities of a drawing (64 numbers from 0 to 1), and the gradient of the winning score by each pixel."""
        x = tl.tensor(np.asarray(pixels, np.float32).reshape(1, 1, 8, 8), requires_grad=True)
        scores = self.model(x)[0]
        scores.max().backward()
        return {"probabilities": scores.softmax(0).tolist(), "gradient": x.grad.flatten().tolist()}
