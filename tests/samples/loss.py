"""Samples for ``ops/loss.py``."""

import numpy as np

from . import call, integers, normal, positive, sample, uniform

X, Y = normal(4, 3), integers(4, high=3)
IGNORED = np.array([0, -100, 2, 1])
P = uniform(4, 3, low=0.05, high=0.95)
PLAIN = {"ignore_index": -100, "label_smoothing": 0.0}

SAMPLES = {
    "CrossEntropy": [
        *[sample(X, Y, None, reduction=r, **PLAIN) for r in ("mean", "sum", "none")],
        sample(X, IGNORED, None, reduction="mean", **PLAIN),
        sample(X, Y, None, reduction="mean", ignore_index=1, label_smoothing=0.1),
        sample(X, IGNORED, None, reduction="none", ignore_index=-100, label_smoothing=0.2),
    ],
    "LogClamped": [sample(positive(2, 3)), sample(np.array([0.0, 1.0]), smooth=False)],
}


def f(T):
    return T.nn.functional


CE = [{}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.1}, {"ignore_index": 1}]
CALLS = [
    *[call(f"cross_entropy {k}", lambda T, x, y, k=k: f(T).cross_entropy(x, y, **k), X, Y) for k in CE],
    *[call(f"cross_entropy weight {k}", lambda T, x, y, w, k=k: f(T).cross_entropy(x, y, w.detach(), **k), X, Y, positive(3)) for k in CE],
    call("cross_entropy ignored", lambda T, x, y: f(T).cross_entropy(x, y), X, IGNORED),
    call("cross_entropy images", lambda T, x, y: (f(T).cross_entropy(x, y), f(T).cross_entropy(x, y, reduction="none")), normal(2, 3, 4), integers(2, 4, high=3)),
    call("cross_entropy one", lambda T, x: f(T).cross_entropy(x, T.tensor(1)), normal(3)),
    call("cross_entropy probabilities", lambda T, x, p: (f(T).cross_entropy(x, p), f(T).cross_entropy(x, p, label_smoothing=0.1, reduction="sum")), X, P),
    call("nll_loss", lambda T, x, y: (f(T).nll_loss(x, y), f(T).nll_loss(x, y, ignore_index=1, reduction="sum"), f(T).nll_loss(x, y, reduction="none")), X, Y),
    call("nll_loss images", lambda T, x, y, w: f(T).nll_loss(x, y, w.detach()), normal(2, 3, 4), integers(2, 4, high=3), positive(3)),
    *[call(f"{n} {r}", lambda T, x, y, n=n, r=r: getattr(f(T), n)(x, y, reduction=r), X, normal(4, 3, seed=8))
      for n in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss") for r in ("mean", "sum", "none")],
    call("smooth_l1 beta", lambda T, x, y: (f(T).smooth_l1_loss(x, y, beta=0.3), f(T).huber_loss(x, y, delta=0.3)), X, normal(4, 3, seed=8)),
    call("bce", lambda T, x, y: (f(T).binary_cross_entropy(x, y), f(T).binary_cross_entropy(x, y, reduction="none")), P, uniform(4, 3, low=0, high=1, seed=3)),
    # At x = y = 1 the derivative is -1; PyTorch's quotient (x - y) / max(x (1 - x), 1e-12) gives 0 there, so that point is left out.
    call("bce at 0 and 1", lambda T, x: f(T).binary_cross_entropy(x, T.tensor([1.0, 0.0], dtype=T.float64)), np.array([0.0, 1.0]),
         second=False, tolerance=1e-8),
    call("bce logits", lambda T, x, y, w: (f(T).binary_cross_entropy_with_logits(x, y), f(T).binary_cross_entropy_with_logits(x, y, pos_weight=w.detach())),
         X, P, positive(3)),
    call("kl_div", lambda T, x, p: (f(T).kl_div(x, p, reduction="batchmean"), f(T).kl_div(x, p, reduction="sum"), f(T).kl_div(x, p, reduction="none", log_target=True)),
         X, P),
    call("poisson", lambda T, x, y: (f(T).poisson_nll_loss(x, y), f(T).poisson_nll_loss(x.exp(), y, log_input=False, full=True)), X, positive(4, 3)),
    call("gaussian", lambda T, x, y, v: (f(T).gaussian_nll_loss(x, y, v), f(T).gaussian_nll_loss(x, y, v[:, :1], full=True)), X, P, positive(4, 3)),
    call("hinge", lambda T, x, y: f(T).hinge_embedding_loss(x, y), X, np.where(normal(4, 3, seed=2) > 0, 1, -1)),
    call("margin_ranking", lambda T, x, y: f(T).margin_ranking_loss(x, y, T.ones(4, 3, dtype=T.float64), margin=0.3), X, P),
    call("soft_margin", lambda T, x: f(T).soft_margin_loss(x, T.ones(4, 3, dtype=T.float64)), X),
    call("triplet", lambda T, x, y, z: f(T).triplet_margin_loss(x, y, z), X, normal(4, 3, seed=5), normal(4, 3, seed=6)),
]  # fmt: skip
