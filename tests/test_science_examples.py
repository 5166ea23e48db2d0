"""The programs of science in ``examples/``: they find the published numbers, in 120 lines each."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")
EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ("differential_equations", "fields", "mechanics", "inference", "gaussian_process")


def program(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_short(name):
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("name", ["differential_equations", "fields", "gaussian_process"])
def test_what_is_printed_is_what_was_published(name, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    program(name)["main"](str(tmp_path / "picture.png"))
    assert (tmp_path / "picture.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    if name == "differential_equations":
        for found, published in re.findall(r"([-\d.]+e[+-]\d+) \( ?([-\d.]+e[+-]\d+)\)", printed):
            assert float(found) == pytest.approx(float(published), rel=2e-4)
        found = dict(re.findall(r"(\w+) +([\d.]+) \+-", printed))
        assert [float(found[k]) for k in ("alpha", "beta", "gamma", "delta")] == pytest.approx([0.55, 0.028, 0.80, 0.024], rel=0.05)
    elif name == "fields":
        assert "torsion of a square bar: 0.1406" in printed
        assert "diffusivity from the temperature at the end: 0.700000" in printed
        assert float(re.search(r"rate of cooling: ([\d.]+)", printed)[1]) == pytest.approx(2 * np.pi**2, rel=2e-3)
        assert float(re.search(r"error ([\d.e-]+)", printed)[1]) < 3e-4
    else:
        assert "kernel 5.02**2 * RBF(length_scale=1.43)" in printed


def test_mechanics():
    made = program("mechanics")
    np.testing.assert_allclose(made["frequencies"](), [2 - 2**0.5, 2 + 2**0.5])
    assert made["cluster"](7, 10).fun == pytest.approx(-16.505384, abs=1e-6)


def test_the_sampler_finds_a_normal_distribution():
    """Of known moments, since eight schools take a minute."""
    deviations = np.array([1.0, 3.0])
    sample = program("inference")["nuts"](lambda q: -np.sum((q / deviations) ** 2) / 2, np.zeros(2), 600, 200)
    np.testing.assert_allclose(sample.std(0), deviations, rtol=0.2)
    np.testing.assert_allclose(sample.mean(0), 0, atol=0.6)
