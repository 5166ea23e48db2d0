"""What holds for all tests: machines are shared, so nothing is timed, not even by hypothesis; global state must not leak."""

from __future__ import annotations

import pytest
from hypothesis import settings

import tensorflowlite_clone as tl

settings.register_profile("shared machines", deadline=None)
settings.load_profile("shared machines")


@pytest.fixture(autouse=True)
def no_leaks():
    """Fail a test that leaves the gradient mode, the transform height or the default dtype changed."""
    from tensorflowlite_clone._state import state

    yield
    assert state.grad_enabled, "the test left gradients off"
    assert state.height == 0, "the test left a transform open"
    assert tl.get_default_dtype() == tl.float32, "the test changed the default dtype"
