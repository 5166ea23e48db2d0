"""What is no operand in the place of one, and sizes that are none: clear errors, before anything is changed.

Swept: every array of every call of ``tests/samples/`` in turn is replaced by None, an object, text, a dict, arrays of text and of objects.
"""

from __future__ import annotations

import traceback

import numpy as np
import pytest
from samples import Call, collect

import tensorflowlite_clone as tl
from tensorflowlite_clone import _errors

CLEAR = tuple(v for v in vars(_errors).values() if isinstance(v, type) and issubclass(v, Exception))
WRONG = {
    "None": None,
    "object": object(),
    "text": "a",
    "dict": {},
    "array of text": np.array(["a"]),
    "array of objects": np.array([None]),
}
_, CALLS = collect()
CALLS = [c for c in CALLS if any(isinstance(x, np.ndarray) for x in c.inputs)]
#: Calls that do something to their operand before the package sees it.
THEMSELVES = {"eigvalsh symmetric", "eigh", "pinv hermitian", "prod complex zeros", "ravel", "any all", "sum of integers", "softmin",
              "quantile vector"}  # fmt: skip


@pytest.mark.parametrize("c", CALLS, ids=[c.name for c in CALLS])
def test_what_is_no_operand_is_refused(c: Call):
    for i, x in enumerate(c.inputs):
        if not isinstance(x, np.ndarray):
            continue
        for what, wrong in WRONG.items():
            xs = [tl.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs]
            xs[i] = wrong
            try:
                result = c.f(tl, *xs)
            except CLEAR:
                continue
            except Exception as error:
                inside = any("tensorflowlite_clone/" in frame.filename for frame in traceback.extract_tb(error.__traceback__)[1:])
                operator = isinstance(error, TypeError) and "unsupported operand type" in str(error)  # Python's own words
                method = isinstance(wrong, np.ndarray)  # NumPy's, as in wrong.sum()
                assert not inside or operator or method or c.name in THEMSELVES, f"{what} for operand {i}: {error!r}"
                continue
            kinds = {r.dtype.kind for r in (result if isinstance(result, tuple | list) else [result]) if isinstance(r, tl.Tensor)}
            untouched = isinstance(wrong, np.ndarray) or c.name in THEMSELVES  # x.reshape(...) of an array, and the like
            assert kinds <= set("biufc") or untouched, f"{what} for operand {i} gave {kinds}"
            assert wrong is None or isinstance(wrong, np.ndarray) or c.name in THEMSELVES, f"{what} for operand {i} was accepted"


X = tl.tensor([1.0, 2.0])
NAMES = ["add", "sub", "mul", "div", "atan2", "hypot", "maximum", "pow", "fmod", "remainder", "logaddexp", "xlogy", "heaviside", "copysign",
         "eq", "lt", "logical_and", "isclose", "allclose", "dist", "lerp", "addcmul", "addcdiv", "where", "masked_fill"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "wrong", [None, object(), "a", np.array(["a"]), np.array([None])], ids=["None", "object", "text", "texts", "objects"]
)
def test_binary_and_ternary_functions_name_themselves(name, wrong):
    f = getattr(tl, name)
    calls = [(X, wrong), (wrong, X)]
    if name in ("lerp", "addcmul", "addcdiv"):
        calls = [(wrong, X, X), (X, wrong, X), (X, X, wrong)]
    elif name == "where":
        calls = [(X > 0, wrong, X), (X > 0, X, wrong), (X > 0, X)]
    elif name == "masked_fill":
        calls = [(X, wrong, 1.0), (X, X > 0, wrong)]
    for args in calls:
        with pytest.raises((*CLEAR, AttributeError) if args[0] is wrong else CLEAR) as caught:
            f(*args)
        if isinstance(caught.value, CLEAR):
            assert any(word in str(caught.value) for word in (name, "Tensor: holds"))
    assert X.tolist() == [1.0, 2.0]


def test_the_rows_of_the_report():
    with pytest.raises(TypeError, match=r"atan2: operands must be tensors, arrays or numbers: \w+ is NoneType None; convert it"):
        tl.atan2(X, None)
    with pytest.raises(TypeError, match=r"where: needs a value for where the condition holds and one for where not: one is None"):
        tl.where(X > 0, X)
    with pytest.raises(TypeError, match=r"np.where: needs a value"):
        np.where(X > 0, X)
    with pytest.raises(
        ValueError, match=r"reshape: sizes must not be negative, but for one -1: the input is \(6,\), the new shape is \(-2, 3\)"
    ):
        tl.zeros(6).reshape(-2, 3)
    assert tl.nn.functional.gelu(tl.tensor(1.8e38)).isfinite()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize(
    "value", [None, "a", object(), {}, [1.0, None, 2.0], np.array(None), np.array(["a"] * 3)], ids=lambda x: type(x).__name__
)
def test_what_is_no_value_is_not_written(value, grad):
    y = tl.zeros(3, requires_grad=grad) * 1.0
    writes = [lambda: y.__setitem__(slice(None), value), lambda: y.fill_(value), lambda: y.index_fill_(0, tl.tensor([0]), value)]
    writes += [lambda: y.masked_fill_(y >= 0, value), lambda: y.scatter_(0, tl.tensor([0]), value), lambda: y.copy_(value)]
    writes += [lambda: y.__setitem__(0, value), lambda: y.__setitem__(y >= 0, value), lambda: y.__setitem__(tl.tensor([0, 1, 2]), value)]
    for write in writes:
        with pytest.raises(CLEAR):
            write()
        assert y.tolist() == [0.0] * 3


SIZES = {
    "reshape": lambda: X.reshape(-2, 1),
    "view": lambda: X.view(2, -3),
    "unflatten": lambda: X.unflatten(0, (-2, 1)),
    "expand": lambda: X.expand(-2, 2),
    "broadcast_to": lambda: tl.broadcast_to(X, (-3, 2)),
    "repeat": lambda: X.repeat(-1),
    "tile": lambda: tl.tile(X, (-1,)),
    "zeros": lambda: tl.zeros(-1),
    "ones": lambda: tl.ones((2, -3)),
    "full": lambda: tl.full((-1,), 2.0),
    "empty": lambda: tl.empty(-1),
    "rand": lambda: tl.rand(-2),
    "randint": lambda: tl.randint(0, 3, (-1,)),
    "randperm": lambda: tl.randperm(-1),
    "eye": lambda: tl.eye(-1),
    "linspace": lambda: tl.linspace(0, 1, -1),
    "new_zeros": lambda: X.new_zeros(-1),
    "new_full": lambda: X.new_full((-1,), 1.0),
    "tril_indices": lambda: tl.tril_indices(-1, 2),
    "triu_indices": lambda: tl.triu_indices(2, -1),
    "hann_window": lambda: tl.hann_window(-1),
    "split": lambda: X.split(-1),
    "chunk": lambda: X.chunk(-1),
    "narrow": lambda: X.narrow(0, 0, -1),
    "unfold": lambda: X.unfold(0, -1, 1),
    "topk": lambda: X.topk(-1),
    "repeat_interleave": lambda: X.repeat_interleave(-1),
    "as_strided": lambda: X.as_strided((-1,), (1,)),
    "max_pool2d": lambda: tl.nn.functional.max_pool2d(tl.zeros(1, 1, 4, 4), -2),
    "adaptive_avg_pool2d": lambda: tl.nn.functional.adaptive_avg_pool2d(tl.zeros(1, 1, 4, 4), -2),
    "one_hot": lambda: tl.nn.functional.one_hot(tl.tensor([0]), -3),
    "vander": lambda: tl.vander(X, -1),
    "bincount": lambda: tl.bincount(tl.tensor([1]), minlength=-1),
    "fftfreq": lambda: tl.fft.fftfreq(-1),
}


@pytest.mark.parametrize("name", SIZES)
def test_negative_sizes_are_refused(name):
    with pytest.raises(CLEAR, match=r"-\d"):
        SIZES[name]()


def test_operations_say_which_arrays_may_be_missing():
    from tensorflowlite_clone.ops.matmul import AffineMap

    x, w = np.ones((2, 3)), np.ones((4, 3))
    assert AffineMap.of(x, w, None).shape == (2, 4)
    for given in (x, tl.tensor(x, requires_grad=True)):
        with pytest.raises(TypeError, match=r"linear: operands must be tensors, arrays or numbers: \w+ is NoneType None"):
            AffineMap.of(given, None, None)
