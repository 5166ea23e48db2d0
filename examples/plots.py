"""The pictures of a training run: curves, confusion matrix, worst mistakes. Needs matplotlib (the extra ``viz``)."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

TRAIN, VALIDATION, GRID = "#1f6f8b", "#e07a3f", "#e4e4e4"


def _style(ax: plt.Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def _finish(figure: plt.Figure, path: Path) -> Path:
    figure.savefig(path, dpi=130)
    plt.close(figure)
    return path


def training_curves(path: Path, history: dict[str, list[float]]) -> Path:
    """Loss and error over the epochs, for training and validation, on logarithmic scales."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = np.arange(1, len(history["loss"]) + 1)
    marker = "o" if len(epochs) <= 20 else None
    for label, prefix, colour in (("training", "", TRAIN), ("validation", "validation ", VALIDATION)):
        left.plot(epochs, history[prefix + "loss"], color=colour, label=label, marker=marker, markersize=4)
        error = np.maximum(100 * (1 - np.array(history[prefix + "accuracy"])), 1e-2)
        right.plot(epochs, error, color=colour, label=label, marker=marker, markersize=4)
    left.set(xlabel="epoch", ylabel="mean cross-entropy", title="Loss", yscale="log")
    right.set(xlabel="epoch", ylabel="wrong images, percent", title="Error", yscale="log")
    right.yaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%g"))
    for ax in (left, right):
        _style(ax)
        ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        ax.legend(frameon=False)
    return _finish(figure, path)


def confusion_matrix(path: Path, predicted: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """How often each class (rows) was taken for each other (columns): counts, coloured by their share of the row."""
    n = len(classes)
    counts = np.zeros((n, n), int)
    np.add.at(counts, (labels, predicted), 1)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, ax = plt.subplots(figsize=(7, 6.2), layout="constrained")
    image = ax.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)  # the root makes rare mistakes visible
    for i in range(n):
        for j in range(n):
            if counts[i, j]:
                ax.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, color="white" if share[i, j] > 0.3 else "#333333")
    rotation = 45 if max(map(len, classes)) > 2 else 0
    ax.set_xticks(range(n), classes, rotation=rotation, ha="right" if rotation else "center")
    ax.set_yticks(range(n), classes)
    accuracy = np.trace(counts) / max(counts.sum(), 1)
    ax.set(xlabel="predicted", ylabel="true", title=f"Confusion matrix: {accuracy:.2%} of {counts.sum()} right")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "50 %", "100 %"])
    bar.set_label("share of the true class")
    return _finish(figure, path)


def worst_mistakes(path: Path, images: np.ndarray, p: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """The 20 images with the highest loss: what they are and what they were taken for; mistakes are framed."""
    loss = -np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-30))
    worst = np.argsort(-loss)[:20]
    wrong = int((p.argmax(1) != labels).sum())
    columns = 5
    rows = -(-len(worst) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 2.2 * rows + 0.5), layout="constrained", squeeze=False)
    figure.suptitle(f"The hardest images: {wrong} of {len(labels)} were misread (framed)")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, i in zip(axes.flat, worst, strict=False):
        guess = int(p[i].argmax())
        ax.imshow(images[i], cmap="gray_r")
        mistaken = guess != labels[i]
        said = f"read as {classes[guess]}" if mistaken else "read right"
        ax.set_title(f"is {classes[labels[i]]}, {said}\nwith {p[i, guess]:.0%}", fontsize=9, color=VALIDATION if mistaken else "#333333")
        if mistaken:
            ax.set_axis_on()
            ax.set(xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set(color=VALIDATION, linewidth=2)
    return _finish(figure, path)
