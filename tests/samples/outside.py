"""Calls of ``ops/nn/outside.py``, ``ops/nn/cells.py`` and ``ops/nn/composed.py``, which are made of operations of other files."""

import numpy as np

from . import call, integers, normal, positive

X, Y, Z = normal(3, 4), positive(3, 4, seed=1), normal(3, 4, seed=2)
SIGNS = np.where(normal(3, 4, seed=3) > 0, 1.0, -1.0)
W3, U3, B3 = normal(12, 3, seed=4), normal(12, 4, seed=5), normal(12, seed=6)
W4, U4, B4 = normal(16, 3, seed=7), normal(16, 4, seed=8), normal(16, seed=9)
I = np.array([0, 2, 4, 4])
LABELS = integers(3, high=5)
ONE = "PyTorch's operation has one derivative"


def losses(T, x, y, z, s, r):
    s = s.detach()
    return (
        T.kl_div(x, y.detach(), r), T.kl_div(x, z.detach(), r, log_target=True), T.poisson_nll_loss(x, y.detach(), True, True, 1e-8, r),
        T.hinge_embedding_loss(x, s, 1.5, r), T.margin_ranking_loss(x, z, s, 0.3, r), T.cosine_embedding_loss(x, z, s[:, 0], 0.1, r),
        T.triplet_margin_loss(x, y, z, 0.4, 3.0, 1e-6, True, r),
    )  # fmt: skip


CALLS = [
    *[call(f"losses by number {r}", lambda T, x, y, z, s, r=r: losses(T, x, y, z, s, r), X, Y, Z, SIGNS) for r in (0, 1, 2)],
    call("bce with logits by number", lambda T, x, y, w, p: [T.binary_cross_entropy_with_logits(x, y, w.detach(), p.detach(), r) for r in (0, 1, 2)], X, Y, positive(4), positive(4, seed=5)),
    call("ctc by number", lambda T, x, y: [T.ctc_loss(x.log_softmax(2), y, (5, 5), (2, 2), 0, r, True) for r in (0, 1, 2)], normal(5, 2, 4), np.array([[1, 2], [3, 3]]), second=False, why=ONE),
    call("embedding outside", lambda T, w, i: (T.embedding(w, i), T.embedding(w, i.int())), normal(5, 3), I),
    call("embedding_bag outside", lambda T, w, i, o: (*T.embedding_bag(w, i, o, False, 1), *T.embedding_bag(w, i, o, False, 2, False, None, False, 2)), normal(5, 3), I, np.array([0, 2, 2]), second=False, why=ONE),
    call("embedding_renorm_", lambda T, w, i: T.embedding_renorm_(w.detach().clone(), i, 1.0, 2.0), normal(5, 3), I, differentiable=False, tolerance=1e-7),
    call("norms outside", lambda T, x, w, b: (T.batch_norm(x, w, b, None, None, True, 0.1, 1e-5, True), T.layer_norm(x, (4,), w, b, 1e-3, True), T.group_norm(x, 2, w, b, 1e-3, True)), X, normal(4), normal(4, seed=1)),
    call("instance_norm outside", lambda T, x, w, b: T.instance_norm(x, w, b, None, None, True, 0.1, 1e-5, True), normal(2, 3, 4), normal(3), normal(3, seed=1)),
    call("dropouts outside", lambda T, x: [getattr(T, n)(x, 1.0, train) * 1.0 for n in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout") for train in (True, False)], X),
    call("dropouts in place", lambda T, x: [getattr(T, n)(x.clone(), 1.0, True) for n in ("dropout_", "alpha_dropout_", "feature_dropout_", "feature_alpha_dropout_")], X),
    call("activations in place outside", lambda T, x: [getattr(T, n)(x.clone()) for n in ("relu_", "selu_", "celu_", "rrelu_")] + [T.threshold_(x.clone(), 0.1, 0.2)], X),
    call("rrelu", lambda T, x: (T.rrelu(x), T.nn.functional.rrelu(x, 0.1, 0.4), T.nn.functional.rrelu(x, 0.3, 0.3, True), T.nn.functional.rrelu_(x.clone(), 0.1, 0.4)), X),
    call("gru_cell", lambda T, x, h, w, u, b: (T.gru_cell(x, h, w, u, b, b), T.gru_cell(x, h, w, u)), normal(2, 3), normal(2, 4), W3, U3, B3),
    call("lstm_cell", lambda T, x, h, c, w, u, b: T.lstm_cell(x, (h, c), w, u, b, b), normal(2, 3), normal(2, 4), normal(2, 4, seed=1), W4, U4, B4),
    call("rnn cells", lambda T, x, h, w, u, b: (T.rnn_tanh_cell(x, h, w, u, b, b), T.rnn_relu_cell(x, h, w, u)), normal(2, 3), normal(2, 4), W4[:4], U4[:4], B4[:4]),
    call("bilinear outside", lambda T, x, y, w, b: T.bilinear(x, y, w, b), normal(5, 3), normal(5, 4), normal(2, 3, 4), normal(2)),
    *[call(f"linear_cross_entropy {r}", lambda T, x, w, b, y, r=r: T.nn.functional.linear_cross_entropy(x, w, y, linear_bias=b, reduction=r, label_smoothing=0.1), X, normal(5, 4), normal(5), LABELS) for r in ("mean", "none")],
    call("linear_cross_entropy of images", lambda T, x, w, b, y: T.nn.functional.linear_cross_entropy(x, w, y, linear_bias=b, ignore_index=1), X, normal(5, 2, 4), normal(5, 2), integers(3, 2, high=5)),
]  # fmt: skip
