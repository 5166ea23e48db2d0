"""The operations, one final class each, in files by mathematics. Importing this package defines those that every program needs: arithmetic,
comparisons, shapes, indexing, sums, new tensors, changes in place. The other files are loaded when one of their names is asked for first,
those that are named as namespaces are (``linalg/``, ``nn/``, ``special/``, ``sparse/``; ``fft.py`` and ``stft.py``) with the module of that
name: which name leads to which file, ``_rooms.py`` says.
"""

from . import arithmetic, cast, compare, create, index, kinds, reduce, shape
from .inplace import filling, index_put, twins

try:  # the compiler is an optimisation that everything works without
    from ..core.compile import install
except ImportError:
    pass
else:
    install()
