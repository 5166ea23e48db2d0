"""The text of tensors, PyTorch's to the digit, and `set_printoptions`.

Numbers of one tensor are written alike: whole ones as ``2.``, others with four digits behind the point, and all as powers of ten where
they differ by more than a factor of 1000, are too large, or too small for the digits. Of more than 1000 elements the ends are shown.
Not here: what else a tensor says of itself (`Tensor.__repr__` gathers it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._checks import integer
from .._errors import ArgumentError
from .._state import get_default_dtype
from .._typing import NDArray
from .dtype_names import DTYPES
from .dtypes import COMPLEX_OF

__all__ = ["set_printoptions", "text"]

PROFILES: dict[str, dict[str, float]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Choose how tensors are printed; what is not given stays as it is, but for ``sci_mode``, which then is chosen for each tensor.

    ``precision`` digits behind the point; ``edgeitems`` at both ends of dimensions of tensors with more than ``threshold`` elements;
    lines of ``linewidth`` characters; powers of ten always (``sci_mode=True``) or never. ``profile``, "default", "short" or "full",
    sets all of these first. Raises `ArgumentError` and `OperandError` for other settings.

    >>> from tensorflowlite_clone import tensor
    >>> set_printoptions(precision=2); tensor([0.125, 100.0])
    tensor([  0.12, 100.00])
    >>> set_printoptions(profile="default")
    """
    name, given = "set_printoptions", {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    if profile is not None:
        if not isinstance(profile, str) or profile.lower() not in PROFILES:
            raise ArgumentError(f"{name}: profile must be one of {', '.join(map(repr, PROFILES))}: got {profile!r:.40}")
        given = {key: PROFILES[profile.lower()][key] if value is None else value for key, value in given.items()}
    for key, value in given.items():
        if value is not None and value != math.inf:
            integer(name, key, value)
    for key, value in given.items():
        if value is not None:
            setattr(_Options, key, value)
    _Options.sci_mode = sci_mode


def form(array: NDArray) -> list[str]:
    """What the numbers do not say: the shape of none of them, and a dtype that one would not think of."""
    notes = [] if array.size or array.shape == (0,) else [f"size={array.shape}"]
    default = get_default_dtype()
    if array.dtype != default and (not array.size or array.dtype not in (COMPLEX_OF[default], np.int64, np.bool_)):
        notes.append(f"dtype={DTYPES[array.dtype]}")
    return notes


def text(array: NDArray, prefix: str, notes: Sequence[str]) -> str:
    """``prefix``, the elements and the notes behind them, in lines; a closing parenthesis."""
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    body = prefix + ("[]" if not array.size else _elements(array, len(prefix)))
    parts, last = [body], len(body) - body.rfind("\n") + 1
    for note in notes:
        if last + len(note) + 2 > _Options.linewidth:
            parts.append(f",\n{' ' * len(prefix)}{note}")
            last = len(prefix) + len(note)
        else:
            parts.append(f", {note}")
            last += len(note) + 2
    return "".join(parts) + ")"


def _elements(array: NDArray, indent: int) -> str:
    summarise = array.size > _Options.threshold
    shown = _ends(array) if summarise else array
    numbers = _Complex(shown) if array.dtype.kind == "c" else _Numbers(shown)
    return _nested(array, indent, summarise, numbers)


def _ends(array: NDArray) -> NDArray:
    """What of an array is shown when it is not shown whole."""
    n = _Options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * n:
            array = np.take(array, [*range(n), *range(size - n, size)], axis)
    return array


class _Numbers:
    """How the elements of one array are written."""

    def __init__(self, shown: NDArray) -> None:
        self.real = shown.dtype.kind == "f"
        self.whole, self.scientific, self.width = True, False, 1
        values = shown.ravel()
        if not self.real:
            self.width = max([1, *(len(str(v)) for v in values.tolist())])
            return
        values = values[np.isfinite(values) & (values != 0)].astype(np.float64)
        if not values.size:
            return
        self.whole = bool((values == np.ceil(values)).all())
        sizes = np.abs(values)
        least, most = float(sizes.min()), float(sizes.max())
        spread = most / least > 1000.0 or most > 1e8 or least < 1e-4
        self.scientific = spread if _Options.sci_mode is None else _Options.sci_mode
        self.width = max(len(self._number(v)) for v in values.tolist())

    def _number(self, v: float) -> str:
        if self.scientific:
            return f"{v:.{_Options.precision}e}"
        if self.whole:
            return f"{v:.0f}" + ("." if math.isfinite(v) else "")
        return f"{v:.{_Options.precision}f}"

    def __call__(self, v: Any) -> str:
        return (self._number(v) if self.real else str(v)).rjust(self.width)


class _Complex:
    """How complex elements are written: both parts, each with the numbers of its kind."""

    def __init__(self, shown: NDArray) -> None:
        self.re, self.im = _Numbers(shown.real), _Numbers(shown.imag)
        self.width = self.re.width + self.im.width + 1

    def __call__(self, v: complex) -> str:
        imag = f"{self.im(v.imag)}j".lstrip()
        return f"{self.re(v.real)}{'' if imag[0] in '+-' else '+'}{imag}"


def _nested(array: NDArray, indent: int, summarise: bool, number: _Numbers | _Complex) -> str:
    """The elements in brackets, one row of the innermost dimension after the other."""
    if not array.ndim:
        return number(array.item())
    n = _Options.edgeitems
    cut = summarise and len(array) > 2 * n
    if array.ndim > 1:
        rows = [*array[:n], None, *array[len(array) - n :]] if cut else list(array)
        lines = ["..." if row is None else _nested(row, indent + 1, summarise, number) for row in rows]
        return "[" + (",\n" + "\n" * (array.ndim - 2) + " " * (indent + 1)).join(lines) + "]"
    per_line = max(1, (_Options.linewidth - indent) // (number.width + 2))
    if cut and not n:
        return "[...]"
    shown = (
        [number(v) for v in array[:n].tolist()] + [" ..."] + [number(v) for v in array[-n:].tolist()]
        if cut
        else map(number, array.tolist())
    )
    words = list(shown)
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
