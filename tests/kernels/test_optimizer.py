"""Optimizer kernels on any size, shape and layout. Their values are compared with the formulas, and with PyTorch, in ``tests/optim``."""

from __future__ import annotations

import numpy as np
import pytest

from tensorflowlite_clone.kernels import optimizer
from tensorflowlite_clone.kernels.optimizer import adam_, sgd_

SGD = {"lr": 0.01, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1, "nesterov": False}
ADAM = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1, "decoupled_weight_decay": False, "amsgrad": True}


def run_both(arrays: list[np.ndarray], adam: bool) -> None:
    p, g, m, v, vmax = arrays
    if adam:
        adam_(p, g, {"step": 2, "exp_avg": m, "exp_avg_sq": v, "max_exp_avg_sq": vmax}, ADAM)
    else:
        sgd_(p, g, {"momentum_buffer": m}, SGD)


@pytest.mark.parametrize("adam", [False, True])
def test_update_of_big_arrays_equals_that_of_their_pieces(adam: bool) -> None:
    size = 3 * optimizer._CHUNK + 5
    rng = np.random.default_rng(0)
    whole = [rng.uniform(0.1, 1, size).astype(np.float32) for _ in range(5)]
    pieces = [[a[i : i + 10_000].copy() for a in whole] for i in range(0, size, 10_000)]
    run_both(whole, adam)
    for piece in pieces:
        run_both(piece, adam)
    for k in range(5):
        np.testing.assert_allclose(whole[k], np.concatenate([piece[k] for piece in pieces]), rtol=1e-6)
        assert whole[k].dtype == np.float32


@pytest.mark.parametrize("adam", [False, True])
@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (2, 3, 4)])
def test_update_works_on_any_shape_and_layout(adam: bool, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    plain = [np.asarray(rng.uniform(0.1, 1, shape)) for _ in range(5)]
    turned = [np.array(a.T, order="C").T for a in plain]
    strided = [np.repeat(a[..., None], 2, -1)[..., 0] for a in plain]
    for arrays in (plain, turned, strided):
        before = arrays[1].copy()
        run_both(arrays, adam)
        np.testing.assert_array_equal(arrays[1], before)
        np.testing.assert_allclose(arrays[0], plain[0], rtol=1e-15)
    assert not plain[0].size or (plain[0] != 0).all()


def test_arrays_of_another_shape_are_refused() -> None:
    a, b = np.ones(3), np.ones(4)
    with pytest.raises(ValueError, match=r"sgd_: arrays do not match the parameters: p is \(3,\), another is \(4,\); give them one shape"):
        sgd_(a, b, {}, SGD)
    with pytest.raises(ValueError, match="adam_: arrays do not match the parameters"):
        adam_(a, a.copy(), {"exp_avg": b}, ADAM)
    np.testing.assert_array_equal(a, np.ones(3))
