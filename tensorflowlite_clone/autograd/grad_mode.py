"""The gradient modes: `no_grad`, `enable_grad`, `set_grad_enabled`, `inference_mode`.

Not here: what recording is (``core/operation.py``).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from .._state import Restoring, state

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]

F = TypeVar("F", bound=Callable[..., Any])


#: What marks the code of a generator function.
_GENERATOR = 0x20


def _always(mode: Callable[[], Any], function: F) -> F:
    """``function``, run inside the context manager that ``mode()`` makes; a generator, whenever it runs."""
    code = getattr(function, "__code__", None)
    if code is None or not code.co_flags & _GENERATOR:

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with mode():
                return function(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    @functools.wraps(function)
    def generator(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        go_on, given = inner.send, None
        while True:
            try:
                with mode():
                    value = go_on(given)
            except StopIteration as stop:
                return stop.value
            try:
                go_on, given = inner.send, (yield value)
            except GeneratorExit:
                with mode():
                    inner.close()
                raise
            except BaseException as error:  # thrown in by the one who iterates
                go_on, given = inner.throw, error

    return generator  # type: ignore[return-value]


class set_grad_enabled(Restoring):  # noqa: N801  (PyTorch's name)
    """Switch recording on or off in this thread: a context manager, a decorator, and effective at once when called as a function.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    """

    __slots__ = ("before", "mode")

    def __init__(self, mode: bool) -> None:
        self.before = state.grad_enabled
        self.mode = bool(mode)
        self.close = partial(setattr, state, "grad_enabled", self.before)
        state.grad_enabled = self.mode and not state.inference  # where nothing is recorded, whatever is said inside

    def __enter__(self) -> None:
        state.grad_enabled = self.mode and not state.inference  # where nothing is recorded, whatever is said inside

    def __call__(self, function: F) -> F:
        """``function``, always in this mode; nothing else is switched."""
        state.grad_enabled = self.before
        mode = self.mode
        return _always(lambda: set_grad_enabled(mode), function)


class _Mode(Restoring):
    """A gradient mode as context manager and decorator, usable with and without parentheses."""

    __slots__ = ()
    mode: bool

    @overload
    def __new__(cls) -> Self: ...
    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    def __new__(cls, function: Any = None) -> Any:
        """The mode, or, used without parentheses as a decorator, the function in that mode."""
        self: _Mode = super().__new__(cls)
        return self if function is None else self(function)

    if not TYPE_CHECKING:

        def __init__(self, function: Any = None) -> None:
            """Made by ``__new__``."""

    def __enter__(self) -> None:
        self.close = self.inside(partial(setattr, state, "grad_enabled", state.grad_enabled))
        state.grad_enabled = self.mode and not state.inference  # where nothing is recorded, whatever is said inside

    def __call__(self, function: F) -> F:
        """``function``, always in this mode."""
        return _always(type(self), function)


class no_grad(_Mode):  # noqa: N801  (PyTorch's name)
    """Record nothing: a context manager and a decorator.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     (x * 2).requires_grad
    False
    """

    __slots__ = ()
    mode = False


class enable_grad(_Mode):  # noqa: N801  (PyTorch's name)
    """Record again inside `no_grad`: a context manager and a decorator."""

    __slots__ = ()
    mode = True


class inference_mode(Restoring):  # noqa: N801  (PyTorch's name)
    """Record nothing, for evaluation: a context manager and a decorator; ``inference_mode(False)`` records again.

    Unlike PyTorch's, tensors made inside may be used later in recorded computations: they are constants there, as any other tensor.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> with inference_mode():
    ...     y = x * 2
    >>> (y * x).sum().requires_grad
    True
    """

    __slots__ = ("mode",)
    mode: bool

    @overload
    def __new__(cls, mode: bool = True) -> Self: ...
    @overload
    def __new__(cls, mode: F) -> F: ...  # type: ignore[misc]
    def __new__(cls, mode: Any = True) -> Any:
        """The mode, or, used without parentheses as a decorator, the function in that mode."""
        self: inference_mode = super().__new__(cls)
        self.mode = not callable(mode) and not mode
        return self(mode) if callable(mode) else self

    if not TYPE_CHECKING:

        def __init__(self, mode: Any = True) -> None:
            """Made by ``__new__``."""

    def __enter__(self) -> None:
        self.close = self.inside(partial(vars(state).update, {"grad_enabled": state.grad_enabled, "inference": state.inference}))
        state.grad_enabled, state.inference = self.mode, not self.mode

    def __call__(self, function: F) -> F:
        """``function``, always in this mode."""
        return _always(lambda: inference_mode(not self.mode), function)


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in `inference_mode`."""
    return state.inference


def is_grad_enabled() -> bool:
    """Whether operations in this thread are recorded."""
    return state.grad_enabled


class set_multithreading_enabled(contextlib.ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Whether a backward pass may use other threads than that of its caller: it uses that one, whatever is said."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc: object) -> None:
        """Nothing was changed."""
