"""The operations, one final class each, in files by mathematics. Importing this package defines them all."""

from . import (
    arithmetic,
    exponential,
    index,
    join,
    matmul,
    reduce,
    shape,
    trigonometric,
)

try:  # the compiler is an optimisation that everything works without
    from ..core.compile import install
except ImportError:
    pass
else:
    install()
