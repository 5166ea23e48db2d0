"""Differentiation as PyTorch's users know it: ``backward``, ``grad``, gradient modes, hooks.

Here: the users' face. Not here: the tape and its engine (``core/``) and the function transforms (``func/``).
"""

from .derivatives import backward, grad
from .hooks import retain_grad
from .modes import enable_grad, is_grad_enabled, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "is_grad_enabled", "no_grad", "retain_grad", "set_grad_enabled"]
