"""`Batched`: the box of vmap. It hides a leading axis, so that a function of one example runs on all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never

import numpy as np

from .._errors import TransformError
from .._typing import Array, OperationLike
from ..core.boxed import Boxed, Inside
from ..core.dtype_names import DTYPES, dtype
from ..core.levels import constant_value, mapped
from ..core.size import SIZES, Size
from ..core.views import lineage_of, look


class Map:
    """One vmap under way: its level, how many examples it has, and what random functions shall do ("error", "different", "same")."""

    __slots__ = ("level", "randomness", "size")

    def __init__(self, level: int, size: int, randomness: str) -> None:
        self.level, self.size, self.randomness = level, size, randomness

    def box(self, value: Array) -> Batched:
        """``value`` with its leading axis hidden."""
        return Batched(value, self.size, self.level)

    def concerns(self, x: Any) -> bool:
        """Whether ``x``, or what its boxes hold, has a value for each example."""
        return mapped(x, self.level)


class Batched(Inside):
    """An array whose leading axis, of length ``length``, is hidden from the function that works on it."""

    __slots__ = ("__weakref__", "length", "value", "views")
    _batched = True
    value: Array
    length: int

    def __init__(self, value: Array, size: int, level: int) -> None:
        self.value, self.length, self.level, self.views = value, size, level, None

    @property
    def shape(self) -> Size:  # type: ignore[override]
        """The shape without the hidden axis."""
        return SIZES[self.value.shape[1:]]

    @property
    def dtype(self) -> dtype:  # type: ignore[override]
        """The dtype of the values."""
        return DTYPES[self.value.dtype]

    def around(self, array: Any, lower: Callable[[Any], Any]) -> Batched:
        """``array`` for every example."""
        return type(self)(lower(np.array(np.broadcast_to(array, (self.length, *array.shape)))), self.length, self.level)

    def twin(self) -> Batched:
        """Another box of the same values."""
        return type(self)(self.value, self.length, self.level)

    def become(self, result: Array, by: str = "", before: Any = None) -> None:
        """Take over the values; a constant is the same for every example."""
        mine = isinstance(result, Batched) and result.level == self.level
        self.value = result.value if mine else np.broadcast_to(result, (self.length, *result.shape))

    def parts(self) -> tuple[Array, ...]:
        """The values of all examples."""
        return (self.value,)

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """The operation's batching rule on the values of this level."""
        level, size = self.level, self.length
        values, mapped = [], []
        for a in args:
            own = isinstance(a, Batched) and a.level == level
            values.append(a.value if own else constant_value(a))
            mapped.append(own)
        ans = op.batch(size, values, mapped, params)
        kind = type(self)
        if isinstance(ans, tuple):
            return tuple(kind(a, size, level) for a in ans)
        out = kind(ans, size, level)
        if op.is_view:
            look(self, out, op, params)
        return out

    def elementwise(self, kernel: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """The kernel on the values of all examples, where all arrays have them, in one shape, and nothing but this box around them."""
        shape, values = self.value.shape, []
        for a in args:
            if isinstance(a, Batched) and a.level == self.level:
                a = a.value
                if type(a) is not np.ndarray or a.shape != shape:
                    return None
            elif isinstance(a, Boxed | np.ndarray):
                return None
            values.append(a)
        return type(self)(kernel(*values), self.length, self.level)

    def detach(self) -> Array:
        """The same values, a constant to every transform but this one."""
        lineage_of(self).detached = True
        value = self.value.detach() if isinstance(self.value, Boxed) else self.value
        return type(self)(value, self.length, self.level)

    def _one_value(self, what: str) -> Never:
        raise TransformError(
            f"{what}: inside vmap this is {self.length} values at once (shape {self.shape} each), not one; "
            f"use where() instead of if, and return values instead of reading them"
        )

    def __bool__(self) -> bool:
        self._one_value("bool")

    def __float__(self) -> float:
        raise TransformError(
            f"float: inside vmap this is {self.length} values at once (shape {self.shape} each), not one; for out[i] = x let out be like "
            f"x, np.zeros_like(x, shape=...); for functions of the math module use NumPy's, np.sqrt(x)"
        )

    def __int__(self) -> int:
        self._one_value("int")

    def item(self) -> Any:
        """Refuse: there is no single value."""
        self._one_value("item")

    def tolist(self) -> Any:
        """Refuse, as `item`."""
        self._one_value("tolist")

    def numpy(self, *, force: bool = False) -> Any:
        """Refuse, as `item`."""
        self._one_value("numpy")

    def backward(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: what is mapped over is on no tape."""
        raise TransformError(
            f"backward: inside vmap this is {self.length} values at once (shape {self.shape} each), on no tape; differentiate the function "
            f"itself, vmap(func.grad(f))"
        )

    def __index__(self) -> int:
        self._one_value("index")

    def __complex__(self) -> complex:
        self._one_value("complex")

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, size={self.length}, {self.value!r})"
