"""Samples for ``ops/nn/bags.py``."""

import numpy as np

from . import call, distinct, integers, normal, sample

BAG = np.array([0, 0, 1, 3, 3, 3])
SAMPLES = {
    "BagMaximum": [
        sample(distinct(6, 3), np.ones((6, 1), np.bool_), BAG, bags=4),
        sample(distinct(6, 2), np.array([[True], [False], [False], [True], [True], [False]]), BAG, bags=5),
        sample(np.zeros((0, 2)), np.zeros((0, 1), np.bool_), BAG[:0], bags=2),
    ],
}  # fmt: skip

I, W = np.array([0, 2, 2, 4, 1, 2, 0]), normal(5, 3)
TWICE = np.array([0, 2, 1, 4, 1, 2, 0, 4])
OFFSETS, PAIRS = np.array([0, 3, 3, 5]), integers(3, 2, high=5)
ONE = "PyTorch's bags have one derivative"


def bag(T, *args, **kwargs):
    return T.nn.functional.embedding_bag(*args, **kwargs)


CALLS = [
    *[call(f"embedding_bag {m}", lambda T, i, w, o, m=m: bag(T, i, w, o, mode=m), I, W, OFFSETS, second=False, why=ONE) for m in ("sum", "mean", "max")],
    *[call(f"embedding_bag {m} rows", lambda T, i, w, m=m: bag(T, i, w, mode=m), PAIRS, W, second=False, why=ONE) for m in ("sum", "mean", "max")],
    *[call(f"embedding_bag {m} padding", lambda T, i, w, o, m=m: (bag(T, i, w, o, mode=m, padding_idx=2), bag(T, i, w, o, mode=m, padding_idx=-5)), I, W, OFFSETS, second=False, why=ONE) for m in ("sum", "mean", "max")],
    *[call(f"embedding_bag {m} by frequency", lambda T, i, w, o, m=m: bag(T, i, w, o, mode=m, scale_grad_by_freq=True), TWICE, W, OFFSETS, second=False, why=ONE) for m in ("sum", "mean")],
    call("embedding_bag last offset", lambda T, i, w, o: bag(T, i, w, o, include_last_offset=True), I, W, np.array([0, 3, 3, 7]), second=False, why=ONE),
    call("embedding_bag weights", lambda T, i, w, o, s: bag(T, i, w, o, mode="sum", per_sample_weights=s), I, W, OFFSETS, normal(7), second=False, why=ONE),
    call("embedding_bag weights rows", lambda T, i, w, s: bag(T, i, w, mode="sum", per_sample_weights=s, padding_idx=1), PAIRS, W, normal(3, 2), second=False, why=ONE),
    call("embedding_bag max_norm", lambda T, i, w: (bag(T, i, w.detach(), max_norm=1.0, norm_type=1.5), w.detach()), PAIRS, W, differentiable=False, tolerance=1e-7),
    call("embedding_bag int32", lambda T, i, w: bag(T, i, w), PAIRS.astype(np.int32), W, second=False, why=ONE),
]  # fmt: skip
