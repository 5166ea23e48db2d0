"""Dropout masks: values, probability, determinism, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tensorflowlite_clone.kernels.dropout import bernoulli_mask


@pytest.mark.parametrize("keep", [0.5, 0.9, 1 / 3, 0.001, 0.9995])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_mask_has_two_values_and_the_right_share(keep: float, dtype: Any) -> None:
    n = 400_000
    mask = bernoulli_mask((4, n // 4), keep, np.random.default_rng(3), dtype)
    assert mask.shape == (4, n // 4) and mask.dtype == dtype
    assert set(np.unique(mask).tolist()) == {0.0, float(dtype(1 / keep))}
    kept = np.count_nonzero(mask)
    assert abs(kept - n * keep) < 5 * np.sqrt(n * keep * (1 - keep))


def test_mask_resolves_probabilities_below_one_byte() -> None:
    n = 8_000_000
    kept = np.count_nonzero(bernoulli_mask((n,), 1 / 1024, np.random.default_rng(0), np.float32))
    assert abs(kept - n / 1024) < 5 * np.sqrt(n / 1024)  # plain bytes would give 0 or n / 256


def test_mask_at_the_ends_is_exact_and_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    assert not bernoulli_mask((50,), 0.0, rng, np.float32).any()
    assert (bernoulli_mask((50,), 1.0, rng, np.float32) == 1.0).all()
    assert rng.bit_generator.state == state


def test_mask_follows_the_generator() -> None:
    first = bernoulli_mask((1001,), 0.7, np.random.default_rng(5), np.float32)
    np.testing.assert_array_equal(first, bernoulli_mask((1001,), 0.7, np.random.default_rng(5), np.float32))
    assert (first != bernoulli_mask((1001,), 0.7, np.random.default_rng(6), np.float32)).any()


def test_mask_neighbours_are_independent() -> None:
    mask = bernoulli_mask((400_000,), 0.5, np.random.default_rng(9), np.float32) - 1.0
    for lag in (1, 2, 4, 8):
        assert abs(float(np.mean(mask[lag:] * mask[:-lag]))) < 5 / np.sqrt(mask.size)


def test_mask_of_no_and_of_one_element() -> None:
    assert bernoulli_mask((0, 3), 0.5, np.random.default_rng(0), np.float32).shape == (0, 3)
    assert bernoulli_mask((), 0.5, np.random.default_rng(0), np.float32).shape == ()


def test_mask_whose_scale_overflows_float16_stays_free_of_nan() -> None:
    mask = bernoulli_mask((200_000,), 1e-5, np.random.default_rng(1), np.float16)
    assert not np.isnan(mask).any() and (mask == 0).sum() > 199_000


@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan")])
def test_mask_refuses_what_is_no_probability(keep: float) -> None:
    with pytest.raises(ValueError, match=r"dropout: the keep probability is no probability: keep is .*; use a number in \[0, 1\]"):
        bernoulli_mask((3,), keep, np.random.default_rng(0), np.float32)
