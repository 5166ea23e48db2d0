"""A module made without initial values: `skip_init`. Not here: the values themselves (``nn/init.py``)."""

from __future__ import annotations

import inspect
from typing import Any

from ..._errors import ArgumentError, OperandError
from ..._lazy import public as _public
from ..._state import during
from ..module import Module

__all__ = ["skip_init"]


def skip_init(module_cls: type[Module], *args: Any, **kwargs: Any) -> Any:
    """A module of this class, made with these arguments, whose parameters nobody has initialised.

    No random numbers are drawn, so that the time for that is saved where a state is loaded next; what the parameters hold until then
    means nothing. Raises `OperandError` for what is no class of modules, and `ArgumentError`, as PyTorch does, for a class whose
    constructor has no ``device``.

    >>> import tensorflowlite_clone as tl
    >>> skip_init(tl.nn.Linear, 3, 2).weight.shape
    (2, 3)
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise OperandError(f"skip_init: module_cls must be a class of modules: got {module_cls!r:.60}; pass nn.Linear")
    if "device" not in inspect.signature(module_cls).parameters:
        raise ArgumentError(f"skip_init: the constructor of {module_cls.__name__} takes no device; add device=None to its arguments")
    with during(initializing=False):
        return module_cls(*args, **kwargs)


__dir__ = _public(globals())
