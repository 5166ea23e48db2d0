"""A worker's own copy of a data set: attributes that the worker sets are its own, what they hold is shared.

So a file that a data set opens when it is first read is open once for each worker, and threads do not read from one place in it. Not
here: what workers do (``workers.py``).
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from ...ops.random import Generator
from .dataset import Dataset


def replica(value: Any, made: dict[int, Any]) -> Any:
    """A copy of a data set and of the data sets within. What cannot be copied is shared; ``made`` has the copies so far.

    Generators are replaced by new ones which they seed: threads that shared one would draw from it in any order.
    """
    if id(value) in made:
        return made[id(value)]
    if type(value) in (list, tuple):
        return type(value)([replica(v, made) for v in value]) if any(isinstance(v, Dataset) for v in value) else value
    if type(value) is dict:
        return {k: replica(v, made) for k, v in value.items()} if any(isinstance(v, Dataset) for v in value.values()) else value
    if not isinstance(value, Dataset):
        return made.setdefault(id(value), _seeded(value))
    try:
        twin = copy(value)
    except Exception:
        return value
    made[id(value)] = twin
    own = getattr(twin, "__dict__", {})
    own.update({name: replica(v, made) for name, v in own.items()})
    return twin


def _seeded(value: Any) -> Any:
    """A generator of the kind of ``value`` with a seed that this draws; ``value`` itself where it is none."""
    from random import Random  # loaded with numpy.random

    kind: Any = type(value)
    if kind is Generator:
        return Generator().manual_seed(int(value.numpy_generator.integers(1 << 62)))
    if kind is np.random.Generator:
        return kind(type(value.bit_generator)(int(value.integers(1 << 62))))
    if kind is np.random.RandomState:
        return kind(value.randint(1 << 31))
    return kind(value.getrandbits(62)) if kind is Random else value
