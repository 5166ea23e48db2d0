"""Helpers around training: data loading in ``utils.data``, less memory for more time in ``utils.checkpoint``, and what shows what happens:
images, files for TensorBoard, summaries, drawings, times (``utils.benchmark``) and operations (``utils.flop_counter``).
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from .._lazy import later as _later
from .._lazy import public as _public
from . import checkpoint, data, images
from .drawing import draw
from .summary_table import summary

if _TYPE_CHECKING:
    from . import benchmark, dlpack, flop_counter, offload, tensorboard

__getattr__, _ = _later(globals())
__all__ = ["benchmark", "checkpoint", "data", "dlpack", "draw", "flop_counter", "images", "offload", "summary", "tensorboard"]
__dir__ = _public(globals())
