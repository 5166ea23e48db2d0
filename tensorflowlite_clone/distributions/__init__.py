"""Probability distributions, as in ``torch.distributions``: samples, log-densities, transforms of them, and divergences between them.

Each family is a class; log-densities, entropies and divergences are plain differentiable functions of values and parameters in every
mode. Here: the names only.
"""

from .._lazy import public as _public
from . import constraints, kl_single, utils
from .betas import Beta, ContinuousBernoulli, FisherSnedecor, VonMises
from .classes import Categorical, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough
from .continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from .counts import Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson
from .distribution import Distribution
from .exp_family import ExponentialFamily
from .gammas import Chi2, Dirichlet, Gamma, StudentT
from .kl import kl_divergence, register_kl

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Cauchy",
    "Chi2",
    "ContinuousBernoulli",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "ExponentialFamily",
    "FisherSnedecor",
    "Gamma",
    "Geometric",
    "Laplace",
    "Multinomial",
    "NegativeBinomial",
    "Normal",
    "OneHotCategorical",
    "OneHotCategoricalStraightThrough",
    "Poisson",
    "StudentT",
    "Uniform",
    "VonMises",
    "constraints",
    "kl_divergence",
    "register_kl",
    "utils",
]
__dir__ = _public(globals())
