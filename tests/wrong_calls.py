"""Wrong calls, made from right ones: every argument of every call in ``tests/samples/`` replaced by what it cannot be.

``right_calls`` records what the rows of ``CALLS`` call with which arguments; ``wrong_calls`` puts something else in the place of each.
What PyTorch says to the same call tells which of them are wrong. No test is here.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from samples import collect

import tensorflowlite_clone as tl
from tensorflowlite_clone.core.registry import FUNCTIONS, NN_FUNCTIONS, SPACES


@dataclass(frozen=True)
class Attempt:
    """One call: where the function is, its name, its arguments (tensors as ndarrays), and which of them is wrong."""

    space: str
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    place: int | str = -1
    wrong: str = ""

    def __str__(self) -> str:
        shown = [*map(show, self.args), *(f"{k}={show(v)}" for k, v in self.kwargs.items())]
        return f"{self.space}{self.name}({', '.join(shown)})"


def show(x: Any) -> str:
    if isinstance(x, np.ndarray):
        return f"{x.dtype}{list(x.shape)}"
    return f"[{', '.join(map(show, x))}]" if isinstance(x, list) else f"{x!r:.40}"


def _plain(x: Any) -> Any:
    """Tensors as arrays, in sequences too."""
    if isinstance(x, tl.Tensor):
        return np.array(x.numpy(force=True))
    if isinstance(x, list | tuple) and type(x) in (list, tuple):
        return type(x)(map(_plain, x))
    return x


#: The functions, by what stands before their names.
TABLES = {"": FUNCTIONS, "F.": NN_FUNCTIONS} | {f"{space}.": functions for space, functions in SPACES.items()}


class Recorder:
    """Stands for the package, and remembers the calls of its functions."""

    def __init__(self, target: Any, space: str, calls: list[Attempt]) -> None:
        self._target, self._space, self._calls = target, space, calls

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if name == "nn":
            return Recorder(value, "nn.", self._calls)
        if name == "functional":
            return Recorder(value, "F.", self._calls)
        if name in ("linalg", "fft", *SPACES) and not self._space:
            return Recorder(value, f"{name}.", self._calls)
        table: Any = {"": FUNCTIONS, "F.": NN_FUNCTIONS}.get(self._space, self._target.__all__ if self._space else ())
        if name not in table:
            return value

        @functools.wraps(value)
        def recorded(*args: Any, **kwargs: Any) -> Any:
            self._calls.append(Attempt(self._space, name, tuple(map(_plain, args)), {k: _plain(v) for k, v in kwargs.items()}))
            return value(*args, **kwargs)

        return recorded


def right_calls(most: int = 2) -> list[Attempt]:
    """Up to ``most`` calls of every function, those with the most arguments."""
    calls: list[Attempt] = []
    for c in collect()[1]:
        tl.manual_seed(0)
        with np.errstate(all="ignore"):
            c.f(Recorder(tl, "", calls), *[tl.tensor(x) if isinstance(x, np.ndarray) else x for x in c.inputs])
    found: dict[tuple[str, str], dict[str, Attempt]] = {}
    for a in calls:
        a = Attempt(a.space, a.name, tuple(map(_single, a.args)), {k: _single(v) for k, v in a.kwargs.items()})
        if not any(callable(v) or isinstance(v, tl.Generator) for v in (*a.args, *a.kwargs.values())):
            found.setdefault((a.space, a.name), {})[str(a)] = a
    out = []
    for _, known in sorted(found.items()):
        out += sorted(known.values(), key=lambda a: (-len(a.args) - len(a.kwargs), str(a)))[:most]
    return out


def _single(x: Any) -> Any:
    """Small and in single precision, as programs have it."""
    if isinstance(x, np.ndarray):
        with np.errstate(over="ignore"):
            return x.astype(np.float32) if x.dtype == np.float64 else x
    return type(x)(map(_single, x)) if type(x) in (list, tuple) else x


class Something:
    """An object of no kind that a function could want."""

    def __repr__(self) -> str:
        return "Something()"


def replacements(x: Any) -> Iterator[tuple[str, Any]]:
    """What to put in the place of an argument, and what is wrong with it."""
    yield from (("None", None), ("text", "nonsense"), ("object", Something()))
    if isinstance(x, np.ndarray):
        last = (x.shape or (0,))[-1]
        yield from (("more dimensions", x[None, None, None]), ("fewer dimensions", x.reshape(-1)), ("a number", np.ones((), x.dtype)))
        yield from (("longer", np.concatenate([x, x[:1], x[:1]]) if x.ndim else np.stack([x] * 7)), ("empty", x.reshape(-1)[:0]))
        yield from (("dict", {"a": 1}), ("list", [[1.0], 2.0]), ("another length", np.resize(x, (*x.shape[:-1], last + 3))))
        for dtype in (np.float32, np.int64, np.bool_, np.complex64):
            if x.dtype != dtype:
                with np.errstate(all="ignore"):
                    yield np.dtype(dtype).name, (x.real if x.dtype.kind == "c" and dtype != np.bool_ else x).astype(dtype)
    elif isinstance(x, bool):
        yield from (("number", 2.5), ("list", [True]))
    elif isinstance(x, int):
        yield from (("fraction", x + 0.5), ("far", 99), ("far below", -99), ("huge", 2**70))
        yield from (("list", ["a"]), ("nan", float("nan")), ("zero", 0))
    elif isinstance(x, float):
        yield from (("list", [x, x]), ("nan", float("nan")), ("complex", 1j), ("below", -7.5), ("above", 99.0))
        yield ("tensor", np.ones((2, 3), np.float32))
    elif isinstance(x, str):
        yield from (("number", 3), ("list", [x]), ("empty", ""))
    elif isinstance(x, list | tuple):
        kind, n = type(x), len(x)
        yield from (("number", 7), ("empty", kind()), ("fractions", kind([0.5] * n)), ("twice", kind([*x, *x])), ("nested", [x]))
        yield from (("far", kind([99] * n)), ("negative", kind([-3] * n)), ("texts", kind(["a"] * n)))


def wrong_calls(calls: list[Attempt]) -> Iterator[Attempt]:
    """Each call with each argument replaced in turn."""
    for c in calls:
        for i, value in enumerate(c.args):
            for what, other in replacements(value):
                yield Attempt(c.space, c.name, (*c.args[:i], other, *c.args[i + 1 :]), c.kwargs, i, what)
        for key, value in c.kwargs.items():
            for what, other in replacements(value):
                yield Attempt(c.space, c.name, c.args, {**c.kwargs, key: other}, key, what)


def find(package: Any, a: Attempt) -> Any:
    """The function that is called, of this package or of PyTorch."""
    space = package.nn.functional if a.space == "F." else getattr(package, a.space[:-1]) if a.space else package
    return getattr(space, a.name)


def attempt(package: Any, tensor: Any, a: Attempt) -> Exception | None:
    """The error that a call ends with; None if it does not."""
    function = find(package, a)

    def convert(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return tensor(x.copy())
        return type(x)(map(convert, x)) if type(x) in (list, tuple) else x

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*map(convert, a.args), **{k: convert(v) for k, v in a.kwargs.items()})
    except Exception as error:
        return error
    return None
