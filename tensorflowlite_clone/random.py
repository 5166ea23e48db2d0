"""``torch.random``: the functions of the default generator by that path, and `fork_rng`, which puts it back. Not here: drawing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ._checks import flag
from ._lazy import public as _public
from .core.registry import FUNCTIONS as _FUNCTIONS
from .ops.random import current_generator, default_generator

_THERE = "get_rng_state initial_seed manual_seed seed set_rng_state".split()  # noqa: SIM905
__all__ = ["default_generator", "fork_rng", *_THERE]
__dir__ = _public(globals())
globals().update({name: _FUNCTIONS[name] for name in _THERE})


@contextlib.contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices", device_type: str = "cuda"
) -> Iterator[None]:
    """``with fork_rng():`` afterwards the default generator goes on from where it was before. With ``enabled=False`` it does not.

    >>> import tensorflowlite_clone as tl
    >>> _ = tl.manual_seed(0)
    >>> with fork_rng():
    ...     a = tl.rand(2)
    >>> tl.equal(a, tl.rand(2))
    True
    """
    if not flag("fork_rng", "enabled", enabled):
        yield
        return
    generator = current_generator()
    state = generator.get_state()
    try:
        yield
    finally:
        generator.set_state(state)
