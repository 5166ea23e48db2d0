"""The workloads: each file defines ``make(torch, **options)``, written once against PyTorch's API, where ``torch`` is either package.

``make`` returns a function that does one step and returns its loss (a number both packages must agree on), after everything that
is not to be timed has been done. Initial values come from NumPy, so that both start alike. Beside it a file says:

* ``TOLERANCE``: how far the two losses may differ, relative to the larger of 1 and the loss;
* ``REPEAT``: how many steps make one timing, ``CHECKED`` (1 if absent): after how many steps the losses are compared; or
* ``WHOLE = True``: one step is a whole job, timed once and cold, whose loss is compared;
* ``NEEDS``: the options without which it cannot run, such as a folder with data.

This file imports no workload before it is asked for, and so no NumPy.
"""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

#: The workload that uses neither package.
CONTROL = "control"


def load(name: str) -> ModuleType:
    """The module of one workload."""
    return importlib.import_module(f"{__name__}.{name}")


def names() -> list[str]:
    """All workloads, the control first."""
    found = [m.name for m in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda n: (n != CONTROL, n))


def needs(name: str) -> tuple[str, ...]:
    """The options without which a workload cannot run."""
    return tuple(getattr(load(name), "NEEDS", ()))
