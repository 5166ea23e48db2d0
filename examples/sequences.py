"""An LSTM on two classic problems of long memory: adding two of 100 numbers, and copying symbols seen 30 steps ago.

    python examples/sequences.py                 both, a few minutes
    python examples/sequences.py add --steps 500 --length 50

Adding: a sequence of random numbers, two of which are marked; the sum of these is wanted at the end. Guessing 1 always has a mean squared
error of 1/6. Copying: some of eight symbols, then blanks, and at last a sign that the symbols are to be said again in their order.
Guessing has a cross-entropy of log 8 = 2.08 there.

Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory" (1997), sec. 5.4; A. Graves, G. Wayne, I. Danihelka, "Neural Turing
machines" (2014), sec. 4.1, with a delay.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

SYMBOLS, SEEN = 8, 5


def adding(rng: np.random.Generator, length: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers with marks, (T, N, 2), and the sums of the marked ones, (N)."""
    x = np.zeros((length, batch, 2), np.float32)
    x[..., 0] = rng.random((length, batch))
    for low, high in ((0, length // 2), (length // 2, length)):
        x[rng.integers(low, high, batch), np.arange(batch), 1] = 1.0
    return x, (x[..., 0] * x[..., 1]).sum(0)


def copying(rng: np.random.Generator, length: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols, blanks and signs, one-hot, (T, N, 10), and the symbols, (SEEN, N)."""
    symbols = rng.integers(0, SYMBOLS, (SEEN, batch))
    shown = np.full((length, batch), SYMBOLS)
    shown[:SEEN], shown[-SEEN:] = symbols, SYMBOLS + 1
    return np.eye(SYMBOLS + 2, dtype=np.float32)[shown], symbols


class Network(nn.Module):
    """An LSTM whose forget gates are open at first, and a linear layer on its states."""

    def __init__(self, inputs: int, units: int, outputs: int) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(inputs, units), nn.Linear(units, outputs)
        with tl.no_grad():
            self.lstm.bias_ih_l0[units : 2 * units] += 1.0

    def forward(self, x: tl.Tensor, last: int) -> tl.Tensor:
        """What the head says at the last steps, (last, N, outputs)."""
        out, _ = self.lstm(x)
        return self.head(out[-last:])


def train(task: str, length: int, steps: int, batch: int, units: int, rate: float) -> float:
    """Train a network on fresh sequences; prints and returns the mean loss of the last 50 steps."""
    rng = np.random.default_rng(0)
    tl.manual_seed(0)
    model = Network(2, units, 1) if task == "add" else Network(SYMBOLS + 2, units, SYMBOLS)
    optimizer = tl.optim.Adam(model.parameters(), lr=rate)
    losses: list[float] = []
    start = time.perf_counter()
    for i in range(1, steps + 1):
        x, y = (adding if task == "add" else copying)(rng, length, batch)
        said = model(tl.tensor(x), 1 if task == "add" else SEEN)
        if task == "add":
            loss = nn.functional.mse_loss(said[0, :, 0], tl.tensor(y))
        else:
            loss = nn.functional.cross_entropy(said.reshape(-1, SYMBOLS), tl.tensor(y.reshape(-1)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if i % max(steps // 10, 1) == 0:
            print(f"{task} {i:5d} steps  loss {np.mean(losses[-50:]):.4f}  {time.perf_counter() - start:.1f} s", flush=True)
    return float(np.mean(losses[-50:]))


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description="An LSTM on problems of long memory")
    parser.add_argument("tasks", nargs="*", choices=["add", "copy", []], default=["add", "copy"])
    parser.add_argument("--length", type=int)
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    for task in options.tasks:
        length, steps = (100, 1500) if task == "add" else (30, 2500)
        rate, units = (1e-2, 64) if task == "add" else (5e-3, 64)
        train(task, options.length or length, options.steps or steps, 32, units, rate)


if __name__ == "__main__":
    main()
