"""The page of PyTorch's names, ``docs/coverage.md``: what it says is there is there, what is not has a reason, and no reason is left over.

Whether the page is fresh is checked by ``python docs/generate.py --check``, as for the other pages.
"""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path

import pytest
import torch_names

import tensorflowlite_clone as tl


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).parents[1] / "docs")
        return importlib.import_module("torch_coverage")


@pytest.fixture(scope="module")
def every(page):
    return {space: page.rows(space) for space in torch_names.SPACES}


def imported(space, name):
    """What a program gets that imports the name from its module, or asks the class for it."""
    if space in torch_names.CLASSES:
        return getattr(functools.reduce(getattr, space.split("."), tl), name)
    scope = {}
    exec(f"from {f'tensorflowlite_clone.{space}'.rstrip('.')} import {name}", scope)
    return scope[name]


@pytest.mark.parametrize("space", torch_names.SPACES)
def test_what_is_there_can_be_imported(every, space):
    rows = [r for r in every[space] if r.there]
    for row in rows:
        imported(space, row.name)
    for row in every[space]:
        if not row.there:
            with pytest.raises((ImportError, AttributeError)):
                imported(space, row.name)


def test_what_is_absent_has_a_reason_and_every_reason_is_needed(page, every):
    absent = [f"{space}.{r.name}".lstrip(".") for space, rows in every.items() for r in rows if not r.there]
    assert all(r.text for rows in every.values() for r in rows if r.there is False)
    for pattern, reason in page.REASONS:
        first = [name for name in absent if page.reason(name) == reason]
        assert any(re.fullmatch(pattern, name) for name in first), f"no name needs the reason {reason!r}"
    with pytest.raises(LookupError, match=r"linalg\.nothing is not here, and no row of REASONS or NOT_YET says why"):
        page.reason("linalg.nothing")


def test_what_differs_is_there(page, every):
    there = {f"{space}.{r.name}".lstrip(".") for space, rows in every.items() for r in rows if r.there}
    assert {*page.DIFFERENT} <= there
    differing = page.differences()
    assert "PyTorch gives NaN" in " ".join(differing["where"])  # from the differences
    assert any("cudnn_enabled" in text for text in differing["group_norm"])  # from the signatures
    assert any(text.startswith("second derivative (at 0)") for text in differing["norm"])  # from the comparison with PyTorch
    assert not [n for n in page.ELSEWHERE - {"tl", "np", "igamma"} if not any(f"`{n}" in t or f".{n}" in t for t in page.differing_lines())]


def test_every_name_stands_on_the_page(page, every):
    parts = page.page().split("\n## ")
    assert len(parts) == len(torch_names.SPACES) + 1
    for part, (space, rows) in zip(parts[1:], every.items(), strict=True):
        assert part.startswith(f"`{space or 'torch'}`")
        for row in rows:
            assert f"`{row.name}`" in part


def test_the_names_are_those_of_torch():
    torch = pytest.importorskip("torch")
    if not torch.__version__.startswith(torch_names.table()["version"] + "."):
        pytest.skip("another version of PyTorch")
    assert torch_names.make(torch) == torch_names.table()


def test_the_table_of_lacking_functions_agrees(every):
    """``torch_lacking.txt`` is of dense functions alone; what stands there is not said to be here."""
    there = {f"{space}.{r.name}".lstrip(".") for space, rows in every.items() for r in rows if r.there}
    assert not there & {*(Path(__file__).parent / "torch_lacking.txt").read_text().split()}
