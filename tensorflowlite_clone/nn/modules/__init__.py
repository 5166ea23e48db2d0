"""PyTorch's place for what all modules share: ``nn.modules.module``. Layers are in ``nn`` itself."""

from . import module

__all__ = ["module"]
