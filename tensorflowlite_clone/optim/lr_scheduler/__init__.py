"""Learning-rate schedules, as in ``torch.optim.lr_scheduler``: made from an optimizer, moved on by ``step()``.

A schedule of your own defines ``get_lr(self) -> list[float]`` from ``self.last_epoch``, ``self.base_lrs`` and the optimizer's groups,
which still hold the rates of the epoch before. Not here: schedules of weight decay.

>>> import tensorflowlite_clone as tl
>>> class Harmonic(LRScheduler):
...     def get_lr(self):
...         return [base / (1 + self.last_epoch) for base in self.base_lrs]
>>> p = tl.zeros(1, requires_grad=True)
>>> p.grad = tl.zeros(1)
>>> optimizer = tl.optim.SGD([p], lr=1.0)
>>> schedule = Harmonic(optimizer)
>>> optimizer.step(); schedule.step(); schedule.get_last_lr()
[0.5]
"""

from ..._lazy import public as _public
from .annealing import CosineAnnealingLR, CosineAnnealingWarmRestarts
from .combined import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from .cycles import CyclicLR, OneCycleLR
from .decay import ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR
from .scheduler import EPOCH_DEPRECATION_WARNING, LambdaLR, LRScheduler, MultiplicativeLR

#: The name that older programs for PyTorch derive from.
_LRScheduler = LRScheduler

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LRScheduler",
    "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR", "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
__dir__ = _public(globals())
