"""Names of types for annotations, as in ``torch.types``. Nothing here runs."""

from __future__ import annotations

import builtins
import os
from collections.abc import Sequence
from typing import IO, Any, TypeAlias

from .core.device import device, layout, memory_format
from .core.dtype_names import dtype
from .core.size import Size
from .core.tensor import Tensor

__all__ = ["Device", "FileLike", "Number", "Storage"]

Number: TypeAlias = int | float | bool
Device: TypeAlias = device | str | int | None
FileLike: TypeAlias = str | os.PathLike[str] | IO[bytes]
Storage: TypeAlias = Any
_int, _float, _bool, _complex = builtins.int, builtins.float, builtins.bool, builtins.complex
_dtype, _device, _layout = dtype, device, layout
_size: TypeAlias = Size | list[int] | tuple[int, ...]
_symsize = _dispatchkey = Any
_TensorOrTensors: TypeAlias = Tensor | Sequence[Tensor]
_TensorOrOptionalTensors: TypeAlias = Any
_TensorOrTensorsOrGradEdge: TypeAlias = Any
_memory_format = memory_format
py_sym_types = SymInt = IntLikeType = BoolLikeType = FloatLikeType = Any
