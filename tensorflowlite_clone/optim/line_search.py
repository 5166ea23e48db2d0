"""A line search for the strong Wolfe conditions: how far to go in a direction.

J. Nocedal, S. Wright, "Numerical optimization" (2006), algorithms 3.5 and 3.6 with cubic interpolation (eq. 3.59); the bounds of what is
tried next, and when it counts as no progress, are those of M. Schmidt's minFunc (2005), as in PyTorch. Not here: directions (``lbfgs.py``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .._typing import NDArray

#: Less than this share of the slope's descent is no descent; more than that of the slope is no minimum.
DESCENT, CURVATURE = 1e-4, 0.9
#: How often the function is evaluated beside the first time.
MOST = 25


class Point(NamedTuple):
    """A length, the value there, the gradient, and the slope along the direction."""

    t: float
    f: float
    g: NDArray
    slope: float


def strong_wolfe(
    at: Callable[[float], Point], start: Point, t: float, longest: float, tolerance: float, most: int = MOST
) -> tuple[Point, int]:
    """A point along a direction where the value is lower and the slope flatter, and how many evaluations it took.

    ``at(t)`` evaluates; ``start`` is the point at 0, ``t`` what is tried first, ``longest`` the largest element of the direction. Where
    the bracket moves no element by more than ``tolerance``, or ``most`` evaluations beside the first are done, its lower end is taken.
    """
    new, before, tried = at(t), start, 0
    while tried < most:
        if new.f > start.f + DESCENT * new.t * start.slope or (tried > 1 and new.f >= before.f):
            break
        if abs(new.slope) <= -CURVATURE * start.slope:
            return new, tried + 1
        if new.slope >= 0:
            break
        following = cubic(before, new, new.t + 0.01 * (new.t - before.t), 10 * new.t)
        before, new, tried = new, at(following), tried + 1
    if tried == most:
        before = start
    low, tried = _zoom(at, start, before, new, tried, longest, tolerance, most)
    return low, tried + 1


def _zoom(
    at: Callable[[float], Point], start: Point, before: Point, new: Point, tried: int, longest: float, tolerance: float, most: int
) -> tuple[Point, int]:
    """Make a bracket smaller that has a good point in it; the end with the lower value is returned."""
    ends = [before, new]
    low = 0 if ends[0].f <= ends[1].f else 1
    stuck = False
    while tried < most and not abs(ends[1].t - ends[0].t) * longest < tolerance:
        left, right = sorted(p.t for p in ends)
        t, margin = cubic(ends[0], ends[1], left, right), 0.1 * (right - left)
        near = min(right - t, t - left) < margin
        if near and (stuck or t >= right or t <= left):
            t, stuck = right - margin if abs(t - right) < abs(t - left) else left + margin, False
        else:
            stuck = near
        new, tried = at(t), tried + 1
        high = 1 - low
        if new.f > start.f + DESCENT * t * start.slope or new.f >= ends[low].f:
            ends[high] = new
            low = 0 if ends[0].f <= ends[1].f else 1
            continue
        done = abs(new.slope) <= -CURVATURE * start.slope
        if not done and new.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = new
        if done:
            break
    return ends[low], tried


def cubic(a: Point, b: Point, least: float, largest: float) -> float:
    """The minimum of the cubic through two points with their slopes, within bounds; their middle where there is none."""
    if a.t > b.t:
        a, b = b, a
    first = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t) if a.t != b.t else math.nan
    square = first * first - a.slope * b.slope
    if not square >= 0:
        return (least + largest) / 2
    root = math.sqrt(square)
    share = np.float64(b.slope + root - first) / (b.slope - a.slope + 2 * root)  # infinite for a line
    lowest = float(b.t - (b.t - a.t) * share)
    return min(max(lowest, least), largest)
