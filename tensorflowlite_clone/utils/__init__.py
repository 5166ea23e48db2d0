"""Helpers around training: data loading in ``utils.data``."""

from . import data

__all__ = ["data"]
