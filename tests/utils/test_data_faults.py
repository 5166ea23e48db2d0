"""Faults of loading: errors that say which worker and item, hung items, threads that cannot be started, forks, loops that are left.

Nothing is timed: what has to be slow waits for an event.
"""

from __future__ import annotations

import pytest
from loading import NUMBERS, Noise, Parts, Squares, Stream, all_threads_end, values  # noqa: F401  (a fixture among them)

from tensorflowlite_clone.utils.data import DataLoader

pytestmark = pytest.mark.usefixtures("all_threads_end")


class Failing(Squares):
    def __init__(self, wrong):
        self.wrong = wrong

    def __getitem__(self, index):
        if index == self.wrong:
            raise LookupError(f"item {index} is broken")
        return index


class FailingStream(Stream):
    def __iter__(self):
        yield from range(5)
        raise LookupError("broken")


@pytest.mark.parametrize("n", NUMBERS)
def test_an_error_says_which_worker_and_item(n):
    worker = f"in worker {4 // 2 % n if n else 0} of {n}, " if n else ""
    with pytest.raises(LookupError, match="item 4 is broken") as info:
        list(DataLoader(Failing(4), 2, num_workers=n))
    assert info.value.__notes__ == [f"DataLoader: {worker}reading item 4"]
    with pytest.raises(LookupError) as info:
        list(DataLoader(FailingStream(), 2, num_workers=n))
    assert info.value.__notes__ == [f"DataLoader: {worker and f'in worker 0 of {n}, '}reading example 5 of the stream"]
    with pytest.raises(ZeroDivisionError) as info:
        list(DataLoader(Squares(), 2, num_workers=n, collate_fn=lambda items: 1 // items[0]["square"]))
    assert info.value.__notes__ == [f"DataLoader: {worker and f'in worker 0 of {n}, '}making the batch of items [0, 1]"]


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("kind", ["generator", "iterator", "map"])
def test_an_iterator_that_can_be_read_once_is_refused(kind):
    """A second epoch would be empty, without a word."""
    dataset = {"generator": (i for i in range(3)), "iterator": iter([1, 2]), "map": map(float, "12")}[kind]
    with pytest.raises(TypeError, match=r"DataLoader: an iterator can be read once.*pass list\(..\) of it"):
        DataLoader(dataset, 2)
