"""Pages without what nobody sees: a fifth of the site.

Blank lines and indentation that templates leave between tags, comments, scripts and styles of what is not on the page (the index of the
search has a megabyte), spans of colours that are the text's own; and maps of the theme's scripts and styles to sources that are not
there. What is shown, and the text of code, fields and scripts, stay as they are.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

KEPT = re.compile(r"(?s)(<(?:pre|textarea|script)\b.*?</(?:pre|textarea|script)>)")
#: Classes of code that have the colour of the text in the light and in the dark (names, punctuation, blanks): a test looks.
COLOURLESS = ("n", "nn", "p", "w")
PLAIN = re.compile(rf'<span class="(?:{"|".join(COLOURLESS)})">([^<]*)</span>')
#: Scripts and styles by a part of their names, and what is on pages that they are for.
FOR = {
    "searchtools.js": 'class="bd-search-container"',
    "language_data.js": 'class="bd-search-container"',
    "searchindex.js": 'class="bd-search-container"',
    "/mystnb.": 'class="cell',
    "/sphinx-design.": 'class="sd-',
    "/design-tabs.": "sd-tab-set",
    "/copybutton.": "<pre",
    "/clipboard.": "<pre",
}
LOADED = re.compile(r'<script [^>]*\bsrc="([^"]+)"></script>|<link [^>]*\bhref="([^"]+)"[^>]*>')
TWICE = re.compile(r'<meta name="(?:viewport|docsearch:\w+)"[^>]*>|<link rel="preload"[^>]*>')


def slimmed(text: str) -> str:
    """The text of a page."""

    def loaded(tag: re.Match[str]) -> str:
        name = tag[1] or tag[2]
        return "" if any(part in name and mark not in text for part, mark in FOR.items()) else tag[0]

    head, body, rest = text.partition("<body")
    head = LOADED.sub(
        loaded, TWICE.sub("", head).replace("<title>", '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n<title>')
    )
    parts = KEPT.split(head + body + rest)
    parts[::2] = [re.sub(r"\s*\n\s*", "\n", re.sub(r"(?s)<!--.*?-->", "", part)) for part in parts[::2]]
    return "".join(PLAIN.sub(r"\1", part) if part.startswith("<pre") else part for part in parts)


def slim(folder: Path) -> None:
    """Rewrite all pages below a folder."""
    for path in folder.rglob("*.html"):
        path.write_text(slimmed(path.read_text(encoding="utf-8")), encoding="utf-8")
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
