"""What the examples of the reference show when they run: shapes that go in and come out, dtypes that are taken, errors of wrong calls.

A `Call` is a call of a page's object in one of its examples. The same call with other dtypes gives the list of dtypes, with an argument
that cannot be the errors and what they say: nothing of it is written by hand. Not here: which examples there are (``parts.py``).
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import doctest
import functools
import inspect
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflowlite_clone as tl

from . import families
from .names import PACKAGE, Entry

PARSER = doctest.DocTestParser()
#: What examples may name without saying where it is from, and what is shown above them then.
ALIASES = {
    "tl": f"import {PACKAGE} as tl",
    "np": "import numpy as np",
    "dist": f"import {PACKAGE}.distributed as dist",
    "d": f"import {PACKAGE}.distributions as d",
    "scipy": f"import {PACKAGE}.scipy as scipy",
    "F": f"import {PACKAGE}.nn.functional as F",
}
DTYPES = ("bool", "uint8", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128")


def free(source: str, own: str = "") -> list[str]:
    """The names that a piece of a program uses and neither makes nor gets from Python; ``own`` is not Python's."""
    made: set[str] = {*dir(builtins)} - {own}
    used: dict[str, None] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                used[node.id] = None
            else:
                made.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            made.add(node.name)
        elif isinstance(node, ast.arg):
            made.add(node.arg)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            made |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.ExceptHandler) and node.name:
            made.add(node.name)
    return [name for name in used if name not in made]


def imported(text: str, entry: Entry) -> str:
    """An example with the imports that it needs to run as it stands."""
    code = "\n".join(e.source for e in PARSER.get_examples(text))
    thing = inspect.unwrap(entry.thing) if inspect.isfunction(entry.thing) else entry.thing
    thing = thing.fget if isinstance(thing, property) else thing
    home = getattr(thing, "__globals__", None) or vars(sys.modules.get(getattr(thing, "__module__", None) or "", builtins))
    lines: dict[str, list[str]] = {}
    for name in free(code, entry.last):
        head, word, last = _import(name, entry, home).rpartition(" import ")
        lines.setdefault(head + word, []).append(last)
    shown = [f">>> {head}{', '.join(names)}" for head, names in lines.items() if head] + [f">>> {plain}" for plain in lines.get("", ())]
    return "\n".join([*sorted(shown, key=lambda line: line.startswith(">>> from")), text])


def _import(name: str, entry: Entry, home: dict[str, Any]) -> str:
    """The line that makes a name known: one that all examples may use, else where it is published, else where the docstring stands."""
    public = sys.modules.get(f"{PACKAGE}.{entry.module}".rstrip("."))
    if name in ALIASES:
        return ALIASES[name]
    own = home.get(name, getattr(public, name, None))
    if name in home and getattr(tl, name, None) is own:
        return f"from {PACKAGE} import {name}"
    if public is not None and own is not None and own is getattr(public, name, None):
        return f"from {public.__name__} import {name}"
    if inspect.ismodule(home.get(name)):
        full = home[name].__name__
        return f"import {full}" if full == name else f"import {full} as {name}"
    owner = getattr(home.get(name), "__module__", None) or home.get("__name__", PACKAGE)
    public = sys.modules.get(owner)
    return f"from {owner if public is not None and hasattr(public, name) else home.get('__name__', PACKAGE)} import {name}"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Nothing is printed, nobody warned, the random numbers go on from where they were."""
    state = tl.get_rng_state()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        tl.set_rng_state(state)


def steps(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The statements of an example and the names there are after each; it ends with one that raises."""
    scope: dict[str, Any] = {"__name__": "example"}
    for e in PARSER.get_examples(text):
        try:
            with quietly():
                exec(compile(e.source, "example", "exec"), scope)
        except Exception:
            return
        yield e.source, scope


def scope_after(text: str) -> dict[str, Any]:
    """The names there are after an example, and those that all examples may use."""
    scope: dict[str, Any] = {}
    with quietly():
        for line in ALIASES.values():
            exec(line, scope)
    for _, then in steps(text):
        scope |= then
    return scope


@dataclass
class Call:
    """A call of the object in an example: of a function, a method, a class, or an ``instance`` of it."""

    node: ast.Call
    scope: dict[str, Any]
    kind: str
    function: Any
    args: list[Any]
    kwargs: dict[str, Any]
    result: Any

    @functools.cached_property
    def bound(self) -> dict[str, ast.expr]:
        """The expressions that stand for the parameters, as far as one can tell."""
        try:
            names = [p.name for p in inspect.signature(self.function).parameters.values() if p.kind in (0, 1)]
        except (TypeError, ValueError):
            names = []
        given = dict(zip(names, self.node.args, strict=False))
        return given | {k.arg: k.value for k in self.node.keywords if k.arg}

    @property
    def tensors(self) -> list[Any]:
        """The tensors that go in."""
        own = getattr(self.function, "__self__", None) if self.kind == "method" else None
        return flat([own, self.args, self.kwargs])


def flat(x: Any) -> list[Any]:
    """The tensors in lists, tuples and dicts, but for those that have no shape yet."""
    if isinstance(x, tl.Tensor):
        return [] if tl.nn.parameter.is_lazy(x) else [x]
    if isinstance(x, list | tuple):
        return [t for item in x for t in flat(item)]
    return [t for item in x.values() for t in flat(item)] if isinstance(x, dict) else []


def calls(text: str, entry: Entry) -> list[Call]:
    """The calls of an entry's object that an example makes."""
    found: list[Call] = []
    for source, scope in steps(text) if families.may_be_called(entry) else ():
        nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call) and not any(isinstance(a, ast.Starred) for a in n.args)]
        for node in nodes:
            if (kind := _kind(node, scope, entry)) is None:
                continue
            try:
                with quietly():
                    function = _value(node.func, scope)
                    args = [_value(a, scope) for a in node.args]
                    kwargs = {k.arg: _value(k.value, scope) for k in node.keywords if k.arg}
                    result = function(*args, **kwargs)
            except Exception:
                continue  # inside a comprehension, or once only
            found.append(Call(node, dict(scope), kind, function, args, kwargs, result))
    return found


def _value(node: ast.expr, scope: dict[str, Any]) -> Any:
    return eval(compile(ast.Expression(copy.deepcopy(node)), "example", "eval"), scope)


def _kind(node: ast.Call, scope: dict[str, Any], entry: Entry) -> str | None:
    """How a call is one of the object of the entry; None where it is another's."""
    f, last = node.func, {n.rpartition(".")[2] for n in entry.names} | set(entry.methods)
    name = f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else None
    if inspect.isclass(entry.thing):
        if name in last:
            return "class"
        if isinstance(f, ast.Call) and _kind(f, scope, entry) == "class":
            return "instance"
        try:
            return "instance" if isinstance(f, ast.Name) and isinstance(scope.get(f.id), entry.thing) else None
        except TypeError:
            return None
    if name not in last:
        return None
    try:
        with quietly():
            owner = _value(f.value, scope) if isinstance(f, ast.Attribute) else None
    except Exception:
        return None
    return "method" if isinstance(owner, tl.Tensor) else "function"


def shape(t: Any) -> str:
    """A tensor as a page shows it."""
    return f"{tuple(t.shape)} {t.dtype}"


def shapes(found: list[Call], entry: Entry) -> list[str]:
    """What goes in and comes out of the example that shows most of it, and which dtypes the call takes."""
    best = sorted(found, key=lambda c: (bool(flat(c.result)), bool(c.tensors), c.kind == "instance"), reverse=True)
    if not best:
        return []
    call = best[0]
    into, out = call.tensors, flat(call.result)
    if not out and (not into or call.kind == "class"):
        return [] if families.is_module(entry) or families.is_optimizer(entry) else families.NOTHING
    shown = [", ".join(map(shape, ts[:5])) + (", ..." if len(ts) > 5 else "") for ts in (into, out)]
    last = shown[1] or f"``{type(call.result).__name__}``"
    lines = [f"In the example: {shown[0]} -> {last}." if shown[0] else f"In the example: -> {last}."]
    return lines + (dtypes(call) if into and call.kind != "class" and families.casts(entry) else [])


def dtypes(call: Call) -> list[str]:
    """Which dtypes the call takes, and what comes of them."""
    results: dict[str, list[str]] = {}
    for name in DTYPES:
        dtype = getattr(tl, name)
        outcome = _with_dtype(call, dtype, True)
        if outcome == "refused":
            outcome = _with_dtype(call, dtype, False)
        if outcome is not None:
            results.setdefault("the same" if outcome == name else outcome, []).append(name)
    refused = results.pop("refused", [])
    said = [f"{', '.join(names)} -> {kind}" for kind, names in results.items()]
    said += [f"not {', '.join(refused)}"] if refused else []
    return [f"Dtypes: {'; '.join(said)}."] if said else []


def _with_dtype(call: Call, dtype: Any, all_of_them: bool) -> str | None:
    """The dtype of the result of the call in another dtype; "refused", or None where it fails for another reason."""
    first = call.tensors[0]
    left = [10**6 if all_of_them else 1]

    def cast(x: Any) -> Any:
        if isinstance(x, tl.Tensor):
            if (x is first or x.dtype == first.dtype) and left[0] > 0:
                left[0] -= 1
                return x.detach().to(dtype)
            return x.detach().clone()
        if isinstance(x, list | tuple) and type(x) in (list, tuple):
            return type(x)(cast(item) for item in x)
        return x

    try:
        with quietly():
            if call.kind == "method":
                own = cast(call.function.__self__)
                result = getattr(own, call.function.__name__)(*cast(call.args), **{k: cast(v) for k, v in call.kwargs.items()})
            else:
                result = call.function(*cast(call.args), **{k: cast(v) for k, v in call.kwargs.items()})
    except (TypeError, NotImplementedError):
        return "refused"
    except Exception:
        return None
    out = flat(result)
    return str(out[0].dtype) if out else f"``{type(result).__name__}``"


# ---- wrong calls -------------------------------------------------------------------------------------------------------------------------
def attempt(text: str, scope: dict[str, Any]) -> tuple[str, str, str] | None:
    """A call, the error that it raises, and what that says; None where it raises none."""
    try:
        with quietly():
            eval(compile(text, "example", "eval"), dict(scope))
    except Exception as error:
        message = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))
        kind = next(k.__name__ for k in type(error).__mro__ if not k.__name__.startswith("_"))
        return text, kind, message if len(message) <= 240 else message[:236] + " ..."
    return None


def wrong_calls(found: list[Call], entry: Entry, most: int = 2) -> list[tuple[str, str, str]]:
    """The calls of the examples with an argument that cannot be: at most two, of kinds of the package, else one that Python refuses."""
    raised: dict[str, tuple[str, str, str]] = {}
    pythons: list[tuple[str, str, str]] = []
    if not families.may_be_called(entry):
        return []
    for call in sorted(found, key=lambda c: c.kind == "class"):
        for wrong in _candidates(call, entry):
            text = ast.unparse(ast.fix_missing_locations(wrong))
            outcome = attempt(text, call.scope | {"tl": tl})
            if outcome is not None and hasattr(tl._errors, outcome[1]):
                raised.setdefault(outcome[1], outcome)
            elif outcome is not None and outcome[1] in ("TypeError", "ValueError", "IndexError", "KeyError", "RuntimeError"):
                pythons.append(outcome)
            if len(raised) == most:
                return list(raised.values())
    return list(raised.values()) or pythons[:1]


def _candidates(call: Call, entry: Entry) -> Iterator[ast.Call]:
    """Calls with one argument replaced, the most telling first."""
    places = [*call.bound.items()]
    tensors = [name for name, node in places if flat(_quiet_value(node, call.scope))]
    others = [name for name, _ in places if name not in tensors]
    if families.is_optimizer(entry) and call.kind == "class":
        yield _changed(call, "lr", "-1.0")
        yield _changed(call, "params", "[]")
    if call.kind != "class":
        if "dim" in _parameters(call.function):
            yield _changed(call, "dim", "9")
        for name in tensors[call.kind != "method" :]:
            yield _changed(call, name, "tl.ones(7, 11)")
        for name in others:
            yield _changed(call, name, "-9")
        for name in tensors[:1]:
            for wrong in ("tl.ones(7, 11)", "tl.tensor([1j])", "tl.tensor(1.0)", "None"):
                yield _changed(call, name, wrong)
    for wrong in ("-1", "'x'", "None", "object()"):
        for name, _ in places:
            yield _changed(call, name, wrong)
    if not places and call.node.args:  # of a signature that says nothing
        for wrong in ("None", "'x'"):
            node = copy.deepcopy(call.node)
            node.args[0] = ast.parse(wrong, mode="eval").body
            yield node


def _quiet_value(node: ast.expr, scope: dict[str, Any]) -> Any:
    try:
        with quietly():
            return _value(node, scope)
    except Exception:
        return None


def _parameters(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return []


def _changed(call: Call, name: str, wrong: str) -> ast.Call:
    """The call with an argument of this name that is this."""
    node, value = copy.deepcopy(call.node), ast.parse(wrong, mode="eval").body
    position = list(call.bound).index(name) if name in call.bound else -1
    if 0 <= position < len(node.args):
        node.args[position] = value
        return node
    for keyword in node.keywords:
        if keyword.arg == name:
            keyword.value = value
            return node
    node.keywords.append(ast.keyword(arg=name, value=value))
    return node
