"""Helpers around training: data loading in ``utils.data``, less memory for more time in ``utils.checkpoint``."""

from .._lazy import public as _public
from . import checkpoint, data

__all__ = ["checkpoint", "data"]
__dir__ = _public(globals())
