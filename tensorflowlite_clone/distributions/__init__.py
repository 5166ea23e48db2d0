"""Probability distributions, as in ``torch.distributions``: samples, log-densities, transforms of them, and divergences between them.

Each family is a class; log-densities, entropies and divergences are plain differentiable functions of values and parameters in every
mode. Here: the names only.
"""

from .._lazy import public as _public
from . import constraints, utils
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .kl import kl_divergence, register_kl

__all__ = ["Distribution", "ExponentialFamily", "constraints", "kl_divergence", "register_kl", "utils"]
__dir__ = _public(globals())
