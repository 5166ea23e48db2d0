"""How tensors, modules and states show themselves in notebooks: what is said, that it is HTML, escaped, and never long."""

from __future__ import annotations

import base64
import copy
import io
import pickle
import re
import struct
import zlib
from collections import OrderedDict
from html.parser import HTMLParser

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone.func import grad, jacfwd, jvp, vmap
from tensorflowlite_clone.func.tracing import trace
from tensorflowlite_clone.utils import _pytree, notebook

#: Elements without an end.
VOID = {"img"}
#: What one tensor may take, however large it is.
MOST = 24_000


class Balanced(HTMLParser):
    """Counts elements, and sees that each is closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.counts, self.words = [], {}, []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def pixels(page):
    """The colours (H, W, 4) of the picture in a page."""
    (data,) = re.findall(r"data:image/png;base64,([^\"]+)", page)
    png = base64.b64decode(data)
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    lines = np.frombuffer(zlib.decompress(png[start + 4 : start + 4 + length]), np.uint8).reshape(height, 1 + 4 * width)
    return lines[:, 1:].reshape(height, width, 4)


def test_the_picture_is_one():
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed (the extra images has it)")
    page = tl.arange(200.0).reshape(10, 20)._repr_html_()
    image = pillow.open(io.BytesIO(base64.b64decode(re.findall(r"base64,([^\"]+)", page)[0])))
    np.testing.assert_array_equal(np.asarray(image), pixels(page))


LINE, PICTURE = {"svg": 1}, {"img": 1}


@pytest.mark.parametrize(
    "t, cells, picture",
    [
        (tl.arange(6.0).reshape(2, 3), 6, {}), (tl.arange(3), 3, {}), (tl.tensor([True, False]), 2, {}), (tl.ones(100, 100), 121, PICTURE),
        (tl.tensor(2.5), 0, {}), (tl.zeros(0, 3), 0, {}), (tl.zeros(0), 0, {}), (tl.zeros(3, 0, 2), 0, {}), (tl.ones(2, 3, 4), 0, {}),
        (tl.tensor([1 + 2j, 3]), 2, {}), (tl.tensor([float("nan")] * 20), 11, {}), (tl.tensor([[float("inf")] * 20]), 11, {}),
        (tl.arange(1000) % 7, 11, LINE), (tl.tensor([True, False] * 40), 11, LINE), (tl.ones(40) * 1j, 11, LINE),
        (tl.tensor([1e308, -1e308] * 20, dtype=tl.float64), 11, LINE), (tl.tensor([float("nan"), 1.0, float("inf")] * 20), 11, LINE),
        (tl.eye(20, dtype=tl.bool), 121, PICTURE), (tl.ones(20, 20) * (1 - 2j), 121, PICTURE), (tl.ones(1, 500), 11, PICTURE),
        (tl.tensor([[1e308, -1e308] * 20], dtype=tl.float64), 11, PICTURE), (tl.ones(500, 1), 11, PICTURE),
        (tl.ones(3, 64, 64), 0, PICTURE), (tl.ones(64, 3, 3, 3), 0, PICTURE), (tl.ones(1, 1, 1, 200), 0, PICTURE),
        (tl.full((30, 30), 2**63 - 1, dtype=tl.int64), 121, PICTURE), (tl.ones(600, 3).half(), 33, PICTURE),
        (tl.ones(3, 4).expand(5000, 3, 4), 0, PICTURE),
    ],
)  # fmt: skip
def test_tensors_in_notebooks(t, cells, picture):
    page = t._repr_html_()
    found = Balanced(page)
    assert found.counts.get("td", 0) == cells and str(tuple(t.shape)) in page and t.dtype.name in page
    assert {k: n for k, n in found.counts.items() if k in ("svg", "img")} == picture
    assert len(page) < MOST and not re.search(r'[="( ,ML](nan|inf)[ ,")LM]', "".join(re.findall(r"<[^>]*>", page)))


def test_large_tensors_take_little():
    rng = np.random.default_rng(0)
    for shape in ((3_000_000,), (2000, 1500), (300, 100, 100), (7, 1, 3, 500, 300)):
        t = tl.tensor(rng.standard_normal(shape, np.float32))
        page = t._repr_html_()
        assert len(page) < MOST and "elements, evenly spread" in page


def test_bfloat16_in_notebooks():
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed (the extra bf16 has it)")
    page = (tl.arange(400).reshape(20, 20) / 8).to(tl.bfloat16)._repr_html_()
    assert "bfloat16" in page and "from 0 to 50, mean 24.94" in page and Balanced(page).counts["img"] == 1


def test_what_is_said_of_many_numbers():
    assert "from 0 to 23, mean 11.5" in tl.arange(24).reshape(2, 3, 4)._repr_html_()
    assert "from 1 to 1, mean 1, 20 NaN, 20 infinite" in tl.tensor([float("nan"), 1.0, -float("inf")] * 20)._repr_html_()
    assert "40 of 80 are True" in tl.tensor([True, False] * 40)._repr_html_()
    assert "magnitudes from 5 to 5" in tl.full((40,), 3 + 4j)._repr_html_()


def test_colours():
    t = tl.zeros(13, 13)
    t[0, 0], t[0, 1], t[0, 2], t[0, 3] = -1.0, 2.0, float("nan"), -2.0
    found = pixels(t._repr_html_())
    assert found.shape == (13, 13, 4) and (found[..., 3] == 255).all()
    seen = [tuple(found[0, i, :3]) for i in range(5)]
    assert seen[1:] == [notebook.BOTH_SIGNS[2], notebook.NAN, notebook.BOTH_SIGNS[0], notebook.BOTH_SIGNS[1]]
    assert "NaN in magenta" in t._repr_html_() and "NaN in magenta" not in tl.zeros(13, 13)._repr_html_()
    ramp = pixels(tl.arange(169.0).reshape(13, 13)._repr_html_())
    assert tuple(ramp[0, 0, :3]) == notebook.ONE_SIGN[0] and tuple(ramp[-1, -1, :3]) == notebook.ONE_SIGN[2]


def test_slices_stand_side_by_side():
    t = tl.ones(6, 12, 10) * tl.arange(6.0)[:, None, None]
    found = pixels(t._repr_html_())
    assert found.shape == (12, 6 * 11 - 1, 4)
    assert (found[:, 10, 3] == 0).all() and len({tuple(found[0, 11 * i]) for i in range(6)}) == 6
    assert "6 of 6 slices" in t._repr_html_() and "18 of 100 slices" in tl.ones(100, 12, 10)._repr_html_()


def test_a_line():
    t = tl.zeros(50)
    t[10], t[20:30] = 1.0, float("nan")
    (path,) = re.findall(r'd="(M2\.0[^"]*)"', t._repr_html_())
    points = [tuple(map(float, p)) for p in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]
    assert len(points) == 40 and path.count("M") == 2 and min(points, key=lambda p: p[1]) == points[10]
    steep = tl.zeros(100_000)
    steep[77_777] = 5.0
    (path,) = re.findall(r'd="(M2\.0[^"]*)"', steep._repr_html_())
    assert "3.0" in path and path.count("L") == 2 * notebook.POINTS - 1  # one number among so many is seen


def test_tensors_on_the_tape_in_notebooks():
    x = tl.ones(2, requires_grad=True)
    assert "leaf" in x._repr_html_() and "MulBackward0" in (x * 2)._repr_html_()
    assert "Parameter" in nn.Parameter(x.detach())._repr_html_()
    assert (x * 2).sum().backward() is None and x.grad.tolist() == [2.0, 2.0]


def test_values_inside_transforms():
    pages = {}

    def seen(name):
        def f(x):
            y = np.sin(x) * x
            pages[name] = y._repr_html_()
            return y.sum()

        return f

    x = tl.linspace(0, 1, 4, dtype=tl.float64)
    jvp(seen("jvp"), (x,), (tl.ones(4, dtype=tl.float64),))
    vmap(seen("vmap"))(x[:, None].expand(4, 3))
    grad(seen("grad"))(x)
    vmap(grad(seen("both")))(x.reshape(2, 2))
    jacfwd(grad(seen("nested")))(x)
    trace(seen("trace"), (x,))
    grad(seen("ndarray"))(np.ones(3))
    for name, page in pages.items():
        found = Balanced(page)
        assert len(page) < MOST and "float64" in page, name
        assert found.counts["table"] == {"jvp": 2, "nested": 2}.get(name, 1), name
    assert "tangent" in pages["jvp"] and "values of all examples" in pages["vmap"] and "(3,)" in pages["vmap"] and "(4, 3)" in pages["vmap"]


def test_sparse_tensors_in_notebooks():
    page = tl.eye(3).to_sparse()._repr_html_()
    assert "(3, 3)" in page and "sparse" in page.lower() and Balanced(page).counts["pre"] == 1


def test_what_users_wrote_is_escaped():
    class Odd(nn.Module):
        def extra_repr(self):
            return "<script>alert(1)</script>"

    Odd.__name__ = "<i>"
    net = nn.ModuleDict({"<b>": Odd()})
    for page in (net._repr_html_(), Odd()._repr_html_(), notebook.state_html({"<b>&": tl.ones(1), "<script>": "<script>"})):
        assert "<script>" not in page and "<i>" not in page and Balanced(page)
        assert "&lt;" in page


def test_modules_in_notebooks():
    net = nn.Sequential(nn.Linear(3, 4), nn.ModuleDict({"<b>": nn.BatchNorm1d(4)}), nn.LazyLinear(2), *[nn.ReLU() for _ in range(60)])
    found = Balanced(net._repr_html_())
    words = " ".join(found.words)
    assert found.counts["details"] == 5 and "in_features=3" in words and "24 parameters" in words and "(4, 3) float32" in words
    assert "of unknown shape" in words and "and 23 more" in words and "<b>" in words and "running_mean" in words
    assert np.sum([w == "ReLU" for w in found.words]) == 37


def test_states_in_notebooks():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LazyLinear(2))
    net[0].register_buffer("places", tl.eye(3).to_sparse())
    state = net.state_dict()
    found = Balanced(state._repr_html_())
    words = " ".join(found.words)
    assert found.counts["tr"] == 1 + len(state) and "0.weight" in words and "(4, 3)" in words and "int64" in words
    assert "UninitializedParameter" in words and "42 numbers" in words
    many = notebook.state_html({f"layer{i}": tl.ones(2) for i in range(500)})
    assert "and 300 more; 1,000 numbers, 4,000 bytes" in " ".join(Balanced(many).words).replace("\u2026 ", "")


def test_a_state_is_an_ordered_dict():
    """To those that print, pickle, copy and flatten it."""
    net = nn.Linear(1, 2)
    state = net.state_dict()
    assert isinstance(state, OrderedDict) and repr(state) == repr(OrderedDict(state)) and state == OrderedDict(state)
    for other in (pickle.loads(pickle.dumps(state)), copy.deepcopy(state)):
        assert type(other) is OrderedDict and list(other) == list(state) and other._metadata == state._metadata
        assert (other["weight"] == state["weight"]).all() and other["weight"] is not state["weight"]
    leaves, spec = _pytree.tree_flatten(state)
    assert len(leaves) == 2 and spec.type is OrderedDict and type(_pytree.tree_map(tl.neg, state)) is OrderedDict
    assert tl.func.functional_call(net, {k: v * 0 for k, v in state.items()}, tl.ones(1)).tolist() == [0.0, 0.0]
    halved = tl.func.grad(lambda s: sum((v**2).sum() for v in s.values()) / 2)(state)
    assert list(halved) == ["weight", "bias"] and (halved["bias"] == state["bias"]).all()
