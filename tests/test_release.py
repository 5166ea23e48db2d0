"""The version wherever the package is imported from, what names it, and the workflow of a public CI (``release.py`` does the rest)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import release

import tensorflowlite_clone as tl

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_the_version_needs_no_git_and_no_installation(tmp_path):
    """Through PYTHONPATH, without a ``git`` to call and without the slow `importlib.metadata`."""
    program = "import sys, tensorflowlite_clone as tl; print(tl.__version__, tl.version.__version__, 'importlib.metadata' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(Path(tl.__file__).parents[1]), "PATH": ""}
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert found.split() == [tl.__version__, tl.__version__, "False"]


def test_names_of_the_version_agree():
    if (ROOT / release.PACKAGE).exists():  # it does not where an sdist tests what was installed
        assert release.version(ROOT) == tl.__version__ and not release.wrong_names(ROOT)
    assert PROJECT["dynamic"] == ["version"] and "version" not in PROJECT
    assert set(release.SELECTION) == {name for name in release.SELECTION if (ROOT / "tests" / name).exists()}
    assert all((ROOT / name).exists() for name in release.OF_CHECKOUTS)


@pytest.fixture
def tree(tmp_path):
    """A small tree that is a release of 2.0.0rc1."""
    (tmp_path / release.PACKAGE).mkdir()
    write(
        tmp_path,
        version='"""The version."""\n\n__version__ = "2.0.0rc1"\n',
        changes="# Changelog\n\n## [2.0.0rc1] - 2030-01-31\n\nLines.\n\n## [1.0.0] - 2029-01-01\n",
    )
    (tmp_path / "CITATION.cff").write_text("version: 2.0.0rc1\ndate-released: 2030-01-31\n")
    return tmp_path


def write(tree, version=None, changes=None):
    if version is not None:
        (tree / release.PACKAGE / "_version.py").write_text(version if "\n" in version else f'__version__ = "{version}"\n')
    if changes is not None:
        (tree / "CHANGELOG.md").write_text(changes)


def test_the_names_can_be_wrong(tree):
    assert release.wrong_names(tree) == [] and release.section(tree, "2.0.0rc1") == ("2030-01-31", "Lines.")
    changes = (tree / "CHANGELOG.md").read_text()
    for wrong, said in (
        ({"version": "2.0.0rc2"}, "the first section must be '## [2.0.0rc2] - YEAR-MONTH-DAY'"),
        ({"version": "2.0"}, "'2.0' is no version"),
        ({"version": "2.1.0.dev0"}, "the first section is [Unreleased]"),
        ({"changes": "## [Unreleased]\n\n- New.\n\n" + changes}, "the first section must be"),
        ({"changes": changes.replace("Lines.\n", "")}, "the first section must be"),
        ({"changes": changes.replace("-31", "-30")}, "CITATION.cff: date-released is 2030-01-31, 2030-01-30 in"),
    ):
        write(tree, **{"version": "2.0.0rc1", "changes": changes} | wrong)
        assert [said in fault for fault in release.wrong_names(tree)] == [True], wrong
    write(tree, "2.1.0.dev0", "## [Unreleased]\n\n" + changes)
    assert release.wrong_names(tree) == []


def test_tags_can_be_wrong(tree, monkeypatch):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    for name in [*filter(lambda name: name.startswith("GIT_"), os.environ)]:
        monkeypatch.delenv(name)

    def git(*words):
        release.git(tree, "-c", "user.name=n", "-c", "user.email=e@example.invalid", *words)

    git("init", "-q", ".")
    git("add", "-A")
    git("commit", "-q", "-m", "one")
    assert release.has_git(tree) and release.wrong_tags(tree) == []  # no tag yet
    git("tag", "v1.9.9")
    assert release.wrong_tags(tree) == ["the tag v1.9.9 is not the version in _version.py, 2.0.0rc1"]
    git("tag", "v2.0.0rc1")
    assert release.wrong_tags(tree) == []
    (tree / "CITATION.cff").write_text("")
    assert "1 files are changed, such as CITATION.cff" in release.wrong_tags(tree)[0]
    git("commit", "-q", "-a", "-m", "two")
    assert release.wrong_tags(tree) == ["v2.0.0rc1 is the tag of another commit: write the next version into _version.py"]
    write(tree, "2.0.0rc2.dev0")
    assert release.wrong_tags(tree) == []


def test_nothing_of_the_project_is_ignored():
    """The sdist leaves out what `.gitignore` names, though it be under version control."""
    if not release.has_git(ROOT):
        pytest.skip("no checkout")
    assert release.git(ROOT, "ls-files", "--cached", "--ignored", "--exclude-standard") == []


# ---- the workflow -----------------------------------------------------------------------------------------------------------------
def test_the_workflow_calls_targets_that_exist():
    """Read as text, so that it is checked without PyYAML too."""
    text = WORKFLOW.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    called = {word for words in re.findall(r"run: make ((?:[a-z-]+ )*[a-z-]+)", text) for word in words.split()} - {"--version"}
    assert called >= {"test", "lint", "types", "fresh", "doctest", "reference", "test-fast", "docs", "release-check"}
    assert not [target for target in called if not re.search(rf"^{target}:", makefile, re.M)]
    for path in re.findall(r"(?:tests|\.github)/[\w.-]+", text):
        assert (ROOT / path).exists(), path


def test_the_workflow_has_every_python_and_the_oldest_numpy():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == release.supported() and matrix["python"][0] == PROJECT["requires-python"].removeprefix(">=")
    assert {row["os"] for row in matrix["include"] if row["numpy"] == "oldest"} == set(matrix["os"]) == {"ubuntu", "macos", "windows"}
    assert "numpy>=2" in PROJECT["dependencies"] and (ROOT / ".github" / "oldest-numpy.txt").read_text().strip() == "numpy==2.0.*"
    setup = next(step for step in jobs["release-check"]["steps"] if "setup-python" in step.get("uses", ""))
    assert sorted(setup["with"]["python-version"].split()) == release.supported()
    assert set(jobs["publish"]["needs"]) == set(jobs) - {"publish"}


def test_templates_are_forms():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(forms) >= 5
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.stem != "config":
            assert {"name", "description", "body"} <= set(form) and len({field["id"] for field in form["body"]}) == len(form["body"])
            assert all(
                field["type"] in ("textarea", "input", "dropdown", "checkboxes") and field["attributes"]["label"] for field in form["body"]
            )
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "date-released", "license"} <= set(cited)
    assert cited["license"] == PROJECT["license"] and cited["title"] == PROJECT["name"]
