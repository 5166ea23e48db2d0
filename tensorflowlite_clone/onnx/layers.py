"""What the operations of layers become in ONNX: products, convolutions, pooling, normalisation, recurrence, attention.

Not here: formulas of elements (``elementwise.py``), what moves elements (``movement.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import OperandError
from ..func.tracing import Symbol
from .graph import BOOL, INT64, Value
from .movement import along_axes
from .rules import Call, made, rule
from .sizes import Made, Size


# ---- products -----------------------------------------------------------------------------------------------------------------
@rule("AffineMap")
def affine(call: Call) -> Value:
    """``x @ w.T + b``."""
    x, w, b = call[0], call[1], call[2]
    if call.array(0).ndim == 2 and call.array(1).ndim == 2 and (b is None or call.array(2).ndim == 1):
        return x.op("Gemm", w, b, transB=1)
    fixed, ndim = call.fixed(1), call.array(1).ndim
    order = [*range(ndim - 2), ndim - 1, ndim - 2]
    turned = w.permute(order) if fixed is None else call.graph.constant(_turned(call, fixed))
    out = x.op("MatMul", turned)
    return out if b is None else out + b


def _turned(call: Call, w: Any) -> Any:
    """A transposed constant, made once."""
    kept = call.graph.notes.setdefault(-1, {})
    if id(w) not in kept:
        turned = kept[id(w)] = np.ascontiguousarray(np.swapaxes(w, -1, -2))
        known = call.graph.known.get(id(w))
        if known is not None:
            call.graph.known[id(turned)] = f"{known}_transposed"
    return kept[id(w)]


@rule("Contract")
def contract(call: Call) -> Value:
    """A sum of products over letters."""
    *operands, out = call.params["spec"]
    return call[0].op("Einsum", call[1], equation=f"{','.join(map(_letters, operands))}->{_letters(out)}")


def _letters(spec: Any) -> str:
    return "".join(c if isinstance(c, str) else chr(97 + c) for c in spec)


@rule("Distances")
def distances(call: Call) -> Value:
    """Lengths of the differences of all pairs."""
    return (call[0].unsqueeze(-2) - call[1].unsqueeze(-3)).reduce("ReduceL2", (-1,), False)


# ---- convolutions -------------------------------------------------------------------------------------------------------------
@rule("Convolve")
def convolve(call: Call) -> Value:
    """A convolution."""
    p = call.params
    pads = [a for a, _ in p["padding"]] + [b for _, b in p["padding"]]
    how = {"kernel_shape": list(call.array(1).shape[2:]), "strides": p["stride"], "pads": pads, "dilations": p["dilation"]}
    return call[0].op("Conv", call[1], call[2], group=p["groups"], **how)


@rule("ConvolveInputGrad")
def transposed_convolution(call: Call) -> Value:
    """Its transpose. How much larger the output is than the least that fits does not vary with its size."""
    first, kernel = call.merged.first.params, call.array(1).shape[2:]
    more, pads = [], []
    rows = (call.array(0).shape[2:], kernel, first["stride"], first["padding"], first["dilation"], first["input_size"])
    for n, k, s, (a, b), d, size in zip(*rows, strict=True):
        extra = size - ((n - 1) * s + d * (k - 1) + 1 - a - b)
        pads.append((a, b - extra if extra >= s and extra <= b else b))
        more.append(extra - (b - pads[-1][1]))
    how = {"kernel_shape": list(kernel), "strides": first["stride"], "pads": [a for a, _ in pads] + [b for _, b in pads]}
    how |= {"dilations": first["dilation"], "output_padding": more, "group": first["groups"]}
    return call[0].op("ConvTranspose", call[1], **how)


# ---- pooling ------------------------------------------------------------------------------------------------------------------
def _windows(call: Call) -> dict[str, Any]:
    p = call.params
    return {
        "kernel_shape": p["kernel_size"], "strides": p["stride"], "pads": [*p["padding"], *p["padding"]],
        "ceil_mode": int(p["ceil_mode"]),
    }  # fmt: skip


@rule("MaxPool")
def max_pool(call: Call) -> Value:
    """The largest of each window."""
    return call[0].op("MaxPool", dilations=call.params["dilation"], **_windows(call))


@rule("MaxPoolPlaces")
def max_pool_places(call: Call) -> Value:
    """Where they stand in their image; the values themselves are noted for the step that takes them."""
    x = call[0]
    how = {"dilations": call.params["dilation"], **_windows(call)}
    values, places = call.graph.several("MaxPool", [x], (x.dtype, INT64), **how)
    call.graph.notes[call.results[0]] = ("pooled", values)
    return places.op("Mod", call.graph.number(math.prod(call.shape(0)[2:]), INT64)) if call.is_fixed() else places


@rule("AvgPool")
def avg_pool(call: Call) -> Value:
    """The mean of each window."""
    p = call.params
    if p["ceil_mode"] and call.is_fixed():  # windows that reach out of the image are counted otherwise in ONNX
        return _linear_pool(call)
    out = call[0].op("AveragePool", count_include_pad=int(p["count_include_pad"] or p["divisor_override"] is not None), **_windows(call))
    if p["divisor_override"] is None:
        return out
    return out.op("Mul", math.prod(p["kernel_size"]) / p["divisor_override"])


def _linear_pool(call: Call) -> Value:
    """Averages as products with a matrix for each axis."""
    p, op, axes = call.params, call.merged.step.op, len(call.params["kernel_size"])
    divisor = None if p["divisor_override"] is None else 1

    def forward(eye: Any, k: int) -> Any:
        one = {name: (p[name][k],) for name in ("kernel_size", "stride", "padding")}
        rest = {"ceil_mode": True, "count_include_pad": p["count_include_pad"], "divisor_override": divisor}
        return op.forward(eye[:, None, :], **one, **rest)[:, 0]

    out = along_axes(call, forward, axes)
    return out / p["divisor_override"] if divisor else out


@rule("AdaptiveAvgPool")
def adaptive_avg_pool(call: Call) -> Value:
    """Means of parts: of all, or products with a matrix for each axis."""
    size, op = call.params["output_size"], call.merged.step.op
    if all(n == 1 for n in size):
        return call[0].op("GlobalAveragePool")
    return along_axes(call, lambda eye, k: op.forward(eye[:, None, :], output_size=(size[k],))[:, 0], len(size))


@rule("AdaptiveMaxPoolPlaces")
def adaptive_max_pool(call: Call) -> Value | None:
    """The largest of parts, noted for the step that takes them; where they stand has no form."""
    x, size = call[0], call.params["output_size"]
    ndim = call.array(0).ndim
    for k, m in enumerate(size):
        axis, n = ndim - len(size) + k, call.shape(0)[ndim - len(size) + k]
        parts = [x.part(axis, i * n // m, -(-(i + 1) * n // m)).reduce("ReduceMax", [axis], True) for i in range(m)]
        x = call.graph.add("Concat", *parts, dtype=x.dtype, axis=axis) if m > 1 else parts[0]
    call.graph.notes[call.results[0]] = ("pooled", x)
    return None


@rule("PoolGather")
def pool_gather(call: Call) -> Value:
    """Elements of images at places: those that a pooling found, or any."""
    noted = call.graph.notes.get(call.args[1]) if isinstance(call.args[1], Symbol) else None
    if noted is not None:
        pooled: Value = noted[1]
        return pooled
    n, c = call.array(0).shape[:2]
    out = call[0].reshape([n, c, -1]).op("GatherElements", call[1].cast(INT64).reshape([n, c, -1]), axis=2)
    return out.reshape(call.result_shape())


@rule("PoolScatter")
def pool_scatter(call: Call) -> Value:
    """Elements added at places of images of zeros."""
    n, c = call.shape(0)[:2]
    zeros = call.graph.number(0, call[0].dtype).op("Expand", call.graph.ints([n, c, math.prod(call.params["size"])]))
    places, x = (call[i].reshape([n, c, math.prod(call.shape(0)[2:])]) for i in (1, 0))
    return zeros.op("ScatterElements", places.cast(INT64), x, axis=2, reduction="add").reshape(call.result_shape())


@rule("LastWriters")
def last_writers(call: Call) -> Value:
    """Which elements nobody behind them writes over: the largest of the numbers that were written is their own."""
    (n, c), count = call.shape(0)[:2], math.prod(call.shape(0)[2:])
    places = call[0].cast(INT64).reshape([n, c, count])
    own = call.graph.constant(np.arange(1, count + 1)).op("Expand", call.graph.ints([n, c, count]))
    zeros = call.graph.number(0, INT64).op("Expand", call.graph.ints([n, c, math.prod(call.params["size"])]))
    how = {"reduction": "max"} if call.graph.opset >= 18 else {}
    found = zeros.op("ScatterElements", places, own, axis=2, **how).op("GatherElements", places, axis=2)
    return found.compare("Equal", own).reshape(call.result_shape())


# ---- normalisation --------------------------------------------------------------------------------------------------------------
@rule("LayerNorm")
def layer_norm(call: Call) -> Value:
    """Standardised over the last axes."""
    x, n = call[0], call.params["n"]
    w, b = call[1], call[2]
    if not call.params["centre"]:  # RMS norm
        out = x / (x * x).reduce("ReduceMean", list(range(-n, 0)), True).op("Add", call.params["eps"]).op("Sqrt")
        return out if w is None else out * w
    if w is None:
        tail = call.shape(0)[len(call.shape(0)) - n :]
        w = call.graph.number(1, x.dtype).op("Expand", call.graph.ints(tail))
    return x.op("LayerNormalization", w, b, axis=-n, epsilon=float(call.params["eps"]))


@rule("GroupNorm")
def group_norm(call: Call) -> Value:
    """Standardised by groups of channels, which become rows; then the affine map by channels."""
    x = call[0]
    rows = x.reshape([0, call.params["groups"], -1])  # 0: the size that x has there
    return _affine(_standardised(rows, [2], call).op("Reshape", x.op("Shape", dtype=INT64)), call)


@rule("BatchNorm")
def batch_norm(call: Call) -> Value:
    """Standardised with the statistics of the batch, as modules without running ones are."""
    x, axes = call[0], [0, *range(2, call.array(0).ndim)]
    return _affine(_standardised(x, axes, call), call)


def _standardised(x: Value, axes: list[int], call: Call) -> Value:
    """With mean 0 and variance 1 over the axes."""
    d = x - x.reduce("ReduceMean", axes, True)
    return d / ((d * d).reduce("ReduceMean", axes, True).op("Add", call.params["eps"])).op("Sqrt")


def _affine(out: Value, call: Call) -> Value:
    """Times the weight and plus the bias of each channel, where there are any."""
    shape = [1, -1, *[1] * (call.array(0).ndim - 2)]
    out = out if call[1] is None else out * call[1].reshape(shape)
    return out if call[2] is None else out + call[2].reshape(shape)


# ---- recurrence -----------------------------------------------------------------------------------------------------------------
#: For each kind the operator, and the order in which it has the gates.
CELLS = {"lstm": ("LSTM", (0, 3, 1, 2)), "gru": ("GRU", (1, 0, 2)), "tanh": ("RNN", (0,)), "relu": ("RNN", (0,))}


@rule("Recurrence")
def recurrence(call: Call) -> tuple[Value | None, ...]:
    """All steps of a recurrent layer in one direction, of sequences that are equally long."""
    kind, reverse = call.params["kind"], call.params["reverse"]
    lstm = kind == "lstm"
    if len({*call.merged.first.params["sizes"]}) > 1:
        raise OperandError("onnx.export: rnn: packed sequences of several lengths have no form in ONNX; pad them, and mask the result")
    steps, batch = _steps_and_batch(call)
    op, order = CELLS[kind.removeprefix("rnn_")]
    first = 3 if lstm else 2
    rest = [i for i in range(first + 2, len(call)) if call.args[i] is not None]
    if lstm and any(call.array(i).ndim == 2 for i in rest):
        raise OperandError("onnx.export: rnn: an LSTM with proj_size has no form in ONNX; use a linear layer behind it")
    x = call[0].reshape([steps, batch, call.shape(0)[1]])
    w, r = (_gates(call, i, order).unsqueeze(0) for i in (first, first + 1))
    bias = None
    if rest:
        bias = call.graph.add("Concat", *[_gates(call, i, order) for i in rest], dtype=x.dtype, axis=0).unsqueeze(0)
    states = [call[1].unsqueeze(0), *([call[2].unsqueeze(0)] if lstm else [])]
    hidden = call.array(first + 1).shape[-1]
    how: dict[str, Any] = {"hidden_size": hidden, "direction": "reverse" if reverse else "forward"}
    if kind == "gru":
        how["linear_before_reset"] = 1
    graph = call.graph
    name = graph.several(op, [x, w, r, bias, None, *states], [x.dtype] * (3 if lstm else 2), **how)
    if kind.endswith("relu"):
        graph.nodes[-1]["attribute"].append({"name": "activations", "strings": [b"Relu"], "type": 8})
    if lstm and steps != 1:
        graph.notes[call.results[1]] = ("cells", lambda spec: name[2].squeeze(0))
    return name[0].squeeze(1).reshape([-1, hidden]), name[2].squeeze(0) if lstm and steps == 1 else None, None


def _steps_and_batch(call: Call) -> tuple[Any, Any]:
    """The number of steps, and of sequences; where the first varies, they stand as a pair in the place of all sizes (`Merger.merge`)."""
    sizes, first = call.params["sizes"], call.merged.first.params["sizes"]
    together = len(sizes) != len(first) or (isinstance(sizes[0], Size) and sizes[0] != sizes[-1])
    return (sizes[0], sizes[1]) if together else (len(sizes), sizes[0])


def _gates(call: Call, i: int, order: tuple[int, ...]) -> Value:
    """Rows of the gates in ONNX's order."""
    w = call.fixed(i)
    if w is None:
        parts = len(order)
        n = call.array(i).shape[0] // parts
        pieces = [call[i].part(0, k * n, (k + 1) * n) for k in order]
        return call.graph.add("Concat", *pieces, dtype=call[i].dtype, axis=0)
    blocks = np.split(w, len(order))
    return call.graph.constant(np.concatenate([blocks[k] for k in order]))


# ---- attention ------------------------------------------------------------------------------------------------------------------
@rule("Heads")
def heads(call: Call) -> tuple[Value, ...]:
    """Queries, keys and values of each head: (L, N, 3 H d), or N first, -> (N, H, L, d) three times."""
    x, count, shape = call[0], call.params["heads"], call.shape(0)
    n, width = len(shape) - 3, shape[-1]
    apart = x.reshape([*[0] * (n + 2), 3, count, width // (3 * count)])
    batch, length = (n, n + 1) if call.params["first"] else (n + 1, n)
    turned = apart.permute([n + 2, *range(n), batch, n + 3, length, n + 4])
    return tuple(turned.op("Gather", call.graph.number(k, INT64), axis=0) for k in range(3))


@rule("Attention")
def attention(call: Call) -> tuple[Value | None, ...]:
    """``softmax(scale q k^T + bias) v``, where rows that see nothing give 0."""
    allowed, (q, k, v), p = call[0], (call[i] for i in (2, 3, 4)), call.params
    if call.args[1] is not None:
        raise OperandError("onnx.export: attention with dropout has no form in ONNX; export in evaluation mode")
    ndim = call.array(3).ndim
    scores = (q * p["scale"]).op("MatMul", k.permute([*range(ndim - 2), ndim - 1, ndim - 2]))
    if len(call) > 5:
        scores = scores + call[5]
    masks = [] if allowed is None else [allowed.cast(BOOL)]
    if p["causal"]:
        rows, columns = call.shape(2)[-2], call.shape(3)[-2]
        masks.append(_causal(call, rows, columns))
    for mask in masks:
        scores = call.graph.add("Where", mask, scores, call.graph.number(-np.inf, q.dtype), dtype=q.dtype)
    if masks or len(call) > 5:
        dead = scores.reduce("ReduceMax", [-1], True).compare("Equal", -np.inf)
        zero = call.graph.number(0, q.dtype)
        weights = call.graph.add("Where", dead, zero, scores, dtype=q.dtype).op("Softmax", axis=-1)
        weights = call.graph.add("Where", dead, zero, weights, dtype=q.dtype)
    else:
        weights = scores.op("Softmax", axis=-1)
    return weights.op("MatMul", v), None


def _causal(call: Call, rows: Any, columns: Any) -> Value:
    """Where a row may look: not behind itself."""
    if isinstance(rows, Size) or isinstance(columns, Size):
        return made(call.graph, Made("triangle", (rows, columns), BOOL, (False, True), 0))
    return call.graph.constant(np.tril(np.ones((rows, columns), np.bool_)))
