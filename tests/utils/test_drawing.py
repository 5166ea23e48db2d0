"""Pictures of graphs, and how tensors and modules show themselves in notebooks."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
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


# ---- notebooks --------------------------------------------------------------------------------------------------------------------
class Balanced(HTMLParser):
    """Counts elements, and sees that each is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.counts, self.words = [], {}, []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize(
    "t, cells",
    [
        (tl.arange(6.0).reshape(2, 3), 6), (tl.arange(3), 3), (tl.tensor([True, False]), 2), (tl.ones(100, 100), 121),
        (tl.tensor(2.5), 0), (tl.zeros(0, 3), 0), (tl.ones(2, 3, 4), 0), (tl.tensor([1 + 2j, 3]), 2), (tl.tensor([float("nan")] * 20), 11),
    ],
)  # fmt: skip
def test_tensors_in_notebooks(t, cells):
    found = Balanced(t._repr_html_())
    assert found.counts.get("td", 0) == cells and str(tuple(t.shape)) in t._repr_html_() and t.dtype.name in t._repr_html_()


@pytest.mark.parametrize(
    "t, tag",
    [
        (tl.arange(13), "svg"), (tl.rand(1000), "svg"), (tl.tensor([float("nan")] * 20), "svg"), (tl.rand(20, 30), "img"),
        (tl.rand(3, 64, 64), "img"), (tl.ones(100, 100, dtype=tl.bool), "img"), (tl.full((20, 20), float("inf")), "img"),
        (tl.ones(20, 20, dtype=tl.complex64), "img"), (tl.tensor([[1e308, -1e308]] * 100, dtype=tl.float64), "img"),
        (tl.arange(12), None), (tl.rand(12, 12), None), (tl.ones(2, 3, 4), None),
    ],
)  # fmt: skip
def test_large_tensors_are_drawn_in_notebooks(t, tag):
    counts = Balanced(t._repr_html_()).counts
    assert [counts.get(name, 0) for name in ("svg", "img")] == [tag == "svg", tag == "img"]


def test_a_map_of_colours_shows_signs_and_gaps():
    import base64
    import struct
    import zlib

    t = tl.zeros(20, 20)
    t[0, :3] = tl.tensor([1.0, -1.0, float("nan")])
    png = base64.b64decode(t._repr_html_().partition("base64,")[2].partition('"')[0])
    assert struct.unpack(">II", png[16:24]) == (20, 20)
    start = png.index(b"IDAT") + 4
    line = zlib.decompress(png[start : start + struct.unpack(">I", png[start - 8 : start - 4])[0]])
    assert [tuple(line[1 + 3 * k : 4 + 3 * k]) for k in range(4)] == [(178, 24, 43), (33, 102, 172), (128, 128, 128), (247, 247, 247)]


def test_tensors_on_the_tape_in_notebooks():
    x = tl.ones(2, requires_grad=True)
    assert "leaf" in x._repr_html_() and "MulBackward0" in (x * 2)._repr_html_()
    assert "Parameter" in nn.Parameter(x.detach())._repr_html_()
    assert "from 0 to 23, mean 11.5" in tl.arange(24).reshape(2, 3, 4)._repr_html_()


def test_modules_in_notebooks():
    net = nn.Sequential(nn.Linear(3, 4), nn.ModuleDict({"<b>": nn.BatchNorm1d(4)}), nn.LazyLinear(2), *[nn.ReLU() for _ in range(60)])
    found = Balanced(net._repr_html_())
    words = " ".join(found.words)
    assert found.counts["details"] == 5 and "in_features=3" in words and "24 parameters" in words and "(4, 3) float32" in words
    assert "of unknown shape" in words and "and 23 more" in words and "<b>" in words and "running_mean" in words
    assert np.sum([w == "ReLU" for w in found.words]) == 37
