"""How a batch is read: by one gather, by the data set's ``__getitems__``, example by example, or from a stream.

A reader is called with what the loader's sampler says (indices, or nothing for a stream) and knows what it is doing, for messages.
Not here: in which thread it is called (``workers.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from ..._state import during
from ...ops.random import Generator, current_generator
from .collate import default_collate, default_convert, own_convert
from .dataset import examples, items_reader, one_for_each
from .gather import as_indices, gather_of


class _End:
    def __reduce__(self) -> str:
        return "END"  # the same in every process


#: What a stream's reader returns when there are no more examples, and a sampler's iterator when there are no more indices.
END = _End()

#: What a reader is reading when it is not at any one example.
WHOLE = object()

Collate = Callable[[Any], Any]


class Reader:
    """Reads a data set by index: batches, or single examples as they are."""

    __slots__ = ("at", "batches", "collate", "dataset", "gather", "indices", "plain", "quiet", "reads_lists")

    def __init__(self, dataset: Any, batches: bool, collate: Collate) -> None:
        self.dataset, self.batches, self.at, self.indices = dataset, batches, WHOLE, None
        self.collate, self.plain = own_convert if collate is default_convert else collate, collate is default_collate
        self.gather = gather_of(dataset) if batches and self.plain else None
        #: Whether nothing is drawn: no code but the package's own runs.
        self.quiet = self.gather is not None
        self.reads_lists = items_reader(dataset) is not None

    def __call__(self, indices: Any) -> Any:
        """What is read at ``indices``."""
        self.at, self.indices = WHOLE, indices
        if self.gather is not None:
            rows = as_indices(indices)
            if rows is not None:
                return self.gather(rows)
        if self.batches:
            return self._batch(indices)
        self.at = indices
        return self.collate(self.dataset[indices])

    def _batch(self, indices: Any) -> Any:
        if not isinstance(indices, list | tuple):
            indices = indices.tolist() if isinstance(indices, np.ndarray) else list(indices)
        if self.reads_lists:
            found = examples(self.dataset, indices)
            return self.collate(one_for_each(self.dataset, found, indices) if self.plain else found)
        found, dataset = [], self.dataset
        for self.at in indices:
            found.append(dataset[self.at])
        self.at = WHOLE
        return self.collate(found)

    def doing(self) -> str:
        """What it is about, or was when it failed."""
        return f"reading item {self.at!r:.60}" if self.at is not WHOLE else f"making {batch_of(self.indices)}"


class StreamReader:
    """Reads a data set by iterating over it; gives `END` when nothing is left."""

    __slots__ = ("collate", "drop_last", "items", "number", "reading", "size")
    quiet = False

    def __init__(self, dataset: Any, size: int | None, drop_last: bool, collate: Collate) -> None:
        self.size, self.drop_last, self.number, self.reading = size, drop_last, 0, True
        self.collate = own_convert if collate is default_convert else collate
        self.items: Iterator[Any] | None = iter(dataset)

    def __call__(self, indices: Any) -> Any:
        """The next batch."""
        if self.items is None:
            return END
        self.reading, found = True, []
        for item in islice(self.items, self.size or 1):
            found.append(item)
            self.number += 1
        self.reading = False
        if len(found) < (self.size or 1):
            self.items = None
            if not found or self.drop_last:
                return END
        return self.collate(found[0] if self.size is None else found)

    def doing(self) -> str:
        """What it is about, or was when it failed."""
        return f"reading example {self.number} of the stream" if self.reading else f"making the batch before example {self.number}"


def batch_seed(seed: int, number: int) -> int:
    """The seed of the random numbers of one batch of a pass that has this seed: all of them differ, and from the workers' own."""
    return (seed + (number + 1) * 0x9E3779B97F4A7C15) % (1 << 64)


def batch_of(indices: Any) -> str:
    """What a message calls the batch at ``indices``."""
    if indices is None:
        return "the next batch"
    if not isinstance(indices, list | tuple | range | np.ndarray):
        return f"item {indices!r:.60}"
    few = indices[:6].tolist() if isinstance(indices, np.ndarray) else indices[:6]
    return f"the batch of items [{', '.join(f'{i!r:.20}' for i in few)}{', ...' if len(indices) > len(few) else ''}]"


class Pass:
    """One pass over a loader: an iterator over its batches."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def __iter__(self) -> Pass:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.loader)


class Here(Pass):
    """One pass whose batches are read when they are asked for, with the random numbers that workers would draw."""

    def __init__(self, loader: Any, indices: Iterator[Any], reader: Callable[[Any], Reader | StreamReader], seed: int) -> None:
        super().__init__(loader)
        self.indices, self.seed, self.number, self.generator = indices, seed, 0, Generator()
        self.known = current_generator().initial_seed()  # which the program finds as its seed, as without a loader
        self.generator.manual_seed(self.known)._restart(seed)
        with during(generator=self.generator):
            self.reader = reader(loader.dataset)

    def __next__(self) -> Any:
        indices = next(self.indices)
        try:
            batch = self.reader(indices) if self.reader.quiet else self._read(indices)
        except StopIteration as error:
            raise explained(error, self.reader.doing()) from error
        except Exception as error:
            explained(error, self.reader.doing())
            raise
        if batch is END:
            raise StopIteration
        return batch

    def _read(self, indices: Any) -> Any:
        if self.generator.initial_seed() == self.known:  # else the data set has seeded it
            self.generator._restart(batch_seed(self.seed, self.number))
        self.number += 1
        with during(generator=self.generator):
            return self.reader(indices)


def explained(error: BaseException, place: str) -> BaseException:
    """The error with a note of where it happened; a StopIteration, which would end the loop silently, as a RuntimeError."""
    if isinstance(error, StopIteration):
        other = RuntimeError(f"DataLoader: StopIteration was raised {place}; it would have ended the loop without a word")
        other.__cause__ = error
        return other
    error.add_note(f"DataLoader: {place}")
    return error
