"""The workloads: each file defines ``make(torch, **options)``, written once against PyTorch's API, where ``torch`` is either package.

``make`` returns a function that does one step and returns its loss (a number both packages must agree on), after everything that
is not to be timed has been done. Initial values come from NumPy, so that both start alike. ``REPEAT`` says how many steps make one
timing, ``TOLERANCE`` how far the two losses may differ.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType


def load(name: str) -> ModuleType:
    """The module of one workload."""
    return importlib.import_module(f"{__name__}.{name}")


def names() -> list[str]:
    """All workloads, the control first."""
    found = [m.name for m in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda n: (n != "control", n))
