"""The operations, one final class each, in files by mathematics. Importing this package defines them all."""

from . import (
    activation,
    arithmetic,
    compare,
    conv,
    create,
    diagonal,
    distance,
    dropout,
    einsum,
    embedding,
    exponential,
    extrema,
    fold,
    gather,
    grid,
    index,
    inplace,
    inplace_random,
    join,
    loss,
    margin_loss,
    matmul,
    norm,
    pad,
    piecewise,
    pool,
    products,
    random,
    reduce,
    repeat,
    scan,
    search,
    shape,
    softmax,
    sort,
    special,
    trigonometric,
)

try:  # the compiler is an optimisation that everything works without
    from ..core.compile import install
except ImportError:
    pass
else:
    install()
