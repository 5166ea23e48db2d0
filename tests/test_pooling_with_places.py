"""Max pooling gives the same values and gradients with and without the places, on planes of every small size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tensorflowlite_clone as tl

F = tl.nn.functional
SETTINGS = [
    {"kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": c}
    for k, s, p, d, c in itertools.product((1, 2, 3), (1, 2, 3), (0, 1), (1, 2, 4), (False, True))
    if 2 * p <= k
]


def drawn(*shape):
    return tl.tensor(np.random.default_rng(len(shape)).permutation(np.prod(shape)).reshape(shape).astype(float), requires_grad=True)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_and_gradients_are_those_without_places(axes):
    pool, tried, empty = getattr(F, f"max_pool{axes}d"), 0, 0
    for settings in SETTINGS if axes < 3 else SETTINGS[::7]:
        for size in range(1, 8 if axes < 3 else 5):
            x = drawn(1, 2, *[size] * axes)
            try:
                without = pool(x, **settings)
            except RuntimeError:  # no window fits
                continue
            with_places, places = pool(x, **settings, return_indices=True)
            np.testing.assert_array_equal(with_places.detach().numpy(), without.detach().numpy(), err_msg=f"{size} {settings}")
            weight = tl.arange(1.0, without.numel() + 1, dtype=tl.float64).reshape(without.shape)
            found, expected = (tl.autograd.grad((y.clamp(min=-1.0) * weight).sum(), x)[0] for y in (with_places, without))
            np.testing.assert_array_equal(found.numpy(), expected.numpy(), err_msg=f"{size} {settings}")
            there = np.isfinite(without.detach().numpy())
            flat = np.take_along_axis(x.detach().numpy().reshape(1, 2, -1), places.numpy().reshape(1, 2, -1), -1).reshape(there.shape)
            np.testing.assert_array_equal(flat[there], without.detach().numpy()[there])
            tried, empty = tried + 1, empty + (not there.all())
    assert tried > (100 if axes < 3 else 25)
    assert empty
