"""`draw`: the graph that led to a tensor, as a picture (SVG), laid out in layers.

Here: which nodes are shown, where they stand, and the picture. Not here: the graph itself (``core/tape.py``).

The layout has the steps of Sugiyama, Tagawa, Toda (1981), "Methods for visual understanding of hierarchical system structures": a layer for
each node by its distance from the result, an order in each layer by the mean place of neighbours, swept up and down, then places that do
not overlap.
"""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from .._checks import integer
from .._errors import GraphError, OperandError
from .._files import write_atomically
from ..core.recording import Recorded
from ..core.tape import Leaf, Select
from ..core.tensor import Taped
from ..nn.module import Module

#: Pixels: of a letter, a line, between boxes, between layers.
LETTER, LINE, GAP, LAYER = 7, 16, 18, 34
SWEEPS = 6
FILLS = {"leaf": "#d7ead3", "result": "#f8d9c4", "operation": "#e6ecf5", "more": "#eeeeee"}


class Box:
    """A node of the picture: lines of text, and where it stands."""

    def __init__(self, kind: str, lines: list[str]) -> None:
        self.kind, self.lines = kind, lines
        self.width = max(len(line) for line in lines) * LETTER + 16
        self.height = len(lines) * LINE + 8
        self.layer = 0
        self.x = self.y = 0.0
        #: What it was computed from.
        self.above: list[Box] = []
        self.below: list[Box] = []


class Drawing:
    """A picture: ``svg`` is its text; notebooks show it, `save` writes it to a file."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        """The picture, in notebooks."""
        return self.svg

    def save(self, path: Any) -> None:
        """Write the picture to a file."""
        write_atomically(os.fspath(path), lambda file: file.write(self.svg.encode()), "draw")

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg)} characters of SVG)"


def draw(tensors: Any, path: Any = None, *, params: Any = None, max_nodes: int = 300) -> Drawing:
    """A picture of the operations that led to a tensor, or to several, with the shapes of their results.

    Args:
        tensors: a tensor on the tape, or a list or tuple of some.
        path: the file to write it to, if it is not None.
        params: names of leaves: a module, whose parameters have them, or a dict ``{name: tensor}``.
        max_nodes: at most so many operations and leaves are shown, those nearest to the results; what is left out is counted.

    Shapes are those of the gradients that a backward pass would carry, in which nothing is accumulated and no hook is called. They are left
    out where that is not possible: behind a user's `Function`, and where the graph has been freed.

    Raises `OperandError` for what is no tensor, and `GraphError` for a tensor that no recorded operation led to.

    >>> import tensorflowlite_clone as tl
    >>> w = tl.ones(3, requires_grad=True)
    >>> picture = draw((w * 2).sum(), params={"w": w})
    >>> [word in picture.svg for word in ("Sum", "Multiply", "w")]
    [True, True, True]
    """
    integer("draw", "max_nodes", max_nodes, 1)
    roots = list(tensors) if isinstance(tensors, list | tuple) else [tensors]
    for t in roots:
        if not isinstance(t, Taped):
            raise OperandError(
                f"draw: needs a tensor, or a list of them: got {type(t).__name__} {t!r:.60}; pass a result, such as the loss"
            )
        if t.node is None:
            raise GraphError(f"draw: no recorded operation led to this tensor (shape {t.shape}); compute it from one that requires grad")
    if not isinstance(params, Module | Mapping | None):
        raise OperandError(f"draw: params must be a module or a dict of tensors: got {type(params).__name__} {params!r:.60}")
    named = dict(params.named_parameters()) if isinstance(params, Module) else dict(params or {})
    boxes = _boxes(roots, {id(t.node): name for name, t in named.items() if isinstance(t, Taped)}, max_nodes)
    drawing = Drawing(_picture(_placed(boxes)))
    if path is not None:
        drawing.save(path)
    return drawing


# ---- the nodes --------------------------------------------------------------------------------------------------------------------
def _reached(roots: list[Any], most: int) -> tuple[list[Any], bool]:
    """The newest nodes behind ``roots``, the newest first, and whether there are more."""
    waiting = {t.node.seq: t.node for t in roots}
    found: list[Any] = []
    while waiting and len(found) < most:
        node = waiting.pop(max(waiting))
        found.append(node)
        waiting.update((p.seq, p) for p in node.parents if p is not None)
    return found, bool(waiting)


def _shapes(roots: list[Any], nodes: list[Any]) -> dict[int, Any]:
    """The shapes of results, by node, from cotangents of zeros."""
    waiting: dict[int, Any] = {id(t.node): np.zeros(t.shape, t.dtype) for t in roots if isinstance(t.array, np.ndarray)}
    found: dict[int, Any] = {}
    for node in nodes:  # falling serial numbers: all that comes to a node has come
        if type(node) is Leaf:
            tensor = node.tensor()
            found[id(node)] = None if tensor is None else tuple(tensor.shape)
            continue
        g = waiting.pop(id(node), None)
        if g is None:
            continue
        found[id(node)] = getattr(g, "shape", None)
        if type(node) is not Select and (not isinstance(node, Recorded) or node.saved is None):
            continue
        try:
            with np.errstate(all="ignore"):
                grads = node.step(g) if node.plan is None else node.plan.step(node, g)
        except Exception:  # a saved value was changed: shapes are not worth an error
            continue
        for parent, gx in zip(node.parents, grads, strict=False):
            if gx is not None:
                waiting[id(parent)] = waiting[id(parent)] + gx if id(parent) in waiting else gx
    return found


def _boxes(roots: list[Any], names: dict[int, str], most: int) -> list[Box]:
    """The boxes of the picture with their neighbours, the results first."""
    nodes, more = _reached(roots, most)
    shapes = _shapes(roots, nodes)
    results = {id(t.node) for t in roots}
    boxes: dict[int, Box] = {}
    for node in nodes:
        if type(node) is Select:
            continue
        shape = shapes.get(id(node))
        lines = [_label(node, names)] + ([] if shape is None else [str(list(shape))])
        kind = "leaf" if type(node) is Leaf else "result" if id(node) in results else "operation"
        boxes[id(node)] = Box(kind, lines)
    left_out = Box("more", ["..."])
    for node in nodes:
        if type(node) is Select or type(node) is Leaf:
            continue
        own = boxes[id(node)]
        for parent in node.parents:
            while type(parent) is Select:
                parent = parent.parents[0]
            above = boxes.get(id(parent), left_out)
            if above not in own.above:
                own.above.append(above)
                above.below.append(own)
    found = list(boxes.values())
    return [*found, left_out] if more and left_out.below else found


def _label(node: Any, names: dict[int, str]) -> str:
    if type(node) is Leaf:
        tensor = node.tensor()
        return names.get(id(node), "leaf" if tensor is None else type(tensor).__name__.lower())
    return type(node).__name__ if isinstance(node, Recorded) else str(node.title())


# ---- the layout -------------------------------------------------------------------------------------------------------------------
def _placed(boxes: list[Box]) -> list[Box]:
    """The boxes with places: what a box was computed from stands above it."""
    for box in boxes:  # the newest first, so a box comes after all that was computed from it
        for above in box.above:
            above.layer = max(above.layer, box.layer + 1)
    layers: list[list[Box]] = [[] for _ in range(max(b.layer for b in boxes) + 1)]
    for box in boxes:
        layers[box.layer].append(box)
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            for box in layer:
                near = box.below if sweep % 2 == 0 else box.above
                if near:
                    box.x = sum(n.x for n in near) / len(near)
            layer.sort(key=lambda b: b.x)
            _spread(layer)
    y = 10.0
    for layer in reversed(layers):
        for box in layer:
            box.y = y
        y += max(b.height for b in layer) + LAYER
    left = min(b.x - b.width / 2 for b in boxes)
    for box in boxes:
        box.x += 10 - left
    return boxes


def _spread(layer: list[Box]) -> None:
    """Move the boxes of a layer, in their order, apart until none overlap, around where they wanted to be."""
    wanted = sum(b.x for b in layer) / len(layer)
    for one, two in pairwise(layer):
        two.x = max(two.x, one.x + (one.width + two.width) / 2 + GAP)
    shift = sum(b.x for b in layer) / len(layer) - wanted
    for box in layer:
        box.x -= shift


def _picture(boxes: list[Box]) -> str:
    """The text of the picture."""
    width = max(b.x + b.width / 2 for b in boxes) + 10
    height = max(b.y + b.height for b in boxes) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="monospace" font-size="12" text-anchor="middle">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>',
    ]
    for box in boxes:
        for above in box.above:
            start, end = above.y + above.height, box.y
            bend = (end - start) / 2
            line = f"M{above.x:.1f} {start:.1f}C{above.x:.1f} {start + bend:.1f} {box.x:.1f} {end - bend:.1f} {box.x:.1f} {end:.1f}"
            parts.append(f'<path d="{line}" fill="none" stroke="#667" marker-end="url(#arrow)"/>')
    for box in boxes:
        left = box.x - box.width / 2
        round_ = 9 if box.kind == "leaf" else 3
        parts.append(
            f'<rect x="{left:.1f}" y="{box.y:.1f}" width="{box.width}" height="{box.height}" rx="{round_}" fill="{FILLS[box.kind]}" '
            f'stroke="#667"/>'
        )
        for i, line in enumerate(box.lines):
            parts.append(f'<text x="{box.x:.1f}" y="{box.y + LINE * (i + 1):.1f}">{html.escape(line)}</text>')
    return "".join(parts) + "</svg>"
