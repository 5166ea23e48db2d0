"""`FunctionCtx`: what the static methods of a user's `Function` share between forward and backward.

Not here: how a call is dispatched (``application.py``), the tape node that holds the context (``node.py``).
"""

from __future__ import annotations

import weakref
from typing import Any

from ..._errors import GraphError, OperandError
from ...core.boxed import Boxed


class Kept:
    """What a context was told, apart from the user's own attributes."""

    __slots__ = ("constant", "dirty", "for_forward", "materialize", "needs", "node", "owner", "saved")

    def __init__(self, owner: str, needs: tuple[bool, ...]) -> None:
        self.owner, self.needs = owner, needs
        self.materialize = True
        #: What was saved, until a node takes it over: tensors and None.
        self.saved: tuple[Any, ...] = ()
        self.for_forward: tuple[Any, ...] | None = None
        #: Tensors changed in place, and results without a derivative.
        self.dirty: tuple[Any, ...] = ()
        self.constant: tuple[Any, ...] = ()
        #: The tape node, weakly: the node holds the context.
        self.node: weakref.ref[Any] | None = None


class FunctionCtx:
    """The ``ctx`` of `Function`: carries saved tensors, and any attributes that forward sets, to backward and jvp.

    Attributes set on it stay as they are. Tensors belong into `save_for_backward` instead: saved there they are checked for in-place
    changes, are freed with the graph, and are differentiated again.
    """

    __slots__ = ("__dict__", "__weakref__", "_kept")

    def __init__(self, owner: str = "Function", needs: tuple[bool, ...] = ()) -> None:
        self._kept = Kept(owner, needs)

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep ``tensors`` (or None) for ``backward``, which finds them in `saved_tensors`; call it at most once.

        Arguments and results of forward keep their place on the tape, so that backward can be differentiated; anything else that is
        computed in forward is a constant to it.

        Raises `OperandError` for what is no tensor; set an attribute for that.
        """
        self._kept.saved = _tensors(tensors, self._kept.owner, "save_for_backward")

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep ``tensors`` (or None) for ``jvp``, which finds them in `saved_tensors`; without it, jvp finds those for backward."""
        self._kept.for_forward = _tensors(tensors, self._kept.owner, "save_for_forward")

    def mark_dirty(self, *args: Any) -> None:
        """Say that forward changed these of its arguments in place; each must be returned as well."""
        self._kept.dirty = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say that these results have no derivative. Integer and bool results have none anyway."""
        self._kept.constant = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing gradient (or tangent) is given to backward (or jvp) as zeros, the default, or as None."""
        self._kept.materialize = bool(value)

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """For each argument of forward, whether its gradient is wanted."""
        return self._kept.needs

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The saved tensors.

        Raises `VersionError` if one was changed in place since, and `GraphError` if the graph has been freed.
        """
        kept = self._kept
        if kept.node is None:
            return kept.saved if kept.for_forward is None else kept.for_forward
        node = kept.node()
        if node is None:
            raise GraphError(f"{kept.owner}: the graph is gone and its saved tensors with it; use ctx in backward only")
        unpacked: tuple[Any, ...] = node.unpack()
        return unpacked


def _tensors(tensors: tuple[Any, ...], owner: str, method: str) -> tuple[Any, ...]:
    for i, t in enumerate(tensors):
        if t is not None and not isinstance(t, Boxed):
            raise OperandError(
                f"{owner}: ctx.{method} keeps tensors and None only: item {i} is a {type(t).__name__} {t!r:.40}; "
                f"set an attribute, ctx.name = value"
            )
    return tensors
