"""What PyTorch's files say of tensors, turned into tensors: windows onto storages, checked before they are opened.

Not here: the names under which files ask for this (``allowed.py``), where storages come from (``pytorch.py``).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._errors import FileFormatError, MissingExtraError, RefusedError
from .._typing import NDArray
from ..core.dtype_names import dtype as Kind  # noqa: N812
from ..core.tensor import Taped, Tensor
from ..nn.parameter import Parameter
from ..ops.memory import UntypedStorage
from ..ops.sparse.coo import SparseTensor
from .opcodes import Host, Name

#: How many elements a window may show that shows some of them more than once.
MOST_REPEATED = 2**31
#: What NumPy can have.
MAX_DIMENSIONS = 64


class StorageType(Name):
    """The name of a kind of storage in a file, and the dtype of its elements."""

    __slots__ = ("dtype",)

    def __init__(self, text: str, dtype: Kind) -> None:
        super().__init__(text)
        self.dtype = dtype


class Storage(UntypedStorage):
    """The memory of tensors in a file: bytes (n), and the dtype in which the file counts them."""

    __slots__ = ("dtype", "swapped")

    def __init__(self, array: NDArray, dtype: Kind, swapped: bool = False) -> None:
        super().__init__(array)
        self.dtype, self.swapped = dtype, swapped

    def elements(self, dtype: Kind) -> NDArray:
        """All of it as numbers of this dtype, in the byte order of this machine; bfloat16 without its package as float32."""
        if dtype.name == "bfloat16":
            try:
                kind = dtype.dtype
            except MissingExtraError:
                if self.dtype is dtype:
                    self.array = (self.typed(np.dtype(np.uint16)).astype(np.uint32) << np.uint32(16)).view(np.uint8)
                    self.dtype = Kind(np.float32)
                return self.array.view(np.float32)
            return self.typed(kind)
        return self.typed(dtype.dtype)

    def typed(self, kind: np.dtype[Any]) -> NDArray:
        """All of it as numbers of NumPy's dtype."""
        size = len(self.array) // kind.itemsize * kind.itemsize
        typed = self.array[:size].view(kind)
        if not typed.flags.aligned:
            self.array = np.array(self.array)
            typed = self.array[:size].view(kind)
        if self.swapped:
            self.swapped = False
            unit = kind.itemsize // 2 if kind.kind == "c" else kind.itemsize
            if unit > 1:
                typed.view(f"u{unit}").byteswap(inplace=True)
        return typed


def rebuilt(
    host: Host, storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = (), *more: Any
) -> Tensor:
    """The tensor of this size and stride (in elements) that begins ``offset`` elements into a storage."""
    if not isinstance(storage, Storage):
        raise TypeError("no storage")
    if hooks:
        raise RefusedError("refused: a tensor with hooks, which are code; save x.detach()")
    kind = more[0] if more and isinstance(more[0], Kind) else storage.dtype
    notes = more[-1] if more and isinstance(more[-1], dict) else {}
    array = window(storage.elements(kind), offset, size, stride)
    for note in notes:
        if note not in ("conj", "neg"):
            raise RefusedError(f"refused: a tensor with the note {note!r:.40}")
    if notes:
        host.spend(array.nbytes)
    if notes.get("conj"):
        array = np.conj(array)
    if notes.get("neg"):
        array = np.negative(array)
    return Tensor(array, requires_grad=bool(requires_grad))


def window(elements: NDArray, offset: Any, size: Any, stride: Any) -> NDArray:
    """The part of ``elements`` (n) that starts at ``offset``, of this size and stride; raises for what goes beyond them."""
    if not (isinstance(size, tuple | list) and isinstance(stride, tuple | list) and len(size) == len(stride) <= MAX_DIMENSIONS):
        raise FileFormatError(f"damaged: a tensor of size {size!r:.80} and stride {stride!r:.80}")
    for n in (offset, *size, *stride):
        if type(n) is not int or not 0 <= n < 2**62:
            raise FileFormatError(
                f"damaged: a tensor of size {size!r:.80}, stride {stride!r:.80} and offset {offset!r:.40}; all must be from 0 up"
            )
    count = math.prod(size)
    if count == 0:
        return np.empty(tuple(size), elements.dtype)
    last = offset
    for n, s in zip(size, stride, strict=True):
        last += (n - 1) * s
    if last >= len(elements):
        raise FileFormatError(
            f"damaged: a tensor of size {tuple(size)!r:.80}, stride {tuple(stride)!r:.80} and offset {offset} ends at element {last} of a "
            f"storage of {len(elements)}"
        )
    if count > max(len(elements), MOST_REPEATED):
        raise FileFormatError(f"damaged: a tensor of size {tuple(size)!r:.80} would show {count} elements of a storage of {len(elements)}")
    step = elements.itemsize
    strides = tuple([(s if n > 1 else min(s, count)) * step for n, s in zip(size, stride, strict=True)])
    return np.ndarray(tuple(size), elements.dtype, elements, offset * step, strides)


def coo(host: Host, layout: Any, parts: Any) -> SparseTensor:
    """A sparse tensor of (indices, values, size, and whether each place occurs once)."""
    indices, values, size, *rest = parts
    if str(layout) != "sparse_coo" or not (isinstance(indices, Taped) and isinstance(values, Taped)):
        raise TypeError("no sparse tensor")
    index, shape = indices.numpy(), tuple(size)
    dense = values.shape[1:]
    fits = index.ndim == 2 and index.dtype == np.int64 and values.ndim >= 1 and index.shape[1] == values.shape[0]
    if not fits or len(index) + len(dense) != len(shape) or shape[len(index) :] != tuple(dense) or any(s >= 2**62 for s in shape):
        raise FileFormatError(f"damaged: a sparse tensor of indices {index.shape}, values {values.shape} and size {shape!r:.80}")
    host.spend(index.nbytes)
    if host.blind:
        return SparseTensor(index, values, shape)
    if index.size and ((index < 0).any() or (index >= np.array(shape[: len(index)])[:, None]).any()):
        raise FileFormatError(f"damaged: a sparse tensor has indices beyond its size {shape!r:.80}")
    found = SparseTensor(index, values, shape)
    if rest and rest[0] is True and math.prod(shape[: len(index)]) < 2**63:
        places = found.keys()
        if not (places[1:] > places[:-1]).all():
            raise FileFormatError("damaged: a sparse tensor says that each place occurs once, in order, and they do not")
        found._coalesced = True
    return found


def with_notes(tensor: Any, notes: Any) -> Any:
    """The parameter, or tensor of a class of the user's, with attributes."""
    if not isinstance(notes, dict) or not all(isinstance(k, str) and not hasattr(Parameter, k) for k in notes):
        raise FileFormatError("damaged: the attributes of a tensor are no names")
    tensor.__dict__.update(notes)
    return tensor
