"""The operations, one final class each, in files by mathematics. Importing this package defines them all."""

from . import (
    activation,
    adaptive_pool,
    arithmetic,
    bessel,
    calculus,
    cast,
    compare,
    complex,
    conv,
    copies,
    create,
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
    index,
    join,
    kinds,
    linalg,
    loss,
    margin_loss,
    matmul,
    memory,
    norm,
    operands,
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
    softmax,
    sort,
    special,
    statistics,
    stft,
    strided,
    trigonometric,
    typed,
    value_loss,
    view_scatter,
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
