"""``torch.serialization``: `load` and `save` by that path, and the lists of classes that PyTorch's reader allows. Not here: formats."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from ._lazy import public as _public
from .core.device import device
from .io import load, save

__all__ = [
    "MAP_LOCATION", "add_safe_globals", "clear_safe_globals", "get_default_load_endianness", "get_default_mmap_options",
    "get_safe_globals", "load", "safe_globals", "save", "set_default_load_endianness",
]  # fmt: skip
__dir__ = _public(globals())
#: What ``map_location`` may be: a function of a storage and its place, a device, places by places, or None.
MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
#: Classes that a program calls safe; reading them is up to `load`.
SAFE: list[Any] = []


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Remember classes that `load` may make objects of."""
    SAFE.extend(g for g in safe_globals if g not in SAFE)


def get_safe_globals() -> list[Any]:
    """The classes that `add_safe_globals` was told."""
    return list(SAFE)


def clear_safe_globals() -> None:
    """Forget them."""
    SAFE.clear()


@contextlib.contextmanager
def safe_globals(safe_globals: list[Any]) -> Iterator[None]:
    """``with safe_globals([Config]):`` these are safe meanwhile."""
    before = list(SAFE)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        SAFE[:] = before


def get_default_load_endianness() -> None:
    """The order of bytes in files that do not say it: this machine's."""


def set_default_load_endianness(endianness: Any) -> None:
    """Nothing: files say it."""


def get_default_mmap_options() -> int:
    """How files are mapped: privately (2)."""
    return 2
