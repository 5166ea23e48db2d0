"""Samples for ``ops/nn/grid_sample.py``."""

import warnings

import numpy as np

from tensorflowlite_clone.kernels.grid_sample import Sampling

from . import call, normal, sample, uniform

IMAGE, VOLUME, LINE = normal(1, 2, 3, 4), normal(1, 1, 2, 3, 2), normal(1, 2, 4)
#: Places inside and outside, none of them at an element or a border.
GRID, GRID3 = uniform(1, 2, 3, 2, low=-1.6, high=1.6), uniform(1, 1, 2, 2, 3, low=-1.4, high=1.4)
LINES = uniform(1, 3, 1, low=-1.3, high=1.3)
#: Places on the middles and borders of elements.
KINKS = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]).repeat(2)[:12].reshape(1, 2, 3, 2)
#: Three elements, and the place of the second: to the right the slope is that of the third.
AT, MIDDLE = np.array([[[1.0, 3.0, 7.0]]]), np.zeros((1, 1, 1))
PADDINGS = ("zeros", "border", "reflection")


def how(mode, padding, align, x, orders=None):
    return Sampling(mode, padding, align, x.shape[2:], orders or (0,) * (x.ndim - 2))


SAMPLES = {
    "GridSample": [
        sample(IMAGE, GRID, s=how("bilinear", "zeros", False, IMAGE)),
        sample(IMAGE, GRID, s=how("bilinear", "border", True, IMAGE)),
        sample(IMAGE, GRID, s=how("bilinear", "reflection", False, IMAGE)),
        sample(IMAGE, GRID, s=how("bicubic", "zeros", True, IMAGE)),
        sample(IMAGE, GRID, s=how("bicubic", "reflection", False, IMAGE)),
        sample(IMAGE, GRID, s=how("bicubic", "border", False, IMAGE, (1, 1))),
        sample(IMAGE, GRID, s=how("nearest", "zeros", False, IMAGE)),
        sample(IMAGE, GRID, s=how("bilinear", "zeros", True, IMAGE, (0, 2))),
        sample(VOLUME, GRID3, s=how("bilinear", "zeros", False, VOLUME)),
        sample(LINE, LINES, s=how("bilinear", "border", False, LINE)),
        sample(AT, MIDDLE, s=how("bilinear", "zeros", True, AT), kink=([[[0.0, 1.0, 0.0]]], [[[4.0]]])),
        sample(AT, -np.ones((1, 1, 1)), s=how("bilinear", "border", True, AT), kink=([[[1.0, 0.0, 0.0]]], [[[0.0]]])),
    ],
    "GridSpread": [
        sample(normal(1, 2, 2, 3), GRID, s=how("bilinear", "zeros", False, IMAGE)),
        sample(normal(1, 2, 2, 3), GRID, s=how("bicubic", "reflection", True, IMAGE)),
        sample(normal(1, 1, 1, 2, 2), GRID3, s=how("bilinear", "border", False, VOLUME)),
        sample(normal(1, 2, 2, 3), GRID, s=how("nearest", "zeros", False, IMAGE)),
        sample(np.full((1, 1, 1), 2.0), -np.ones((1, 1, 1)), s=how("bilinear", "zeros", True, AT), kink=([[[1.0]]], [[[0.0]]])),
    ],
    "GridSlope": [sample(GRID, s=how("bilinear", "reflection", False, IMAGE)), sample(GRID, s=how("bilinear", "border", True, IMAGE))],
}


def sampled(T, *args, **kwargs):
    return T.nn.functional.grid_sample(*args, **kwargs)


def quietly(f):
    """Without the warning of both packages that ``align_corners`` is not given."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f()


CALLS = [
    *[call(f"grid_sample {m} {p}", lambda T, x, g, m=m, p=p: tuple(sampled(T, x, g, m, p, a) for a in (False, True)), IMAGE, GRID)
      for m in ("bilinear", "bicubic", "nearest") for p in PADDINGS],
    *[call(f"grid_sample 3d {m} {p}", lambda T, x, g, m=m, p=p: tuple(sampled(T, x, g, mode=m, padding_mode=p, align_corners=a) for a in (False, True)),
           VOLUME, GRID3) for m in ("bilinear", "nearest") for p in PADDINGS],
    *[call(f"grid_sample kinks {m} {p}", lambda T, x, g, m=m, p=p: tuple(sampled(T, x, g, m, p, a) for a in (False, True)), IMAGE, KINKS)
      for m in ("bilinear", "bicubic", "nearest") for p in PADDINGS],
    call("grid_sample images", lambda T, x, g: quietly(lambda: sampled(T, x, g)), normal(3, 2, 4, 1), uniform(3, 1, 5, 2, low=-1.3, high=1.3)),
    call("grid_sample of nothing", lambda T, x, g: sampled(T, x, g, align_corners=True), normal(2, 1, 2, 2), np.zeros((2, 0, 3, 2))),
    call("affine_grid", lambda T, m: (quietly(lambda: T.nn.functional.affine_grid(m, (2, 3, 4, 5))), T.nn.functional.affine_grid(m, (2, 1, 2, 3), True)), normal(2, 2, 3)),
    call("affine_grid 3d", lambda T, m: (T.nn.functional.affine_grid(m, (1, 3, 2, 4, 3), align_corners=False),
                                         quietly(lambda: T.nn.functional.affine_grid(m, (1, 1, 1, 3, 2), True))), normal(1, 3, 4)),
    call("spatial transformer", lambda T, x, m: sampled(T, x, T.nn.functional.affine_grid(m, (1, 2, 3, 4), False), align_corners=False), IMAGE, normal(1, 2, 3)),
]  # fmt: skip
