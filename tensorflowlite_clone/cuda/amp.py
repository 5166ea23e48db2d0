"""``torch.cuda.amp``: mixed precision by its older names, which warn. Not here: what they do (``amp/``)."""

from ..amp.older import autocast_on, custom_bwd_on, custom_fwd_on, scaler_on

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd"]

autocast, GradScaler = autocast_on("cuda"), scaler_on("cuda")
custom_fwd, custom_bwd = custom_fwd_on("cuda"), custom_bwd_on("cuda")
