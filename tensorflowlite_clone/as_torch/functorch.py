"""What the package ``functorch``, which PyTorch carries along, has beside `func`: modules as functions of tuples of their tensors.

Not here: transforms (``func/``). New programs call `func.functional_call` and `func.stack_module_state`.
"""

from __future__ import annotations

import copy
from typing import Any

from .._errors import ArgumentError
from ..func import functional_call, stack_module_state

__all__ = ["combine_state_for_ensemble", "make_functional", "make_functional_with_buffers"]


class _Functional:
    """A module without values: called with its parameters, its buffers if it was made with them, and its arguments."""

    def __init__(self, module: Any, buffers: bool) -> None:
        self.stateless_model, self.with_buffers = copy.deepcopy(module), buffers
        self.names = [[n for n, _ in module.named_parameters()], [n for n, _ in module.named_buffers()]]

    def __call__(self, params: Any, *args: Any, **kwargs: Any) -> Any:
        """What the module computes with these values."""
        values = dict(zip(self.names[0], params, strict=True))
        if self.with_buffers:
            buffers, *args = args  # type: ignore[assignment]
            values |= dict(zip(self.names[1], buffers, strict=True))
        return functional_call(self.stateless_model, values, tuple(args), kwargs)

    def tensors(self, disable_autograd_tracking: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Parameters and buffers of the copy that was made of the module: changes of the module are none of theirs."""
        params = tuple(p for _, p in self.stateless_model.named_parameters())
        params = tuple(p.detach() for p in params) if disable_autograd_tracking else params
        return params, tuple(b for _, b in self.stateless_model.named_buffers())


def make_functional(model: Any, disable_autograd_tracking: bool = False) -> tuple[Any, tuple[Any, ...]]:
    """``(f, params)``: ``f(params, *args)`` is ``model(*args)`` with these parameters. Raises `ArgumentError` where it has buffers.

    >>> import tensorflowlite_clone as tl
    >>> f, params = make_functional(tl.nn.Linear(2, 1))
    >>> [tuple(g.shape) for g in tl.func.grad(lambda p, x: f(p, x).sum())(params, tl.ones(2))]
    [(1, 2), (1,)]
    """
    f = _Functional(model, False)
    if f.names[1]:
        raise ArgumentError(f"make_functional: the model has buffers: {', '.join(f.names[1]):.200}; use make_functional_with_buffers")
    return f, f.tensors(disable_autograd_tracking)[0]


def make_functional_with_buffers(model: Any, disable_autograd_tracking: bool = False) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """``(f, params, buffers)``: ``f(params, buffers, *args)`` is ``model(*args)`` with these parameters and buffers.

    >>> import tensorflowlite_clone as tl
    >>> f, params, buffers = make_functional_with_buffers(tl.nn.BatchNorm1d(2).eval())
    >>> f(params, buffers, tl.zeros(1, 2)).shape, len(buffers)
    ((1, 2), 3)
    """
    f = _Functional(model, True)
    return f, *f.tensors(disable_autograd_tracking)


def combine_state_for_ensemble(models: Any) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """``(f, params, buffers)`` of several models of one kind, whose tensors are stacked: for ``vmap(f, (0, 0, None))``.

    >>> import tensorflowlite_clone as tl
    >>> f, params, buffers = combine_state_for_ensemble([tl.nn.Linear(2, 1) for _ in range(3)])
    >>> tl.vmap(f, in_dims=(0, 0, None))(params, buffers, tl.ones(2)).shape
    (3, 1)
    """
    models = list(models)
    params, buffers = stack_module_state(models)
    return _Functional(models[0], True), tuple(params.values()), tuple(buffers.values())
