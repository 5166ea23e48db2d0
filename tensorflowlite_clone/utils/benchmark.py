"""How long statements take: `Timer` measures one, a `Measurement` is what it found, `Compare` a table of several.

Here: PyTorch's names and its table. Not here: where the time goes (`tl.profiler`), the package's own benchmarks (``benchmarks/``).
"""

from __future__ import annotations

import math
import sys
import textwrap
import time
import timeit
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import ArgumentError, OperandError
from .._lazy import public as _public
from ..kernels.threads import get_num_threads, set_num_threads

PACKAGE = __name__.partition(".")[0]

__all__ = ["Compare", "Measurement", "TaskSpec", "Timer", "select_unit", "timer", "unit_to_english"]
__dir__ = _public(globals())

timer = time.perf_counter
UNITS = {"ns": (1e-9, "nanosecond"), "us": (1e-6, "microsecond"), "ms": (1e-3, "millisecond"), "s": (1.0, "second")}


def select_unit(t: float) -> tuple[str, float]:
    """The unit in which ``t`` seconds are a handy number, and its length.

    >>> select_unit(0.002)
    ('ms', 0.001)
    """
    unit = {-3: "ns", -2: "us", -1: "ms"}.get(math.floor(math.log10(t) / 3), "s")
    return unit, UNITS[unit][0]


def unit_to_english(u: str) -> str:
    """The unit's name."""
    return UNITS[u][1]


def _trimmed(x: float, n: int) -> float:
    """``x`` to ``n`` significant figures."""
    return round(x, n - math.ceil(math.log10(abs(x))))


@contextmanager
def _threads(n: int) -> Any:
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


@dataclass(frozen=True, repr=False)
class TaskSpec:
    """What is measured, and what it is called."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, else the statement, with what is said below it."""
        if self.label is None and "\n" in self.stmt:
            return f"stmt:{f' ({self.sub_label})' if self.sub_label else ''}\n{textwrap.indent(self.stmt, '  ')}"
        return (self.stmt if self.label is None else self.label) + (f": {self.sub_label}" if self.sub_label else "")

    def summarize(self) -> str:
        """Title, description and setup."""
        setup = self.setup if "\n" not in self.setup else "\n" + textwrap.indent(self.setup, "  ")
        parts = [self.title, self.description or "", f"setup: {setup}" if setup not in ("", "pass") else ""]
        return "\n".join(p + "\n" * ("\n" in p) for p in parts if p)


@dataclass(repr=False)
class Measurement:
    """Times of ``number_per_run`` runs each, ``raw_times``, in seconds; it has the fields of its ``task_spec``, too.

    >>> Measurement(10, [2e-5, 3e-5, 2.2e-5], TaskSpec("f()", "pass", label="f", sub_label="small"))
    f: small
      Median: 2.20 us
      3 measurements, 10 runs per measurement, 1 thread
      WARNING: Interquartile range is 22.7% of the median measurement.
               This could indicate system fluctuation.
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__ and "task_spec" in vars(self):
            return getattr(self.task_spec, name)
        raise AttributeError(f"Measurement has no attribute {name!r}")

    @property
    def times(self) -> list[float]:
        """Seconds of a run, of each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    def _quantile(self, q: float) -> float:
        return float(np.quantile(self.times, q)) if self.raw_times else -1.0

    @property
    def median(self) -> float:
        """The median of the times."""
        return self._quantile(0.5)

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return float(np.mean(self.times)) if self.raw_times else -1.0

    @property
    def iqr(self) -> float:
        """The width of the middle half of the times."""
        return self._quantile(0.75) - self._quantile(0.25)

    @property
    def significant_figures(self) -> int:
        """How many figures of the median mean something, 1 to 5: from the spread of the middle half."""
        times, n = sorted(self.times), len(self.raw_times)
        middle = times[n // 4 : math.ceil(3 * n / 4)]
        interval = max(1.645 * float(np.std(middle)) / math.sqrt(len(middle)), 25e-9)
        return min(max(math.floor(math.log10(self.median / interval)), 1), 5)

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Whether the middle half is narrower than that part of the median."""
        return self.iqr / self.median < threshold

    @property
    def has_warnings(self) -> bool:
        """Whether the times differ by more than a tenth."""
        return not self.meets_confidence()

    @property
    def title(self) -> str:
        """That of the task."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """What its row of a table is called."""
        return self.sub_label or self.stmt or "[Unknown]"

    def __repr__(self) -> str:
        n, (unit, scale) = len(self.raw_times), select_unit(self.median)
        low, high = self._quantile(0.25) / scale, self._quantile(0.75) / scale
        runs = f"{self.number_per_run} runs {'per measurement,' if n > 1 else ','}"
        lines = [self.task_spec.summarize(), f"  {'Median: ' if n > 1 else ''}{self.median / scale:.2f} {unit}"]
        if n > 3:
            lines.append(f"  IQR:    {high - low:.2f} {unit} ({low:.2f} to {high:.2f})")
        lines.append(f"  {n} measurement{'s' * (n > 1)}, {runs} {self.num_threads} thread{'s' * (self.num_threads > 1)}")
        if self.has_warnings:
            why = "could indicate system fluctuation" if self.meets_confidence(0.25) else "suggests significant environmental influence"
            lines.append(f"  WARNING: Interquartile range is {100 * self.iqr / self.median:.1f}% of the median measurement.")
            lines.append(f"           This {why}.")
        return "\n".join(lines)

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """One for each task, of the times of all."""
        found: dict[TaskSpec, list[float]] = {}
        for m in measurements:
            found.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, times, task) for task, times in found.items()]


class Timer:
    """Measures the statement ``stmt``, a string that is run with ``globals`` beside ``torch`` and ``tl``, this package.

    Args:
        stmt, setup, global_setup: what is measured, and what runs before each measurement.
        timer: the clock. globals: the names that the statement knows.
        label, sub_label, description, env: the table, row and column of `Compare`, and what it ran on.
        num_threads: how many threads run meanwhile.

    Raises `ArgumentError` for a language other than Python.

    >>> import tensorflowlite_clone as tl
    >>> t = Timer("x @ x", globals={"x": tl.ones(8, 8)}, label="product")
    >>> m = t.timeit(10)
    >>> m.number_per_run, m.median > 0, m.title
    (10, True, 'product')
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "", timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None, label: str | None = None, sub_label: str | None = None, description: str | None = None,
        env: str | None = None, num_threads: int = 1, language: Any = "python",
    ) -> None:  # fmt: skip
        if not str(getattr(language, "value", language)).lower().startswith("py") or global_setup:
            raise ArgumentError(f"Timer: statements are Python's: got language={language!r}, global_setup={global_setup!r:.40}; use setup")
        package = sys.modules[PACKAGE]
        names = {"torch": package, "tl": package, **(globals or {})}
        stmt, setup = (textwrap.dedent(s).strip() for s in (stmt, setup))
        self._timer = timeit.Timer(stmt, setup, timer, names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _timeit(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def _found(self, number: int, times: list[float]) -> Measurement:
        return Measurement(number, times, self._task_spec)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One measurement of ``number`` runs, after some to warm up."""
        with _threads(self._task_spec.num_threads):
            self._timeit(max(number // 100, 2))
            return self._found(number, [self._timeit(number)])

    def _block(self, least: float) -> int:
        """How many runs take so long that the clock does not matter."""
        overhead, number = float(np.median([self._timeit(0) for _ in range(5)])), 1
        while True:
            t = self._timeit(number)
            if (overhead <= 1e-4 * t and t >= least / 1000) or t > least or number > 10**8:
                return number
            number *= 10

    def _loop(self, block: float, least: float, most: float, enough: Callable[[Measurement], bool], callback: Any) -> Measurement:
        with _threads(self._task_spec.num_threads):
            number, times = self._block(block), list[float]()
            while sum(times) < least or not enough(self._found(number, times)):
                times.append(self._timeit(number))
                if callback is not None:
                    callback(number, times[-1])
                if sum(times) > most:
                    break
        return self._found(number, times)

    def blocked_autorange(self, callback: Callable[[int, float], Any] | None = None, min_run_time: float = 0.2) -> Measurement:
        """Measurements of so many runs each that the clock does not matter, for ``min_run_time`` seconds together."""
        return self._loop(min_run_time, min_run_time, math.inf, lambda m: bool(m.raw_times), callback)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:  # fmt: skip
        """As `blocked_autorange`, until the middle half of the times is narrower than ``threshold`` of the median."""
        return self._loop(0.05, min_run_time, max_run_time, lambda m: len(m.raw_times) > 3 and m.meets_confidence(threshold), callback)


class Compare:
    """A table of measurements for each label: rows by sub-label (else statement), below numbers of threads; columns by description.

    >>> tasks = [TaskSpec("f()", "", label="f", sub_label=s, description=d) for s in ("small", "large") for d in ("old", "new")]
    >>> print(Compare([Measurement(1, [t * 1e-6], task) for t, task in zip([3, 2, 31, 25], tasks)]))  # doctest: +NORMALIZE_WHITESPACE
    [------------ f ------------]
                 |  old   |  new
    1 threads: ------------------
          small  |   3.0  |   2.0
          large  |  31.0  |  25.0
    <BLANKLINE>
    Times are in microseconds (us).
    <BLANKLINE>
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self._trim = self._highlight = False
        self._colour = ""
        self.extend_results(results)

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add more. Raises `OperandError` for anything but measurements."""
        for r in (given := [*results]):
            if not isinstance(r, Measurement):
                raise OperandError(f"Compare: results must be Measurements: got a {type(r).__name__}; pass what Timer's methods return")
        self._results += given

    def trim_significant_figures(self) -> None:
        """Show only figures that mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Colour the best and the worst of each column, or row."""
        self._colour = "row" if rowwise else "column"

    def highlight_warnings(self) -> None:
        """Mark times that differ by more than a tenth."""
        self._highlight = True

    def print(self) -> None:
        """Print the table."""
        print(self)

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        return "\n".join(self._table([m for m in merged if m.label == label]) for label in dict.fromkeys(m.label for m in merged))

    def _table(self, results: list[Measurement]) -> str:
        """The table of one label."""
        unit, scale = select_unit(min(m.median for m in results))
        rows = sorted(dict.fromkeys((m.num_threads, m.env or "", m.as_row_name) for m in results), key=lambda r: r[:2])
        columns = [*dict.fromkeys(m.description for m in results)]
        cells = {(m.num_threads, m.env or "", m.as_row_name, m.description): m for m in results}
        environments = {m.env or "Unspecified env" for m in results}
        wide = max(map(len, environments)) + 4 if len(environments) > 1 else 4
        shown = {c: self._column([cells.get((*r, c)) for r in rows], scale) for c in columns}
        table, before = [], None
        for i, (threads, env, name) in enumerate(rows):
            head = f"({env or 'Unspecified env'})" if wide > 4 and (threads, env) != before else ""
            before = threads, env
            table.append(["  " + (head.ljust(wide) if wide > 4 else "    ") + name, *(shown[c][i] for c in columns)])
        top = ["", *(c or "" for c in columns)]
        widths = [max(map(len, column)) for column in zip(top, *table, strict=True)]
        lines = ["  |  ".join(c.center(w) for c, w in zip(top, widths, strict=True))]
        whole, threads = len(lines[0]), None
        for row, cellsof in zip(rows, table, strict=True):
            if row[0] != threads:
                threads = row[0]
                lines.append(f"{threads} threads: ".ljust(whole, "-"))
            parts = [cellsof[0].ljust(widths[0])]
            for c, text, w in zip(columns, cellsof[1:], widths[1:], strict=True):
                parts.append(self._coloured(text.center(w), cells.get((*row, c)), cells, row, c))
            lines.append("  |  ".join(parts))
        note = "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        noted = note if self._highlight and any(m.has_warnings for m in results) else ""
        title = f" {results[0].label or ''} ".center(whole - 2, "-")
        return "\n".join([f"[{title}]", *lines, "", f"Times are in {unit_to_english(unit)}s ({unit}).", noted])

    def _column(self, found: list[Measurement | None], scale: float) -> list[str]:
        """The texts of a column, all of one width."""
        there = [m for m in found if m is not None]
        digits = [math.ceil(math.log10(m.median / scale)) for m in there]
        decimals = min(max(m.significant_figures - d, 0) for m, d in zip(there, digits, strict=True)) if self._trim else 1
        width = max(digits) + decimals + (decimals > 0)
        mark = 7 if self._highlight and any(m.has_warnings for m in there) else 0
        texts = []
        for m in found:
            if m is None:
                texts.append(" " * max(width + mark, 1 + decimals + (decimals > 0)))
                continue
            value = m.median / scale
            value = _trimmed(value, m.significant_figures) if self._trim else value
            note = f" (! {100 * m.iqr / m.median:.0f}%)" if mark and m.has_warnings else ""
            texts.append(f"{value:>{max(width, 0)}.{decimals}f}{note:>{mark}}")
        return texts

    def _coloured(self, text: str, m: Measurement | None, cells: dict[Any, Measurement], row: Any, column: Any) -> str:
        if m is None or not self._colour:
            return text
        same = [x.median for k, x in cells.items() if (k[:3] == row if self._colour == "row" else k[0] == row[0] and k[3] == column)]
        best, t = min(same), m.median
        if t <= best * 1.01 or t <= best + 1e-7:
            codes = "\033[92m\033[1m"
        elif t <= best * 1.1:
            codes = "\033[34m\033[1m"
        elif t >= best * 5:
            codes = "\033[31m\033[1m"
        elif t >= best * 2:
            codes = "\033[2m\033[91m"
        else:
            return text
        return f"{codes}{text}\033[0m\033[0m"
