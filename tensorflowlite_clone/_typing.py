"""Types shared by the whole package: aliases, and what lower floors know of the classes of higher ones. No code that runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

#: An ndarray or any box over one (Tensor, Dual, Batched). The boxes answer NumPy's protocols, which types cannot say.
Array: TypeAlias = Any

#: A plain array, as kernels take and give it.
NDArray: TypeAlias = np.ndarray[Any, Any]

#: What a tensor can be made of: a number, an array, a tensor, or nested sequences of them.
ArrayLike: TypeAlias = Any

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
DType: TypeAlias = np.dtype[Any]
DTypeLike: TypeAlias = Any
Axes: TypeAlias = int | tuple[int, ...] | None
Dims: TypeAlias = int | Sequence[int] | None


class OperationLike(Protocol):
    """An operation as those below it see it: a class derived from ``core.operation.Operation``, which says what all of this is."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def called(self) -> tuple[str, str]: ...
    @property
    def rest(self) -> str | None: ...
    @property
    def params(self) -> tuple[str, ...]: ...
    @property
    def defaults(self) -> dict[str, Any]: ...
    @property
    def outputs(self) -> tuple[str, ...] | None: ...
    @property
    def rules(self) -> dict[str, Callable[..., Any]]: ...
    @property
    def differentiable_mask(self) -> int: ...
    @property
    def broadcasts(self) -> bool: ...
    @property
    def is_view(self) -> bool: ...
    def forward(self, *args: Any, **params: Any) -> Any: ...
    def title(self) -> str: ...
    def of(self, *args: Array, **params: Any) -> Any: ...
    def call(self, *args: Any, **kwargs: Any) -> Any: ...
    def record(self, args: tuple[Array, ...], params: dict[str, Any], level: int) -> Any: ...
    def jvp(self, primals: list[Array], tangents: list[Array | None], params: dict[str, Any]) -> tuple[Any, Any]: ...
    def batch(self, size: int, values: list[Array], mapped: list[bool], params: dict[str, Any]) -> Any: ...
    def rule_for(self, i: int) -> tuple[Callable[..., Any], tuple[int, ...], tuple[tuple[str, Any], ...]]: ...
    def run_rule(self, name: str, gs: tuple[Array, ...], primals: list[Array], ans: Any, params: dict[str, Any]) -> Array: ...
    def diagnose(self, args: tuple[Array, ...], params: dict[str, Any]) -> Exception | None: ...


class TensorLike(Protocol):
    """A tensor as those below it see it (``core.tensor.Tensor``)."""

    array: Array
    node: Any
    version: Any
    views: Any
    level: int
