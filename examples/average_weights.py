"""Does an exponential average of the weights (EMA) read digits better than the last weights? MNIST, a small network, several seeds.

    python examples/average_weights.py --data-dir DIR        the folder with MNIST's original files (default: $MNIST_DIR, then data)
    python examples/average_weights.py --dataset digits      the embedded digits, within seconds

A training at a constant rate ends wherever the noise of the last batches left it; the average of its last few hundred steps lies in the
middle. For each seed the error and the loss on the test images are printed, of the last weights and of their average, which has
taken part in nothing else. B. Polyak, A. Juditsky, "Acceleration of stochastic approximation by averaging" (1992).
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn, optim
from tensorflowlite_clone.datasets import MNIST, Digits, MissingDataError
from tensorflowlite_clone.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def arrays(dataset: Any) -> tuple[tl.Tensor, tl.Tensor]:
    """Images as rows of numbers around 0, and labels."""
    images = np.asarray(dataset.data, dtype=np.float32)
    images = images.reshape(len(images), -1) / max(1.0, float(images.max()))
    return tl.tensor(images - images.mean()), tl.tensor(np.asarray(dataset.targets, dtype=np.int64))


def score(model: nn.Module, x: tl.Tensor, y: tl.Tensor) -> tuple[float, float]:
    """The share of mistakes in percent, and the mean loss."""
    model.eval()
    with tl.no_grad():
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y).item()
        wrong = (logits.argmax(dim=1) != y).sum().item()
    model.train()
    return 100.0 * wrong / len(y), loss


def compare(train: Any, test: Any, seed: int, epochs: int, decay: float, lr: float = 1e-3, batch: int = 64) -> list[tuple[float, float]]:
    """Train once; (mistakes, loss) on the test images of the last weights, and of their average."""
    tl.manual_seed(seed)
    rng = np.random.default_rng(seed)
    (x, y), classes = train, int(train[1].max().item()) + 1
    model = nn.Sequential(nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Linear(128, classes))
    optimizer = optim.Adam(model.parameters(), lr=lr)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(y)), max(1, len(y) // batch)):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            average.update_parameters(model)
    return [score(m, *test) for m in (model, average)]


def main(argv: list[str] | None = None) -> int:
    """Print a line for each seed and the means; 0 where the average is better in the mean of both, or there are no data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--data-dir", default=os.environ.get("MNIST_DIR", "data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="default: 3, of the digits 20")
    parser.add_argument("--decay", type=float, help="default: 0.998, of the digits 0.98")
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args(argv)
    mnist = args.dataset == "mnist"
    try:
        train, test = (arrays(MNIST(args.data_dir, part) if mnist else Digits(part)) for part in (True, False))
    except MissingDataError as error:
        print(f"skipped: {error}")
        return 0
    epochs, decay = args.epochs or (3 if mnist else 20), args.decay or (0.998 if mnist else 0.98)
    print("seed    last weights: error %    loss      average: error %    loss")
    found = []
    for seed in range(args.seeds):
        found.append(compare(train, test, seed, epochs, decay, args.lr))
        (a, b), (c, d) = found[-1]
        print(f"{seed:4d}{a:24.2f}{b:9.4f}{c:21.2f}{d:9.4f}")
    (a, b), (c, d) = np.mean(found, axis=0)
    print(f"mean{a:24.2f}{b:9.4f}{c:21.2f}{d:9.4f}")
    return 0 if c < a and d < b else 1


if __name__ == "__main__":
    sys.exit(main())
