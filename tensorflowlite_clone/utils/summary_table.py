"""`summary`: the layers of a model with what comes out of them, their parameters, memory and floating-point operations.

Here: one run of the model between hooks, and the table. Not here: formulas for operations (``nn/flops.py``), times (`tl.profiler`).
"""

from __future__ import annotations

import html
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from math import prod
from typing import Any

import numpy as np

from .._checks import choice, integer, integers
from .._errors import ArgumentError, OperandError, RegistrationError
from .._state import get_default_dtype, recording
from .._typing import Array, OperationLike
from ..core.boxed import Boxed
from ..core.dtype_names import numpy_dtype
from ..core.observe import Observer, observing
from ..core.tensor import Tensor
from ..func.tree import flatten
from ..nn.flops import flops
from ..nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from ..nn.module import Module
from ..nn.parameter import is_lazy
from ..nn.tracing import evaluating

Shape = tuple[int, ...]


class LayerInfo:
    """One module: its ``path`` and class, shapes of its tensors, numbers of parameters, floating-point operations, bytes of its outputs.

    ``parameters`` are those of the module and all below it, ``own_parameters`` its alone; those of a module that stood further up already
    (``shared``) are 0. ``flops`` are those of all its ``calls`` (0: it was not called).
    """

    def __init__(self, path: str, module: Module, depth: int, shared: bool) -> None:
        self.path, self.class_name, self.depth, self.shared = path, type(module).__name__, depth, shared
        self.input_shapes: list[Shape] = []
        self.output_shapes: list[Shape] = []
        self.parameters = self.trainable = self.own_parameters = self.calls = self.flops = self.output_bytes = 0
        self.is_leaf = not any(m is not None for m in module._modules.values())

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"LayerInfo({self.path or '(the model)'}: {self.class_name}, {self.output_shapes}, {self.parameters} parameters)"


class ModelSummary:
    """What `summary` found; prints as a table.

    ``layers`` in the order of the modules, the model itself first; ``total_params``, ``trainable_params`` and ``non_trainable_params``;
    ``total_flops``; and bytes: ``param_bytes``, ``buffer_bytes``, ``input_bytes``, ``activation_bytes`` (the outputs of all modules that
    have none inside, which a backward pass holds), ``total_bytes``.
    """

    def __init__(self, layers: list[LayerInfo], model: Module, inputs: list[Any], depth: int) -> None:
        self.layers, self.depth = layers, depth
        own = [p for p in model.parameters() if not is_lazy(p)]
        self.total_params = sum(p.numel() for p in own)
        self.trainable_params = sum(p.numel() for p in own if p.requires_grad)
        self.non_trainable_params = self.total_params - self.trainable_params
        self.param_bytes = sum(_bytes(p) for p in own)
        self.buffer_bytes = sum(_bytes(b) for b in model.buffers() if not is_lazy(b))
        self.input_bytes = sum(map(_bytes, inputs))
        self.activation_bytes = sum(layer.output_bytes for layer in layers if layer.is_leaf)
        self.total_bytes = self.param_bytes + self.buffer_bytes + self.input_bytes + self.activation_bytes
        self.total_flops = layers[0].flops
        self.ran = bool(layers[0].calls)

    def __getitem__(self, path: str) -> LayerInfo:
        """The layer at a dotted path; that of the model is empty. Raises `RegistrationError`, a `KeyError`, where there is none."""
        for layer in self.layers:
            if layer.path == path:
                return layer
        known = ", ".join(repr(x.path) for x in self.layers)
        raise RegistrationError(f"summary: there is no layer {path!r:.60}: there are {known}; choose one")

    def _rows(self) -> list[list[str]]:
        rows = [["Layer", "Output", "Parameters", "FLOPs"]]
        for layer in self.layers:
            if layer.depth > self.depth:
                continue
            name = f"{'  ' * layer.depth}{f'({layer.name}) ' if layer.path else ''}{layer.class_name}"
            notes = ["shared"] * layer.shared + [f"{layer.calls} calls"] * (layer.calls > 1)
            shapes = ", ".join(str(list(s)) for s in layer.output_shapes) or "--"
            row = [name + f" [{', '.join(notes)}]" * bool(notes), shapes]
            rows.append([*row, f"{layer.parameters:,}" if layer.parameters else "--", f"{layer.flops:,}" if layer.flops else "--"])
        return rows

    def _totals(self) -> list[str]:
        lines = [
            f"Parameters: {self.total_params:,} ({self.trainable_params:,} trainable, {self.non_trainable_params:,} not)",
            f"Memory of parameters: {_size(self.param_bytes)}, of buffers: {_size(self.buffer_bytes)}",
        ]
        if self.ran:
            lines[1] += f", of inputs: {_size(self.input_bytes)}, of what layers give: {_size(self.activation_bytes)}"
            lines.append(f"FLOPs of a forward pass: {self.total_flops:,}")
        return lines

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]) for row in rows]
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:], rule, *self._totals()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table, in notebooks."""
        head, *rows = self._rows()
        cells = ["<tr>" + "".join(f"<th>{html.escape(c)}</th>" for c in head) + "</tr>"]
        style = 'style="text-align:left;white-space:pre"'
        cells += [
            "<tr>" + "".join(f"<td {style if i < 2 else ''}>{html.escape(c)}</td>" for i, c in enumerate(row)) + "</tr>" for row in rows
        ]
        return f"<table>{''.join(cells)}</table>" + "".join(f"<div>{html.escape(line)}</div>" for line in self._totals())


def _bytes(x: Any) -> int:
    return int(prod(x.shape) * numpy_dtype(x.dtype).itemsize)


def _size(n: int) -> str:
    """Bytes with a unit.

    >>> _size(12), _size(5 << 20)
    ('12 B', '5.00 MB')
    """
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if n >= unit:
            return f"{n / unit:.2f} {name}"
    return f"{n} B"


class _Counter(Observer):
    """Hooks around modules, and an observer that adds each operation to the modules around it."""

    def __init__(self, layers: dict[int, LayerInfo]) -> None:
        self.layers, self.open, self.thread = layers, list[LayerInfo](), threading.get_ident()
        self.operations = 0  # those under way, one inside the other

    def before(self, module: Module, args: Any, kwargs: Any = None) -> None:
        layer = self.layers.get(id(module))
        if layer is not None and threading.get_ident() == self.thread:
            self.open.append(layer)

    def after(self, module: Module, args: Any, kwargs: Any, output: Any) -> None:
        layer = self.layers.get(id(module))
        if layer is None or threading.get_ident() != self.thread:
            return
        self.open.pop()
        outs = [x for x in flatten(output)[0] if isinstance(x, Boxed)]
        layer.calls += 1
        layer.input_shapes = [tuple(x.shape) for x in flatten((args, kwargs))[0] if isinstance(x, Boxed)]
        layer.output_shapes = [tuple(x.shape) for x in outs]
        layer.output_bytes += sum(map(_bytes, outs))

    def computing(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> None:
        self.operations += 1

    def computed(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        self.operations -= 1
        if not self.operations:
            count = flops(op, args, params, ans)
            for layer in {id(x): x for x in self.open}.values():
                layer.flops += count


def summary(
    model: Module, input_size: Any = None, input_data: Any = None, *, dtypes: Any = None, depth: int = 100, mode: str = "eval",
) -> ModelSummary:  # fmt: skip
    """What ``model`` consists of: layers, shapes, parameters, memory, and the floating-point operations of a forward pass.

    Args:
        model: the module.
        input_size: the shape of its argument with the batch in front, or a list of shapes; zeros of these shapes are passed.
        input_data: or the arguments themselves: a tensor, a list or tuple of them, or a dict of named ones.
        dtypes: the dtype of the zeros, or a list of dtypes; that of the model's parameters, if it is None.
        depth: how many levels of modules the table shows; ``layers`` has all.
        mode: "eval" or "train", in which the model runs. Its buffers are as they were afterwards.

    Without both inputs the model is not run, and there are no shapes. A multiplication and an addition are two operations; what only moves
    numbers has none. Lazy modules get their parameters.

    Raises `OperandError` for what is no module or no tensor, and `ArgumentError` for sizes that are none, or both inputs.

    >>> import tensorflowlite_clone as tl
    >>> found = summary(tl.nn.Sequential(tl.nn.Linear(3, 4), tl.nn.ReLU()), (2, 3))
    >>> print(found)
    Layer         Output  Parameters  FLOPs
    ---------------------------------------
    Sequential    [2, 4]          16     64
      (0) Linear  [2, 4]          16     56
      (1) ReLU    [2, 4]          --      8
    ---------------------------------------
    Parameters: 16 (16 trainable, 0 not)
    Memory of parameters: 64 B, of buffers: 0 B, of inputs: 24 B, of what layers give: 64 B
    FLOPs of a forward pass: 64
    >>> found["0"].flops
    56
    """
    if not isinstance(model, Module):
        raise OperandError(f"summary: needs a module: got {type(model).__name__} {model!r:.60}; wrap a function in an nn.Module")
    integer("summary", "depth", depth)
    training = choice("summary", "mode", mode, "eval", "train") == "train"
    args, kwargs = _arguments(model, input_size, input_data, dtypes)
    layers, seen = [], dict[int, LayerInfo]()
    for path, module in model.named_modules(remove_duplicate=False):
        layer = LayerInfo(path, module, path.count(".") + bool(path), id(module) in seen)
        layers.append(layer)
        seen.setdefault(id(module), layer)
    if args or kwargs:
        counter = _Counter(seen)
        before = [(b, np.array(b.array)) for b in model.buffers() if not is_lazy(b)]
        with evaluating(model, training), recording(False), observing(counter), ExitStack() as hooks:
            hooks.enter_context(register_module_forward_pre_hook(counter.before))
            hooks.enter_context(register_module_forward_hook(counter.after, with_kwargs=True))
            try:
                model(*args, **kwargs)
            finally:
                for buffer, values in before if training else ():
                    np.copyto(buffer.array, values)
    for layer in layers:
        _count(layer, model.get_submodule(layer.path))
    return ModelSummary(layers, model, [x for x in flatten((args, kwargs))[0] if isinstance(x, Boxed)], depth)


def _count(layer: LayerInfo, module: Module) -> None:
    """The parameters of a layer; of one that is shared they stand further up."""
    if layer.shared:
        return
    known = [p for p in module.parameters() if not is_lazy(p)]
    layer.parameters = sum(p.numel() for p in known)
    layer.trainable = sum(p.numel() for p in known if p.requires_grad)
    layer.own_parameters = sum(p.numel() for p in module.parameters(recurse=False) if not is_lazy(p))


def _arguments(model: Module, size: Any, data: Any, dtypes: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the model is called with."""
    if size is not None and data is not None:
        raise ArgumentError("summary: input_size and input_data are both given; leave one of them out")
    if data is not None:
        if isinstance(data, dict):
            return (), data
        args = tuple(data) if isinstance(data, list | tuple) else (data,)
        if not any(isinstance(x, Boxed | np.ndarray) for x in flatten(args)[0]):
            raise OperandError(f"summary: input_data must have tensors: got {type(data).__name__} {data!r:.60}; pass what the model takes")
        return tuple(Tensor.wrap(x, 0) if isinstance(x, np.ndarray) else x for x in args), {}
    if size is None:
        return (), {}
    if not isinstance(size, Sequence) or isinstance(size, str) or not size:
        raise ArgumentError(f"summary: input_size must be a shape, (batch, ...), or a list of shapes: got {size!r:.60}")
    sizes = [tuple(s) for s in size] if isinstance(size[0], Sequence) else [tuple(size)]
    for s in sizes:
        integers("summary", "input_size", s, 0)
    own = next((p.dtype for p in model.parameters() if not is_lazy(p)), None)
    kinds = list(dtypes) if isinstance(dtypes, list | tuple) else [dtypes] * len(sizes)
    if len(kinds) != len(sizes):
        raise ArgumentError(f"summary: dtypes must be as many as shapes: got {len(kinds)} and {len(sizes)}; pass one for each")
    return tuple(Tensor.wrap(np.zeros(s, numpy_dtype(k or own or get_default_dtype())), 0) for s, k in zip(sizes, kinds, strict=True)), {}
