"""What samples cannot say of attention, bags, CTC and their kin: errors, warnings, integers as reductions, random results, vmap."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.nn import functional as F


def t(*shape, seed=0):
    return tl.tensor(np.random.default_rng([seed, *shape]).normal(size=shape))


INDEX = tl.tensor([0, 2, 1, 4])
PAIRS = INDEX.reshape(2, 2)
TABLE = t(5, 3)
LOGS = t(4, 2, 3).log_softmax(2)
LABELS = tl.tensor([[1, 2], [1, 1]])
X = t(3, 2, 4)
HEADS = (X, X, X, 4, 2, t(12, 4), None, None, None, False, 0.0, t(4, 4), None)


def heads(*changed, **kwargs):
    """`multi_head_attention_forward` with some of its first arguments changed."""
    args = list(HEADS)
    for place, value in changed:
        args[place] = value
    return F.multi_head_attention_forward(*args, **kwargs)


ERRORS = {
    "attention: widths": (lambda: F.scaled_dot_product_attention(t(3, 4), t(5, 3), t(5, 2)), ValueError, "(3, 4)"),
    "attention: keys and values": (lambda: F.scaled_dot_product_attention(t(3, 4), t(5, 4), t(6, 2)), RuntimeError, "(6, 2)"),
    "attention: vectors": (lambda: F.scaled_dot_product_attention(t(4), t(4), t(4)), RuntimeError, "(4,)"),
    "attention: heads": (lambda: F.scaled_dot_product_attention(t(4, 3, 2), t(3, 3, 2), t(3, 3, 2)), RuntimeError, "enable_gqa"),
    "attention: groups": (lambda: F.scaled_dot_product_attention(t(4, 3, 2), *[t(3, 3, 2)] * 2, enable_gqa=True), RuntimeError, "multiple"),
    "attention: mask": (lambda: F.scaled_dot_product_attention(t(3, 4), t(5, 4), t(5, 4), t(3, 4)), RuntimeError, "attn_mask"),
    "attention: kind of mask": (lambda: F.scaled_dot_product_attention(t(3, 4), t(5, 4), t(5, 4), t(3, 5).long()), RuntimeError, "int64"),
    "attention: mask and triangle": (lambda: F.scaled_dot_product_attention(X, X, X, t(2, 2), is_causal=True), RuntimeError, "is_causal"),
    "attention: integers": (lambda: F.scaled_dot_product_attention(*[t(3, 4).long()] * 3), RuntimeError, "int64"),
    "attention: dtypes": (lambda: F.scaled_dot_product_attention(t(3, 4), t(3, 4).float(), t(3, 4)), RuntimeError, "float32"),
    "attention: dropout": (lambda: F.scaled_dot_product_attention(X, X, X, dropout_p=1.5), ValueError, "1.5"),
    "heads: width": (lambda: heads((3, 6)), RuntimeError, "embed_dim_to_check is 6"),
    "heads: number": (lambda: heads((4, 3)), RuntimeError, "num_heads"),
    "heads: batch": (lambda: heads((1, t(3, 1, 4)), (2, t(3, 1, 4))), RuntimeError, "(3, 1, 4)"),
    "heads: dimensions": (lambda: heads((1, t(3, 4)), (2, t(3, 4))), RuntimeError, "(3, 4)"),
    "heads: keys and values": (lambda: heads((1, t(5, 2, 4)), (2, t(6, 2, 4))), RuntimeError, "(6, 2, 4)"),
    "heads: no weight": (lambda: heads((5, None)), RuntimeError, "in_proj_weight"),
    "heads: no weights": (lambda: heads(use_separate_proj_weight=True), RuntimeError, "q_proj_weight"),
    "heads: one bias": (lambda: heads((7, t(1, 1, 4))), RuntimeError, "bias_k"),
    "heads: mask": (lambda: heads(attn_mask=t(3, 2)), RuntimeError, "(3, 2)"),
    "heads: kind of mask": (lambda: heads(attn_mask=t(3, 3).long()), RuntimeError, "int64"),
    "heads: padding": (lambda: heads(key_padding_mask=t(3, 2) > 0), RuntimeError, "key_padding_mask"),
    "heads: triangle": (lambda: heads(is_causal=True), RuntimeError, "is_causal"),
    "heads: given keys": (lambda: heads(static_k=t(3, 5, 2)), RuntimeError, "static_k"),
    "bag: no offsets": (lambda: F.embedding_bag(INDEX, TABLE), ValueError, "offsets"),
    "bag: offsets of a matrix": (lambda: F.embedding_bag(PAIRS, TABLE, tl.tensor([0])), ValueError, "offsets"),
    "bag: offsets are a matrix": (lambda: F.embedding_bag(INDEX, TABLE, tl.tensor([[0]])), ValueError, "(1, 1)"),
    "bag: dimensions": (lambda: F.embedding_bag(INDEX.reshape(2, 2, 1), TABLE), ValueError, "(2, 2, 1)"),
    "bag: begin": (lambda: F.embedding_bag(INDEX, TABLE, tl.tensor([1, 2])), RuntimeError, "begin with 0"),
    "bag: end": (lambda: F.embedding_bag(INDEX, TABLE, tl.tensor([0, 7])), RuntimeError, "4 indices"),
    "bag: order": (lambda: F.embedding_bag(INDEX, TABLE, tl.tensor([0, 3, 2])), RuntimeError, "ascend"),
    "bag: mode": (lambda: F.embedding_bag(PAIRS, TABLE, mode="min"), ValueError, "'min'"),
    "bag: floats": (lambda: F.embedding_bag(PAIRS.float(), TABLE), RuntimeError, "float32"),
    "bag: range": (lambda: F.embedding_bag(tl.tensor([[0, 7]]), TABLE), RuntimeError, "7"),
    "bag: padding": (lambda: F.embedding_bag(tl.tensor([[0, 1]]), TABLE, padding_idx=7), RuntimeError, "7"),
    "bag: weights of means": (lambda: F.embedding_bag(PAIRS, TABLE, per_sample_weights=t(2, 2)), RuntimeError, "per_sample"),
    "bag: shape of weights": (lambda: F.embedding_bag(PAIRS, TABLE, mode="sum", per_sample_weights=t(4)), ValueError, "(4,)"),
    "bag: dtype of weights": (lambda: F.embedding_bag(PAIRS, t(5, 1), mode="sum", per_sample_weights=t(2, 2).float()), RuntimeError, "32"),
    "bag: frequency of maxima": (lambda: F.embedding_bag(PAIRS, TABLE, mode="max", scale_grad_by_freq=True), ValueError, "max"),
    "bag: sparse maxima": (lambda: F.embedding_bag(PAIRS, TABLE, mode="max", sparse=True), ValueError, "max"),
    "ctc: steps": (lambda: F.ctc_loss(LOGS, LABELS, (5, 4), (2, 2)), RuntimeError, "input_lengths"),
    "ctc: examples": (lambda: F.ctc_loss(LOGS, LABELS, (4,), (2, 2)), RuntimeError, "2 examples"),
    "ctc: labels": (lambda: F.ctc_loss(LOGS, LABELS, (4, 4), (2, 3)), RuntimeError, "target_lengths"),
    "ctc: labels in a row": (lambda: F.ctc_loss(LOGS, LABELS.flatten(), (4, 4), (2, 1)), RuntimeError, "sum to 3"),
    "ctc: blank": (lambda: F.ctc_loss(LOGS, LABELS, (4, 4), (2, 2), blank=3), RuntimeError, "blank"),
    "ctc: range": (lambda: F.ctc_loss(LOGS, LABELS + 1, (4, 4), (2, 2)), IndexError, "3"),
    "ctc: floating labels": (lambda: F.ctc_loss(LOGS, LABELS.double(), (4, 4), (2, 2)), RuntimeError, "float64"),
    "ctc: floating lengths": (lambda: F.ctc_loss(LOGS, LABELS, tl.tensor([4.0, 4.0]), (2, 2)), RuntimeError, "float32"),
    "ctc: empty": (lambda: F.ctc_loss(LOGS[:, :0], LABELS[:0], (), ()), RuntimeError, "empty"),
    "ctc: reduction": (lambda: F.ctc_loss(LOGS, LABELS, (4, 4), (2, 2), reduction="all"), ValueError, "'all'"),
    "rrelu: bounds": (lambda: F.rrelu(X, 0.5, 0.1), RuntimeError, "0.5"),
    "rrelu: integers": (lambda: F.rrelu(X.long()), RuntimeError, "int64"),
    "labels: range": (lambda: F.multilabel_margin_loss(t(2, 3), tl.tensor([[0, 3, -1], [0, 1, 2]])), RuntimeError, "3"),
    "labels: shape": (lambda: F.multilabel_margin_loss(t(2, 3), tl.tensor([[0, 1], [0, 1]])), RuntimeError, "(2, 2)"),
    "labels: kind": (lambda: F.multilabel_margin_loss(t(2, 3), t(2, 3)), RuntimeError, "float64"),
    "linear cross-entropy": (lambda: F.linear_cross_entropy(t(2, 3), t(5, 4), tl.tensor([0, 1])), RuntimeError, "(5, 4)"),
    "linear cross-entropy: bias": (lambda: F.linear_cross_entropy(t(4, 4), t(5, 4), INDEX, linear_bias=t(4)), RuntimeError, "linear_bias"),
    "gumbel: integers": (lambda: F.gumbel_softmax(INDEX), RuntimeError, "int64"),
    "pdist: p": (lambda: F.pdist(t(3, 2), -1.0), RuntimeError, "-1"),
    "pdist: vectors": (lambda: F.pdist(t(3)), RuntimeError, "(3,)"),
    "reduction by number": (lambda: tl.kl_div(X, X, 3), RuntimeError, "3"),
    "weight of a loss": (lambda: F.mse_loss(X, X, weight=t(4)), ValueError, "(4,)"),
    "gru: shapes": (lambda: tl.gru_cell(t(2, 3), t(2, 4), t(9, 3), t(12, 4)), RuntimeError, "(9, 3)"),
    "lstm: state": (lambda: tl.lstm_cell(t(2, 3), t(2, 4), t(16, 3), t(16, 4)), RuntimeError, "pair"),
    "lstm: shapes": (lambda: tl.lstm_cell(t(2, 3), (t(2, 4), t(2, 3)), t(16, 3), t(16, 4)), RuntimeError, "(2, 3)"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "said"), ERRORS.values(), ids=ERRORS)
def test_errors(call, kind, said):
    with pytest.raises(kind) as found:
        call()
    assert type(found.value).__module__.startswith("tensorflowlite_clone")
    assert said in str(found.value)


def test_the_signatures_are_those_of_torch():
    """Names, order and defaults of all functions of nn.functional that PyTorch has written in Python."""
    torch = pytest.importorskip("torch")
    checked = 0
    for name in F.__all__:
        try:
            theirs = inspect.signature(getattr(torch.nn.functional, name)).parameters
        except (TypeError, ValueError):
            continue
        if set(theirs) & {"args", "kwargs", "_stacklevel"}:
            continue
        ours = inspect.signature(getattr(F, name)).parameters
        if "out" in theirs:  # which ours take by name alone
            theirs = {k: v for k, v in theirs.items() if k != "out"}
            ours = {k: v for k, v in ours.items() if k != "out"}
        assert [(k, v.default) for k, v in ours.items() if k != "out"] == [(k, v.default) for k, v in theirs.items()], name
        checked += 1
    assert checked > 60


OLD = {
    (None, False): "none", (None, True): "mean", (False, None): "sum", (True, None): "mean", (False, False): "none", (True, False): "none",
    (False, True): "sum", (True, True): "mean",
}  # fmt: skip
LOSSES = {
    "mse_loss": (X, X + 1), "l1_loss": (X, X + 1), "smooth_l1_loss": (X, X + 1), "kl_div": (X, X.exp()), "poisson_nll_loss": (X, X),
    "binary_cross_entropy": (X.sigmoid(), X.sigmoid()), "binary_cross_entropy_with_logits": (X, X), "soft_margin_loss": (X, X.sign()),
    "cross_entropy": (t(4, 5), INDEX), "nll_loss": (t(4, 5), INDEX), "multi_margin_loss": (t(4, 5), INDEX),
    "hinge_embedding_loss": (X, X.sign()),
    "multilabel_margin_loss": (t(4), tl.tensor([0, 1, -1, 0])), "multilabel_soft_margin_loss": (t(4, 5), t(4, 5).sigmoid()),
    "margin_ranking_loss": (X, -X, X.sign()), "cosine_embedding_loss": (t(3, 2), -t(3, 2), t(3).sign()),
    "triplet_margin_loss": (X, X + 1, -X),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_old_arguments_of_losses(name):
    """As PyTorch takes them: they decide, and a warning says what to write instead."""
    for (size_average, reduce), reduction in OLD.items():
        with pytest.warns(UserWarning, match=f"{name}.*reduction='{reduction}'"):
            old = getattr(F, name)(*LOSSES[name], size_average=size_average, reduce=reduce, reduction="bad")
        new = getattr(F, name)(*LOSSES[name], reduction=reduction)
        assert old.shape == new.shape
        np.testing.assert_array_equal(old.numpy(), new.numpy())


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_float16_are_reduced(name):
    operands = [x.half() if x.dtype == tl.float64 else x for x in LOSSES[name]]
    for reduction in ("none", "mean", "sum"):
        loss = getattr(F, name)(*operands, reduction=reduction)
        wide = getattr(F, name)(*[x.double() if x.dtype == tl.float16 else x for x in operands], reduction=reduction)
        assert loss.dtype == tl.float16
        assert loss.shape == wide.shape
        np.testing.assert_allclose(loss.numpy(), wide.numpy(), rtol=2e-2, atol=2e-2)


def test_rrelu_draws_its_slopes():
    x = -tl.ones(1000)
    tl.manual_seed(1)
    y = F.rrelu(x, 0.2, 0.5, training=True)
    assert -0.5 <= y.min().item() < -0.45
    assert -0.25 < y.max().item() <= -0.2
    g = tl.Generator().manual_seed(3)
    again = tl.rrelu(x, 0.2, 0.5, True, g)
    assert tl.equal(again, tl.rrelu(x, 0.2, 0.5, True, tl.Generator().manual_seed(3)))
    z = x.clone().requires_grad_()
    F.rrelu(z, 0.2, 0.5, training=True).sum().backward()
    assert 0.2 <= z.grad.min().item() < z.grad.max().item() <= 0.5
    w = x.clone()
    assert F.rrelu_(w, 0.2, 0.5, True) is w
    assert (w > -1).all()
    assert tl.rrelu_(w) is w
    assert F.rrelu(w, inplace=True) is w


def test_gumbel_softmax():
    logits = tl.log(tl.tensor([0.1, 0.2, 0.7])).repeat(4000, 1).requires_grad_()
    tl.manual_seed(0)
    hard = F.gumbel_softmax(logits, hard=True)
    np.testing.assert_allclose(hard.detach().numpy().mean(0), [0.1, 0.2, 0.7], atol=0.03)
    assert ((hard == 0) | (hard == 1)).all()
    soft = F.gumbel_softmax(logits, tau=0.5)
    np.testing.assert_allclose(soft.detach().numpy().sum(1), 1.0, atol=1e-6)
    (g,) = tl.autograd.grad((hard * tl.arange(3.0)).sum(), logits)
    assert g.abs().sum() > 0
    np.testing.assert_allclose(g.numpy().sum(1), 0.0, atol=1e-6)
    assert F.gumbel_softmax(t(2, 3, 4), dim=1).sum(1).allclose(tl.ones(2, 4, dtype=tl.float64))
    with pytest.warns(UserWarning, match="eps"):
        F.gumbel_softmax(logits, eps=1e-3)


def test_gumbel_softmax_straight_through_in_forward_mode():
    x, v = t(5), t(5, seed=1)

    def f(hard):
        def run(x):
            tl.manual_seed(0)
            return F.gumbel_softmax(x, hard=hard)

        return run

    soft, hard = (tl.func.jvp(f(h), (x,), (v,))[1] for h in (False, True))
    np.testing.assert_allclose(soft.numpy(), hard.numpy())


def test_bags_divide_gradients_by_frequency():
    """PyTorch divides by the count of another index, unless all are equal."""
    i = tl.tensor([0, 2, 2, 4])
    w = TABLE.clone().requires_grad_()
    F.embedding_bag(i, w, tl.tensor([0, 2]), mode="sum", scale_grad_by_freq=True).sum().backward()
    np.testing.assert_array_equal(w.grad.numpy()[:, 0], [1, 0, 1, 0, 1])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_inside_vmap(mode):
    i = tl.tensor(np.random.default_rng(0).integers(0, 5, (4, 2, 3)))
    tables = t(4, 5, 3)

    def f(i, w):
        return F.embedding_bag(i, w, mode=mode, padding_idx=1)

    each = [f(a, b).numpy() for a, b in zip(i, tables, strict=True)]
    np.testing.assert_allclose(tl.func.vmap(f)(i, tables).numpy(), each)
    np.testing.assert_allclose(tl.func.vmap(f, (0, None))(i, TABLE).numpy(), [f(a, TABLE).numpy() for a in i])


def test_empty_bags():
    nothing = tl.tensor([], dtype=tl.int64)
    for mode in ("sum", "mean", "max"):
        assert F.embedding_bag(nothing, TABLE, tl.tensor([0, 0]), mode=mode).tolist() == [[0.0] * 3] * 2
        assert F.embedding_bag(nothing, TABLE, nothing, mode=mode).shape == (0, 3)
        assert F.embedding_bag(nothing.reshape(0, 2), TABLE, mode=mode).shape == (0, 3)
        assert F.embedding_bag(nothing.reshape(2, 0), TABLE, mode=mode).tolist() == [[0.0] * 3] * 2
        assert F.embedding_bag(tl.tensor([[1, 1]]), TABLE, mode=mode, padding_idx=1).tolist() == [[0.0] * 3]


def test_ctc_has_the_true_gradient():
    """That of log-probabilities as they are; PyTorch's is right only behind a log_softmax."""
    x = t(5, 2, 3).requires_grad_()

    def f(x):
        return F.ctc_loss(x, LABELS, (5, 4), (2, 2), reduction="none")

    assert tl.autograd.gradcheck(f, (x,))
    assert tl.autograd.gradgradcheck(f, (x,))


def test_ctc_of_impossible_labels():
    x = LOGS.detach().requires_grad_()
    loss = F.ctc_loss(x, LABELS, (4, 2), (2, 2), reduction="none")
    assert np.isinf(loss.detach().numpy()).tolist() == [False, True]
    loss.sum().backward()
    assert np.isnan(x.grad.numpy()[:2, 1]).all()
    assert np.isfinite(x.grad.numpy()[:, 0]).all()
    assert not x.grad.numpy()[2:, 1].any()
    x.grad = None
    F.ctc_loss(x, LABELS, (4, 2), (2, 2), zero_infinity=True).backward(create_graph=True)
    assert not x.grad.detach().numpy()[:, 1].any()
    assert F.ctc_loss(x, LABELS, (4, 0), (2, 0), reduction="none")[1].item() == 0
    assert F.ctc_loss(x, LABELS, (4, 0), (2, 1), reduction="none")[1].item() == np.inf


def test_ctc_ignores_what_stands_behind_the_labels():
    padded = tl.tensor([[1, 2, -1, 99], [1, -1, -1, -1]])
    plain = F.ctc_loss(LOGS, LABELS, [4, 4], [2, 1])
    assert F.ctc_loss(LOGS, padded, tl.tensor([4, 4]), tl.tensor([2, 1])).item() == plain.item()
    assert F.ctc_loss(LOGS.half(), LABELS, [4, 4], [2, 1]).dtype == tl.float16


def test_ctc_inside_vmap():
    x = t(3, 4, 2, 3)

    def f(x):
        return F.ctc_loss(x.log_softmax(2), LABELS, (4, 4), (2, 2))

    each = [(tl.func.grad(f)(a), f(a)) for a in x]
    np.testing.assert_allclose(tl.func.vmap(tl.func.grad(f))(x).numpy(), [g.numpy() for g, _ in each], atol=1e-12)
    np.testing.assert_allclose(tl.func.vmap(f)(x).numpy(), [v.numpy() for _, v in each])
    lengths = tl.tensor([[4, 4], [3, 4], [4, 2]])
    several = tl.func.vmap(lambda x, n: F.ctc_loss(x, LABELS, n, (2, 1), reduction="none"))(x, lengths)
    np.testing.assert_allclose(
        several.numpy(), [F.ctc_loss(a, LABELS, n, (2, 1), reduction="none").numpy() for a, n in zip(x, lengths, strict=True)]
    )


def test_attention_of_rows_that_see_nothing():
    """Zeros without weights, NaN with them, as in PyTorch."""
    shut = tl.tensor([[False, False], [True, False]])
    q = t(2, 3).requires_grad_()
    out = F.scaled_dot_product_attention(q, t(2, 3), t(2, 3), shut)
    assert not out[0].detach().numpy().any()
    out.sum().backward()
    assert not q.grad.numpy()[0].any()
    y = t(2, 1, 4)
    args = (y, y, y, 4, 2, t(12, 4), None, None, None, False, 0.0, t(4, 4), None)
    weighed, weights = F.multi_head_attention_forward(*args, attn_mask=~shut)
    assert weights[0, 0].isnan().all()
    assert weighed[0].isnan().all()
    plain, none = F.multi_head_attention_forward(*args, attn_mask=~shut, need_weights=False)
    assert none is None
    assert not plain.isnan().any()


def test_masks_of_different_types_are_a_warning():
    with pytest.warns(UserWarning, match="key_padding_mask"):
        heads(attn_mask=t(3, 3), key_padding_mask=tl.zeros(2, 3, dtype=tl.bool))


def test_heads_without_training_drop_nothing():
    a, _ = heads((10, 0.9), training=False)
    b, _ = heads()
    np.testing.assert_array_equal(a.numpy(), b.numpy())
    _, w = heads((10, 0.5), average_attn_weights=False)
    assert (w == 0).any()


def test_heads_and_attention_inside_vmap():
    xs = t(3, 4, 2, 4, seed=5)

    def f(x):
        args = (x, x, x, 4, 2, t(12, 4), None, None, None, False, 0.0, t(4, 4), None)
        return F.multi_head_attention_forward(*args, need_weights=False)[0]

    np.testing.assert_allclose(tl.func.vmap(f)(xs).numpy(), [f(x).numpy() for x in xs], atol=1e-12)
    g = tl.func.grad(lambda x: f(x).sum())
    np.testing.assert_allclose(tl.func.vmap(g)(xs).numpy(), [g(x).numpy() for x in xs], atol=1e-12)


def test_no_warning_without_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.mse_loss(X, X)
        F.ctc_loss(LOGS, LABELS, (4, 4), (2, 2))
        F.scaled_dot_product_attention(X, X, X, is_causal=True)
        F.embedding_bag(PAIRS, TABLE)


def test_kernels_with_any_number_of_operands_see_no_boxes():
    """Derivatives inside derivatives: what a recorded operand holds may be a box, in a tuple of operands as well."""
    q, k, v = t(3, 2), t(4, 2, seed=1), t(4, 2, seed=2)

    def f(q):
        return F.scaled_dot_product_attention(q, k, v).square().sum()

    g = tl.func.grad(f)(q).numpy()
    r = q.clone().requires_grad_()
    inside = tl.func.grad(f)(r)
    np.testing.assert_allclose(inside.detach().numpy(), g, atol=1e-12)
    (twice,) = tl.autograd.grad(inside.sum(), r)
    hessian = tl.func.hessian(f)(q)
    np.testing.assert_allclose(twice.numpy(), hessian.numpy().sum((0, 1)), atol=1e-10)


def test_embedding_renorm_has_no_derivative():
    w = TABLE.clone().requires_grad_()
    with pytest.raises(RuntimeError, match="embedding_renorm_: input requires grad"):
        tl.embedding_renorm_(w, INDEX, 1.0, 2.0)
    with tl.no_grad():
        assert tl.embedding_renorm_(w, INDEX, 1.0, 2.0) is w
    assert np.linalg.norm(w.detach().numpy()[[0, 1, 2, 4]], axis=1).max() < 1.0 + 1e-6


def test_targets_of_hinges_that_are_neither_sign():
    x = tl.tensor([0.25, 0.5])
    assert F.hinge_embedding_loss(x, tl.tensor([0.0, 2.0]), reduction="none").tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="mse_loss"):
        F.mse_loss(INDEX, INDEX)
    with pytest.raises(RuntimeError, match="l1_loss: the mean of integers"):
        F.l1_loss(INDEX, INDEX)
    assert F.l1_loss(INDEX, INDEX + 1, reduction="sum").item() == 4


def test_masks_of_fewer_dimensions():
    q, k, v, row = t(2, 3, 4), t(2, 5, 4), t(2, 5, 2), t(5)
    expected = F.scaled_dot_product_attention(q, k, v, row[None])
    np.testing.assert_array_equal(F.scaled_dot_product_attention(q, k, v, row).numpy(), expected.numpy())
    plain = F.scaled_dot_product_attention(q, k, v)
    np.testing.assert_allclose(F.scaled_dot_product_attention(q, k, v, tl.tensor(0.5)).numpy(), plain.numpy())
    np.testing.assert_array_equal(F.scaled_dot_product_attention(q, k, v, tl.tensor(True)).numpy(), plain.numpy())
