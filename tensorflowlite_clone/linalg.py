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
from .core.publish import checked as _checked
from .ops.linalg.determinant import det, slogdet
from .ops.linalg.exponential import matrix_exp
from .ops.linalg.factor import cholesky, cholesky_ex, lu, lu_factor, lu_solve, qr
from .ops.linalg.functions import matrix_function
from .ops.linalg.least_squares import cond, lstsq, matrix_rank, pinv
from .ops.linalg.norms import matrix_norm, norm, vector_norm
from .ops.linalg.products import cross, diagonal, householder_product, multi_dot, vander, vecdot
from .ops.linalg.solve import inv, inv_ex, matrix_power, solve, solve_ex, solve_triangular, tensorinv, tensorsolve
from .ops.linalg.spectral import eig, eigh, eigvals, eigvalsh, svd, svdvals
from .ops.matmul import matmul

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
    "lstsq",
    "lu",
    "lu_factor",
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
#: Whose results are views, or tell nothing that could be written: they take no ``out=``.
_PLAIN = {"diagonal", "lstsq", "matrix_exp", "matrix_function", "vander"}
globals().update({n: _checked(getattr(globals()[n], "__wrapped__", globals()[n]), n not in _PLAIN) for n in __all__ if n != "LinAlgError"})
__dir__ = _public(globals())
