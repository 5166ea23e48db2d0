"""``tl.testing``: `assert_close` accepts and refuses what PyTorch's does and says the same; `make_tensor` draws in its range."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tensorflowlite_clone as tl

a = np.array([1.0, 2.0, 3.0])
#: Pairs, as functions of the library, and options.
CASES = [
    (lambda T: (T.tensor(a), T.tensor(a)), {}),
    (lambda T: (T.tensor(a), T.tensor(a + 1e-8)), {}),
    (lambda T: (T.tensor(a), T.tensor(a + 1e-6)), {}),
    (lambda T: (T.tensor(a), T.tensor(a + 1e-6)), {"rtol": 1e-5, "atol": 0}),
    (lambda T: (T.tensor(a).float(), T.tensor(a).float() + 1e-6), {}),
    (lambda T: (T.tensor(a).float(), T.tensor(a)), {}),
    (lambda T: (T.tensor(a).float(), T.tensor(a)), {"check_dtype": False}),
    (lambda T: (T.tensor(a), T.tensor(a[None])), {}),
    (lambda T: (T.tensor([1, 2]), T.tensor([1, 3])), {}),
    (lambda T: (T.tensor([1, 2]), T.tensor([1, 3])), {"rtol": 0, "atol": 1}),
    (lambda T: (T.tensor([True]), T.tensor([False])), {}),
    (lambda T: (T.tensor([np.nan]), T.tensor([np.nan])), {}),
    (lambda T: (T.tensor([np.nan]), T.tensor([np.nan])), {"equal_nan": True}),
    (lambda T: (T.tensor([np.inf, 1.0]), T.tensor([np.inf, 1.0])), {}),
    (lambda T: (T.tensor([np.inf]), T.tensor([-np.inf])), {}),
    (lambda T: (T.tensor([1 + 1j]), T.tensor([1 + 2j])), {}),
    (lambda T: (T.tensor(2.0), T.tensor(2.5)), {}),
    (lambda T: (1.0, 1.0 + 1e-9), {}),
    (lambda T: (1.0, 1.1), {}),
    (lambda T: (1, 2), {}),
    (lambda T: (1, 1.0), {}),
    (lambda T: (True, False), {}),
    (lambda T: (None, None), {}),
    (lambda T: ([T.tensor(a), 3], [T.tensor(a), 3]), {}),
    (lambda T: ([T.tensor(a), 3], [T.tensor(a), 4]), {}),
    (lambda T: ([1, 2], [1]), {}),
    (lambda T: ({"x": T.tensor(a)}, {"x": T.tensor(a) + 1}), {}),
    (lambda T: ({"x": 1}, {"y": 1}), {}),
    (lambda T: (np.ones(2), np.ones(2)), {}),
    (lambda T: (T.tensor(a), a), {}),
    (lambda T: (T.tensor(a), 3), {}),
    (lambda T: ("a", "a"), {}),
    (lambda T: (T.tensor(a), T.tensor(a)), {"rtol": 1e-3}),
    (lambda T: (T.zeros(2, 3), T.zeros(3, 2).t()), {"check_stride": True}),
    (lambda T: (T.zeros(2, 3).to_sparse(), T.zeros(2, 3).to_sparse()), {}),
    (lambda T: (T.zeros(2, 3).to_sparse(), T.zeros(2, 3)), {}),
    (lambda T: (T.zeros(2, 3).to_sparse(), T.zeros(2, 3)), {"check_layout": False}),
    (lambda T: (T.zeros(0), T.zeros(0)), {}),
]  # fmt: skip


def outcome(T, pair, options):
    try:
        T.testing.assert_close(*pair(T), **options)
    except AssertionError as error:
        return "differs", str(error)
    except (TypeError, ValueError, RuntimeError):
        return "refused", ""
    return "close", ""


@pytest.mark.parametrize("case", range(len(CASES)))
def test_it_says_what_pytorch_says(case):
    torch = pytest.importorskip("torch")
    ours, theirs = (outcome(T, *CASES[case]) for T in (tl, torch))
    assert ours[0] == theirs[0]
    if "Mismatched elements" in theirs[1]:
        lines = [re.sub(r"difference: \S+", lambda m: f"difference: {float(m[0].split()[1]):.3g}", text) for text in (ours[1], theirs[1])]
        assert lines[0] == lines[1]


def test_messages_of_ones_own():
    for msg, said in (("mine", "mine"), (lambda text: f"Before: {text}", "Before: Scalars are not equal!")):
        with pytest.raises(AssertionError, match=said):
            tl.testing.assert_close(1, 2, msg=msg)
    tl.testing.assert_allclose(np.ones(2), np.ones(2))
    with pytest.raises(AssertionError, match="Mismatched elements: 2 / 2"):
        tl.testing.assert_allclose(np.ones(2), np.zeros(2))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool", "complex64"])
def test_made_tensors_are_in_their_range(dtype):
    kind = tl.dtype(dtype)
    x = tl.testing.make_tensor((40, 50), dtype=kind, device="cpu")
    assert x.shape == (40, 50) and x.dtype is kind and x.is_contiguous() and x.unique().numel() > 1
    y = tl.testing.make_tensor(4, 5, dtype=kind, low=0, high=2, noncontiguous=True, exclude_zero=True)
    values = np.abs(y.numpy().astype(complex))
    assert y.shape == (4, 5) and not y.is_contiguous() and (values > 0).all() and (values < 3).all()
    if kind.is_floating_point:
        assert tl.testing.make_tensor(2, dtype=kind, requires_grad=True).requires_grad and (x >= -9).all() and (x < 9.001).all()
    with pytest.raises(ValueError, match="the range is empty"):
        tl.testing.make_tensor(2, dtype=kind, low=3, high=3)
