"""Convolutions, pools and padding over one, two and three dimensions: what their samples cannot say; errors and dtypes as PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from samples import distinct, integers, normal

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, DimensionError, DTypeError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.func import grad, jvp, vmap

F = tl.nn.functional
X = normal(2, 3, 4, 5, 6)


# ---- one mechanism over the number of dimensions -------------------------------------------------------------------------------
PLANES = {
    "max_pool": lambda f, k: lambda x: f(x, k(2), k(2), padding=0),
    "avg_pool": lambda f, k: lambda x: f(x, k(2), ceil_mode=True),
    "lp_pool": lambda f, k: lambda x: f(x * x, 3, k(2)),
}


@pytest.mark.parametrize("name", PLANES)
def test_windows_of_one_plane_pool_each_plane(name):
    call = PLANES[name]
    volumes = call(getattr(F, f"{name}3d"), lambda k: (1, k, k))(tl.tensor(X))
    planes = call(getattr(F, f"{name}2d"), lambda k: k)(tl.tensor(X.reshape(2, 12, 5, 6)))
    np.testing.assert_allclose(volumes.numpy(), planes.numpy().reshape(volumes.shape), rtol=1e-12)


@pytest.mark.parametrize("name", ["adaptive_avg_pool", "adaptive_max_pool"])
def test_adaptive_windows_of_one_plane_pool_each_plane(name):
    volumes = getattr(F, f"{name}3d")(tl.tensor(X), (None, 2, 3))
    planes = getattr(F, f"{name}2d")(tl.tensor(X.reshape(2, 12, 5, 6)), (2, 3))
    np.testing.assert_allclose(volumes.numpy(), planes.numpy().reshape(volumes.shape), rtol=1e-12)


@pytest.mark.parametrize("name", ["conv", "conv_transpose"])
def test_a_kernel_of_one_plane_convolves_each_plane(name):
    w = normal(3, 2, 3, 2) if name == "conv_transpose" else normal(2, 3, 3, 2)
    volumes = getattr(F, f"{name}3d")(tl.tensor(X), tl.tensor(w[:, :, None]), stride=(1, 2, 1), padding=(0, 1, 0)).numpy()
    flat = np.moveaxis(X, 2, 1).reshape(8, 3, 5, 6)
    planes = getattr(F, f"{name}2d")(tl.tensor(flat), tl.tensor(w), stride=(2, 1), padding=(1, 0)).numpy()
    np.testing.assert_allclose(np.moveaxis(volumes, 2, 1).reshape(planes.shape), planes, rtol=1e-10, atol=1e-12)


CALLS = {
    "max_pool3d": lambda x: F.max_pool3d(x, 2, 1),
    "avg_pool3d": lambda x: F.avg_pool3d(x, 2, 1),
    "lp_pool3d": lambda x: F.lp_pool3d(x, 2, 2),
    "adaptive_avg_pool3d": lambda x: F.adaptive_avg_pool3d(x, 2),
    "adaptive_max_pool3d": lambda x: F.adaptive_max_pool3d(x, 2),
    "conv3d": lambda x: F.conv3d(x, tl.ones(4, 3, 2, 2, 2, dtype=tl.float64), padding="same"),
    "conv_transpose3d": lambda x: F.conv_transpose3d(x, tl.ones(3, 2, 2, 2, 2, dtype=tl.float64), stride=2),
    "fractional_max_pool3d": lambda x: F.fractional_max_pool3d(
        x, 2, 2, _random_samples=tl.full((*x.shape[:-4], 3, 3), 0.5, dtype=tl.float64)
    ),
    "replicate": lambda x: F.pad(x, (1, 2, 3, 0, 0, 1), mode="replicate"),
}


@pytest.mark.parametrize("name", CALLS)
def test_empty_batches_have_the_shape_of_one_and_gradients(name):
    one = CALLS[name](tl.tensor(X[:1]))
    x = tl.zeros(0, *X.shape[1:], dtype=tl.float64, requires_grad=True)
    out = CALLS[name](x)
    assert tuple(out.shape) == (0, *one.shape[1:])
    out.sum().backward()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize("name", [n for n in CALLS if n not in ("fractional_max_pool3d",)])
def test_without_a_batch_dimension_the_result_has_none(name):
    assert np.array_equal(CALLS[name](tl.tensor(X[0])).numpy(), CALLS[name](tl.tensor(X[:1])).numpy()[0])


@pytest.mark.parametrize("name", [n for n in CALLS if n not in ("fractional_max_pool3d",)])
def test_vmap_is_a_larger_batch(name):
    several = tl.tensor(np.stack([X, 2 * X, X - 1]))
    each = vmap(CALLS[name])(several).numpy()
    np.testing.assert_allclose(each, np.stack([CALLS[name](x).numpy() for x in several]), rtol=1e-10, atol=1e-12)


# ---- indices and unpooling -----------------------------------------------------------------------------------------------------
def test_functions_with_indices_return_them_always():
    x = tl.tensor(distinct(2, 3, 8))
    assert tl.adaptive_max_pool1d(x, 2).indices.dtype == tl.int64
    for found, other in (
        (tl.max_pool1d_with_indices(x, 2), F.max_pool1d(x, 2, return_indices=True)),
        (F.adaptive_max_pool1d_with_indices(x, 3, False), F.adaptive_max_pool1d(x, 3, True)),
    ):
        assert all(np.array_equal(a.numpy(), b.numpy()) for a, b in zip(found, other, strict=True))


def test_indices_are_places_in_the_flat_volume():
    x = distinct(1, 2, 4, 4, 6)
    for values, places in (
        F.max_pool3d(tl.tensor(x), 2, return_indices=True),
        F.adaptive_max_pool3d(tl.tensor(x), (2, 1, 3), return_indices=True),
        F.fractional_max_pool3d(tl.tensor(x), 2, (2, 1, 3), return_indices=True),
    ):
        flat = np.take_along_axis(x.reshape(2, -1), places.numpy().reshape(2, -1), 1)
        np.testing.assert_array_equal(flat.ravel(), values.numpy().ravel())


def test_of_several_values_for_one_place_the_last_counts_in_every_mode():
    places = tl.tensor([[[3, 0, 3]]])

    def f(x):
        return F.max_unpool1d(x, places, 2, output_size=(5,))

    x = tl.tensor([[[1.0, 2.0, 4.0]]], dtype=tl.float64)
    assert f(x).tolist() == [[[2.0, 0.0, 0.0, 4.0, 0.0]]]
    assert grad(lambda x: (f(x) * tl.arange(1.0, 6.0, dtype=tl.float64)).sum())(x).tolist() == [[[0.0, 1.0, 4.0]]]
    assert jvp(f, (x,), (tl.tensor([[[10.0, 20.0, 40.0]]], dtype=tl.float64),))[1].tolist() == [[[20.0, 0.0, 0.0, 40.0, 0.0]]]


def test_unpooling_gives_overlapping_maxima_back_once():
    x = distinct(1, 1, 4, 4)
    values, places = F.max_pool2d(tl.tensor(x), 3, 1, return_indices=True)
    expected = np.zeros(16)
    taken = np.unique(places.numpy())
    expected[taken] = x.ravel()[taken]
    np.testing.assert_array_equal(F.max_unpool2d(values, places, 3, 1).numpy().ravel(), expected)


# ---- windows at random -----------------------------------------------------------------------------------------------------------
def test_fractional_pooling_is_drawn_from_the_seeded_generator():
    x = tl.tensor(distinct(2, 3, 9, 8))
    draws = []
    for seed in (1, 1, 2):
        tl.manual_seed(seed)
        draws.append(F.fractional_max_pool2d(x, 2, output_ratio=0.5).numpy())
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert draws[0].shape == (2, 3, 4, 4)


def test_fractional_pooling_inside_vmap_follows_its_randomness():
    x = tl.tensor(np.stack([distinct(2, 2, 9, 9)] * 3))
    with pytest.raises(TransformError, match="fractional_max_pool2d: random numbers inside vmap"):
        vmap(lambda x: F.fractional_max_pool2d(x, 2, 4))(x)
    same = vmap(lambda x: F.fractional_max_pool2d(x, 2, 4), randomness="same")(x).numpy()
    different = vmap(lambda x: F.fractional_max_pool2d(x, 2, 4), randomness="different")(x).numpy()
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(different[0], different[1])


# ---- errors ------------------------------------------------------------------------------------------------------------------------
def t(*shape, dtype=None):
    return tl.ones(*shape, dtype=dtype)


BAD = {
    "conv3d channels": (
        lambda: F.conv3d(t(1, 3, 4, 4, 4), t(2, 2, 3, 3, 3)),
        ShapeError,
        r"conv3d: channels do not fit: .*input.shape\[1\] must",
    ),
    "conv3d kernel": (lambda: F.conv3d(t(2, 3, 3, 4), t(1, 2, 4, 1, 1)), ShapeError, r"conv3d: the kernel does not fit"),
    "conv3d dims": (lambda: F.conv3d(t(3, 3, 4), t(1, 3, 1, 1)), ShapeError, r"conv3d: input must be \(N, C, D, H, W\) or \(C, D, H, W\)"),
    "conv3d same": (lambda: F.conv3d(t(1, 3, 3, 4), t(1, 1, 2, 2, 2), stride=2, padding="same"), ArgumentError, "needs stride 1"),
    "conv3d stride": (
        lambda: F.conv3d(t(1, 3, 3, 4), t(1, 1, 2, 2, 2), stride=(1, 2)),
        ArgumentError,
        "conv3d: stride must be an integer or a triple",
    ),
    "conv3d bool": (lambda: F.conv3d(t(1, 3, 3, 4, dtype=tl.bool), t(1, 1, 2, 2, 2)), DTypeError, "conv3d: not defined for bool"),
    "conv_transpose3d channels": (
        lambda: F.conv_transpose3d(t(1, 2, 2, 2), t(2, 1, 1, 1, 1)),
        ShapeError,
        r"input.shape\[0\] must equal weight.shape\[0\]",
    ),
    "conv_transpose3d bias": (lambda: F.conv_transpose3d(t(2, 2, 2, 2), t(2, 1, 1, 1, 1), t(2)), ShapeError, r"bias must be \(1,\)"),
    "conv_transpose3d extra": (
        lambda: F.conv_transpose3d(t(1, 2, 2, 2), t(1, 1, 1, 1, 1), output_padding=1),
        ArgumentError,
        "output_padding must be smaller",
    ),
    "conv_tbc": (
        lambda: tl.conv_tbc(t(3, 1, 2), t(2, 3, 1), t(1)),
        ShapeError,
        r"conv_tbc: input must be \(T, N, C\) and weight \(k, C, O\)",
    ),
    "conv_tbc bias": (lambda: tl.conv_tbc(t(3, 1, 2), t(2, 2, 1), t(2)), ShapeError, r"conv_tbc: bias does not fit"),
    "conv_tbc pad": (lambda: tl.conv_tbc(t(3, 1, 2), t(2, 2, 1), t(1), -1), ArgumentError, "padding must not be negative"),
    "max_pool3d window": (lambda: F.max_pool3d(t(1, 2, 4, 4), 3), ShapeError, r"max_pool3d: no window fits: the input is 2x4x4"),
    "max_pool3d dims": (lambda: F.max_pool3d(t(4, 4, 4), 2), ShapeError, r"max_pool3d: input must be \(N, C, D, H, W\)"),
    "max_pool3d padding": (lambda: F.max_pool3d(t(1, 4, 4, 4), 2, padding=(0, 0, 2)), ArgumentError, r"at most half of the kernel"),
    "max_pool3d kernel": (lambda: F.max_pool3d(t(1, 4, 4, 4), (2, 2)), ArgumentError, r"kernel_size must be an integer or a triple"),
    "avg_pool3d divisor": (lambda: F.avg_pool3d(t(1, 4, 4, 4), 2, divisor_override=0), ArgumentError, "divisor_override must not be 0"),
    "avg_pool3d bool": (lambda: F.avg_pool3d(t(1, 4, 4, 4, dtype=tl.bool), 2), DTypeError, "avg_pool3d: a mean needs numbers"),
    "lp_pool3d kernel": (lambda: F.lp_pool3d(t(1, 4, 4, 4), 2, 0), ArgumentError, "kernel_size, stride and dilation must be at least 1"),
    "adaptive size": (
        lambda: F.adaptive_avg_pool3d(t(1, 4, 4, 4), (1, 2)),
        ArgumentError,
        "output_size must be an integer from 0 up, or a triple",
    ),
    "adaptive one": (
        lambda: F.adaptive_max_pool1d(t(1, 4), (1, 2)),
        ArgumentError,
        "output_size must be an integer from 0 up, or one of them in a tuple",
    ),
    "adaptive integers": (lambda: F.adaptive_avg_pool3d(t(1, 4, 4, 4, dtype=tl.int64), 2), DTypeError, "floating-point"),
    "unpool shape": (
        lambda: F.max_unpool1d(t(1, 4), tl.zeros(1, 3, dtype=tl.int64), 2),
        ShapeError,
        "indices must be integers in the shape of input",
    ),
    "unpool dtype": (lambda: F.max_unpool1d(t(1, 4), t(1, 4), 2), DTypeError, "indices must be integers"),
    "unpool place": (lambda: F.max_unpool1d(t(1, 2), tl.tensor([[0, 9]]), 2), DimensionError, "9"),
    "unpool size": (
        lambda: F.max_unpool1d(t(1, 2), tl.tensor([[0, 2]]), 2, output_size=(6,)),
        ArgumentError,
        r"less than a stride from \(4,\)",
    ),
    "unpool sizes": (
        lambda: F.max_unpool3d(t(1, 1, 1, 1), tl.zeros(1, 1, 1, 1, dtype=tl.int64), 2, output_size=(2, 2)),
        ArgumentError,
        "3 or 5 numbers",
    ),
    "fractional none": (lambda: F.fractional_max_pool2d(t(1, 4, 4), 2), ArgumentError, "needs an output_size or an output_ratio"),
    "fractional ratio": (
        lambda: F.fractional_max_pool2d(t(1, 4, 4), 2, output_ratio=(0.5, 1.5)),
        ArgumentError,
        "output_ratio must be between 0 and 1",
    ),
    "fractional window": (lambda: F.fractional_max_pool3d(t(1, 4, 4, 4), 3, 3), ArgumentError, "windows do not fit"),
    "fractional samples": (
        lambda: F.fractional_max_pool2d(t(1, 4, 4), 2, 2, _random_samples=t(1, 1, 3)),
        ShapeError,
        r"must be float32 \(1, 1, 2\)",
    ),
    "fractional dtype": (
        lambda: F.fractional_max_pool2d(t(1, 4, 4), 2, 2, _random_samples=t(1, 1, 2, dtype=tl.float64)),
        DTypeError,
        "_random_samples",
    ),
    "fractional integers": (lambda: F.fractional_max_pool2d(t(1, 4, 4, dtype=tl.int64), 2, 2), DTypeError, "the input must be floating"),
    "conv3d empty kernel": (lambda: F.conv3d(t(2, 3, 3, 4), t(1, 2, 0, 1, 1)), ShapeError, "conv3d: the kernel has no taps"),
    "unfold": (lambda: F.unfold(t(2, 3, 3), 4), ShapeError, "^unfold: the kernel is larger than the padded input"),
    "fold": (lambda: F.fold(t(4, 3), 1, 2), ShapeError, "^fold: the kernel is larger than the padded input"),
    "pad pairs": (lambda: tl.constant_pad_nd(t(3), (1,)), ArgumentError, "pairs"),
    "pad cuts": (lambda: F.pad(t(1, 3), (-2, -1), mode="replicate"), ShapeError, "cuts off more than there is"),
    "pad none": (lambda: F.pad(None, (1, 1)), OperandError, "None"),
}


@pytest.mark.parametrize("name", BAD)
def test_messages_name_rule_facts_and_fix(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


# ---- as PyTorch ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "int32", "uint8"])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_dtypes_of_results_are_those_of_torch(dtype, axes):
    torch = pytest.importorskip("torch")
    x = integers(1, 2, *[5] * axes, low=0, high=9).astype(dtype)
    w, places = integers(2, 2, *[2] * axes, seed=1).astype(dtype), integers(1, 2, *[5] * axes)
    calls = {
        "max_pool": lambda T, x, w: f(T, "max_pool")(x, 2, 2),
        "max_pool indices": lambda T, x, w: f(T, "max_pool")(x, 2, 2, return_indices=True)[0],
        "avg_pool": lambda T, x, w: f(T, "avg_pool")(x, 2, 1, 1),
        "adaptive_avg_pool": lambda T, x, w: f(T, "adaptive_avg_pool")(x, 3),
        "adaptive_max_pool": lambda T, x, w: f(T, "adaptive_max_pool")(x, 3),
        "max_unpool": lambda T, x, w: f(T, "max_unpool")(x, T.tensor(places * 0 + np.arange(5)), 2),
        "conv": lambda T, x, w: f(T, "conv")(x, w, padding=1),
        "conv_transpose": lambda T, x, w: f(T, "conv_transpose")(x, w, stride=2),
        **{m: lambda T, x, w, m=m: T.nn.functional.pad(x, (1, 2) * axes, mode=m) for m in ("constant", "reflect", "replicate", "circular")},
    }

    def f(T, name):
        return getattr(T.nn.functional, f"{name}{axes}d")

    compared = 0
    for name, call in calls.items():
        try:
            theirs = call(torch, torch.tensor(x), torch.tensor(w))
        except (RuntimeError, NotImplementedError):  # ours may have more
            continue
        ours = call(tl, tl.tensor(x), tl.tensor(w))
        assert str(ours.dtype) == str(theirs.dtype).replace("torch.", ""), name
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=2e-3 if dtype == "float16" else 1e-6, err_msg=name)
        compared += 1
    assert compared >= (11 if dtype.startswith("float") else 5)


REFUSED = [
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 0, 2)),
    lambda T: T.nn.functional.unfold(T.ones(1, 2, 0, 3), 2),
    lambda T: T.nn.functional.max_pool3d(T.ones(1, 1, 4, 4, 4), 2, stride=0),
    lambda T: T.nn.functional.max_pool3d(T.ones(1, 1, 4, 4, 4), 2, padding=2),
    lambda T: T.nn.functional.max_pool3d(T.ones(4, 4, 4), 2),
    lambda T: T.nn.functional.max_pool3d(T.ones(1, 1, 0, 4, 4), 1),
    lambda T: T.nn.functional.max_pool3d(T.ones(1, 1, 4, 4, 4), 5),
    lambda T: T.nn.functional.avg_pool3d(T.ones(1, 1, 4, 4, 4), 2, divisor_override=0),
    lambda T: T.nn.functional.avg_pool3d(T.ones(1, 1, 4, 4, 4), (2, 2)),
    lambda T: T.nn.functional.avg_pool3d(T.ones(1, 1, 4, 4, 4), 2, padding=2),
    lambda T: T.nn.functional.adaptive_avg_pool3d(T.ones(1, 1, 4, 4, 4), -1),
    lambda T: T.nn.functional.adaptive_max_pool3d(T.ones(1, 4, 4), 2),
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 1, 2, 2, 2)),
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 2, 2), T.ones(2)),
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 2, 2), padding=-1),
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 2, 2), dilation=4),
    lambda T: T.nn.functional.conv3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 2, 2), padding="full"),
    lambda T: T.nn.functional.conv_transpose3d(T.ones(1, 2, 4, 4, 4), T.ones(1, 2, 2, 2, 2)),
    lambda T: T.nn.functional.conv_transpose3d(T.ones(1, 2, 4, 4, 4), T.ones(2, 1, 2, 2, 2), output_padding=1),
    lambda T: T.conv_tbc(T.ones(3, 1, 2), T.ones(2, 3, 1), T.ones(1)),
    lambda T: T.nn.functional.max_unpool3d(T.ones(1, 2, 2, 2), T.zeros(1, 2, 2, 2, dtype=T.int64), 2, output_size=(8, 4, 4)),
    lambda T: T.nn.functional.max_unpool1d(T.ones(1, 2), T.zeros(1, 3, dtype=T.int64), 2),
    lambda T: T.nn.functional.max_unpool1d(T.ones(1, 2), T.tensor([[0, 99]]), 2),
    lambda T: T.nn.functional.max_unpool1d(T.ones(1, 2), T.ones(1, 2), 2),
    lambda T: T.nn.functional.fractional_max_pool2d(T.ones(1, 1, 4, 4), 2),
    lambda T: T.nn.functional.fractional_max_pool2d(T.ones(1, 1, 4, 4), 3, 3),
    lambda T: T.nn.functional.fractional_max_pool3d(T.ones(1, 1, 4, 4, 4), 2, 2, _random_samples=T.ones(1, 1, 2)),
    lambda T: T.nn.functional.pad(T.ones(1, 3), (3, 0), mode="reflect"),
    lambda T: T.nn.functional.pad(T.ones(1, 3), (4, 0), mode="circular"),
    lambda T: T.nn.functional.pad(T.ones(1, 3), (1, 0, 1), mode="constant"),
    lambda T: T.nn.functional.pad(T.ones(1, 3), (1, 0), mode="reflect", value=1.0),
    lambda T: T.constant_pad_nd(T.ones(3), (-2, -2)),
    lambda T: T.nn.functional.unfold(T.ones(1, 2, 3, 3), 4),
    lambda T: T.nn.functional.unfold(T.ones(1, 2, 3, 3), 2, stride=0),
    lambda T: T.nn.functional.fold(T.ones(1, 4, 3), (3, 3), 2),
]


@pytest.mark.parametrize("call", REFUSED, ids=range(len(REFUSED)))
def test_what_torch_refuses_is_an_error_of_a_type_that_fits(call):
    torch = pytest.importorskip("torch")
    with pytest.raises((RuntimeError, ValueError, IndexError)) as theirs:
        call(torch)
    with pytest.raises((RuntimeError, ValueError, IndexError)) as ours:
        call(tl)
    assert isinstance(ours.value, theirs.type), f"PyTorch raises {theirs.type.__name__}: {theirs.value}"
