"""The operations, one final class each, in files by mathematics. Importing this package defines them all."""

from . import (
    activation,
    arithmetic,
    compare,
    conv,
    create,
    dropout,
    embedding,
    exponential,
    extrema,
    gather,
    index,
    inplace,
    join,
    loss,
    matmul,
    norm,
    piecewise,
    pool,
    random,
    reduce,
    scan,
    shape,
    softmax,
    special,
    trigonometric,
)

try:  # the compiler is an optimisation that everything works without
    from ..core.compile import install
except ImportError:
    pass
else:
    install()
