"""The names under which PyTorch's programs reach into its loader: ``utils.data._utils.collate`` and ``.worker``. Nothing else."""

from . import collate, worker

__all__ = ["collate", "worker"]
