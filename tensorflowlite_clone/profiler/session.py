"""`profile` with a schedule: which steps of a program are watched, and who is told when some have been.

Here: PyTorch's ``torch.profiler``. Not here: how events come about (``autograd/profiler.py``).
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any, Self

from .._checks import integer
from .._errors import ArgumentError, GraphError, OperandError
from ..autograd.profile_events import EventList
from ..autograd.profiler import Collector, record_function


class ProfilerActivity(Enum):
    """What is watched: there is the CPU alone."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(Enum):
    """What is done in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


NONE, WARMUP, RECORD, SAVE = ProfilerAction


def supported_activities() -> set[ProfilerActivity]:
    """The CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A schedule: after ``skip_first`` steps, again and again (``repeat`` times, if that is not 0) ``wait``, ``warmup`` and ``active``
    steps.

    In ``warmup`` steps the profiler is on, and what it sees is thrown away. With ``skip_first_wait`` the first round does without ``wait``.

    >>> steps = schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [steps(i).name for i in range(6)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE', 'NONE']
    """
    given = {"wait": wait, "warmup": warmup, "repeat": repeat, "skip_first": skip_first}
    for name, value in given.items():
        integer("schedule", name, value)
    integer("schedule", "active", active, 1)
    whole = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        step -= skip_first
        if step < 0:
            return NONE
        if skip_first_wait:
            step += wait
        if repeat and step >= repeat * whole:
            return NONE
        step %= whole
        if step < wait:
            return NONE
        if step < wait + warmup:
            return WARMUP
        return RECORD if step < whole - 1 else SAVE

    return action


def tensorboard_trace_handler(
    dir_name: Any, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[profile], None]:
    """A function for ``on_trace_ready`` that writes each trace into the folder ``dir_name``, which is made."""

    def write(prof: profile) -> None:
        os.makedirs(os.fspath(dir_name), exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(os.fspath(dir_name), name))

    return write


class profile:  # noqa: N801  (PyTorch's name)
    """Watch operations, forward and backward, modules and optimizers of the steps that ``schedule`` chooses; all of them, without one.

    A context manager, in which the program calls `step` after each step. When steps with the action ``RECORD_AND_SAVE`` are over, and at
    the end, ``on_trace_ready(self)`` is called, in which `key_averages`, `events` and `export_chrome_trace` tell what was seen.

    ``record_shapes``, ``profile_memory``, ``with_stack``, ``with_flops``, ``with_modules`` are those of `autograd.profiler.profile`.
    ``activities`` must have the CPU among them, others see nothing here; ``acc_events=True`` keeps the events of all rounds. The other
    arguments concern devices that there are none of here.

    Raises `ArgumentError` for activities without the CPU, and `GraphError` where a profiler is on already.

    >>> import tensorflowlite_clone as tl
    >>> def ready(prof):
    ...     print([e.key for e in prof.key_averages()])
    >>> with profile(schedule=schedule(wait=1, warmup=0, active=1), on_trace_ready=ready) as prof:
    ...     for _ in range(2):
    ...         _ = tl.ones(3).sum()
    ...         prof.step()
    ['ProfilerStep#1', 'Sum']
    """

    def __init__(
        self, *, activities: Iterable[Any] | None = None, schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[..., Any] | None = None, record_shapes: bool = False, profile_memory: bool = False,
        with_stack: bool = False, with_flops: bool = False, with_modules: bool = False, experimental_config: Any = None,
        execution_trace_observer: Any = None, acc_events: bool = False, use_cuda: bool | None = None,
        custom_trace_id_callback: Callable[[], str] | None = None, post_processing_timeout_s: float | None = None,
    ) -> None:  # fmt: skip
        chosen = {ProfilerActivity.CPU} if activities is None else {a for x in activities for a in (x if isinstance(x, dict) else [x])}
        if not all(isinstance(a, ProfilerActivity) for a in chosen):
            raise OperandError(f"profile: activities must be ProfilerActivity.CPU and its like: got {activities!r:.80}")
        if ProfilerActivity.CPU not in chosen:
            raise ArgumentError(f"profile: activities must have ProfilerActivity.CPU among them, all else is absent here: got {chosen}")
        for name, f in (("schedule", schedule), ("on_trace_ready", on_trace_ready)):
            if f is not None and not callable(f):
                raise OperandError(f"profile: {name} must be a function: got {type(f).__name__} {f!r:.60}; see tl.profiler.{name}")
        self.activities, self.schedule, self.on_trace_ready = chosen, schedule, on_trace_ready
        self.record_shapes, self.profile_memory, self.with_stack = record_shapes, profile_memory, with_stack
        self.with_flops, self.with_modules, self.acc_events = with_flops, with_modules, acc_events
        self.step_num = 0
        self.current_action = NONE
        self._collector: Collector | None = None
        self._step: record_function | None = None
        self._events: EventList | None = None
        self._metadata: dict[str, str] = {}

    def _action(self) -> ProfilerAction:
        action = RECORD if self.schedule is None else self.schedule(self.step_num)
        if not isinstance(action, ProfilerAction):
            raise OperandError(f"profile: schedule must give a ProfilerAction: it gave {action!r:.60} for step {self.step_num}")
        return action

    # ---- from step to step ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Begin with step 0."""
        self.step_num, self._events = 0, None
        self._go(NONE, self._action())
        self._begin_step()

    def stop(self) -> None:
        """End the step under way, and tell `on_trace_ready` of what was seen and not told yet."""
        self._end_step()
        before, self.current_action = self.current_action, NONE
        seen = self._collector is not None and before in (RECORD, SAVE)
        self._collect(keep=seen)
        if seen and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def step(self) -> None:
        """A step is over, and the next one begins."""
        self._end_step()
        self.step_num += 1
        self._go(self.current_action, self._action())
        self._begin_step()

    def _go(self, before: ProfilerAction, now: ProfilerAction) -> None:
        """From one action to the next."""
        self.current_action = now
        if before is SAVE or (before is RECORD and now in (NONE, WARMUP)):
            self._collect(keep=True)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif before is WARMUP and now is not WARMUP:
            self._collect(keep=False)
        if now is not NONE and self._collector is None:
            parts = ["optimizers", *(["modules"] if self.with_modules else [])]
            collector = Collector(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops, parts)
            collector.start()
            self._collector = collector

    def _collect(self, keep: bool) -> None:
        """End collecting; what was seen is kept, or thrown away."""
        if self._collector is None:
            return
        events, self._collector = self._collector.stop(), None
        if keep:
            if self.acc_events and self._events is not None:
                events[:0] = self._events
            self._events = events

    def _begin_step(self) -> None:
        if self.schedule is not None and self._collector is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def prepare_trace(self) -> None:
        """Nothing: there is nothing to prepare."""

    def start_trace(self) -> None:
        """Begin to collect, whatever the schedule says."""
        self._go(NONE, RECORD)

    def stop_trace(self) -> None:
        """End collecting, and keep what was seen."""
        self.current_action = NONE
        self._collect(keep=True)

    def toggle_collection_dynamic(self, enable: bool, activities: Iterable[ProfilerActivity]) -> None:
        """Leave out what happens from now on, or (``enable=True``) no longer."""
        if self._collector is not None and ProfilerActivity.CPU in activities:
            self._collector.paused = not enable

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    # ---- what was seen ------------------------------------------------------------------------------------------------------
    def events(self) -> EventList:
        """All events of the last steps that were watched; raises `GraphError` where there are none yet."""
        if self._events is None:
            raise GraphError("profile: nothing was recorded yet: ask after the block, or in on_trace_ready, of steps that are recorded")
        return self._events

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False,
        group_by_module: bool = False,
    ) -> EventList:  # fmt: skip
        """Sums over events of one name; see `EventList.key_averages`."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name, group_by_module)

    def export_chrome_trace(self, path: Any) -> None:
        """Write a trace; see `EventList.export_chrome_trace`."""
        self.events().export_chrome_trace(path, self._metadata)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write stacks; see `EventList.export_stacks`."""
        self.events().export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Add a text to the traces that are written."""
        self._metadata[str(key)] = str(value)

    def add_metadata_json(self, key: str, value: str) -> None:
        """Add a value, given as JSON, to the traces that are written."""
        self._metadata[str(key)] = json.loads(value)

    preset_metadata_json = add_metadata_json
