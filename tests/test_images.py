"""Convolution, pooling and normalisation beyond their generated tests: statistics in place, empty batches, messages."""

from __future__ import annotations

import numpy as np
import pytest
from samples import normal, positive

import tensorflowlite_clone as tl
from tensorflowlite_clone._errors import ArgumentError, DimensionError, OperandError, ShapeError, TransformError
from tensorflowlite_clone.func import grad, vmap

F = tl.nn.functional
X = normal(2, 3, 5, 4)


# ---- running statistics ----------------------------------------------------------------------------------------------------
def statistics(n=3):
    return tl.zeros(n, dtype=tl.float64), tl.ones(n, dtype=tl.float64)


def test_running_statistics_move_in_place_with_the_unbiased_variance():
    mean, var = statistics()
    held = mean.array
    F.batch_norm(tl.tensor(X), mean, var, training=True, momentum=0.25)
    assert mean.array is held
    np.testing.assert_allclose(mean.numpy(), 0.25 * X.mean((0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(var.numpy(), 0.75 + 0.25 * X.var((0, 2, 3), ddof=1), rtol=1e-12)


def test_running_statistics_stay_in_evaluation():
    mean, var = statistics()
    F.batch_norm(tl.tensor(X), mean, var)
    assert mean.tolist() == [0.0] * 3
    assert var.tolist() == [1.0] * 3


def test_a_change_of_running_statistics_is_seen_by_who_saved_them():
    mean, var = statistics()
    scale = tl.tensor(positive(3), requires_grad=True)
    out = (scale * mean).sum()
    F.batch_norm(tl.tensor(X), mean, var, training=True)
    with pytest.raises(RuntimeError, match="changed in place"):
        out.backward()


def test_running_statistics_inside_vmap_are_an_error_that_names_the_alternatives():
    mean, var = statistics()
    with pytest.raises(TransformError, match=r"batch_norm: running statistics cannot be updated inside a function transform; use eval\(\)"):
        vmap(lambda x: F.batch_norm(x, mean, var, training=True))(tl.tensor(normal(2, 4, 3)))
    with pytest.raises(TransformError, match="instance_norm: running statistics cannot be updated"):
        vmap(lambda x: F.instance_norm(x, mean, var))(tl.tensor(normal(2, 4, 3, 5)))


def test_batch_norm_under_grad_and_vmap_has_the_statistics_of_each_example():
    x, w = tl.tensor(normal(3, 4, 2)), tl.tensor(positive(2))

    def loss(w, x):
        return (F.batch_norm(x, None, None, w, training=True) ** 3).sum()

    each = vmap(grad(loss), in_dims=(None, 0))(w, x)
    np.testing.assert_allclose(each.numpy(), np.stack([grad(loss)(w, x[i]).numpy() for i in range(3)]), rtol=1e-10)


@pytest.mark.parametrize("shape", [(33, 5), (7, 3, 40, 41), (2, 65, 9)])
def test_kernels_of_batch_norm_equal_the_formulas_on_several_blocks(shape):
    tensors = [tl.tensor(a, requires_grad=True) for a in (normal(*shape), positive(shape[1]), normal(shape[1]))]
    out = F.batch_norm(tensors[0], None, None, *tensors[1:], training=True)
    u = tl.tensor(normal(*shape, seed=1))
    fast = tl.autograd.grad(out, tensors, u, retain_graph=True)
    for a, b in zip(fast, tl.autograd.grad(out, tensors, u, create_graph=True), strict=True):
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_a_large_mean_costs_no_digits():
    x = (normal(64, 2) + 1e3).astype(np.float32)
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(0)) / np.sqrt(wide.var(0) + 1e-5)
    np.testing.assert_allclose(F.batch_norm(tl.tensor(x), None, None, training=True).numpy(), expected, atol=1e-3)
    np.testing.assert_allclose(F.instance_norm(tl.tensor(x.T[None])).numpy()[0], expected.T, atol=1e-3)


# ---- convolution and pooling -----------------------------------------------------------------------------------------------
def test_convolution_in_the_other_direction_is_its_transpose():
    x, w = tl.tensor(normal(2, 3, 6, 5)), tl.tensor(normal(4, 3, 3, 2))
    y = F.conv2d(x, w, stride=(2, 1), padding=1)
    back = F.conv_transpose2d(tl.tensor(normal(*y.shape)), w, stride=(2, 1), padding=1, output_padding=(1, 0))
    assert back.shape == x.shape
    np.testing.assert_allclose((y * tl.tensor(normal(*y.shape))).sum().item(), (back * x).sum().item(), rtol=1e-10)


def test_convolution_over_three_dimensions_equals_loops():
    x, w = normal(1, 2, 4, 5, 4), normal(3, 2, 2, 3, 2)
    out = F.conv3d(tl.tensor(x), tl.tensor(w), stride=(2, 1, 1), padding=(1, 0, 1)).numpy()
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0), (1, 1)))
    for d, i, j in np.ndindex(*out.shape[2:]):
        window = padded[0, :, 2 * d : 2 * d + 2, i : i + 3, j : j + 2]
        np.testing.assert_allclose(out[0, :, d, i, j], np.einsum("ocdhw,cdhw->o", w, window), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: F.conv2d(x, tl.ones(4, 2, 3, 3)), (0, 1, 2, 5, 5)),
        (lambda x: F.conv2d(tl.ones(3, 2, 5, 5), x), (0, 4, 2, 3, 3)),
        (lambda x: F.max_pool2d(x, 2), (0, 1, 2, 4, 4)),
        (lambda x: F.avg_pool2d(x, 2), (0, 1, 2, 4, 4)),
        (lambda x: F.batch_norm(x, None, None, training=True), (0, 5, 2)),
        (lambda x: F.unfold(x, 2), (0, 1, 2, 4, 4)),
    ],
)
def test_vmap_over_no_examples_keeps_the_shape_of_one(f, shape):
    one = f(tl.ones(*shape[1:]))
    assert vmap(f)(tl.ones(*shape)).shape == (0, *one.shape)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, n: tl.nn.functional.avg_pool2d(x, n),
        lambda x, n: tl.max_pool2d(x, n),
        lambda x, n: tl.conv2d(x, tl.ones(1, 1, 1, 1), stride=n),
    ],
)
def test_settings_that_are_known_are_used_again_and_no_others(f):
    x = tl.arange(16.0).reshape(1, 1, 4, 4)
    first = f(x, 2)
    assert tl.equal(f(x, 2), first)
    assert tl.equal(f(x, [2, np.int64(2)]), first)
    with pytest.raises(OperandError, match="must be an integer or a pair"):
        f(x, (2.0, 2.0))


def test_no_images_and_no_gradient_but_zeros():
    x, w, b = (tl.zeros(*s, requires_grad=True) for s in ((0, 2, 5, 5), (4, 2, 3, 3), (4,)))
    out = F.max_pool2d(F.conv2d(x, w, b), 3)
    assert out.shape == (0, 4, 1, 1)
    out.sum().backward()
    assert x.grad.shape == x.shape
    assert not w.grad.numpy().any()
    assert not b.grad.numpy().any()


def test_power_pool_of_zeros_has_no_nan():
    x = tl.zeros(1, 1, 4, 4, requires_grad=True)
    out = F.lp_pool2d(x, 2, 2)
    out.sum().backward()
    assert not out.detach().numpy().any()
    assert not x.grad.numpy().any()


def test_unfold_and_matmul_are_convolution():
    x, w = tl.tensor(X), tl.tensor(normal(4, 3, 2, 3))
    out = w.reshape(4, -1) @ F.unfold(x, (2, 3), padding=1, stride=(1, 2))
    expected = F.conv2d(x, w, padding=1, stride=(1, 2))
    np.testing.assert_allclose(out.numpy(), expected.flatten(2).numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (
            lambda: F.conv2d(tl.ones(1, 3, 5, 5), tl.ones(4, 2, 3, 3)),
            ShapeError,
            r"conv2d: channels do not fit: input is \(1, 3, 5, 5\), weight is \(4, 2, 3, 3\), groups is 1; input.shape\[1\] must equal",
        ),
        (
            lambda: F.conv2d(tl.ones(3, 5, 5), tl.ones(4, 2, 3, 3)),
            ShapeError,
            r"conv2d: channels do not fit: .* input.shape\[0\] must equal",
        ),
        (lambda: F.conv2d(tl.ones(1, 2, 2, 5), tl.ones(4, 2, 3, 3)), ShapeError, r"conv2d: the kernel does not fit the padded input"),
        (
            lambda: F.conv2d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3), tl.ones(3)),
            ShapeError,
            r"conv2d: bias does not fit: .* must be \(4,\)",
        ),
        (
            lambda: F.conv2d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3), stride=0),
            ArgumentError,
            r"conv2d: stride and dilation must be at least 1",
        ),
        (
            lambda: F.conv2d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3), stride=2, padding="same"),
            ArgumentError,
            r"padding='same' needs stride 1",
        ),
        (lambda: F.conv2d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3), padding="full"), ArgumentError, r"'same' or 'valid': got 'full'"),
        (
            lambda: F.conv2d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3), padding=(1, 1, 1)),
            ArgumentError,
            r"conv2d: padding must be an integer or a pair",
        ),
        (lambda: F.conv1d(tl.ones(1, 2, 2), tl.ones(4, 2, 3)), ShapeError, r"conv1d: the kernel does not fit"),
        (lambda: F.conv1d(tl.ones(1, 2, 5, 5), tl.ones(4, 2, 3, 3)), ShapeError, r"conv1d: input must be \(N, C, L\) or \(C, L\)"),
        (lambda: F.conv3d(tl.ones(1, 2, 2, 5, 5), tl.ones(4, 2, 3, 3, 3)), ShapeError, r"conv3d: the kernel does not fit"),
        (lambda: F.conv_transpose2d(tl.ones(1, 3, 5, 5), tl.ones(4, 2, 3, 3)), ShapeError, r"conv_transpose2d: channels do not fit"),
        (
            lambda: F.conv_transpose2d(tl.ones(1, 4, 5, 5), tl.ones(4, 2, 3, 3), output_padding=1),
            ArgumentError,
            r"output_padding must be smaller",
        ),
        (lambda: F.conv_transpose1d(tl.ones(1, 4, 1), tl.ones(4, 2, 1), padding=1), ShapeError, r"conv_transpose1d: nothing is left"),
        (lambda: F.max_pool2d(tl.ones(1, 4, 4), 2, padding=2), ArgumentError, r"max_pool2d: padding must be at most half of the kernel"),
        (lambda: F.max_pool2d(tl.ones(4, 4), 2), ShapeError, r"max_pool2d: input must be \(N, C, H, W\) or \(C, H, W\)"),
        (
            lambda: F.adaptive_avg_pool2d(tl.ones(1, 4, 4), (1, 2, 3)),
            ArgumentError,
            r"adaptive_avg_pool2d: output_size must be an integer from 0 up, or a pair",
        ),
        (lambda: F.max_unpool2d(tl.ones(1, 1, 1), tl.tensor([[[9]]]), 2), DimensionError, r"9"),
        (lambda: F.unfold(tl.ones(4, 4), 2), ShapeError, r"unfold: the input must be \(N, C, H, W\) or \(C, H, W\): it is \(4, 4\)"),
        (
            lambda: F.fold(tl.ones(4, 5), 3, 2),
            ShapeError,
            r"fold: columns do not fit the images: the input is \(4, 5\), .* has 4 windows of 4",
        ),
        (
            lambda: F.layer_norm(tl.ones(2, 3), (2,)),
            ShapeError,
            r"layer_norm: the input must end in normalized_shape: the input is \(2, 3\)",
        ),
        (lambda: F.layer_norm(tl.ones(2, 3), (3,), tl.ones(2)), ShapeError, r"layer_norm: weight does not fit: it is \(2,\)"),
        (
            lambda: F.batch_norm(tl.ones(1, 3), None, None, training=True),
            ShapeError,
            r"batch_norm: training needs more than one value per channel",
        ),
        *[
            (lambda s=s: F.batch_norm(tl.ones(2, 3), *s), ArgumentError, r"batch_norm: without training the running statistics are needed")
            for s in ((None, None), (tl.zeros(3), None), (None, tl.ones(3)))
        ],
        (
            lambda: F.batch_norm(tl.ones(2, 3), None, None, tl.ones(2), training=True),
            ShapeError,
            r"batch_norm: weight does not fit: it is \(2,\)",
        ),
        (lambda: F.group_norm(tl.ones(2, 3), 2), ShapeError, r"group_norm: groups must divide the channels: the input is \(2, 3\)"),
        (lambda: F.instance_norm(tl.ones(2, 3)), ShapeError, r"instance_norm: needs more than one value per channel and example"),
        (lambda: F.rms_norm(tl.ones(2, 3), 2), ShapeError, r"rms_norm: the input must end in normalized_shape"),
        (lambda: F.local_response_norm(tl.ones(2, 3), 2), ShapeError, r"local_response_norm: needs \(N, C, \.\.\.\)"),
    ],
)
def test_messages_name_rule_facts_and_fix(f, error, message):
    with pytest.raises(error, match=message):
        f()
