"""Which pages the reference has: a page for every public object, with all its names.

A function that is also a method, has an in-place form or several names has one page; a class has its methods on its page. Not here: which
purpose a name serves (``purposes.py``), what a page says (``parts.py``), how it is written (``reference.py``).
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from purposes import PURPOSES, REST

import tensorflowlite_clone as tl

tl._lazy.everything()  # the pages look through the tables of all operations
PACKAGE = tl.__name__
ROOT = Path(tl.__file__).parent


def published(module: str) -> Iterator[tuple[str, Any]]:
    """The public names of a module of the package ("" for the package), and what they are; modules are not among them."""
    m = importlib.import_module(f"{PACKAGE}.{module}" if module else PACKAGE)
    names = getattr(m, "__all__", None) or [n for n in vars(m) if not n.startswith("_")]
    for name in names:
        thing = getattr(m, name, None)
        if thing is None or inspect.ismodule(thing) or not (callable(thing) or type(thing).__module__.startswith(PACKAGE)):
            continue
        if (derived := _with_derivative(thing)) is not None:
            if hasattr(importlib.import_module(module), name):  # where SciPy has it
                yield f"{module}.{name}", derived
        elif getattr(m, "__all__", None) or getattr(thing, "__module__", "").startswith(f"{PACKAGE}.{module}".rstrip(".")):
            yield (f"{module}.{name}" if module else name), thing


def _with_derivative(thing: Any) -> Any:
    """Of a function that is SciPy's own for plain arrays (``scipy/names.py``): what computes with followed values; else None."""
    made = getattr(getattr(thing, "__code__", None), "co_qualname", "") == "either.<locals>.function"
    return inspect.getclosurevars(thing).nonlocals["followed"] if made else None


def defined(thing: Any) -> str:
    """The file that defines a function or the class of an operation, from the root of the package or of ``ops``."""
    op = operation(thing)
    if op is not None:
        return inspect.getsourcefile(op).removeprefix(f"{ROOT}/").removeprefix("ops/")  # type: ignore[union-attr]
    plain = inspect.unwrap(thing)
    code = getattr(plain, "__code__", None)
    where = (
        code.co_filename if code is not None else str(ROOT / getattr(thing, "__module__", "").removeprefix(f"{PACKAGE}.").replace(".", "/"))
    )
    return where.removeprefix(f"{ROOT}/").removeprefix("ops/")


def operation(thing: Any) -> Any:
    """The class of the operation that a function computes, if it is nothing else."""
    op = getattr(thing, "__op__", None)
    return tl.core.registry.OPS[op] if isinstance(op, str) else op


class Entry:
    """One page: an object and all its names."""

    def __init__(self, name: str, thing: Any) -> None:
        self.name, self.thing, self.names, self.purpose = name, thing, [name], REST
        self.methods: list[str] = []

    @property
    def page(self) -> str:
        """Its address below ``reference``, which is told apart from others where capitals are not: ``Tensor.T`` and ``Tensor.t``."""
        return f"api/{self.name}{'-capital' if self.name.rpartition('.')[2].isupper() and len(self.name.rpartition('.')[2]) == 1 else ''}"

    @property
    def module(self) -> str:
        """The module that publishes it, "" for the package."""
        return self.name.rpartition(".")[0]

    @property
    def last(self) -> str:
        """Its name there."""
        return self.name.rpartition(".")[2]

    @property
    def first(self) -> str:
        """The first sentence of its docstring."""
        text = (inspect.getdoc(self.thing) or "").strip().split("\n\n")[0].replace("\n", " ")
        ends = (m.start() for m in re.finditer(r"(?<=[.:;])\s", text + " "))
        return text[: next((e for e in ends if text[:e].count("``") % 2 == 0 and text[:e].count("`") % 2 == 0), len(text))].rstrip(" :;")


def twin_of(name: str) -> str:
    """The name without the underscore of in-place forms."""
    head, _, last = name.rpartition(".")
    return f"{head}.{last.rstrip('_')}".lstrip(".")


class Reference:
    """All entries, by purpose, and where a word in a docstring leads."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.pages: dict[str, Entry] = {}
        by_object: dict[Any, Entry] = {}
        files = {part: slug for _, slug, _, _, parts in PURPOSES for part in parts.split()}
        modules = {m: slug for _, slug, _, listed, _ in PURPOSES for m in listed.split()}
        for module in ["", *modules]:
            for name, thing in published(module):
                key = self._key(thing)
                base = twin_of(name) if module in ("", "nn.functional") else name  # elsewhere `f` is an older name of `f_`
                entry = by_object.get(key) or (self.pages.get(base) if base != name else None)
                if entry is None:
                    entry = by_object[key] = self.entries[name] = Entry(name, thing)
                    entry.purpose = modules[module] if module else self._purpose(thing, files, modules)
                elif name not in entry.names:
                    entry.names.append(name)
                    old = module and re.match(r"The old(er)? name of", inspect.getdoc(entry.thing) or "")
                    if old:
                        entry.thing = thing
                    if old or (not module and not name.endswith("_") and len(name) < len(entry.name)):  # asin, not arcsin
                        del self.entries[entry.name]
                        self.entries[name], entry.name = entry, name
                        entry.names.sort(key=lambda n: n != name)
                self.pages[name] = entry
        for name in dir(tl.tensor(0.0)):  # what users may use
            thing = inspect.getattr_static(tl.Tensor, name)
            if name.startswith("_") or not (inspect.isfunction(thing) or isinstance(thing, property)) or not thing.__doc__:
                continue
            base = next((e for e in (self.pages.get(name), self.pages.get(name.rstrip("_"))) if e and inspect.isfunction(e.thing)), None)
            if base is None:
                base = self.entries[f"Tensor.{name}"] = Entry(f"Tensor.{name}", thing)
                base.purpose = "tensors"
            base.methods.append(name)
            self.pages[f"Tensor.{name}"] = base

    @staticmethod
    def _key(thing: Any) -> Any:
        """What is equal for names of one thing."""
        op = getattr(thing, "__op__", None)
        return (op, thing.__doc__) if op is not None else (inspect.unwrap(thing) if inspect.isfunction(thing) else id(thing))

    @staticmethod
    def _purpose(thing: Any, files: dict[str, str], modules: dict[str, str]) -> str:
        where = defined(thing)
        stem = where.removesuffix(".py")
        for part, slug in files.items():
            if stem == part or (part.endswith("/") and where.startswith(part)) or stem.split("/")[-1] == part:
                return slug
        module = stem.replace("/", ".")
        while module:
            if module in modules:
                return modules[module]
            module = module.rpartition(".")[0]
        return REST

    def linked(self, text: str, near: str) -> str:
        """Single backticks as links to what they name, seen from a module; else as code."""

        def link(found: re.Match[str]) -> str:
            word = found[1]
            for candidate in (f"{near}.{word}" if near else word, word.removeprefix("tl."), f"nn.{word}", f"nn.functional.{word}",
                              f"Tensor.{word}", f"optim.{word}", f"autograd.{word}"):  # fmt: skip
                if candidate in self.pages:
                    return f":doc:`{word} </reference/{self.pages[candidate].page}>`"
            return f"``{word}``"

        return re.sub(r"(?<![`:\w])`([^`\n]+)`(?![`_])", link, text)


def signature(name: str, thing: Any, method: bool = False) -> str:
    """A name with its arguments, as a person would write them."""
    if not callable(thing):
        return name
    if isinstance(inspect.unwrap(thing), np.ufunc):  # whose documentation says what its parameters are called
        said = re.findall(r"^\w+\(([^/]*?)(?:, out=\S*)?\)$", inspect.getdoc(thing) or "", re.M)
        return f"{name}({said[0] if said else '...'})"
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return f"{name}(...)"
    params = [p.replace(annotation=p.empty) for p in found.parameters.values() if not (method and p.name in ("self", "input"))]
    params = [p for p in params if p.name != "_"]  # options that are read by nobody
    return name + re.sub("<no value>|<object object at .*?>", "...", str(found.replace(parameters=params, return_annotation=found.empty)))
