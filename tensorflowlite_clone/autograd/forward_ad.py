"""Forward mode as PyTorch's users write it: levels that are entered, `make_dual` and `unpack_dual`.

Here: dual tensors outside of function transforms. Not here: forward mode itself (``func/dual.py``, ``func/forward.py``).

A dual tensor of a level is a `Dual` box that handles an operation before everything made at the same transform height, so its value and
its tangent may both be tensors on the tape: forward mode is the outer of the two, and ``backward`` from the tangent differentiates it.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .._errors import ArgumentError, GraphError, OperandError, ShapeError, TransformError
from .._state import Restoring, in_turn, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.levels import boxed, constant_value, everything, is_plain
from ..func.dual import Dual

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """A tensor and its tangent (None where it has none), as `unpack_dual` gives them."""

    primal: Any
    tangent: Any


class _Level:
    """One dual level: open from `enter_dual_level` to `exit_dual_level`."""

    __slots__ = ("height", "open", "order")

    def __init__(self) -> None:
        self.height = state.height
        #: Above everything made at this height, below everything made in transforms inside; later levels above earlier ones.
        self.order = state.highest = max(state.height, state.highest) + 1
        self.open = True


class _Open(threading.local):
    """The levels that are open in this thread, outermost first."""

    def __init__(self) -> None:
        self.levels: list[_Level] = []


_open = _Open()


#: What is not asked of the value: the slots of the box, and those by which the package knows a tensor.
_OWN = frozenset({"array", "node", "primal", "scope", "tangent", "version", "viewed", "views"})


class DualTensor(Dual):
    """A tensor with a tangent at a dual level. When the level is left it is its value alone, a constant to forward mode."""

    __slots__ = ("scope",)
    scope: _Level

    def __init__(self, primal: Array, tangent: Array, scope: _Level) -> None:
        super().__init__(primal, tangent, scope.order)
        self.scope = scope

    def process(self, op: Any, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """The forward-mode rule of the operation, or the operation on the values where the level has been left."""
        if not self.scope.open:
            return op.of(*[_value(a) for a in args], **params)  # its value is a tensor, so that the result is one
        return super().process(op, args, params)

    def make(self, primal: Array, tangent: Array | None, level: int) -> Array:  # type: ignore[override]
        """A result of an operation on this tensor."""
        if tangent is not None:
            return DualTensor(primal, tangent, self.scope)
        return boxed(primal)

    def twin(self) -> DualTensor:
        """Another dual tensor with the same value and tangent."""
        return DualTensor(self.primal, self.tangent, self.scope)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to its value."""
        return bool(getattr(self.primal, "requires_grad", False))

    def __getattr__(self, name: str) -> Any:
        """When the level is left, a dual is what its value is: ``y.numpy()``, ``y.backward()``, ``y.grad``..."""
        if name in _OWN:
            raise AttributeError(name)
        if not self.scope.open:
            return getattr(boxed(self.primal), name)
        if name == "backward":
            raise TransformError(
                "backward: a dual tensor has two gradients, that of its value and that of its tangent; take it apart first: "
                "unpack_dual(y).primal.backward() or unpack_dual(y).tangent.backward()"
            )
        raise AttributeError(
            f"{name}: a dual tensor has no such attribute while its level is open; take it apart first, unpack_dual(y).primal.{name}"
        )

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """That of its value, when the level is left; until then `TransformError`."""
        self.__getattr__("backward")(*args, **kwargs)

    def __float__(self) -> float:
        return super().__float__() if self.scope.open else float(_value(self))

    def numpy(self, *, force: bool = False) -> Any:
        """The array of its value, when the level is left."""
        return self.__getattr__("numpy")(force=force)

    def item(self) -> Any:
        """The number that its value is, when the level is left."""
        return self.__getattr__("item")()

    def tolist(self) -> Any:
        """The numbers of its value, when the level is left."""
        return self.__getattr__("tolist")()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return super().__array__(dtype, copy) if self.scope.open else np.array(_value(self), dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        if not self.scope.open:
            return repr(boxed(self.primal))
        return f"DualTensor({boxed(self.primal)!r}, tangent={boxed(self.tangent)!r})"


def _value(a: Any) -> Any:
    """The tensor that a dual of a level that was left is; anything else unchanged."""
    while isinstance(a, DualTensor) and not a.scope.open:
        a = boxed(a.primal)
    return a


class dual_level(Restoring):  # noqa: N801  (PyTorch's name)
    """A context in which `make_dual` gives tensors tangents; on leaving it, they lose them.

    Levels nest, for derivatives of derivatives, and hold for one thread.

    >>> import tensorflowlite_clone as tl
    >>> with dual_level():
    ...     x = make_dual(tl.tensor([1.0, 2.0]), tl.tensor([1.0, 0.0]))
    ...     unpack_dual(x * x).tangent
    tensor([2., 0.])
    """

    __slots__ = ("number",)

    def __enter__(self) -> int:
        levels, level = _open.levels, _Level()
        self.number = len(levels)
        self.close = in_turn(partial(levels.remove, level), partial(setattr, level, "open", False))
        try:
            levels.append(level)
        except BaseException:  # an interrupt
            del levels[self.number :]
            raise
        return self.number


def enter_dual_level() -> int:
    """Open a dual level inside those that are open; its number, 0 for the outermost."""
    levels = _open.levels
    levels.append(_Level())
    return len(levels) - 1


def exit_dual_level(*, level: int | None = None) -> None:
    """Leave the innermost dual level; its dual tensors become their values.

    ``level``, if given, must be its number. Raises `GraphError` if no level is open or another one is the innermost.
    """
    levels = _open.levels
    if not levels:
        raise GraphError("exit_dual_level: no level is open; every exit_dual_level() belongs to one enter_dual_level() before it")
    if level is not None and level != len(levels) - 1:
        raise GraphError(f"exit_dual_level: level {level} is not the innermost: that is {len(levels) - 1}; leave levels in reverse order")
    levels.pop().open = False


def _level(number: int | None, op: str) -> _Level:
    levels = _open.levels
    if not levels:
        raise GraphError(f"{op}: no dual level is open; do it inside `with dual_level():`")
    if number is not None and not 0 <= number < len(levels):
        raise GraphError(f"{op}: there is no dual level {number}: levels 0 to {len(levels) - 1} are open; give one of them, or none")
    return levels[-1 if number is None else number]


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """``tensor`` with ``tangent``, its derivative along the direction of interest, which every operation on it carries along.

    Args:
        tensor: any floating or complex tensor; it may require grad.
        tangent: a tensor of the same shape. It is brought to the tensor's dtype; it may require grad as well.
        level: the number of an open level; the innermost by default.

    Raises `GraphError` outside of all levels and for a tensor that has a tangent there already, `ShapeError` for another shape,
    `ArgumentError` for dtypes without a derivative, `OperandError` for what is no tensor, `TransformError` for a value of a transform
    that was entered later than the level.
    """
    scope = _level(level, "make_dual")
    for name, t in (("tensor", tensor), ("tangent", tangent)):
        if not isinstance(t, Boxed):
            raise OperandError(f"make_dual: {name} must be a tensor: got {type(t).__name__} {t!r:.40}; convert it with tl.tensor")
        if t.dtype.kind not in "fc":
            raise ArgumentError(f"make_dual: {name} must be floating or complex: got {t.dtype} {t.shape}; convert it, x.float()")
    tensor, tangent = _value(tensor), _value(tangent)
    if _tangent_at(tensor, scope) is not None:
        raise GraphError("make_dual: the tensor has a tangent at this level already; use unpack_dual(x).primal, or enter another level")
    if tensor.shape != tangent.shape:
        raise ShapeError(
            f"make_dual: the tangent has the wrong shape: it is {tangent.shape}, the tensor is {tensor.shape}; they must be equal"
        )
    if tangent.dtype.kind == "c" and tensor.dtype.kind != "c":
        raise ArgumentError(
            f"make_dual: the tangent of a real tensor must be real: got {tangent.dtype} for {tensor.dtype}; take its real part"
        )
    for name, t in (("tensor", tensor), ("tangent", tangent)):
        if _height(t) > scope.order:
            raise TransformError(
                f"make_dual: the {name} belongs to a transform (or level) that was entered after this level; enter a dual level inside it"
            )
    if tangent.dtype != tensor.dtype:
        tangent = tangent.to(tensor.dtype)
    return DualTensor(constant_value(tensor), constant_value(tangent), scope)


def _height(t: Any) -> int:
    """The highest level among the boxes in ``t`` that take part in a transform."""
    return max((b.level for b in everything(t) if isinstance(b, Boxed) and not is_plain(b)), default=0)


def _tangent_at(t: Any, scope: _Level) -> UnpackedDualTensor | None:
    """Value and tangent of ``t`` at ``scope``, if it has a tangent there; duals of levels further in are taken apart and put together."""
    if not isinstance(t, DualTensor) or not t.scope.open:
        return None
    if t.scope is scope:
        return UnpackedDualTensor(t.primal, t.tangent)
    parts = [_tangent_at(x, scope) for x in (t.primal, t.tangent)]
    if parts == [None, None]:
        return None
    zeros = [None if p is not None else x * 0.0 for p, x in zip(parts, (t.primal, t.tangent), strict=True)]
    values = [x if p is None else p.primal for p, x in zip(parts, (t.primal, t.tangent), strict=True)]
    slopes = [z if p is None else p.tangent for p, z in zip(parts, zeros, strict=True)]
    return UnpackedDualTensor(DualTensor(values[0], values[1], t.scope), DualTensor(slopes[0], slopes[1], t.scope))


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """``(primal, tangent)`` of a tensor at a level, the innermost by default; the tangent is None where it has none there.

    Raises `OperandError` for what is no tensor, and `TransformError` inside a transform that was entered after the level.
    """
    if not isinstance(tensor, Boxed):
        raise OperandError(f"unpack_dual: needs a tensor: got {type(tensor).__name__} {tensor!r:.40}; give it what was computed from duals")
    tensor = _value(tensor)
    if not _open.levels:
        return UnpackedDualTensor(tensor, None)
    scope = _level(level, "unpack_dual")
    if _hides(tensor, scope):
        raise TransformError(
            "unpack_dual: the tensor is a value of a transform (or gradient) that was entered after this level and cannot be taken apart "
            "inside it; return it first, or enter a dual level inside the transform"
        )
    found = _tangent_at(tensor, scope)
    if found is None:
        return UnpackedDualTensor(tensor, None)
    return UnpackedDualTensor(boxed(found.primal), boxed(found.tangent))


def _hides(t: Any, scope: _Level) -> bool:
    """Whether a dual of ``scope`` lies below a box of another kind."""
    if isinstance(t, DualTensor):
        return t.scope is not scope and any(_hides(x, scope) for x in t.parts())
    return isinstance(t, Boxed) and any(_holds(x, scope) for x in t.parts())


def _holds(t: Any, scope: _Level) -> bool:
    return any(isinstance(b, DualTensor) and b.scope is scope for b in everything(t))
