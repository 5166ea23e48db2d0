"""``torch.cpu.amp``: mixed precision by its older names, which warn. Not here: what they do (``amp/``)."""

from ..amp.older import autocast_on, scaler_on

__all__ = ["GradScaler", "autocast"]

autocast, GradScaler = autocast_on("cpu"), scaler_on("cpu")
