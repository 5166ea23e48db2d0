"""PyTorch's name of the module of gradient modes: ``from tensorflowlite_clone.autograd.grad_mode import no_grad``.

Not here: the modes themselves (``modes.py``).
"""

from .modes import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled"]
