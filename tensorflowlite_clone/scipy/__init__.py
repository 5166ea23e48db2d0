"""SciPy's namespace with derivatives: ``import tensorflowlite_clone.scipy as scipy``, then ``scipy.linalg.expm``...

Here: the names only. What has no derivative here is SciPy's own, and refuses followed values by name.
"""

from .._lazy import later as _later

__getattr__, __dir__ = _later(globals())
__all__ = [n for n in __dir__() if not n.startswith("_")]
