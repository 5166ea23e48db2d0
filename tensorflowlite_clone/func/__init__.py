"""Function transforms, as in ``torch.func`` and JAX: each takes a function and gives a function, so they nest in any order.

Derivatives (``reverse.py``, ``forward.py``, ``jacobians.py``), mapping (``mapping.py``), and modules as functions of their parameters
(``stateless.py``). A function may take and return nested dicts, lists and tuples (``tree.py``); tensors in give tensors out, ndarrays
in give ndarrays out.
"""

from .._lazy import public as _public
from .forward import jvp, linearize
from .jacobians import hessian, hvp, jacfwd, jacrev
from .mapping import vmap
from .reverse import grad, grad_and_value, vjp
from .stateless import functional_call, functionalize, replace_all_batch_norm_modules_, stack_module_state

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "hvp",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]
__dir__ = _public(globals())
