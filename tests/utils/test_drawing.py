"""Pictures of graphs."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import GraphError, OperandError
from tensorflowlite_clone.utils import draw

SVG = "{http://www.w3.org/2000/svg}"


def read(drawing):
    """The boxes as (left, top, right, bottom), the texts, and the number of lines between boxes."""
    root = ElementTree.fromstring(drawing.svg)
    rects = [tuple(float(r.get(k)) for k in ("x", "y", "width", "height")) for r in root.findall(f"{SVG}rect")]
    texts = [t.text for t in root.findall(f"{SVG}text")]
    boxes = [(x, y, x + w, y + h) for x, y, w, h in rects]
    width, height = float(root.get("width")), float(root.get("height"))
    assert all(a >= 0 and b >= 0 and c <= width and d <= height for a, b, c, d in boxes)
    for i, one in enumerate(boxes):
        for two in boxes[:i]:
            assert one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1], "boxes overlap"
    return boxes, texts, len(root.findall(f"{SVG}path"))


def test_a_network(tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3))
    loss = nn.functional.cross_entropy(net(tl.ones(2, 1, 8, 8)), tl.tensor([0, 1]))
    called = []
    net[0].weight.register_hook(called.append)
    picture = draw(loss, tmp_path / "a.svg", params=net)
    boxes, texts, lines = read(picture)
    assert {"0.weight", "4.bias", "Convolve", "ReLU", "MaxPool", "[2, 4, 6, 6]", "[2, 3]", "[3, 36]", "[]"} <= set(texts)
    assert lines == len(boxes) - 1 and (tmp_path / "a.svg").read_text() == picture.svg == picture._repr_svg_()
    assert not called and net[0].weight.grad is None
    loss.backward()  # the graph is as it was
    freed = read(draw(loss, params=net))[1]
    assert "Convolve" in freed and "0.weight" in freed


def test_shared_values_and_several_results():
    x = tl.ones(3, requires_grad=True)
    y = x * x
    values, _ = (y + x).max(0)
    boxes, texts, lines = read(draw([values, y.exp()]))
    assert texts.count("leaf") + texts.count("tensor") == 1 and texts.count("Multiply") == 1 and "Exp" in texts
    assert "Drawing(" in repr(draw(values))
    assert lines >= len(boxes) - 1


def test_large_graphs_are_cut():
    x = tl.ones(2, requires_grad=True)
    y = x
    for _ in range(500):
        y = y.sin()
    boxes, texts, _ = read(draw(y, max_nodes=20))
    assert len(boxes) == 21 and texts.count("Sin") == 20 and "..." in texts


def test_user_functions_and_operators():
    class Twice(tl.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise AssertionError("not called")

    x = tl.ones(2, requires_grad=True)
    texts = read(draw(Twice.apply(x.exp()).sum()))[1]
    assert any("Twice" in t for t in texts) and "Exp" in texts
    values, vectors = tl.linalg.eigh(tl.eye(3, dtype=tl.float64).requires_grad_())
    assert "Eigh" in read(draw(values.sum() + vectors.sum()))[1]


@pytest.mark.parametrize(
    "wrong, error, text",
    [
        (lambda: draw(3), OperandError, "draw: needs a tensor"),
        (lambda: draw([tl.ones(2, requires_grad=True) * 2, "x"]), OperandError, "draw: needs a tensor"),
        (lambda: draw(tl.ones(2)), GraphError, r"no recorded operation led to this tensor \(shape \(2,\)\)"),
        (lambda: draw(tl.ones(2, requires_grad=True) * 2, params=3), OperandError, "params must be a module or a dict"),
        (lambda: draw(tl.ones(2, requires_grad=True) * 2, max_nodes=0), ValueError, "max_nodes must be at least 1"),
    ],
)
def test_wrong_arguments(wrong, error, text):
    with pytest.raises(error, match=text):
        wrong()
