"""The same transforms under torchvision's newer path: here the old ones take what the new ones take. Nothing else."""

from ..._lazy import public as _public
from .. import base as _base
from .. import coloring as _coloring
from .. import geometric as _geometric
from ..kinds import InterpolationMode
from . import functional

__all__ = ["InterpolationMode", "functional"]
for _file in (_base, _coloring, _geometric):
    _own = {n: v for n, v in vars(_file).items() if isinstance(v, type) and v.__module__ == _file.__name__}
    globals().update(_own)
    __all__ += [*_own]
__all__ = sorted({*__all__} - {"RandomTransforms", "Sometimes"})
__dir__ = _public(globals())
