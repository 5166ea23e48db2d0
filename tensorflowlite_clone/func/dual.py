"""`Dual`: the box of forward mode. It carries a value and its tangent through every operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._state import quietly, state
from .._typing import Array, OperationLike
from ..core.boxed import Boxed, Inside
from ..core.dtype_names import DTYPES, dtype
from ..core.levels import constant_value
from ..core.size import SIZES, Size
from ..core.tensor import Tensor
from ..core.views import lineage_of, look


class Dual(Inside):
    """A value (``primal``) with its derivative along one direction (``tangent``, same shape and dtype)."""

    __slots__ = ("__weakref__", "primal", "tangent", "views")
    _differentiated = True
    primal: Array
    tangent: Array

    def __init__(self, primal: Array, tangent: Array, level: int) -> None:
        self.primal, self.tangent, self.level, self.views = primal, tangent, level, None

    @property
    def shape(self) -> Size:  # type: ignore[override]
        """The shape of the value."""
        return SIZES[self.primal.shape]

    @property
    def dtype(self) -> dtype:  # type: ignore[override]
        """The dtype of the value."""
        return DTYPES[self.primal.dtype]

    def around(self, array: Any, lower: Callable[[Any], Any]) -> Dual:
        """``array`` with tangent 0."""
        return type(self)(lower(array), lower(np.zeros(array.shape, array.dtype)), self.level)

    def twin(self) -> Dual:
        """Another dual with the same value and tangent."""
        return type(self)(self.primal, self.tangent, self.level)

    def become(self, result: Array, by: str = "", before: Any = None) -> None:
        """Take over value and tangent; a constant has tangent 0."""
        if isinstance(result, Dual) and result.level == self.level:
            self.primal, self.tangent = result.primal, result.tangent
        else:
            self.primal, self.tangent = result, np.zeros(result.shape, result.dtype)

    def parts(self) -> tuple[Array, ...]:
        """The value and its tangent."""
        return (self.primal, self.tangent)

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """The operation's forward-mode rule on the values and tangents of this level."""
        level = self.level
        mine = [isinstance(a, Dual) and a.level == level for a in args]
        primals = [a.primal if m else constant_value(a) for a, m in zip(args, mine, strict=True)]
        tangents = [a.tangent if m else None for a, m in zip(args, mine, strict=True)]
        ans, tangent = quietly(op.jvp, primals, tangents, params)
        if isinstance(ans, tuple):
            return tuple(self.make(a, t, level) for a, t in zip(ans, tangent, strict=True))
        out = self.make(ans, tangent, level)
        if op.is_view and isinstance(out, Dual):
            look(self, out, op, params)
        return out

    @classmethod
    def make(cls, primal: Array, tangent: Array | None, level: int) -> Array:
        """A dual, or a constant tensor where there is no derivative."""
        if tangent is not None:
            return cls(primal, tangent, level)
        return primal if isinstance(primal, Boxed) else cls.wrapped(primal)

    @staticmethod
    def wrapped(array: Any) -> Any:
        """An ndarray as a constant tensor."""
        return Tensor.wrap(array, 0)

    def detach(self) -> Array:
        """The value alone, a constant to every transform."""
        lineage_of(self).detached = True
        return self._constant()

    def _constant(self) -> Any:
        if state.leaving is not None:
            state.leaving.detached = True
        return self.primal.detach() if isinstance(self.primal, Boxed) else self.wrapped(self.primal)

    def __bool__(self) -> bool:
        return bool(self.primal)

    def __float__(self) -> float:
        raise self.untraceable("float")

    def __complex__(self) -> complex:
        raise self.untraceable("complex")

    def __int__(self) -> int:
        return int(self.primal)

    def item(self) -> Any:
        """Refuse: the number would have no derivative."""
        raise self.untraceable("item")

    def tolist(self) -> Any:
        """Refuse, as `item`."""
        raise self.untraceable("tolist")

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse, unless ``force`` says that the derivative may be lost."""
        if not force:
            raise self.untraceable("numpy")
        return self._constant().numpy(force=True).copy()

    def __repr__(self) -> str:
        return f"Dual(level={self.level}, {self.primal!r}, tangent={self.tangent!r})"
