"""`DataLoader`: batches of a data set, in order, in random order, or as a sampler says.

Here: its settings and what follows from them. Not here: how a batch is read (``reading.py``), and by which thread (``workers.py``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import repeat
from typing import Any, Generic, TypeVar

from ..._errors import ArgumentError, OperandError
from ...ops.random import Generator, stream
from .checks import flag, function, iterable, not_negative, positive, shown, sized
from .checks import generator as checked_generator
from .collate import default_collate, default_convert
from .dataset import Indexed, IterableDataset
from .gather import gather_of
from .processes import Processes, context_of
from .reading import Here, Pass, Reader, StreamReader
from .sampler import BatchSampler, RandomSampler, SequentialSampler, order_of
from .workers import Ahead, Crew, Plan, get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)

#: What cannot be changed once the loader is made, because its samplers are made of it.
FIXED = frozenset({"dataset", "batch_size", "drop_last", "sampler", "batch_sampler", "persistent_workers"})


class DataLoader(Generic[T_co]):
    """Batches of a data set (or of anything with ``__getitem__`` and ``__len__``, or ``__iter__``), which own their memory.

    Examples are collated by ``collate_fn`` (`default_collate`); with ``batch_size=None`` they come one by one, arrays as tensors.

    The random order is drawn from ``generator`` (the default generator if None) when iteration begins, and before it one number, the
    seed of the pass: set the generator's state to the one before an epoch to get the epoch again. While batch k is read, functions that
    are given no generator draw from a stream of that batch's own, so batches are the same for any number of workers, none included.

    With ``num_workers`` above 0, as many processes prepare ``prefetch_factor`` batches each ahead (2 if None), started by
    ``multiprocessing_context`` (fork, spawn, forkserver, one of `multiprocessing`'s contexts; None: the system's way). Arrays come back
    through shared memory. ``multiprocessing_context="thread"`` makes the workers threads, which cost nothing to start, share the
    program's objects, keep the graph, and run at the same time while they are in NumPy or read files. Where no code of the program's
    runs, because a batch is one gather of rows (`TensorDataset`, arrays, tensors, subsets and stacks of these, with no ``collate_fn`` and
    no ``worker_init_fn``), workers are threads unless a context is named.

    Batches come in the same order as without workers (as they get ready with ``in_order=False``). Each worker has its own copy of the
    data set's attributes. In a process, `random` and `numpy.random` too are seeded for each batch, unless ``worker_init_fn`` does it;
    threads share them with the program. First each worker calls ``worker_init_fn(number)``, once for each epoch, or once for all with
    ``persistent_workers``. An error in a worker is raised when its batch is due, with a note of worker and item and the traceback of
    the process, and the next batch can be asked for; if none comes within ``timeout`` seconds, that is a TimeoutError (a RuntimeError,
    too); a process that dies is a RuntimeError at once. Ctrl-C, an exception or ``break`` end the workers. ``pin_memory`` and
    ``pin_memory_device`` are accepted and change nothing.

    Raises `OperandError` or `ArgumentError` for arguments of a wrong kind or value, and for those that do not go together.

    >>> from tensorflowlite_clone.utils.data import TensorDataset
    >>> import numpy as np
    >>> loader = DataLoader(TensorDataset(np.arange(5)), batch_size=2)
    >>> [batch[0].tolist() for batch in loader]
    [[0, 1], [2, 3], [4]]
    """

    _made = False

    def __init__(
        self,
        dataset: Indexed[T_co] | Iterable[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[Any] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        self.dataset: Any = dataset
        self.streaming = _is_stream(dataset)
        self.num_workers = not_negative(num_workers, "DataLoader: num_workers")
        self.prefetch_factor = _prefetch_factor(prefetch_factor, self.num_workers)
        self.timeout = _timeout(timeout, self.num_workers)
        self.persistent_workers = flag(persistent_workers, "DataLoader: persistent_workers")
        if self.persistent_workers and not self.num_workers:
            raise ArgumentError("DataLoader: persistent_workers needs workers: num_workers is 0")
        self.worker_init_fn = function(worker_init_fn, "DataLoader: worker_init_fn")
        self.in_order = flag(in_order, "DataLoader: in_order")
        self.generator = checked_generator(generator, "DataLoader: generator")
        self.pin_memory, self.pin_memory_device = flag(pin_memory, "DataLoader: pin_memory"), pin_memory_device
        self.multiprocessing_context = _context(multiprocessing_context, self.num_workers)
        if not isinstance(pin_memory_device, str):
            raise OperandError(f"DataLoader: pin_memory_device must be text: got {shown(pin_memory_device)}")
        self._order(batch_size, shuffle, sampler, batch_sampler, flag(drop_last, "DataLoader: drop_last"))
        single = self.batch_size is None and self.batch_sampler is None
        self.collate_fn: Any = function(collate_fn, "DataLoader: collate_fn") or (default_convert if single else default_collate)
        self._crew: Crew | None = None
        self._made = True

    def _order(self, batch_size: Any, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
        """Check which of these go together, and make the samplers that are not given."""
        shuffle = shuffle is not None and flag(shuffle, "DataLoader: shuffle")
        for value, name in ((sampler, "sampler"), (batch_sampler, "batch_sampler")):
            if value is not None:
                iterable(value, f"DataLoader: {name}")
        if batch_size is not None:
            batch_size = positive(batch_size, "DataLoader: batch_size")
        if self.streaming and (shuffle or sampler is not None or batch_sampler is not None):
            raise ArgumentError("DataLoader: an iterable data set comes in its own order; shuffle and samplers need an index")
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle exclude each other; the sampler says the order")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last; it says all of it")
        if batch_size is None and drop_last:
            raise ArgumentError("DataLoader: drop_last needs batches: batch_size is None")
        if not self.streaming and sampler is None:
            if batch_sampler is None:
                sized(self.dataset, "DataLoader: a data set without a sampler")
            if hasattr(self.dataset, "__len__"):
                sampler = RandomSampler(self.dataset, generator=self.generator) if shuffle else SequentialSampler(self.dataset)
        self.batch_size = batch_size if batch_sampler is None else None
        self.drop_last, self.sampler = drop_last, sampler
        if batch_sampler is None and batch_size is not None and not self.streaming:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler = batch_sampler

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and name in FIXED:
            raise ArgumentError(f"DataLoader: {name} cannot be changed once the loader is made; make another loader")
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_crew": None}  # threads are not copied or pickled

    def __len__(self) -> int:
        """How many batches a pass has: as many as the sampler says; of a stream, by the length its data set gives, if it gives one."""
        if not self.streaming:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        if not hasattr(self.dataset, "__len__"):
            raise TypeError(
                "DataLoader: an iterable data set has no length; count the batches as they come, or define __len__ in its class"
            )
        n = len(self.dataset)
        return n if self.batch_size is None else n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __iter__(self) -> Pass:
        seed = int(stream(self.generator).integers(1 << 62))  # drawn for any number of workers, so that the order is the same for all
        indices = repeat(None) if self.streaming else self._indices()
        if not self.num_workers:
            return Here(self, indices, self._reader(), seed)
        return Ahead(self._workers(), self, indices, seed)

    def _reader(self) -> Callable[[Any], Any]:
        """What makes a reader of a data set."""
        if self.streaming:
            return partial(StreamReader, size=self.batch_size, drop_last=self.drop_last, collate=self.collate_fn)
        return partial(Reader, batches=self.batch_sampler is not None, collate=self.collate_fn)

    def _indices(self) -> Iterator[Any]:
        """What is read, batch by batch: parts of one array or range where the sampler has the whole order at once, else lists."""
        if self.batch_sampler is None:
            return iter(self.sampler)
        if type(self.batch_sampler) is BatchSampler:
            order, size = order_of(self.batch_sampler.sampler), self.batch_sampler.batch_size
            if order is not None:
                n = len(order) - len(order) % size if self.batch_sampler.drop_last else len(order)
                return (order[i : min(i + size, n)] for i in range(0, n, size))
        return iter(self.batch_sampler)

    def _workers(self) -> Crew:
        if self._crew is not None and self._crew.fit():
            return self._crew
        plan = Plan(self.num_workers, self.dataset, self._reader(), self.worker_init_fn)
        context = None if self._by_threads() else context_of(self.multiprocessing_context)
        crew = Crew(plan) if context is None else Processes(plan, context)
        if self.persistent_workers and (self._crew is None or not self._crew.busy):
            self._crew = crew
        return crew

    def _by_threads(self) -> bool:
        """Whether threads do it: the user says so, or a batch is one gather of rows, where no code of the user's runs."""
        if self.multiprocessing_context is not None:
            return bool(self.multiprocessing_context == "thread")
        plain = self.collate_fn in (default_collate, default_convert) and self.worker_init_fn is None
        return plain and gather_of(self.dataset) is not None


def _is_stream(dataset: Any) -> bool:
    """Whether the data set is iterated over, rather than read by index."""
    if isinstance(dataset, type) or not (hasattr(dataset, "__getitem__") or hasattr(dataset, "__iter__")):
        raise OperandError(
            f"DataLoader: needs a data set with __getitem__ and __len__, or __iter__: got {type(dataset).__name__}"
            + (f"; pass an object of it, {dataset.__name__}(...)" if isinstance(dataset, type) else "")
        )
    if isinstance(dataset, Iterator) and not isinstance(dataset, IterableDataset):
        raise OperandError(
            f"DataLoader: an iterator can be read once, and every pass after the first would be empty: got {type(dataset).__name__}; pass "
            f"list(..) of it, or an IterableDataset whose __iter__ makes a new one"
        )
    return isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__")


def _prefetch_factor(value: Any, workers: int) -> int | None:
    if value is None:
        return 2 if workers else None
    factor = positive(value, "DataLoader: prefetch_factor")
    if not workers:
        raise ArgumentError(f"DataLoader: prefetch_factor={factor} needs workers: num_workers is 0")
    return factor


def _timeout(value: Any, workers: int) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        raise OperandError(f"DataLoader: timeout must be a number of seconds: got {shown(value)}")
    if not 0 <= float(value) <= threading.TIMEOUT_MAX:
        raise ArgumentError(f"DataLoader: timeout must not be negative: got {value!r:.60}; 0 waits as long as it takes")
    if value and not workers:
        raise ArgumentError(f"DataLoader: timeout={value} needs workers: num_workers is 0")
    return float(value)


def _context(value: Any, workers: int) -> Any:
    """How workers are started."""
    if value is None:
        return None
    if not (hasattr(value, "get_start_method") or value in ("fork", "spawn", "forkserver", "thread")):
        raise OperandError(f"DataLoader: multiprocessing_context must be fork, spawn, forkserver, thread or a context: got {shown(value)}")
    if not workers:
        raise ArgumentError("DataLoader: multiprocessing_context needs workers: num_workers is 0")
    if isinstance(value, str) and value != "thread":
        context_of(value)  # raises where the system has no such way
    return value
