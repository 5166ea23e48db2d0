"""Optimizer kernels against torch.optim in float64, over several steps and every option."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels import optimizer
from tensorflowlite_clone.kernels.optimizer import adam_, sgd_


def gradients(steps: int, size: int) -> np.ndarray:
    return np.random.default_rng(4).normal(size=(steps, size))


SGD = [
    {"momentum": m, "dampening": d, "weight_decay": w, "nesterov": n, "maximize": x}
    for m, d, w, n, x in itertools.product([0.0, 0.9], [0.0, 0.3], [0.0, 0.1], [False, True], [False, True])
    if not n or (m and not d)
]
ADAM = [
    {"weight_decay": w, "decoupled": c, "maximize": x, "amsgrad": a, "betas": b}
    for w, c, x, a, b in itertools.product([0.0, 0.1], [False, True], [False, True], [False, True], [(0.9, 0.999), (0.3, 0.5)])
]


@pytest.mark.parametrize("options", SGD, ids=str)
def test_sgd_equals_torch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    p = np.linspace(-1, 1, 11)
    leaf = torch.nn.Parameter(torch.tensor(p))
    theirs = torch.optim.SGD([leaf], lr=0.05, **options)
    buf = np.full_like(p, np.nan)  # what an empty buffer may hold
    for step, g in enumerate(gradients(6, 11)):
        leaf.grad = torch.tensor(g)
        theirs.step()
        frozen = g.copy()
        frozen.flags.writeable = False
        sgd_(p, frozen, buf if options["momentum"] else None, 0.05, first_step=step == 0, **options)
        np.testing.assert_allclose(p, leaf.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("options", ADAM, ids=str)
def test_adam_equals_torch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    p = np.linspace(-1, 1, 11)
    leaf = torch.nn.Parameter(torch.tensor(p))
    kind = torch.optim.AdamW if options["decoupled"] else torch.optim.Adam
    common = {k: options[k] for k in ("weight_decay", "maximize", "amsgrad")}
    theirs = kind([leaf], lr=0.05, betas=options["betas"], eps=1e-6, **common)
    m, v, vmax = np.zeros_like(p), np.zeros_like(p), np.zeros_like(p)
    beta1, beta2 = options["betas"]
    for step, g in enumerate(gradients(6, 11), 1):
        leaf.grad = torch.tensor(g)
        theirs.step()
        frozen = g.copy()
        frozen.flags.writeable = False
        adam_(
            p, frozen, m, v, vmax if options["amsgrad"] else None, step, 0.05, beta1, beta2, 1e-6, decoupled=options["decoupled"], **common
        )
        np.testing.assert_allclose(p, leaf.detach().numpy(), rtol=1e-12, atol=1e-14)
    state = theirs.state[leaf]
    np.testing.assert_allclose(m, state["exp_avg"].numpy(), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(v, state["exp_avg_sq"].numpy(), rtol=1e-12, atol=1e-15)


def run_both(arrays: list[np.ndarray], adam: bool) -> None:
    p, g, m, v, vmax = arrays
    if adam:
        adam_(p, g, m, v, vmax, 3, 0.01, 0.9, 0.999, 1e-8, 0.1, False, True, True)
    else:
        sgd_(p, g, m, 0.01, 0.9, 0.1, 0.1, False, True, False)


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


def test_bad_arguments_name_the_fix() -> None:
    a, b = np.ones(3), np.ones(4)
    with pytest.raises(ValueError, match=r"sgd_: arrays do not match the parameters: p is \(3,\), another is \(4,\); give them one shape"):
        sgd_(a, b, None, 0.1, 0.0, 0.0, 0.0, False, False, True)
    with pytest.raises(ValueError, match=r"sgd_: momentum needs a buffer: momentum is 0\.9, buf is None"):
        sgd_(a, a.copy(), None, 0.1, 0.9, 0.0, 0.0, False, False, True)
    with pytest.raises(ValueError, match="adam_: AMSGrad needs the largest v so far: vmax is None"):
        adam_(a, a.copy(), a.copy(), a.copy(), None, 1, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, True)
    with pytest.raises(ValueError, match="adam_: steps count from 1: step is 0"):
        adam_(a, a.copy(), a.copy(), a.copy(), None, 0, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, False)
    np.testing.assert_array_equal(a, np.ones(3))
