"""The pages of ``docs/science`` run as they stand and print what they say; the programs of ``examples/`` that belong to them run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

pytest.importorskip("scipy")
ROOT = Path(__file__).parent.parent
PAGES = sorted(p.name for p in (ROOT / "docs" / "science").glob("*.md") if "```python" in p.read_text(encoding="utf-8"))


NUMBER = r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?"


def same(line, promise):
    """Whether two texts are equal but for the last digits of their numbers, which another processor may round another way."""
    numbers = [[float(n) for n in re.findall(NUMBER, text)] for text in (line, promise)]
    return re.sub(NUMBER, "#", line) == re.sub(NUMBER, "#", promise) and numbers[0] == pytest.approx(numbers[1], rel=2e-3, abs=2e-6)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_says(page, capsys):
    text = (ROOT / "docs" / "science" / page).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    exec(compile(code, page, "exec"), {"__name__": "page"})
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.M)
    assert len(promised) > 2 and len(printed) == len(promised)
    for line, promise in zip(printed, promised, strict=True):
        assert same(line, promise), f"printed {line!r}, promised {promise!r}"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    path = ROOT / "docs" / "science" / page
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_program_that_fits(capsys, tmp_path, monkeypatch):
    program = runpy.run_path(str(ROOT / "examples" / "fitting.py"))
    program["main"]()
    printed = capsys.readouterr().out
    found, deviations = map(float, re.search(r"digits: ([\d.]+) .* ([\d.]+) of their", printed).groups())
    assert found > 6 and deviations > 6
    assert "sum of squares 5.6427082397e+03" in printed
    pytest.importorskip("matplotlib")
    program["main"](str(tmp_path / "fitting.png"))
    assert (tmp_path / "fitting.png").stat().st_size > 10_000
