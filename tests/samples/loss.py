"""Samples for ``ops/nn/loss.py``."""

import numpy as np

from . import call, distinct, integers, normal, positive, sample, uniform

X, Y = normal(4, 3), integers(4, high=3)
IGNORED = np.array([0, -100, 2, 1])
P = uniform(4, 3, low=0.05, high=0.95)
PLAIN = {"ignore_index": -100, "label_smoothing": 0.0}

SAMPLES = {
    "CrossEntropy": [
        *[sample(X, Y, None, reduction=r, **PLAIN) for r in ("mean", "sum", "none")],
        sample(X, IGNORED, None, reduction="mean", **PLAIN),
        sample(X, Y, None, reduction="mean", ignore_index=1, label_smoothing=0.1),
        *[
            sample(X, IGNORED, positive(3), reduction=r, ignore_index=-100, label_smoothing=e)
            for r in ("mean", "sum", "none")
            for e in (0.0, 0.2)
        ],
        sample(normal(1, 1), np.array([0]), None, reduction="mean", **PLAIN),
        sample(normal(0, 3), np.zeros(0, int), None, reduction="sum", **PLAIN),
        sample(X, IGNORED, None, reduction="none", ignore_index=-100, label_smoothing=0.2),
    ],
    "BinaryCrossEntropy": [
        sample(P, uniform(4, 3, low=0.1, high=0.9, seed=3)),
        sample(P[:, :1], uniform(3, low=0.1, high=0.9, seed=3)),
        sample(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]), smooth=False),
        sample(np.array(0.3), np.array(1.0)),
    ],
    "BinaryCrossEntropyWithLogits": [
        sample(normal(4, 3), uniform(4, 3, low=0.1, high=0.9, seed=3)),
        sample(normal(4, 1), uniform(3, low=0.1, high=0.9, seed=3)),
        sample(np.array(0.3), np.array(1.0)),
        sample(np.zeros((0, 2)), np.zeros((0, 2))),
    ],
    "Huber": [
        sample(distinct(3, 4), width=0.55),
        sample(normal(), width=1.0),
        sample(np.zeros((0, 2)), width=1.0),
        sample(np.array([-2.0, 0.0, 2.0, 1e200]), width=2.0, smooth=False, float32=False),
    ],
    "AtLeast": [sample(positive(2, 3), low=0.1), sample(np.array([0.0, 1.0]), low=0.5, smooth=False)],
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
    *[call(f"{n} weight {r}", lambda T, x, y, w, n=n, r=r: getattr(f(T), n)(x, y, reduction=r, weight=w), X, normal(4, 3, seed=8), positive(4, 3))
      for n in ("mse_loss", "l1_loss", "huber_loss") for r in ("mean", "sum", "none")],
    call("smooth_l1 beta", lambda T, x, y: (f(T).smooth_l1_loss(x, y, beta=0.3), f(T).huber_loss(x, y, delta=0.3)), X, normal(4, 3, seed=8)),
    call("bce", lambda T, x, y: (f(T).binary_cross_entropy(x, y), f(T).binary_cross_entropy(x, y, reduction="none")), P, uniform(4, 3, low=0, high=1, seed=3)),
    call("bce at 0 and 1", lambda T, x: f(T).binary_cross_entropy(x, T.tensor([1.0, 0.0, 0.0, 1.0], dtype=T.float64)), np.array([0.0, 1.0, 0.0, 1.0]), second=False, tolerance=1e-8),
    call("bce weight", lambda T, x, y, w: (f(T).binary_cross_entropy(x, y.detach(), w.detach()), f(T).binary_cross_entropy(x, y.detach(), w.detach()[:1], reduction="sum")), P, uniform(4, 3, low=0, high=1, seed=3), positive(4, 3)),
    call("bce logits", lambda T, x, y, w: (f(T).binary_cross_entropy_with_logits(x, y), f(T).binary_cross_entropy_with_logits(x, y, pos_weight=w.detach())),
         X, P, positive(3)),
    call("kl_div", lambda T, x, p: (f(T).kl_div(x, p, reduction="batchmean"), f(T).kl_div(x, p, reduction="sum"), f(T).kl_div(x, p, reduction="none", log_target=True)),
         X, P),
    call("poisson", lambda T, x, y: (f(T).poisson_nll_loss(x, y), f(T).poisson_nll_loss(x.exp(), y, log_input=False, full=True)), X, positive(4, 3)),
    call("gaussian", lambda T, x, y, v: (f(T).gaussian_nll_loss(x, y, v), f(T).gaussian_nll_loss(x, y, v[:, :1], full=True)), X, P, positive(4, 3)),
    call("gaussian below eps", lambda T, x, v: f(T).gaussian_nll_loss(x, T.zeros(3, dtype=T.float64), v, eps=0.6), normal(3), np.array([0.0, 0.5, 0.7])),
    call("gaussian number", lambda T, x: (f(T).gaussian_nll_loss(x, T.ones(4, 3, dtype=T.float64), 0.5), f(T).gaussian_nll_loss(x, T.ones(4, 3, dtype=T.float64), T.ones(4, dtype=T.float64))), X),
    call("bce logits weight", lambda T, x, y, w: f(T).binary_cross_entropy_with_logits(x, y.detach(), w.detach(), reduction="none"), X, P, positive(4, 1)),
    call("bce logits far out", lambda T, x: f(T).binary_cross_entropy_with_logits(x, T.tensor([1.0, 0.0, 1.0], dtype=T.float64)), np.array([-800.0, 800.0, 800.0])),
    call("kl_div at 0", lambda T, x: f(T).kl_div(x, T.tensor([0.0, 1.0, 0.5], dtype=T.float64), reduction="sum"), normal(3)),
    call("poisson full", lambda T, x: f(T).poisson_nll_loss(x, T.tensor([0.0, 1.0, 5.0], dtype=T.float64), full=True, reduction="none"), normal(3)),
    call("l1 ties", lambda T, x: (f(T).l1_loss(x, T.tensor([1.0, 0.0], dtype=T.float64)), f(T).smooth_l1_loss(x, T.tensor([0.0, 1.0], dtype=T.float64), beta=0.0)), np.array([1.0, 1.0])),
    call("smooth_l1 large", lambda T, x: (f(T).smooth_l1_loss(x, x.detach() * 0), f(T).huber_loss(x, x.detach() * 0, delta=2.0)), np.array([1e200, -1e200, 0.5]), second=False),
    call("nll ignored infinity", lambda T, x: f(T).nll_loss(x, T.tensor([-100, 1])), np.array([[-np.inf, -1.0], [-2.0, -0.5]]), second=False),
    call("nll one", lambda T, x: f(T).nll_loss(x, T.tensor(1)), normal(3)),
    call("cross_entropy all ignored", lambda T, x: (f(T).cross_entropy(x, T.tensor([-100, -100])), f(T).nll_loss(x, T.tensor([-100, -100]))), normal(2, 3), differentiable=False),
    call("cross_entropy of nothing", lambda T, x, y: (f(T).cross_entropy(x, y, reduction="sum"), f(T).mse_loss(x, x, reduction="sum"), f(T).mse_loss(x, x)), normal(0, 3), np.zeros(0, int), differentiable=False),
    call("cross_entropy videos", lambda T, x, y: f(T).cross_entropy(x, y, label_smoothing=0.1, ignore_index=2), normal(2, 3, 2, 2), integers(2, 2, 2, high=3)),
    call("cross_entropy probabilities of images", lambda T, x, p, w: f(T).cross_entropy(x, p, w.detach(), reduction="none"), normal(2, 3, 2), uniform(2, 3, 2, low=0.1), positive(3)),
    call("cross_entropy float32", lambda T, x, y, w: f(T).cross_entropy(x.float(), y, w.detach().float()), X, Y, positive(3), tolerance=1e-6),
    call("cross_entropy int32 labels", lambda T, x: f(T).nll_loss(x, T.tensor([0, 2, 1, 1])), X),
]  # fmt: skip
