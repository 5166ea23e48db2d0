"""Optimizers and learning-rate schedules, as in ``torch.optim``, and SciPy's solvers with derivatives (``solvers/``)."""

from .._lazy import later as _later
from .._lazy import public as _public
from . import lr_scheduler, swa_utils
from .adam import LAMB, Adam, Adamax, AdamW, NAdam, RAdam, SparseAdam
from .adaptive import Adadelta, Adagrad, RMSprop, Rprop
from .gauss_newton import GaussNewton, LevenbergMarquardt
from .lbfgs import LBFGS
from .matrices import Adafactor, Muon
from .optimizer import Optimizer
from .places import put as _put
from .sgd import ASGD, SGD, Lion

__all__ = [
    "ASGD", "LAMB", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "GaussNewton", "LevenbergMarquardt",
    "Lion", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SparseAdam", "curve_fit", "fixed_point", "least_squares",
    "lr_scheduler", "minimize", "root", "swa_utils",
]  # fmt: skip
_put(globals())
__getattr__, _ = _later(globals())
__dir__ = _public(globals())
