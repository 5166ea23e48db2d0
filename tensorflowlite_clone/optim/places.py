"""PyTorch's places of the optimizers, ``optim.adamw.AdamW``...: one table, without a file each. Nothing is defined here.

Not here: places that are files of this package too (``adam``, ``sgd``, ``lbfgs``, ``lr_scheduler``, ``optimizer``, ``swa_utils``).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

PLACES = {
    "_adafactor": "Adafactor", "_muon": "Muon", "adadelta": "Adadelta", "adagrad": "Adagrad", "adamax": "Adamax", "adamw": "AdamW",
    "asgd": "ASGD", "nadam": "NAdam", "radam": "RAdam", "rmsprop": "RMSprop", "rprop": "Rprop", "sparse_adam": "SparseAdam",
}  # fmt: skip


def put(package: dict[str, Any]) -> None:
    """Put the modules of the table into a package, given by its globals, that has the classes."""
    for name, optimizer in PLACES.items():
        place: Any = ModuleType(f"{package['__name__']}.{name}", f"PyTorch's place of {optimizer}.")
        setattr(place, optimizer, package[optimizer])
        place.Optimizer, place.__all__ = package["Optimizer"], [optimizer]
        sys.modules[place.__name__] = package[name] = place
