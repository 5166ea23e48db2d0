"""What a profiler has seen: events with times and memory, sums over events of one kind, tables of them, and Chrome's trace format.

Here: `FunctionEvent`, `EventList`. Not here: how they come about (``profiler.py``).
"""

from __future__ import annotations

import gzip
import json
import os
import threading
from collections.abc import Iterable
from typing import Any, Self

from .._errors import ArgumentError


class FunctionEvent:
    """One operation, backward rule, module, step, or part that the user named. Times are in microseconds, memory in bytes.

    ``kind`` is one of ``"op"``, ``"backward"``, ``"module"``, ``"user"``, ``"optimizer"``; ``module`` the path of the module around it.
    """

    is_async = is_remote = is_legacy = False
    device_time = device_time_total = self_device_time_total = device_memory_usage = self_device_memory_usage = 0
    count = 1

    def __init__(self, name: str, kind: str, thread: int, start: int, parent: FunctionEvent | None, module: str = "") -> None:
        self.name = self.key = name
        self.kind, self.thread, self.module = kind, thread, module
        self.start_ns = self.end_ns = start
        self.cpu_parent = parent
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes: list[Any] = []
        self.stack: list[str] = []
        self.flops = 0
        self.cpu_memory_usage = 0
        self.id = 0
        self.left_out = False
        #: What of its time and memory its children had.
        self._theirs = [0, 0]

    def end(self, now: int) -> None:
        """The event is over."""
        self.end_ns = now
        if self.cpu_parent is not None and not self.left_out:
            self.cpu_parent.cpu_children.append(self)

    def settle(self) -> None:
        """Add up what the children had, once."""
        self._theirs = [sum(c.end_ns - c.start_ns for c in self.cpu_children), sum(c.cpu_memory_usage for c in self.cpu_children)]

    @property
    def cpu_time_total(self) -> float:
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1000

    cpu_time = cpu_time_total

    @property
    def self_cpu_time_total(self) -> float:
        """How long it took, without the events inside it."""
        return max(0, self.end_ns - self.start_ns - self._theirs[0]) / 1000

    @property
    def self_cpu_memory_usage(self) -> int:
        """The bytes that it left allocated, without the events inside it."""
        return self.cpu_memory_usage - self._theirs[1]

    def __repr__(self) -> str:
        return f"<FunctionEvent {self.name} cpu_time={self.cpu_time_total:.3f}us module={self.module!r} input_shapes={self.input_shapes}>"


class FunctionEventAvg:
    """The sum over the events of one key; ``cpu_time`` is the mean."""

    device_time_total = self_device_time_total = device_memory_usage = self_device_memory_usage = 0

    def __init__(self) -> None:
        self.key = self.kind = self.module = ""
        self.count = self.flops = self.cpu_memory_usage = self.self_cpu_memory_usage = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.input_shapes: list[Any] = []
        self.stack: list[str] = []

    @property
    def cpu_time(self) -> float:
        """The mean of its times."""
        return self.cpu_time_total / self.count if self.count else 0.0

    def add(self, event: Any) -> Self:
        """Take one event more, or the sum of some."""
        if not self.count:
            self.key, self.kind, self.module, self.input_shapes, self.stack = (
                event.key, event.kind, event.module, event.input_shapes, event.stack,
            )  # fmt: skip
        inside = event.cpu_parent if isinstance(event, FunctionEvent) else None
        while inside is not None and inside.key != event.key:
            inside = inside.cpu_parent
        if inside is None:  # else its time is part of that of an event of the same key
            self.cpu_time_total += event.cpu_time_total
            self.cpu_memory_usage += event.cpu_memory_usage
        self.self_cpu_time_total += event.self_cpu_time_total
        self.self_cpu_memory_usage += event.self_cpu_memory_usage
        self.flops += event.flops
        self.count += event.count
        return self

    def __repr__(self) -> str:
        times = f"self_cpu_time={self.self_cpu_time_total:.3f}us cpu_time={self.cpu_time:.3f}us"
        return f"<FunctionEventAvg key={self.key} count={self.count} {times}>"


#: What a table can be sorted by; device times are those of no device.
SORTS = (
    "cpu_time", "device_time", "cuda_time", "xpu_time", "cpu_time_total", "device_time_total", "cuda_time_total", "xpu_time_total",
    "cpu_memory_usage", "device_memory_usage", "cuda_memory_usage", "xpu_memory_usage", "self_cpu_time_total", "self_device_time_total",
    "self_cuda_time_total", "self_cpu_memory_usage", "self_device_memory_usage", "self_cuda_memory_usage", "count", "flops",
)  # fmt: skip


class EventList(list[Any]):
    """Events, or sums of them, that print as a table."""

    def __init__(self, events: Iterable[Any] = (), profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self.profile_memory, self.with_flops = profile_memory, with_flops

    @property
    def self_cpu_time_total(self) -> float:
        """The time that all events took, in microseconds."""
        return float(sum(e.self_cpu_time_total for e in self))

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False,
        group_by_module: bool = False,
    ) -> EventList:  # fmt: skip
        """Sums over the events of one name, and, where that is asked, of one set of shapes, one stack (its ``n`` first lines), one module.

        Operations have one form each: ``group_by_overload_name`` changes nothing.
        """
        sums: dict[Any, FunctionEventAvg] = {}
        for e in self:
            stack = tuple(e.stack[:group_by_stack_n]) if group_by_stack_n else ()
            key = (e.key, str(e.input_shapes) if group_by_input_shapes else "", stack, e.module if group_by_module else "")
            found = sums.setdefault(key, FunctionEventAvg()).add(e)
            found.stack = list(stack)
            found.input_shapes = e.input_shapes if group_by_input_shapes else []
            found.module = e.module if group_by_module else ""
        return EventList(sums.values(), self.profile_memory, self.with_flops)

    def total_average(self) -> FunctionEventAvg:
        """The sum over all events."""
        total = FunctionEventAvg()
        for e in self:
            total.add(e)
        total.key = "Total"
        return total

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75, max_name_column_width: int = 55,
        max_shapes_column_width: int = 80, header: str | None = None, top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:  # fmt: skip
        """A table of at most ``row_limit`` rows (-1: all), the largest ``sort_by`` first; ``time_unit`` is one of s, ms, us.

        Raises `ArgumentError` for what rows cannot be sorted by.
        """
        events = list(self)
        if sort_by is not None:
            if sort_by not in SORTS:
                raise ArgumentError(f"table: sort_by must be one of {', '.join(SORTS)}: got {sort_by!r:.60}; choose one")
            field = sort_by.replace("cuda", "device").replace("xpu", "device")
            events.sort(key=lambda e: -getattr(e, field, 0))
        if time_unit not in (None, "s", "ms", "us"):
            raise ArgumentError(f"table: time_unit must be 's', 'ms' or 'us': got {time_unit!r:.60}; choose one")
        if top_level_events_only:
            events = [e for e in events if getattr(e, "cpu_parent", None) is None]
        total = self.self_cpu_time_total
        shown = events if row_limit < 0 else events[:row_limit]
        rows = [self._row(e, total, max_name_column_width, time_unit) for e in shown]
        columns = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg"]
        columns += ["CPU Mem", "Self CPU Mem"] * self.profile_memory + ["# of Calls"]
        extras = [
            ("Input Shapes", [str(e.input_shapes)[:max_shapes_column_width] for e in shown], any(e.input_shapes for e in events)),
            ("Module", [e.module[:max_shapes_column_width] for e in shown], any(e.module for e in events)),
            ("Source Location", [(e.stack or [""])[0][-max_src_column_width:] for e in shown], any(e.stack for e in events)),
            ("Total FLOPs", [f"{e.flops:,}" if e.flops else "--" for e in shown], self.with_flops),
        ]
        for title, cells, there in extras:
            if there:
                columns.append(title)
                for row, cell in zip(rows, cells, strict=True):
                    row.append(cell)
        widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
        rule = "  ".join("-" * w for w in widths)
        lines = [rule, *("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in [columns, *rows])]
        lines.insert(2, rule)
        head = [] if header is None else ["=" * len(rule), header]
        return "\n".join([*head, *lines, rule, f"Self CPU time total: {_time(total, time_unit)}", ""])

    def _row(self, e: Any, total: float, width: int, unit: str | None) -> list[str]:
        name = e.key if len(e.key) <= width else e.key[: width - 3] + "..."
        share = [f"{100 * t / total if total else 0:.2f}%" for t in (e.self_cpu_time_total, e.cpu_time_total)]
        row = [name, share[0], _time(e.self_cpu_time_total, unit), share[1], _time(e.cpu_time_total, unit), _time(e.cpu_time, unit)]
        return row + [_memory(m) for m in (e.cpu_memory_usage, e.self_cpu_memory_usage)] * self.profile_memory + [str(e.count)]

    def export_chrome_trace(self, path: Any, metadata: dict[str, str] | None = None) -> None:
        """Write the events as a trace for chrome://tracing and ui.perfetto.dev; compressed where the name ends in ``.gz``."""
        process = os.getpid()
        names = {t.ident: t.name for t in threading.enumerate()}
        threads = {e.thread for e in self}
        found: list[dict[str, Any]] = [
            {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": "tensorflowlite_clone"}},
            *(
                {"ph": "M", "name": "thread_name", "pid": process, "tid": t, "args": {"name": names.get(t, f"thread {t}")}}
                for t in sorted(threads)
            ),
        ]
        kept = 0
        for e in sorted(self, key=lambda e: (e.start_ns, -e.end_ns)):
            args = {"Input Dims": e.input_shapes, "Module": e.module, "Call stack": ";".join(e.stack), "flops": e.flops}
            args = {"Ev Idx": e.id, **{k: v for k, v in args.items() if v}}
            category = {"op": "cpu_op", "backward": "cpu_op", "user": "user_annotation"}.get(e.kind, "python_function")
            found.append({
                "ph": "X", "cat": category, "name": e.name, "pid": process, "tid": e.thread, "ts": e.start_ns / 1000,
                "dur": e.cpu_time_total, "args": args,
            })  # fmt: skip
            if self.profile_memory and e.self_cpu_memory_usage:
                kept += e.self_cpu_memory_usage
                found.append({
                    "ph": "C", "name": "allocated bytes", "pid": process, "tid": e.thread, "ts": e.end_ns / 1000, "args": {"bytes": kept},
                })  # fmt: skip
        content = json.dumps({"schemaVersion": 1, "displayTimeUnit": "ms", **(metadata or {}), "traceEvents": found})
        name = os.fspath(path)
        if name.endswith(".gz"):
            with gzip.open(name, "wt", encoding="utf-8") as file:
                file.write(content)
        else:
            with open(name, "w", encoding="utf-8") as file:
                file.write(content)

    def export_stacks(self, path: Any, metric: str = "self_cpu_time_total") -> None:
        """Write the stacks of the events with their ``metric``, for flame graphs: ``outer;inner;... microseconds``."""
        if metric not in self.supported_export_stacks_metrics():
            raise ArgumentError(
                f"export_stacks: metric must be one of {', '.join(self.supported_export_stacks_metrics())}: got {metric!r:.60}; choose one"
            )
        with open(os.fspath(path), "w", encoding="utf-8") as file:
            for e in self:
                if e.stack and int(getattr(e, metric)) > 0:
                    line = ";".join(frame.replace(" ", "_").replace(";", "_") for frame in reversed(e.stack))
                    file.write(f"{line} {int(getattr(e, metric))}\n")

    @staticmethod
    def supported_export_stacks_metrics() -> list[str]:
        """What `export_stacks` can write."""
        return ["self_cpu_time_total"]

    def __str__(self) -> str:
        return self.table()


def _time(us: float, unit: str | None = None) -> str:
    """A time with its unit.

    >>> _time(12.5), _time(2500), _time(3e6), _time(2500, "us")
    ('12.500us', '2.500ms', '3.000s', '2500.000us')
    """
    unit = unit or ("s" if us >= 1e6 else "ms" if us >= 1e3 else "us")
    return f"{us / {'s': 1e6, 'ms': 1e3, 'us': 1}[unit]:.3f}{unit}"


def _memory(n: int) -> str:
    """A number of bytes with its unit.

    >>> _memory(12), _memory(-2048), _memory(3 << 20)
    ('12 B', '-2.00 KB', '3.00 MB')
    """
    for size, unit in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if abs(n) >= size:
            return f"{n / size:.2f} {unit}"
    return f"{n} B"
