"""The reference, written from the package when the site is built: a page for every public object, listed by purpose.

A function that is also a method, has an in-place form or several names has one page with all of them; a class has its methods on its page.
What is on a page is the docstring; names in it become links. Not here: which purpose a name serves (``purposes.py``).
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from purposes import PURPOSES, REST
from sphinx.ext.napoleon import Config, GoogleDocstring

import tensorflowlite_clone as tl

PACKAGE = tl.__name__
ROOT = Path(tl.__file__).parent
#: Methods that every module, optimizer or tensor has are on the page of the class that defines them.
BASES = {object, dict, list, tuple, int, float, str, Exception, ValueError, TypeError, RuntimeError}


def published(module: str) -> Iterator[tuple[str, Any]]:
    """The public names of a module of the package ("" for the package), and what they are; modules are not among them."""
    m = importlib.import_module(f"{PACKAGE}.{module}" if module else PACKAGE)
    names = getattr(m, "__all__", None) or [n for n in vars(m) if not n.startswith("_")]
    for name in names:
        thing = getattr(m, name, None)
        if thing is None or inspect.ismodule(thing) or not (callable(thing) or type(thing).__module__.startswith(PACKAGE)):
            continue
        if getattr(m, "__all__", None) or getattr(thing, "__module__", "").startswith(f"{PACKAGE}.{module}".rstrip(".")):
            yield (f"{module}.{name}" if module else name), thing


def defined(thing: Any) -> str:
    """The file that defines a function or the class of an operation, from the root of the package or of ``ops``."""
    op = getattr(thing, "__op__", None)
    if op is not None:
        op = tl.core.registry.OPS[op] if isinstance(op, str) else op
        return inspect.getsourcefile(op).removeprefix(f"{ROOT}/").removeprefix("ops/")  # type: ignore[union-attr]
    plain = inspect.unwrap(thing)
    code = getattr(plain, "__code__", None)
    where = (
        code.co_filename if code is not None else str(ROOT / getattr(thing, "__module__", "").removeprefix(f"{PACKAGE}.").replace(".", "/"))
    )
    return where.removeprefix(f"{ROOT}/").removeprefix("ops/")


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
                base = twin_of(name)
                entry = by_object.get(key) or (self.pages.get(base) if base != name else None)
                if entry is None:
                    entry = by_object[key] = self.entries[name] = Entry(name, thing)
                    entry.purpose = modules[module] if module else self._purpose(thing, files, modules)
                elif name not in entry.names:
                    entry.names.append(name)
                    if not module and not name.endswith("_") and len(name) < len(entry.name):  # asin, not arcsin
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
    try:
        found = inspect.signature(thing)
    except (TypeError, ValueError):
        return f"{name}(...)"
    params = [p.replace(annotation=p.empty) for p in found.parameters.values() if not (method and p.name in ("self", "input"))]
    return name + str(found.replace(parameters=params, return_annotation=found.empty)).replace("<no value>", "...")


def escaped(text: str) -> str:
    """Prose of which no star, bar or underscore is markup; code, examples and roles stay as they are."""
    parts = re.split(r"(``.*?``|:doc:`[^`]*`|^ *>>>.*(?:\n(?! *\n).*)*)", text, flags=re.M)
    return "".join(p if i % 2 else re.sub(r"[*|]|(?<=\w)_(?!\w)", r"\\\g<0>", p) for i, p in enumerate(parts))


def body(reference: Reference, text: str, near: str) -> str:
    """A docstring as reStructuredText."""
    return str(GoogleDocstring(escaped(reference.linked(inspect.cleandoc(text), near)), Config(napoleon_use_rtype=False)))


def indented(text: str, by: int = 4) -> str:
    """Each line further in."""
    return "\n".join(" " * by + line if line.strip() else "" for line in text.splitlines())


def members(reference: Reference, cls: type, name: str, near: str) -> str:
    """The methods and properties that a class brings itself."""
    lines = []
    for key, value in vars(cls).items():
        plain = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        doc = getattr(plain, "__doc__", None)
        if key.startswith("_") or not doc or not (inspect.isfunction(plain) or isinstance(plain, property)):
            continue
        kind = "property" if isinstance(plain, property) else "method"
        shown = key if kind == "property" else signature(key, plain, True)
        lines += [f".. py:{kind}:: {shown}", "", indented(body(reference, doc, near)), ""]
    return "\n".join(lines)


def page(reference: Reference, entry: Entry) -> str:
    """The page of an entry, in reStructuredText."""
    thing, name = entry.thing, entry.name
    near = name.rpartition(".")[0]
    title, _, guide, _, _ = next(p for p in PURPOSES if p[1] == entry.purpose)
    head = [
        ":orphan:",
        "",
        name,
        "=" * len(name),
        "",
        f":doc:`Reference </reference/index>` / :doc:`{title} </reference/{entry.purpose}>`",
        "",
    ]
    text = body(reference, inspect.getdoc(thing) or "", near)
    if inspect.isclass(thing):
        lines = [f".. py:class:: {signature(name, thing)}", "   :canonical: " + f"{PACKAGE}.{name}", "", indented(text)]
        if thing is not tl.Tensor:
            lines += ["", indented(members(reference, thing, name, near))]
        else:
            lines += ["", *(f"* :doc:`{m} </reference/{reference.pages['Tensor.' + m].page}>`" for m in dir(tl.tensor(0.0))
                            if "Tensor." + m in reference.pages)]  # fmt: skip
    elif callable(thing) or isinstance(thing, property):
        lines = []
        if not name.startswith("Tensor."):
            lines += [f".. py:function:: {signature(n, thing)}" for n in entry.names]
            lines = [lines[0], *(" " * 17 + line.removeprefix(".. py:function:: ") for line in lines[1:])]
        methods = [signature(f"Tensor.{m}", inspect.getattr_static(tl.Tensor, m), True) for m in entry.methods]
        if methods:
            kind = "property" if isinstance(thing, property) else "method"
            lines += ["", f".. py:{kind}:: {methods[0]}", *(" " * 15 + m for m in methods[1:])] if kind == "method" else [
                "", f".. py:property:: {entry.methods and 'Tensor.' + entry.methods[0]}"]  # fmt: skip
        lines += ["", indented(text)]
    else:
        lines = [f".. py:data:: {name}", "", indented(text)]
    return "\n".join([*head, *lines, "", f"Explained in :doc:`the guide </{guide}>`.", ""])


def table(entries: list[Entry]) -> list[str]:
    """A list of names with what each is for."""
    lines = [".. list-table::", "   :widths: 30 70", "   :class: reference-list", ""]
    for e in sorted(entries, key=lambda e: e.name.lower()):
        also = [n for n in e.names if n != e.name and not n.endswith("_")]
        first = (
            escaped(re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", e.first)).rstrip(".")
            + "."
            + (f" Also ``{'``, ``'.join(also)}``." if also else "")
        )
        lines += [f"   * - :doc:`{e.name} <{e.page}>`", f"     - {first}"]
    return lines


def write(app: Any) -> None:
    """Write all pages into ``reference``; what is there from before goes."""
    folder = Path(app.srcdir) / "reference"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "api").mkdir(parents=True)
    reference = Reference()
    for entry in reference.entries.values():
        (folder / f"{entry.page}.rst").write_text(page(reference, entry), encoding="utf-8")
    index = ["Reference", "=========", "", f"What programs may use, by purpose: {len(reference.entries)} pages.", ""]
    index += [".. toctree::", "   :maxdepth: 1", "", *(f"   {slug}" for _, slug, *_ in PURPOSES), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")
    for title, slug, guide, _, _ in PURPOSES:
        listed = [e for e in reference.entries.values() if e.purpose == slug]
        text = [title, "=" * len(title), "", f"Explained in :doc:`the guide </{guide}>`.", "", *table(listed), ""]
        (folder / f"{slug}.rst").write_text("\n".join(text), encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
