"""Function transforms, as in ``torch.func`` and JAX: each takes a function and gives a function, so they nest in any order.

Derivatives (``reverse.py``, ``forward.py``, ``jacobians.py``), mapping (``mapping.py``), modules as functions of their parameters
(``stateless.py``); functions of NumPy and SciPy with rules of their own (``primitives.py``), solutions of equations (``implicitly.py``).
A function may take and return nested dicts, lists and tuples (``tree.py``); tensors in give tensors out, ndarrays in give ndarrays out.
"""

from .._lazy import later as _later
from .._lazy import public as _public
from .forward import jvp, linearize
from .jacobians import hessian, hvp, jacfwd, jacrev
from .mapping import vmap
from .reverse import grad, grad_and_value, value_and_grad, vjp
from .stateless import functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state
from .tree import ravel_pytree

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "hessian_sparse",
    "hvp",
    "implicit",
    "jacfwd",
    "jacobian_sparse",
    "jacrev",
    "jvp",
    "linearize",
    "primitive",
    "ravel_pytree",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]
__getattr__, _ = _later(globals())
__dir__ = _public(globals())
