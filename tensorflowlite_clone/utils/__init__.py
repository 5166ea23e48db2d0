"""Helpers around training: data loading in ``utils.data``, less memory for more time in ``utils.checkpoint``, images to look at."""

from .._lazy import public as _public
from . import checkpoint, data, images

__all__ = ["checkpoint", "data", "images"]
__dir__ = _public(globals())
