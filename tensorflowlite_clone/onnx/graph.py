"""The graph of an ONNX model under construction: nodes, constants and names, and the file that is made of them.

Here: `Graph`, and `Value`, with which rules are written as formulas; the numbers of fields, from the public ``onnx.proto``. Not here: what
an operation becomes (``elementwise.py``, ``layers.py``, ``movement.py``), sizes that vary (``sizes.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import DTypeError
from .._proto import Table, encode
from .sizes import Size

TENSOR: Table = {
    "dims": (1, "int"), "data_type": (2, "int"), "name": (8, "string"), "raw_data": (9, "bytes"),
    "external_data": (13, {"key": (1, "string"), "value": (2, "string")}), "data_location": (14, "enum"),
}  # fmt: skip
ATTRIBUTE: Table = {
    "name": (1, "string"), "f": (2, "float"), "i": (3, "int"), "s": (4, "bytes"), "floats": (7, "float"), "ints": (8, "int"),
    "strings": (9, "bytes"),
    "type": (20, "enum"),
}  # fmt: skip
NODE: Table = {
    "input": (1, "string"), "output": (2, "string"), "name": (3, "string"), "op_type": (4, "string"), "attribute": (5, ATTRIBUTE),
}  # fmt: skip
DIMS: Table = {"dim": (1, {"dim_value": (1, "int"), "dim_param": (2, "string")})}
INFO: Table = {"name": (1, "string"), "type": (2, {"tensor_type": (1, {"elem_type": (1, "int"), "shape": (2, DIMS)})})}
GRAPH: Table = {"node": (1, NODE), "name": (2, "string"), "initializer": (5, TENSOR), "input": (11, INFO), "output": (12, INFO)}
MODEL: Table = {
    "ir_version": (1, "int"), "producer_name": (2, "string"), "producer_version": (3, "string"), "graph": (7, GRAPH),
    "opset_import": (8, {"domain": (1, "string"), "version": (2, "int")}),
}  # fmt: skip

#: ONNX's numbers of dtypes.
DTYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10, "float64": 11,
    "uint32": 12, "uint64": 13, "bfloat16": 16,
}  # fmt: skip
#: The version of the file format that each version of the operators needs at least.
IR_VERSIONS = {17: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10, 23: 11}
INT64 = np.dtype(np.int64)
BOOL = np.dtype(np.bool_)


def dtype_number(dtype: Any) -> int:
    """ONNX's number of a dtype; raises `DTypeError` where it has none that is used here."""
    number = DTYPES.get(np.dtype(dtype).name)
    if number is None:
        raise DTypeError(f"onnx.export: ONNX's operators do not compute in {np.dtype(dtype)}; convert the model, or the values, first")
    return number


class Value:
    """A tensor of the graph: its name and dtype. Operators between values, and numbers, are nodes."""

    __slots__ = ("dtype", "graph", "name")

    def __init__(self, graph: Graph, name: str, dtype: Any) -> None:
        self.graph, self.name, self.dtype = graph, name, np.dtype(dtype)

    def op(self, kind: str, *others: Any, dtype: Any = None, **attributes: Any) -> Value:
        """The node ``kind`` on this value and ``others``: values, numbers (in this dtype), or None for what is left out."""
        return self.graph.add(kind, self, *others, dtype=self.dtype if dtype is None else dtype, **attributes)

    def __add__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __radd__(self, other: Any) -> Value:
        return self.op("Add", other)

    def __sub__(self, other: Any) -> Value:
        return self.op("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self.graph.number(other, self.dtype) - self

    def __mul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __rmul__(self, other: Any) -> Value:
        return self.op("Mul", other)

    def __truediv__(self, other: Any) -> Value:
        return self.op("Div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self.graph.number(other, self.dtype) / self

    def __neg__(self) -> Value:
        return self.op("Neg")

    def compare(self, kind: str, other: Any) -> Value:
        """A comparison, which gives booleans."""
        return self.op(kind, other, dtype=BOOL)

    def cast(self, dtype: Any) -> Value:
        """The value in another dtype."""
        dtype = np.dtype(dtype)
        return self if dtype == self.dtype else self.op("Cast", dtype=dtype, to=dtype_number(dtype))

    def reshape(self, shape: Sequence[Any]) -> Value:
        """The elements in another shape, one of whose sizes may vary."""
        varying = [i for i, n in enumerate(shape) if isinstance(n, Size)]
        if len(varying) == 1 and all(not isinstance(n, int) or n for n in shape):
            shape = [-1 if i in varying else n for i, n in enumerate(shape)]
        return self.op("Reshape", self.graph.ints(shape))

    def permute(self, axes: Sequence[int]) -> Value:
        """The axes in another order."""
        return self.op("Transpose", perm=list(axes))

    def squeeze(self, *axes: int) -> Value:
        """Without axes of length 1."""
        return self.op("Squeeze", self.graph.ints(axes))

    def unsqueeze(self, *axes: int) -> Value:
        """With more axes of length 1."""
        return self.op("Unsqueeze", self.graph.ints(axes))

    def part(self, axis: int, start: Any, stop: Any, step: int = 1) -> Value:
        """From ``start`` to ``stop`` along an axis."""
        ints = self.graph.ints
        return self.op("Slice", ints([start]), ints([stop]), ints([axis]), ints([step]))

    def reduce(self, kind: str, axes: Sequence[int] | None, keepdims: bool, dtype: Any = None) -> Value:
        """A reduction; its axes are an input of newer operators, an attribute of older ones."""
        attributes: dict[str, Any] = {"keepdims": int(keepdims)}
        if axes is None:
            return self.op(kind, dtype=dtype, **attributes)
        if kind == "ReduceSum" or self.graph.opset >= 18:
            return self.op(kind, self.graph.ints(axes), dtype=dtype, **attributes)
        return self.op(kind, dtype=dtype, axes=list(axes), **attributes)


class Graph:
    """Nodes in the order of their computation, constants, and the names of values (by `func.tracing.Symbol`)."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[dict[str, Any]] = []
        self.constants: dict[str, Any] = {}
        self.values: dict[int, Value] = {}
        #: The names of parameters and buffers, by the identity of their arrays.
        self.known: dict[int, str] = {}
        self._kept: dict[Any, Value] = {}
        self._used: Counter[str] = Counter()
        #: What some rules remember for others, by the number of a value; and the shapes of all values.
        self.notes: dict[int, Any] = {}
        self.shapes: dict[int, tuple[Any, ...]] = {}
        #: The module in which the node stands that is made now.
        self.scope = ""

    def name(self, hint: str) -> str:
        """A name that nothing else has."""
        self._used[hint] += 1
        return hint if self._used[hint] == 1 else self.name(f"{hint}_{self._used[hint] - 1}")

    def add(self, kind: str, *inputs: Any, dtype: Any, **attributes: Any) -> Value:
        """A node with one result."""
        return self.several(kind, inputs, (dtype,), **attributes)[0]

    def several(self, kind: str, inputs: Sequence[Any], dtypes: Sequence[Any], **attributes: Any) -> tuple[Value, ...]:
        """A node with results of these ``dtypes``."""
        own = next((x.dtype for x in inputs if isinstance(x, Value)), None)
        names = ["" if x is None else (x if isinstance(x, Value) else self.number(x, own)).name for x in inputs]
        while names and not names[-1]:
            names.pop()
        name = self.name(f"{self.scope}/{kind}" if self.scope else kind)
        outs = tuple(Value(self, f"{name}_output_{i}", d) for i, d in enumerate(dtypes))
        attribute = [_attribute(k, v) for k, v in attributes.items() if v is not None]
        self.nodes.append({"input": names, "output": [o.name for o in outs], "name": name, "op_type": kind, "attribute": attribute})
        return outs

    def constant(self, array: Any) -> Value:
        """A constant; of a parameter it has the name."""
        array = np.asarray(array)
        known = self.known.get(id(array))
        key = known or (array.dtype.str, array.shape, array.tobytes() if array.nbytes < 4096 else id(array))
        if key not in self._kept:
            name = self.name(known or "constant")
            self.constants[name] = array
            self._kept[key] = Value(self, name, array.dtype)
        return self._kept[key]

    def number(self, value: Any, dtype: Any) -> Value:
        """A number as a constant of no dimensions; a value as it is."""
        return value if isinstance(value, Value) else self.constant(np.asarray(value, dtype))

    def ints(self, values: Sequence[Any]) -> Value:
        """Whole numbers as a vector, of which some may be sizes that vary."""
        if not any(isinstance(v, Size) for v in values):
            return self.constant(np.asarray([int(v) for v in values], np.int64))
        parts = [self.size(v) if isinstance(v, Size) else self.constant(np.asarray([v], np.int64)) for v in values]
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, dtype=INT64, axis=0)

    def size(self, size: Size) -> Value:
        """A size that varies, as a vector with one element."""
        found: Value | None = None
        for symbol, axis in size.factors:
            factor = self.values[symbol].op("Shape", dtype=INT64, start=axis, end=axis + 1)
            found = factor if found is None else found * factor
        assert found is not None
        if size.scale != 1:
            found = found * self.constant(np.asarray([size.scale], np.int64))
        return found if not size.offset else found + self.constant(np.asarray([size.offset], np.int64))

    # ---- the file -----------------------------------------------------------------------------------------------------------
    def model(
        self, inputs: list[dict[str, Any]], outputs: list[dict[str, Any]], name: str, version: str,
        weights: bytearray | None = None, location: str = "",
    ) -> bytes:  # fmt: skip
        """The file. Large constants go into ``weights``, the file ``location``, if that is not None, instead of the file itself."""
        used = {i for node in self.nodes for i in node["input"]} | {o["name"] for o in outputs}
        initializers = [_tensor(n, array, weights, location) for n, array in self.constants.items() if n in used]
        graph = {"node": self.nodes, "name": name, "initializer": initializers, "input": inputs, "output": outputs}
        return encode(MODEL, {
            "ir_version": IR_VERSIONS[self.opset], "producer_name": "tensorflowlite_clone", "producer_version": version,
            "graph": graph, "opset_import": {"domain": "", "version": self.opset},
        })  # fmt: skip


#: Constants from this size on may stand in a file of their own.
LARGE = 1024


def _tensor(name: str, array: Any, weights: bytearray | None, location: str) -> dict[str, Any]:
    number = dtype_number(array.dtype)
    raw = (
        np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<") if array.dtype.kind != "V" else array.dtype, copy=False).tobytes()
    )
    found: dict[str, Any] = {"dims": list(array.shape), "data_type": number, "name": name}
    if weights is None or len(raw) < LARGE:
        return {**found, "raw_data": raw}
    weights += b"\0" * (-len(weights) % 4096)  # pages, so that readers can map the file
    entries = {"location": location, "offset": str(len(weights)), "length": str(len(raw))}
    weights += raw
    return {**found, "external_data": [{"key": k, "value": v} for k, v in entries.items()], "data_location": 1}


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, Size) or (isinstance(value, list | tuple) and any(isinstance(v, Size) for v in value)):
        raise TypeError(f"the attribute {name} must be fixed")
    if isinstance(value, float):
        return {"name": name, "f": value, "type": 1}
    if isinstance(value, str):
        return {"name": name, "s": value.encode(), "type": 3}
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], float):
            return {"name": name, "floats": list(value), "type": 6}
        return {"name": name, "ints": [int(v) for v in value], "type": 7}
    return {"name": name, "i": int(value), "type": 2}


def info(name: str, dtype: Any, shape: Sequence[Any]) -> dict[str, Any]:
    """An input or output of the graph; texts among the sizes are names of those that vary."""
    dims = [{"dim_param": n} if isinstance(n, str) else {"dim_value": int(n)} for n in shape]
    return {"name": name, "type": {"tensor_type": {"elem_type": dtype_number(dtype), "shape": {"dim": dims}}}}
