"""Samples for ``ops/nn/recurrent.py``: sequences of all cells, padded (2 + 2 + 2 rows) and packed (3 + 2 + 1), with and without biases."""

import numpy as np

from . import normal, sample

PADDED, PACKED = (2, 2, 2), (3, 2, 1)


def operands(gates: int, n: int, biases: bool = True, memory: bool = False, projected: int = 0) -> list:
    """Inputs, first states and weights of a layer of 2 inputs and 3 units."""
    width = projected or 3
    states = [normal(n, width, seed=2), *([normal(n, 3, seed=3)] if memory else [])]
    weights = [normal(3 * gates, 2, seed=4), normal(3 * gates, width, seed=5)]
    more = [normal(3 * gates, seed=6), normal(3 * gates, seed=7)] if biases else []
    return [normal(6, 2, seed=1), *states, *weights, *more, *([normal(projected, 3, seed=8)] if projected else [])]


NOTHING = tuple(np.zeros_like(a) for a in operands(1, 2, False))  # the slope of relu at 0 is 0
SAMPLES = {
    "Recurrence": [
        sample(*operands(1, 2), kind="tanh", sizes=PADDED, reverse=False),
        sample(*operands(1, 3, False), kind="relu", sizes=PACKED, reverse=True),
        sample(*operands(3, 2), kind="gru", sizes=PADDED, reverse=True),
        sample(*operands(3, 3, False), kind="gru", sizes=PACKED, reverse=False),
        sample(*operands(4, 2, memory=True), kind="lstm", sizes=PADDED, reverse=False),
        sample(*operands(4, 3, memory=True, projected=2), kind="lstm", sizes=PACKED, reverse=True),
        sample(*operands(4, 2, False, memory=True, projected=2), kind="lstm", sizes=PADDED, reverse=False),
        sample(*(np.zeros_like(a) for a in operands(1, 2, False)), kind="relu", sizes=PADDED, reverse=False, kink=NOTHING),
    ],
}
