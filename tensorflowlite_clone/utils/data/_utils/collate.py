"""`collate` and its table under PyTorch's path. Not here: what they do (``collate.py`` of the folder above)."""

from ..collate import collate, default_collate, default_collate_fn_map, default_convert

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]
