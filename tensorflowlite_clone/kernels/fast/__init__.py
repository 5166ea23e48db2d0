"""The compiled twins of kernels (the extra ``fast``): the one place that chooses between a kernel and its twin.

Here: `twin`, which a kernel says to have one, whether twins are used, and what they have cost so far. Nothing is imported for it before
the first large enough call; then Numba is, once. Not here: the twins, which stand in files of this folder under the names of their
kernels' files; the kernels, which are the reference; what users see of it (``tensorflowlite_clone/fast.py``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from ..._typing import DType

__all__ = ["EARLY", "TWINS", "Keywords", "Twin", "call", "state", "twin"]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
#: Elements from which on a loop costs less than three of NumPy's calls.
EARLY = 200
#: What twins compute in; everything else, also in another order of bytes, is left to the kernels.
DTYPES = {"f": np.dtype(np.float32), "d": np.dtype(np.float64)}
#: What a number's place may hold, and is not looked at.
NUMBERS = frozenset({int, float, bool, str, tuple, type(None)})


class _State:
    #: Whether Numba is there, without which kernels are not even wrapped.
    available = find_spec("numba") is not None
    #: Whether twins are used; the environment variable ``TL_FAST`` says so at first: 0 for no, "all" for arrays of every size (in tests).
    on = available and os.environ.get("TL_FAST", "1") != "0"
    every_size = os.environ.get("TL_FAST", "") == "all"


state = _State()


class Twin:
    """What is known of one kernel's twin."""

    def __init__(self, kernel: Callable[..., Any], least: int, letters: str) -> None:
        self.kernel, self.least = kernel, 1 if state.every_size else least
        self.file, self.name = kernel.__module__.rpartition(".")[2], kernel.__name__
        self.dtypes = frozenset(DTYPES[c] for c in letters)
        #: The twin, for each dtype in which it has been called.
        self.ready: dict[DType, Callable[..., Any]] = {}
        #: Seconds of the first call for each dtype: loading or compiling, and the call itself.
        self.seconds: dict[str, float] = {}
        #: Why the twin is not used, if it could not be compiled.
        self.failure = ""

    def load(self) -> Callable[..., Any]:
        """The twin as it stands in its file."""
        function: Callable[..., Any] = getattr(import_module(f".{self.file}", __name__), self.name)
        return function

    def first(self, dtype: DType, *arguments: Any, **settings: Any) -> Any:
        """The first call for a dtype. A Numba that does not work here (of another NumPy, say) leaves the kernel as it was."""
        begin = perf_counter()
        try:
            function = self.load()
            result = function(*arguments, **settings)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in ("numba", "llvmlite") and not isinstance(error, ImportError):
                raise
            self.failure = f"{type(error).__name__}: {error}"
            function, result = _declines, NotImplemented
        if result is not NotImplemented or self.failure:
            self.ready[dtype] = function
            self.seconds[dtype.name] = self.seconds.get(dtype.name, 0.0) + perf_counter() - begin
        return result


def _declines(*_: Any, **__: Any) -> Any:
    return NotImplemented


class Keywords(dict[str, Any]):
    """The last argument of a sample: those that are given by name."""


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call with the arguments of a sample."""
    *others, last = arguments
    return function(*others, **last) if isinstance(last, Keywords) else function(*arguments)


#: Every kernel that has a twin, by file and name: ``"activation.gelu"``.
TWINS: dict[str, Twin] = {}


def twin(elements: int, letters: str = "fd", at: int = 0) -> Callable[[Kernel], Kernel]:
    """Say of a kernel that the file of its name in this folder has a compiled twin of it: same name, arguments and results.

    The twin takes a call whose first argument (or number ``at``) is a plain ndarray of at least so many ``elements`` (from where on the
    twin was measured to win) and of float32 ("f" in ``letters``) or float64 ("d"), and whose other arrays are not of another kind of
    floats. It may still answer `NotImplemented`; the kernel does what is left.

    >>> @twin(1000)
    ... def double(x):
    ...     return 2 * x
    >>> double(np.ones(1))  # too few
    array([2.])
    >>> _ = TWINS.pop("fast.double", None)
    """

    def attach(kernel: Kernel) -> Kernel:
        if not state.available:
            return kernel
        own = Twin(kernel, elements, letters)
        TWINS[f"{own.file}.{own.name}"] = own
        least, ready, dtypes, ndarray = own.least, own.ready, own.dtypes, np.ndarray

        @wraps(kernel)
        def choose(*arguments: Any, **settings: Any) -> Any:
            x = arguments[at]
            if type(x) is ndarray and x.size >= least and state.on:
                dtype = x.dtype
                function = ready.get(dtype)
                if function is not None or dtype in dtypes:
                    for a in (*arguments, *settings.values()) if settings else arguments:
                        if a is x or type(a) in NUMBERS:
                            continue
                        if not isinstance(a, ndarray):
                            if hasattr(a, "__array__") and not isinstance(a, np.generic):
                                break  # what is no number but would be read as one: the kernel refuses it
                        elif (other := a.dtype) is not dtype and other != dtype and (other.kind in "fcV" or not other.isnative):
                            break
                    else:
                        result = own.first(dtype, *arguments, **settings) if function is None else function(*arguments, **settings)
                        if result is not NotImplemented:
                            return result
            return kernel(*arguments, **settings)

        return choose  # type: ignore[return-value]

    return attach
