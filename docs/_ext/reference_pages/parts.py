"""What a page of the reference says, in parts: what the object is, shapes and dtypes, errors, examples, sources.

A part is what the docstring says of it (`Docstring`), what ``docs/reference_data`` says, what holds for its whole family, and what its
examples show when they run (``trying.py``). Not here: which pages there are (``names.py``), how they are written (``reference.py``).
"""

from __future__ import annotations

import fnmatch
import functools
import inspect
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import tensorflowlite_clone as tl

from . import families, trying
from .names import PACKAGE, Entry, operation

DOCS = Path(__file__).parents[2]
DATA = DOCS / "reference_data"
#: The names of PyTorch's index, by space.
TORCH = json.loads((DOCS.parent / "tests" / "torch_names.json").read_text(encoding="utf-8"))
#: A full stop after these ends no sentence: initials, abbreviations.
UNFINISHED = re.compile(r"(?:\b[A-Z]|\bal|\beqs?|\bch|\bp|\bvs|e\.g|i\.e)\.$")
#: What a sentence that names a work begins with, and what it has in it.
CITED = re.compile(r"^[A-Z]\. ?(?:-?[A-Z]\. ?)*(?:de |van |von )?[A-Z][\w'-]+")
YEAR = re.compile(r"\(?\b(?:18|19|20)\d\d\)?")
#: Shapes that go in and come out, anywhere in prose.
ARROW = re.compile(r"(?:\([^()]*\)(?:,? or |,? and |, )?)+ -> (?:\([^()]*\)(?:,? or |,? and |, )?)+")


def sentences(text: str) -> list[str]:
    """The sentences of a paragraph, each on one line."""
    found: list[str] = []
    for piece in re.split(r"(?<=[.])\s+(?=[A-Z`\"'(])", " ".join(text.split())):
        joined = found and (UNFINISHED.search(found[-1]) or _open(found[-1]))
        if joined:
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def _open(text: str) -> bool:
    """Whether code or a bracket is open at the end of a text."""
    plain = re.sub(r"``.*?``|`[^`]*`", "", text)
    return plain.count("`") % 2 == 1 or plain.count("(") > plain.count(")") or plain.count('"') % 2 == 1


@dataclass
class Docstring:
    """A docstring, taken apart."""

    prose: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, text: str) -> Docstring:
        """Paragraph by paragraph; what is indented, a list or a table stays as it is."""
        parts = cls()
        for paragraph in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
            if paragraph.lstrip().startswith(">>>"):
                parts.examples.append(inspect.cleandoc(paragraph))
            elif paragraph.startswith("Source: "):
                parts.sources.append(" ".join(paragraph.removeprefix("Source: ").split()))
            elif "\n " in paragraph or paragraph.startswith((" ", "* ", "- ", ":", "|")) or not paragraph.strip():
                parts.prose.append(paragraph)
            else:
                parts._sort(paragraph)
        if not parts.errors:
            plain = [p for p in parts.prose if "\n " not in p]
            parts.errors = [s for p in plain for s in sentences(p) if re.search(r"\b[Rr]aise[sd]\b|\ban error\b", s)]
        if not parts.prose:  # there is nothing else to say of it
            parts.prose = list(parts.errors)
        if not parts.shapes:
            arrows = ARROW.findall(" ".join(" ".join(parts.prose).split()))
            parts.shapes = [f"{arrow.strip(' ,')}." for arrow in arrows[:3]]
        return parts

    def _sort(self, paragraph: str) -> None:
        kept: list[str] = []
        for s in sentences(paragraph):
            if re.match(r"Shapes?: ", s):
                said = re.sub(r"^Shapes?: ", "", s)
                self.shapes.append("Operands broadcast." if said == "broadcast." else said[:1].upper() + said[1:])
            elif s.startswith("Raises "):
                self.errors.append(s)
            elif s.startswith("Source: ") or (CITED.match(s) and YEAR.search(s)):
                self.sources.append(s.removeprefix("Source: "))
            else:
                kept.append(s)
        if kept and len(kept) == len(sentences(paragraph)):
            self.prose.append(paragraph)
        elif kept:
            self.prose.append(" ".join(kept))


@dataclass
class Datum:
    """What ``docs/reference_data`` says of a name: an example, sentences on shapes and units, calls that raise and what, what it is."""

    example: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    raises: list[tuple[str, str]] = field(default_factory=list)
    about: list[str] = field(default_factory=list)


@functools.cache
def data() -> dict[str, Datum]:
    """Every name of the files. A record is ``== name``, lines of an example, and lines ``about:``, ``shapes:`` and ``raises KIND:``."""
    found: dict[str, Datum] = {}
    for path in sorted(DATA.glob("*.txt")):
        if path.stem == "sources":
            continue
        current = Datum()
        for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if head := re.fullmatch(r"== ([\w.]+)", line):
                if head[1] in found:
                    raise ValueError(f"{path.name}:{n}: {head[1]} has a record already")
                current = found[head[1]] = Datum()
            elif line.startswith("about: "):
                current.about.append(line.removeprefix("about: "))
            elif line.startswith("shapes: "):
                current.shapes.append(line.removeprefix("shapes: "))
            elif raising := re.match(r"raises (\w+): (.*)", line):
                current.raises.append((raising[2], raising[1]))
            elif line and not line.startswith("#"):
                current.example.append(line)
    return found


@functools.cache
def patterns() -> list[tuple[str, str]]:
    """Names with or without wildcards and their source, in the order in which they are asked, whole names first."""
    rows: list[tuple[str, str]] = []
    for line in (DATA / "sources.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            names, _, text = line.partition(": ")
            rows += [(name, text) for name in names.split()]
    return sorted(rows, key=lambda row: any(c in row[0] for c in "*?["))


def listed(entry: Entry) -> Datum:
    """What the files say of it, by one of its names."""
    names = [entry.name, *entry.names, *(f"Tensor.{m}" for m in entry.methods)]
    return next((data()[n] for n in names if n in data()), Datum())


def source_of(entry: Entry, doc: Docstring) -> list[str]:
    """Where it is from: the docstring's word, the list's, else whose name it bears."""
    if doc.sources:
        return doc.sources
    for name in (entry.name, *entry.names):
        for pattern, text in patterns():
            if fnmatch.fnmatchcase(name, pattern):
                return [text]
    cited = re.findall(r"\(((?:[A-Z]\. ?)+(?:[^()]*?) (?:19|20)\d\d[^()]*)\)", " ".join(doc.prose))
    return cited or named_after(entry)


def named_after(entry: Entry) -> list[str]:
    """The functions of NumPy and the names of PyTorch that it stands for."""
    found = [f"`numpy.{f}`" for f in numpy_functions(entry)]
    names = [*entry.names, *(f"Tensor.{m}" for m in entry.methods)]
    torch = next((n for n in names if n.rpartition(".")[2] in TORCH.get(n.rpartition(".")[0], ())), None)
    if torch is None and families.from_torch(entry):
        torch = entry.name
    if torch is not None:
        found.append(f"PyTorch's `torch.{torch}`")
    elif not found:
        found = [f"`numpy.ndarray.{m}`" for m in entry.methods if hasattr(np.ndarray, m)][:1]
    return [f"{', '.join(found)}."] if found else []


def numpy_functions(entry: Entry) -> list[str]:
    """NumPy's functions that the operation of a page answers."""
    op = operation(entry.thing)
    tables = (tl.core.registry.UFUNCS, tl.core.registry.NUMPY_FUNCTIONS)
    names = set()
    for table in tables if op is not None or inspect.isfunction(entry.thing) else ():
        for f, handler in table.items():
            plain = inspect.unwrap(handler)
            if getattr(f, "__module__", "numpy").startswith("scipy"):
                continue
            if (op is not None and getattr(plain, "__self__", None) is op) or (op is None and plain is inspect.unwrap(entry.thing)):
                names.add(f.__name__)
    return sorted(names)


class Parts:
    """Everything that the page of an entry says."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.doc = Docstring.of(inspect.getdoc(entry.thing) or "")
        self.datum = listed(entry)
        if self.datum.about:  # of a value whose class has the docstring
            self.doc = Docstring(prose=self.datum.about)
        self.examples = [trying.imported(e, entry) for e in self.doc.examples]
        if self.datum.example:
            self.examples.append(trying.imported("\n".join(self.datum.example), entry))

    @functools.cached_property
    def calls(self) -> list[trying.Call]:
        """The calls of the object that its examples make, with what went in and came out."""
        return [c for example in self.examples for c in trying.calls(example, self.entry)]

    @functools.cached_property
    def shapes(self) -> list[str]:
        """Shapes, dtypes, units."""
        said, seen = [*self.doc.shapes, *self.datum.shapes], trying.shapes(self.calls, self.entry)
        general = [] if said else families.shapes(self.entry)
        if general == families.NOTHING and seen:
            general = []
        if seen == families.NOTHING and (said or general):
            seen = []
        never = families.NOTHING if self.datum.raises and not self.examples else []  # always an error
        return [*said, *general, *families.dtypes(self.entry), *seen] or never

    @functools.cached_property
    def raising(self) -> list[tuple[str, str, str]]:
        """Calls that raise, what they raise, and what it says."""
        scope = trying.scope_after(trying.imported("\n".join(self.datum.example), self.entry)) if self.datum.raises else {}
        stated = [trying.attempt(call, scope) for call, _ in self.datum.raises]
        found = [s for s in stated if s is not None]
        return found or trying.wrong_calls(self.calls, self.entry)

    @functools.cached_property
    def errors(self) -> list[str]:
        """What is said of errors in words."""
        found = [*self.doc.errors, *families.errors(self.entry)]
        return found or ([] if self.raising else families.without_errors(self.entry, bool(self.calls)))

    @functools.cached_property
    def sources(self) -> list[str]:
        """Papers, books, standards, or whose name it bears."""
        return source_of(self.entry, self.doc)

    def lacking(self) -> list[str]:
        """The parts that the page has not."""
        own = {
            "what it is": bool("".join(self.doc.prose).strip()),
            "shapes and dtypes": bool(self.shapes),
            "errors": bool(self.errors or self.raising),
            "example": bool(self.examples or self.datum.raises),
            "source": bool(self.sources),
        }
        return [part for part, there in own.items() if not there]


__all__ = ["PACKAGE", "Docstring", "Parts", "data", "patterns"]
