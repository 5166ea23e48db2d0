"""The reference, written from the package when the site is built: a page for every public object, listed by purpose.

A page has a fixed order: signatures, what the object is, shapes and dtypes, errors, example, source, the guide. What is in them comes from
``reference_pages/``; here it becomes reStructuredText, in which names are links. Not here: which purpose a name serves (``purposes.py``).
"""

from __future__ import annotations

import contextlib
import inspect
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from purposes import PURPOSES
from reference_pages.names import PACKAGE, Entry, Reference, signature
from reference_pages.parts import Parts, listed
from sphinx.ext.napoleon import Config, GoogleDocstring

import tensorflowlite_clone as tl


def escaped(text: str) -> str:
    """Prose of which no star, bar or underscore is markup; code, examples and roles stay as they are."""
    parts = re.split(r"(``.*?``|:doc:`[^`]*`|^ *>>>.*(?:\n(?! *\n).*)*)", text, flags=re.M)
    return "".join(p if i % 2 else re.sub(r"[*|]|(?<=\w)_(?!\w)", r"\\\g<0>", p) for i, p in enumerate(parts))


def unlisted(text: str) -> str:
    """Text of which no line begins a list by an initial or a shape: "F. Gers", "(O) -> (N, O)"."""
    return re.sub(r"^( *)([A-Z]\. |\(\w\) )", r"\1\\\2", text, flags=re.M)


def body(reference: Reference, text: str, near: str) -> str:
    """A docstring as reStructuredText."""
    return unlisted(str(GoogleDocstring(escaped(reference.linked(inspect.cleandoc(text), near)), Config(napoleon_use_rtype=False))))


def indented(text: str, by: int = 4) -> str:
    """Each line further in."""
    return "\n".join(" " * by + line if line.strip() else "" for line in text.splitlines())


def members(reference: Reference, cls: type, near: str) -> str:
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


def heads(entry: Entry) -> list[str]:
    """The directives with the signatures of all names."""
    thing, name = entry.thing, entry.name
    if inspect.isclass(thing):
        return [f".. py:class:: {signature(name, thing)}", "   :canonical: " + f"{PACKAGE}.{name}"]
    if not callable(thing) and not isinstance(thing, property):
        return [f".. py:data:: {name}"]
    lines = []
    if not name.startswith("Tensor."):
        names = [signature(n, thing) for n in entry.names]
        lines = [f".. py:function:: {names[0]}", *(" " * 17 + n for n in names[1:])]
    if isinstance(thing, property):
        return [f".. py:property:: Tensor.{entry.methods[0]}"]
    methods = [signature(f"Tensor.{m}", inspect.getattr_static(tl.Tensor, m), True) for m in entry.methods]
    return [*lines, "", f".. py:method:: {methods[0]}", *(" " * 15 + m for m in methods[1:])] if methods else lines


def sections(reference: Reference, parts: Parts, near: str) -> str:
    """Everything below the signatures, in the order that all pages have."""

    def said(lines: list[str]) -> list[str]:
        found = [unlisted(escaped(reference.linked(line, near))) for line in lines]
        return found if len(found) == 1 else [f"* {line}" for line in found]

    lines = [body(reference, "\n\n".join(parts.doc.prose), near), ""]
    if parts.shapes:
        lines += [".. rubric:: Shapes and dtypes", "", *said(parts.shapes), ""]
    if parts.errors or parts.raising:
        lines += [".. rubric:: Errors", "", *said(parts.errors), ""]
        for call, kind, message in parts.raising:
            lines += [".. code-block:: pycon", "", f"    >>> {call}", f"    {kind}: {message}", ""]
    if parts.examples:
        lines += [".. rubric:: Example", "", *(f"{example}\n" for example in parts.examples)]
    if parts.sources:
        lines += [".. rubric:: Source", "", *said(parts.sources), ""]
    return "\n".join(lines)


def page(reference: Reference, entry: Entry) -> str:
    """The page of an entry, in reStructuredText."""
    thing, name, near = entry.thing, entry.name, entry.module
    title, _, guide, _, _ = next(p for p in PURPOSES if p[1] == entry.purpose)
    way = f":doc:`Reference </reference/index>` / :doc:`{title} </reference/{entry.purpose}>`"
    lines = [":orphan:", "", name, "=" * len(name), "", way, "", *heads(entry), "", indented(sections(reference, Parts(entry), near))]
    if thing is tl.Tensor:
        there = [m for m in dir(tl.tensor(0.0)) if "Tensor." + m in reference.pages]
        lines += ["", *(f"* :doc:`{m} </reference/{reference.pages['Tensor.' + m].page}>`" for m in there)]
    elif inspect.isclass(thing):
        methods = members(reference, thing, near)
        lines += ["", "    .. rubric:: Methods", "", indented(methods)] if methods else []
    return "\n".join([*lines, "", f"Explained in :doc:`the guide </{guide}>`.", ""])


def table(entries: list[Entry]) -> list[str]:
    """A list of names with what each is for."""
    lines = [".. list-table::", "   :widths: 30 70", "   :class: reference-list", ""]
    for e in sorted(entries, key=lambda e: e.name.lower()):
        also = [n for n in e.names if n != e.name and not n.endswith("_")]
        said = (*listed(e).about, e.first)[0]
        first = (
            escaped(re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", said)).rstrip(".")
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
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):  # where examples may write
        pages = {entry.page: page(reference, entry) for entry in reference.entries.values()}
    for address, text in pages.items():
        (folder / f"{address}.rst").write_text(text, encoding="utf-8")
    index = ["Reference", "=========", "", f"What programs may use, by purpose: {len(reference.entries)} pages.", ""]
    index += [".. toctree::", "   :maxdepth: 1", "", *(f"   {slug}" for _, slug, *_ in PURPOSES), ""]
    (folder / "index.rst").write_text("\n".join(index), encoding="utf-8")
    for title, slug, guide, _, _ in PURPOSES:
        listed = [e for e in reference.entries.values() if e.purpose == slug]
        lines = [title, "=" * len(title), "", f"Explained in :doc:`the guide </{guide}>`.", "", *table(listed), ""]
        (folder / f"{slug}.rst").write_text("\n".join(lines), encoding="utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
