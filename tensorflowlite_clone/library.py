"""``torch.library`` and ``torch.ops``, with which PyTorch's dispatcher learns of operations: there is none here, and each name says so.

An operation of one's own is an `autograd.Function`. Not here: the package's own operations.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ._errors import AbsentError
from ._lazy import public as _public

_REFUSED = """custom_op define fallthrough_kernel get_ctx get_kernel impl impl_abstract infer_schema register_autocast
    register_autograd register_fake register_kernel register_torch_dispatch register_vmap triton_op wrap_triton""".split()  # noqa: SIM905
__all__ = ["Library", "ops", *_REFUSED]
__dir__ = _public(globals())
_FIX = "there is no dispatcher of operations; write an autograd.Function, or call the function itself"


def _refusing(name: str) -> Any:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise AbsentError(f"library.{name}: {_FIX}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = "Raises `AbsentError`."
    return refuse


class Library:
    """Raises `AbsentError`: there is no dispatcher of operations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise AbsentError(f"library.Library: {_FIX}")


class _Ops:
    """``torch.ops``: has no operations."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AbsentError(f"torch.ops.{name}: {_FIX}; the functions of PyTorch's own operations are in the package, tl.add")

    def __repr__(self) -> str:
        return "torch.ops (without operations)"


ops = _Ops()
globals().update({name: _refusing(name) for name in _REFUSED})
