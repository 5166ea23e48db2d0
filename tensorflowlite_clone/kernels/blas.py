"""The library behind NumPy's matrix products, and its functions by name, where it shows them: the OpenBLAS of NumPy's wheels does.

Here: finding them. Not here: what is computed with them (``triangular.py``), how many threads they have (``threads.py``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

__all__ = ["functions"]

#: How builds of OpenBLAS call a function; integers of 64 bits where the name ends so.
FORMS = ("scipy_{}64_", "scipy_{}", "{}64_", "{}")


def _files(folder: str, part: str) -> list[str]:
    """The paths of the files of ``folder`` that have ``part`` in their names; none where there is no such folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if part in name]


def functions(*names: str) -> Iterator[tuple[Any, bool, tuple[Any, ...]]]:
    """Libraries that have functions of all these names: the library, whether its integers have 64 bits, and the functions."""
    import ctypes

    import numpy as np

    folder = os.path.dirname(np.__file__)  # not by pathlib, which would be a tenth of the time that importing the package takes
    extensions = _files(os.path.join(folder, "_core"), "_multiarray_umath")
    for path in extensions + _files(os.path.join(os.path.dirname(folder), "numpy.libs"), "openblas"):
        try:  # asking the extension module finds what it was linked with; Windows needs the library itself
            library: Any = ctypes.CDLL(path)
        except OSError:
            continue
        for form in FORMS:
            found = tuple(getattr(library, form.format(name), None) for name in names)
            if None not in found:
                yield library, form.endswith("64_"), found
