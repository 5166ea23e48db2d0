"""Steps by sparse gradients: the trajectories of PyTorch, of dense gradients where they are the same, and who refuses them."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl

TABLE = np.random.default_rng(0).standard_normal((7, 3))
INDICES = np.random.default_rng(1).integers(0, 7, (20, 4))
OPTIMIZERS = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "maximize": True}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}), ("SparseAdam", {"lr": 0.1}),
    ("SparseAdam", {"lr": 0.1, "betas": (0.5, 0.7), "eps": 0.1, "maximize": True}),
]  # fmt: skip


def trained(T, name, options, sparse=True, reload=False):
    w = T.tensor(TABLE, requires_grad=True)
    optimizer = getattr(T.optim, name)([w], **options)
    losses = []
    for i in INDICES:
        optimizer.zero_grad()
        loss = (T.nn.functional.embedding(T.tensor(i), w, sparse=sparse) ** 2).sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        if reload:
            old = optimizer
            optimizer = getattr(T.optim, name)([w], **options)
            optimizer.load_state_dict(old.state_dict())
    return losses, w.detach().numpy()


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_as_pytorch(name, options):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = trained(torch, name, options)
    for mine, other in zip(trained(tl, name, options), theirs, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9)


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_state_goes_on(name, options):
    for mine, other in zip(trained(tl, name, options, reload=True), trained(tl, name, options), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "options"),
    [("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "weight_decay": 0.1, "momentum": 0.5}), ("Adagrad", {"lr": 0.1, "weight_decay": 0.1})],
)
def test_as_with_dense_gradients(name, options):
    for mine, other in zip(trained(tl, name, options), trained(tl, name, options, sparse=False), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_rows_without_gradient_stay():
    w = tl.tensor(TABLE, requires_grad=True)
    optimizer = tl.optim.SparseAdam([w], lr=0.1)
    (tl.nn.functional.embedding(tl.tensor([1, 5, 1]), w, sparse=True) ** 2).sum().backward()
    optimizer.step()
    changed = np.any(w.detach().numpy() != TABLE, axis=1)
    assert changed.tolist() == [False, True, False, False, False, True, False]
    assert not np.any(optimizer.state[w]["exp_avg"].numpy()[~changed])


ALL = [
    n
    for n in tl.optim.__all__
    if inspect.isclass(getattr(tl.optim, n)) and n not in ("Optimizer", "LBFGS", "GaussNewton", "LevenbergMarquardt")
]


@pytest.mark.parametrize("name", ALL)
def test_who_takes_them(name):
    w = tl.tensor(TABLE, requires_grad=True)
    optimizer = getattr(tl.optim, name)([w])
    (tl.nn.functional.embedding(tl.tensor([1, 5, 1]), w, sparse=True) ** 2).sum().backward()
    if name in ("SGD", "Adagrad", "SparseAdam"):
        optimizer.step()
        assert np.any(w.detach().numpy() != TABLE)
        return
    with pytest.raises((TypeError, RuntimeError, ValueError), match=r"is sparse, and .* concerns all elements; use SparseAdam"):
        optimizer.step()
    np.testing.assert_array_equal(w.detach().numpy(), TABLE)


def test_sparse_adam_wants_no_others():
    w = tl.tensor(TABLE, requires_grad=True)
    w.sum().backward()
    with pytest.raises(TypeError, match=r"SparseAdam.step: needs sparse gradients"):
        tl.optim.SparseAdam([w]).step()


@pytest.mark.parametrize("library", ["tl", "torch"])
def test_zeros_stay_sparse(library):
    T = tl if library == "tl" else pytest.importorskip("torch")
    layer = T.nn.Embedding(5, 2, sparse=True)
    optimizer = T.optim.SparseAdam(list(layer.parameters()))
    for clear in (optimizer, layer):
        layer(T.tensor([1, 1])).sum().backward()
        clear.zero_grad(set_to_none=False)
        assert layer.weight.grad.is_sparse and not layer.weight.grad.to_dense().any()
        layer(T.tensor([3])).sum().backward()
        optimizer.step()
        assert layer.weight.grad.to_dense().sum(1).tolist() == [0, 0, 0, 2, 0]


def test_lbfgs_takes_them_dense():
    torch = pytest.importorskip("torch")
    found = []
    for T in (tl, torch):
        w = T.tensor(TABLE, requires_grad=True)
        optimizer = T.optim.LBFGS([w], max_iter=5)

        def closure(T=T, w=w, optimizer=optimizer):
            optimizer.zero_grad()
            loss = (T.nn.functional.embedding(T.tensor(INDICES[0]), w, sparse=True) ** 2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        found.append(w.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)
