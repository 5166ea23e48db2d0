"""Results that come later: `Future`, which somebody fulfils, and waiting for several.

Not here: who computes them; nothing in the package does so by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

from ._lazy import public as _public

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")
S = TypeVar("S")


class Future(Generic[T]):
    """A value that somebody sets once (`set_result`, `set_exception`), and that others wait for or are called with.

    ``devices`` is as in PyTorch and may only name the CPU, or nothing.

    >>> import tensorflowlite_clone as tl
    >>> later = tl.futures.Future()
    >>> twice = later.then(lambda f: 2 * f.wait())
    >>> later.set_result(21); twice.wait()
    42
    """

    def __init__(self, *, devices: Sequence[Any] | None = None) -> None:
        self._set = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    def done(self) -> bool:
        """Whether the value, or an exception, is there."""
        return self._done

    def wait(self) -> T:
        """The value, when it is there; raises the exception that was set in its place."""
        with self._set:
            self._set.wait_for(self.done)
        return self._result()

    def value(self) -> T:
        """The value that is there already. Raises `RuntimeError` where there is none yet, and the exception set in its place."""
        if not self._done:
            raise RuntimeError("Future.value: there is no value yet; wait() for it")
        return self._result()

    def _result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._value)

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """A future of what ``callback(self)`` returns, called when the value is there: at once, if it is."""
        after: Future[S] = Future()

        def fulfil(future: Future[T]) -> None:
            try:
                result = callback(future)
            except Exception as error:
                after.set_exception(error)
            else:
                after.set_result(result)

        self.add_done_callback(fulfil)
        return after

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Have ``callback(self)`` called when the value is there, in the order of asking: at once, if it is."""
        with self._set:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def set_result(self, result: T) -> None:
        """Give the value, once. Raises `RuntimeError` the second time."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Give an exception in place of the value: it is raised by those who wait. Raises `RuntimeError` the second time."""
        if not isinstance(result, BaseException):
            raise TypeError(f"Future.set_exception: got a {type(result).__name__}, which is no exception; set_result takes values")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        with self._set:
            if self._done:
                raise RuntimeError("Future.set_result: this future has its result already; each is set once")
            self._value, self._error, self._done = value, error, True
            self._set.notify_all()
        for callback in self._callbacks:
            callback(self)
        self._callbacks = []


def collect_all(futures: Sequence[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list of ``futures``, done when all of them are.

    >>> import tensorflowlite_clone as tl
    >>> parts = [tl.futures.Future(), tl.futures.Future()]
    >>> whole = tl.futures.collect_all(parts)
    >>> parts[1].set_result(2); whole.done(); parts[0].set_result(1); [f.value() for f in whole.wait()]
    False
    [1, 2]
    """
    parts = list(futures)
    whole: Future[list[Future[Any]]] = Future()
    lock, left = threading.Lock(), len(parts)

    def count(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            whole.set_result(parts)

    for part in parts:
        part.add_done_callback(count)
    if not parts:
        whole.set_result(parts)
    return whole


def wait_all(futures: Iterable[Future[Any]]) -> list[Any]:
    """The values of all ``futures``, when they are there; raises the first exception among them."""
    return [future.wait() for future in futures]


__dir__ = _public(globals())
