"""Linear algebra, by what is solved or decomposed; importing this package defines all of it.

Every operation works on stacks of matrices, so that vmap is one call; every rule is written with matrix products, solutions and the
decompositions themselves, so that it differentiates again. Products of general arrays are in ``ops/matmul.py``, ``ops/einsum.py``
and ``ops/products.py``.
"""

from . import (
    cholesky,
    determinant,
    exponential,
    functions,
    ldl,
    least_squares,
    low_rank,
    lu,
    norms,
    orthogonal,
    products,
    solve,
    spectral,
)

__all__ = [
    "cholesky", "determinant", "exponential", "functions", "ldl", "least_squares", "low_rank", "lu", "norms", "orthogonal", "products",
    "solve", "spectral",
]  # fmt: skip
