"""``out=``: PyTorch's and NumPy's, on and off the tape."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl


def leaf(*values):
    return tl.tensor(values, dtype=tl.float64, requires_grad=True)


def test_results_go_into_the_given_memory():
    x, out = tl.tensor([1.0, 2.0]), tl.zeros(2)
    memory = out.array
    assert tl.exp(x, out=out) is out
    assert out.array is memory
    np.testing.assert_allclose(out.numpy(), np.exp([1.0, 2.0]), rtol=1e-6)
    assert tl.add(x, x, out=out) is out
    assert tl.cumsum(x, dim=0, out=out).tolist() == [1.0, 3.0]
    assert tl.cat([x[:1], x[1:]], out=out).tolist() == [1.0, 2.0]
    assert tl.eq(x, x, out=tl.zeros(2, dtype=tl.bool)).tolist() == [True, True]
    assert np.multiply(x, 3.0, out=out) is out
    assert np.sum(x, axis=0, out=tl.zeros(())).item() == 3.0
    assert np.add(np.ones(2), np.ones(2), out=out).tolist() == [2.0, 2.0]
    assert out.array is memory


def test_the_tape_follows():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    buffer = tl.zeros(2, dtype=tl.float64)
    tl.mul(x, w, out=buffer)
    y = buffer.clone()
    np.exp(x, out=buffer)
    (buffer.sum() + y.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), [3.0 + np.e, 4.0 + np.e**2])
    assert w.grad.tolist() == [1.0, 2.0]


def test_saved_values_are_guarded():
    x = leaf(1.0, 2.0)
    buffer = x * 2.0
    z = (buffer * buffer).sum()
    tl.exp(x, out=buffer)
    with pytest.raises(RuntimeError, match=r"changed by copy_ at .*test_out\.py"):
        z.backward()


@pytest.mark.parametrize(
    ("call", "error", "pattern"),
    [
        (lambda x: tl.exp(x, out=tl.zeros(3)), RuntimeError, r"exp: out= has another shape than the result: \(3,\) and \(2,\)"),
        (lambda x: tl.exp(x, out=tl.zeros(2, dtype=tl.int64)), RuntimeError, "exp: the result is float32 and does not fit out= of int64"),
        (lambda x: tl.exp(x, out=np.zeros(2)), TypeError, "exp: out= must be a tensor: got ndarray, which would lose the derivative"),
        (lambda x: np.exp(x, out=np.zeros(2)), TypeError, "np.exp: out= must be a tensor: got ndarray"),
        (lambda x: tl.exp(x, out=x), RuntimeError, "copy_: a leaf tensor that requires grad"),
    ],
)
def test_refusals(call, error, pattern):
    x = tl.ones(2, requires_grad=True)
    with pytest.raises(error, match=pattern):
        call(x)
    assert x.tolist() == [1.0, 1.0]


def test_every_name_of_a_function_takes_it():
    x = tl.tensor([1.0, 2.0])
    for f in (tl.abs, tl.absolute, tl.neg, tl.negative):
        out = tl.zeros(2)
        assert f(x, out=out) is out
    assert tl.power(x, 2.0, out=tl.zeros(2)).tolist() == tl.pow(x, 2.0, out=tl.zeros(2)).tolist() == [1.0, 4.0]
    assert tl.ger(x, x, out=tl.zeros(2, 2)).tolist() == tl.outer(x, x, out=tl.zeros(2, 2)).tolist()
    assert tl.row_stack([x, x], out=tl.zeros(2, 2)).tolist() == tl.vstack([x, x], out=tl.zeros(2, 2)).tolist()
