"""Where time and memory go: `profile` watches operations and their derivatives, `record_function` names parts of a program.

Here: how events come about. Not here: what is made of them (``profile_events.py``), schedules of steps (`tl.profiler`), modules and
optimizers, which stand above this and add themselves (`AROUND`).

While nobody profiles this costs nothing: operations are seen by an observer (``core/observe.py``), for which the compiled calls stand
aside.
"""

from __future__ import annotations

import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ContextDecorator, ExitStack
from typing import Any, Self

from .._errors import GraphError
from .._lazy import load
from .._lazy import public as _public
from .._typing import Array, OperationLike
from ..core.observe import Observer, add_everywhere, remove_everywhere
from ..core.recording import Recorded
from ..core.tape import Select
from ..core.where import know_inside
from .profile_events import EventList, FunctionEvent, FunctionEventAvg

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "profile", "record_function"]
__dir__ = _public(globals())

#: The profiler under way, if there is one: the parts of a program that `record_function` names go to it.
_active: list[Collector] = []
#: What else is watched by a collector meanwhile, by its name; files above this one add to it.
AROUND: dict[str, Callable[[Collector], AbstractContextManager[Any]]] = {}
#: How the number of floating-point operations is known, from above.
FLOPS: list[Callable[..., int]] = []
#: The most lines of a stack.
DEEPEST = 32


class Collector(Observer):
    """Makes events of what it is told; each thread has a stack of those under way."""

    def __init__(self, shapes: bool, memory: bool, stack: bool, count: bool, parts: Iterable[str]) -> None:
        self.shapes, self.memory, self.with_stack, self.count, self.parts = shapes, memory, stack, count, tuple(parts)
        self.events: list[FunctionEvent] = []
        self.own = threading.local()
        #: The path of the module in which each node was recorded, by its number.
        self.modules: dict[int, str] = {}
        self.around = ExitStack()
        #: Whether what happens now is left out.
        self.paused = False
        self.traced = False

    # ---- the time it is on ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin to watch, in every thread."""
        if _active:
            raise GraphError("profile: one profiler is on already, and there is one at a time; stop it first")
        for part in self.parts:
            if part not in AROUND:
                load("profiler")
            self.around.enter_context(AROUND[part](self))
        if self.count and not FLOPS:
            load("profiler")
        if self.memory and not tracemalloc.is_tracing():
            tracemalloc.start(1)
            self.traced = True
        _active.append(self)
        add_everywhere(self)

    def stop(self) -> EventList:
        """Watch no longer; what was seen, in the order in which it began. What is still under way ends now."""
        remove_everywhere(self)
        _active.remove(self)
        self.around.close()
        while self.stack:
            self.leave(self.stack[-1])
        if self.traced:
            tracemalloc.stop()
        events = sorted(self.events, key=lambda e: (e.start_ns, -e.end_ns))
        for i, e in enumerate(events):
            e.id = i
            e.settle()
        return EventList(events, self.memory, self.count)

    # ---- events -------------------------------------------------------------------------------------------------------------
    @property
    def stack(self) -> list[FunctionEvent]:
        """The events under way in this thread."""
        found: list[FunctionEvent] | None = vars(self.own).get("stack")
        if found is None:
            found = self.own.stack = []
        return found

    def enter(self, name: str, kind: str, module: str | None = None) -> FunctionEvent:
        """An event begins."""
        stack = self.stack
        parent = stack[-1] if stack else None
        if module is None:
            module = "" if parent is None else parent.module
        event = FunctionEvent(name, kind, threading.get_ident(), 0, parent, module)
        event.left_out = self.paused
        stack.append(event)
        if self.with_stack and kind in ("op", "user"):
            event.stack = _stack(sys._getframe(2))
        if self.memory:
            event.cpu_memory_usage = -tracemalloc.get_traced_memory()[0]
        event.start_ns = time.perf_counter_ns()  # what this itself needs is its parent's
        return event

    def leave(self, event: FunctionEvent) -> None:
        """It ends, and with it what an error left under way inside it."""
        now = time.perf_counter_ns()
        memory = tracemalloc.get_traced_memory()[0] if self.memory else 0
        stack = self.stack
        if not any(e is event for e in stack):
            return
        while True:
            last = stack.pop()
            last.end(now)
            if self.memory:
                last.cpu_memory_usage += memory
            if not last.left_out:
                self.events.append(last)
            if last is event:
                return

    def computing(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any]) -> None:
        """An operation begins."""
        kind: Any = op
        event = self.enter(kind.__name__, "op")
        if self.shapes:
            event.input_shapes = [list(a.shape) if hasattr(a, "shape") else [] for a in args]

    def computed(self, op: OperationLike, args: tuple[Array, ...], params: dict[str, Any], ans: Any) -> None:
        """It ends."""
        kind: Any = op
        event = self._latest(kind.__name__, "op")
        if event is None:
            return
        self.leave(event)
        if self.count:
            event.flops = FLOPS[0](op, args, params, ans)

    def recorded(self, node: Any) -> None:
        """A node remembers in which module it was recorded."""
        if self.stack and self.stack[-1].module:
            self.modules[node.seq] = self.stack[-1].module

    def deriving(self, node: Any, g: Array) -> None:
        """A backward rule begins."""
        self.enter(_name_of(node), "backward", self.modules.get(node.seq))

    def derived(self, node: Any, g: Array, grads: Any) -> None:
        """It ends."""
        event = self._latest(_name_of(node), "backward")
        if event is not None:
            self.leave(event)

    def _latest(self, name: str, kind: str) -> FunctionEvent | None:
        """The innermost event of this name that is under way."""
        return next((e for e in reversed(self.stack) if e.name == name and e.kind == kind), None)


def _name_of(node: Any) -> str:
    """``TanhBackward`` of the node that ``Tanh`` made."""
    if type(node) is Select:
        return "SelectBackward"
    return f"{type(node).__name__}Backward" if isinstance(node, Recorded) else f"{node.title()} (backward)"


def _stack(frame: Any) -> list[str]:
    """The lines of the user's program that led here, the innermost first."""
    inside = know_inside()
    lines: list[str] = []
    while frame is not None and len(lines) < DEEPEST:
        code = frame.f_code
        if code.co_filename not in inside and not code.co_filename.startswith("<compiled"):
            lines.append(f"{code.co_filename}({frame.f_lineno}): {code.co_name}")
        frame = frame.f_back
    return lines


class record_function(ContextDecorator):  # noqa: N801  (PyTorch's name)
    """Name a part of a program in the results of a profiler: a context manager or a decorator. Without a profiler it does nothing.

    >>> import tensorflowlite_clone as tl
    >>> with profile() as prof, record_function("the sum"):
    ...     _ = tl.ones(3).sum()
    >>> [e.name for e in prof.function_events]
    ['the sum', 'Sum']
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args

    def _recreate_cm(self) -> Self:
        return type(self)(self.name, self.args)

    def __enter__(self) -> Self:
        self.collector = _active[-1] if _active else None
        self.event = None if self.collector is None else self.collector.enter(self.name, "user")
        return self

    def __exit__(self, *exc: object) -> None:
        if self.collector is not None and self.event is not None:
            self.collector.leave(self.event)


class profile:  # noqa: N801  (PyTorch's name)
    """Watch the operations of the block, forward and backward, in all threads.

    Args:
        enabled: False does nothing.
        record_shapes: whether events have the shapes of their operands.
        with_flops: whether they have the number of floating-point operations.
        profile_memory: whether they have the bytes that they left allocated, as `tracemalloc` knows them, which slows programs down.
        with_stack: whether they have the lines of the program that led to them.
        with_modules: whether modules are events, and the others have the path of the module around them, also in the backward pass.

    The other arguments concern devices that there are none of here, and change nothing. A watched operation takes the general path, some
    microseconds longer than else.

    Raises `GraphError` where a profiler is on already.

    >>> import tensorflowlite_clone as tl
    >>> x = tl.ones(2, requires_grad=True)
    >>> with profile(record_shapes=True) as prof:
    ...     (x * 2).sum().backward()
    >>> [(e.name, e.input_shapes) for e in prof.function_events]
    [('Multiply', [[2], []]), ('Sum', [[2]]), ('SumBackward', []), ('MultiplyBackward', [])]
    >>> prof.key_averages().table(sort_by="self_cpu_time_total").count("Multiply")
    2
    """

    def __init__(
        self, enabled: bool = True, *, use_cuda: bool = False, use_device: Any = None, record_shapes: bool = False,
        with_flops: bool = False, profile_memory: bool = False, with_stack: bool = False, with_modules: bool = False,
        use_kineto: bool = False, use_cpu: bool = True, experimental_config: Any = None, acc_events: bool = False,
        custom_trace_id_callback: Any = None, post_processing_timeout_s: float | None = None, activity_filters: Any = None,
    ) -> None:  # fmt: skip
        self.enabled = enabled
        parts = ["optimizers", *(["modules"] if with_modules else [])]
        self._settings = (record_shapes, profile_memory, with_stack, with_flops, parts)
        self._collector: Collector | None = None
        self.function_events: EventList = EventList()

    def __enter__(self) -> Self:
        if self.enabled:
            collector = Collector(*self._settings)
            collector.start()
            self._collector = collector
        return self

    def __exit__(self, *exc: object) -> None:
        if self._collector is not None:
            self.function_events, self._collector = self._collector.stop(), None

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False,
        group_by_module: bool = False,
    ) -> EventList:  # fmt: skip
        """Sums over events of one name; see `EventList.key_averages`."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name, group_by_module)

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75, max_name_column_width: int = 55,
        max_shapes_column_width: int = 80, header: str | None = None, top_level_events_only: bool = False,
    ) -> str:  # fmt: skip
        """The events as a table; see `EventList.table`."""
        return self.function_events.table(
            sort_by, row_limit, max_src_column_width, max_name_column_width, max_shapes_column_width, header, top_level_events_only
        )

    def export_chrome_trace(self, path: Any) -> None:
        """Write a trace; see `EventList.export_chrome_trace`."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write stacks; see `EventList.export_stacks`."""
        self.function_events.export_stacks(path, metric)

    def total_average(self) -> FunctionEventAvg:
        """The sum over all events."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self) -> float:
        """The time that all events took, in microseconds."""
        return self.function_events.self_cpu_time_total

    def __repr__(self) -> str:
        return repr(self.function_events) if not self.function_events else str(self.function_events)
