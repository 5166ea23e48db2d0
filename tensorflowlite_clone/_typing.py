"""Type aliases shared by the whole package; no code that runs beyond the aliases themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

#: An ndarray or any box over one (Tensor, Dual, Batched). The boxes answer NumPy's protocols, which types cannot say.
Array: TypeAlias = Any

#: What a tensor can be made of: a number, an array, a tensor, or nested sequences of them.
ArrayLike: TypeAlias = Any

Scalar: TypeAlias = bool | int | float | complex
Shape: TypeAlias = tuple[int, ...]
DType: TypeAlias = np.dtype[Any]
DTypeLike: TypeAlias = Any
Axes: TypeAlias = int | tuple[int, ...] | None
Dims: TypeAlias = int | Sequence[int] | None
