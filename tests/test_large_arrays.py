"""Every call of the benchmarks' table on arrays large enough for each way in which it can be computed: values and gradients as PyTorch's.

Samples elsewhere are small, while kernels choose by size: products instead of sums, chunks, threads. Nothing here is timed.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest

import tensorflowlite_clone as tl
from benchmarks.calls import Inputs, calls
from benchmarks.operations import leaves_of
from tensorflowlite_clone.core.families import Reduction
from tensorflowlite_clone.core.registry import OPS

#: What draws its own numbers.
DRAWN = {
    "dropout", "alpha_dropout", "feature_alpha_dropout", "dropout2d", "rrelu", "gumbel_softmax", "fractional_max_pool2d", "empty", "rand",
    "randn", "randint", "randperm", "rand_like", "randn_like", "bernoulli", "normal", "poisson", "multinomial", "exponential_", "uniform_",
    "normal_",
}  # fmt: skip
#: What is not compared, and why.
ELSEWHERE = {
    "nextafter": "PyTorch's gives zeros to its second operand, ours has no derivative in it",
    "eigh": "vectors have a free sign, and the matrices equal eigenvalues",
    "eig": "vectors have a free factor",
    "eigvals": "in an order of their own",
    "cholesky_solve": "the part of the factor that is not read gets no gradient here",
    "ctc_loss": "PyTorch's gradient is that of log_softmax before it",
    "kl_div": "the logarithm of negative targets",
}
#: PyTorch's own digits in float64.
ROUGH = {"special.airy_ai": 1e-5, "hardsigmoid": 1e-7}


class Operands(Inputs):
    """The operands in one precision."""

    def __init__(self, T: Any, n: int, dtype: type) -> None:
        super().__init__(T, n)
        self.dtype = dtype

    def __getitem__(self, name: str) -> Any:
        value = self.known[name](np.random.default_rng(sum(map(ord, name))))
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fc":
            return self.T.tensor(value) if isinstance(value, np.ndarray) else value
        kind = np.result_type(self.dtype, np.complex64) if value.dtype.kind == "c" else self.dtype
        return self.T.tensor(value.astype(kind)).requires_grad_()


def outcome(T: Any, expression: str, n: int, dtype: type) -> tuple[list[Any], list[Any]]:
    """Values, and the gradients of a fixed combination of them."""
    code, inputs = compile(expression, expression, "eval"), Operands(T, n, dtype)
    scope = {"T": T, "F": T.nn.functional} | {name: inputs[name] for name in code.co_names if name in inputs}
    results, dice = leaves_of(eval(code, scope), T.Tensor), np.random.default_rng(5)
    plain = [_array(r) for r in results]
    pulled = [(r, _like(dice, p)) for r, p in zip(results, plain, strict=True) if r.requires_grad]
    leaves = [v for v in scope.values() if isinstance(v, T.Tensor) and v.requires_grad]
    if not pulled or not leaves:
        return plain, []
    found = T.autograd.grad([r for r, _ in pulled], leaves, [T.tensor(c) for _, c in pulled], allow_unused=True)
    return plain, [None if g is None else _array(g) for g in found]


def _array(t: Any) -> Any:
    return (t.detach().resolve_conj() + 0 if t.dtype.is_complex or t.dtype.is_floating_point else t).numpy()


def _like(dice: np.random.Generator, a: Any) -> Any:
    draw = dice.standard_normal(a.shape)
    return (draw + 1j * dice.standard_normal(a.shape) if a.dtype.kind == "c" else draw).astype(a.dtype)


@pytest.mark.parametrize(("n", "dtype", "tolerance"), [(30_000, np.float64, 1e-8), (300_000, np.float32, 5e-3)], ids=["float64", "float32"])
@pytest.mark.parametrize("call", calls(), ids=lambda c: f"{c[0]}: {c[1]}")
def test_as_pytorch(call: tuple[str, str, str], n: int, dtype: type, tolerance: float) -> None:
    torch = pytest.importorskip("torch")
    _, name, expression = call
    if name in DRAWN or name in ELSEWHERE:
        pytest.skip(ELSEWHERE.get(name, "draws its own numbers"))
    if dtype is np.float32 and name in {"sort", "argsort", "msort"}:
        pytest.skip("equal numbers, in any order")
    before = tl.get_default_dtype()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            torch.set_default_dtype(torch.float32 if dtype is np.float32 else torch.float64)
            tl.set_default_dtype(tl.float32 if dtype is np.float32 else tl.float64)
            ours, theirs = (outcome(T, expression, n, dtype) for T in (tl, torch))
        finally:
            torch.set_default_dtype(torch.float32)
            tl.set_default_dtype(before)
    limit = max(tolerance, ROUGH.get(name, 0.0))
    for mine, other in zip(ours[0], theirs[0], strict=True):
        _compare(mine, other, limit)
    if theirs[1]:  # PyTorch has no derivative of some special functions
        for mine, other in zip(ours[1], theirs[1], strict=True):
            _compare(mine, other, limit)


def _compare(mine: Any, other: Any, tolerance: float) -> None:
    assert (mine is None) == (other is None)
    if mine is not None:
        assert mine.shape == other.shape
        assert mine.dtype == other.dtype
        scale = float(np.max(np.abs(other), initial=1.0, where=np.isfinite(other))) if other.dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(mine, other, rtol=0, atol=tolerance * scale)


REDUCTIONS = sorted(name for name, op in OPS.items() if isinstance(op, type) and issubclass(op, Reduction) and len(op.names) == 1)


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("rows", [3, 60, 3000])
def test_axes_counted_from_the_last(name: str, rows: int) -> None:
    """An operation takes -1 for the last axis, whichever way the size of the array makes it go."""
    op: Any = OPS[name]
    x = tl.tensor(np.random.default_rng(0).uniform(0.5, 1.5, (rows, 50)))
    for keepdims in (False, True):
        both = []
        for axis in ((1,), (-1,), (0, 1), (-1, -2)):
            call = functools.partial(op.of, x, axis=axis)
            try:
                result = call(keepdims=keepdims)
            except Exception as error:  # an operation over one axis: the same for both
                result = type(error)
            both.append(result)
        for plain, counted in (both[:2], both[2:]):
            for a, b in zip(*(r if isinstance(r, tuple) else (r,) for r in (plain, counted)), strict=True):
                if isinstance(a, tl.Tensor):
                    assert a.shape == b.shape
                    np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
                else:
                    assert a is b
