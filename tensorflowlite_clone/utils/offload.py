"""Parameters, and what optimizers remember, in files instead of memory: for models that are larger than it.

`offload` puts the parameters of a module into one safetensors file that is mapped into memory: the system reads a weight when an operation
looks at it, and each layer's weights are given back as soon as it has computed. `offload_optimizer` does the same with states, and steps
one parameter after the other. So memory has to hold one layer, and the batch. Not here: shards on several processes
(``distributed/fsdp.py``).
"""

from __future__ import annotations

import json
import mmap
import os
from typing import Any

import numpy as np

from .._errors import ArgumentError, FileFormatError, OperandError, StateDictError
from .._lazy import load
from .._typing import NDArray
from ..core.tensor import Taped, Tensor
from ..nn.module import Module
from ..optim.optimizer import Optimizer

__all__ = ["File", "offload", "offload_optimizer"]

#: What the format calls the dtypes.
CODES = {"f8": "F64", "f4": "F32", "f2": "F16", "i8": "I64", "i4": "I32", "i2": "I16", "i1": "I8", "u1": "U8", "b1": "BOOL", "c8": "C64"}
PAGE = mmap.ALLOCATIONGRANULARITY


class File:
    """A safetensors file of arrays of known shapes, mapped into memory: what is written to them is in the file.

    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "a.safetensors")
    >>> File(name, {"w": ((2,), np.dtype("f4"))}).arrays["w"].fill(3)
    >>> import tensorflowlite_clone as tl
    >>> tl.load(name)["w"].tolist()
    [3.0, 3.0]
    """

    def __init__(self, path: str, shapes: dict[str, tuple[tuple[int, ...], Any]]) -> None:
        entries: dict[str, Any] = {}
        end = 0
        for name, (shape, dtype) in sorted(shapes.items(), key=lambda item: -item[1][1].itemsize):  # so that all are aligned
            code = CODES.get(dtype.str[1:])
            if code is None:
                raise ArgumentError(f"offload: files hold no {dtype}: {name} is {dtype}; keep it in memory")
            start, end = end, end + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            entries[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, end]}
        header = json.dumps(entries).encode()
        header += b" " * (-(len(header) + 8) % PAGE)  # so that data begin on a page
        with open(path, "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(8 + len(header) + end)
        self._look(path, True)

    @classmethod
    def of(cls, path: str) -> File:
        """A file that is there already; one with a checksum, as `tl.save` writes, can only be read, as can what the system protects.

        Raises `FileFormatError` where it is damaged, or where its arrays do not stand as memory needs them.
        """
        found = cls.__new__(cls)
        if load("io.structure").CHECKSUM not in found._look(path, False) and os.access(path, os.W_OK):
            found._look(path, True)
        copied = [n for n, a in found.arrays.items() if a.flags.owndata and a.nbytes]
        if copied:
            raise FileFormatError(f"offload: {path}: {copied[0]} does not begin at a multiple of the size of its elements; save it anew")
        return found

    def _look(self, path: str, write: bool) -> dict[str, str]:
        """Map the file; its metadata."""
        with open(path, "r+b" if write else "rb") as file:
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)
            #: The arrays, by name.
            self.arrays: dict[str, NDArray]
            self.arrays, entries, metadata = load("io.safetensors").read_parts(file, self.map)
        begin = 8 + int.from_bytes(self.map[:8], "little")
        self.places = {n: (begin + e["data_offsets"][0], begin + e["data_offsets"][1]) for n, e in entries.items()}
        return dict(metadata)

    def release(self, names: Any = None) -> None:
        """Give the memory of these arrays (None: of all) back: what was written is in the file, and is read again when it is looked at."""
        if not (hasattr(self.map, "madvise") and hasattr(mmap, "MADV_DONTNEED")):
            return
        for name in self.places if names is None else names:
            start, stop = self.places[name]
            start = start // PAGE * PAGE
            if stop > start:
                self.map.madvise(mmap.MADV_DONTNEED, start, stop - start)


def offload(module: Module, path: Any, existing: bool = False) -> Module:
    """Let the parameters of ``module`` be in the file ``path``, which is made anew, instead of in memory; the module is returned.

    With ``existing=True`` they are those that the safetensors file holds already: nothing is read before it is looked at. Of a model in
    several files each module is given its own.

    They are moved one by one, so a model whose parameters are windows onto files that `tl.load` has mapped (``mmap=True``) is moved without
    ever being in memory. After each module that has parameters of its own, forward, their memory is given back; in backward, once their
    gradients are there. An optimizer steps them in place, in the file; `tl.load` reads it.

    Raises `OperandError` for what is no module, `ArgumentError` for one without parameters, or of a dtype that files cannot hold,
    `StateDictError` for a file that holds others.

    >>> import os, tempfile, tensorflowlite_clone as tl
    >>> layer = tl.nn.Linear(2, 1)
    >>> name = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> offload(layer, name)(tl.ones(1, 2)).shape, tl.equal(tl.load(name)["bias"], layer.bias)
    ((1, 1), True)
    """
    if not isinstance(module, Module):
        raise OperandError(f"offload: module must be a module: got {type(module).__name__} {module!r:.40}")
    named = dict(module.named_parameters())
    if not named:
        raise ArgumentError(f"offload: {type(module).__name__} has no parameters; there is nothing to move")
    shapes = {n: (tuple(p.array.shape), p.array.dtype) for n, p in named.items()}
    file = File.of(os.fspath(path)) if existing else File(os.fspath(path), shapes)
    for name, p in named.items():
        if not existing:
            file.arrays[name][...] = p.array
        elif (a := file.arrays.get(name)) is None or (a.shape, a.dtype) != shapes[name]:
            held = "nothing of that name" if a is None else f"{a.dtype} {a.shape}"
            raise StateDictError(f"offload: {name} is {p.array.dtype} {shapes[name][0]}, and {os.fspath(path)} holds {held}")
        p.array = file.arrays[name]
        p.offloaded = _Release(file, [name])  # type: ignore[attr-defined]
        file.release([name])
    for prefix, m in module.named_modules():
        own = [f"{prefix}.{n}" if prefix else n for n, p in m._parameters.items() if p is not None]
        names = [n for n in own if n in named]
        if names:
            m.register_forward_hook(_Release(file, names))
    for p in named.values():
        if p.requires_grad:
            p.register_post_accumulate_grad_hook(p.offloaded)  # type: ignore[attr-defined]
    return module


class _Release:
    """A hook that gives memory back."""

    def __init__(self, file: File, names: list[str]) -> None:
        self.file, self.names = file, names

    def __call__(self, *args: Any) -> None:
        self.file.release(self.names)


def offload_optimizer(optimizer: Optimizer, path: Any) -> Optimizer:
    """Let what ``optimizer`` remembers be in the file ``path``, and step each parameter once backward has its gradient, which is dropped.

    So neither states nor gradients of all parameters are in memory at a time. `step` then does nothing but answer, `zero_grad` nothing;
    gradients cannot be clipped by their norm together, nor added up over several passes. Raises `ArgumentError` for an optimizer that does
    not say what it remembers (`Optimizer.arrays`).

    >>> import os, tempfile, tensorflowlite_clone as tl
    >>> folder, layer = tempfile.mkdtemp(), tl.nn.Linear(2, 1, bias=False)
    >>> _ = offload(layer, os.path.join(folder, "model.safetensors"))
    >>> optimizer = offload_optimizer(tl.optim.SGD(layer.parameters(), lr=1.0, momentum=0.9), os.path.join(folder, "state.safetensors"))
    >>> before = layer.weight.tolist()
    >>> layer(tl.ones(1, 2)).sum().backward(); layer.weight.grad, tl.allclose(layer.weight, tl.tensor(before) - 1)
    (None, True)
    """
    name = type(optimizer).__name__
    if optimizer.arrays is None or type(optimizer).step is not Optimizer.step:
        raise ArgumentError(f"offload_optimizer: {name} does not say which arrays it remembers of a parameter; use Adam, SGD...")
    params = [p for g in optimizer.param_groups for p in g["params"]]
    shapes = {
        f"{i}.{key.removesuffix('?')}": (tuple(p.array.shape), p.array.dtype) for i, p in enumerate(params) for key in optimizer.arrays
    }
    file = File(os.fspath(path), shapes)
    numbers = {id(p): i for i, p in enumerate(params)}
    groups = {id(p): g for g in optimizer.param_groups for p in g["params"]}

    def step(p: Any) -> None:
        optimizer._step_group({**groups[id(p)], "params": [p]})
        p._grad = None
        put_away(p)

    def put_away(p: Any) -> None:
        number, state = numbers[id(p)], optimizer.state[p]
        names = []
        for key, value in state.items():
            if isinstance(value, Taped) and (at := f"{number}.{key}") in file.arrays:
                names.append(at)
                if value.array is not file.arrays[at]:
                    file.arrays[at][...] = value.array
                    state[key] = Tensor.wrap(file.arrays[at], 0)
        file.release(names)
        if hasattr(p, "offloaded"):
            p.offloaded()

    for p in params:
        put_away(p)
        p.register_post_accumulate_grad_hook(step)
    optimizer.step = lambda closure=None: None if closure is None else optimizer._loss(closure)  # type: ignore[method-assign]
    return optimizer
