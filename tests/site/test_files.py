"""The files of the built site (``SITE``, by default docs/_build/html): small, whole, and of one host.

Not here: what a browser makes of them (``test_browser.py``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

SITE = Path(os.environ.get("SITE", Path(__file__).parents[2] / "docs" / "_build" / "html"))
pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason=f"there is no built site at {SITE}: make docs")
MOST = 60e6


def pages():
    """The addresses of all pages, and their text."""
    for path in sorted(p for p in SITE.rglob("*.html") if "_static" not in p.parts):
        yield path.relative_to(SITE).as_posix(), path.read_text(encoding="utf-8")


def test_the_site_is_small():
    size = sum(p.stat().st_size for p in SITE.rglob("*") if p.is_file())
    print(f"the site has {size / 1e6:.1f} MB in {sum(1 for _ in SITE.rglob('*.html'))} pages")
    assert size < MOST


def test_no_file_names_another_host_as_a_source():
    tags = re.compile(r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b[^>]*\bhref=["'](?:https?:)?//""")
    assert not [name for name, text in pages() if tags.search(text)]
    styles = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])(?:https?:)?//""")
    assert not [str(p) for p in SITE.rglob("*.css") if styles.search(p.read_text(encoding="utf-8"))]


def test_every_link_leads_to_a_file_and_a_place_in_it():
    there = {p.relative_to(SITE).as_posix() for p in SITE.rglob("*") if p.is_file()}
    texts = dict(pages())
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    lost = []
    for name, text in texts.items():
        folder = os.path.dirname(name)
        for link in set(re.findall(r'\b(?:href|src)="([^"]*)"', text)):
            if re.match(r"[a-z]+:|//", link):
                continue
            path, _, place = unquote(link).partition("#")
            target = os.path.normpath(os.path.join(folder, path.partition("?")[0])) if path else name
            if target not in there or (place and target in ids and place not in ids[target]):
                lost.append(f"{name}: {link}")
    assert not lost, f"{len(lost)} links lead nowhere: {lost[:20]}"


def test_no_markup_is_left_in_the_text_of_a_page():
    left = re.compile(r"\]\([\w./#-]+\)|\] \(<code|:doc:`|```")
    assert not [
        name for name, text in pages() if left.search(re.sub(r"(?s)<(pre|script|style|textarea)\b.*?</\1>|<code.*?</code>", "", text))
    ]


def test_initials_of_authors_are_no_lists():
    lists = re.compile(r'<ol class="(?:lower|upper)(?:alpha|roman)')
    assert not [name for name, text in pages() if lists.search(text)]


@pytest.mark.parametrize("room", ["gallery", "science"])
def test_the_lists_of_pages_show_their_pictures(room):
    text = (SITE / room / "index.html").read_text(encoding="utf-8")
    cards = text.partition("tl-cards")[2].partition("</ul>")[0]
    links, pictures = re.findall(r'href="(\w+\.html)"', cards), re.findall(r'<img src="([^"]+)"', cards)
    shown = [link for link in links if "_images/" in (SITE / room / link).read_text(encoding="utf-8")]
    assert len(links) > 5 and len(pictures) == len(shown) > 4 and (room == "science" or shown == links)
    assert all((SITE / room / p).exists() for p in pictures)
