"""Tensors that a hook computes before each call: what weight norm, spectral norm and pruning, as PyTorch had them first, share.

A `Hooked` object is the hook. It knows the name of a tensor of its module, puts what it computes under that name, and is found again
among the module's hooks by its class and that name.
"""

from __future__ import annotations

from typing import Any

from ..._errors import ArgumentError, OperandError
from ...core.tensor import Taped
from ..module import Module


class Hooked:
    """A hook that sets ``module.<name>`` to `compute_weight` of the module before each call."""

    #: The name of the tensor.
    name: str

    def compute_weight(self, module: Module) -> Any:
        """The tensor, from those that it is made of."""
        raise NotImplementedError

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def all_hooks(module: Module, kind: Any) -> list[Any]:
    """The hooks of this kind that run before the module."""
    hooks = module._hooks
    return [] if hooks is None else [h.function for h in hooks.before.values() if isinstance(h.function, kind)]


def find(module: Module, kind: Any, name: str) -> Any:
    """The hook of this kind for the tensor of this name; None if there is none."""
    return next((h for h in all_hooks(module, kind) if h.name == name), None)


def take_off(module: Module, *functions: Any) -> None:
    """Remove these functions from the module's hooks, whenever they run."""
    hooks = module._hooks
    if hooks is not None:
        for table in (hooks.before, hooks.save_after, hooks.load_before):
            for id in [id for id, h in table.items() if any(h.function is f for f in functions)]:
                del table[id]
        hooks._count()


def parameter_of(op: str, module: Any, name: Any) -> Any:
    """The parameter (or the tensor, for one that is no parameter) of this name."""
    if not isinstance(module, Module):
        raise OperandError(f"{op}: module must be a module: got {type(module).__name__} {module!r:.40}")
    found = getattr(module, name) if isinstance(name, str) else None  # an AttributeError, for an unknown name
    if not isinstance(found, Taped):
        raise ArgumentError(f"{op}: {type(module).__name__}.{name} must be a parameter: it is {type(found).__name__}; choose another name")
    return found
