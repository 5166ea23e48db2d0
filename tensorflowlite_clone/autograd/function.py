"""`Function`: operations with derivatives that users write, in PyTorch's form.

Here: the class users derive from, and `once_differentiable`. Not here: how a call passes through the transforms and its node
on the tape (``custom/``), operations of this package (``core/operation.py``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from .._errors import GraphError
from .custom.application import Application
from .custom.context import FunctionCtx
from .custom.mapping import VmapInfo
from .grad_mode import no_grad

__all__ = ["Function", "FunctionCtx", "VmapInfo", "once_differentiable"]

METHODS = ("forward", "setup_context", "backward", "vjp", "jvp", "vmap")


class Function:
    """The base of users' own operations: static methods say what is computed and what its derivatives are.

    A subclass defines ``forward(ctx, *args)``, or ``forward(*args)`` with ``setup_context(ctx, inputs, output)``, and

    * ``backward(ctx, *grads)`` (or ``vjp``, another name for it): one gradient per argument of forward, None where there is none.
      A gradient has the shape of its argument, or one that the argument broadcasts to (then it is summed).
    * ``jvp(ctx, *tangents)``: one tangent per result. Forward mode is derived from backward where there is no jvp, and backward from
      jvp where there is no backward, both by transposition.
    * ``vmap(info, in_dims, *args)``: ``(output, out_dims)``; or ``generate_vmap_rule = True``, which maps the methods above. With
      neither, vmap calls forward once per example, which is always right and not fast; the derivatives are mapped in any case.

    It is called by ``apply``, with any arguments: tensors are differentiated, everything else is handed through. Every transform works on
    it, in any nesting: forward itself only ever sees constants. Derivatives of higher order go through backward (or jvp), so these must
    be written with tensor operations, unless they are marked with `once_differentiable`. One that computes in NumPy, on
    ``g.detach().numpy()``, is right for first derivatives in reverse, is called once for each example inside vmap and jacrev, and raises
    `TransformError` where forward mode or a second derivative would lose what it does. What forward computes itself and saves is a
    constant to higher orders; save arguments and results, or compute it in ``setup_context``, where outer transforms see it.

    Raises `TypeError` when a subclass defines its methods otherwise than static or defines two of a kind.

    >>> import tensorflowlite_clone as tl
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x ** 2
    >>> x = tl.tensor([1.0, 2.0], requires_grad=True)
    >>> Cube.apply(x).sum().backward(); x.grad
    tensor([ 3., 12.])
    >>> tl.func.jvp(Cube.apply, (tl.tensor(2.0),), (tl.tensor(1.0),))[1].item()
    12.0
    """

    #: Whether vmap maps the methods as they are written.
    generate_vmap_rule: ClassVar[bool] = False

    _has_setup: ClassVar[bool] = False
    _backward: ClassVar[Callable[..., Any] | None] = None
    _jvp: ClassVar[Callable[..., Any] | None] = None
    _vmap: ClassVar[Callable[..., Any] | None] = None
    _once: ClassVar[bool] = False
    #: How many arguments forward can get by position, where ``setup_context`` is to see those with defaults too; else 0.
    _needed: ClassVar[int] = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in METHODS:
            if inspect.isfunction(vars(cls).get(name)):  # @staticmethod was left out, which PyTorch does not mind either
                setattr(cls, name, staticmethod(vars(cls)[name]))
        own = {name: getattr(cls, name) for name in METHODS if getattr(cls, name) is not getattr(Function, name)}
        if "backward" in own and "vjp" in own:
            raise TypeError(f"{cls.__name__}: backward and vjp are two names of one method: it defines both; keep one")
        if "vmap" in own and cls.generate_vmap_rule:
            raise TypeError(f"{cls.__name__}: generate_vmap_rule asks for a rule that vmap already gives: it defines both; keep one")
        cls._has_setup = "setup_context" in own
        cls._backward = staticmethod(own.get("backward", own.get("vjp"))) if {"backward", "vjp"} & own.keys() else None  # type: ignore
        cls._jvp = staticmethod(own["jvp"]) if "jvp" in own else None
        cls._vmap = staticmethod(own["vmap"]) if "vmap" in own else None
        if cls._has_setup:
            code = getattr(inspect.unwrap(cls.forward), "__code__", None)
            cls._needed = 0 if code is None else code.co_argcount
        cls._once = getattr(cls._backward, "once_differentiable", False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        raise TypeError(f"{name}: a Function is not made, it is applied: there are no instances; call {name}.apply(...)")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Carry out the operation and record it: what forward returns, on the tape where a tensor among ``args`` requires grad.

        Arguments may go by the names that forward gives them. ``setup_context`` gets all of them, backward returns a gradient for each, in
        forward's order.
        """
        if kwargs or len(args) < cls._needed:
            args = cls._in_order(args, kwargs)
        return Application(cls, args).result()

    @classmethod
    def _in_order(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments by position; where ``setup_context`` sees them, the defaults of those not given too."""
        signature, ctx = inspect.signature(cls.forward), () if cls._has_setup else (None,)
        try:
            bound = signature.bind(*ctx, *args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{cls.__name__}.apply: the arguments do not fit forward{signature}: {error}") from None
        if cls._has_setup:
            bound.apply_defaults()
        if bound.kwargs:
            names = ", ".join(bound.kwargs)
            raise TypeError(f"{cls.__name__}.apply: forward takes {names} by keyword alone: gradients go by position; remove its star")
        return bound.args[len(ctx) :]

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result: ``forward(ctx, *args)``, or ``forward(*args)`` where there is a ``setup_context``."""
        raise GraphError("Function: forward is missing: a subclass must define it; add a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Keep in ``ctx`` what the derivatives need of ``inputs``, all arguments, and ``output``, what forward returned."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the arguments, from those of the results."""
        raise GraphError("Function: backward is missing: a subclass must define it (or jvp); add a static method backward(ctx, *grads)")

    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """The tangents of the results, from those of the arguments."""
        raise GraphError("Function: jvp is missing: a subclass must define it; add a static method jvp(ctx, *tangents)")

    @staticmethod
    def vmap(info: VmapInfo, in_dims: tuple[int | None, ...], *args: Any) -> Any:
        """``(output, out_dims)`` for ``info.batch_size`` examples at once, which lie along the axes ``in_dims`` of the arguments."""
        raise GraphError("Function: vmap is missing: a subclass must define it; add a static method vmap(info, in_dims, *args)")


def once_differentiable(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a backward that is not written with tensor operations: it runs unrecorded, and differentiating its result is an error.

    Stands below ``@staticmethod``.

    >>> class Double(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return g * 2
    """

    @functools.wraps(fn)
    def wrapper(ctx: Any, *args: Any) -> Any:
        with no_grad():
            return fn(ctx, *args)

    wrapper.once_differentiable = True  # type: ignore[attr-defined]
    return wrapper
