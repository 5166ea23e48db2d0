"""Transforms beside torchvision's numbers, which are written down, and beside torchvision itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.transforms import functional

_spec = importlib.util.spec_from_file_location("torchvision_calls", Path(__file__).with_name("torchvision_calls.py"))
table = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = table
_spec.loader.exec_module(table)

IMAGES = table.images()
WRITTEN = json.loads(table.NUMBERS.read_text())
CASES = [(name, args, kwargs, image) for name, args, kwargs in table.calls() for image in IMAGES]


def test_every_call_is_written_down():
    assert [(n, i) for n, _, _, i in CASES] == [(n, i) for n, i, _ in WRITTEN]
    assert sum(isinstance(found, str) for _, _, found in WRITTEN) < len(WRITTEN) / 10


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES}))
def test_numbers_of_torchvision(name):
    for (called, args, kwargs, image), (_, _, expected) in zip(CASES, WRITTEN, strict=True):
        if called != name:
            continue
        what = f"{name}(<{image}>, {args}, {kwargs})"
        if isinstance(expected, str):
            with pytest.raises((RuntimeError, ValueError, TypeError)):
                getattr(functional, name)(tl.tensor(IMAGES[image]), *args, **kwargs)
            continue
        found = table.summary(getattr(functional, name)(tl.tensor(IMAGES[image]), *args, **kwargs).numpy())
        assert found[:2] == expected[:2], what
        count = np.prod(found[0])
        if IMAGES[image].dtype == np.uint8:  # rounded: at most one step apart, and few of them
            np.testing.assert_allclose(found[4:], expected[4:], rtol=0, atol=1, err_msg=what)
            np.testing.assert_allclose(found[2:4], expected[2:4], rtol=0, atol=0.2 * count, err_msg=what)
        else:
            np.testing.assert_allclose(found[4:], expected[4:], rtol=3e-6, atol=3e-6, err_msg=what)
            np.testing.assert_allclose(found[2:4], expected[2:4], rtol=3e-6, atol=3e-6 * count, err_msg=what)
