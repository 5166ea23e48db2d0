"""What the tests of the function transforms share."""

from __future__ import annotations

import numpy as np
import pytest

from tensorflowlite_clone.core.operation import Operation


@pytest.fixture
def computed(monkeypatch):
    """The operations computed on arrays, with the shapes of their operands."""
    log: list[tuple[str, tuple[tuple[int, ...], ...]]] = []
    compute = Operation.compute.__func__

    def noted(cls, args, params):
        log.append((cls.__name__, tuple(np.shape(a) for a in args)))
        return compute(cls, args, params)

    monkeypatch.setattr(Operation, "compute", classmethod(noted))
    return log
