"""Mixed precision, as in ``torch.amp``: `autocast`, which changes no dtype here, and `GradScaler`. See ``cuda.amp`` too."""

from .._lazy import public as _public
from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "autocast_mode", "custom_bwd", "custom_fwd", "grad_scaler", "is_autocast_available"]
__dir__ = _public(globals())
