"""`AdaptiveLogSoftmaxWithLoss` against PyTorch's: results, gradients, log-probabilities, predictions, state, errors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import func, nn

rng = np.random.default_rng(0)
BUILDS = [
    {"cutoffs": cutoffs, "div_value": div, "head_bias": bias}
    for cutoffs, div, bias in itertools.product(([3], [3, 7], (2, 5, 11)), (2.0, 4.0, 1.5), (False, True))
]
#: Labels of every cluster, of some, of the head alone, of one cluster alone, of none.
TARGETS = [np.array([0, 4, 8, 11, 2, 7]), np.array([1, 1, 5]), np.array([0, 1]), np.array([11, 11]), np.array(8), np.zeros(0, int)]


@pytest.mark.filterwarnings("ignore:Initializing zero-element:UserWarning")
def pair(build):
    torch = pytest.importorskip("torch")
    ours, theirs = (s.nn.AdaptiveLogSoftmaxWithLoss(8, 12, **build).double() for s in (tl, torch))
    assert list(ours.state_dict()) == list(theirs.state_dict()) and repr(ours) == repr(theirs)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return torch, ours, theirs


@pytest.mark.parametrize("build", BUILDS, ids=str)
@pytest.mark.filterwarnings("ignore:Initializing zero-element:UserWarning")
def test_equals_torch(build):
    torch, ours, theirs = pair(build)
    for name in ("cutoffs", "shortlist_size", "n_clusters", "head_size"):
        assert getattr(ours, name) == getattr(theirs, name)
    for target in TARGETS:
        x = rng.normal(size=(*target.shape, 8))
        mine, other = tl.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        a, b = ours(mine, tl.tensor(target)), theirs(other, torch.tensor(target))
        assert a._fields == b._fields == ("output", "loss")
        for y, z in zip(a, b, strict=True):
            assert y.shape == tuple(z.shape)
            np.testing.assert_allclose(y.numpy(force=True), z.detach().numpy(), rtol=1e-9)
        if not target.size:
            continue
        ours.zero_grad(), theirs.zero_grad()
        a.loss.backward(), b.loss.backward()
        np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-9, atol=1e-12)
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            g, h = (np.zeros(p.shape) if w.grad is None else np.asarray(w.grad) for w in (p, q))
            np.testing.assert_allclose(g, h, rtol=1e-9, atol=1e-12, err_msg=name)
        if target.ndim:
            np.testing.assert_allclose(ours.log_prob(mine).numpy(force=True), theirs.log_prob(other).detach().numpy(), rtol=1e-9)
            assert ours.predict(mine).tolist() == theirs.predict(other).tolist()


def test_examples_one_by_one_and_under_a_transform():
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0).double()
    x, target = tl.tensor(rng.normal(size=(6, 8))), tl.tensor(TARGETS[0])
    params = {k: p.detach() for k, p in layer.named_parameters()}
    whole = layer(x, target).output.numpy(force=True)
    assert abs(np.exp(layer.log_prob(x).numpy(force=True)).sum(1) - 1).max() < 1e-12

    def loss(params, x, y):
        return func.functional_call(layer, params, (x, y)).loss

    np.testing.assert_allclose(-func.vmap(loss, in_dims=(None, 0, 0))(params, x, target).numpy(), whole, rtol=1e-12)
    each = func.vmap(func.grad(loss), in_dims=(None, 0, 0))(params, x, target)
    layer(x, target).output.sum().backward()
    for name, p in layer.named_parameters():
        np.testing.assert_allclose(-each[name].numpy().sum(0), p.grad.numpy(), rtol=1e-9, atol=1e-12)
        for i in (0, 3):
            one = func.grad(loss)(params, x[i], target[i])[name]
            np.testing.assert_allclose(each[name][i].numpy(), one.numpy(), rtol=1e-9, atol=1e-12)


CUTOFFS = ([0, 3], [3, 3], [5, 4], [10], [-1, 2])
WRONG = {
    "no cutoffs": (lambda s: s.nn.AdaptiveLogSoftmaxWithLoss(4, 10, []), "cutoffs"),
    **{f"cutoffs {c}": (lambda s, c=c: s.nn.AdaptiveLogSoftmaxWithLoss(4, 10, c), "cutoffs") for c in CUTOFFS},
    "labels too large": (lambda s: made(s)(s.zeros(3, 4), s.tensor([0, 1, 10])), "from 0 to 10"),
    "labels negative": (lambda s: made(s)(s.zeros(3, 4), s.tensor([0, 1, -1])), "from -1 to 1"),
    "floating": (lambda s: made(s)(s.zeros(3, 4), s.tensor([0.0, 1.0, 2.0])), "float32"),
    "number": (lambda s: made(s)(s.zeros(3, 4), s.tensor([0, 1])), "(2,)"),
    "one for many": (lambda s: made(s)(s.zeros(3, 4), s.tensor(1)), "()"),
    "many for one": (lambda s: made(s)(s.zeros(4), s.tensor([1])), "(1,)"),
    "matrix": (lambda s: made(s)(s.zeros(3, 4), s.tensor([[1], [1], [2]])), "(3, 1)"),
    "width": (lambda s: made(s)(s.zeros(1, 5), s.tensor([1])), "(1, 5)"),
    "vector": (lambda s: made(s).log_prob(s.zeros(4)), "(4,)"),
}  # fmt: skip


def made(space):
    return space.nn.AdaptiveLogSoftmaxWithLoss(4, 10, [2, 5], 2.0)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_calls_are_refused_as_in_torch(name):
    call, fact = WRONG[name]
    with pytest.raises((RuntimeError, TypeError)) as ours:
        call(tl)
    assert fact in str(ours.value)
    torch = pytest.importorskip("torch")
    with pytest.raises(Exception) as theirs:
        call(torch)
    assert isinstance(ours.value, type(theirs.value)) or isinstance(theirs.value, IndexError)
