"""Operators of tensors against NumPy's, the first time an operation is called and after it has been compiled."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import tensorflowlite_clone as tl

WHOLE = ["add", "sub", "mul", "floordiv", "mod", "and_", "or_", "xor", "lshift", "rshift", "pow"]
TRUTHS = ["eq", "ne", "lt", "le", "gt", "ge"]
X, Y = np.array([[9, 4, 100], [1, 2, 7]]), np.array([[2, 1, 3], [5, 2, 1]])


@pytest.mark.parametrize("name", WHOLE + TRUTHS)
def test_whole_numbers(name):
    f = getattr(operator, name)
    for _ in range(3):
        x, y = tl.tensor(X), tl.tensor(Y)
        for mine, theirs in [(f(x, y), f(X, Y)), (f(x, 3), f(X, 3)), (f(3, y), f(3, Y)), (f(x, Y), f(X, Y)), (f(x, y[0]), f(X, Y[0]))]:
            assert type(mine) is tl.Tensor
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine.numpy(), theirs)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", *TRUTHS])
@pytest.mark.parametrize("taped", [False, True])
def test_floats(name, taped):
    f = getattr(operator, name)
    a, b = X[:, :2] / 7, Y[:, :2] / 3
    for _ in range(3):
        x, y = tl.tensor(a, requires_grad=taped), tl.tensor(b)
        cases = [(f(x, y), f(a, b)), (f(x, b), f(a, b))]
        if name != "matmul":
            cases += [(f(x, 2), f(a, 2)), (f(2, x), f(2, a)), (f(x, 2.5), f(a, 2.5)), (f(2.5, x), f(2.5, a))]
        for mine, theirs in cases:
            assert mine.dtype == theirs.dtype
            np.testing.assert_allclose(mine.detach().numpy(), theirs, rtol=1e-13)
