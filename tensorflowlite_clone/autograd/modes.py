"""The gradient modes: `no_grad`, `enable_grad`, `set_grad_enabled`.

Not here: what recording is (``core/function.py``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from .._state import state

F = TypeVar("F", bound=Callable[..., Any])


class set_grad_enabled:  # noqa: N801  (PyTorch's name)
    """Switch recording on or off in this thread; a context manager, and effective at once when called as a function.

    >>> with set_grad_enabled(False):
    ...     is_grad_enabled()
    False
    """

    __slots__ = ("before", "mode")

    def __init__(self, mode: bool) -> None:
        self.before = state.grad_enabled
        self.mode = bool(mode)
        state.grad_enabled = self.mode

    def __enter__(self) -> None:
        state.grad_enabled = self.mode

    def __exit__(self, *exc: object) -> None:
        state.grad_enabled = self.before


class _Mode:
    """A gradient mode as context manager and decorator, usable with and without parentheses."""

    __slots__ = ("before",)
    before: list[bool]
    mode: bool

    def __new__(cls, function: Any = None) -> Any:
        self: _Mode = super().__new__(cls)
        self.before = []
        return self if function is None else self(function)

    def __enter__(self) -> None:
        self.before.append(state.grad_enabled)
        state.grad_enabled = self.mode

    def __exit__(self, *exc: object) -> None:
        state.grad_enabled = self.before.pop()

    def __call__(self, function: F) -> F:
        mode = self.mode

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            before = state.grad_enabled
            state.grad_enabled = mode
            try:
                return function(*args, **kwargs)
            finally:
                state.grad_enabled = before

        return wrapped  # type: ignore[return-value]


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


def is_grad_enabled() -> bool:
    """Whether operations in this thread are recorded."""
    return state.grad_enabled
