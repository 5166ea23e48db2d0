"""PyTorch's names around files: ``tl.serialization.add_safe_globals``, ``safe_globals``..., beside `save` and `load` themselves.

Here: the names and the settings. Not here: how files are read and written (``io/``).

>>> from fractions import Fraction
>>> with safe_globals([Fraction]):
...     get_safe_globals()
[<class 'fractions.Fraction'>]
"""

from __future__ import annotations

import mmap as _mmap
import os as _os
from collections.abc import Callable as _Callable
from enum import Enum as _Enum
from functools import partial as _partial
from typing import Any as _Any
from typing import TypeAlias as _TypeAlias

from ._errors import ArgumentError as _ArgumentError
from ._errors import OperandError as _OperandError
from ._lazy import public as _public
from ._state import Restoring as _Restoring
from .core.device import device as _device
from .io import load, save
from .io import opened as _opened
from .io import pytorch as _pytorch
from .io.allowed import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .io.pytorch import get_unsafe_globals_in_checkpoint

__all__ = [
    "MAP_LOCATION", "LoadEndianness", "SourceChangeWarning", "add_safe_globals", "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location", "get_crc32_options", "get_default_load_endianness", "get_default_mmap_options", "get_safe_globals",
    "get_unsafe_globals_in_checkpoint", "load", "location_tag", "register_package", "safe_globals", "save", "set_crc32_options",
    "set_default_load_endianness", "set_default_mmap_options",
]  # fmt: skip
__dir__ = _public(globals())
#: What ``map_location`` may be: a function of a storage and its place, a device, places by places, or None.
MAP_LOCATION: _TypeAlias = _Callable[[_Any, str], _Any] | _device | str | dict[str, str] | None


class SourceChangeWarning(Warning):
    """What PyTorch warns of when the source of a pickled module has changed; nothing is warned of here, since no source is kept."""


class LoadEndianness(_Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order in which files are read that do not say theirs; None is the machine's."""
    return None if _pytorch.ENDIANNESS[0] is None else LoadEndianness[_pytorch.ENDIANNESS[0].upper()]


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Choose the byte order in which PyTorch's files are read that do not say theirs.

    >>> set_default_load_endianness(LoadEndianness.BIG); get_default_load_endianness()
    <LoadEndianness.BIG: 3>
    >>> set_default_load_endianness(None)
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise _OperandError(
            f"set_default_load_endianness: no LoadEndianness: got {endianness!r:.40}; pass LoadEndianness.LITTLE, for example"
        )
    _pytorch.ENDIANNESS[0] = None if endianness is None else endianness.name.lower()


_CRC32 = [True]


def get_crc32_options() -> bool:
    """What `set_crc32_options` was told."""
    return _CRC32[0]


def set_crc32_options(compute_crc32: bool) -> None:
    """Accepted for PyTorch's sake: checksums are always written here. Files without them are read."""
    _CRC32[0] = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """The flags with which ``load(..., mmap=True)`` maps files: ``mmap.MAP_PRIVATE`` unless another was chosen."""
    return getattr(_mmap, "MAP_PRIVATE", 2) if _opened.FLAGS[0] is None else _opened.FLAGS[0]


class set_default_mmap_options(_Restoring):  # noqa: N801  (PyTorch's name)
    """Choose how ``load(..., mmap=True)`` maps files, for good or inside a ``with`` block.

    With ``mmap.MAP_PRIVATE`` what is written to the tensors stays in memory, with ``mmap.MAP_SHARED`` it goes into the file.

    >>> import mmap
    >>> with set_default_mmap_options(mmap.MAP_SHARED):
    ...     get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if _os.name != "posix" or flags not in (_mmap.MAP_PRIVATE, _mmap.MAP_SHARED):
            raise _ArgumentError(
                f"set_default_mmap_options: must be mmap.MAP_PRIVATE or mmap.MAP_SHARED, on a POSIX system: got {flags!r:.40}"
            )
        self.close = _partial(_opened.FLAGS.__setitem__, 0, _opened.FLAGS[0])
        _opened.FLAGS[0] = None if flags == _mmap.MAP_PRIVATE else flags

    def __enter__(self) -> None:
        """It holds from when it was made."""


def location_tag(storage: _Any) -> str:
    """Where a storage is: ``"cpu"``."""
    return "cpu"


def default_restore_location(storage: _Any, location: str) -> _Any:
    """The storage itself: whatever place it had, here it is on the CPU."""
    return storage


def register_package(priority: int, tagger: _Any, deserializer: _Any) -> None:
    """Accepted for PyTorch's sake, where it brings devices of another kind; there is only the CPU, so neither function is ever asked.

    Raises `OperandError` for what are no functions.
    """
    if not (callable(tagger) and callable(deserializer)):
        raise _OperandError(f"register_package: must be functions: got {tagger!r:.40} and {deserializer!r:.40}")


def check_module_version_greater_or_equal(module: _Any, req_version_tuple: tuple[int, ...], error_if_malformed: bool = True) -> bool:
    """Whether ``module.__version__`` is at least this.

    Raises `ArgumentError` for a version that is none, unless ``error_if_malformed`` is False: then it is as asked for.

    >>> import numpy
    >>> check_module_version_greater_or_equal(numpy, (1, 0, 0))
    True
    """
    try:
        found = tuple(type(r)(v) for v, r in zip(module.__version__.split("."), req_version_tuple, strict=False))
    except (AttributeError, ValueError) as error:
        if error_if_malformed:
            raise _ArgumentError(f"check_module_version_greater_or_equal: {module!r:.40} has no version of numbers") from error
        return True
    return found >= tuple(req_version_tuple)
