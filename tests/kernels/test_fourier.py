"""Fourier transforms of kernels, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from tensorflowlite_clone.kernels import fourier


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 2), (3, 2, 5), (2, 4, 4), (5, 1, 3)])
@pytest.mark.parametrize("axes", [(2,), (0, 1), (2, 0), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("inverse", [False, True])
def test_the_real_part_of_a_transform_is_computed_from_half_a_spectrum(shape, axes, norm, inverse):
    rng = np.random.default_rng(3)
    x = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    whole = (np.fft.ifftn if inverse else np.fft.fftn)(x, axes=axes, norm=norm)
    np.testing.assert_allclose(fourier.real_part(x, axes, inverse, norm), whole.real, rtol=1e-12, atol=1e-12)
