"""Activation checkpointing: forget what a region saved for backward, and run it again when that is needed.

Here: `checkpoint`, `checkpoint_sequential` and what they are made of. Not here: how a function is run again (``recompute.py``).

The reentrant form is PyTorch's older one: it records nothing, is a single node, and calls backward inside backward.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ContextDecorator, nullcontext
from functools import partial
from typing import Any, Never

from .._errors import ArgumentError, GraphError, OperandError, TransformError
from .._state import Restoring, next_serial, recording, state
from .._typing import Array
from ..core.boxed import Boxed
from ..core.broadcast import conjugated
from ..core.engine import run_backward
from ..core.observe import observing
from ..core.tape import Cotangents, Select, TapeNode
from ..core.tensor import Taped
from .recompute import CheckpointError, Recorder, Region, Replayable, version_of, without_outer_hooks

__all__ = [
    "CheckpointError",
    "checkpoint",
    "checkpoint_sequential",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]

ContextFunction = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]
CHECKS = ("default", "none")


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """The default ``context_fn`` of `checkpoint`: no context for the forward pass, none for the recomputation."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    context_fn: ContextFunction = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool | None = None,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose saved values are computed again in the backward pass instead of being kept.

    Memory for the region falls from all its saved values to its arguments; time grows by one more forward pass of the region.

    ``use_reentrant=False`` (the default) gives derivatives of any order and works with every transform; ``True`` runs the forward
    pass unrecorded, and works with ``backward()`` alone: no keyword arguments, no `autograd.grad`, no second order.
    ``preserve_rng_state`` lets the recomputation draw the random numbers of the forward pass (from the default generator, and
    from every `Generator` among the arguments). ``context_fn`` gives two context managers, for the forward pass and the
    recomputation. ``determinism_check="default"`` compares shapes and dtypes of what is saved, ``"none"`` only the operations;
    ``debug`` lists the operations of both runs when they differ. ``early_stop`` (see `set_checkpoint_early_stop`) ends the
    recomputation once all that is needed is there; off unless asked for, because here operations save what they have already computed,
    and so only the ones behind the last that saves would be left out, while watching for it takes both runs off the fast path.

    Raises `CheckpointError` at backward if the second run records other operations than the first, `VersionError` if an argument or a
    parameter was changed in place in between, `ArgumentError` for options that do not go together.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> y = checkpoint(lambda x: tl.exp(x * 2), x, use_reentrant=False)
    >>> y.sum().backward(); x.grad
    tensor([14.7781, 14.7781])

    Source: T. Chen et al., "Training deep nets with sublinear memory cost" (2016).
    """
    if determinism_check not in CHECKS:
        raise ArgumentError(f"checkpoint: determinism_check must be one of {', '.join(CHECKS)}: got {determinism_check!r}; choose one")
    if not callable(function):
        raise OperandError(f"checkpoint: the first argument must be a function or module: got {type(function).__name__}; pass the function")
    if use_reentrant:
        if kwargs:
            raise ArgumentError(
                f"checkpoint: use_reentrant=True takes no keyword arguments: got {', '.join(kwargs)}; pass use_reentrant=False"
            )
        if context_fn is not noop_context_fn or debug:
            raise ArgumentError("checkpoint: context_fn and debug need use_reentrant=False; the reentrant form has no second context")
        return _reentrant(function, args, preserve_rng_state)
    first, second = context_fn()
    if not state.grad_enabled:
        with first:
            return function(*args, **kwargs)
    early = bool(early_stop) if _overrides.early_stop is None else _overrides.early_stop
    debug = debug if _overrides.debug is None else _overrides.debug
    region = Region(function, args, kwargs, second, preserve_rng_state, determinism_check, debug)
    watch = Recorder() if early else None
    with first, without_outer_hooks(), nullcontext() if watch is None else observing(watch):
        output = function(*args, **kwargs)
    region.forget(output, watch)
    return output


class _Overrides(threading.local):
    """What holds for every checkpoint in a block, whatever its arguments say; None: they count."""

    early_stop: bool | None = None
    debug: bool | None = None


_overrides = _Overrides()


class set_checkpoint_debug_enabled(Restoring, ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Let every non-reentrant `checkpoint` called in the block list its operations when two runs differ, or none; None: as ``debug`` says.

    >>> import tensorflowlite_clone as tl
    >>> x, runs = tl.ones(1, requires_grad=True), []
    >>> def f(x):
    ...     runs.append(1)
    ...     return x.exp() if len(runs) == 1 else x.sin().exp()
    >>> with set_checkpoint_debug_enabled(True):
    ...     y = checkpoint(f, x)
    >>> try:
    ...     y.backward()
    ... except CheckpointError as error:
    ...     print(str(error).splitlines()[-1])
    recomputation: sin, exp
    """

    def __init__(self, enabled: bool | None) -> None:
        self.enabled = enabled

    def __enter__(self) -> None:
        self.close = self.inside(partial(setattr, _overrides, "debug", _overrides.debug))
        _overrides.debug = self.enabled


class set_checkpoint_early_stop(Restoring, ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Let every non-reentrant `checkpoint` called in the block stop its recomputation early, or none, whatever its ``early_stop`` says.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(1, requires_grad=True)
    >>> def f(x):
    ...     y = tl.exp(x) * 2
    ...     print("at the end")
    ...     return y + 1
    >>> with set_checkpoint_early_stop(True):
    ...     y = checkpoint(f, x)
    at the end
    >>> y.backward()  # runs f again, but not to its end
    """

    def __init__(self, enable: bool) -> None:
        self.enable = bool(enable)

    def __enter__(self) -> None:
        self.close = self.inside(partial(setattr, _overrides, "early_stop", _overrides.early_stop))
        _overrides.early_stop = self.enable


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *, preserve_rng_state: bool = True
) -> Any:
    """Functions applied one after the other, in ``segments`` pieces of which all but the last are checkpointed.

    ``functions`` is an `nn.Sequential` or a sequence of callables of one argument. With n of them and about sqrt(n) segments the memory
    for saved values is that of 2 sqrt(n) layers.

    Raises `ArgumentError` unless ``1 <= segments <= len(functions)``.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> checkpoint_sequential([tl.exp, tl.sin, tl.exp], 2, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([-3.7373, -3.7373])
    """
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if not 1 <= segments <= len(functions):
        raise ArgumentError(
            f"checkpoint_sequential: segments must be from 1 to the number of functions: got {segments} for {len(functions)} function(s)"
        )

    def run(part: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for function in part:
                x = function(x)
            return x

        return forward

    size = len(functions) // segments
    end = size * (segments - 1)
    for start in range(0, end, size):
        part = run(functions[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return run(functions[end:])(input)


# ---- the reentrant form ----------------------------------------------------------------------------------------------------------
class Reentrant(TapeNode):
    """The tape node of a reentrant checkpoint: its step runs the function again, recorded, and calls backward on the results."""

    __slots__ = ()

    def __init__(self, run: Replayable) -> None:
        self.parents = tuple(t.node for t, _, _ in run.tensors if t.node is not None)
        self.saved = (run,)
        self.seq = next_serial()

    def step(self, g: Cotangents) -> tuple[Array | None, ...]:
        """The gradients for the arguments; those of everything else the function used are accumulated on the way."""
        if self.saved is None:
            raise self.released()
        (run,) = self.saved
        if state.inputs_only:
            raise GraphError(
                "checkpoint: use_reentrant=True calls backward inside backward and cannot serve autograd.grad, func.grad or "
                "backward(inputs=...); pass use_reentrant=False"
            )
        run.check_arguments("between the forward pass and the recomputation")
        with run.as_before():
            args = tuple(_detached(a) for a in run.args)
            outputs = _outputs(run.function(*args))
        pairs = [(outputs[i], c) for i, c in g.items.items() if outputs[i].node is not None]
        if not pairs:
            raise GraphError(
                "checkpoint: no result of the function requires grad in the recomputation: it detaches, or runs under no_grad(); "
                "detach outside of checkpoint, or pass use_reentrant=False"
            )
        run_backward([o for o, _ in pairs], [c for _, c in pairs], level=0)
        grads = [a.grad for a, (t, _, _) in zip((a for a in args if isinstance(a, Taped)), run.tensors, strict=True) if t.node is not None]
        return tuple(None if d is None else conjugated(d.array) for d in grads)

    def replay(self, g: Any, level: int, plan: Any = None) -> Never:
        """Refuse: backward inside backward records nothing that could be differentiated again."""
        raise GraphError("checkpoint: use_reentrant=True has no second derivative (create_graph=True); pass use_reentrant=False")

    def title(self) -> str:
        """The name that messages use."""
        return "checkpoint"


def _reentrant(function: Callable[..., Any], args: tuple[Any, ...], preserve_rng_state: bool) -> Any:
    for a in args:
        if isinstance(a, Boxed) and (a.level > 0 or not isinstance(a, Taped)):
            raise TransformError("checkpoint: use_reentrant=True does not work inside function transforms; pass use_reentrant=False")
    run = Replayable(function, args, {}, preserve_rng_state)
    run.tensors = [entry for a in args if isinstance(a, Taped) for entry in [(a, a.node, version_of(a))]]
    with recording(False):
        result = function(*args)
    if not state.grad_enabled:
        return result
    run.check_arguments("by the function itself")
    if all(node is None for _, node, _ in run.tensors):
        warnings.warn(
            "checkpoint: no argument requires grad, so with use_reentrant=True nothing is recorded and the parameters that the function "
            "uses get no gradient; pass use_reentrant=False, or call requires_grad_() on an argument",
            UserWarning,
            stacklevel=3,
        )
        return result
    node = Reentrant(run)
    results = []
    for i, o in enumerate(_outputs(result)):
        if isinstance(o, Taped) and o.dtype.kind in "fc":
            o = o.detach()
            o.node = Select(node, i)
        results.append(o)
    if isinstance(result, tuple):
        return type(result)(*results) if hasattr(result, "_fields") else tuple(results)
    return results if isinstance(result, list) else results[0]


def _outputs(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _detached(a: Any) -> Any:
    return a.detach().requires_grad_(a.node is not None) if isinstance(a, Taped) else a
