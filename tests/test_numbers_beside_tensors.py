"""A Python number beside float64 tensors counts with all its digits, wherever a function takes a number in the place of a tensor.

Made a tensor by itself, a number has the default dtype, float32, in which 0.1 is another number: nothing equals it then, and results are
off by 1e-8. Every call of ``tests/samples/`` is asked, each operand in turn a number. Not here: the dtypes of results (``test_kinds.py``).
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from samples import collect

import tensorflowlite_clone as tl

_, CALLS = collect()
#: Functions that make a tensor of each of their arguments, by itself, and those that PyTorch does not have for numbers.
BY_THEMSELVES = {
    "addbmm", "addmv", "atleast of matrices", "baddbmm", "block_diag", "broadcast_tensors", "column_stack", "dstack", "hstack",
    "product twice", "svd_lowrank less M", "xlog1py",
}  # fmt: skip
PAIRS = [
    pytest.param(c, i, id=f"{c.name}-{i}")
    for c in CALLS
    if sum(isinstance(x, np.ndarray) and x.dtype == np.float64 for x in c.inputs) > 1 and c.name not in BY_THEMSELVES
    for i, x in enumerate(c.inputs)
    if isinstance(x, np.ndarray) and x.dtype == np.float64
]


def flat(results):
    return [t for r in results for t in flat(r)] if isinstance(results, tuple | list) else [results]


def evaluated(c, i, value):
    tl.manual_seed(0)
    inputs = [value if j == i else tl.tensor(x) if isinstance(x, np.ndarray) else x for j, x in enumerate(c.inputs)]
    return flat(c.f(tl, *inputs))


@pytest.mark.filterwarnings("ignore:.*should have the same shape")
@pytest.mark.parametrize(("c", "i"), PAIRS)
def test_a_number_is_as_exact_as_a_tensor_of_it(c, i):
    for value in (0.1, 0.7):
        try:
            with_number = evaluated(c, i, value)
        except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
            return  # it takes no number there
        for x, y in zip(with_number, evaluated(c, i, tl.tensor(value, dtype=tl.float64)), strict=True):
            if isinstance(x, tl.Tensor) and x.dtype == y.dtype:  # not of numbers alone
                assert x.shape == y.shape
                np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-12, atol=0)


def test_equal_numbers_are_found():
    for dtype in (tl.float64, tl.float32, tl.float16):
        x = tl.tensor([0.1, 0.3, 0.7], dtype=dtype)
        assert tl.isin(x, 0.3).tolist() == [False, True, False]
        assert tl.isin(0.3, x).tolist() is True
        assert tl.searchsorted(x, 0.3).item() == tl.bucketize(0.3, x).item() == 1
        assert tl.searchsorted(x, 0.3, right=True).item() == 2
    assert tl.isin(tl.tensor([1, 2]), 1.5).tolist() == [False, False]
    assert tl.isin(tl.tensor([44, 2], dtype=tl.int8), 300).tolist() == [False, False]
    assert tl.searchsorted(tl.tensor([1, 2]), 1.5).item() == 1
    assert tl.searchsorted(tl.tensor([1, 2], dtype=tl.int8), 300).item() == 2


@pytest.mark.parametrize("dtype", [tl.bool, tl.uint8, tl.int8, tl.int64, tl.float16, tl.float32, tl.float64, tl.bfloat16])
@pytest.mark.parametrize("number", [0, 1, True, 127, 128, -1, 300, 1 << 40, 2**24 + 1, 10**30, 10**400, 0.5, 1e-9, 1e6, float("nan"), 1j])
def test_compiled_comparisons_and_arithmetic_say_what_the_general_calls_say(dtype, number):
    pytest.importorskip("ml_dtypes") if dtype is tl.bfloat16 else None
    x = tl.tensor([0, 1, 3, 100], dtype=dtype)
    for name in ("eq", "ne", "lt", "le", "gt", "ge", "add", "sub", "mul", "floordiv", "mod", "pow", "and", "or", "xor", "lshift", "rshift"):
        for operator in (f"__{name}__", f"__r{name}__"):
            if hasattr(x, operator):
                with np.errstate(all="ignore"):
                    watched = ended(x, operator, number, tl.autograd.graph.saved_tensors_hooks(pass_on, pass_on))
                    assert ended(x, operator, number, tl.no_grad()) == ended(x, operator, number, tl.no_grad()) == watched


def ended(x, operator, number, mode):
    """What a call gives, or which error; observers, as hooks of saved tensors, are told by the general calls."""
    with mode, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = getattr(x, operator)(number)
        except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            return type(error), str(error)
    return found if found is NotImplemented else (found.dtype, repr(found.tolist()))


def pass_on(x):
    return x
