"""How the tables of bad calls are written and checked: every message names the operation, the facts and the fix.

One row per mistake: the call, the exception (PyTorch's kind), and three patterns that the message (with its notes) must contain: the
operation, a fact (shapes, dtypes, names, values), and the fix. An empty pattern says that there is nothing of the kind to say.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorflowlite_clone as tl


def t(*shape, grad=False, dtype=np.float32):
    """A tensor of ones."""
    return tl.Tensor(np.ones(shape, dtype), requires_grad=grad)


def check(row, tmp_path):
    """Make the bad call of ``row`` and compare what it is told with the patterns."""
    call, kind, *patterns = row
    assert len(patterns) == 3
    with pytest.raises(kind) as caught:
        call(tmp_path) if call.__code__.co_argcount else call()
    message = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    for pattern in patterns:
        assert re.search(pattern, message), f"{pattern!r} is not in the message:\n{message}"
