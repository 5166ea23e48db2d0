"""Finding the first NaN: `detect_anomaly` looks at every result, in the forward and the backward pass, and stops at the first bad one.

It costs nothing while it is off: it is an observer of operations (``core/observe.py``). The environment variable
``TL_DETECT_ANOMALY`` switches it on for a whole program: ``1`` for NaN, ``inf`` for NaN and infinities.

Not here: how places in the user's program are found (``core/where.py``).
"""

from __future__ import annotations

import sys
import weakref
from contextlib import ContextDecorator
from typing import Any

import numpy as np
from numpy import ndarray

from .._errors import AnomalyError, ArgumentError
from .._state import Restoring, state
from .._typing import Array
from ..core import observe
from ..core.boxed import Boxed
from ..core.explain import describe
from ..core.families import Linear, Reduction
from ..core.levels import all_values
from ..core.operation import Operation
from ..core.saved import SavingNode
from ..core.tape import Cotangents
from ..core.where import NOWHERE, Place, caller, line, place_of

__all__ = ["AnomalyError", "detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]


class _Origin:
    """Where a node was recorded: places from the outermost to the innermost, and the module that was running."""

    __slots__ = ("deriving", "module", "places")

    def __init__(self) -> None:
        frame: Any = sys._getframe(1)
        self.places: list[Place] = []
        modules: list[Any] = []
        #: The node whose derivative is being computed by recorded operations (``create_graph``), if any.
        self.deriving: Any = None
        while frame is not None:
            place = caller(frame)
            if place[0] is frame.f_code:
                self.places.insert(0, place)
            if frame.f_code is Operation.replay.__code__ and self.deriving is None:
                self.deriving = frame.f_locals["self"]
            if frame.f_code.co_name == "forward":
                module = frame.f_locals.get("self")
                if hasattr(module, "named_modules") and (not modules or modules[0] is not module):
                    modules.insert(0, module)
            frame = frame.f_back
        self.module = _path(modules)

    def text(self) -> str:
        """``at file:line, in module Net.encoder (Linear)``."""
        return f"at {line(self.places[-1] if self.places else NOWHERE)}" + (f", in module {self.module}" if self.module else "")

    def stack(self) -> str:
        """All places, the innermost last."""
        return "recorded from:\n" + "\n".join(f"  {line(p)} in {p[0].co_name if p[0] else None}" for p in self.places[-20:])


def _path(modules: list[Any]) -> str:
    """The name of the innermost of nested running modules, as the outermost calls it."""
    if not modules:
        return ""
    outer, inner = modules[0], modules[-1]
    name = next((n for n, m in outer.named_modules() if m is inner), "") if inner is not outer else ""
    return f"{type(outer).__name__}{'.' if name else ''}{name} ({type(inner).__name__})"


class _Detector(observe.Observer):
    """Looks for NaN, and for infinities if asked."""

    def __init__(self, check_nan: bool, check_inf: bool) -> None:
        self.check_nan, self.check_inf = check_nan, check_inf
        self.origins: weakref.WeakKeyDictionary[Any, _Origin] = weakref.WeakKeyDictionary()

    def bad(self, a: Any) -> str:
        """What is wrong with the values of ``a``: "" if nothing is."""
        a = _inside(a)
        if not isinstance(a, ndarray | np.generic) or a.dtype.kind not in "fc" or not a.size:
            return ""
        nans = int(np.count_nonzero(np.isnan(a))) if self.check_nan else 0
        if nans:
            return f"NaN in {nans} of {a.size} elements"
        infinities = int(np.count_nonzero(np.isinf(a))) if self.check_inf else 0
        return f"Inf in {infinities} of {a.size} elements" if infinities else ""

    def computed(self, op: Any, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        """Stop if the result is bad; moving bad data around is no fault yet."""
        what = next((w for a in (ans if isinstance(ans, tuple) else (ans,)) if (w := self.bad(a))), "")
        if not what:
            return
        names = [*op.names, *(f"{op.rest}[{i}]" for i in range(len(args) - len(op.names)))]
        spoilt = [n for n, a in zip(names, args, strict=False) if self.bad(a)]
        if spoilt and issubclass(op, Linear) and not issubclass(op, Reduction):
            return
        origin = _Origin()
        cause = f"{' and '.join(spoilt)} came in with it" if spoilt else "it arose here"
        fix = "look at where the data comes from" if spoilt else "keep the operands inside the operation's domain (clamp, or add an eps)"
        phase = "forward pass"
        if origin.deriving is not None:
            phase = f"backward pass of {origin.deriving.title()}, recorded at {place_of(origin.deriving)}"
        error = AnomalyError(f"{op.title()}: {what} of the result, in the {phase}, {origin.text()}: {cause}: {_ranges(names, args)}; {fix}")
        error.add_note(origin.stack())
        raise error

    def recorded(self, node: Any) -> None:
        """Remember where."""
        self.origins[node] = _Origin()

    def derived(self, node: Any, g: Array, grads: Any) -> None:
        """Stop if a gradient is bad."""
        for i, gradient in enumerate(grads):
            parts = gradient.items.values() if isinstance(gradient, Cotangents) else (gradient,)
            what = next((w for part in parts if (w := self.bad(part))), "")
            if what:
                raise self._backward_error(node, i, g, what)

    def _backward_error(self, node: Any, i: int, g: Any, what: str) -> AnomalyError:
        incoming = list(g.items.values()) if isinstance(g, Cotangents) else [g]
        names = getattr(node, "names", ())
        number = node.plan.arrays[i] if isinstance(node, Operation) else i
        operand = names[number] if number < len(names) else f"number {number}"
        origin = self.origins.get(node)
        where = origin.text() if origin is not None else f"recorded at {place_of(node)}"
        labels, values = ["the gradient that came in"] * len(incoming), incoming
        known = isinstance(node, SavingNode) and isinstance(node.saved, tuple)
        for source, value in zip(node.sources(), node.saved, strict=True) if known else ():
            if source[0] == "input" and isinstance(source[1], int):
                labels, values = [*labels, names[source[1]]], [*values, value]
            elif source[0] == "answer":
                labels, values = [*labels, "its result"], [*values, value]
        cause = "it came in" if any(self.bad(v) for v in incoming) else "it arose here"
        error = AnomalyError(
            f"{node.title()}: {what} of the gradient for its operand {operand}, in the backward pass of the operation {where}: {cause}: "
            f"{_ranges(labels, values)}; keep the operands away from where the slope is infinite or undefined (clamp, or add an eps)"
        )
        if origin is not None:
            error.add_note(origin.stack())
        return error


def _inside(value: Any) -> Any:
    """The array in ``value``, if that is a box."""
    return all_values(value) if isinstance(value, Boxed) else value


def _ranges(names: Any, values: Any) -> str:
    """Shapes, dtypes and ranges: ``x is float32 (3,), from -1 to 2``."""
    told = []
    for name, value in zip(names, values, strict=False):
        value = _inside(value)
        text = f"{name} is {describe(value)}"
        if isinstance(value, ndarray) and value.size and value.dtype.kind in "biuf":
            finite = value[np.isfinite(value)]
            text += f", from {finite.min():.4g} to {finite.max():.4g}" if finite.size else ", nothing finite"
            if finite.size < value.size:
                text += f", {value.size - finite.size} not finite"
        told.append(text)
    return "; ".join(told)


class detect_anomaly(Restoring, ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Stop at the first NaN, in the forward or the backward pass, and say where it arose: a context manager and decorator.

    The `AnomalyError` names the operation, the line of the program, the module, and shapes and ranges of the operands.
    ``check_inf`` stops at infinities too; ``check_nan=False`` looks for those only. Operations take about twice as long meanwhile.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.tensor([4.0, -1.0], requires_grad=True)
    >>> try:
    ...     with detect_anomaly():
    ...         x.sqrt()
    ... except RuntimeError as error:
    ...     print(str(error).split(",")[0])
    sqrt: NaN in 1 of 2 elements of the result
    """

    def __init__(self, check_nan: bool = True, check_inf: bool = False) -> None:
        self.detector = _Detector(check_nan, check_inf)

    def __enter__(self) -> detect_anomaly:
        observe.observe(self, self.detector)
        return self


#: The detector of the whole program, if it is on.
_everywhere: list[_Detector] = []


class set_detect_anomaly:  # noqa: N801  (PyTorch's name)
    """Switch `detect_anomaly` on or off for the whole program, all threads; used as a context manager it restores what was before.

    >>> with set_detect_anomaly(True):
    ...     is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True, check_inf: bool = False) -> None:
        self.before = _everywhere[0] if _everywhere else None
        _switch(_Detector(check_nan, check_inf) if mode else None)

    def restore(self) -> None:
        """What was before."""
        _switch(self.before)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        self.restore()


def _switch(detector: _Detector | None) -> None:
    """Make ``detector`` the only one of the whole program."""
    for old in _everywhere:
        observe.remove_everywhere(old)
    _everywhere[:] = [] if detector is None else [detector]
    for new in _everywhere:
        observe.add_everywhere(new)


def from_environment(value: str) -> None:
    """Switch on what the environment variable asks for: ``1`` (or ``nan``) for NaN, ``inf`` for NaN and infinities."""
    known = {"": (False, False), "0": (False, False), "1": (True, False), "nan": (True, False), "inf": (True, True)}
    if value.lower() not in known:
        raise ArgumentError(f"TL_DETECT_ANOMALY: must be 1, nan, inf or 0: got {value!r}; set it to one of them, or unset it")
    on, infinities = known[value.lower()]
    if on:
        set_detect_anomaly(True, check_inf=infinities)


def is_anomaly_enabled() -> bool:
    """Whether anything is being looked for in this thread."""
    return any(isinstance(o, _Detector) for o in state.observers)


def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN is being looked for in this thread."""
    return any(isinstance(o, _Detector) and o.check_nan for o in state.observers)
