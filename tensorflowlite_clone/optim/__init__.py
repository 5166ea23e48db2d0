"""Optimizers and learning-rate schedules, as in ``torch.optim``."""

from .._lazy import public as _public
from . import lr_scheduler
from .adam import Adam, AdamW
from .optimizer import Optimizer
from .sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "lr_scheduler"]
__dir__ = _public(globals())
