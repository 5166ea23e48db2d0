"""PyTorch's tensors and ours in the same memory: `from_torch` and `to_torch`, for tensors and for whole states.

PyTorch is imported when a tensor of it is to be made, never before. Not here: other libraries, which speak DLPack (``ops/memory.py``).
"""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .._errors import DTypeError, GraphError, OperandError
from .._lazy import optional
from .._state import state
from .._typing import NDArray
from ..core.boxed import Boxed
from ..core.device import CPU, sparse_coo, strided
from ..core.device import device as Device  # noqa: N812
from ..core.device import layout as Layout  # noqa: N812
from ..core.dtype_names import bfloat16, dtype_of
from ..core.dtype_names import dtype as Kind  # noqa: N812
from ..core.size import Size
from ..core.tensor import Taped, Tensor
from ..nn.module import Module
from ..nn.parameter import Parameter, is_lazy
from ..ops.sparse.coo import SparseTensor

Convert = Callable[[Any, str], Any]


def _walked(obj: Any, where: str, one: Convert, memo: dict[int, Any]) -> Any:
    """``obj`` with everything that ``one`` converts (it gives ``NotImplemented`` for what stays); one thing in two places stays one."""
    if id(obj) in memo:
        return memo[id(obj)][1]
    if isinstance(obj, dict):
        new: Any = OrderedDict() if isinstance(obj, OrderedDict) else {}
        memo[id(obj)] = obj, new
        for key, value in obj.items():
            new[key] = _walked(value, f"{where}[{key!r:.60}]", one, memo)
        if isinstance(obj, OrderedDict):
            new.__dict__.update(getattr(obj, "__dict__", {}))
        return new
    if isinstance(obj, list):
        new = []
        memo[id(obj)] = obj, new
        new.extend(_walked(value, f"{where}[{i}]", one, memo) for i, value in enumerate(obj))
        return new
    new = one(obj, where)
    if new is NotImplemented:
        if not isinstance(obj, tuple):
            return obj
        parts = [_walked(value, f"{where}[{i}]", one, memo) for i, value in enumerate(obj)]
        new = type(obj)(*parts) if hasattr(obj, "_fields") else tuple(parts)
    memo[id(obj)] = obj, new
    return new


def _refuse_computed(op: str, tensor: Any, where: str) -> bool:
    """Whether a tensor requires grad; raises if it was computed, since the gradients would end here."""
    required = bool(tensor.requires_grad)
    if required and not tensor.is_leaf and state.grad_enabled:
        raise GraphError(f"{op}: {where} was computed and requires grad, and its gradients would end here; pass x.detach()")
    return required


# ---- from PyTorch -----------------------------------------------------------------------------------------------------------------
def from_torch(obj: Any) -> Any:
    """See `tl.from_torch`."""
    torch: Any = sys.modules.get("torch")  # without it there are no tensors of it
    real = torch is not None and hasattr(torch, "_C")

    def one(value: Any, where: str) -> Any:
        if not real or (not type(value).__module__.startswith("torch") and not isinstance(value, torch.Tensor)):
            return NotImplemented
        if isinstance(value, torch.Tensor):
            return _ours(torch, value, where)
        if isinstance(value, torch.Size):
            return Size(value)
        if isinstance(value, torch.dtype):
            return dtype_of(str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return Device("cpu", value.index) if value.type == "cpu" else CPU
        if isinstance(value, torch.layout) and value in (torch.strided, torch.sparse_coo):
            return strided if value is torch.strided else sparse_coo
        if isinstance(value, torch.nn.Module | torch.optim.Optimizer):
            raise OperandError(f"from_torch: {where} is a {type(value).__name__}, which has code; pass its state_dict()")
        return NotImplemented

    return _walked(obj, "obj", one, {})


def _ours(torch: Any, value: Any, where: str) -> Any:
    """A tensor of PyTorch's as one of ours."""
    required = _refuse_computed("from_torch", value, where)
    plain = value.detach()
    if plain.layout is torch.sparse_coo:
        parts = (plain._indices(), plain._values())
        index, values = (_ours(torch, p, where) for p in parts)
        if required:
            values.requires_grad_()
        return SparseTensor(index.numpy(), values, tuple(plain.shape), plain.is_coalesced())
    if plain.layout is not torch.strided or plain.is_quantized or plain.is_nested or plain.device.type == "meta":
        raise OperandError(
            f"from_torch: {where} is quantized, nested, on the device meta or of the layout {plain.layout}; pass dequantize() or to_dense()"
        )
    plain = plain.cpu().resolve_conj().resolve_neg()
    if plain.dtype is torch.bfloat16:
        array = plain.view(torch.int16).numpy().view(bfloat16.dtype)
    else:
        try:
            array = plain.numpy()
        except (TypeError, RuntimeError) as error:
            raise DTypeError(f"from_torch: there is no such dtype here: {where} is {plain.dtype}; convert it first, x.float()") from error
    made = Parameter(array, required) if isinstance(value, torch.nn.Parameter) else Tensor(array, requires_grad=required)
    made.shared_cell()
    return made


# ---- to PyTorch -------------------------------------------------------------------------------------------------------------------
def to_torch(obj: Any) -> Any:
    """See `tl.to_torch`."""
    found: list[Any] = []

    def one(value: Any, where: str) -> Any:
        if isinstance(value, Module) or callable(getattr(value, "state_dict", None)):
            raise OperandError(f"to_torch: {where} is a {type(value).__name__}, which has code; pass its state_dict()")
        if not isinstance(value, Boxed | Size | Kind | Device | Layout):
            return NotImplemented
        if not found:
            found.append(optional("torch", "torch", "to_torch"))
        torch = found[0]
        if isinstance(value, Boxed):
            return _theirs(torch, value, where)
        if isinstance(value, Size):
            return torch.Size(value)
        return torch.device(str(value)) if isinstance(value, Device) else getattr(torch, value.name)

    return _walked(obj, "obj", one, {})


def _theirs(torch: Any, value: Any, where: str) -> Any:
    """A tensor of ours as one of PyTorch's."""
    if isinstance(value, SparseTensor):
        parts = [_theirs(torch, p.detach(), where) for p in (value._indices(), value._values())]
        made = torch.sparse_coo_tensor(*parts, tuple(value.shape), check_invariants=True, is_coalesced=value.is_coalesced())
        return made.requires_grad_(value.requires_grad)
    if not isinstance(value, Taped) or is_lazy(value) or not isinstance(value.array, np.ndarray):
        raise OperandError(
            f"to_torch: {where} has no memory: it is a {type(value).__name__} or inside a function transform; return it from there"
        )
    required = _refuse_computed("to_torch", value, where)
    made = _of_array(torch, value.numpy(force=True))
    value.shared_cell()
    return torch.nn.Parameter(made, required) if isinstance(value, Parameter) else made.requires_grad_(required)


def _of_array(torch: Any, array: NDArray) -> Any:
    """A tensor of PyTorch's on the memory of an array, or on that of a copy where PyTorch cannot have it."""
    if array.dtype.char == "E":
        return _of_array(torch, array.view(np.int16)).view(torch.bfloat16)
    step = array.itemsize
    if any(s < 0 or s % step for s in array.strides) or not array.flags.writeable:
        array = np.array(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)
