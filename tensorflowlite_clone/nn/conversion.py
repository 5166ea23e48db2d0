"""What brings a whole module to another dtype or place: `Convertible`, a part of `Module`. Every way goes through ``_apply``.

Not here: casts of tensors (``ops/cast.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from .._checks import flag
from .._errors import ArgumentError, OperandError
from ..autograd import no_grad
from ..core.device import device as Device  # noqa: N812
from ..core.device import memory_format as MemoryFormat  # noqa: N812
from ..core.device import on_cpu, placed
from ..core.dtype_names import Kind, dtype_of
from ..core.tensor import Taped, Tensor
from .parameter import is_lazy

F32, F64, F16, BF16 = "float32", "float64", "float16", "bfloat16"


class Convertible:
    """The part of `Module` that converts its parameters and buffers."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    if TYPE_CHECKING:

        def children(self) -> Iterator[Any]:
            """As the module has it."""
            ...

    def _apply(self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace all parameters, buffers and gradients by ``fn`` of them; a class may extend it for tensors of its own.

        The tensors stay the same objects, so optimizers keep them.
        """
        for module in self.children() if recurse else ():
            module._apply(fn)
        for t in [*self._parameters.values(), *self._buffers.values()]:
            if t is None:
                continue
            with no_grad():
                new = fn(t)
            if is_lazy(t):
                t.announce(new.dtype.dtype)
            elif type(t).rank > 1:  # a sparse one
                t.become(new, "to")
            elif new is not t:
                t.data = new
            if t.grad is not None:
                with no_grad():
                    grad = fn(t.grad)
                t._grad = Tensor.wrap(grad.array, t.level)
        return self

    def _cast(self, kind: Any) -> Self:
        """Bring floating parameters and buffers to a dtype."""
        wanted = dtype_of(kind)
        return self._apply(lambda t: t.to(wanted) if t.dtype.kind == "f" and t.dtype != wanted else t)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating parameters and buffers to a dtype; devices are accepted (there is only the CPU)."""
        unknown = kwargs.keys() - {"dtype", "device", "non_blocking", "memory_format", "tensor"}
        if unknown:
            raise OperandError(f"to: unexpected {', '.join(sorted(unknown))}; it takes dtype=, device=, or a tensor to be like")
        for value in [*args, *kwargs.values()]:
            if isinstance(value, np.dtype | Kind) or (isinstance(value, type) and issubclass(value, np.generic)):
                if dtype_of(value).kind not in "fc":
                    raise ArgumentError(f"to: modules can only be converted to floating dtypes: got {value}; pass float32 or float64")
                self._cast(value)
            elif isinstance(value, str | Device):
                placed(value)
            elif isinstance(value, Taped):
                self._cast(value.dtype)
            elif value is not None and not isinstance(value, bool | MemoryFormat):
                raise OperandError(f"to: takes a dtype, a device or a tensor: got {type(value).__name__} {value!r:.40}; pass tl.float64")
        return self

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers, those of integers too, to a dtype, which must be floating where there are parameters."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self._cast(F32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self._cast(F64)

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self._cast(F16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self._cast(BF16)

    def cpu(self) -> Self:
        """The module itself: there is only the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """There is only the CPU: raises `ArgumentError` for a module that has tensors."""
        return self._apply(lambda t: on_cpu("cuda"))

    def xpu(self, device: Any = None) -> Self:
        """As `cuda`."""
        return self._apply(lambda t: on_cpu("xpu"))

    def ipu(self, device: Any = None) -> Self:
        """As `cuda`."""
        return self._apply(lambda t: on_cpu("ipu"))

    def mtia(self, device: Any = None) -> Self:
        """As `cuda`."""
        return self._apply(lambda t: on_cpu("mtia"))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """New memory for parameters and buffers, whose values are not kept; to be initialised or loaded next."""
        if device is not None:
            placed(device)
        flag("to_empty", "recurse", recurse)
        return self._apply(lambda t: Tensor(np.empty(tuple(t.shape), t.dtype.dtype)), recurse)

    def share_memory(self) -> Self:
        """Put parameters and buffers into memory that processes share, as `Tensor.share_memory_` does."""
        return self._apply(lambda t: t.share_memory_())
