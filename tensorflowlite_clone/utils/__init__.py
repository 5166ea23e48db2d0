"""Helpers around training: data loading in ``utils.data``, less memory for more time in ``utils.checkpoint``."""

from . import checkpoint, data

__all__ = ["checkpoint", "data"]
