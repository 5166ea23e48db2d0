"""Helpers around training: data loading in ``utils.data``, less memory for more time in ``utils.checkpoint``, and what shows what happens:
images, files for TensorBoard, summaries and drawings.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from .._lazy import later as _later
from .._lazy import public as _public
from . import checkpoint, data, images
from .drawing import draw
from .summary_table import summary

if _TYPE_CHECKING:
    from . import dlpack, offload, tensorboard

__getattr__, _ = _later(globals())
__all__ = ["checkpoint", "data", "dlpack", "draw", "images", "offload", "summary", "tensorboard"]
__dir__ = _public(globals())
