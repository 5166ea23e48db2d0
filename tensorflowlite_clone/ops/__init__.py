"""The operations, one final class each, in files by mathematics. Importing this package defines them, but for those in rooms that are named
as namespaces are (``linalg/``, ``nn/``, ``special/``; ``fft.py`` and ``stft.py``), which the module of that name loads: see ``_lazy.py``.
"""

from . import (
    activation,
    arithmetic,
    bessel,
    calculus,
    cast,
    compare,
    complex,
    copies,
    create,
    diagonal,
    distance,
    distributions,
    dlpack,
    draw,
    einsum,
    error_gamma,
    exponential,
    extrema,
    gather,
    grid,
    histograms,
    incomplete_gamma,
    index,
    join,
    kinds,
    matmul,
    memory,
    operands,
    pad,
    piecewise,
    polynomials,
    products,
    questions,
    random,
    ranges,
    reduce,
    removed,
    repeat,
    scan,
    scatter,
    search,
    shape,
    softmax,
    sort,
    statistics,
    strided,
    trigonometric,
    typed,
    view_scatter,
    windows,
)
from .inplace import drawing, filling, index_put, resizing
from .numpy import methods, picking, queries, reductions, shapes, ufunc_methods

# isort: split
from .inplace import twins  # of the functions above

try:  # the compiler is an optimisation that everything works without
    from ..core.compile import install
except ImportError:
    pass
else:
    install()
