"""The few pieces of state the package has: per thread the gradient mode and the transform height; the default dtype.

Nothing else in the package may hold state that changes what an operation computes.
"""

from __future__ import annotations

import io
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np

from ._errors import DTypeError
from ._typing import DType, DTypeLike


class ThreadState(threading.local):
    """What differs from thread to thread."""

    grad_enabled: bool = True
    #: Whether the innermost gradient mode is `inference_mode`.
    inference: bool = False
    #: Who is told of every operation of this thread (see ``core/observe.py``); nobody, in most programs.
    observers: Sequence[Any] = ()
    #: Whether the backward pass under way gives the gradients of chosen tensors and accumulates none.
    inputs_only: bool = False
    #: The backward pass under way (``core/engine.py``).
    walk: Any = None
    #: The level of the innermost function transform (grad, jvp, vmap) under way, 0 if there is none; its boxes remember it.
    height: int = 0
    #: The highest level there was: no two transforms have the same, so a value that escaped from one is never taken for another's.
    highest: int = 0
    #: The vmaps under way, outermost first (``func/batched.py``): random functions ask them what each example shall get.
    maps: tuple[Any, ...] = ()
    #: For each function transform under way, outermost first, one of its values: `ops.inplace.admission` makes others like them.
    open: tuple[Any, ...] = ()
    #: Watches that a user's backward takes no followed value out of tensors (``autograd/custom/following.py``); None elsewhere.
    leaving: Any = None
    #: The default dtype inside a transform of NumPy's own arrays; None: that of the process.
    default_dtype: DType | None = None
    #: The levels of the reverse-mode transforms under way, whose tape belongs to them.
    pulled: tuple[int, ...] = ()
    #: Whether the transform under way was given NumPy's own arrays, so that an index means what it means to them.
    numpy: bool = False
    #: The generator of random functions that are given none (``ops/random.py``); None: that of the process.
    generator: Any = None
    #: The data loader's worker that this thread is (``utils/data/workers.py``).
    worker: Any = None
    #: Whether `nn.init` writes into what it is given; not while `nn.utils.skip_init` makes a module.
    initializing: bool = True
    #: The values that `nn.utils.parametrize.cached` remembers; None outside of it.
    parametrized: dict[int, Any] | None = None


state = ThreadState()


def in_turn(*undos: Callable[[], Any]) -> Callable[[], Any]:
    """A C function that calls all of these, once, which are C functions with their arguments (`partial`) themselves."""
    call: Any = partial.__call__
    return partial(deque, map(call, undos), 0)


if TYPE_CHECKING:
    _File = object
else:
    _File = io.BytesIO


class Restoring(_File):
    """A context manager that is left by C code alone, so that no interrupt (Ctrl-C) comes between the body and what is put back.

    Python runs the handlers of signals where Python functions begin, among other places: an ``__exit__`` written in Python may be
    interrupted before its first line. That of Python's files is written in C and calls ``self.close``; here that is a C function with
    its arguments, which ``__enter__`` sets before it changes anything. What ``__enter__`` changes after the last call that it makes is
    not interrupted either; where it needs a call for that, it puts it back itself.
    """

    __slots__ = ("close",)
    #: What puts everything back; must not be a Python function.
    close: Callable[[], Any]
    if not TYPE_CHECKING:
        #: So that Python does not close it once more when it is freed.
        closed = True

        def __init__(self) -> None:
            """Files have arguments; this has none."""

    def inside(self, undo: Callable[[], Any], *then: Callable[[], Any]) -> Callable[[], Any]:
        """``undo``, after which ``close`` is what it is now, for a block inside another of this manager; ``then`` may be interrupted."""
        outer = getattr(self, "close", None)
        if outer is None and not then:
            return undo
        return in_turn(undo, partial(setattr, self, "close", outer), *then)

    if TYPE_CHECKING:

        def __exit__(self, *exc: object) -> None: ...


class recording(Restoring):  # noqa: N801  (reads as a statement)
    """``with recording(False):`` operations of this thread are not recorded meanwhile; with True they are, whatever was before."""

    __slots__ = ("mode",)

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.close = partial(setattr, state, "grad_enabled", state.grad_enabled)
        state.grad_enabled = self.mode


class during(Restoring):  # noqa: N801  (reads as a statement)
    """``with during(height=2, maps=()):`` this thread's state is so meanwhile; afterwards these fields are as they were before.

    Where it is ``grad_enabled`` alone, `recording` does it in half the time.

    >>> with during(grad_enabled=False, height=2):
    ...     state.grad_enabled, state.height
    (False, 2)
    >>> state.grad_enabled, state.height
    (True, 0)
    """

    __slots__ = ("fields",)

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def __enter__(self) -> None:
        values = vars(state)
        self.close = partial(values.update, {name: getattr(state, name) for name in self.fields})
        try:
            values.update(self.fields)
        except BaseException:  # an interrupt
            self.close()
            raise


#: A context without NumPy's warnings; to run a function in a copy of it takes a tenth of what `np.errstate` does.
QUIET = Context()
QUIET.run(np.seterr, all="ignore")


def quietly(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``f(*args, **kwargs)`` without NumPy's warnings, where that may run users' code: in a copy of the caller's context, so that it finds
    what was set there. Leaving it, unlike `np.errstate`, cannot be interrupted.
    """
    return copy_context().run(_quiet, f, args, kwargs)


def _quiet(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    np.seterr(all="ignore")
    return f(*args, **kwargs)


#: Serial numbers of tape nodes: a node's inputs always have smaller numbers than the node.
next_serial = count(1).__next__


# ---- locks ------------------------------------------------------------------------------------------------------------------
_locks: WeakSet[Any] = WeakSet()


def freed_by_fork(lock: Any) -> Any:
    """``lock``, which a forked child finds free: the thread that held it, unless it is the one that forked, does not exist there.

    Every lock of the package goes through here.
    """
    _locks.add(lock)
    return lock


def _free_locks() -> None:
    for lock in list(_locks):
        if not (hasattr(lock, "_is_owned") and lock._is_owned()):
            lock._at_fork_reinit()  # as the standard library does with its own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_locks)


class _Shown:
    #: What the package is called where dtypes and types are printed: PyTorch's name while it stands for that (``as_torch``).
    package = "tl"


shown = _Shown()


class _Default:
    dtype: DType = np.dtype(np.float32)


def get_default_dtype() -> DType:
    """The dtype of floats made from Python numbers: float32 unless ``set_default_dtype`` changed it.

    >>> get_default_dtype()
    dtype('float32')
    """
    return _Default.dtype if state.default_dtype is None else state.default_dtype


def set_default_dtype(d: DTypeLike) -> None:
    """Make ``d`` (float16, bfloat16, float32 or float64) the dtype of floats made from Python numbers.

    >>> import tensorflowlite_clone as tl
    >>> tl.set_default_dtype(tl.float64); tl.get_default_dtype()
    tl.float64
    >>> tl.set_default_dtype(tl.float32)
    """
    dtype = np.dtype(d)
    if dtype.kind != "f" and dtype.name != "bfloat16":
        raise DTypeError(f"set_default_dtype: only floating dtypes can be the default: got {dtype}; pass float32 or float64")
    _Default.dtype, state.default_dtype = dtype, None
