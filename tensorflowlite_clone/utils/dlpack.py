"""``torch.utils.dlpack``: `from_dlpack` and `to_dlpack`, by their older path, and capsules. Not here: how they work (``ops/dlpack.py``)."""

from __future__ import annotations

from typing import Any

from .._lazy import public as _public
from ..core.tensor import Tensor
from ..ops.dlpack import Held, _from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]
__dir__ = _public(globals())


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Any:
    """`tl.from_dlpack`, of capsules too: those of `to_dlpack`, each once. They must be of memory of the CPU.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2); y = from_dlpack(to_dlpack(x)); y[0] = 3.0; x
    tensor([3., 1.])
    """
    return _from_dlpack(Held(ext_tensor) if type(ext_tensor).__name__ == "PyCapsule" else ext_tensor, device=device, copy=copy)


def to_dlpack(tensor: Any) -> Any:
    """The capsule ("dltensor") of the memory of a tensor, for `from_dlpack` of another library, which takes it once.

    Raises as `Tensor.__dlpack__` does: what requires grad must be detached.
    """
    return Tensor.__dlpack__(tensor)
