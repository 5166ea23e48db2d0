"""How many floating-point operations an operation needs: `flops`, from the shapes of its operands.

Here: formulas, counted as is usual: a multiplication and an addition are two. What only moves or chooses elements has none. Not here: who
adds them up (`utils.summary`, `profiler`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

Shape = tuple[int, ...]

#: Per element of the result: element-wise functions whose cost is more than one operation count as one, as in PyTorch's counters.
ELEMENTWISE = {"Elementwise", "Inexact", "InexactTuple", "ElementwiseTuple"}
#: Element-wise operations that only copy, convert or choose.
FREE = {"Cast", "CastToIntegers", "Clone", "Connected", "Contiguous", "Positive", "Where"}
#: Element-wise operations of more than one step, and their number.
STEPS = {"GELU": 4, "SiLU": 4, "Mish": 4, "HardSwish": 3, "HardSigmoid": 3, "Sigmoid": 3, "Softplus": 3}


def _matmul(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return 2 * prod(out) * (args[0][-1] if args[0] else 1)


def _affine(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return prod(out) * (2 * args[1][-1] + bool(len(args) > 2 and args[2]))


def _convolve(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return prod(out) * (2 * prod(args[1][1:]) + bool(len(args) > 2 and args[2]))


def _convolve_back(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return 2 * prod(args[0]) * prod(args[1][1:])


def _weight_back(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return 2 * prod(args[0]) * prod(out[1:])


def _contract(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    sizes: dict[str, int] = {}
    for letters, shape in zip(params["spec"], args, strict=False):
        sizes.update(zip(letters, shape, strict=False))
    return 2 * prod(sizes.values())


def _attention(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    q, k, v = args[2:5]
    scores = prod(q[:-1]) * k[-2]  # of each query with each key
    return 2 * scores * (q[-1] + v[-1]) + 5 * scores


def _recurrence(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    x = args[0]
    weights = [a for a in args[3 if params["kind"] == "lstm" else 2 :] if len(a) == 2]
    gates = {"lstm": 9, "gru": 8}.get(params["kind"], 1)
    return int(x[0] * (2 * sum(map(prod, weights)) + gates * out[-1]))


def _normal(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return prod(args[0]) * (5 + 2 * any(args[1:]))


def _windows(args: list[Shape], params: dict[str, Any], out: Shape) -> int:
    return int(prod(out) * prod(params["kernel_size"]))


def _per_input(n: int) -> Callable[..., int]:
    return lambda args, params, out: n * prod(args[0])


FORMULAS: dict[str, Callable[[list[Shape], dict[str, Any], Shape], int]] = {
    "MatMul": _matmul, "AffineMap": _affine, "Convolve": _convolve, "ConvolveInputGrad": _convolve_back,
    "ConvolveWeightGrad": _weight_back, "Contract": _contract, "Attention": _attention, "Recurrence": _recurrence, "LayerNorm": _normal,
    "BatchNorm": _normal, "GroupNorm": _normal, "MaxPool": _windows, "AvgPool": _windows,
    "AdaptiveAvgPool": _per_input(1), "Softmax": _per_input(5),
    "LogSoftmax": _per_input(5), "LogSumExp": _per_input(4), "Sum": _per_input(1), "Mean": _per_input(1), "Product": _per_input(1),
    "Variance": _per_input(4), "Deviation": _per_input(4), "Norm2": _per_input(2), "CumSum": _per_input(1),
    "CrossEntropy": _per_input(6), "Resample": lambda args, params, out: 2 * prod(out) * 2 ** len(params["lines"]),
}  # fmt: skip


def flops(op: Any, args: tuple[Any, ...], params: dict[str, Any], ans: Any) -> int:
    """The floating-point operations of ``op`` on plain ``args``, of which it made ``ans``; 0 for integers, and where no formula is known.

    >>> import numpy as np
    >>> from tensorflowlite_clone.ops.matmul import MatMul
    >>> a, b = np.ones((2, 3)), np.ones((3, 4))
    >>> flops(MatMul, (a, b), {}, a @ b), 2 * 2 * 3 * 4
    (48, 48)
    """
    first = ans[0] if isinstance(ans, tuple) else ans
    name = op.__name__
    formula = FORMULAS.get(name)
    if formula is not None:
        return int(formula([getattr(a, "shape", ()) for a in args], params, first.shape))
    if name in FREE or first.dtype.kind not in "fc" or not any(base.__name__ in ELEMENTWISE for base in op.__mro__):
        return 0
    return STEPS.get(name, 1) * int(first.size)
