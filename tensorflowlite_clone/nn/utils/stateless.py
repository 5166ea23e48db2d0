"""`functional_call` under its old name. Not here: what it does (``func/stateless.py``)."""

from __future__ import annotations

import warnings
from typing import Any

from ..._lazy import public as _public
from ...core.where import stacklevel
from ...func.stateless import functional_call as _call
from ..module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The old name of `func.functional_call`, which does the same; this one warns."""
    warnings.warn("nn.utils.stateless.functional_call: is an older name; use func.functional_call", FutureWarning, stacklevel=stacklevel())
    return _call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)


__dir__ = _public(globals())
