"""Sparse tensors, under PyTorch's names: ``tl.sparse.mm``, ``tl.sparse.softmax``... and to and from SciPy's sparse matrices.

Here: the names only; sparse tensors and what they can do are in ``ops/sparse/``, products and systems with SciPy's matrices in
``func/sparse_algebra.py``. The product of a sparse and a dense matrix is ``a @ b``.

>>> import tensorflowlite_clone as tl
>>> neighbours = tl.sparse_coo_tensor([[0, 1, 2], [1, 2, 0]], tl.ones(3))
>>> (neighbours @ tl.eye(3)).tolist()
[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
"""

from ._lazy import public as _public
from .core.registry import SPACES as _SPACES
from .func.sparse_algebra import matmul as matmul
from .func.sparse_algebra import solve as solve
from .ops.sparse.functions import OLDER as _OLDER
from .ops.sparse.functions import older as _older

globals().update(_SPACES["sparse"])
globals().update({name: _older(name) for name in _OLDER})

__all__ = sorted([*_SPACES["sparse"], *_OLDER, "matmul", "solve"])
__dir__ = _public(globals())
