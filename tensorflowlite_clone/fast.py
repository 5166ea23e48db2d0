"""The extra ``fast``: compiled twins of kernels, made by Numba where it is installed (``pip install 'tensorflowlite_clone[fast]'``).

Here: whether they are used, which there are, what they cost, and how to compile them before they are needed. Not here: the twins
(``kernels/fast/``).

With Numba installed, kernels that would go over memory several times are compiled when they are first given arrays large enough to be
worth it: once for each machine, some tenths of a second to seconds each; later processes load them from disk in milliseconds. Results agree
with those of NumPy within rounding. ``TL_FAST=0`` in the environment, or ``fast.enable(False)``, leaves everything to NumPy.
``python -m tensorflowlite_clone.fast`` compiles all of it in advance and prints the table.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ._checks import flag
from ._errors import missing_extra
from ._lazy import public as _public
from .kernels import fast as _fast

__all__ = ["Row", "enable", "is_available", "is_enabled", "prepare", "report"]
__dir__ = _public(globals())


class Row(NamedTuple):
    """A twin in the `report`."""

    #: The kernel, by its file and name.
    name: str
    #: The smallest number of elements for which the twin is taken.
    least: int
    #: Seconds of its first call, most of them for compiling or loading, for each dtype in which it was called.
    seconds: dict[str, float]
    #: Why it is not used, where it could not be compiled.
    failure: str


def is_available() -> bool:
    """Whether Numba is installed."""
    return _fast.state.available


def is_enabled() -> bool:
    """Whether compiled twins take the calls that are large enough.

    >>> is_enabled() <= is_available()
    True
    """
    return _fast.state.on


def enable(mode: bool = True) -> None:
    """Use compiled twins, or not, from now on and in all threads.

    Raises `MissingExtraError` for True where Numba is not installed, `ArgumentError` for what is not a boolean.

    >>> before = is_enabled()
    >>> enable(False); is_enabled()
    False
    >>> enable(before)
    """
    if flag("fast.enable", "mode", mode) and not _fast.state.available:
        raise missing_extra("numba", "fast", "compiled twins of kernels")
    _fast.state.on = mode


def _everything() -> None:
    """Load all kernels that have twins."""
    for path in sorted(Path(_fast.__file__).parent.glob("*.py")):
        if path.with_name(path.name).parent.parent.joinpath(path.name).exists() and path.stem != "__init__":
            import_module(f"{_fast.__package__.rpartition('.')[0]}.{path.stem}")


def report() -> list[Row]:
    """All kernels that have twins, and what the first calls of these have cost in this process; empty without Numba.

    >>> sum(sum(row.seconds.values()) for row in report()) >= 0.0
    True
    """
    _everything()
    return [Row(name, own.least, dict(own.seconds), own.failure) for name, own in sorted(_fast.TWINS.items())]


def prepare(dtype: Any = np.float32) -> float:
    """Compile all twins for a dtype, or load them where they are on disk already; the seconds that it took.

    Raises `MissingExtraError` where Numba is not installed.
    """
    if not _fast.state.available:
        raise missing_extra("numba", "fast", "compiled twins of kernels")
    _everything()
    kind, took = np.dtype(getattr(dtype, "name", dtype)), 0.0
    rng = np.random.default_rng(0)
    for own in _fast.TWINS.values():
        if kind in own.dtypes and kind not in own.ready:
            for arguments in own.load().samples(lambda *shape: rng.uniform(0.5, 1.5, shape).astype(kind), 20, 40):  # type: ignore[attr-defined]
                _fast.call(partial(own.first, kind), arguments)
            took += own.seconds.get(kind.name, 0.0)
    return took


def _main() -> None:
    seconds = prepare()
    for row in report():
        print(f"{row.name:40} from {row.least:7,} elements {sum(row.seconds.values()):7.2f} s  {row.failure}")
    print(f"{len(_fast.TWINS)} compiled twins are ready: {seconds:.1f} s")


if __name__ == "__main__":
    _main()
