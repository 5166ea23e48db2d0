"""What element-wise operations and reductions become in ONNX: the operator of the same meaning, or a formula of operators.

Here: tables of names and formulas. Not here: layers (``layers.py``), what moves elements (``movement.py``), how a rule is called
(``rules.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .graph import BOOL, INT64, Value
from .rules import Call, rule

#: One operator of one operand.
UNARY = {
    "Absolute": "Abs", "Negative": "Neg", "Sign": "Sign", "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Reciprocal": "Reciprocal",
    "Erf": "Erf", "Floor": "Floor", "Ceil": "Ceil", "RoundToInteger": "Round", "Sin": "Sin", "Cos": "Cos", "Tan": "Tan",
    "ArcSin": "Asin", "ArcCos": "Acos", "ArcTan": "Atan", "Sinh": "Sinh", "Cosh": "Cosh", "Tanh": "Tanh", "ArcSinh": "Asinh",
    "ArcCosh": "Acosh", "ArcTanh": "Atanh", "ReLU": "Relu", "Sigmoid": "Sigmoid", "Softsign": "Softsign", "Positive": "Identity",
    "Clone": "Identity", "Connected": "Identity", "Contiguous": "Identity",
}  # fmt: skip
#: One operator of two operands.
BINARY = {
    "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Power": "Pow", "Maximum": "Max", "Minimum": "Min", "FMax": "Max",
    "FMin": "Min", "MatMul": "MatMul", "MatVec": "MatMul", "ClampBelow": "Max", "ClampAbove": "Min", "PReLU": "PRelu",
}  # fmt: skip
#: Those whose result is a truth.
COMPARISONS = {
    "Equal": "Equal", "Less": "Less", "LessEqual": "LessOrEqual", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual",
    "LogicalAnd": "And", "LogicalOr": "Or", "LogicalXor": "Xor",
}  # fmt: skip
REDUCTIONS = {"Sum": "ReduceSum", "Mean": "ReduceMean", "Product": "ReduceProd", "AMax": "ReduceMax", "AMin": "ReduceMin",
              "Norm2": "ReduceL2", "LogSumExp": "ReduceLogSumExp"}  # fmt: skip

#: Formulas of one operand and perhaps of the parameters.
FORMULAS: dict[str, Callable[..., Value]] = {
    "Square": lambda x: x * x,
    "RSqrt": lambda x: x.op("Sqrt").op("Reciprocal"),
    "Exp2": lambda x: (x * math.log(2)).op("Exp"),
    "Expm1": lambda x: x.op("Exp") - 1,
    "Log1p": lambda x: (x + 1).op("Log"),
    "Log2": lambda x: x.op("Log") / math.log(2),
    "Log10": lambda x: x.op("Log") / math.log(10),
    "Erfc": lambda x: 1 - x.op("Erf"),
    "Trunc": lambda x: x.op("Abs").op("Floor") * x.op("Sign"),
    "NanToNum": lambda x, nan, posinf, neginf: _nan_to_num(x, nan, posinf, neginf),
    "Frac": lambda x: x - x.op("Abs").op("Floor") * x.op("Sign"),
    "IsNaN": lambda x: x.op("IsNaN", dtype=BOOL),
    "IsInf": lambda x: x.op("IsInf", dtype=BOOL),
    "IsFinite": lambda x: (x - x).compare("Equal", 0),
    "LogicalNot": lambda x: x.cast(BOOL).op("Not"),
    "BitwiseNot": lambda x: x.op("Not") if x.dtype == BOOL else -x - 1,
    "SiLU": lambda x: x * x.op("Sigmoid"),
    "GELU": lambda x: x * ((x * math.sqrt(0.5)).op("Erf") + 1) * 0.5,
    "GELUTanh": lambda x: x * (((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)).op("Tanh") + 1) * 0.5,
    "Mish": lambda x: x * x.op("Softplus").op("Tanh"),
    "LogSigmoid": lambda x: -((-x).op("Softplus")),
    "HardSigmoid": lambda x: x.op("HardSigmoid", alpha=1 / 6, beta=0.5),
    "HardSwish": lambda x: x * x.op("HardSigmoid", alpha=1 / 6, beta=0.5),
    "HardTanh": lambda x, low, high: x.op("Clip", float(low), float(high)),
    "Clamp": lambda x, low, high: x.op("Clip", low, high),
    "LeakyReLU": lambda x, negative_slope: x.op("LeakyRelu", alpha=float(negative_slope)),
    "ELU": lambda x, alpha, scale: x.op("Elu", alpha=float(alpha)) * scale,
    "Softplus": lambda x, beta, threshold: x.graph.add(
        "Where", (x * beta).compare("Greater", threshold), x, (x * beta).op("Softplus") / beta, dtype=x.dtype
    ),
    "PowerOfNumber": lambda x, exponent: x.op("Pow", x.graph.number(exponent, x.dtype)),
    "Softmax": lambda x, axis: x.op("Softmax", axis=axis),
    "LogSoftmax": lambda x, axis: x.op("LogSoftmax", axis=axis),
    "CumSum": lambda x, axis: x.op("CumSum", x.graph.number(axis, INT64)),
    "Tril": lambda x, k: x.op("Trilu", x.graph.number(k, INT64), upper=0),
    "Triu": lambda x, k: x.op("Trilu", x.graph.number(k, INT64), upper=1),
    "ArgMax": lambda x, axis, keepdims: _arg("ArgMax", x, axis, keepdims),
    "ArgMin": lambda x, axis, keepdims: _arg("ArgMin", x, axis, keepdims),
    "AnyTrue": lambda x, axis, keepdims: _truth(x, "ReduceMax", axis, keepdims),
    "AllTrue": lambda x, axis, keepdims: _truth(x, "ReduceMin", axis, keepdims),
    "CountNonzero": lambda x, axis, keepdims: x.cast(BOOL).cast(INT64).reduce("ReduceSum", _axes(axis), keepdims),
    "Cast": lambda x, dtype: x.cast(dtype),
    "CastToIntegers": lambda x, dtype: x.cast(dtype),
}


def _nan_to_num(x: Value, nan: float, posinf: float | None, neginf: float | None) -> Value:
    choose, limits = x.graph.add, np.finfo(x.dtype)
    x = choose("Where", x.op("IsNaN", dtype=BOOL), x.graph.number(nan, x.dtype), x, dtype=x.dtype)
    for there, value, other in ((np.inf, posinf, limits.max), (-np.inf, neginf, limits.min)):
        put = x.graph.number(other if value is None else value, x.dtype)
        x = choose("Where", x.compare("Equal", there), put, x, dtype=x.dtype)
    return x


def _axes(axis: Any) -> Any:
    return axis if axis is None or isinstance(axis, tuple) else (axis,)


def _arg(kind: str, x: Value, axis: Any, keepdims: bool) -> Value:
    if axis is None:
        x, axis, keepdims = x.reshape([-1]), 0, False
    return x.op(kind, dtype=INT64, axis=axis, keepdims=int(keepdims))


def _truth(x: Value, kind: str, axis: Any, keepdims: bool) -> Value:
    return x.cast(BOOL).cast(np.int32).reduce(kind, _axes(axis), keepdims).cast(BOOL)


def _formula(call: Call) -> Value:
    return FORMULAS[call.name](call[0], **call.params)


@rule(*UNARY)
def unary(call: Call) -> Value:
    """The operator of the same name, or nearly."""
    return call[0].op(UNARY[call.name])


@rule(*BINARY)
def binary(call: Call) -> Value:
    """As `unary`, of two."""
    x, y = call[0], call[1]
    kind = BINARY[call.name]
    if x.dtype == BOOL and kind in ("Mul", "Min", "Add", "Max"):
        return x.op("And" if kind in ("Mul", "Min") else "Or", y)
    if call.name == "PReLU":
        channels = call.array(1).size
        y = y.reshape([channels, *[1] * (len(call.shape(0)) - 2)]) if channels > 1 else y
    return x.op(kind, y)


@rule(*COMPARISONS)
def comparison(call: Call) -> Value:
    """As `unary`, with truths as result."""
    x, y = call[0], call[1]
    kind = COMPARISONS[call.name]
    return x.cast(BOOL).op(kind, y.cast(BOOL)) if kind in ("And", "Or", "Xor") else x.compare(kind, y)


@rule(
    "NotEqual",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Divide",
    "Remainder",
    "FMod",
    "FloorDivide",
    "LogAddExp",
    "Hypot",
    "Where",
    "ArcTan2",
)
def arithmetic(call: Call) -> Value:
    """Formulas of two operands and more."""
    x, y = call[0], call[1]
    if call.name == "NotEqual":
        return x.compare("Equal", y).op("Not")
    if call.name == "Where":
        return x.graph.add("Where", x.cast(BOOL), y, call[2], dtype=call.out().dtype)
    if call.name.startswith("Bitwise"):
        if x.dtype != BOOL:
            return call.bitwise()
        return x.op({"BitwiseAnd": "And", "BitwiseOr": "Or", "BitwiseXor": "Xor"}[call.name], y)
    if call.name == "Divide":
        return x / y
    floats = x.dtype.kind == "f"
    if call.name == "Remainder":
        return x - (x / y).op("Floor") * y if floats else x.op("Mod", y)
    if call.name == "FMod":
        return x.op("Mod", y, fmod=1)
    if call.name == "FloorDivide":
        return (x / y).op("Floor") if floats else (x - x.op("Mod", y)) / y
    if call.name == "ArcTan2":
        half = x.graph.add(
            "Where", x.compare("Less", 0), x.graph.number(-math.pi, x.dtype), x.graph.number(math.pi, x.dtype), dtype=x.dtype
        )
        near = (x / y).op("Atan")
        return x.graph.add("Where", y.compare("Less", 0), near + half, near, dtype=x.dtype)
    if call.name == "Hypot":
        return (x * x + y * y).op("Sqrt")
    high = x.op("Max", y)
    return high + ((x - high).op("Exp") + (y - high).op("Exp")).op("Log")


@rule(*REDUCTIONS)
def reduction(call: Call) -> Value:
    """Sums and their like."""
    x = call[0].cast(call.out().dtype)
    return x.reduce(REDUCTIONS[call.name], _axes(call.params["axis"]), call.params["keepdims"])


@rule("Norm")
def norm(call: Call) -> Value:
    """The p-th root of a sum of p-th powers."""
    x, p, axes = call[0].op("Abs"), call.params["p"], _axes(call.params["axis"])
    if p == 1:
        return x.reduce("ReduceSum", axes, call.params["keepdims"])
    return x.op("Pow", float(p)).reduce("ReduceSum", axes, call.params["keepdims"]).op("Pow", 1 / p)


@rule("Variance", "Deviation")
def variance(call: Call) -> Value:
    """Mean squared deviations, with a correction of the number of elements."""
    x, axis, keepdims = call[0], _axes(call.params["axis"]), call.params["keepdims"]
    sizes = call.shape(0)
    count = math.prod(sizes if axis is None else [sizes[a] for a in axis])
    d = x - x.reduce("ReduceMean", axis, True)
    found = (d * d).reduce("ReduceSum", axis, keepdims).op("Div", max(0, count - call.params["correction"]))
    return found if call.name == "Variance" else found.op("Sqrt")


rule(*FORMULAS)(_formula)
