"""Pages without what nobody sees: a fifth of the site.

Blank lines and indentation that templates leave between tags, comments, the index of the search (a megabyte, on pages other than the
search's), spans of colours that are the text's own; and maps of the theme's scripts and styles to sources that are not there. What is
shown, and the text of code, fields and scripts, stay as they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

KEPT = re.compile(r"(?s)(<(?:pre|textarea|script)\b.*?</(?:pre|textarea|script)>)")
#: Classes of code that have the colour of the text in the light and in the dark (names, punctuation, blanks): a test looks.
COLOURLESS = ("n", "nn", "p", "w")
PLAIN = re.compile(rf'<span class="(?:{"|".join(COLOURLESS)})">([^<]*)</span>')
INDEX = re.compile(r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>')


def slimmed(text: str, searches: bool) -> str:
    """The text of a page."""
    parts = KEPT.split(text)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", re.sub(r"(?s)<!--.*?-->", "", part)) for part in parts[::2]]
    for i, part in enumerate(parts):
        if part.startswith("<pre"):
            parts[i] = PLAIN.sub(r"\1", part)
        elif not searches and INDEX.fullmatch(part):
            parts[i] = ""
    head, body, rest = "".join(parts).partition("<body")
    first, *more = VIEWPORT.split(head)
    kept = VIEWPORT.search(head)
    return first + (kept[0] if kept else "") + "".join(more) + body + rest


def slim(folder: Path) -> None:
    """Rewrite all pages below a folder."""
    for path in folder.rglob("*.html"):
        path.write_text(slimmed(path.read_text(encoding="utf-8"), path.name == "search.html"), encoding="utf-8")
    for path in folder.rglob("*.map"):
        path.unlink()
        code = path.with_suffix("")
        code.write_text(re.sub(r"(?m)^(//|/\*)# sourceMappingURL=.*$", "", code.read_text(encoding="utf-8")), encoding="utf-8")


def finished(app: Any, error: Exception | None) -> None:
    """After the build."""
    if error is None and app.builder.name == "html":
        slim(Path(app.outdir))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("build-finished", finished, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
