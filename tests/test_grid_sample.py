"""`grid_sample` and `affine_grid` where samples say too little: shapes drawn at random, orders, transforms, places that are no numbers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import Bounded
from tensorflowlite_clone.kernels import grid_sample as kernels
from tensorflowlite_clone.kernels.grid_sample import Sampling

F = tl.nn.functional
WAYS = [(m, p, a) for m in ("bilinear", "nearest", "bicubic") for p in ("zeros", "border", "reflection") for a in (False, True)]


def drawn(rng, d, spread=1.6):
    """Images and a grid of random sizes."""
    n, c = rng.integers(1, 4, 2)
    x = rng.normal(size=(n, c, *rng.integers(1, 6, d)))
    return x, rng.uniform(-spread, spread, (n, *rng.integers(1, 4, d), d))


@pytest.mark.parametrize(("mode", "padding", "align"), WAYS)
def test_shapes_drawn_at_random_are_as_in_torch(mode, padding, align):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    rng = np.random.default_rng(WAYS.index((mode, padding, align)))
    for trial in range(8):
        x, grid = drawn(rng, 2 if mode == "bicubic" or trial % 2 else 3)
        if trial > 5:  # on elements and borders
            grid = np.rint(grid * 2) / 2
        a, b = tl.tensor(x, requires_grad=True), tl.tensor(grid, requires_grad=True)
        c, d = torch.tensor(x, requires_grad=True), torch.tensor(grid, requires_grad=True)
        y, z = F.grid_sample(a, b, mode, padding, align), torch.nn.functional.grid_sample(c, d, mode, padding, align)
        np.testing.assert_allclose(y.detach().numpy(), z.detach().numpy(), atol=1e-12)
        g = rng.normal(size=y.shape)
        y.backward(tl.tensor(g))
        z.backward(torch.tensor(g))
        np.testing.assert_allclose(a.grad.numpy(), c.grad.numpy(), atol=1e-11)
        np.testing.assert_allclose(b.grad.numpy(), d.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_derivatives_of_third_order(mode):
    """PyTorch has the first and, for some modes, the second."""
    rng = np.random.default_rng(4)
    x, grid = rng.normal(size=(1, 1, 2, 3)), rng.uniform(-0.9, 0.9, (1, 1, 2, 2))
    c = tl.tensor(np.random.default_rng(5).normal(size=(*x.shape[:2], *grid.shape[1:3])))

    def f(x, grid):
        return (F.grid_sample(x, grid, mode, align_corners=False) * c).sum()

    def g(x, grid):
        first = tl.func.grad(f, argnums=(0, 1))
        return (first(x, grid)[0] ** 2).sum() + (first(x, grid)[1] ** 3).sum()

    assert tl.autograd.gradgradcheck(g, (tl.tensor(x, requires_grad=True), tl.tensor(grid, requires_grad=True)))


def test_every_transform_agrees():
    x, grid = (tl.tensor(v) for v in drawn(np.random.default_rng(6), 2))

    def f(x, grid):
        return F.grid_sample(x, grid, "bicubic", "border", True)

    many = tl.stack([grid, grid * 0.5, grid + 0.3])
    images = tl.stack([x, x * 2.0, x - 1.0])
    for axes, given in (((None, 0), (x, many)), ((0, 0), (images, many)), ((0, None), (images, grid))):
        mapped = tl.func.vmap(f, axes)(*given)
        loop = [f(*(v[i] if a == 0 else v for v, a in zip(given, axes, strict=True))) for i in range(3)]
        np.testing.assert_allclose(mapped.numpy(), tl.stack(loop).numpy(), atol=1e-12)
    forward, reverse = tl.func.jacfwd(f, (0, 1))(x, grid), tl.func.jacrev(f, (0, 1))(x, grid)
    for a, b in zip(forward, reverse, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-11)


@pytest.mark.parametrize("channels", [1, 3])
def test_many_points_go_in_pieces(channels):
    """More points than one piece, of several images, as of one image at a time; the gradients too."""
    rng = np.random.default_rng(7)
    points = 2 * kernels.CHUNK // 100 + 1
    x, grid = rng.normal(size=(2, channels, 4, 5)), rng.uniform(-1.2, 1.2, (2, 101, points, 2))
    s = Sampling("bilinear", "zeros", False, (4, 5), (0, 0))
    g = rng.normal(size=(2, channels, 101, points))
    for f, args in ((kernels.sample, (x, grid)), (kernels.spread, (g, grid)), (kernels.place_gradients, (g, x, grid))):
        whole = f(*args, s=s)
        for i in range(2):
            np.testing.assert_allclose(whole[i : i + 1], f(*(a[i : i + 1] for a in args), s=s), atol=1e-9)
        rest = tuple(a[:, :, 40:] if a.shape[-1] == points else a[:, 40:] if a.shape[-1] == 2 else a for a in args)
        if f is kernels.sample:
            np.testing.assert_allclose(whole[:, :, 40:], f(*rest, s=s), atol=1e-12)


def test_places_that_are_no_numbers():
    """NaN where the weights are not known; where the padding moves points inside, the first element."""
    x = tl.arange(1.0, 7.0).reshape(1, 1, 2, 3)
    grid = tl.tensor([[np.nan, 0.0], [np.inf, 0.0], [1e30, 0.5], [-3e9, 0.5]]).reshape(1, 1, 4, 2)
    values = {p: F.grid_sample(x, grid, padding_mode=p, align_corners=True).flatten().tolist() for p in ("zeros", "border", "reflection")}
    assert np.isnan(values["zeros"][:2]).all() and values["zeros"][2:] == [0.0, 0.0]
    assert values["border"] == [2.5, 4.5, 5.25, 3.25] and values["reflection"][:2] == [2.5, 2.5]
    assert F.grid_sample(x, grid, "nearest", align_corners=True).flatten().tolist() == [0.0] * 4


def test_outside_is_nothing_though_the_image_be_infinite():
    x = tl.full((1, 1, 2, 2), np.inf)
    assert F.grid_sample(x, tl.full((1, 1, 1, 2), 5.0), align_corners=False).item() == 0.0


def test_float16_is_computed_in_float32():
    x, grid = (v.astype(np.float16) for v in drawn(np.random.default_rng(8), 2))
    y = F.grid_sample(tl.tensor(x), tl.tensor(grid), align_corners=False)
    wide = F.grid_sample(tl.tensor(x.astype(np.float32)), tl.tensor(grid.astype(np.float32)), align_corners=False)
    assert y.dtype == np.float16 and np.array_equal(y.numpy(), wide.numpy().astype(np.float16))


def test_the_identity_gives_the_image_back():
    x = tl.randn(2, 3, 4, 5, dtype=tl.float64)
    eye = tl.eye(2, 3, dtype=tl.float64).expand(2, 2, 3)
    for align in (False, True):
        grid = F.affine_grid(eye, list(x.shape), align)
        np.testing.assert_allclose(F.grid_sample(x, grid, align_corners=align).numpy(), x.numpy(), atol=1e-14)


#: A call of both packages, and what the message says.
REFUSED = {
    "F.grid_sample(x, g, 'foo', align_corners=False)": "mode must be.*'foo'",
    "F.grid_sample(x, g, padding_mode='foo', align_corners=False)": "padding_mode must be.*'foo'",
    "F.grid_sample(x, g[:1], align_corners=False)": r"\(2, 3, 4, 5\), the grid \(1, 2, 2, 2\)",
    "F.grid_sample(x, g[..., :1], align_corners=False)": r"\(2, 2, 2, 1\)",
    "F.grid_sample(x[0], g, align_corners=False)": r"\(3, 4, 5\)",
    "F.grid_sample(x[0, 0], g, align_corners=False)": r"\(4, 5\)",
    "F.grid_sample(x, g[0], align_corners=False)": r"the grid \(2, 2, 2\)",
    "F.grid_sample(T.ones(1, 1, 2, 3, 4, 5), T.ones(1, 1, 2, 2, 2, 4), align_corners=False)": "needs",
    "F.grid_sample(x[:, :, :0], g, align_corners=False)": "must not be empty",
    "F.grid_sample(x, g.to(T.float64), align_corners=False)": "one dtype: they are float32 and float64",
    "F.grid_sample(x.to(T.int64), g.to(T.int64), align_corners=False)": "floating",
    "F.grid_sample(x.to(T.complex64), g.to(T.complex64), align_corners=False)": "complex64",
    "F.grid_sample(x[:, :, None], T.zeros(2, 1, 2, 2, 3), 'bicubic', align_corners=False)": "'bicubic' is for images of two",
    "F.grid_sample(x, None, align_corners=False)": "None",
    "F.grid_sample(None, g, align_corners=False)": "None",
    "F.grid_sample(x, g, align_corners='yes')": "'yes'",
    "F.affine_grid(m.to(T.int64), (1, 1, 2, 2), False)": "floating: it is int64",
    "F.affine_grid(T.ones(1, 3, 3), (1, 1, 2, 2), False)": r"theta is \(1, 3, 3\), size \(1, 1, 2, 2\)",
    "F.affine_grid(m[0], (1, 1, 2, 2), False)": r"theta is \(2, 3\)",
    "F.affine_grid(m, (1, 2, 2), False)": r"size \(1, 2, 2\)",
    "F.affine_grid(m, (1, 1, 2, 2, 2), False)": "theta is",
    "F.affine_grid(m, (2, 1, 2, 2), False)": "theta is",
    "F.affine_grid(m, (1, 1, 0, 2), False)": "positive",
    "F.affine_grid(m, (1, 1, 2.0, 2), False)": "tuple of integers",
    "F.affine_grid(m, 4, False)": "tuple of integers: got int 4",
    "F.affine_grid(None, (1, 1, 2, 2), False)": "None",
}


def scope(T):
    return {"T": T, "F": T.nn.functional, "x": T.ones(2, 3, 4, 5), "g": T.zeros(2, 2, 2, 2), "m": T.ones(1, 2, 3)}


@pytest.mark.parametrize("call", REFUSED)
def test_what_is_refused(call):
    with pytest.raises(Bounded, match=REFUSED[call]):
        eval(call, scope(tl))


@pytest.mark.parametrize("call", REFUSED)
def test_torch_refuses_it_too(call):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    with pytest.raises(Exception) as theirs:
        eval(call, scope(torch))
    kinds = [k for k in (TypeError, ValueError, RuntimeError) if isinstance(theirs.value, k)]
    with pytest.raises((*kinds, TypeError)):
        eval(call, scope(tl))


def test_warnings_are_those_of_torch():
    x, grid, m = tl.ones(1, 1, 2, 2), tl.zeros(1, 1, 1, 2), tl.ones(1, 2, 3)
    with pytest.warns(UserWarning, match="grid_sample: align_corners is False unless") as caught:
        F.grid_sample(x, grid)
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="affine_grid: align_corners is False unless"):
        F.affine_grid(m, (1, 1, 2, 2))
    with pytest.warns(UserWarning, match="no corners to align"):
        F.affine_grid(m, (1, 1, 1, 2), align_corners=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.grid_sample(x, grid, align_corners=False)
        F.affine_grid(m, (1, 1, 1, 2), align_corners=False)
