"""The convolution kernels: against loops written out here, against PyTorch, and against each other (adjoint identities)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorflowlite_clone._errors import ShapeError
from tensorflowlite_clone.kernels import conv, im2col
from tensorflowlite_clone.kernels.conv import convolve, convolve_input_grad, convolve_weight_grad, convolved_size
from tensorflowlite_clone.kernels.threads import get_num_threads, set_num_threads

PLAIN: dict[str, Any] = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}


def convolve_by_loops(x, w, *, stride, padding, dilation, groups):
    """The definition: one output at a time, from an explicitly padded image of any number of axes."""
    (n, c, *_), (o, per_group, *kernel) = x.shape, w.shape
    p = np.pad(x, ((0, 0), (0, 0), *padding))
    out = [(m - d * (k - 1) - 1) // s + 1 for m, d, k, s in zip(p.shape[2:], dilation, kernel, stride, strict=True)]
    y = np.zeros((n, o, *out), x.dtype)
    for f, place, tap in itertools.product(range(o), np.ndindex(*out), np.ndindex(*kernel)):
        first = f // (o // groups) * per_group
        seen = (i * s + t * d for i, s, t, d in zip(place, stride, tap, dilation, strict=True))
        y[(slice(None), f, *place)] += p[(slice(None), slice(first, first + per_group), *seen)] @ w[(f, slice(None), *tap)]
    assert c == per_group * groups
    return y


def operands(seed, n, c, size, o, kernel, options, dtype=np.float64):
    """Random x, w and g (a gradient of the result) for one convolution."""
    rng = np.random.default_rng(seed)
    out = convolved_size(size, kernel, **{k: v for k, v in options.items() if k != "groups"})
    shapes = (n, c, *size), (o, c // options["groups"], *kernel), (n, o, *out)
    return tuple(rng.standard_normal(shape).astype(dtype) for shape in shapes)


def check_against_loops(x, w, g, options, rtol=1e-10):
    """All three maps at once: the convolution by its definition, the gradients by the adjoint identity with random directions."""
    y = convolve_by_loops(x, w, **options)
    scale = 1 + np.abs(y).max(initial=0)
    np.testing.assert_allclose(convolve(x, w, **options), y, rtol=0, atol=rtol * scale)
    gx = convolve_input_grad(g, w, input_size=x.shape[2:], **options)
    gw = convolve_weight_grad(g, x, kernel_size=w.shape[2:], **options)
    assert gx.shape == x.shape
    assert gw.shape == w.shape
    rng = np.random.default_rng(0)
    dx, dw = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
    size = 1 + np.sqrt(x.size * w.size)
    np.testing.assert_allclose(np.vdot(gx, dx), np.vdot(g, convolve_by_loops(dx, w, **options)), rtol=1e-9, atol=rtol * size)
    np.testing.assert_allclose(np.vdot(gw, dw), np.vdot(g, convolve_by_loops(x, dw, **options)), rtol=1e-9, atol=rtol * size)


def said(options):
    return "s{stride}p{padding}d{dilation}g{groups}".format(**options).replace(" ", "")


GRID = [
    {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    for stride in ((1, 1), (2, 1), (3, 2))
    for padding in (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((2, 0), (0, 3)))
    for dilation in ((1, 1), (2, 1), (2, 3))
    for groups in (1, 2, 4)
]


WAYS = [0, 1, 2, "pixels"]


@pytest.fixture(params=WAYS)
def each_way(request, monkeypatch):
    """Run a test with the taps along so many axes added after the product; where windows move too far for that, along as many as may be.

    Or with channels behind pixels; where those are in groups, the first way.
    """
    use(monkeypatch, request.param)


def use(monkeypatch, way):
    """Decide how many axes' taps are added after the product, or that images are turned, and that few are no case of their own."""
    wanted = 0 if way == "pixels" else way
    monkeypatch.setattr(im2col.Geometry, "is_small", property(lambda geo: False))
    monkeypatch.setattr(conv, "_turns", lambda geo: way == "pixels" and geo.cost_by_pixels < np.inf)
    monkeypatch.setattr(conv, "_best", lambda geo: max(a for a in range(min(wanted, len(geo.kernel)) + 1) if geo.cost(a) < np.inf))


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("options", GRID, ids=said)
@pytest.mark.parametrize("kernel", [(3, 3), (2, 3), (1, 1)], ids=str)
def test_conv2d_grid_equals_definition(options, kernel):
    check_against_loops(*operands(1, 2, 4, (9, 10), 8, kernel, options), options)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 2)])
@pytest.mark.parametrize("side", [4, 5, 12, 13, 21])
def test_conv2d_side_by_side_and_one_by_one_equal_definition(side, dilation):
    options = PLAIN | {"padding": ((1, 1), (1, 1)), "dilation": dilation}  # 4x4 images share a product, 21x21 ones do not
    check_against_loops(*operands(2, 5, 3, (side, side), 2, (3, 3), options), options)


OTHER_RANKS = [
    {"stride": (1,), "padding": ((1, 2),), "dilation": (1,), "groups": 2},
    {"stride": (2,), "padding": ((0, 0),), "dilation": (1,), "groups": 1},
    {"stride": (1,), "padding": ((0, 0),), "dilation": (2,), "groups": 1},
    {"stride": (1, 1, 1), "padding": ((1, 1), (0, 2), (1, 0)), "dilation": (1, 1, 1), "groups": 1},
    {"stride": (1, 1, 1), "padding": ((0, 0),) * 3, "dilation": (1, 2, 1), "groups": 2},
    {"stride": (2, 1, 2), "padding": ((1, 0), (0, 0), (0, 1)), "dilation": (1, 1, 1), "groups": 2},
    {"stride": (1, 2, 1), "padding": ((0, 1), (0, 0), (2, 1)), "dilation": (2, 1, 1), "groups": 1},
    {"stride": (1, 2, 1, 1), "padding": ((0, 1), (0, 0), (1, 1), (0, 0)), "dilation": (1,) * 4, "groups": 1},
]


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "options", OTHER_RANKS, ids=lambda o: f"s{o['stride']}p{o['padding']}d{o['dilation']}g{o['groups']}".replace(" ", "")
)
@pytest.mark.parametrize("in_parts", [False, True])
def test_convolution_over_one_three_and_four_axes_equals_definition(monkeypatch, options, in_parts):
    if in_parts:
        use_parts(monkeypatch)
    axes = len(options["stride"])
    size, kernel = ((11,), (), (5, 4, 6), (3, 4, 3, 3))[axes - 1], ((3,), (), (2, 1, 3), (2, 1, 2, 3))[axes - 1]
    check_against_loops(*operands(16, 2, 4, size, 2, kernel, options), options)


def use_parts(monkeypatch):
    """Take a few rows of outputs and a group at a time, in blocks of a few columns, however small images are."""
    for name, value in (("BLOCK_BYTES", 1), ("PART_BYTES", 1), ("MIN_COLUMNS", 1)):
        monkeypatch.setattr(im2col, name, value)
    monkeypatch.setattr(conv, "best_block", lambda rows, summed, least: 5)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize(
    "options", GRID[::5], ids=lambda o: f"s{o['stride']}p{o['padding']}d{o['dilation']}g{o['groups']}".replace(" ", "")
)
@pytest.mark.parametrize("images", [1, 3])
def test_a_few_rows_at_a_time_equal_definition(monkeypatch, options, images):
    use_parts(monkeypatch)
    x, w, g = operands(17, images, 4, (9, 10), 8, (3, 2), options)
    check_against_loops(x, w, g, options)
    bias = np.arange(8.0)
    without = convolve(x, w, **options)
    np.testing.assert_allclose(convolve(x, w, bias=bias, **options), without + bias[:, None, None], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("kernel", [(4, 5), (3, 4)], ids=str)
@pytest.mark.parametrize("stride", [1, 2])
def test_kernels_about_as_large_as_images_equal_definition(groups, kernel, stride):
    options = PLAIN | {"groups": groups, "stride": (stride, stride)}
    x, w, g = operands(21, 3, 4, (4, 5), 6, kernel, options)
    check_against_loops(x, w, g, options)
    bias = np.arange(6.0)
    np.testing.assert_allclose(convolve(x, w, bias=bias, **options), convolve(x, w, **options) + bias[:, None, None], rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(
    ("size", "kernel", "padding"), [((9,), (8,), ((1, 0),)), ((6, 8), (5, 6), ((0, 0), (0, 1))), ((4, 4, 4), (3, 3, 3), ((0, 0),) * 3)]
)
def test_gradients_of_few_outputs_equal_definition(size, kernel, padding, groups):
    ones = (1,) * len(size)
    options = {"stride": ones, "padding": padding, "dilation": ones, "groups": groups}
    x, w, g = operands(22, 3, 4, size, 6, kernel, options)
    check_against_loops(x, w, g, options)
    g[1, 0, ..., 0] = np.inf
    gx = convolve_input_grad(g, w, input_size=size, **options)
    inside = convolve_input_grad(1.0 * np.isinf(g), np.ones_like(w), input_size=size, **options) > 0
    assert not np.isfinite(gx[inside]).any()
    assert np.isfinite(gx[~inside]).all()


@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [2, 3, 4, 6])
def test_every_place_in_a_stride_equals_definition(stride, dilation):
    for kernel, size, padding in itertools.product(range(1, 7), (1, 17, 24), ((0, 0), (5, 3))):
        options = {"stride": (stride,), "padding": (padding,), "dilation": (dilation,), "groups": 1}
        if size + sum(padding) > dilation * (kernel - 1):
            check_against_loops(*operands(23, 2, 1, (size,), 2, (kernel,), options), options)


def test_the_windows_of_a_large_image_are_copied_in_parts_that_fit_the_cache():
    geo = im2col.geometry(1, 16, (64, 64, 64), (8, 16, 3, 3, 3), (1, 1, 1), ((1, 1),) * 3, (1, 1, 1), 1)
    parts = geo.parts(0)
    assert sum(part.rows.stop - part.rows.start for part in parts) == 64
    assert parts[0].geo.out_size == (1, 64, 64)  # one plane at a time, not all 64
    assert im2col.Windows(parts[0].geo, 0, 1, np.dtype(np.float32)).blocks.nbytes == 4 * 16 * 27 * 64 * 64


def test_groups_and_images_are_taken_together_while_they_fit_the_cache():
    depthwise = im2col.geometry(10, 64, (16, 16), (64, 1, 3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 64)
    assert [part.groups for part in depthwise.parts(1)] == [slice(0, 64)]
    wide = im2col.geometry(1, 640, (32, 32), (640, 1, 3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 640)
    groups = [part.groups for part in wide.parts(1)]
    assert len(groups) > 1
    assert [i for s in groups for i in range(s.start, s.stop)] == list(range(640))
    small = im2col.geometry(10, 2, (8, 8), (2, 2, 3, 3), (1, 1), ((1, 1),) * 2, (1, 1), 1)
    assert small.parts(1)[0].together == 10


def test_rows_of_matrices_are_no_multiple_of_two_kibibytes_apart():
    for columns, block in ((1024, 0), (1024, 256), (1000, 300), (512, 0), (7, 3)):
        whole, blocks = im2col.in_blocks((3,), columns, block, np.dtype(np.float32))
        assert whole.strides[0] % 2048
        whole[...] = np.arange(3 * columns).reshape(3, columns)
        rows = np.concatenate(list(blocks), axis=1)
        np.testing.assert_array_equal(rows[:, :columns], whole)
        assert not rows[:, columns:].any()


def test_what_is_copied_and_what_is_added_follows_from_costs():
    def best(c, o, side, kernel=3, **other):
        options = PLAIN | {"padding": ((1, 1), (1, 1))} | other
        return conv._best(im2col.geometry(8, c, (side, side), (o, c // options["groups"], kernel, kernel), **options))

    assert best(1, 32, 28) == 0  # three times the filters would be more than nine copies of one channel
    assert best(16, 16, 32) == best(64, 64, 32) == best(64, 64, 16, groups=64) == 1
    assert best(16, 16, 32, stride=(2, 2)) == 0
    assert best(64, 1, 28) == 2


def test_small_images_of_many_channels_are_turned():
    def turned(c, o, side, groups=1, stride=1, kernel=3):
        options = PLAIN | {"padding": ((1, 1), (1, 1)), "groups": groups, "stride": (stride, stride)}
        return conv._turns(im2col.geometry(8, c, (side, side), (o, c // groups, kernel, kernel), **options))

    assert turned(64, 64, 8) and turned(16, 32, 14, stride=2, kernel=4)
    assert not turned(64, 64, 64) and not turned(1, 16, 28) and not turned(64, 64, 8, groups=2) and not turned(64, 64, 8, kernel=1)


@given(
    n=st.integers(1, 7),
    groups=st.integers(1, 3),
    c=st.integers(1, 3),
    o=st.integers(1, 3),
    size=st.tuples(st.integers(5, 20), st.integers(5, 20)),  # at least what a dilated kernel reaches
    kernel=st.sampled_from([(1, 2), (2, 2), (3, 3), (3, 2), (1, 3)]),
    dilation=st.sampled_from([(1, 1), (2, 1), (1, 2)]),
    padding=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
    order=st.permutations(range(4)),
    with_bias=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_all_ways_agree(n, groups, c, o, size, kernel, dilation, padding, order, with_bias):
    options = PLAIN | {"padding": padding, "dilation": dilation, "groups": groups}
    x, w, g = operands(8, n, c * groups, size, o * groups, kernel, options)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))  # the same values in any memory layout
    bias = np.arange(1.0, o * groups + 1) if with_bias else None
    results = []
    for way in WAYS:
        with pytest.MonkeyPatch.context() as patch:
            use(patch, way)
            gradients = convolve_input_grad(g, w, input_size=size, **options), convolve_weight_grad(g, x, kernel_size=kernel, **options)
            results.append((convolve(x, w, bias=bias, **options), *gradients))
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-11)


@pytest.mark.usefixtures("each_way")
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("stride", [1, 2])
def test_infinity_stays_in_its_windows(bad, stride):
    options = PLAIN | {"stride": (stride, stride)}
    x, w, g = operands(6, 4, 2, (13, 13), 3, (3, 3), options)
    x[2, 1, 6, 12] = bad  # at the end of a line, behind which the next begins
    y = convolve(x, w, bias=np.ones(3), **options)
    inside = np.zeros(y.shape, bool)
    inside[2, :, -(-4 // stride) : 6 // stride + 1, 10 // stride] = True
    assert not np.isfinite(y[inside]).any()
    assert np.isfinite(y[~inside]).all()
    g[2, 1, 3, -1] = bad
    gx = convolve_input_grad(g, w, input_size=(13, 13), **options)
    inside = np.zeros(gx.shape, bool)
    inside[2, :, 3 * stride : 3 * stride + 3, 10:13] = True
    assert not np.isfinite(gx[inside]).any()
    assert np.isfinite(gx[~inside]).all()


@pytest.mark.usefixtures("each_way")
def test_conv2d_weight_grad_infinity_stays_in_its_taps():
    x, _, g = operands(7, 2, 2, (12, 12), 2, (3, 3), PLAIN)
    x[0, 0, 0, 0] = np.inf  # only the first tap of the first channel meets the corner
    gw = convolve_weight_grad(g, x, kernel_size=(3, 3), **PLAIN)
    assert not np.isfinite(gw[:, 0, 0, 0]).any()
    gw[:, 0, 0, 0] = 0
    assert np.isfinite(gw).all()


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_conv2d_any_geometry_equals_definition(data):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = data.draw(pair), data.draw(pair), data.draw(pair)
    padding = data.draw(st.tuples(*[st.tuples(st.integers(-1, 4), st.integers(-1, 4))] * 2))
    groups = data.draw(st.integers(1, 3))
    per_group, filters = data.draw(st.integers(1, 3)), groups * data.draw(st.integers(1, 3))
    fit = [max(d * (k - 1) + 1 - sum(p), 1 + max(0, -p[0]) + max(0, -p[1])) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = tuple(f + data.draw(st.integers(0, 6)) for f in fit)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w, g = operands(8, data.draw(st.integers(1, 3)), groups * per_group, size, filters, kernel, options)
    crop = tuple(slice(max(0, -before), n - max(0, -after)) for n, (before, after) in zip(size, padding, strict=True))
    cropped = options | {"padding": tuple((max(0, before), max(0, after)) for before, after in padding)}
    inner = x[:, :, *crop]
    np.testing.assert_allclose(convolve(x, w, **options), convolve_by_loops(inner, w, **cropped), rtol=0, atol=1e-10)
    gx = np.zeros_like(x)
    gx[:, :, *crop] = convolve_input_grad(g, w, input_size=inner.shape[2:], **cropped)
    np.testing.assert_allclose(convolve_input_grad(g, w, input_size=size, **options), gx, rtol=0, atol=1e-10)
    check_against_loops(inner, w, g, cropped)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("groups", [1, 2, 32])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (3, 2, 1), (1, 1, 0), (5, 1, 2), (7, 3, 0)])
def test_conv2d_equals_pytorch(dtype, groups, kernel, stride, padding):
    torch = pytest.importorskip("torch")
    options = {"stride": (stride,) * 2, "padding": ((padding,) * 2,) * 2, "dilation": (1, 1), "groups": groups}
    x, w, g = operands(9, 6, 32, (17, 18), 64, (kernel, kernel), options, dtype)
    tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    bias = np.linspace(-1, 1, 64).astype(dtype)
    y = torch.nn.functional.conv2d(tx, tw, torch.tensor(bias), stride=stride, padding=padding, groups=groups)
    gx, gw = torch.autograd.grad(y, (tx, tw), torch.tensor(g))
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    for ours, theirs in (
        (convolve(x, w, bias=bias, **options), y),
        (convolve_input_grad(g, w, input_size=x.shape[2:], **options), gx),
        (convolve_weight_grad(g, x, kernel_size=w.shape[2:], **options), gw),
    ):
        assert ours.dtype == dtype
        theirs = theirs.detach().numpy()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed", "broadcast"])
@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"groups": 4}, PLAIN | {"padding": ((1, 1), (1, 1)), "stride": (2, 2)}], ids=str)
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)], ids=str)
def test_conv2d_takes_any_memory_layout(layout, options, kernel):
    x, w, g = operands(10, 3, 4, (12, 12), 8, kernel, options)

    def disguise(a):
        if layout == "transposed":
            return np.asfortranarray(a)
        if layout == "strided":
            return np.repeat(a, 2, axis=3)[..., ::2]
        if layout == "reversed":
            return a[:, :, ::-1, ::-1].copy()[:, :, ::-1, ::-1]
        return np.broadcast_to(a[:, :, :1, :1], a.shape)

    x, w, g = (disguise(a) for a in (x, w, g))
    check_against_loops(x, w, g, options)


def test_conv2d_operands_stay_as_they_are():
    options = PLAIN | {"padding": ((1, 1), (1, 1))}
    x, w, g = operands(11, 2, 16, (12, 12), 16, (3, 3), options)
    copies = [a.copy() for a in (x, w, g)]
    for a in (x, w, g):
        a.flags.writeable = False
    convolve(x, w, **options)
    convolve_input_grad(g, w, input_size=(12, 12), **options)
    convolve_weight_grad(g, x, kernel_size=(3, 3), **options)
    for a, b in zip((x, w, g), copies, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"groups": 2}, PLAIN | {"padding": ((1, 1), (1, 1))}], ids=str)
@pytest.mark.parametrize("kernel", [(1, 1), (3, 3)], ids=str)
def test_conv2d_writes_into_out_and_adds_bias(options, kernel):
    x, w, _ = operands(12, 3, 2, (9, 9), 4, kernel, options)
    y = convolve(x, w, **options)
    bias, out = np.array([1.0, -2.0, 3.0, 0.5]), np.full_like(y, np.nan)
    assert convolve(x, w, bias=bias, out=out, **options) is out
    np.testing.assert_allclose(out, y + bias[:, None, None], rtol=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
def test_conv2d_empty_batch_and_no_channels(groups):
    options = PLAIN | {"groups": groups}
    x, w, g = operands(13, 0, 2, (6, 7), 4, (3, 2), options)
    assert convolve(x, w, **options).shape == (0, 4, 4, 6)
    assert convolve_input_grad(g, w, input_size=(6, 7), **options).shape == (0, 2, 6, 7)
    np.testing.assert_array_equal(convolve_weight_grad(g, x, kernel_size=(3, 2), **options), np.zeros((4, 2 // groups, 3, 2)))
    x, w, g = operands(13, 3, 0, (6, 7), 4, (3, 2), options)
    np.testing.assert_array_equal(convolve(x, w, bias=np.arange(4.0), **options)[:, :, 1, 1], np.tile(np.arange(4.0), (3, 1)))
    assert convolve_input_grad(g, w, input_size=(6, 7), **options).shape == (3, 0, 6, 7)
    assert convolve_weight_grad(g, x, kernel_size=(3, 2), **options).shape == (4, 0, 3, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_integers_are_never_divided(dtype):
    options = PLAIN | {"padding": ((1, 1), (1, 1))}
    rng = np.random.default_rng(19)
    x, w = rng.integers(0, 9, (2, 64, 24, 24)).astype(dtype), rng.integers(0, 9, (64, 64, 3, 3)).astype(dtype)
    y = convolve(x, w, **options)
    assert y.dtype == dtype
    exact = convolve(x.astype(np.float64), w.astype(np.float64), **options)
    np.testing.assert_array_equal(y, np.rint(exact).astype(np.int64).astype(dtype))
    back = convolve_input_grad(y, w, input_size=(24, 24), **options)
    wide = convolve_input_grad(y.astype(np.float64), w.astype(np.float64), input_size=(24, 24), **options)
    np.testing.assert_array_equal(back, np.rint(wide).astype(np.int64).astype(dtype))


def test_float16_is_rounded_once():
    options = PLAIN | {"padding": ((1, 1), (1, 1))}
    x, w, g = operands(20, 2, 64, (12, 12), 32, (3, 3), options)
    x, w, g = (a.astype(np.float16) for a in (x, w, g))
    wide = [a.astype(np.float64) for a in (x, w, g)]
    for ours, exact in (
        (convolve(x, w, bias=g[0, :, 0, 0], **options), convolve(wide[0], wide[1], bias=wide[2][0, :, 0, 0], **options)),
        (convolve_input_grad(g, w, input_size=(12, 12), **options), convolve_input_grad(wide[2], wide[1], input_size=(12, 12), **options)),
        (convolve_weight_grad(g, x, kernel_size=(3, 3), **options), convolve_weight_grad(wide[2], wide[0], kernel_size=(3, 3), **options)),
    ):
        assert ours.dtype == np.float16
        np.testing.assert_allclose(ours.astype(np.float64), exact, rtol=6e-4, atol=1e-3)


def test_images_without_pixels_are_all_padding():
    options = {"stride": (1, 1), "padding": ((2, 2), (1, 2)), "dilation": (1, 1), "groups": 1}
    x, w, g = operands(18, 2, 3, (4, 0), 2, (3, 2), options)
    np.testing.assert_array_equal(convolve(x, w, bias=np.arange(2.0), **options)[0, :, 0], [[0.0, 0.0], [1.0, 1.0]])
    assert convolve_input_grad(g, w, input_size=(4, 0), **options).shape == x.shape
    np.testing.assert_array_equal(convolve_weight_grad(g, x, kernel_size=(3, 2), **options), np.zeros(w.shape))


def test_conv2d_rest_that_no_window_reads_gets_zero_gradient():
    options = PLAIN | {"stride": (3, 3)}
    _, w, g = operands(14, 2, 3, (11, 10), 2, (2, 3), options)
    gx = convolve_input_grad(g, w, input_size=(11, 10), **options)
    assert not gx[:, :, 11 - 3 + 0 : 11 - 3 + 0].any()
    np.testing.assert_array_equal(gx[:, :, 2::3], 0)  # rows 2, 5, 8 lie between the windows
    np.testing.assert_array_equal(gx[:, :, :, 9:], 0)
    assert gx[:, :, 9:11].any()


@pytest.mark.parametrize("options", [PLAIN, PLAIN | {"padding": ((1, 1), (1, 1)), "stride": (2, 2)}, PLAIN | {"groups": 32}], ids=str)
def test_conv2d_same_result_on_one_thread_and_on_all(options):
    x, w, g = operands(15, 9, 32, (20, 20), 32, (3, 3), options)
    before, results = get_num_threads(), []
    try:
        for threads in (1, max(2, before)):
            set_num_threads(threads)
            results.append(
                (
                    convolve(x, w, **options),
                    convolve_input_grad(g, w, input_size=(20, 20), **options),
                    convolve_weight_grad(g, x, kernel_size=(3, 3), **options),
                )
            )
    finally:
        set_num_threads(before)
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def test_conv2d_output_size_equals_definition():
    assert convolved_size((28, 28), (3, 3), stride=(1, 1), padding=((0, 0), (0, 0)), dilation=(1, 1)) == (26, 26)
    assert convolved_size((7, 8), (3, 2), stride=(2, 3), padding=((1, 0), (0, 2)), dilation=(2, 3)) == (2, 3)
    with pytest.raises(
        ShapeError, match=r"conv2d: the kernel is larger than the padded input: .* 2x9, padded 4x9, .* 3x3, dilated 5x3; use a"
    ):
        convolved_size((2, 9), (3, 3), stride=(1, 1), padding=((1, 1), (0, 0)), dilation=(2, 1))


def test_conv2d_shapes_that_do_not_fit():
    x, w = np.zeros((2, 4, 8, 8)), np.zeros((6, 4, 3, 3))
    with pytest.raises(ShapeError, match=r"conv2d: groups must divide .* 4 and 6, groups=4; choose"):
        convolve(x, w, **PLAIN | {"groups": 4})
    with pytest.raises(ShapeError, match=r"conv2d: groups must divide .* groups=0; choose"):
        convolve(x, w, **PLAIN | {"groups": 0})
    with pytest.raises(
        ShapeError, match=r"conv2d: the channels of input and weight differ: the input has 4, .* expects 4 in each of 2 .* must be 2"
    ):
        convolve(x, w, **PLAIN | {"groups": 2})
    with pytest.raises(
        ShapeError, match=r"conv2d_input_grad: the gradient's shape .* \(2, 6, 5, 6\), the result \(2, 6, 6, 6\); they must"
    ):
        convolve_input_grad(np.zeros((2, 6, 5, 6)), w, input_size=(8, 8), **PLAIN)
    with pytest.raises(
        ShapeError, match=r"conv2d_weight_grad: the gradient's shape .* \(1, 6, 6, 6\), the result \(2, 6, 6, 6\); they must"
    ):
        convolve_weight_grad(np.zeros((1, 6, 6, 6)), x, kernel_size=(3, 3), **PLAIN)
