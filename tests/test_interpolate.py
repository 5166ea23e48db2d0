"""`interpolate` and its kin where samples say too little: sizes drawn at random, bytes, NaN, long axes, and what is refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import Bounded
from tensorflowlite_clone.kernels import resample as kernel
from tensorflowlite_clone.kernels.resample import Line, matrix_of, resample

F = tl.nn.functional
KINDS = ["nearest", "nearest-exact", "linear", "cubic", "area", "linear-aa", "cubic-aa", "lanczos-aa"]
#: Names of PyTorch, by kind and dimensions.
MODES = {"linear": ("linear", "bilinear", "trilinear"), "cubic": (None, "bicubic", None), "lanczos": (None, "lanczos", None)}


def dense(line):
    """The whole matrix of a line, from its taps."""
    rows = matrix_of(line)
    matrix = np.zeros(line.sizes[::-1])
    for i, (row, w) in enumerate(zip(rows.taps, rows.weights, strict=True)):
        np.add.at(matrix[i], row, w)
    return matrix


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_those_of_the_matrix(kind, transposed):
    """Forwards and back, along the last axis and before it, whatever the order of the axes."""
    rng = np.random.default_rng(5)
    for n, m in [(1, 1), (1, 9), (7, 1), (5, 10), (130, 65), (65, 200), (9, 9)]:
        lines = Line(kind, n, m), Line(kind, m, n, 0.9 * m / n)
        lines = tuple(line.transpose() for line in lines) if transposed else lines
        x = rng.normal(size=(2, lines[0].sizes[0], lines[1].sizes[0]))
        expected = dense(lines[0]) @ x @ dense(lines[1]).T
        np.testing.assert_allclose(resample(x, lines=lines), expected, atol=1e-12 * max(1.0, np.abs(expected).max()))
        np.testing.assert_allclose(resample(x[:, :, ::-1], lines=lines), dense(lines[0]) @ x[:, :, ::-1] @ dense(lines[1]).T, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_sum_to_one(kind):
    for n, m, align in [(5, 8, False), (8, 3, False), (8, 3, True), (1, 4, True), (4, 1, True)]:
        np.testing.assert_allclose(dense(Line(kind, n, m, None, align)).sum(axis=1), 1.0, atol=1e-14)


def test_long_axes_are_done_without_a_large_matrix():
    x = np.random.default_rng(0).normal(size=(1, 4_100))
    for line in (Line("linear", 2_500, 1_700), Line("area", 4_100, 50), Line("cubic", 4_100, 100).transpose()):
        given = x[:, : line.sizes[0]]
        assert kernel.BLOCK * (line.n + line.m) > kernel.REMEMBERED
        np.testing.assert_allclose(resample(given, lines=(line,))[0], dense(line) @ given[0], atol=1e-12)


def test_an_element_without_weight_has_no_influence():
    for bad in (np.nan, np.inf):
        x = np.ones((1, 1, 20, 20), np.float32)
        x[0, 0, 3, 4] = bad
        y = resample(x, lines=(Line("linear", 20, 40), Line("linear", 20, 40)))[0, 0]
        touched = ~np.isfinite(y)
        assert touched[6:8, 8:10].all() and touched.sum() <= 16 and (y[~touched] == 1).all()
    x = tl.tensor(np.full((1, 1, 4, 4), np.nan)) * 1.0
    assert F.interpolate(x, 2).isnan().all()


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic", "area"])
def test_float16_is_computed_in_float32(mode):
    x = np.random.default_rng(1).normal(size=(1, 2, 5, 6)).astype(np.float16)
    y = F.interpolate(tl.tensor(x), (7, 4), mode=mode)
    wide = F.interpolate(tl.tensor(x.astype(np.float32)), (7, 4), mode=mode)
    assert y.dtype == np.float16 and np.array_equal(y.numpy(), wide.numpy().astype(np.float16))


def test_nearest_gradients_are_the_transpose_with_scale_factors_too():
    """PyTorch's are not where the quotient of the sizes is not the factor."""
    x = tl.tensor(np.random.default_rng(2).normal(size=(1, 1, 7, 5, 4)), requires_grad=True)
    assert tl.autograd.gradcheck(lambda x: F.interpolate(x, scale_factor=(1.3, 0.9, 2.2)), (x,))


def test_antialiased_width_of_one():
    """PyTorch's value is that of other weights there: its own gradient, which is right, contradicts it."""
    x = tl.tensor(np.random.default_rng(3).normal(size=(1, 1, 9, 6)), requires_grad=True)
    for mode in ("bilinear", "bicubic", "lanczos"):
        assert tl.autograd.gradcheck(lambda x, mode=mode: F.interpolate(x, (3, 1), mode=mode, antialias=True), (x,))
    np.testing.assert_allclose(F.interpolate(x, (9, 1), mode="area").detach().numpy()[..., 0], x.detach().numpy().mean(-1))


# ---- beside PyTorch ----------------------------------------------------------------------------------------------------------------
def settings(kind, rng):
    """The mode, other settings and dimensions of random calls of a kind."""
    base, _, _ = kind.partition("-aa")
    d = 2 if kind.endswith("-aa") or base == "cubic" else int(rng.integers(1, 4))
    mode = MODES[base][d - 1] if base in MODES else base
    kwargs = {"antialias": True} if kind.endswith("-aa") else {}
    if base in ("linear", "cubic") and rng.integers(2):
        kwargs["align_corners"] = True
    return mode, kwargs, d


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_drawn_at_random_are_as_in_torch(kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    rng = np.random.default_rng(KINDS.index(kind))
    for _ in range(25):
        mode, kwargs, d = settings(kind, rng)
        sizes = [int(v) for v in rng.integers(2, 20 if d < 3 else 6, d)]
        x = rng.normal(size=(2, 2, *sizes)).astype(np.float32 if "nearest" in kind else np.float64)
        if rng.integers(2) and kind != "area" and "nearest" not in kind:
            given = {"scale_factor": [float(f) for f in rng.uniform(1.05 if kwargs.get("antialias") else 0.55, 2.5, d).round(3)]}
        else:
            given = {"size": [int(v) for v in rng.integers(2, 25 if d < 3 else 8, d)]}
        a, b = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = F.interpolate(a, mode=mode, **given, **kwargs), torch.nn.functional.interpolate(b, mode=mode, **given, **kwargs)
        assert tuple(y.shape) == tuple(z.shape)
        np.testing.assert_allclose(
            y.detach().numpy(), z.detach().numpy(), atol=1e-9 if x.dtype == np.float64 else 0, err_msg=f"{mode} {given}"
        )
        if kwargs.get("antialias") and any(n == m for n, m in zip(sizes, y.shape[2:], strict=True)):
            continue  # PyTorch leaves that axis alone, but its gradient does not
        g = rng.normal(size=y.shape).astype(x.dtype)
        y.backward(tl.tensor(g))
        z.backward(torch.tensor(g))
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=1e-9 if x.dtype == np.float64 else 1e-5, err_msg=f"{mode} {given}")


@pytest.mark.parametrize("kind", ["linear", "cubic", "linear-aa", "cubic-aa", "lanczos-aa", "nearest", "nearest-exact"])
def test_bytes_are_bit_for_bit_those_of_torch(kind):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    rng = np.random.default_rng(11)
    base = kind.removesuffix("-aa")
    mode, wide = MODES[base][1] if base in MODES else base, kind.endswith("-aa")
    for align in (False,) if base in ("nearest", "nearest-exact", "lanczos") else (False, True):
        for _ in range(8):
            x = rng.integers(0, 256, (2, 3, *rng.integers(1, 25, 2))).astype(np.uint8)
            size = [int(v) for v in rng.integers(2, 40, 2)]
            kwargs = {"mode": mode, "antialias": wide, "align_corners": True if align else None}
            ours, theirs = F.interpolate(tl.tensor(x), size, **kwargs), torch.nn.functional.interpolate(torch.tensor(x), size, **kwargs)
            assert ours.dtype == np.uint8 and np.array_equal(ours.numpy(), theirs.numpy())


#: A call of both packages, and what the message says.
REFUSED = {
    "F.interpolate(x4)": "either size or scale_factor.*size=None",
    "F.interpolate(x4, 3, 2.0)": "either size or scale_factor.*size=3",
    "F.interpolate(x4, 3, mode='foo')": "'foo'",
    "F.interpolate(x4, 3, mode='linear')": "'linear' needs an input of 3 dimensions: it has 4",
    "F.interpolate(x3, 3, mode='bilinear')": "4 dimensions: it has 3",
    "F.interpolate(x5, 3, mode='bicubic')": "4 dimensions: it has 5",
    "F.interpolate(x4, 3, align_corners=True)": "align_corners.*'nearest'",
    "F.interpolate(x4, 3, mode='area', align_corners=False)": "align_corners.*'area'",
    "F.interpolate(x4, 3, mode='bilinear', align_corners='yes')": "align_corners.*'yes'",
    "F.interpolate(x4, (3,))": "size must be one number or one for each of the 2",
    "F.interpolate(x4, scale_factor=(1.0, 2.0, 3.0))": "scale_factor must be one number or one for each",
    "F.interpolate(x4, (3, 0))": r"sizes must be positive.*\(3, 0\)",
    "F.interpolate(x4, -1)": "positive",
    "F.interpolate(x4, scale_factor=0.1)": r"positive.*\(0, 0\)",
    "F.interpolate(x4, scale_factor=float('nan'))": "finite",
    "F.interpolate(x4, scale_factor='a')": "'a'",
    "F.interpolate(x4, 3.5)": "3.5",
    "F.interpolate(x4, True)": "True",
    "F.interpolate(x4, 'a')": "'a'",
    "F.interpolate(x4, (3.0, 4.0))": "whole numbers",
    "F.interpolate(x4, 3, recompute_scale_factor=True)": "recompute_scale_factor",
    "F.interpolate(x4, 3, antialias=True)": "antialias.*'nearest'",
    "F.interpolate(x3, 3, mode='linear', antialias=True)": "antialias.*'linear'",
    "F.interpolate(x4, 3, mode='lanczos')": "antialias=True",
    "F.interpolate(x4, 3, mode='lanczos', antialias=True, align_corners=True)": "align_corners=True",
    "F.interpolate(x4[0, 0], 3)": r"\(4, 5\)",
    "F.interpolate(x4[:, :0], 3)": r"\(2, 0, 4, 5\)",
    "F.interpolate(x4[:, :, :0], 3)": r"\(2, 3, 0, 5\)",
    "F.interpolate(x4[:, :, :0], 3, mode='area')": "positive",
    "F.interpolate(None, 3)": "None",
    "F.interpolate(x4.to(T.int64), 3)": "floating numbers or uint8: it is int64",
    "F.interpolate(x4.to(T.bool), 3)": "bool",
    "F.interpolate(x4.to(T.complex64), 3, mode='bilinear')": "complex64",
    "F.interpolate(x3.to(T.uint8), 3, mode='linear')": "uint8",
    "F.interpolate(x4.to(T.uint8), 3, mode='area')": "uint8",
    "T.pixel_shuffle(x4, 2)": "multiple of upscale_factor squared: there are 3",
    "T.pixel_shuffle(x4, 0)": "positive.*0",
    "T.pixel_shuffle(x4[0, 0], 1)": "at least 3 dimensions",
    "T.pixel_shuffle(x4, 2.0)": "2.0",
    "T.pixel_unshuffle(x4, 2)": "height and width must be multiples.*4 and 5",
    "T.pixel_unshuffle(x4, -2)": "positive.*-2",
    "T.pixel_unshuffle(x4[0, 0], 1)": "at least 3",
    "T.channel_shuffle(x4, 2)": "multiple of groups: there are 3",
    "T.channel_shuffle(x4, 0)": "positive.*0",
    "T.channel_shuffle(x4[0, 0], 1)": "at least 3",
    "T.channel_shuffle(x4, True)": "True",
}


def scope(T):
    return {"T": T, "F": T.nn.functional, "x3": T.ones(2, 3, 4), "x4": T.ones(2, 3, 4, 5), "x5": T.ones(2, 3, 4, 5, 6)}


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
    if kinds:  # AttributeError of None otherwise
        with pytest.raises((*kinds, TypeError)):
            eval(call, scope(tl))


@pytest.mark.parametrize("name", ["upsample", "upsample_nearest", "upsample_bilinear"])
def test_older_names_warn(name):
    with pytest.warns(UserWarning, match=f"{name}: .*interpolate") as caught:
        y = getattr(F, name)(tl.ones(1, 1, 2, 2), scale_factor=2)
    assert y.shape == (1, 1, 4, 4) and caught[0].filename == __file__


def test_numbers_may_be_numpys_or_tensors():
    x = tl.ones(1, 1, 4, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert F.interpolate(x, np.int64(3)).shape == F.interpolate(x, tl.tensor(3)).shape == (1, 1, 3, 3)
        assert F.interpolate(x, scale_factor=np.float32(0.5)).shape == F.interpolate(x, scale_factor=True, mode="area")[..., ::2, ::2].shape
        assert F.interpolate(x, 0, mode="area").shape == (1, 1, 0, 0)


def test_rearranged_pixels_have_memory_of_their_own():
    for f, shape in ((tl.pixel_shuffle, (1, 2, 3)), (tl.pixel_unshuffle, (1, 4, 1)), (tl.channel_shuffle, (2, 3, 1))):
        x = tl.ones(*shape)
        y = f(x, 1)
        y.zero_() if hasattr(y, "zero_") else y.mul_(0)
        assert x.sum().item() == x.numel()
    x = tl.ones(1, 4, 2)
    tl.pixel_unshuffle(x, 2).mul_(0)
    assert x.sum().item() == 8
