"""``torch.nn.parallel``: one model on several processes (`DistributedDataParallel`, in ``distributed.py``), or on the devices of one.

There is one device, so the functions here do with tensors and modules what they would with several. `DataParallel` is beside the other
containers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..containers import DataParallel
from ..module import Module
from .distributed import DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter"]


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
