"""Sequences of several lengths as one tensor: padded to the longest, or packed, step by step, without padding.

In a packed sequence the first rows are the first steps of all sequences, the longest first, then come the second steps of those that have
one, and so on. Not here: who computes with it (``nn.recurrent``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ..._errors import ArgumentError, OperandError, ShapeError
from ..._lazy import public as _public
from ...core.boxed import Boxed
from ...core.broadcast import shape_of
from ...core.dtype_names import numpy_dtype
from ...core.levels import concrete
from ...core.publish import to_operand
from ...core.tensor import Tensor
from ...ops.cast import cast
from ...ops.join import Concatenate
from ...ops.nn.layered import batch_sizes_of
from ...ops.shape import Reshape

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
    "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class PackedSequence_(NamedTuple):  # noqa: N801  (PyTorch's name)
    """The fields of `PackedSequence`."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(PackedSequence_):
    """Sequences packed step by step: ``data`` (rows, *), and ``batch_sizes``, how many rows each step has, none more than the one before.

    ``sorted_indices`` says which sequence each one was before they were sorted by length, ``unsorted_indices`` is the way back; None where
    they were sorted already. Made by `pack_padded_sequence` and `pack_sequence`; layers take it in the place of a padded tensor.

    >>> import tensorflowlite_clone as tl
    >>> packed = pack_sequence([tl.tensor([1.0, 2.0]), tl.tensor([3.0])])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1.0, 3.0, 2.0], [2, 1])
    """

    __slots__ = ()

    def __new__(
        cls, data: Any, batch_sizes: Tensor | None = None, sorted_indices: Tensor | None = None, unsorted_indices: Tensor | None = None
    ) -> Self:
        """From both tensors or the pair of them; ``unsorted_indices`` follow from ``sorted_indices``."""
        if batch_sizes is None:
            if not isinstance(data, tuple | list) or len(data) != 2:
                raise OperandError(f"PackedSequence: batch_sizes is missing: data is {type(data).__name__}; pass both, or the pair of them")
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """With its data converted as ``Tensor.to`` does it; itself where that changes nothing."""
        return self._with(self.data.to(*args, **kwargs))

    def _with(self, data: Tensor) -> Self:
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def double(self) -> Self:
        """With data of float64."""
        return self._with(self.data.double())

    def float(self) -> Self:
        """With data of float32."""
        return self._with(self.data.float())

    def half(self) -> Self:
        """With data of float16."""
        return self._with(self.data.half())

    def long(self) -> Self:
        """With data of int64."""
        return self._with(self.data.long())

    def int(self) -> Self:
        """With data of int32."""
        return self._with(self.data.int())

    def short(self) -> Self:
        """With data of int16."""
        return self._with(self.data.short())

    def char(self) -> Self:
        """With data of int8."""
        return self._with(self.data.char())

    def byte(self) -> Self:
        """With data of uint8."""
        return self._with(self.data.byte())

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """Itself: there is only the CPU."""
        return self.to(*args, device="cpu", **kwargs) if args or kwargs else self

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """Raises, as ``Tensor.cuda`` does: there is only the CPU."""
        return self._with(self.data.cuda(*args, **kwargs))

    def pin_memory(self) -> Self:
        """What ``Tensor.pin_memory`` does with the data."""
        return self._with(self.data.pin_memory())

    @property
    def is_cuda(self) -> bool:
        """False."""
        return False

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return bool(self.data.is_pinned())


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another; None for None.

    >>> import tensorflowlite_clone as tl
    >>> invert_permutation(tl.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    if permutation is None:
        return None
    places = concrete(to_operand(permutation, "invert_permutation"), "invert_permutation")
    if not np.array_equal(np.sort(places), np.arange(len(places))):
        raise ArgumentError(f"invert_permutation: the numbers from 0 to {len(places) - 1} must each appear once: got {places}")
    inverse = np.empty_like(places)
    inverse[places] = np.arange(len(places))
    return Tensor(inverse)


def _lengths(op: str, lengths: Any, n: int, most: int) -> np.ndarray[Any, Any]:
    """The lengths of ``n`` sequences, whole numbers from 1 to ``most``."""
    given = concrete(lengths, op) if isinstance(lengths, Boxed) else np.asarray(lengths)
    if given.size and given.dtype.kind not in "iuf":
        raise OperandError(f"{op}: lengths must be whole numbers: got {lengths!r:.60}")
    values: np.ndarray[Any, Any] = given.astype(np.int64)
    if values.shape != (n,):
        raise ShapeError(f"{op}: needs one length for each of {n} sequences: lengths is {given.shape}")
    if n and values.min() < 1:
        raise ArgumentError(f"{op}: every length must be at least 1: the smallest is {values.min()}; leave empty sequences out")
    if n and values.max() > most:
        raise ArgumentError(f"{op}: no length can be above {most}, the number of steps of the input: the largest is {values.max()}")
    return values


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | list[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Padded sequences, (T, N, *) or with ``batch_first`` (N, T, *), without their padding.

    ``lengths`` says how long each of them is; unless ``enforce_sorted`` is False they must fall. Raises `ArgumentError` where they do not
    or are out of range, and `ShapeError` where there is not one for each sequence.

    >>> import tensorflowlite_clone as tl
    >>> pack_padded_sequence(tl.tensor([[1.0, 3.0], [2.0, 0.0]]), [2, 1]).data.tolist()
    [1.0, 3.0, 2.0]
    """
    op = "pack_padded_sequence"
    x = to_operand(input, op)
    if len(shape_of(x)) < 2:
        raise ShapeError(f"{op}: input must be (T, N, ...): it is {shape_of(x)}")
    if batch_first:
        x = np.swapaxes(x, 0, 1)
    steps, n, *rest = shape_of(x)
    values = _lengths(op, lengths, n, steps)
    order = None
    if not enforce_sorted:
        order = np.argsort(-values, kind="stable")
        values = values[order]
    elif n and (np.diff(values) > 0).any():
        raise ArgumentError(f"{op}: lengths must not rise: they are {values.tolist()!s:.60}; sort them, or pass enforce_sorted=False")
    if not n:
        raise ShapeError(f"{op}: needs at least one sequence: input is {shape_of(input)}")
    there = np.arange(values[0])[:, None] < values  # (T, N), in the sorted order
    t, which = np.nonzero(there)
    rows = t * n + (which if order is None else order[which])
    data = np.take(Reshape.of(x, shape=(steps * n, *rest)), rows, axis=0)
    return PackedSequence(data, Tensor(there.sum(1)), None if order is None else Tensor(order), None)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Packed sequences padded, (T, N, *) or with ``batch_first`` (N, T, *), in the order that they had, and their lengths (N).

    ``padding_value`` stands behind the shorter ones; T is the longest length, or ``total_length``. Raises `ArgumentError` where that is
    shorter.

    >>> import tensorflowlite_clone as tl
    >>> padded, lengths = pad_packed_sequence(pack_sequence([tl.tensor([1.0, 2.0]), tl.tensor([3.0])]))
    >>> padded.tolist(), lengths.tolist()
    ([[1.0, 3.0], [2.0, 0.0]], [2, 1])
    """
    op = "pad_packed_sequence"
    if not isinstance(sequence, PackedSequence):
        raise OperandError(f"{op}: needs a PackedSequence: got {type(sequence).__name__} {sequence!r:.40}; use pack_padded_sequence")
    data = to_operand(sequence.data, op)
    sizes = np.array(batch_sizes_of(op, sequence.batch_sizes, shape_of(data)[0]))
    steps = len(sizes)
    if total_length is not None:
        if total_length < steps:
            raise ArgumentError(f"{op}: total_length must be at least that of the longest sequence, {steps}: got {total_length}")
        sizes = np.append(sizes, np.zeros(total_length - steps, sizes.dtype))
    there = np.arange(sizes[0]) < sizes[:, None]
    rows = np.full(there.shape, shape_of(data)[0])
    rows[there] = np.arange(shape_of(data)[0])
    lengths = there.sum(0)
    if sequence.unsorted_indices is not None:
        places = concrete(sequence.unsorted_indices, op)
        rows, lengths = rows[:, places], lengths[places]
    if not there.all():
        data = Concatenate.of(data, np.full((1, *shape_of(data)[1:]), padding_value, numpy_dtype(data.dtype)), axis=0)
    padded: Any = np.take(data, rows.T if batch_first else rows, axis=0)
    return padded, Tensor(lengths)


def _sequences(op: str, sequences: Any) -> list[Any]:
    if not isinstance(sequences, Iterable):
        raise OperandError(f"{op}: sequences must be a list of tensors: got {type(sequences).__name__} {sequences!r:.40}")
    found = [to_operand(s, op) for s in sequences]
    if not found:
        raise ArgumentError(f"{op}: got no sequences; pass at least one")
    for i, s in enumerate(found):
        if not shape_of(s) or shape_of(s)[1:] != shape_of(found[0])[1:]:
            raise ShapeError(
                f"{op}: sequences must be (length, ...), alike but for their lengths: sequence {i} is {shape_of(s)}, the first one "
                f"{shape_of(found[0])}"
            )
    return found


def pad_sequence(
    sequences: Tensor | Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (L_i, *) padded to the longest, (T, N, *) or with ``batch_first`` (N, T, *), behind them or in front ("left").

    The result has the dtype of the first one. Raises `ShapeError` where they differ in more than their lengths, and `ArgumentError` for
    none, or another side.

    >>> import tensorflowlite_clone as tl
    >>> pad_sequence([tl.tensor([1.0]), tl.tensor([2.0, 3.0])], batch_first=True, padding_side="left").tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """
    op = "pad_sequence"
    if padding_side not in ("left", "right"):
        raise ArgumentError(f"{op}: padding_side must be 'left' or 'right': got {padding_side!r:.40}")
    xs = _sequences(op, sequences)
    dtype, rest = numpy_dtype(xs[0].dtype), shape_of(xs[0])[1:]
    longest = max(shape_of(x)[0] for x in xs)
    parts: list[Any] = []
    for x in xs:
        pair = [cast(x, dtype), np.full((longest - shape_of(x)[0], *rest), padding_value, dtype)]
        parts += pair if padding_side == "right" else pair[::-1]
    whole: Any = Reshape.of(Concatenate.of(*parts, axis=0), shape=(len(xs), longest, *rest))
    result: Tensor = whole if batch_first else np.swapaxes(whole, 0, 1).contiguous()
    return result


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor, (T, N, *) or with ``batch_first`` (N, T, *), each of its own length.

    >>> import tensorflowlite_clone as tl
    >>> [s.tolist() for s in unpad_sequence(tl.tensor([[1.0, 3.0], [2.0, 0.0]]), tl.tensor([2, 1]))]
    [[1.0, 2.0], [3.0]]
    """
    op = "unpad_sequence"
    x = to_operand(padded_sequences, op)
    if len(shape_of(x)) < 2:
        raise ShapeError(f"{op}: the sequences must be (T, N, ...): they are {shape_of(x)}")
    values = concrete(lengths, op) if isinstance(lengths, Boxed) else np.asarray(lengths)
    if values.shape != shape_of(x)[1 - batch_first : 2 - batch_first]:
        raise ShapeError(f"{op}: needs one length for each of the {shape_of(x)[1 - batch_first]} sequences: lengths is {values.shape}")
    return [x[i, :n] if batch_first else x[:n, i] for i, n in enumerate(values.tolist())]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Sequences (L_i, *) packed; unless ``enforce_sorted`` is False the longest must come first.

    >>> import tensorflowlite_clone as tl
    >>> pack_sequence([tl.tensor([3.0]), tl.tensor([1.0, 2.0])], enforce_sorted=False).data.tolist()
    [1.0, 3.0, 2.0]
    """
    xs = _sequences("pack_sequence", sequences)
    return pack_padded_sequence(pad_sequence(xs), [shape_of(x)[0] for x in xs], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed one, in the order that they had.

    >>> import tensorflowlite_clone as tl
    >>> [s.tolist() for s in unpack_sequence(pack_sequence([tl.tensor([1.0, 2.0]), tl.tensor([3.0])]))]
    [[1.0, 2.0], [3.0]]
    """
    padded, lengths = pad_packed_sequence(packed_sequences)
    return unpad_sequence(padded, lengths)


__dir__ = _public(globals())
