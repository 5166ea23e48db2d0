"""The operations, one final class each, in files by mathematics. Importing this package defines them all, but for those that
``nn.functional`` alone shows (``attention.py``, ``multihead.py``, ``composed.py``), which it imports.
"""

from . import (
    activation,
    adaptive_pool,
    arithmetic,
    bags,
    bessel,
    calculus,
    cast,
    cells,
    compare,
    complex,
    conv,
    copies,
    create,
    ctc,
    diagonal,
    distance,
    distributions,
    draw,
    dropout,
    einsum,
    embedding,
    exponential,
    extrema,
    fft,
    fold,
    gather,
    grid,
    histograms,
    incomplete_gamma,
    index,
    join,
    kinds,
    layered,
    linalg,
    loss,
    margin_loss,
    matmul,
    memory,
    norm,
    operands,
    outside,
    pad,
    piecewise,
    polynomials,
    pool,
    products,
    questions,
    random,
    ranges,
    reduce,
    repeat,
    scan,
    scatter,
    search,
    shape,
    shuffle,
    softmax,
    sort,
    special,
    statistics,
    stft,
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
