"""The functions of ``functional.py`` under torchvision's newer path. Nothing else."""

from ..functional import *  # noqa: F403
from ..functional import __all__ as __all__
