"""Samples for ``ops/nn/interpolate.py``."""

import warnings

import numpy as np

from tensorflowlite_clone.kernels.resample import Line

from . import call, integers, normal, sample

LINE, IMAGE, VOLUME = normal(2, 2, 5), normal(1, 2, 5, 4), normal(1, 1, 3, 2, 4)
BYTES = integers(1, 2, 6, 7, low=0, high=256).astype(np.uint8)

SAMPLES = {
    "Resample": [
        sample(LINE, lines=(Line("nearest", 5, 10),)),
        sample(LINE, lines=(Line("nearest", 5, 3),)),
        sample(LINE, lines=(Line("linear", 5, 7),)),
        sample(IMAGE, lines=(Line("linear", 5, 3, align_corners=True), Line("linear", 4, 7))),
        sample(IMAGE, lines=(Line("cubic", 5, 8, 0.6), Line("cubic", 4, 2, align_corners=True))),
        sample(IMAGE, lines=(Line("cubic-aa", 5, 2), Line("lanczos-aa", 4, 4))),
        sample(VOLUME, lines=(Line("area", 3, 2), Line("area", 2, 5), Line("nearest-exact", 4, 3))),
        sample(normal(1, 7), lines=(Line("linear", 5, 7).transpose(),)),
        sample(np.zeros((0, 3)), lines=(Line("linear", 3, 2),)),
    ]
}


def resized(T, *args, **kwargs):
    return T.nn.functional.interpolate(*args, **kwargs)


def in_all_ways(T, x, sizes, factor, mode, **settings):
    """By sizes, by one factor, by factors of which the quotient of the sizes is not the inverse."""
    factors = [factor + 0.07 * i for i in range(len(sizes))]
    kinds = [{}] if "nearest" in mode or mode in ("area", "lanczos") else [{}, {"align_corners": True}]
    return tuple(
        resized(T, x, **given, mode=mode, **k, **settings)
        for k in kinds
        for given in ({"size": sizes}, {"scale_factor": 2}, {"scale_factor": factors}, {"scale_factor": factors, "recompute_scale_factor": True})
    )  # fmt: skip


def older(T, name, *args, **kwargs):
    """An older name, which both packages warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(T.nn.functional, name)(*args, **kwargs)


CALLS = [
    *[call(f"interpolate {mode} 1d", lambda T, x, m=mode: in_all_ways(T, x, [8], 0.67, m), LINE) for mode in ("nearest", "linear", "area")],
    *[call(f"interpolate {mode} 2d", lambda T, x, m=mode: in_all_ways(T, x, [7, 3], 1.37, m), IMAGE)
      for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area")],
    *[call(f"interpolate {mode} antialias", lambda T, x, m=mode: in_all_ways(T, x, [3, 2], 0.67, m, antialias=True), IMAGE)
      for mode in ("bilinear", "bicubic", "lanczos")],
    *[call(f"interpolate {mode} 3d", lambda T, x, m=mode: in_all_ways(T, x, [2, 5, 3], 1.6, m), VOLUME) for mode in ("nearest-exact", "trilinear", "area")],
    call("interpolate nearest-exact 1d", lambda T, x: resized(T, x, 3, mode="nearest-exact"), LINE),
    call("interpolate nearest 3d", lambda T, x: (resized(T, x, (2, 5, 3)), resized(T, x, scale_factor=2)), VOLUME),
    call("interpolate same size", lambda T, x: tuple(resized(T, x, 4, mode=m) for m in ("nearest", "bilinear", "bicubic", "area")), normal(1, 2, 4, 4)),
    call("interpolate bytes", lambda T, x: tuple(resized(T, x, (9, 5), mode=m, antialias=a) for m in ("nearest", "bilinear", "bicubic")
                                                 for a in (False, True) if m != "nearest" or not a), BYTES, differentiable=False),
    call("interpolate bytes lanczos", lambda T, x: resized(T, x, (4, 10), mode="lanczos", antialias=True), BYTES, differentiable=False),
    call("interpolate no images", lambda T, x: (resized(T, x, 3), resized(T, x, 3, mode="bilinear"), resized(T, x, 2, mode="area")), np.zeros((0, 3, 4, 5))),
    call("upsample", lambda T, x: (older(T, "upsample", x, (7, 3)), older(T, "upsample", x, scale_factor=2, mode="bilinear"),
                                   older(T, "upsample_nearest", x, scale_factor=2), older(T, "upsample_bilinear", x, 6)), IMAGE),
]  # fmt: skip
