"""The pages of the documentation run from top to bottom as they stand. The site shows what they print and draw (``make docs``).

Not here: the gallery, which takes minutes and runs when the site is built; pages of science, which promise numbers
(``test_science_pages.py``).
"""

from __future__ import annotations

import importlib.util
import re
import warnings
from pathlib import Path

import pytest

import tensorflowlite_clone as tl

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [p.relative_to(DOCS).as_posix() for room in ("start", "guide", "howto") for p in sorted((DOCS / room).glob("*.md"))]


def code_of(page):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.S)
    return "\n".join(block for block in blocks if not block.startswith("# not run"))


@pytest.mark.parametrize("page", [page for page in PAGES if code_of(page)])
def test_a_page_runs(page, tmp_path, monkeypatch):
    code = code_of(page)
    for extra in ("matplotlib", "scipy", "onnx"):
        if f"import {extra}" in code and importlib.util.find_spec(extra) is None:
            pytest.skip(f"{extra} is not installed")
    monkeypatch.chdir(tmp_path)
    if "matplotlib" in code:
        import matplotlib

        matplotlib.use("Agg")
    tl.manual_seed(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*non-interactive.*")
        exec(compile(code, page, "exec"), {"__name__": "page"})
    if "matplotlib" in code:
        matplotlib.pyplot.close("all")


def test_links_lead_somewhere():
    for path in sorted(DOCS.rglob("*.md")):
        if "_build" not in path.parts:
            for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
                assert (path.parent / target).exists(), f"{path.relative_to(DOCS)}: {target}"


def test_every_page_is_found_from_an_index():
    for room in ("start", "guide", "howto", "gallery", "science", "browser"):
        listed = re.findall(r"^(\w+)$", (DOCS / room / "index.md").read_text(encoding="utf-8"), re.M)
        assert sorted(listed) == sorted(p.stem for p in (DOCS / room).glob("*.md") if p.stem != "index"), room
