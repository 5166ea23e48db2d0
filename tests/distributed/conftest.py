"""Ranks for the tests here, skipped visibly where there is no MPI."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import ranks as programs

why = functools.cache(programs.missing)


@pytest.fixture
def ranks(tmp_path):
    if why() is not None:
        pytest.skip(f"programs on several ranks do not run here: {why()}")
    return programs.Ranks(tmp_path)
