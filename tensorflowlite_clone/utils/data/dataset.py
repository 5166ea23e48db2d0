"""Data sets: what has examples. Not here: which are read a whole batch at a time (``gather.py``), in which order examples are read
(``sampler.py``), batches (``dataloader.py``).
"""

from __future__ import annotations

import math
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, Generic, Protocol, TypeVar

from numpy import ndarray

from ..._errors import ArgumentError, DimensionError, OperandError, ShapeError
from ...core.boxed import Boxed
from ...core.tensor import Tensor
from ...ops.create import _as_tensor
from ...ops.random import Generator, stream
from .checks import generator as checked_generator
from .checks import indexed, iterable, shown, sized, whole

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Indexed(Protocol[T_co]):
    """Whatever has examples by index: a `Dataset`, a list, a tensor."""

    def __getitem__(self, index: Any, /) -> T_co: ...


class Dataset(Generic[T_co]):
    """Examples by index: a subclass defines ``__getitem__``, and ``__len__`` if it has a length.

    Where several examples can be read faster than one by one, it also defines ``__getitems__(indices)``, which returns a list of
    them; a `DataLoader` then reads its batches so.

    >>> class Squares(Dataset[int]):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         return index * index
    >>> (Squares() + Squares())[4]
    1
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__}: has no examples; define __getitem__(self, index) in the class")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Examples in the order of ``__iter__``, which a subclass defines; for streams without an index.

    Each worker of a `DataLoader` iterates over its own copy; to read a part of the stream each, the copies ask
    `get_worker_info`. A stream that does not ask is read by one worker, so that no example comes twice.
    """

    def __iter__(self) -> Iterator[T_co]:
        raise TypeError(f"{type(self).__name__}: has no examples; define __iter__(self) in the class")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Tensors (or arrays) of one length: example i is the tuple of their entries i, views of them.

    Raises `ShapeError` where the lengths differ, `OperandError` for what makes no tensor.

    >>> import numpy as np
    >>> data = TensorDataset(np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))
    >>> len(data), data[1][1].item()
    (3, 1)
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Any) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: got no tensors; pass at least one")
        made = tuple(_tensor(t, i) for i, t in enumerate(tensors))
        shapes = [t.shape for t in made]
        if any(not s or s[0] != shapes[0][0] for s in shapes):
            raise ShapeError(f"TensorDataset: the lengths differ: the shapes are {shapes}; the first dimensions must be equal")
        self.tensors = made

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)


def _tensor(value: Any, i: int) -> Tensor:
    if not isinstance(value, Boxed | ndarray | list | tuple):
        raise OperandError(f"TensorDataset: tensors[{i}] must be a tensor or an array: got {shown(value)}")
    try:
        return _as_tensor(value)  # type: ignore[no-any-return]
    except (TypeError, ValueError) as error:
        raise OperandError(f"TensorDataset: tensors[{i}]: {error}") from error


class StackDataset(Dataset[Any]):
    """Data sets of one length side by side: example i is the tuple of their examples i, or the dict of them where they have names.

    >>> StackDataset([1, 2], ["a", "b"])[1]
    (2, 'b')
    >>> StackDataset(number=[1, 2], text=["a", "b"])[1]
    {'number': 2, 'text': 'b'}
    """

    datasets: tuple[Any, ...] | dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if bool(args) == bool(kwargs):
            raise ArgumentError("StackDataset: needs data sets, all without names (tuples) or all with (dicts); pass at least one")
        parts = [sized(indexed(d, "StackDataset: each data set"), "StackDataset: each data set") for d in args or kwargs.values()]
        lengths = [len(d) for d in parts]
        if any(n != lengths[0] for n in lengths):
            raise ArgumentError(f"StackDataset: the lengths differ: they are {lengths}; all must be equal")
        self.datasets, self._length = args or kwargs, lengths[0]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: d[index] for name, d in self.datasets.items()}
        return tuple(d[index] for d in self.datasets)

    def __getitems__(self, indices: Sequence[Any]) -> list[Any]:
        if isinstance(self.datasets, dict):
            columns = [one_for_each(d, examples(d, indices), indices) for d in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*[one_for_each(d, examples(d, indices), indices) for d in self.datasets], strict=True))


class ConcatDataset(Dataset[T_co]):
    """Several data sets one after the other.

    >>> both = ConcatDataset([range(3), range(10, 12)])
    >>> len(both), both[3], both[-1]
    (5, 10, 11)
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        parts = list(iterable(datasets, "ConcatDataset: datasets"))
        if not parts:
            raise ArgumentError("ConcatDataset: got no data sets; pass at least one")
        for d in parts:
            if isinstance(d, IterableDataset):
                raise OperandError(f"ConcatDataset: {type(d).__name__} has no index; chain streams with ChainDataset")
            sized(indexed(d, "ConcatDataset: each data set"), "ConcatDataset: each data set")
        self.datasets, self.cumulative_sizes = parts, list(accumulate(len(d) for d in parts))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> T_co:
        n, i = len(self), whole(index)
        if i is None:
            raise OperandError(f"ConcatDataset: an index must be an integer: got {shown(index)}")
        if not -n <= i < n:
            raise DimensionError(f"ConcatDataset: index {i} is out of range: there are {n} examples")
        which = bisect_right(self.cumulative_sizes, i % n)
        return self.datasets[which][i % n - (self.cumulative_sizes[which - 1] if which else 0)]  # type: ignore[no-any-return]


class ChainDataset(IterableDataset[Any]):
    """Streams one after the other.

    >>> class Up(IterableDataset[int]):
    ...     def __iter__(self):
    ...         return iter(range(2))
    >>> list(Up() + Up())
    [0, 1, 0, 1]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        parts = list(iterable(datasets, "ChainDataset: datasets"))
        for d in parts:
            if not isinstance(d, IterableDataset):
                raise OperandError(f"ChainDataset: chains IterableDatasets: got {shown(d)}; join data sets with an index by ConcatDataset")
        self.datasets = parts

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(len(d) for d in self.datasets)


class Subset(Dataset[T_co]):
    """The examples of another data set at ``indices``, which are kept as they are given.

    >>> part = Subset(["a", "b", "c"], [2, 0])
    >>> len(part), part[0], part.indices
    (2, 'c', [2, 0])
    """

    def __init__(self, dataset: Indexed[T_co], indices: Indexed[Any]) -> None:
        self.dataset: Any = indexed(dataset, "Subset: dataset")
        self.indices: Any = sized(indexed(indices, "Subset: indices"), "Subset: indices")

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> T_co:
        return self.dataset[[self._there(i) for i in index] if isinstance(index, list) else self._there(index)]  # type: ignore[no-any-return]

    def __getitems__(self, indices: Sequence[Any]) -> Any:
        return examples(self.dataset, [self._there(i) for i in indices])

    def _there(self, index: Any) -> Any:
        try:
            return self.indices[index]
        except IndexError:
            raise DimensionError(f"Subset: index {index} is out of range: there are {len(self)} examples") from None


def random_split(dataset: Indexed[T], lengths: Sequence[float], generator: Generator | None = None) -> list[Subset[T]]:
    """Disjoint random subsets with the given lengths, or with the given fractions (which add up to 1).

    Raises `ArgumentError` for lengths that do not add up to the data set's; warns of a fraction that gives an empty subset.

    >>> parts = random_split(range(10), [0.8, 0.2])
    >>> [len(p) for p in parts]
    [8, 2]
    """
    n = len(sized(indexed(dataset, "random_split: dataset"), "random_split: dataset"))
    wanted = list(iterable(lengths, "random_split: lengths"))
    checked_generator(generator, "random_split: generator")
    if any(isinstance(s, bool | str | bytes) or not hasattr(s, "__float__") or getattr(s, "ndim", 0) for s in wanted):
        raise OperandError(f"random_split: lengths must be numbers: got {wanted!r:.60}")
    if all(0 <= s <= 1 for s in wanted) and math.isclose(sum(wanted), 1.0):
        sizes = [math.floor(n * s) for s in wanted]
        for i in range(n - sum(sizes)):  # what rounding left goes round
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if not size:
                warnings.warn(f"random_split: subset {i} is empty: {wanted[i]} of {n} examples are none", stacklevel=2)
    elif any(not math.isfinite(s) or s < 0 or int(s) != s for s in wanted):
        raise ArgumentError(f"random_split: lengths must be whole numbers from 0 up, or fractions that add up to 1: got {wanted!r:.200}")
    elif sum(wanted) != n:
        raise ArgumentError(f"random_split: lengths must add up to the data set's: they are {wanted!r:.200}, it has {n} examples")
    else:
        sizes = [int(s) for s in wanted]
    order = stream(generator).permutation(n).tolist()
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, accumulate(sizes), strict=True)]


# ---- reading --------------------------------------------------------------------------------------------------------------------
def items_reader(dataset: Any) -> Callable[[Any], Any] | None:
    """The data set's ``__getitems__``; None where there is none, or where a class below the one that defines it has a ``__getitem__``
    of its own, which it would pass by.
    """
    for cls in type(dataset).__mro__:
        if vars(cls).get("__getitems__") is not None:
            return dataset.__getitems__  # type: ignore[no-any-return]
        if "__getitem__" in vars(cls):
            return None
    return None


def examples(dataset: Any, indices: Sequence[Any]) -> Any:
    """The examples at ``indices``, a list unless the data set's ``__getitems__`` gives something else."""
    read = items_reader(dataset)
    return [dataset[i] for i in indices] if read is None else read(indices)


def one_for_each(dataset: Any, found: Any, indices: Sequence[Any]) -> Any:
    """``found``, which are as many examples as indices."""
    if not hasattr(found, "__len__") or len(found) != len(indices):
        gave = f"{len(found)} examples" if hasattr(found, "__len__") else shown(found)
        raise ArgumentError(f"{type(dataset).__name__}: __getitems__ gave {gave} for {len(indices)} indices; it must be a list of as many")
    return found
