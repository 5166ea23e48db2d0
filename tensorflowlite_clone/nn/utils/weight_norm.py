"""Weight normalisation by a hook, as it was before `nn.utils.parametrizations.weight_norm`; models that were saved with it need it."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ..._errors import ArgumentError
from ..._lazy import public as _public
from ...core.where import stacklevel
from ..module import Module
from ..parameter import Parameter
from ._hooked import Hooked, find, parameter_of, take_off
from .parametrizations import dim_of, norm_except, normed

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

M = TypeVar("M", bound=Module)


class WeightNorm(Hooked):
    """The hook of `weight_norm`: sets a tensor to ``g v / |v|`` before each call."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Any:
        """The tensor, from ``<name>_g`` and ``<name>_v``."""
        return normed(getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g"), self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Put the two parameters in place of the tensor, and register a new hook."""
        warnings.warn("nn.utils.weight_norm: is an older form; use nn.utils.parametrizations.weight_norm", FutureWarning, stacklevel())
        weight = parameter_of("weight_norm", module, name)
        if find(module, WeightNorm, name) is not None:
            raise ArgumentError(f"weight_norm: {type(module).__name__}.{name} has a weight norm already; remove_weight_norm comes first")
        fn = WeightNorm(name, dim_of("weight_norm", weight, dim))
        norm = norm_except(weight.detach(), fn.dim)
        delattr(module, name)
        module.register_parameter(f"{name}_g", Parameter(norm))
        module.register_parameter(f"{name}_v", Parameter(weight.detach()))
        fn(module, ())
        module.register_forward_pre_hook(fn)
        return fn

    def remove(self, module: Module) -> None:
        """Make the present value the parameter again."""
        weight = self.compute_weight(module).detach()
        for name in (self.name, f"{self.name}_g", f"{self.name}_v"):
            delattr(module, name)
        setattr(module, self.name, Parameter(weight))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Put a norm ``<name>_g`` and a direction ``<name>_v`` in place of a parameter, which a hook computes before each call.

    The norm is taken over all dimensions but ``dim``, or over all for None (T. Salimans, D. P. Kingma 2016). Returns the module. Warns:
    `nn.utils.parametrizations.weight_norm` does the same and loads the states of this. Raises `ArgumentError` where it is there already.

    >>> import warnings; import tensorflowlite_clone as tl
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     layer = weight_norm(tl.nn.Linear(20, 40))
    >>> layer.weight_g.shape, layer.weight_v.shape
    ((40, 1), (40, 20))
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Undo `weight_norm`: the present value becomes the parameter. Returns the module; raises `ArgumentError` where there was none."""
    found = find(module, WeightNorm, name)
    if found is None:
        raise ArgumentError(f"remove_weight_norm: {type(module).__name__}.{name} has no weight norm; apply weight_norm first")
    found.remove(module)
    take_off(module, found)
    return module


__dir__ = _public(globals())
