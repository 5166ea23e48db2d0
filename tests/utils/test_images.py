"""`make_grid` beside torchvision's numbers, which are written down (0.28.0); `save_image` beside a reader of PNG files of its own."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.utils.images import make_grid, save_image


def waves(*shape):
    return (np.arange(int(np.prod(shape))) * 7919 % 1009 / 1009.0 * 2 - 0.5).reshape(shape)


def summary(out):
    """As in ``transforms/torchvision_calls.py``."""
    flat = out.astype(np.float64).ravel()
    weights = 1.0 + (np.arange(flat.size) * 31 % 97) / 97.0
    return flat.sum(), flat @ weights


GRIDS = [
    ((5, 3, 4, 6), {"nrow": 3}, (3, 14, 26), (180.6561, 272.8779)),
    ((5, 3, 4, 6), {"nrow": 3, "padding": 1, "normalize": True, "pad_value": 0.5}, (3, 11, 22), (363.8658, 543.0307)),
    ((4, 1, 5, 4), {"nrow": 2, "normalize": True, "scale_each": True}, (3, 16, 14), (119.6758, 178.1417)),
    ((3, 3, 2, 2), {"normalize": True, "value_range": (0, 1)}, (3, 6, 14), (18.8221, 28.01492)),
    ((1, 3, 4, 4), {}, (3, 4, 4), (23.9108, 36.04371)),
    ((1, 4, 5), {}, (3, 4, 5), (25.13578, 37.14132)),
    ((4, 5), {"normalize": True}, (3, 4, 5), (29.37276, 43.93805)),
    ((2, 2, 3, 3), {}, (2, 7, 12), (18.93954, 28.38309)),
]


@pytest.mark.parametrize("shape, settings, size, numbers", GRIDS)
def test_grids_are_those_of_torchvision(shape, settings, size, numbers):
    x = waves(*shape)
    for given in (tl.tensor(x), x, *([list(tl.tensor(x))] if len(shape) == 4 else [])):
        grid = make_grid(given, **settings)
        assert grid.shape == size
        np.testing.assert_allclose(summary(grid.numpy()), numbers, rtol=3e-6)


def test_a_grid_leaves_its_images_alone_and_is_differentiable():
    x = tl.tensor(waves(4, 3, 2, 2), requires_grad=True)
    before = x.detach().clone()
    make_grid(x, nrow=2).sum().backward()
    assert tl.equal(x.detach(), before) and tl.equal(x.grad, tl.ones_like(x))
    assert make_grid(tl.ones(3, 1, 2, 2).to(tl.uint8)).dtype == tl.uint8


def read_png(content):
    """The pixels (H, W, C) of a file whose lines have no filter."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(content):
        size, name = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + body)
        chunks.append((name, body))
        at += 12 + size
    assert [n for n, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
    assert depth == 8 and rest == [0, 0, 0]
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[color]
    lines = np.frombuffer(zlib.decompress(chunks[1][1]), np.uint8).reshape(height, 1 + width * channels)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("shape", [(3, 5, 4), (1, 3, 5, 4), (4, 1, 3, 3), (2, 2, 3, 3), (1, 4, 2, 2), (7, 3)])
def test_png_files(shape, tmp_path):
    x = tl.tensor(waves(*shape))
    save_image(x, tmp_path / "a.png")
    file = io.BytesIO()
    save_image(x, file, format="PNG")
    assert file.getvalue() == (tmp_path / "a.png").read_bytes()
    expected = np.clip(make_grid(x).numpy() * 255 + 0.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    assert np.array_equal(read_png(file.getvalue()), expected)


def test_pillow_reads_and_writes(tmp_path):
    Image = pytest.importorskip("PIL.Image")
    x = tl.tensor(waves(3, 9, 8))
    save_image(x, str(tmp_path / "a.png"))
    save_image(x, str(tmp_path / "a.bmp"))
    with Image.open(tmp_path / "a.png") as a, Image.open(tmp_path / "a.bmp") as b:
        assert np.array_equal(np.array(a), np.array(b)) and a.mode == "RGB"
        assert np.array_equal(np.array(a), read_png((tmp_path / "a.png").read_bytes()))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: make_grid(3), "needs a tensor or a list of tensors: got int"),
        (lambda: make_grid([]), "needs a tensor or a list of tensors"),
        (lambda: make_grid(tl.ones(3)), r"images must be \(N, C, H, W\)"),
        (lambda: make_grid(tl.ones(2, 3, 2, 2), nrow=0), "nrow must be positive"),
        (lambda: make_grid(tl.ones(2, 3, 2, 2), normalize=True, value_range=3), "value_range must be a pair"),
        (lambda: save_image(tl.ones(3, 2, 2), "name"), "which format"),
        (lambda: save_image(tl.ones(3, 2, 2), io.BytesIO()), "which format"),
        (lambda: save_image(tl.ones(1, 5, 2, 2), io.BytesIO(), "png"), "1 to 4 channels"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()
