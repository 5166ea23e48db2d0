"""The code in the README runs as it stands there and prints what it says; links lead somewhere; commands exist; figures were measured."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_taste_is_the_example():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert (ROOT / "examples" / "taste.py").read_text(encoding="utf-8").endswith('"""\n\n' + code)


def test_the_taste_runs(capsys):
    found = runpy.run_path(str(ROOT / "examples" / "taste.py"))
    printed = capsys.readouterr().out
    assert float(re.search(r"loss ([\d.]+)", printed)[1]) < 0.1
    assert printed.count("[") == 6
    assert found["x"].grad.shape == (64,)


def test_links_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_training_commands_are_understood():
    from examples.train_mnist import parse

    commands = re.findall(r"^    python examples/train_mnist\.py( .*?)?(?:  .*)?$", README, re.M)
    assert len(commands) >= 4
    for arguments in commands:
        parse(arguments.split())


def test_the_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\bmake ([a-z]+)\b", README):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_figures_are_those_of_the_benchmarks():
    from benchmarks import groups, page

    run = json.loads((ROOT / "benchmarks" / "results" / "one_thread.json").read_text(encoding="utf-8"))
    for line in groups.summary(run["rows"]):
        assert f"| {line.title} | {line.number} | {line.plain.mean:.2f} | {line.fast.mean:.2f} |" in README
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == page.whole(page.RESULTS)
