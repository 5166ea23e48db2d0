"""The graph of a model as nodes for TensorBoard: inputs, parameters, operations, outputs, in the scopes of its modules.

Here: nodes (`messages.NODE`) from what a model does, or from a file of ONNX. Not here: following the model (``nn/tracing.py``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from ..._errors import ArgumentError
from ..._lazy import optional
from ...func.tracing import Step, Symbol
from ...nn.module import Module
from ...nn.tracing import trace_module
from .messages import DTYPES, shape_message

Node = dict[str, Any]
#: The longest text of an attribute.
LONGEST = 200


def _node(name: str, op: str, inputs: list[str], array: Any = None, text: str = "") -> Node:
    attributes: list[Any] = []
    if array is not None:
        attributes.append({"key": "_output_shapes", "value": {"list": {"shape": [shape_message(array.shape)]}}})
        attributes.append({"key": "dtype", "value": {"type": DTYPES.get(array.dtype.name, 0)}})
    if text:
        attributes.append({"key": "attr", "value": {"s": text[:LONGEST].encode()}})
    return {"name": name, "op": op, "input": inputs, "device": "/device:CPU:0", "attr": attributes}


class _Names:
    """Names that no other node has."""

    def __init__(self) -> None:
        self.used: Counter[str] = Counter()

    def __call__(self, name: str) -> str:
        self.used[name] += 1
        return name if self.used[name] == 1 else self(f"{name}_{self.used[name] - 1}")


def graph_of(model: Module, args: Any, verbose: bool = False) -> list[Node]:
    """The nodes of ``model`` on ``args``, one tensor or a tuple of arguments.

    Raises `OperandError` for what is no module, and `ArgumentError` where there are no arguments.
    """
    if args is None:
        raise ArgumentError("add_graph: input_to_model is missing: the operations are found by running the model; pass a tensor or a tuple")
    found = trace_module(model, args if isinstance(args, tuple | list) else (args,), op="add_graph")
    root, name_of = type(model).__name__, _Names()
    parameters = {id(t.array): name for name, t in [*model.named_parameters(), *model.named_buffers()]}
    names: dict[int, str] = {}
    nodes: list[Node] = []
    for i, symbol in enumerate(found.inputs):
        names[symbol] = name_of(f"input/input_{i}")
        nodes.append(_node(names[symbol], "IO Node", [], found.arrays[symbol]))
    known: dict[int, str] = {}
    for step in found.steps:
        scope = "/".join(step.path) or root
        inputs = [names[a] if isinstance(a, Symbol) else _constant(a, scope, parameters, root, known, nodes, name_of) for a in step.args]
        op = "Constant" if step.op is None else step.op.__name__
        name = name_of(f"{scope}/{op}")
        names.update(dict.fromkeys(step.results, name))
        nodes.append(_node(name, op, [i for i in inputs if i], found.arrays[step.results[0]], _settings(step)))
    for i, out in enumerate(found.outputs):
        array = found.arrays[out] if isinstance(out, Symbol) else np.asarray(out)
        nodes.append(_node(name_of(f"output/output_{i}"), "IO Node", [names[out]] if isinstance(out, Symbol) else [], array))
    if verbose:
        for node in nodes:
            print(f"{node['name']} = {node['op']}({', '.join(node['input'])})")
    return nodes


def _settings(step: Step) -> str:
    return ", ".join(f"{k}={v}" for k, v in step.params.items())


def _constant(a: Any, scope: str, parameters: dict[int, str], root: str, known: dict[int, str], nodes: list[Node], name_of: _Names) -> str:
    """The name of the node of a parameter, or of another constant array; none for a number."""
    if not isinstance(a, np.ndarray):
        return ""
    if id(a) not in known:
        path = parameters.get(id(a))
        known[id(a)] = name_of(f"{scope}/Constant" if path is None else f"{root}/parameters/{path.replace('.', '/')}")
        nodes.append(_node(known[id(a)], "Constant" if path is None else "Parameter", [], a))
    return known[id(a)]


def graph_of_onnx(file: Any) -> list[Node]:
    """The nodes of a model in a file of ONNX."""
    onnx = optional("onnx", "onnx", "add_onnx_graph")
    graph = onnx.load(file).graph
    nodes = [_node(v.name, "Variable", []) for v in [*graph.input, *graph.output]]
    made: dict[str, str] = {}
    for i, node in enumerate(graph.node):
        name = f"{node.name or f'{node.op_type}_{i}'}"
        text = ", ".join(f"{a.name}={onnx.helper.get_attribute_value(a)}" for a in node.attribute)
        nodes.append(_node(name, node.op_type, [made.get(x, x) for x in node.input if x], text=text))
        made.update(dict.fromkeys(node.output, name))
    return nodes
