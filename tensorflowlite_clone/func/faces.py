"""Which methods a value inside a transform has: those of tensors, or, where the transform was given ndarrays, those of ndarrays.

A class for each box and face, so that Python's own look-up finds the methods and nothing outside of transforms pays for it; what
operations make of values with a face has it, too. Not here: the methods (``ndarray.py``), the boxes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._state import state
from .._typing import Array, OperationLike
from ..core.boxed import Boxed
from ..core.tensor import Tensor
from ..core.versions import Cell
from .batched import Batched
from .dual import Dual
from .ndarray import NDArrayMethods

#: Below the levels of all transforms and tensors: a constant that NumPy would have as an ndarray.
PLAIN = -1


if TYPE_CHECKING:

    class _Methods:
        __slots__ = ()
else:
    _Methods = NDArrayMethods


class Faced(_Methods, Boxed):
    """What the boxes with the methods of ndarrays have in common."""

    __slots__ = ()

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _new_faced(super().__array_function__(func, types, args, kwargs), args)

    @staticmethod
    def wrapped(array: Any) -> Any:
        """An ndarray as a constant."""
        return faced(Tensor.wrap(array, 0))


class ArrayTensor(Faced, Tensor):
    """A tensor with the methods of ndarrays."""

    __slots__ = ()

    def process(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> Any:
        """Carry out ``op`` one level down and record it."""
        out = op.record(args, params, self.level)
        for t in out if type(out) is tuple else (out,):
            t.__class__ = ArrayTensor
        return out

    def around(self, array: Any, lower: Any) -> Any:
        """``array`` as a tensor of the same level, off the tape."""
        return faced(super().around(array, lower))

    def twin(self) -> Any:
        """Another tensor with the same array and node."""
        return faced(super().twin())

    def detach(self) -> Any:
        """The values, off the tape."""
        return faced(super().detach())


ArrayTensor._results = ArrayTensor


class ArrayDual(Faced, Dual):
    """A dual with the methods of ndarrays."""

    __slots__ = ()


class ArrayBatched(Faced, Batched):
    """A value of many examples with the methods of ndarrays."""

    __slots__ = ()


FACES: dict[type, type] = {Tensor: ArrayTensor, Dual: ArrayDual, Batched: ArrayBatched}


def faced(x: Any) -> Any:
    """``x``, which nobody else has yet, with the methods of ndarrays, if it is a box; a constant tensor goes below all levels."""
    face = FACES.get(type(x))
    if face is not None:
        x.__class__ = face
        if face is ArrayTensor and x.level == 0 and x.node is None:
            x.level = PLAIN
    return x


def _new_faced(out: Any, args: Any) -> Any:
    """What an answer to NumPy gave, with the methods of ndarrays where it is new."""
    if type(out) in FACES:
        return out if any(out is a for a in args) else faced(out)
    if isinstance(out, tuple | list):
        for o in out:
            _new_faced(o, args)
    return out


def constant(array: Any) -> Any:
    """A new ndarray as a constant that takes values of the transform under way in place, with the face of that transform's values."""
    out = Tensor.wrap(array, 0)
    out.version = Cell()
    out.version.inside = state.height
    return faced(out) if isinstance(state.open[-1], Faced) else out
