"""Linear algebra, under PyTorch's names: ``tl.linalg.inv``, ``tl.linalg.svd``...

Here: the names only; the operations and their derivatives are in ``ops/linalg/``. The same functions answer ``np.linalg`` on tensors.

>>> import tensorflowlite_clone as tl
>>> x = tl.tensor([[2.0, 0.0], [0.0, 4.0]], requires_grad=True)
>>> tl.linalg.inv(x).sum().backward()
>>> x.grad.diagonal().tolist()
[-0.25, -0.0625]
"""

from ._errors import LinAlgError
from ._lazy import public as _public
from .core.registry import FUNCTIONS as _FUNCTIONS
from .ops.linalg.cholesky import cholesky, cholesky_ex
from .ops.linalg.functions import matrix_function
from .ops.linalg.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from .ops.linalg.least_squares import cond, lstsq, matrix_rank, pinv
from .ops.linalg.lu import lu, lu_factor, lu_factor_ex, lu_solve
from .ops.linalg.norms import matrix_norm, norm, vector_norm
from .ops.linalg.orthogonal import householder_product, qr
from .ops.linalg.products import cross, diagonal, multi_dot, vander, vecdot
from .ops.linalg.solve import inv_ex, solve, solve_ex, solve_triangular, tensorinv, tensorsolve
from .ops.linalg.spectral import eig, eigh, eigvals, eigvalsh, svd, svdvals

#: Those that are top-level names as well.
det, inv, matmul, matrix_exp, matrix_power, slogdet = (
    _FUNCTIONS[name] for name in ("det", "inverse", "matmul", "matrix_exp", "matrix_power", "slogdet")
)

__all__ = [
    "LinAlgError",
    "cholesky",
    "cholesky_ex",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "householder_product",
    "inv",
    "inv_ex",
    "ldl_factor",
    "ldl_factor_ex",
    "ldl_solve",
    "lstsq",
    "lu",
    "lu_factor",
    "lu_factor_ex",
    "lu_solve",
    "matmul",
    "matrix_exp",
    "matrix_function",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "multi_dot",
    "norm",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_ex",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensorinv",
    "tensorsolve",
    "vander",
    "vecdot",
    "vector_norm",
]
__dir__ = _public(globals())
