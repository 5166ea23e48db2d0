"""``torch.nn.parallel``: a module on one device in one process, which is the module. `DataParallel` is beside the other containers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from .containers import DataParallel
from .module import Module

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter"]


class DistributedDataParallel(Module):
    """``module`` itself, in the group of one process that there is (``distributed``): its gradients are the mean over that group.

    The keys of its state begin with "module.". Arguments that choose devices and how gradients travel change nothing.
    Raises `OperandError` for what is no module, `ArgumentError` for one without parameters that require grad, and for devices.

    >>> import tensorflowlite_clone as tl
    >>> model = DistributedDataParallel(tl.nn.Linear(2, 1))
    >>> list(model.state_dict()), model(tl.zeros(3, 2)).shape
    (['module.weight', 'module.bias'], (3, 1))
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0, broadcast_buffers: bool = True,
        init_sync: bool = True, process_group: Any = None, bucket_cap_mb: Any = None, find_unused_parameters: bool = False,
        check_reduction: bool = False, gradient_as_bucket_view: bool = False, static_graph: bool = False, **others: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        name = "DistributedDataParallel"
        if not isinstance(module, Module):
            raise OperandError(f"{name}: module must be a module: got {type(module).__name__} {module!r:.40}")
        if not any(p.requires_grad for p in module.parameters()):
            raise ArgumentError(f"{name}: the module has no parameter that requires grad: {type(module).__name__}; use it as it is")
        if device_ids:
            raise ArgumentError(f"{name}: there is only the CPU: device_ids is {device_ids!r:.40}; leave it out")
        self.module, self.dim, self.process_group = module, dim, process_group
        self.find_unused_parameters, self.broadcast_buffers, self.static_graph = find_unused_parameters, broadcast_buffers, static_graph
        self.require_backward_grad_sync = True

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        return self.module(*inputs, **kwargs)

    @contextlib.contextmanager
    def no_sync(self) -> Iterator[None]:
        """``with model.no_sync():`` gradients add up as always; there is nobody to tell."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextlib.contextmanager
    def join(
        self, divide_by_initial_world_size: bool = True, enable: bool = True, throw_on_early_termination: bool = False
    ) -> Iterator[None]:
        """``with model.join():`` waits for nobody."""
        yield

    def register_comm_hook(self, state: object, hook: Any) -> None:
        """Nothing: no gradients travel."""


def data_parallel(
    module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0, module_kwargs: Any = None
) -> Any:
    """``module(*inputs, **module_kwargs)``: there is one device."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))


def replicate(network: Module, devices: Sequence[Any], detach: bool = False) -> list[Module]:
    """The module for each device named."""
    return [network for _ in devices]


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """Tensors in ``inputs`` in equal parts along ``dim``, a tuple with one part for each device named."""
    if isinstance(inputs, tuple | list):
        parts = [scatter(x, target_gpus, dim) for x in inputs]
        return [type(inputs)(p) for p in zip(*parts, strict=True)]
    if isinstance(inputs, dict):
        return [dict(zip(inputs, p, strict=True)) for p in zip(*(scatter(x, target_gpus, dim) for x in inputs.values()), strict=True)]
    if hasattr(inputs, "chunk"):
        return inputs.chunk(len(target_gpus), dim)
    return [inputs for _ in target_gpus]


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Tensors of several devices as one, joined along ``dim``."""
    first = outputs[0]
    if isinstance(first, tuple | list):
        return type(first)(gather(o, target_device, dim) for o in zip(*outputs, strict=True))
    if isinstance(first, dict):
        return {key: gather([o[key] for o in outputs], target_device, dim) for key in first}
    return None if first is None else np.concatenate([o.reshape(1) if o.ndim == 0 else o for o in outputs], axis=dim)


def parallel_apply(modules: Sequence[Module], inputs: Sequence[Any], kwargs_tup: Any = None, devices: Any = None) -> list[Any]:
    """Each module of its inputs, one after the other."""
    options = kwargs_tup or [{}] * len(modules)
    return [m(*(x if isinstance(x, tuple | list) else (x,)), **o) for m, x, o in zip(modules, inputs, options, strict=True)]
