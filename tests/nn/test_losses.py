"""Every loss module against PyTorch's: values and gradients for each reduction, repr, state, and operands that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
P, Q = 1 / (1 + np.exp(-X)), rng.uniform(size=(4, 3))
LABELS = np.array([0, 2, 1, 2])
SIGNS = np.where(rng.normal(size=(4, 3)) > 0, 1.0, -1.0)
W = np.array([0.5, 2.0, 1.0])
IMAGE, MAP = rng.normal(size=(2, 3, 2, 2)), rng.integers(0, 3, (2, 2, 2))


#: Name, settings (arrays become tensors), operands; the gradient of floating operands is compared up to the given number.
LOSSES = [
    ("L1Loss", {}, [X, Y]),
    ("MSELoss", {}, [X, Y]),
    ("SmoothL1Loss", {"beta": 0.7}, [X, Y]),
    ("HuberLoss", {"delta": 0.7}, [X, Y]),
    ("CrossEntropyLoss", {}, [X, LABELS]),
    ("CrossEntropyLoss", {"weight": W, "label_smoothing": 0.1}, [X, LABELS]),
    ("CrossEntropyLoss", {"ignore_index": 2}, [X, LABELS]),
    ("CrossEntropyLoss", {}, [X, Q / Q.sum(1, keepdims=True)]),
    ("CrossEntropyLoss", {"weight": W}, [IMAGE, MAP]),
    ("NLLLoss", {}, [X, LABELS]),
    ("NLLLoss", {"weight": W, "ignore_index": 1}, [IMAGE, MAP]),
    ("BCELoss", {}, [P, Q]),
    ("BCELoss", {"weight": W}, [P, Q]),
    ("BCEWithLogitsLoss", {}, [X, Q]),
    ("BCEWithLogitsLoss", {"weight": W, "pos_weight": 1 / W}, [X, Q]),
    ("KLDivLoss", {}, [X, Q]),
    ("KLDivLoss", {"log_target": True}, [X, Y]),
    ("PoissonNLLLoss", {}, [X, Q * 3]),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, [P, Q * 3]),
    ("GaussianNLLLoss", {}, [X, Y, Q]),
    ("GaussianNLLLoss", {"full": True, "eps": 0.3}, [X, Y, Q]),
    ("MarginRankingLoss", {"margin": 0.3}, [X, Y, SIGNS]),
    ("HingeEmbeddingLoss", {"margin": 0.8}, [X, SIGNS]),
    ("SoftMarginLoss", {}, [X, SIGNS]),
    ("TripletMarginLoss", {"margin": 1.5}, [X, Y, Q]),
    ("TripletMarginLoss", {"p": 1.0, "swap": True}, [X, Y, Q]),
    ("TripletMarginWithDistanceLoss", {}, [X, Y, Q]),
    ("TripletMarginWithDistanceLoss", {"distance_function": lambda a, b: (a - b).abs().sum(-1), "swap": True}, [X, Y, Q]),
    ("CosineEmbeddingLoss", {"margin": -0.5}, [X, Y, SIGNS[:, 0]]),
    ("MultiMarginLoss", {"margin": 0.7}, [X, LABELS]),
    ("MultiMarginLoss", {"p": 2, "weight": W}, [X, LABELS]),
    ("MultiLabelMarginLoss", {}, [X, np.array([[0, 2, -1], [-1, 0, 1], [1, -1, -1], [2, 1, 0]])]),
    ("MultiLabelSoftMarginLoss", {}, [X, (SIGNS + 1) / 2]),
    ("MultiLabelSoftMarginLoss", {"weight": W}, [X, (SIGNS + 1) / 2]),
]


def name_of(case):
    return f"{case[0]}({', '.join(case[1])})"


def build(namespace, tensor, case, reduction):
    settings = {k: tensor(v) if isinstance(v, np.ndarray) else v for k, v in case[1].items()}
    return getattr(namespace, case[0])(**settings, reduction=reduction)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("case", LOSSES, ids=name_of)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # PyTorch on its own KLDivLoss
def test_loss_equals_torch(case, reduction):
    torch = pytest.importorskip("torch")
    ours, theirs = build(nn, tl.Tensor, case, reduction), build(torch.nn, torch.tensor, case, reduction)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    mine = [tl.Tensor(a, requires_grad=i == 0) for i, a in enumerate(case[2])]
    other = [torch.tensor(a, requires_grad=i == 0) for i, a in enumerate(case[2])]
    a, b = ours(*mine), theirs(*other)
    assert a.shape == tuple(b.shape) and a.dtype == np.float64
    np.testing.assert_allclose(a.numpy(force=True), b.detach().numpy(), rtol=1e-9, atol=1e-12)
    a.sum().backward()
    b.sum().backward()
    np.testing.assert_allclose(mine[0].grad.numpy(), other[0].grad.numpy(), rtol=1e-9, atol=1e-12)


def test_every_loss_is_compared():
    elsewhere = {"CTCLoss", "LinearCrossEntropyLoss", "AdaptiveLogSoftmaxWithLoss"}  # below, test_loss_options.py, test_adaptive.py
    assert {name for name in nn.__all__ if name.endswith("Loss")} == {case[0] for case in LOSSES} | elsewhere


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("settings", [{}, {"blank": 2}, {"zero_infinity": True}], ids=str)
def test_ctc_loss_equals_torch(settings, reduction):
    """Behind a log_softmax: PyTorch's gradient of log-probabilities by themselves is another one."""
    torch = pytest.importorskip("torch")
    ours, theirs = nn.CTCLoss(**settings, reduction=reduction), torch.nn.CTCLoss(**settings, reduction=reduction)
    assert repr(ours) == repr(theirs)
    assert not theirs.state_dict() and not ours.state_dict()
    labels = np.array([[1, 0], [1, 1]]) + (0 if "blank" in settings else 1)
    logits = rng.normal(size=(5, 2, 3))
    x, y = tl.Tensor(logits, requires_grad=True), torch.tensor(logits, requires_grad=True)
    steps = (5, 2 if "zero_infinity" in settings else 4)
    a = ours(x.log_softmax(2), tl.Tensor(labels), steps, (2, 2))
    b = theirs(y.log_softmax(2), torch.tensor(labels), steps, (2, 2))
    np.testing.assert_allclose(a.numpy(force=True), b.detach().numpy(), rtol=1e-9, atol=1e-12)
    a.sum().backward(), b.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["MSELoss", "KLDivLoss", "CrossEntropyLoss", "PoissonNLLLoss", "TripletMarginLoss", "MultiMarginLoss"])
def test_old_settings_say_what_to_pass_instead(name):
    for old, new in (({"size_average": False}, "sum"), ({"reduce": False}, "none"), ({"size_average": True}, "mean")):
        with pytest.warns(UserWarning, match=f"{name}: size_average and reduce are deprecated.*reduction='{new}'"):
            assert getattr(nn, name)(**old).reduction == new


@pytest.mark.parametrize("name", ["BCELoss", "BCEWithLogitsLoss", "MultiLabelMarginLoss"])
def test_operands_that_only_broadcast_are_an_error(name):
    with pytest.raises(RuntimeError, match=r"\(4, 1\).*\(4,\)") as caught:
        getattr(nn, name)()(tl.full((4, 1), 0.5), tl.full((4,), 0.5))
    assert f"in {name} ({name}())" in caught.value.__notes__


@pytest.mark.parametrize("name", ["L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss"])
def test_operands_that_only_broadcast_warn(name):
    with pytest.warns(UserWarning, match=r"_loss: input and target should have the same shape: they are \(4, 1\) and \(4,\)"):
        assert getattr(nn, name)(reduction="none")(tl.full((4, 1), 0.5), tl.full((4,), 0.5)).shape == (4, 4)
    with pytest.raises(RuntimeError, match=r"\(4,\).*\(3,\)"):
        getattr(nn, name)()(tl.zeros(4), tl.zeros(3))


def test_unknown_reduction_is_an_error():
    with pytest.raises(ValueError, match="MSELoss: reduction must be one of 'mean', 'sum', 'none': got 'average'"):
        nn.MSELoss(reduction="average")
    with pytest.raises(ValueError, match="batchmean"):
        nn.MSELoss(reduction="batchmean")
    assert nn.KLDivLoss(reduction="batchmean")(tl.zeros(2, 3), tl.ones(2, 3)).item() == 0.0


def test_class_weights_move_with_the_module():
    loss = nn.CrossEntropyLoss(weight=tl.ones(3))
    assert loss.double().weight.dtype == np.float64


@pytest.mark.parametrize("weight", [None, W])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_rows_that_are_all_ignored_have_no_gradient(weight, smoothing):
    """The mean of nothing is NaN, but a step along its gradient must not destroy the network; the same in every mode."""

    def loss(x):
        w = None if weight is None else tl.tensor(weight)
        return nn.functional.cross_entropy(x, tl.full((2,), -100, dtype=tl.int64), w, label_smoothing=smoothing)

    x = tl.tensor(X[:2], requires_grad=True)
    value = loss(x)
    assert np.isnan(value.item())
    (g,) = tl.autograd.grad(value, x, create_graph=True)
    (h,) = tl.autograd.grad((g * tl.tensor(Y[:2])).sum(), x)
    each = tl.func.vmap(tl.func.grad(loss))(tl.stack([x.detach(), x.detach()]))
    for derivative in (g.detach(), h, each, tl.func.grad(loss)(x.detach()), tl.func.jvp(loss, (x.detach(),), (tl.tensor(Y[:2]),))[1]):
        assert not np.any(derivative.numpy())


def test_ignored_logits_need_not_be_finite():
    x = X[:3].copy()
    x[1] = [np.inf, np.nan, 0.0]
    target = tl.tensor([0, -100, 2])
    x1, x2 = tl.tensor(x, requires_grad=True), tl.tensor(x[[0, 2]], requires_grad=True)
    mine = nn.functional.cross_entropy(x1, target)
    (g,) = tl.autograd.grad(mine, x1, create_graph=True)
    (h,) = tl.autograd.grad((g**2).sum(), x1)
    other = nn.functional.cross_entropy(x2, target[[0, 2]])
    (g2,) = tl.autograd.grad(other, x2, create_graph=True)
    (h2,) = tl.autograd.grad((g2**2).sum(), x2)
    for a, b in ((g, g2), (h, h2)):
        np.testing.assert_allclose(a.detach().numpy()[[0, 2]], b.detach().numpy(), rtol=1e-12)
        assert not np.any(a.detach().numpy()[1])
