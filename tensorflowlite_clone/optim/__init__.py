"""Optimizers and learning-rate schedules, as in ``torch.optim``."""

from .._lazy import public as _public
from . import lr_scheduler, swa_utils
from .adam import LAMB, Adam, Adamax, AdamW, NAdam, RAdam, SparseAdam
from .adaptive import Adadelta, Adagrad, RMSprop, Rprop
from .lbfgs import LBFGS
from .least_squares import GaussNewton, LevenbergMarquardt
from .matrices import Adafactor, Muon
from .optimizer import Optimizer
from .places import put as _put
from .sgd import ASGD, SGD, Lion

__all__ = [
    "ASGD", "LAMB", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "GaussNewton", "LevenbergMarquardt",
    "Lion", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam", "lr_scheduler", "swa_utils",
]  # fmt: skip
_put(globals())
__dir__ = _public(globals())
