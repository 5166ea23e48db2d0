"""``torch.futures``: results that come later, on Python's own `concurrent.futures`. Not here: what would compute them elsewhere."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from ._lazy import public as _public

__all__ = ["Future", "collect_all", "wait_all"]
__dir__ = _public(globals())


T = TypeVar("T")


class Future(Generic[T]):
    """A result that somebody sets: `set_result` or `set_exception`; `wait` waits for it.

    >>> f = Future()
    >>> g = f.then(lambda done: done.value() + 1)
    >>> f.set_result(1); g.wait()
    2
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._inner: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def done(self) -> bool:
        """Whether it is there."""
        return self._inner.done()

    def wait(self) -> Any:
        """The result, when it has come; raises the exception that was set instead."""
        return self._inner.result()

    def value(self) -> Any:
        """The result, which must have come: raises `RuntimeError` otherwise."""
        if not self.done():
            raise RuntimeError("Future.value: there is no value yet; wait() for it")
        return self._inner.result()

    def set_result(self, result: Any) -> None:
        """Let it be this, once: raises `RuntimeError` the second time."""
        self._first()
        self._inner.set_result(result)

    def set_exception(self, result: BaseException) -> None:
        """Let `wait` raise this."""
        if not isinstance(result, BaseException):
            raise TypeError(f"Future.set_exception: got a {type(result).__name__}, which is no exception; set_result takes values")
        self._first()
        self._inner.set_exception(result)

    def _first(self) -> None:
        if self.done():
            raise RuntimeError("Future: it has its result already; each is set once")

    def add_done_callback(self, callback: Callable[[Future[Any]], None]) -> None:
        """Call ``callback(self)`` when it has come."""
        self._inner.add_done_callback(lambda inner: callback(self))

    def then(self, callback: Callable[[Future[Any]], Any]) -> Future[Any]:
        """What ``callback(self)`` returns when it has come, as a future."""
        following: Future[Any] = Future()

        def go(inner: Any) -> None:
            try:
                following.set_result(callback(self))
            except BaseException as error:
                following.set_exception(error)

        self._inner.add_done_callback(go)
        return following


def collect_all(futures: list[Future[Any]]) -> Future[Any]:
    """A future of the list of futures, when all have come."""
    whole: Future[Any] = Future()
    left = [len(futures)]

    def one(future: Future[Any]) -> None:
        left[0] -= 1
        if left[0] == 0:
            whole.set_result(futures)

    for future in futures:
        future.add_done_callback(one)
    if not futures:
        whole.set_result([])
    return whole


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all, when they have come."""
    return [f.wait() for f in futures]
