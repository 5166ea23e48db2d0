"""The pictures of a training run: curves, confusion matrix, hardest images. Needs matplotlib (the extra ``viz``).

Here: functions from arrays to a PNG file. Not here: anything that trains, or that knows where the arrays come from.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # files only: it works without a display
from matplotlib import pyplot as plt
from matplotlib.colors import LinearSegmentedColormap

TRAIN, VALIDATION = "#1f6f8b", "#d9662b"
INK, GRID = "#333333", "#e4e4e4"
SHARE = LinearSegmentedColormap.from_list("share", ["#ffffff", "#cfe3ea", TRAIN, "#0d3444"])
STYLE = {
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "savefig.dpi": 130,
}


def percent(share: float) -> str:
    """A share as it is said: ``61 %``, ``99.6 %``; never rounded up to certainty."""
    if share > 0.999:
        return "100 %" if share == 1 else "> 99.9 %"
    return f"{100 * share:.1f} %" if share > 0.99 else f"{100 * share:.0f} %"


def _finish(figure: plt.Figure, path: Path) -> Path:
    figure.savefig(path)
    plt.close(figure)
    return path


@mpl.rc_context(STYLE)
def training_curves(path: Path, history: dict[str, list[float]]) -> Path:
    """Loss and accuracy over the epochs, for training and validation.

    The accuracy axis stretches towards 100 %, as a logarithmic axis of the error would, but 100 % itself is on it.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    epochs = np.arange(1, len(history["loss"]) + 1)
    errors = {p: 100 - 100 * np.array(history[p + "accuracy"]) for p in ("", "validation ")}
    for label, prefix, colour in (("training", "", TRAIN), ("validation", "validation ", VALIDATION)):
        look = {"color": colour, "label": label, "marker": "o" if len(epochs) <= 20 else None, "markersize": 4, "linewidth": 1.8}
        left.plot(epochs, history[prefix + "loss"], **look)
        right.plot(epochs, errors[prefix], **look, clip_on=False)
    left.set(xlabel="epoch", ylabel="mean cross-entropy", title="Loss", yscale="log")
    seen = np.concatenate(list(errors.values()))
    smallest, largest = max(seen[seen > 0].min(initial=100.0), 0.01), max(seen.max(), 2.0)
    right.set_yscale("symlog", linthresh=smallest, linscale=0.3)
    marks = [e for e in (75, 50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01) if smallest <= e <= 1.5 * largest]
    right.set_yticks([*marks, 0], [f"{100 - e:g} %" for e in marks] + ["100 %"], minor=False)
    right.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    right.set_ylim(1.2 * largest, 0)
    right.set(xlabel="epoch", ylabel="images classified correctly", title="Accuracy")
    for ax in (left, right):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=GRID, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    left.legend(frameon=False, loc="upper right")
    right.legend(frameon=False, loc="lower right")
    return _finish(figure, path)


@mpl.rc_context(STYLE)
def confusion_matrix(path: Path, predicted: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """How often each class (rows) was taken for each other (columns): counts, coloured by their share of the row."""
    n = len(classes)
    counts = np.zeros((n, n), int)
    np.add.at(counts, (labels, predicted), 1)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    figure, ax = plt.subplots(figsize=(7.2, 6.2))
    image = ax.imshow(np.sqrt(share), cmap=SHARE, vmin=0, vmax=1)  # the root makes rare mistakes visible
    for i, j in zip(*np.nonzero(counts), strict=True):
        ax.text(j, i, counts[i, j], ha="center", va="center", fontsize=9, color="white" if share[i, j] > 0.3 else INK)
    slanted = max(map(len, classes)) > 2
    ax.set_xticks(range(n), classes, rotation=45 if slanted else 0, ha="right" if slanted else "center", rotation_mode="anchor")
    ax.set_yticks(range(n), classes)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=GRID, linewidth=0.8)
    ax.tick_params(which="both", length=0)
    right = int(np.trace(counts))
    ax.set(xlabel="predicted class", ylabel="true class", title=f"Test images: {right:,} of {counts.sum():,} correct")
    bar = figure.colorbar(image, ax=ax, shrink=0.8, ticks=np.sqrt([0, 0.01, 0.1, 0.25, 0.5, 1]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "25 %", "50 %", "100 %"])
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)
    return _finish(figure, path)


@mpl.rc_context(STYLE)
def worst_mistakes(path: Path, images: np.ndarray, p: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]) -> Path:
    """The 20 images with the highest loss: what they are, what they were taken for, how surely; mistakes are framed."""
    loss = -np.log(np.maximum(p[np.arange(len(labels)), labels], 1e-30))
    worst = np.argsort(-loss, kind="stable")[:20]
    wrong = int((p.argmax(1) != labels).sum())
    columns = 5
    rows = -(-len(worst) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(9, 2.2 * rows + 0.6), squeeze=False)
    figure.suptitle(f"The hardest test images ({wrong:,} of {len(labels):,} were mistaken: framed)", fontsize=12)
    figure.get_layout_engine().set(hspace=0.06)
    for ax in axes.flat[len(worst) :]:
        ax.set_axis_off()
    for ax, i in zip(axes.flat, worst, strict=False):
        guess = int(p[i].argmax())
        mistaken = guess != labels[i]
        ax.imshow(images[i], cmap="gray_r")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=VALIDATION if mistaken else GRID, linewidth=2 if mistaken else 0.8)
        what = f"{classes[labels[i]]}, taken for" if mistaken else "rightly taken for"
        ax.set_title(f"{what}\n{classes[guess]} ({percent(p[i, guess])})", fontsize=9, color=VALIDATION if mistaken else INK)
    return _finish(figure, path)
