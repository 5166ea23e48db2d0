"""`export`: a model as a file of ONNX.

Here: running the model, once, or three times where sizes vary, and putting the file together. Not here: what operations become
(``elementwise.py``, ``movement.py``, ``layers.py``).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from .._checks import integer
from .._errors import ArgumentError, OperandError
from .._files import write_atomically
from .._lazy import optional
from .._version import __version__
from ..core.boxed import Boxed
from ..core.tensor import Tensor
from ..core.where import stacklevel
from ..func.tracing import Symbol, Trace
from ..func.tree import flatten, unflatten
from ..nn.module import Module
from ..nn.parameter import is_lazy
from ..nn.tracing import trace_module
from ..ops.random import current_generator
from . import elementwise, layers, movement
from .graph import IR_VERSIONS, Graph, Value, info
from .rules import RULES, Call
from .sizes import Merged, Merger

OP = "onnx.export"
#: The version of the operators, unless another is asked for.
OPSET = 18
#: From so many bytes of constants on a file cannot hold them.
MOST = 2_000_000_000
#: Axes whose sizes vary, by the number of the input: {axis: name}.
Axes = list[dict[int, str]]


#: The exports under way.
_running: list[str] = []


class TrainingMode(Enum):
    """PyTorch's names of modes; models are exported in evaluation mode."""

    EVAL = 0
    PRESERVE = 1
    TRAINING = 2


def is_in_onnx_export() -> bool:
    """Whether a model runs because it is exported."""
    return bool(_running)


class ONNXProgram:
    """A model in ONNX's form: ``model_bytes``, and the names of its inputs and outputs. `save` writes the file."""

    def __init__(self, model_bytes: bytes, weights: bytes | None, input_names: list[str], output_names: list[str]) -> None:
        self.model_bytes, self.weights = model_bytes, weights
        self.input_names, self.output_names = input_names, output_names

    @property
    def model_proto(self) -> Any:
        """The model as an object of the package onnx; needs the extra ``onnx``."""
        return optional("onnx", "onnx", OP).load_from_string(self.model_bytes)

    def save(self, destination: Any) -> None:
        """Write the file (a name, or a file object)."""
        if hasattr(destination, "write"):
            destination.write(self.model_bytes)
            return
        write_atomically(os.fspath(destination), lambda file: file.write(self.model_bytes), OP)

    def check(self) -> None:
        """Let the package onnx check the model, and infer its shapes; needs the extra ``onnx``."""
        onnx = optional("onnx", "onnx", OP)
        onnx.checker.check_model(self.model_proto, full_check=True)

    def __repr__(self) -> str:
        return f"ONNXProgram({', '.join(self.input_names)} -> {', '.join(self.output_names)}, {len(self.model_bytes)} bytes)"


def export(
    model: Any, args: Any = (), f: Any = None, *, kwargs: dict[str, Any] | None = None, verbose: bool | None = None,
    input_names: Sequence[str] | None = None, output_names: Sequence[str] | None = None, opset_version: int | None = None,
    dynamo: bool = True, external_data: bool = True, dynamic_shapes: Any = None, custom_translation_table: Any = None,
    report: bool = False, optimize: bool = True, verify: bool = False, profile: bool = False, dump_exported_program: bool = False,
    artifacts_dir: Any = ".", export_params: bool = True, keep_initializers_as_inputs: bool = False, dynamic_axes: Any = None,
    training: Any = None, operator_export_type: Any = None, do_constant_folding: bool = True, custom_opsets: Any = None,
    export_modules_as_functions: Any = False, autograd_inlining: bool = True,
) -> ONNXProgram:  # fmt: skip
    """Write ``model``, in evaluation mode, as a graph of ONNX's operators, as it computes ``model(*args, **kwargs)``.

    The model is run, and the operations that the arguments go through are written down; all else is constant. A value that the program asks
    for (in an ``if``, by ``item()``) is fixed, with a warning.

    Args:
        model: the module.
        args: a tensor, or a tuple of arguments, which may be nested.
        f: the name of the file, or a file object; None: nothing is written.
        kwargs: named arguments.
        input_names, output_names: the names of the inputs and outputs, in order; those left out are the forward method's or numbered.
        opset_version: the version of the operators, 17 or later.
        dynamic_axes: ``{input name: {axis: name}}``, or lists of axes: sizes that vary. The model is run at other sizes, too, to learn
            what depends on them; inputs are then repeated, or cut, to these sizes.
        dynamic_shapes: the same by argument: a tuple like ``args`` (or a dict by name) of dicts ``{axis: name}``.
        verify: whether onnxruntime shall compute the same at once (the extra ``onnx``).
        external_data: whether constants may stand in a file ``<f>.data``, where there are more than 2 GB of them.
        custom_translation_table: rules for operations of your own: ``{name of the operation: function of a Call}``.

    The other arguments are PyTorch's; those that would make another file here (``training`` mode, parameters as inputs, functions) are
    refused.

    Returns the `ONNXProgram`.

    Raises `OperandError` for what is no module, and naming an operation that has no form in ONNX; `ArgumentError` for versions and names
    that cannot be; `GraphError` where the model depends on a dynamic axis in a way that a graph cannot.

    >>> import tensorflowlite_clone as tl
    >>> model = tl.nn.Sequential(tl.nn.Linear(3, 4), tl.nn.ReLU())
    >>> program = tl.onnx.export(model, tl.ones(2, 3), input_names=["x"], dynamic_axes={"x": {0: "batch"}})
    >>> program.input_names, program.output_names
    (['x'], ['output'])
    """
    if not isinstance(model, Module):
        raise OperandError(f"{OP}: needs a module: got {type(model).__name__} {model!r:.60}; wrap a function in an nn.Module")
    opset = OPSET if opset_version is None else integer(OP, "opset_version", opset_version)
    if opset not in IR_VERSIONS:
        raise ArgumentError(f"{OP}: opset_version must be from {min(IR_VERSIONS)} to {max(IR_VERSIONS)}: got {opset}; leave it out")
    refused = {
        "training": training not in (None, 0, False) and getattr(training, "name", None) != "EVAL", "export_params": not export_params,
        "keep_initializers_as_inputs": keep_initializers_as_inputs, "export_modules_as_functions": bool(export_modules_as_functions),
    }  # fmt: skip
    if any(refused.values()):
        names = [name for name, there in refused.items() if there]
        raise ArgumentError(f"{OP}: {', '.join(names)}: graphs have their parameters inside and are in evaluation mode; leave it out")
    args, kwargs = (tuple(args) if isinstance(args, tuple | list) else (args,)), dict(kwargs or {})
    leaves, tree = flatten((args, kwargs))
    given = [leaf for leaf in leaves if isinstance(leaf, Boxed | np.ndarray)]
    names = _input_names(model, args, kwargs, input_names, len(given))
    axes = _axes(names, dynamic_axes, dynamic_shapes, args, kwargs, given)
    traces = [_traced(model, leaves, tree)]
    if any(axes):
        traces += _at_other_sizes(model, leaves, tree, axes)
    if traces[0].asked:
        warnings.warn(
            f"{OP}: the model asks for values that another run may not have ({', '.join(sorted({*traces[0].asked}))}): they, and what "
            f"follows from them, are fixed in the file; use where() instead of if, and pass random numbers as arguments",
            stacklevel=stacklevel(),
        )
    graph = Graph(opset)
    outputs = _build(graph, model, traces, names, output_names, axes, custom_translation_table or {})
    program = _program(graph, traces, names, outputs, axes, model, f, external_data)
    if verify:
        verified(program, traces[0])
    if verbose:
        for node in graph.nodes:
            print(f"{', '.join(node['output'])} = {node['op_type']}({', '.join(node['input'])})")
    if f is not None:
        program.save(f)
        weights = program.weights
        if weights is not None:
            write_atomically(f"{os.fspath(f)}.data", lambda file: file.write(weights), OP)
    return program


def _input_names(model: Module, args: Any, kwargs: dict[str, Any], names: Sequence[str] | None, count: int) -> list[str]:
    """A name for each tensor among the arguments."""
    code = getattr(type(model).forward, "__code__", None)
    own = list(code.co_varnames[1 : code.co_argcount]) if code is not None else []
    found: list[str] = []
    for i, a in enumerate(args):
        inner = [x for x in flatten(a)[0] if isinstance(x, Boxed | np.ndarray)]
        base = own[i] if i < len(own) else f"input_{i}"
        found += [base] if len(inner) == 1 else [f"{base}_{k}" for k in range(len(inner))]
    for name, a in kwargs.items():
        inner = [x for x in flatten(a)[0] if isinstance(x, Boxed | np.ndarray)]
        found += [name] if len(inner) == 1 else [f"{name}_{k}" for k in range(len(inner))]
    if names is not None:
        if isinstance(names, str) or len(names) > count or len({*names}) < len(names):
            raise ArgumentError(f"{OP}: input_names must be at most {count} different names, one for each tensor: got {names!r:.80}")
        found[: len(names)] = [str(n) for n in names]
    return found


def _axes(names: list[str], dynamic_axes: Any, dynamic_shapes: Any, args: Any, kwargs: dict[str, Any], given: list[Any]) -> Axes:
    """Which axes of each input vary, by name."""
    found: Axes = [{} for _ in names]
    if dynamic_axes is not None and not isinstance(dynamic_axes, Mapping):
        raise OperandError(f"{OP}: dynamic_axes must be a dict, {{input name: {{axis: name}}}}: got {type(dynamic_axes).__name__}")
    for name, which in (dynamic_axes or {}).items():
        if name in names:
            i = names.index(name)
            pairs = which.items() if isinstance(which, Mapping) else [(a, f"{name}_dynamic_axes_{k + 1}") for k, a in enumerate(which)]
            found[i].update({int(a) % given[i].ndim: str(n) for a, n in pairs})
    if dynamic_shapes is not None:
        specs = [dynamic_shapes.get(n) for n in names] if isinstance(dynamic_shapes, Mapping) else list(flatten_specs(dynamic_shapes))
        if len(specs) != len(names):
            raise ArgumentError(f"{OP}: dynamic_shapes must have an entry for each of the {len(names)} tensors: got {len(specs)}")
        for i, spec in enumerate(specs):
            for axis, n in spec.items() if isinstance(spec, Mapping) else enumerate(spec or ()):
                if n is not None and not isinstance(n, int):
                    name = n if isinstance(n, str) else getattr(n, "__name__", f"{names[i]}_{axis}")
                    found[i][int(axis) % given[i].ndim] = name
    sizes: dict[str, int] = {}
    for i, varying in enumerate(found):
        for axis, name in varying.items():
            n = given[i].shape[axis]
            if sizes.setdefault(name, n) != n:
                raise ArgumentError(f"{OP}: axes of one name have one size: {name!r} is {sizes[name]} and {n}; give them different names")
    return found


def flatten_specs(spec: Any) -> list[Any]:
    """The entries of nested ``dynamic_shapes``: dicts ``{axis: name}``, or None."""
    if spec is None or isinstance(spec, Mapping) or (isinstance(spec, tuple | list) and all(isinstance(n, str | int | None) for n in spec)):
        return [spec]
    return [x for inner in spec for x in flatten_specs(inner)]


def _traced(model: Module, leaves: list[Any], tree: Any) -> Trace:
    """What the model does; random numbers go on afterwards as if it had not run."""
    args, kwargs = unflatten(tree, leaves)
    _with_parameters(model, args, kwargs)
    generator = current_generator()
    before = generator.get_state().numpy().copy()
    _running.append(OP)
    try:
        found = trace_module(model, args, kwargs, OP)
    finally:
        _running.pop()
        drawn = not np.array_equal(generator.get_state().numpy(), before)
        generator.set_state(before)
    if drawn:
        found.asked.append("random numbers")
    return found


def _with_parameters(model: Module, args: Any, kwargs: dict[str, Any]) -> None:
    """Let lazy modules get their parameters, whose random numbers are no part of the trace."""
    if any(map(is_lazy, [*model.parameters(), *model.buffers()])):
        trace_module(model, args, kwargs, OP)


def _at_other_sizes(model: Module, leaves: list[Any], tree: Any, axes: Axes) -> list[Trace]:
    """Traces at two more sizes of each axis that varies: smaller ones, or larger ones where the model refuses these."""
    arrays = [x for x in leaves if isinstance(x, Boxed | np.ndarray)]
    sizes = {n: x.shape[a] for x, varying in zip(arrays, axes, strict=True) for a, n in varying.items()}
    error: Exception | None = None
    for way in (1, -1):
        found = []
        try:
            for k in (1, 2):
                changed = {n: s + way * k * (2 * i + 1 if k == 1 else i + 1) for i, (n, s) in enumerate(sizes.items())}
                if any(c < 1 for c in changed.values()):
                    raise ArgumentError("no smaller size")
                resized = iter([_resized(x, {a: changed[n] for a, n in v.items()}) for x, v in zip(arrays, axes, strict=True)])
                found.append(_traced(model, [next(resized) if isinstance(x, Boxed | np.ndarray) else x for x in leaves], tree))
            return found
        except Exception as problem:
            error = error or problem
    raise ArgumentError(
        f"{OP}: the model does not run at other sizes of the dynamic axes {', '.join(sizes)}; leave the axis fixed, or pass arguments "
        f"that are smaller than the largest"
    ) from error


def _resized(x: Any, sizes: dict[int, int]) -> Any:
    array = x.detach().numpy() if isinstance(x, Boxed) else x
    for axis, n in sizes.items():
        array = np.take(array, np.arange(n) % array.shape[axis], axis)
    return Tensor.wrap(np.ascontiguousarray(array), 0)


# ---- the graph ------------------------------------------------------------------------------------------------------------------
def _build(
    graph: Graph, model: Module, traces: list[Trace], names: list[str], output_names: Sequence[str] | None, axes: Axes, own: dict[str, Any]
) -> list[tuple[str, Any, Any]]:
    """Put the nodes into the graph; the outputs as names, dtypes and shapes."""
    first = traces[0]
    for name, t in [*model.named_parameters(), *model.named_buffers()]:
        graph.known.setdefault(id(t.array), name)
    for name, symbol in zip(names, first.inputs, strict=True):
        graph.values[symbol] = Value(graph, graph.name(name), first.arrays[symbol].dtype)
    merger = Merger(traces, [p.array for p in (*model.parameters(), *model.buffers())])
    for symbol in first.inputs:
        graph.shapes[symbol] = merger.shape(symbol)
    steps = merger.steps()
    needed = {o for o in first.outputs if isinstance(o, Symbol)}
    used = []
    for merged in reversed(steps):
        if needed & {*merged.step.results}:
            used.append(merged)
            needed |= {a for a in merged.step.args if isinstance(a, Symbol)}
    for merged in reversed(used):
        graph.shapes.update(zip(merged.step.results, merged.shapes, strict=True))
        _emit(graph, merged, first, own)
    count = len(first.outputs)
    found = [f"output_{i}" if count > 1 else "output" for i in range(count)]
    if output_names is not None:
        if isinstance(output_names, str) or len(output_names) > count or len({*output_names}) < len(output_names):
            raise ArgumentError(f"{OP}: output_names must be at most {count} different names: got {output_names!r:.80}")
        found[: len(output_names)] = [str(n) for n in output_names]
    outputs = []
    graph.scope = ""
    for name, out in zip(found, first.outputs, strict=True):
        value = graph.values.get(out) if isinstance(out, Symbol) else graph.constant(out)
        if value is None:
            raise OperandError(f"{OP}: the output {name!r} has no form in ONNX; return something else")
        graph.nodes.append({"input": [value.name], "output": [name], "name": graph.name(f"{name}_"), "op_type": "Identity"})
        outputs.append((name, value.dtype, graph.shapes.get(out) if isinstance(out, Symbol) else np.shape(out)))
    return outputs


def _emit(graph: Graph, merged: Merged, trace: Trace, own: dict[str, Any]) -> None:
    """The nodes of one step."""
    step = merged.step
    graph.scope = "/".join(step.path[1:])
    if step.op is None:
        graph.values[step.results[0]] = graph.constant(step.args[0])
        return
    call = Call(graph, merged, trace)
    rule = own.get(call.name) or RULES.get(call.name)
    where = f" (in {'/'.join(step.path)})" if step.path else ""
    if rule is None:
        raise OperandError(
            f"{OP}: the operation {call.name} has no form in ONNX{where}; compute without it, or give a rule for it in "
            f"custom_translation_table"
        )
    try:
        outs = rule(call)
    except TypeError as error:
        if any(a is not b for a, b in zip((step.args, step.params), (merged.first.args, merged.first.params), strict=True)):
            raise OperandError(
                f"{OP}: the operation {call.name}{where} has no form in ONNX where its sizes vary ({error}); leave the axis fixed"
            ) from error
        raise
    for symbol, value in zip(step.results, outs if isinstance(outs, tuple) else (outs,), strict=False):
        if value is not None:
            value.dtype = trace.arrays[symbol].dtype if value.dtype.kind == trace.arrays[symbol].dtype.kind else value.dtype
            graph.values[symbol] = value if value.dtype == trace.arrays[symbol].dtype else value.cast(trace.arrays[symbol].dtype)


def _program(
    graph: Graph, traces: list[Trace], names: list[str], outputs: list[tuple[str, Any, Any]], axes: Axes, model: Module, f: Any, apart: bool
) -> ONNXProgram:
    """The file."""
    first = traces[0]
    known: dict[Any, str] = {(s, a): n for s, varying in zip(first.inputs, axes, strict=True) for a, n in varying.items()}
    inputs = []
    for name, symbol in zip(names, first.inputs, strict=True):
        array = first.arrays[symbol]
        inputs.append(info(name, array.dtype, [known.get((symbol, a), n) for a, n in enumerate(array.shape)]))
    results = []
    by_size = {tuple(t.arrays[s].shape[a] for t in traces): n for (s, a), n in known.items()}
    for (name, dtype, shape), out in zip(outputs, first.outputs, strict=True):
        dims = []
        for axis, n in enumerate(shape):
            sizes = tuple(t.arrays[out].shape[axis] for t in traces) if isinstance(out, Symbol) else (n,)
            dims.append(n if len({*sizes}) == 1 else by_size.get(sizes, f"{name}_{axis}"))
        results.append(info(name, dtype, dims))
    weights = None
    if sum(a.nbytes for a in graph.constants.values()) > MOST:
        if not apart or f is None or hasattr(f, "write"):
            raise ArgumentError(
                f"{OP}: a file of ONNX holds at most 2 GB: this model has more; let external_data=True, and give a file name"
            )
        weights = bytearray()
    location = "" if weights is None else os.path.basename(os.fspath(f)) + ".data"
    content = graph.model(inputs, results, type(model).__name__, __version__, weights, location)
    return ONNXProgram(content, None if weights is None else bytes(weights), names, [name for name, _, _ in outputs])


def verified(program: ONNXProgram, trace: Trace) -> None:
    """Raise `ArgumentError` unless onnxruntime computes what the model did."""
    runtime = optional("onnxruntime", "onnx", OP)
    session = runtime.InferenceSession(program.model_bytes, providers=["CPUExecutionProvider"])
    fed = dict(zip(program.input_names, (trace.arrays[s] for s in trace.inputs), strict=True))
    there = {i.name for i in session.get_inputs()}
    for name, found, out in zip(
        program.output_names, session.run(None, {k: v for k, v in fed.items() if k in there}), trace.outputs, strict=True
    ):
        expected = trace.arrays[out] if isinstance(out, Symbol) else np.asarray(out)
        if not np.allclose(found, expected, rtol=1e-4, atol=1e-5, equal_nan=True):
            worst = np.abs(np.asarray(found, float) - expected).max()
            raise ArgumentError(f"{OP}: onnxruntime computes another {name!r}: it differs by up to {worst:.3g}; report this model")


__all__ = ["ONNXProgram", "elementwise", "export", "layers", "movement"]
