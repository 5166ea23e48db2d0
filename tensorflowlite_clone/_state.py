"""The few pieces of state the package has: per thread the gradient mode and the transform height; the default dtype.

Nothing else in the package may hold state that changes what an operation computes.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import Any

import numpy as np

from ._errors import DTypeError
from ._typing import DType, DTypeLike


class ThreadState(threading.local):
    """What differs from thread to thread."""

    grad_enabled: bool = True
    #: Whether the innermost gradient mode is `inference_mode`.
    inference: bool = False
    #: Who is told of every operation of this thread (see ``core/observe.py``); nobody, in most programs.
    observers: tuple[Any, ...] = ()
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
    #: Watches that a user's backward takes no followed value out of tensors (``autograd/custom/following.py``); None elsewhere.
    leaving: Any = None
    #: The default dtype inside a transform of NumPy's own arrays; None: that of the process.
    default_dtype: DType | None = None
    #: Whether the transform under way was given NumPy's own arrays, so that an index means what it means to them.
    numpy: bool = False
    #: The generator of random functions that are given none (``ops/random.py``); None: that of the process.
    generator: Any = None
    #: The data loader's worker that this thread is (``utils/data/workers.py``).
    worker: Any = None


state = ThreadState()


class recording:  # noqa: N801  (reads as a statement)
    """``with recording(False):`` operations of this thread are not recorded meanwhile; with True they are, whatever was before."""

    __slots__ = ("before", "mode")

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        self.before = state.grad_enabled
        state.grad_enabled = self.mode

    def __exit__(self, *exc: object) -> None:
        state.grad_enabled = self.before


class during:  # noqa: N801  (reads as a statement)
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
        values, fields = vars(state), self.fields
        for name in fields:
            values[name], fields[name] = fields[name], getattr(state, name)

    def __exit__(self, *exc: object) -> None:
        vars(state).update(self.fields)


#: Serial numbers of tape nodes: a node's inputs always have smaller numbers than the node.
next_serial = count(1).__next__


class _Default:
    dtype: DType = np.dtype(np.float32)


def get_default_dtype() -> DType:
    """The dtype of floats made from Python numbers: float32 unless ``set_default_dtype`` changed it.

    >>> get_default_dtype()
    dtype('float32')
    """
    return _Default.dtype if state.default_dtype is None else state.default_dtype


def set_default_dtype(d: DTypeLike) -> None:
    """Make ``d`` (float16, float32 or float64) the dtype of floats made from Python numbers.

    >>> set_default_dtype(np.float64); get_default_dtype()
    dtype('float64')
    >>> set_default_dtype(np.float32)
    """
    dtype = np.dtype(d)
    if dtype.kind != "f":
        raise DTypeError(f"set_default_dtype: only floating dtypes can be the default: got {dtype}; pass float32 or float64")
    _Default.dtype, state.default_dtype = dtype, None
