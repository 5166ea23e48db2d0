"""The gradients of convolutions as functions, as in ``torch.nn.grad``: with respect to the input, and to the weight.

They can be differentiated themselves, in every mode. Not here: the convolutions (``ops/nn/conv.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .._errors import ArgumentError, ShapeError
from .._lazy import public as _public
from ..core.broadcast import shape_of
from ..core.publish import to_operand
from ..core.tensor import Tensor
from ..ops.nn.conv import ConvolveInputGrad, ConvolveWeightGrad
from ..ops.nn.images import sizes

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _settings(op: str, axes: int, x: Any, w: Any, g: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> dict[str, Any]:
    """Stride, padding, dilation and groups, checked against the shapes of input, weight and result."""
    s, p, d = (sizes(v, axes, op, n) for v, n in ((stride, "stride"), (padding, "padding"), (dilation, "dilation")))
    if min(*s, *d) < 1 or min(p) < 0:
        raise ArgumentError(f"{op}: stride and dilation must be at least 1, padding 0: they are {s}, {d} and {p}")
    if any(len(shape) != axes + 2 for shape in (x, w, g)) or groups < 1 or w[0] % groups or x[1] != w[1] * groups:
        raise ShapeError(f"{op}: input {x}, weight {w} and groups {groups} do not fit; input (N, C, ...), weight (O, C/groups, ...)")
    out = tuple((n + 2 * a - c * (k - 1) - 1) // b + 1 for n, k, a, b, c in zip(x[2:], w[2:], p, s, d, strict=True))
    if g != (x[0], w[0], *out):
        raise ShapeError(f"{op}: grad_output must be {(x[0], w[0], *out)} for input {x} and weight {w}: it is {g}")
    return {"stride": s, "padding": tuple((n, n) for n in p), "dilation": d, "groups": groups}


def _of_input(axes: int) -> Callable[..., Tensor]:
    op = f"conv{axes}d_input"

    def f(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        w, g, size = to_operand(weight, op), to_operand(grad_output, op), tuple(int(n) for n in input_size)
        settings = _settings(op, axes, size, tuple(shape_of(w)), tuple(shape_of(g)), stride, padding, dilation, groups)
        found: Tensor = ConvolveInputGrad.of(g, w, input_size=size[2:], **settings)
        return found

    f.__name__ = f.__qualname__ = op
    f.__doc__ = f"""The gradient of ``conv{axes}d`` with respect to its input, of shape ``input_size``, for the gradient of its result.

    Raises `ShapeError` where the shapes do not fit one another, `ArgumentError` for settings that make no sense.
    """
    return f


def _of_weight(axes: int) -> Callable[..., Tensor]:
    op = f"conv{axes}d_weight"

    def f(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        x, g, size = to_operand(input, op), to_operand(grad_output, op), tuple(int(n) for n in weight_size)
        settings = _settings(op, axes, tuple(shape_of(x)), size, tuple(shape_of(g)), stride, padding, dilation, groups)
        found: Tensor = ConvolveWeightGrad.of(g, x, kernel_size=size[2:], **settings)
        return found

    f.__name__ = f.__qualname__ = op
    f.__doc__ = f"""The gradient of ``conv{axes}d`` with respect to its weight, of shape ``weight_size``, for the gradient of its result.

    Raises `ShapeError` where the shapes do not fit one another, `ArgumentError` for settings that make no sense.
    """
    return f


conv1d_input, conv2d_input, conv3d_input = (_of_input(axes) for axes in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_of_weight(axes) for axes in (1, 2, 3))
__dir__ = _public(globals())
